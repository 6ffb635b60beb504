//! Ethernet frames that carry one UDP datagram: read into a view, written into the caller's buffer.
//!
//! For backends that take frames from the network card past the kernel's own stack. Read are Ethernet II with at most one VLAN
//! tag (IEEE 802.1Q), IPv4 without options and IPv6 without extension headers. Everything else, fragments above all, is
//! refused with a reason: it is for the kernel. What the kernel would drop is refused too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::cursor::{Cursor, Sink};
use crate::error::{Malformed, TooShort};

mod checksum;

use checksum::Sum;

/// Octets before the datagram at most: Ethernet with one tag, IPv6, UDP.
pub const MAX_HEADER: usize = 18 + V6_HEADER + UDP_HEADER;

/// Octets of a datagram that [`FrameHeader::write`] takes at most, so that its length fits the fields of UDP and IP.
pub const MAX_DATAGRAM: usize = 65_507;

const V4_HEADER: u16 = 20;
const V6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;

/// Types of what an Ethernet header is followed by.
const ETHERTYPE_V4: u16 = 0x0800;
const ETHERTYPE_V6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;

/// [RFC791 3.1] The protocol number of UDP, for IPv6 the next header.
const UDP: u8 = 17;

/// Version 4, a header of five words.
const V4_WITHOUT_OPTIONS: u8 = 0x45;

/// "Don't fragment" among the flags. It allows an identification of zero [RFC6864 4.1].
const DONT_FRAGMENT: u16 = 0x4000;

/// More fragments, and the offset of a fragment.
const FRAGMENTED: u16 = 0x3fff;

/// Routers that a datagram passes at most: what the kernel gives by default.
const HOP_LIMIT: u8 = 64;

/// The part of the second word of a tag that names the network; the rest is priority.
const VLAN_ID: u16 = 0x0fff;

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mac(pub [u8; 6]);

/// Between which stations a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link {
    /// Who is to take it.
    pub destination: Mac,
    /// Who sent it.
    pub source: Mac,
    /// The VLAN that it is tagged with, 0..=4095.
    pub vlan: Option<u16>,
}

/// Why a frame is not read as a UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotUdp {
    /// It ends inside a header, or before the length of one.
    #[error("the frame is cut short")]
    Truncated,
    /// It carries neither IPv4 nor IPv6, or has several tags.
    #[error("ethernet type {0:#06x} is neither IPv4 nor IPv6")]
    EtherType(u16),
    /// The version is another than the Ethernet type says, or there are options.
    #[error("first octet {0:#04x} is not that of a plain header")]
    Header(u8),
    /// It is a part of a datagram.
    #[error("the datagram is fragmented")]
    Fragment,
    /// It is not UDP, or has extension headers.
    #[error("protocol {0} is not UDP")]
    Protocol(u8),
    /// A length field is shorter than its own header, or longer than what it counts.
    #[error("a length field says {0} octets")]
    Length(u16),
    /// The sum over the IPv4 header, or over the datagram, is wrong.
    #[error("the checksum is wrong")]
    Checksum,
    /// No station sends from this address: unspecified, loopback, multicast, broadcast, or IPv4 mapped into IPv6.
    #[error("the source address is none of a station")]
    Source,
}

impl From<Malformed> for NotUdp {
    fn from(_: Malformed) -> Self {
        Self::Truncated
    }
}

/// One UDP datagram in an Ethernet frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpFrame<'a> {
    /// The stations.
    pub link: Link,
    /// Who sent the datagram.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// How it is marked, 0..=63 [RFC2474 3].
    pub dscp: u8,
    /// The datagram.
    pub payload: &'a [u8],
}

impl<'a> UdpFrame<'a> {
    /// Reads a frame. What follows the datagram, such as padding of a short frame, is left out.
    ///
    /// The UDP checksum must be right, zero (none, IPv4 only), or the sum of the pseudo-header alone: that is what a virtual
    /// card hands over of a datagram that never left the machine, for the hardware that it does not have to complete.
    ///
    /// # Errors
    /// [`NotUdp`] with the reason.
    pub fn read(frame: &'a [u8]) -> Result<Self, NotUdp> {
        let mut cur = Cursor::new(frame);
        let (link, ethertype) = read_link(&mut cur)?;
        let ip = match ethertype {
            ETHERTYPE_V4 => read_v4(&mut cur)?,
            ETHERTYPE_V6 => read_v6(&mut cur)?,
            other => return Err(NotUdp::EtherType(other)),
        };
        if !is_station(ip.from) {
            return Err(NotUdp::Source);
        }
        let segment = cur.take(usize::from(ip.len))?;
        let mut cur = Cursor::new(segment);
        let (from, to, len, checksum) = (cur.u16()?, cur.u16()?, cur.u16()?, cur.u16()?);
        let whole = segment.get(..usize::from(len)).ok_or(NotUdp::Length(len))?;
        let payload = whole.get(UDP_HEADER..).ok_or(NotUdp::Length(len))?;
        check_sum(&ip, len, checksum, whole)?;
        Ok(Self {
            link,
            from: SocketAddr::new(ip.from, from),
            to: SocketAddr::new(ip.to, to),
            dscp: ip.dscp,
            payload,
        })
    }
}

/// What an IP header says.
struct Ip {
    from: IpAddr,
    to: IpAddr,
    dscp: u8,
    /// Octets that follow the header.
    len: u16,
}

fn read_link(cur: &mut Cursor<'_>) -> Result<(Link, u16), Malformed> {
    let (destination, source) = (Mac(cur.array()?), Mac(cur.array()?));
    let mut ethertype = cur.u16()?;
    let mut vlan = None;
    if ethertype == ETHERTYPE_VLAN {
        vlan = Some(cur.u16()? & VLAN_ID);
        ethertype = cur.u16()?;
    }
    Ok((Link { destination, source, vlan }, ethertype))
}

fn read_v4(cur: &mut Cursor<'_>) -> Result<Ip, NotUdp> {
    let header: [u8; V4_HEADER as usize] = cur.array()?;
    let mut fields = Cursor::new(&header);
    let [first, service] = fields.array()?;
    if first != V4_WITHOUT_OPTIONS {
        return Err(NotUdp::Header(first));
    }
    let (total, _identification, fragment) = (fields.u16()?, fields.u16()?, fields.u16()?);
    if fragment & FRAGMENTED != 0 {
        return Err(NotUdp::Fragment);
    }
    let [_hops, protocol] = fields.array()?;
    if protocol != UDP {
        return Err(NotUdp::Protocol(protocol));
    }
    // [RFC1071 1] The sum over what carries its own checksum is all ones.
    if Sum::new().add(&header).folded() != u16::MAX {
        return Err(NotUdp::Checksum);
    }
    let _checksum = fields.u16()?;
    let (from, to): ([u8; 4], [u8; 4]) = (fields.array()?, fields.array()?);
    let len = total.checked_sub(V4_HEADER).ok_or(NotUdp::Length(total))?;
    Ok(Ip { from: Ipv4Addr::from(from).into(), to: Ipv4Addr::from(to).into(), dscp: service >> 2, len })
}

fn read_v6(cur: &mut Cursor<'_>) -> Result<Ip, NotUdp> {
    let [first, second, _, _] = cur.array()?;
    if first >> 4 != 6 {
        return Err(NotUdp::Header(first));
    }
    let len = cur.u16()?;
    let [next, _hops] = cur.array()?;
    if next != UDP {
        return Err(NotUdp::Protocol(next));
    }
    let (from, to): ([u8; 16], [u8; 16]) = (cur.array()?, cur.array()?);
    // The traffic class lies across two octets; its upper six bits are the DSCP.
    let dscp = ((first << 4) | (second >> 4)) >> 2;
    Ok(Ip { from: Ipv6Addr::from(from).into(), to: Ipv6Addr::from(to).into(), dscp, len })
}

/// Checks the UDP checksum over the whole segment.
fn check_sum(ip: &Ip, len: u16, checksum: u16, segment: &[u8]) -> Result<(), NotUdp> {
    if checksum == 0 {
        // [RFC8200 8.1] Over IPv6 it is not optional.
        return if ip.from.is_ipv4() { Ok(()) } else { Err(NotUdp::Checksum) };
    }
    let pseudo = pseudo_header(ip.from, ip.to, len);
    if pseudo.add(segment).folded() == u16::MAX || pseudo.folded() == checksum {
        return Ok(());
    }
    Err(NotUdp::Checksum)
}

/// The sum over what of the IP header the UDP checksum covers [RFC768] [RFC8200 8.1].
fn pseudo_header(from: IpAddr, to: IpAddr, len: u16) -> Sum {
    let sum = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Sum::new().add(&from.octets()).add(&to.octets()),
        (from, to) => Sum::new().add(&octets_v6(from)).add(&octets_v6(to)),
    };
    sum.add(&[0, UDP]).add(&len.to_be_bytes())
}

fn octets_v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// False for source addresses that the kernel drops as of no station.
fn is_station(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            !(first == 0 || v4.is_loopback() || v4.is_multicast() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => {
            let no = v6.is_unspecified() || v6.is_loopback() || v6.is_multicast();
            !(no || v6.to_ipv4_mapped().is_some())
        }
    }
}

/// What stands before a datagram that is sent in a frame of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The stations.
    pub link: Link,
    /// Who sends the datagram.
    pub from: SocketAddr,
    /// To whom; of the same family.
    pub to: SocketAddr,
    /// How it is marked, 0..=63 [RFC2474 3].
    pub dscp: u8,
}

/// Why a frame is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameWriteError {
    /// The two addresses are of different families.
    #[error("one address is IPv4, the other IPv6")]
    Families,
    /// The datagram exceeds [`MAX_DATAGRAM`].
    #[error("a datagram of {0} octets does not fit one frame")]
    TooLong(usize),
    /// The room is shorter than the frame.
    #[error(transparent)]
    Room(#[from] TooShort),
}

impl FrameHeader {
    /// Octets that it takes before a datagram.
    #[must_use]
    pub const fn len(&self) -> usize {
        let link = if self.link.vlan.is_some() { 18 } else { 14 };
        let ip = if self.to.is_ipv4() { V4_HEADER as usize } else { V6_HEADER };
        link + ip + UDP_HEADER
    }

    /// False: there is no header of nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Writes the frame of `payload` to the beginning of `room`, with all checksums; returns its length. It is not padded to
    /// the least length of Ethernet, 60 octets: drivers do that.
    ///
    /// # Errors
    /// [`FrameWriteError`]; what is in the room then is undefined.
    pub fn write(&self, payload: &[u8], room: &mut [u8]) -> Result<usize, FrameWriteError> {
        if payload.len() > MAX_DATAGRAM {
            return Err(FrameWriteError::TooLong(payload.len()));
        }
        let too_long = |_| FrameWriteError::TooLong(payload.len());
        let len = u16::try_from(UDP_HEADER + payload.len()).map_err(too_long)?;
        let mut out = Sink::new(room);
        self.write_link(&mut out)?;
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                out.put(&self.v4(from, to, len))?;
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                out.put(&self.v6_head(len))?;
                out.put(&from.octets())?;
                out.put(&to.octets())?;
            }
            _ => return Err(FrameWriteError::Families),
        }
        let (from, to) = (self.from.port().to_be_bytes(), self.to.port().to_be_bytes());
        let sum = pseudo_header(self.from.ip(), self.to.ip(), len);
        let sum = sum.add(&from).add(&to).add(&len.to_be_bytes()).add(payload);
        out.put(&from)?;
        out.put(&to)?;
        out.u16(len)?;
        // [RFC768] A sum of zero is sent as all ones: zero means that there is none.
        out.u16(match !sum.folded() {
            0 => u16::MAX,
            sum => sum,
        })?;
        out.put(payload)?;
        Ok(self.len() + payload.len())
    }

    fn write_link(&self, out: &mut Sink<'_>) -> Result<(), TooShort> {
        out.put(&self.link.destination.0)?;
        out.put(&self.link.source.0)?;
        if let Some(vlan) = self.link.vlan {
            out.u16(ETHERTYPE_VLAN)?;
            out.u16(vlan & VLAN_ID)?;
        }
        out.u16(if self.to.is_ipv4() { ETHERTYPE_V4 } else { ETHERTYPE_V6 })
    }

    /// The IPv4 header of a segment of `len` octets.
    fn v4(&self, from: Ipv4Addr, to: Ipv4Addr, len: u16) -> [u8; V4_HEADER as usize] {
        let [total_high, total_low] = (len + V4_HEADER).to_be_bytes();
        let [flags, offset] = DONT_FRAGMENT.to_be_bytes();
        let ([f0, f1, f2, f3], [t0, t1, t2, t3]) = (from.octets(), to.octets());
        let service = self.dscp << 2;
        let header = |high, low| {
            [
                V4_WITHOUT_OPTIONS,
                service,
                total_high,
                total_low,
                0,
                0,
                flags,
                offset,
                HOP_LIMIT,
                UDP,
                high,
                low,
                f0,
                f1,
                f2,
                f3,
                t0,
                t1,
                t2,
                t3,
            ]
        };
        let [high, low] = (!Sum::new().add(&header(0, 0)).folded()).to_be_bytes();
        header(high, low)
    }

    /// The IPv6 header of a segment of `len` octets up to the addresses.
    fn v6_head(&self, len: u16) -> [u8; 8] {
        let class = self.dscp << 2;
        let [high, low] = len.to_be_bytes();
        [0x60 | class >> 4, class << 4, 0, 0, high, low, UDP, HOP_LIMIT]
    }
}

#[cfg(test)]
mod tests;
