//! RTCP as the `rtcp` crate reads and writes it: sender and receiver reports, CNAME and BYE [RFC3550 6].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use mediapoint_packet::Time;
use rtcp::goodbye::Goodbye;
use rtcp::packet::Packet;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use serde::Serialize;

use crate::reception::Reception;

/// What the far end said of the stream that this phone sends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RemoteReport {
    /// The source it speaks of.
    pub ssrc: u32,
    /// Share of packets lost since its last report, 0 to 1.
    pub fraction_lost: f64,
    /// Packets lost since the beginning.
    pub lost: u32,
    /// Interarrival jitter in milliseconds.
    pub jitter_ms: f64,
    /// Round trip in milliseconds, where the report answers a sender report [RFC3550 6.4.1].
    pub round_trip_ms: Option<f64>,
}

/// What this phone says of its own stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct SenderInfo {
    pub(super) ssrc: u32,
    pub(super) timestamp: u32,
    pub(super) packets: u64,
    pub(super) octets: u64,
    /// False where it sent nothing since its last two reports, so that it is no sender [RFC3550 6.4].
    pub(super) active: bool,
}

/// Writes and reads compound packets of one phone.
#[derive(Debug)]
pub(super) struct Reporter {
    name: String,
    /// Middle 32 bits of the NTP time of the peer's last sender report, and when it came.
    last_sender_report: Option<(u32, Time)>,
    remote: Option<RemoteReport>,
    received: u64,
    sender_reports: u64,
    bye: bool,
}

impl Reporter {
    pub(super) fn new(name: String) -> Self {
        Self { name, last_sender_report: None, remote: None, received: 0, sender_reports: 0, bye: false }
    }

    pub(super) fn remote(&self) -> Option<RemoteReport> {
        self.remote
    }

    /// Compound packets received, and sender reports among them.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.received, self.sender_reports)
    }

    pub(super) fn heard_bye(&self) -> bool {
        self.bye
    }

    /// A report on both directions, with a BYE where `bye`.
    pub(super) fn write(
        &self,
        now: Time,
        ntp: u64,
        sender: SenderInfo,
        stream: Option<&mut Reception>,
        bye: bool,
    ) -> Option<Bytes> {
        let reports: Vec<_> = stream.map(|stream| self.block(now, stream)).into_iter().collect();
        let report: Box<dyn Packet + Send + Sync> = if sender.active {
            Box::new(SenderReport {
                ssrc: sender.ssrc,
                ntp_time: ntp,
                rtp_time: sender.timestamp,
                packet_count: low_word(sender.packets),
                octet_count: low_word(sender.octets),
                reports,
                ..SenderReport::default()
            })
        } else {
            Box::new(ReceiverReport { ssrc: sender.ssrc, reports, ..ReceiverReport::default() })
        };
        let name = SourceDescriptionItem {
            sdes_type: SdesType::SdesCname,
            text: Bytes::copy_from_slice(self.name.as_bytes()),
        };
        let chunk = SourceDescriptionChunk { source: sender.ssrc, items: vec![name] };
        let mut compound = vec![report, Box::new(SourceDescription { chunks: vec![chunk] })];
        if bye {
            compound.push(Box::new(Goodbye { sources: vec![sender.ssrc], reason: Bytes::new() }));
        }
        rtcp::packet::marshal(&compound).ok()
    }

    /// Takes a compound packet in; false where it cannot be read.
    pub(super) fn handle(&mut self, now: Time, ntp: u64, compound: &[u8]) -> bool {
        // The crate may panic on a peer's bytes; that is the packet's fault alone.
        let read = catch_unwind(AssertUnwindSafe(|| rtcp::packet::unmarshal(&mut &*compound)));
        let Ok(Ok(packets)) = read else { return false };
        self.received += 1;
        for packet in packets {
            let any = packet.as_any();
            if let Some(report) = any.downcast_ref::<SenderReport>() {
                self.sender_reports += 1;
                self.last_sender_report = Some((middle(report.ntp_time), now));
                self.note(ntp, &report.reports);
            } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
                self.note(ntp, &report.reports);
            } else if any.is::<Goodbye>() {
                self.bye = true;
            }
        }
        true
    }

    fn block(&self, now: Time, stream: &mut Reception) -> ReceptionReport {
        let block = stream.report();
        let (last_sender_report, delay) = match self.last_sender_report {
            Some((middle, at)) => (middle, units(now.since(at))),
            None => (0, 0),
        };
        ReceptionReport {
            ssrc: stream.ssrc(),
            fraction_lost: block.fraction_lost,
            total_lost: block.total_lost,
            last_sequence_number: block.highest,
            jitter: block.jitter,
            last_sender_report,
            delay,
        }
    }

    fn note(&mut self, ntp: u64, blocks: &[ReceptionReport]) {
        let Some(block) = blocks.first() else { return };
        let answers = block.last_sender_report != 0;
        let trip = middle(ntp).wrapping_sub(block.last_sender_report).wrapping_sub(block.delay).cast_signed();
        self.remote = Some(RemoteReport {
            ssrc: block.ssrc,
            fraction_lost: f64::from(block.fraction_lost) / 256.0,
            lost: block.total_lost,
            jitter_ms: f64::from(block.jitter) / 8.0,
            round_trip_ms: answers.then(|| f64::from(trip.max(0)) * 1_000.0 / 65_536.0),
        });
    }
}

/// Bits 16 to 47: seconds and fraction of 16 bits each.
fn middle(ntp: u64) -> u32 {
    low_word(ntp >> 16)
}

#[expect(clippy::cast_possible_truncation, reason = "the counters of a report wrap at 32 bits")]
fn low_word(value: u64) -> u32 {
    value as u32
}

/// Units of 1/65536 s.
fn units(time: Duration) -> u32 {
    u32::try_from(time.as_nanos() * 65_536 / 1_000_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: SenderInfo =
        SenderInfo { ssrc: 5, timestamp: 1_000, packets: 50, octets: 8_000, active: true };

    // test-of: [RFC3550 6.4.1]
    #[test]
    fn a_round_trip_is_what_the_far_end_did_not_hold() {
        let (mut a, mut b) = (Reporter::new("a".into()), Reporter::new("b".into()));
        let ntp = |millis: u64| (3_900_000_000_u64 << 32) + (millis << 32) / 1_000;
        let at = Time::from_millis;
        let mut stream = Reception::new(5, 0);
        stream.handle(at(0), 0, 0);

        let report = a.write(at(0), ntp(0), SENDER, None, false).unwrap();
        assert!(b.handle(at(30), ntp(30), &report));
        let answer =
            b.write(at(1_030), ntp(1_030), SenderInfo { ssrc: 6, ..SENDER }, Some(&mut stream), true);
        assert!(a.handle(at(1_070), ntp(1_070), &answer.unwrap()));

        let heard = a.remote().unwrap();
        assert_eq!((heard.ssrc, heard.lost), (5, 0));
        let trip = heard.round_trip_ms.unwrap();
        assert!((trip - 70.0).abs() < 0.1, "{trip}");
        assert_eq!((a.heard_bye(), b.heard_bye()), (true, false));
        assert_eq!((a.counts(), b.counts()), ((1, 1), (1, 1)));
    }

    #[test]
    fn who_does_not_send_writes_a_receiver_report() {
        let mut a = Reporter::new("a".into());
        let b = Reporter::new("b".into());
        let silent = SenderInfo { active: false, ..SENDER };
        assert!(a.handle(Time::ZERO, 0, &b.write(Time::ZERO, 0, silent, None, false).unwrap()));
        assert_eq!(a.counts(), (1, 0));
        assert_eq!(a.remote(), None);
    }

    #[test]
    fn nonsense_is_refused_and_harms_nothing() {
        let mut a = Reporter::new("a".into());
        for len in 0..64 {
            for octet in [0, 0x7f, 0x80, 0x81, 0xff] {
                assert!(!a.handle(Time::ZERO, 0, &vec![octet; len]), "{octet} x {len}");
            }
        }
        assert_eq!(a.counts(), (0, 0));
    }
}
