//! Cadences: tone and pause by turns, against the table of countries.

use super::table::{COUNTRIES, CountryTone, Progress};

/// How far a frequency may be off, as a share, and how far a tone or a pause, as a share and in ms.
const HZ_TOLERANCE: f32 = 0.022;
const MS_SHARE: u32 = 12;
const MS_LEAST: u32 = 30;

/// A cadence with tones up to this is fast, in ms.
const FAST_MS: u32 = 280;

/// One tone and the pause after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Beat {
    pub(super) on_ms: u32,
    pub(super) off_ms: u32,
}

fn near(measured: u32, nominal: u32) -> bool {
    measured.abs_diff(nominal) <= (nominal * MS_SHARE / 100).max(MS_LEAST)
}

/// Rows of the table with these frequencies, of one country or of all.
pub(super) fn rows(hz: [f32; 2], country: Option<&str>) -> impl Iterator<Item = &'static CountryTone> + '_ {
    COUNTRIES.iter().filter(move |row| {
        country.is_none_or(|country| country == row.country)
            && (near_hz(row.hz, hz) || heard_as_one(row.hz).is_some_and(|row| near_hz(row, hz)))
    })
}

fn near_hz(row: [f32; 2], hz: [f32; 2]) -> bool {
    row.iter().zip(hz).all(|(row, hz)| (row - hz).abs() <= HZ_TOLERANCE * row)
}

/// Two frequencies nearer than the analysis can tell apart are a modulated one between them.
fn heard_as_one([low, high]: [f32; 2]) -> Option<[f32; 2]> {
    (high > low && high - low < 40.0).then_some([f32::midpoint(low, high), 0.0])
}

/// Which tone the last beats are, and a country that has it. Short ones need two periods, ringing one.
pub(super) fn classify(hz: [f32; 2], beats: &[Beat], country: Option<&str>) -> Option<CountryTone> {
    let mut votes = [(0_u32, None::<CountryTone>); 4];
    for row in rows(hz, country).filter(|row| matches(row, beats)) {
        let vote = match row.tone {
            Progress::Dial => &mut votes[0],
            Progress::Ringback => &mut votes[1],
            Progress::Busy => &mut votes[2],
            Progress::Reorder => &mut votes[3],
        };
        // A pattern of several different beats is no accident.
        vote.0 += if row.cadence_ms.len() > 2 { 20 } else { 2 };
        let distance = |tone: &CountryTone| {
            tone.cadence_ms.first().zip(beats.last()).map_or(0, |(&on, beat)| on.abs_diff(beat.on_ms))
        };
        if vote.1.is_none_or(|best| distance(row) < distance(&best)) {
            vote.1 = Some(*row);
        }
    }
    // Countries differ: where some call a cadence busy and others reorder, fast is reorder.
    if let Some(beat) = beats.last() {
        let [_, _, busy, reorder] = &mut votes;
        if busy.0 > 0 && reorder.0 > 0 {
            let more = if beat.on_ms <= FAST_MS { reorder } else { busy };
            more.0 += 10;
        }
    }
    votes.into_iter().max_by_key(|vote| vote.0)?.1
}

fn matches(row: &CountryTone, beats: &[Beat]) -> bool {
    let (pairs, rest) = row.cadence_ms.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return false;
    }
    let needed = match row.tone {
        Progress::Ringback => pairs.len(),
        Progress::Dial | Progress::Busy | Progress::Reorder => pairs.len().max(2),
    };
    let Some(tail) = beats.len().checked_sub(needed).and_then(|from| beats.get(from..)) else { return false };
    (0..pairs.len()).any(|turn| {
        tail.iter()
            .zip(pairs.iter().cycle().skip(turn))
            .all(|(beat, [on, off])| near(beat.on_ms, *on) && near(beat.off_ms, *off))
    })
}
