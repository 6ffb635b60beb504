//! A room whose members came by ng with another codec, packet time and key each: every one is sent all others at their levels. One
//! that is not let in leaves nothing behind.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of the test: what is missing fails it"
)]

use crate::common;

use common::conference::{LOUD, MEASURED, conference, ids, join};
use common::phone::Phone;
use common::*;
use mediapoint_g711::Law;
use mediapoint_packet::sdp::Sdp;
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound, Suite};

/// How a member sends and is sent audio.
#[derive(Clone, Copy)]
struct Format {
    payload_type: u8,
    rate: u32,
    millis: u32,
    secure: bool,
}

/// Milliseconds that all send in turn: whole packets of 10, 20 and 30 ms.
const ROUND: u32 = 60;

struct Member {
    phone: Phone,
    to: Sdp,
    format: Format,
    hz: f64,
    sent: u32,
    /// At 8000 Hz.
    received: Vec<f64>,
    /// Octets of the packet that came last.
    octets: usize,
}

impl Member {
    /// Publishes a phone both ways in a call of its own.
    fn new(server: &Server, id: &str, format: Format, hz: f64) -> Self {
        let mut phone = Phone::new();
        phone.step = format.rate / 1000 * format.millis;
        let mut sdp = phone.sdp(&format.payload_type.to_string());
        if format.payload_type == 97 {
            sdp += "a=rtpmap:97 L16/16000\r\n";
        }
        sdp += &format!("a=ptime:{}\r\n", format.millis);
        let key = format.secure.then(|| MasterKey::generate(Suite::AesCm128HmacSha1_80).unwrap());
        if let Some(key) = &key {
            let line = CryptoAttribute::new(1, key.clone()).to_value().to_string();
            sdp = sdp.replace("RTP/AVP", "RTP/SAVP") + &format!("a=crypto:{line}\r\n");
        }
        let keys = format!(r#""call-id":"{id}","from-tag":"t","flags":["bidirectional"]"#);
        let to = advertised(&server.ask("publish", &keys, Some(&sdp)));
        if let Some(key) = &key {
            let line = CryptoAttribute::parse(to.media[0].body.attribute("crypto").unwrap()).unwrap();
            let inbound = Inbound::new(&line.keys[0].key, InboundOptions::default());
            phone.srtp = Some((Outbound::new(key), inbound));
        }
        Self { phone, to, format, hz, sent: 0, received: Vec::new(), octets: 0 }
    }

    fn send(&mut self) {
        let Format { payload_type, rate, millis, .. } = self.format;
        let mut payload = Vec::new();
        for _ in 0..rate / 1000 * millis {
            self.sent += 1;
            let angle = std::f64::consts::TAU * self.hz * f64::from(self.sent) / f64::from(rate);
            #[expect(clippy::cast_possible_truncation, reason = "within 16 bits")]
            let sample = (LOUD * angle.sin()).round() as i16;
            match payload_type {
                0 => payload.push(mediapoint_g711::encode(Law::Mu, sample)),
                8 => payload.push(mediapoint_g711::encode(Law::A, sample)),
                _ => payload.extend(sample.to_be_bytes()),
            }
        }
        self.phone.send(&self.to, payload_type, &payload);
    }

    fn receive(&mut self) {
        let (payload_type, payload) = self.phone.receive();
        assert_eq!(payload_type, self.format.payload_type);
        self.octets = payload.len();
        match payload_type {
            0 => self
                .received
                .extend(payload.iter().map(|it| f64::from(mediapoint_g711::decode(Law::Mu, *it)))),
            8 => {
                self.received.extend(payload.iter().map(|it| f64::from(mediapoint_g711::decode(Law::A, *it))))
            }
            // Every other sample: no tone here is above 4000 Hz.
            _ => self.received.extend(
                payload.chunks_exact(4).map(|pair| f64::from(i16::from_be_bytes([pair[0], pair[1]]))),
            ),
        }
    }

    /// How loud a tone was at last.
    fn level(&self, hz: f64) -> f64 {
        let last = &self.received[self.received.len().saturating_sub(MEASURED)..];
        let (mut re, mut im) = (0.0, 0.0);
        for (at, sample) in (0_u32..).zip(last) {
            let angle = std::f64::consts::TAU * hz * f64::from(at) / 8_000.0;
            re += sample * angle.cos();
            im += sample * angle.sin();
        }
        2.0 * f64::hypot(re, im) / last.len() as f64
    }
}

/// All send their tones, for 20 rounds of a second at most, until each is sent the others' and not its own.
fn all_receive_all(members: &mut [Member]) {
    let mut last = String::new();
    for _ in 0..20 {
        for member in &mut *members {
            member.received.clear();
            member.phone.pass_over_waiting();
        }
        while members.iter().any(|member| member.received.len() < 8_000) {
            for member in &mut *members {
                (0..ROUND / member.format.millis).for_each(|_| member.send());
            }
            for member in &mut *members {
                (0..ROUND / member.format.millis).for_each(|_| member.receive());
            }
        }
        let tones: Vec<f64> = members.iter().map(|member| member.hz).collect();
        last.clear();
        for (own, member) in members.iter().enumerate() {
            let levels: Vec<f64> = tones.iter().map(|hz| member.level(*hz)).collect();
            let right = levels.iter().enumerate().all(|(from, level)| match from == own {
                true => *level < LOUD / 50.0,
                false => (LOUD / 1.3..LOUD * 1.3).contains(level),
            });
            if !right {
                last += &format!("{own} receives {levels:.0?}; ");
            }
        }
        if last.is_empty() {
            return;
        }
    }
    panic!("{last}");
}

#[test]
fn members_of_different_codecs_packet_times_and_keys_are_in_one_room() {
    let server = Server::new();
    let pcmu = Format { payload_type: 0, rate: 8000, millis: 20, secure: false };
    let formats = [
        pcmu,
        Format { payload_type: 8, ..pcmu },
        Format { payload_type: 97, rate: 16_000, ..pcmu },
        Format { secure: true, ..pcmu },
        Format { millis: 30, ..pcmu },
        Format { payload_type: 8, millis: 10, secure: true, ..pcmu },
    ];
    let mut members = Vec::new();
    for (number, format) in (0_u8..).zip(formats) {
        let id = number.to_string();
        members.push(Member::new(&server, &id, format, 405.0 + 285.0 * f64::from(number)));
        join(&server, &id, "t", if number == 0 { r#""max":6"# } else { "" });
    }
    all_receive_all(&mut members);
    let octets: Vec<usize> = members.iter().map(|member| member.octets).collect();
    assert_eq!(octets, [160, 160, 640, 160, 240, 80], "packets are as long as each asks for");

    // One more is not let in, and goes on in a call of its own.
    let seventh = Member::new(&server, "7", pcmu, 2_500.0);
    let refused = conference(&server, "join", "7", "t", r#""room":"r""#);
    assert_eq!(reason(&refused), "the conference room is full: 6 members; link another server for more");
    assert_eq!((ids(&server, "r").len(), server.controller.calls()), (6, 2));
    drop(seventh);
    for id in ["7", "0", "1", "2", "3", "4", "5"] {
        assert_eq!(server.ask("delete", &format!(r#""call-id":"{id}""#), None).text("warning"), "");
    }
    assert_eq!(server.controller.calls(), 0);
}
