//! Where a party is: padded addresses, host names, nowhere yet; and descriptions within bodies.

use mediapoint_packet::sdp::{Direction, Sdp};
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound, Suite};

use crate::common::phone::Phone;
use crate::common::*;
use crate::field_descriptions::{A, ANSWER, OFFER, exact};

#[test]
fn media_names_and_padded_addresses_are_read_as_they_are_meant() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let pad = |sdp: String| sdp.replace("127.0.0.1", "127.000.000.001");
    let shout = |sdp: String| sdp.replace("m=audio", "m=AUDIO");
    let to_b = server.offer(&shout(pad(a.sdp("0 8"))), "");
    let to_a = server.answer(&shout(pad(b.sdp("8"))), "");
    assert_eq!((to_b.media[0].media().media.as_str(), formats(&to_a, 0).as_str()), ("AUDIO", "8"));
    assert_eq!((host(&to_b, 0), host(&to_a, 0)), ("127.0.0.1".into(), "127.0.0.1".into()));
    a.send(&to_a, 8, &[0x55; 160]);
    assert_eq!(b.receive(), (8, vec![0x55; 160]));
    b.send(&to_b, 8, &[0x56; 160]);
    assert_eq!(a.receive(), (8, vec![0x56; 160]));
    // What is audio can be converted.
    let converted = server.offer(&shout(a.sdp("0")), r#""codec":{"transcode":["PCMA"]}"#);
    assert_eq!(formats(&converted, 0), "0 8");
}

#[test]
fn a_padded_address_is_held_against_the_policy_as_decimal() {
    let server = Server::new();
    for (written, meant) in [("224.000.000.001", "224.0.0.1"), ("169.254.010.010", "169.254.10.10")] {
        let refused = reason(&server.ask("offer", OFFER, Some(&phone(written, 4000, "0"))));
        assert!(refused.contains(meant), "{refused}");
    }
    let mapped = phone("::ffff:224.0.0.1", 4000, "0");
    assert!(reason(&server.ask("offer", OFFER, Some(&mapped))).contains("multicast"));
    assert_eq!(server.controller.calls(), 0);
}

#[test]
fn one_part_of_a_multipart_body_is_rewritten_in_its_place() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let isup =
        "Content-Type: application/isup; version=itu-t92+\r\nContent-Disposition: signal\r\n\r\n\x01\x02";
    let wrap = |sdp: &str| {
        format!(
            "--unique-1\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--unique-1\r\n{isup}\r\n--unique-1--\r\n"
        )
    };
    let to_b = exact(&server, "offer", OFFER, wrap(&a.sdp("0")).as_bytes());
    let to_b = String::from_utf8(to_b).unwrap();
    assert!(to_b.starts_with("--unique-1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"), "{to_b}");
    assert!(to_b.ends_with(&format!("\r\n\r\n--unique-1\r\n{isup}\r\n--unique-1--\r\n")), "{to_b}");
    let inner = |body: &str| {
        let (_, rest) = body.split_once("\r\n\r\n").unwrap();
        Sdp::parse(rest.split_once("--unique-1").unwrap().0.as_bytes()).unwrap()
    };
    let to_b = inner(&to_b);
    assert_ne!(port(&to_b, 0), a.port());
    let to_a = exact(&server, "answer", ANSWER, wrap(&b.sdp("0")).as_bytes());
    let to_a = inner(&String::from_utf8(to_a).unwrap());
    a.send(&to_a, 0, &[0x55; 160]);
    assert_eq!(b.receive(), (0, vec![0x55; 160]));
    b.send(&to_b, 0, &[0x56; 160]);
    assert_eq!(a.receive(), (0, vec![0x56; 160]));

    // With the headers of the message in front.
    let whole = format!("Content-Type: multipart/mixed;boundary=\"unique-1\"\r\n\r\n{}", wrap(&a.sdp("0")));
    let out = String::from_utf8(exact(&server, "offer", OFFER, whole.as_bytes())).unwrap();
    assert!(
        out.starts_with("Content-Type: multipart/mixed;boundary=\"unique-1\"\r\n\r\n--unique-1\r\n"),
        "{out}"
    );
    // What a publisher gets is a description of ours, and stands alone.
    let own = exact(&server, "publish", r#""call-id":"p","from-tag":"x""#, wrap(&a.sdp("0")).as_bytes());
    assert!(own.starts_with(b"v=0\r\n"), "{}", own.escape_ascii());
}

#[test]
fn bodies_without_one_description_are_refused_in_words() {
    let server = Server::new();
    let part = format!("--b\r\nContent-Type: application/sdp\r\n\r\n{}\r\n", phone(A, 4000, "0"));
    for (body, why) in [
        (format!("{part}{part}--b--\r\n"), "unusable body: more than one part is application/sdp"),
        (
            "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n".into(),
            "unusable body: no part is application/sdp",
        ),
        (
            part.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
            "unusable body: the part application/sdp is base64 or quoted-printable",
        ),
    ] {
        assert_eq!(reason(&server.ask("offer", OFFER, Some(&body))), why);
    }
    assert_eq!(server.controller.calls(), 0);
}

#[test]
fn a_host_name_is_refused_in_words_unless_the_address_is_taken_from_elsewhere() {
    let server = Server::new();
    let mut a = Phone::new();
    let named = a.sdp("0").replace("c=IN IP4 127.0.0.1", "c=IN IP4 media.example.com");
    let refused = reason(&server.ask("offer", OFFER, Some(&named)));
    let expected = "host name \"media.example.com\" in the c= line of section 1: names are not resolved, an address is needed";
    assert_eq!(refused, expected);
    assert_eq!(server.controller.calls(), 0, "no call is left of it");
    // In an answer, too, and the call goes on.
    let mut b = Phone::new();
    let to_b = server.offer(&a.sdp("0"), "");
    assert_eq!(reason(&server.ask("answer", ANSWER, Some(&named))), expected);
    let to_a = server.answer(&b.sdp("0"), "");
    a.send(&to_a, 0, &[0x55; 160]);
    assert_eq!(b.receive(), (0, vec![0x55; 160]));
    // In a section that is not used it does not matter.
    let unused = a.sdp("0") + "m=video 0 RTP/AVP 31\r\nc=IN IP4 media.example.com\r\n";
    assert_eq!(host(&server.offer(&unused, ""), 1), "127.0.0.1");
    // Where the signalling's source is what counts, the name is not needed.
    let source = r#""flags":["SIP-source-address"],"received-from":["IP4","127.0.0.1"]"#;
    let to_b_again = server.offer(&named, source);
    assert_eq!(host(&to_b_again, 0), "127.0.0.1");
    server.answer(&b.sdp("0"), "");
    b.send(&to_b, 0, &[0x56; 160]);
    assert_eq!(a.receive(), (0, vec![0x56; 160]));
}

// test-of: [RFC8840 4.1]
#[test]
fn port_nine_at_no_address_is_a_party_that_does_not_know_its_address_yet() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let trickling = |more: &str| {
        phone("0.0.0.0", 9, "0")
            + "a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-options:trickle\r\n"
            + more
    };
    let source = r#""received-from":["IP4","127.0.0.1"]"#;
    let to_b = server.offer(&trickling("a=sendrecv\r\n"), source);
    assert_eq!(to_b.direction_of(&to_b.media[0]), Direction::SendRecv);
    assert_eq!(host(&to_b, 0), "127.0.0.1", "our address, and no hold");
    assert!(![0, 9].contains(&port(&to_b, 0)));
    let to_a = server.answer(&b.sdp("0"), "");
    assert_eq!(to_a.direction_of(&to_a.media[0]), Direction::SendRecv);
    // It is where it sends from, two packets in sequence from the host of its signalling.
    a.send(&to_a, 0, &[0x11; 160]);
    a.send(&to_a, 0, &[0x12; 160]);
    assert_eq!(b.receive(), (0, vec![0x12; 160]));
    b.send(&to_b, 0, &[0x56; 160]);
    assert_eq!(a.receive(), (0, vec![0x56; 160]));

    // The answerer can be one, too, and IPv6 has the same form.
    server.offer(&a.sdp("0"), "");
    for zero in ["0.0.0.0", "::"] {
        let to_a = server.answer(&trickling("").replace("0.0.0.0", zero).replace("IP4 ::", "IP6 ::"), source);
        assert_eq!(to_a.direction_of(&to_a.media[0]), Direction::SendRecv);
        assert_eq!(host(&to_a, 0), "127.0.0.1");
    }
    // A hold names the port that it had.
    let held = server.offer(&phone("0.0.0.0", a.port(), "0"), "");
    assert_eq!((held.direction_of(&held.media[0]), host(&held, 0)), (Direction::SendOnly, "0.0.0.0".into()));
    // Words for directions count as ever.
    let inactive = server.offer(&trickling("a=inactive\r\n"), "");
    assert_eq!(inactive.direction_of(&inactive.media[0]), Direction::Inactive);
}

#[test]
fn a_trickling_party_with_keys_is_found_by_them() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let key = MasterKey::generate(Suite::AesCm128HmacSha1_80).unwrap();
    let line = CryptoAttribute::new(1, key.clone()).to_value();
    let offer =
        phone("0.0.0.0", 9, "0").replace("RTP/AVP", "RTP/SAVPF") + &format!("a=crypto:{}\r\n", line.as_str());
    let to_b = server.offer(&offer, r#""transport-protocol":"RTP/AVP""#);
    assert_eq!(to_b.direction_of(&to_b.media[0]), Direction::SendRecv);
    let to_a = server.answer(&b.sdp("0"), "");
    let line = CryptoAttribute::parse(to_a.media[0].body.attribute("crypto").unwrap()).unwrap();
    a.srtp = Some((Outbound::new(&key), Inbound::new(&line.keys[0].key, InboundOptions::default())));
    a.send(&to_a, 0, &[0x11; 160]);
    assert_eq!(b.receive(), (0, vec![0x11; 160]));
    b.send(&to_b, 0, &[0x56; 160]);
    assert_eq!(a.receive(), (0, vec![0x56; 160]));
}
