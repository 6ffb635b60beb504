//! Codecs in the spellings of many endpoints, and numbers with and without their lines.

use mediapoint_packet::sdp::Direction;

use crate::common::phone::Phone;
use crate::common::*;
use crate::field_descriptions::{A, B, exchange, relays};

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
