//! The streams of a leg in a snapshot: what was received, what was sent, and by which rule.

use crate::session::leg::receiver::MAX_STREAMS;
use crate::session::leg::rewriter::InputEpoch;
use crate::session::snapshot::age::{Age, Malformed, ensure, ensure_counts};

/// The receiver of a leg: its streams, that of the audio first.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct ReceiverSnapshot {
    pub(crate) streams: Vec<StreamSnapshot>,
    pub(crate) payload_type: Option<u8>,
    pub(crate) runs: u32,
    pub(crate) stretch: u32,
    pub(crate) restarts: u32,
    /// SSRC of the stream that was left out last, and its packets in sequence.
    pub(crate) left_out: (u32, u8),
    pub(crate) received: u64,
    pub(crate) octets: u64,
    pub(crate) duplicates: u64,
    pub(crate) out_of_order: u64,
    /// Of streams that gave way to others.
    pub(crate) lost_before: u64,
    pub(crate) bursts_before: u64,
    #[serde(default)]
    pub(crate) octets_noted: u64,
}

/// A stream that is relayed under other sequence numbers than it came with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct RenumberedSnapshot {
    pub(crate) ssrc: u32,
    pub(crate) highest: u16,
    pub(crate) timestamp: u32,
    /// The window of what was seen, the high half first.
    pub(crate) seen: [u64; 2],
    pub(crate) offset: u16,
}

/// Figures of a stream that is relayed untouched.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct CountedSnapshot {
    pub(crate) ssrc: u32,
    pub(crate) packets: u64,
    pub(crate) octets: u64,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

/// A stream received.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct StreamSnapshot {
    pub(crate) ssrc: u32,
    pub(crate) run: u32,
    pub(crate) highest: u64,
    pub(crate) first: u64,
    /// The window of what was seen, the high half first.
    pub(crate) seen: [u64; 2],
    /// The newest timestamp, and the age of the newest packet.
    pub(crate) timestamp: u32,
    pub(crate) clock_rate: u32,
    pub(crate) at: Age,
    pub(crate) awaited: Option<u16>,
    pub(crate) run_received: u64,
    /// Transit time of the last packet, less what the RTP clock would show at the moment of the snapshot.
    pub(crate) transit: Option<i32>,
    pub(crate) jitter: u64,
    pub(crate) audio: bool,
    pub(crate) begun: Age,
    pub(crate) renewed: Option<Age>,
    pub(crate) received_before: u64,
    pub(crate) lost_before: u64,
    pub(crate) bursts: u64,
    pub(crate) reported_expected: u64,
    pub(crate) reported_received: u64,
    pub(crate) left_at: u64,
    #[serde(default)]
    pub(crate) octets: u64,
}

impl ReceiverSnapshot {
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        let counts = [self.received, self.octets, self.duplicates, self.out_of_order];
        ensure_counts(counts, "the counters of the streams received")?;
        let counts = [self.lost_before, self.bursts_before];
        ensure_counts(counts, "the counters of the streams received")?;
        ensure(self.left_out.1 < 8, "the state of the streams received")?;
        ensure(self.payload_type.is_none_or(|number| number < 128), "a payload type")?;
        ensure(self.streams.len() <= MAX_STREAMS, "the number of streams received")?;
        self.streams.iter().try_for_each(StreamSnapshot::check)
    }
}

impl StreamSnapshot {
    fn check(&self) -> Result<(), Malformed> {
        let counts = [self.run_received, self.received_before, self.lost_before, self.bursts];
        ensure_counts(counts, "the counters of a stream received")?;
        let counts = [self.reported_expected, self.reported_received, self.left_at, self.octets];
        ensure_counts(counts, "the counters of a stream received")?;
        ensure(self.jitter < 1 << 48, "the state of a stream received")?;
        // The index of a stream begins one cycle up.
        let has_index = self.highest < 1 << 48 && self.first <= self.highest && self.highest >= 1 << 16;
        ensure(has_index, "the index of a stream received")
    }
}

/// The rewriter of a leg.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct RewriterSnapshot {
    pub(crate) ssrc: u32,
    pub(crate) next: u64,
    pub(crate) last_timestamp: u32,
    pub(crate) last_at: Option<Age>,
    pub(crate) clock_rate: u32,
    pub(crate) mapping: Option<MappingSnapshot>,
    pub(crate) beside: Option<BesideSnapshot>,
    pub(crate) encoded_end: Option<u32>,
    pub(crate) lead: u32,
    /// Ticks by which the last timestamp is ahead of the clock.
    #[serde(default)]
    pub(crate) ahead: i64,
    pub(crate) event: Option<EventTimestampSnapshot>,
}

/// How packets of an input are numbered.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct MappingSnapshot {
    pub(crate) epoch: InputEpoch,
    pub(crate) clock_rate: u32,
    pub(crate) first: u64,
    pub(crate) sequence_offset: i64,
    pub(crate) timestamp_offset: u32,
    pub(crate) anchor: Option<AnchorSnapshot>,
    pub(crate) highest: u64,
    /// First packet and offset of before numbers were put between.
    pub(crate) before: Option<(u64, i64)>,
}

/// Events that come beside the input that is mapped.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct BesideSnapshot {
    pub(crate) epoch: InputEpoch,
    pub(crate) clock_rate: u32,
    pub(crate) highest: u64,
    pub(crate) timestamp_offset: u32,
}

/// The packet that ties timestamps to arrival times.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct AnchorSnapshot {
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) at: Age,
}

/// The timestamp that an event is sent with.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct EventTimestampSnapshot {
    pub(crate) epoch: InputEpoch,
    pub(crate) received: u32,
    pub(crate) sent: u32,
    /// Segments of it that were sent to their whole duration.
    #[serde(default)]
    pub(crate) full: u32,
    /// Other audio has followed the audio that it came among.
    #[serde(default)]
    pub(crate) left: bool,
}

impl RewriterSnapshot {
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        const WHAT: &str = "the sequence numbers of a leg";
        ensure(self.next < 1 << 48, WHAT)?;
        let Some(mapping) = &self.mapping else { return Ok(()) };
        let known = |index: u64, offset: i64| {
            let number = i64::try_from(index).ok().and_then(|at| at.checked_add(offset));
            index < 1 << 48 && number.is_some_and(|number| (0..1 << 48).contains(&number))
        };
        let offset = mapping.sequence_offset;
        let before = mapping.before.is_none_or(|(first, offset)| {
            first <= mapping.first && known(first, offset) && known(mapping.first, offset)
        });
        ensure(before && known(mapping.first, offset) && known(mapping.highest, offset), WHAT)
    }
}

/// How the source's audio reaches the party. The state of an encoder is not saved: another one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum PathSnapshot {
    /// Packets are forwarded.
    Forward,
    /// Audio is encoded, at this sample rate in hertz.
    Transcode { rate: u32 },
}
