//! `start analysis` and `stop analysis`, the datagrams that they bring, and media that a party ends itself.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use mediapoint_control_ng::wire::Dict;
use mediapoint_engine::{Event, PlayerEnd};
use mediapoint_g711::{Law, encode};

use crate::common::media::{Folder, ask, constant, ok, pair, players, server, wav};
use crate::common::party::{Party, call};
use crate::common::*;

const EVENTS: &str = "0 101\r\na=rtpmap:101 telephone-event/8000";

struct Log {
    server: Server,
    socket: UdpSocket,
}

impl Log {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self { server: Server::new(), socket }
    }

    fn start(&self, more: &str) -> mediapoint_control_ng::Reply {
        let log = format!(r#""from-tag":"a","analysis-log-dest":"{}""#, self.socket.local_addr().unwrap());
        ask(&self.server, "start analysis", &keys(&log, more))
    }

    /// The next report; meanwhile the party sends what `send` sends.
    fn next(&self, mut send: impl FnMut()) -> serde_json::Value {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut buffer = [0; 2048];
        loop {
            send();
            while let Some(event) = self.server.events.try_recv() {
                self.server.controller.handle_event(&event);
            }
            if let Ok(len) = self.socket.recv(&mut buffer) {
                return serde_json::from_slice(&buffer[..len]).unwrap();
            }
            assert!(Instant::now() < deadline, "no report");
        }
    }

    /// The next report on speech.
    fn next_speech(&self, mut send: impl FnMut()) -> bool {
        loop {
            let report = self.next(&mut send);
            if report["type"] == "speech" {
                return report["speaks"].as_u64().unwrap() == 1;
            }
        }
    }

    /// What `query` shows of the analysis of a party.
    fn shown(&self, tag: &str) -> Option<Dict> {
        let query = ask(&self.server, "query", "");
        let party = dict(get(dict(query.value("tags")), tag)).clone();
        get(&party, "analysis").map(|shown| dict(Some(shown)).clone())
    }
}

/// Sends the next packet of a voice: 200 Hz and what goes with it, louder and fainter.
fn speak(party: &mut Party, number: &mut u32) {
    #[expect(clippy::cast_possible_truncation, reason = "a voice within 16 bits")]
    let sample = |n: u32| {
        let wave = |hertz: f64| (f64::from(n) * hertz / 8000.0 * std::f64::consts::TAU).sin();
        ((wave(200.0) + wave(600.0) + wave(1400.0)) * 4000.0 * (1.2 + wave(4.0))) as i16
    };
    let payload: Vec<u8> = (0..160).map(|n| encode(Law::Mu, sample(*number * 160 + n))).collect();
    party.phone.send(&party.to, 0, &payload);
    *number += 1;
}

#[test]
fn who_answered_is_reported_and_shown() {
    let log = Log::new();
    let [mut a, _b] = pair(&log.server);
    assert!(log.shown("a").is_none());
    ok(&log.start(r#""initial-silence":200"#));
    assert_eq!(text(&log.shown("a").unwrap(), "state"), "running");
    let report = log.next(|| a.send(0, 0xff));
    let texts = ["callid", "source_tag", "type", "outcome", "end"].map(|key| report[key].as_str().unwrap());
    assert_eq!(texts, ["c", "a", "analysis", "silence", "decided"]);
    assert_eq!((report["probability"].as_str(), report["last"].as_u64()), (Some("0.95"), Some(1)));
    assert!((200..260).contains(&report["at"].as_u64().unwrap()), "{report}");
    let shown = log.shown("a").unwrap();
    assert_eq!(["state", "outcome"].map(|key| text(&shown, key)), ["decided", "silence"]);
    assert!(log.shown("b").is_none());
    let none = ask(&log.server, "stop analysis", r#""from-tag":"a""#);
    assert_eq!(reason(&none), "no analysis of the party selected is running");
}

#[test]
fn one_that_is_stopped_is_reported_and_another_takes_its_place() {
    let log = Log::new();
    let [_a, _b] = pair(&log.server);
    ok(&log.start(""));
    ok(&ask(&log.server, "stop analysis", r#""from-tag":"a""#));
    let report = log.next(|| {});
    assert_eq!((report["end"].as_str(), report["outcome"].as_str()), (Some("stopped"), Some("silence")));
    assert_eq!(text(&log.shown("a").unwrap(), "state"), "stopped");
    ok(&log.start(""));
    ok(&log.start(r#""initial-silence":100"#));
    // The one before says nothing any more: its party has another.
    let report = log.next(|| {});
    assert_eq!(report["end"].as_str(), Some("decided"));
    ok(&ask(&log.server, "start analysis", r#""all":"all""#));
    assert!(log.shown("b").is_some());
}

#[test]
fn begin_and_end_of_speech_are_reported_where_asked_for() {
    let log = Log::new();
    let [mut a, _b] = pair(&log.server);
    ok(&log.start(r#""flags":["detect-speech"],"initial-silence":60000,"total-analysis-time":60000"#));
    (0..25).for_each(|_| a.send(0, 0xff));
    let mut number = 0;
    assert!(log.next_speech(|| speak(&mut a, &mut number)));
    assert!(!log.next_speech(|| a.send(0, 0xff)));
}

#[test]
fn what_cannot_be_analysed_is_refused() {
    let log = Log::new();
    let [_a, _b] = pair(&log.server);
    let ask = |more: &str| reason(&ask(&log.server, "start analysis", more));
    assert_eq!(ask(r#""from-tag":"z""#), "the call has no party of this from-tag");
    assert_eq!(ask(""), "missing key from-tag");
    for (key, value) in [
        ("analysis-log-dest", "nowhere"),
        ("initial-silence", "-1"),
        ("decide-within", "x"),
        ("total-analysis-time", "600001"),
        ("beep-within", "-5"),
        ("tone-country", "Britain"),
    ] {
        let refused = ask(&format!(r#""from-tag":"a","{key}":"{value}""#));
        assert_eq!(refused, format!("unusable value for {key}"));
    }
    let unknown = log.server.ask("start analysis", r#""call-id":"y","from-tag":"a""#, None);
    assert!(unknown.is_error());
}

/// How what is played to `a` ends, by the engine and by `query`; `a` sends meanwhile what `send` sends. 20 s of it are there.
fn played(barge_in: &str, mut send: impl FnMut(&mut Party)) -> (PlayerEnd, String) {
    let folder = Folder::new();
    folder.write("long.wav", &wav(8000, &constant(7932, 20_000)));
    let server = server(&folder, |_| {});
    let [mut a, _b] = call(&server, "c", ["a", "b"], [EVENTS, EVENTS]);
    ok(&ask(&server, "play media", &format!(r#""from-tag":"a","file":"long.wav","volume":-30{barge_in}"#)));
    for packet in 0_u32.. {
        match packet {
            150 => ok(&ask(&server, "stop media", r#""from-tag":"a""#)),
            _ => send(&mut a),
        }
        // A packet every 20 ms, but for events that come.
        let until = Instant::now() + Duration::from_millis(20);
        while let Some(event) = server.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            server.controller.handle_event(&event);
            if let Event::PlayerFinished { end, .. } = event {
                return (end, text(&players(&server, "a")[0], "state"));
            }
        }
        assert!(packet < 500, "it ends or is stopped");
    }
    unreachable!("it ends before")
}

/// Silence for a second, and then a voice.
fn speaks_up() -> impl FnMut(&mut Party) {
    let mut number = 0;
    move |a| {
        if number < 50 {
            a.send(0, 0xff);
            number += 1;
        } else {
            speak(a, &mut number);
        }
    }
}

/// A key pressed after half a second of silence.
fn presses() -> impl FnMut(&mut Party) {
    let mut number = 0;
    move |a| {
        number += 1;
        match number {
            25 => a.phone.send(&a.to, 101, &[5, 0x80 | 10, 1, 0xe0]),
            _ => a.send(0, 0xff),
        }
    }
}

#[test]
fn a_party_ends_what_it_is_played_as_it_may() {
    let by = |end: PlayerEnd| (end, end.to_string());
    let speech = r#","barge-in":"speech""#;
    let key = r#","barge-in":"DTMF""#;
    let both = r#","barge-in":["DTMF","speech"]"#;
    assert_eq!(played(speech, speaks_up()), by(PlayerEnd::BargedInBySpeech));
    assert_eq!(played(both, speaks_up()), by(PlayerEnd::BargedInBySpeech));
    assert_eq!(played(key, presses()), by(PlayerEnd::BargedIn));
    assert_eq!(played(both, presses()), by(PlayerEnd::BargedIn));
    assert_eq!(played(key, speaks_up()), by(PlayerEnd::Stopped));
    assert_eq!(played("", presses()), by(PlayerEnd::Stopped));
}

#[test]
fn another_word_of_barge_in_is_named() {
    let folder = Folder::new();
    folder.write("long.wav", &wav(8000, &constant(7932, 20_000)));
    let server = server(&folder, |_| {});
    let [_a, _b] = pair(&server);
    let odd = ask(&server, "play media", r#""from-tag":"a","file":"long.wav","barge-in":"shouting""#);
    assert_eq!(odd.text("warning"), "unusable value for barge-in was ignored");
}
