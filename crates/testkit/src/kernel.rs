//! A packet I/O backend that forwards streams by itself, as the XDP program does, in a world: the same rules in plain steps.

use std::net::SocketAddr;

use mediapoint_engine::session::port::PortKey;
use mediapoint_net::{Forwarded, ForwardingRule, NotForwarded, Port};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{FIXED_HEADER_LEN, RtpTicks, RtpView, Seq};

/// By how much the sequence number of a packet may be ahead of the newest one's.
const MAX_STEP: i16 = 64;

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has been rewritten, and leaves by this port for there.
    Forward(PortKey, SocketAddr),
    /// It is the session's.
    Pass,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    rule: ForwardingRule,
    forwarded: Forwarded,
}

/// The rules that are in force, and what was counted.
#[derive(Debug, Default)]
pub struct Kernel {
    /// What it answers in place of taking a rule.
    pub refuses: Option<NotForwarded>,
    /// Rules that it has been asked to take.
    pub asked: u64,
    /// Rules that it took.
    pub taken: u64,
    /// Packets that it forwarded.
    pub forwarded: u64,
    entries: Vec<Entry>,
}

impl Kernel {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::with_capacity(4096), ..Self::default() }
    }

    /// Rules in force, closed ones among them.
    #[must_use]
    pub const fn rules(&self) -> usize {
        self.entries.len()
    }

    /// True where a stream that comes to this port is forwarded.
    #[must_use]
    pub fn has(&self, port: PortKey) -> bool {
        self.entries.iter().any(|entry| is_of(entry, port) && !entry.forwarded.closed)
    }

    pub(crate) fn forward(&mut self, rule: &ForwardingRule) -> Result<(), NotForwarded> {
        self.asked += 1;
        assert!(!self.entries.iter().any(|entry| entry.rule.port == rule.port), "one rule a port");
        assert!(rule.clock_rate > 0 && !(64..=95).contains(&rule.payload_type), "a rule in its range");
        if let Some(refusal) = self.refuses {
            return Err(refusal);
        }
        self.taken += 1;
        let forwarded = Forwarded {
            packets: 0,
            octets: 0,
            sequence: rule.sequence,
            advance: 0,
            seen: 0,
            timestamp: rule.timestamp,
            transit: rule.transit,
            jitter: rule.jitter,
            bursts: 0,
            at: rule.at,
            closed: false,
        };
        self.entries.push(Entry { rule: *rule, forwarded });
        Ok(())
    }

    pub(crate) fn forwarded(&self, port: Port) -> Option<Forwarded> {
        self.entries.iter().find(|entry| entry.rule.port == port).map(|entry| entry.forwarded)
    }

    pub(crate) fn take_back(&mut self, port: Port) -> Option<Forwarded> {
        let place = self.entries.iter().position(|entry| entry.rule.port == port)?;
        Some(self.entries.swap_remove(place).forwarded)
    }

    /// A port is closed: whoever owned it has taken its stream back, and what was sent from it.
    pub(crate) fn close(&self, port: PortKey) {
        let used = |entry: &&Entry| {
            is_of(entry, port) || entry.rule.out.index() == usize::try_from(port.0).unwrap_or(usize::MAX)
        };
        assert!(self.entries.iter().find(used).is_none(), "{port:?} is closed under a rule");
    }

    /// Forgets all rules: the session that made them is gone.
    pub(crate) fn forget(&mut self) {
        self.entries.clear();
    }

    /// Takes in a datagram that came to a port.
    pub(crate) fn take(&mut self, now: Time, port: PortKey, from: SocketAddr, bytes: &mut [u8]) -> Verdict {
        let Some(entry) = self.entries.iter_mut().find(|entry| is_of(entry, port)) else {
            return Verdict::Pass;
        };
        let [first, second, ..] = *bytes else { return Verdict::Pass };
        // What is no RTP is none of its business [RFC7983 7], [RFC5761 4].
        if entry.forwarded.closed || !(128..=191).contains(&first) || (192..=223).contains(&second) {
            return Verdict::Pass;
        }
        if !entry.take(now, from, bytes) {
            entry.forwarded.closed = true;
            return Verdict::Pass;
        }
        self.forwarded += 1;
        Verdict::Forward(PortKey(u32::try_from(entry.rule.out.index()).unwrap_or(u32::MAX)), entry.rule.to)
    }
}

fn is_of(entry: &Entry, port: PortKey) -> bool {
    usize::try_from(port.0).is_ok_and(|port| entry.rule.port.index() == port)
}

/// A signed number of 32 bits as its bits.
fn low_32(number: i64) -> u32 {
    u32::try_from(number.cast_unsigned() & 0xffff_ffff).unwrap_or(0)
}

impl Entry {
    /// Counts and rewrites a packet; false for one that does not fit.
    fn take(&mut self, now: Time, from: SocketAddr, bytes: &mut [u8]) -> bool {
        let Self { rule, forwarded } = self;
        let Ok(view) = RtpView::parse(bytes) else { return false };
        let step = view.sequence().distance_from(Seq(forwarded.sequence));
        let most = if forwarded.packets == 0 { 1 } else { MAX_STEP };
        let (sequence, timestamp) = (view.sequence().0, view.timestamp());
        let clock =
            (u128::from(now.as_nanos() / 1000) * u128::from(rule.clock_rate) / 1_000_000) & 0xffff_ffff;
        let clock = u32::try_from(clock).unwrap_or(0);
        let transit = i64::from(clock.wrapping_sub(timestamp.0).cast_signed());
        let leap =
            i64::from(clock.wrapping_sub(timestamp.0).wrapping_sub(low_32(forwarded.transit)).cast_signed());
        let fits = from == rule.from
            && bytes.first() == Some(&0x80)
            && view.payload_type().get() == rule.payload_type
            && !view.marker()
            && view.ssrc().0 == rule.ssrc
            && bytes.len() == FIXED_HEADER_LEN + usize::from(rule.payload_len)
            && (1..=most).contains(&step)
            && timestamp.distance_from(RtpTicks(forwarded.timestamp)) > 0
            && leap.unsigned_abs() < u64::from(rule.clock_rate);
        if !fits {
            return false;
        }
        let distance = transit.wrapping_sub(forwarded.transit).unsigned_abs();
        if distance < u64::from(rule.clock_rate) {
            forwarded.jitter = (forwarded.jitter + distance).saturating_sub((forwarded.jitter + 8) >> 4);
        }
        forwarded.packets += 1;
        forwarded.octets += u64::from(rule.payload_len);
        forwarded.advance += u64::from(step.unsigned_abs());
        forwarded.bursts += u64::from(step > 1);
        forwarded.seen = forwarded.seen.checked_shl(u32::from(step.unsigned_abs())).unwrap_or(0) | 1;
        (forwarded.sequence, forwarded.timestamp) = (sequence, timestamp.0);
        (forwarded.transit, forwarded.at) = (transit, now);
        let header = [0x80, rule.out_payload_type].into_iter();
        let header = header.chain(sequence.wrapping_add(rule.sequence_offset).to_be_bytes());
        let header = header.chain(timestamp.0.wrapping_add(rule.timestamp_offset).to_be_bytes());
        let header = header.chain(rule.out_ssrc.to_be_bytes());
        bytes.iter_mut().zip(header).for_each(|(octet, new)| *octet = new);
        true
    }
}
