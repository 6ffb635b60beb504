//! What goes into a [`Playout`](super::Playout) and comes out of it.

use std::time::Duration;

use mediapoint_packet::rtp::{PayloadType, RtpTicks};

/// A received packet.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Changes by one where the stream began anew: another SSRC, or sequence numbers from elsewhere.
    pub epoch: u32,
    /// Sequence number within the epoch, extended so that it does not wrap.
    pub index: u64,
    /// RTP timestamp.
    pub timestamp: RtpTicks,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Marker bit: the first packet after a pause [RFC3551 4.1].
    pub marker: bool,
    /// The payload.
    pub payload: &'a [u8],
}

/// Result of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// Waits for its playout time.
    Kept,
    /// Its playout time has passed.
    Late,
    /// Received before.
    Duplicate,
    /// Its payload type is not configured. Its number does not count as lost audio.
    UnknownPayloadType,
    /// Its payload type is configured and carries no audio. Its number does not count as lost audio.
    NotAudio,
    /// Its payload is not of its codec.
    Malformed,
}

/// Kind of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Audio that was received.
    Speech,
    /// Noise that the sender described, in a pause.
    ComfortNoise,
    /// Audio in place of lost or late packets.
    Concealed,
    /// Silence: no stream yet, a pause without a description, a telephone event, or no packets for long.
    Nothing,
}

impl Kind {
    pub(crate) const COUNT: usize = 4;
    pub(super) const ALL: [Self; Self::COUNT] =
        [Self::Speech, Self::ComfortNoise, Self::Concealed, Self::Nothing];

    pub(crate) const fn number(self) -> usize {
        self as usize
    }
}

/// Result of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulled {
    /// The kind that most of it is of.
    pub kind: Kind,
    /// Samples delivered: all that were asked for, except at the end of a drain.
    pub samples: usize,
}

/// Counters of a leg since it was made. Samples are at the leg's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlayoutStatistics {
    /// How long the packet decoded last would have waited after the shortest transit seen lately.
    pub delay: Duration,
    /// The delay aimed at.
    pub target_delay: Duration,
    /// Packets that wait for their playout time.
    pub waiting: u32,
    /// Packets decoded.
    pub played: u64,
    /// Packets received after their playout time.
    pub late: u64,
    /// Packets received twice, of those that are still remembered.
    pub duplicates: u64,
    /// Packets that had not been received at their playout time.
    pub lost: u64,
    /// Packets that the decoder refused, or whose payload type was removed while they waited.
    pub malformed: u64,
    /// Packets discarded because too many waited.
    pub overflows: u64,
    /// Times that timestamps or sequence numbers began anew.
    pub resets: u64,
    /// Samples of received audio.
    pub speech_samples: u64,
    /// Samples in place of lost or late packets.
    pub concealed_samples: u64,
    /// Samples of comfort noise.
    pub noise_samples: u64,
    /// Samples inserted to make the delay longer.
    pub stretched_samples: u64,
    /// Samples removed to make the delay shorter.
    pub compressed_samples: u64,
}
