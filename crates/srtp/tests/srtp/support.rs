//! Packets and keys for the tests of this crate.

use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound, Suite, UnprotectError};

pub(crate) const SSRC: u32 = 0x1234_5678;

/// An RTP packet with a payload that follows from its numbers.
pub(crate) fn rtp(ssrc: u32, seq: u16, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend_from_slice(&seq.to_be_bytes());
    packet.extend_from_slice(&(u32::from(seq) * 160).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend((0..payload).map(|at| (at as u8) ^ seq.to_be_bytes()[1]));
    packet
}

/// A receiver report without blocks, followed by `words` words of an application packet.
pub(crate) fn rtcp(ssrc: u32, words: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[0x80, 204]);
    packet.extend_from_slice(&(words + 2).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(b"test");
    packet.extend((0..words * 4).map(|at| at as u8));
    packet
}

/// A key that follows from `seed`.
pub(crate) fn key(suite: Suite, seed: u8) -> MasterKey {
    let bytes: Vec<u8> = (0..46u8).map(|at| at.wrapping_mul(7) ^ seed).collect();
    let (key, salt) = bytes.split_at(32);
    MasterKey::new(suite, &key[..suite.master_key_len()], &salt[..suite.master_salt_len()]).unwrap()
}

pub(crate) fn protect_rtp(sender: &mut Outbound, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + 200, 0xee);
    let len = sender.protect_rtp(&mut buffer, packet.len()).unwrap();
    buffer.truncate(len);
    buffer
}

pub(crate) fn protect_rtcp(sender: &mut Outbound, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + 200, 0xee);
    let len = sender.protect_rtcp(&mut buffer, packet.len()).unwrap();
    buffer.truncate(len);
    buffer
}

pub(crate) fn unprotect_rtp(receiver: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, UnprotectError> {
    let mut packet = packet.to_vec();
    receiver.unprotect_rtp(&mut packet).map(|plain| plain.bytes().to_vec())
}

pub(crate) fn unprotect_rtcp(receiver: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, UnprotectError> {
    let mut packet = packet.to_vec();
    receiver.unprotect_rtcp(&mut packet).map(|plain| plain.bytes().to_vec())
}

pub(crate) fn pair(suite: Suite) -> (Outbound, Inbound) {
    let key = key(suite, 1);
    (Outbound::new(&key), Inbound::new(&key, InboundOptions::default()))
}
