//! What is known of single streams: counters and quality by SSRC, in the units of the protocol.

use mediapoint_engine::{LegStatistics, SsrcStatistics};
use mediapoint_packet::rtp::Ssrc;

use super::super::totals::dict;
use crate::wire::{Dict, Value};

/// Figures of one stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamFigures {
    pub(super) ssrc: Ssrc,
    packets: u64,
    octets: u64,
    sequence: u32,
    timestamp: u32,
    quality: Option<Quality>,
}

#[derive(Debug, Clone, Copy)]
struct Quality {
    /// Tenths of a point, 10 to 50.
    mos: i64,
    /// Milliseconds.
    jitter: u64,
    /// Packets.
    lost: u64,
    /// Percent.
    loss: u64,
    /// Microseconds, of both legs together as far as known, and of the sender's alone.
    round_trip: u64,
    round_trip_of_leg: u64,
}

/// The streams that came in on a leg.
pub(super) fn received(leg: &LegStatistics) -> impl Iterator<Item = StreamFigures> {
    let received = leg.received;
    let round_trip = u64::try_from(leg.sent.round_trip.unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
    let expected = received.packets.saturating_add(received.lost);
    let quality = received.mos.map(|mos| Quality {
        mos: tenths(mos),
        jitter: u64::try_from(received.jitter.as_millis()).unwrap_or(u64::MAX),
        lost: received.lost,
        loss: received.lost.saturating_mul(100).checked_div(expected).unwrap_or(0),
        round_trip,
        round_trip_of_leg: round_trip,
    });
    let of_audio = received.ssrc;
    // Quality is that of the audio.
    leg.received_streams
        .iter()
        .map(move |stream| StreamFigures::of(stream, quality.filter(|_| of_audio == Some(stream.ssrc))))
}

/// The streams that go out on a leg, of which the packets are counted.
pub(super) fn sent(leg: &LegStatistics) -> impl Iterator<Item = StreamFigures> {
    leg.sent_streams.iter().map(|stream| StreamFigures::of(stream, None))
}

/// The mean opinion score as the protocol has it: tenths of a point in a whole number.
pub(super) fn tenths(mos: f32) -> i64 {
    // The lints allow no conversion from floating point; a score is at most 5.
    format!("{:.0}", mos * 10.0).parse().unwrap_or(0)
}

impl StreamFigures {
    fn of(stream: &SsrcStatistics, quality: Option<Quality>) -> Self {
        Self {
            ssrc: stream.ssrc,
            packets: stream.packets,
            octets: stream.octets,
            sequence: stream.sequence,
            timestamp: stream.timestamp.0,
            quality,
        }
    }

    /// As an entry of a dictionary whose keys are SSRCs; `reported_at` is Unix time in seconds.
    pub(super) fn value(&self, reported_at: u64) -> Value {
        let mut out = self.counters();
        if let Some(quality) = &self.quality {
            let score = || quality.values(reported_at);
            let mut average = quality.values(reported_at);
            average.remove(b"reported at".as_slice());
            average.insert(b"samples".to_vec(), Value::Int(1));
            out.insert(b"cumulative loss".to_vec(), quality.lost.into());
            out.insert(b"average MOS".to_vec(), Value::Dict(average));
            out.insert(b"lowest MOS".to_vec(), Value::Dict(score()));
            out.insert(b"highest MOS".to_vec(), Value::Dict(score()));
            let entries = Value::List(vec![Value::Dict(score())]);
            out.insert(
                b"MOS progression".to_vec(),
                dict([("interval", Value::Int(0)), ("entries", entries)]),
            );
        }
        Value::Dict(out)
    }

    /// As an element of a list, which names the SSRC.
    pub(super) fn entry(&self) -> Value {
        let mut out = self.counters();
        out.insert(b"SSRC".to_vec(), i64::from(self.ssrc.0).into());
        Value::Dict(out)
    }

    fn counters(&self) -> Dict {
        Dict::from([
            (b"packets".to_vec(), Value::from(self.packets)),
            (b"bytes".to_vec(), self.octets.into()),
            (b"last RTP timestamp".to_vec(), i64::from(self.timestamp).into()),
            (b"last RTP seq".to_vec(), i64::from(self.sequence).into()),
        ])
    }
}

impl Quality {
    fn values(&self, reported_at: u64) -> Dict {
        Dict::from([
            (b"MOS".to_vec(), Value::Int(self.mos)),
            (b"jitter".to_vec(), self.jitter.into()),
            (b"packet loss".to_vec(), self.loss.into()),
            (b"round-trip time".to_vec(), self.round_trip.into()),
            (b"round-trip time leg".to_vec(), self.round_trip_of_leg.into()),
            (b"reported at".to_vec(), reported_at.into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_told_in_tenths_of_a_point() {
        assert_eq!([1.0, 3.65, 4.4, 4.5].map(tenths), [10, 36, 44, 45]);
    }
}
