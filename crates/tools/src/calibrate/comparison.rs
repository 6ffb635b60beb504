//! Two calibrations of one machine beside each other.

use std::fmt;

use comfy_table::CellAlignment;
use serde::Serialize;

use super::file::PointsFile;
use super::fit::rounded;
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

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    figure: String,
    before: f64,
    now: f64,
    difference_percent: f64,
}

impl Row {
    fn new(figure: &str, before: f64, now: f64) -> Self {
        let difference = if before > 0.0 { (now / before - 1.0) * 100.0 } else { 0.0 };
        Self { figure: figure.to_owned(), before, now, difference_percent: rounded(difference, 1) }
    }

    fn agrees(&self) -> bool {
        self.difference_percent.abs() <= TOLERANCE
    }
}

impl Comparison {
    /// The budget, and what each kind costs in points.
    pub(super) fn of(before: &PointsFile, now: &PointsFile) -> Self {
        let place = |file: &PointsFile| {
            let measured = &file.measured;
            (measured.machine.clone(), measured.kernel.clone(), measured.backend.clone())
        };
        let mut rows = vec![Row::new("budget", before.budget, now.budget)];
        for figure in &now.figures {
            let known = before.figures.iter().find(|known| known.kind == figure.kind);
            rows.extend(known.map(|known| Row::new(&figure.kind, known.points, figure.points)));
        }
        Self { elsewhere: place(before) != place(now), rows }
    }

    /// True where no figure is further off than [`TOLERANCE`].
    pub(super) fn agrees(&self) -> bool {
        self.rows.iter().all(Row::agrees)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = text::table();
        table.set_header(["beside the file", "then", "now", "difference", ""]);
        for row in &self.rows {
            let beyond = if row.agrees() { "" } else { "beyond 10 %" };
            table.add_row([
                row.figure.clone(),
                row.before.to_string(),
                row.now.to_string(),
                format!("{:+.1} %", row.difference_percent),
                beyond.to_owned(),
            ]);
        }
        for index in 1..4 {
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
