//! Frames against hand-made ones, against a naive checksum, and against `etherparse`.

use etherparse::PacketBuilder;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

// test-of: [RFC768] [RFC791 3.1] [RFC1071 1] [RFC1071 2] [RFC6864 4.1] [RFC8200 8.1]

const LINK: Link = Link { destination: Mac([2, 0, 0, 0, 0, 1]), source: Mac([2, 0, 0, 0, 0, 2]), vlan: None };

fn header(from: &str, to: &str) -> FrameHeader {
    FrameHeader { link: LINK, from: from.parse().unwrap(), to: to.parse().unwrap(), dscp: 46 }
}

fn v4() -> FrameHeader {
    header("192.0.2.1:5004", "198.51.100.7:30000")
}

fn v6() -> FrameHeader {
    header("[2001:db8::1]:5004", "[2001:db8::2]:30000")
}

fn frame(header: &FrameHeader, payload: &[u8]) -> Vec<u8> {
    let mut room = vec![0; MAX_HEADER + payload.len()];
    let len = header.write(payload, &mut room).unwrap();
    room.truncate(len);
    room
}

/// The sum word by word, with each carry added in at once.
fn naive(octets: &[u8]) -> u16 {
    let mut sum = 0_u16;
    for word in octets.chunks(2) {
        let word = u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]);
        let (next, carry) = sum.overflowing_add(word);
        sum = next + u16::from(carry);
    }
    sum
}

/// Replaces the IPv4 checksum by the right one.
fn mend(frame: &mut [u8]) {
    frame[24..26].fill(0);
    let sum = !naive(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn a_frame_has_the_octets_that_the_standards_say() {
    // The sums by another program.
    let expected = [
        2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, // Ethernet
        0x45, 0xb8, 0, 30, 0, 0, 0x40, 0, 64, 17, 0x4d, 0xdb, 192, 0, 2, 1, 198, 51, 100, 7, // IPv4
        0x13, 0x8c, 0x75, 0x30, 0, 10, 0x22, 0x78, b'h', b'i',
    ];
    assert_eq!(frame(&v4(), b"hi"), expected);
}

#[test]
fn what_is_written_is_read_in_both_families_tagged_and_not() {
    for mut header in [v4(), v6()] {
        for vlan in [None, Some(0), Some(100), Some(4095)] {
            header.link.vlan = vlan;
            for payload in [&b""[..], b"x", &[7; 172], &[0xff; 1473]] {
                let bytes = frame(&header, payload);
                assert_eq!(bytes.len(), header.len() + payload.len());
                let FrameHeader { link, from, to, dscp } = header;
                assert_eq!(UdpFrame::read(&bytes), Ok(UdpFrame { link, from, to, dscp, payload }));
            }
        }
    }
}

#[test]
fn padding_of_a_short_frame_is_no_payload() {
    let mut bytes = frame(&v4(), b"x");
    bytes.resize(60, 0xee);
    assert_eq!(UdpFrame::read(&bytes).unwrap().payload, b"x");
}

#[test]
fn every_cut_of_a_frame_is_refused() {
    for header in [v4(), v6()] {
        let bytes = frame(&header, b"payload");
        for len in 0..bytes.len() {
            assert!(UdpFrame::read(&bytes[..len]).is_err(), "{len} octets");
        }
    }
}

#[test]
fn every_changed_bit_of_addresses_lengths_and_payload_is_found() {
    for header in [v4(), v6()] {
        let bytes = frame(&header, b"payload");
        for bit in 14 * 8..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(read) = UdpFrame::read(&changed) else { continue };
            // Traffic class, flow label and hop limit of IPv6 are covered by no checksum.
            assert!(header.to.is_ipv6() && matches!(bit / 8, 14..=17 | 21), "octet {}", bit / 8);
            assert_eq!((read.from, read.to, read.payload), (header.from, header.to, &b"payload"[..]));
        }
    }
}

#[test]
fn what_is_for_the_kernel_is_refused_with_its_reason() {
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = frame(&v4(), b"payload");
        change(&mut bytes);
        mend(&mut bytes);
        UdpFrame::read(&bytes).unwrap_err()
    };
    assert_eq!(refused(&|frame| frame[14] = 0x46), NotUdp::Header(0x46));
    assert_eq!(refused(&|frame| frame[14] = 0x65), NotUdp::Header(0x65));
    assert_eq!(refused(&|frame| frame[20] = 0x20), NotUdp::Fragment);
    assert_eq!(refused(&|frame| frame[21] = 0x01), NotUdp::Fragment);
    assert_eq!(refused(&|frame| frame[23] = 6), NotUdp::Protocol(6));
    assert_eq!(refused(&|frame| frame[12..14].copy_from_slice(&[0x08, 0x06])), NotUdp::EtherType(0x0806));
    // Two tags.
    let tags = |frame: &mut Vec<u8>| drop(frame.splice(12..12, [0x81, 0, 0, 1, 0x81, 0, 0, 2]));
    assert_eq!(refused(&tags), NotUdp::EtherType(0x8100));
    // The total length below its own header, above what there is; the length of UDP below its own header.
    assert_eq!(refused(&|frame| frame[16..18].copy_from_slice(&[0, 19])), NotUdp::Length(19));
    assert_eq!(refused(&|frame| frame[16..18].copy_from_slice(&[0, 36])), NotUdp::Truncated);
    assert_eq!(refused(&|frame| frame[38..40].copy_from_slice(&[0, 7])), NotUdp::Length(7));
    assert_eq!(refused(&|frame| frame[38..40].copy_from_slice(&[0, 16])), NotUdp::Length(16));
    let mut bytes = frame(&v6(), b"payload");
    bytes[20] = 44;
    assert_eq!(UdpFrame::read(&bytes), Err(NotUdp::Protocol(44)), "a fragment header");
    bytes[14] = 0x45;
    assert_eq!(UdpFrame::read(&bytes), Err(NotUdp::Header(0x45)));
}

#[test]
fn a_source_that_is_no_station_is_refused() {
    let to4 = "198.51.100.7:30000";
    for from in ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255"] {
        let bytes = frame(&header(&format!("{from}:5004"), to4), b"x");
        assert_eq!(UdpFrame::read(&bytes), Err(NotUdp::Source), "{from}");
    }
    for from in ["::", "::1", "ff02::1", "::ffff:192.0.2.1"] {
        let bytes = frame(&header(&format!("[{from}]:5004"), "[2001:db8::2]:30000"), b"x");
        assert_eq!(UdpFrame::read(&bytes), Err(NotUdp::Source), "{from}");
    }
}

#[test]
fn checksums_may_be_absent_over_v4_only_and_partial_over_both() {
    let mut bytes = frame(&v4(), b"payload");
    bytes[40..42].fill(0);
    assert_eq!(UdpFrame::read(&bytes).unwrap().payload, b"payload");
    let mut bytes = frame(&v6(), b"payload");
    bytes[60..62].fill(0);
    assert_eq!(UdpFrame::read(&bytes), Err(NotUdp::Checksum));
    for (header, at) in [(v4(), 40), (v6(), 60)] {
        let mut bytes = frame(&header, b"payload");
        let (from, to) = (header.from.ip(), header.to.ip());
        let partial = match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                [&from.octets()[..], &to.octets(), &[0, 17, 0, 15]].concat()
            }
            (from, to) => {
                [octets_v6(from), octets_v6(to)].concat().into_iter().chain([0, 17, 0, 15]).collect()
            }
        };
        bytes[at..at + 2].copy_from_slice(&naive(&partial).to_be_bytes());
        assert_eq!(UdpFrame::read(&bytes).unwrap().payload, b"payload");
    }
}

#[test]
fn a_sum_of_zero_is_sent_as_all_ones() {
    // A payload that brings the sum to zero: what the checksum was without it.
    for header in [v4(), v6()] {
        let bytes = frame(&header, &[0, 0]);
        let at = header.len() - 2;
        let sum = [bytes[at], bytes[at + 1]];
        let bytes = frame(&header, &sum);
        assert_eq!(bytes[at..at + 2], [0xff, 0xff]);
        assert_eq!(UdpFrame::read(&bytes).unwrap().payload, sum);
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let mut room = [0; 66];
    assert_eq!(
        v4().write(&[0; 25], &mut room),
        Err(FrameWriteError::Room(TooShort { needed: 25, available: 24 }))
    );
    assert_eq!(v4().write(&[0; 24], &mut room), Ok(66));
    let long = vec![0; MAX_DATAGRAM + 1];
    let mut room = vec![0; long.len() + MAX_HEADER];
    assert_eq!(v4().write(&long, &mut room), Err(FrameWriteError::TooLong(MAX_DATAGRAM + 1)));
    assert_eq!(v4().write(&long[1..], &mut room), Ok(MAX_DATAGRAM + 42));
    let mixed = header("192.0.2.1:5004", "[2001:db8::2]:30000");
    assert_eq!(mixed.write(b"x", &mut room), Err(FrameWriteError::Families));
}

#[test]
fn the_frames_of_the_corpus_are_what_their_names_say() {
    let cases = [
        ("v4", Ok(32)),
        ("v6", Ok(32)),
        ("v4-tagged", Ok(32)),
        ("v6-tagged", Ok(32)),
        ("v4-padded", Ok(1)),
        ("v4-empty", Ok(0)),
        ("v4-no-checksum", Ok(32)),
        ("v4-partial-checksum", Ok(32)),
        ("v6-partial-checksum", Ok(32)),
        ("v4-udp-shorter", Ok(4)),
        ("v6-no-checksum", Err(NotUdp::Checksum)),
        ("v4-udp-longer", Err(NotUdp::Length(900))),
        ("v4-udp-length-zero", Err(NotUdp::Length(0))),
        ("v4-fragment", Err(NotUdp::Fragment)),
        ("v4-options", Err(NotUdp::Header(0x46))),
        ("v4-multicast-source", Err(NotUdp::Source)),
        ("v4-tcp", Err(NotUdp::Protocol(6))),
        ("v6-extension", Err(NotUdp::Protocol(0))),
        ("v6-fragment", Err(NotUdp::Protocol(44))),
        ("two-tags", Err(NotUdp::EtherType(0x8100))),
        ("service-tag", Err(NotUdp::EtherType(0x88a8))),
        ("arp", Err(NotUdp::EtherType(0x0806))),
    ];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/frame_parse");
    for (name, expected) in cases {
        let frame = std::fs::read(format!("{folder}/{name}")).unwrap();
        assert_eq!(UdpFrame::read(&frame).map(|read| read.payload.len()), expected, "{name}");
        crate::properties::frame_matches_oracle(&frame);
    }
}

proptest! {
    #[test]
    fn the_sum_is_the_naive_ones(octets in vec(any::<u8>(), 0..2000), split in any::<prop::sample::Index>()) {
        prop_assert_eq!(Sum::new().add(&octets).folded(), naive(&octets));
        // Added in two parts, of which the first is even.
        let split = split.index(octets.len() + 1) & !1;
        let (head, rest) = octets.split_at(split);
        prop_assert_eq!(Sum::new().add(head).add(rest).folded(), naive(&octets));
    }

    #[test]
    fn frames_of_the_oracle_are_read(
        stations in any::<([u8; 6], [u8; 6])>(),
        vlan in prop::option::of(0..4096_u16),
        addresses in any::<([u8; 16], [u8; 16])>(),
        v6 in any::<bool>(),
        ports in any::<(u16, u16)>(),
        payload in vec(any::<u8>(), 0..300),
    ) {
        let ((destination, source), (from, to)) = (stations, addresses);
        let builder = PacketBuilder::ethernet2(source, destination);
        let net = |from: IpAddr| is_station(from);
        let four = |octets: [u8; 16]| { let [a, b, c, d, ..] = octets; [a, b, c, d] };
        let mut bytes = Vec::new();
        macro_rules! build {
            ($builder:expr) => {
                if v6 {
                    $builder.ipv6(from, to, 64).udp(ports.0, ports.1).write(&mut bytes, &payload).unwrap()
                } else {
                    let (from, to) = (four(from), four(to));
                    $builder.ipv4(from, to, 64).udp(ports.0, ports.1).write(&mut bytes, &payload).unwrap()
                }
            };
        }
        match vlan {
            Some(id) => build!(builder.single_vlan(id.try_into().unwrap())),
            None => build!(builder),
        }
        let (from, to): (IpAddr, IpAddr) =
            if v6 { (from.into(), to.into()) } else { (four(from).into(), four(to).into()) };
        let link = Link { destination: Mac(destination), source: Mac(source), vlan };
        let (from, to) = (SocketAddr::new(from, ports.0), SocketAddr::new(to, ports.1));
        let expected = UdpFrame { link, from, to, dscp: 0, payload: &payload };
        prop_assert_eq!(UdpFrame::read(&bytes), if net(from.ip()) { Ok(expected) } else { Err(NotUdp::Source) });
        crate::properties::frame_matches_oracle(&bytes);
    }

    #[test]
    fn damaged_frames_are_read_as_the_oracle_reads_them(
        v6 in any::<bool>(),
        vlan in prop::option::of(any::<u16>()),
        payload in vec(any::<u8>(), 0..40),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        mended in any::<bool>(),
    ) {
        let mut header = if v6 { self::v6() } else { v4() };
        header.link.vlan = vlan;
        let mut bytes = frame(&header, &payload);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if mended && !v6 && vlan.is_none() {
            mend(&mut bytes);
            // And none over the datagram, so that changed lengths come through.
            bytes[40..42].fill(0);
        }
        crate::properties::frame_matches_oracle(&bytes);
    }
}
