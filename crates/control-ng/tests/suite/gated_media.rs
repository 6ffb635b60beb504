//! `block media`, `silence media`, `media-echo` and `drop-traffic`, by the packets that arrive.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use crate::common;

use std::time::{Duration, Instant};

use common::party::{Party, SILENT, call};
use common::phone::Phone;
use common::*;
use mediapoint_control_ng::Reply;

fn ask(server: &Server, command: &str, more: &str) -> Reply {
    server.ask(command, &keys(r#""call-id":"c""#, more), None)
}

fn ok(reply: &Reply) {
    assert_eq!(
        (reply.text("result"), reply.text("error-reason"), reply.text("warning")),
        ("ok".into(), String::new(), String::new())
    );
}

/// Waits until the server has carried out what it was told, by its own figures: packets of `tag` that were taken.
fn taken(server: &Server, tag: &str) -> u64 {
    let query = ask(server, "query", "");
    let party = dict(get(dict(query.value("tags")), tag));
    let stream = dict(list(get(dict(list(get(party, "medias")).first()), "streams")).first()).clone();
    text(dict(get(&stream, "stats")), "packets").parse().unwrap()
}

fn media_flags(server: &Server, tag: &str) -> Vec<String> {
    let query = ask(server, "query", "");
    let party = dict(get(dict(query.value("tags")), tag));
    let media = dict(list(get(party, "medias")).first()).clone();
    let known = ["block media", "silence media", "echo", "blackhole", "drop traffic"];
    let flags = list(get(&media, "flags")).iter().filter_map(|flag| flag.to_text());
    flags.filter(|flag| known.contains(&flag.as_str())).collect()
}

/// The flags of the flow to `to`, as its source shows them.
fn flow_flags(server: &Server, from: &str, to: &str) -> Vec<String> {
    let query = ask(server, "query", "");
    let party = dict(get(dict(query.value("tags")), from));
    let of = list(get(party, "subscribers")).iter().map(|pair| dict(Some(pair)));
    let mut of = of.filter(|pair| text(pair, "tag") == to);
    let flags = of.next().and_then(|pair| get(pair, "flags"));
    flags
        .map(|flags| list(Some(flags)).iter().filter_map(|flag| flag.to_text()).collect())
        .unwrap_or_default()
}

/// What `to` gets of a packet of `from`: a byte, or nothing, where a key press that follows it comes first.
fn passes(server: &Server, from: &mut Party, tag: &str, to: &mut Phone) -> Option<u8> {
    let before = taken(server, tag);
    from.send(0, 0x55);
    from.phone.send(&from.to, 101, &[5, 0x80, 0, 160]);
    let deadline = Instant::now() + Duration::from_secs(5);
    while taken(server, tag) < before + 2 {
        assert!(Instant::now() < deadline, "packets are taken");
    }
    match to.receive() {
        (101, _) => None,
        (_, payload) => {
            assert_eq!(to.receive().0, 101);
            // Behind what is faded.
            Some(payload[100])
        }
    }
}

fn pair(server: &Server) -> [Party; 2] {
    call(
        server,
        "c",
        ["a", "b"],
        ["0 101\r\na=rtpmap:101 telephone-event/8000", "0 101\r\na=rtpmap:101 telephone-event/8000"],
    )
}

#[test]
fn a_call_is_blocked_and_unblocked_as_a_whole_and_events_pass() {
    let server = Server::new();
    let [mut a, mut b] = pair(&server);
    // Proxies send tags always; without `directional` they mean nothing.
    let tags = r#""from-tag":"a","to-tag":"b""#;
    for (command, more, expected) in [
        ("block media", tags, [None, None]),
        ("unblock media", "", [Some(0x55), Some(0x55)]),
        ("silence media", "", [Some(SILENT), Some(SILENT)]),
        ("block media", "", [None, None]),
        ("unsilence media", "", [None, None]),
        ("unblock media", tags, [Some(0x55), Some(0x55)]),
    ] {
        ok(&ask(&server, command, more));
        let heard = [passes(&server, &mut a, "a", &mut b.phone), passes(&server, &mut b, "b", &mut a.phone)];
        assert_eq!(heard, expected, "after {command}");
    }
    assert_eq!(media_flags(&server, "a"), [""; 0]);
}

#[test]
fn a_party_is_selected_by_tag_address_or_label() {
    let server = Server::new();
    let [mut a, mut b] = pair(&server);
    let set_label = r#""from-tag":"a","set-label":"x","flags":["directional"]"#;
    for (selection, who) in [
        (r#""from-tag":"a","flags":["directional"]"#, "a"),
        (r#""from-tag":"b","flags":["directional"]"#, "b"),
        // Both are at the loopback address: the first is meant by rtpengine, all of them here.
        (set_label, "a"),
        (r#""label":"x""#, "a"),
        (r#""label":"x","from-tag":"b""#, "a"),
        (r#""flags":["directional","from-tag=b"]"#, "b"),
    ] {
        ok(&ask(&server, "block media", selection));
        assert_eq!(media_flags(&server, who), ["block media"], "{selection}");
        let expected = if who == "a" { [None, Some(0x55)] } else { [Some(0x55), None] };
        let heard = [passes(&server, &mut a, "a", &mut b.phone), passes(&server, &mut b, "b", &mut a.phone)];
        assert_eq!(heard, expected, "{selection}");
        // The whole call does not take back what single parties were given.
        ok(&ask(&server, "unblock media", ""));
        assert_eq!(media_flags(&server, who), ["block media"], "{selection}");
        ok(&ask(&server, "unblock media", selection));
        assert_eq!(media_flags(&server, who), [""; 0], "{selection}");
    }
    ok(&ask(&server, "silence media", r#""address":"127.0.0.1""#));
    assert_eq!([media_flags(&server, "a"), media_flags(&server, "b")].concat(), ["silence media"; 2]);
    ok(&ask(&server, "unsilence media", r#""all":"all""#));
    assert_eq!([media_flags(&server, "a"), media_flags(&server, "b")].concat(), [""; 0]);
    for (selection, key) in [
        (r#""label":"nobody""#, "label"),
        (r#""address":"192.0.2.9""#, "address"),
        (r#""from-tag":"nobody","flags":["directional"]"#, "from-tag"),
        (r#""from-tag":"a","to-tag":"nobody","flags":["directional"]"#, "to-tag"),
        (r#""from-tag":"a","to-label":"nobody","flags":["directional"]"#, "to-label"),
    ] {
        let refused = reason(&ask(&server, "block media", selection));
        assert_eq!(refused, format!("the call has no party of this {key}"));
    }
    assert_eq!(reason(&server.ask("block media", "", None)), "missing key call-id");
    assert_eq!(reason(&server.ask("block media", r#""call-id":"d""#, None)), "unknown call-id");
    assert_eq!(passes(&server, &mut a, "a", &mut b.phone), Some(0x55));
}

/// A subscriber of what A sends.
fn subscribe(server: &Server, phone: &Phone) -> String {
    let reply = ask(server, "subscribe request", r#""from-tag":"a""#);
    let to_tag = reply.text("to-tag");
    let answer = phone.sdp("0 101") + "a=rtpmap:101 telephone-event/8000\r\na=recvonly\r\n";
    let keys = format!(r#""call-id":"c","to-tag":"{to_tag}""#);
    let answered = server.ask("subscribe answer", &keys, Some(&answer));
    assert_eq!(answered.text("result"), "ok", "{}", answered.text("error-reason"));
    to_tag
}

#[test]
fn one_flow_of_several_is_selected() {
    let server = Server::new();
    let [mut a, mut b] = pair(&server);
    let mut s = Phone::new();
    let tag = subscribe(&server, &s);
    let to_s = format!(r#""from-tag":"a","to-tag":"{tag}","flags":["directional"]"#);
    let named = |all: &str| format!(r#""from-tag":"a","all":"{all}","flags":["directional"]"#);
    let mut heard = |server: &Server| {
        let at_b = passes(server, &mut a, "a", &mut b.phone);
        let at_s = match s.receive() {
            (101, _) => None,
            (_, payload) => {
                assert_eq!(s.receive().0, 101);
                Some(payload[100])
            }
        };
        [at_b, at_s]
    };
    for (command, gated) in [("block", None), ("silence", Some(SILENT))] {
        let un = |on: bool| if on { format!("{command} media") } else { format!("un{command} media") };
        for (selection, expected, flags) in [
            (to_s.clone(), [Some(0x55), gated], [0, 1]),
            (named("offer-answer"), [gated, Some(0x55)], [1, 0]),
            (named("except-offer-answer"), [Some(0x55), gated], [0, 1]),
            (named("flows"), [gated, gated], [1, 1]),
        ] {
            ok(&ask(&server, &un(true), &selection));
            assert_eq!([flow_flags(&server, "a", "b").len(), flow_flags(&server, "a", &tag).len()], flags);
            assert_eq!(heard(&server), expected, "{command} {selection}");
            ok(&ask(&server, &un(false), &selection));
            assert_eq!(heard(&server), [Some(0x55); 2], "un{command} {selection}");
        }
    }
    // S sends nothing to anybody.
    let from_s = format!(r#""from-tag":"{tag}","to-tag":"a","flags":["directional"]"#);
    let none = "no media flow from the party selected to those named";
    assert_eq!(reason(&ask(&server, "block media", &from_s)), none);
}

#[test]
fn what_was_commanded_lasts_through_a_reinvite() {
    let server = Server::new();
    let [mut a, mut b] = pair(&server);
    let both = r#""from-tag":"b","to-tag":"a","flags":["directional"]"#;
    ok(&ask(&server, "block media", r#""from-tag":"a","flags":["directional"]"#));
    ok(&ask(&server, "silence media", both));
    let sdp = |phone: &Phone| phone.sdp("0 101") + "a=rtpmap:101 telephone-event/8000\r\n";
    for (from, to) in [("a", "b"), ("b", "a")] {
        let keys = format!(r#""call-id":"c","from-tag":"{from}","to-tag":"{to}""#);
        let (of, by) = if from == "a" { (&a, &b) } else { (&b, &a) };
        ok(&server.ask("offer", &keys, Some(&sdp(&of.phone))));
        ok(&server.ask("answer", &keys, Some(&sdp(&by.phone))));
        assert_eq!(passes(&server, &mut a, "a", &mut b.phone), None);
        assert_eq!(passes(&server, &mut b, "b", &mut a.phone), Some(SILENT));
    }
    ok(&ask(&server, "unblock media", r#""all":"all""#));
    ok(&ask(&server, "unsilence media", both));
    assert_eq!(passes(&server, &mut a, "a", &mut b.phone), Some(0x55));
    assert_eq!(passes(&server, &mut b, "b", &mut a.phone), Some(0x55));
}

#[test]
fn media_echo_gives_a_party_its_own_media() {
    for (word, at_sender, at_receiver) in [
        ("blackhole", "blackhole", "blackhole"),
        ("forward", "blackhole", "echo"),
        ("backwards", "echo", "blackhole"),
        ("both", "echo", "echo"),
    ] {
        let server = Server::new();
        let (mut a, mut b) = (Phone::new(), Phone::new());
        let to_b = server.offer(&a.sdp("0"), &format!(r#""media-echo":"{word}""#));
        let to_a = server.answer(&b.sdp("0"), "");
        assert_eq!([media_flags(&server, "a"), media_flags(&server, "b")].concat(), [at_sender, at_receiver]);
        for (phone, to, state) in [(&mut a, &to_a, at_sender), (&mut b, &to_b, at_receiver)] {
            phone.send(to, 0, &[9; 160]);
            if state == "echo" {
                assert_eq!(phone.receive(), (0, vec![9; 160]), "{word}");
            }
        }
        for tag in ["a", "b"] {
            await_packets(&server, tag, 1);
        }
        // What comes next is what is sent next.
        for (phone, to, state) in [(&mut a, &to_a, at_sender), (&mut b, &to_b, at_receiver)] {
            phone.send(to, 0, &[8; 160]);
            phone.socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let mut buffer = [0; 300];
            let came = phone.socket.recv(&mut buffer).map(|len| (len, buffer[12])).ok();
            assert_eq!(came, (state == "echo").then_some((172, 8)), "{word}");
        }
    }
}

#[test]
fn drop_traffic_drops_all_rtp_until_it_ends() {
    let server = Server::new();
    let sdp = |phone: &Phone| phone.sdp("0 101") + "a=rtpmap:101 telephone-event/8000\r\n";
    let [mut a, mut b] = pair(&server);
    let keys = |more: &str| format!(r#""call-id":"c","from-tag":"a","to-tag":"b"{more}"#);
    ok(&server.ask("offer", &keys(r#","drop-traffic":"start""#), Some(&sdp(&a.phone))));
    // It is dropped at once, not with the answer.
    assert_eq!(media_flags(&server, "a"), ["drop traffic"]);
    let before = taken(&server, "a");
    a.send(0, 0x33);
    a.phone.send(&a.to, 101, &[5, 0x80, 0, 160]);
    while taken(&server, "a") < before + 2 {}
    ok(&server.ask("answer", &keys(r#","drop-traffic":"stop""#), Some(&sdp(&b.phone))));
    assert_eq!(media_flags(&server, "a"), [""; 0]);
    // What was sent meanwhile never came.
    assert_eq!(passes(&server, &mut a, "a", &mut b.phone), Some(0x55));
    assert_eq!(passes(&server, &mut b, "b", &mut a.phone), Some(0x55));
    let odd =
        server.ask("offer", &keys(r#","drop-traffic":"now","media-echo":"loud""#), Some(&sdp(&a.phone)));
    assert_eq!(
        odd.text("warning"),
        "unusable value for drop-traffic was ignored, unusable value for media-echo was ignored"
    );
}
