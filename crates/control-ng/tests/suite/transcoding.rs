//! Codecs added, packet times and events of a call that was set up by messages, by the packets that come out.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use crate::common;

use common::phone::Phone;
use common::*;
use mediapoint_engine::Codec;
use mediapoint_packet::sdp::Sdp;

const EVENTS: &str = "\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15";

/// 20 ms of mu-law that is far from silence.
fn loud() -> Vec<u8> {
    (0..160).map(|n| if n % 20 < 10 { 0x90 } else { 0x10 }).collect()
}

fn transcode(codec: &str) -> String {
    format!(r#""codec":{{"transcode":["{codec}"]}}"#)
}

/// Sends `count` packets at once.
fn burst(from: &mut Phone, to: &Sdp, payload_type: u8, payload: &[u8], count: usize) {
    for _ in 0..count {
        from.send(to, payload_type, payload);
    }
}

/// The numbers and codecs added to an offer, as its `a=rtpmap` lines say.
fn added(offer: &Sdp) -> (u8, String) {
    let map = offer.media[0].body.rtpmaps().find(|map| !matches!(map.payload_type, 0 | 101)).unwrap();
    let channels = if map.channels() > 1 { format!("/{}", map.channels()) } else { String::new() };
    (map.payload_type, format!("{}/{}{channels}", map.encoding, map.clock_rate))
}

#[test]
fn a_codec_added_is_encoded_and_decoded() {
    let cases = [
        (Codec::OPUS, 960, 160),
        (Codec::G722, 160, 160),
        (Codec::G729, 160, 160),
        (Codec::L16_16K, 320, 160),
        (Codec::PCMA, 160, 160),
    ];
    for (codec, step, expected) in cases {
        let name = format!("{}/{}", codec.sdp_name(), codec.clock_rate);
        if !codec.is_convertible() {
            println!("{name} is passed over: the engine does not convert it");
            continue;
        }
        let server = Server::new();
        let (mut a, mut b) = (Phone::new(), Phone { step, ..Phone::new() });
        let to_b = server.offer(&a.sdp(&format!("0 101{EVENTS}")), &transcode(&name));
        let (number, rtpmap) = added(&to_b);
        let to_a = server.answer(&b.sdp(&format!("{number}\r\na=rtpmap:{number} {rtpmap}")), "");
        assert_eq!(formats(&to_a, 0), "0", "{name}");

        burst(&mut a, &to_a, 0, &loud(), 8);
        let heard: Vec<_> = (0..4).map(|_| b.receive()).collect();
        assert!(heard.iter().all(|(payload_type, _)| *payload_type == number), "{name} {heard:?}");
        // What was heard goes back: nothing but the codec itself reads it.
        for (_, payload) in &heard {
            b.send(&to_b, number, payload);
        }
        let back: Vec<_> = (0..3).map(|_| a.receive()).collect();
        assert!(
            back.iter().all(|(payload_type, frame)| (*payload_type, frame.len()) == (0, expected)),
            "{name}"
        );
        let is_loud = |frame: &[u8]| frame.iter().filter(|octet| **octet & 0x7f < 0x40).count() > 40;
        assert!(back.iter().any(|(_, frame)| is_loud(frame)), "{name} comes back as silence");
    }
}

#[test]
fn a_codec_of_both_sides_is_relayed_as_it_is() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0 8"), &transcode("opus"));
    let to_a = server.answer(&b.sdp("8"), "");
    assert_eq!(formats(&to_a, 0), "8");
    a.send(&to_a, 8, &[0x55; 7]);
    assert_eq!(b.receive(), (8, vec![0x55; 7]), "not even looked at");
    b.send(&to_b, 8, &[0x56; 7]);
    assert_eq!(a.receive(), (8, vec![0x56; 7]));
}

#[test]
fn packets_have_the_length_that_was_asked_for() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&(a.sdp("0") + "a=ptime:20\r\n"), r#""ptime":30,"ptime-reverse":40"#);
    let to_a = server.answer(&(b.sdp("0") + "a=ptime:30\r\n"), "");
    assert_eq!((to_b.media[0].body.ptime(), to_a.media[0].body.ptime()), (Some(30), Some(40)));
    burst(&mut a, &to_a, 0, &loud(), 9);
    assert_eq!((b.receive().1.len(), b.receive().1.len()), (240, 240));
    burst(&mut b, &to_b, 0, &loud(), 9);
    assert_eq!((a.receive().1.len(), a.receive().1.len()), (320, 320));
}

#[test]
fn repacketize_says_nothing_to_the_party() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&(a.sdp("0") + "a=ptime:20\r\n"), r#""flags":["repacketize=40"]"#);
    let to_a = server.answer(&b.sdp("0"), "");
    assert_eq!(to_b.media[0].body.ptime(), Some(20));
    burst(&mut a, &to_a, 0, &loud(), 9);
    assert_eq!(b.receive().1.len(), 320);
}

#[test]
fn encoded_packets_have_the_length_that_the_party_likes() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&(a.sdp("0") + "a=ptime:30\r\n"), &transcode("L16"));
    let answer = b.sdp("96\r\na=rtpmap:96 L16/8000") + "a=ptime:60\r\na=maxptime:40\r\n";
    let to_a = server.answer(&answer, "");
    burst(&mut a, &to_a, 0, &loud(), 8);
    assert_eq!(b.receive().1.len(), 40 * 8 * 2);
    burst(&mut b, &to_b, 96, &[0x40; 320], 8);
    assert_eq!(a.receive().1.len(), 30 * 8);
}

#[test]
fn a_packet_time_can_be_given_with_the_codec() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    server.offer(&a.sdp("0"), &transcode("L16/8000/1//10"));
    let to_a = server.answer(&(b.sdp("96\r\na=rtpmap:96 L16/8000") + "a=ptime:60\r\n"), "");
    burst(&mut a, &to_a, 0, &loud(), 8);
    assert_eq!(b.receive().1.len(), 160);
}

#[test]
fn an_answerer_may_use_the_numbers_of_the_offer_or_its_own() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("97\r\na=rtpmap:97 X-CODEC/8000"), "");
    let to_a = server.answer(&b.sdp("115\r\na=rtpmap:115 X-CODEC/8000"), "");
    assert_eq!(formats(&to_a, 0), "97");
    a.send(&to_a, 97, &[1; 9]);
    assert_eq!(b.receive(), (115, vec![1; 9]));
    for number in [97, 115] {
        b.send(&to_b, number, &[number; 9]);
        assert_eq!(a.receive(), (97, vec![number; 9]));
    }
}

#[test]
fn what_was_refused_is_taken_with_asymmetric_codecs_only() {
    for (flags, is_taken) in [("", false), (r#""flags":["asymmetric-codecs"]"#, true)] {
        let server = Server::new();
        let (a, mut b) = (Phone::new(), Phone::new());
        let mut a = Phone { step: 160, ..a };
        let to_b = server.offer(&a.sdp("0"), &transcode("PCMA"));
        server.answer(&b.sdp("0"), flags);
        b.send(&to_b, 8, &[0xaa; 160]);
        b.send(&to_b, 0, &[0x11; 160]);
        let first = a.receive();
        // The loudest sample is 0xaa in A-law and 0x80 in mu-law.
        assert_eq!(first, (0, vec![if is_taken { 0x80 } else { 0x11 }; 160]), "{flags}");
    }
}

#[test]
fn events_are_told_in_the_clock_of_each_side() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone { step: 960, ..Phone::new() });
    let to_b = server.offer(&a.sdp(&format!("0 101{EVENTS}")), &transcode("opus"));
    assert_eq!(attributes(&to_b.media[0], "fmtp"), ["101 0-15", "97 0-15"]);
    let answer = "96 97\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/48000";
    let to_a = server.answer(&b.sdp(answer), "");
    assert_eq!(formats(&to_a, 0), "0 101");
    // Digit 1, volume 10, so far 160 ticks of 8 kHz or 960 of 48 kHz.
    a.send(&to_a, 101, &[1, 10, 0, 160]);
    assert_eq!(b.receive(), (97, vec![1, 10, 3, 0xc0]));
    b.send(&to_b, 97, &[2, 10, 3, 0xc0]);
    assert_eq!(a.receive(), (101, vec![2, 10, 0, 160]));
}

#[test]
fn a_reinvite_changes_the_codec_and_keeps_the_numbers() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let first = server.offer(&a.sdp("0"), &transcode("L16"));
    assert_eq!(formats(&first, 0), "0 96");
    let to_a = server.answer(&b.sdp("96\r\na=rtpmap:96 L16/8000"), "");
    burst(&mut a, &to_a, 0, &loud(), 6);
    assert_eq!(b.receive().0, 96);

    // The caller has a codec of its own under that number now.
    let again = server.offer(&a.sdp("0 96\r\na=rtpmap:96 L16/16000"), &transcode("L16"));
    assert_eq!(formats(&again, 0), "0 97 96");
    assert_eq!(attributes(&again.media[0], "rtpmap"), ["97 L16/16000", "96 L16/8000"]);
    let to_a = server.answer(&b.sdp("97\r\na=rtpmap:97 L16/16000"), "");
    assert_eq!(
        (formats(&to_a, 0), attributes(&to_a.media[0], "rtpmap")),
        ("96".into(), vec!["96 L16/16000"])
    );
    // What is left of the old codec is played out in the new one first.
    let mark = vec![0x5a; 640];
    a.send(&to_a, 96, &mark);
    assert!(std::iter::repeat_with(|| b.receive()).take(20).any(|packet| packet == (97, mark.clone())));
}

#[test]
fn what_cannot_be_added_is_warned_of() {
    let server = Server::new();
    let ask = |options: &str| {
        let keys = keys(r#""call-id":"c","from-tag":"a""#, options);
        let reply = server.ask("offer", &keys, Some(&phone("192.0.2.1", 4000, "0")));
        (formats(&advertised(&reply), 0), reply.text("warning"))
    };
    let warned = |what: &str| ("0".to_owned(), what.to_owned());
    assert_eq!(ask(&transcode("AMR")), warned("cannot transcode to AMR"));
    assert_eq!(ask(&transcode("PCMU/16000")), warned("cannot transcode to PCMU/16000"));
    let many: Vec<String> = (0..40).map(|n| format!("\"{n}{}\"", "x".repeat(100))).collect();
    let (_, warning) = ask(&format!(r#""codec":{{"transcode":[{}]}}"#, many.join(",")));
    assert!(warning.starts_with("cannot transcode to 0xx") && warning.len() < 300, "{warning}");
    let known = r#""flags":["allow-transcoding","force-transcoding","asymmetric-codecs","reuse-codecs"]"#;
    assert_eq!(ask(known), warned(""));
}
