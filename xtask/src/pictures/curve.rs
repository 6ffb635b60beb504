//! The operating curve of call analysis: persons recognised against machines recognised as the threshold moves.

use serde_json::Value;

use super::{open, text};

const SIZE: (u32, u32) = (560, 400);
const LEFT: f64 = 72.0;
const TOP: f64 = 48.0;
/// Sides of the field in pixels, and the least share shown, in percent.
const FIELD: (f64, f64) = (440.0, 280.0);
const LEAST: f64 = 70.0;

/// Draws the figures that `cargo xtask amd` wrote. `None` where one is missing.
pub(super) fn draw(figures: &Value) -> Option<String> {
    let curve = figures.get("curve")?.as_array()?.iter().map(point).collect::<Option<Vec<_>>>()?;
    let classic = point(figures.get("classic")?)?;
    let chosen = point(figures.get("chosen")?)?;
    let title = "Persons and machines recognised within 2.5 s of their first word";
    let mut out = open(SIZE.0, SIZE.1, title);
    out += &text(16, 26, "ink", "start", title);
    for share in [70.0, 80.0, 90.0, 100.0] {
        let (x, y) = place((share, share));
        let (right, bottom) = (LEFT + FIELD.0, TOP + FIELD.1);
        out += &format!(
            "<path d=\"M{LEFT} {y:.1}H{right}M{x:.1} {TOP}V{bottom}\" class=\"line\" opacity=\"0.3\"/>\n"
        );
        out += &label(LEFT - 8.0, y + 5.0, "end", &format!("{share:.0} %"));
        out += &label(x, bottom + 20.0, "middle", &format!("{share:.0} %"));
    }
    let points: Vec<String> =
        curve.iter().map(|at| place(*at)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    out += &format!("<polyline points=\"{}\" class=\"media\"/>\n", points.join(" "));
    for (at, words, class) in
        [(chosen, "mediapoint as set", "own"), (classic, "the classic word-count rule", "peer")]
    {
        let (x, y) = place(at);
        out += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\" class=\"{class}\"/>\n");
        let words = format!("{words}: {:.1} % and {:.1} %", at.0, at.1);
        let (x, anchor) = if x > LEFT + FIELD.0 / 2.0 { (x - 12.0, "end") } else { (x + 12.0, "start") };
        out += &label(x, y + 22.0, anchor, &words);
    }
    let middle = LEFT + FIELD.0 / 2.0;
    out += &label(middle, TOP + FIELD.1 + 44.0, "middle", "persons recognised");
    let centre = TOP + FIELD.1 / 2.0;
    out += &format!(
        "<text transform=\"translate(20 {centre}) rotate(-90)\" class=\"faint\" text-anchor=\"middle\">machines recognised</text>\n"
    );
    out += "</svg>\n";
    Some(out)
}

fn point(value: &Value) -> Option<(f64, f64)> {
    Some((value.get(0)?.as_f64()?, value.get(1)?.as_f64()?))
}

fn place((persons, machines): (f64, f64)) -> (f64, f64) {
    let along = |share: f64| (share.max(LEAST) - LEAST) / (100.0 - LEAST);
    (LEFT + FIELD.0 * along(persons), TOP + FIELD.1 * (1.0 - along(machines)))
}

fn label(x: f64, y: f64, anchor: &str, words: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"faint\" text-anchor=\"{anchor}\">{words}</text>\n")
}
