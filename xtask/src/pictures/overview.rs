//! Two phones, a SIP proxy, and the media server between them.

use super::{open, text};

const WIDTH: u32 = 720;
const HEIGHT: u32 = 300;

pub(super) fn draw() -> String {
    let mut out =
        open(WIDTH, HEIGHT, "A SIP proxy commands mediapoint; the audio of the phones passes through it");
    // Signalling above, media below.
    for (x1, y1, x2, y2) in [(150, 130, 272, 62), (448, 62, 570, 130)] {
        out += &format!("<path class=\"line\" stroke-dasharray=\"5 4\" d=\"M{x1} {y1} L{x2} {y2}\"/>\n");
    }
    out += &text(180, 82, "faint", "middle", "SIP");
    out += &text(540, 82, "faint", "middle", "SIP");
    out += "<path class=\"line\" d=\"M360 84 V198\"/>\n<path class=\"line\" d=\"M354 188 L360 198 L366 188\"/>\n";
    out += &text(370, 132, "faint", "start", "ng protocol:");
    out += &text(370, 150, "faint", "start", "offer, answer, delete");
    for d in ["M150 166 L262 214", "M570 166 L458 214"] {
        out += &format!("<path class=\"media\" d=\"{d}\"/>\n");
    }
    out += &text(150, 214, "faint", "middle", "PCMU, plain RTP");
    out += &text(574, 214, "faint", "middle", "G.729 over SRTP");
    out += &node(272, 40, 176, "Kamailio, OpenSIPS", "or your own controller", "box", "ink", "faint");
    out += &node(24, 126, 126, "phone", "caller", "box", "ink", "faint");
    out += &node(570, 126, 126, "phone", "callee", "box", "ink", "faint");
    out += &node(262, 200, 196, "mediapoint", "relay, transcode, encrypt", "own", "on", "on");
    out += &text(
        WIDTH / 2,
        284,
        "faint",
        "middle",
        "each phone sees one address, one stream and one key, whatever the other side is or becomes",
    );
    out + "</svg>\n"
}

#[expect(clippy::too_many_arguments, reason = "a box is its place, its words and its colours")]
fn node(
    x: u32,
    y: u32,
    width: u32,
    name: &str,
    what: &str,
    class: &str,
    first: &str,
    second: &str,
) -> String {
    let middle = x + width / 2;
    let frame =
        format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"44\" rx=\"6\" class=\"{class}\"/>\n");
    frame + &text(middle, y + 19, first, "middle", name) + &text(middle, y + 36, second, "middle", what)
}
