//! Calls of two phones, and what they send each other.

use mediapoint_packet::sdp::Sdp;

use super::phone::Phone;
use super::{Server, advertised};

/// A phone, and where it sends to.
pub(crate) struct Party {
    pub(crate) phone: Phone,
    pub(crate) to: Sdp,
}

impl Party {
    pub(crate) fn send(&mut self, payload_type: u8, byte: u8) {
        self.phone.send(&self.to, payload_type, &[byte; 160]);
    }
}

/// A call of two phones in the call `id`, by offer and answer.
pub(crate) fn call(server: &Server, id: &str, tags: [&str; 2], codecs: [&str; 2]) -> [Party; 2] {
    let (a, b) = (Phone::new(), Phone::new());
    let [from, to] = tags;
    let options = if codecs[0] == codecs[1] { "" } else { r#","codec":{"transcode":["PCMA","PCMU"]}"# };
    let offer = format!(r#""call-id":"{id}","from-tag":"{from}","via-branch":"{from}"{options}"#);
    let to_b = advertised(&server.ask("offer", &offer, Some(&a.sdp(codecs[0]))));
    let answer = format!(r#""call-id":"{id}","from-tag":"{from}","to-tag":"{to}""#);
    let to_a = advertised(&server.ask("answer", &answer, Some(&b.sdp(codecs[1]))));
    [Party { phone: a, to: to_a }, Party { phone: b, to: to_b }]
}

pub(crate) fn talk(a: &mut Party, b: &mut Party, types: (u8, u8), bytes: (u8, u8)) {
    a.send(types.0, bytes.0);
    assert_eq!(b.phone.receive(), (types.1, vec![bytes.1; 160]));
    b.send(types.1, bytes.1);
    assert_eq!(a.phone.receive(), (types.0, vec![bytes.0; 160]));
}

/// Publishes media of a phone both ways in the call `id`.
pub(crate) fn publish(server: &Server, id: &str, tag: &str) -> Party {
    let phone = Phone::new();
    let keys = format!(r#""call-id":"{id}","from-tag":"{tag}","flags":["bidirectional"]"#);
    let to = advertised(&server.ask("publish", &keys, Some(&phone.sdp("0"))));
    Party { phone, to }
}

/// Mu-law of a constant, its negative, and nothing: what is added up of them does not depend on when it is.
pub(crate) const UP: u8 = 0xa0;
pub(crate) const DOWN: u8 = 0x20;
pub(crate) const SILENT: u8 = 0xff;

/// Sends bursts of a constant from each, as long as a jitter buffer can hold, until each receives what it is to. What is left of
/// a round is not read in the next one: it would stay behind.
pub(crate) fn mix(parties: &mut [(&mut Party, u8, u8)]) {
    let sign = |octet: u8| match octet {
        0x7f | 0xff => 0,
        octet if octet & 0x80 == 0 => -1,
        _ => 1,
    };
    let done = (0..50).any(|_| {
        parties.iter().for_each(|(party, ..)| party.phone.pass_over_waiting());
        for (party, sent, _) in &mut *parties {
            for _ in 0..4 {
                party.send(0, *sent);
            }
        }
        parties.iter_mut().all(|(party, _, expected)| {
            (0..4).any(|_| {
                let (_, payload) = party.phone.receive();
                payload.iter().all(|octet| sign(*octet) == sign(*expected))
            })
        })
    });
    assert!(done, "what each receives is not what the others send");
}
