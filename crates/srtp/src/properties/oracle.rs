//! Our receiver beside that of `webrtc-srtp` on the same packets.
//!
//! The oracle's replay protection is off, since it is wrong (see docs/decisions/001-own-srtp-transform.md);
//! replay is held against a set instead.

use std::collections::HashSet;

use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;
use webrtc_util::marshal::{MarshalSize as _, Unmarshal as _};

use super::script::{Fate, Script, key};
use crate::{Inbound, InboundOptions, Outbound, Suite, UnprotectError, header};

const SSRC: u32 = 0x0102_0304;

/// The suites that `webrtc-srtp` knows.
pub const ORACLE_SUITES: [Suite; 6] = [
    Suite::AeadAes128Gcm,
    Suite::AeadAes256Gcm,
    Suite::AesCm128HmacSha1_80,
    Suite::Aes256CmHmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::Aes256CmHmacSha1_32,
];

/// What `webrtc-srtp` calls a suite; `None` for one that it does not know.
#[must_use]
pub const fn oracle_profile(suite: Suite) -> Option<ProtectionProfile> {
    let profile = match suite {
        Suite::Aes192CmHmacSha1_80 | Suite::Aes192CmHmacSha1_32 => return None,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::Aes256CmHmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Suite::Aes256CmHmacSha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
    };
    Some(profile)
}

fn oracle(suite: Suite) -> Option<Context> {
    let key = key(suite, 1)?;
    Context::new(key.danger_key_bytes(), key.danger_salt_bytes(), oracle_profile(suite)?, None, None).ok()
}

/// Both ends of one direction, ours and the oracle's.
struct Beside {
    sender: Outbound,
    receiver: Inbound,
    oracle: Context,
    /// Every packet accepted so far.
    accepted: HashSet<Vec<u8>>,
}

impl Beside {
    fn new(suite: Suite) -> Option<Self> {
        let master = key(suite, 1)?;
        Some(Self {
            sender: Outbound::new(&master),
            receiver: Inbound::new(&master, InboundOptions::default()),
            oracle: oracle(suite)?,
            accepted: HashSet::new(),
        })
    }

    fn deliver_rtp(&mut self, packet: &[u8], genuine: bool) {
        let expected = oracle_rtp(&mut self.oracle, packet);
        let before = self.receiver.export_state();
        let mut ours = packet.to_vec();
        let result = self.receiver.unprotect_rtp(&mut ours).map(|plain| plain.bytes().to_vec());
        self.judge(packet, genuine, &before, expected, result);
    }

    fn deliver_rtcp(&mut self, packet: &[u8], genuine: bool) {
        let suite = self.receiver.suite();
        let expected = oracle_rtcp(&mut self.oracle, suite, packet);
        let before = self.receiver.export_state();
        let mut ours = packet.to_vec();
        let result = self.receiver.unprotect_rtcp(&mut ours).map(|plain| plain.bytes().to_vec());
        self.judge(packet, genuine, &before, expected, result);
    }

    /// `expected` is `None` where the oracle cannot be asked.
    fn judge(
        &mut self,
        packet: &[u8],
        genuine: bool,
        before: &crate::InboundState,
        expected: Option<Option<Vec<u8>>>,
        result: Result<Vec<u8>, UnprotectError>,
    ) {
        match &result {
            Ok(plain) => {
                assert!(genuine, "a packet that nobody protected was accepted");
                assert!(self.accepted.insert(packet.to_vec()), "a packet was accepted twice");
                if let Some(expected) = expected {
                    assert_eq!(expected.as_ref(), Some(plain));
                }
            }
            Err(UnprotectError::Replayed { .. } | UnprotectError::TooOld { .. }) => {}
            Err(refusal) => {
                assert!(!genuine, "a genuine packet was refused: {refusal}");
                assert_ne!(
                    expected.map(|plain| plain.is_some()),
                    Some(true),
                    "the oracle accepts it: {refusal}"
                );
            }
        }
        if result.is_err() {
            assert_eq!(&self.receiver.export_state(), before, "a refused packet changed the state");
        }
    }
}

/// What the oracle makes of an RTP packet. It is not asked about header extensions that it looks into (one-byte
/// and two-byte elements), on which it may panic, nor where it sees a header of another length, which makes it
/// decrypt from the wrong place.
fn oracle_rtp(oracle: &mut Context, packet: &[u8]) -> Option<Option<Vec<u8>>> {
    let ours = header::rtp(packet)?;
    let [first, ..] = *packet else { return None };
    let profile =
        packet.get(12 + 4 * usize::from(first & 0x0f)..).and_then(|extension| extension.first_chunk());
    if first & 0x10 != 0 && matches!(profile, Some([0xbe, 0xde] | [0x10, 0x00])) {
        return None;
    }
    let theirs = rtp::header::Header::unmarshal(&mut &*packet).ok()?;
    (theirs.marshal_size() == ours.len).then(|| oracle.decrypt_rtp(packet).ok().map(|plain| plain.to_vec()))
}

/// What the oracle makes of an RTCP packet. It is not asked for packets too short, on which it panics, nor with
/// E bit 0, where it does not check the tag or not the bit.
fn oracle_rtcp(oracle: &mut Context, suite: Suite, packet: &[u8]) -> Option<Option<Vec<u8>>> {
    let behind = if suite.master_salt_len() == 12 { 0 } else { 10 };
    let at = packet.len().checked_sub(behind + 4)?;
    let encrypted = packet.get(at)? & 0x80 != 0;
    let whole = packet.len() >= 8 + suite.rtcp_overhead();
    (encrypted && whole).then(|| oracle.decrypt_rtcp(packet).ok().map(|plain| plain.to_vec()))
}

/// RTP: whatever is delivered, both accept the same packets and read the same bytes, but for replays, which
/// ours refuses; nothing is accepted that was not protected, and a refusal leaves no trace.
///
/// Input: suite, first sequence number, then per packet its fate, its step in sequence numbers, its header.
pub fn unprotect_matches_oracle(data: &[u8]) {
    let mut script = Script::new(data);
    let Some(mut beside) = Beside::new(script.suite()) else { return };
    let mut seq = script.word();
    let mut late: Option<Vec<u8>> = None;
    let mut first = true;
    while script.has_more() {
        // The oracle must see the first packet: it knows nothing of a wrap before it.
        let fate = if first { Fate::Delivered } else { script.fate() };
        first = false;
        let step = script.byte();
        // Less than half a cycle in all, so that the oracle stays in step where it is not asked.
        seq = seq.wrapping_add(if step < 200 { 1 } else { u16::from(step % 64) + 1 });
        let plain = script.rtp(SSRC, seq);
        let mut packet = [plain.as_slice(), &[0xee; 40]].concat();
        let Ok(len) = beside.sender.protect_rtp(&mut packet, plain.len()) else { continue };
        packet.truncate(len);
        if let Some(spoilt) = script.spoil(fate, &packet) {
            beside.deliver_rtp(&spoilt, false);
        }
        match fate {
            Fate::Lost => continue,
            Fate::Late => {
                late = Some(packet);
                continue;
            }
            Fate::Doubled => beside.deliver_rtp(&packet, true),
            _ => {}
        }
        beside.deliver_rtp(&packet, true);
        if let Some(packet) = late.take() {
            beside.deliver_rtp(&packet, true);
        }
    }
}

/// RTCP: as [`unprotect_matches_oracle`]. Packets with E bit 0 are refused whatever the oracle says.
pub fn srtcp_unprotect_matches_oracle(data: &[u8]) {
    let mut script = Script::new(data);
    let Some(mut beside) = Beside::new(script.suite()) else { return };
    let mut late: Option<Vec<u8>> = None;
    while script.has_more() {
        let fate = script.fate();
        let plain = script.rtcp(SSRC);
        let mut packet = [plain.as_slice(), &[0xee; 40]].concat();
        let Ok(len) = beside.sender.protect_rtcp(&mut packet, plain.len()) else { continue };
        packet.truncate(len);
        if let Some(spoilt) = script.spoil(fate, &packet) {
            beside.deliver_rtcp(&spoilt, false);
        }
        match fate {
            Fate::Lost => continue,
            Fate::Late => {
                late = Some(packet);
                continue;
            }
            Fate::Doubled => beside.deliver_rtcp(&packet, true),
            _ => {}
        }
        beside.deliver_rtcp(&packet, true);
        if let Some(packet) = late.take() {
            beside.deliver_rtcp(&packet, true);
        }
    }
}
