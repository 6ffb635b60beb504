//! Voice activity and barge-in on recorded speech.

use mediapoint_analysis::{BargeIn, BargeInSettings, Vad, VadSettings, VoiceActivity};

use crate::onset;
use crate::prompts::{self, Recording};
use crate::signal::{Random, add_noise, scale, silence, speech_level, to_pcm, tone};

/// Every `step`th recording of the first voice, whose package every test with recorded speech wants.
fn some(step: usize) -> Vec<Recording> {
    let [(folder, language, voice), ..] = prompts::VOICES;
    let all = prompts::of_voice(folder, language, voice);
    assert!(!all.is_empty(), "no recordings in {}: install asterisk-core-sounds-en-wav", prompts::FOLDER);
    all.into_iter().step_by(step).collect()
}

/// Speech and pauses by the clean signal: frames within 22 dB of the level of speech, others where they are 45 dB below.
/// Frames between, pauses under 200 ms, and the first 500 ms, in which the noise is learnt, count neither way.
fn labels(clean: &[f64], level: f64) -> Vec<Option<bool>> {
    let raw: Vec<Option<bool>> = clean
        .chunks_exact(160)
        .map(|frame| {
            let energy = frame.iter().map(|x| x * x).sum::<f64>() / 160.0;
            let db = 10.0 * energy.max(0.1).log10() - 84.16;
            if db > level - 22.0 {
                Some(true)
            } else if db < level - 45.0 {
                Some(false)
            } else {
                None
            }
        })
        .collect();
    (0..raw.len())
        .map(|at| match raw[at] {
            _ if at < 25 => None,
            Some(false) => {
                let from = at.saturating_sub(10);
                let quiet = raw[from..at].iter().all(|label| *label == Some(false));
                quiet.then_some(false)
            }
            other => other,
        })
        .collect()
}

#[test]
fn speech_is_found_in_noise() {
    let recordings = some(7);
    let mut random = Random::new(11);
    for (snr, most_false, most_missed) in
        [(40.0, 2.0, 2.0), (20.0, 1.0, 5.0), (10.0, 4.0, 12.0), (5.0, 9.0, 24.0)]
    {
        let mut counts = [[0_u32; 2]; 2];
        for (index, recording) in recordings.iter().enumerate() {
            let mut clean = silence(1000.0);
            clean.extend(&recording.pcm);
            clean.extend(silence(1000.0));
            let level = speech_level(&clean);
            scale(&mut clean, -20.0 - level);
            let labels = labels(&clean, -20.0);
            add_noise(&mut clean, -20.0 - snr, index % 2 == 0, &mut random);
            let mut vad = Vad::new(VadSettings { hangover_ms: 100, ..VadSettings::default() });
            for (frame, label) in to_pcm(&clean).as_chunks::<160>().0.iter().zip(labels) {
                let activity = vad.process(frame);
                if let Some(label) = label {
                    counts[usize::from(label)][usize::from(activity.speech)] += 1;
                }
            }
        }
        let share = |part: u32, [a, b]: [u32; 2]| 100.0 * f64::from(part) / f64::from(a + b);
        let wrong = share(counts[0][1], counts[0]);
        let missed = share(counts[1][0], counts[1]);
        println!(
            "SNR {snr} dB: {wrong:.2} % of pauses are speech, {missed:.2} % of speech is missed ({counts:?})"
        );
        assert!(wrong <= most_false && missed <= most_missed);
    }
}

#[test]
fn onset_and_hangover_are_as_set() {
    let mut signal = silence(1000.0);
    signal.extend(tone(&[300.0, 700.0], 400.0, -20.0));
    signal.extend(silence(2000.0));
    add_noise(&mut signal, -65.0, true, &mut Random::new(3));
    for (onset_ms, hangover_ms) in [(20, 0), (40, 160), (100, 500)] {
        let mut vad = Vad::new(VadSettings { onset_ms, hangover_ms, ..VadSettings::default() });
        let speech: Vec<bool> =
            to_pcm(&signal).as_chunks::<160>().0.iter().map(|frame| vad.process(frame).speech).collect();
        let first = speech.iter().position(|speech| *speech).expect("speech") * 20;
        let last = speech.iter().rposition(|speech| *speech).expect("speech") * 20;
        assert_eq!(first as u32, 1000 + onset_ms - 20);
        assert!((last as u32).abs_diff(1380 + hangover_ms) <= 20, "{last} for {hangover_ms}");
        assert_eq!(speech.iter().filter(|speech| **speech).count(), (last - first) / 20 + 1);
    }
}

#[test]
fn speech_interrupts_and_clicks_and_noise_do_not() {
    let mut random = Random::new(12);
    let (mut interrupted, mut count) = (0, 0);
    for recording in some(11).iter().filter(|recording| recording.ms() > 900.0) {
        for snr in [30.0, 15.0] {
            let mut signal = silence(1500.0);
            signal.extend(&recording.pcm);
            let level = speech_level(&signal);
            scale(&mut signal, -22.0 - level);
            add_noise(&mut signal, -22.0 - snr, true, &mut random);
            let found = BargeIn::new(BargeInSettings::default()).process(&to_pcm(&signal));
            count += 1;
            if let Some(found) = found {
                interrupted += 1;
                assert!(found.start_ms >= 1440, "{found:?} in the noise before speech");
            }
        }
    }
    println!("{interrupted} of {count} interrupt");
    assert!(interrupted * 100 >= count * 95);

    let mut clicks = silence(20_000.0);
    for at in (8000..clicks.len()).step_by(6000) {
        clicks[at..at + 400].iter_mut().for_each(|sample| *sample = random.normal() * 4000.0);
    }
    add_noise(&mut clicks, -40.0, false, &mut random);
    assert_eq!(BargeIn::new(BargeInSettings::default()).process(&to_pcm(&clicks)), None);
}

#[test]
fn a_stretch_of_speech_interrupts_once() {
    let mut signal = silence(500.0);
    for _ in 0..2 {
        signal.extend(tone(&[300.0, 700.0], 1000.0, -20.0));
        signal.extend(silence(1000.0));
    }
    add_noise(&mut signal, -60.0, true, &mut Random::new(4));
    let mut barge_in = BargeIn::new(BargeInSettings { speech_ms: 300, ..BargeInSettings::default() });
    let found: Vec<_> = to_pcm(&signal).chunks(37).filter_map(|chunk| barge_in.process(chunk)).collect();
    let starts: Vec<u32> = found.iter().map(|found| found.start_ms).collect();
    assert_eq!(starts, [520, 2520]);
    assert!(found.iter().all(|found| found.at_ms == found.start_ms + 300));
}

/// The labelled set counts from the first voiced sound: neither a thump, nor the step of a microphone that is switched on, nor a breath
/// apart is one, and the consonant that a word begins with belongs to it.
#[test]
fn a_greeting_begins_with_its_first_voiced_sound() {
    let mut random = Random::new(6);
    let mut hiss = |ms: f64, level: f64| {
        let mut signal = silence(ms);
        add_noise(&mut signal, level, true, &mut random);
        signal
    };
    let word = tone(&[150.0, 300.0, 450.0, 900.0], 400.0, -20.0);
    let step: Vec<f64> = (0..2400).map(|at| 4000.0 * (-f64::from(at) / 600.0).exp()).collect();
    let cases = [
        ("a word", Vec::new(), 0.0),
        ("a thump", [hiss(50.0, -22.0), silence(200.0)].concat(), 250.0),
        ("a breath", [hiss(300.0, -40.0), silence(100.0)].concat(), 400.0),
        ("a step", step, 300.0),
        ("a consonant", hiss(100.0, -35.0), 0.0),
    ];
    for (what, before, expected) in cases {
        let found = onset::ms(&[before, word.clone(), silence(300.0)].concat());
        println!("{what}: {found:.0} ms");
        assert!((found - expected).abs() <= 20.0, "{what}: {found:.0} ms, not {expected:.0}");
    }
    assert!(onset::ms(&hiss(500.0, -20.0)) < 1.0, "without a voice it begins where the recording does");
}
