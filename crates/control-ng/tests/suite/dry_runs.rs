//! `dry-run`: what a request would come to, and that nothing comes of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use mediapoint_control_ng::wire::Value;
use mediapoint_control_ng::{ControllerConfig, Reply};
use mediapoint_engine::Points;

use crate::common::media::{Folder, constant, server as playing, wav};
use crate::common::phone::Phone;
use crate::common::*;

/// All that can be counted from outside, but for what time and packets change.
fn counted(server: &Server) -> String {
    let mut load = server.engine.load();
    load.rounds = 0;
    for worker in &mut load.workers {
        (worker.cpu, worker.received, worker.sent, worker.calls) = Default::default();
    }
    let of_call = |call: mediapoint_engine::Call| (call.points(), call.worker(), call.paths());
    let calls: Vec<_> =
        (1..6).map(|id| server.engine.call(mediapoint_engine::CallId::from_u64(id)).map(of_call)).collect();
    let rooms = server.ask("conference list", "", None);
    let mut figures = server.controller.figures();
    // What asks for the figures is counted itself.
    figures.requests.clear();
    figures.refused = 0;
    format!("{load:?} {calls:?} {rooms:?} {figures:?} {}", server.engine.calls())
}

/// Tries a request, carries it out, and has both compared: what the call costs then, and on which worker it is.
fn tried_and_done(server: &Server, command: &str, json: &str, sdp: Option<&str>) -> (Reply, Reply) {
    let before = counted(server);
    let tried = server.ask(command, &keys(json, r#""dry-run":1"#), sdp);
    assert_eq!(tried.text("result"), "ok", "{command}: {}", tried.text("error-reason"));
    assert_eq!(tried.text("admitted"), "1", "{command}: {}", tried.text("refusal"));
    assert!(tried.value("sdp").is_none(), "{command}");
    assert_eq!(counted(server), before, "{command} changes nothing");
    let done = server.ask(command, json, sdp);
    assert_eq!(done.text("result"), "ok", "{command}: {}", done.text("error-reason"));
    let id = dict(Some(&Value::Dict(decoded(json))))["call-id".as_bytes()].to_text().unwrap();
    let statistics = server.ask("statistics", r#""limit":100"#, None);
    let longest = list(get(dict(statistics.value("statistics")), "longest"));
    // A call that came into a room is a part of that one's.
    let of = |call: &&Value| text(dict(Some(*call)), "call-id") == id;
    let call = dict(Some(longest.iter().find(of).unwrap_or(&longest[0])));
    for key in ["points", "worker"] {
        assert_eq!(tried.text(key), text(call, key), "{command}: {key}");
    }
    (tried, done)
}

fn decoded(json: &str) -> mediapoint_control_ng::wire::Dict {
    mediapoint_control_ng::wire::decode(format!("{{{json}}}").as_bytes()).unwrap()
}

/// Each path as `from>to made codecs transport`.
fn paths(reply: &Reply) -> Vec<String> {
    let path = |path: &Value| {
        let path = dict(Some(path));
        let of = |key| path.get(str::as_bytes(key)).and_then(Value::to_text).unwrap_or_default();
        format!("{}>{} {} {} {}", of("from"), of("to"), of("made"), of("codecs"), of("transport"))
    };
    list(reply.value("path")).iter().map(path).collect()
}

#[test]
fn every_command_that_can_be_tried_says_what_it_comes_to_and_does_nothing() {
    let folder = Folder::new();
    folder.write("prompt.wav", &wav(8_000, &constant(100, 1_000)));
    let server = playing(&folder, |_| {});
    let (a, b) = (Phone::new(), Phone::new());
    let (sdp_a, sdp_b) = (a.sdp("0"), b.sdp("9"));
    let offer = r#""call-id":"c","from-tag":"a","codec":{"transcode":["G722"]}"#;
    let (tried, _) = tried_and_done(&server, "offer", offer, Some(&sdp_a));
    assert_eq!((tried.text("points"), tried.text("points-added")), ("1.000".into(), "1.000".into()));
    assert_eq!(paths(&tried), ["silence>a silent  RTP", "silence> silent  RTP"], "until the answer");
    let answer = r#""call-id":"c","from-tag":"a","to-tag":"b""#;
    let (tried, _) = tried_and_done(&server, "answer", answer, Some(&sdp_b));
    assert_eq!((tried.text("points"), tried.text("points-added")), ("3.900".into(), "2.900".into()));
    assert_eq!(paths(&tried), ["b>a transcoded G.722 to G.711 RTP", "a>b transcoded G.711 to G.722 RTP"]);
    let kinds = dict(tried.value("points-by-kind"));
    assert_eq!(["relay", "g711", "g722"].map(|kind| text(kinds, kind)), ["1.000", "0.400", "2.500"]);

    let play = r#""call-id":"c","from-tag":"a","file":"prompt.wav","block-egress":"yes""#;
    let (tried, _) = tried_and_done(&server, "play media", play, None);
    assert!(paths(&tried)[0].starts_with("player>a played"), "{:?}", paths(&tried));
    let subscribe = r#""call-id":"c","from-tag":"a","to-tag":"s""#;
    let (_, subscribed) = tried_and_done(&server, "subscribe request", subscribe, None);
    assert!(!subscribed.text("sdp").is_empty());
    let listener = Phone::new();
    let (tried, _) = tried_and_done(
        &server,
        "subscribe answer",
        r#""call-id":"c","to-tag":"s""#,
        Some(&listener.sdp("0")),
    );
    assert!(paths(&tried).contains(&"a>s forwarded G.711 RTP".to_owned()), "{:?}", paths(&tried));
    let published = Phone::new();
    let publish = r#""call-id":"d","from-tag":"p","flags":["bidirectional"]"#;
    tried_and_done(&server, "publish", publish, Some(&published.sdp("0")));
    let analysis = r#""call-id":"c","from-tag":"a","detect-speech":"yes""#;
    tried_and_done(&server, "start analysis", analysis, None);
    let connect = r#""call-id":"c","from-tag":"a","to-tag":"b","dry-run":"yes""#;
    assert_eq!(server.ask("connect", connect, None).text("result"), "ok");
    let join = r#""call-id":"c","from-tag":"b","room":"r""#;
    let (tried, _) = tried_and_done(&server, "conference join", join, None);
    assert!(paths(&tried).iter().any(|path| path.starts_with("room>b mixed")), "{:?}", paths(&tried));
    let join = r#""call-id":"d","from-tag":"p","room":"r""#;
    let (tried, _) = tried_and_done(&server, "conference join", join, None);
    assert!(paths(&tried).iter().any(|path| path.starts_with("room>p mixed")), "{:?}", paths(&tried));
}

#[test]
fn what_has_no_room_is_not_admitted_and_has_a_price_all_the_same() {
    let server = Server::with(builder().budget(Points::whole(2)), ControllerConfig::default());
    let (a, b) = (Phone::new(), Phone::new());
    server.offer(&a.sdp("0"), r#""codec":{"transcode":["G722"]}"#);
    let before = counted(&server);
    let answer = r#""call-id":"c","from-tag":"a","to-tag":"b","flags":["dry-run"]"#;
    let tried = server.ask("answer", answer, Some(&b.sdp("9")));
    assert_eq!(
        ["result", "admitted", "points", "points-added"].map(|key| tried.text(key)),
        ["ok", "0", "3.900", "2.900"]
    );
    assert!(tried.text("refusal").contains("points"), "{}", tried.text("refusal"));
    assert!(tried.value("worker").is_none());
    assert_eq!(paths(&tried).len(), 2);
    assert_eq!(counted(&server), before);
    server.engine.set_draining(true);
    let tried = server.ask("offer", r#""call-id":"new","from-tag":"x","dry-run":1"#, Some(&a.sdp("0")));
    assert_eq!((tried.text("admitted"), tried.text("points")), ("0".into(), String::new()));
}

#[test]
fn faults_of_a_request_are_those_of_the_request_itself() {
    let server = Server::new();
    let answer = r#""call-id":"c","from-tag":"a","to-tag":"b","dry-run":1"#;
    assert_eq!(
        reason(&server.ask("answer", answer, Some(&phone("127.0.0.9", 4_000, "0")))),
        "unknown call-id"
    );
    let refused = server.ask("delete", r#""call-id":"c","dry-run":1"#, None);
    assert_eq!(reason(&refused), "dry-run of delete is not supported");
    let off = server.ask("ping", r#""dry-run":"no""#, None);
    assert_eq!(off.text("result"), "pong");
}
