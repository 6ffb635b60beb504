//! A worker that does nothing for a while: no command waits for it, but those that ask for figures, and those without a
//! call's lock.

#![expect(clippy::unwrap_used, reason = "test support outside of test functions")]

mod common;

use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

use common::party::{call, publish};
use common::*;
use mediapoint_control_ng::{ControllerConfig, Reply};
use mediapoint_engine::{Event, Points};

/// How many are tried.
const COMMANDS: usize = 15;

#[test]
fn no_command_waits_for_a_worker_under_a_calls_lock() {
    let server = Server::new();
    let [a, b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [x, _y] = call(&server, "d", ["x", "y"], ["0", "0"]);
    let p = publish(&server, "c", "p");
    let stalled = server.engine.danger_stall_worker(0);
    std::thread::scope(|scope| {
        let server = &server;
        let (figures, answered) = channel();
        let (begins, begun) = channel();
        scope.spawn(move || {
            begins.send(()).unwrap();
            let query = server.ask("query", r#""call-id":"c""#, None);
            figures.send(query).unwrap();
        });
        begun.recv().unwrap();
        let (progress, done) = channel();
        scope.spawn(move || {
            let ask = |command: &str, json: &str, sdp: Option<&str>| {
                let reply = server.ask(command, json, sdp);
                assert_eq!(reply.text("result"), "ok", "{command}: {}", reply.text("error-reason"));
                reply
            };
            let recorder = phone("127.0.0.1", 4000, "0") + "a=recvonly\r\n";
            for (command, json, sdp) in [
                ("offer", r#""call-id":"c","from-tag":"a","to-tag":"b""#, Some(a.phone.sdp("0"))),
                ("answer", r#""call-id":"c","from-tag":"a","to-tag":"b""#, Some(b.phone.sdp("0"))),
                ("offer", r#""call-id":"new","from-tag":"n""#, Some(x.phone.sdp("0"))),
                ("publish", r#""call-id":"c","from-tag":"p""#, Some(p.phone.sdp("0"))),
                ("subscribe request", r#""call-id":"c","flags":["all","mix"],"to-tag":"s""#, None),
                ("subscribe answer", r#""call-id":"c","to-tag":"s""#, Some(recorder)),
                ("connect", r#""call-id":"c","from-tag":"p","to-tag":"a","flags":["directional"]"#, None),
                ("connect", r#""call-id":"c","from-tag":"a","to-tag":"x","to-call-id":"d""#, None),
                ("mesh", r#""calls":["c","d"],"tags":[{"from":"x","to":["b","p"]}]"#, None),
                ("unsubscribe", r#""call-id":"c","to-tag":"s""#, None),
                ("delete", r#""call-id":"c","from-tag":"p","flags":["fast"]"#, None),
                ("delete", r#""call-id":"new","flags":["fast"]"#, None),
                ("list", "", None),
                ("statistics", "", None),
                ("ping", "", None),
            ] {
                if command == "ping" {
                    assert_eq!(server.ask(command, json, None).text("result"), "pong");
                } else {
                    ask(command, json, sdp.as_deref());
                }
                progress.send(command).unwrap();
            }
        });
        let mut commands = std::iter::from_fn(|| done.recv_timeout(Duration::from_secs(10)).ok());
        let last = commands.by_ref().take(COMMANDS).last();
        // The query is answered without figures after a time; until then all of the above was done.
        let early = answered.try_recv();
        drop(stalled);
        assert_eq!(last, Some("ping"), "the command after it waits for the worker");
        assert_eq!(early.err(), Some(TryRecvError::Empty), "the figures come from the worker");
        assert_eq!(answered.recv_timeout(Duration::from_secs(10)).unwrap().text("result"), "ok");
    });
    let query = server.ask("query", r#""call-id":"c""#, None);
    assert_eq!(dict(query.value("tags")).len(), 4, "a, b, x and y");
}

/// An answer at an engine that refuses what it asks for: the worker is stalled, and told to close a leg before that.
fn answer_refused(server: &Server, then: impl FnOnce(&Server)) -> Reply {
    server.offer(&phone("127.0.0.1", 4000, "0"), "");
    let call = engine_call(server, 1);
    let snapshot = call.snapshot().unwrap().wait().unwrap();
    let (leg, _) = snapshot.legs().next().unwrap();
    let stalled = server.engine.danger_stall_worker(0);
    drop(call.remove_leg(leg).unwrap());
    std::thread::scope(|scope| {
        let answer = phone("127.0.0.1", 5000, "0");
        let json = r#""call-id":"c","from-tag":"a","to-tag":"b""#;
        let asked = scope.spawn(move || server.ask("answer", json, Some(&answer)));
        then(server);
        drop(stalled);
        asked.join().unwrap()
    })
}

#[test]
fn an_answer_that_the_engine_refuses_is_an_error() {
    let config = ControllerConfig { settle_within: Duration::from_secs(20), ..ControllerConfig::default() };
    let server = Server::with(builder().workers(1), config);
    let reply = answer_refused(&server, |server| {
        // The answer is with the engine once the call shows who answered.
        let is_there = || {
            let query = server.ask("query", r#""call-id":"c""#, None);
            get(dict(query.value("tags")), "b").is_some()
        };
        while !is_there() {}
    });
    let reason = reason(&reply);
    assert!(reason.starts_with("the engine refused: the call has no leg"), "{reason}");
    assert_eq!(server.ask("query", r#""call-id":"c""#, None).text("result"), "ok", "the call goes on");
}

#[test]
fn an_answer_that_is_not_confirmed_in_time_says_so_and_its_failure_is_an_event() {
    let config = ControllerConfig { settle_within: Duration::from_millis(1), ..ControllerConfig::default() };
    let server = Server::with(builder().workers(1), config);
    server.offer(&phone("127.0.0.1", 4000, "0"), "");
    let call = engine_call(&server, 1);
    let snapshot = call.snapshot().unwrap().wait().unwrap();
    let (leg, _) = snapshot.legs().next().unwrap();
    let stalled = server.engine.danger_stall_worker(0);
    drop(call.remove_leg(leg).unwrap());
    // The second is not waited for at all.
    for _ in 0..2 {
        let json = r#""call-id":"c","from-tag":"a","to-tag":"b""#;
        let reply = server.ask("answer", json, Some(&phone("127.0.0.1", 5000, "0")));
        assert_eq!(reply.text("result"), "ok");
        assert_eq!(reply.text("warning"), "the media worker has not confirmed this yet");
    }
    drop(stalled);
    let failed = |event: &Event| matches!(event, Event::CommandFailed { .. });
    let event = std::iter::from_fn(|| server.events.recv_timeout(Duration::from_secs(10))).find(failed);
    assert!(event.is_some(), "a failure that nobody waits for is reported");
}

#[test]
fn an_offer_that_is_refused_waits_for_no_worker_and_opens_nothing() {
    // Whatever waited for the worker would be here for an hour.
    let config = ControllerConfig { settle_within: Duration::from_secs(3600), ..ControllerConfig::default() };
    let server = Server::with(builder().workers(1).budget(Points::ONE), config);
    server.offer(&phone("127.0.0.1", 4000, "0"), "");
    let held = || {
        let load = server.engine.load();
        (load.port_pairs, load.files, load.workers[0].legs, load.workers[0].used, server.engine.calls())
    };
    let before = held();
    let stalled = server.engine.danger_stall_worker(0);
    let refused = std::thread::scope(|scope| {
        let (replies, replied) = channel();
        let server = &server;
        scope.spawn(move || {
            let offer = phone("127.0.0.1", 5000, "0");
            replies.send(server.ask("offer", r#""call-id":"d","from-tag":"a""#, Some(&offer))).unwrap();
        });
        let refused = replied.recv_timeout(Duration::from_secs(10));
        let after = held();
        drop(stalled);
        assert_eq!(after, before);
        refused
    });
    let reason = reason(&refused.expect("it waits for the worker"));
    assert!(reason.starts_with("load limit: the call needs 1.000 points"), "{reason}");
    assert_eq!(server.controller.calls(), 1);
}
