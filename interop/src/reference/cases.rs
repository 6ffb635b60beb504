//! The calls that are compared: makes of endpoints with the flags that proxies set for them.

mod families;
mod flags;
mod makes;
mod phone;
mod played;
mod subscriptions;
mod transcoding;

use super::{Case, Step, Style};
use crate::ng::Fields;

/// The party that called.
pub(super) const A: &str = "tag-a";
/// The party that was called.
pub(super) const B: &str = "tag-b";

/// A description from `interop/testdata/sdp`, with the line ends of the wire.
macro_rules! sdp {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/sdp/", $name, ".sdp"))
            .replace('\n', "\r\n")
    };
}
use sdp;

/// Every style.
pub(crate) fn styles() -> Vec<Style> {
    let style = |name, title, cases| Style { name, title, cases };
    vec![
        style("asterisk", "Asterisk's session descriptions", makes::asterisk()),
        style("freeswitch", "FreeSWITCH's session descriptions", makes::freeswitch()),
        style("linphone", "Linphone's session descriptions", makes::linphone()),
        style("cisco", "Cisco's session descriptions", makes::cisco()),
        style("webrtc", "browsers' session descriptions", makes::webrtc()),
        style("ims", "IMS terminals' session descriptions", makes::ims()),
        style("keys", "offers and answers of SRTP keys", flags::keys()),
        style("rtcp", "every flag for RTCP multiplexing", flags::multiplexing()),
        style("codecs", "flags that change codecs", flags::codecs()),
        style(
            "transcoding",
            "codecs added, converted, preferred and packed anew",
            transcoding::transcoding(),
        ),
        style("replace", "flags that replace parts of a description", flags::replacing()),
        style("sections", "odd and refused media sections", sections()),
        style("subscriptions", "copies for subscribers, and publications", subscriptions::subscriptions()),
        style("holds", "hold and resume by either side, with the state of the call", families::holds()),
        style("profiles", "profiles that change in mid-call", families::profiles()),
        style("reinvites", "re-INVITEs of either side", families::reinvites()),
        style("multiplexed", "rtcp-mux with the state of the call", families::multiplexed()),
        style("sdes", "words about SDES towards each side", families::keys()),
        style("codec-offers", "words about codecs in an offer", families::codec_offers()),
        style("codec-answers", "answers to codecs that were added", families::codec_answers()),
        style("packet-times", "packet times said and asked for", families::packet_times()),
        style("addresses", "flags about addresses", families::addresses()),
        style("zero-addresses", "zero addresses kept, with a family asked for", families::zero_addresses()),
        style("media", "several sections, video and fax", families::media()),
        style(
            "opportunistic",
            "keys beside plain RTP, with every word about them",
            families::opportunistic(),
        ),
        style("kinds", "messages, BFCP, header extensions, numbers without a line", families::kinds()),
        style("played", "media played to parties and stopped", played::played()),
        style("replies", "replies to query, list, delete and statistics", replies()),
        style("errors", "messages that are refused", errors()),
    ]
}

fn none() -> Fields {
    Fields::none()
}

fn flags(list: &[&str]) -> Fields {
    none().with_list("flags", list)
}

fn transport(protocol: &str) -> Fields {
    none().with("transport-protocol", protocol)
}

/// SRTP without DTLS, as a proxy asks for it towards a phone that knows SDES only.
fn secured() -> Fields {
    transport("RTP/SAVP").with("DTLS", "off")
}

fn offer(sdp: String, flags: Fields) -> Step {
    Step { command: "offer", from: A, to: None, sdp: Some(sdp), flags }
}

fn reoffer(sdp: String, flags: Fields) -> Step {
    Step { to: Some(B), ..offer(sdp, flags) }
}

fn answer(sdp: String, flags: Fields) -> Step {
    Step { command: "answer", from: A, to: Some(B), sdp: Some(sdp), flags }
}

fn case(name: impl Into<String>, steps: Vec<Step>) -> Case {
    Case { name: name.into(), steps }
}

/// An offer with flags and a plain answer without.
fn call(name: impl Into<String>, sdp: String, flags: Fields, reply: String) -> Case {
    case(name, vec![offer(sdp, flags), answer(reply, none())])
}

fn directed(sdp: &str, direction: &str) -> String {
    sdp.replace("a=sendrecv", &format!("a={direction}"))
}

fn sections() -> Vec<Case> {
    let (offered, answered) = (sdp!("asterisk-offer"), sdp!("plain-answer"));
    let refused = answered.replace("m=audio 24000", "m=audio 0");
    vec![
        call("many kinds", sdp!("odd-sections"), none(), sdp!("odd-sections")),
        case("many kinds to srtp", vec![offer(sdp!("odd-sections"), secured())]),
        call("minimal", sdp!("minimal-offer"), none(), sdp!("minimal-offer")),
        case("refused from the start", vec![offer(offered.replace("m=audio 14822", "m=audio 0"), none())]),
        call("refused by the answer", offered.clone(), none(), refused),
        call(
            "session direction",
            offered.replace("a=sendrecv\r\n", "").replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n"),
            none(),
            directed(&answered, "recvonly"),
        ),
        case(
            "section removed and back",
            vec![
                offer(offered.clone(), none()),
                answer(answered.clone(), none()),
                reoffer(offered.replace("m=audio 14822", "m=audio 0"), none()),
                reoffer(offered.clone(), none()),
            ],
        ),
        case("line feeds only", vec![offer(offered.replace("\r\n", "\n"), none()), answer(answered, none())]),
        case(
            "no origin",
            vec![offer(offered.replace("o=- 1186735211 1186735211 IN IP4 127.0.0.3\r\n", ""), none())],
        ),
    ]
}

fn replies() -> Vec<Case> {
    let bare = |command| Step { command, from: A, to: None, sdp: None, flags: none() };
    let begun = [offer(sdp!("asterisk-offer"), none()), answer(sdp!("plain-answer"), none())];
    let with = |command| begun.iter().cloned().chain([bare(command)]).collect();
    vec![
        case("query", with("query")),
        case("list", with("list")),
        case("delete", with("delete")),
        case("statistics", with("statistics")),
        case("ping", vec![bare("ping")]),
    ]
}

fn errors() -> Vec<Case> {
    let offered = sdp!("asterisk-offer");
    let bare = |command| Step { command, from: A, to: None, sdp: None, flags: none() };
    vec![
        case("offer without sdp", vec![bare("offer")]),
        case("answer out of the blue", vec![answer(sdp!("plain-answer"), none())]),
        case("query of nothing", vec![bare("query")]),
        case("delete of nothing", vec![bare("delete")]),
        case("unknown command", vec![bare("frobnicate")]),
        case("no sdp at all", vec![offer("hello".to_owned(), none())]),
        case(
            "no media section",
            vec![offer("v=0\r\no=a 1 1 IN IP4 127.0.0.2\r\ns=-\r\nt=0 0\r\n".to_owned(), none())],
        ),
        case("no connection", vec![offer(offered.replace("c=IN IP4 127.0.0.2\r\n", ""), none())]),
        case("port is no number", vec![offer(offered.replace("14822", "abc"), none())]),
        case("port too high", vec![offer(offered.replace("14822", "70000"), none())]),
        case(
            "address is no address",
            vec![offer(offered.replace("c=IN IP4 127.0.0.2", "c=IN IP4 1.2.3.4.5"), none())],
        ),
        case(
            "answer without to-tag",
            vec![offer(offered, none()), Step { to: None, ..answer(sdp!("plain-answer"), none()) }],
        ),
    ]
}
