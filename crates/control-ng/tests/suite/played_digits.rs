//! `play DTMF`, by the packets that arrive.

#![expect(clippy::indexing_slicing, reason = "test support outside of test functions")]

use crate::common;

use common::party::{Party, SILENT, call};
use common::phone::Phone;
use common::*;
use mediapoint_control_ng::Reply;

const EVENTS: &str = "0 101\r\na=rtpmap:101 telephone-event/8000";

fn play(server: &Server, more: &str) -> Reply {
    server.ask("play DTMF", &keys(r#""call-id":"c""#, more), None)
}

fn ok(reply: &Reply) {
    assert_eq!(
        (reply.text("result"), reply.text("error-reason"), reply.text("warning")),
        ("ok".into(), String::new(), String::new())
    );
}

/// The next event that a phone gets whole: its code, volume and duration, and that it ended three times.
fn event(phone: &mut Phone) -> (u8, u8, u16) {
    let mut ends = 0;
    let mut last = (255, 0, 0);
    while ends < 3 {
        let (payload_type, payload) = phone.receive();
        if payload_type != 101 {
            assert_eq!(ends, 0, "no audio within an event");
            continue;
        }
        let duration = u16::from_be_bytes([payload[2], payload[3]]);
        assert!(last.0 == 255 || (last.0 == payload[0] && duration >= last.2), "one event at a time");
        last = (payload[0], payload[1] & 0x3f, duration);
        ends += u8::from(payload[1] & 0x80 != 0);
    }
    last
}

fn pair(server: &Server, of_b: &str) -> [Party; 2] {
    let mut pair = call(server, "c", ["a", "b"], [EVENTS, of_b]);
    // So that the legs have learnt where their parties are.
    for party in &mut pair {
        party.send(0, 0x55);
    }
    pair
}

#[test]
fn the_party_selected_presses_and_the_other_hears_it() {
    let server = Server::new();
    let [mut a, mut b] = pair(&server, EVENTS);
    ok(&play(&server, r#""from-tag":"a","code":5"#));
    assert_eq!(event(&mut b.phone), (5, 8, 2000), "250 ms at -8 dBm0");
    // Proxies send both tags always.
    ok(&play(&server, r##""from-tag":"b","to-tag":"a","digit":"#","duration":100,"volume":-20"##));
    assert_eq!(event(&mut a.phone), (11, 20, 800));
    ok(&play(&server, r#""from-tag":"a","code":"B","duration":"20","pause":"20","volume":"13""#));
    assert_eq!(event(&mut b.phone), (13, 13, 800), "100 ms at least");
    ok(&play(&server, r#""from-tag":"a","flags":["code=10","duration=100"]"#));
    assert_eq!(event(&mut b.phone), (10, 8, 800));
    ok(&play(&server, r#""from-tag":"a","rtpp-flags":"digit=9 duration=100 volume=-30""#));
    assert_eq!(event(&mut b.phone), (9, 30, 800), "as one string");
    ok(&play(&server, r#""address":"127.0.0.1","code":7,"duration":100"#));
    assert_eq!((event(&mut a.phone), event(&mut b.phone)), ((7, 8, 800), (7, 8, 800)), "both are there");
    ok(&play(&server, r#""all":"all","code":8,"duration":100"#));
    assert_eq!((event(&mut a.phone), event(&mut b.phone)), ((8, 8, 800), (8, 8, 800)));
}

#[test]
fn several_digits_follow_each_other() {
    let server = Server::new();
    let [_a, mut b] = pair(&server, EVENTS);
    ok(&play(&server, r#""from-tag":"a","digit":"12","duration":100"#));
    ok(&play(&server, r#""from-tag":"a","code":3,"duration":100"#));
    let codes = [(); 3].map(|()| event(&mut b.phone).0);
    assert_eq!(codes, [1, 2, 3]);
}

#[test]
fn a_party_without_events_hears_a_tone() {
    let server = Server::new();
    let [_a, mut b] = pair(&server, "0");
    ok(&play(&server, r#""from-tag":"a","code":1,"duration":100"#));
    let mut loud = 0;
    while loud < 4 {
        let (payload_type, payload) = b.phone.receive();
        assert_eq!(payload_type, 0);
        let differs = payload.iter().filter(|octet| **octet != SILENT && **octet != 0x55).count();
        loud += usize::from(differs > payload.len() / 2);
    }
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    let server = Server::new();
    let [_a, _b] = pair(&server, EVENTS);
    for (more, reason) in [
        (r#""from-tag":"a""#, "missing key code"),
        (r#""code":5"#, "missing key from-tag"),
        (r#""from-tag":"x","code":5"#, "the call has no party of this from-tag"),
        (r#""label":"x","code":5"#, "the call has no party of this label"),
        (r#""from-tag":"a","code":"E""#, "unusable value for code"),
        (r#""from-tag":"a","digit":"1!""#, "unusable value for digit"),
        (r#""from-tag":"a","code":5,"duration":"long""#, "unusable value for duration"),
        (r#""from-tag":"a","code":5,"volume":"loud""#, "unusable value for volume"),
    ] {
        let reply = play(&server, more);
        assert_eq!(reply.text("error-reason"), reason, "{more}");
    }
    let unknown = server.ask("play DTMF", r#""call-id":"z","from-tag":"a","code":5"#, None);
    assert_eq!(unknown.text("error-reason"), "unknown call-id");
    // As many as can wait, and one more: the call goes on.
    ok(&play(&server, &format!(r#""from-tag":"a","digit":"{}""#, "1".repeat(32))));
    let full = play(&server, r#""from-tag":"a","code":5"#);
    let reason = "the engine refused: a leg can have 32 digits that wait: send more when some have been sent";
    assert_eq!(full.text("error-reason"), reason);
    ok(&server.ask("block media", r#""call-id":"c""#, None));
}

/// Neither party is sent what it cannot take.
#[test]
fn a_party_that_can_be_sent_none_is_named() {
    let server = Server::new();
    let strange = "97\r\na=rtpmap:97 EVS/16000";
    let _call = call(&server, "c", ["a", "b"], [strange, strange]);
    let reply = play(&server, r#""from-tag":"a","code":5"#);
    assert!(
        reply.text("error-reason").contains("can be sent no such digit"),
        "{}",
        reply.text("error-reason")
    );
    let alone =
        server.ask("play DTMF", r#""call-id":"c","from-tag":"a","code":5,"flags":["inject DTMF"]"#, None);
    assert!(alone.is_error());
}
