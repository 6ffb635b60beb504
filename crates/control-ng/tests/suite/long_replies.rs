//! Replies that are longer than a datagram.

use crate::common;

use std::net::SocketAddr;

use common::Server;
use mediapoint_control_ng::wire::{Envelope, Value, decode};
use mediapoint_control_ng::{CacheLimits, Dispatcher, Peer};
use mediapoint_packet::Time;

const DATAGRAM: usize = 65_507;

#[test]
fn a_call_of_many_branches_is_deleted_with_an_answer_that_arrives() {
    let Server { controller, engine: _engine, events: _events, .. } = Server::new();
    let dispatcher = Dispatcher::new(controller, CacheLimits::default());
    let peer = Peer::from(SocketAddr::from(([127, 0, 0, 1], 5000)));
    let ask = |message: &str, limit: usize| {
        let reply =
            dispatcher.answer_within(Time::from_millis(5_000), &peer, message.as_bytes(), limit).unwrap();
        (reply.len(), decode(Envelope::split(&reply).unwrap().payload).unwrap())
    };
    let sdp = common::phone("192.0.2.1", 4000, "0").replace("\r\n", "\\r\\n");
    let tag = |name: &str| format!("{name}{}", "x".repeat(1000));
    for branch in 0..14 {
        let json = format!(
            r#"{branch} {{"command":"offer","call-id":"c","from-tag":"{}","via-branch":"{branch}","sdp":"{sdp}"}}"#,
            tag("a")
        );
        assert_eq!(ask(&json, DATAGRAM).1.get(b"result".as_slice()), Some(&"ok".into()));
        let json = format!(
            r#"{branch}_a {{"command":"answer","call-id":"c","from-tag":"{}","to-tag":"{}","via-branch":"{branch}","sdp":"{sdp}"}}"#,
            tag("a"),
            tag(&format!("b{branch}_"))
        );
        assert_eq!(ask(&json, DATAGRAM).1.get(b"result".as_slice()), Some(&"ok".into()));
    }
    let (whole, _) = ask(r#"q {"command":"query","call-id":"c"}"#, usize::MAX);
    assert!(whole > 10_000, "{whole} bytes show nothing");
    let limit = whole / 2;
    let (length, reply) = ask(r#"d {"command":"delete","call-id":"c"}"#, limit);
    assert!(length <= limit);
    assert_eq!(reply.get(b"result".as_slice()), Some(&"ok".into()));
    assert_eq!(reply.get(b"truncated".as_slice()).and_then(Value::to_text).as_deref(), Some("tags"));
    assert!(reply.contains_key(b"totals".as_slice()));
    assert_eq!(dispatcher.handler().calls(), 0);
}
