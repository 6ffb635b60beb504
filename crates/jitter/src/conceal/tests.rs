use std::f32::consts::PI;

use super::*;

/// Harmonics of `pitch` hertz at a time in seconds.
fn voice(pitch: f32, seconds: f32) -> f32 {
    (1..9_u8).map(f32::from).map(|n| (2.0 * PI * pitch * n * seconds + n * n).sin() / n).sum::<f32>() * 6000.0
}

fn frame(rate: u32, pitch: f32, number: usize) -> Vec<i16> {
    let len = rate as usize / 50;
    (0..len).map(|n| crate::signal::sample(voice(pitch, (number * len + n) as f32 / rate as f32))).collect()
}

/// Decibels of a signal over what another differs from it.
fn ratio(signal: &[i16], other: &[i16]) -> f32 {
    let power: f32 = signal.iter().map(|x| f32::from(*x).powi(2)).sum();
    let error: f32 = signal.iter().zip(other).map(|(x, y)| (f32::from(*x) - f32::from(*y)).powi(2)).sum();
    10.0 * (power / error.max(1.0)).log10()
}

#[test]
fn steady_voice_goes_on_through_a_gap_at_every_rate() {
    for rate in RATES {
        for pitch in [90.0, 140.0, 220.0, 330.0] {
            let mut concealer = Concealer::new(rate).unwrap();
            for number in 0..4 {
                concealer.good(&mut frame(rate, pitch, number));
            }
            let mut one_sided = frame(rate, pitch, 4);
            concealer.conceal(&mut one_sided);
            let got = ratio(&frame(rate, pitch, 4), &one_sided);
            assert!(got > 6.0, "{rate} Hz, pitch of {pitch}: {got:.1} dB");

            let mut concealer = Concealer::new(rate).unwrap();
            for number in 0..4 {
                concealer.good(&mut frame(rate, pitch, number));
            }
            let (mut two_sided, mut next) = (frame(rate, pitch, 4), frame(rate, pitch, 5));
            concealer.conceal_before(&mut two_sided, &mut next);
            let got = ratio(&frame(rate, pitch, 4), &two_sided);
            assert!(got > 8.0, "{rate} Hz, pitch of {pitch}, between: {got:.1} dB");
            assert_eq!(next, frame(rate, pitch, 5), "what came is not touched");
        }
    }
}

#[test]
fn pitch_that_glides_is_in_phase_on_both_sides() {
    let glide = |seconds: f32| voice(1.0, 150.0 * seconds + 40.0 * seconds * seconds);
    let frame = |number: usize| -> Vec<i16> {
        (0..160).map(|n| crate::signal::sample(glide((number * 160 + n) as f32 / 8000.0))).collect()
    };
    let mut blind = Concealer::new(8000).unwrap();
    let mut seeing = Concealer::new(8000).unwrap();
    for number in 0..20 {
        blind.good(&mut frame(number));
        seeing.good(&mut frame(number));
    }
    let (mut one, mut two, mut next) = ([0; 160], [0; 160], frame(21));
    blind.conceal(&mut one);
    seeing.conceal_before(&mut two, &mut next);
    let (blind, seeing) = (ratio(&frame(20), &one), ratio(&frame(20), &two));
    assert!(seeing > blind + 2.0 && seeing > 4.0, "{blind:.1} dB blind, {seeing:.1} dB seeing");
}

#[test]
fn long_gap_fades_to_silence() {
    let mut concealer = Concealer::new(8000).unwrap();
    for number in 0..4 {
        concealer.good(&mut frame(8000, 140.0, number));
    }
    let levels: Vec<f32> = (0..12)
        .map(|_| {
            let mut pcm = [1; 160];
            concealer.conceal(&mut pcm);
            pcm.iter().map(|x| f32::from(*x).powi(2)).sum::<f32>().sqrt()
        })
        .collect();
    assert!(levels[1] > levels[0] / 2.0, "{levels:?}");
    assert!(levels.windows(2).skip(2).all(|pair| pair[1] <= pair[0] * 1.05), "{levels:?}");
    assert_eq!(levels[7..], [0.0; 5]);
}

#[test]
fn there_is_no_step_at_either_end_of_a_gap() {
    let plain = (0..8000_u16).map(|n| voice(140.0, f32::from(n) / 8000.0)).collect::<Vec<_>>();
    let steepest = plain.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    for lost in 1..6 {
        let mut concealer = Concealer::new(8000).unwrap();
        let mut heard = Vec::new();
        for number in 0..12 {
            let mut pcm = frame(8000, 140.0, number);
            if (4..4 + lost).contains(&number) {
                concealer.conceal(&mut pcm);
            } else {
                concealer.good(&mut pcm);
            }
            heard.extend(pcm);
        }
        let steep =
            heard.windows(2).map(|pair| (f32::from(pair[1]) - f32::from(pair[0])).abs()).fold(0.0, f32::max);
        assert!(steep < steepest * 1.2, "{lost} lost: {steep} over {steepest}");
    }
}

#[test]
fn audio_without_gaps_passes_unchanged() {
    for rate in RATES {
        let mut concealer = Concealer::new(rate).unwrap();
        for number in 0..50 {
            let mut pcm = frame(rate, 140.0, number);
            concealer.good(&mut pcm);
            assert_eq!(pcm, frame(rate, 140.0, number), "{rate} Hz, frame {number}");
        }
    }
}

/// A gap that has faded to silence ends as smoothly as a short one, and what comes behind its first 10 ms is unchanged.
#[test]
fn audio_after_a_long_gap_begins_without_a_step() {
    let steepest = (0..8000_u16)
        .map(|n| (voice(140.0, f32::from(n + 1) / 8000.0) - voice(140.0, f32::from(n) / 8000.0)).abs())
        .fold(0.0, f32::max);
    let mut concealer = Concealer::new(8000).unwrap();
    let mut out = vec![0];
    for number in 0..40 {
        let mut pcm = frame(8000, 140.0, number);
        if (4..30).contains(&number) {
            concealer.conceal(&mut pcm);
        } else {
            concealer.good(&mut pcm);
        }
        if number == 30 {
            assert_eq!(pcm[80..], frame(8000, 140.0, number)[80..]);
        } else if !(4..30).contains(&number) {
            assert_eq!(pcm, frame(8000, 140.0, number), "frame {number}");
        }
        out.extend(pcm);
    }
    let steep = out
        .windows(2)
        .skip(1)
        .map(|pair| (f32::from(pair[1]) - f32::from(pair[0])).abs())
        .fold(0.0, f32::max);
    assert!(steep < steepest * 1.2, "{steep} over {steepest}");
}

#[test]
fn silence_stays_silence_and_the_loudest_stays_bounded() {
    let mut concealer = Concealer::new(8000).unwrap();
    concealer.good(&mut [0; 160]);
    let mut pcm = [99; 160];
    concealer.conceal(&mut pcm);
    assert_eq!(pcm, [0; 160]);
    for shape in 0..4 {
        concealer.reset();
        for number in 0..200_usize {
            let extreme =
                |n: usize| if (n * n / (shape * 13 + 7)).is_multiple_of(2) { i16::MAX } else { i16::MIN };
            let (mut pcm, mut next): ([i16; 160], [i16; 160]) = (
                std::array::from_fn(|n| extreme(number * 160 + n)),
                std::array::from_fn(|n| extreme(n + number)),
            );
            match number % 3 {
                0 => concealer.good(&mut pcm),
                1 => concealer.conceal(&mut pcm),
                _ => concealer.conceal_before(&mut pcm, &mut next),
            }
        }
    }
}

#[test]
fn frames_of_any_length_are_taken() {
    let mut concealer = Concealer::new(8000).unwrap();
    for len in [0, 1, 7, 80, 500, 2000] {
        let (mut pcm, mut next) = (vec![100; len], vec![50; len]);
        concealer.good(&mut pcm);
        concealer.conceal(&mut pcm);
        concealer.conceal_before(&mut pcm, &mut next);
        concealer.conceal_before(&mut pcm, &mut []);
    }
    assert!(Concealer::new(44_100).is_err());
}
