//! What the part of the program that forwards is meant to do, over octets.

use std::net::{IpAddr, SocketAddr};

use mediapoint_packet::frame::FrameHeader;

use super::Partial;
use crate::forwarding::ForwardingRule;
use crate::xdp::cells::State;

pub(super) const PASS: u32 = 2;
pub(super) const TX: u32 = 3;
pub(super) const REDIRECT: u32 = 4;

/// One port with its rule.
#[derive(Debug, Clone)]
pub(super) struct Twin {
    pub(super) rule: ForwardingRule,
    pub(super) local: SocketAddr,
    pub(super) out: FrameHeader,
    pub(super) partial: Partial,
    pub(super) state: State,
    pub(super) open: bool,
}

/// Where the parts of a frame lie.
#[derive(Debug, Clone, Copy)]
struct Places {
    tagged: bool,
    ip: usize,
    udp: usize,
    rtp: usize,
}

fn half(frame: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([frame[at], frame[at + 1]])
}

fn word(frame: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(frame[at..at + 4].try_into().unwrap())
}

fn set_half(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// A sum over octets, as if a zero followed an odd one.
fn sum(octets: &[u8]) -> u64 {
    octets.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0))).sum()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// The sum over a pseudo-header, 1..=65535.
pub(super) fn pseudo(from: IpAddr, to: IpAddr, len: u16) -> u16 {
    let sum = sum(&octets(from)) + sum(&octets(to)) + 17 + u64::from(len);
    u16::try_from((sum - 1) % 65_535 + 1).unwrap()
}

/// Where things lie in a frame to a port at `local`; `None` where it is the kernel's.
fn places(frame: &[u8], local: SocketAddr) -> Option<Places> {
    if frame.len() < 14 || frame.len() > 1600 {
        return None;
    }
    let tagged = half(frame, 12) == 0x8100;
    let ip = if tagged { 18 } else { 14 };
    if frame.len() < ip {
        return None;
    }
    let udp = match half(frame, ip - 2) {
        0x0800 => ip + 20,
        0x86dd => ip + 40,
        _ => return None,
    };
    if frame.len() < udp + 8 {
        return None;
    }
    let to: IpAddr = if udp - ip == 20 {
        let fragment = half(frame, ip + 6) & 0x3fff;
        if frame[ip] != 0x45 || fragment != 0 || frame[ip + 9] != 17 {
            return None;
        }
        <[u8; 4]>::try_from(&frame[ip + 16..ip + 20]).unwrap().into()
    } else {
        if frame[ip + 6] != 17 {
            return None;
        }
        <[u8; 16]>::try_from(&frame[ip + 24..ip + 40]).unwrap().into()
    };
    (SocketAddr::new(to, half(frame, udp + 2)) == local).then_some(Places { tagged, ip, udp, rtp: udp + 8 })
}

impl Twin {
    /// Takes a frame that comes at `now`; what the program is to return.
    pub(super) fn take(&mut self, now: u64, frame: &mut [u8]) -> u32 {
        let Some(at) = places(frame, self.local) else { return PASS };
        let is_rtp = frame.len() >= at.rtp + 12
            && (128..192).contains(&frame[at.rtp])
            && !(192..224).contains(&frame[at.rtp + 1]);
        if !self.open || !is_rtp {
            return REDIRECT;
        }
        if !self.fits(at, frame) || self.leaps(now, word(frame, at.rtp + 4)) {
            self.open = false;
            return REDIRECT;
        }
        let (step, timestamp) = (self.step(at, frame), word(frame, at.rtp + 4));
        self.rewrite(at, frame);
        self.count(now, step, timestamp);
        TX
    }

    fn step(&self, at: Places, frame: &[u8]) -> u16 {
        half(frame, at.rtp + 2).wrapping_sub(u16::try_from(self.state.newest & 0xffff).unwrap())
    }

    fn fits(&self, at: Places, frame: &[u8]) -> bool {
        let Self { rule, state, out, .. } = self;
        let len = 12 + usize::from(rule.payload_len);
        let (ip, udp, rtp) = (at.ip, at.udp, at.rtp);
        let from = if rule.from.is_ipv4() {
            let ip_len = usize::from(half(frame, ip + 2));
            if frame[ip + 8] < 2 || ip_len != 28 + len {
                return false;
            }
            <[u8; 4]>::try_from(&frame[ip + 12..ip + 16]).unwrap().into()
        } else {
            let ip_len = usize::from(half(frame, ip + 4));
            let none = half(frame, udp + 6) == 0;
            if frame[ip] >> 4 != 6 || frame[ip + 7] < 2 || ip_len != 8 + len || none {
                return false;
            }
            <[u8; 16]>::try_from(&frame[ip + 8..ip + 24]).unwrap().into()
        };
        let most = if state.packets == 0 { 1 } else { 64 };
        let ahead = word(frame, rtp + 4).wrapping_sub(state.timestamp);
        SocketAddr::new(from, half(frame, udp)) == rule.from
            && usize::from(half(frame, udp + 4)) == 8 + len
            && frame.len() >= rtp + len
            && at.tagged == out.link.vlan.is_some()
            && frame[rtp..rtp + 2] == [0x80, rule.payload_type]
            && word(frame, rtp + 8) == rule.ssrc
            && (1..=most).contains(&self.step(at, frame))
            && (1..0x8000_0000).contains(&ahead)
    }

    /// Arrival less timestamp, a difference of 32-bit clocks.
    pub(super) fn transit(rate: u32, now: u64, timestamp: u32) -> i64 {
        let clock = (now / 1000).wrapping_mul(u64::from(rate)) / 1_000_000;
        let clock = u32::try_from(clock & 0xffff_ffff).unwrap();
        i64::from(clock.wrapping_sub(timestamp).cast_signed())
    }

    /// True where the timestamp departs from the clock by a second or more since the newest packet.
    fn leaps(&self, now: u64, timestamp: u32) -> bool {
        let transit = Self::transit(self.rule.clock_rate, now, timestamp);
        let change = u32::try_from(transit.wrapping_sub(self.state.transit) & 0xffff_ffff).unwrap();
        change.cast_signed().unsigned_abs() >= self.rule.clock_rate
    }

    fn rewrite(&self, at: Places, frame: &mut [u8]) {
        let Self { rule, out, .. } = self;
        let len = 12 + usize::from(rule.payload_len);
        let udp_len = half(frame, at.udp + 4);
        let checksum = half(frame, at.udp + 6);
        let came = pseudo(rule.from.ip(), self.local.ip(), udp_len);
        let total = u64::from(came) + sum(&frame[at.udp..at.rtp + len]);
        let mut rtp = frame[at.rtp..at.rtp + len].to_vec();
        rtp[1] = rule.out_payload_type;
        let (sequence, timestamp) = (half(&rtp, 2), word(&rtp, 4));
        set_half(&mut rtp, 2, sequence.wrapping_add(rule.sequence_offset));
        rtp[4..8].copy_from_slice(&timestamp.wrapping_add(rule.timestamp_offset).to_be_bytes());
        rtp[8..12].copy_from_slice(&rule.out_ssrc.to_be_bytes());
        // As the engine would send it, with a right checksum.
        let mut sent = vec![0; at.rtp + len];
        assert_eq!(out.write(&rtp, &mut sent), Ok(sent.len()));
        let leaves = pseudo(out.from.ip(), out.to.ip(), udp_len);
        let right = half(&sent, at.udp + 6);
        let kept = match checksum {
            0 => 0,
            // Of what never left the machine.
            sum if sum == came && !total.is_multiple_of(65_535) => match self.partial {
                Partial::Complete => right,
                Partial::Keep => leaves,
            },
            // As wrong as it was.
            _ => match (total + u64::from(right)) % 65_535 {
                0 => 0xffff,
                sum => u16::try_from(sum).unwrap(),
            },
        };
        set_half(&mut sent, at.udp + 6, kept);
        frame[..sent.len()].copy_from_slice(&sent);
    }

    /// As the engine counts [RFC3550 A.1, A.8].
    fn count(&mut self, now: u64, step: u16, timestamp: u32) {
        let (state, rate) = (&mut self.state, u64::from(self.rule.clock_rate));
        state.newest += u64::from(step);
        state.packets += 1;
        state.bursts += u64::from(step > 1);
        state.seen = state.seen.checked_shl(u32::from(step)).unwrap_or(0) | 1;
        (state.timestamp, state.at) = (timestamp, now);
        let transit = Self::transit(self.rule.clock_rate, now, timestamp);
        let distance = transit.wrapping_sub(state.transit).unsigned_abs();
        if distance < rate {
            state.jitter = (state.jitter + distance).saturating_sub((state.jitter + 8) >> 4);
        }
        state.transit = transit;
    }
}
