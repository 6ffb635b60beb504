//! Sections that are not audio over RTP, and offers of codecs in special ways.

use std::net::SocketAddr;

use mediapoint_packet::sdp::Sdp;

use crate::common::phone::Phone;
use crate::common::*;
use crate::field_descriptions::{A, B, exchange, is_described};

// test-of: [RFC4975 8]
#[test]
fn messages_pass_from_party_to_party_as_they_came() {
    let server = Server::new();
    let message = |port: u16, host: &str| {
        format!(
            "m=message {port} TCP/TLS/MSRP *\r\na=accept-types:*\r\na=path:msrps://{host}:{port}/x;tcp\r\na=setup:actpass\r\na=fingerprint:SHA-1 AA\r\n"
        )
    };
    let to_b = server.offer(&(phone(A, 4000, "0") + &message(4010, A)), "");
    let to_a = server.answer(&(phone(B, 5000, "0") + &message(5010, B)), "");
    for (told, section, host_of) in [(&to_b, message(4010, A), A), (&to_a, message(5010, B), B)] {
        let text = String::from_utf8(told.to_bytes().to_vec()).unwrap();
        let (first, rest) = section.split_once("\r\n").unwrap();
        assert!(text.contains(&format!("{first}\r\nc=IN IP4 {host_of}\r\n{rest}")), "{text}");
        assert_eq!(host(told, 0), "127.0.0.1", "audio comes to us");
        assert_eq!(host(told, 1), host_of);
    }
    // Refused by the answer, and in a re-INVITE from the other side.
    server.offer(&(phone(A, 4000, "0") + &message(4010, A)), "");
    let to_a = server.answer(&(phone(B, 5000, "0") + &message(0, B)), "");
    assert_eq!(port(&to_a, 1), 0);
    let from_b = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    let to_a = advertised(&server.ask("offer", from_b, Some(&(phone(B, 5000, "0") + &message(5010, B)))));
    assert_eq!((port(&to_a, 1), host(&to_a, 1).as_str()), (5010, B));
    // Messages alone.
    let alone = phone(A, 4000, "0").replace("m=audio 4000 RTP/AVP 0\r\n", &message(4010, A));
    let told = advertised(&server.ask("offer", r#""call-id":"d","from-tag":"a""#, Some(&alone)));
    assert_eq!(port(&told, 0), 4010);
    let query = server.ask("query", r#""call-id":"d""#, None);
    assert_eq!(query.text("result"), "ok");
}

// test-of: [RFC7345 3]
#[test]
fn what_goes_over_udp_is_relayed_and_what_needs_a_connection_or_ice_is_refused() {
    let relayed = ["UDP/BFCP *", "UDP/TLS/BFCP *", "udptl t38", "UDP/TLS/UDPTL t38"];
    for protocol in relayed {
        let server = Server::new();
        let (a, b) = (Phone::new(), Phone::new());
        let section = |phone: &Phone| {
            format!(
                "m=application {} {protocol}\r\na=setup:actpass\r\na=fingerprint:SHA-1 AA\r\n",
                phone.port()
            )
        };
        let to_b = server.offer(&(phone("127.0.0.1", 4000, "0") + &section(&a)), "");
        let to_a = server.answer(&(phone("127.0.0.1", 5000, "0") + &section(&b)), "");
        for told in [&to_b, &to_a] {
            assert!(![0, a.port(), b.port()].contains(&port(told, 1)), "{protocol}");
            assert_eq!(
                attributes(&told.media[1], "fingerprint"),
                ["SHA-1 AA"],
                "{protocol}: the keys are the parties'"
            );
        }
        // A DTLS record passes as any other datagram does.
        let record = [22, 254, 253, 0, 0, 1, 2, 3];
        let to = |sdp: &Sdp| SocketAddr::new(host(sdp, 1).parse().unwrap(), port(sdp, 1));
        a.socket.send_to(&record, to(&to_a)).unwrap();
        let mut buffer = [0; 64];
        assert_eq!(b.socket.recv_from(&mut buffer).unwrap(), (8, to(&to_b)), "{protocol}");
        assert_eq!(buffer[..8], record);
    }
    for protocol in
        ["TCP/BFCP *", "TCP/TLS/BFCP *", "TCP t38", "TCP/RTP/AVP 0", "UDP/DTLS/SCTP webrtc-datachannel"]
    {
        let server = Server::new();
        let to_b = server.offer(&(phone(A, 4000, "0") + &format!("m=application 4010 {protocol}\r\n")), "");
        assert_eq!(port(&to_b, 1), 0, "{protocol}");
    }
}

// test-of: [RFC8866 6.6]
#[test]
fn video_numbers_that_an_answer_or_a_later_offer_does_not_describe_are_described() {
    let server = Server::new();
    let video =
        |port: u16, numbers: &str, lines: &str| format!("m=video {port} RTP/AVP {numbers}\r\n{lines}");
    let lines = "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 profile-level-id=42e01f\r\n";
    let offer = phone(A, 4000, "0") + &video(4002, "96 97", lines);
    let (_, to_a) = exchange(&server, &offer, &(phone(B, 5000, "0") + &video(5002, "97 96", "")), "");
    assert_eq!(formats(&to_a, 1), "97 96");
    assert_eq!(attributes(&to_a.media[1], "rtpmap"), ["97 H264/90000", "96 VP8/90000"]);
    // A re-INVITE in which they are not described any more, audio of a dynamic number among them.
    let offer = phone(A, 4000, "98") + "a=rtpmap:98 opus/48000/2\r\n" + &video(4002, "96 97", lines);
    let answer = phone(B, 5000, "98")
        + "a=rtpmap:98 opus/48000/2\r\n"
        + &video(5002, "97", "a=rtpmap:97 H264/90000\r\n");
    exchange(&server, &offer, &answer, "");
    let to_b = server.offer(&(phone(A, 4000, "98") + &video(4002, "97 96", "")), "");
    is_described(&to_b);
    assert_eq!(attributes(&to_b.media[0], "rtpmap"), ["98 opus/48000/2"]);
}

#[test]
fn static_codecs_offers_what_the_other_side_has_and_converts() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    server.offer(&a.sdp("0 8"), "");
    server.answer(&b.sdp("8"), "");
    let to_b = server.offer(&a.sdp("0"), r#""flags":["static-codecs"]"#);
    assert_eq!(formats(&to_b, 0), "8", "in place of 0");
    let to_a = server.answer(&b.sdp("8"), "");
    assert_eq!(formats(&to_a, 0), "0");
    a.send(&to_a, 0, &[0x80; 160]);
    assert_eq!(b.receive(), (8, vec![0xaa; 160]));
    // Where it has nothing yet, the word says nothing.
    let first = r#""call-id":"d","from-tag":"a","flags":["static codecs"]"#;
    assert_eq!(formats(&advertised(&server.ask("offer", first, Some(&a.sdp("0 8")))), 0), "0 8");
}

#[test]
fn a_section_without_codecs_is_refused_where_that_is_allowed() {
    let text = phone(A, 4000, "0 8") + "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n";
    let strip = |allowed: &str| format!(r#""codec":{{"strip":["PCMU","PCMA","VP8"]}},"flags":["{allowed}"]"#);
    let server = Server::new();
    let told = server.offer(&text, &strip("x"));
    assert_eq!((formats(&told, 0).as_str(), port(&told, 0) == 0, port(&told, 1) == 0), ("0 8", false, false));
    for word in ["allow-no-codec-media", "allow no codec medias", "allow-empty-codec-media"] {
        let server = Server::new();
        let told = server.offer(&text, &strip(word));
        assert_eq!((port(&told, 0), port(&told, 1)), (0, 0), "{word}");
        let told = server.offer(&text, &strip(word).replace(r#""PCMA","#, ""));
        assert_eq!(
            (formats(&told, 0).as_str(), port(&told, 0) == 0, port(&told, 1)),
            ("8", false, 0),
            "{word}"
        );
    }
}

#[test]
fn an_unknown_tag_is_an_alias_where_description_or_address_are_the_same() {
    for (key, second, is_alias) in [
        ("SDP", phone(A, 4000, "0"), true),
        ("SDP", phone(A, 4000, "0 8"), false),
        ("address", phone(A, 4000, "0 8"), true),
        ("endpoint", phone(A, 4000, "0 8"), true),
        ("address", phone(A, 4002, "0"), false),
        ("off", phone(A, 4000, "0"), false),
    ] {
        let server = Server::new();
        let offer = |tag: &str, sdp: &str| {
            let json = format!(r#""call-id":"c","from-tag":"{tag}","alias key":"{key}""#);
            advertised(&server.ask("offer", &json, Some(sdp)))
        };
        let first = offer("a", &phone(A, 4000, "0"));
        server.answer(&phone(B, 5000, "0"), "");
        let again = offer("a2", &second);
        assert_eq!(port(&again, 0) == port(&first, 0), is_alias, "{key}: B keeps its port");
        let query = server.ask("query", r#""call-id":"c""#, None);
        let tags = dict(query.value("tags"));
        assert_eq!((tags.len() == 2, get(tags, "a").is_some()), (is_alias, true), "{key}");
        // From then on either tag will do.
        let json = r#""call-id":"c","from-tag":"a2","to-tag":"b""#;
        let answer = server.ask("answer", json, Some(&phone(B, 5000, "0")));
        assert_eq!(answer.text("result"), "ok", "{key}");
    }
}
