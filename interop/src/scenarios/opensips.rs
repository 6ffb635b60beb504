//! The calls of `examples/opensips.cfg` as its rtpengine module tells the media server of them.

use std::path::Path;

use crate::error::{Failure, ensure};
use crate::ng::Reply;
use crate::opensips::{Link, Module, Sip};
use crate::rtp::payload;
use crate::scenarios::dialogue::{Voice, talk};
use crate::scenarios::{Bench, Scenario};
use crate::sdp::{Crypto, Description, Offer, PCMU, Section};
use crate::server::{Kind, Server};
use crate::tools::{Keyed, SUITES};
use crate::wire::{Channel, Wire};

/// Words of the configuration for everyone, for user 203 and for user 204, and those of an answer.
const PLAIN: &str = "RTP/AVP transcode-PCMU replace-origin ICE=remove";
const SECURED: &str = "RTP/SAVP transcode-PCMU replace-origin ICE=remove";
const G729: &str =
    "RTP/AVP codec-mask-all codec-except-telephone-event transcode-G729 replace-origin ICE=remove";
const ANSWER: &str = "replace-origin ICE=remove";

const FROM: &str = "caller-7f3a";
const TO: &str = "callee.91:c";
/// Packets that each party speaks between two changes.
const SPELL: usize = 50;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "opensips-udp",
            "calls as OpenSIPS's rtpengine module tells of them over UDP",
            |bench| calls(bench.server, Link::udp(bench.server.control)?),
        ),
        Scenario::new("opensips-unix", "the same over a Unix socket, without cookies", |bench| {
            let path = bench.folder.join("ng");
            let server = over_unix(bench, &path)?;
            calls(&server, Link::Unix(path))
        })
        .only(Kind::Mediapoint, "the reference listens on no Unix socket"),
    ]
}

fn over_unix(bench: &Bench<'_>, path: &Path) -> Result<Server, Failure> {
    bench.server.another(&bench.folder, &["--ng-tcp".to_owned(), format!("unix:{}", path.display())])
}

/// An INVITE or another request of the caller.
fn request<'s>(call_id: &'s str, to_tag: Option<&'s str>) -> Sip<'s> {
    Sip { call_id, from_tag: FROM, to_tag, is_response: false }
}

/// A response to an INVITE of the caller.
fn response(call_id: &str) -> Sip<'_> {
    Sip { call_id, from_tag: FROM, to_tag: Some(TO), is_response: true }
}

/// The section that comes back, with nothing of a phone's own address left.
fn section(reply: &Reply) -> Result<Section, Failure> {
    let text = reply.text("sdp").ok_or_else(|| Failure::Wrong("the reply has no sdp".to_owned()))?;
    ensure!(!text.contains("10.9.9.9"), "the phone's own address is told: {text}");
    Ok(Description::parse(text)?.first()?.clone())
}

/// A phone's description, with an address of its own network in `o=`.
fn description(offer: &Offer) -> String {
    offer.text().replacen("127.0.0.1\r\ns=", "10.9.9.9\r\ns=", 1)
}

fn calls(server: &Server, link: Link) -> Result<(), Failure> {
    let mut module = Module::start(link)?;
    call(&mut module)?;
    server.check_no_call()?;
    secured(&mut module)?;
    transcoded(&mut module)?;
    late_offer(&mut module)?;
    cancelled(&mut module)?;
    server.check_no_call()?;
    // A 200 whose call is gone.
    let gone = module.answer(response("opensips-gone"), ANSWER, &Offer::plain(40_000, &[PCMU]).text());
    ensure!(matches!(gone, Err(Failure::Refused { .. })), "an answer without an offer was taken");
    Ok(())
}

/// INVITE, 183, 200, speech, a re-INVITE by the callee, speech, BYE by the callee.
fn call(module: &mut Module) -> Result<(), Failure> {
    let id = "opensips-call";
    let (wire_a, wire_b) = (Wire::open()?, Wire::open()?);
    let (offer, answer) = (Offer::plain(wire_a.port()?, &[PCMU]), Offer::plain(wire_b.port()?, &[PCMU]));
    let to_callee = section(&module.offer(request(id, None), PLAIN, &description(&offer))?)?;
    let early = section(&module.answer(response(id), ANSWER, &description(&answer))?)?;
    let to_caller = section(&module.answer(response(id), ANSWER, &description(&answer))?)?;
    ensure!(early.port == to_caller.port, "183 and 200 name the ports {} and {}", early.port, to_caller.port);
    wire_b.connect(to_callee.port);
    wire_a.connect(to_caller.port);
    let mut voices = [Voice::new(0, 0x1111_2222)?, Voice::new(1, 0x3333_4444)?];
    let mut speak = |packets: usize| {
        let [a, b] = &mut voices;
        talk(packets, &mut [(a, &wire_a), (b, &wire_b)])
    };
    speak(SPELL)?;
    let by_callee = Sip { call_id: id, from_tag: TO, to_tag: Some(FROM), is_response: false };
    let again = section(&module.offer(by_callee, PLAIN, &description(&answer.changed("sendrecv")))?)?;
    ensure!(again.port == to_caller.port, "the re-INVITE moves the caller to {}", again.port);
    let accepted = Sip { is_response: true, ..by_callee };
    section(&module.answer(accepted, ANSWER, &description(&offer.changed("sendrecv")))?)?;
    speak(SPELL)?;
    for (who, wire, from) in [("the caller", &wire_a, &voices[1]), ("the callee", &wire_b, &voices[0])] {
        wire.wait_quiet();
        let arrivals = wire.arrivals(Channel::Rtp);
        let heard: Vec<u8> = arrivals.iter().flat_map(|arrival| payload(&arrival.bytes)).copied().collect();
        ensure!(heard == from.said(), "{who} heard {} of {} octets", heard.len(), from.said().len());
    }
    let reply = module.delete(by_callee)?;
    ensure!(reply.at(&["tags", FROM]).is_some(), "the reply to delete has no figures of the caller");
    Ok(())
}

/// The callee speaks SRTP, the caller does not.
fn secured(module: &mut Module) -> Result<(), Failure> {
    let id = "opensips-srtp";
    let offer = Offer::plain(40_000, &[PCMU]);
    let to_callee = section(&module.offer(request(id, None), SECURED, &description(&offer))?)?;
    ensure!(to_callee.protocol == "RTP/SAVP", "the callee is offered {}", to_callee.protocol);
    let [suite, ..] = SUITES;
    let offered: Vec<Crypto> = to_callee.crypto();
    let tag = offered.iter().find(|crypto| crypto.suite == suite.name).map(|crypto| crypto.tag);
    let tag = tag.ok_or_else(|| Failure::Wrong(format!("{} is not offered", suite.name)))?;
    let answer = Offer::plain(40_010, &[PCMU]).secured(Keyed::random(suite)?.line(tag));
    let to_caller = section(&module.answer(response(id), ANSWER, &description(&answer))?)?;
    ensure!(to_caller.protocol == "RTP/AVP", "the caller is answered {}", to_caller.protocol);
    ensure!(!to_caller.has("crypto"), "the caller is told a key");
    module.delete(request(id, Some(TO))).map(drop)
}

/// The callee speaks G.729 only.
fn transcoded(module: &mut Module) -> Result<(), Failure> {
    let id = "opensips-g729";
    let offer = Offer::plain(40_000, &[PCMU, (101, "telephone-event/8000")]);
    let to_callee = section(&module.offer(request(id, None), G729, &description(&offer))?)?;
    ensure!(to_callee.formats == ["18", "101"], "the callee is offered {:?}", to_callee.formats);
    let answer = Offer::plain(40_010, &[(18, "G729/8000"), (101, "telephone-event/8000")]);
    let to_caller = section(&module.answer(response(id), ANSWER, &description(&answer))?)?;
    ensure!(to_caller.formats == ["0", "101"], "the caller is answered {:?}", to_caller.formats);
    module.delete(request(id, Some(TO))).map(drop)
}

/// The offer is in the 200, the answer in the ACK.
fn late_offer(module: &mut Module) -> Result<(), Failure> {
    let id = "opensips-late";
    let offer = Offer::plain(40_010, &[PCMU]);
    let to_caller = section(&module.offer(response(id), PLAIN, &description(&offer))?)?;
    let answer = Offer::plain(40_000, &[PCMU]);
    let to_callee = section(&module.answer(request(id, Some(TO)), ANSWER, &description(&answer))?)?;
    ensure!(to_caller.port != 0 && to_callee.port != 0, "a late offer has port 0");
    module.delete(request(id, Some(TO))).map(drop)
}

/// The INVITE fails, and nothing but the caller's tag is known.
fn cancelled(module: &mut Module) -> Result<(), Failure> {
    let id = "opensips-cancel";
    module.offer(request(id, None), PLAIN, &description(&Offer::plain(40_000, &[PCMU])))?;
    module.delete(request(id, None)).map(drop)
}
