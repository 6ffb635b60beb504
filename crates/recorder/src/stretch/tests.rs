use super::*;

const SPEEDS: [f32; 6] = [0.5, 0.8, 0.9, 1.25, 1.5, 2.0];

#[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
fn sine(rate: u32, hertz: f64, samples: u32) -> Vec<i16> {
    let turn = std::f64::consts::TAU * hertz / f64::from(rate);
    (0..samples).map(|n| (10_000.0 * (f64::from(n) * turn).sin()) as i16).collect()
}

/// A voice: pulses of a pitch that glides up and down by a part of it, through two resonances, with pauses.
#[expect(clippy::cast_possible_truncation, reason = "well within 16 bits")]
fn voice(rate: u32, (pitch, glide): (f64, f64), samples: u32) -> Vec<i16> {
    let mut state = [[0.0_f64; 2]; 2];
    let mut phase = 0.0;
    let resonances = [(700.0, 0.97), (1200.0, 0.96)];
    let sample = |n: u32| {
        let at = f64::from(n) / f64::from(rate);
        phase += pitch * (1.0 + glide * (at * 3.0).sin()) / f64::from(rate);
        let mut value = 0.0;
        if phase >= 1.0 {
            phase -= 1.0;
            value = 1500.0;
        }
        for ((hertz, radius), past) in resonances.iter().zip(&mut state) {
            let turn = std::f64::consts::TAU * hertz / f64::from(rate);
            let out = value + 2.0 * radius * turn.cos() * past[0] - radius * radius * past[1];
            *past = [out, past[0]];
            value = out * 0.3;
        }
        if (at * 2.0).fract() < 0.85 { value.clamp(-30_000.0, 30_000.0) as i16 } else { 0 }
    };
    (0..samples).map(sample).collect()
}

fn stretched(rate: u32, speed: f32, pcm: &[i16], pieces: usize) -> Vec<i16> {
    let mut stretcher = Stretcher::new(rate);
    stretcher.set_speed(speed).unwrap();
    let mut out = Vec::new();
    pcm.chunks(pieces).for_each(|piece| stretcher.process(piece, &mut out));
    stretcher.finish(&mut out);
    out
}

/// Hertz, by the passages through zero from below.
fn frequency(pcm: &[i16], rate: u32) -> f64 {
    let crossings: Vec<f64> = (1..pcm.len())
        .filter(|&n| pcm[n - 1] < 0 && pcm[n] >= 0)
        .map(|n| {
            let (low, high) = (f64::from(pcm[n - 1]), f64::from(pcm[n]));
            n as f64 - high / (high - low)
        })
        .collect();
    (crossings.len() - 1) as f64 * f64::from(rate) / (crossings.last().unwrap() - crossings[0])
}

fn largest_step(pcm: &[i16]) -> i32 {
    pcm.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
}

/// The lag of the largest autocorrelation of a piece, as a frequency; `None` where it is no clear one.
fn pitch(pcm: &[i16], rate: u32) -> Option<f64> {
    let energy: f64 = pcm.iter().map(|x| f64::from(*x).powi(2)).sum();
    let (low, high) = (rate as usize / 400, rate as usize / 70);
    let at = |lag: usize| -> f64 {
        let pairs = pcm.iter().zip(&pcm[lag..]);
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() / (pcm.len() - lag) as f64
            * pcm.len() as f64
    };
    let best = (low..high).map(at).max_by(f64::total_cmp)?;
    // Two periods are as much alike as one: the shortest counts, at its peak.
    let first = (low..high).find(|lag| at(*lag) > 0.9 * best)?;
    let lag = (first..first + 8).max_by(|one, other| at(*one).total_cmp(&at(*other)))?;
    (energy > 1e6 && best > 0.6 * energy).then(|| f64::from(rate) / lag as f64)
}

/// The median pitch of pieces of 50 ms.
fn median_pitch(pcm: &[i16], rate: u32) -> f64 {
    let mut found: Vec<f64> = pcm.chunks_exact(rate as usize / 20).filter_map(|p| pitch(p, rate)).collect();
    assert!(found.len() > 20, "{} pieces with a voice", found.len());
    found.sort_by(f64::total_cmp);
    found[found.len() / 2]
}

#[test]
fn at_speed_one_every_sample_passes() {
    let pcm = voice(8000, (120.0, 0.2), 16_123);
    for pieces in [1, 7, 160, 20_000] {
        assert_eq!(stretched(8000, 1.0, &pcm, pieces), pcm);
    }
}

#[test]
fn a_sine_keeps_its_frequency() {
    for rate in [8000, 16_000, 48_000] {
        for hertz in [100.0, 440.0, 1000.0, 3100.0] {
            for speed in SPEEDS {
                let out = stretched(rate, speed, &sine(rate, hertz, 2 * rate), 160);
                // The last cross-fade goes into silence.
                let found = frequency(&out[..out.len() - rate as usize / 20], rate);
                assert!((found / hertz - 1.0).abs() < 0.01, "{found} Hz for {hertz} Hz at {speed}, {rate}");
            }
        }
    }
}

#[test]
fn length_is_right_to_a_hop() {
    for speed in SPEEDS {
        for len in [0, 1, 100, 8000, 40_001] {
            let out = stretched(8000, speed, &voice(8000, (120.0, 0.2), len), 333);
            let right = f64::from(len) / f64::from(speed);
            assert!((out.len() as f64 - right).abs() <= 120.0, "{} for {right} at {speed}", out.len());
        }
    }
}

#[test]
fn a_voice_keeps_its_pitch() {
    for base in [90.0, 150.0, 230.0] {
        let pcm = voice(8000, (base, 0.0), 8000 * 6);
        let before = median_pitch(&pcm, 8000);
        for speed in SPEEDS {
            let after = median_pitch(&stretched(8000, speed, &pcm, 160), 8000);
            assert!((after / before - 1.0).abs() < 0.015, "{after} Hz for {before} Hz at {speed}");
        }
    }
}

#[test]
fn nothing_clicks() {
    for speed in SPEEDS {
        for pcm in [sine(8000, 400.0, 16_000), voice(8000, (120.0, 0.2), 32_000)] {
            let (before, after) = (largest_step(&pcm), largest_step(&stretched(8000, speed, &pcm, 160)));
            assert!(after <= before * 5 / 4, "a step of {after}, {before} before, at {speed}");
        }
    }
}

#[test]
fn a_change_of_speed_loses_nothing_and_does_not_click() {
    let (rate, hertz) = (8000, 440.0);
    let pcm = sine(rate, hertz, 10 * rate);
    let mut stretcher = Stretcher::new(rate);
    let mut out = Vec::new();
    let mut right = 0.0;
    for (number, piece) in pcm.chunks(160).enumerate() {
        if number % 25 == 0 {
            let speed = [1.0, 2.0, 0.8, 1.0, 1.25, 0.5][number / 25 % 6];
            stretcher.set_speed(speed).unwrap();
        }
        right += piece.len() as f64 / f64::from(stretcher.speed());
        stretcher.process(piece, &mut out);
    }
    let end = stretcher.position();
    assert!((pcm.len() as u64 - end) <= 3 * 120, "{end} samples are played");
    assert!((out.len() as f64 - right).abs() < 0.02 * right, "{} instead of {right}", out.len());
    assert!(largest_step(&out) <= largest_step(&pcm) * 5 / 4);
    let found = frequency(&out, rate);
    assert!((found / hertz - 1.0).abs() < 0.01, "{found} Hz");
}

#[test]
fn what_waits_is_bounded() {
    let mut stretcher = Stretcher::new(8000);
    for speed in SPEEDS {
        stretcher.set_speed(speed).unwrap();
        for _ in 0..500 {
            let mut out = Vec::new();
            stretcher.process(&[1000; 160], &mut out);
            assert!(out.len() <= 160 * 2 + 120 * 2, "{}", out.len());
            assert!(stretcher.input.len() <= 2000, "{}", stretcher.input.len());
        }
    }
}

#[test]
fn other_speeds_are_refused() {
    let mut stretcher = Stretcher::new(8000);
    for speed in [0.49, 2.01, 0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(stretcher.set_speed(speed).is_err(), "{speed}");
    }
    assert_eq!(stretcher.set_speed(3.0).unwrap_err().to_string(), "speed 3 is not within 0.5 to 2");
}
