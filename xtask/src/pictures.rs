//! The pictures of the documents, drawn from source: `docs/pictures`.
//!
//! `overview.svg` shows who speaks what to whom, `cpu.svg` the CPU time a packet beside rtpengine, from the figures that
//! `cargo xtask compare --summary` wrote, `amd.svg` what call analysis recognises, from the figures that `cargo xtask amd` wrote.

mod bars;
mod curve;
mod overview;

use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::shell;

const FIGURES: &str = "docs/pictures/compare.json";
const RECOGNISED: &str = "docs/pictures/amd.json";

/// `cargo xtask docs-check`, fifth part. With `write`, pictures are drawn anew.
pub(crate) fn check(write: bool) -> Result<(), Error> {
    let bars = drawn(FIGURES, bars::draw)?;
    let curve = drawn(RECOGNISED, curve::draw)?;
    let pictures = [
        ("docs/pictures/overview.svg", overview::draw()),
        ("docs/pictures/cpu.svg", bars),
        ("docs/pictures/amd.svg", curve),
    ];
    let mut findings = Vec::new();
    for (path, wanted) in pictures {
        let path = Path::new(path);
        if write {
            std::fs::write(path, wanted).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        } else if shell::read(path).ok().as_deref() != Some(wanted.as_str()) {
            findings.push(format!(
                "{}: not what is drawn now: run `cargo xtask docs-check --conformance write`",
                path.display()
            ));
        }
    }
    if findings.is_empty() {
        println!("pictures: as they are drawn");
        Ok(())
    } else {
        Err(Error::Findings { check: "pictures", findings })
    }
}

fn drawn(path: &str, draw: fn(&Value) -> Option<String>) -> Result<String, Error> {
    let text = shell::read(Path::new(path))?;
    let figures = serde_json::from_str(&text).map_err(|error| Error::Tool(format!("{path}: {error}")))?;
    draw(&figures).ok_or_else(|| Error::Tool(format!("{path}: a figure is missing")))
}

/// Opens a picture of a width and a height in pixels. Its colours follow the reader's light or dark setting.
fn open(width: u32, height: u32, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"14\">\n<title>{title}</title>\n{STYLE}\n"
    )
}

const STYLE: &str = "<style>
.ink { fill: #1f2328 } .faint { fill: #59636e } .line { stroke: #59636e; fill: none; stroke-width: 1.5 }
.box { fill: #f6f8fa; stroke: #59636e; stroke-width: 1.5 } .own { fill: #0969da } .on { fill: #ffffff }
.peer { fill: #afb8c1 } .media { stroke: #0969da; fill: none; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
.ink { fill: #f0f6fc } .faint { fill: #9198a1 } .line { stroke: #9198a1 } .box { fill: #151b23; stroke: #9198a1 }
.own { fill: #4493f8 } .on { fill: #0d1117 } .peer { fill: #656c76 } .media { stroke: #4493f8 }
}
</style>";

/// A line of text; `anchor` is start, middle or end.
fn text(x: u32, y: u32, class: &str, anchor: &str, words: &str) -> String {
    format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_close_every_element_that_they_open() {
        let figures = serde_json::json!({
            "machine": { "processor": "P", "date": "2026-11-29T01:00+00:00", "rtpengine": "10.5" },
            "results": [
                { "server": "mediapoint", "kind": "pcmu", "calls": 400, "median": { "CPU µs a packet": 6.0 } },
                { "server": "rtpengine", "kind": "pcmu", "calls": 400, "median": { "CPU µs a packet": 12.0 } },
            ],
        });
        let bars = bars::draw(&figures).unwrap_or_default();
        assert!(bars.contains("2.0 times"), "{bars}");
        let figures = serde_json::json!({
            "curve": [[80.0, 99.0], [95.0, 95.0]], "classic": [75.0, 94.0], "chosen": [95.0, 95.0],
        });
        let curve = curve::draw(&figures).unwrap_or_default();
        assert!(curve.contains("as set: 95.0 % and 95.0 %"), "{curve}");
        for picture in [bars, curve, overview::draw()] {
            for element in ["svg", "text", "style", "title"] {
                let opened = picture.matches(&format!("<{element}")).count();
                assert_eq!(opened, picture.matches(&format!("</{element}>")).count(), "{element}");
                assert!(opened > 0);
            }
        }
    }

    #[test]
    fn a_missing_figure_is_no_picture() {
        assert_eq!(bars::draw(&serde_json::json!({ "results": [] })), None);
        assert_eq!(curve::draw(&serde_json::json!({ "curve": [[80.0]] })), None);
    }
}
