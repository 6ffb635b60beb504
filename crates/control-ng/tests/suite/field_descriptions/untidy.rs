//! Descriptions with more, less and other blanks, lines and attributes than the grammar has.

use std::collections::BTreeSet;

use mediapoint_packet::sdp::Direction;

use crate::common::phone::Phone;
use crate::common::*;
use crate::field_descriptions::{A, B, exchange, relays};

#[test]
fn lines_of_payload_types_before_the_first_section_count_for_those_that_have_none() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let session =
        "t=0 0\r\na=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode=30\r\na=ptime:30\r\na=rtpmap:98 x/8000\r\n";
    let offer = a.sdp("97 0").replace("t=0 0\r\n", session);
    let (to_b, to_a) = exchange(&server, &offer, &b.sdp("97\r\na=rtpmap:97 iLBC/8000"), "");
    assert_eq!(attributes(&to_b.media[0], "rtpmap"), ["97 iLBC/8000"]);
    assert_eq!(attributes(&to_b.media[0], "fmtp"), ["97 mode=30"]);
    assert_eq!(to_b.media[0].body.ptime(), Some(30));
    assert!(!to_b.session.has_attribute("rtpmap"), "they have no place there");
    assert_eq!(formats(&to_a, 0), "97");
    relays(&mut a, &to_a, &mut b, &to_b, (97, 97));
    // The section's own line comes first.
    let own = phone(A, 4000, "97\r\na=rtpmap:97 speex/8000").replace("t=0 0\r\n", session);
    assert_eq!(attributes(&Server::new().offer(&own, "").media[0], "rtpmap"), ["97 speex/8000"]);
}

#[test]
fn untidy_descriptions_are_read() {
    let plain = format!("{}a=sendrecv\r\n", phone(A, 4000, "8 97\r\na=rtpmap:97 iLBC/8000"));
    let cases = [
        ("line feeds alone", plain.replace("\r\n", "\n")),
        ("carriage returns alone", plain.replace("\r\n", "\r")),
        ("blanks at the ends", plain.replace("\r\n", " \t\r\n")),
        (
            "tabs",
            plain
                .replace("m=audio 4000 RTP/AVP 8 97", "m=audio\t4000\tRTP/AVP\t8\t97")
                .replace("rtpmap:97 ", "rtpmap:97\t"),
        ),
        ("two blanks", plain.replace("RTP/AVP 8 97", "RTP/AVP  8  97").replace("rtpmap:97 ", "rtpmap: 97  ")),
        ("a line twice", plain.clone() + "a=rtpmap:97 iLBC/8000\r\n"),
        ("a number twice", plain.replace("8 97\r\n", "8 97 8 97\r\n")),
        ("parameters of absent numbers", plain.clone() + "a=fmtp:101 0-15\r\na=rtpmap:102 x/8000\r\n"),
        ("a count of ports", plain.replace("audio 4000", "audio 4000/2")),
        ("empty lines", plain.replace("\r\n", "\r\n\r\n")),
        ("packets of nothing", plain.clone() + "a=ptime:0\r\na=maxptime:0\r\n"),
        (
            "bandwidths and unknown attributes",
            plain.replace("a=sendrecv", "b=AS:64\r\nb=TIAS:64000\r\na=x-y:z \u{e9}\r\na=sendrecv"),
        ),
        (
            "a direction before the section",
            plain.replace("a=sendrecv\r\n", "").replace("t=0 0", "t=0 0\r\na=sendrecv"),
        ),
        ("ports of RTCP", plain.clone() + "a=rtcp:4003\r\n"),
        ("an address of RTCP", plain.clone() + "a=rtcp:4003 IN IP4 192.0.2.1\r\n"),
        ("half an address of RTCP", plain.clone() + "a=rtcp:4003 IN IP4\r\n"),
        ("a lower-case protocol", plain.replace("RTP/AVP", "rtp/avp")),
    ];
    for (case, offer) in cases {
        let server = Server::new();
        let (to_b, to_a) = exchange(&server, &offer, &phone(B, 5000, "97\r\na=rtpmap:97 iLBC/8000"), "");
        assert_eq!(formats(&to_a, 0), "97", "{case}");
        let section = &to_b.media[0];
        assert_eq!(section.payload_types().collect::<BTreeSet<_>>(), [8, 97].into(), "{case}");
        assert_eq!((host(&to_b, 0), section.media().ports), ("127.0.0.1".into(), None), "{case}");
        assert_eq!(to_b.direction_of(section), Direction::SendRecv, "{case}");
        assert_eq!(section.body.rtcp().unwrap().port, port(&to_b, 0) + 1, "{case}");
    }
}

#[test]
fn an_offer_of_a_hundred_codecs_passes_whole() {
    let server = Server::new();
    let numbers: Vec<u8> = (0..35).chain(35..64).chain(96..128).collect();
    let list = |numbers: &[u8]| numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
    let lines: String = numbers.iter().map(|n| format!("\r\na=rtpmap:{n} codec-{n}/8000")).collect();
    let (to_b, to_a) = exchange(
        &server,
        &phone(A, 4000, &(list(&numbers) + &lines)),
        &phone(B, 5000, "120\r\na=rtpmap:120 codec-120/8000"),
        "",
    );
    assert_eq!(formats(&to_b, 0), list(&numbers));
    assert_eq!(attributes(&to_b.media[0], "rtpmap").len(), numbers.len());
    assert_eq!(formats(&to_a, 0), "120");
}

#[test]
fn sections_that_are_not_used_do_not_disturb() {
    let server = Server::new();
    let offer = phone(A, 4000, "0")
        + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
    let to_b = server.offer(&offer, "");
    let ports: Vec<u16> = (0..4).map(|section| port(&to_b, section)).collect();
    assert!(ports[0] != 0 && ports[1..] == [0, 0, 0], "{ports:?}");
    let to_a = server.answer(&(phone(B, 5000, "0") + "m=video 0 RTP/AVP 96\r\nm=audio 0 RTP/AVP\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"), "");
    assert_ne!(port(&to_a, 0), 0);
}
