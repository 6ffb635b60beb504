//! CPU time a packet, ours and rtpengine's, a pair of bars for each load.

use serde_json::Value;

use super::{open, text};

const WIDTH: u32 = 720;
/// Where bars begin, and the length of the longest.
const LEFT: u32 = 176;
const LONGEST: f64 = 380.0;
const ROW: u32 = 58;
const TOP: u32 = 64;

struct Load {
    name: String,
    own: f64,
    peer: f64,
}

/// Draws the figures of `cargo xtask compare`. `None` where one is missing.
pub(super) fn draw(figures: &Value) -> Option<String> {
    let loads = loads(figures)?;
    let machine = figures.get("machine")?;
    let word = |key: &str| machine.get(key)?.as_str();
    let rows = u32::try_from(loads.len()).ok()?;
    let height = TOP + rows * ROW + 40;
    let most = loads.iter().map(|load| load.own.max(load.peer)).fold(0.0, f64::max);
    let mut out = open(WIDTH, height, "CPU time per forwarded packet, mediapoint and rtpengine");
    out += &text(
        16,
        26,
        "ink",
        "start",
        "CPU time per packet: mediapoint and rtpengine in userspace, same load",
    );
    out += &format!(
        "<rect x=\"16\" y=\"38\" width=\"10\" height=\"10\" class=\"own\"/>\n{}",
        text(32, 48, "faint", "start", "mediapoint")
    );
    out += &format!(
        "<rect x=\"126\" y=\"38\" width=\"10\" height=\"10\" class=\"peer\"/>\n{}",
        text(142, 48, "faint", "start", "rtpengine")
    );
    out += &text(WIDTH - 16, 48, "faint", "end", "rtpengine / mediapoint");
    for (load, y) in loads.iter().zip((TOP..).step_by(ROW as usize)) {
        out += &text(LEFT - 10, y + 26, "ink", "end", &load.name);
        out += &bar(y + 4, "own", load.own, most);
        out += &bar(y + 26, "peer", load.peer, most);
        out += &text(WIDTH - 16, y + 26, "ink", "end", &format!("{:.1} times", load.peer / load.own));
    }
    let date = word("date")?.split('T').next()?.to_owned();
    let source = format!("medians; {}, rtpengine {}, {date}", word("processor")?, word("rtpengine")?);
    out += &text(16, height - 16, "faint", "start", &source);
    Some(out + "</svg>\n")
}

fn bar(y: u32, class: &str, microseconds: f64, most: f64) -> String {
    let width = microseconds / most * LONGEST;
    let end = f64::from(LEFT) + width + 8.0;
    format!(
        "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.0}\" height=\"18\" class=\"{class}\"/>\n\
         <text x=\"{end:.0}\" y=\"{}\" class=\"faint\">{microseconds:.1} µs</text>\n",
        y + 14
    )
}

/// The loads that both servers were measured under, in the order of the file.
fn loads(figures: &Value) -> Option<Vec<Load>> {
    let results = figures.get("results")?.as_array()?;
    let figure = |server: &str, kind: &Value| {
        results
            .iter()
            .find(|result| {
                result.get("server").is_some_and(|name| name == server) && result.get("kind") == Some(kind)
            })
            .and_then(|result| result.get("median")?.get("CPU µs a packet")?.as_f64())
    };
    let kinds = results.iter().filter(|result| result.get("server").is_some_and(|name| name == "mediapoint"));
    let loads: Option<Vec<Load>> = kinds
        .map(|result| {
            let kind = result.get("kind")?;
            Some(Load {
                name: name(kind.as_str()?),
                own: figure("mediapoint", kind)?,
                peer: figure("rtpengine", kind)?,
            })
        })
        .collect();
    loads.filter(|loads| !loads.is_empty())
}

fn name(kind: &str) -> String {
    let codec = |kind: &str| match kind {
        "pcma" => "PCMU to PCMA".to_owned(),
        "g722" => "PCMU to G.722".to_owned(),
        "g729" => "PCMU to G.729".to_owned(),
        "opus" => "PCMU to Opus".to_owned(),
        _ => "PCMU relay".to_owned(),
    };
    match kind.strip_prefix("srtp-") {
        Some("pcmu") => "RTP to SRTP".to_owned(),
        Some(rest) => format!("{}, SRTP", codec(rest)),
        None => codec(kind),
    }
}
