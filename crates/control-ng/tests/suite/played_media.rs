//! `play media` and `stop media`, by the packets that arrive.

#![expect(clippy::unwrap_used, reason = "test support outside of test functions")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use base64ct::Encoding as _;
use mediapoint_control_ng::wire::{Dict, Value};
use mediapoint_control_ng::{Handler, Reply, Request, Time};
use mediapoint_engine::{Event, PlayerEnd, Points, Position};

use crate::common::media::{Folder, constant, heard, ok, server, server_with, wav};
use crate::common::party::{DOWN, Party, UP, call};
use crate::common::phone::Phone;
use crate::common::*;

/// Samples of the mu-law octets that the tests send.
const LOUD: i16 = 7932;

fn ask(server: &Server, command: &str, more: &str) -> Reply {
    server.ask(command, &keys(r#""call-id":"c""#, more), None)
}

/// How a player ended, as the engine tells the controller.
fn ended(server: &Server) -> (PlayerEnd, Position) {
    loop {
        let event = server.events.recv_timeout(Duration::from_secs(5)).unwrap();
        server.controller.handle_event(&event);
        if let Event::PlayerFinished { end, position, .. } = event {
            return (end, position);
        }
    }
}

/// What `query` shows of what a party is played.
fn players(server: &Server, tag: &str) -> Vec<Dict> {
    let query = ask(server, "query", "");
    let party = dict(get(dict(query.value("tags")), tag)).clone();
    get(&party, "players")
        .map(|list| crate::common::list(Some(list)).to_vec())
        .unwrap_or_default()
        .iter()
        .map(|player| dict(Some(player)).clone())
        .collect()
}

fn pair(server: &Server) -> [Party; 2] {
    call(server, "c", ["a", "b"], ["0", "0"])
}

#[test]
fn the_party_selected_hears_a_file_instead_of_the_other_one_until_it_ends() {
    let folder = Folder::new();
    folder.write("one.wav", &wav(8000, &constant(LOUD, 300)));
    let server = server(&folder, |_| {});
    let [mut a, mut b] = pair(&server);
    let reply = ask(&server, "play media", r#""from-tag":"a","file":"one.wav","flags":["block-egress"]"#);
    ok(&reply);
    assert_eq!(reply.text("duration"), "300");
    assert_eq!(text(&players(&server, "a")[0], "state"), "playing");
    assert_eq!(players(&server, "b").len(), 0);
    b.send(0, DOWN);
    heard(&mut a.phone, UP);
    // The other one goes on to hear the party.
    a.send(0, 0x55);
    assert_eq!(b.phone.receive(), (0, vec![0x55; 160]));
    let (end, position) = ended(&server);
    assert_eq!((end, position.offset), (PlayerEnd::Finished, Duration::from_millis(300)));
    let shown = &players(&server, "a")[0];
    let shown = ["type", "state", "position", "frame", "duration"].map(|key| text(shown, key));
    assert_eq!(shown, ["media", "finished", "300", "2400", "300"]);
    // What it heard before, it hears again.
    a.phone.pass_over_waiting();
    b.send(0, 0x33);
    heard(&mut a.phone, 0x33);
}

#[test]
fn a_file_is_mixed_with_what_the_party_hears_unless_that_is_blocked() {
    let folder = Folder::new();
    folder.write("long.wav", &wav(8000, &constant(LOUD, 20_000)));
    let server = server(&folder, |_| {});
    let [mut a, mut b] = pair(&server);
    let silent = |octet: u8| matches!(octet, 0x7f | 0xff);
    // So many packets of the other side as a jitter buffer can hold.
    let mut cancelled = |a: &mut Party| {
        (0..30).any(|_| {
            (0..4).for_each(|_| b.send(0, DOWN));
            (0..4).any(|_| a.phone.receive().1.iter().all(|octet| silent(*octet)))
        })
    };
    ok(&ask(&server, "play media", r#""from-tag":"a","file":"long.wav""#));
    heard(&mut a.phone, UP);
    assert!(cancelled(&mut a), "the sum of both is heard");
    ok(&ask(&server, "play media", r#""from-tag":"a","file":"long.wav","block-egress":"1""#));
    a.phone.pass_over_waiting();
    assert!(!cancelled(&mut a), "the file alone is heard");
    // What is commanded of the other's media is not commanded of the file.
    ok(&ask(&server, "play media", r#""from-tag":"a","file":"long.wav""#));
    ok(&ask(&server, "block media", r#""from-tag":"b","to-tag":"a","flags":["directional"]"#));
    a.phone.pass_over_waiting();
    assert!(!cancelled(&mut a), "the other one is blocked");
    heard(&mut a.phone, UP);
}

#[test]
fn repetitions_times_and_start_are_kept_to() {
    let folder = Folder::new();
    // At another rate than the call's: frames are counted at the file's.
    folder.write("short.wav", &wav(16_000, &constant(LOUD, 200)));
    let server = server(&folder, |_| {});
    let [_a, _b] = pair(&server);
    for (options, played, frame) in [
        ("", 100, 1600),
        (r#","repeat-times":3"#, 300, 1600),
        (r#","repeat-times":"0""#, 100, 1600),
        (r#","repeat-duration":260"#, 260, 960),
        (r#","repeat-times":2,"repeat-duration":1000"#, 200, 1600),
        (r#","repeat-times":9,"repeat-duration":150"#, 150, 800),
        (r#","start-pos":800"#, 50, 1600),
        (r#","start-pos":"800","repeat-times":2"#, 150, 1600),
    ] {
        let reply = ask(&server, "play media", &format!(r#""from-tag":"a","file":"short.wav"{options}"#));
        ok(&reply);
        assert_eq!(reply.text("duration"), "100", "{options}");
        let (end, position) = ended(&server);
        assert_eq!((end, position.played), (PlayerEnd::Finished, Duration::from_millis(played)), "{options}");
        assert_eq!(text(&players(&server, "a")[0], "frame"), frame.to_string(), "{options}");
    }
    for (options, key) in
        [(r#""start-pos":1600"#, "start-pos"), (r#""volume":25"#, "volume"), (r#""volume":-91"#, "volume")]
    {
        let refused = ask(&server, "play media", &format!(r#""from-tag":"a","file":"short.wav",{options}"#));
        assert_eq!(reason(&refused), format!("unusable value for {key}"));
    }
    let odd = ask(&server, "play media", r#""from-tag":"a","file":"short.wav","repeat-times":"x""#);
    assert_eq!(odd.text("warning"), "unusable value for repeat-times was ignored");
}

#[test]
fn media_is_stopped_where_it_is_said_to_be() {
    let folder = Folder::new();
    folder.write("long.wav", &wav(8000, &constant(LOUD, 20_000)));
    let server = server(&folder, |_| {});
    let [mut a, mut b] = pair(&server);
    assert_eq!(
        reason(&ask(&server, "stop media", r#""from-tag":"a""#)),
        "no media is played to the party selected"
    );
    ok(&ask(&server, "play media", r#""all":"all","file":"long.wav","start-pos":8000"#));
    heard(&mut a.phone, UP);
    heard(&mut b.phone, UP);
    let stopped = ask(&server, "stop media", r#""from-tag":"a""#);
    ok(&stopped);
    let frame: u64 = stopped.text("last-frame-pos").parse().unwrap();
    assert!((8160..8000 + 8000 * 5).contains(&frame) && frame.is_multiple_of(160), "{frame}");
    let (end, position) = ended(&server);
    let place = u64::try_from(position.offset.as_micros()).unwrap() * 8 / 1000;
    assert_eq!((end, place), (PlayerEnd::Stopped, frame), "it stopped where the reply says");
    let shown = &players(&server, "a")[0];
    assert_eq!([text(shown, "state"), text(shown, "frame")], ["stopped".to_owned(), frame.to_string()]);
    // A second time, too, and the other one goes on.
    assert_eq!(ask(&server, "stop media", r#""from-tag":"a""#).text("last-frame-pos"), frame.to_string());
    heard(&mut b.phone, UP);
    a.phone.pass_over_waiting();
    b.send(0, 0x33);
    heard(&mut a.phone, 0x33);
    ok(&ask(&server, "stop media", r#""all":"all""#));
    b.phone.pass_over_waiting();
    a.send(0, 0x44);
    heard(&mut b.phone, 0x44);
    let snapshot =
        serde_json::to_value(&*engine_call(&server, 1).snapshot().unwrap().wait().unwrap()).unwrap();
    assert_eq!(snapshot["players"].as_array().unwrap().len(), 0, "no player is left behind");
    assert_eq!(snapshot["mixes"].as_array().unwrap().len(), 0);
}

#[test]
fn media_comes_as_bytes_of_the_message_and_in_the_language_asked_for() {
    let folder = Folder::new();
    folder.write("es/menu/hello.wav", &wav(8000, &constant(LOUD, 20_000)));
    folder.write("en/menu/hello.wav", &wav(8000, &constant(-LOUD, 20_000)));
    let server = server(&folder, |_| {});
    let [mut a, _b] = pair(&server);
    let mut play = |options: &str, expected: u8| {
        let more = format!(r#""from-tag":"a","flags":["block-egress"],{options}"#);
        ok(&ask(&server, "play media", &more));
        a.phone.pass_over_waiting();
        heard(&mut a.phone, expected);
    };
    play(r#""file":"menu/hello","language":"es-MX""#, UP);
    play(r#""file":"menu/hello.wav""#, DOWN);
    play(r#""file":"menu/hello","language":"fr""#, DOWN);
    play(r#""file":"es/menu/hello.wav""#, UP);
    let absolute = folder.path().join("en/menu/hello.wav");
    play(&format!(r#""file":"{}""#, absolute.display()), DOWN);
    // Octets of a WAV file with 16,000 samples, in base64.
    let bytes = wav(8000, &constant(LOUD, 2_000));
    play(&format!(r#""blob64":"{}""#, base64ct::Base64::encode_string(&bytes)), UP);
    let dict = Dict::from([
        (b"command".to_vec(), "play media".into()),
        (b"call-id".to_vec(), "c".into()),
        (b"from-tag".to_vec(), "a".into()),
        (b"blob".to_vec(), Value::from(wav(8000, &constant(-LOUD, 2_000)).as_slice())),
        (b"flags".to_vec(), Value::List(vec!["block-egress".into()])),
    ]);
    let request = Request::parse(&dict, ([127, 0, 0, 1], 1).into()).unwrap();
    ok(&server.controller.handle(Time::from_millis(5000), request));
    a.phone.pass_over_waiting();
    heard(&mut a.phone, DOWN);
}

#[test]
fn what_cannot_be_played_is_refused_in_words() {
    let folder = Folder::new();
    folder.write("good.wav", &wav(8000, &constant(LOUD, 100)));
    folder.write("bad.wav", b"RIFF");
    let server = server(&folder, |_| {});
    let a = Phone::new();
    server.offer(&a.sdp("0"), "");
    let play = |more: &str| reason(&ask(&server, "play media", more));
    let nobody = "the party selected takes no audio that could be played to it";
    assert_eq!(play(r#""from-tag":"a","file":"good.wav""#), nobody, "before the answer");
    server.answer(&Phone::new().sdp("0"), "");
    let outside = "not in a folder that prompts come from";
    for (more, expected) in [
        (r#""file":"good.wav""#, "missing key from-tag"),
        (r#""from-tag":"a""#, "missing key file"),
        (r#""from-tag":"x","file":"good.wav""#, "the call has no party of this from-tag"),
        (r#""label":"x","file":"good.wav""#, "the call has no party of this label"),
        (r#""address":"192.0.2.1","file":"good.wav""#, "the call has no party of this address"),
        (r#""from-tag":"a","file":"none.wav""#, "cannot play none.wav: "),
        (r#""from-tag":"a","file":"../good.wav""#, outside),
        (r#""from-tag":"a","file":"/etc/passwd""#, outside),
        (r#""from-tag":"a","file":"bad.wav""#, "cannot play "),
        (r#""from-tag":"a","blob64":"AAAA""#, "cannot play "),
        (r#""from-tag":"a","db-id":7"#, "db-id is not supported"),
        (
            r#""from-tag":"a","file":"https://media.example.org/a.wav""#,
            "host media.example.org is not allowed",
        ),
    ] {
        let refused = play(more);
        assert!(refused.contains(expected), "{more}: {refused}");
    }
    let unknown = server.ask("play media", r#""call-id":"d","from-tag":"a","file":"good.wav""#, None);
    assert_eq!(reason(&unknown), "unknown call-id");
    let without = Server::new();
    let [_a, _b] = pair(&without);
    let refused = ask(&without, "play media", r#""from-tag":"a","file":"good.wav""#);
    assert!(reason(&refused).contains("no prompts (ControllerConfig::prompts)"));
    assert_eq!(players(&server, "a").len(), 0);
}

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
        heard(&mut b.phone, UP);
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
        heard(&mut a.phone, DOWN);
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
        heard(&mut a.phone, UP);
        heard(&mut b.phone, UP);
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
    heard(&mut b, 0x33);
    ok(&server.ask("offer", tags, Some(&a.sdp("0"))));
    ok(&server.ask("answer", tags, Some(&b.sdp("0"))));
    b.send(&to_b, 0, &[0x44; 160]);
    heard(&mut a, 0x44);
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
    heard(&mut a.phone, 0xde ^ 0x55);
    assert_eq!(a.phone.receive().0, 8);
    // Six decibels less are half of it: 3975.
    ok(&ask(
        &server,
        "play media",
        r#""from-tag":"b","file":"one.wav","volume":-6,"flags":["block-egress"]"#,
    ));
    heard(&mut b.phone, 0xaf);
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
    let places = || {
        ["a", "b"].map(|tag| {
            let player = &players(&server, tag)[0];
            ["position", "played"].map(|key| text(player, key).parse::<u64>().unwrap())
        })
    };
    play("a", r#","shared""#);
    (0..25).for_each(|_| drop(a.phone.receive()));
    play("b", r#","shared""#);
    heard(&mut b.phone, UP);
    let [one, other] = places();
    assert!(one[0].abs_diff(other[0]) <= 200, "the same place: {one:?}, {other:?}");
    assert!(one[1] >= other[1] + 400, "begun at other times: {one:?}, {other:?}");
    play("b", "");
    heard(&mut b.phone, UP);
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
    heard(&mut a.phone, UP);
    let before: u64 = text(&players(&server, "a")[0], "position").parse().unwrap();
    let tags = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    ok(&server.ask("offer", tags, Some(&b.phone.sdp("0"))));
    ok(&server.ask("answer", tags, Some(&a.phone.sdp("0"))));
    heard(&mut a.phone, UP);
    let player = &players(&server, "a")[0];
    assert_eq!(text(player, "state"), "playing");
    assert!(text(player, "position").parse::<u64>().unwrap() > before);
    // Its call becomes one with another call, whose players the engine does not take over.
    let [mut d, e] = call(&server, "d", ["d", "e"], ["0", "0"]);
    ok(&server.ask("connect", r#""call-id":"d","from-tag":"d","to-tag":"a","to-call-id":"c""#, None));
    assert_eq!(players(&server, "a").len(), 0);
    a.phone.pass_over_waiting();
    d.send(0, 0x33);
    heard(&mut a.phone, 0x33);
    e.phone.pass_over_waiting();
    ok(&server.ask("delete", r#""call-id":"d","flags":["fast"]"#, None));
}
