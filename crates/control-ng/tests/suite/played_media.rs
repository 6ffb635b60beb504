//! `play media` and `stop media`, by the packets that arrive.

#![expect(clippy::unwrap_used, reason = "test support outside of test functions")]

use std::time::Duration;

use base64ct::Encoding as _;
use mediapoint_control_ng::wire::{Dict, Value};
use mediapoint_control_ng::{Handler, Request, Time};
use mediapoint_engine::{Event, PlayerEnd, Position};

use crate::common::media::{Folder, ask, constant, ok, pair, players, receives, server, wav};
use crate::common::party::{DOWN, Party, UP};
use crate::common::phone::Phone;
use crate::common::*;

/// Samples of the mu-law octets that the tests send.
const LOUD: i16 = 7932;

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
    receives(&mut a.phone, UP);
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
    receives(&mut a.phone, 0x33);
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
    receives(&mut a.phone, UP);
    assert!(cancelled(&mut a), "the sum of both is heard");
    ok(&ask(&server, "play media", r#""from-tag":"a","file":"long.wav","block-egress":"1""#));
    a.phone.pass_over_waiting();
    assert!(!cancelled(&mut a), "the file alone is heard");
    // What is commanded of the other's media is not commanded of the file.
    ok(&ask(&server, "play media", r#""from-tag":"a","file":"long.wav""#));
    ok(&ask(&server, "block media", r#""from-tag":"b","to-tag":"a","flags":["directional"]"#));
    a.phone.pass_over_waiting();
    assert!(!cancelled(&mut a), "the other one is blocked");
    receives(&mut a.phone, UP);
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
    receives(&mut a.phone, UP);
    receives(&mut b.phone, UP);
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
    receives(&mut b.phone, UP);
    a.phone.pass_over_waiting();
    b.send(0, 0x33);
    receives(&mut a.phone, 0x33);
    ok(&ask(&server, "stop media", r#""all":"all""#));
    b.phone.pass_over_waiting();
    a.send(0, 0x44);
    receives(&mut b.phone, 0x44);
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
        receives(&mut a.phone, expected);
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
    receives(&mut a.phone, DOWN);
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
