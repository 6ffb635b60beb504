//! Two calibrations of one machine beside each other.

use std::fmt;

use comfy_table::CellAlignment;
use serde::Serialize;

use super::file::PointsFile;
use super::fit::rounded;
use super::kinds::{self, Work};
use crate::text;

/// How far a figure of a second run may be off the first, in percent.
pub(super) const TOLERANCE: f64 = 10.0;

/// Every figure that both have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Comparison {
    /// Machine, kernel or backend were others, so that figures need not agree.
    pub(super) elsewhere: bool,
    rows: Vec<Row>,
}

/// The budget, or what admission asks for one of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    figure: String,
    before: f64,
    now: f64,
    difference_percent: f64,
    /// How far what was measured of the kind is off: most prices are found from several kinds.
    measured_percent: Option<f64>,
}

fn difference(before: f64, now: f64) -> f64 {
    if before > 0.0 { rounded((now / before - 1.0) * 100.0, 1) } else { 0.0 }
}

impl Row {
    fn new(figure: &str, before: f64, now: f64, measured_percent: Option<f64>) -> Self {
        let difference_percent = difference(before, now);
        let [before, now] = [before, now].map(|points| rounded(points, 3));
        Self { figure: figure.to_owned(), before, now, difference_percent, measured_percent }
    }

    /// True where neither what is asked nor what was measured is too far off.
    fn agrees(&self) -> bool {
        [Some(self.difference_percent), self.measured_percent]
            .into_iter()
            .flatten()
            .all(|percent| percent.abs() <= TOLERANCE)
    }
}

impl Comparison {
    /// The budget, and what admission asks for each kind, in points.
    pub(super) fn of(before: &PointsFile, now: &PointsFile) -> Self {
        let place = |file: &PointsFile| {
            let measured = &file.measured;
            (measured.machine.clone(), measured.kernel.clone(), measured.backend.clone())
        };
        let works = kinds::all();
        let mut rows = vec![Row::new("budget", before.budget, now.budget, None)];
        for figure in &now.figures {
            let Some(known) = before.figures.iter().find(|known| known.kind == figure.kind) else { continue };
            let work = works.iter().find(|work| work.name == figure.kind);
            let asked = |file| asked(file, work?);
            // A file with some of the kinds may lack a price.
            let (then, today) = asked(before).zip(asked(now)).unwrap_or((known.points, figure.points));
            let measured = difference(known.points, figure.points);
            rows.push(Row::new(&figure.kind, then, today, Some(measured)));
        }
        Self { elsewhere: place(before) != place(now), rows }
    }

    /// True where no figure is further off than [`TOLERANCE`].
    pub(super) fn agrees(&self) -> bool {
        self.rows.iter().all(Row::agrees)
    }
}

/// What admission asks for one of a kind, by the prices of a file.
fn asked(file: &PointsFile, work: &Work) -> Option<f64> {
    work.bill.iter().map(|(price, count)| Some(file.prices.get(price.key())? * f64::from(*count))).sum()
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = text::table();
        table.set_header(["beside the file", "then", "now", "difference", "measured", ""]);
        for row in &self.rows {
            let beyond = if row.agrees() { "" } else { "beyond 10 %" };
            table.add_row([
                row.figure.clone(),
                row.before.to_string(),
                row.now.to_string(),
                format!("{:+.1} %", row.difference_percent),
                row.measured_percent.map_or_else(String::new, |percent| format!("{percent:+.1} %")),
                beyond.to_owned(),
            ]);
        }
        for index in 1..5 {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        write!(f, "{table}")?;
        if self.elsewhere {
            f.write_str("\nThe file is of another machine, kernel or backend: figures need not agree.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::file::tests::example;

    #[test]
    fn a_tenth_is_agreed_and_more_is_not() {
        let before = example();
        let mut now = example();
        now.budget = 1170.0;
        now.figures[1].points *= 1.09;
        let comparison = Comparison::of(&before, &now);
        assert!(comparison.agrees() && !comparison.elsewhere, "{comparison}");
        now.figures[1].points *= 1.09;
        let comparison = Comparison::of(&before, &now);
        assert!(!comparison.agrees());
        let text = comparison.to_string();
        assert!(text.contains("+18.8 %") && text.contains("beyond 10 %"), "{text}");
        assert!(text.contains("-9.3 %"), "{text}");
    }

    #[test]
    fn what_admission_asks_and_what_was_measured_are_both_compared() {
        let mut before = example();
        before.prices.insert("pcm-coded".to_owned(), 0.4);
        let mut now = before.clone();
        now.figures[1].points *= 1.08;
        let comparison = Comparison::of(&before, &now);
        assert!(comparison.agrees(), "{comparison}");
        let opus = comparison.rows.last().unwrap();
        assert_eq!((opus.before, opus.now, opus.measured_percent), (8.012, 8.012, Some(8.0)));
        now.prices.insert("opus-coded".to_owned(), 7.6);
        assert!(!Comparison::of(&before, &now).agrees(), "what is asked is a tenth more");
        let mut now = before.clone();
        now.figures[1].points *= 1.2;
        assert!(!Comparison::of(&before, &now).agrees(), "what was measured is a fifth more");
    }

    #[test]
    fn kinds_that_one_of_them_has_are_left_out_and_another_machine_is_named() {
        let before = example();
        let mut now = example();
        now.figures.retain(|figure| figure.kind == "relay");
        now.measured.kernel = "7.0".to_owned();
        let comparison = Comparison::of(&before, &now);
        assert_eq!(comparison.rows.len(), 2);
        assert!(comparison.to_string().contains("another machine, kernel or backend"));
    }
}
