//! Figures of a leg, a call, a worker, as read at one moment.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::rtp::{PayloadType, RtpTicks, Ssrc};

pub use mediapoint_jitter::PlayoutStatistics;

use mediapoint_prompt::Position;

use crate::api::id::{LegId, PlayerId, StreamId, TapId};
use crate::api::kind::PointsByKind;
use crate::api::points::Points;
use crate::api::room::RoomFigures;

/// Packets that a leg did not take, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Dropped {
    /// From another source than the leg's party.
    pub foreign_source: u64,
    /// Failed authentication, or no key to try.
    pub not_authentic: u64,
    /// Already seen, as SRTP's replay protection found.
    pub replayed: u64,
    /// Not RTP or RTCP by their form.
    pub malformed: u64,
    /// A payload type that was not agreed.
    pub unknown_payload_type: u64,
    /// The other side has no codec to hear it with.
    pub no_common_codec: u64,
    /// A sequence number out of all proportion, not yet confirmed by a second packet; or of a second stream of audio at one
    /// time.
    pub out_of_range: u64,
    /// A protocol that the leg does not speak (DTLS, STUN).
    pub other_protocol: u64,
    /// ZRTP that could not be passed on; the event [`crate::Event::ZrtpRefused`] says why.
    pub zrtp: u64,
    /// The leg's direction forbids it (on hold).
    pub on_hold: u64,
    /// More than the media of the leg can need.
    pub flood: u64,
    /// Repeats of what came before, as in a loop.
    pub loops: u64,
    /// Media that is blocked on its way to another leg, once for each; see [`crate::MediaPolicy`].
    pub blocked: u64,
}

impl Dropped {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.foreign_source
            + self.not_authentic
            + self.replayed
            + self.malformed
            + self.unknown_payload_type
            + self.no_common_codec
            + self.out_of_range
            + self.other_protocol
            + self.zrtp
            + self.on_hold
            + self.flood
            + self.loops
            + self.blocked
    }

    /// Each reason by its name here, with its count.
    #[must_use]
    pub const fn by_reason(&self) -> [(&'static str, u64); 12] {
        [
            ("foreign_source", self.foreign_source),
            ("not_authentic", self.not_authentic),
            ("replayed", self.replayed),
            ("malformed", self.malformed),
            ("unknown_payload_type", self.unknown_payload_type),
            ("no_common_codec", self.no_common_codec),
            ("out_of_range", self.out_of_range),
            ("other_protocol", self.other_protocol),
            ("on_hold", self.on_hold),
            ("flood", self.flood),
            ("loops", self.loops),
            ("blocked", self.blocked),
        ]
    }
}

/// What came in from a leg's party.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct ReceiveStatistics {
    /// RTP packets taken.
    pub packets: u64,
    /// Payload octets of those.
    pub octets: u64,
    /// Packets that should have come and did not [RFC3550 A.3]; duplicates do not make up for them.
    pub lost: u64,
    /// Packets that came after one with a higher sequence number.
    pub out_of_order: u64,
    /// Packets that came twice; the second is dropped.
    pub duplicates: u64,
    /// Interarrival jitter [RFC3550 A.8].
    pub jitter: Duration,
    /// Times that the audio began anew: under another SSRC, or with other sequence numbers. Streams beside it, such as of
    /// telephone events, do not count.
    pub restarts: u32,
    /// SSRC of the audio now.
    pub ssrc: Option<Ssrc>,
    /// Its payload type now.
    pub payload_type: Option<PayloadType>,
    /// RTCP packets taken (compounds).
    pub rtcp_packets: u64,
    /// Packets not taken, by reason.
    pub dropped: Dropped,
    /// Listening quality from the loss and delay of this direction [ITU-T G.107], 1.0 to 4.5; `None` until heard.
    pub mos: Option<f32>,
}

/// What went out to a leg's party.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct SendStatistics {
    /// RTP packets sent.
    pub packets: u64,
    /// Payload octets of those.
    pub octets: u64,
    /// Packets whose payload was encoded once for several legs: of a prompt, or of a room.
    pub shared_payloads: u64,
    /// The engine's own SSRC on this leg; `None` on legs that relay untouched.
    pub ssrc: Option<Ssrc>,
    /// RTCP packets sent (compounds).
    pub rtcp_packets: u64,
    /// Packets not sent: no address known yet, or no buffer.
    pub unsent: u64,
    /// Loss that the party reports, as a fraction of 256, in its last report.
    pub reported_fraction_lost: Option<u8>,
    /// Loss that the party reports since the beginning.
    pub reported_lost: Option<i32>,
    /// Interarrival jitter that the party reports.
    pub reported_jitter: Option<Duration>,
    /// Round-trip time to the party [RFC3550 6.4.1].
    pub round_trip: Option<Duration>,
}

/// Figures of one stream, by its SSRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SsrcStatistics {
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// RTP packets.
    pub packets: u64,
    /// Payload octets of those.
    pub octets: u64,
    /// The highest sequence number, extended by its wrap-arounds [RFC3550 6.4.1]; on legs that relay untouched the last one.
    pub sequence: u32,
    /// The newest timestamp.
    pub timestamp: RtpTicks,
    /// Packets that should have come and did not; 0 for what is sent, or relayed untouched.
    pub lost: u64,
    /// Interarrival jitter [RFC3550 A.8]; zero for what is sent, or relayed untouched.
    pub jitter: Duration,
}

/// All figures of a leg.
#[derive(Debug, Clone, PartialEq)]
pub struct LegStatistics {
    /// Which leg.
    pub leg: LegId,
    /// What came in.
    pub received: ReceiveStatistics,
    /// What went out.
    pub sent: SendStatistics,
    /// The streams that came in, that of the audio first; those of a party that has had more than 8 at the end.
    pub received_streams: Vec<SsrcStatistics>,
    /// The streams that went out.
    pub sent_streams: Vec<SsrcStatistics>,
    /// The jitter buffer, where what the party says is or was decoded.
    pub playout: Option<PlayoutStatistics>,
    /// Where the party was learnt to be.
    pub learnt: Option<SocketAddr>,
    /// Time since the last packet taken; `None` where there was none yet.
    pub idle: Option<Duration>,
}

/// Figures of a stream from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StreamStatistics {
    /// Blocks of 10 ms that were played.
    pub blocks: u64,
    /// Blocks of 10 ms that were not there when their time came, and were concealed.
    pub starved: u64,
    /// Blocks of a link between rooms that were left out, because too many waited after a worker had stood still.
    pub dropped: u64,
}

/// Figures of an audio tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TapStatistics {
    /// Frames that were written.
    pub frames: u64,
    /// Frames that the reader was too slow for.
    pub dropped: u64,
}

/// All figures of a call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallStatistics {
    /// Its legs, oldest first.
    pub legs: Vec<LegStatistics>,
    /// Its streams from outside.
    pub streams: Vec<(StreamId, StreamStatistics)>,
    /// Its audio taps.
    pub taps: Vec<(TapId, TapStatistics)>,
    /// Its players of prompts and its streamed ones, and where each is.
    pub players: Vec<(PlayerId, Position)>,
    /// Its conference rooms.
    pub rooms: Vec<RoomFigures>,
    /// Time since the call was made.
    pub age: Duration,
}

/// What one worker carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WorkerLoad {
    /// Points that it may carry now: less than `configured` where it does not keep up, or has not for a while.
    pub budget: Points,
    /// Points that it may carry while it keeps up.
    pub configured: Points,
    /// Points that its calls cost.
    pub used: Points,
    /// The same by kind of work.
    pub by_kind: PointsByKind,
    /// Calls on it.
    pub calls: u64,
    /// Datagrams received since start.
    pub received: u64,
    /// Datagrams sent since start.
    pub sent: u64,
    /// Datagrams that the kernel forwarded by itself since start: neither received nor sent by the worker.
    pub forwarded: u64,
    /// Streams that the kernel forwards by itself now.
    pub handed_over: u64,
    /// Datagrams lost for want of a buffer, or refused by the kernel.
    pub dropped: u64,
    /// Of those, datagrams over 1,984 octets that came while all large buffers were in use.
    pub no_large_buffer: u64,
    /// Of those, datagrams that were too long for the network that they were to go out on.
    pub too_long: u64,
    /// Core time used since start; grows at least once a second while the worker lives.
    pub cpu: Duration,
    /// Events that were not delivered because nobody read them.
    pub events_dropped: u64,
    /// Times that it failed and started again.
    pub restarts: u64,
    /// Room for legs that its calls have reserved.
    pub legs: usize,
    /// Legs that it can hold.
    pub max_legs: usize,
    /// How late it was at worst, while it does not keep up with its media clock and takes no calls.
    pub late: Option<Duration>,
}

impl WorkerLoad {
    /// Points that further calls may cost; none while it takes no calls.
    #[must_use]
    pub fn free(&self) -> Points {
        match self.late {
            Some(_) => Points::ZERO,
            None => self.budget - self.used,
        }
    }
}

/// What the engine carries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineLoad {
    /// Its workers.
    pub workers: Vec<WorkerLoad>,
    /// Pairs of ports that are lent to legs, and those that there are on all addresses.
    pub port_pairs: (usize, usize),
    /// Descriptors that are reserved for sockets, and those that there may be.
    pub files: (usize, usize),
    /// Call events that wait to be read.
    pub events_waiting: usize,
    /// Taps on key presses whose room is kept.
    pub tap_rooms: usize,
    /// Rounds of the thread that reads what the workers report, ten a second at least: it lives as long as they grow.
    pub rounds: u64,
}
