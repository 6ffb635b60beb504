//! The operating curve as a picture.

use std::fmt::Write as _;

use crate::evaluate::Point;

const SIZE: (f64, f64) = (480.0, 360.0);
const LEFT: f64 = 60.0;
const TOP: f64 = 20.0;
/// Least share that is shown, in percent.
const LEAST: f64 = 60.0;

pub fn draw(curve: &[Point], classic: Point) -> String {
    let (width, height) = (SIZE.0 - LEFT - 20.0, SIZE.1 - TOP - 50.0);
    let x = |share: f64| LEFT + width * (share.max(LEAST) - LEAST) / (100.0 - LEAST);
    let y = |share: f64| TOP + height * (100.0 - share.max(LEAST)) / (100.0 - LEAST);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Persons and machines recognised within 2.5 s</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        SIZE.0, SIZE.1
    );
    for share in [60.0, 70.0, 80.0, 90.0, 100.0] {
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1}H{right}M{x:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>\n\
             <text x=\"{label}\" y=\"{text:.1}\" text-anchor=\"end\">{share}</text>\n\
             <text x=\"{x:.1}\" y=\"{below}\" text-anchor=\"middle\">{share}</text>",
            y = y(share),
            right = LEFT + width,
            x = x(share),
            bottom = TOP + height,
            label = LEFT - 6.0,
            text = y(share) + 4.0,
            below = TOP + height + 16.0
        );
    }
    let points: Vec<String> = curve.iter().map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b))).collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1565c0\" stroke-width=\"2\"/>",
        points.join(" ")
    );
    for (a, b) in curve {
        let _ = writeln!(out, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\" fill=\"#1565c0\"/>", x(*a), y(*b));
    }
    let (a, b) = classic;
    let _ = writeln!(
        out,
        "<path d=\"M{x:.1} {y:.1}m-5 -5l10 10m0 -10l-10 10\" stroke=\"#c62828\" stroke-width=\"2\"/>\n\
         <text x=\"{label:.1}\" y=\"{above:.1}\" fill=\"#c62828\">classic rule: {a:.0} % and {b:.0} %</text>\n\
         <text x=\"{middle}\" y=\"{bottom}\" text-anchor=\"middle\">persons recognised within 2.5 s, %</text>\n\
         <text transform=\"translate(16 {centre}) rotate(-90)\" text-anchor=\"middle\">machines recognised, %</text>\n</svg>",
        x = x(a),
        y = y(b),
        label = x(a) + 8.0,
        above = y(b) - 8.0,
        middle = LEFT + width / 2.0,
        bottom = SIZE.1 - 12.0,
        centre = TOP + height / 2.0
    );
    out
}
