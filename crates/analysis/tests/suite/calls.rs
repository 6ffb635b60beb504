//! The call analyser on tones and silence, and the classic rule on speech-like sounds.

use std::f64::consts::TAU;

use mediapoint_analysis::{
    AnalyserSettings, BargeIn, BargeInSettings, CallAnalyser, ClassicCause, ClassicResult, ClassicRule,
    ClassicSettings, Decision, Outcome, SitClass,
};

use crate::signal::{Random, add_noise, answer_tone, cadence, silence, to_pcm, tone};

fn decide(signal: &[f64]) -> Option<Decision> {
    let mut analyser = CallAnalyser::new(AnalyserSettings::default());
    analyser.process(&to_pcm(signal)).or_else(|| analyser.finish())
}

#[test]
fn tones_and_silence_decide() {
    let mut sit = silence(300.0);
    for (hz, ms) in [(985.2, 380.0), (1370.6, 276.0), (1776.7, 380.0)] {
        sit.extend(tone(&[hz], ms, -20.0));
    }
    sit.extend(silence(1000.0));
    let cases = [
        (Outcome::Silence, silence(6000.0)),
        (Outcome::Busy, cadence(&[480.0, 620.0], &[500.0, 500.0], 5000.0, -18.0)),
        (Outcome::Reorder, cadence(&[480.0, 620.0], &[250.0, 250.0], 5000.0, -18.0)),
        (Outcome::Ringing, cadence(&[440.0, 480.0], &[2000.0, 4000.0], 10_000.0, -18.0)),
        (Outcome::Fax, answer_tone(3000.0, -15.0, false, false, 0.0)),
        (Outcome::Modem, answer_tone(3000.0, -15.0, true, true, 0.0)),
        (Outcome::Sit(SitClass::VacantCode), sit),
    ];
    for (expected, mut signal) in cases {
        add_noise(&mut signal, -60.0, true, &mut Random::new(9));
        let decision = decide(&signal).expect("a decision");
        println!("{} at {} ms, probability {:.2}", decision.outcome, decision.at_ms, decision.probability);
        assert_eq!(decision.outcome, expected);
    }
}

/// The fourth and fifth harmonic of a voice for 250 ms, which move by `glide_hz`.
fn vowel(glide_hz: f64) -> Vec<f64> {
    let mut phase = 0.0;
    (0..2000)
        .map(|at| {
            phase += TAU * (243.0 + glide_hz / 4.0 * (f64::from(at) / 2000.0 - 0.5)) / 8000.0;
            2000.0 * ((4.0 * phase).sin() + 0.7 * (5.0 * phase).sin())
        })
        .collect()
}

#[test]
fn a_sustained_vowel_is_no_beep() {
    for (glide_hz, beep) in [(0.0, true), (11.0, false)] {
        let mut signal = [silence(500.0), vowel(glide_hz), silence(2500.0)].concat();
        add_noise(&mut signal, -60.0, true, &mut Random::new(9));
        let decision = decide(&signal).expect("a decision");
        println!("{} at {} ms: {:?}", decision.outcome, decision.at_ms, decision.tone);
        assert_eq!(decision.outcome == Outcome::Beep, beep, "{glide_hz} Hz");
    }
}

#[test]
fn the_classic_rule_counts_words_and_silences() {
    let word = |ms| tone(&[300.0, 800.0], ms, -20.0);
    let verdict = |signal: &[f64]| {
        let verdict =
            ClassicRule::new(ClassicSettings::default()).process(&to_pcm(signal)).expect("a verdict");
        (verdict.result, verdict.cause, verdict.at_ms)
    };
    let machine = ClassicResult::Machine;
    assert_eq!(verdict(&silence(6000.0)), (machine, ClassicCause::InitialSilence, 2500));
    let hello = [silence(500.0), word(400.0), silence(2000.0)].concat();
    assert_eq!(verdict(&hello), (ClassicResult::Person, ClassicCause::AfterGreetingSilence, 1700));
    assert_eq!(verdict(&word(3000.0)), (machine, ClassicCause::LongGreeting, 1580));
    let words =
        [word(200.0), silence(200.0), word(200.0), silence(200.0), word(200.0), silence(900.0)].concat();
    assert_eq!(verdict(&words), (machine, ClassicCause::MaximumWords, 900));
}

#[test]
fn the_time_line_tells_what_was_heard() {
    let mut signal = silence(500.0);
    signal.extend(tone(&[1000.0], 400.0, -15.0));
    signal.extend(silence(2000.0));
    let mut analyser = CallAnalyser::new(AnalyserSettings { timeline: 8, ..AnalyserSettings::default() });
    analyser.process(&to_pcm(&signal));
    let shown = analyser.timeline().to_string();
    assert!(shown.contains("tone     -15.0 dBm0, 1000 Hz"), "{shown}");
}

#[cfg(feature = "serde")]
#[test]
fn a_call_goes_on_from_its_stored_state() {
    let signal = to_pcm(&cadence(&[425.0], &[480.0, 480.0], 5000.0, -18.0));
    let mut whole = CallAnalyser::new(AnalyserSettings::default());
    let mut moved = whole.clone();
    let (first, second) = signal.split_at(8765);
    assert_eq!(whole.process(first), moved.process(first));
    let stored = serde_json::to_string(&moved).expect("state is stored");
    let mut moved: CallAnalyser = serde_json::from_str(&stored).expect("state is read");
    let decision = whole.process(second);
    assert_eq!(decision.map(|decision| decision.outcome), Some(Outcome::Busy));
    assert_eq!(decision, moved.process(second));
}

#[test]
fn a_call_is_analysed_without_allocation() {
    let mut random = Random::new(5);
    let mut signal = silence(300.0);
    for _ in 0..12 {
        signal.extend(tone(&[180.0, 360.0, 900.0], random.between(100.0, 500.0), -20.0));
        signal.extend(silence(random.between(60.0, 300.0)));
    }
    signal.extend(cadence(&[1000.0], &[400.0, 3000.0], 4000.0, -18.0));
    add_noise(&mut signal, -55.0, true, &mut random);
    let pcm = to_pcm(&signal);
    let settings = AnalyserSettings { timeline: 32, ..AnalyserSettings::default() };
    let mut analyser = CallAnalyser::new(settings);
    let mut barge_in = BargeIn::new(BargeInSettings::default());
    let mut decided = 0;
    let counts = mediapoint_allocations::measure(|| {
        for chunk in pcm.chunks(173) {
            decided += usize::from(analyser.process(chunk).is_some());
            barge_in.process(chunk);
        }
    });
    assert!(decided > 0 && analyser.timeline().intervals().len() > 3, "all parts ran");
    assert_eq!(counts.calls(), 0, "{counts:?}");
}

/// A vowel of a steady pitch is a word and no beep; the beep after words is a machine's, and is told while it sounds.
#[test]
fn a_beep_after_words_is_a_machine_and_a_gliding_vowel_is_none() {
    let words = |last: Vec<f64>| {
        let mut signal = silence(300.0);
        for _ in 0..2 {
            signal.extend(tone(&[170.0, 340.0, 510.0, 1190.0], 250.0, -20.0));
            signal.extend(silence(150.0));
        }
        signal.extend(silence(250.0));
        signal.extend(last);
        signal.extend(silence(2500.0));
        add_noise(&mut signal, -60.0, true, &mut Random::new(8));
        decide(&signal).expect("a decision")
    };
    let decision = words(tone(&[1000.0], 500.0, -18.0));
    println!("{} at {} ms", decision.outcome, decision.at_ms);
    assert_eq!(decision.outcome, Outcome::Machine);
    assert!(decision.at_ms <= 300 + 1050 + 400, "decided at {} ms, not while it sounds", decision.at_ms);
    let mut phase = 0.0_f64;
    let glide = (0..3200)
        .map(|at| {
            phase += TAU * (420.0 + 0.03 * f64::from(at)) / 8000.0;
            3000.0 * phase.sin()
        })
        .collect();
    let decision = words(glide);
    println!("{} at {} ms", decision.outcome, decision.at_ms);
    assert_eq!(decision.outcome, Outcome::Person);
}

#[cfg(feature = "properties")]
#[test]
fn decisions_do_not_depend_on_chunks() {
    let mut random = Random::new(21);
    for _ in 0..40 {
        let data: Vec<u8> = (0..random.below(2000)).map(|_| random.next() as u8).collect();
        mediapoint_analysis::properties::analysis(&data);
    }
}
