#![expect(clippy::cast_possible_truncation, reason = "helpers of the tests: what is out of range fails them")]

use std::f64::consts::TAU;

use super::*;

/// Pairs of different rates.
fn pairs() -> impl Iterator<Item = (u32, u32)> {
    RATES
        .into_iter()
        .flat_map(|from| RATES.into_iter().map(move |to| (from, to)))
        .filter(|(from, to)| from != to)
}

fn noise(samples: usize) -> Vec<i16> {
    let mut state = 0x1234_5678_u32;
    (0..samples)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            i16::from_le_bytes([state.to_le_bytes()[0], state.to_le_bytes()[1]])
        })
        .collect()
}

fn converted(from: u32, to: u32, input: &[i16]) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to).unwrap();
    let mut output = vec![0; input.len() * to as usize / from as usize + 8];
    let written = resampler.process(input, &mut output);
    output.truncate(written);
    output
}

/// Amplitude and phase of the sine at `frequency` in `pcm`, whose first sample is number `first`.
fn measured(pcm: &[i16], first: usize, frequency: f64, rate: u32) -> (f64, f64) {
    let (mut re, mut im, mut weight) = (0.0, 0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / pcm.len() as f64).cos();
        let (sin, cos) = (TAU * frequency * (first + n) as f64 / f64::from(rate)).sin_cos();
        re += f64::from(*sample) * window * cos;
        im += f64::from(*sample) * window * sin;
        weight += window;
    }
    (2.0 * re.hypot(im) / weight, (re).atan2(im))
}

const AMPLITUDE: f64 = 16_000.0;

fn sine(frequency: f64, rate: u32, seconds: f64) -> Vec<i16> {
    let samples = (f64::from(rate) * seconds) as usize;
    (0..samples)
        .map(|n| (AMPLITUDE * (TAU * frequency * n as f64 / f64::from(rate)).sin()).round() as i16)
        .collect()
}

/// The response at `frequency` of a conversion: gain in decibels, delay in seconds, and the strongest alias or image
/// among `others` in decibels.
fn response(from: u32, to: u32, frequency: f64, others: &[f64]) -> (f64, f64, f64) {
    let output = converted(from, to, &sine(frequency, from, 0.3));
    let first = to as usize / 20;
    let decibels = |amplitude: f64| 20.0 * (amplitude / AMPLITUDE).max(1e-9).log10();
    let (amplitude, phase) = measured(&output[first..], first, frequency, to);
    let delay = -phase / (TAU * frequency);
    let other =
        others.iter().map(|other| measured(&output[first..], first, *other, to).0).fold(0.0, f64::max);
    (decibels(amplitude), delay, decibels(other))
}

#[test]
fn lengths_are_exact_for_any_ten_milliseconds() {
    for (from, to) in pairs() {
        let mut resampler = Resampler::new(from, to).unwrap();
        let input = vec![0; from as usize / 100];
        let mut output = vec![0; to as usize / 100 + 1];
        for _ in 0..5 {
            assert_eq!(resampler.process(&input, &mut output), to as usize / 100, "{from} to {to}");
        }
    }
}

#[test]
fn pass_band_is_flat_and_only_delayed() {
    for (from, to) in pairs() {
        let low = f64::from(from.min(to)) / 2.0;
        let delay = Resampler::new(from, to).unwrap().delay();
        assert!((delay * f64::from(from.min(to)) - 24.0).abs() < 1e-9, "{from} to {to}: {delay}");
        for part in 1..=17 {
            let frequency = low * f64::from(part) * 0.05;
            let (gain, measured, _) = response(from, to, frequency, &[]);
            assert!(gain.abs() < 0.05, "{from} to {to}: {gain} dB at {frequency} Hz");
            // A phase tells the delay but for whole periods.
            let periods = (measured - delay) * frequency;
            assert!((periods - periods.round()).abs() < 2e-3, "{from} to {to}: {measured} for {delay} s");
        }
    }
}

#[test]
fn delay_is_where_an_impulse_comes_out() {
    for (from, to) in pairs() {
        let mut input = vec![0; from as usize / 20];
        input[from as usize / 50] = 20_000;
        let output = converted(from, to, &input);
        let sum: f64 = output.iter().map(|s| f64::from(*s)).sum();
        let centre: f64 = output.iter().enumerate().map(|(n, s)| n as f64 * f64::from(*s)).sum::<f64>() / sum;
        let delay = centre / f64::from(to) - 0.02;
        let told = Resampler::new(from, to).unwrap().delay();
        assert!((delay - told).abs() < 2e-5, "{from} to {to}: {delay} s, told {told} s");
    }
}

#[test]
fn stop_band_is_sixty_decibels_down() {
    for (from, to) in pairs() {
        let (from_half, to_half) = (f64::from(from) / 2.0, f64::from(to) / 2.0);
        if to < from {
            // What the lower rate has no room for must not come back as something else.
            for step in 1..=20 {
                let frequency = to_half + (from_half - to_half) * (f64::from(step) / 20.0) * 0.99;
                let alias = (frequency % f64::from(to)).min(f64::from(to) - frequency % f64::from(to));
                let (_, _, other) = response(from, to, frequency, &[alias]);
                assert!(
                    other < -58.0,
                    "{from} to {to}: {frequency} Hz comes out as {alias} Hz at {other} dB"
                );
            }
        } else {
            for step in 1..=20 {
                let frequency = from_half * f64::from(step) * 0.049;
                let images: Vec<f64> = (1..=to / from)
                    .flat_map(|n| {
                        let centre = f64::from(n) * f64::from(from);
                        [centre - frequency, centre + frequency]
                    })
                    .filter(|image| *image < to_half)
                    .collect();
                let (_, _, other) = response(from, to, frequency, &images);
                assert!(other < -58.0, "{from} to {to}: image of {frequency} Hz at {other} dB");
            }
        }
    }
}

/// The convolution itself, at the rate where every input and output has a sample.
fn direct(from: u32, to: u32, input: &[i16]) -> Vec<i16> {
    let filter = Filter::shared(from, to);
    let (branches, step, taps) = (filter.branches(), filter.step(), filter.taps());
    // The impulse response that the branches were cut from.
    let response: Vec<i64> = (0..taps * branches)
        .map(|n| i64::from(filter.coefficients()[(n % branches) * taps + taps - 1 - n / branches]))
        .collect();
    let outputs = input.len() * branches / step;
    (0..outputs)
        .map(|n| {
            let at = n * step;
            let sum: i64 = (0..response.len())
                .filter(|k| at >= *k && (at - k).is_multiple_of(branches))
                .map(|k| response[k] * i64::from(input[(at - k) / branches]))
                .sum();
            ((sum + (1 << 13)) >> 14).clamp(-32_768, 32_767) as i16
        })
        .collect()
}

#[test]
fn output_equals_the_direct_convolution() {
    for (from, to) in pairs() {
        let input = noise(from as usize / 100 * 3);
        assert_eq!(converted(from, to, &input), direct(from, to, &input), "{from} to {to}");
    }
}

#[test]
fn calls_of_any_length_are_one_stream() {
    for (from, to) in pairs() {
        let input = noise(from as usize / 10);
        let whole = converted(from, to, &input);
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut output = Vec::new();
        let (mut rest, mut len) = (&input[..], 1);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(len.min(rest.len()));
            let mut out = [0; 4096];
            let written = resampler.process(now, &mut out);
            output.extend_from_slice(&out[..written]);
            rest = later;
            len = len * 5 % 613 + 1;
        }
        assert_eq!(output, whole, "{from} to {to}");
        resampler.reset();
        let mut again = vec![0; whole.len() + 1];
        let written = resampler.process(&input, &mut again);
        assert_eq!(again[..written], whole, "{from} to {to} after a reset");
    }
}

#[test]
fn no_sum_leaves_its_range() {
    for (from, to) in pairs() {
        let filter = Filter::shared(from, to);
        for branch in filter.coefficients().chunks(filter.taps()) {
            let magnitudes: i64 = branch.iter().map(|c| i64::from(c.unsigned_abs())).sum();
            assert!(magnitudes * 32_768 <= i64::from(i32::MAX), "{from} to {to}");
            let sum: i64 = branch.iter().map(|c| i64::from(*c)).sum();
            assert!((sum - 16_384).abs() <= 24, "{from} to {to}: {sum}");
            // The worst input there is for this branch.
            let worst: Vec<i16> = branch.iter().map(|c| if *c < 0 { i16::MIN } else { i16::MAX }).collect();
            let output = converted(from, to, &worst);
            assert!(output.iter().all(|s| (-32_768..=32_767).contains(s)));
        }
    }
}

#[test]
fn equal_rates_are_a_copy_and_others_are_refused() {
    let input = noise(100);
    for rate in RATES {
        assert_eq!(converted(rate, rate, &input), input);
        assert_eq!(Resampler::new(rate, rate).unwrap().delay(), 0.0);
    }
    for (from, to) in [(8000, 44_100), (44_100, 8000), (0, 8000), (7999, 8000)] {
        assert_eq!(Resampler::new(from, to).unwrap_err(), UnsupportedRates { from, to });
    }
}

#[test]
fn short_output_ends_the_call_and_nothing_more() {
    let input = noise(160);
    for room in 0..=320 {
        let mut resampler = Resampler::new(8000, 16_000).unwrap();
        let mut output = vec![0; room];
        assert_eq!(resampler.process(&input, &mut output), room);
        assert_eq!(resampler.process(&input, &mut [0; 320]), 320, "after {room}");
    }
}
