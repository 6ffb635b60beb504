//! Descriptions whose addresses media may not be sent to are refused with the address and the reason, in every command that
//! carries one, and change nothing.

#![expect(clippy::unwrap_used, reason = "test support outside of test functions")]

use crate::common;

use common::*;
use mediapoint_control_ng::ControllerConfig;
use mediapoint_engine::RemotePolicy;

const CONTROL: u16 = 2223;

fn server() -> Server {
    let policy = RemotePolicy::default()
        .own("127.0.0.1".parse().unwrap(), CONTROL..=CONTROL)
        .deny("198.51.100.0/24".parse().unwrap());
    Server::with(builder().remotes(policy), ControllerConfig::default())
}

fn fax(address: &str, port: u16) -> String {
    phone(address, port, "0").replace("m=audio", "m=image").replace("RTP/AVP 0", "udptl t38")
}

#[test]
fn descriptions_with_forbidden_addresses_are_refused() {
    let server = server();
    for (address, port, why) in [
        ("127.0.0.1", CONTROL, "an address of this server itself"),
        ("198.51.100.7", 4000, "its network is denied"),
        ("224.0.0.1", 4000, "a multicast address"),
        ("255.255.255.255", 4000, "the broadcast address"),
        ("169.254.169.254", 80, "a link-local address"),
        ("ff02::1", 4000, "a multicast address"),
    ] {
        for description in [phone(address, port, "0"), fax(address, port)] {
            let refused = reason(&server.ask("offer", r#""call-id":"c","from-tag":"a""#, Some(&description)));
            assert!(refused.contains(address) && refused.contains(why), "{refused}");
            assert_eq!(server.controller.calls(), 0, "no call is left of {description}");
        }
    }
}

/// The answer is as the attacker would have it: the control port as the address of a fax.
#[test]
fn an_answer_that_names_the_control_port_is_refused_and_the_call_is_as_before() {
    let server = server();
    server.offer(&phone("127.0.0.1", 4000, "0"), "");
    let answer = r#""call-id":"c","from-tag":"a","to-tag":"b""#;
    for description in [fax("127.0.0.1", CONTROL), phone("127.0.0.1", CONTROL, "0")] {
        let refused = reason(&server.ask("answer", answer, Some(&description)));
        assert!(refused.contains("127.0.0.1:2223"), "{refused}");
    }
    let rtcp = phone("127.0.0.1", 4002, "0") + "a=rtcp:2223\r\n";
    assert!(reason(&server.ask("answer", answer, Some(&rtcp))).contains("127.0.0.1:2223"));
    // The party itself can answer still.
    server.answer(&phone("127.0.0.1", 4002, "0"), "");
    let reoffer = reason(&server.ask(
        "offer",
        r#""call-id":"c","from-tag":"a","to-tag":"b""#,
        Some(&phone("127.0.0.1", CONTROL, "0")),
    ));
    assert!(reoffer.contains("this server itself"), "{reoffer}");
    assert_eq!(legs(&engine_call(&server, 1)), 2);
}

#[test]
fn subscribers_and_publishers_are_checked_too() {
    let server = server();
    server.offer(&phone("127.0.0.1", 4000, "0"), "");
    server.answer(&phone("127.0.0.1", 4002, "0"), "");
    let published =
        server.ask("publish", r#""call-id":"p","from-tag":"x""#, Some(&phone("127.0.0.1", CONTROL, "0")));
    assert!(reason(&published).contains("this server itself"));
    let request = server.ask("subscribe request", r#""call-id":"c","from-tag":"a""#, None);
    assert_eq!(request.text("result"), "ok");
    let tag = request.text("to-tag");
    let answered = server.ask(
        "subscribe answer",
        &format!(r#""call-id":"c","to-tag":"{tag}""#),
        Some(&phone("127.0.0.1", CONTROL, "0")),
    );
    assert!(reason(&answered).contains("this server itself"));
}
