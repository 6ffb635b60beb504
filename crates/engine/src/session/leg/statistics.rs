//! The figures of a leg.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::codec::Encoding;
use crate::api::leg::LegKind;
use crate::api::stats::{LegStatistics, ReceiveStatistics, SendStatistics, SsrcStatistics};
use crate::session::leg::Leg;
use crate::session::quality::{Connection, Equipment};

impl Leg {
    pub(crate) fn statistics(&self, now: Time) -> LegStatistics {
        let audio = self.kind == LegKind::Audio;
        let receiver = &self.receiver;
        let received = ReceiveStatistics {
            packets: if audio { receiver.received() } else { self.passed.packets },
            octets: if audio { receiver.octets() } else { self.passed.octets },
            lost: receiver.lost(),
            out_of_order: receiver.out_of_order(),
            duplicates: receiver.duplicates(),
            jitter: receiver.jitter(),
            restarts: receiver.restarts(),
            ssrc: receiver.ssrc(),
            payload_type: receiver.payload_type(),
            rtcp_packets: self.rtcp.received(),
            dropped: self.dropped,
            mos: self.mos(),
        };
        let rewriter = &self.sender.rewriter;
        let [counted_in, counted_out] = &self.counted;
        let audio_out = SsrcStatistics {
            ssrc: rewriter.ssrc(),
            packets: self.sender.sent.packets,
            octets: self.sender.sent.octets,
            sequence: rewriter.last_sequence(),
            timestamp: rewriter.last_timestamp,
            ..SsrcStatistics::default()
        };
        let (sent, remote) = (self.sender.sent, self.rtcp.remote());
        let sent = SendStatistics {
            packets: sent.packets,
            octets: sent.octets,
            shared_payloads: sent.shared_payloads,
            ssrc: audio.then(|| self.sender.rewriter.ssrc()),
            rtcp_packets: self.rtcp.sent(),
            unsent: sent.unsent,
            reported_fraction_lost: remote.map(|remote| remote.fraction_lost),
            reported_lost: remote.map(|remote| remote.lost),
            reported_jitter: remote.map(|remote| remote.jitter),
            round_trip: self.rtcp.round_trip(),
        };
        LegStatistics {
            leg: self.id,
            received,
            sent,
            received_streams: receiver.statistics().chain(counted_in.statistics()).collect(),
            sent_streams: audio.then_some(audio_out).into_iter().chain(counted_out.statistics()).collect(),
            playout: self.ingress.as_ref().map(|ingress| ingress.statistics()).or(self.played),
            learnt: self.transport.latch.learnt(),
            idle: self.last_received.map(|at| now.since(at)),
        }
    }

    /// Listening quality of what the party sends: its loss, and a delay of half the round trip, the jitter buffer (or one of
    /// twice the jitter at the far end), and one packet of 20 ms.
    fn mos(&self) -> Option<f32> {
        let payload_type = self.receiver.payload_type().filter(|_| self.kind == LegKind::Audio)?;
        let codecs = &self.config.codecs;
        let received = codecs.iter().find(|entry| entry.payload_type == payload_type);
        let equipment = match received.map(|entry| &entry.codec.encoding) {
            Some(Encoding::G729) => Equipment::G729,
            Some(Encoding::Gsm) => Equipment::GSM,
            _ => Equipment::OTHER,
        };
        let buffered = match &self.ingress {
            Some(ingress) => ingress.statistics().delay,
            None => self.receiver.jitter() * 2,
        };
        let delay = self.rtcp.round_trip().unwrap_or_default() / 2 + buffered + Duration::from_millis(20);
        let connection = Connection {
            equipment,
            loss: self.receiver.loss_share(),
            burst_ratio: self.receiver.burst_ratio(),
            delay,
        };
        Some(connection.mos())
    }
}
