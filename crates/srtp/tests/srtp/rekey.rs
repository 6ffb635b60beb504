//! New keys on a re-INVITE without a gap, and takeover of a running session.

use crate::support::*;
use mediapoint_srtp::{
    Inbound, InboundOptions, Mki, Outbound, OutboundOptions, ProtectError, RtpState, StateError, Suite,
    UnprotectError, provider::DEFAULT_PROVIDER,
};

fn receiver(suite: Suite, old_key_packets: u16) -> Inbound {
    Inbound::new(&key(suite, 1), InboundOptions { old_key_packets, ..InboundOptions::default() })
}

#[test]
fn the_same_key_again_changes_nothing() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        assert!(sender.seed_roc(SSRC, 5) && receiver.seed_roc(SSRC, 5));
        let packet = protect_rtp(&mut sender, &rtp(SSRC, 10, 20));
        unprotect_rtp(&mut receiver, &packet).unwrap();
        let (sent, received) = (sender.export_state(), receiver.export_state());
        sender.rekey(&key(suite, 1));
        receiver.rekey(&key(suite, 1));
        assert!(!receiver.is_rekeying());
        assert_eq!((sender.export_state(), receiver.export_state()), (sent, received));
        assert!(matches!(unprotect_rtp(&mut receiver, &packet), Err(UnprotectError::Replayed { .. })));
    }
}

#[test]
fn both_keys_work_until_the_peer_has_changed_over() {
    for suite in Suite::ALL {
        let (mut sender, _) = pair(suite);
        let mut receiver = receiver(suite, 8);
        assert!(sender.seed_roc(SSRC, 3) && receiver.seed_roc(SSRC, 3));
        let mut seq = 65_530u16;
        let mut next = || {
            seq = seq.wrapping_add(1);
            rtp(SSRC, seq, 20)
        };
        let mut pass = |sender: &mut Outbound, receiver: &mut Inbound| {
            let plain = next();
            let packet = protect_rtp(sender, &plain);
            assert_eq!(unprotect_rtp(receiver, &packet), Ok(plain), "{suite}");
            packet
        };
        pass(&mut sender, &mut receiver);
        receiver.rekey(&key(suite, 2));
        for _ in 0..300 {
            let packet = pass(&mut sender, &mut receiver);
            let again = unprotect_rtp(&mut receiver, &packet);
            assert!(
                matches!(again, Err(UnprotectError::Replayed { .. })),
                "replay is seen under the old key"
            );
        }
        let straggler_plain = rtp(SSRC, 340, 20);
        let straggler = protect_rtp(&mut sender, &straggler_plain);
        sender.rekey(&key(suite, 2));
        pass(&mut sender, &mut receiver);
        assert!(receiver.is_rekeying());
        assert_eq!(unprotect_rtp(&mut receiver, &straggler), Ok(straggler_plain), "{suite}");
        for _ in 0..6 {
            pass(&mut sender, &mut receiver);
        }
        assert!(!receiver.is_rekeying(), "8 packets after the first one the old key is gone");
        pass(&mut sender, &mut receiver);
    }
}

#[test]
fn control_packets_change_over_as_well() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        for _ in 0..3 {
            let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 2));
            unprotect_rtcp(&mut receiver, &packet).unwrap();
        }
        receiver.rekey(&key(suite, 2));
        let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 2));
        assert!(unprotect_rtcp(&mut receiver, &packet).is_ok());
        sender.rekey(&key(suite, 2));
        let plain = rtcp(SSRC, 2);
        let packet = protect_rtcp(&mut sender, &plain);
        assert_eq!(unprotect_rtcp(&mut receiver, &packet), Ok(plain));
        // [RFC3711 3.2.1] the index goes on after a change of keys.
        assert_eq!(receiver.export_state().ssrcs[0].rtcp.unwrap().highest_index, 4);
        // A peer that begins again at 0 is understood too.
        let plain = rtcp(SSRC, 1);
        let fresh = protect_rtcp(&mut Outbound::new(&key(suite, 2)), &plain);
        assert_eq!(unprotect_rtcp(&mut receiver, &fresh), Ok(plain));
    }
}

/// test-of: [RFC3711 3.3.1] the roll-over counter is not reset by a change of keys; a peer that does reset it
/// is understood.
#[test]
fn the_roll_over_counter_may_go_on_or_begin_again() {
    for suite in Suite::ALL {
        for restarted in [false, true] {
            let (mut sender, mut receiver) = pair(suite);
            assert!(sender.seed_roc(SSRC, 40) && receiver.seed_roc(SSRC, 40));
            let packet = protect_rtp(&mut sender, &rtp(SSRC, 0x9000, 20));
            unprotect_rtp(&mut receiver, &packet).unwrap();
            receiver.rekey(&key(suite, 2));
            sender.rekey(&key(suite, 2));
            if restarted {
                sender = Outbound::new(&key(suite, 2));
            }
            for seq in [0x9001, 0x9002, 0xf000, 0x100] {
                let plain = rtp(SSRC, seq, 20);
                let packet = protect_rtp(&mut sender, &plain);
                assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "{suite} {restarted}");
            }
            let RtpState::Running { roc, .. } = receiver.export_state().ssrcs[0].rtp else { panic!() };
            assert_eq!(roc, if restarted { 1 } else { 41 });
        }
    }
}

#[test]
fn the_suite_may_change_with_the_key() {
    for from in Suite::ALL {
        for to in Suite::ALL {
            let (mut sender, mut receiver) = pair(from);
            let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 160));
            unprotect_rtp(&mut receiver, &packet).unwrap();
            receiver.rekey(&key(to, 2));
            let plain = rtp(SSRC, 2, 160);
            let packet = protect_rtp(&mut sender, &plain);
            assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "{from} before {to}");
            sender.rekey(&key(to, 2));
            let plain = rtp(SSRC, 3, 160);
            let packet = protect_rtp(&mut sender, &plain);
            assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "{from} after {to}");
        }
    }
}

/// On hold a key may be agreed on and the next one offered before any packet has come.
#[test]
fn offers_that_come_to_nothing_do_not_lose_the_key_in_use() {
    let suite = Suite::AeadAes128Gcm;
    let (mut sender, mut receiver) = pair(suite);
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20));
    unprotect_rtp(&mut receiver, &packet).unwrap();
    for offer in 2..20 {
        receiver.rekey(&key(suite, offer));
    }
    // The one in use and the last ones offered.
    for (seq, sent_under, accepted) in
        [(2, 1, true), (3, 16, false), (4, 17, true), (5, 18, true), (6, 19, true)]
    {
        sender.rekey(&key(suite, sent_under));
        let packet = protect_rtp(&mut sender, &rtp(SSRC, seq, 20));
        assert_eq!(unprotect_rtp(&mut receiver, &packet).is_ok(), accepted, "key {sent_under}");
    }
    for seq in 7..400 {
        let packet = protect_rtp(&mut sender, &rtp(SSRC, seq, 20));
        unprotect_rtp(&mut receiver, &packet).unwrap();
    }
    assert!(!receiver.is_rekeying(), "in the end all older keys are gone");
}

/// Changes of keys faster than old ones go: what is given up is never the key that was agreed on last.
#[test]
fn a_fresh_key_is_not_given_up_for_used_ones() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = pair(suite);
    for (seq, number) in (1..).zip(1..6) {
        sender.rekey(&key(suite, number));
        receiver.rekey(&key(suite, number));
        let packet = protect_rtp(&mut sender, &rtp(SSRC, seq, 20));
        unprotect_rtp(&mut receiver, &packet).unwrap();
    }
    sender.rekey(&key(suite, 10));
    receiver.rekey(&key(suite, 10));
    receiver.rekey(&key(suite, 11));
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 10, 20));
    assert!(unprotect_rtp(&mut receiver, &packet).is_ok());
}

/// The peer takes its time: half a cycle of sequence numbers goes by under the old key.
#[test]
fn the_roll_over_counter_is_carried_over_however_late_the_change_comes() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        receiver.rekey(&key(suite, 2));
        let mut seq = 60_000u16;
        for _ in 0..200 {
            seq = seq.wrapping_add(1000);
            let packet = protect_rtp(&mut sender, &rtp(SSRC, seq, 4));
            unprotect_rtp(&mut receiver, &packet).unwrap();
        }
        sender.rekey(&key(suite, 2));
        let plain = rtp(SSRC, seq.wrapping_add(1), 4);
        let packet = protect_rtp(&mut sender, &plain);
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "{suite}");
    }
}

/// A refused re-INVITE takes the new key back: the old state, replay window and all, must still be there.
#[test]
fn going_back_to_the_old_key_keeps_its_state() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20));
        unprotect_rtp(&mut receiver, &packet).unwrap();
        let before = receiver.export_state();
        receiver.rekey(&key(suite, 2));
        receiver.rekey(&key(suite, 1));
        assert_eq!(receiver.export_state(), before);
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Err(UnprotectError::Replayed { index: 1 }));
        let next = protect_rtp(&mut sender, &rtp(SSRC, 2, 20));
        assert!(unprotect_rtp(&mut receiver, &next).is_ok());
    }
}

/// Back and on again: the key in use is never the one that is given up.
#[test]
fn the_key_in_use_survives_any_number_of_offers() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = pair(suite);
    for (seq, offers) in [(1, vec![]), (2, vec![2, 1, 3]), (3, vec![4, 5, 1]), (4, vec![6, 7, 8])] {
        for offer in offers {
            receiver.rekey(&key(suite, offer));
        }
        let packet = protect_rtp(&mut sender, &rtp(SSRC, seq, 20));
        assert!(unprotect_rtp(&mut receiver, &packet).is_ok(), "packet {seq} under the first key");
    }
}

/// After the peer has changed over, the key before may be offered again.
#[test]
fn a_return_to_a_key_that_was_used_finds_its_replay_window() {
    let suite = Suite::AeadAes128Gcm;
    let (mut sender, mut receiver) = pair(suite);
    let first = protect_rtp(&mut sender, &rtp(SSRC, 1, 20));
    unprotect_rtp(&mut receiver, &first).unwrap();
    receiver.rekey(&key(suite, 2));
    sender.rekey(&key(suite, 2));
    let second = protect_rtp(&mut sender, &rtp(SSRC, 2, 20));
    unprotect_rtp(&mut receiver, &second).unwrap();
    receiver.rekey(&key(suite, 1));
    for packet in [&first, &second] {
        assert!(matches!(unprotect_rtp(&mut receiver, packet), Err(UnprotectError::Replayed { .. })));
    }
    let late = protect_rtp(&mut sender, &rtp(SSRC, 3, 20));
    assert!(unprotect_rtp(&mut receiver, &late).is_ok());
    sender.rekey(&key(suite, 1));
    let mut again = [rtp(SSRC, 1, 20), vec![0; 16]].concat();
    assert_eq!(sender.protect_rtp(&mut again, 32), Err(ProtectError::IndexReused { index: 1 }));
    let next = protect_rtp(&mut sender, &rtp(SSRC, 4, 20));
    assert!(unprotect_rtp(&mut receiver, &next).is_ok());
}

#[test]
fn a_sender_can_begin_again_at_0_for_a_peer_that_does() {
    let suite = Suite::AeadAes256Gcm;
    let (mut sender, _) = pair(suite);
    assert!(sender.seed_roc(SSRC, 5));
    protect_rtp(&mut sender, &rtp(SSRC, 1, 20));
    assert!(!sender.seed_roc(SSRC, 0), "not under the same key");
    sender.rekey(&key(suite, 2));
    assert!(sender.seed_roc(SSRC, 0));
    let plain = rtp(SSRC, 2, 20);
    let packet = protect_rtp(&mut sender, &plain);
    let mut fresh = Inbound::new(&key(suite, 2), InboundOptions::default());
    assert_eq!(unprotect_rtp(&mut fresh, &packet), Ok(plain));
}

#[test]
fn the_old_key_can_be_retired_at_once() {
    let (mut sender, mut receiver) = pair(Suite::AesCm128HmacSha1_80);
    receiver.rekey(&key(Suite::AesCm128HmacSha1_80, 2));
    receiver.retire_old();
    let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20));
    assert_eq!(unprotect_rtp(&mut receiver, &packet), Err(UnprotectError::NotAuthentic));
}

#[test]
fn the_identifier_tells_the_keys_apart() {
    for suite in Suite::ALL {
        let mki = |value: u8| Some(Mki::new(&[value]).unwrap());
        let sender = |value: u8| {
            let options = OutboundOptions { mki: mki(value), ..OutboundOptions::default() };
            Outbound::with_options(&key(suite, value), options, &DEFAULT_PROVIDER)
        };
        let mut senders = [sender(1), sender(2), sender(3)];
        let options = InboundOptions { mki: mki(1), ..InboundOptions::default() };
        let mut receiver = Inbound::new(&key(suite, 1), options);
        receiver.rekey_with_mki(&key(suite, 2), mki(2));
        for (seq, from, expected) in
            [(1, 0, Ok(())), (2, 1, Ok(())), (3, 0, Ok(())), (4, 2, Err(UnprotectError::UnknownMki))]
        {
            let sender = &mut senders[from];
            let packet = protect_rtp(sender, &rtp(SSRC, seq, 20));
            assert_eq!(unprotect_rtp(&mut receiver, &packet).map(|_| ()), expected, "{suite} {seq}");
            let packet = protect_rtcp(sender, &rtcp(SSRC, 2));
            assert_eq!(unprotect_rtcp(&mut receiver, &packet).map(|_| ()), expected);
        }
    }
}

#[test]
fn forged_packets_do_not_end_a_change_of_keys() {
    for suite in Suite::ALL {
        let (mut sender, _) = pair(suite);
        let mut receiver = receiver(suite, 2);
        receiver.rekey(&key(suite, 2));
        let mut stranger = Outbound::new(&key(suite, 9));
        for seq in 0..500 {
            let forged = protect_rtp(&mut stranger, &rtp(SSRC, seq, 20));
            assert_eq!(unprotect_rtp(&mut receiver, &forged), Err(UnprotectError::NotAuthentic));
        }
        let packet = protect_rtp(&mut sender, &rtp(SSRC, 1, 20));
        assert!(unprotect_rtp(&mut receiver, &packet).is_ok());
        assert!(receiver.is_rekeying());
    }
}

#[test]
fn another_machine_goes_on_where_one_left_off() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        assert!(sender.seed_roc(SSRC, 2) && receiver.seed_roc(SSRC, 2));
        let mut last = Vec::new();
        for seq in 65_000..65_530u16 {
            last = protect_rtp(&mut sender, &rtp(SSRC, seq, 20));
            unprotect_rtp(&mut receiver, &last).unwrap();
            let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 1));
            unprotect_rtcp(&mut receiver, &packet).unwrap();
        }
        let mut new_sender = Outbound::new(&key(suite, 1));
        new_sender.restore_state(&sender.export_state()).unwrap();
        let mut new_receiver = Inbound::new(&key(suite, 1), InboundOptions::default());
        new_receiver.restore_state(&receiver.export_state()).unwrap();
        assert_eq!(new_sender.export_state(), sender.export_state());
        assert_eq!(new_receiver.export_state(), receiver.export_state());
        assert!(matches!(unprotect_rtp(&mut new_receiver, &last), Err(UnprotectError::Replayed { .. })));
        for step in 0..40u16 {
            let plain = rtp(SSRC, 65_530u16.wrapping_add(step), 20);
            let packet = protect_rtp(&mut new_sender, &plain);
            assert_eq!(unprotect_rtp(&mut new_receiver, &packet), Ok(plain.clone()));
            assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "and the old one agrees");
        }
        let plain = rtcp(SSRC, 1);
        let packet = protect_rtcp(&mut new_sender, &plain);
        assert_eq!(unprotect_rtcp(&mut new_receiver, &packet), Ok(plain));
        assert_eq!(new_receiver.export_state().ssrcs[0].rtcp.unwrap().highest_index, 530);
    }
}

#[test]
fn a_state_that_does_not_fit_is_refused_whole() {
    let (mut sender, mut receiver) = pair(Suite::AeadAes128Gcm);
    let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 1));
    unprotect_rtcp(&mut receiver, &packet).unwrap();
    let good = receiver.export_state();
    let mut bad = good.clone();
    bad.version = 99;
    assert_eq!(receiver.restore_state(&bad), Err(StateError::Version { have: 99 }));
    let mut bad = good.clone();
    bad.suite = Suite::AeadAes256Gcm;
    let refusal = StateError::Suite { have: Suite::AeadAes256Gcm, need: Suite::AeadAes128Gcm };
    assert_eq!(receiver.restore_state(&bad), Err(refusal));
    let mut bad = good.clone();
    bad.ssrcs.push(bad.ssrcs[0]);
    assert_eq!(receiver.restore_state(&bad), Err(StateError::Invalid { ssrc: SSRC }));
    let mut bad = good.clone();
    bad.ssrcs[0].rtcp.as_mut().unwrap().highest_index = 1 << 31;
    assert_eq!(receiver.restore_state(&bad), Err(StateError::Invalid { ssrc: SSRC }));
    let mut bad = good.clone();
    bad.ssrcs = vec![bad.ssrcs[0]; 33];
    assert_eq!(receiver.restore_state(&bad), Err(StateError::TooManySsrcs { have: 33, limit: 32 }));
    assert_eq!(receiver.export_state(), good);
}
