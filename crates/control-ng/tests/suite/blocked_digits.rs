//! `block DTMF` and its opposite, `detect DTMF`, and the datagrams that digits are reported in.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use crate::common;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use common::party::{Party, call};
use common::phone::Phone;
use common::*;
use mediapoint_control_ng::Reply;
use mediapoint_g711::{Law, encode};

const EVENTS: &str = "0 101\r\na=rtpmap:101 telephone-event/8000";

fn ask(server: &Server, command: &str, more: &str) -> Reply {
    server.ask(command, &keys(r#""call-id":"c""#, more), None)
}

#[track_caller]
fn ok(reply: &Reply) {
    assert_eq!((reply.text("result"), reply.text("error-reason")), ("ok".into(), String::new()));
}

/// Presses a key for 60 ms, of which all packets but the last are lost.
fn press(from: &mut Party, code: u8) {
    let [high, low] = 480_u16.to_be_bytes();
    from.phone.send(&from.to, 101, &[code, 0x80 | 10, high, low]);
}

/// A digit as tones, 100 ms of it, and 60 ms of silence.
fn dial(from: &mut Party, low: f64, high: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "tones within 16 bits")]
    let sample = |n: u32| {
        let wave = |hertz: f64| (f64::from(n) * hertz / 8000.0 * std::f64::consts::TAU).sin();
        if n < 800 { ((wave(low) + wave(high)) * 4000.0) as i16 } else { 0 }
    };
    for packet in 0..8 {
        let payload: Vec<u8> =
            (packet * 160..packet * 160 + 160).map(|n| encode(Law::Mu, sample(n))).collect();
        from.phone.send(&from.to, 0, &payload);
    }
}

/// The codes of the events that a phone is sent before a packet of audio with this octet in its middle.
fn events_before(phone: &mut Phone, octet: u8) -> Vec<u8> {
    let mut codes = Vec::new();
    loop {
        match phone.receive() {
            (101, payload) => codes.extend(payload.first()),
            (_, payload) if payload.get(80) == Some(&octet) => return codes,
            _ => {}
        }
    }
}

struct Log {
    server: Server,
    socket: UdpSocket,
}

impl Log {
    fn new(server: Server) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self { server, socket }
    }

    fn key(&self) -> String {
        format!(r#""DTMF-log-dest":"{}""#, self.socket.local_addr().unwrap())
    }

    /// The next report.
    fn next(&self) -> serde_json::Value {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut buffer = [0; 2048];
        loop {
            while let Some(event) = self.server.events.recv_timeout(Duration::from_millis(20)) {
                self.server.controller.handle_event(&event);
            }
            if let Ok(len) = self.socket.recv(&mut buffer) {
                return serde_json::from_slice(&buffer[..len]).unwrap();
            }
            assert!(Instant::now() < deadline, "a digit is reported");
        }
    }
}

#[test]
fn events_are_kept_from_the_other_party_and_reported() {
    let log = Log::new(Server::new());
    let [mut a, mut b] = call(&log.server, "c", ["a", "b"], [EVENTS, EVENTS]);
    let rounds = [
        ("block DTMF", "", &[][..], "drop"),
        ("block DTMF", r#""DTMF-security":"zero""#, &[0][..], "zero"),
        ("block DTMF", r##""DTMF-security":"DTMF","digit":"#""##, &[11], "digit"),
        ("block DTMF", r#""DTMF-security":"events""#, &[], "events"),
        ("unblock DTMF", "", &[7], "off"),
    ];
    // The audio of each round is another one: what comes of the one before is passed over.
    for ((command, more, passed, mode), octet) in rounds.into_iter().zip(0x50..) {
        ok(&ask(&log.server, command, &keys(&log.key(), more)));
        press(&mut a, 7);
        for _ in 0..12 {
            a.send(0, octet);
        }
        assert_eq!(events_before(&mut b.phone, octet), passed, "{mode}");
        let report = log.next();
        assert_eq!(
            (&report["event"], &report["source_tag"], &report["callid"], &report["type"], &report["method"]),
            (&7.into(), &"a".into(), &"c".into(), &"DTMF".into(), &"event".into()),
            "{mode}"
        );
        assert_eq!((&report["duration"], &report["source_ip"]), (&60.into(), &"127.0.0.1".into()));
    }
    let query = ask(&log.server, "query", "");
    assert_eq!(text(dict(get(dict(query.value("tags")), "a")), "key presses"), "5");
}

#[test]
fn digits_are_reported_where_the_server_is_told_to_unless_a_message_says_otherwise() {
    let [default, other] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    default.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let digit_log = default.local_addr().ok();
    let config = mediapoint_control_ng::ControllerConfig { digit_log, ..Default::default() };
    let mut log = Log { server: Server::with(builder(), config), socket: default };
    let [mut a, _b] = call(&log.server, "c", ["a", "b"], [EVENTS, EVENTS]);
    press(&mut a, 7);
    assert_eq!(log.next()["event"], 7);
    let key = format!(r#""DTMF-log-dest":"{}""#, other.local_addr().unwrap());
    ok(&ask(&log.server, "block DTMF", &key));
    press(&mut a, 8);
    other.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let default = std::mem::replace(&mut log.socket, other);
    assert_eq!(log.next()["event"], 8);
    assert!(default.recv(&mut [0; 2048]).is_err(), "a message's own destination alone");
}

#[test]
fn tones_are_found_where_that_is_asked_for_and_kept_back_where_they_are_blocked() {
    let log = Log::new(Server::new());
    let [mut a, b] = call(&log.server, "c", ["a", "b"], ["0", "0"]);
    let detect = keys(&log.key(), r#""flags":["detect DTMF"]"#);
    ok(&ask(&log.server, "unblock DTMF", &detect));
    dial(&mut a, 770.0, 1336.0);
    let report = log.next();
    assert_eq!((&report["event"], &report["method"]), (&5.into(), &"tone".into()));
    let duration = report["duration"].as_u64().unwrap();
    assert!((85..=115).contains(&duration), "{report}");
    b.phone.pass_over_waiting();
    ok(&ask(&log.server, "block DTMF", r#""DTMF-security":"silence""#));
    dial(&mut a, 941.0, 1477.0);
    let report = log.next();
    assert_eq!((&report["event"], &report["method"]), (&11.into(), &"tone".into()));
    b.phone.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut buffer = [0; 2048];
    let mut heard = 0;
    while let Ok(len) = b.phone.socket.recv(&mut buffer) {
        // Both zeros of the law, and what a concealed gap fades from.
        let loud =
            buffer[12..len].iter().filter(|octet| mediapoint_g711::decode(Law::Mu, **octet).abs() > 500);
        heard += loud.count();
    }
    assert_eq!(heard, 0, "samples of a tone");
}

#[test]
fn what_is_not_understood_is_refused_and_blocks_nothing_less() {
    let server = Server::new();
    let _parties = call(&server, "c", ["a", "b"], [EVENTS, EVENTS]);
    ok(&ask(&server, "block DTMF", ""));
    for (more, key) in [
        (r#""DTMF-security":"whisper""#, "DTMF-security"),
        (r#""DTMF-security":"DTMF","digit":"17""#, "digit"),
        (r#""DTMF-security":"tone","frequency":"5000""#, "frequency"),
        (r#""DTMF-security":"tone","frequency":"400,5000""#, "frequency"),
        (r#""DTMF-security":"tone","frequencies":"400,19""#, "frequency"),
        (r#""DTMF-security":"tone","volume":"63""#, "volume"),
        (r#""DTMF-log-dest":"nowhere""#, "DTMF-log-dest"),
    ] {
        let refused = ask(&server, "block DTMF", more);
        assert!(reason(&refused).contains(key), "{more}: {}", reason(&refused));
    }
    let query = ask(&server, "query", "");
    let party = dict(get(dict(query.value("tags")), "a"));
    let media = dict(list(get(party, "medias")).first()).clone();
    let flags = list(get(&media, "flags")).iter().filter_map(|flag| flag.to_text());
    assert!(flags.into_iter().any(|flag| flag == "block DTMF"));
}

#[test]
fn a_party_is_blocked_from_its_offer_on_and_the_other_is_not() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp(EVENTS), r#""flags":["block DTMF"]"#);
    let to_a = server.answer(&b.sdp(EVENTS), "");
    let codes = |from: &mut Phone, to: &mut Phone, at: &mediapoint_packet::sdp::Sdp| {
        for _ in 0..2 {
            from.send(at, 101, &[9, 0x80 | 10, 0, 160]);
        }
        for _ in 0..12 {
            from.send(at, 0, &[0x55; 160]);
        }
        events_before(to, 0x55).len()
    };
    assert_eq!(codes(&mut a, &mut b, &to_a), 0);
    assert_eq!(codes(&mut b, &mut a, &to_b), 2);
}

#[test]
fn digits_of_the_party_itself_switch_blocking_on_and_off() {
    let log = Log::new(Server::new());
    let [mut a, mut b] = call(&log.server, "c", ["a", "b"], [EVENTS, EVENTS]);
    let mut typed = |codes: &[u8], octet| {
        for code in codes {
            press(&mut a, *code);
            // Its numbers and times go on.
            a.send(0, 0x40);
        }
        for _ in 0..12 {
            a.send(0, octet);
        }
        events_before(&mut b.phone, octet)
    };
    let trigger = r###""trigger":"*1","trigger-end":"##","trigger-end-digits":16"###;
    ok(&ask(&log.server, "block DTMF", &keys(&log.key(), trigger)));
    // 7*1 goes on; 4 to 6 and both ## are between; 8 is behind.
    assert_eq!(typed(&[7, 10, 1, 4, 5, 6, 11, 11, 8], 0x50), [7, 10, 1, 8]);
    let reported: Vec<_> = (0..9).map(|_| log.next()["event"].as_u64().unwrap()).collect();
    assert_eq!(reported, [7, 10, 1, 4, 5, 6, 11, 11, 8]);
    assert_eq!(typed(&[10, 1, 4], 0x51), [10, 1, 4], "it acts once");
    let zero = r#""trigger":"*1","trigger-end-digits":2,"DTMF-security-trigger":"zero""#;
    ok(&ask(&log.server, "block DTMF", zero));
    assert_eq!(typed(&[10, 1, 4, 5, 6], 0x52), [10, 1, 0, 0, 6], "each command arms it");
    ok(&ask(&log.server, "block DTMF", r#""trigger":"*1""#));
    assert_eq!(typed(&[10, 1, 4], 0x53), [10, 1]);
    ok(&ask(&log.server, "unblock DTMF", ""));
    assert_eq!(typed(&[5], 0x54), [5]);
}
