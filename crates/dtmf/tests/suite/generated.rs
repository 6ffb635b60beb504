//! The generator at the rates of codecs: frequencies, levels, twist, lengths, and that nothing clicks.

use std::f64::consts::TAU;

use mediapoint_dtmf::{FULL_SCALE_DBM0, Generator, GeneratorError, GeneratorSettings, frequencies};
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::signal::DIGITS;

/// Level in dBm0 of a tone in the middle of `pcm`, by a Hann window, which other tones do not reach.
fn level(pcm: &[i16], hz: f64, rate: u32) -> f64 {
    let (mut re, mut im, mut weights) = (0.0, 0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let weight = 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / pcm.len() as f64).cos();
        let angle = TAU * hz * n as f64 / f64::from(rate);
        re += weight * f64::from(*sample) * angle.cos();
        im += weight * f64::from(*sample) * angle.sin();
        weights += weight;
    }
    20.0 * (2.0 * re.hypot(im) / weights / 32_767.0).max(1e-9).log10() + f64::from(FULL_SCALE_DBM0)
}

fn generator(rate: u32, settings: &GeneratorSettings, keys: &str) -> Generator {
    let mut generator = Generator::new(rate, settings).unwrap();
    for digit in keys.chars().filter_map(DtmfDigit::from_char) {
        generator.push(digit).unwrap();
    }
    generator
}

/// test-of: [Q.23]
#[test]
fn digits_have_their_frequencies_and_levels_at_every_rate() {
    let settings =
        GeneratorSettings { low_dbm0: -11.0, twist_db: 3.0, duration_ms: 100, pause_ms: 60, fade_ms: 2 };
    println!("{:>6} {:>6} {:>9} {:>9} {:>9}", "rate", "digits", "low dBm0", "high dBm0", "rest dBm0");
    for rate in [8000, 16_000, 48_000] {
        let per_ms = rate as usize / 1000;
        let mut generator = generator(rate, &settings, DIGITS);
        let (mut low_off, mut high_off, mut loudest_rest) = (0.0_f64, 0.0_f64, f64::MIN);
        for digit in DIGITS.chars().filter_map(DtmfDigit::from_char) {
            let mut pcm = vec![0; 160 * per_ms];
            assert_eq!(generator.fill(&mut pcm), pcm.len());
            let (low, high) = frequencies(digit).map(|(a, b)| (f64::from(a), f64::from(b))).unwrap();
            let body = &pcm[5 * per_ms..95 * per_ms];
            low_off = low_off.max((level(body, low, rate) + 11.0).abs());
            high_off = high_off.max((level(body, high, rate) + 8.0).abs());
            // Nothing beside the tones, nor where harmonics and their mixtures would be.
            for off in [-60.0, 60.0] {
                loudest_rest =
                    loudest_rest.max(level(body, low + off, rate)).max(level(body, high + off, rate));
            }
            for harmonic in [2.0 * low, 3.0 * low, 2.0 * high, low + high, high - low] {
                if harmonic < f64::from(rate) / 2.0 - 100.0 {
                    loudest_rest = loudest_rest.max(level(body, harmonic, rate));
                }
            }
            assert!(pcm[100 * per_ms..].iter().all(|sample| *sample == 0), "the pause is silence");
            // The 2 ms at each end rise and fall: no sample there is louder than its share of the sum of both peaks.
            let peak = pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            let edges = pcm[..per_ms / 4].iter().chain(&pcm[100 * per_ms - per_ms / 4..100 * per_ms]);
            assert!(edges.map(|sample| sample.unsigned_abs()).max().unwrap() < peak / 12, "no click");
        }
        println!("{rate:>6} {:>6} {:>9.2} {:>9.2} {loudest_rest:>9.1}", 16, -11.0 + low_off, -8.0 + high_off);
        assert!(low_off < 0.05 && high_off < 0.05, "levels at {rate} Hz");
        assert!(loudest_rest < -50.0, "{loudest_rest} dBm0 beside the tones at {rate} Hz");
        assert!(generator.is_idle());
    }
}

#[test]
fn frames_of_any_length_make_the_same_signal() {
    for rate in [8000, 12_000, 24_000, 48_000] {
        let settings = GeneratorSettings { duration_ms: 40, pause_ms: 35, ..Default::default() };
        let mut whole = vec![0; rate as usize / 4];
        let played = generator(rate, &settings, "9C1").fill(&mut whole);
        assert_eq!(played, rate as usize * 3 * 75 / 1000);
        let mut parts = vec![0; whole.len()];
        let (mut generator, mut length, mut rest) = (generator(rate, &settings, "9C1"), 1, &mut parts[..]);
        while !rest.is_empty() {
            let (now, later) = rest.split_at_mut(length.min(rest.len()));
            generator.fill(now);
            (rest, length) = (later, length * 3 % 251);
        }
        assert!(parts == whole, "{rate} Hz");
    }
}

#[test]
fn what_cannot_be_played_is_refused() {
    let settings = GeneratorSettings::default();
    assert_eq!(Generator::new(11_025, &settings).err(), Some(GeneratorError::Rate(11_025)));
    let loud = GeneratorSettings { low_dbm0: -1.0, twist_db: 2.0, ..settings };
    assert_eq!(Generator::new(8000, &loud).err(), Some(GeneratorError::Setting("twist_db")));
    let mut generator = Generator::new(8000, &settings).unwrap();
    assert_eq!(generator.push(DtmfDigit::from_code(16).unwrap()), Err(GeneratorError::Flash));
    for _ in 0..32 {
        generator.push(DtmfDigit::from_code(1).unwrap()).unwrap();
    }
    assert_eq!(generator.push(DtmfDigit::from_code(1).unwrap()), Err(GeneratorError::Full));
}
