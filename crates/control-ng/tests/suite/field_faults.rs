//! What real phones and proxies showed to be wrong: replies that lacked what is known, and options taken otherwise than
//! the protocol has them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use crate::common;

use std::time::Duration;

use common::phone::Phone;
use common::*;
use mediapoint_control_ng::ControllerConfig;
use mediapoint_control_ng::wire::{Dict, Value};
use mediapoint_packet::Time;
use mediapoint_packet::sdp::Sdp;
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{MasterKey, Suite};

const A: &str = "192.0.2.1";
const B: &str = "198.51.100.1";

/// The first media section of a party in a reply to `query`.
fn media(query: &mediapoint_control_ng::Reply, tag: &str) -> Dict {
    let party = dict(get(dict(query.value("tags")), tag));
    dict(list(get(party, "medias")).first()).clone()
}

fn stream(media: &Dict, number: usize) -> Dict {
    dict(list(get(media, "streams")).get(number)).clone()
}

/// The flags in the order of the alphabet.
fn flags(of: &Dict) -> String {
    let mut flags: Vec<String> = list(get(of, "flags")).iter().filter_map(Value::to_text).collect();
    flags.sort();
    flags.join(" ")
}

/// Address and port of an endpoint; empty where there is none.
fn endpoint(stream: &Dict, key: &str) -> String {
    let endpoint = dict(get(stream, key));
    if endpoint.is_empty() {
        String::new()
    } else {
        format!("{}:{}", text(endpoint, "address"), text(endpoint, "port"))
    }
}

fn query(server: &Server) -> mediapoint_control_ng::Reply {
    server.ask("query", r#""call-id":"c""#, None)
}

fn secured(sdp: &str, tag: u32, suite: Suite) -> String {
    let line = CryptoAttribute::new(tag, MasterKey::generate(suite).unwrap()).to_value();
    format!("{}a=crypto:{}\r\n", sdp.replace("RTP/AVP", "RTP/SAVP"), line.as_str())
}

/// The line of a suite in an offer of ours, as its answer.
fn taking(sdp: &str, offered: &Sdp, suite: Suite) -> String {
    let lines = offered.media[0].body.attributes("crypto");
    let tag =
        lines.map(|line| CryptoAttribute::parse(line).unwrap()).find(|line| line.suite == suite).unwrap().tag;
    secured(sdp, tag, suite)
}

fn proto(sdp: &Sdp) -> String {
    sdp.media[0].media().proto.clone()
}

fn suites(sdp: &Sdp) -> Vec<Suite> {
    let lines = sdp.media[0].body.attributes("crypto");
    lines.map(|line| CryptoAttribute::parse(line).unwrap().suite).collect()
}

#[test]
fn query_before_the_answer_shows_where_the_offerer_is() {
    let server = Server::new();
    let to_b = server.offer(&(phone(A, 4000, "0 8") + "a=sendonly\r\n"), "");
    let reply = query(&server);
    let a = media(&reply, "a");
    assert_eq!((text(&a, "type"), text(&a, "protocol")), ("audio".to_owned(), "RTP/AVP".to_owned()));
    assert_eq!(flags(&a), "initialized recv", "it sends, and takes nothing");
    assert_eq!(endpoint(&stream(&a, 0), "endpoint"), "192.0.2.1:4000");
    assert_eq!(
        endpoint(&stream(&a, 1), "advertised endpoint"),
        "192.0.2.1:4001",
        "the port above, as nothing else is said"
    );
    assert_eq!(flags(&stream(&a, 1)), "RTCP filled");
    let b = media(&reply, "<untagged 2>");
    assert_eq!((text(&b, "type"), flags(&b)), ("audio".to_owned(), "send".to_owned()));
    assert_eq!(text(&stream(&b, 0), "local port"), port(&to_b, 0).to_string());
    assert_eq!(
        (endpoint(&stream(&b, 0), "endpoint"), flags(&stream(&b, 0))),
        (String::new(), "RTP".to_owned())
    );
}

#[test]
fn query_shows_the_stream_of_rtcp_as_completely_as_that_of_rtp() {
    let server = Server::new();
    let suite = Suite::AesCm128HmacSha1_32;
    server.offer(&secured(&phone(A, 4000, "8"), 1, suite), r#""transport-protocol":"RTP/AVP""#);
    let to_a = server.answer(&(phone(B, 5000, "8") + "a=rtcp:5007\r\n"), "");
    let a = media(&query(&server), "a");
    for number in [0_u16, 1] {
        let stream = stream(&a, number.into());
        assert_eq!(text(&stream, "crypto suite"), "AES_CM_128_HMAC_SHA1_32");
        assert_eq!(text(&stream, "local port"), (port(&to_a, 0) + number).to_string());
        assert_eq!(endpoint(&stream, "endpoint"), format!("192.0.2.1:{}", 4000 + number));
        assert!(flags(&stream).contains("filled"));
    }
    let b = media(&query(&server), "b");
    assert_eq!(endpoint(&stream(&b, 1), "endpoint"), "198.51.100.1:5007", "as the party says");
    assert_eq!(get(&stream(&b, 1), "crypto suite"), None);
}

#[test]
fn query_shows_two_streams_where_rtcp_shares_the_port() {
    let server = Server::new();
    server.offer(&(phone(A, 4000, "0") + "a=rtcp-mux\r\n"), "");
    server.answer(&(phone(B, 5000, "0") + "a=rtcp-mux\r\n"), "");
    let b = media(&query(&server), "b");
    assert_eq!(flags(&b), "initialized recv rtcp-mux send");
    assert_eq!(list(get(&b, "streams")).len(), 2);
    assert_eq!(flags(&stream(&b, 0)), "RTCP RTP filled");
    assert_eq!(flags(&stream(&b, 1)), "RTCP fallback RTCP filled");
    assert_eq!(endpoint(&stream(&b, 1), "endpoint"), "198.51.100.1:5001");
}

#[test]
fn query_shows_the_direction_that_both_sides_agreed_on() {
    let server = Server::new();
    let cases = [
        ("sendrecv", "sendrecv", "recv send", "recv send"),
        ("sendrecv", "sendonly", "send", "recv"),
        ("sendonly", "recvonly", "recv", "send"),
        ("sendrecv", "inactive", "", ""),
        ("inactive", "inactive", "", ""),
    ];
    for (offered, answered, of_a, of_b) in cases {
        server.offer(&(phone(A, 4000, "0") + &format!("a={offered}\r\n")), "");
        server.answer(&(phone(B, 5000, "0") + &format!("a={answered}\r\n")), "");
        let of = |tag| flags(&media(&query(&server), tag)).replace("initialized", "").trim().to_owned();
        assert_eq!((of("a").as_str(), of("b").as_str()), (of_a, of_b), "{offered} {answered}");
    }
}

#[test]
fn query_shows_a_fax_as_what_it_is() {
    let server = Server::new();
    let fax =
        |address, port| phone(address, port, "0").replace("audio", "image").replace("RTP/AVP 0", "udptl t38");
    let secure = r#""transport-protocol":"RTP/SAVP""#;
    let suite = Suite::AesCm128HmacSha1_80;
    let to_b = server.offer(&phone(A, 4000, "0"), secure);
    server.answer(&taking(&phone(B, 5000, "0"), &to_b, suite), "");
    server.offer(&fax(A, 4002), "");
    server.answer(&fax(B, 5002), "");
    for (tag, address) in [("a", "192.0.2.1:4002"), ("b", "198.51.100.1:5002")] {
        let media = media(&query(&server), tag);
        assert_eq!(
            (text(&media, "type"), text(&media, "protocol")),
            ("image".to_owned(), "udptl".to_owned())
        );
        assert_eq!(endpoint(&stream(&media, 0), "endpoint"), address);
        assert_eq!(get(&stream(&media, 0), "crypto suite"), None);
    }
}

#[test]
fn query_shows_a_refused_section_without_ports() {
    let server = Server::new();
    server.offer(&phone(A, 4000, "0"), "");
    server.answer(&phone(B, 0, "0"), "");
    for tag in ["a", "b"] {
        let media = media(&query(&server), tag);
        assert_eq!((text(&media, "type"), flags(&media)), ("audio".to_owned(), "initialized".to_owned()));
        assert_eq!(
            (get(&stream(&media, 0), "local port"), endpoint(&stream(&media, 0), "endpoint")),
            (None, String::new())
        );
    }
}

#[test]
fn created_us_is_the_fraction_of_a_second() {
    let unix_at_zero = Duration::from_millis(1_700_000_000_250);
    let server = Server::with(builder(), ControllerConfig { unix_at_zero, ..ControllerConfig::default() });
    let keys = r#""call-id":"c","from-tag":"a""#;
    server.ask_at(Time::from_millis(5_500), "offer", keys, Some(&phone(A, 4000, "0")));
    let reply = query(&server);
    assert_eq!(
        (reply.text("created"), reply.text("created_us")),
        ("1700000005".to_owned(), "750000".to_owned())
    );
}

#[test]
fn packets_are_counted_by_ssrc() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    server.offer(&a.sdp("0"), "");
    let to_a = server.answer(&b.sdp("0"), "");
    for _ in 0..7 {
        a.send(&to_a, 0, &[0x55; 160]);
        b.receive();
    }
    await_packets(&server, "a", 7);
    let reply = query(&server);
    let of_a = media(&reply, "a");
    let ingress = list(get(&of_a, "ingress SSRCs"));
    let first = dict(ingress.first());
    let ssrc = 0x0102_0304_u32.to_string();
    assert_eq!(
        (ingress.len(), text(first, "SSRC"), text(first, "packets")),
        (1, ssrc.clone(), "7".to_owned())
    );
    assert_eq!(text(first, "bytes"), (7 * 160).to_string());
    assert_eq!(text(&stream(&of_a, 0), "SSRC"), ssrc);
    let egress = media(&reply, "b");
    assert_eq!(text(dict(list(get(&egress, "egress SSRCs")).first()), "packets"), "7");
    assert_eq!(text(dict(get(&stream(&egress, 0), "stats_out")), "packets"), "7");
    let by_ssrc = dict(get(dict(reply.value("SSRC")), &ssrc));
    assert_eq!(text(by_ssrc, "packets"), "7");
    if let Some(average) = get(by_ssrc, "average MOS") {
        let mos: u32 = text(dict(Some(average)), "MOS").parse().unwrap();
        assert!((10..=50).contains(&mos), "tenths of a point: {mos}");
    }
}

#[test]
fn the_offerers_packet_time_comes_back_where_the_answerer_says_none() {
    let ptime = |sdp: &Sdp| sdp.media[0].body.ptime();
    for (offered, answered, expected) in [
        (Some(30), None, Some(30)),
        (Some(30), Some(20), Some(20)),
        (None, Some(20), Some(20)),
        (None, None, None),
    ] {
        let server = Server::new();
        let said =
            |sdp: String, ms: Option<u32>| ms.map_or(sdp.clone(), |ms| format!("{sdp}a=ptime:{ms}\r\n"));
        server.offer(&said(phone(A, 4000, "0"), offered), "");
        let back = server.answer(&said(phone(B, 5000, "0"), answered), "");
        assert_eq!(ptime(&back), expected, "{offered:?} {answered:?}");
    }
}

#[test]
fn a_reinvite_with_another_profile_resets_the_other_sides() {
    let server = Server::new();
    let suite = Suite::AesCm128HmacSha1_80;
    let srtp = |address, port| secured(&phone(address, port, "0"), 1, suite);
    let to_b = server.offer(&srtp(A, 4000), r#""transport-protocol":"RTP/AVP""#);
    assert_eq!(proto(&to_b), "RTP/AVP");
    server.answer(&phone(B, 5000, "0"), "");
    // The same profile again: what was asked for once holds on.
    assert_eq!(proto(&server.offer(&srtp(A, 4000), "")), "RTP/AVP");
    assert_eq!(proto(&server.answer(&phone(B, 5000, "0"), "")), "RTP/SAVP");
    // Another one is meant for both sides.
    let feedback = |address, port| phone(address, port, "0").replace("RTP/AVP", "RTP/AVPF");
    assert_eq!(proto(&server.offer(&feedback(A, 4000), "")), "RTP/AVPF");
    assert_eq!(proto(&server.answer(&feedback(B, 5000), "")), "RTP/AVPF");
    let to_b = server.offer(&srtp(A, 4000), "");
    assert_eq!(proto(&to_b), "RTP/SAVP");
    assert_eq!(proto(&server.answer(&taking(&phone(B, 5000, "0"), &to_b, suite), "")), "RTP/SAVP");
    assert_eq!(flags(&media(&query(&server), "b")), "SDES initialized recv send");
}

#[test]
fn a_refused_reinvite_leaves_the_profile_as_it_was() {
    let server = Server::new();
    let suite = Suite::AesCm128HmacSha1_80;
    let srtp = secured(&phone(A, 4000, "0"), 1, suite);
    server.offer(&srtp, r#""transport-protocol":"RTP/AVP""#);
    server.answer(&phone(B, 5000, "0"), "");
    // Nobody answers this one.
    assert_eq!(proto(&server.offer(&phone(A, 4000, "0").replace("RTP/AVP", "RTP/AVPF"), "")), "RTP/AVPF");
    assert_eq!(proto(&server.offer(&srtp, "")), "RTP/AVP");
}

// test-of: [RFC5761 5.1.1]
#[test]
fn rtcp_that_shares_the_port_goes_on_to() {
    let server = Server::new();
    let mux = |sdp: String| sdp + "a=rtcp-mux\r\n";
    server.offer(&mux(phone(A, 4000, "0")), r#""rtcp-mux":["accept"]"#);
    let to_a = server.answer(&phone(B, 5000, "0"), "");
    assert!(to_a.media[0].body.has_attribute("rtcp-mux"));
    // B knows nothing of it, and is not told.
    let keys = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    let again = advertised(&server.ask("offer", keys, Some(&phone(B, 5000, "0"))));
    assert!(again.media[0].body.has_attribute("rtcp-mux"));
    assert_eq!(again.media[0].body.attribute("rtcp"), Some(port(&again, 0).to_string().as_str()));
    let back = advertised(&server.ask("answer", keys, Some(&mux(phone(A, 4000, "0")))));
    assert!(!back.media[0].body.has_attribute("rtcp-mux"));
    assert!(flags(&media(&query(&server), "a")).contains("rtcp-mux"));
}

#[test]
fn what_is_converted_is_the_offerers_first_codec() {
    for options in [r#"{"transcode":["opus"],"offer":["PCMA"]}"#, r#"{"transcode":["opus"],"mask":["PCMU"]}"#]
    {
        let server = Server::new();
        server.offer(&phone(A, 4000, "0 8"), &format!(r#""codec":{options}"#));
        let back = server.answer(&(phone(B, 5000, "96") + "a=rtpmap:96 opus/48000/2\r\n"), "");
        assert_eq!(formats(&back, 0), "0", "{options}");
    }
}

#[test]
fn an_ignored_codec_is_offered_on_and_converted_for_who_offered_it() {
    let server = Server::new();
    let to_b = server.offer(&phone(A, 4000, "0 8"), r#""codec":{"ignore":["PCMU"]}"#);
    assert_eq!(formats(&to_b, 0), "0 8", "under the number that it came with");
    assert_eq!(formats(&server.answer(&phone(B, 5000, "0"), ""), 0), "8");
    assert!(flags(&media(&query(&server), "b")).contains("transcoding"));
}

#[test]
fn offer_keeps_a_codec_that_strip_or_mask_names() {
    for verb in ["strip", "mask"] {
        let server = Server::new();
        let options = format!(r#""codec":{{"{verb}":["PCMU","G722"],"offer":["PCMU"]}}"#);
        assert_eq!(formats(&server.offer(&phone(A, 4000, "0 9 8"), &options), 0), "0 8", "{verb}");
    }
}

#[test]
fn strip_works_on_video() {
    let server = Server::new();
    let video = |sdp: String, port: u16, formats: &str| {
        let maps = "a=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
                    a=rtpmap:98 VP8/90000\r\n";
        format!("{sdp}m=video {port} RTP/AVP {formats}\r\n{maps}")
    };
    let offered = video(phone(A, 4000, "0"), 4002, "96 97 98");
    let to_b = server.offer(&offered, r#""codec":{"strip":["H264"]}"#);
    assert_eq!(formats(&to_b, 1), "98", "and what repeats it");
    assert_eq!(attributes(&to_b.media[1], "rtpmap"), ["98 VP8/90000"]);
    assert!(attributes(&to_b.media[1], "rtcp-fb").is_empty());
    assert_eq!(
        formats(&server.offer(&offered, r#""codec":{"strip":["all"]}"#), 1),
        "96 97 98",
        "nothing would be left"
    );
}

#[test]
fn transcode_is_a_word_of_its_own() {
    let server = Server::new();
    assert_eq!(formats(&server.offer(&phone(A, 4000, "0"), r#""flags":["transcode-G722"]"#), 0), "0 9");
}

#[test]
fn a_profile_in_an_answer_is_told_to_the_offerer() {
    let server = Server::new();
    server.offer(&phone(A, 4000, "0"), "");
    assert_eq!(proto(&server.answer(&phone(B, 5000, "0"), r#""transport-protocol":"RTP/AVPF""#)), "RTP/AVPF");
    // Keys were not offered: there is nothing to answer with.
    assert_eq!(proto(&server.answer(&phone(B, 5000, "0"), r#""transport-protocol":"RTP/SAVP""#)), "RTP/AVP");
}

#[test]
fn the_suite_preferred_for_the_offerer_is_taken_where_both_sides_have_srtp() {
    let server = Server::new();
    let (long, short) = (Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32);
    let line = |tag, suite| CryptoAttribute::new(tag, MasterKey::generate(suite).unwrap()).to_value();
    let offered =
        secured(&phone(A, 4000, "0"), 1, long) + &format!("a=crypto:{}\r\n", line(2, short).as_str());
    let to_b = server.offer(&offered, r#""flags":["SDES-offerer_pref:AES_CM_128_HMAC_SHA1_32"]"#);
    let back = server.answer(&taking(&phone(B, 5000, "0"), &to_b, long), "");
    assert_eq!(suites(&back), [short]);
    assert_eq!(text(&stream(&media(&query(&server), "b"), 0), "crypto suite"), long.name());
}

#[test]
fn an_unknown_word_for_ice_is_ignored_and_named() {
    let server = Server::new();
    for value in [r#""frobnicate""#, r#"["remove","frobnicate","trickle"]"#] {
        let reply = server.ask(
            "offer",
            &format!(r#""call-id":"c","from-tag":"a","ICE":{value}"#),
            Some(&phone(A, 4000, "0")),
        );
        assert_eq!(
            (reply.text("result"), reply.text("warning")),
            ("ok".to_owned(), "unusable value for ice was ignored".to_owned())
        );
    }
}

#[test]
fn a_zero_address_is_kept_in_the_family_asked_for() {
    let server = Server::new();
    for (zero, asked, expected) in
        [("0.0.0.0", "IP6", "::"), ("::", "IP4", "0.0.0.0"), ("0.0.0.0", "IP4", "0.0.0.0")]
    {
        let keys = format!(r#""call-id":"{zero}{asked}","from-tag":"a","address-family":"{asked}""#);
        let to_b = advertised(&server.ask("offer", &keys, Some(&phone(zero, 4000, "0"))));
        assert_eq!(host(&to_b, 0), expected, "{zero} {asked}");
    }
}

#[test]
fn internal_and_external_name_families_where_no_interface_has_that_name() {
    let server = Server::new();
    let to_b = server.offer(&phone(A, 4000, "0"), r#""direction":["internal","external"]"#);
    assert_eq!(host(&to_b, 0), "::1");
    let keys = r#""call-id":"d","from-tag":"a","direction":["external","internal"]"#;
    let reply = server.ask("offer", keys, Some(&phone("2001:db8::1", 4000, "0")));
    assert_eq!(
        (host(&advertised(&reply), 0), reply.text("warning")),
        ("127.0.0.1".to_owned(), String::new())
    );
}
