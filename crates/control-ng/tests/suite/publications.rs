//! `publish`: media answered by the server and received by whoever subscribes.

use crate::common;

use common::phone::Phone;
use common::*;
use mediapoint_control_ng::Reply;
use mediapoint_engine::{CallId, EndReason};
use mediapoint_packet::sdp::{Direction, Sdp};
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{MasterKey, Outbound, Suite};

const EVENTS: &str = "\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15";

fn publish(server: &Server, sdp: &str, more: &str) -> Reply {
    server.ask("publish", &keys(r#""call-id":"c","from-tag":"p""#, more), Some(sdp))
}

/// Subscribes `phone` to the publisher; what it was told.
fn subscribe(server: &Server, phone: &Phone, formats: &str, more: &str) -> Sdp {
    let request = keys(r#""call-id":"c","from-tag":"p""#, more);
    let reply = server.ask("subscribe request", &request, None);
    let answer =
        format!(r#""call-id":"c","to-tag":"{}","flags":["allow transcoding"]"#, reply.text("to-tag"));
    let answered = server.ask("subscribe answer", &answer, Some(&(phone.sdp(formats) + "a=recvonly\r\n")));
    assert_eq!(answered.text("result"), "ok", "{}", answered.text("error-reason"));
    advertised(&reply)
}

fn sendonly(sdp: String) -> String {
    sdp + "a=sendonly\r\n"
}

#[test]
fn what_is_published_reaches_every_subscriber() {
    let server = Server::new();
    let (mut p, mut c, mut d) = (Phone::new(), Phone::new(), Phone::new());
    let reply = publish(&server, &sendonly(p.sdp("0 8 9")), "");
    assert_eq!((reply.text("call-id"), reply.text("from-tag")), ("c".into(), "p".into()));
    let to_p = advertised(&reply);
    assert_eq!(
        (formats(&to_p, 0).as_str(), attributes(&to_p.media[0], "rtpmap")),
        ("0", vec!["0 PCMU/8000"])
    );
    assert_eq!(to_p.direction_of(&to_p.media[0]), Direction::RecvOnly);
    assert_eq!(host(&to_p, 0), "127.0.0.1");
    p.send(&to_p, 0, &[1; 160]);
    await_packets(&server, "p", 1);

    let to_c = subscribe(&server, &c, "0", "");
    assert_eq!(formats(&to_c, 0), "0");
    p.send(&to_p, 0, &[2; 160]);
    assert_eq!(c.receive(), (0, vec![2; 160]));
    let options = r#""codec":{"strip":["PCMU"],"transcode":["PCMA"]}"#;
    assert_eq!(formats(&subscribe(&server, &d, "8", options), 0), "8");
    // The loudest sample is 0x80 in mu-law and 0xaa in A-law.
    p.send(&to_p, 0, &[0x80; 160]);
    assert_eq!((c.receive(), d.receive()), ((0, vec![0x80; 160]), (8, vec![0xaa; 160])));

    // A second publisher of the same call, and a subscriber to both.
    let both = r#""call-id":"c","from-tag":"q""#;
    assert!(!server.ask("publish", both, Some(&sendonly(c.sdp("8")))).is_error());
    let request = server.ask("subscribe request", r#""call-id":"c","from-tags":["p","q"]"#, None);
    assert_eq!([0, 1].map(|n| formats(&advertised(&request), n)), ["0", "8"]);
}

#[test]
fn the_codecs_accepted_follow_the_options() {
    let accepted = |offered: &str, accept: &str| {
        let server = Server::new();
        let options =
            if accept.is_empty() { String::new() } else { format!(r#""codec":{{"accept":[{accept}]}}"#) };
        let reply = publish(&server, &sendonly(phone("192.0.2.1", 4000, offered)), &options);
        if reply.is_error() { reason(&reply) } else { formats(&advertised(&reply), 0) }
    };
    let unknown = "96 8 9\r\na=rtpmap:96 foobar/8000";
    assert_eq!(accepted("0 8 9", r#""PCMA""#), "8");
    assert_eq!(accepted("0 8 9", r#""G729","PCMA","PCMU""#), "8");
    assert_eq!(accepted(unknown, ""), "8", "the first that can be decoded");
    assert_eq!(accepted(unknown, r#""any""#), "96");
    assert_eq!(accepted(unknown, r#""foobar""#), "96");
    assert_eq!(accepted(unknown, r#""all""#), "8 9");
    assert_eq!(accepted(unknown, r#""all","any""#), "96 8 9");
    assert_eq!(accepted(&format!("8 0 101{EVENTS}"), ""), "8 101");
    let events = format!("111 101{EVENTS}\r\na=rtpmap:111 opus/48000/2");
    assert_eq!(accepted(&events, r#""opus""#), "111", "events at its clock only");
    let refused = "the answer has no codec that can be used";
    assert_eq!(accepted("96\r\na=rtpmap:96 foobar/8000", ""), refused);
}

#[test]
fn ids_are_made_where_none_are_given() {
    let server = Server::new();
    let reply = server.ask("publish", "", Some(&sendonly(phone("192.0.2.1", 4000, "0"))));
    assert_eq!((reply.text("call-id").len(), reply.text("from-tag").len()), (32, 32));
    let other = server.ask("publish", "", Some(&sendonly(phone("192.0.2.1", 4000, "0"))));
    assert_ne!(reply.text("call-id"), other.text("call-id"));
    assert_eq!(server.controller.calls(), 2);
    let delete = |keys: &str| server.ask("delete", keys, None).text("warning");
    let keys = format!(r#""call-id":"{}","from-tag":"{}""#, reply.text("call-id"), reply.text("from-tag"));
    assert_eq!((delete(&keys), server.controller.calls()), (String::new(), 1));
    assert_eq!(await_end(&server), EndReason::Command);
}

#[test]
fn publishing_again_keeps_the_port_and_raises_the_version() {
    let server = Server::new();
    let mut p = Phone::new();
    let first = advertised(&publish(&server, &sendonly(p.sdp("0 8")), ""));
    let again = advertised(&publish(&server, &sendonly(p.sdp("0 8")), ""));
    assert_eq!(again, first);
    let other = advertised(&publish(&server, &sendonly(p.sdp("8 0")), ""));
    assert_eq!((port(&other, 0), formats(&other, 0)), (port(&first, 0), "8".into()));
    let (before, after) = (first.origin().unwrap(), other.origin().unwrap());
    assert_eq!((before.session_id, before.version, after.version), (after.session_id, &b"1"[..], &b"2"[..]));
    let mut c = Phone::new();
    subscribe(&server, &c, "8", "");
    p.send(&other, 8, &[1; 160]);
    assert_eq!(c.receive(), (8, vec![1; 160]));
}

#[test]
fn a_publisher_may_use_srtp_and_rtcp_mux() {
    let server = Server::new();
    let (mut p, mut c) = (Phone::new(), Phone::new());
    let own = CryptoAttribute::new(7, MasterKey::generate(Suite::AeadAes128Gcm).unwrap());
    let sdp = sendonly(p.sdp("0")).replace("RTP/AVP", "RTP/SAVP");
    let reply =
        publish(&server, &(sdp.clone() + &format!("a=crypto:{}\r\na=rtcp-mux\r\n", *own.to_value())), "");
    let to_p = advertised(&reply);
    let line = CryptoAttribute::parse(attributes(&to_p.media[0], "crypto")[0]).unwrap();
    assert_eq!((line.tag, line.suite), (7, Suite::AeadAes128Gcm));
    assert_eq!(
        (to_p.media[0].media().proto.as_str(), attributes(&to_p.media[0], "rtcp-mux").len()),
        ("RTP/SAVP", 1)
    );
    assert_eq!(reason(&publish(&server, &sdp, "")), "unusable key: no a=crypto line");
    subscribe(&server, &c, "0", r#""transport-protocol":"RTP/AVP""#);
    let inbound =
        mediapoint_srtp::Inbound::new(&line.keys[0].key, mediapoint_srtp::InboundOptions::default());
    p.srtp = Some((Outbound::new(&own.keys[0].key), inbound));
    p.send(&to_p, 0, &[5; 160]);
    assert_eq!(c.receive(), (0, vec![5; 160]));
}

#[test]
fn directions_and_refused_sections_are_answered() {
    let server = Server::new();
    let direction = |attribute: &str, flags: &str| {
        let reply = publish(&server, &(phone("192.0.2.1", 4000, "0") + attribute), flags);
        let sdp = advertised(&reply);
        sdp.direction_of(&sdp.media[0])
    };
    let both = r#""flags":["bidirectional"]"#;
    assert_eq!(direction("", ""), Direction::RecvOnly);
    assert_eq!(direction("", both), Direction::SendRecv);
    assert_eq!(direction("a=recvonly\r\n", ""), Direction::Inactive);
    assert_eq!(direction("a=recvonly\r\n", both), Direction::SendOnly);
    let two = phone("192.0.2.1", 4000, "0")
        + "m=video 4002 RTP/AVP 99\r\na=rtpmap:99 VP8/90000\r\na=fmtp:99 max-fr=30\r\na=x\r\nm=audio 0 RTP/AVP 8\r\n";
    let sdp = advertised(&publish(&server, &two, ""));
    assert_eq!((port(&sdp, 0) != 0, port(&sdp, 1) != 0, port(&sdp, 2)), (true, true, 0));
    assert_eq!(attributes(&sdp.media[1], "rtpmap"), ["99 VP8/90000"]);
    assert_eq!(
        (attributes(&sdp.media[1], "fmtp"), attributes(&sdp.media[1], "x").len()),
        (vec!["99 max-fr=30"], 0)
    );
    assert_eq!(reason(&publish(&server, "v=0\r\ns=-\r\n", "")), "the sdp has no media section");
}

#[test]
fn a_publisher_takes_part_in_a_call_with_the_port_it_has() {
    let server = Server::new();
    let (mut p, mut b) = (Phone::new(), Phone::new());
    let to_p = advertised(&publish(&server, &sendonly(p.sdp("0")), ""));
    let offer = r#""call-id":"c","from-tag":"p""#;
    let to_b = advertised(&server.ask("offer", offer, Some(&p.sdp("0"))));
    let answer = r#""call-id":"c","from-tag":"p","to-tag":"b""#;
    let back = advertised(&server.ask("answer", answer, Some(&b.sdp("0"))));
    assert_eq!(port(&back, 0), port(&to_p, 0));
    p.send(&back, 0, &[1; 160]);
    assert_eq!(b.receive(), (0, vec![1; 160]));
    b.send(&to_b, 0, &[2; 160]);
    assert_eq!(p.receive(), (0, vec![2; 160]));
    let call = server.engine.call(CallId::from_u64(1)).unwrap();
    assert_eq!(call.statistics().unwrap().wait().unwrap().legs.len(), 2);
    server.ask("delete", r#""call-id":"c","from-tag":"b","to-tag":"p""#, None);
    assert_eq!(server.controller.calls(), 0, "whoever is named is gone, publisher or not");
}

#[test]
fn a_failed_publication_leaves_nothing_behind() {
    let server = Server::new();
    let secure = phone("192.0.2.1", 4000, "0").replace("RTP/AVP", "RTP/SAVP");
    assert_eq!(reason(&publish(&server, &secure, "")), "unusable key: no a=crypto line");
    assert_eq!(server.controller.calls(), 0);
    let subscribe = server.ask("subscribe request", r#""call-id":"c","from-tag":"p""#, None);
    assert_eq!(reason(&subscribe), "unknown call-id");
    let reply = server.ask("publish", r#""call-id":"c""#, None);
    assert_eq!(reason(&reply), "missing key sdp");
}
