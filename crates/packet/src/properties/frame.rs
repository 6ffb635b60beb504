//! Frames, with `etherparse` as the oracle.

use std::net::{IpAddr, SocketAddr};

use etherparse::{LinkSlice, NetSlice, SlicedPacket, TransportSlice, UdpHeader};

use crate::frame::{FrameHeader, MAX_DATAGRAM, MAX_HEADER, Mac, UdpFrame};

/// What is read of a frame is what `etherparse` reads, and it is written back as a frame that both read the same.
pub fn frame_matches_oracle(bytes: &[u8]) {
    let Ok(read) = UdpFrame::read(bytes) else { return };
    agree(&read, bytes);
    if read.payload.len() > MAX_DATAGRAM {
        return;
    }
    let header = FrameHeader { link: read.link, from: read.from, to: read.to, dscp: read.dscp };
    let mut room = vec![0xa5; MAX_HEADER + read.payload.len()];
    let written = header.write(read.payload, &mut room);
    assert_eq!(written, Ok(header.len() + read.payload.len()));
    let frame = room.get(..header.len() + read.payload.len()).unwrap_or_default();
    assert_eq!(UdpFrame::read(frame), Ok(read));
    agree(&read, frame);
    assert_eq!(checksum_of(frame), right_checksum(&read));
}

/// Asserts that the oracle reads `bytes` as `read`.
fn agree(read: &UdpFrame<'_>, bytes: &[u8]) {
    let oracle = match SlicedPacket::from_ethernet(bytes) {
        Ok(oracle) => oracle,
        Err(error) => unreachable!("the oracle says {error}"),
    };
    let Some(LinkSlice::Ethernet2(link)) = &oracle.link else { unreachable!("no Ethernet for the oracle") };
    assert_eq!((Mac(link.destination()), Mac(link.source())), (read.link.destination, read.link.source));
    let vlans: Vec<u16> = oracle.vlan_ids().into_iter().map(|id| id.value()).collect();
    assert_eq!(vlans, read.link.vlan.into_iter().collect::<Vec<_>>());
    let (from, to, dscp): (IpAddr, IpAddr, u8) = match &oracle.net {
        Some(NetSlice::Ipv4(ip)) => {
            assert!(!ip.is_payload_fragmented());
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), header.dcp().value())
        }
        Some(NetSlice::Ipv6(ip)) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), header.dscp().value())
        }
        _ => unreachable!("no IP for the oracle"),
    };
    let Some(TransportSlice::Udp(udp)) = &oracle.transport else { unreachable!("no UDP for the oracle") };
    assert_eq!((read.from.ip(), read.to.ip(), read.dscp), (from, to, dscp));
    assert_eq!((read.from.port(), read.to.port()), (udp.source_port(), udp.destination_port()));
    assert_eq!(read.payload, udp.payload());
}

/// The checksum that the frame carries.
fn checksum_of(frame: &[u8]) -> Option<u16> {
    match SlicedPacket::from_ethernet(frame).ok()?.transport? {
        TransportSlice::Udp(udp) => Some(udp.checksum()),
        _ => None,
    }
}

/// The checksum that the oracle gives a datagram.
fn right_checksum(read: &UdpFrame<'_>) -> Option<u16> {
    let (from, to) = (read.from.port(), read.to.port());
    let header = match (read.from, read.to) {
        (SocketAddr::V4(a), SocketAddr::V4(b)) => {
            let (a, b) = (a.ip().octets(), b.ip().octets());
            UdpHeader::without_ipv4_checksum(from, to, read.payload.len())
                .and_then(|header| header.calc_checksum_ipv4_raw(a, b, read.payload))
        }
        (SocketAddr::V6(a), SocketAddr::V6(b)) => {
            let (a, b) = (a.ip().octets(), b.ip().octets());
            UdpHeader::without_ipv4_checksum(from, to, read.payload.len())
                .and_then(|header| header.calc_checksum_ipv6_raw(a, b, read.payload))
        }
        _ => return None,
    };
    header.ok()
}
