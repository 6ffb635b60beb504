//! Rooms of a thousand members: all that the room is made for are let in.

use std::time::{Duration, Instant};

use crate::common;

use common::conference::ok;
use common::*;
use mediapoint_control_ng::ControllerConfig;
use mediapoint_engine::{Engine, Interface, Points};

/// A description of a party that sends and is sent nothing: what is measured is the control alone.
fn silent() -> String {
    phone("127.0.0.1", 9_998, "0 101") + "a=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"
}

/// So many parties join the room `r`, each from a call of its own. How long each join took.
fn joined(server: &Server, members: u32) -> Vec<Duration> {
    let sdp = silent();
    let join = |number: u32| {
        let party = format!(r#""call-id":"{number}","from-tag":"t""#);
        let publish = keys(&party, r#""flags":["bidirectional"]"#);
        advertised(&server.ask("publish", &publish, Some(&sdp)));
        let began = Instant::now();
        let max = format!(r#""room":"r","max":{members}"#);
        ok(&server.ask("conference join", &keys(&party, &max), None));
        began.elapsed()
    };
    (0..members).map(join).collect()
}

fn server(members: u16) -> Server {
    let builder = Engine::builder()
        .interface(Interface::new("default", [127, 0, 0, 7].into()))
        .ports(20_000..=20_000 + 2 * members + 99)
        .budget(Points::whole(10_000))
        .pin(false);
    Server::with(builder, ControllerConfig::default())
}

#[test]
fn a_room_takes_as_many_as_it_is_made_for_and_says_what_to_do_then() {
    let server = server(150);
    joined(&server, 150);
    advertised(&server.ask("publish", r#""call-id":"x","from-tag":"t""#, Some(&silent())));
    let refused = server.ask("conference join", r#""call-id":"x","from-tag":"t","room":"r""#, None);
    assert_eq!(reason(&refused), "the conference room is full: 150 members; link another server for more");
    assert_eq!(server.controller.calls(), 2);
}

/// Takes 2,000 open files, and says how long the joins took.
#[test]
#[ignore = "measures time"]
fn a_thousand_members_join_one_room() {
    let server = server(1_000);
    let took = joined(&server, 1_000);
    let of = |number: usize| {
        let mut around = took[number - 10..number].to_vec();
        around.sort_unstable();
        around[5]
    };
    println!("join 10: {:?}, 100: {:?}, 1000: {:?}", of(10), of(100), of(1_000));
    assert!(of(1_000) < Duration::from_millis(50), "{:?}", of(1_000));
}
