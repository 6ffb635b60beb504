//! RTP streams that a backend forwards by itself: what it is given, and what it says of it.
//!
//! A worker that only passes a stream on gives the backend a [`ForwardingRule`]. From then on the packets that fit it do not
//! reach the worker. The first RTP packet that does not fit closes the rule before it goes to the worker, and all that follow
//! it do so too: the worker sees the stream in order, with a gap where the backend has forwarded. RTCP, STUN and DTLS always
//! reach the worker and close nothing.

use std::fmt;
use std::net::SocketAddr;

use mediapoint_packet::Time;

use crate::io::Port;

/// One direction of an RTP stream that a backend may forward by itself: from the sender to one port, to one destination.
///
/// A packet is forwarded if it comes from `from`, its first octet is 0x80 (version 2, no padding, extension or CSRC) and its
/// marker 0, payload type, SSRC and length are those of the rule, its sequence number is 1 to 64 ahead of the newest and its
/// timestamp ahead of the newest, both modulo their widths. Its timestamp must not leap: the transit departs from the newest
/// one's by less than a second of the RTP clock, modulo 2^32. The first packet must have just the next sequence number, so
/// that none is overtaken that waits for the worker. Hops must be left to the packet: a TTL of 1 does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardingRule {
    /// Where it is received. One rule a port.
    pub port: Port,
    /// The only source that it is forwarded from.
    pub from: SocketAddr,
    /// Its SSRC.
    pub ssrc: u32,
    /// Its payload type, 0..=63 or 96..=127.
    pub payload_type: u8,
    /// Octets behind the RTP header of 12 octets; only packets of exactly so many.
    pub payload_len: u16,
    /// Of the newest packet received.
    pub sequence: u16,
    /// Of the newest packet received.
    pub timestamp: u32,
    /// Arrival of the newest packet less its timestamp, in ticks of a clock that counts as [`Time`] does: the difference
    /// modulo 2^32, as a signed number [RFC3550 A.8].
    pub transit: i64,
    /// Interarrival jitter, in 1/16 of a tick [RFC3550 A.8].
    pub jitter: u64,
    /// Ticks of the RTP clock a second, at least 1.
    pub clock_rate: u32,
    /// When the newest packet came.
    pub at: Time,
    /// The port that it leaves by.
    pub out: Port,
    /// Where to.
    pub to: SocketAddr,
    /// The SSRC that it leaves with.
    pub out_ssrc: u32,
    /// The payload type that it leaves with, 0..=127.
    pub out_payload_type: u8,
    /// Added to each sequence number, modulo 2^16.
    pub sequence_offset: u16,
    /// Added to each timestamp, modulo 2^32.
    pub timestamp_offset: u32,
}

/// What a backend has forwarded under a rule so far. Where that is nothing, `sequence`, `timestamp`, `transit`, `jitter`
/// and `at` are those of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// Packets forwarded.
    pub packets: u64,
    /// Octets of their payload, without headers.
    pub octets: u64,
    /// Of the newest packet.
    pub sequence: u16,
    /// By how much the sequence number has gone on since the rule began, wrap-arounds included. Less `packets`, this is what
    /// did not come.
    pub advance: u64,
    /// Bit n: the packet whose sequence number is n below the newest one's was forwarded. Whoever goes on with the stream tells
    /// by it a packet that is late from a copy.
    pub seen: u64,
    /// Of the newest packet.
    pub timestamp: u32,
    /// As in the rule, of the newest packet.
    pub transit: i64,
    /// As in the rule, gone on with each packet.
    pub jitter: u64,
    /// Steps of the sequence number by more than one.
    pub bursts: u64,
    /// When the newest packet came.
    pub at: Time,
    /// The rule forwards no more: a packet that did not fit has gone to the worker, the path has changed, or one of the
    /// ports was closed or marked anew.
    pub closed: bool,
}

/// Why a backend does not forward a stream by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotForwarded {
    /// Not this backend, not these ports, or a rule out of range.
    Unsupported,
    /// Not now: the way to the destination is not known, or leads elsewhere than where the stream comes in. It may be asked
    /// for again in a while.
    NoPath,
    /// It forwards as many streams as it can, or the port has a rule already.
    Full,
}

impl fmt::Display for NotForwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "the backend does not forward such a stream",
            Self::NoPath => "no path to the destination through the interface that the stream comes in by",
            Self::Full => "no room for another forwarding rule",
        })
    }
}

impl std::error::Error for NotForwarded {}
