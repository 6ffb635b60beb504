#![expect(clippy::cast_possible_truncation, reason = "helpers of the tests: what is out of range fails them")]

use super::*;

const RATES: [u32; 2] = [8000, 16_000];

/// Level in dBov.
fn level(pcm: &[i16]) -> f32 {
    let sum: f32 = pcm.iter().map(|s| f32::from(*s).powi(2)).sum();
    10.0 * (sum / pcm.len() as f32 / FULL_SCALE).log10()
}

fn generate(rate: u32, payload: &[u8], samples: usize) -> Vec<i16> {
    let mut generator = NoiseGenerator::new(rate, 7);
    generator.update(payload);
    let mut pcm = vec![0; samples];
    pcm.chunks_mut(rate as usize / 50).for_each(|frame| generator.generate(frame));
    pcm
}

/// Noise with the spectrum of a quiet office: strong below some hundred hertz, a bump at a third of the band.
fn office(samples: usize) -> Vec<i16> {
    let mut state = 1_u32;
    let (mut slow, mut bump) = (0.0_f32, [0.0_f32; 2]);
    (0..samples)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let white = state.cast_signed() as f32 / 2.0_f32.powi(31);
            slow = 0.9 * slow + white * 60.0;
            bump = [white * 40.0 + 0.9 * bump[0] - 0.81 * bump[1], bump[0]];
            (slow + bump[0]).round() as i16
        })
        .collect()
}

// test-of: [RFC3389 3.1]
#[test]
fn level_is_within_a_decibel_and_a_half_of_what_was_said() {
    for rate in RATES {
        for said in 6..=75_u8 {
            let coefficients = [27, 127, 160, 127, 90];
            for len in 0..=coefficients.len() {
                let payload = [&[said], &coefficients[..len]].concat();
                let heard = level(&generate(rate, &payload, rate as usize * 2));
                assert!((heard + f32::from(said)).abs() < 1.5, "{rate} Hz, -{said} dBov: {heard}, {len}");
            }
        }
    }
}

#[test]
fn lowest_level_is_silence_and_so_is_no_description() {
    assert!(generate(8000, &[127], 800).iter().all(|s| *s == 0));
    assert!(generate(8000, &[], 800).iter().all(|s| *s == 0));
    // The first bit is ignored.
    assert_eq!(generate(8000, &[0x80 | 40], 800), generate(8000, &[40], 800));
}

// test-of: [RFC3389 3.2]
#[test]
fn a_coefficient_survives_its_octet() {
    for octet in 0..=254 {
        assert_eq!(quantise(coefficient(octet).unwrap()), octet);
    }
    assert_eq!(coefficient(127), Some(0.0));
    assert!((coefficient(254).unwrap() - 258.0 * 127.0 / 32_768.0).abs() < 1e-6);
    assert_eq!(coefficient(255), None);
    assert_eq!((quantise(-1.0), quantise(1.0), quantise(7.0)), (0, 254, 254));
}

#[test]
fn lowpass_noise_has_a_negative_first_coefficient() {
    let (mut state, mut last) = (1_u32, 0.0);
    let noise: Vec<i16> = (0..8000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            last = 0.8 * last + state.cast_signed() as f32 / 2.0_f32.powi(22);
            last.round() as i16
        })
        .collect();
    let mut analyser = NoiseAnalyser::new(8000);
    noise.chunks(160).for_each(|frame| analyser.analyse(frame));
    let mut payload = [0; MAX_PAYLOAD];
    assert_eq!(analyser.payload(&mut payload), MAX_PAYLOAD);
    assert!((coefficient(payload[1]).unwrap() + 0.8).abs() < 0.06, "{payload:?}");
    assert!(payload[2..].iter().all(|octet| octet.abs_diff(127) < 16), "{payload:?}");
}

/// Power in eight bands of the same width, in decibels.
fn bands(pcm: &[i16]) -> [f32; 8] {
    const LEN: usize = 128;
    let mut power = [0.0_f32; 8];
    for frame in pcm.chunks_exact(LEN) {
        for bin in 0..LEN / 2 {
            let angle = std::f32::consts::TAU * bin as f32 / LEN as f32;
            let (mut re, mut im) = (0.0, 0.0);
            for (n, sample) in frame.iter().enumerate() {
                let window = 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / LEN as f32).cos();
                let (sin, cos) = (angle * n as f32).sin_cos();
                re += f32::from(*sample) * window * cos;
                im += f32::from(*sample) * window * sin;
            }
            power[bin * 8 / (LEN / 2)] += re * re + im * im;
        }
    }
    power.map(|power| 10.0 * power.log10())
}

#[test]
fn noise_has_level_and_spectrum_of_what_was_described() {
    for rate in RATES {
        let noise = office(rate as usize * 4);
        let mut analyser = NoiseAnalyser::new(rate);
        noise.chunks(rate as usize / 50).for_each(|frame| analyser.analyse(frame));
        let mut payload = [0; MAX_PAYLOAD];
        analyser.payload(&mut payload);
        let made = generate(rate, &payload, noise.len());
        assert!((level(&made) - level(&noise)).abs() < 1.5, "{} for {}", level(&made), level(&noise));
        // Bands 20 dB below the strongest one are not heard beside it.
        let (wanted, got) = (bands(&noise), bands(&made));
        let strongest = wanted.into_iter().fold(f32::MIN, f32::max);
        for (band, (wanted, got)) in wanted.into_iter().zip(got).enumerate() {
            let far = (wanted - got).abs();
            assert!(
                far < 2.5 || wanted.max(got) < strongest - 20.0,
                "{rate} Hz band {band}: {got} for {wanted}"
            );
        }
    }
}

#[test]
fn a_new_description_is_moved_to_without_a_step() {
    let mut generator = NoiseGenerator::new(8000, 1);
    generator.update(&[70]);
    let mut pcm = [0; 160];
    generator.generate(&mut pcm);
    generator.update(&[30, 27]);
    let levels: Vec<f32> = (0..10)
        .map(|_| {
            generator.generate(&mut pcm);
            level(&pcm)
        })
        .collect();
    assert!(levels[0] > -50.0 && levels[0] < -33.0, "{levels:?}");
    assert!((levels[9] + 30.0).abs() < 2.5, "{levels:?}");
}

#[test]
fn overlong_and_reserved_octets_are_tolerated() {
    let long: Vec<u8> = (0..=255).chain(0..=255).collect();
    for start in 0..256 {
        let pcm = generate(8000, &long[start..], 1600);
        assert_eq!(pcm.len(), 1600);
    }
    // What is behind the reserved octet, or behind the coefficients that count, changes nothing.
    assert_eq!(generate(8000, &[30, 60, 255, 3], 800), generate(8000, &[30, 60], 800));
    let eleven = [30, 60, 127, 127, 127, 127, 127, 127, 127, 127, 127, 3];
    assert_eq!(generate(8000, &eleven, 800), generate(8000, &eleven[..11], 800));
}

#[test]
fn extreme_models_stay_in_range_and_end() {
    for octet in [0, 254] {
        for level in [0, 1, 60, 126] {
            let pcm = generate(
                8000,
                &[level, octet, octet, octet, octet, octet, octet, octet, octet, octet, octet],
                8000,
            );
            assert_eq!(pcm.len(), 8000);
            let mut generator = NoiseGenerator::new(8000, 3);
            generator.update(&[level, octet, octet, octet, octet, octet, octet, octet, octet, octet, octet]);
            let mut frame = [0; 160];
            (0..500).for_each(|_| generator.generate(&mut frame));
            generator.update(&[127]);
            (0..500).for_each(|_| generator.generate(&mut frame));
            assert!(frame.iter().all(|s| *s == 0), "level {level}, octet {octet}");
        }
    }
}
