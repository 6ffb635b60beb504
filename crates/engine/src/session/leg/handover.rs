//! A leg whose stream the packet I/O backend forwards by itself: what keeps it from that, and how what was forwarded there
//! is counted in, as if each packet had come through the leg.
//!
//! Of the packets that the leg has not seen the last samples are not known, so that a source that takes the place of the
//! stream begins without a cross-fade. Of what was lost more than 64 numbers before the newest packet and within the last
//! second, none is taken any more when it comes late.

use std::time::Duration;

use mediapoint_net::Forwarded;
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks, Seq, Ssrc};

use crate::api::leg::LegKind;
use crate::session::leg::Leg;
use crate::session::leg::sender::Sender;
use crate::session::payload_map::Conversion;

/// How long a stream is watched before it is handed over: nothing odd comes in that time.
pub(crate) const WATCHED: Duration = Duration::from_secs(1);

/// What is handed over is watched again after so long: only the leg can find a loop, by the payloads.
const WATCH_AGAIN: Duration = Duration::from_secs(60);

/// A stream that is silent for so long is taken back: what its sender does after a pause is for the leg to judge.
const SILENT: Duration = Duration::from_secs(1);

/// A handover that forwarded fewer packets was not worth its cost. The next one waits, each time twice as long, up to a limit.
const WORTH: u64 = 25;
const SHORTEST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(64);

/// Why a stream is not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// One of the legs is not audio.
    Kind,
    /// One of the legs has keys, or passes what is encrypted from end to end.
    Encrypted,
    /// The direction or the policy of media lets it not pass as it is.
    Held,
    /// The party's address is not learnt.
    NotLearnt,
    /// The listener's address is not known.
    NoDestination,
    /// It feeds nobody, or several, or itself.
    Listeners,
    /// Packets of it are tapped, or its audio is wanted by somebody.
    Wanted,
    /// Its digits are kept back, looked for or delayed.
    Digits,
    /// The listener is sent encoded audio, digits or a beep.
    Encoded,
    /// The payload is converted, or its payload type asks for a mode.
    Converted,
    /// An event is under way.
    Event,
    /// No packet of it was forwarded last, or the next one changes how it is mapped.
    Mapping,
    /// It has just begun, or has timed out.
    Young,
    /// The leg may be in a loop, or comes near the rate that it is limited to.
    Suspect,
    /// Something odd has come since it was watched.
    Disturbed,
}

/// Where a received stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) ssrc: Ssrc,
    pub(crate) run: u32,
    pub(crate) highest: u64,
    pub(crate) timestamp: RtpTicks,
    pub(crate) clock_rate: u32,
    pub(crate) transit: i64,
    pub(crate) jitter: u64,
    pub(crate) at: Time,
}

impl Standing {
    /// The newest sequence number.
    pub(crate) fn sequence(&self) -> Seq {
        Seq(u16::try_from(self.highest & 0xffff).unwrap_or(0))
    }
}

/// How a sending leg maps a stream: what it adds, and with what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) ssrc: Ssrc,
    pub(crate) payload_type: PayloadType,
    pub(crate) sequence_offset: u16,
    pub(crate) timestamp_offset: u32,
}

/// What was forwarded elsewhere since it was counted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) packets: u64,
    pub(crate) octets: u64,
    /// By how much the numbers went on, and steps by more than one.
    pub(crate) step: u64,
    pub(crate) bursts: u64,
    /// Bit n: the packet n below the newest came.
    pub(crate) seen: u64,
    /// Of the newest packet.
    pub(crate) sequence: Seq,
    pub(crate) timestamp: RtpTicks,
    pub(crate) transit: i64,
    pub(crate) jitter: u64,
    pub(crate) at: Time,
}

/// Figures of a leg and its listener, to see whether anything odd comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    at: Time,
    run: u32,
    path_of: (PayloadType, u32),
    received: u64,
    octets: u64,
    oddities: u64,
    sent: u64,
    sent_octets: u64,
}

impl Look {
    /// True where all that came between two looks were packets of one stream and one size, and each was forwarded.
    fn is_undisturbed(&self, before: &Self) -> bool {
        let packets = self.received.wrapping_sub(before.received);
        let octets = self.octets.wrapping_sub(before.octets);
        let sent = self.sent.wrapping_sub(before.sent);
        packets > 0
            && (self.run, self.path_of, self.oddities) == (before.run, before.path_of, before.oddities)
            && octets == packets.saturating_mul(self.path_of.1 as u64)
            && (sent, self.sent_octets.wrapping_sub(before.sent_octets)) == (packets, octets)
    }
}

/// What has been counted of a handover that lasts.
#[derive(Debug, Clone, Copy)]
struct Handed {
    since: Time,
    packets: u64,
    octets: u64,
    advance: u64,
    bursts: u64,
}

/// How a leg's stream is handed over.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    look: Option<Look>,
    handed: Option<Handed>,
    not_before: Time,
    pause: Duration,
    never: bool,
}

impl Handover {
    /// True while nothing is to be offered to the backend.
    pub(crate) fn rests(&self, now: Time) -> bool {
        self.never || now < self.not_before
    }

    /// Notes how the leg looks. `Ok` once nothing odd has come for [`WATCHED`]: the packets since, and in which time.
    pub(crate) fn watch(&mut self, look: Look) -> Result<(u64, Duration), Obstacle> {
        let Some(before) = self.look else {
            self.look = Some(look);
            return Err(Obstacle::Disturbed);
        };
        let since = look.at.since(before.at);
        if since < WATCHED {
            return Err(Obstacle::Disturbed);
        }
        self.look = Some(look);
        let packets = look.received.wrapping_sub(before.received);
        if look.is_undisturbed(&before) { Ok((packets, since)) } else { Err(Obstacle::Disturbed) }
    }

    /// Begins to watch anew.
    pub(crate) const fn unwatch(&mut self) {
        self.look = None;
    }

    /// Notes that the backend has the stream.
    pub(crate) const fn begin(&mut self, now: Time) {
        self.look = None;
        self.handed = Some(Handed { since: now, packets: 0, octets: 0, advance: 0, bursts: 0 });
    }

    /// Notes that the backend does not take the stream, never or not within `pause`.
    pub(crate) fn refused(&mut self, now: Time, pause: Option<Duration>) {
        self.look = None;
        self.never = pause.is_none();
        self.not_before = now + pause.unwrap_or_default();
    }

    /// What was forwarded since it was counted last; `None` where that is nothing.
    pub(crate) fn count(&mut self, now: Time, forwarded: &Forwarded) -> Option<Passed> {
        let handed = self.handed.as_mut()?;
        let packets = forwarded.packets.checked_sub(handed.packets).filter(|packets| *packets > 0)?;
        let passed = Passed {
            packets,
            octets: forwarded.octets.saturating_sub(handed.octets),
            step: forwarded.advance.saturating_sub(handed.advance),
            bursts: forwarded.bursts.saturating_sub(handed.bursts),
            seen: forwarded.seen,
            sequence: Seq(forwarded.sequence),
            timestamp: RtpTicks(forwarded.timestamp),
            transit: forwarded.transit,
            jitter: forwarded.jitter,
            at: forwarded.at.min(now),
        };
        (handed.packets, handed.octets) = (forwarded.packets, forwarded.octets);
        (handed.advance, handed.bursts) = (forwarded.advance, forwarded.bursts);
        Some(passed)
    }

    /// Notes that the backend has the stream no more. One that did not fit is offered again later and later.
    pub(crate) fn end(&mut self, now: Time, closed: bool) {
        let Some(handed) = self.handed.take() else { return };
        self.look = None;
        self.pause = match closed && handed.packets < WORTH {
            true => (self.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
            false => Duration::ZERO,
        };
        self.not_before = now + self.pause;
    }

    fn is_to_be_watched(&self, now: Time) -> bool {
        self.handed.is_some_and(|handed| now.since(handed.since) >= WATCH_AGAIN)
    }
}

impl Leg {
    /// Whether the party's stream can be handed over, as far as its own leg says.
    pub(in crate::session) fn check_received(&self, now: Time) -> Result<(Standing, Look), Obstacle> {
        let ensure = |holds: bool, otherwise| if holds { Ok(()) } else { Err(otherwise) };
        ensure(self.kind == LegKind::Audio, Obstacle::Kind)?;
        let open = self.transport.srtp.is_none() && !self.end_to_end && self.zrtp_with.is_none();
        ensure(open, Obstacle::Encrypted)?;
        ensure(self.receives, Obstacle::Held)?;
        ensure(self.transport.latch.learnt().is_some(), Obstacle::NotLearnt)?;
        ensure(self.ingress.is_none() && !self.tapped, Obstacle::Wanted)?;
        let digits = self.is_secret()
            || self.looks_for_tones()
            || self.sends_digits_anew()
            || self.config.digit_trigger.is_some()
            || self.delayed.deadline().is_some();
        ensure(!digits, Obstacle::Digits)?;
        ensure(!self.events.is_active(now) && self.events.deadline().is_none(), Obstacle::Event)?;
        let suspect = !self.loop_watch.is_quiet() || self.transport.limiter.is_flooded(now);
        ensure(!suspect, Obstacle::Suspect)?;
        let standing = self.receiver.standing(now).filter(|_| !self.timed_out).ok_or(Obstacle::Young)?;
        let path_of = self.path_of.filter(|(payload_type, _)| {
            let info = self.payloads.get(*payload_type);
            self.receiver.payload_type() == Some(*payload_type)
                && info.is_some_and(|info| {
                    info.clock_rate == standing.clock_rate && !(info.requests || info.noise || info.event)
                })
        });
        let look = Look {
            at: now,
            run: standing.run,
            path_of: path_of.ok_or(Obstacle::Converted)?,
            received: self.receiver.received(),
            octets: self.receiver.octets(),
            oddities: self.receiver.oddities().wrapping_add(self.dropped.total()),
            sent: 0,
            sent_octets: 0,
        };
        Ok((standing, look))
    }

    /// Whether what feeds this leg can be handed over, as far as the sending leg says.
    pub(in crate::session) fn check_sent(&self) -> Result<(), Obstacle> {
        let ensure = |holds: bool, otherwise| if holds { Ok(()) } else { Err(otherwise) };
        ensure(self.kind == LegKind::Audio, Obstacle::Kind)?;
        let open = self.transport.srtp.is_none() && !self.end_to_end && self.zrtp_with.is_none();
        ensure(open, Obstacle::Encrypted)?;
        ensure(self.sender.open, Obstacle::Held)?;
        ensure(self.transport.destination().is_some(), Obstacle::NoDestination)?;
        ensure(!self.sender.tapped, Obstacle::Wanted)?;
        ensure(self.sender.forwards_alone(), Obstacle::Encoded)
    }

    /// True where a stream that is handed over is to be taken back by itself. After [`WATCH_AGAIN`] the leg watches it again.
    pub(in crate::session) fn takes_back(&self, now: Time, limit: Duration) -> bool {
        let silent = now.since(self.silent_since) >= SILENT.min(self.config.media_timeout.unwrap_or(limit));
        let watched = self.handover.as_ref().is_none_or(|handover| handover.is_to_be_watched(now));
        silent || watched || self.transport.limiter.is_beyond(now)
    }

    /// Counts in what the backend has forwarded of the party's stream; true where the leg had timed out.
    pub(in crate::session) fn note_passed(&mut self, passed: &Passed) -> bool {
        self.transport.limiter.note_passed(passed.at, passed.packets);
        self.transport.latch.note_passed(passed.at, passed.sequence);
        self.receiver.note_passed(passed);
        self.note_received(passed.at)
    }
}

impl Look {
    /// The same with the figures of the leg that is fed.
    pub(in crate::session) const fn with_sent(self, sender: &Sender) -> Self {
        Self { sent: sender.sent.packets, sent_octets: sender.sent.octets, ..self }
    }

    pub(in crate::session) const fn path_of(&self) -> (PayloadType, u32) {
        self.path_of
    }
}

impl Sender {
    /// True where all that the party is sent are packets of the source leg, as they come.
    fn forwards_alone(&self) -> bool {
        !(self.transcodes()
            || self.needs_encoder()
            || self.sends_digits()
            || self.has_digits()
            || self.digit_waits().is_some()
            || self.beeps()
            || self.beep_waits().is_some())
    }

    /// How the stream is mapped whose newest packet was forwarded last, in packets of `len` octets.
    pub(in crate::session) fn mapped(
        &self,
        source: crate::api::id::LegId,
        standing: &Standing,
        (payload_type, len): (PayloadType, u32),
    ) -> Result<Mapped, Obstacle> {
        let rule = self.map.get(payload_type).ok_or(Obstacle::Converted)?;
        if rule.conversion_of(len as usize) != Conversion::None || self.joins(&rule) {
            return Err(Obstacle::Converted);
        }
        let offsets = self.rewriter.constant_offsets(source, standing).ok_or(Obstacle::Mapping)?;
        Ok(Mapped {
            ssrc: self.rewriter.ssrc(),
            payload_type: rule.payload_type,
            sequence_offset: offsets.0,
            timestamp_offset: offsets.1,
        })
    }

    /// Counts in what the backend has forwarded to the party.
    pub(in crate::session) const fn note_passed(&mut self, passed: &Passed) {
        self.rewriter.note_passed(passed);
        self.sent.packets += passed.packets;
        self.sent.octets += passed.octets;
        // What the signal was last is not known.
        self.tail = None;
    }
}
