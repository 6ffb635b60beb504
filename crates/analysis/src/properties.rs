//! What must hold whatever comes: called by unit tests, by the replay of the corpus and by the fuzz target.

use crate::{AnalyserSettings, BargeIn, BargeInSettings, CallAnalyser, Decision};

/// Runs the analyser and barge-in over samples twice: in one chunk, and in chunks whose lengths `data` gives. The first octet
/// says how the rest becomes samples: stretched, so that a short input is seconds of audio.
///
/// # Panics
/// If the decisions depend on the chunks.
pub fn analysis(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let stretch = 1 + usize::from(choice & 0x3f);
    let gain = 1_i32 << (choice >> 6);
    let pcm: Vec<i16> = rest
        .as_chunks::<2>()
        .0
        .iter()
        .map(|bytes| i16::from_le_bytes(*bytes))
        .flat_map(|sample| {
            // An alternating sign keeps stretched samples from being direct current only.
            (0..stretch).map(move |at| {
                let signed = if at % 8 < 4 { i32::from(sample) } else { -i32::from(sample) };
                i16::try_from(signed / gain).unwrap_or(i16::MAX)
            })
        })
        .take(400_000)
        .collect();
    let whole = run(&pcm, &[pcm.len().max(1)]);
    let lengths: Vec<usize> = rest.iter().take(64).map(|&byte| 1 + usize::from(byte)).collect();
    let parts = run(&pcm, if lengths.is_empty() { &[1] } else { &lengths });
    assert_eq!(whole, parts, "decisions depend on the chunks");
}

fn run(pcm: &[i16], lengths: &[usize]) -> (Vec<Decision>, Option<crate::BargedIn>) {
    let settings = AnalyserSettings { timeline: 16, ..AnalyserSettings::default() };
    let mut analyser = CallAnalyser::new(settings);
    let mut barge_in = BargeIn::new(BargeInSettings::default());
    let (mut decisions, mut barged, mut rest) = (Vec::new(), None, pcm);
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, later) = rest.split_at((*length).min(rest.len()));
        rest = later;
        decisions.extend(analyser.process(chunk));
        barged = barged.or(barge_in.process(chunk));
    }
    while let Some(decision) = analyser.process(&[]) {
        decisions.push(decision);
    }
    decisions.extend(analyser.finish());
    assert!(analyser.timeline().intervals().len() <= 16, "the time line is bounded");
    (decisions, barged)
}
