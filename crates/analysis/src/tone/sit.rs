//! Special information tones: three tones in a row, whose frequencies and lengths tell the reason [ITU-T E.180 sup. 2].

use super::segment::ToneSegment;

/// Class of a special information tone (SR-2275).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum SitClass {
    /// Intercept: the number was changed or is out of service.
    Intercept,
    /// Vacant code: the number does not exist.
    VacantCode,
    /// No circuit: all trunks are busy.
    NoCircuit,
    /// Reorder: the call could not be completed as dialled, or the network failed.
    Reorder,
    /// Operator-defined: a combination without a class of its own, or tones as ITU-T alone defines them.
    OperatorDefined,
}

impl SitClass {
    /// Short name, as in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Intercept => "intercept",
            Self::VacantCode => "vacant-code",
            Self::NoCircuit => "no-circuit",
            Self::Reorder => "reorder",
            Self::OperatorDefined => "operator-defined",
        }
    }
}

/// Between the low and the high frequency of the first and the second tone, in Hz: 913.8 and 985.2, 1370.6 and 1428.5.
const MIDDLE_HZ: [f32; 2] = [949.5, 1399.5];
/// Between a short tone of 276 ms and a long one of 380 ms.
const MIDDLE_MS: u32 = 328;
/// Nominal frequencies by ITU-T, and how far one may be off, in Hz.
const NOMINAL_HZ: [f32; 3] = [950.0, 1400.0, 1800.0];
const TOLERANCE_HZ: f32 = 62.0;
/// Longest pause between two of the tones, in ms: 30 by ITU-T, and room for the measurement.
const PAUSE_MS: u32 = 70;

/// Whether `segment` can be the tone of that place.
fn fits(segment: &ToneSegment, nominal: f32) -> bool {
    segment.hz[1] == 0.0
        && (segment.hz[0] - nominal).abs() <= TOLERANCE_HZ
        && (210..=450).contains(&segment.duration_ms)
}

/// How many tones of a sequence the last segments are: 0 to 3.
pub(super) fn progress(last: &[ToneSegment]) -> usize {
    (1..=3).rev().find(|&count| is_start(last, count)).unwrap_or(0)
}

fn is_start(last: &[ToneSegment], count: usize) -> bool {
    let Some(tail) = last.len().checked_sub(count).and_then(|from| last.get(from..)) else { return false };
    let near = tail.windows(2).all(|pair| match pair {
        [a, b] => {
            b.start_ms.saturating_sub(a.end_ms()) <= PAUSE_MS && (a.level_dbm0 - b.level_dbm0).abs() < 7.0
        }
        _ => false,
    });
    near && tail.iter().zip(NOMINAL_HZ).all(|(segment, nominal)| fits(segment, nominal))
}

/// Class of three tones.
pub(super) fn classify(tones: [ToneSegment; 3]) -> SitClass {
    let [first, second, _] = tones;
    let high = [first.hz[0] > MIDDLE_HZ[0], second.hz[0] > MIDDLE_HZ[1]];
    let long = [first.duration_ms > MIDDLE_MS, second.duration_ms > MIDDLE_MS];
    match (high, long) {
        ([false, false], [false, false]) => SitClass::Intercept,
        ([true, false], [true, false]) => SitClass::VacantCode,
        // The second of each pair is that of carriers between areas.
        ([true, true] | [false, false], [true, true]) => SitClass::NoCircuit,
        ([false, true], [false, true]) | ([true, false], [false, true]) => SitClass::Reorder,
        _ => SitClass::OperatorDefined,
    }
}
