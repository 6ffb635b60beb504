//! The properties over generated packets: well-formed ones, and the same with some bytes changed and the end
//! cut off, which reaches further into a parser than noise does.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Changes some bytes and keeps a part, or changes nothing.
fn damaged(packets: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let keep = prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    (packets, changes, keep).prop_map(|(mut bytes, changes, keep)| {
        for (at, value) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        if let Some(keep) = keep {
            bytes.truncate(keep.index(bytes.len() + 1));
        }
        bytes
    })
}

fn rtp_packets() -> impl Strategy<Value = Vec<u8>> {
    let profile = prop_oneof![Just(0xbede_u16), Just(0x1000), Just(0x1007), any::<u16>()];
    let elements = vec(prop_oneof![Just(0u8), 0x10..0x15u8, Just(0xf0), any::<u8>()], 0..24);
    let extension = prop::option::of((profile, elements));
    let padding = prop::option::of(0..6u8);
    (any::<u8>(), any::<[u8; 10]>(), vec(any::<u32>(), 0..16), extension, vec(any::<u8>(), 0..32), padding)
        .prop_map(|(second, fields, csrcs, extension, payload, padding)| {
            let flags = u8::from(padding.is_some()) << 5 | u8::from(extension.is_some()) << 4;
            let mut bytes = vec![0x80 | flags | csrcs.len() as u8, second];
            bytes.extend(fields);
            bytes.extend(csrcs.iter().flat_map(|csrc| csrc.to_be_bytes()));
            if let Some((profile, mut data)) = extension {
                data.resize(data.len().next_multiple_of(4), 0);
                bytes.extend(profile.to_be_bytes());
                bytes.extend((data.len() as u16 / 4).to_be_bytes());
                bytes.extend(data);
            }
            bytes.extend(payload);
            if let Some(count) = padding {
                bytes.extend(std::iter::repeat_n(0, usize::from(count.saturating_sub(1))));
                bytes.push(count);
            }
            bytes
        })
}

/// One RTCP packet of a known type with a plausible body.
fn rtcp_packet() -> impl Strategy<Value = Vec<u8>> {
    let report = |kind: u8, fixed: usize| {
        (0..4usize).prop_flat_map(move |count| {
            vec(any::<u8>(), fixed + count * 24).prop_map(move |body| packet(count as u8, kind, &body))
        })
    };
    let text = "[a-z@.]{0,12}";
    let description = (any::<[u8; 4]>(), vec((1..9u8, text), 0..4)).prop_map(|(ssrc, items)| {
        let mut body = ssrc.to_vec();
        for (kind, value) in items {
            body.extend([kind, value.len() as u8]);
            body.extend(value.as_bytes());
        }
        body.push(0);
        packet(1, 202, &body)
    });
    let bye = (vec(any::<u32>(), 0..4), prop::option::of(text)).prop_map(|(ssrcs, reason)| {
        let mut body: Vec<u8> = ssrcs.iter().flat_map(|ssrc| ssrc.to_be_bytes()).collect();
        if let Some(reason) = reason {
            body.push(reason.len() as u8);
            body.extend(reason.as_bytes());
        }
        packet(ssrcs.len() as u8, 203, &body)
    });
    let feedback =
        (0..6u8, 204..=206u8, vec(any::<u8>(), 8..32)).prop_map(|(fmt, kind, body)| packet(fmt, kind, &body));
    let extended = vec((3..9u8, any::<u8>(), 0..10u16), 0..4).prop_flat_map(|blocks| {
        vec(any::<u8>(), 400).prop_map(move |noise| {
            let mut body = vec![1, 2, 3, 4];
            for &(kind, specific, words) in &blocks {
                // The types of one length get theirs more often than chance would give it.
                let words = match kind {
                    4 => 2,
                    5 => words * 3,
                    7 => 8,
                    _ => words,
                };
                body.extend([kind, specific]);
                body.extend(words.to_be_bytes());
                body.extend(&noise[..usize::from(words) * 4]);
            }
            packet(0, 207, &body)
        })
    });
    let other = (0..32u8, any::<u8>(), vec(any::<u8>(), 0..32))
        .prop_map(|(count, kind, body)| packet(count, kind, &body));
    prop_oneof![report(200, 24), report(201, 4), description, bye, feedback, extended, other]
}

fn packet(count: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | count, kind];
    bytes.extend((body.len().div_ceil(4) as u16).to_be_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn stun_messages() -> impl Strategy<Value = Vec<u8>> {
    let kind =
        prop_oneof![Just(0x0006_u16), Just(0x0008), Just(0x001c), Just(0x0020), Just(0x8028), any::<u16>()];
    let value = prop_oneof![
        vec(any::<u8>(), 0..24),
        vec(any::<u8>(), 20),
        vec(any::<u8>(), 4),
        (1..=2u8, any::<[u8; 6]>()).prop_map(|(family, rest)| [&[0, family][..], &rest].concat()),
    ];
    (0..0x4000u16, any::<[u8; 12]>(), vec((kind, value), 0..6)).prop_map(|(kind, transaction, attributes)| {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend((value.len() as u16).to_be_bytes());
            body.extend(&value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend((body.len() as u16).to_be_bytes());
        bytes.extend(crate::stun::MAGIC_COOKIE.to_be_bytes());
        bytes.extend(transaction);
        bytes.extend(body);
        bytes
    })
}

/// Why the oracle is not shown every extension; to be dropped, with `defused`, once it reads this.
#[test]
#[should_panic(expected = "advance out of bounds")]
fn the_oracle_panics_at_an_element_that_runs_past_the_packet() {
    let bytes = [0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1, 0x2f, 9, 0, 0];
    assert_eq!(crate::rtp::RtpView::parse(&bytes).map(|view| view.payload().len()), Ok(0));
    rtp_matches_oracle(&bytes);
    let _ = <::rtp::packet::Packet as webrtc_util::marshal::Unmarshal>::unmarshal(&mut &bytes[..]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whole_rtp_packets_match_the_oracle(bytes in rtp_packets()) {
        rtp_matches_oracle(&bytes);
        rtp_patch_keeps_the_rest(&bytes);
    }

    #[test]
    fn damaged_rtp_packets_match_the_oracle(bytes in damaged(rtp_packets())) {
        rtp_matches_oracle(&bytes);
        rtp_patch_keeps_the_rest(&bytes);
    }

    #[test]
    fn rtcp_compounds_round_trip(packets in vec(rtcp_packet(), 1..4)) {
        rtcp_round_trips(&packets.concat());
    }

    #[test]
    fn damaged_rtcp_compounds_round_trip(
        bytes in damaged(vec(rtcp_packet(), 1..4).prop_map(|packets| packets.concat())),
    ) {
        rtcp_round_trips(&bytes);
    }

    #[test]
    fn event_payloads_round_trip(payload in vec(any::<u8>(), 0..24)) {
        event_round_trips(&payload);
    }

    #[test]
    fn stun_messages_are_read_and_written_again(bytes in stun_messages()) {
        prop_assert!(StunView::parse(&bytes).is_ok());
        stun_never_panics(&bytes);
    }

    // test-of: [RFC7983 3]
    #[test]
    fn damaged_stun_messages_never_panic(bytes in damaged(stun_messages())) {
        stun_never_panics(&bytes);
    }

    #[test]
    fn noise_harms_no_parser(bytes in vec(any::<u8>(), 0..256)) {
        rtp_matches_oracle(&bytes);
        rtp_patch_keeps_the_rest(&bytes);
        rtcp_round_trips(&bytes);
        event_round_trips(&bytes);
        stun_never_panics(&bytes);
        frame_matches_oracle(&bytes);
    }
}
