//! The input of a property, read as a script; when it ends every choice is 0.

use super::oracle::ORACLE_SUITES;
use crate::{MasterKey, Suite};

/// Steps a script may have.
const MAX_STEPS: usize = 400;

pub(super) struct Script<'a> {
    rest: &'a [u8],
    steps: usize,
}

/// What happens to a packet between the sender and the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    Lost,
    /// Delivered behind the next one that is delivered.
    Late,
    /// Delivered twice.
    Doubled,
    /// A changed copy comes before it.
    Forged,
    /// A copy cut short comes before it.
    Cut,
    /// Bytes of the script come before it.
    Strange,
}

impl<'a> Script<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { rest: data, steps: 0 }
    }

    pub(super) fn has_more(&mut self) -> bool {
        self.steps += 1;
        self.steps <= MAX_STEPS && !self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                *first
            }
            None => 0,
        }
    }

    pub(super) fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub(super) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    pub(super) fn suite(&mut self) -> Suite {
        let number = usize::from(self.byte()) % ORACLE_SUITES.len();
        ORACLE_SUITES.into_iter().nth(number).unwrap_or(Suite::AesCm128HmacSha1_80)
    }

    pub(super) fn fate(&mut self) -> Fate {
        match self.byte() % 16 {
            0 => Fate::Lost,
            1 | 2 => Fate::Late,
            3 => Fate::Doubled,
            4..8 => Fate::Forged,
            8 => Fate::Cut,
            9 => Fate::Strange,
            _ => Fate::Delivered,
        }
    }

    /// A packet that is not `genuine`, made from it.
    pub(super) fn spoil(&mut self, fate: Fate, genuine: &[u8]) -> Option<Vec<u8>> {
        let mut packet = genuine.to_vec();
        match fate {
            Fate::Forged => {
                let at = usize::from(self.word()) % packet.len().max(1);
                let change = self.byte().max(1);
                *packet.get_mut(at)? ^= change;
            }
            Fate::Cut => packet.truncate(usize::from(self.word()) % packet.len().max(1)),
            Fate::Strange => {
                let len = usize::from(self.byte());
                packet = self.bytes(len).to_vec();
            }
            _ => return None,
        }
        (packet != genuine).then_some(packet)
    }

    /// An RTP packet with whatever header the script wants: sources, extension, marker, padding bit.
    pub(super) fn rtp(&mut self, ssrc: u32, seq: u16) -> Vec<u8> {
        let flags = self.byte();
        let mut packet = vec![0x80 | flags & 0x3f, self.byte()];
        packet.extend_from_slice(&seq.to_be_bytes());
        packet.extend_from_slice(&u32::from(seq).wrapping_mul(160).to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.resize(packet.len() + 4 * usize::from(flags & 0x0f), 0x5c);
        if flags & 0x10 != 0 {
            let words = self.byte() % 8;
            let profile = match flags & 0x2f {
                0x20 => [0xbe, 0xde],
                0x21 => [0x10, 0x00],
                other => [0xab, other],
            };
            packet.extend_from_slice(&profile);
            packet.extend_from_slice(&[0, words]);
            let body = self.bytes(4 * usize::from(words));
            let len = packet.len() + 4 * usize::from(words);
            packet.extend_from_slice(body);
            packet.resize(len, 0);
        }
        self.append_payload(&mut packet);
        packet
    }

    /// A compound RTCP packet as far as SRTCP looks at it: a first header with an SSRC.
    pub(super) fn rtcp(&mut self, ssrc: u32) -> Vec<u8> {
        let mut packet = vec![0x80 | self.byte() & 0x1f, 200 + self.byte() % 7, 0, 1];
        packet.extend_from_slice(&ssrc.to_be_bytes());
        self.append_payload(&mut packet);
        packet
    }

    fn append_payload(&mut self, packet: &mut Vec<u8>) {
        let len = usize::from(self.byte()) + if packet.len().is_multiple_of(3) { 200 } else { 0 };
        packet.extend((0..len).map(|at| at.to_le_bytes()[0]));
    }
}

/// A key that follows from `seed`.
pub(super) fn key(suite: Suite, seed: u8) -> Option<MasterKey> {
    let bytes: Vec<u8> = (0..46u8).map(|at| at.wrapping_mul(7) ^ seed).collect();
    let (key, salt) = bytes.split_at(32);
    MasterKey::new(suite, key.get(..suite.master_key_len())?, salt.get(..suite.master_salt_len())?).ok()
}
