//! RTCP of an audio leg: when to report, what to report, and what the party reports [RFC3550 6].

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::ntp::{NtpTime, short_from_duration};
use mediapoint_packet::rtcp::{Compound, CompoundWriter, Packet, ReportBlock, ReportBlocks, SenderInfo};
use mediapoint_packet::rtp::Ssrc;

use crate::session::leg::received_stream::ReceivedStream;
use crate::session::leg::receiver::{MAX_STREAMS, Receiver};
use crate::session::leg::rewriter::RtpRewriter;
use crate::session::leg::sender::Sent;
use crate::session::snapshot::age::{Age, Due};
use crate::session::snapshot::rtcp::{RemoteReport, RtcpSnapshot};

/// Least time between two reports [RFC3550 6.2].
const MINIMUM: Duration = Duration::from_secs(5);

/// Share of the session's bandwidth for RTCP: 5 % of 64 kbit/s, in octets a second [RFC3550 6.2].
const BANDWIDTH: f64 = 400.0;

/// Makes up for timer reconsideration converging below the intended average: e - 3/2 [RFC3550 6.3.1].
const COMPENSATION: f64 = std::f64::consts::E - 1.5;

/// UDP and IPv4 headers, which count as RTCP's too [RFC3550 6.2].
const LOWER_HEADERS: f64 = 28.0;

/// Parts of an octet in which a snapshot holds the average size.
const AVERAGE_UNIT: f64 = 256.0;

/// The party's last report on the stream that it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) fraction_lost: u8,
    pub(crate) lost: i32,
    pub(crate) jitter: Duration,
}

/// The party's last sender report on one of its streams.
#[derive(Debug, Clone, Copy)]
struct SenderReport {
    ssrc: Ssrc,
    /// Middle of the NTP time in it.
    middle: u32,
    at: Time,
}

/// What a compound brought to light beside figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RtcpEffects {
    /// The party leaves.
    pub(crate) bye: bool,
}

/// The RTCP state of a leg.
#[derive(Debug)]
pub(crate) struct RtcpSession {
    cname: Box<str>,
    /// Middle of the NTP time in the last sender report on each of the party's streams, and when it came.
    sender_reports: Vec<SenderReport>,
    average_size: f64,
    reported_before: bool,
    /// When the last report went out, or the leg began.
    reported_at: Time,
    next_report: Option<Time>,
    /// RTP packets sent when the last report and the one before it went out.
    sent_at: [u64; 2],
    sent: u64,
    received: u64,
    remote: Option<Remote>,
    round_trip: Option<Duration>,
    left: bool,
}

impl RtcpSession {
    /// A session that has not reported; `cname` is its name towards the party for life [RFC7022 4.2].
    pub(crate) fn new(cname: String) -> Self {
        Self {
            cname: cname.into_boxed_str(),
            sender_reports: Vec::new(),
            average_size: 128.0,
            reported_before: false,
            reported_at: Time::ZERO,
            next_report: None,
            sent_at: [0; 2],
            sent: 0,
            received: 0,
            remote: None,
            round_trip: None,
            left: false,
        }
    }

    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    pub(crate) const fn remote(&self) -> Option<Remote> {
        self.remote
    }

    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// The time of the first look at whether a report is due; `chance` is uniform in 0..1.
    pub(crate) fn schedule(&mut self, now: Time, chance: f64) -> Time {
        self.reported_at = now;
        let next = now + self.interval(chance);
        self.next_report = Some(next);
        next
    }

    /// When the next report is due, or its time is drawn anew.
    pub(crate) const fn next_report(&self) -> Option<Time> {
        self.next_report
    }

    /// Reconsiders a report whose time has come: `Err` with a later time where another draw asks for it, which brings
    /// the average up to the interval meant [RFC3550 6.3.6].
    pub(crate) fn reconsider(&mut self, now: Time, chance: f64) -> Result<(), Time> {
        let due = self.reported_at + self.interval(chance);
        if due <= now {
            return Ok(());
        }
        self.next_report = Some(due);
        Err(due)
    }

    /// The time between two reports [RFC3550 6.3.1].
    fn interval(&self, chance: f64) -> Duration {
        let members = 2.0;
        let least = if self.reported_before { MINIMUM } else { MINIMUM / 2 }.as_secs_f64();
        let interval = (members * self.average_size / BANDWIDTH).max(least) * (chance + 0.5) / COMPENSATION;
        Duration::from_secs_f64(interval)
    }

    /// Writes the compound that is due: a report on what is received and sent, and the CNAME. Returns its octets; zero where
    /// `out` is too small.
    pub(crate) fn write(
        &mut self,
        now: Time,
        wall: NtpTime,
        leg: (&RtpRewriter, &mut Receiver, &Sent),
        out: &mut [u8],
    ) -> usize {
        let (rewriter, receiver, sent) = leg;
        let ssrc = rewriter.ssrc();
        // [RFC3550 6.4] A block on each stream of which something has come since the last report.
        let mut blocks = [ReportBlock::default(); MAX_STREAMS];
        let reported = receiver.reported_streams().zip(&mut blocks);
        let count = reported.map(|(stream, block)| *block = self.block(now, stream)).count();
        let blocks = blocks.get(..count).unwrap_or_default();
        let mut writer = CompoundWriter::new(out);
        // [RFC3550 6.4] A sender report where something was sent since the last report but one.
        let is_sender = sent.packets > self.sent_at[1];
        let written = if is_sender {
            let info = SenderInfo {
                ntp: wall,
                rtp: rewriter.timestamp_at(now),
                packets: wrapped(sent.packets),
                octets: wrapped(sent.octets),
            };
            writer.sender_report(ssrc, &info, blocks)
        } else {
            writer.receiver_report(ssrc, blocks)
        };
        if written.is_err() || writer.cname(ssrc, &self.cname).is_err() {
            return 0;
        }
        self.sent_at = [sent.packets, self.sent_at[0]];
        self.reported_before = true;
        let len = writer.finish();
        self.count_sent(len);
        len
    }

    /// Writes the compound that ends the engine's stream to this party; zero where nothing was ever sent [RFC3550 6.6].
    pub(crate) fn write_bye(&mut self, ssrc: Ssrc, sent: &Sent, out: &mut [u8]) -> usize {
        if sent.packets == 0 && self.sent == 0 {
            return 0;
        }
        let mut writer = CompoundWriter::new(out);
        let written = writer
            .receiver_report(ssrc, &[])
            .and_then(|()| writer.cname(ssrc, &self.cname))
            .and_then(|()| writer.bye(&[ssrc], None));
        if written.is_err() {
            return 0;
        }
        self.sent += 1;
        writer.finish()
    }

    /// Takes in what the party reports.
    pub(crate) fn handle(
        &mut self,
        now: Time,
        wall: NtpTime,
        own: Ssrc,
        clock_rate: u32,
        compound: &Compound<'_>,
    ) -> RtcpEffects {
        self.received += 1;
        let mut effects = RtcpEffects::default();
        for packet in compound {
            match packet {
                Packet::SenderReport { ssrc, info, reports } => {
                    self.note_sender_report(SenderReport { ssrc, middle: info.ntp.middle_32(), at: now });
                    self.read_blocks(wall, own, clock_rate, reports);
                    self.left = false;
                }
                Packet::ReceiverReport { reports, .. } => self.read_blocks(wall, own, clock_rate, reports),
                Packet::Bye { .. } => effects.bye = !std::mem::replace(&mut self.left, true),
                _ => {}
            }
        }
        effects
    }

    fn read_blocks(&mut self, wall: NtpTime, own: Ssrc, clock_rate: u32, reports: ReportBlocks<'_>) {
        for block in reports.filter(|block| block.ssrc == own) {
            let jitter = Duration::from_secs_f64(f64::from(block.jitter) / f64::from(clock_rate.max(1)));
            self.remote =
                Some(Remote { fraction_lost: block.fraction_lost, lost: block.cumulative_lost, jitter });
            self.round_trip = block.round_trip(wall).or(self.round_trip);
        }
    }

    /// Keeps the last sender report on each stream; of too many the oldest gives way.
    fn note_sender_report(&mut self, report: SenderReport) {
        let known = self.sender_reports.iter_mut().find(|known| known.ssrc == report.ssrc);
        if let Some(known) = known {
            *known = report;
        } else if self.sender_reports.len() < MAX_STREAMS {
            self.sender_reports.push(report);
        } else if let Some(oldest) = self.sender_reports.iter_mut().min_by_key(|known| known.at) {
            *oldest = report;
        }
    }

    fn block(&self, now: Time, stream: &mut ReceivedStream) -> ReportBlock {
        let report = self.sender_reports.iter().find(|report| report.ssrc == stream.ssrc);
        let (last_sr, delay_since_last_sr) =
            report.map_or((0, 0), |report| (report.middle, short_from_duration(now.since(report.at))));
        ReportBlock {
            ssrc: stream.ssrc,
            fraction_lost: stream.take_fraction_lost(),
            cumulative_lost: i32::try_from(stream.lost()).unwrap_or(i32::MAX),
            highest_sequence: stream.extended_highest(),
            jitter: stream.jitter_ticks(),
            last_sr,
            delay_since_last_sr,
        }
    }

    fn count_sent(&mut self, len: usize) {
        self.sent += 1;
        #[expect(clippy::cast_precision_loss, reason = "a moving average of packet sizes")]
        let size = len as f64 + LOWER_HEADERS;
        // [RFC3550 6.3.3]
        self.average_size = size / 16.0 + self.average_size * 15.0 / 16.0;
    }
}

/// The low 32 bits: RTCP's counters wrap [RFC3550 6.4.1].
fn wrapped(count: u64) -> u32 {
    u32::try_from(count & 0xffff_ffff).unwrap_or(0)
}

impl RtcpSession {
    pub(crate) fn save(&self, now: Time) -> RtcpSnapshot {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the size of a packet")]
        let average_size = (self.average_size * AVERAGE_UNIT).round() as u32;
        RtcpSnapshot {
            cname: self.cname.to_string(),
            sender_reports: self
                .sender_reports
                .iter()
                .map(|report| (report.ssrc.0, report.middle, Age::of(report.at, now)))
                .collect(),
            average_size,
            reported_before: self.reported_before,
            reported: Age::of(self.reported_at, now),
            next_report: self.next_report.map(|at| Due::of(at, now)),
            sent_at: self.sent_at,
            sent: self.sent,
            received: self.received,
            remote: self.remote.map(|Remote { fraction_lost, lost, jitter }| RemoteReport {
                fraction_lost,
                lost,
                jitter,
            }),
            round_trip: self.round_trip,
            left: self.left,
        }
    }

    /// A session as it was saved, on a clock that shows `taken` for that moment.
    pub(crate) fn restored(taken: Time, saved: &RtcpSnapshot) -> Self {
        Self {
            cname: saved.cname.clone().into_boxed_str(),
            sender_reports: saved
                .sender_reports
                .iter()
                .map(|&(ssrc, middle, age)| SenderReport { ssrc: Ssrc(ssrc), middle, at: age.before(taken) })
                .collect(),
            average_size: f64::from(saved.average_size) / AVERAGE_UNIT,
            reported_before: saved.reported_before,
            reported_at: saved.reported.before(taken),
            next_report: saved.next_report.map(|due| due.after(taken, MINIMUM * 2)),
            sent_at: saved.sent_at,
            sent: saved.sent,
            received: saved.received,
            remote: saved.remote.map(|RemoteReport { fraction_lost, lost, jitter }| Remote {
                fraction_lost,
                lost,
                jitter,
            }),
            round_trip: saved.round_trip,
            left: saved.left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::leg::receiver::Arrival;
    use mediapoint_packet::rtp::{RtpTicks, Seq};

    fn session() -> RtcpSession {
        RtcpSession::new("test".into())
    }

    // test-of: [RFC3550 6.3.1]
    #[test]
    fn the_first_interval_is_half_the_others_and_all_are_spread() {
        let mut session = session();
        let span = |session: &mut RtcpSession, chance| {
            session.schedule(Time::ZERO, chance).since(Time::ZERO).as_secs_f64()
        };
        assert!((span(&mut session, 0.0) - 2.5 * 0.5 / COMPENSATION).abs() < 1e-6);
        session.reported_before = true;
        assert!((span(&mut session, 0.0) - 5.0 * 0.5 / COMPENSATION).abs() < 1e-6);
        assert!((span(&mut session, 1.0) - 5.0 * 1.5 / COMPENSATION).abs() < 1e-6);
    }

    #[test]
    fn a_report_that_came_due_early_is_put_off_by_another_draw() {
        let mut session = session();
        session.reported_before = true;
        let early = session.schedule(Time::ZERO, 0.0);
        let late = Time::ZERO + session.interval(1.0);
        assert_eq!(session.reconsider(early, 1.0), Err(late));
        assert_eq!(session.reconsider(early, 0.0), Ok(()));
        assert_eq!(session.reconsider(late, 0.7), Ok(()));
    }

    // test-of: [RFC3550 6.3.3]
    #[test]
    fn the_average_size_follows_what_is_sent_a_sixteenth_at_a_time() {
        let mut session = session();
        session.average_size = 128.0 + LOWER_HEADERS;
        session.count_sent(128 + 16);
        assert!((session.average_size - (128.0 + 1.0 + LOWER_HEADERS)).abs() < 1e-9);
    }

    #[test]
    fn a_leg_that_sent_reports_as_sender_and_falls_back_after_two_silent_intervals() {
        let mut session = session();
        let rewriter = RtpRewriter::new(Ssrc(1), Seq(0), RtpTicks(0));
        let mut receiver = Receiver::default();
        let mut out = [0; 200];
        let mut kind = |session: &mut RtcpSession, packets| {
            let sent = Sent { packets, octets: packets * 160, ..Sent::default() };
            let len = session.write(Time::ZERO, NtpTime(0), (&rewriter, &mut receiver, &sent), &mut out);
            assert!(len > 0);
            out[1]
        };
        assert_eq!([0, 5, 5, 5].map(|packets| kind(&mut session, packets)), [201, 200, 200, 201]);
    }

    #[test]
    fn a_report_states_loss_and_the_age_of_the_partys_own() {
        let mut session = session();
        let at = Time::from_millis(1000);
        session.note_sender_report(SenderReport { ssrc: Ssrc(9), middle: 0x1234_5678, at });
        let mut receiver = Receiver::default();
        for sequence in [1, 2, 4] {
            receiver.observe(&Arrival {
                now: Time::ZERO,
                ssrc: Ssrc(9),
                sequence: Seq(sequence),
                timestamp: RtpTicks(u32::from(sequence) * 160),
                clock_rate: 8000,
                octets: 160,
                audio: true,
                authenticated: false,
                moved: false,
            });
        }
        let stream = receiver.reported_streams().next().unwrap();
        let block = session.block(Time::from_millis(1500), stream);
        assert_eq!((block.last_sr, block.delay_since_last_sr), (0x1234_5678, 32_768));
        assert_eq!((block.cumulative_lost, block.fraction_lost, block.highest_sequence), (1, 64, 4));
    }

    #[test]
    fn the_partys_report_on_us_gives_loss_and_round_trip() {
        let mut session = session();
        let mut out = [0; 200];
        let wall = NtpTime(100 << 32);
        let block = ReportBlock {
            ssrc: Ssrc(1),
            fraction_lost: 12,
            cumulative_lost: 3,
            highest_sequence: 0,
            jitter: 80,
            last_sr: NtpTime(99 << 32).middle_32(),
            delay_since_last_sr: 32_768,
        };
        let mut writer = CompoundWriter::new(&mut out);
        writer.receiver_report(Ssrc(9), &[block]).unwrap();
        writer.bye(&[Ssrc(9)], None).unwrap();
        let len = writer.finish();
        let compound = Compound::parse(&out[..len]).unwrap();
        let effects = session.handle(Time::ZERO, wall, Ssrc(1), 8000, &compound);
        assert!(effects.bye);
        assert_eq!(session.round_trip(), Some(Duration::from_millis(500)));
        let remote = session.remote().unwrap();
        assert_eq!((remote.fraction_lost, remote.lost, remote.jitter.as_millis()), (12, 3, 10));
        assert!(!session.handle(Time::ZERO, wall, Ssrc(1), 8000, &compound).bye, "reported once");
    }
}
