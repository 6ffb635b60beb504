//! A party without telephone events calls one that has them: its tones go on as events, and events come to it as tones.

#![expect(clippy::unwrap_used, reason = "test support outside of test functions")]

use crate::common;

use std::time::Duration;

use common::phone::Phone;
use common::*;
use mediapoint_g711::{Law, decode, encode};
use mediapoint_packet::sdp::Sdp;

/// Dials a five: 100 ms of its tones, and 60 ms of silence.
fn dial_five(from: &mut Phone, to: &Sdp) {
    #[expect(clippy::cast_possible_truncation, reason = "tones within 16 bits")]
    let sample = |n: u32| {
        let wave = |hertz: f64| (f64::from(n) * hertz / 8000.0 * std::f64::consts::TAU).sin();
        if n < 800 { ((wave(770.0) + wave(1336.0)) * 4000.0) as i16 } else { 0 }
    };
    for packet in 0..8 {
        let payload: Vec<u8> =
            (packet * 160..packet * 160 + 160).map(|n| encode(Law::Mu, sample(n))).collect();
        from.send(to, 0, &payload);
    }
}

/// The codes of the events that a phone is sent, and how much loud audio.
fn received(phone: &Phone, event: u8) -> (Vec<u8>, usize) {
    phone.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let (mut codes, mut loud) = (Vec::new(), 0);
    let mut buffer = [0; 2048];
    while let Ok(len) = phone.socket.recv(&mut buffer) {
        let (header, payload) = buffer.get(..len).unwrap().split_at(12);
        match header.get(1).unwrap() & 0x7f {
            0 => loud += payload.iter().filter(|octet| decode(Law::Mu, **octet).abs() > 500).count(),
            number if number == event => codes.extend(payload.first()),
            _ => {}
        }
    }
    codes.dedup();
    (codes, loud)
}

#[test]
fn events_that_are_added_to_an_offer_are_converted_from_and_to_tones() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let to_b = server.offer(&a.sdp("0"), r#""codec":{"transcode":["telephone-event"]}"#);
    let rtpmaps: Vec<_> =
        to_b.media[0].body.rtpmaps().map(|map| (map.payload_type, map.encoding.to_owned())).collect();
    assert!(rtpmaps.contains(&(96, "telephone-event".to_owned())), "{rtpmaps:?}");
    let to_a = server.answer(&b.sdp("0 96\r\na=rtpmap:96 telephone-event/8000"), "");
    assert_eq!(to_a.media[0].payload_types().collect::<Vec<_>>(), [0]);
    dial_five(&mut a, &to_a);
    let (codes, loud) = received(&b, 96);
    assert_eq!((codes, loud), (vec![5], 0));
    for (end, duration) in [(0, 160_u16), (0, 480), (0x80, 800), (0x80, 800), (0x80, 800)] {
        let [high, low] = duration.to_be_bytes();
        b.send(&to_b, 96, &[7, end | 10, high, low]);
    }
    let (_, loud) = received(&a, 96);
    assert!(loud > 300, "samples of a tone: {loud}");
}
