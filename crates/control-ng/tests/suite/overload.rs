//! Calls with priority, calls that are shed, and answers that there is no room for.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use std::net::UdpSocket;
use std::time::Duration;

use mediapoint_control_ng::ControllerConfig;
use mediapoint_engine::{CallStatistics, EndReason, Event, Points};

use crate::common::phone::Phone;
use crate::common::*;

/// The configuration of each leg at the engine, and what feeds it.
fn legs_of(server: &Server) -> serde_json::Value {
    let snapshot = engine_call(server, 1).snapshot().unwrap().wait().unwrap();
    let legs = serde_json::to_value(&*snapshot).unwrap()["legs"].take();
    let of = |leg: &serde_json::Value| serde_json::json!([leg["config"], leg["source"]]);
    legs.as_array().unwrap().iter().map(of).collect()
}

#[test]
fn an_answer_that_there_are_no_points_for_leaves_the_call_as_it_was() {
    let server = Server::with(builder().budget(Points::whole(2)), ControllerConfig::default());
    let (a, b) = (Phone::new(), Phone::new());
    server.offer(&a.sdp("0"), r#""codec":{"transcode":["G722"]}"#);
    let query = || server.ask("query", r#""call-id":"c""#, None);
    let tags = || dict(query().value("tags")).keys().cloned().collect::<Vec<_>>();
    let (legs, parties) = (legs_of(&server), tags());
    let answer = |format: &str| {
        server.ask("answer", r#""call-id":"c","from-tag":"a","to-tag":"b""#, Some(&b.sdp(format)))
    };
    for _ in 0..2 {
        let refused = reason(&answer("9"));
        assert!(refused.starts_with("load limit: the call needs"), "{refused}");
        assert_eq!(engine_call(&server, 1).points(), Points::ONE, "nothing is held for it");
        assert_eq!(legs_of(&server), legs);
        assert_eq!(tags(), parties);
    }
    assert_eq!(answer("0").text("result"), "ok", "an answer that costs less is taken");
    assert_eq!(tags().len(), 2);
    assert_ne!(legs_of(&server), legs);
}

#[test]
fn priority_is_the_calls_from_the_message_that_says_so_on() {
    let server = Server::new();
    let (a, b) = (Phone::new(), Phone::new());
    server.offer(&a.sdp("0"), r#""flags":["priority"]"#);
    assert!(engine_call(&server, 1).has_priority());
    server.answer(&b.sdp("0"), "");
    assert!(engine_call(&server, 1).has_priority(), "a message that does not speak of it changes nothing");
    server.ask("query", r#""call-id":"c","priority":"off""#, None);
    assert!(!engine_call(&server, 1).has_priority());
    server.answer(&b.sdp("0"), r#""priority":"on""#);
    assert!(engine_call(&server, 1).has_priority());
}

#[test]
fn a_call_that_is_shed_is_reported_to_whoever_is_told_of_its_digits_and_counted() {
    let server = Server::new();
    let (a, b, log) = (Phone::new(), Phone::new(), UdpSocket::bind("127.0.0.1:0").unwrap());
    log.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    server.offer(&a.sdp("0"), &format!(r#""DTMF-log-dest":"{}""#, log.local_addr().unwrap()));
    server.answer(&b.sdp("0"), "");
    let statistics = CallStatistics { age: Duration::from_millis(1500), ..CallStatistics::default() };
    let call = engine_call(&server, 1).id();
    server.controller.handle_event(&Event::CallEnded { call, reason: EndReason::Shed, statistics });
    let mut buffer = [0; 2048];
    let len = log.recv(&mut buffer).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&buffer[..len]).unwrap();
    assert_eq!(
        (&report["type"], &report["callid"], &report["age"]),
        (&"shed".into(), &"c".into(), &1500.into())
    );
    assert_eq!(report["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(reason(&server.ask("query", r#""call-id":"c""#, None)), "unknown call-id");
    let reply = server.ask("statistics", "", None);
    let totals = dict(get(dict(reply.value("statistics")), "totalstatistics"));
    assert_eq!(["shedsessions", "forcedterminatedsessions"].map(|key| text(totals, key)), ["1", "1"]);
    let ended = server.controller.figures().ended;
    assert!(ended.contains(&("shed", 1)) && ended.contains(&("forced", 0)), "{ended:?}");
}
