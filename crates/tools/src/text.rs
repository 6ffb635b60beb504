//! Tables and sentences within 80 columns: the narrowest terminal that is in use, and what a file or a pipe gets.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};

/// Columns that every line fits in, but for a word that is longer.
pub(crate) const WIDTH: usize = 80;

/// A table that breaks its cells where its columns would not fit.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(WIDTH).unwrap_or(u16::MAX));
    table
}

/// Text with each line that is too long broken between words; what follows is indented by `indent` blanks.
pub(crate) fn wrap(text: &str, indent: usize) -> String {
    text.split('\n').map(|line| wrap_line(line, indent)).collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str, indent: usize) -> String {
    if width(line) <= WIDTH {
        return line.to_owned();
    }
    let words = line.trim_start_matches(' ');
    let mut column = line.len() - words.len();
    let mut out = " ".repeat(column);
    for (number, word) in words.split(' ').enumerate() {
        if number > 0 && column + 1 + width(word) > WIDTH {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if number > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width(word);
    }
    out
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_short_ones_stay() {
        let short = "name     figures, as they were";
        assert_eq!(wrap(short, 9), short);
        let long = format!("name     {}", "figure ".repeat(20).trim_end());
        let wrapped = wrap(&format!("{long}\n{short}"), 9);
        let lines: Vec<&str> = wrapped.lines().collect();
        assert_eq!(lines.len(), 3, "{wrapped}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{wrapped}");
        assert!(
            lines[0].starts_with("name     figure") && lines[1].starts_with("         figure"),
            "{wrapped}"
        );
        assert_eq!(lines.last(), Some(&short));
        assert!(wrap(&format!("  {long}"), 4).starts_with("  name"));
    }

    #[test]
    fn a_table_is_no_wider_than_a_terminal() {
        let mut table = table();
        table.set_header(["one", "two"]);
        table.add_row(["word ".repeat(20), "1 / 2 / 3 ".repeat(12)]);
        let text = table.to_string();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("word"), "{text}");
    }
}
