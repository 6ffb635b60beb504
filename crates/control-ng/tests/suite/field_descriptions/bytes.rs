//! Lines that are not UTF-8, in every place that is rewritten.

use mediapoint_packet::sdp::Sdp;
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{MasterKey, Suite};

use crate::common::*;
use crate::field_descriptions::{A, ANSWER, OFFER, contains, exact};

/// A private address in each place where one can be, among bytes of Latin-1.
const LATIN: &[u8] = b"v=0\r\no=J\xfcrgen 1 1 IN IP4 10.9.8.7\r\ns=Gespr\xe4ch\r\ni=\xfc\r\nc=IN IP4 10.9.8.7\r\nt=0 0\r\n\
    a=x-\xe4: \xff\r\nm=audio 4000 RTP/SAVP 0 97\r\nc=IN IP4 10.9.8.7 \xff\r\na=rtcp:4001 IN IP4 10.9.8.7 \xe9\r\n\
    a=candidate:\xe9 1 UDP 1 10.9.8.7 4000 typ host\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\xe9\r\n\
    a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj\r\n\
    a=rtpmap:97 x-codec/8000\r\na=fmtp:97 name=\xe9\r\na=label:\xfc\r\na=mid:\xfc\r\n";

fn latin(port: u16) -> Vec<u8> {
    let mut sdp =
        b"v=0\r\no=M\xfcller 1 1 IN IP4 10.9.8.7\r\ns=\xe4\r\nc=IN IP4 10.9.8.7\r\nt=0 0\r\n".to_vec();
    sdp.extend_from_slice(format!("m=audio {port} RTP/AVP 0\r\n").as_bytes());
    sdp
}

#[test]
fn no_line_that_is_to_be_rewritten_passes_unread_for_its_bytes() {
    let server = Server::new();
    let replace = r#""replace":["origin","session-connection"]"#;
    let out = exact(&server, "offer", &keys(OFFER, replace), LATIN);
    let text = out.escape_ascii().to_string();
    assert!(!contains(&out, b"10.9.8.7"), "{text}");
    assert!(
        out.starts_with(b"v=0\r\no=J\xfcrgen 1 1 IN IP4 127.0.0.1\r\ns=Gespr\xe4ch\r\ni=\xfc\r\n"),
        "{text}"
    );
    for kept in
        [&b"a=x-\xe4: \xff\r\n"[..], b"a=fmtp:97 name=\xe9\r\n", b"a=label:\xfc\r\n", b"a=mid:\xfc\r\n"]
    {
        assert!(contains(&out, kept), "{text}");
    }
    assert!(!contains(&out, b"inline:NzB4") && !contains(&out, b"candidate"), "{text}");
    let sdp = Sdp::parse(&out).unwrap();
    assert_eq!((host(&sdp, 0), sdp.media[0].body.rtcp().unwrap().connection), ("127.0.0.1".into(), None));

    // The second key was usable, and the answer goes back under its tag; its mid is the offerer's.
    let key = CryptoAttribute::new(1, MasterKey::generate(Suite::AesCm128HmacSha1_80).unwrap()).to_value();
    let offered = attributes(&sdp.media[0], "crypto");
    let tag = offered.iter().find(|line| line.contains("HMAC_SHA1_80")).unwrap().split(' ').next().unwrap();
    let mut answer = String::from_utf8_lossy(&latin(5000)).replace("RTP/AVP", "RTP/SAVP").into_bytes();
    answer.extend_from_slice(format!("a=crypto:{tag}{}\r\n", &key[1..]).as_bytes());
    let back = exact(&server, "answer", &keys(ANSWER, replace), &answer);
    let text = back.escape_ascii().to_string();
    assert!(!contains(&back, b"10.9.8.7") && contains(&back, b"a=mid:\xfc\r\n"), "{text}");
    assert!(contains(&back, b"a=crypto:2 AES_CM_128_HMAC_SHA1_80 "), "{text}");
}

#[test]
fn every_kind_of_replacement_reads_bytes() {
    let offer = |server: &Server, replace: &str, port: u16, from: &[u8], to: &[u8]| {
        let sdp = latin(port);
        let at = sdp.windows(from.len()).position(|window| window == from).unwrap();
        let sdp = [&sdp[..at], to, &sdp[at + from.len()..]].concat();
        let out = exact(server, "offer", &keys(OFFER, &format!(r#""replace":[{replace}]"#)), &sdp);
        let lines: Vec<Vec<u8>> = out.split(|b| *b == b'\n').map(|line| line.trim_ascii().to_vec()).collect();
        [lines[1].clone(), lines[2].clone(), lines[3].clone()]
    };
    let same = (&b"v=0"[..], &b"v=0"[..]);
    let server = Server::new();
    let [origin, name, _] = offer(&server, r#""username","session-name""#, 4000, same.0, same.1);
    assert_eq!((&origin[..], &name[..]), (&b"o=M\xfcller 1 1 IN IP4 10.9.8.7"[..], &b"s=\xe4"[..]));
    let [origin, ..] = offer(&server, r#""username","session-name""#, 4000, b"M\xfcller", b"\xff");
    assert_eq!(origin, b"o=M\xfcller 1 1 IN IP4 10.9.8.7", "the same throughout");
    let [_, name, _] = offer(&server, r#""session-name""#, 4000, b"s=\xe4", b"s=other");
    assert_eq!(name, b"s=\xe4", "the same throughout");

    let server = Server::new();
    offer(&server, r#""sdp-version""#, 4000, same.0, same.1);
    let [origin, ..] = offer(&server, r#""sdp-version""#, 4000, b"s=\xe4", b"s=\xe5");
    assert_eq!(origin, b"o=M\xfcller 1 2 IN IP4 10.9.8.7");
    let [origin, ..] = offer(&server, r#""force-increment-sdp-ver""#, 4000, b"s=\xe4", b"s=\xe5");
    assert_eq!(origin, b"o=M\xfcller 1 3 IN IP4 10.9.8.7");

    for (came, goes) in [
        (&b"o=M\xfcller 1 1 IN IP4 10.9.8.7"[..], &b"o=M\xfcller 1 1 IN IP4 127.0.0.1"[..]),
        (b"o= 1 1 IN IP4 10.9.8.7", b"o= 1 1 IN IP4 127.0.0.1"),
        (b"o=two \xe9 words 1 1 IN IP4 10.9.8.7", b"o=two \xe9 words 1 1 IN IP4 127.0.0.1"),
        (b"o=- 1 1 IN IP4 10.9.8.7 10.9.8.7", b"o=- 1 1 IN IP4 127.0.0.1"),
        (b"o=- 1 1 IN IP4 host.\xe9", b"o=- 1 1 IN IP4 127.0.0.1"),
        (b"o=- 1 1 IN IP4 10.9.8.7\r\no=- 1 1 IN IP4 10.9.8.7", b"o=- 1 1 IN IP4 127.0.0.1"),
    ] {
        let server = Server::new();
        let [origin, next, _] = offer(&server, r#""origin""#, 4000, b"o=M\xfcller 1 1 IN IP4 10.9.8.7", came);
        assert_eq!(origin, goes, "{}", came.escape_ascii());
        assert_eq!(next, b"s=\xe4");
    }
    // Too few words to tell which is the address.
    let [origin, ..] = offer(&Server::new(), r#""origin""#, 4000, b"o=M\xfcller 1 1 IN IP4", b"o=M\xfcller");
    assert!(
        origin.starts_with(b"o=- ") && origin.ends_with(b" 0 IN IP4 127.0.0.1"),
        "{}",
        origin.escape_ascii()
    );
}

#[test]
fn a_description_of_refused_sections_tells_no_address_either() {
    let server = Server::new();
    let replace = r#""replace":["origin","session-connection"]"#;
    server.offer(&phone(A, 4000, "0"), replace);
    let refusal = phone("10.9.8.7", 0, "0").replace("t=0 0\r\n", "t=0 0\r\na=rtcp:5001 IN IP4 10.9.8.7\r\n");
    let back = exact(&server, "answer", &keys(ANSWER, replace), refusal.as_bytes());
    assert!(!contains(&back, b"10.9.8.7"), "{}", back.escape_ascii());
    assert!(contains(&back, b"c=IN IP4 127.0.0.1\r\n") && contains(&back, b"m=audio 0 RTP/AVP 0\r\n"));
}
