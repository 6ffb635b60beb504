//! Why `webrtc-srtp` 0.17.2 is our oracle and not our transform: each reason as a test that would fail if a
//! later version no longer gave it. See docs/decisions/001-own-srtp-transform.md.

use crate::support::*;
use mediapoint_srtp::properties::oracle_profile;
use mediapoint_srtp::{Inbound, InboundOptions, Suite};
use webrtc_srtp::context::Context;
use webrtc_srtp::option::{ContextOption, srtcp_replay_protection, srtp_replay_protection};

fn context(suite: Suite, rtp: Option<ContextOption>, rtcp: Option<ContextOption>) -> Context {
    let key = key(suite, 1);
    Context::new(key.danger_key_bytes(), key.danger_salt_bytes(), oracle_profile(suite).unwrap(), rtp, rtcp)
        .unwrap()
}

fn context_with_replay(suite: Suite) -> Context {
    context(suite, Some(srtp_replay_protection(128)), Some(srtcp_replay_protection(128)))
}

/// A packet nobody signed: E bit 0, `index`, and ten bytes of nothing for a tag.
fn unsigned_rtcp(ssrc: u32, index: u32) -> Vec<u8> {
    [rtcp(ssrc, 2), index.to_be_bytes().to_vec(), vec![0; 10]].concat()
}

#[test]
fn claim_1_srtcp_with_e_bit_0_is_accepted_without_a_tag() {
    let suite = Suite::AesCm128HmacSha1_80;
    let forged = unsigned_rtcp(SSRC, 9);
    let mut theirs = context_with_replay(suite);
    assert_eq!(theirs.decrypt_rtcp(&forged).unwrap(), rtcp(SSRC, 2), "a forged packet passes as genuine");

    let options = InboundOptions { danger_accept_unencrypted_rtcp: true, ..InboundOptions::default() };
    let mut ours = Inbound::new(&key(suite, 1), options);
    assert!(unprotect_rtcp(&mut ours, &forged).is_err());
}

/// With GCM the tag is checked, but always as if the E bit were 1: the bit itself is not signed.
#[test]
fn claim_1_with_gcm_the_e_bit_can_be_turned_on_the_way() {
    let suite = Suite::AeadAes128Gcm;
    let (mut sender, mut ours) = pair(suite);
    let mut packet = protect_rtcp(&mut sender, &rtcp(SSRC, 2));
    let at = packet.len() - 4;
    packet[at] &= 0x7f;
    assert!(context_with_replay(suite).decrypt_rtcp(&packet).is_ok());
    assert!(unprotect_rtcp(&mut ours, &packet).is_err());
}

/// One forged packet ahead of the stream sets the window to where it says; the genuine packets behind it are
/// then refused although nothing authentic was ever received.
#[test]
fn claim_2_a_forged_first_packet_moves_the_replay_window() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, mut ours) = pair(suite);
    let mut theirs = context_with_replay(suite);
    let forged = rtp(SSRC, 1200, 170);
    assert!(theirs.decrypt_rtp(&forged).is_err());
    assert!(unprotect_rtp(&mut ours, &forged).is_err());
    for seq in 1000..1050 {
        let genuine = protect_rtp(&mut sender, &rtp(SSRC, seq, 160));
        let refusal = theirs.decrypt_rtp(&genuine).unwrap_err().to_string();
        assert!(refusal.contains("duplicated"), "{refusal}");
        assert!(unprotect_rtp(&mut ours, &genuine).is_ok());
    }
}

/// On SRTCP a forged packet moves it at any time, since E bit 0 passes as authentic.
#[test]
fn claim_2_a_forged_control_packet_moves_the_replay_window_of_a_running_stream() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, _) = pair(suite);
    let mut theirs = context_with_replay(suite);
    let genuine = protect_rtcp(&mut sender, &rtcp(SSRC, 2));
    assert!(theirs.decrypt_rtcp(&genuine).is_ok());
    assert!(theirs.decrypt_rtcp(&unsigned_rtcp(SSRC, 1_000_000)).is_ok());
    let genuine = protect_rtcp(&mut sender, &rtcp(SSRC, 2));
    assert!(theirs.decrypt_rtcp(&genuine).is_err());
}

/// The claim's limit: once a stream runs, a forged RTP packet does not move its window.
#[test]
fn claim_2_does_not_hold_for_rtp_of_a_running_stream() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, _) = pair(suite);
    let mut theirs = context_with_replay(suite);
    let genuine = protect_rtp(&mut sender, &rtp(SSRC, 1000, 160));
    assert!(theirs.decrypt_rtp(&genuine).is_ok());
    assert!(theirs.decrypt_rtp(&rtp(SSRC, 2000, 170)).is_err());
    let genuine = protect_rtp(&mut sender, &rtp(SSRC, 1001, 160));
    assert!(theirs.decrypt_rtp(&genuine).is_ok());
}

/// The bytes that stay allocated grow with every forged SSRC, without a limit.
#[test]
fn claim_3_forged_ssrcs_leave_state_behind() {
    const FORGED: u32 = 10_000;
    let suite = Suite::AesCm128HmacSha1_80;
    let mut theirs = context_with_replay(suite);
    let kept = mediapoint_allocations::measure(|| {
        for ssrc in 0..FORGED {
            assert!(theirs.decrypt_rtp(&rtp(ssrc, 1, 170)).is_err());
        }
    })
    .kept;
    assert!(kept > i64::from(FORGED) * 32, "{kept} bytes");

    let (_, mut ours) = pair(suite);
    let kept = mediapoint_allocations::measure(|| {
        for ssrc in 0..FORGED {
            assert!(unprotect_rtp(&mut ours, &rtp(ssrc, 1, 170)).is_err());
        }
    })
    .kept;
    assert_eq!(kept, 0);
}

#[test]
fn claim_4_replay_protection_is_off_by_default() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, mut ours) = pair(suite);
    let mut theirs = context(suite, None, None);
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 160));
    let control = protect_rtcp(&mut sender, &rtcp(SSRC, 2));
    for _ in 0..3 {
        assert!(theirs.decrypt_rtp(&packet).is_ok());
        assert!(theirs.decrypt_rtcp(&control).is_ok());
    }
    assert!(unprotect_rtp(&mut ours, &packet).is_ok());
    assert!(unprotect_rtp(&mut ours, &packet).is_err());
}

#[test]
fn claim_5_every_packet_allocates() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm] {
        let (mut theirs, mut back) = (context(suite, None, None), context(suite, None, None));
        let plain: Vec<_> = (0..101).map(|seq| rtp(SSRC, seq, 160)).collect();
        let warm = theirs.encrypt_rtp(&plain[0]).unwrap();
        back.decrypt_rtp(&warm).unwrap();
        let mut packets = Vec::with_capacity(100);
        let sent = mediapoint_allocations::measure(|| {
            for plain in &plain[1..] {
                packets.push(theirs.encrypt_rtp(plain).unwrap());
            }
        });
        let received = mediapoint_allocations::measure(|| {
            for packet in &packets {
                drop(back.decrypt_rtp(packet).unwrap());
            }
        });
        assert!(sent.allocations >= 100, "{suite}: {} for 100 packets sent", sent.allocations);
        assert!(received.allocations >= 100, "{suite}: {} for 100 received", received.allocations);
    }
}

/// Found by the differential property: the header is parsed before the tag is checked, and the parser of the
/// `rtp` crate it uses runs off the end of an extension element. A stranger's packet ends the thread.
#[test]
fn finding_6_a_strangers_header_extension_panics() {
    let mut packet = vec![0x90, 0, 0, 1, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78];
    // A one-byte extension of one word, whose element claims 16 bytes.
    packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x1f, 0, 0, 0]);
    packet.extend_from_slice(&[0; 10]);
    let mut theirs = context_with_replay(Suite::AesCm128HmacSha1_80);
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| theirs.decrypt_rtp(&packet).is_err()));
    assert!(panicked.is_err());
    let (_, mut ours) = pair(Suite::AesCm128HmacSha1_80);
    assert!(unprotect_rtp(&mut ours, &packet).is_err());
}

/// As finding 6, for an SRTCP packet of four bytes.
#[test]
fn finding_7_a_strangers_short_control_packet_panics() {
    let packet = [0x80, 200, 0, 0];
    let mut theirs = context_with_replay(Suite::AesCm128HmacSha1_80);
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| theirs.decrypt_rtcp(&packet).is_err()));
    assert!(panicked.is_err());
    let (_, mut ours) = pair(Suite::AesCm128HmacSha1_80);
    assert!(unprotect_rtcp(&mut ours, &packet).is_err());
}
