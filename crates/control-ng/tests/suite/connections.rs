//! Parties related without offer and answer: `connect`, `mesh`, and what becomes of those left.

use crate::common;

use common::party::{DOWN, Party, SILENT, UP, call, mix, talk};
use common::phone::Phone;
use common::*;
use mediapoint_engine::CallId;

fn connect(server: &Server, keys: &str) -> mediapoint_control_ng::Reply {
    server.ask("connect", &format!(r#""call-id":"c",{keys}"#), None)
}

#[test]
fn connected_parties_talk_and_those_left_are_silent() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut c, mut d] = call(&server, "c", ["c", "d"], ["0", "0"]);
    talk(&mut a, &mut b, (0, 0), (1, 1));
    talk(&mut c, &mut d, (0, 0), (2, 2));
    assert_eq!(connect(&server, r#""from-tag":"a","to-tag":"c""#).text("result"), "ok");
    b.send(0, 0x33);
    d.send(0, 0x34);
    talk(&mut a, &mut c, (0, 0), (4, 4));

    let query = server.ask("query", r#""call-id":"c""#, None);
    let tags = dict(query.value("tags"));
    assert_eq!(text(dict(get(tags, "a")), "in dialogue with"), "c");
    assert_eq!(list(get(dict(get(tags, "b")), "subscriptions")).len(), 0);

    // A re-INVITE between two that belonged together before relates them again.
    let again = r#""call-id":"c","from-tag":"a","to-tag":"b""#;
    let to_b = advertised(&server.ask("offer", again, Some(&a.phone.sdp("0"))));
    let to_a = advertised(&server.ask("answer", again, Some(&b.phone.sdp("0"))));
    assert_eq!((port(&to_a, 0), port(&to_b, 0)), (port(&a.to, 0), port(&b.to, 0)));
    c.send(0, 0x35);
    talk(&mut a, &mut b, (0, 0), (6, 6));
    // And one between the connected ones, too.
    let again = r#""call-id":"c","from-tag":"c","to-tag":"a""#;
    server.ask("offer", again, Some(&c.phone.sdp("0")));
    server.ask("answer", again, Some(&a.phone.sdp("0")));
    talk(&mut a, &mut c, (0, 0), (7, 7));
    let engine = server.engine.call(CallId::from_u64(1)).unwrap();
    assert_eq!(engine.statistics().unwrap().wait().unwrap().legs.len(), 4, "nobody got another port");
}

#[test]
fn connected_parties_of_different_codecs_are_transcoded() {
    let server = Server::new();
    let [mut a, _b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut c, _d] = call(&server, "c", ["c", "d"], ["8", "8"]);
    connect(&server, r#""from-tag":"a","to-tag":"c""#);
    // The loudest sample is 0x80 in mu-law and 0xaa in A-law.
    talk(&mut a, &mut c, (0, 8), (0x80, 0xaa));
}

#[test]
fn a_party_left_goes_with_its_delete_and_the_connected_ones_stay() {
    let server = Server::new();
    let [mut a, _b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut c, _d] = call(&server, "c", ["c", "d"], ["0", "0"]);
    connect(&server, r#""from-tag":"a","to-tag":"c""#);
    let delete = |keys: &str| {
        let reply = server.ask("delete", &format!(r#""call-id":"c",{keys}"#), None);
        assert_eq!((reply.text("result"), reply.text("warning")), ("ok".into(), String::new()));
    };
    let legs = || {
        let call = server.engine.call(CallId::from_u64(1)).unwrap();
        call.statistics().unwrap().wait().unwrap().legs.len()
    };
    delete(r#""from-tag":"a","to-tag":"b""#);
    assert_eq!(legs(), 3);
    delete(r#""from-tag":"d","to-tag":"c""#);
    assert_eq!(legs(), 2);
    talk(&mut a, &mut c, (0, 0), (1, 1));
    delete(r#""from-tag":"a","to-tag":"c""#);
    assert_eq!(server.controller.calls(), 0);
}

#[test]
fn a_directional_connection_adds_a_listener_and_takes_nothing_away() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let listener = Phone::new();
    let publish = server.ask(
        "publish",
        r#""call-id":"c","from-tag":"l","flags":["bidirectional"]"#,
        Some(&listener.sdp("0")),
    );
    let mut l = Party { phone: listener, to: advertised(&publish) };
    let flags = r#""from-tag":"a","to-tag":"l","flags":["directional"]"#;
    assert_eq!(connect(&server, flags).text("result"), "ok");
    assert_eq!(connect(&server, flags).text("result"), "ok", "again is the same");
    talk(&mut a, &mut b, (0, 0), (1, 1));
    assert_eq!(l.phone.receive(), (0, vec![1; 160]));
    let query = server.ask("query", r#""call-id":"c","from-tag":"l""#, None);
    let tags = dict(query.value("tags"));
    let pair = dict(list(get(dict(get(tags, "l")), "subscriptions")).first());
    assert_eq!((text(pair, "tag"), text(pair, "type")), ("a".into(), "pub/sub".into()));

    // Of one source only, it is taken away by itself.
    let keys = r#""call-id":"c","to-tag":"l","from-tag":"a","flags":["directional"]"#;
    assert_eq!(server.ask("unsubscribe", keys, None).text("result"), "ok");
    talk(&mut a, &mut b, (0, 0), (3, 3));
    assert_eq!(
        connect(&server, r#""from-tag":"b","to-tag":"l","flags":["directional"]"#).text("result"),
        "ok"
    );
    a.send(0, 4);
    b.send(0, 5);
    assert_eq!((b.phone.receive(), a.phone.receive()), ((0, vec![4; 160]), (0, vec![5; 160])));
    assert_eq!(l.phone.receive(), (0, vec![5; 160]));
}

#[test]
fn several_sources_of_one_party_are_mixed() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut c, mut d] = call(&server, "c", ["c", "d"], ["0", "0"]);
    // Everybody receives everybody else.
    let mesh = r#""calls":["c"],"flags":["bidirectional"],
        "tags":[{"from":"a","to":["b","c","d"]},{"from":"b","to":["c","d"]},{"from":"c","to":["d"]}]"#;
    assert_eq!(server.ask("mesh", mesh, None).text("result"), "ok");
    mix(&mut [(&mut a, UP, DOWN), (&mut b, DOWN, UP), (&mut c, SILENT, SILENT), (&mut d, SILENT, SILENT)]);
    mix(&mut [(&mut a, UP, UP), (&mut b, SILENT, UP), (&mut c, UP, UP), (&mut d, SILENT, UP)]);
    let query = server.ask("query", r#""call-id":"c""#, None);
    let of_a = dict(get(dict(query.value("tags")), "a"));
    let sources = list(get(of_a, "subscriptions")).iter().map(|pair| {
        let pair = dict(Some(pair));
        (text(pair, "tag"), text(pair, "type"))
    });
    let pair = |tag: &str, kind: &str| (tag.to_owned(), kind.to_owned());
    let expected = [pair("b", "offer/answer"), pair("c", "pub/sub"), pair("d", "pub/sub")];
    assert_eq!(sources.collect::<Vec<_>>(), expected);

    // Two leave: what is left is forwarded again.
    let leave = r#""call-id":"c","from-tag":"c","to-tag":"d""#;
    assert_eq!(server.ask("delete", leave, None).text("result"), "ok");
    let odd = |byte: u8| vec![byte; 7];
    a.phone.send(&a.to, 0, &odd(1));
    assert!((0..200).any(|_| b.phone.receive() == (0, odd(1))), "not even looked at");
    assert!(c.phone.port() != d.phone.port());
}

#[test]
fn what_is_not_audio_has_one_source() {
    let server = Server::new();
    let video = "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=video 4002 RTP/AVP 99\r\na=rtpmap:99 VP8/90000\r\n";
    for tag in ["p", "q", "r"] {
        let keys = format!(r#""call-id":"c","from-tag":"{tag}","flags":["bidirectional"]"#);
        let sdp = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n{video}");
        assert!(!server.ask("publish", &keys, Some(&sdp)).is_error());
    }
    assert_eq!(
        connect(&server, r#""from-tag":"p","to-tag":"r","flags":["directional"]"#).text("result"),
        "ok"
    );
    let refused = connect(&server, r#""from-tag":"q","to-tag":"r","flags":["directional"]"#);
    assert_eq!(reason(&refused), "a second source for a stream other than audio is not supported");
    let mesh = r#""calls":["c"],"flags":["bidirectional"],"tags":[{"from":"p","to":["q","r"]}]"#;
    assert!(server.ask("mesh", mesh, None).is_error());
    let query = server.ask("query", r#""call-id":"c","from-tag":"q""#, None);
    let of_q = dict(get(dict(query.value("tags")), "q"));
    assert_eq!(list(get(of_q, "subscriptions")).len(), 0, "what fails changes nothing");
}

#[test]
fn a_bidirectional_connection_goes_both_ways() {
    let server = Server::new();
    let publish = |tag: &str| {
        let phone = Phone::new();
        let keys = format!(r#""call-id":"c","from-tag":"{tag}","flags":["bidirectional"]"#);
        let to = advertised(&server.ask("publish", &keys, Some(&phone.sdp("0"))));
        Party { phone, to }
    };
    let (mut p, mut q) = (publish("p"), publish("q"));
    let flags = r#""from-tag":"p","to-tag":"q","flags":["directional","bidirectional"]"#;
    assert_eq!(connect(&server, flags).text("result"), "ok");
    talk(&mut p, &mut q, (0, 0), (1, 1));
    let apart = r#""call-id":"c","from-tag":"p","to-tag":"q","flags":["directional","bidirectional"]"#;
    server.ask("unsubscribe", apart, None);
    p.send(0, 2);
    await_packets(&server, "p", 2);
    // A mesh of one call does the same as two connections.
    let mesh = r#""calls":["c"],"tags":[{"from":"p","to":["q"]},{"from":"q","to":["p"]}]"#;
    assert_eq!(server.ask("mesh", mesh, None).text("result"), "ok");
    talk(&mut p, &mut q, (0, 0), (3, 3));
    let reset = r#""calls":["c"],"rtpp-flags":"unsubscribe tags=[[from=q to=[p]]]""#;
    assert_eq!(server.ask("mesh", reset, None).text("result"), "ok");
    p.send(0, 4);
    await_packets(&server, "p", 4);
    q.send(0, 5);
    assert_eq!(p.phone.receive(), (0, vec![5; 160]));
    let both = r#""calls":["c"],"flags":["bidirectional","unsubscribe"],"tags":[{"from":"p","to":"q"}]"#;
    assert_eq!(server.ask("mesh", both, None).text("result"), "ok");
    talk(&mut p, &mut q, (0, 0), (6, 6));
}

#[test]
fn sections_are_matched_by_kind() {
    let server = Server::new();
    let publish = |tag: &str, sdp: &str| {
        let keys = format!(r#""call-id":"c","from-tag":"{tag}","flags":["bidirectional"]"#);
        assert!(!server.ask("publish", &keys, Some(sdp)).is_error());
    };
    let video = "m=video 4002 RTP/AVP 99\r\na=rtpmap:99 VP8/90000\r\n";
    publish("p", &(phone("192.0.2.1", 4000, "0") + video));
    publish("q", &phone("192.0.2.1", 5000, "0"));
    let reply = connect(&server, r#""from-tag":"p","to-tag":"q","flags":["directional"]"#);
    assert_eq!(reply.text("warning"), "no video section to connect section 2 to");
}

#[test]
fn parties_of_different_calls_are_connected_and_their_calls_are_one_from_then_on() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut c, mut d] = call(&server, "d", ["c", "d"], ["0", "0"]);
    talk(&mut a, &mut b, (0, 0), (1, 1));
    talk(&mut c, &mut d, (0, 0), (2, 2));
    let connected = connect(&server, r#""from-tag":"a","to-tag":"c","to-call-id":"d""#);
    assert_eq!(connected.text("result"), "ok");
    talk(&mut a, &mut c, (0, 0), (3, 3));
    assert_eq!(server.controller.calls(), 1);
    // Either call-id stands for the merged call.
    let query = server.ask("query", r#""call-id":"d""#, None);
    assert_eq!(dict(query.value("tags")).len(), 4);
    let again = server.ask("connect", r#""call-id":"d","from-tag":"b","to-tag":"d""#, None);
    assert_eq!(again.text("result"), "ok");
    talk(&mut b, &mut d, (0, 0), (4, 4));
    talk(&mut a, &mut c, (0, 0), (5, 5));
}

#[test]
fn calls_that_share_a_tag_are_not_merged() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    assert_eq!(server.ask("mesh", r#""calls":["c","c"]"#, None).text("result"), "ok", "one call");
    let [_e, _f] = call(&server, "e", ["a", "x"], ["0", "0"]);
    let same = connect(&server, r#""from-tag":"a","to-tag":"x","to-call-id":"e""#);
    assert_eq!(reason(&same), "the calls have a tag in common");
    talk(&mut a, &mut b, (0, 0), (1, 1));
}

#[test]
fn what_is_not_there_is_named() {
    let server = Server::new();
    let _parties = call(&server, "c", ["a", "b"], ["0", "0"]);
    assert_eq!(
        reason(&connect(&server, r#""from-tag":"x","to-tag":"b""#)),
        "the call has no party of this from-tag"
    );
    assert_eq!(
        reason(&connect(&server, r#""from-tag":"a","to-tag":"x""#)),
        "the call has no party of this to-tag"
    );
    assert_eq!(reason(&connect(&server, r#""from-tag":"a""#)), "missing key to-tag");
    server.ask("subscribe request", r#""call-id":"c","from-tag":"a","to-tag":"s""#, None);
    let subscriber = "a subscriber can only be connected with the flag directional";
    assert_eq!(reason(&connect(&server, r#""from-tag":"s","to-tag":"b""#)), subscriber);
    let elsewhere = r#""from-tag":"a","to-tag":"b","to-call-id":"x""#;
    assert_eq!(reason(&connect(&server, elsewhere)), "unknown call-id");
    assert_eq!(reason(&server.ask("mesh", "", None)), "missing key calls");
    let unknown = r#""calls":["c"],"tags":[{"from":"a","to":["x"]}]"#;
    assert_eq!(reason(&server.ask("mesh", unknown, None)), "the call has no party of this to");
    let malformed = r#""calls":["c"],"tags":["x"]"#;
    assert_eq!(reason(&server.ask("mesh", malformed, None)), "unusable value for tags");
    for command in ["create", "create answer", "inject start", "inject stop"] {
        assert_eq!(
            reason(&server.ask(command, r#""call-id":"c""#, None)),
            format!("{command} is not supported")
        );
    }
}
