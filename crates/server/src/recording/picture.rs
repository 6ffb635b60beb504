//! The wave form of a recording as an SVG file: a row for each channel, a time axis, and what silence stands for.

use std::fmt::Write as _;
use std::io::Cursor;

use mediapoint_recorder::{Decoder, Fact, FactKind, Manifest};

use super::print::{at, name_of};

/// Pixel columns of the wave form.
const COLUMNS: usize = 1100;
/// Pixels left of it, above the first row, of a row, and between two.
const LEFT: usize = 60;
const TOP: usize = 64;
const ROW: usize = 130;
const SPACE: usize = 10;
/// Samples at least that fill a row: what is quieter is nearly silent, and looks so.
const QUIET: i32 = 1024;

/// Kinds of facts, each with its colour.
const KINDS: [(&str, &str); 5] = [
    ("gap", "#d9dde3"),
    ("paused", "#bcd4f5"),
    ("masked", "#f7d9a0"),
    ("lost", "#f3b0aa"),
    ("announced", "#c5e6c8"),
];

/// The least and the greatest sample of each column of a channel.
type Row = Vec<(i16, i16)>;

/// Draws a recording's plain file. What the manifest says of its time line is shaded.
pub(super) fn draw(audio: &[u8], manifest: &Manifest) -> Result<String, String> {
    let rows = rows(audio, manifest.audio.samples).map_err(|error| error.to_string())?;
    let began = i64::try_from(manifest.began_ms).unwrap_or(0);
    let title = format!("{}, {}", manifest.id, at(began));
    Ok(svg(
        &rows,
        &title,
        &Time { samples: manifest.audio.samples, rate: manifest.audio.rate },
        &manifest.facts,
    ))
}

/// The time line.
struct Time {
    samples: u64,
    rate: u32,
}

impl Time {
    /// The column that a sample is in.
    fn column(&self, sample: u64) -> usize {
        let column = u128::from(sample) * COLUMNS as u128 / u128::from(self.samples.max(1));
        usize::try_from(column).unwrap_or(COLUMNS).min(COLUMNS)
    }
}

fn rows(audio: &[u8], samples: u64) -> Result<Vec<Row>, mediapoint_recorder::DecodeError> {
    let mut decoder = Decoder::new(Cursor::new(audio))?;
    let time = Time { samples, rate: decoder.rate() };
    let channels = usize::from(decoder.channels());
    let mut rows = vec![vec![(0, 0); COLUMNS]; channels];
    loop {
        let first = decoder.position();
        let block = decoder.read()?;
        if block.is_empty() {
            return Ok(rows);
        }
        for (sample, all) in (first..).zip(block.chunks_exact(channels)) {
            let column = time.column(sample);
            for (row, value) in rows.iter_mut().zip(all) {
                if let Some((low, high)) = row.get_mut(column) {
                    (*low, *high) = ((*low).min(*value), (*high).max(*value));
                }
            }
        }
    }
}

/// Draws rows; nothing in it grows with the length of the recording.
fn svg(rows: &[Row], title: &str, time: &Time, facts: &[Fact]) -> String {
    let height = rows.len() * (ROW + SPACE);
    let (width, all) = (LEFT + COLUMNS + 20, TOP + height + 60);
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{all}\" \
         viewBox=\"0 0 {width} {all}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <title>{title}</title>\n\
         <rect width=\"{width}\" height=\"{all}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"16\" fill=\"#1d2530\">{title}</text>\n"
    );
    legend(&mut out, facts);
    for number in 0..rows.len() {
        let y = TOP + number * (ROW + SPACE);
        let _ = writeln!(
            out,
            "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{COLUMNS}\" height=\"{ROW}\" fill=\"#f6f8fa\"/>"
        );
    }
    shades(&mut out, time, facts, height - SPACE);
    let loudest = rows.iter().flatten().map(|(low, high)| i32::from(*high).max(-i32::from(*low))).max();
    let names: &[&str] = if rows.len() == 1 { &["both"] } else { &["left", "right"] };
    for (number, (row, name)) in rows.iter().zip(names).enumerate() {
        wave(&mut out, row, name, TOP + number * (ROW + SPACE), loudest.unwrap_or(0).max(QUIET));
    }
    axis(&mut out, time, TOP + height - SPACE);
    out.push_str("</svg>\n");
    out
}

/// One path for a channel: a line from the least to the greatest sample of each column.
fn wave(out: &mut String, row: &Row, name: &str, top: usize, loudest: i32) {
    let middle = top + ROW / 2;
    let half = i32::try_from(ROW / 2).unwrap_or(0) - 2;
    let y = |sample: i16| i32::try_from(middle).unwrap_or(0) - i32::from(sample) * half / loudest;
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#55606e\">{name}</text>\n\
         <path stroke=\"#c3cad3\" d=\"M{LEFT} {middle}.5h{COLUMNS}\"/>\n\
         <path stroke=\"#20639b\" transform=\"translate(.5)\" d=\"",
        LEFT - 10,
        middle + 4,
    );
    for (column, (low, high)) in row.iter().enumerate() {
        if (*low, *high) != (0, 0) {
            let (top, bottom) = (y(*high), y(*low));
            let _ = write!(out, "M{} {top}V{}", LEFT + column, bottom.max(top + 1));
        }
    }
    out.push_str("\"/>\n");
}

/// Number of a kind in [`KINDS`]; `None` for a point.
const fn number_of(kind: FactKind) -> Option<usize> {
    match kind {
        FactKind::Gap => Some(0),
        FactKind::Paused => Some(1),
        FactKind::Masked => Some(2),
        FactKind::Lost(_) => Some(3),
        FactKind::Announced => Some(4),
        _ => None,
    }
}

/// Shades what facts are about: a path for each kind.
fn shades(out: &mut String, time: &Time, facts: &[Fact], height: usize) {
    let mut marks = vec![[false; KINDS.len()]; COLUMNS];
    for fact in facts {
        let Some(kind) = number_of(fact.kind) else { continue };
        let (first, end) = (time.column(fact.start), time.column(fact.end()));
        // What is shorter than a column is seen, too.
        let end = end.max(first + 1).min(COLUMNS);
        for mark in marks.get_mut(first.min(end)..end).unwrap_or_default() {
            if let Some(mark) = mark.get_mut(kind) {
                *mark = true;
            }
        }
    }
    for (kind, (name, colour)) in KINDS.iter().enumerate() {
        let at = |column: usize| marks.get(column).and_then(|mark| mark.get(kind)).copied().unwrap_or(false);
        let begins: Vec<usize> = (0..COLUMNS).filter(|n| at(*n) && (*n == 0 || !at(n - 1))).collect();
        if begins.is_empty() {
            continue;
        }
        let _ = write!(out, "<path class=\"{name}\" fill=\"{colour}\" d=\"");
        for first in begins {
            let len = (first..COLUMNS).take_while(|column| at(*column)).count();
            let _ = write!(out, "M{} {TOP}h{len}v{height}h-{len}z", LEFT + first);
        }
        out.push_str("\"/>\n");
    }
    for fact in facts.iter().filter(|fact| fact.kind == FactKind::Recovered).take(1) {
        let x = LEFT + time.column(fact.start);
        let _ = writeln!(
            out,
            "<path class=\"recovered\" stroke=\"#b3261e\" stroke-width=\"2\" stroke-dasharray=\"5 4\" \
             d=\"M{x} {TOP}v{height}\"/>"
        );
    }
}

/// What the colours mean that are used.
fn legend(out: &mut String, facts: &[Fact]) {
    let mut x = LEFT;
    let kinds = KINDS.iter().map(|(_, colour)| *colour).enumerate();
    let shaded = kinds.map(|(number, colour)| (Some(number), colour)).chain([(None, "#b3261e")]);
    for (number, colour) in shaded {
        let Some(fact) = facts.iter().find(|fact| number_of(fact.kind) == number) else { continue };
        let name = name_of(fact.kind);
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"39\" width=\"13\" height=\"13\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"50\" fill=\"#55606e\">{name}</text>",
            x + 19
        );
        // A letter is 7 pixels wide, or less.
        x += 19 + name.len() * 7 + 24;
    }
}

/// Seconds between two labels of the axis, of which there are twelve at most.
const STEPS: [u64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

fn axis(out: &mut String, time: &Time, y: usize) {
    let rate = u64::from(time.rate.max(1));
    let seconds = time.samples / rate;
    // Of days, each twelfth.
    let step = STEPS.iter().copied().find(|step| seconds / step <= 12).unwrap_or(seconds / 12);
    for second in (0..=seconds).step_by(usize::try_from(step).unwrap_or(usize::MAX).max(1)) {
        let x = LEFT + time.column(second * rate);
        let label = match second / 3600 {
            0 => format!("{}:{:02}", second / 60, second % 60),
            hours => format!("{hours}:{:02}:{:02}", second / 60 % 60, second % 60),
        };
        let _ = writeln!(
            out,
            "<path stroke=\"#8a94a1\" d=\"M{x}.5 {y}v6\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#55606e\">{label}</text>",
            y + 22
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Time = Time { samples: 3600 * 8000, rate: 8000 };

    fn fact(start: u64, samples: u64, kind: FactKind) -> Fact {
        Fact { start, samples, kind }
    }

    #[test]
    fn the_worst_hour_is_smaller_than_100_kb() {
        let row: Row = vec![(i16::MIN, i16::MAX); COLUMNS];
        // Every other column, of each kind.
        let kinds = [FactKind::Gap, FactKind::Paused, FactKind::Masked, FactKind::Announced];
        let column = HOUR.samples / COLUMNS as u64;
        let facts: Vec<Fact> = kinds
            .iter()
            .flat_map(|kind| (0..COLUMNS as u64 / 2).map(|n| fact(n * 2 * column + 200, 160, *kind)))
            .collect();
        let drawn = svg(&[row.clone(), row], "x", &HOUR, &facts);
        println!("{} octets", drawn.len());
        assert!((40_000..100_000).contains(&drawn.len()), "{}", drawn.len());
    }

    #[test]
    fn facts_are_shaded_where_they_are_and_explained_once() {
        let facts = [
            fact(1800 * 8000, 900 * 8000, FactKind::Masked),
            fact(2700 * 8000, 1, FactKind::Masked),
            fact(3599 * 8000, 0, FactKind::Recovered),
        ];
        let drawn = svg(&[vec![(0, 0); COLUMNS]], "x", &HOUR, &facts);
        assert!(
            drawn.contains("<path class=\"masked\" fill=\"#f7d9a0\" d=\"M610 64h276v130h-276z\"/>"),
            "{drawn}"
        );
        assert_eq!(drawn.matches("masked by secure input").count(), 1);
        assert!(drawn.contains("recovered after a crash") && !drawn.contains("paused"), "{drawn}");
    }

    #[test]
    fn a_wave_is_where_its_samples_are_and_the_loudest_fills_its_row() {
        let mut row: Row = vec![(0, 0); COLUMNS];
        row[7] = (-4000, 8000);
        let drawn = svg(&[row.clone(), row], "x", &HOUR, &[]);
        // Of 130 pixels, 63 above the middle and 31 below it.
        assert!(drawn.contains("M67 66V160\"") && drawn.contains("M67 206V300\""), "{drawn}");
        assert!(drawn.contains(">left<") && drawn.contains(">right<"), "{drawn}");
    }

    #[test]
    fn the_axis_has_a_few_round_times() {
        let of = |seconds: u64| {
            let mut out = String::new();
            axis(&mut out, &Time { samples: seconds * 8000, rate: 8000 }, 0);
            let label = |text: &str| text.split('<').next().unwrap().to_owned();
            let found: Vec<String> = out.split("\"#55606e\">").skip(1).map(label).collect();
            (found.len(), found.last().unwrap().clone())
        };
        assert_eq!(of(0), (1, "0:00".to_owned()));
        assert_eq!(of(9), (10, "0:09".to_owned()));
        assert_eq!(of(125), (13, "2:00".to_owned()));
        assert_eq!(of(3600), (13, "1:00:00".to_owned()));
        assert_eq!(of(400_000).0, 13);
    }
}
