//! Offers and answers in the style of well-known endpoints, and what the other side is told.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use crate::common;

use common::*;
use mediapoint_packet::sdp::Direction;
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{MasterKey, Suite};

fn crypto(sdp: &mediapoint_packet::sdp::Sdp, section: usize) -> Vec<CryptoAttribute> {
    attributes(&sdp.media[section], "crypto")
        .into_iter()
        .map(|v| CryptoAttribute::parse(v).unwrap())
        .collect()
}

/// Linphone's answer, taking the line of this suite.
fn linphone_answer(offer: &[CryptoAttribute], suite: Suite) -> String {
    let line = offer.iter().find(|line| line.suite == suite).unwrap();
    let own = CryptoAttribute::new(line.tag, MasterKey::generate(suite).unwrap()).to_value();
    let key = own.split("inline:").nth(1).unwrap();
    data("linphone_srtp_answer")
        .replace("@TAG@", &line.tag.to_string())
        .replace("@SUITE@", suite.name())
        .replace("@KEY@", key)
}

#[test]
fn asterisk_to_freeswitch_relays_and_keeps_everything_else() {
    let server = Server::new();
    let sent = data("asterisk_offer");
    let advertised = server.offer(&sent, r#""replace":["origin"]"#);
    assert_eq!(host(&advertised, 0), "127.0.0.1");
    assert_ne!(port(&advertised, 0), 11274);
    assert_eq!(formats(&advertised, 0), "0 8 3 101");
    assert_eq!(advertised.origin().unwrap().address, b"127.0.0.1");
    let rtcp: u16 = advertised.media[0].body.attribute("rtcp").unwrap().parse().unwrap();
    assert_eq!(rtcp, port(&advertised, 0) + 1);
    // Apart from addresses, port and a=rtcp every line is as it was.
    let other = |text: &str| -> Vec<String> {
        let changed = |l: &&str| !["o=", "c=", "m=", "a=rtcp:"].iter().any(|start| l.starts_with(start));
        text.lines().filter(changed).map(str::to_owned).collect()
    };
    assert_eq!(other(&String::from_utf8_lossy(&advertised.to_bytes())), other(&sent));

    let back = server.answer(&data("freeswitch_answer"), "");
    assert_eq!(formats(&back, 0), "8 101");
    assert_eq!(back.origin().unwrap().address, b"192.0.2.20", "no replace-origin in the answer");
    assert_eq!(attributes(&back.media[0], "silenceSupp"), ["off - - - -"]);
    assert_ne!(port(&back, 0), port(&advertised, 0));
}

#[test]
fn freeswitch_srtp_to_a_plain_phone_gets_its_tag_and_suite_back() {
    let server = Server::new();
    let offer = r#""transport-protocol":"RTP/AVP""#;
    let advertised = server.offer(&data("freeswitch_srtp_offer"), offer);
    assert_eq!(advertised.media[0].media().proto, "RTP/AVP");
    assert_eq!(crypto(&advertised, 0), []);
    let back = server.answer(&phone("192.0.2.99", 5000, "0 101\r\na=rtpmap:101 telephone-event/8000"), "");
    assert_eq!(back.media[0].media().proto, "RTP/SAVP");
    let lines = crypto(&back, 0);
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (lines[0].tag, lines[0].suite),
        (2, Suite::AesCm128HmacSha1_80),
        "the first one that is known"
    );
    let raw = attributes(&back.media[0], "crypto")[0].to_owned();
    assert!(!raw.contains("NzB4d1BINUAvLEw6"), "our own key");

    // The same again in a re-INVITE: ports, tag, suite and key stay.
    let told_again = server.offer(&data("freeswitch_srtp_offer"), offer);
    let back_again = server.answer(&phone("192.0.2.99", 5000, "0"), "");
    assert_eq!(port(&told_again, 0), port(&advertised, 0));
    assert_eq!(port(&back_again, 0), port(&back, 0));
    assert_eq!(attributes(&back_again.media[0], "crypto"), [raw]);
}

#[test]
fn a_plain_offer_becomes_srtp_for_linphone_with_the_keys_after_the_address() {
    let server = Server::new();
    let advertised =
        server.offer(&data("asterisk_offer"), r#""transport-protocol":"RTP/SAVP","flags":["pad-crypto"]"#);
    assert_eq!(advertised.media[0].media().proto, "RTP/SAVP");
    let lines = crypto(&advertised, 0);
    assert_eq!(lines.iter().map(|line| line.tag).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    let text = String::from_utf8_lossy(&advertised.to_bytes()).into_owned();
    assert!(text.find("c=IN").unwrap() < text.find("a=crypto").unwrap());
    for value in attributes(&advertised.media[0], "crypto") {
        let key = value.split("inline:").nth(1).unwrap();
        assert_eq!(key.len() % 4, 0, "padded");
    }
    let back = server.answer(&linphone_answer(&lines, Suite::AesCm128HmacSha1_80), "");
    assert_eq!(back.media[0].media().proto, "RTP/AVP");
    assert_eq!(attributes(&back.media[0], "crypto"), Vec::<&str>::new());
    assert_eq!(formats(&back, 0), "0 101");
}

#[test]
fn srtp_on_both_sides_prefers_one_suite_for_both() {
    let server = Server::new();
    let advertised = server.offer(&data("freeswitch_srtp_offer"), "");
    let lines = crypto(&advertised, 0);
    let suites: Vec<_> = lines.iter().map(|line| line.suite).collect();
    assert_eq!(suites[..2], [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32], "the offerer's first");
    assert_eq!(suites.len(), Suite::ALL.len());
    let back = server.answer(&linphone_answer(&lines, Suite::AesCm128HmacSha1_32), "");
    let line = &crypto(&back, 0)[0];
    assert_eq!((line.tag, line.suite), (3, Suite::AesCm128HmacSha1_32));
}

// test-of: [RFC4568 7]
#[test]
fn sdes_policy_shapes_the_offer() {
    let cases: [(&str, &[&str]); 5] = [
        (r#""flags":["SDES-only-AES_CM_128_HMAC_SHA1_32"]"#, &["AES_CM_128_HMAC_SHA1_32"]),
        (r#""flags":["SDES-nonew"]"#, &["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]),
        (
            r#""SDES":["nonew","order:AES_CM_128_HMAC_SHA1_32;"]"#,
            &["AES_CM_128_HMAC_SHA1_32", "AES_CM_128_HMAC_SHA1_80"],
        ),
        (
            r#""rtpp-flags":"SDES-[no-AEAD_AES_128_GCM,no-AEAD_AES_256_GCM,no-AES_192_CM_HMAC_SHA1_80,no-AES_192_CM_HMAC_SHA1_32,no-AES_256_CM_HMAC_SHA1_80,no-AES_256_CM_HMAC_SHA1_32,no-AES_CM_128_HMAC_SHA1_80]""#,
            &["AES_CM_128_HMAC_SHA1_32"],
        ),
        (r#""SDES":["lifetime","only-AES_CM_128_HMAC_SHA1_80"]"#, &["AES_CM_128_HMAC_SHA1_80"]),
    ];
    for (options, expected) in cases {
        let server = Server::new();
        let advertised = server.offer(&data("freeswitch_srtp_offer"), options);
        let lines = crypto(&advertised, 0);
        assert_eq!(lines.iter().map(|line| line.suite.name()).collect::<Vec<_>>(), expected, "{options}");
        let lifetime = options.contains("lifetime").then_some(1 << 31);
        assert!(lines.iter().all(|line| line.keys[0].lifetime == lifetime), "{options}");
    }
}

#[test]
fn linphone_with_video_is_relayed_with_one_leg_for_each_section() {
    let server = Server::new();
    let advertised = server.offer(&data("linphone_offer"), r#""transport-protocol":"RTP/SAVPF""#);
    assert_eq!(advertised.media.len(), 2);
    assert_eq!(advertised.media[1].media().proto, "RTP/SAVPF");
    assert_eq!(crypto(&advertised, 1).len(), Suite::ALL.len(), "video is keyed, too");
    assert_eq!(
        attributes(&advertised.media[1], "rtcp-fb"),
        ["* trr-int 5000", "100 nack pli", "100 ccm fir"]
    );
    assert_eq!(attributes(&advertised.media[0], "fmtp"), ["96 useinbandfec=1", "97 vbr=on", "98 vbr=on"]);
    let ports = [port(&advertised, 0), port(&advertised, 1)];
    assert!(ports[0] != ports[1] && ports.iter().all(|port| port % 2 == 0));
}

#[test]
fn cisco_with_addresses_at_both_levels_and_a_refused_fax() {
    let server = Server::new();
    let advertised = server.offer(&data("cisco_offer"), "");
    assert_eq!(
        advertised.session.connection().unwrap().host,
        "203.0.113.40",
        "the session's is not asked to change"
    );
    assert_eq!(host(&advertised, 0), "127.0.0.1");
    assert_eq!(port(&advertised, 1), 0);
    assert_eq!(advertised.media[1].media().formats, ["t38"]);
    assert_eq!(attributes(&advertised.media[0], "X-cisco-media"), ["umoh"]);

    let server = Server::new();
    let advertised = server.offer(&data("cisco_offer"), r#""replace":["session-connection","origin"]"#);
    assert_eq!(advertised.session.connection().unwrap().host, "127.0.0.1");
    let back = server.answer(
        &(phone("192.0.2.5", 6000, "0 101\r\na=rtpmap:101 telephone-event/8000") + "m=image 0 udptl t38\r\n"),
        "",
    );
    assert_eq!((formats(&back, 0).as_str(), port(&back, 1)), ("0 101", 0));
}

#[test]
fn webrtc_by_dtls_is_refused_with_the_reason() {
    let server = Server::new();
    let reply = server.ask(
        "offer",
        r#""call-id":"c","from-tag":"a","ICE":"remove","transport-protocol":"RTP/AVP""#,
        Some(&data("webrtc_offer")),
    );
    assert_eq!(reason(&reply), "unusable key: keys by DTLS are not supported");
    assert_eq!(server.controller.calls(), 0, "nothing is left behind");
    await_end(&server);
    assert_eq!(server.engine.calls(), 0);
}

// test-of: [RFC8839 5]
#[test]
fn webrtc_style_by_sdes_becomes_a_plain_section() {
    let server = Server::new();
    let options =
        r#""ICE":"remove","transport-protocol":"RTP/AVP","rtcp-mux":["demux"],"codec":{"strip":["opus"]}"#;
    let advertised = server.offer(&data("webrtc_sdes_offer"), options);
    assert_eq!(advertised.media[0].media().proto, "RTP/AVP");
    assert_eq!(formats(&advertised, 0), "0 8 126");
    let text = String::from_utf8_lossy(&advertised.to_bytes()).into_owned();
    for gone in [
        "candidate",
        "ice-",
        "end-of-candidates",
        "crypto",
        "BUNDLE",
        "rtcp-mux",
        "a=ssrc",
        "opus",
        "rtcp-fb:111",
    ] {
        assert!(!text.contains(gone), "{gone} in\n{text}");
    }
    assert!(text.contains("a=mid:audio"));

    let back = server.answer(&phone("192.0.2.5", 6000, "8"), "");
    let section = &back.media[0];
    assert_eq!(section.media().proto, "RTP/SAVPF");
    assert!(section.body.has_attribute("rtcp-mux"));
    assert_eq!(section.body.attribute("rtcp"), Some(port(&back, 0).to_string().as_str()));
    assert_eq!(section.body.attribute("mid"), Some("audio"));
    assert_eq!((crypto(&back, 0)[0].tag, crypto(&back, 0)[0].suite), (7, Suite::AesCm128HmacSha1_80));
}

#[test]
fn ims_over_ipv6_reaches_an_ipv4_side() {
    let server = Server::new();
    let advertised = server.offer(&data("ims_offer"), r#""address-family":"IP4","replace":["origin"]"#);
    assert_eq!(host(&advertised, 0), "127.0.0.1");
    assert_eq!(
        (advertised.origin().unwrap().family, advertised.origin().unwrap().address),
        (&b"IP4"[..], &b"127.0.0.1"[..])
    );
    assert_eq!(advertised.direction_of(&advertised.media[0]), Direction::Inactive);
    assert_eq!(attributes(&advertised.media[0], "curr").len(), 2);
    let answer =
        phone("192.0.2.5", 6000, "107 96\r\na=rtpmap:107 AMR/8000/1\r\na=rtpmap:96 telephone-event/8000");
    let back = server.answer(&answer, "");
    assert_eq!(host(&back, 0), "::1", "the offerer's own family");
    assert_eq!(formats(&back, 0), "107 96");
}

#[test]
fn sections_are_carried_by_kind_and_the_rest_is_refused() {
    let server = Server::new();
    let advertised = server.offer(&data("many_media_offer"), r#""transport-protocol":"RTP/SAVP""#);
    let kinds: Vec<_> =
        advertised.media.iter().map(|m| (m.media().proto.as_str(), m.is_rejected())).collect();
    assert_eq!(
        kinds,
        [
            ("RTP/SAVP", false),
            ("RTP/SAVP", false),
            ("TCP/MSRP", false),
            ("UDP/BFCP", false),
            ("RTP/SAVP", true)
        ]
    );
    assert_eq!(
        attributes(&advertised.media[1], "ssrc"),
        ["1234 cname:video"],
        "streams of video are the sender's own"
    );
    assert!(![0, port(&advertised, 3)].contains(&port(&advertised, 2)), "messages go from party to party");
    assert_eq!(attributes(&advertised.media[3], "floorctrl"), ["c-s"]);
    assert_eq!(attributes(&advertised.media[3], "rtcp"), Vec::<&str>::new());
    assert_eq!(attributes(&advertised.media[4], "rtpmap"), Vec::<&str>::new());
}
