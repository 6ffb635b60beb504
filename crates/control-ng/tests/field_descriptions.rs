//! Descriptions as phones, gateways and browsers in the field write them: what the other side is told of them, and that media
//! flows.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

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
    dict.insert(b"sdp".to_vec(), Value::Bytes(sdp.to_vec()));
    let source = std::net::SocketAddr::from(([127, 0, 0, 1], 2223));
    let request = mediapoint_control_ng::Request::parse(&dict, source).unwrap();
    let reply = mediapoint_control_ng::Handler::handle(
        &server.controller,
        mediapoint_packet::Time::from_millis(5_000),
        request,
    );
    assert_eq!(reply.text("result"), "ok", "{}", reply.text("error-reason"));
    match reply.value("sdp") {
        Some(Value::Bytes(sdp)) => sdp.clone(),
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
