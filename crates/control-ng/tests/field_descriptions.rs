//! Descriptions as phones, gateways and browsers in the field write them: what the other side is told of them, and that media
//! flows.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test support outside of test functions")]

mod common;

use common::phone::Phone;
use common::*;
use mediapoint_control_ng::wire::Value;
use mediapoint_packet::sdp::{Direction, Sdp};
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound, Suite};

const A: &str = "192.0.2.1";
const B: &str = "198.51.100.1";

/// The description in a reply, byte for byte.
fn bytes(server: &Server, command: &str, json: &str, sdp: &[u8]) -> Vec<u8> {
    let mut dict = mediapoint_control_ng::wire::decode(format!("{{{json}}}").as_bytes()).unwrap();
    dict.insert(b"command".to_vec(), command.into());
    dict.insert(b"sdp".to_vec(), sdp.into());
    let source = std::net::SocketAddr::from(([127, 0, 0, 1], 2223));
    let request = mediapoint_control_ng::Request::parse(&dict, source).unwrap();
    let reply = mediapoint_control_ng::Handler::handle(
        &server.controller,
        mediapoint_packet::Time::from_millis(5_000),
        request,
    );
    assert_eq!(reply.text("result"), "ok", "{}", reply.text("error-reason"));
    match reply.value("sdp") {
        Some(Value::Bytes(sdp)) => sdp.to_vec(),
        other => panic!("{other:?} is no description"),
    }
}

const OFFER: &str = r#""call-id":"c","from-tag":"a""#;
const ANSWER: &str = r#""call-id":"c","from-tag":"a","to-tag":"b""#;

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Every payload type of audio that goes out and is no fixed one has a line.
fn is_described(sdp: &Sdp) {
    for section in sdp.media.iter().filter(|section| !section.is_rejected()) {
        for number in section.payload_types().filter(|number| *number >= 35) {
            let described = section.body.rtpmaps().any(|map| map.payload_type == number);
            assert!(described, "{number} has no a=rtpmap line");
        }
    }
}

/// Offers and answers; both descriptions that go out must describe their numbers.
fn exchange(server: &Server, offer: &str, answer: &str, more: &str) -> (Sdp, Sdp) {
    let to_b = server.offer(offer, more);
    let to_a = server.answer(answer, "");
    is_described(&to_b);
    is_described(&to_a);
    (to_b, to_a)
}

/// A packet each way, untouched.
fn relays(a: &mut Phone, to_a: &Sdp, b: &mut Phone, to_b: &Sdp, (of_a, of_b): (u8, u8)) {
    a.send(to_a, of_a, &[0x15; 20]);
    assert_eq!(b.receive(), (of_b, vec![0x15; 20]), "{of_a} to {of_b}");
    b.send(to_b, of_b, &[0x16; 20]);
    assert_eq!(a.receive(), (of_a, vec![0x16; 20]), "{of_b} to {of_a}");
}

// test-of: [RFC3551 6]
#[test]
fn a_fixed_number_is_its_codec_under_any_spelling_whoever_uses_it() {
    let spellings: [(u8, &[&str]); 9] = [
        (0, &["PCMU/8000", "pcmu/8000", "PCMU/8000/1", "G711U/8000"]),
        (3, &["GSM/8000", "gsm/8000/1", "GSM-FR/8000"]),
        (4, &["G723/8000", "G723.1/8000"]),
        (5, &["DVI4/8000", "dvi4/8000/1"]),
        (8, &["PCMA/8000", "pcma/8000/1"]),
        (9, &["G722/8000", "G722/16000", "g722/8000/1"]),
        (10, &["L16/44100/2", "L16/44100"]),
        (15, &["G728/8000", "G.728/8000"]),
        (18, &["G729/8000", "G729a/8000", "G729A/8000/1", "G.729/8000", "G729AB/8000", "g729b/8000"]),
    ];
    for (number, texts) in spellings {
        let line = |text: &str| format!("{number}\r\na=rtpmap:{number} {text}");
        let mut forms: Vec<String> = texts.iter().map(|text| line(text)).collect();
        forms.push(number.to_string());
        for offered in &forms {
            for answered in &forms {
                let server = Server::new();
                let (to_b, to_a) = exchange(&server, &phone(A, 4000, offered), &phone(B, 5000, answered), "");
                let seen = (formats(&to_b, 0), formats(&to_a, 0), port(&to_a, 0) != 0);
                assert_eq!(seen, (number.to_string(), number.to_string(), true), "{offered} {answered}");
            }
        }
    }
}

#[test]
fn a_fixed_number_that_is_used_for_another_codec_is_what_its_line_says() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let events = "0 10\r\na=rtpmap:10 telephone-event/8000\r\na=fmtp:10 0-15";
    let (to_b, to_a) = exchange(&server, &a.sdp(events), &b.sdp(events), "");
    for sdp in [&to_b, &to_a] {
        assert_eq!(formats(sdp, 0), "0 10");
        assert_eq!(attributes(&sdp.media[0], "rtpmap"), ["10 telephone-event/8000"]);
    }
    a.send(&to_a, 10, &[1, 10, 0, 160]);
    assert_eq!(b.receive(), (10, vec![1, 10, 0, 160]));
    // An answer that leaves the line out means what it was offered, and the offerer is told so.
    let to_a = server.answer(&b.sdp("0 10"), "");
    assert_eq!(attributes(&to_a.media[0], "rtpmap"), ["10 telephone-event/8000"]);
    // Another number in the answer.
    let to_a = server.answer(&b.sdp("0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15"), "");
    assert_eq!(formats(&to_a, 0), "0 10");
    assert_eq!(attributes(&to_a.media[0], "rtpmap"), ["10 telephone-event/8000"]);
    b.send(&to_b, 101, &[2, 10, 0, 160]);
    assert_eq!(a.receive(), (10, vec![2, 10, 0, 160]));
}

#[test]
fn media_flows_between_spellings_of_one_codec() {
    for (offered, answered, numbers) in [
        ("18\r\na=rtpmap:18 G729a/8000", "18", (18, 18)),
        ("18", "18\r\na=rtpmap:18 G729AB/8000", (18, 18)),
        ("97\r\na=rtpmap:97 G729A/8000", "18\r\na=rtpmap:18 G729/8000", (97, 18)),
        ("9\r\na=rtpmap:9 G722/16000", "9", (9, 9)),
        ("3", "3\r\na=rtpmap:3 GSM/8000", (3, 3)),
        ("97\r\na=rtpmap:97 PCMU/8000", "0", (97, 0)),
        ("96\r\na=rtpmap:96 opus/48000", "111\r\na=rtpmap:111 opus/48000/2", (96, 111)),
        ("96\r\na=rtpmap:96 OPUS/48000/2", "96\r\na=rtpmap:96 opus/48000/1", (96, 96)),
        ("96\r\na=rtpmap:96 AMR/8000/1", "96\r\na=rtpmap:96 amr/8000", (96, 96)),
    ] {
        let server = Server::new();
        let (mut a, mut b) = (Phone::new(), Phone::new());
        let (to_b, to_a) = exchange(&server, &a.sdp(offered), &b.sdp(answered), "");
        relays(&mut a, &to_a, &mut b, &to_b, numbers);
    }
}

#[test]
fn a_party_is_answered_in_its_own_words() {
    for (offered, answered, told) in [
        ("96 opus/48000/2", "96 opus/48000", "96 opus/48000/2"),
        ("96 opus/48000", "111 opus/48000/2", "96 opus/48000"),
        ("18 G729a/8000", "18 G729/8000", "18 G729a/8000"),
        ("97 G729/8000", "18 G729AB/8000/1", "97 G729/8000"),
        ("9 G722/16000", "9 G722/8000", "9 G722/16000"),
        // Case is no difference.
        ("96 opus/48000/2", "96 OPUS/48000/2", "96 OPUS/48000/2"),
    ] {
        let line = |map: &str| format!("{}\r\na=rtpmap:{map}", map.split(' ').next().unwrap());
        let (to_b, to_a) =
            exchange(&Server::new(), &phone(A, 4000, &line(offered)), &phone(B, 5000, &line(answered)), "");
        assert_eq!(attributes(&to_b.media[0], "rtpmap"), [offered], "byte for byte");
        assert_eq!(attributes(&to_a.media[0], "rtpmap"), [told], "{answered}");
    }
}

#[test]
fn words_of_codecs_name_them_under_any_spelling() {
    let server = Server::new();
    let offered = phone(A, 4000, "18 0\r\na=rtpmap:18 G729a/8000");
    assert_eq!(formats(&server.offer(&offered, r#""codec":{"strip":["G729"]}"#), 0), "0");
    assert_eq!(formats(&server.offer(&offered, r#""codec":{"strip":["G729a"]}"#), 0), "0");
    assert_eq!(formats(&server.offer(&offered, r#""codec":{"transcode":["G729"]}"#), 0), "18 0");
}

// test-of: [RFC8866 6.6]
#[test]
fn a_dynamic_number_is_described_also_where_the_answer_has_a_fixed_one() {
    let server = Server::new();
    let offer = "97 98\r\na=rtpmap:97 PCMU/8000\r\na=fmtp:97 x=y\r\na=rtpmap:98 telephone-event/8000\r\na=fmtp:98 0-15";
    let answer = "0 98\r\na=rtpmap:98 telephone-event/8000\r\na=fmtp:98 0-15";
    let (_, to_a) = exchange(&server, &phone(A, 4000, offer), &phone(B, 5000, answer), "");
    assert_eq!(formats(&to_a, 0), "97 98");
    assert_eq!(attributes(&to_a.media[0], "rtpmap"), ["98 telephone-event/8000", "97 PCMU/8000"]);
    assert_eq!(attributes(&to_a.media[0], "fmtp"), ["98 0-15"], "parameters are the answerer's");
    // The other way round nothing has to be said.
    let (_, to_a) =
        exchange(&server, &phone(A, 4000, "0"), &phone(B, 5000, "97\r\na=rtpmap:97 PCMU/8000"), "");
    assert_eq!((formats(&to_a, 0), attributes(&to_a.media[0], "rtpmap")), ("0".into(), vec!["0 PCMU/8000"]));
}

#[test]
fn a_number_that_the_answer_does_not_describe_means_what_was_offered() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let offer = "97 101\r\na=rtpmap:97 iLBC/8000\r\na=rtpmap:101 telephone-event/8000";
    let (to_b, to_a) = exchange(&server, &a.sdp(offer), &b.sdp("97 101"), "");
    assert_eq!(formats(&to_a, 0), "97 101");
    assert_eq!(attributes(&to_a.media[0], "rtpmap"), ["97 iLBC/8000", "101 telephone-event/8000"]);
    relays(&mut a, &to_a, &mut b, &to_b, (97, 97));
    // Offered by us, too.
    let added = r#""codec":{"transcode":["opus"]}"#;
    let (to_b, to_a) = exchange(&server, &phone(A, 4000, "0"), &phone(B, 5000, "96"), added);
    assert_eq!((formats(&to_b, 0), formats(&to_a, 0)), ("0 96".into(), "0".into()));
}

#[test]
fn what_nobody_describes_passes_under_its_number() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0 97"), "");
    let to_a = server.answer(&b.sdp("97"), "");
    assert_eq!((formats(&to_b, 0), formats(&to_a, 0)), ("0 97".into(), "97".into()));
    relays(&mut a, &to_a, &mut b, &to_b, (97, 97));
}

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
    let out = bytes(&server, "offer", &keys(OFFER, replace), LATIN);
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
    let back = bytes(&server, "answer", &keys(ANSWER, replace), &answer);
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
        let out = bytes(server, "offer", &keys(OFFER, &format!(r#""replace":[{replace}]"#)), &sdp);
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
    let back = bytes(&server, "answer", &keys(ANSWER, replace), refusal.as_bytes());
    assert!(!contains(&back, b"10.9.8.7"), "{}", back.escape_ascii());
    assert!(contains(&back, b"c=IN IP4 127.0.0.1\r\n") && contains(&back, b"m=audio 0 RTP/AVP 0\r\n"));
}

// test-of: [RFC7587 7]
#[test]
fn opus_with_and_without_its_channels_is_relayed_and_a_hold_keeps_the_number() {
    let server = Server::new();
    let (mut a, mut b) = (Phone { step: 960, ..Phone::new() }, Phone { step: 960, ..Phone::new() });
    let offer = a.sdp("96 0\r\na=rtpmap:96 opus/48000");
    let (to_b, to_a) = exchange(&server, &offer, &b.sdp("96\r\na=rtpmap:96 opus/48000/2"), "");
    assert_eq!((formats(&to_b, 0), formats(&to_a, 0)), ("96 0".into(), "96".into()));
    relays(&mut a, &to_a, &mut b, &to_b, (96, 96));
    // B holds, and writes the codec in its own way; A knows it by the number that it has always had.
    let hold = b.sdp("96\r\na=rtpmap:96 opus/48000/2") + "a=sendonly\r\n";
    let keys = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    let to_a = advertised(&server.ask("offer", keys, Some(&hold)));
    assert_eq!(attributes(&to_a.media[0], "rtpmap"), ["96 opus/48000/2"]);
    assert_eq!(to_a.direction_of(&to_a.media[0]), Direction::SendOnly);
    let answer = a.sdp("96\r\na=rtpmap:96 opus/48000") + "a=recvonly\r\n";
    let to_b = advertised(&server.ask("answer", keys, Some(&answer)));
    assert_eq!(formats(&to_b, 0), "96");
    b.send(&to_b, 96, &[0x16; 20]);
    assert_eq!(a.receive(), (96, vec![0x16; 20]));
}

#[test]
fn a_reinvite_in_another_spelling_keeps_the_number() {
    for (first, again) in [
        ("opus/48000/2", "opus/48000"),
        ("opus/48000/2", "OPUS/48000/1"),
        ("G729A/8000", "G729/8000"),
        ("G722/16000", "G722/8000/1"),
        ("iLBC/8000", "ilbc/8000/1"),
    ] {
        let server = Server::new();
        let line = |text: &str| format!("97\r\na=rtpmap:97 {text}");
        exchange(&server, &phone(A, 4000, &line(first)), &phone(B, 5000, &line(first)), "");
        let (to_b, to_a) =
            exchange(&server, &phone(A, 4000, &line(again)), &phone(B, 5000, &line(first)), "");
        assert_eq!((formats(&to_b, 0), formats(&to_a, 0)), ("97".into(), "97".into()), "{again}");
    }
}

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
    let to_b = bytes(&server, "offer", OFFER, wrap(&a.sdp("0")).as_bytes());
    let to_b = String::from_utf8(to_b).unwrap();
    assert!(to_b.starts_with("--unique-1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"), "{to_b}");
    assert!(to_b.ends_with(&format!("\r\n\r\n--unique-1\r\n{isup}\r\n--unique-1--\r\n")), "{to_b}");
    let inner = |body: &str| {
        let (_, rest) = body.split_once("\r\n\r\n").unwrap();
        Sdp::parse(rest.split_once("--unique-1").unwrap().0.as_bytes()).unwrap()
    };
    let to_b = inner(&to_b);
    assert_ne!(port(&to_b, 0), a.port());
    let to_a = bytes(&server, "answer", ANSWER, wrap(&b.sdp("0")).as_bytes());
    let to_a = inner(&String::from_utf8(to_a).unwrap());
    a.send(&to_a, 0, &[0x55; 160]);
    assert_eq!(b.receive(), (0, vec![0x55; 160]));
    b.send(&to_b, 0, &[0x56; 160]);
    assert_eq!(a.receive(), (0, vec![0x56; 160]));

    // With the headers of the message in front.
    let whole = format!("Content-Type: multipart/mixed;boundary=\"unique-1\"\r\n\r\n{}", wrap(&a.sdp("0")));
    let out = String::from_utf8(bytes(&server, "offer", OFFER, whole.as_bytes())).unwrap();
    assert!(
        out.starts_with("Content-Type: multipart/mixed;boundary=\"unique-1\"\r\n\r\n--unique-1\r\n"),
        "{out}"
    );
    // What a publisher gets is a description of ours, and stands alone.
    let own = bytes(&server, "publish", r#""call-id":"p","from-tag":"x""#, wrap(&a.sdp("0")).as_bytes());
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
        assert_eq!(
            section.payload_types().collect::<std::collections::BTreeSet<_>>(),
            [8, 97].into(),
            "{case}"
        );
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
