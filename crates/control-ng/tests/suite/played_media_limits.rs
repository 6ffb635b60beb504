//! Media that is played to many and through changes of a call, and what there is no time or room for.

#![expect(clippy::unwrap_used, reason = "test support outside of test functions")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use mediapoint_engine::Points;

use crate::common::media::{Folder, ask, constant, ok, pair, players, receives, server, server_with, wav};
use crate::common::party::{DOWN, Party, UP, call};
use crate::common::phone::Phone;
use crate::common::*;

/// Samples of the mu-law octets that the tests send.
const LOUD: i16 = 7932;

/// A web server that answers when it is told to, and the request that it waits with.
struct SlowWeb {
    listener: TcpListener,
}

impl SlowWeb {
    fn host(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// Takes a request.
    fn asked(&self) -> TcpStream {
        let (mut stream, _) = self.listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            stream.read_exact(&mut octet).unwrap();
            head.push(octet[0]);
        }
        stream
    }
}

#[test]
fn a_slow_load_is_waited_for_by_its_own_request_alone() {
    let folder = Folder::new();
    folder.write("one.wav", &wav(8000, &constant(LOUD, 20_000)));
    let web = SlowWeb { listener: TcpListener::bind("127.0.0.1:0").unwrap() };
    let host = web.host();
    let server = server(&folder, |config| {
        config.store.http.hosts = vec![host.clone()];
        config.store.http.danger_allow_private_addresses = true;
        // Time for all that is asked for while the first one waits.
        config.load_within = Duration::from_secs(2);
        config.waiting = 1;
    });
    let [mut a, mut b] = pair(&server);
    let play = |tag: &str, what: &str| {
        ask(&server, "play media", &format!(r#""from-tag":"{tag}","file":"{what}","flags":["block-egress"]"#))
    };
    let slow = format!("http://{host}/slow.wav");
    ok(&play("b", "one.wav"));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| play("a", &slow));
        let mut request = web.asked();
        // Neither its own call nor its own party waits.
        ok(&play("b", "one.wav"));
        receives(&mut b.phone, UP);
        ok(&ask(&server, "block media", ""));
        ok(&ask(&server, "unblock media", ""));
        let too_many = play("a", &slow);
        assert_eq!(reason(&too_many), "1 requests wait for media to be loaded already: try again");
        let late = waits.join().unwrap();
        assert_eq!(reason(&late), "the media is not loaded after 2 s, and goes on loading: try again");
        assert_eq!(players(&server, "a").len(), 0);
        // It goes on loading.
        let waits = scope.spawn(|| play("a", &slow));
        let body = wav(8000, &constant(-LOUD, 20_000));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        request.write_all(head.as_bytes()).unwrap();
        request.write_all(&body).unwrap();
        drop(request);
        let reply = waits.join().unwrap();
        ok(&reply);
        assert_eq!(reply.text("duration"), "20000");
        receives(&mut a.phone, DOWN);
    });
}

#[test]
fn twenty_listeners_share_what_was_loaded_and_encoded() {
    let folder = Folder::new();
    folder.write("one.wav", &wav(8000, &constant(LOUD, 5_000)));
    let server = server(&folder, |_| {});
    let mut phones: Vec<[Party; 2]> =
        (0..10).map(|n| call(&server, &format!("c{n}"), ["a", "b"], ["0", "0"])).collect();
    for n in 0..10 {
        let keys = format!(r#""call-id":"c{n}","all":"all","file":"one.wav","flags":["block-egress"]"#);
        ok(&server.ask("play media", &keys, None));
    }
    for [a, b] in &mut phones {
        receives(&mut a.phone, UP);
        receives(&mut b.phone, UP);
    }
    let figures = server.prompts.as_ref().unwrap().figures();
    assert_eq!((figures.loads, figures.prompts), (1, 1));
    // Samples and octets of it, once.
    assert!((80_000 + 40_000..80_000 + 60_000).contains(&figures.bytes), "{figures:?}");
}

#[test]
fn what_there_are_no_points_for_is_refused_and_the_call_goes_on() {
    let folder = Folder::new();
    folder.write("one.wav", &wav(8000, &constant(LOUD, 20_000)));
    // A call that is relayed, and no more.
    let engine = builder().budget(Points::whole(1));
    let server = server_with(engine, &folder, |_| {});
    let keys = r#""call-id":"c","from-tag":"a","moh":{"file":"one.wav"}"#;
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = advertised(&server.ask("offer", keys, Some(&a.sdp("0"))));
    let to_a = server.answer(&b.sdp("0"), "");
    for more in [r#""from-tag":"a""#, r#""all":"all""#, r#""from-tag":"b","flags":["block-egress"]"#] {
        let refused = reason(&ask(&server, "play media", &format!(r#"{more},"file":"one.wav""#)));
        assert!(refused.starts_with("load limit: "), "{refused}");
        assert_eq!(players(&server, "a").len() + players(&server, "b").len(), 0);
    }
    // Music on hold is left out, with a warning.
    let tags = r#""call-id":"c","from-tag":"a","to-tag":"b""#;
    ok(&server.ask("offer", tags, Some(&(a.sdp("0") + "a=sendonly\r\n"))));
    let held = server.ask("answer", tags, Some(&(b.sdp("0") + "a=recvonly\r\n")));
    assert!(held.text("warning").starts_with("moh: load limit: "), "{}", held.text("warning"));
    assert_eq!(players(&server, "b").len(), 0);
    a.send(&to_a, 0, &[0x33; 160]);
    receives(&mut b, 0x33);
    ok(&server.ask("offer", tags, Some(&a.sdp("0"))));
    ok(&server.ask("answer", tags, Some(&b.sdp("0"))));
    b.send(&to_b, 0, &[0x44; 160]);
    receives(&mut a, 0x44);
    let snapshot =
        serde_json::to_value(&*engine_call(&server, 1).snapshot().unwrap().wait().unwrap()).unwrap();
    assert_eq!(snapshot["players"].as_array().unwrap().len(), 0, "no player is left behind");
}

#[test]
fn media_is_heard_in_the_codec_of_the_party_as_loud_as_it_is_to_be() {
    let folder = Folder::new();
    folder.write("one.wav", &wav(8000, &constant(LOUD, 20_000)));
    let server = server(&folder, |_| {});
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["8", "0"]);
    ok(&ask(&server, "play media", r#""from-tag":"a","file":"one.wav","flags":["block-egress"]"#));
    // 7932 in A-law: the segment from 4096 on, the step 14, and every other bit turned over.
    receives(&mut a.phone, 0xde ^ 0x55);
    assert_eq!(a.phone.receive().0, 8);
    // Six decibels less are half of it: 3975.
    ok(&ask(
        &server,
        "play media",
        r#""from-tag":"b","file":"one.wav","volume":-6,"flags":["block-egress"]"#,
    ));
    receives(&mut b.phone, 0xaf);
    let [mut d, _e] = call(&server, "d", ["a", "b"], ["18", "18"]);
    let keys = r#""call-id":"d","from-tag":"a","file":"one.wav","flags":["block-egress"]"#;
    ok(&server.ask("play media", keys, None));
    for _ in 0..10 {
        let (payload_type, payload) = d.phone.receive();
        assert_eq!((payload_type, payload.len()), (18, 20), "two frames of G.729 a packet");
    }
}

#[test]
fn who_shares_media_hears_the_same_at_the_same_time() {
    let folder = Folder::new();
    folder.write("one.wav", &wav(8000, &constant(LOUD, 600_000)));
    let server = server(&folder, |_| {});
    let [mut a, mut b] = pair(&server);
    let play = |tag: &str, more: &str| {
        let keys = format!(r#""from-tag":"{tag}","file":"one.wav","flags":["block-egress"{more}]"#);
        ok(&ask(&server, "play media", &keys));
    };
    // Of one moment: one worker answers for both.
    let places = || {
        let query = ask(&server, "query", "");
        ["a", "b"].map(|tag| {
            let party = dict(get(dict(query.value("tags")), tag));
            let player = dict(list(get(party, "players")).first());
            ["position", "played"].map(|key| text(player, key).parse::<u64>().unwrap())
        })
    };
    play("a", r#","shared""#);
    (0..25).for_each(|_| drop(a.phone.receive()));
    play("b", r#","shared""#);
    receives(&mut b.phone, UP);
    let [one, other] = places();
    assert!(one[0].abs_diff(other[0]) <= 20, "the same place: {one:?}, {other:?}");
    assert!(one[1] >= other[1] + 400, "begun at other times: {one:?}, {other:?}");
    play("b", "");
    receives(&mut b.phone, UP);
    let [one, other] = places();
    assert!(one[0] >= other[0] + 400 && other[0] == other[1], "from its beginning: {one:?}, {other:?}");
}

#[test]
fn media_goes_on_through_a_reinvite_and_ends_with_a_merge_or_its_party() {
    let folder = Folder::new();
    folder.write("one.wav", &wav(8000, &constant(LOUD, 60_000)));
    let server = server(&folder, |_| {});
    let [mut a, b] = pair(&server);
    ok(&ask(&server, "play media", r#""from-tag":"a","file":"one.wav","flags":["block-egress"]"#));
    receives(&mut a.phone, UP);
    let before: u64 = text(&players(&server, "a")[0], "position").parse().unwrap();
    let tags = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    ok(&server.ask("offer", tags, Some(&b.phone.sdp("0"))));
    ok(&server.ask("answer", tags, Some(&a.phone.sdp("0"))));
    receives(&mut a.phone, UP);
    let player = &players(&server, "a")[0];
    assert_eq!(text(player, "state"), "playing");
    assert!(text(player, "position").parse::<u64>().unwrap() > before);
    // Its call becomes one with another call, whose players the engine does not take over.
    let [mut d, e] = call(&server, "d", ["d", "e"], ["0", "0"]);
    ok(&server.ask("connect", r#""call-id":"d","from-tag":"d","to-tag":"a","to-call-id":"c""#, None));
    assert_eq!(players(&server, "a").len(), 0);
    a.phone.pass_over_waiting();
    d.send(0, 0x33);
    receives(&mut a.phone, 0x33);
    e.phone.pass_over_waiting();
    ok(&server.ask("delete", r#""call-id":"d","flags":["fast"]"#, None));
}
