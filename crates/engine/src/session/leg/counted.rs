//! Figures by SSRC of what a leg relays as it comes: a bounded table, since any stream may be in it.

use mediapoint_packet::rtp::{RtpTicks, RtpView, Ssrc};

use crate::api::stats::SsrcStatistics;
use crate::session::snapshot::stream::CountedSnapshot;

/// Streams that are told apart; further ones are counted with the leg alone.
const MAX_STREAMS: usize = 16;

/// The streams of one direction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    streams: Vec<CountedSnapshot>,
}

impl Counted {
    /// Counts an RTP packet with so many octets of payload.
    pub(crate) fn count(&mut self, packet: &[u8], octets: usize) {
        let Ok(view) = RtpView::parse(packet) else { return };
        let ssrc = view.ssrc().0;
        let known = self.streams.iter().position(|stream| stream.ssrc == ssrc);
        let place = known.unwrap_or(self.streams.len());
        if known.is_none() && place < MAX_STREAMS {
            self.streams.push(CountedSnapshot { ssrc, ..CountedSnapshot::default() });
        }
        let Some(stream) = self.streams.get_mut(place) else { return };
        stream.packets += 1;
        stream.octets += octets as u64;
        (stream.sequence, stream.timestamp) = (view.sequence().0, view.timestamp().0);
    }

    pub(crate) fn statistics(&self) -> impl Iterator<Item = SsrcStatistics> {
        self.streams.iter().map(|stream| SsrcStatistics {
            ssrc: Ssrc(stream.ssrc),
            packets: stream.packets,
            octets: stream.octets,
            sequence: stream.sequence.into(),
            timestamp: RtpTicks(stream.timestamp),
            ..SsrcStatistics::default()
        })
    }

    pub(crate) fn save(&self) -> Vec<CountedSnapshot> {
        self.streams.clone()
    }

    pub(crate) fn restored(saved: &[CountedSnapshot]) -> Self {
        Self { streams: saved.iter().take(MAX_STREAMS).cloned().collect() }
    }
}
