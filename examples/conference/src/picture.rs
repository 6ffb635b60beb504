//! Who spoke when: on a terminal, and as a picture.

use std::fmt::Write as _;

use crate::reports::What;
use crate::scene::{PARTIES, ROOMS, Scene};

/// Columns on a terminal.
const COLUMNS: usize = 72;
/// Width of the picture's time line, height of a row and of its bar, and where they begin, in pixels.
const WIDTH: f64 = 800.0;
const ROW: usize = 28;
const BAR: usize = 16;
const LEFT: usize = 90;
const TOP: usize = 34;
/// Colours of the rooms.
const COLOURS: [&str; 2] = ["#20639b", "#c0562f"];

/// Somebody talked in a room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    pub(crate) party: usize,
    pub(crate) room: usize,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

/// Somebody was in a room.
type Stay = Talk;

/// What the server reported, as times.
pub(crate) struct Talks {
    pub(crate) talks: Vec<Talk>,
    stays: Vec<Stay>,
    length_ms: u64,
}

impl Talks {
    pub(crate) fn of(scene: &Scene) -> Self {
        let (mut talks, mut stays) = (Vec::new(), Vec::new());
        let mut open: Vec<(usize, usize, What, u64)> = Vec::new();
        for report in &scene.reports {
            let (party, room, at) = (report.party, report.room, report.at_ms);
            let mut begun = |what| {
                let found = open.iter().position(|known| (known.0, known.1, known.2) == (party, room, what));
                found.map(|found| open.swap_remove(found).3)
            };
            match report.what {
                What::TalkStopped(talked) => {
                    if let Some(from_ms) = begun(What::TalkStarted) {
                        talks.push(Talk { party, room, from_ms, to_ms: (from_ms + talked).min(at) });
                    }
                }
                What::Left => {
                    if let Some(from_ms) = begun(What::Joined) {
                        stays.push(Stay { party, room, from_ms, to_ms: at });
                    }
                }
                what => {
                    // Who joins another room has left the one before.
                    while what == What::Joined
                        && let Some(left) = open.iter().position(|known| (known.0, known.2) == (party, what))
                    {
                        let (_, room, _, from_ms) = open.swap_remove(left);
                        stays.push(Stay { party, room, from_ms, to_ms: at });
                    }
                    open.push((party, room, what, at));
                }
            }
        }
        // What is not over at the end lasts to the end.
        let length_ms = scene.length_ms;
        for (party, room, what, from_ms) in open {
            let of = if what == What::Joined { &mut stays } else { &mut talks };
            of.push(Talk { party, room, from_ms, to_ms: length_ms });
        }
        Self { talks, stays, length_ms }
    }

    fn at(&self, of: &[Talk], party: usize, from: u64, to: u64) -> Option<usize> {
        let is_there = |talk: &&Talk| talk.party == party && talk.from_ms < to && talk.to_ms > from;
        of.iter().find(is_there).map(|talk| talk.room)
    }

    /// A line for each party: a block where it spoke, a line where it was in a room.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let column = |n: usize| self.length_ms * n as u64 / COLUMNS as u64;
        for (party, name) in PARTIES.iter().enumerate() {
            let row: String = (0..COLUMNS)
                .map(|n| {
                    let (from, to) = (column(n), column(n + 1));
                    match (self.at(&self.talks, party, from, to), self.at(&self.stays, party, from, to)) {
                        (Some(0), _) => '█',
                        (Some(_), _) => '▒',
                        (None, Some(0)) => '─',
                        (None, Some(_)) => '┄',
                        (None, None) => ' ',
                    }
                })
                .collect();
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name:<9}|{row}|");
        }
        let seconds = format!("{:.1} s", std::time::Duration::from_millis(self.length_ms).as_secs_f64());
        let _ = writeln!(out, "{:<10}0{seconds:>width$}", "", width = COLUMNS - 1);
        let _ = writeln!(out, "{:<10}█ speaks in {}, ▒ in {}\n", "", ROOMS[0], ROOMS[1]);
        out
    }

    /// The same as an SVG file.
    pub(crate) fn svg(&self) -> String {
        let (width, height) = (LEFT + 820, TOP + ROW * PARTIES.len() + 24);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n<title>Who spoke when</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        );
        for (room, name) in ROOMS.iter().enumerate() {
            let x = LEFT + 120 * room;
            let _ = writeln!(
                out,
                "<rect x=\"{x}\" y=\"8\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"19\">{}</text>",
                colour(room),
                x + 18,
                name
            );
        }
        for (party, name) in PARTIES.iter().enumerate() {
            let y = TOP + ROW * party;
            let _ = writeln!(out, "<text x=\"8\" y=\"{}\">{name}</text>", y + 13);
            self.bars(&mut out, &self.stays, party, (y + BAR / 2 - 1, 2));
            self.bars(&mut out, &self.talks, party, (y, BAR));
        }
        for second in (0..=self.length_ms / 1000).step_by(5) {
            let (x, y) = (self.x(second * 1000), TOP + ROW * PARTIES.len() + 12);
            let _ = writeln!(out, "<text x=\"{x:.0}\" y=\"{y}\" text-anchor=\"middle\">{second} s</text>");
        }
        out.push_str("</svg>\n");
        out
    }

    fn bars(&self, out: &mut String, of: &[Talk], party: usize, (y, height): (usize, usize)) {
        for talk in of.iter().filter(|talk| talk.party == party) {
            let (x, end) = (self.x(talk.from_ms), self.x(talk.to_ms));
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{height}\" fill=\"{}\"/>",
                end - x,
                colour(talk.room)
            );
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a minute, and pixels")]
    fn x(&self, at_ms: u64) -> f64 {
        LEFT as f64 + at_ms as f64 * WIDTH / self.length_ms.max(1) as f64
    }
}

fn colour(room: usize) -> &'static str {
    COLOURS.get(room).copied().unwrap_or("#777777")
}

#[cfg(test)]
mod tests {
    use crate::reports::Report;

    use super::*;

    fn scene() -> Scene {
        let report = |at_ms, party, what| Report { at_ms, room: 0, party, what };
        Scene {
            phrases: Vec::new(),
            heard: Vec::new(),
            recording: (String::new(), 0),
            reports: vec![
                report(0, 0, What::Joined),
                report(1000, 0, What::TalkStarted),
                report(2400, 0, What::TalkStopped(1000)),
                report(3600, 0, What::Left),
            ],
            length_ms: 7200,
        }
    }

    #[test]
    fn a_talk_is_a_block_on_the_line_of_a_stay() {
        let text = Talks::of(&scene()).text();
        let row =
            format!("customer |{}{}{}{}|", "─".repeat(10), "█".repeat(10), "─".repeat(16), " ".repeat(36));
        assert_eq!(text.lines().next(), Some(row.as_str()));
    }

    #[test]
    fn the_picture_has_a_bar_for_a_talk_and_a_line_for_a_stay() {
        let svg = Talks::of(&scene()).svg();
        assert!(svg.contains("x=\"201.1\" y=\"34\" width=\"111.1\" height=\"16\""), "{svg}");
        assert!(svg.contains("x=\"90.0\" y=\"41\" width=\"400.0\" height=\"2\""), "{svg}");
    }
}
