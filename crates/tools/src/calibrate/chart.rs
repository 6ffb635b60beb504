//! How many of each kind a core carries, as bars: in the terminal and as SVG.

use std::fmt::Write as _;

use super::report::Calibration;

/// Characters of the longest bar.
const COLUMNS: f64 = 46.0;

/// Parts of a character, from none to seven eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Bars within 80 columns.
pub(super) fn terminal(calibration: &Calibration) -> String {
    let most = most(calibration);
    let width = calibration.figures.iter().map(|figure| figure.kind.len()).max().unwrap_or(0);
    let mut out = String::from("calls (or members) that a core carries within the service level\n");
    for figure in &calibration.figures {
        let eighths = eighths(count(figure.a_core) / most);
        let part = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
        let bar = "█".repeat(eighths / 8) + part;
        let name = figure.kind;
        let _ = writeln!(out, "{name:width$} {bar} {}", figure.a_core);
    }
    out
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 368")]
fn eighths(share: f64) -> usize {
    (share.clamp(0.0, 1.0) * COLUMNS * 8.0).round() as usize
}

const WIDTH: u32 = 760;
/// Where bars begin, and the length of the longest.
const LEFT: u32 = 150;
const LONGEST: f64 = 400.0;
const ROW: u32 = 26;
const TOP: u32 = 66;

const STYLE: &str = "<style>
.ink { fill: #1f2328 } .faint { fill: #59636e } .own { fill: #0969da }
@media (prefers-color-scheme: dark) {
.ink { fill: #f0f6fc } .faint { fill: #9198a1 } .own { fill: #4493f8 }
}
</style>";

/// A picture of the same, whose colours follow the reader's light or dark setting.
pub(super) fn svg(calibration: &Calibration) -> String {
    let most = most(calibration);
    let rows = u32::try_from(calibration.figures.len()).unwrap_or(0);
    let height = TOP + rows * ROW + 36;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>What a core carries</title>\n{STYLE}\n"
    );
    let step = &calibration.capacity;
    text(&mut out, 16, 26, "ink", "Calls (or members) that a core carries, by kind of work");
    let level = format!(
        "{} relayed calls: {:.0} % of the core, {} of {} packets lost, p99 of the added delay {:.2} ms",
        step.calls, step.busy_percent, step.lost, step.sent, step.p99_ms
    );
    text(&mut out, 16, 46, "faint", &level);
    for (figure, y) in calibration.figures.iter().zip((TOP..).step_by(ROW as usize)) {
        let length = count(figure.a_core) / most * LONGEST;
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" class=\"ink\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.0}\" height=\"18\" class=\"own\"/>\n\
             <text x=\"{:.0}\" y=\"{}\" class=\"faint\">{}, {:.2} points</text>",
            LEFT - 8,
            y + 14,
            escaped(figure.kind),
            f64::from(LEFT) + length + 6.0,
            y + 14,
            figure.a_core,
            figure.points,
        );
    }
    let machine = &calibration.machine;
    let date = calibration.date.split('T').next().unwrap_or_default();
    let of = format!("{}, Linux {}, {date}", machine.processor, machine.kernel);
    text(&mut out, 16, height - 14, "faint", &of);
    out + "</svg>\n"
}

fn text(out: &mut String, x: u32, y: u32, class: &str, words: &str) {
    let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>", escaped(words));
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn most(calibration: &Calibration) -> f64 {
    calibration.figures.iter().map(|figure| count(figure.a_core)).fold(1.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "a count of calls")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::report::tests::example;
    use crate::text::WIDTH as TERMINAL;

    #[test]
    fn bars_are_as_long_as_their_figures_and_fit_a_terminal() {
        let text = terminal(&example());
        assert!(text.lines().all(|line| line.chars().count() <= TERMINAL), "{text}");
        let bar = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.chars().filter(|c| *c == '█').count()
        };
        assert_eq!((bar("relay"), bar("opus")), (46, 5), "{text}");
    }

    #[test]
    fn a_picture_closes_what_it_opens_and_escapes_names() {
        let mut calibration = example();
        calibration.machine.processor = "A & B <1>".to_owned();
        let picture = svg(&calibration);
        for element in ["svg", "text", "style", "title"] {
            let opened = picture.matches(&format!("<{element}")).count();
            assert_eq!(opened, picture.matches(&format!("</{element}>")).count(), "{element}");
        }
        assert!(picture.contains("A &amp; B &lt;1&gt;") && picture.contains("161, 8.01 points"), "{picture}");
    }
}
