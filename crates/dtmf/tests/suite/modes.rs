//! What stands in place of digits, changes while audio runs, other rates, and saved states.

use mediapoint_dtmf::{
    Detection, DetectorSettings, FULL_SCALE_DBM0, Generator, GeneratorSettings, Replacement, RestoreError,
    Suppressor, SuppressorState, ToneList,
};
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::signal::{Burst, DIGITS, Line, Random, detected, found, text};

const RATES: [u32; 5] = [8000, 16_000, 24_000, 32_000, 48_000];

fn suppressor(rate: u32, replacement: Replacement) -> Suppressor {
    Suppressor::with_rate(rate, replacement, &DetectorSettings::default()).unwrap()
}

/// The digits `keys` at 8000 Hz, 60 ms on and 60 ms off, after 100 ms of silence and before 200 ms.
fn keys(keys: &str) -> Vec<i16> {
    let mut line = Line::default();
    line.silence(100.0);
    for key in keys.chars() {
        line.burst(&Burst::of(key, -10.0, 60.0)).silence(60.0);
    }
    line.silence(200.0).pcm()
}

fn muted(pcm: &[i16], replacement: Replacement) -> Vec<i16> {
    let mut out = pcm.to_vec();
    Suppressor::new(replacement).process(&mut out);
    out
}

/// Level in dBm0 of the tone of `hz` in `pcm` at 8000 Hz.
fn level_at(pcm: &[i16], hz: f64) -> f64 {
    let sum = |f: fn(f64) -> f64| -> f64 {
        pcm.iter()
            .enumerate()
            .map(|(n, s)| f64::from(*s) * f(std::f64::consts::TAU * hz * n as f64 / 8000.0))
            .sum()
    };
    let peak = 2.0 / pcm.len() as f64 * sum(f64::cos).hypot(sum(f64::sin));
    20.0 * (peak.max(1e-3) / 32_767.0).log10() + f64::from(FULL_SCALE_DBM0)
}

/// Greatest step between samples.
fn step(pcm: &[i16]) -> i32 {
    pcm.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}

#[test]
fn each_replacement_sounds_as_it_says() {
    let pcm = keys("4711");
    assert_eq!(detected(&pcm), "4711");
    assert_eq!(detected(&muted(&pcm, Replacement::Zero)), "0000");
    let nine = DtmfDigit::from_char('9').unwrap();
    assert_eq!(detected(&muted(&pcm, Replacement::Digit(nine))), "9999");
    let random = detected(&muted(&pcm, Replacement::Random(7)));
    assert!(random.len() == 4 && random != "4711", "{random}");
    assert_ne!(random, detected(&muted(&pcm, Replacement::Random(8))), "another seed draws other digits");
    let silence = muted(&pcm, Replacement::Silence);
    // What is left is the few ms of fading.
    assert!(silence.iter().filter(|sample| sample.abs() > 3).count() < 4 * 2 * 24);
    let tone = muted(&pcm, Replacement::Tone { hz: 425.0, dbm0: -15.0 });
    let at = 800 + 320 + 80..800 + 320 + 400;
    assert!((level_at(&tone[at.clone()], 425.0) + 15.0).abs() < 0.3);
    let noise = muted(&pcm, Replacement::Noise { dbm0: -50.0 });
    let power: f64 = noise[at.clone()].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 320.0;
    let dbm0 = 10.0 * (power * 2.0 / 32_767_f64.powi(2)).log10() + f64::from(FULL_SCALE_DBM0);
    assert!((dbm0 + 50.0).abs() < 1.0, "{dbm0}");
}

#[test]
fn tones_take_turns_digit_by_digit() {
    let hz = ToneList::new(&[400.0, 500.0, 600.0]).unwrap();
    let pcm = muted(&keys("12345"), Replacement::Tones { hz, dbm0: -20.0 });
    for (digit, hz) in [400.0, 500.0, 600.0, 400.0, 500.0].into_iter().enumerate() {
        let at = 800 + 320 + digit * 960 + 80;
        assert!((level_at(&pcm[at..at + 320], hz) + 20.0).abs() < 0.5, "digit {digit} at {hz} Hz");
    }
    assert!(ToneList::new(&[]).is_err());
    assert!(ToneList::new(&[0.0; 17]).is_err());
    assert!(ToneList::new(&[f32::NAN]).is_err());
}

#[test]
fn the_level_of_digits_in_place_of_others_is_settable() {
    for dbm0 in [-6.0_f32, -20.0] {
        let mut pcm = keys("5");
        let mut suppressor = Suppressor::new(Replacement::Zero);
        suppressor.set_digit_level(dbm0);
        suppressor.process(&mut pcm);
        let digits = found(&DetectorSettings::default(), &pcm);
        assert_eq!(text(&digits), "0");
        assert!((digits[0].low_dbm0 - dbm0).abs() < 0.5 && (digits[0].high_dbm0 - dbm0).abs() < 0.5);
    }
}

#[test]
fn a_digit_is_reported_before_it_would_leave_and_once() {
    let mut pcm = keys("42");
    let (mut events, mut taken) = (Vec::new(), 0);
    let mut suppressor = Suppressor::new(Replacement::Silence);
    for frame in pcm.chunks_mut(160) {
        taken += frame.len() as u64;
        suppressor.process_with(frame, |event| {
            if let Detection::Onset { at_sample, .. } = event {
                assert!(taken <= at_sample + 320 + 160, "reported in the frame before it leaves");
            }
            events.push(event);
        });
    }
    let digits: String = events
        .iter()
        .filter_map(|event| match event {
            Detection::Onset { .. } => None,
            Detection::Digit(digit) => Some(digit.digit.as_char()),
        })
        .collect();
    assert_eq!((digits.as_str(), events.len()), ("42", 4));
}

#[test]
fn digits_that_began_while_active_stay_muted_and_later_ones_pass() {
    for switch_ms in [100, 110, 125, 140, 159] {
        // The first digit lasts from 100 to 160 ms, the second from 220 on.
        let pcm = keys("12");
        let mut out = pcm.clone();
        let mut suppressor = Suppressor::new(Replacement::Silence);
        let (before, after) = out.split_at_mut(switch_ms * 8 + 8);
        suppressor.process(before);
        suppressor.set_active(false);
        suppressor.process(after);
        let sensitive = text(&found(&DetectorSettings::most_sensitive(), &out));
        assert_eq!(sensitive, "2", "switched off at {switch_ms} ms");
        // The second one passes bit for bit.
        let whole = 210 * 8..300 * 8;
        assert_eq!(out[whole.start + 320..whole.end + 320], pcm[whole]);
    }
}

#[test]
fn a_digit_that_began_while_active_is_one_across_a_break() {
    for break_ms in [5.0, 10.0, 15.0, 20.0] {
        let mut line = Line::default();
        line.silence(100.0).burst(&Burst::of('1', -10.0, 60.0)).silence(break_ms);
        line.burst(&Burst::of('1', -10.0, 60.0)).silence(50.0).burst(&Burst::of('1', -10.0, 60.0));
        let mut out = line.silence(200.0).pcm();
        let mut suppressor = Suppressor::new(Replacement::Silence);
        let (before, after) = out.split_at_mut(130 * 8);
        suppressor.process(before);
        suppressor.set_active(false);
        suppressor.process(after);
        let heard = found(&DetectorSettings::most_sensitive(), &out);
        assert_eq!(text(&heard), "1", "{break_ms} ms: the press behind the pause alone");
        assert!(heard[0].start_sample > 210 * 8 + 320, "{break_ms} ms");
    }
}

#[test]
fn it_says_when_nothing_of_earlier_digits_is_left() {
    for rate in RATES {
        let factor = rate as usize / 8000;
        // Two digits, from 100 to 160 ms and from 220 to 280 ms; the first one goes on as digits begin to pass.
        let pcm = keys("12");
        let mut wide: Vec<i16> = pcm.iter().flat_map(|&sample| vec![sample; factor]).collect();
        let mut suppressor = suppressor(rate, Replacement::Silence);
        let mut passes = Vec::new();
        for (n, piece) in wide.chunks_mut(80 * factor).enumerate() {
            if n == 13 {
                suppressor.set_active(false);
            }
            suppressor.process(piece);
            passes.push(suppressor.lets_all_pass());
        }
        let first = passes.iter().position(|&passes| passes).unwrap() * 10;
        assert!((200..=230).contains(&first), "{rate}: it ended at 160 ms, and left 40 ms later: {first}");
        assert!(passes[first / 10..].iter().all(|&passes| passes), "{rate}: a later digit is none of these");
    }
    let mut suppressor = Suppressor::new(Replacement::Silence);
    suppressor.process(&mut [0; 1600]);
    assert!(!suppressor.lets_all_pass(), "it is active");
}

#[test]
fn what_has_not_left_is_muted_once_active() {
    for switch_ms in [90, 100, 110, 130] {
        let mut out = keys("12");
        let mut suppressor = Suppressor::new(Replacement::Silence);
        suppressor.set_active(false);
        let (before, after) = out.split_at_mut(switch_ms * 8);
        suppressor.process(before);
        suppressor.set_active(true);
        suppressor.process(after);
        let sensitive = text(&found(&DetectorSettings::most_sensitive(), &out));
        assert_eq!(sensitive, "", "switched on at {switch_ms} ms, within 40 ms of the onset");
    }
}

#[test]
fn changes_in_the_middle_of_a_digit_make_no_gap_and_no_click() {
    let mut line = Line::default();
    line.silence(900.0).tone(300.0, -20.0);
    let mut with_digit = line.0.split_off(2400);
    for (slot, sample) in with_digit.iter_mut().zip(Burst::of('5', -20.0, 300.0).samples()) {
        *slot = sample;
    }
    line.0.extend(with_digit);
    let quiet = step(&line.pcm());
    for switch_ms in (300..660).step_by(7) {
        let mut pcm = line.pcm();
        let mut suppressor = Suppressor::new(Replacement::Tone { hz: 440.0, dbm0: -20.0 });
        let (before, after) = pcm.split_at_mut(switch_ms * 8);
        suppressor.process(before);
        if switch_ms % 2 == 0 {
            suppressor.set_replacement(Replacement::Silence);
        } else {
            suppressor.set_active(false);
        }
        suppressor.process(after);
        assert!(step(&pcm) <= quiet + quiet / 4, "a step of {} at {switch_ms} ms", step(&pcm));
        // The digit ends under the replacement it began with, if that had begun.
        let late = &pcm[(300 + 40 + 200) * 8..(300 + 40 + 280) * 8];
        assert!((level_at(late, 440.0) > -21.0) == (switch_ms > 340 || switch_ms % 2 == 1));
        assert!(level_at(late, 770.0) < -40.0, "the digit itself does not come back");
    }
}

#[test]
fn digits_are_taken_out_at_every_rate() {
    for rate in RATES {
        let factor = rate as usize / 8000;
        let settings =
            GeneratorSettings { low_dbm0: -14.0, duration_ms: 45, pause_ms: 50, ..Default::default() };
        let mut generator = Generator::new(rate, &settings).unwrap();
        let mut suppressor = suppressor(rate, Replacement::Silence);
        assert_eq!(suppressor.delay_samples(), rate as usize / 25);
        let (mut heard, mut leaked, mut random) = (String::new(), Vec::new(), Random(u64::from(rate)));
        for round in 0..200_usize {
            if round < 160 && round % 10 == 0 {
                for digit in DIGITS.chars() {
                    generator.push(DtmfDigit::from_char(digit).unwrap()).unwrap();
                }
            }
            // Frames of any length; one in ten rounds brings enough for sixteen digits.
            let length = if round % 10 == 0 { rate as usize * 16 * 95 / 1000 } else { 77 + round };
            let mut frame = vec![0; length];
            generator.fill(&mut frame);
            for sample in &mut frame {
                // White noise up to half of the rate.
                *sample += (random.normal() * 60.0).round() as i16;
            }
            suppressor.process_with(&mut frame, |event| {
                if let Detection::Digit(digit) = event {
                    heard.push(digit.digit.as_char());
                }
            });
            leaked.extend(frame);
        }
        assert_eq!(heard, DIGITS.repeat(16), "{rate} Hz");
        // Every sample of a phase of the rate is a detector's input of its own.
        for phase in 0..factor {
            let thinned: Vec<i16> = leaked.iter().skip(phase).step_by(factor).copied().collect();
            assert_eq!(text(&found(&DetectorSettings::most_sensitive(), &thinned)), "", "{rate} Hz");
        }
    }
    let wrong = Suppressor::with_rate(11_025, Replacement::Silence, &DetectorSettings::default());
    assert_eq!(wrong.err(), Some(RestoreError::Rate(11_025)));
}

#[test]
fn audio_without_digits_passes_unchanged_at_every_rate() {
    for rate in RATES {
        let mut random = Random(9);
        let pcm: Vec<i16> = (0..rate / 2).map(|_| (random.normal() * 900.0).round() as i16).collect();
        let (mut out, mut rest) = (pcm.clone(), 0);
        let mut suppressor = suppressor(rate, Replacement::Zero);
        while rest < out.len() {
            let length = (random.next() % 700) as usize;
            let end = (rest + length).min(out.len());
            suppressor.process(&mut out[rest..end]);
            rest = end;
        }
        let delay = suppressor.delay_samples();
        assert_eq!(out[delay..], pcm[..pcm.len() - delay]);
    }
}

#[test]
fn a_suppressor_goes_on_from_a_saved_state_at_any_sample() {
    let settings = DetectorSettings::default();
    let pcm = keys("159");
    let mut expected = pcm.clone();
    let mut events = Vec::new();
    Suppressor::new(Replacement::Random(3)).process_with(&mut expected, |event| events.push(event));
    for cut in (0..pcm.len()).step_by(97) {
        let (mut out, mut seen) = (pcm.clone(), Vec::new());
        let mut first = Suppressor::new(Replacement::Random(3));
        first.process_with(&mut out[..cut], |event| seen.push(event));
        let saved = serde_json::to_string(&first.state()).unwrap();
        let state: SuppressorState = serde_json::from_str(&saved).unwrap();
        let mut second = Suppressor::restore(8000, &settings, state).unwrap();
        second.process_with(&mut out[cut..], |event| seen.push(event));
        assert!(out == expected && seen == events, "cut at sample {cut}");
    }
}

#[test]
fn a_damaged_state_is_refused_or_harmless() {
    let settings = DetectorSettings::default();
    let mut pcm = keys("15");
    let mut suppressor = Suppressor::new(Replacement::Zero);
    suppressor.process(&mut pcm[..1130]);
    let whole = serde_json::to_value(suppressor.state()).unwrap();
    assert!(Suppressor::restore(16_000, &settings, suppressor.state()).is_err(), "a state of another rate");
    let numbers = [
        serde_json::json!(0),
        serde_json::json!(u64::MAX),
        serde_json::json!(65_535),
        serde_json::json!(-1.0e30),
        serde_json::json!(1e300),
    ];
    let (mut refused, mut tried) = (0, 0);
    for path in paths(&whole) {
        for number in &numbers {
            let mut damaged = whole.clone();
            *damaged.pointer_mut(&path).unwrap() = number.clone();
            tried += 1;
            let restored = serde_json::from_value(damaged)
                .map_err(|_| RestoreError::State("text"))
                .and_then(|state| Suppressor::restore(8000, &settings, state));
            let Ok(mut restored) = restored else {
                refused += 1;
                continue;
            };
            restored.process(&mut keys("7"));
            restored.finish(|_| {});
        }
    }
    println!("{tried} damaged states, {refused} refused, the rest harmless");
    assert!(refused > 50 && refused < tried);
}

/// Pointers to the numbers of `value`; of long arrays, the first and the last.
fn paths(value: &serde_json::Value) -> Vec<String> {
    let below = |key: String, value| paths(value).into_iter().map(move |path| format!("/{key}{path}"));
    match value {
        serde_json::Value::Number(_) => vec![String::new()],
        serde_json::Value::Array(all) => {
            let last = all.len().saturating_sub(1);
            let some = all.iter().enumerate().filter(|(n, _)| all.len() < 20 || *n == 0 || *n == last);
            some.flat_map(|(n, value)| below(n.to_string(), value)).collect()
        }
        serde_json::Value::Object(all) => {
            all.iter().flat_map(|(key, value)| below(key.clone(), value)).collect()
        }
        _ => Vec::new(),
    }
}
