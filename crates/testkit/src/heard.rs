//! What a party hears: every packet through the seam check, counted, on demand kept; and the figures that its own
//! reception reports carry, reckoned the naive way.

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::ntp::{NtpTime, short_from_duration};
use mediapoint_packet::rtcp::{Compound, Packet, ReportBlock, SenderInfo};
use mediapoint_packet::rtp::{PayloadType, RtpTicks, RtpView, Seq, Ssrc};

use crate::mark::Mark;
use crate::seam::{SeamCheck, Seen};

/// One RTP packet heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardPacket {
    /// When it arrived.
    pub at: Time,
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// Its sequence number.
    pub sequence: Seq,
    /// Its timestamp.
    pub timestamp: RtpTicks,
    /// Its marker bit.
    pub marker: bool,
    /// Its payload type.
    pub payload_type: PayloadType,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Whose audio it is, where it is marked.
    pub mark: Option<Mark>,
}

/// One RTCP compound heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardReport {
    /// When it arrived.
    pub at: Time,
    /// True where it came to the RTP port.
    pub on_rtp_port: bool,
    /// Who sent it.
    pub ssrc: Ssrc,
    /// What it says of what was sent, in a sender report.
    pub info: Option<SenderInfo>,
    /// What it says of what was received.
    pub blocks: Vec<ReportBlock>,
    /// The sender's canonical name.
    pub cname: Option<Vec<u8>>,
    /// Sources that leave.
    pub byes: Vec<Ssrc>,
    /// Octets of the compound.
    pub octets: usize,
    /// Round trip that its block on this party shows.
    pub round_trip: Option<Duration>,
}

/// The ears of a party.
#[derive(Debug)]
pub struct Heard {
    /// Seams found so far.
    pub seam: SeamCheck,
    /// RTP packets.
    pub packets: u64,
    /// Packets that could not be opened with the party's keys.
    pub not_authentic: u64,
    /// Packets that are neither RTP nor RTCP by their form.
    pub malformed: u64,
    /// RTP packets without a whole mark: events, other codecs, or damage.
    pub unmarked: u64,
    /// RTCP compounds.
    pub compounds: u64,
    /// RTP packets, where [`Heard::keep_packets`] is set.
    pub log: Vec<HeardPacket>,
    /// Whether RTP packets are kept.
    pub keep_packets: bool,
    /// RTCP compounds, where [`Heard::keep_reports`] is set.
    pub reports: Vec<HeardReport>,
    /// Whether RTCP compounds are kept; they are by default.
    pub keep_reports: bool,
    /// Clock rate that timestamps are reckoned with.
    pub clock_rate: u32,
    /// Payload type that is telephone-event.
    pub event_type: PayloadType,
    by_tag: Box<[u64; 256]>,
    last: Option<(Time, Mark)>,
    reception: Reception,
    last_sender_report: Option<(u32, Time)>,
}

/// A naive receiver's figures [RFC3550 A.3, A.8].
#[derive(Debug, Default)]
struct Reception {
    ssrc: Option<Ssrc>,
    first: u64,
    highest: u64,
    received: u64,
    reported: (u64, u64),
    jitter: f64,
    transit: Option<f64>,
}

impl Heard {
    pub(crate) fn new() -> Self {
        Self {
            seam: SeamCheck::default(),
            packets: 0,
            not_authentic: 0,
            malformed: 0,
            unmarked: 0,
            compounds: 0,
            log: Vec::new(),
            keep_packets: false,
            reports: Vec::new(),
            keep_reports: true,
            clock_rate: 8000,
            event_type: PayloadType::new(101).unwrap_or(PayloadType::PCMU),
            by_tag: Box::new([0; 256]),
            last: None,
            reception: Reception::default(),
            last_sender_report: None,
        }
    }

    /// Marked packets of the party with that tag.
    #[must_use]
    pub fn packets_from(&self, tag: u8) -> u64 {
        self.by_tag.get(usize::from(tag)).copied().unwrap_or(0)
    }

    /// The last marked packet and when it came.
    #[must_use]
    pub const fn last(&self) -> Option<(Time, Mark)> {
        self.last
    }

    /// Packets that were missing so far, as this party reports.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.seam.missing()
    }

    pub(crate) fn take_rtp(&mut self, now: Time, bytes: &[u8]) {
        let Ok(view) = RtpView::parse(bytes) else {
            self.malformed += 1;
            return;
        };
        self.packets += 1;
        let event = view.payload_type() == self.event_type;
        let mark = if event { None } else { Mark::read(view.payload()) };
        match mark {
            Some(mark) => {
                if let Some(count) = self.by_tag.get_mut(usize::from(mark.tag)) {
                    *count += 1;
                }
                self.last = Some((now, mark));
            }
            None => self.unmarked += 1,
        }
        self.reception.take(now, &view, self.clock_rate);
        self.seam.observe(Seen {
            at: now,
            ssrc: view.ssrc(),
            sequence: view.sequence(),
            timestamp: view.timestamp(),
            clock_rate: self.clock_rate,
            event,
            mark,
        });
        if self.keep_packets {
            self.log.push(HeardPacket {
                at: now,
                ssrc: view.ssrc(),
                sequence: view.sequence(),
                timestamp: view.timestamp(),
                marker: view.marker(),
                payload_type: view.payload_type(),
                payload: view.payload().to_vec(),
                mark,
            });
        }
    }

    pub(crate) fn take_rtcp(&mut self, now: Time, wall: NtpTime, own: Ssrc, on_rtp_port: bool, bytes: &[u8]) {
        let Ok(compound) = Compound::parse(bytes) else {
            self.malformed += 1;
            return;
        };
        self.compounds += 1;
        let mut heard = HeardReport {
            at: now,
            on_rtp_port,
            ssrc: Ssrc(0),
            info: None,
            blocks: Vec::new(),
            cname: None,
            byes: Vec::new(),
            octets: bytes.len(),
            round_trip: None,
        };
        for packet in &compound {
            match packet {
                Packet::SenderReport { ssrc, info, reports } => {
                    heard.ssrc = ssrc;
                    heard.info = Some(info);
                    heard.blocks = reports.collect();
                    self.last_sender_report = Some((info.ntp.middle_32(), now));
                }
                Packet::ReceiverReport { ssrc, reports } => {
                    heard.ssrc = ssrc;
                    heard.blocks = reports.collect();
                }
                Packet::SourceDescription(names) => {
                    heard.cname = names.cname(heard.ssrc).map(<[u8]>::to_vec);
                }
                Packet::Bye { ssrcs, .. } => heard.byes.extend(ssrcs),
                _ => {}
            }
        }
        let on_us = heard.blocks.iter().find(|block| block.ssrc == own);
        heard.round_trip = on_us.and_then(|block| block.round_trip(wall));
        if self.keep_reports {
            self.reports.push(heard);
        }
    }

    /// The block on the engine that the party's next report carries.
    pub(crate) fn block(&mut self, now: Time) -> Option<ReportBlock> {
        let (last_sr, delay_since_last_sr) = self
            .last_sender_report
            .map_or((0, 0), |(middle, at)| (middle, short_from_duration(now.since(at))));
        self.reception.block(last_sr, delay_since_last_sr)
    }
}

impl Reception {
    fn take(&mut self, now: Time, view: &RtpView<'_>, clock_rate: u32) {
        let sequence = view.sequence();
        if self.ssrc != Some(view.ssrc()) {
            *self = Self { ssrc: Some(view.ssrc()), ..Self::default() };
            self.first = u64::from(sequence.0) + (1 << 16);
            self.highest = self.first;
        } else {
            let low = Seq(u16::try_from(self.highest & 0xffff).unwrap_or(0));
            let step = i64::from(sequence.distance_from(low));
            self.highest = self.highest.max(self.highest.saturating_add_signed(step));
        }
        self.received += 1;
        #[expect(clippy::cast_precision_loss, reason = "a naive reckoning")]
        let arrival = now.as_nanos() as f64 * f64::from(clock_rate) / 1e9;
        let transit = arrival - f64::from(view.timestamp().0);
        if let Some(before) = self.transit
            && (transit - before).abs() < f64::from(clock_rate)
        {
            self.jitter += ((transit - before).abs() - self.jitter) / 16.0;
        }
        self.transit = Some(transit);
    }

    fn block(&mut self, last_sr: u32, delay_since_last_sr: u32) -> Option<ReportBlock> {
        let ssrc = self.ssrc?;
        let expected = self.highest - self.first + 1;
        let (expected_now, received_now) = (expected - self.reported.0, self.received - self.reported.1);
        self.reported = (expected, self.received);
        let share = (expected_now.saturating_sub(received_now) * 256).checked_div(expected_now).unwrap_or(0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a naive reckoning")]
        let jitter = self.jitter as u32;
        Some(ReportBlock {
            ssrc,
            fraction_lost: u8::try_from(share).unwrap_or(255),
            cumulative_lost: i32::try_from(expected.saturating_sub(self.received)).unwrap_or(i32::MAX),
            highest_sequence: u32::try_from((self.highest - (1 << 16)) & 0xffff_ffff).unwrap_or(0),
            jitter,
            last_sr,
            delay_since_last_sr,
        })
    }
}
