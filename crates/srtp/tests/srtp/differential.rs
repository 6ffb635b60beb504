//! Against `webrtc-srtp` 0.17.2, in both directions and every suite that it knows: what one protects the other unprotects,
//! to the same bytes, over loss, reordering, duplicates and wraps.

use crate::support::*;
use mediapoint_srtp::properties::{ORACLE_SUITES, oracle_profile};
use mediapoint_srtp::{Inbound, InboundOptions, Outbound, Suite};
use proptest::prelude::*;
use webrtc_srtp::context::Context;

fn theirs(suite: Suite) -> Context {
    let key = key(suite, 1);
    let profile = oracle_profile(suite).unwrap();
    Context::new(key.danger_key_bytes(), key.danger_salt_bytes(), profile, None, None).unwrap()
}

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(ORACLE_SUITES.to_vec())
}

/// Sequence numbers as a stream has them: mostly one on, some lost, starting anywhere. It moves by less than
/// a quarter cycle, within which both sides must agree on the index.
fn stream() -> impl Strategy<Value = Vec<u16>> {
    let steps = prop::collection::vec(prop_oneof![9 => Just(1u16), 2 => 2u16..40, 1 => 2u16..8_000], 1..150);
    (any::<u16>(), steps).prop_map(|(start, steps)| {
        let advance = |seq: &mut u16, step: u16| {
            *seq = seq.wrapping_add(step);
            Some(*seq)
        };
        std::iter::once(start)
            .chain(steps.into_iter().scan(start, move |seq, step| advance(seq, step)))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn both_protect_to_the_same_bytes(suite in suites(), seqs in stream(), payload in 0usize..400) {
        let mut ours = Outbound::new(&key(suite, 1));
        let mut theirs = theirs(suite);
        for seq in seqs {
            let plain = rtp(SSRC, seq, payload);
            prop_assert_eq!(protect_rtp(&mut ours, &plain), theirs.encrypt_rtp(&plain).unwrap().to_vec());
        }
    }

    #[test]
    fn we_read_what_they_send(
        suite in suites(),
        seqs in stream(),
        swaps in prop::collection::vec((0usize..150, 0usize..20), 0..20),
        payload in 0usize..300,
    ) {
        let mut theirs = theirs(suite);
        let mut index = i64::from(seqs[0]);
        let mut sent = Vec::new();
        for &seq in &seqs {
            index += i64::from(seq.wrapping_sub(index as u16));
            let plain = rtp(SSRC, seq, payload);
            let packet = theirs.encrypt_rtp(&plain).unwrap();
            sent.push((index, plain, packet));
        }
        for (at, far) in swaps {
            let (at, to) = (at % sent.len(), (at + far) % sent.len());
            sent.swap(at, to);
        }
        let mut ours = Inbound::new(&key(suite, 1), InboundOptions::default());
        let mut highest = sent[0].0;
        // A stream that is joined over half a cycle late needs its roll-over counter told.
        prop_assume!(highest - i64::from(seqs[0]) < 0x8000);
        for (index, plain, packet) in &sent {
            match unprotect_rtp(&mut ours, packet) {
                Ok(bytes) => {
                    prop_assert_eq!(&bytes, plain);
                    highest = highest.max(*index);
                }
                // Swapped by over a window, or by so much that its number means another index.
                Err(error) => {
                    let ahead = index - highest;
                    prop_assert!(ahead <= -128 || ahead >= 0x8000, "{} ahead: {}", ahead, error);
                }
            }
            prop_assert!(unprotect_rtp(&mut ours, packet).is_err(), "no packet twice");
        }
    }

    #[test]
    fn they_read_what_we_send(suite in suites(), seqs in stream(), payload in 0usize..300) {
        let mut ours = Outbound::new(&key(suite, 1));
        let mut theirs = theirs(suite);
        for seq in seqs {
            let plain = rtp(SSRC, seq, payload);
            let packet = protect_rtp(&mut ours, &plain);
            prop_assert_eq!(theirs.decrypt_rtp(&packet).unwrap().to_vec(), plain);
        }
    }

    #[test]
    fn control_packets_are_read_both_ways(suite in suites(), words in prop::collection::vec(0u16..300, 1..40)) {
        let (mut sender, mut receiver) = pair(suite);
        let (mut their_sender, mut their_receiver) = (theirs(suite), theirs(suite));
        for words in words {
            let plain = rtcp(SSRC, words);
            let packet = protect_rtcp(&mut sender, &plain);
            prop_assert_eq!(their_receiver.decrypt_rtcp(&packet).unwrap().to_vec(), plain.clone());
            let packet = their_sender.encrypt_rtcp(&plain).unwrap();
            prop_assert_eq!(unprotect_rtcp(&mut receiver, &packet), Ok(plain));
        }
    }

    #[test]
    fn a_changed_packet_is_refused_by_both(
        suite in suites(),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
        control: bool,
    ) {
        let (mut sender, mut receiver) = pair(suite);
        let mut theirs = theirs(suite);
        let mut packet = match control {
            true => protect_rtcp(&mut sender, &rtcp(SSRC, 5)),
            false => protect_rtp(&mut sender, &rtp(SSRC, 77, 160)),
        };
        let at = at.index(packet.len());
        packet[at] ^= 1 << bit;
        let word = if suite.master_salt_len() == 12 { packet.len() - 4 } else { packet.len() - 14 };
        if control {
            prop_assert!(unprotect_rtcp(&mut receiver, &packet).is_err());
            // See webrtc_srtp_claims.rs for the one bit that differs.
            let e_bit = at == word && bit == 7;
            prop_assert_eq!(theirs.decrypt_rtcp(&packet).is_ok(), e_bit);
        } else {
            prop_assert!(unprotect_rtp(&mut receiver, &packet).is_err());
            prop_assert!(theirs.decrypt_rtp(&packet).is_err());
        }
    }
}

/// Three wraps, every packet, both ways.
#[test]
fn the_roll_over_counter_stays_in_step_over_three_wraps() {
    for suite in ORACLE_SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let (mut their_sender, mut their_receiver) = (theirs(suite), theirs(suite));
        let mut seq = 65_000u16;
        for at in 0..150u32 {
            let plain = rtp(SSRC, seq, 20);
            let packet = protect_rtp(&mut sender, &plain);
            assert_eq!(their_receiver.decrypt_rtp(&packet).unwrap(), plain, "{suite} {at}");
            let packet = their_sender.encrypt_rtp(&plain).unwrap();
            assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "{suite} {at}");
            seq = seq.wrapping_add(1500);
        }
        let mediapoint_srtp::RtpState::Running { roc, .. } = receiver.export_state().ssrcs[0].rtp else {
            panic!("no stream")
        };
        assert_eq!(roc, 4);
    }
}
