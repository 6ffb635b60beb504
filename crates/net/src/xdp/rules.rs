//! Forwarding rules as the program at an interface has them: which places are free, and what stands in one.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use mediapoint_packet::frame::{FrameHeader, MAX_HEADER};

use super::bpf::Map;
use super::cells::{Cell, Cells, FIXED, State};
use crate::forwarding::ForwardingRule;

/// Octets of an RTP header without CSRC and extension.
pub(super) const RTP_HEADER: usize = 12;

/// Octets of a datagram that is forwarded at most, with the RTP header: what the program adds up in blocks.
pub(super) const LONGEST: usize = 1023;

/// Jitter that a rule may begin with, so that no sum of it overflows: a tenth of an hour at 48,000 Hz.
const MOST_JITTER: u64 = 1 << 28;

/// What stands in the place of a tag where there is none.
pub(super) const UNTAGGED: u32 = 0x1_0000;

/// Where in a cell things lie, in octets. All of more than one octet is as a load from the frame gives it, unless it says
/// that it is a number.
pub(super) mod at {
    pub(crate) const GATE: i16 = 0;
    pub(crate) const NEWEST: i16 = 8;
    pub(crate) const PACKETS: i16 = 16;
    pub(crate) const BURSTS: i16 = 24;
    pub(crate) const TRANSIT: i16 = 32;
    pub(crate) const JITTER: i16 = 40;
    pub(crate) const ARRIVAL: i16 = 48;
    pub(crate) const TIMESTAMP: i16 = 56;
    /// Both addresses, source first, as they follow each other in the header: 8 octets or 32.
    pub(crate) const ADDRESSES: i16 = 64;
    /// Both ports, source first.
    pub(crate) const PORTS: i16 = 96;
    /// The length in the UDP header.
    pub(crate) const UDP_LENGTH: i16 = 100;
    /// The length in the IP header.
    pub(crate) const IP_LENGTH: i16 = 104;
    /// The first two octets of RTP.
    pub(crate) const HEAD: i16 = 108;
    pub(crate) const SSRC: i16 = 112;
    /// Number: octets of the datagram.
    pub(crate) const LENGTH: i16 = 116;
    /// Number.
    pub(crate) const CLOCK_RATE: i16 = 120;
    /// The second word of the tag, or [`UNTAGGED`](super::UNTAGGED).
    pub(crate) const TAG: i16 = 124;
    /// Destination and source station.
    pub(crate) const STATIONS: i16 = 128;
    /// The whole header, 20 octets or 40.
    pub(crate) const OUT_IP: i16 = 140;
    pub(crate) const OUT_PORTS: i16 = 180;
    pub(crate) const OUT_HEAD: i16 = 184;
    pub(crate) const OUT_SSRC: i16 = 188;
    /// Number.
    pub(crate) const SEQUENCE_OFFSET: i16 = 192;
    /// Number.
    pub(crate) const TIMESTAMP_OFFSET: i16 = 196;
    /// What the sum over a packet changes by, but for sequence number and timestamp.
    pub(crate) const SUM_CHANGE: i16 = 200;
    /// The sums over the pseudo-headers, as it came and as it leaves.
    pub(crate) const PSEUDO: i16 = 204;
    pub(crate) const OUT_PSEUDO: i16 = 208;
    /// The sum over what stands before the datagram as it leaves: pseudo-header, ports and length.
    pub(crate) const OUT_SUM: i16 = 212;
    /// Number: which of the newest packets were forwarded.
    pub(crate) const SEEN: i16 = 248;
}

/// The rules of an interface.
#[derive(Debug)]
pub(super) struct Rules {
    map: Map,
    cells: Cells,
    places: Mutex<Places>,
    count: u32,
}

#[derive(Debug, Default)]
struct Places {
    /// From here on none has been used.
    fresh: u32,
    free: Vec<u32>,
    /// Given back while a CPU was in there.
    busy: Vec<u32>,
    /// The number of the last rule.
    last: u64,
}

/// The place of a rule, and its gate as it stands open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) index: u32,
    pub(super) gate: u64,
}

impl Rules {
    /// Room for so many rules, at least one.
    pub(super) fn new(count: u32) -> io::Result<Self> {
        let map = Map::mappable_array(size_of::<Cell>(), count)?;
        let cells = Cells::new(map.as_fd(), count)?;
        Ok(Self { map, cells, places: Mutex::default(), count })
    }

    /// The map, as the program looks them up by their index.
    pub(super) fn map(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }

    /// Opens a rule in a free place; `None` where there is none.
    pub(super) fn open(&self, fixed: &[u8; FIXED], state: &State) -> Option<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.take(&mut places)?;
        places.last += 1;
        let gate = self.cells.get(index)?.open(places.last, state, fixed);
        Some(Place { index, gate })
    }

    fn take(&self, places: &mut Places) -> Option<u32> {
        if let Some(index) = places.free.pop() {
            return Some(index);
        }
        if places.fresh < self.count {
            places.fresh += 1;
            return Some(places.fresh - 1);
        }
        let left = places.busy.iter().position(|index| self.cells.get(*index).is_some_and(Cell::is_left))?;
        Some(places.busy.swap_remove(left))
    }

    /// The cell of a place that [`Self::open`] gave.
    pub(super) fn cell(&self, place: Place) -> Option<&Cell> {
        self.cells.get(place.index)
    }

    /// Closes a rule and gives its place back; what it forwarded, and whether it was open. A place that a CPU does not leave is not used again
    /// before it does.
    pub(super) fn end(&self, place: Place) -> (State, bool) {
        let Some(cell) = self.cells.get(place.index) else { return (State::default(), false) };
        let was_open = cell.close();
        let is_left = cell.wait_until_left();
        let state = cell.state();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if is_left {
            places.free.push(place.index)
        } else {
            places.busy.push(place.index)
        }
        (state, was_open)
    }
}

/// What a rule begins with.
pub(super) fn first_state(rule: &ForwardingRule) -> State {
    State {
        newest: u64::from(rule.sequence),
        packets: 0,
        bursts: 0,
        seen: 0,
        transit: rule.transit,
        jitter: rule.jitter.min(MOST_JITTER),
        at: rule.at.as_nanos(),
        timestamp: rule.timestamp,
    }
}

/// What stands in a cell as long as its rule exists: for packets to `local` that leave with `out`. `None` where the rule is
/// out of range, or its addresses are of two families.
pub(super) fn fixed(rule: &ForwardingRule, local: SocketAddr, out: &FrameHeader) -> Option<[u8; FIXED]> {
    let is_rtp = rule.payload_type < 128 && !(64..96).contains(&rule.payload_type);
    let len = RTP_HEADER + usize::from(rule.payload_len);
    if !is_rtp || rule.out_payload_type > 127 || rule.clock_rate == 0 || len > LONGEST {
        return None;
    }
    let came = headers(&FrameHeader { from: rule.from, to: local, ..*out }, len)?;
    let leaves = headers(out, len)?;
    if came.ip.len() != leaves.ip.len() {
        return None;
    }
    let (head, out_head) = ([0x80, rule.payload_type], [0x80, rule.out_payload_type]);
    let (ssrc, out_ssrc) = (rule.ssrc.to_be_bytes(), rule.out_ssrc.to_be_bytes());
    let before = came.pseudo + sum(&came.ports) + sum(&head) + sum(&ssrc);
    let after = leaves.pseudo + sum(&leaves.ports) + sum(&out_head) + sum(&out_ssrc);
    let mut cell = Cursor([0; FIXED]);
    cell.put(at::ADDRESSES, came.addresses()?);
    cell.put(at::PORTS, &came.ports);
    cell.put(at::UDP_LENGTH, &came.udp_length);
    cell.put(at::IP_LENGTH, came.ip_length()?);
    cell.put(at::HEAD, &head);
    cell.put(at::SSRC, &ssrc);
    cell.number(at::LENGTH, u32::try_from(len).ok()?);
    cell.number(at::CLOCK_RATE, rule.clock_rate);
    cell.number(at::TAG, out.link.vlan.map_or(UNTAGGED, |tag| u32::from((tag & 0x0fff).to_be())));
    cell.put(at::STATIONS, &out.link.destination.0);
    cell.put(at::STATIONS + 6, &out.link.source.0);
    cell.put(at::OUT_IP, &leaves.ip);
    cell.put(at::OUT_PORTS, &leaves.ports);
    cell.put(at::OUT_HEAD, &out_head);
    cell.put(at::OUT_SSRC, &out_ssrc);
    cell.number(at::SEQUENCE_OFFSET, u32::from(rule.sequence_offset));
    cell.number(at::TIMESTAMP_OFFSET, rule.timestamp_offset);
    // In ones' complement the inverse is the negative.
    cell.put(at::SUM_CHANGE, &folded(u64::from(!folded(before)) + after).to_be_bytes());
    cell.put(at::PSEUDO, &folded(came.pseudo).to_be_bytes());
    cell.put(at::OUT_PSEUDO, &folded(leaves.pseudo).to_be_bytes());
    let out_sum = leaves.pseudo + sum(&leaves.ports) + sum(&leaves.udp_length);
    cell.put(at::OUT_SUM, &folded(out_sum).to_be_bytes());
    Some(cell.0)
}

/// The parts of a header that matter here.
struct Headers {
    ip: Vec<u8>,
    ports: [u8; 4],
    udp_length: [u8; 2],
    /// The sum over the pseudo-header.
    pseudo: u64,
}

/// The headers of a datagram of `len` octets; `None` where the addresses are of two families.
fn headers(header: &FrameHeader, len: usize) -> Option<Headers> {
    let mut room = [0; MAX_HEADER + LONGEST];
    header.write([0; LONGEST].get(..len)?, &mut room).ok()?;
    let link = if header.link.vlan.is_some() { 18 } else { 14 };
    let ip_len = if header.to.is_ipv4() { 20 } else { 40 };
    let (ip, udp) = room.get(link..)?.split_at_checked(ip_len)?;
    let (ports, rest) = udp.split_first_chunk::<4>()?;
    let udp_length = *rest.first_chunk::<2>()?;
    let addresses = match (header.from.ip(), header.to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => sum(&from.octets()) + sum(&to.octets()),
        (IpAddr::V6(from), IpAddr::V6(to)) => sum(&from.octets()) + sum(&to.octets()),
        _ => return None,
    };
    // [RFC768] The pseudo-header: addresses, protocol, length.
    let pseudo = addresses + 17 + sum(&udp_length);
    Some(Headers { ip: ip.to_vec(), ports: *ports, udp_length, pseudo })
}

impl Headers {
    fn addresses(&self) -> Option<&[u8]> {
        self.ip.get(if self.ip.len() == 20 { 12 } else { 8 }..)
    }

    fn ip_length(&self) -> Option<&[u8]> {
        self.ip.get(if self.ip.len() == 20 { 2..4 } else { 4..6 })
    }
}

/// The sum of an even number of octets as 16-bit numbers.
fn sum(octets: &[u8]) -> u64 {
    octets.as_chunks::<2>().0.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum()
}

/// A sum in ones' complement [RFC1071 1].
fn folded(mut sum: u64) -> u16 {
    while sum > u64::from(u16::MAX) {
        sum = (sum >> 16) + (sum & u64::from(u16::MAX));
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

/// The fixed part of a cell being written.
struct Cursor([u8; FIXED]);

impl Cursor {
    /// A part of the frame, so that a load of it from the cell gives what a load from the frame does.
    ///
    /// Two octets are loaded as 16 bits and kept as a number of 32, whichever end comes first.
    fn put(&mut self, at: i16, octets: &[u8]) {
        if let Ok(half) = <[u8; 2]>::try_from(octets) {
            return self.number(at, u32::from(u16::from_ne_bytes(half)));
        }
        let start = usize::try_from(at - at::ADDRESSES).unwrap_or(FIXED);
        for (to, from) in self.0.iter_mut().skip(start).zip(octets) {
            *to = *from;
        }
    }

    fn number(&mut self, at: i16, number: u32) {
        self.put(at, &number.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use mediapoint_packet::Time;
    use mediapoint_packet::frame::{Link, Mac};

    use super::*;
    use crate::io::Port;

    fn rule() -> ForwardingRule {
        ForwardingRule {
            port: Port::new(0),
            from: "192.0.2.1:5004".parse().unwrap(),
            ssrc: 1,
            payload_type: 0,
            payload_len: 160,
            sequence: 65_535,
            timestamp: 2,
            transit: -3,
            jitter: 4,
            clock_rate: 8000,
            at: Time::from_nanos(5),
            out: Port::new(1),
            to: "192.0.2.9:6000".parse().unwrap(),
            out_ssrc: 6,
            out_payload_type: 8,
            sequence_offset: 7,
            timestamp_offset: 8,
        }
    }

    fn out(from: &str, to: &str) -> FrameHeader {
        let link = Link { destination: Mac([1; 6]), source: Mac([2; 6]), vlan: None };
        FrameHeader { link, from: from.parse().unwrap(), to: to.parse().unwrap(), dscp: 46 }
    }

    #[test]
    fn a_rule_that_is_out_of_range_is_none() {
        let local = "198.51.100.7:30000".parse().unwrap();
        let header = out("198.51.100.7:30002", "192.0.2.9:6000");
        assert!(fixed(&rule(), local, &header).is_some());
        for change in [
            ForwardingRule { payload_type: 64, ..rule() },
            ForwardingRule { payload_type: 95, ..rule() },
            ForwardingRule { payload_type: 128, ..rule() },
            ForwardingRule { out_payload_type: 128, ..rule() },
            ForwardingRule { payload_len: 1012, ..rule() },
            ForwardingRule { clock_rate: 0, ..rule() },
            ForwardingRule { from: "[2001:db8::1]:5004".parse().unwrap(), ..rule() },
        ] {
            assert!(fixed(&change, local, &header).is_none(), "{change:?}");
        }
        assert!(fixed(&ForwardingRule { payload_len: 1011, ..rule() }, local, &header).is_some());
        let six = out("[2001:db8::2]:30002", "[2001:db8::9]:6000");
        assert!(fixed(&rule(), local, &six).is_none(), "from one family to the other");
    }

    #[test]
    fn places_are_used_again_and_none_twice_and_a_busy_one_waits() {
        use std::sync::atomic::Ordering;
        let rules = match Rules::new(2) {
            Ok(rules) => rules,
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                println!("skipped: maps of the kernel need CAP_BPF ({error})");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let (fixed, state) = ([0; FIXED], first_state(&rule()));
        let first = rules.open(&fixed, &state).unwrap();
        let second = rules.open(&fixed, &state).unwrap();
        assert_ne!(first.index, second.index);
        assert_eq!(rules.open(&fixed, &state), None);
        assert_eq!(rules.end(first), (state, true));
        let third = rules.open(&fixed, &state).unwrap();
        assert_eq!(third.index, first.index);
        assert_ne!(third.gate, first.gate, "another rule, another gate");
        // A CPU is in there, and stays.
        let gate = &rules.cell(third).unwrap().gate;
        gate.fetch_or(super::super::cells::BUSY, Ordering::AcqRel);
        rules.end(third);
        assert_eq!(rules.open(&fixed, &state), None);
        gate.store(0, Ordering::Release);
        assert_eq!(rules.open(&fixed, &state).unwrap().index, third.index);
    }
}
