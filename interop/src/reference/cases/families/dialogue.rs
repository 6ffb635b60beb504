//! Hold, re-INVITEs of either side, changes of profile, and rtcp-mux.

use super::{
    Case, Phone, again, answered, answered_back, called_back, callee, caller, case, flags, invite, none,
    query, transport,
};
use crate::ng::Fields;

const PROFILES: [&str; 4] = ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"];

/// No DTLS beside SDES: that is not carried here.
fn sdes() -> Fields {
    none().with("DTLS", "off")
}

/// Each way to hold, by either side, and back.
pub(in super::super) fn holds() -> Vec<Case> {
    /// What it is called, what more, how a phone holds, and what the other answers.
    type Way = (&'static str, &'static str, fn(Phone) -> Phone, &'static str);
    let ways: [Way; 5] = [
        ("sendonly", "", |phone| phone.going("sendonly"), "recvonly"),
        ("recvonly", "", |phone| phone.going("recvonly"), "sendonly"),
        ("inactive", "", |phone| phone.going("inactive"), "inactive"),
        ("zero address", "", |phone| phone.at("0.0.0.0"), "recvonly"),
        ("zero address", " replaced", |phone| phone.at("0.0.0.0"), "recvonly"),
    ];
    let mut out = Vec::new();
    for (name, more, hold, back) in ways {
        let asked = || if more.is_empty() { none() } else { none().with_list("replace", &["zero-address"]) };
        let (a, b) = (caller(), callee());
        out.push(case(
            format!("{name}{more} by the caller"),
            vec![
                invite(&a, none()),
                answered(&b, none()),
                again(&hold(a.clone()), asked()),
                answered(&b.clone().going(back), none()),
                query(),
                again(&a, asked()),
                answered(&b, none()),
                query(),
            ],
        ));
        out.push(case(
            format!("{name}{more} by the callee"),
            vec![
                invite(&a, none()),
                answered(&b, none()),
                called_back(&hold(b.clone()), asked()),
                answered_back(&a.clone().matching().going(back), none()),
                query(),
                called_back(&b, asked()),
                answered_back(&a.clone().matching(), none()),
                query(),
            ],
        ));
        out.push(case(
            format!("{name}{more} from the start"),
            vec![invite(&hold(a), asked()), answered(&b.going(back), none()), query()],
        ));
    }
    out
}

/// The profile changes with a re-INVITE that says nothing of it, or that asks for one.
pub(in super::super) fn profiles() -> Vec<Case> {
    let mut out = Vec::new();
    let agreed =
        |profile| vec![invite(&caller().over(profile), sdes()), answered(&callee().over(profile), none())];
    for before in PROFILES {
        for after in PROFILES.into_iter().filter(|after| *after != before) {
            let mut steps = agreed(before);
            steps.extend([
                again(&caller().over(after), sdes()),
                answered(&callee().over(after), none()),
                query(),
            ]);
            out.push(case(format!("{before} to {after}"), steps));
        }
    }
    for (offered, asked) in [("RTP/SAVP", "RTP/AVP"), ("RTP/AVP", "RTP/SAVP"), ("RTP/AVPF", "RTP/AVP")] {
        let flags = || transport(asked).with("DTLS", "off");
        let (a, b) = (caller().over(offered), callee().over(asked));
        let start = || vec![invite(&a, flags()), answered(&b, none())];
        let then = |name: &str, more: Vec<_>| {
            let mut steps = start();
            steps.extend(more);
            steps.push(query());
            case(format!("{offered} as {asked}, {name}"), steps)
        };
        out.push(then("again without a word", vec![again(&a, sdes()), answered(&b, none())]));
        out.push(then("again with the word", vec![again(&a, flags()), answered(&b, none())]));
        out.push(then(
            "from the callee",
            vec![called_back(&b.turned(), sdes()), answered_back(&a.turned().matching(), none())],
        ));
        let other = if offered == "RTP/AVPF" { "RTP/SAVP" } else { "RTP/AVPF" };
        let (new_a, new_b) = (caller().over(other), callee().over(other));
        out.push(then("another one then", vec![again(&new_a, sdes()), answered(&new_b, none())]));
        out.push(then(
            "another one from the callee",
            vec![called_back(&new_b.turned(), sdes()), answered_back(&new_a.turned().matching(), none())],
        ));
    }
    for (asked, taken, word) in [
        ("RTP/AVP", "RTP/AVPF", "accept"),
        ("RTP/AVPF", "RTP/AVP", "accept"),
        ("RTP/AVP", "RTP/AVP", "RTP/AVPF"),
        ("RTP/AVP", "RTP/AVP", "RTP/SAVP"),
    ] {
        out.push(case(
            format!("{taken} in answer to {asked}, {word} said"),
            vec![
                invite(&caller().over(asked), sdes()),
                answered(&callee().over(taken), transport(word).with("DTLS", "off")),
                query(),
            ],
        ));
    }
    out
}

/// Other re-INVITEs: codecs, ports, sections, of either side, more than one in a row.
pub(in super::super) fn reinvites() -> Vec<Case> {
    let (a, b) = (caller(), callee());
    let mu = ["0 PCMU/8000", "101 telephone-event/8000 0-15"];
    let begin = || vec![invite(&a, none()), answered(&b, none())];
    let then = |name: &str, more: Vec<_>| {
        let mut steps = begin();
        steps.extend(more);
        steps.push(query());
        case(name, steps)
    };
    let moved = |phone: &Phone| phone.clone().at("127.0.0.6").port(25_000);
    vec![
        case("offer only", vec![invite(&a, none()), query()]),
        case("offer twice", vec![invite(&a, none()), invite(&a, none()), answered(&b, none()), query()]),
        case(
            "answer twice",
            vec![
                invite(&a, none()),
                answered(&b.clone().going("sendonly"), none()),
                answered(&b, none()),
                query(),
            ],
        ),
        then("same from the caller", vec![again(&a, none()), answered(&b, none())]),
        then(
            "same from the callee",
            vec![called_back(&b, none()), answered_back(&a.clone().matching(), none())],
        ),
        then(
            "other codec from the caller",
            vec![again(&a.clone().codecs(&mu), none()), answered(&b.clone().codecs(&mu), none())],
        ),
        then(
            "other codec from the callee",
            vec![called_back(&b.clone().codecs(&mu), none()), answered_back(&a.clone().codecs(&mu), none())],
        ),
        then("caller moves", vec![again(&moved(&a), none()), answered(&b, none())]),
        then(
            "callee moves",
            vec![called_back(&moved(&b), none()), answered_back(&a.clone().matching(), none())],
        ),
        then("callee moves in an answer", vec![again(&a, none()), answered(&moved(&b), none())]),
        then(
            "two of them",
            vec![
                again(&a.clone().going("sendonly"), none()),
                answered(&b.clone().going("recvonly"), none()),
                query(),
                called_back(&b.clone().going("inactive"), none()),
                answered_back(&a.clone().matching().going("inactive"), none()),
            ],
        ),
        then(
            "label and reset",
            vec![
                again(&a, flags(&["reset"]).with("label", "caller")),
                answered(&b, none().with("label", "callee")),
            ],
        ),
        then(
            "asymmetric and strict",
            vec![
                again(&a, flags(&["asymmetric", "strict-source"])),
                answered(&b, flags(&["media-handover"])),
            ],
        ),
    ]
}

/// rtcp-mux: who says what, the word, and a re-INVITE of the callee.
pub(in super::super) fn multiplexed() -> Vec<Case> {
    let words: [&[&str]; 6] = [&[], &["offer"], &["require"], &["demux"], &["accept"], &["reject"]];
    let mux = |phone: Phone, on: bool| if on { phone.with("rtcp-mux") } else { phone };
    let mut out = Vec::new();
    for word in words {
        for (offered, taken) in [(false, false), (false, true), (true, false), (true, true)] {
            let (a, b) = (mux(caller(), offered), mux(callee(), taken));
            // What is in use is offered again, whatever the other side offers.
            let used = offered && (taken || matches!(word, ["accept" | "demux"])) && *word != ["reject"];
            let back = mux(caller().matching(), used);
            let asked = || if word.is_empty() { none() } else { none().with_list("rtcp-mux", word) };
            let name = format!("{} {offered} {taken}", word.first().unwrap_or(&"unsaid"));
            out.push(case(
                name,
                vec![
                    invite(&a, asked()),
                    answered(&b, none()),
                    query(),
                    called_back(&b, none()),
                    answered_back(&back, none()),
                    query(),
                ],
            ));
        }
    }
    out
}
