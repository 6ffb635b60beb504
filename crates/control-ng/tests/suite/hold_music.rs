//! Music on hold by SDP, in descriptions and by the packets that arrive.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use std::time::Duration;

use mediapoint_engine::Event;

use crate::common::media::{Folder, constant, ok, receives, server, wav};
use crate::common::party::{DOWN, Party, UP};
use crate::common::phone::Phone;
use crate::common::*;

/// Samples of the mu-law octets that the tests send.
const LOUD: i16 = 7932;

/// A call in which A has told of its music.
fn begin(server: &Server, id: &str, more: &str) -> [Party; 2] {
    let (a, b) = (Phone::new(), Phone::new());
    let offer = keys(&format!(r#""call-id":"{id}","from-tag":"a""#), more);
    let to_b = advertised(&server.ask("offer", &offer, Some(&a.sdp("0"))));
    let answer = format!(r#""call-id":"{id}","from-tag":"a","to-tag":"b""#);
    let to_a = advertised(&server.ask("answer", &answer, Some(&b.sdp("0"))));
    [Party { phone: a, to: to_a }, Party { phone: b, to: to_b }]
}

fn direction(sdp: &mediapoint_packet::sdp::Sdp) -> String {
    let known = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let said = known.iter().find(|name| sdp.media[0].body.has_attribute(name));
    said.copied().unwrap_or("sendrecv").to_owned()
}

/// A re-INVITE of A with this direction and its answer: what B is offered, and what A is answered.
fn reinvite(
    server: &Server,
    id: &str,
    [a, b]: [&Party; 2],
    (offered, answered): (&str, &str),
    more: &str,
) -> [mediapoint_packet::sdp::Sdp; 2] {
    let tags = keys(&format!(r#""call-id":"{id}","from-tag":"a","to-tag":"b""#), more);
    let offer = a.phone.sdp("0") + &format!("a={offered}\r\n");
    let to_b = advertised(&server.ask("offer", &tags, Some(&offer)));
    let tags = format!(r#""call-id":"{id}","from-tag":"a","to-tag":"b""#);
    let answer = b.phone.sdp("0") + &format!("a={answered}\r\n");
    let reply = server.ask("answer", &tags, Some(&answer));
    ok(&reply);
    [to_b, advertised(&reply)]
}

/// Milliseconds of the music that B has heard; `None` where it hears none.
fn position(server: &Server, id: &str) -> Option<u64> {
    let query = server.ask("query", &format!(r#""call-id":"{id}""#), None);
    let party = dict(get(dict(query.value("tags")), "b")).clone();
    let players = list(Some(get(&party, "players")?)).to_vec();
    let player = dict(players.first()).clone();
    assert_eq!(text(&player, "type"), "hold music");
    Some(text(&player, "position").parse().unwrap())
}

const OWN: &str = r#""moh":{"file":"music.wav","from-start":"1"}"#;

// test-of: [RFC3264 6.1]
#[test]
fn music_begins_with_the_hold_goes_on_between_holds_and_ends_with_it() {
    let folder = Folder::new();
    folder.write("music.wav", &wav(8000, &constant(LOUD, 60_000)));
    let server = server(&folder, |_| {});
    let [mut a, mut b] = begin(&server, "c", OWN);
    assert_eq!(position(&server, "c"), None);
    let told = reinvite(&server, "c", [&a, &b], ("sendonly", "recvonly"), "");
    assert_eq!(told.map(|sdp| direction(&sdp)), ["sendonly", "recvonly"]);
    // What the one who holds sends is not heard.
    a.send(0, DOWN);
    receives(&mut b.phone, UP);
    (0..20).for_each(|_| drop(b.phone.receive()));
    let before = position(&server, "c").unwrap();
    assert!(before >= 400, "{before}");
    let told = reinvite(&server, "c", [&a, &b], ("inactive", "recvonly"), "");
    assert_eq!(told.map(|sdp| direction(&sdp)), ["sendonly", "inactive"], "it is to hear music yet");
    receives(&mut b.phone, UP);
    assert!(position(&server, "c").unwrap() > before, "it does not begin anew");
    reinvite(&server, "c", [&a, &b], ("sendrecv", "sendrecv"), "");
    assert_eq!(position(&server, "c"), None);
    b.phone.pass_over_waiting();
    a.send(0, 0x33);
    receives(&mut b.phone, 0x33);
    b.send(0, 0x44);
    receives(&mut a.phone, 0x44);
    let snapshot =
        serde_json::to_value(&*engine_call(&server, 1).snapshot().unwrap().wait().unwrap()).unwrap();
    assert_eq!(snapshot["players"].as_array().unwrap().len(), 0, "no player is left behind");
    // The next hold begins at the beginning.
    reinvite(&server, "c", [&a, &b], ("inactive", "recvonly"), "");
    assert!(position(&server, "c").unwrap() < before);
    receives(&mut b.phone, UP);
}

#[test]
fn the_party_on_hold_is_told_of_it_as_the_music_says() {
    let folder = Folder::new();
    folder.write("music.wav", &wav(8000, &constant(LOUD, 60_000)));
    let server = server(&folder, |_| {});
    let [a, mut b] =
        begin(&server, "c", r#""moh":{"file":"music.wav","mode":"sendrecv","connection":"zero"}"#);
    let told = reinvite(&server, "c", [&a, &b], ("sendonly", "sendrecv"), "");
    assert_eq!((direction(&told[0]), host(&told[0], 0)), ("sendrecv".to_owned(), "0.0.0.0".to_owned()));
    assert_eq!((direction(&told[1]), host(&told[1], 0)), ("recvonly".to_owned(), "127.0.0.1".to_owned()));
    receives(&mut b.phone, UP);
    let told = reinvite(&server, "c", [&a, &b], ("sendrecv", "sendrecv"), "");
    assert_eq!(host(&told[0], 0), "127.0.0.1");
    assert_eq!(position(&server, "c"), None);
    // One that takes nothing hears nothing.
    reinvite(&server, "c", [&a, &b], ("sendonly", "inactive"), "");
    assert_eq!(position(&server, "c"), None);
}

#[test]
fn music_of_the_other_side_is_reflected() {
    let folder = Folder::new();
    folder.write("music.wav", &wav(8000, &constant(LOUD, 60_000)));
    let server = server(&folder, |_| {});
    let (a, b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0"), "");
    let to_a = server.answer(&b.sdp("0"), OWN);
    let (a, mut b) = (Party { phone: a, to: to_a }, Party { phone: b, to: to_b });
    let told = reinvite(&server, "c", [&a, &b], ("sendonly", "recvonly"), "");
    assert_eq!((direction(&told[0]), position(&server, "c")), ("sendonly".to_owned(), None));
    let told = reinvite(&server, "c", [&a, &b], ("inactive", "recvonly"), r#""moh":{"mode":"reflect"}"#);
    assert_eq!(direction(&told[0]), "sendonly");
    receives(&mut b.phone, UP);
}

#[test]
fn who_answered_has_music_of_its_own() {
    let folder = Folder::new();
    folder.write("music.wav", &wav(8000, &constant(LOUD, 60_000)));
    let server = server(&folder, |_| {});
    let (mut a, b) = (Phone::new(), Phone::new());
    server.offer(&a.sdp("0"), "");
    server.answer(&b.sdp("0"), OWN);
    let tags = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    // A zero address is a hold, too, and stays.
    let zero = b.sdp("0").replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
    let told = advertised(&server.ask("offer", tags, Some(&zero)));
    assert_eq!((direction(&told), host(&told, 0)), ("sendonly".to_owned(), "0.0.0.0".to_owned()));
    ok(&server.ask("answer", tags, Some(&(a.sdp("0") + "a=recvonly\r\n"))));
    receives(&mut a, UP);
    assert_eq!(position(&server, "c"), None, "B itself hears none");
    // The one on hold describes itself anew, and stays on hold.
    let tags = r#""call-id":"c","from-tag":"a","to-tag":"b""#;
    ok(&server.ask("offer", tags, Some(&a.sdp("0"))));
    ok(&server.ask("answer", tags, Some(&(b.sdp("0") + "a=sendonly\r\n"))));
    a.pass_over_waiting();
    receives(&mut a, UP);
}

#[test]
fn music_that_is_not_to_be_had_is_warned_of_and_the_call_goes_on() {
    let folder = Folder::new();
    let server = server(&folder, |_| {});
    for (moh, warning) in [
        (r#"{"db-id":"7"}"#, "moh: db-id is not supported"),
        (r#"{"file":"none.wav"}"#, "moh: cannot play none.wav"),
        (r#"{"mode":"sendonly"}"#, "moh: missing key file"),
        (r#"{"mode":"reflect"}"#, "moh: mode=reflect, and the other party has no music"),
        (r#"{"file":"none.wav","mode":"x"}"#, "moh: cannot play none.wav"),
    ] {
        let keys = format!(r#""call-id":"d","from-tag":"a","moh":{moh}"#);
        let reply = server.ask("offer", &keys, Some(&Phone::new().sdp("0")));
        assert!(reply.text("warning").contains(warning), "{moh}: {}", reply.text("warning"));
        advertised(&reply);
    }
    let [a, b] = begin(&server, "c", "");
    let told = reinvite(&server, "c", [&a, &b], ("inactive", "inactive"), "");
    assert_eq!(told.map(|sdp| direction(&sdp)), ["inactive"; 2]);
}

#[test]
fn the_servers_own_music_is_one_for_all_and_a_first_offer_is_no_hold() {
    let folder = Folder::new();
    folder.write("en/music.wav", &wav(8000, &constant(LOUD, 600_000)));
    let server = server(&folder, |config| config.hold_music = Some("music".to_owned()));
    // An announcement that is sent only from the beginning on.
    let (a, mut b) = (Phone::new(), Phone::new());
    let keys = r#""call-id":"x","from-tag":"a""#;
    let to_b = advertised(&server.ask("offer", keys, Some(&(a.sdp("0") + "a=sendonly\r\n"))));
    let keys = r#""call-id":"x","from-tag":"a","to-tag":"b""#;
    let to_a = advertised(&server.ask("answer", keys, Some(&(b.sdp("0") + "a=recvonly\r\n"))));
    let mut announcer = Party { phone: a, to: to_a };
    assert_eq!((direction(&to_b), position(&server, "x")), ("sendonly".to_owned(), None));
    announcer.send(0, 0x33);
    receives(&mut b, 0x33);

    let hold = |id: &str, more: &str| {
        let [a, mut b] = begin(&server, id, more);
        let told = reinvite(&server, id, [&a, &b], ("inactive", "recvonly"), "");
        assert_eq!(direction(&told[0]), "sendonly");
        receives(&mut b.phone, UP);
        [a, b]
    };
    let [_a, mut first] = hold("c", "");
    (0..30).for_each(|_| drop(first.phone.receive()));
    let _second = hold("d", "");
    let [_b, mut last] = hold("e", r#""moh":{"file":"music","from-start":"yes"}"#);
    (0..2).for_each(|_| drop(last.phone.receive()));
    // The first is asked before the others and behind them, for time goes on. Each may be a packet early or late.
    let positions = ["c", "d", "e", "c"].map(|id| position(&server, id).unwrap());
    let [before, shared, own, behind] = positions;
    assert!(
        before <= shared + 40 && shared <= behind + 40,
        "all hear the same at the same time: {positions:?}"
    );
    assert!(before > own + 400, "or each from the beginning: {positions:?}");
}

#[test]
fn media_that_is_played_goes_before_music_and_music_goes_on_behind_it() {
    let folder = Folder::new();
    folder.write("music.wav", &wav(8000, &constant(LOUD, 60_000)));
    folder.write("notice.wav", &wav(8000, &constant(-LOUD, 200)));
    let server = server(&folder, |_| {});
    let [mut a, mut b] = begin(&server, "c", OWN);
    reinvite(&server, "c", [&a, &b], ("sendonly", "recvonly"), "");
    receives(&mut b.phone, UP);
    ok(&server.ask("play media", r#""call-id":"c","from-tag":"b","file":"notice.wav""#, None));
    receives(&mut b.phone, DOWN);
    let is_end = |event: &Event| matches!(event, Event::PlayerFinished { .. });
    loop {
        let event = server.events.recv_timeout(Duration::from_secs(5)).unwrap();
        server.controller.handle_event(&event);
        if is_end(&event) {
            break;
        }
    }
    b.phone.pass_over_waiting();
    a.send(0, 0x33);
    receives(&mut b.phone, UP);
    // A `delete` of it all leaves nothing.
    ok(&server.ask("delete", r#""call-id":"c","flags":["fast"]"#, None));
}
