//! What a session does with good, bad, late and repeated packets.

use crate::support::*;
use mediapoint_srtp::{
    Inbound, InboundOptions, KeyError, KeyLifetime, MasterKey, Mki, Outbound, OutboundOptions, ProtectError,
    Suite, UnprotectError, provider::DEFAULT_PROVIDER,
};

#[test]
fn every_suite_carries_rtp_and_rtcp() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        for (seq, payload) in [(1, 160), (2, 0), (3, 1), (4, 15), (5, 16), (6, 17), (7, 1400)] {
            let plain = rtp(SSRC, seq, payload);
            let packet = protect_rtp(&mut sender, &plain);
            assert_eq!(packet.len(), plain.len() + suite.rtp_tag_len());
            assert_eq!(packet[..12], plain[..12], "the header stays clear");
            assert!(payload < 15 || packet[12..plain.len()] != plain[12..], "the payload does not");
            assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "{suite} {payload}");
        }
        for words in [0, 1, 20, 300] {
            let plain = rtcp(SSRC, words);
            let packet = protect_rtcp(&mut sender, &plain);
            assert_eq!(packet.len(), plain.len() + suite.rtcp_overhead());
            assert_eq!(packet[..8], plain[..8]);
            assert_ne!(packet[8..plain.len()], plain[8..]);
            assert_eq!(unprotect_rtcp(&mut receiver, &packet), Ok(plain), "{suite} {words}");
        }
    }
}

/// Known packets of libsrtp's own test driver, for the key of RFC 3711 B.3.
#[test]
fn whole_packets_match_known_answers() {
    let hex = |text: &str| -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    let cases = [
        (
            Suite::AesCm128HmacSha1_80,
            "e1f97a0d3e018be0d64fa32c06de4139",
            "0ec675ad498afeebb6960b3aabe6",
            "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
        ),
        (
            Suite::Aes256CmHmacSha1_80,
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
            "3b04803de51ee7c96423ab5b78d2",
            "800f1234decafbadcafebabef1d9de17ff251ff1aa007774b0b4b40da08d9d9a5b3a55d8873b",
        ),
    ];
    let plain = [hex("800f1234decafbadcafebabe"), vec![0xab; 16]].concat();
    for (suite, key, salt, expected) in cases {
        let key = MasterKey::new(suite, &hex(key), &hex(salt)).unwrap();
        assert_eq!(protect_rtp(&mut Outbound::new(&key), &plain), hex(expected), "{suite}");
        let mut receiver = Inbound::new(&key, InboundOptions::default());
        assert_eq!(unprotect_rtp(&mut receiver, &hex(expected)), Ok(plain.clone()));
    }
}

#[test]
fn header_extension_and_sources_stay_clear() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let mut plain = rtp(SSRC, 1, 0);
        plain[0] = 0x92; // extension and two contributing sources
        plain.extend_from_slice(&[1, 1, 1, 1, 2, 2, 2, 2, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
        let header = plain.len();
        plain.extend_from_slice(&[0x55; 40]);
        let packet = protect_rtp(&mut sender, &plain);
        assert_eq!(packet[..header], plain[..header]);
        assert_ne!(packet[header..plain.len()], plain[header..]);
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain));
    }
}

/// test-of: [RFC3711 3.3] a packet that fails changes nothing, and the true one is still accepted.
#[test]
fn forged_packets_leave_the_state_untouched() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let first = protect_rtp(&mut sender, &rtp(SSRC, 100, 160));
        unprotect_rtp(&mut receiver, &first).unwrap();
        let control = protect_rtcp(&mut sender, &rtcp(SSRC, 4));
        unprotect_rtcp(&mut receiver, &control).unwrap();
        let before = receiver.export_state();

        let next = protect_rtp(&mut sender, &rtp(SSRC, 101, 160));
        let next_control = protect_rtcp(&mut sender, &rtcp(SSRC, 4));
        for at in 1..next.len() {
            let mut forged = next.clone();
            forged[at] ^= 0x40;
            let refusal = unprotect_rtp(&mut receiver, &forged).unwrap_err();
            assert!(matches!(refusal, UnprotectError::NotAuthentic), "{suite} byte {at}: {refusal}");
        }
        for at in 1..next_control.len() {
            let mut forged = next_control.clone();
            forged[at] ^= 0x40;
            assert_eq!(
                unprotect_rtcp(&mut receiver, &forged),
                Err(UnprotectError::NotAuthentic),
                "byte {at}"
            );
        }
        // Other SSRCs, far numbers, and all of it by the thousand.
        for forged_ssrc in 0..2000u32 {
            let mut forged = next.clone();
            forged[8..12].copy_from_slice(&forged_ssrc.to_be_bytes());
            assert!(unprotect_rtp(&mut receiver, &forged).is_err());
            forged = next_control.clone();
            forged[4..8].copy_from_slice(&forged_ssrc.to_be_bytes());
            assert!(unprotect_rtcp(&mut receiver, &forged).is_err());
        }
        for leap in [200u16, 20_000, 40_000, 65_000] {
            let mut forged = next.clone();
            forged[2..4].copy_from_slice(&leap.to_be_bytes());
            assert!(unprotect_rtp(&mut receiver, &forged).is_err());
        }
        assert_eq!(receiver.export_state(), before, "{suite}");
        assert!(unprotect_rtp(&mut receiver, &next).is_ok());
        assert!(unprotect_rtcp(&mut receiver, &next_control).is_ok());
    }
}

#[test]
fn a_repeated_or_late_packet_is_refused() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let packets: Vec<_> = (0..300).map(|seq| protect_rtp(&mut sender, &rtp(SSRC, seq, 20))).collect();
        let control: Vec<_> = (0..300).map(|_| protect_rtcp(&mut sender, &rtcp(SSRC, 1))).collect();
        assert!(unprotect_rtp(&mut receiver, &packets[200]).is_ok());
        assert!(unprotect_rtcp(&mut receiver, &control[200]).is_ok());
        for index in [200u64, 73, 72, 0] {
            let expected = match index {
                200 => Err(UnprotectError::Replayed { index }),
                73 => Ok(()),
                _ => Err(UnprotectError::TooOld { index }),
            };
            let at = index as usize;
            assert_eq!(unprotect_rtp(&mut receiver, &packets[at]).map(|_| ()), expected, "rtp {index}");
            assert_eq!(unprotect_rtcp(&mut receiver, &control[at]).map(|_| ()), expected, "rtcp {index}");
        }
        assert_eq!(unprotect_rtp(&mut receiver, &packets[73]), Err(UnprotectError::Replayed { index: 73 }));
    }
}

/// test-of: [RFC3711 3.3.1]
#[test]
fn the_roll_over_counter_is_followed_over_wraps() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let mut late = None;
        for at in 0..200_000u32 {
            let seq = (at + 65_500) as u16;
            if at % 7 != 0 && !seq.is_multiple_of(0x4000) && seq != 0xfffe {
                continue;
            }
            let plain = rtp(SSRC, seq, 4);
            let packet = protect_rtp(&mut sender, &plain);
            if seq == 0xfffe {
                late = Some((packet, plain));
                continue;
            }
            assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "{suite} packet {at}");
            if seq == 0
                && let Some((packet, plain)) = late.take()
            {
                assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "from before the wrap");
            }
        }
    }
}

#[test]
fn a_stream_that_wrapped_before_its_first_packet_is_understood() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        protect_rtp(&mut sender, &rtp(SSRC, 0xfff0, 20));
        let plain = rtp(SSRC, 3, 20);
        let packet = protect_rtp(&mut sender, &plain);
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain), "{suite}");
    }
}

#[test]
fn a_told_roll_over_counter_is_used() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        assert!(sender.seed_roc(SSRC, 9));
        let plain = rtp(SSRC, 50, 20);
        let packet = protect_rtp(&mut sender, &plain);
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Err(UnprotectError::NotAuthentic));
        assert!(receiver.seed_roc(SSRC, 9));
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain));
        assert!(!receiver.seed_roc(SSRC, 3), "a running stream is not moved");
        assert!(!sender.seed_roc(SSRC, 3));
    }
}

#[test]
fn the_least_recently_authenticated_ssrc_gives_way() {
    let key = key(Suite::AesCm128HmacSha1_80, 1);
    let mut sender = Outbound::new(&key);
    let options = InboundOptions { max_ssrcs: 4, ..InboundOptions::default() };
    let mut receiver = Inbound::new(&key, options);
    for (seq, ssrc) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 1), (6, 5)] {
        let packet = protect_rtp(&mut sender, &rtp(ssrc, seq, 20));
        unprotect_rtp(&mut receiver, &packet).unwrap();
        let packet = protect_rtcp(&mut sender, &rtcp(ssrc, 0));
        unprotect_rtcp(&mut receiver, &packet).unwrap();
    }
    let kept: Vec<u32> = receiver.export_state().ssrcs.iter().map(|state| state.ssrc).collect();
    assert_eq!(kept, [5, 1, 4, 3]);
}

#[test]
fn a_sender_never_forgets_an_ssrc() {
    let options = OutboundOptions { max_ssrcs: 2, ..OutboundOptions::default() };
    let key = key(Suite::AesCm128HmacSha1_80, 1);
    let mut sender = Outbound::with_options(&key, options, &DEFAULT_PROVIDER);
    protect_rtp(&mut sender, &rtp(1, 1, 20));
    protect_rtcp(&mut sender, &rtcp(2, 0));
    let mut buffer = rtp(3, 1, 20);
    buffer.resize(100, 0);
    assert_eq!(sender.protect_rtp(&mut buffer, 32), Err(ProtectError::TooManySsrcs { limit: 2 }));
    assert!(!sender.seed_roc(3, 1));
    protect_rtp(&mut sender, &rtp(2, 1, 20));
}

#[test]
fn an_index_is_never_sent_twice() {
    for suite in Suite::ALL {
        let (mut sender, _) = pair(suite);
        for seq in 100..400 {
            protect_rtp(&mut sender, &rtp(SSRC, seq, 20));
        }
        let mut buffer = rtp(SSRC, 399, 20);
        buffer.resize(100, 0);
        let before = buffer.clone();
        assert_eq!(sender.protect_rtp(&mut buffer, 32), Err(ProtectError::IndexReused { index: 399 }));
        buffer[2..4].copy_from_slice(&150u16.to_be_bytes());
        assert_eq!(sender.protect_rtp(&mut buffer, 32), Err(ProtectError::TooOld { index: 150 }));
        assert_eq!(buffer[12..], before[12..], "a refused packet is not touched");
    }
}

#[test]
fn a_sender_may_fill_a_gap_late() {
    let (mut sender, mut receiver) = pair(Suite::AeadAes128Gcm);
    for seq in [10, 12, 13, 11] {
        let plain = rtp(SSRC, seq, 20);
        let packet = protect_rtp(&mut sender, &plain);
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain));
    }
}

/// test-of: [RFC3711 9.2]
#[test]
fn a_key_ends_with_its_last_index() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        assert!(sender.seed_roc(SSRC, u32::MAX) && receiver.seed_roc(SSRC, u32::MAX));
        let last = protect_rtp(&mut sender, &rtp(SSRC, 0xffff, 20));
        assert!(unprotect_rtp(&mut receiver, &last).is_ok());
        let mut buffer = rtp(SSRC, 0, 20);
        buffer.resize(100, 0);
        assert_eq!(sender.protect_rtp(&mut buffer, 32), Err(ProtectError::KeyExhausted));
        assert_eq!(unprotect_rtp(&mut receiver, &buffer), Err(UnprotectError::KeyExhausted));
    }
}

/// test-of: [RFC3711 9.2]
#[test]
fn a_key_ends_with_its_last_srtcp_index() {
    let (mut sender, _) = pair(Suite::AeadAes128Gcm);
    protect_rtcp(&mut sender, &rtcp(SSRC, 0));
    let mut state = sender.export_state();
    state.ssrcs[0].rtcp.as_mut().unwrap().highest_index = (1 << 31) - 2;
    sender.restore_state(&state).unwrap();
    let packet = protect_rtcp(&mut sender, &rtcp(SSRC, 0));
    assert_eq!(packet.last_chunk(), Some(&[0xff; 4]), "index 2^31 - 1 with the E bit");
    let mut buffer = rtcp(SSRC, 0);
    let len = buffer.len();
    buffer.resize(100, 0);
    assert_eq!(sender.protect_rtcp(&mut buffer, len), Err(ProtectError::KeyExhausted));
}

#[test]
fn an_agreed_lifetime_is_kept() {
    let lifetime = KeyLifetime { rtp: 3, rtcp: 2 };
    let options = OutboundOptions { lifetime, ..OutboundOptions::default() };
    let mut sender = Outbound::with_options(&key(Suite::AesCm128HmacSha1_32, 1), options, &DEFAULT_PROVIDER);
    for seq in 0..3 {
        protect_rtp(&mut sender, &rtp(seq.into(), seq, 20));
    }
    let mut buffer = [rtp(SSRC, 9, 20), vec![0; 50]].concat();
    assert_eq!(sender.protect_rtp(&mut buffer, 32), Err(ProtectError::KeyExhausted));
    for _ in 0..2 {
        protect_rtcp(&mut sender, &rtcp(SSRC, 0));
    }
    let mut buffer = [rtcp(SSRC, 0), vec![0; 50]].concat();
    assert_eq!(sender.protect_rtcp(&mut buffer, 24), Err(ProtectError::KeyExhausted));
    sender.rekey(&key(Suite::AesCm128HmacSha1_32, 2));
    assert!(sender.protect_rtcp(&mut buffer, 24).is_ok(), "a new key begins a new life");
}

/// test-of: [RFC3711 3.2.1] the SRTCP index begins at 0 and grows by one.
#[test]
fn srtcp_indexes_are_without_gaps() {
    let (mut sender, _) = pair(Suite::AesCm128HmacSha1_80);
    for index in 0..5u32 {
        let plain = rtcp(SSRC, 1);
        let packet = protect_rtcp(&mut sender, &plain);
        let word = packet[plain.len()..].first_chunk().unwrap();
        assert_eq!(u32::from_be_bytes(*word), 0x8000_0000 | index);
    }
}

#[test]
fn a_buffer_without_room_is_refused() {
    for suite in Suite::ALL {
        let (mut sender, _) = pair(suite);
        let plain = rtp(SSRC, 1, 20);
        let need = plain.len() + suite.rtp_tag_len();
        let mut buffer = plain.clone();
        buffer.resize(need - 1, 0);
        let refusal = sender.protect_rtp(&mut buffer, plain.len());
        assert_eq!(refusal, Err(ProtectError::NoRoom { need, have: need - 1 }));
        assert_eq!(buffer[..plain.len()], plain);
        buffer.push(0);
        assert_eq!(sender.protect_rtp(&mut buffer, plain.len()), Ok(need));
        assert!(matches!(sender.protect_rtp(&mut buffer, 5000), Err(ProtectError::Malformed { .. })));
    }
}

#[test]
fn what_is_no_packet_is_refused_by_length_or_header() {
    for suite in Suite::ALL {
        let (_, mut receiver) = pair(suite);
        for len in 0..80 {
            for fill in [0u8, 0x80, 0x90, 0x9f, 0xff] {
                let mut packet = vec![fill; len];
                assert!(receiver.unprotect_rtp(&mut packet).is_err());
                let mut packet = vec![fill; len];
                assert!(receiver.unprotect_rtcp(&mut packet).is_err());
            }
        }
        let overhead = suite.rtp_tag_len();
        let mut packet = rtp(SSRC, 1, overhead - 1);
        let len = packet.len();
        assert_eq!(receiver.unprotect_rtp(&mut packet).unwrap_err(), UnprotectError::TooShort { len });
        let mut packet = vec![0x80; 8 + suite.rtcp_overhead() - 1];
        let len = packet.len();
        assert_eq!(receiver.unprotect_rtcp(&mut packet).unwrap_err(), UnprotectError::TooShort { len });
    }
}

/// test-of: [RFC3711 3.1] [RFC7714 8.2] the identifier stands before an HMAC tag and behind a GCM one.
#[test]
fn a_master_key_identifier_is_checked_and_taken_off() {
    for suite in Suite::ALL {
        let mki = Mki::new(&[0, 0, 0, 7]).unwrap();
        let key = key(suite, 1);
        let options = OutboundOptions { mki: Some(mki.clone()), ..OutboundOptions::default() };
        let mut sender = Outbound::with_options(&key, options, &DEFAULT_PROVIDER);
        let mut bare = Outbound::new(&key);
        let options = InboundOptions { mki: Some(mki.clone()), ..InboundOptions::default() };
        let mut receiver = Inbound::new(&key, options);

        let plain = rtp(SSRC, 1, 20);
        let packet = protect_rtp(&mut sender, &plain);
        let mut expected = protect_rtp(&mut bare, &plain);
        let at = if suite.master_salt_len() == 12 { expected.len() } else { plain.len() };
        expected.splice(at..at, mki.bytes().iter().copied());
        assert_eq!(packet, expected, "{suite}");
        for byte in at..at + 4 {
            let mut other = packet.clone();
            other[byte] ^= 1;
            assert_eq!(unprotect_rtp(&mut receiver, &other), Err(UnprotectError::UnknownMki));
        }
        assert_eq!(unprotect_rtp(&mut receiver, &packet), Ok(plain));

        let plain = rtcp(SSRC, 3);
        let packet = protect_rtcp(&mut sender, &plain);
        let mut expected = protect_rtcp(&mut bare, &plain);
        let at = if suite.master_salt_len() == 12 { expected.len() } else { plain.len() + 4 };
        expected.splice(at..at, mki.bytes().iter().copied());
        assert_eq!(packet, expected, "{suite}");
        let mut other = packet.clone();
        other[at] ^= 1;
        assert_eq!(unprotect_rtcp(&mut receiver, &other), Err(UnprotectError::UnknownMki));
        assert_eq!(unprotect_rtcp(&mut receiver, &packet), Ok(plain));
    }
    assert_eq!(Mki::new(&[]), Err(KeyError::MkiLength { have: 0 }));
    assert_eq!(Mki::new(&[0; 129]), Err(KeyError::MkiLength { have: 129 }));
}

#[test]
fn keys_are_compared_by_value_and_never_shown() {
    for suite in Suite::ALL {
        let (one, same, other) = (key(suite, 1), key(suite, 1), key(suite, 2));
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert_ne!(MasterKey::generate(suite).unwrap(), MasterKey::generate(suite).unwrap());
        assert_eq!(format!("{one:?}"), format!("MasterKey {{ suite: {suite:?}, .. }}"));
        let (sender, receiver) = pair(suite);
        for shown in [format!("{sender:?}"), format!("{receiver:?}")] {
            assert!(!shown.contains("salt") && !shown.contains("MasterKey"), "{shown}");
        }
        let (have, need) = (suite.master_key_len() - 1, suite.master_key_len());
        let refusal = MasterKey::new(suite, &[0; 31][..have], &[0; 14]);
        assert_eq!(refusal, Err(KeyError::KeyLength { have, need }));
        let (have, need) = (suite.master_salt_len() + 1, suite.master_salt_len());
        let refusal = MasterKey::new(suite, &[0; 32][..suite.master_key_len()], &[0; 15][..have]);
        assert_eq!(refusal, Err(KeyError::SaltLength { have, need }));
    }
}

#[test]
fn sessions_can_move_to_another_thread() {
    fn movable<T: Send + 'static>() {}
    movable::<Inbound>();
    movable::<Outbound>();
}
