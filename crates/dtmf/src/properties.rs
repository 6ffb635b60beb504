//! What must hold of any audio in any blocks, for the unit test, the replay of the corpus and the fuzz target.

use mediapoint_packet::telephone_event::DtmfDigit;

use crate::{
    Detection, Detector, DetectorSettings, EventSender, Generator, GeneratorSettings, Replacement, Suppressor,
};

/// Samples of an input at most.
const MOST: usize = 16_000;
const RATES: [u32; 5] = [8000, 16_000, 24_000, 32_000, 48_000];

/// Reads `data` as a script of audio and changes, and runs it.
///
/// # Panics
/// Where blocks make a difference, an onset has no end, positions go back, or what passes is altered.
pub fn digits_in_any_blocks(data: &[u8]) {
    let Some((&[first, second], script)) = data.split_first_chunk() else { return };
    let pcm = samples(script);
    let settings =
        if first & 1 == 0 { DetectorSettings::default() } else { DetectorSettings::most_sensitive() };
    detector_keeps_order(&settings, &pcm, usize::from(second) + 1);
    let rate = RATES.into_iter().cycle().nth(usize::from(first >> 1)).unwrap_or(8000);
    suppressor_delays(rate, &settings, &pcm, usize::from(second) + 1);
    suppressor_survives(rate, &settings, script);
    event_ends(script);
}

/// An operation a byte or more: tones, samples as they stand, silence.
fn samples(script: &[u8]) -> Vec<i16> {
    let mut pcm = Vec::new();
    let mut rest = script;
    while let Some((&operation, later)) = rest.split_first() {
        rest = later;
        match operation >> 6 {
            // A digit, at a level by its second byte, for 4 to 64 ms.
            0 => {
                let code = operation & 15;
                let (level, later) = rest.split_first().map_or((0, rest), |(level, later)| (*level, later));
                rest = later;
                let settings = GeneratorSettings {
                    low_dbm0: -3.0 - f32::from(level & 63),
                    twist_db: f32::from(level >> 6),
                    duration_ms: 4 * (u32::from(operation >> 4 & 3) * 4 + 4),
                    pause_ms: 0,
                    fade_ms: u32::from(level & 1),
                };
                let Ok(mut generator) = Generator::new(8000, &settings) else { continue };
                if DtmfDigit::from_code(code).is_some_and(|digit| generator.push(digit).is_ok()) {
                    let mut block = [0; 160];
                    while !generator.is_idle() {
                        let filled = generator.fill(&mut block);
                        pcm.extend_from_slice(block.get(..filled).unwrap_or_default());
                    }
                }
            }
            1 => pcm.resize(pcm.len() + usize::from(operation & 63) * 8, 0),
            _ => {
                let (some, later) = rest.split_at(rest.len().min(usize::from(operation & 127) * 2));
                pcm.extend(some.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)));
                rest = later;
            }
        }
        if pcm.len() > MOST {
            break;
        }
    }
    pcm
}

fn detector_keeps_order(settings: &DetectorSettings, pcm: &[i16], block: usize) {
    let heard = |block: usize, moved: bool| {
        let mut events = Vec::new();
        let Ok(mut detector) = Detector::new(settings) else { return events };
        for (n, part) in pcm.chunks(block).enumerate() {
            if moved && n % 7 == 3 {
                let restored = Detector::restore(settings, detector.state().clone());
                detector = restored.unwrap_or_else(|error| unreachable!("its own state: {error}"));
            }
            detector.process(part, |event| events.push(event));
        }
        detector.flush(|event| events.push(event));
        events
    };
    let events = heard(160, false);
    assert_eq!(events, heard(block, true), "blocks of {block} make a difference");
    let mut open = None;
    for event in events {
        match event {
            Detection::Onset { digit, at_sample } => {
                assert!(open.is_none() && at_sample <= pcm.len() as u64, "{digit:?} at {at_sample}");
                open = Some((digit, at_sample));
            }
            Detection::Digit(digit) => {
                assert_eq!(open.take(), Some((digit.digit, digit.start_sample)));
                assert!(digit.duration > 0 && digit.twist_db.is_finite() && digit.low_dbm0.is_finite());
            }
        }
    }
    assert!(open.is_none(), "an onset without an end");
}

/// Where digits pass, all passes as it is, late; what is reported is what a detector hears.
fn suppressor_delays(rate: u32, settings: &DetectorSettings, pcm: &[i16], block: usize) {
    let Ok(mut suppressor) = Suppressor::with_rate(rate, Replacement::Zero, settings) else { return };
    suppressor.set_active(false);
    let mut out = pcm.to_vec();
    let mut reported = Vec::new();
    for part in out.chunks_mut(block) {
        suppressor.process_with(part, |event| reported.push(event));
    }
    let delay = suppressor.delay_samples();
    assert_eq!(suppressor.muted_samples(), 0);
    assert!(out.iter().take(delay).all(|sample| *sample == 0));
    assert!(out.iter().skip(delay).eq(pcm.iter().take(pcm.len().saturating_sub(delay))));
    if rate == 8000 {
        suppressor.finish(|event| reported.push(event));
        let Ok(mut detector) = Detector::new(settings) else { return };
        let onsets = |events: &[Detection]| {
            events.iter().filter(|event| matches!(event, Detection::Onset { .. })).count()
        };
        let mut heard = Vec::new();
        detector.process(pcm, |event| heard.push(event));
        detector.flush(|event| heard.push(event));
        assert!(onsets(&reported) <= onsets(&heard) + 1);
    }
}

/// Changes of everything while audio runs, and of the process in between.
fn suppressor_survives(rate: u32, settings: &DetectorSettings, script: &[u8]) {
    let Ok(mut suppressor) = Suppressor::with_rate(rate, Replacement::Silence, settings) else { return };
    let mut pcm = samples(script);
    for (part, operation) in pcm.chunks_mut(97).zip(script.iter().cycle()) {
        match operation & 15 {
            0 => suppressor.set_active(operation & 16 != 0),
            1 => suppressor.set_replacement(Replacement::Random(u64::from(*operation))),
            2 => {
                suppressor.set_replacement(Replacement::Tone { hz: f32::from(*operation) * 20.0, dbm0: 9.0 })
            }
            3 => suppressor.set_replacement(Replacement::Noise { dbm0: -f32::from(*operation) }),
            4 => {
                let restored = Suppressor::restore(rate, settings, suppressor.state());
                suppressor = restored.unwrap_or_else(|error| unreachable!("its own state: {error}"));
            }
            _ => {}
        }
        suppressor.process(part);
    }
}

/// An event ends after three packets that say so, and durations never go back within a segment.
fn event_ends(script: &[u8]) {
    let Some((&[code, volume, step, began, length, end], _)) = script.split_first_chunk() else { return };
    let length = (length != 0).then(|| u32::from(length) * 997);
    let began = u32::from(began).wrapping_mul(0x0101_0101);
    let mut sender = EventSender::new(code, volume, began, u16::from(step) * 8, length);
    let (mut ends, mut last) = (0, None);
    // The smallest step is one tick, of 253,235 at most.
    for packet in 0..300_000_u32 {
        let Some(at) = sender.next_at() else { break };
        if packet == u32::from(end) {
            sender.end(at);
        }
        let Some(sent) = sender.poll(at) else { break };
        assert_eq!(sent.marker, packet == 0);
        if let Some((timestamp, duration)) = last.filter(|(timestamp, _)| *timestamp == sent.timestamp) {
            assert!(sent.block.duration >= duration, "a duration of segment {timestamp} went back");
        }
        last = Some((sent.timestamp, sent.block.duration));
        ends += u32::from(sent.block.end);
    }
    assert_eq!((ends, sender.next_at()), (3, None));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_any_blocks_keep_their_order() {
        let mut state = 7_u32;
        for length in 0..300 {
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                })
                .collect();
            digits_in_any_blocks(&bytes);
        }
    }
}
