use super::*;

/// The energy of samples.
fn energy(signal: &[i16]) -> f64 {
    signal.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

#[test]
fn energies_are_quantised_to_the_nearest_level() {
    // -12 dB, from -4 dB every 4, from 16 dB every 2. Clause B.4.2.1.
    let levels: Vec<i16> = [-12].into_iter().chain((-4..16).step_by(4)).chain((16..=66).step_by(2)).collect();
    assert_eq!(levels.len(), 32);
    for tenths in -200..700 {
        let decibels = f64::from(tenths) / 10.0;
        let exponent = if decibels < 20.0 { 16 } else { 5 };
        let mantissa = 10f64.powf(decibels / 10.0) * f64::from(1 << exponent);
        let (index, level) = quantise_energy(mantissa as i32, exponent);
        assert_eq!(level, levels[usize::from(index)], "{decibels} dB");
        let distance = |level: i16| (f64::from(level) - decibels).abs();
        let nearest = levels.iter().copied().map(distance).fold(f64::MAX, f64::min);
        // The factors that the bounds come from are rounded.
        assert!(distance(level) <= nearest + 0.3, "{decibels} dB becomes {level} dB");
    }
    assert_eq!((quantise_energy(0, 0).0, quantise_energy(i32::MAX, 0).0), (2, 31));
}

#[test]
fn gains_follow_the_levels_of_the_indices() {
    for index in 0..32 {
        let (of_energy, level) = quantise_energy(i32::from(sid_gain(index)).pow(2), 6);
        // A gain is rounded down to eighths, so the least ones are worth less than their index.
        assert!(of_energy == index || index < 4, "{index}: {of_energy}, {level} dB");
    }
}

#[test]
fn noise_has_the_energy_of_its_level_whatever_was_before() {
    let mut without_root = 0;
    for (case, past_peak) in [0, 3, 40, 700, 6000, i16::MAX].into_iter().enumerate() {
        for gain in 4..32 {
            let level = sid_gain(gain);
            let mut random = Random(SEED ^ i16::from(gain) ^ (case as i16) << 8);
            let mut buffer = [0; PAST + FRAME];
            for sample in &mut buffer[..PAST] {
                *sample = mult(random.next(), past_peak);
            }
            let draws = excitation(&mut buffer, level, &mut random);
            let target = 40.0 * (f64::from(level) / 8.0).powi(2);
            for (subframe, draw) in buffer[PAST..].chunks_exact(SUBFRAME).zip(draws) {
                let ratio = energy(subframe) / target;
                // Words of a few bits round, the noise of one level gives way to another, and pulses have a limit.
                let bounds = if gain < 8 {
                    0.7..1.4
                } else if gain < 28 {
                    0.9..1.1
                } else {
                    0.5..1.2
                };
                assert!(bounds.contains(&ratio), "level {level} after {past_peak}: {ratio}");
                without_root += u32::from(draw.pitch_gain == 0);
                assert!((40..104).contains(&draw.delay) && (0..8192).contains(&draw.pitch_gain));
            }
        }
    }
    assert!(without_root > 60, "{without_root}");
}

#[test]
fn no_level_is_silence() {
    let mut buffer = [7; PAST + FRAME];
    let mut random = Random(SEED);
    let draws = excitation(&mut buffer, 0, &mut random);
    assert!(buffer[PAST..].iter().all(|&x| x == 0));
    assert_eq!(draws, [Draw { pitch_gain: 0, delay: 41 }; 2]);
    assert_eq!(random.0, SEED, "nothing was drawn");
}

#[test]
fn every_sid_is_a_stable_filter() {
    let mut memory = Memory::default();
    for bits in 0..1024u16 {
        let [first, second] = (bits << 6).to_be_bytes();
        let lsp = sid_lsp(&Sid::unpack(&[first, second]), &mut memory);
        assert!(lsp.is_sorted_by(|a, b| a > b), "{lsp:?}");
    }
}
