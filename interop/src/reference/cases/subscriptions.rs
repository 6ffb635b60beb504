//! Copies of a call's media for others, and media that is published.

use super::super::{Case, Step};
use super::{A, answer, case, flags, none, offer, sdp, secured, transport};
use crate::ng::Fields;

/// The party that receives copies.
const SUBSCRIBER: &str = "tag-s";

pub(super) fn subscriptions() -> Vec<Case> {
    let plain = sdp!("plain-answer");
    let begun = [offer(sdp!("asterisk-offer"), none()), answer(plain.clone(), none())];
    let with = |steps: Vec<Step>| begun.iter().cloned().chain(steps).collect();
    let command = |command, flags| Step { command, from: A, to: Some(SUBSCRIBER), sdp: None, flags };
    let ask = |flags: Fields| command("subscribe request", flags);
    let take = |sdp: &str, flags| Step { sdp: Some(sdp.to_owned()), ..command("subscribe answer", flags) };
    let received = plain.replace("a=sendrecv", "a=recvonly");
    let transcoding = || flags(&["allow transcoding"]);
    vec![
        case(
            "one party",
            with(vec![ask(none()), take(&received, transcoding()), command("unsubscribe", none())]),
        ),
        case("both parties", with(vec![ask(flags(&["all"]))])),
        case("both parties by tags", with(vec![ask(none().with_list("from-tags", &["tag-a", "tag-b"]))])),
        case("recording session", with(vec![ask(flags(&["all", "SIPREC"]))])),
        case("srtp", with(vec![ask(secured())])),
        case("feedback", with(vec![ask(transport("RTP/AVPF"))])),
        case("codec hidden", with(vec![ask(none().with_codec("strip", &["PCMU"]))])),
        case("not all codecs", with(vec![ask(none()), take(&received, none())])),
        case("inactive", with(vec![ask(flags(&["inactive"]))])),
        case("unknown subscriber", with(vec![take(&received, none()), command("unsubscribe", none())])),
        case(
            "published",
            vec![Step {
                command: "publish",
                sdp: Some(sdp!("asterisk-offer").replace("a=sendrecv", "a=sendonly")),
                to: None,
                ..command("publish", none())
            }],
        ),
    ]
}
