//! The wave form on a terminal.

use std::fmt::Write as _;

use crate::check::Exported;

/// Columns of it.
const COLUMNS: usize = 64;
/// Levels of a column, 6 dB apart.
const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What stands under secure input.
const MASKED: char = '░';

/// A line for each party, 6 dB a step; what is masked is shaded.
pub(crate) fn text(exported: &Exported) -> String {
    let len = exported.channels.iter().map(Vec::len).max().unwrap_or(0);
    let masked: Vec<bool> = (0..COLUMNS)
        .map(|column| {
            let middle = (2 * column + 1) * len / (2 * COLUMNS);
            let masks = |kind: &str| kind == "masked" || kind == "paused";
            let mut parts = exported.parts.iter().filter(|part| masks(&part.kind));
            parts.any(|part| (part.start..part.start + part.len).contains(&middle))
        })
        .collect();
    let mut out = String::new();
    for (name, channel) in ["agent ", "caller"].into_iter().zip(&exported.channels) {
        let row: String = masked
            .iter()
            .enumerate()
            .map(|(column, masked)| if *masked { MASKED } else { level(channel, column, len) })
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name} |{row}|");
    }
    let seconds = format!("{:.1} s", len as f64 / 8000.0);
    let _ = writeln!(out, "       0{seconds:>width$}", width = COLUMNS + 1);
    out
}

fn level(channel: &[i16], column: usize, len: usize) -> char {
    let part = column * len / COLUMNS..(column + 1) * len / COLUMNS;
    let loudest = channel.get(part).unwrap_or_default().iter().map(|sample| sample.unsigned_abs()).max();
    // 64 and less is silence, 8192 and more is full.
    let bits = 16_usize.saturating_sub(loudest.unwrap_or(0).leading_zeros() as usize);
    let step = bits.saturating_sub(6).min(LEVELS.len() - 1);
    LEVELS.get(step).copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loud_parts_are_high_and_silence_is_empty() {
        let mut channel = vec![0; 6400];
        channel[3200..].fill(9000);
        channel[6300..].fill(130);
        assert_eq!([0, 31, 32, 63].map(|column| level(&channel, column, 6400)), [' ', ' ', '█', '▂']);
    }
}
