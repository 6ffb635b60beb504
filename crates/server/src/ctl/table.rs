//! Columns of text within 80 of a terminal. A first column that does not fit gets a line of its own, so that what stands in
//! it can be copied whole.

/// Columns of a terminal that every line fits in, but for a name that is longer.
pub(crate) const WIDTH: usize = 80;
/// Blanks between columns.
const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// Numbers stand at the right.
    pub(crate) right: bool,
}

/// Lays rows out; each has as many cells as there are columns.
pub(crate) fn format_columns(columns: &[Column], rows: &[Vec<String>]) -> Vec<String> {
    let cells_of = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            cells_of(at).map(|cell| width(cell)).chain([width(column.title)]).max().unwrap_or(0)
        })
        .collect();
    let others: usize = widths.iter().skip(1).map(|width| width + GAP).sum();
    let room = WIDTH.saturating_sub(others).max(width(columns.first().map_or("", |column| column.title)));
    if let Some(first) = widths.first_mut() {
        *first = (*first).min(room);
    }
    let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
    let mut lines = vec![line(columns, &widths, &titles)];
    for row in rows {
        let name = row.first().map(String::as_str).unwrap_or_default();
        if width(name) > room {
            lines.push(name.to_owned());
            let rest: Vec<String> =
                std::iter::once(String::new()).chain(row.iter().skip(1).cloned()).collect();
            lines.push(line(columns, &widths, &rest));
        } else {
            lines.push(line(columns, &widths, row));
        }
    }
    lines
}

fn line(columns: &[Column], widths: &[usize], cells: &[String]) -> String {
    let mut out = String::new();
    for ((column, wide), cell) in columns.iter().zip(widths).zip(cells) {
        if !out.is_empty() || cell.is_empty() && out.is_empty() && *wide == 0 {
            out.push_str(&" ".repeat(GAP));
        }
        let fill = " ".repeat(wide.saturating_sub(width(cell)));
        match column.right {
            true => out.extend([fill.as_str(), cell.as_str()]),
            false => out.extend([cell.as_str(), fill.as_str()]),
        }
    }
    out.trim_end().to_owned()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Breaks a sentence into lines of at most [`WIDTH`], each behind `indent` blanks; a word that is longer stands alone.
pub(crate) fn wrap(text: &str, indent: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{}{word}", " ".repeat(indent))),
        }
    }
    lines
}
