//! Words about codecs, one at a time and in pairs, and what either side takes then.

use super::{Case, Phone, answered, call, callee, caller, case, flags, invite, none, query};
use crate::ng::Fields;

const MU: &str = "0 PCMU/8000";
const A_LAW: &str = "8 PCMA/8000";
const G722: &str = "9 G722/8000";
const EVENTS: &str = "101 telephone-event/8000 0-15";
const NAMES: [&str; 5] = ["PCMU", "PCMA", "G722", "telephone-event", "all"];

/// `directive=codec` words.
fn change(words: &[(&str, &str)]) -> Fields {
    let mut fields = none();
    for directive in ["strip", "except", "offer", "transcode", "mask", "consume", "accept", "set"] {
        let of: Vec<&str> =
            words.iter().filter(|(name, _)| *name == directive).map(|(_, codec)| *codec).collect();
        if !of.is_empty() {
            fields = fields.with_codec(directive, &of);
        }
    }
    fields
}

fn three() -> Phone {
    caller().codecs(&[MU, A_LAW, G722, EVENTS])
}

/// Each directive with each codec, and pairs of them.
pub(in super::super) fn offers() -> Vec<Case> {
    let mut out = Vec::new();
    for directive in ["strip", "mask", "consume", "accept", "except", "offer", "transcode"] {
        for codec in NAMES {
            let words = [(directive, codec)];
            let b = callee().codecs(&[if codec == "PCMA" { MU } else { A_LAW }, EVENTS]);
            out.push(call(format!("{directive} {codec}"), &three(), change(&words), &b, none()));
        }
    }
    for (first, second) in [
        (("strip", "PCMU"), ("offer", "PCMU")),
        (("strip", "PCMU"), ("except", "PCMU")),
        (("strip", "all"), ("offer", "PCMA")),
        (("strip", "all"), ("except", "G722")),
        (("strip", "all"), ("transcode", "PCMA")),
        (("mask", "PCMU"), ("offer", "PCMU")),
        (("mask", "all"), ("except", "PCMA")),
        (("mask", "all"), ("transcode", "G722")),
        (("mask", "PCMA"), ("transcode", "opus")),
        (("consume", "G722"), ("strip", "PCMU")),
        (("accept", "PCMU"), ("strip", "PCMU")),
        (("accept", "G722"), ("offer", "PCMA")),
        (("offer", "G722"), ("offer", "PCMA")),
        (("transcode", "opus"), ("offer", "PCMA")),
    ] {
        let name = format!("{} {} and {} {}", first.0, first.1, second.0, second.1);
        let b = callee().codecs(&[A_LAW, EVENTS]);
        out.push(call(name, &three(), change(&[first, second]), &b, none()));
    }
    for word in ["transcode-G722", "codec-transcode-G722", "codec-strip-PCMU", "codec-mask-PCMU"] {
        let b = callee().codecs(&[A_LAW, EVENTS]);
        out.push(call(format!("the word {word}"), &caller(), flags(&[word]), &b, none()));
    }
    out.extend(video());
    out
}

/// `strip` on a section that is not audio.
fn video() -> Vec<Case> {
    let text = |phone: &Phone, port: u16, codecs: &str| {
        let maps: String = codecs
            .split(' ')
            .map(|number| {
                format!("a=rtpmap:{number} {}/90000\r\n", if number == "96" { "H264" } else { "VP8" })
            })
            .collect();
        phone.text() + &format!("m=video {port} RTP/AVP {codecs}\r\n{maps}a=sendrecv\r\n")
    };
    let mut out = Vec::new();
    for words in [[("strip", "H264")], [("strip", "VP8")], [("mask", "VP8")], [("offer", "VP8")]] {
        let [(directive, codec)] = words;
        let offered = text(&caller(), 14_900, "96 97");
        let taken = text(&callee(), 24_900, if words == [("strip", "H264")] { "97" } else { "96" });
        out.push(case(
            format!("{directive} {codec} in video"),
            vec![
                super::Step { to: None, ..super::from_caller("offer", &offered, change(&words)) },
                super::from_caller("answer", &taken, none()),
                query(),
            ],
        ));
    }
    out
}

/// What is answered to codecs that were added, and words in the answer.
pub(in super::super) fn answers() -> Vec<Case> {
    let mut out = Vec::new();
    let opus = "96 opus/48000/2";
    for (name, taken) in [
        ("added", vec![opus]),
        ("added and events", vec![opus, EVENTS]),
        ("second", vec![A_LAW, EVENTS]),
        ("third", vec![G722, EVENTS]),
        ("added and second", vec![opus, A_LAW, EVENTS]),
        ("second and added", vec![A_LAW, opus, EVENTS]),
        ("all in another order", vec![G722, A_LAW, MU, EVENTS]),
        ("without events", vec![MU]),
    ] {
        let b = callee().codecs(&taken);
        let asked = || change(&[("transcode", "opus")]);
        out.push(call(format!("{name} of what was added to"), &three(), asked(), &b, none()));
        out.push(call(format!("{name}, single"), &three(), asked(), &b, flags(&["single-codec"])));
        if !taken.contains(&opus) {
            out.push(call(format!("{name} of the caller's own"), &three(), none(), &b, none()));
        }
    }
    for (directive, codec) in
        [("strip", "PCMA"), ("strip", "telephone-event"), ("offer", "G722"), ("strip", "all")]
    {
        let b = callee().codecs(&[A_LAW, G722, EVENTS]);
        out.push(case(
            format!("{directive} {codec} in the answer"),
            vec![invite(&three(), none()), answered(&b, change(&[(directive, codec)])), query()],
        ));
    }
    out
}
