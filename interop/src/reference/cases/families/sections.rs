//! Sections of other kinds, and lines of audio and video that a relay may touch.

use super::{Case, Step, answered, callee, caller, case, flags, from_caller, invite, none, query, transport};
use crate::ng::Fields;

pub(in super::super) fn kinds() -> Vec<Case> {
    let (a, b) = (caller(), callee());
    let step = |command, sdp: String, to, fields: Fields| Step { to, ..from_caller(command, &sdp, fields) };
    let offer = |sdp: String| step("offer", sdp, None, none());
    let again = |sdp: String| from_caller("offer", &sdp, none());
    let answer = |sdp: String| from_caller("answer", &sdp, none());
    let message = |host: &str, port: u16, protocol: &str| {
        format!(
            "m=message {port} {protocol} *\r\na=accept-types:*\r\na=path:msrp://{host}:{port}/x;tcp\r\na=setup:actpass\r\n"
        )
    };
    let of_a = |protocol: &str| a.text() + &message("127.0.0.2", 14_910, protocol);
    let of_b = |protocol: &str| b.text() + &message("127.0.0.4", 24_910, protocol);
    let mut out = Vec::new();
    for protocol in ["TCP/MSRP", "TCP/TLS/MSRP"] {
        out.push(case(
            format!("messages over {protocol}"),
            vec![
                offer(of_a(protocol)),
                answer(of_b(protocol)),
                query(),
                again(of_a(protocol)),
                answer(of_b(protocol)),
                query(),
            ],
        ));
    }
    out.push(case(
        "messages refused",
        vec![
            offer(of_a("TCP/MSRP")),
            answer(of_b("TCP/MSRP").replace("m=message 24910", "m=message 0")),
            query(),
        ],
    ));
    let section =
        |port: u16, line: &str| format!("m=application {port} {line}\r\na=floorctrl:c-s\r\na=confid:7\r\n");
    for line in ["UDP/BFCP *", "UDP/TLS/BFCP *", "TCP/BFCP *"] {
        let (of_a, of_b) = (a.text() + &section(14_920, line), b.text() + &section(24_920, line));
        out.push(case(
            format!("floors over {}", line.split(' ').next().unwrap_or_default()),
            vec![offer(of_a.clone()), answer(of_b.clone()), query(), again(of_a), answer(of_b), query()],
        ));
    }
    let extensions = "extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    for (name, fields) in [("kept", none()), ("stripped", flags(&["strip-extmap"]))] {
        out.push(case(
            format!("header extensions {name}"),
            vec![
                invite(&a.clone().with(extensions), fields),
                answered(&b.clone().with(extensions), none()),
                query(),
            ],
        ));
    }
    for (name, fields) in [("kept", none()), ("to AVP", transport("RTP/AVP"))] {
        let feedback = |phone: &super::Phone| {
            phone.clone().over("RTP/AVPF").with("rtcp-fb:* ccm fir").with("rtcp-fb:8 nack")
        };
        let back = if name == "kept" { feedback(&b) } else { b.clone() };
        out.push(case(
            format!("feedback {name}"),
            vec![invite(&feedback(&a), fields), answered(&back, none()), query()],
        ));
    }
    let video =
        |text: String, port: u16, lines: &str| text + &format!("m=video {port} RTP/AVP 96 97\r\n{lines}");
    let described = "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 H264/90000\r\n";
    out.push(case(
        "video answered without its lines",
        vec![offer(video(a.text(), 14_930, described)), answer(video(b.text(), 24_930, "")), query()],
    ));
    out
}
