//! States that are saved in the middle of a digit, damaged states, and that nothing allocates once made.

use mediapoint_allocations::{Counts, measure};
use mediapoint_dtmf::{
    Detection, Detector, DetectorSettings, DetectorState, EventSender, Generator, GeneratorError,
    GeneratorSettings, GeneratorState, Replacement, RestoreError, Suppressor,
};
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::signal::{Burst, Line, Random};

fn audio() -> Vec<i16> {
    let mut line = Line::default();
    line.silence(60.0);
    for digit in "15#".chars() {
        line.burst(&Burst::of(digit, -12.0, 70.0)).silence(70.0);
    }
    line.noise(-60.0, &mut Random(4)).pcm()
}

fn copy<T: serde::Serialize + serde::de::DeserializeOwned>(state: &T) -> T {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

#[test]
fn a_detector_goes_on_from_a_saved_state_at_any_sample() {
    let settings = DetectorSettings::default();
    let pcm = audio();
    let mut expected = Vec::new();
    Detector::default().process(&pcm, |event| expected.push(event));
    assert_eq!(expected.len(), 6, "an onset and an end each");
    for cut in (0..pcm.len()).step_by(31) {
        let mut seen = Vec::new();
        let mut first = Detector::default();
        first.process(&pcm[..cut], |event| seen.push(event));
        let mut second = Detector::restore(&settings, copy(first.state())).unwrap();
        assert_eq!((first.active(), first.suspicion()), (second.active(), second.suspicion()));
        second.process(&pcm[cut..], |event| seen.push(event));
        assert_eq!(seen, expected, "cut at sample {cut}");
    }
}

#[test]
fn a_digit_that_could_never_end_is_refused() {
    let mut detector = Detector::default();
    detector.process(&audio()[..960], |_| {});
    let mut saved = serde_json::to_value(detector.state()).unwrap();
    assert!(saved["active"]["end"].is_u64(), "in the middle of a digit");
    for (field, value) in [("end", u64::MAX), ("end", 1 << 40), ("low", 9), ("high", 3), ("start", u64::MAX)]
    {
        let whole = std::mem::replace(&mut saved["active"][field], value.into());
        let state: DetectorState = serde_json::from_value(saved.clone()).unwrap();
        let refused = Detector::restore(&DetectorSettings::default(), state);
        assert!(matches!(refused, Err(RestoreError::State(_))), "{field} of {value}");
        saved["active"][field] = whole;
    }
    for (field, value) in [("hops", u64::MAX), ("filled", 64)] {
        let whole = std::mem::replace(&mut saved[field], value.into());
        let state: DetectorState = serde_json::from_value(saved.clone()).unwrap();
        assert!(Detector::restore(&DetectorSettings::default(), state).is_err(), "{field} of {value}");
        saved[field] = whole;
    }
}

#[test]
fn a_generator_goes_on_from_a_saved_state_and_refuses_a_damaged_one() {
    let settings = GeneratorSettings { duration_ms: 50, pause_ms: 30, ..Default::default() };
    let filled = |cut: usize| {
        let mut generator = Generator::new(16_000, &settings).unwrap();
        for digit in "A0*".chars().filter_map(DtmfDigit::from_char) {
            generator.push(digit).unwrap();
        }
        let mut pcm = vec![0; 4200];
        let (before, after) = pcm.split_at_mut(cut);
        generator.fill(before);
        let state = copy(generator.state());
        Generator::restore(16_000, &settings, state).unwrap().fill(after);
        (pcm, state)
    };
    let (expected, state) = filled(0);
    for cut in (0..4200).step_by(61) {
        assert!(filled(cut).0 == expected, "cut at sample {cut}");
    }
    let whole = serde_json::to_value(state).unwrap();
    for (path, value) in [("/queued", 33_u64), ("/queue/1", 77), ("/queue/0", 16), ("/played", u64::MAX)] {
        let mut damaged = whole.clone();
        *damaged.pointer_mut(path).unwrap() = value.into();
        let damaged: GeneratorState = serde_json::from_value(damaged).unwrap();
        assert_eq!(
            Generator::restore(16_000, &settings, damaged).err(),
            Some(GeneratorError::State),
            "{path}"
        );
    }
}

#[test]
fn an_event_goes_on_from_a_saved_state_and_ends_even_from_a_damaged_one() {
    let mut whole = EventSender::new(5, 10, 4_294_967_000, 400, Some(70_000));
    let mut moved = whole;
    while let Some(at) = whole.next_at() {
        moved = copy(&moved);
        assert_eq!(whole.poll(at), moved.poll(at));
    }
    assert_eq!(moved.next_at(), None);
    for field in ["step", "before", "sent", "length", "began"] {
        for value in [0_u64, 1, 65_535, u64::from(u32::MAX)] {
            let mut damaged = serde_json::to_value(EventSender::new(5, 10, 0, 160, Some(4000))).unwrap();
            damaged[field] = value.into();
            let Ok(mut sender) = serde_json::from_value::<EventSender>(damaged) else { continue };
            // A caller that polls when told to gets on, with every packet.
            for _ in 0..200_000 {
                let Some(at) = sender.next_at() else { break };
                let sent = sender.poll(at);
                assert!(sent.is_some(), "{field} of {value}");
            }
        }
    }
}

#[test]
fn nothing_allocates_once_made() {
    let pcm = audio();
    let mut detector = Detector::default();
    let mut suppressors = [8000, 48_000].map(|rate| {
        Suppressor::with_rate(rate, Replacement::Random(1), &DetectorSettings::default()).unwrap()
    });
    let mut generator = Generator::new(48_000, &GeneratorSettings::default()).unwrap();
    let (mut digits, mut out, mut frame) = (0, pcm.clone(), vec![0; 960]);
    let counts = measure(|| {
        for part in pcm.chunks(160) {
            detector.process(part, |event| digits += u32::from(matches!(event, Detection::Digit(_))));
        }
        for suppressor in &mut suppressors {
            for part in out.chunks_mut(160) {
                suppressor.process_with(part, |_| {});
            }
            suppressor.set_replacement(Replacement::Noise { dbm0: -50.0 });
            suppressor.set_active(false);
        }
        for _ in 0..20 {
            if generator.is_idle() {
                generator.push(DtmfDigit::from_code(3).unwrap()).unwrap();
            }
            generator.fill(&mut frame);
        }
    });
    assert_eq!((counts, digits), (Counts::default(), 3));
}
