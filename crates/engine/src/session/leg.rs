//! One leg: its configuration and transport, what it receives, what it sends, and RTCP.

pub(crate) mod beep;
mod beside;
pub(crate) mod counted;
pub mod crossfade;
pub(crate) mod delayed;
pub(crate) mod digits;
pub mod egress;
pub mod event_clock;
pub mod events;
mod gate;
pub(crate) mod handover;
pub(crate) mod in_band;
pub mod ingress;
mod kept_back;
pub mod latch;
pub(crate) mod limiter;
pub(crate) mod loop_watch;
pub(crate) mod mode;
mod received_stream;
pub mod receiver;
pub(crate) mod renumber;
pub mod rewriter;
pub mod rtcp;
pub(crate) mod secure;
pub mod sender;
pub mod srtp;
pub mod statistics;
pub mod transport;
pub(crate) mod trigger;

use std::mem::offset_of;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use mediapoint_jitter::PlayoutStatistics;
use mediapoint_net::{prefetch, prefetch_part};
use mediapoint_packet::demux::{self, Kind};
use mediapoint_packet::rtcp::Compound;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};
use mediapoint_packet::{PacketBuf, Time};

use crate::api::codec::PayloadCodec;
use crate::api::id::LegId;
use crate::api::leg::{LegConfig, LegKind, MediaPolicy, Relearn};
use crate::api::remote::RemotePolicy;
use crate::api::secure::SecureInput;
use crate::api::source::Source;
use crate::api::stats::Dropped;
use crate::session::leg::counted::Counted;
use crate::session::leg::delayed::DelayedDigits;
use crate::session::leg::events::EventReceiver;
use crate::session::leg::handover::Handover;
use crate::session::leg::ingress::{Ingress, natural_rate};
use crate::session::leg::latch::Admission;
use crate::session::leg::loop_watch::{LoopVerdict, LoopWatch};
use crate::session::leg::receiver::{Arrival, Receiver, Taken, Verdict};
use crate::session::leg::renumber::Renumbered;
use crate::session::leg::rewriter::RtpRewriter;
use crate::session::leg::rtcp::RtcpSession;
use crate::session::leg::secure::SecretEvent;
use crate::session::leg::sender::{Sender, Sent};
use crate::session::leg::transport::{DropReason, RtpMeta, Transport};
use crate::session::leg::trigger::Trigger;
use crate::session::payload_map::{PayloadInfo, PayloadMap, PayloadTable, SendCapabilities};
use crate::session::port::LegPorts;
use crate::session::wiring::Feed;

/// What an audio packet turned out to be.
pub(super) struct Accepted {
    pub(super) meta: RtpMeta,
    pub(super) info: PayloadInfo,
    pub(super) admission: Admission,
    pub(super) taken: Taken,
}

/// Places of the legs that a leg feeds. The first one is kept apart: as a rule it is the only one.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    count: u16,
    first: u16,
    others: Option<Box<Others>>,
}

/// Apart, because there are none as a rule.
#[derive(Debug, Default)]
struct Others(Vec<u16>);

impl Listeners {
    pub(super) fn clear(&mut self) {
        self.count = 0;
        if let Some(others) = &mut self.others {
            others.0.clear();
        }
    }

    pub(super) fn push(&mut self, place: u16) {
        if self.count == 0 {
            self.first = place
        } else {
            self.others.get_or_insert_default().0.push(place)
        }
        self.count = self.count.saturating_add(1);
    }

    /// Puts one in, in the order of places, where it is not there.
    pub(super) fn insert(&mut self, place: u16) {
        let mut all: Vec<u16> = self.places().collect();
        if let Err(at) = all.binary_search(&place) {
            all.insert(at, place);
            self.set(&all);
        }
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, place: u16) {
        let all: Vec<u16> = self.places().filter(|known| *known != place).collect();
        self.set(&all);
    }

    fn set(&mut self, places: &[u16]) {
        self.clear();
        places.iter().for_each(|place| self.push(*place));
    }

    fn places(&self) -> impl Iterator<Item = u16> {
        let first = (self.count > 0).then_some(self.first);
        first.into_iter().chain(self.others.iter().flat_map(|others| others.0.iter().copied()))
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.count)
    }

    pub(super) fn get(&self, n: usize) -> Option<usize> {
        match n.checked_sub(1) {
            None => (self.count > 0).then_some(usize::from(self.first)),
            Some(n) => self.others.as_ref()?.0.get(n).map(|place| usize::from(*place)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter_map(|n| self.get(n))
    }
}

/// True where a party that was signalled so may begin its stream anew. What repeats all that was agreed is no reason.
fn may_begin_anew(before: &LegConfig, now: &LegConfig) -> bool {
    let keys = |config: &LegConfig| config.srtp.as_ref().map(|keys| keys.inbound.clone());
    before.remote != now.remote
        || before.direction != now.direction
        || before.codecs != now.codecs
        || before.received_codecs != now.received_codecs
        || keys(before) != keys(now)
}

/// One leg. What a packet from the party needs lies together: from the end of the loop watch to the beginning of the receiver,
/// and in the transport. What a packet to the party needs is in the transport and at the beginning of the sender.
#[repr(C)]
pub(crate) struct Leg {
    loop_watch: LoopWatch,
    pub(super) kind: LegKind,
    /// True where the direction lets the party send.
    pub(super) receives: bool,
    pub(super) timed_out: bool,
    /// True where a packet tap wants copies of what the party sends.
    pub(super) tapped: bool,
    /// True while what the party sends passes untouched: it is encrypted by keys of ZRTP.
    pub(super) end_to_end: bool,
    /// An obstacle to ZRTP was reported.
    pub(super) zrtp_told: bool,
    /// The packet I/O backend has the party's stream.
    pub(super) handed_over: bool,
    /// Places of the legs that this one feeds.
    pub(super) listeners: Listeners,
    /// Payload type and length of the packet that the paths were selected for last.
    pub(super) path_of: Option<(PayloadType, u32)>,
    pub(super) payloads: PayloadTable,
    pub(super) id: LegId,
    pub(super) last_received: Option<Time>,
    /// Silence counts from here: the last packet, or the time since which the party may send.
    pub(super) silent_since: Time,
    pub(super) ingress: Option<Box<Ingress>>,
    pub(super) receiver: Receiver,
    pub(super) transport: Transport,
    pub(super) sender: Sender,
    pub(super) feed: Feed,
    pub(super) source: Source,
    pub(super) events: EventReceiver,
    pub(super) dropped: Dropped,
    /// What came in on a leg that passes packets through.
    pub(super) passed: Sent,
    pub(super) rtcp: RtcpSession,
    pub(super) config: Box<LegConfig>,
    /// The leg whose party has keys by ZRTP with this one's.
    pub(super) zrtp_with: Option<LegId>,
    /// Numbers of what is relayed into SRTP as it comes.
    pub(super) renumbered: Renumbered,
    /// Streams that are relayed as they come, received and sent.
    pub(super) counted: [Counted; 2],
    /// Digits drawn at random in place of telephone events; each is a function of their number.
    pub(super) draws: u32,
    /// The last telephone event under secure input.
    pub(super) secret_event: Option<SecretEvent>,
    /// What was kept out of the audio until secure input went off, while digits that began before may sound.
    pub(super) lingers: SecureInput,
    /// Where the digits are that switch secure input on and off.
    pub(super) trigger: Option<Trigger>,
    /// Digits that go on later.
    pub(super) delayed: DelayedDigits,
    /// The event that switched it on, by epoch and beginning: what is still to come of it passes as what came before.
    passing_event: Option<(u32, RtpTicks)>,
    /// Figures of the jitter buffer that was in use last.
    pub(super) played: Option<PlayoutStatistics>,
    /// Made when the leg's stream could be handed over first.
    pub(super) handover: Option<Box<Handover>>,
}

impl Leg {
    /// Asks the processor for what a tick needs of it to pull its audio.
    pub(super) fn prefetch_received(&self) {
        prefetch(&self.ingress, 1);
        prefetch(&self.events, 1);
    }

    /// Asks the processor for what a tick needs of it to send audio.
    pub(super) fn prefetch_sent(&self) {
        prefetch_part(&self.transport, Transport::HOT);
        prefetch_part(&self.sender, 0..size_of::<Sender>());
    }

    /// Both.
    pub(super) fn prefetch_tick(&self) {
        self.prefetch_received();
        self.prefetch_sent();
    }

    /// Where all that a packet from its party needs lies, beside the transport.
    const OF_RECEIVED: Range<usize> =
        offset_of!(Self, loop_watch) + LoopWatch::HOT_FROM..offset_of!(Self, receiver) + Receiver::HOT;

    /// Asks the processor for what a packet from its party needs of it.
    pub(super) fn prefetch_received_packet(&self) {
        prefetch_part(self, Self::OF_RECEIVED);
        prefetch_part(&self.transport, Transport::HOT);
    }

    /// Asks the processor for what a packet that is forwarded to its party needs of it.
    pub(super) fn prefetch_sent_packet(&self) {
        prefetch_part(&self.sender, 0..Sender::HOT);
        prefetch_part(&self.transport, Transport::HOT);
    }

    pub(super) fn new(
        now: Time,
        id: LegId,
        config: Box<LegConfig>,
        (ports, remotes): (LegPorts, &Arc<RemotePolicy>),
        rewriter: RtpRewriter,
        rtcp: RtcpSession,
    ) -> Self {
        Self {
            kind: config.kind,
            receives: config.direction.receives(),
            timed_out: false,
            path_of: None,
            last_received: None,
            silent_since: now,
            listeners: Listeners::default(),
            tapped: false,
            end_to_end: false,
            zrtp_told: false,
            handed_over: false,
            handover: None,
            zrtp_with: None,
            receiver: Receiver::default(),
            payloads: PayloadTable::new(config.codecs.iter().chain(&config.received_codecs)),
            transport: Transport::new(&config, ports, remotes),
            ingress: None,
            sender: Sender::new(rewriter, config.direction.sends()),
            feed: Feed::Silence,
            source: Source::Silence,
            events: EventReceiver::default(),
            id,
            dropped: Dropped::default(),
            passed: Sent::default(),
            rtcp,
            renumbered: Renumbered::default(),
            counted: Default::default(),
            played: None,
            draws: 0,
            secret_event: None,
            lingers: SecureInput::Off,
            trigger: config.digit_trigger.as_ref().map(|_| Trigger::new(now)),
            passing_event: None,
            delayed: DelayedDigits::default(),
            config,
            loop_watch: LoopWatch::default(),
        }
    }

    /// Follows a new configuration, keeping everything whose change the far end could notice.
    pub(super) fn configure(&mut self, now: Time, config: Box<LegConfig>, relearn: Relearn) {
        if relearn == Relearn::Now || may_begin_anew(&self.config, &config) {
            self.receiver.renew(now);
        }
        self.transport.configure(now, &config, relearn);
        if !self.receives && config.direction.receives() {
            self.silent_since = now;
            self.timed_out = false;
        }
        let before = self.kept_out();
        if self.config.digit_trigger != config.digit_trigger {
            self.trigger = config.digit_trigger.as_ref().map(|_| Trigger::new(now));
            self.passing_event = None;
        }
        self.kind = config.kind;
        self.receives = config.direction.receives();
        self.sender.set_allowed(config.direction.sends());
        self.payloads = PayloadTable::new(config.codecs.iter().chain(&config.received_codecs));
        self.path_of = None;
        self.config = config;
        self.lingers = SecureInput::Off;
        if before.is_on()
            && !self.kept_out().is_on()
            && self.ingress.as_ref().is_some_and(|ingress| ingress.is_live())
        {
            self.lingers = before;
        }
    }

    /// Every codec that the party may send.
    pub(super) fn receivable(&self) -> impl Iterator<Item = &PayloadCodec> {
        self.config.codecs.iter().chain(&self.config.received_codecs)
    }

    /// The highest sample rate of what the party may send, in hertz; `None` where the engine can decode none of it.
    pub(super) fn receive_rate(&self) -> Option<u32> {
        let codecs = self.receivable().filter(|entry| entry.codec.is_convertible());
        codecs.map(|entry| natural_rate(&entry.codec)).max()
    }

    /// Rebuilds the payload map from the leg's source.
    /// Nothing of a `secure` one is forwarded.
    pub(super) fn rebuild_payload_map(&mut self, source: Option<&[PayloadCodec]>, secure: bool) {
        let capabilities = SendCapabilities {
            codecs: &self.config.codecs,
            packet_time: self.config.packet_time,
            force_transcode: self.config.force_transcode,
            silence: self.sender.gate.policy() == MediaPolicy::Silence,
            secure,
        };
        self.sender.map = match source {
            Some(codecs) => PayloadMap::new(codecs.iter(), &capabilities),
            None => PayloadMap::none(),
        };
    }

    /// What a datagram is that came to the RTP port, or to one of RTCP's own.
    pub(super) fn classify(&self, datagram: &[u8], own_rtcp_port: bool) -> Kind {
        match demux::classify(datagram) {
            // The second byte tells only where both share the port [RFC5761 4].
            Kind::Rtcp
                if !own_rtcp_port && !self.transport.shares_port() && !self.is_unasked_rtcp(datagram) =>
            {
                Kind::Rtp
            }
            kind => kind,
        }
    }

    /// True for RTCP on the RTP port from a party with which that was not agreed: a compound, and no payload type agreed.
    #[cold]
    fn is_unasked_rtcp(&self, datagram: &[u8]) -> bool {
        let payload_type = datagram.get(1).and_then(|second| PayloadType::new(second & 0x7f));
        let agreed = payload_type.is_some_and(|payload_type| self.payloads.get(payload_type).is_some());
        let valid = || self.transport.srtp.is_some() || Compound::parse(datagram).is_ok();
        !agreed && demux::is_report(datagram) && valid()
    }

    /// Authenticates an audio packet, shows it to the latch and counts it into its stream. With
    /// [`DropReason::UnknownPayloadType`] the header comes along.
    pub(super) fn accept(
        &mut self,
        now: Time,
        from: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Result<Accepted, (DropReason, Option<RtpMeta>)> {
        let mut meta = self.transport.open_rtp(now, from, packet).map_err(|reason| (reason, None))?;
        let Some(mut info) = self.payloads.find(meta.payload_type) else {
            return Err((DropReason::UnknownPayloadType, Some(meta)));
        };
        let admission = self.transport.admit(now, from, &meta).map_err(|reason| (reason, None))?;
        if info.noise
            && let Some(at) = self.receiver.on_audio_clock(now, (meta.ssrc, meta.timestamp), info.clock_rate)
        {
            (meta.timestamp, info.clock_rate) = at;
        }
        let arrival = Arrival {
            audio: !info.event,
            authenticated: self.transport.srtp.is_some(),
            moved: admission == Admission::AcceptAndLatch,
            ..meta.arrival(now, info.clock_rate)
        };
        let taken = match self.receiver.observe(&arrival) {
            Verdict::Take(taken) => taken,
            Verdict::Duplicate => return Err((DropReason::Duplicate, None)),
            Verdict::OutOfRange => return Err((DropReason::OutOfRange, None)),
        };
        if !info.event {
            self.receiver.observe_arrival(now, meta.timestamp, info.clock_rate, meta.payload_type);
        }
        Ok(Accepted { meta, info, admission, taken })
    }

    /// Counts an authentic packet of the party whose payload type was not agreed into its stream; `None` where it is of no
    /// stream that is known, or was counted.
    pub(super) fn pass_over(&mut self, now: Time, from: SocketAddr, meta: &RtpMeta) -> Option<Taken> {
        if self.transport.latch.learnt() != Some(from) || !self.receiver.knows(meta.ssrc) {
            return None;
        }
        let authenticated = self.transport.srtp.is_some();
        // Its clock is not known: 0 is nobody's.
        match self.receiver.observe(&Arrival { authenticated, ..meta.arrival(now, 0) }) {
            Verdict::Take(taken) => Some(taken),
            _ => None,
        }
    }

    /// Whether the leg has just latched on to `from`, and whether that is where its party was expected.
    pub(super) fn latched(&self, admission: Admission, from: SocketAddr) -> Option<bool> {
        (admission == Admission::AcceptAndLatch).then(|| self.transport.latch.is_expected(from))
    }

    /// Shows the loop watch what came.
    pub(super) fn watch_loops(&mut self, now: Time, payload: &[u8]) -> LoopVerdict {
        let limiter = &self.transport.limiter;
        self.loop_watch.observe(now, payload, || limiter.is_flooded(now))
    }

    /// Notes that a packet came; true where the leg had timed out.
    pub(super) const fn note_received(&mut self, now: Time) -> bool {
        self.last_received = Some(now);
        self.silent_since = now;
        let resumed = self.timed_out;
        self.timed_out = false;
        resumed
    }

    /// Counts a packet that goes no further.
    pub(super) const fn count(&mut self, reason: DropReason) {
        let dropped = &mut self.dropped;
        match reason {
            DropReason::ForeignSource => dropped.foreign_source += 1,
            DropReason::NotAuthentic => dropped.not_authentic += 1,
            DropReason::Replayed => dropped.replayed += 1,
            DropReason::Malformed => dropped.malformed += 1,
            DropReason::UnknownPayloadType => dropped.unknown_payload_type += 1,
            DropReason::OutOfRange => dropped.out_of_range += 1,
            DropReason::Zrtp => dropped.zrtp += 1,
            DropReason::OnHold => dropped.on_hold += 1,
            DropReason::Flood => dropped.flood += 1,
            DropReason::Loop => dropped.loops += 1,
            // The receiver counts these.
            DropReason::Duplicate => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every packet touches of a leg, in octets: received, in the transport, sent.
    #[test]
    fn a_packet_touches_few_lines_of_a_leg() {
        let parts = [Leg::OF_RECEIVED, Transport::HOT, 0..Sender::HOT].map(|part| part.len());
        println!("{parts:?} of {} octets", size_of::<Leg>());
        println!(
            "loop watch {} receiver {} transport {} sender {} rewriter {} rtcp {} events {} call {}",
            size_of::<LoopWatch>(),
            size_of::<Receiver>(),
            size_of::<Transport>(),
            size_of::<Sender>(),
            size_of::<RtpRewriter>(),
            size_of::<RtcpSession>(),
            size_of::<EventReceiver>(),
            size_of::<crate::session::call::Call>()
        );
        assert!(parts.iter().zip([256, 128, 320]).all(|(part, most)| *part <= most), "{parts:?}");
    }
}
