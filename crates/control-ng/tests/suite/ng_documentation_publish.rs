//! rtpengine's documentation of the ng protocol, `publish`: a test for each clause, key and flag, named after it.

use crate::common;

use common::party::call;
use common::phone::Phone;
use common::*;
use mediapoint_control_ng::Reply;
use mediapoint_packet::sdp::{Direction, Sdp};

const UNKNOWN: &str = "96\r\na=rtpmap:96 foobar/8000";

fn sendonly(formats: &str) -> String {
    phone("192.0.2.1", 4000, formats) + "a=sendonly\r\n"
}

fn publish(server: &Server, formats: &str, more: &str) -> Reply {
    server.ask("publish", &keys(r#""call-id":"c","from-tag":"p""#, more), Some(&sendonly(formats)))
}

/// The formats in the answer to what is published with these words in `accept`.
fn accepted(formats_: &str, accept: &str) -> String {
    let reply = publish(&Server::new(), formats_, &format!(r#""codec":{{"accept":[{accept}]}}"#));
    if reply.is_error() { reason(&reply) } else { formats(&advertised(&reply), 0) }
}

#[test]
fn the_message_must_include_sdp() {
    let reply = Server::new().ask("publish", r#""call-id":"c","from-tag":"p""#, None);
    assert_eq!(reason(&reply), "missing key sdp");
}

#[test]
fn peers_subscribe_to_published_media_and_receive_a_copy() {
    let server = Server::new();
    let (mut publisher, mut peer) = (Phone::new(), Phone::new());
    let sdp = publisher.sdp("0") + "a=sendonly\r\n";
    let to = advertised(&server.ask("publish", r#""call-id":"c","from-tag":"p""#, Some(&sdp)));
    server.ask("subscribe request", r#""call-id":"c","from-tag":"p","to-tag":"s""#, None);
    let answer = peer.sdp("0") + "a=recvonly\r\n";
    server.ask("subscribe answer", r#""call-id":"c","to-tag":"s""#, Some(&answer));
    publisher.send(&to, 0, &[1; 160]);
    assert_eq!(peer.receive(), (0, vec![1; 160]));
}

#[test]
fn call_id_and_from_tag_identify_the_publisher() {
    let server = Server::new();
    let reply = publish(&server, "0", "");
    assert_eq!((reply.text("call-id"), reply.text("from-tag")), ("c".into(), "p".into()));
    assert!(!server.ask("query", r#""call-id":"c","from-tag":"p""#, None).is_error());
}

#[test]
fn call_id_and_from_tag_may_refer_to_an_existing_publisher() {
    let server = Server::new();
    let [first, again] = [(); 2].map(|()| port(&advertised(&publish(&server, "0", "")), 0));
    assert_eq!((first, legs(&engine_call(&server, 1))), (again, 1));
}

#[test]
fn call_id_and_from_tag_may_refer_to_a_participant_of_a_call() {
    let server = Server::new();
    let [a, _b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let reply = server.ask("publish", r#""call-id":"c","from-tag":"a""#, Some(&a.phone.sdp("0")));
    assert_eq!(port(&advertised(&reply), 0), port(&a.to, 0));
    assert_eq!(legs(&engine_call(&server, 1)), 2);
}

#[test]
fn absent_call_id_and_from_tag_are_generated_and_returned() {
    let server = Server::new();
    let reply = server.ask("publish", "", Some(&sendonly("0")));
    assert!(!reply.text("call-id").is_empty() && !reply.text("from-tag").is_empty());
    let other = server.ask("publish", "", Some(&sendonly("0")));
    assert!(reply.text("call-id") != other.text("call-id"));
    let keys = format!(r#""call-id":"{}""#, reply.text("call-id"));
    let other = server.ask("publish", &keys, Some(&sendonly("0")));
    assert_eq!(other.text("call-id"), reply.text("call-id"), "a new publisher of the call");
    assert_eq!(server.controller.calls(), 2);
}

#[test]
fn the_answer_is_made_locally_and_recvonly() {
    let server = Server::new();
    let sdp = sendonly("0") + "a=x-own:1\r\n";
    let published = server.ask("publish", r#""call-id":"c","from-tag":"p""#, Some(&sdp));
    let answer: Sdp = advertised(&published);
    assert_eq!(answer.direction_of(&answer.media[0]), Direction::RecvOnly);
    assert_eq!(attributes(&answer.media[0], "x-own").len(), 0, "nothing is rewritten");
    assert_eq!(host(&answer, 0), "127.0.0.1");
}

#[test]
fn bidirectional_is_answered_with_sendrecv() {
    let server = Server::new();
    let keys = r#""call-id":"c","from-tag":"p","flags":["bidirectional"]"#;
    let answer = advertised(&server.ask("publish", keys, Some(&phone("192.0.2.1", 4000, "0"))));
    assert_eq!(answer.direction_of(&answer.media[0]), Direction::SendRecv);
}

#[test]
fn one_codec_of_each_section_is_listed_the_first_that_is_supported() {
    let server = Server::new();
    let sdp =
        sendonly(&format!("96 8 0{}", UNKNOWN.trim_start_matches("96"))) + "m=audio 4002 RTP/AVP 9 0\r\n";
    let answer = advertised(&server.ask("publish", r#""call-id":"c","from-tag":"p""#, Some(&sdp)));
    assert_eq!([0, 1].map(|section| formats(&answer, section)), ["8", "9"]);
}

#[test]
fn accept_lists_codecs_by_preference() {
    assert_eq!(accepted("0 8 9", r#""PCMA","PCMU""#), "8");
    assert_eq!(accepted("0 8 9", r#""G722","PCMA""#), "9");
}

#[test]
fn accept_may_list_codecs_that_are_not_supported() {
    let offered = format!("0 {UNKNOWN}");
    assert_eq!(accepted(&offered, r#""foobar","PCMU""#), "96");
}

#[test]
fn where_no_codec_of_accept_is_offered_the_first_supported_one_is_taken() {
    assert_eq!(accepted("8 0", r#""opus""#), "8");
}

#[test]
fn where_no_codec_is_supported_the_offer_is_rejected() {
    assert_eq!(accepted(UNKNOWN, r#""opus""#), "the answer has no codec that can be used");
    assert_eq!(accepted(UNKNOWN, ""), "the answer has no codec that can be used");
}

#[test]
fn accept_any_takes_the_first_codec_supported_or_not() {
    assert_eq!(accepted(&UNKNOWN.replacen("96", "96 0", 1), r#""any""#), "96");
}

#[test]
fn accept_all_keeps_every_supported_codec_with_its_supplements() {
    let offered = "96 0 101 8\r\na=rtpmap:96 foobar/8000\r\na=rtpmap:101 telephone-event/8000";
    assert_eq!(accepted(offered, r#""all""#), "0 8 101");
}

#[test]
fn accept_all_and_any_keep_every_codec() {
    let offered = "96 0 101 8\r\na=rtpmap:96 foobar/8000\r\na=rtpmap:101 telephone-event/8000";
    assert_eq!(accepted(offered, r#""all","any""#), "96 0 8 101");
}

#[test]
fn interface_names_the_one_interface() {
    let server = Server::new();
    assert_eq!(host(&advertised(&publish(&server, "0", r#""interface":"in""#)), 0), "127.0.0.2");
    let server = Server::new();
    let word = r#""rtpp-flags":"interface=out""#;
    assert_eq!(host(&advertised(&publish(&server, "0", word)), 0), "127.0.0.3");
}

#[test]
fn most_options_of_an_offer_are_supported() {
    let server = Server::new();
    let made = |more: &str| {
        let reply = publish(&server, "0\r\na=rtcp-mux", more);
        assert_eq!(reply.text("warning"), "", "{more}");
        advertised(&reply)
    };
    assert_eq!(host(&made(r#""media-address":"192.0.2.99""#), 0), "192.0.2.99");
    assert_eq!(attributes(&made("").media[0], "rtcp-mux").len(), 1);
    assert_eq!(attributes(&made(r#""rtcp-mux":["reject"]"#).media[0], "rtcp-mux").len(), 0);
    assert_eq!(attributes(&made(r#""ptime":40"#).media[0], "ptime"), ["40"]);
    assert_eq!(attributes(&made(r#""flags":["no-rtcp-attribute"]"#).media[0], "rtcp").len(), 0);
    assert_eq!(attributes(&made(r#""flags":["generate mid"]"#).media[0], "mid").len(), 1);
    made(r#""label":"camera""#);
    let query = server.ask("query", r#""call-id":"c""#, None);
    assert_eq!(text(dict(get(dict(query.value("tags")), "p")), "label"), "camera");
    let at = |more: &str| made(more).origin().map(|origin| origin.version.to_owned());
    assert_ne!(
        at(r#""replace":["force-increment-sdp-ver"]"#),
        at(r#""replace":["force-increment-sdp-ver"]"#)
    );
    for ignored in [
        r#""TOS":96"#,
        r#""received-from":["IP4","192.0.2.7"]"#,
        r#""ICE":"remove""#,
        r#""flags":["asymmetric","strict source","media handover","trust-address","reset"]"#,
    ] {
        made(ignored);
    }
}
