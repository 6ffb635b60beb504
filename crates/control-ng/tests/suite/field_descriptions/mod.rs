//! Descriptions as phones, gateways and browsers in the field write them: what the other side is told of them, and that media
//! flows.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support outside of test functions"
)]

use crate::common;

mod addresses;
mod bytes;
mod changes;
mod codecs;
mod osrtp;
mod sections;
mod untidy;

use common::phone::Phone;
use common::*;
use mediapoint_control_ng::wire::{Value, decode};
use mediapoint_control_ng::{Handler as _, Request};
use mediapoint_packet::Time;
use mediapoint_packet::sdp::Sdp;

const A: &str = "192.0.2.1";
const B: &str = "198.51.100.1";

/// The description in a reply, byte for byte.
fn exact(server: &Server, command: &str, json: &str, sdp: &[u8]) -> Vec<u8> {
    let mut dict = decode(format!("{{{json}}}").as_bytes()).unwrap();
    dict.insert(b"command".to_vec(), command.into());
    dict.insert(b"sdp".to_vec(), sdp.into());
    let source = std::net::SocketAddr::from(([127, 0, 0, 1], 2223));
    let request = Request::parse(&dict, source).unwrap();
    let reply = server.controller.handle(Time::from_millis(5_000), request);
    assert_eq!(reply.text("result"), "ok", "{}", reply.text("error-reason"));
    match reply.value("sdp") {
        Some(Value::Bytes(sdp)) => sdp.to_vec(),
        other => panic!("{other:?} is no description"),
    }
}

const OFFER: &str = r#""call-id":"c","from-tag":"a""#;
const ANSWER: &str = r#""call-id":"c","from-tag":"a","to-tag":"b""#;

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Every payload type of audio that goes out and is no fixed one has a line.
fn is_described(sdp: &Sdp) {
    for section in sdp.media.iter().filter(|section| !section.is_rejected()) {
        for number in section.payload_types().filter(|number| *number >= 35) {
            let described = section.body.rtpmaps().any(|map| map.payload_type == number);
            assert!(described, "{number} has no a=rtpmap line");
        }
    }
}

/// Offers and answers; both descriptions that go out must describe their numbers.
fn exchange(server: &Server, offer: &str, answer: &str, more: &str) -> (Sdp, Sdp) {
    let to_b = server.offer(offer, more);
    let to_a = server.answer(answer, "");
    is_described(&to_b);
    is_described(&to_a);
    (to_b, to_a)
}

/// A packet each way, untouched.
fn relays(a: &mut Phone, to_a: &Sdp, b: &mut Phone, to_b: &Sdp, (of_a, of_b): (u8, u8)) {
    a.send(to_a, of_a, &[0x15; 20]);
    assert_eq!(b.receive(), (of_b, vec![0x15; 20]), "{of_a} to {of_b}");
    b.send(to_b, of_b, &[0x16; 20]);
    assert_eq!(a.receive(), (of_a, vec![0x16; 20]), "{of_b} to {of_a}");
}
