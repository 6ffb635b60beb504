//! The filter between the rates of files and of calls.

use mediapoint_prompt::Audio;

const AMPLITUDE: f64 = 16_000.0;

/// A tone's level behind a conversion, in decibels of what went in.
fn level(from: u32, to: u32, hertz: f64) -> f64 {
    let samples = (0..from).map(|n| {
        let phase = std::f64::consts::TAU * hertz * f64::from(n) / f64::from(from);
        (phase.sin() * AMPLITUDE).round() as i16
    });
    let audio = Audio { rate: from, samples: samples.collect() }.at_rate(to).unwrap();
    assert_eq!(audio.samples.len(), to as usize);
    // What begins and ends suddenly has all frequencies there.
    let middle = &audio.samples[to as usize / 4..to as usize * 3 / 4];
    let power = middle.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / middle.len() as f64;
    10.0 * (power.max(1e-3) / (AMPLITUDE.powi(2) / 2.0)).log10()
}

#[test]
fn the_pass_band_is_flat_and_what_would_alias_is_gone() {
    println!("| from | to | pass-band to | ripple | stop-band from | at most |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (from, to) in [
        (44_100, 8_000),
        (48_000, 8_000),
        (22_050, 8_000),
        (16_000, 8_000),
        (44_100, 16_000),
        (48_000, 16_000),
        (48_000, 24_000),
        (44_100, 48_000),
        (8_000, 16_000),
        (8_000, 48_000),
    ] {
        let nyquist = f64::from(from.min(to)) / 2.0;
        let pass = nyquist * 0.85;
        let levels: Vec<f64> = (1..=17).map(|n| level(from, to, pass * f64::from(n) / 17.0)).collect();
        let ripple = levels.iter().fold(0.0, |worst: f64, level| worst.max(level.abs()));
        // Above the lower half rate; what is upwards has nothing there.
        let limit = f64::from(from) / 2.0 - 50.0;
        let stop = nyquist * 1.02;
        let leak = if stop < limit {
            (0..12)
                .map(|n| level(from, to, stop + (limit - stop) * f64::from(n) / 11.0))
                .fold(f64::MIN, f64::max)
        } else {
            f64::NEG_INFINITY
        };
        println!("| {from} | {to} | {pass:.0} Hz | {ripple:.3} dB | {stop:.0} Hz | {leak:.0} dB |");
        assert!(ripple < 0.1, "{from} to {to}: {levels:?}");
        assert!(leak < -75.0, "{from} to {to}: {leak}");
    }
}
