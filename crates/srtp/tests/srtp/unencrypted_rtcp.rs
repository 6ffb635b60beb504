//! SRTCP with E bit 0: signed, not encrypted. Never accepted without its tag, and by default not at all.

use crate::support::*;
use mediapoint_srtp::{Inbound, InboundOptions, Suite, UnprotectError};
use webrtc_srtp::context::Context;

/// A signed-only packet for the counter-mode suites, made by hand: HMAC over packet and index word, by the
/// key that a twin session derives. For GCM see the vectors of RFC 7714 17.3 in the unit tests.
fn signed_only(suite: Suite, plain: &[u8], index: u32) -> Vec<u8> {
    use hmac::{KeyInit as _, Mac as _};
    let auth_key = derive(suite, 4);
    let mut packet = [plain, &index.to_be_bytes()].concat();
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(&auth_key).unwrap();
    mac.update(&packet);
    packet.extend_from_slice(&mac.finalize().into_bytes()[..10]);
    packet
}

/// [RFC3711 4.3.1] 20 bytes of session key by AES in counter mode, from the primitives alone.
fn derive(suite: Suite, label: u8) -> [u8; 20] {
    use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
    let master = key(suite, 1);
    let mut iv = [0u8; 16];
    iv[..14].copy_from_slice(master.danger_salt_bytes());
    iv[7] ^= label;
    let mut out = [0; 32];
    for (count, chunk) in out.chunks_mut(16).enumerate() {
        let mut block = iv;
        block[15] = count as u8;
        let mut block = block.into();
        match master.danger_key_bytes().len() {
            16 => aes::Aes128::new_from_slice(master.danger_key_bytes()).unwrap().encrypt_block(&mut block),
            24 => aes::Aes192::new_from_slice(master.danger_key_bytes()).unwrap().encrypt_block(&mut block),
            _ => aes::Aes256::new_from_slice(master.danger_key_bytes()).unwrap().encrypt_block(&mut block),
        }
        chunk.copy_from_slice(&block);
    }
    *out.first_chunk().unwrap()
}

const COUNTER_SUITES: [Suite; 6] = [
    Suite::AesCm128HmacSha1_80,
    Suite::Aes192CmHmacSha1_80,
    Suite::Aes256CmHmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::Aes192CmHmacSha1_32,
    Suite::Aes256CmHmacSha1_32,
];

/// test-of: [RFC3711 3.4] the tag is mandatory on SRTCP, encrypted or not.
#[test]
fn without_a_valid_tag_it_is_never_accepted() {
    for suite in COUNTER_SUITES {
        for danger_accept_unencrypted_rtcp in [false, true] {
            let options = InboundOptions { danger_accept_unencrypted_rtcp, ..InboundOptions::default() };
            let mut receiver = Inbound::new(&key(suite, 1), options);
            let before = receiver.export_state();
            let mut packet = signed_only(suite, &rtcp(SSRC, 3), 5);
            *packet.last_mut().unwrap() ^= 1;
            assert_eq!(unprotect_rtcp(&mut receiver, &packet), Err(UnprotectError::NotAuthentic));
            assert_eq!(receiver.export_state(), before);
        }
    }
}

#[test]
fn with_a_valid_tag_it_needs_the_dangerous_option() {
    for suite in COUNTER_SUITES {
        let plain = rtcp(SSRC, 3);
        let packet = signed_only(suite, &plain, 5);
        let mut strict = Inbound::new(&key(suite, 1), InboundOptions::default());
        let before = strict.export_state();
        assert_eq!(unprotect_rtcp(&mut strict, &packet), Err(UnprotectError::Unencrypted));
        assert_eq!(strict.export_state(), before, "a refused packet leaves no trace");

        let options = InboundOptions { danger_accept_unencrypted_rtcp: true, ..InboundOptions::default() };
        let mut lax = Inbound::new(&key(suite, 1), options);
        assert_eq!(unprotect_rtcp(&mut lax, &packet), Ok(plain));
        assert_eq!(unprotect_rtcp(&mut lax, &packet), Err(UnprotectError::Replayed { index: 5 }));
    }
}

/// Clearing the E bit of an encrypted packet breaks its tag, in every suite.
#[test]
fn the_e_bit_cannot_be_cleared_on_the_way() {
    for suite in Suite::ALL {
        let options = InboundOptions { danger_accept_unencrypted_rtcp: true, ..InboundOptions::default() };
        let mut receiver = Inbound::new(&key(suite, 1), options);
        let (mut sender, _) = pair(suite);
        let plain = rtcp(SSRC, 3);
        let mut packet = protect_rtcp(&mut sender, &plain);
        let at = if suite.master_salt_len() == 12 { packet.len() - 4 } else { plain.len() };
        packet[at] &= 0x7f;
        assert_eq!(unprotect_rtcp(&mut receiver, &packet), Err(UnprotectError::NotAuthentic), "{suite}");
    }
}

/// The hand-made packets are right: another implementation takes them too.
#[test]
fn the_hand_made_packet_is_what_it_claims() {
    let suite = Suite::AesCm128HmacSha1_80;
    let master = key(suite, 1);
    let profile = webrtc_srtp::protection_profile::ProtectionProfile::Aes128CmHmacSha1_80;
    let (secret, salt) = (master.danger_key_bytes(), master.danger_salt_bytes());
    let mut context = Context::new(secret, salt, profile, None, None).unwrap();
    let plain = rtcp(SSRC, 3);
    assert_eq!(context.decrypt_rtcp(&signed_only(suite, &plain, 5)).unwrap(), plain);
}
