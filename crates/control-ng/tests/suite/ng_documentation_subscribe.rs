//! rtpengine's documentation of the ng protocol, `subscribe request`, `subscribe answer` and `unsubscribe`: a test for
//! each clause, key and flag, named after it.

#![expect(clippy::indexing_slicing, reason = "test support outside of test functions")]

use crate::common;

use common::party::{Party, call, publish, talk};
use common::phone::Phone;
use common::*;
use mediapoint_control_ng::Reply;
use mediapoint_control_ng::wire::Value;
use mediapoint_packet::sdp::{Direction, Sdp};

fn two() -> (Server, [Party; 2]) {
    let server = Server::new();
    let (a, b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0"), r#""label":"caller""#);
    let to_a = server.answer(&b.sdp("0"), r#""label":"callee""#);
    (server, [Party { phone: a, to: to_a }, Party { phone: b, to: to_b }])
}

fn request(server: &Server, more: &str) -> Reply {
    server.ask("subscribe request", &keys(r#""call-id":"c""#, more), None)
}

fn answer(server: &Server, phones: &[&Phone], formats: &str, more: &str) -> Reply {
    let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n".to_owned();
    let section = |phone: &&Phone| format!("m=audio {} RTP/AVP {formats}\r\na=recvonly\r\n", phone.port());
    let sdp = phones.iter().fold(head, |sdp, phone| sdp + &section(phone));
    server.ask("subscribe answer", &keys(r#""call-id":"c","to-tag":"s""#, more), Some(&sdp))
}

fn of(server: &Server, more: &str) -> Vec<String> {
    list(request(server, more).value("from-tags")).iter().filter_map(Value::to_text).collect()
}

fn direction(sdp: &Sdp) -> Direction {
    sdp.direction_of(&sdp.media[0])
}

#[test]
fn participants_of_offer_and_answer_and_publishers_can_be_subscribed_to() {
    let (server, _talk) = two();
    publish(&server, "c", "p");
    assert_eq!(of(&server, r#""from-tag":"b""#), ["b"]);
    assert_eq!(of(&server, r#""from-tag":"p""#), ["p"]);
}

#[test]
fn from_tag_with_or_without_directional_selects_one_participant() {
    let (server, _talk) = two();
    assert_eq!(of(&server, r#""from-tag":"a""#), ["a"]);
    assert_eq!(of(&server, r#""from-tag":"a","flags":["directional"]"#), ["a"]);
}

#[test]
fn address_selects_the_participant_of_that_media_address() {
    let server = Server::new();
    server.offer(&phone("192.0.2.1", 4000, "0"), "");
    server.answer(&phone("192.0.2.2", 4000, "0"), "");
    assert_eq!(of(&server, r#""address":"192.0.2.2""#), ["b"]);
}

#[test]
fn label_selects_the_participant_of_that_label() {
    let (server, _talk) = two();
    assert_eq!(of(&server, r#""label":"callee""#), ["b"]);
    assert_eq!(of(&server, r#""from-label":"caller""#), ["a"]);
}

#[test]
fn all_selects_every_participant_of_offer_and_answer() {
    let (server, _talk) = two();
    publish(&server, "c", "p");
    assert_eq!(of(&server, r#""flags":["all"]"#), ["a", "b"]);
    assert_eq!(of(&server, r#""all":"all""#), ["a", "b"]);
    assert_eq!(of(&server, r#""all":"none","from-tag":"p""#), ["p"]);
}

#[test]
fn from_tags_selects_several_participants() {
    let (server, _talk) = two();
    publish(&server, "c", "p");
    assert_eq!(of(&server, r#""from-tags":["a","p"]"#), ["a", "p"]);
    assert_eq!(of(&server, r#""flags":["from-tags-a","from-tags-p"]"#), ["a", "p"], "as prefixed flags");
    assert_eq!(of(&server, r#""rtpp-flags":"from-tags=[a p]""#), ["a", "p"], "as one string");
}

#[test]
fn the_subscription_has_a_unique_tag_that_is_generated() {
    let (server, _talk) = two();
    let [one, other] = [(); 2].map(|()| request(&server, r#""from-tag":"a""#).text("to-tag"));
    assert!(!one.is_empty() && one != other);
    let query = server.ask("query", r#""call-id":"c""#, None);
    assert_eq!(dict(query.value("tags")).len(), 4, "participants of their own");
}

#[test]
fn the_subscription_has_the_tag_given_in_to_tag() {
    let (server, _talk) = two();
    assert_eq!(request(&server, r#""from-tag":"a","to-tag":"s""#).text("to-tag"), "s");
}

#[test]
fn set_label_or_to_label_names_the_subscription() {
    for key in ["set-label", "to-label"] {
        let (server, _talk) = two();
        request(&server, &format!(r#""from-tag":"a","to-tag":"s","{key}":"recorder""#));
        let query = server.ask("query", r#""call-id":"c""#, None);
        assert_eq!(text(dict(get(dict(query.value("tags")), "s")), "label"), "recorder", "{key}");
    }
}

#[test]
fn the_reply_has_a_sendonly_offer() {
    let (server, _talk) = two();
    assert_eq!(direction(&advertised(&request(&server, r#""from-tag":"a""#))), Direction::SendOnly);
}

#[test]
fn bidirectional_makes_the_offer_sendrecv() {
    let (server, _talk) = two();
    let sdp = advertised(&request(&server, r#""from-tag":"a","flags":["bidirectional"]"#));
    assert_eq!(direction(&sdp), Direction::SendRecv);
}

#[test]
fn inactive_makes_the_offer_inactive() {
    let (server, _talk) = two();
    let sdp = advertised(&request(&server, r#""from-tag":"a","flags":["inactive"]"#));
    assert_eq!(direction(&sdp), Direction::Inactive);
}

#[test]
fn the_offer_mirrors_the_description_of_the_participant() {
    let server = Server::new();
    let sdp = phone("192.0.2.1", 4000, "8 0") + "a=x-own:1\r\n";
    server.offer(&sdp, "");
    server.answer(&phone("192.0.2.2", 4000, "8 0"), "");
    let offer = advertised(&request(&server, r#""from-tag":"a""#));
    assert_eq!((formats(&offer, 0), attributes(&offer.media[0], "x-own")), ("8 0".into(), vec!["1"]));
}

#[test]
fn several_participants_make_several_media_sections() {
    let (server, [mut a, mut b]) = two();
    let (mut first, mut second) = (Phone::new(), Phone::new());
    let offer = advertised(&request(&server, r#""flags":["all"],"to-tag":"s""#));
    assert_eq!(offer.media.len(), 2);
    assert_eq!(answer(&server, &[&first, &second], "0", "").text("result"), "ok");
    talk(&mut a, &mut b, (0, 0), (1, 1));
    assert_eq!((first.receive(), second.receive()), ((0, vec![1; 160]), (0, vec![1; 160])));
}

#[test]
fn mix_makes_one_media_section_for_each_kind() {
    let (server, _talk) = two();
    let mixed = request(&server, r#""flags":["all","mix"],"to-tag":"s""#);
    assert_eq!((advertised(&mixed).media.len(), mixed.text("warning")), (1, String::new()));
    answer(&server, &[&Phone::new()], "0", "");
    assert_eq!(mixes(&engine_call(&server, 1)), 1, "and adds it up, as the audio player does");
}

#[test]
fn audio_player_is_ignored_in_every_value() {
    for value in ["default", "transcoding", "off", "always"] {
        let (server, _talk) = two();
        let more = format!(r#""flags":["all","mix"],"to-tag":"s","audio-player":"{value}""#);
        let reply = request(&server, &more);
        assert_eq!((advertised(&reply).media.len(), reply.text("warning")), (1, String::new()));
    }
}

#[test]
fn the_offer_is_changed_by_the_flags_of_an_offer() {
    let (server, _talk) = two();
    let made = |more: &str| {
        let reply = request(&server, &keys(r#""from-tag":"a","to-tag":"s""#, more));
        assert_eq!(reply.text("warning"), "", "{more}");
        advertised(&reply)
    };
    let has = |more: &str, name: &str| attributes(&made(more).media[0], name).len();
    assert_eq!(made(r#""transport-protocol":"RTP/SAVPF""#).media[0].media().proto, "RTP/SAVPF");
    assert_eq!(
        has(r#""transport-protocol":"RTP/SAVP","SDES":["only-AES_CM_128_HMAC_SHA1_80"]"#, "crypto"),
        1
    );
    assert_eq!(made(r#""transport-protocol":"RTP/AVP""#).media[0].media().proto, "RTP/AVP");
    assert_eq!(host(&made(r#""media-address":"192.0.2.99""#), 0), "192.0.2.99");
    assert_eq!(has(r#""rtcp-mux":["offer"]"#, "rtcp-mux"), 1);
    assert_eq!(attributes(&made(r#""ptime":40"#).media[0], "ptime"), ["40"]);
    assert_eq!(has(r#""flags":["no rtcp attribute"]"#, "rtcp"), 0);
    assert!(
        made(r#""flags":["full rtcp attribute"]"#).media[0]
            .body
            .attribute("rtcp")
            .unwrap_or_default()
            .contains("127.0.0.1")
    );
    assert_eq!(has(r#""flags":["generate mid"]"#, "mid"), 1);
    let origin = |more: &str| made(more).origin().map(|origin| origin.address.to_owned());
    assert_eq!(origin(r#""replace":["origin"]"#).as_deref(), Some(&b"127.0.0.1"[..]));
    let version = || made(r#""replace":["force-increment-sdp-ver"]"#).origin().map(|o| o.version.to_owned());
    assert_ne!(version(), version());
    for more in [
        r#""replace":["session-name","username","SDP version","zero address","session-connection"]"#,
        r#""TOS":96,"ICE":"remove","received-from":["IP4","192.0.2.7"]"#,
        r#""flags":["asymmetric","strict source","media handover","trust address","SIP source address"]"#,
        r#""flags":["symmetric","port latching","no port latching","pad crypto","generate RTCP"]"#,
    ] {
        made(more);
    }
}

#[test]
fn address_family_chooses_our_address() {
    let (server, _talk) = two();
    let offer = advertised(&request(&server, r#""from-tag":"a","address-family":"IP6""#));
    assert_eq!(host(&offer, 0), "::1");
}

#[test]
fn interface_or_the_first_of_direction_names_the_one_interface() {
    for key in [r#""interface":"in""#, r#""direction":["in","out"]"#, r#""from-interface":"in""#] {
        let (server, _talk) = two();
        let offer = advertised(&request(&server, &keys(r#""from-tag":"a""#, key)));
        assert_eq!(host(&offer, 0), "127.0.0.2", "{key}");
    }
}

#[test]
fn the_codecs_of_the_offer_can_be_manipulated() {
    let made = |codec: &str| {
        let server = Server::new();
        server.offer(&phone("192.0.2.1", 4000, "0 8"), "");
        server.answer(&phone("192.0.2.2", 4000, "0 8"), "");
        let reply = request(&server, &format!(r#""from-tag":"a","codec":{{{codec}}}"#));
        formats(&advertised(&reply), 0)
    };
    assert_eq!(made(r#""strip":["PCMU"]"#), "8");
    assert_eq!(made(r#""ignore":["PCMU"]"#), "0 8", "converted for who receives it");
    assert_eq!(made(r#""ignore":["PCMU"],"strip":["PCMU"]"#), "8");
    assert_eq!(made(r#""mask":["PCMU"]"#), "8");
    assert_eq!(made(r#""except":["PCMA"],"strip":["all"]"#), "8");
    assert_eq!(made(r#""offer":["PCMA"]"#), "8 0");
    assert_eq!(made(r#""transcode":["G722"]"#), "0 8 9");
    assert_eq!(made(r#""consume":["PCMA"]"#), "0");
    assert_eq!(made(r#""accept":["PCMA"]"#), "0 8");
}

#[test]
fn the_reply_has_from_tags_and_to_tag() {
    let (server, _talk) = two();
    let reply = request(&server, r#""flags":["all"],"to-tag":"s""#);
    assert_eq!((list(reply.value("from-tags")).len(), reply.text("to-tag")), (2, "s".into()));
}

#[test]
fn a_request_for_a_known_to_tag_takes_the_place_of_what_was_subscribed_to() {
    let (server, [mut a, mut b]) = two();
    let mut recorder = Phone::new();
    request(&server, r#""from-tag":"a","to-tag":"s""#);
    answer(&server, &[&recorder], "0", "");
    talk(&mut a, &mut b, (0, 0), (1, 1));
    assert_eq!(recorder.receive(), (0, vec![1; 160]));
    let offer = advertised(&request(&server, r#""from-tag":"b","to-tag":"s""#));
    assert_eq!([port(&offer, 0) == 0, port(&offer, 1) == 0], [true, false]);
    assert_eq!(answer(&server, &[&Phone::new(), &recorder], "0", "").text("result"), "ok");
    a.send(0, 2);
    assert_eq!(b.phone.receive(), (0, vec![2; 160]));
    b.send(0, 3);
    assert_eq!(recorder.receive(), (0, vec![3; 160]), "2 never came");
}

#[test]
fn rtcp_mirror_is_warned_of() {
    let (server, _talk) = two();
    let reply = request(&server, r#""from-tag":"a","flags":["RTCP mirror"]"#);
    assert_eq!(
        (reply.text("result"), reply.text("warning")),
        ("ok".into(), "RTCP-mirror is not supported".into())
    );
}

#[test]
fn subscribe_answer_needs_to_tag_and_sdp() {
    let (server, _talk) = two();
    request(&server, r#""from-tag":"a","to-tag":"s""#);
    let sdp = phone("192.0.2.9", 4000, "0");
    let refused = |more: &str, sdp| reason(&server.ask("subscribe answer", more, sdp));
    assert_eq!(refused(r#""call-id":"c""#, Some(sdp.as_str())), "missing key to-tag");
    assert_eq!(refused(r#""call-id":"c","to-tag":"s""#, None), "missing key sdp");
    let unknown = refused(r#""call-id":"c","to-tag":"x""#, Some(&sdp));
    assert_eq!(unknown, "the call has no subscription of this to-tag");
}

#[test]
fn an_answer_must_accept_every_codec_of_the_source() {
    let server = Server::new();
    let _talk = call(&server, "c", ["a", "b"], ["0 8", "0 8"]);
    request(&server, r#""from-tag":"a","to-tag":"s""#);
    let refused = "the answer leaves out PCMA/8000, and allow-transcoding was not given";
    assert_eq!(reason(&answer(&server, &[&Phone::new()], "0", "")), refused);
    assert_eq!(answer(&server, &[&Phone::new()], "0 8", "").text("result"), "ok");
}

#[test]
fn with_allow_transcoding_one_codec_is_enough() {
    let (server, [mut a, _b]) = two();
    let mut recorder = Phone::new();
    request(&server, r#""from-tag":"a","to-tag":"s","codec":{"transcode":["PCMA"]}"#);
    let none = "97\r\na=rtpmap:97 foobar/8000";
    let allow = r#""flags":["allow transcoding"]"#;
    assert_eq!(
        reason(&answer(&server, &[&recorder], none, allow)),
        "the answer has no codec that can be used"
    );
    assert_eq!(answer(&server, &[&recorder], "8", allow).text("result"), "ok");
    // The loudest sample is 0x80 in mu-law and 0xaa in A-law.
    a.send(0, 0x80);
    assert_eq!(recorder.receive(), (8, vec![0xaa; 160]));
}

#[test]
fn allow_transcoding_is_needed_for_codecs_added_by_the_request_too() {
    let (server, _talk) = two();
    request(&server, r#""from-tag":"a","to-tag":"s","codec":{"transcode":["PCMA"]}"#);
    let refused = "the answer leaves out PCMU/8000, and allow-transcoding was not given";
    assert_eq!(reason(&answer(&server, &[&Phone::new()], "8", "")), refused);
}

#[test]
fn the_reply_to_an_answer_says_that_it_succeeded_and_no_more() {
    let (server, _talk) = two();
    request(&server, r#""from-tag":"a","to-tag":"s""#);
    let reply = answer(&server, &[&Phone::new()], "0", "");
    let shown = ["sdp", "to-tag", "from-tags", "warning"].map(|key| reply.value(key).is_some());
    assert_eq!((reply.text("result"), shown), ("ok".into(), [false; 4]));
}

#[test]
fn unsubscribe_stops_the_subscription_that_to_tag_names() {
    let (server, [mut a, mut b]) = two();
    let mut recorder = Phone::new();
    request(&server, r#""from-tag":"a","to-tag":"s""#);
    answer(&server, &[&recorder], "0", "");
    talk(&mut a, &mut b, (0, 0), (1, 1));
    assert_eq!(recorder.receive(), (0, vec![1; 160]));
    assert_eq!(reason(&server.ask("unsubscribe", r#""call-id":"c""#, None)), "missing key to-tag");
    let keys = r#""call-id":"c","to-tag":"s""#;
    assert_eq!(server.ask("unsubscribe", keys, None).text("result"), "ok");
    assert_eq!(reason(&server.ask("unsubscribe", keys, None)), "the call has no party of this to-tag");
    talk(&mut a, &mut b, (0, 0), (2, 2));
    assert_eq!(legs(&engine_call(&server, 1)), 2);
}
