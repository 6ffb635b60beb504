//! Streams that are merely forwarded are handed over to the packet I/O backend, which may forward them in the kernel.
//!
//! Once a second the call looks at its legs and offers what nothing else needs ([`Call::candidate`]). Until it takes a stream
//! back the call has none of its packets: it asks for their figures before it reports, checks or shows anything
//! ([`Call::follow_streams`]). Whatever changes the call takes all streams back first ([`Call::take_back_streams`]), and so
//! does a packet that did not fit the backend's rule for the one that it is of.

use std::time::Duration;

use mediapoint_net::{Forwarded, ForwardingRule, NotForwarded, Port};
use mediapoint_packet::Time;

use crate::api::event::Event;
use crate::session::call::Call;
use crate::session::leg::Leg;
use crate::session::leg::handover::{Look, Obstacle};
use crate::session::port::PortKey;
use crate::session::timers::Timer;
use crate::session::{Output, SessionConfig};

/// Time between two looks at a call.
const ROUND: Duration = Duration::from_secs(1);

/// The way to a destination may be known after so long.
const PATH_PAUSE: Duration = Duration::from_secs(2);

/// Another stream may have made room after so long.
const FULL_PAUSE: Duration = Duration::from_secs(5);

const fn port(key: PortKey) -> Port {
    Port::new(key.0)
}

impl Call {
    /// Looks at all legs: follows what is handed over, takes back what is to be, and offers what may be. Sets the time of the
    /// next look.
    pub(super) fn serve_handovers<O: Output>(&mut self, now: Time, config: &SessionConfig, out: &mut O) {
        for at in 0..self.legs.len() {
            if self.is_handed_over(at) {
                self.end_handover(now, at, config, out);
            } else {
                self.offer(now, at, out);
            }
        }
        self.schedule_handovers(now, config);
    }

    /// Sets the time of the next look, where streams may be handed over.
    pub(super) fn schedule_handovers(&mut self, now: Time, config: &SessionConfig) {
        if config.kernel_forwarding {
            self.timers.set_earlier(Timer::Handover, now + ROUND);
        }
    }

    /// Follows what is handed over, and takes back what is to be. Before it is checked which parties are silent.
    pub(super) fn end_handovers<O: Output>(&mut self, now: Time, config: &SessionConfig, out: &mut O) {
        for at in 0..self.legs.len() {
            if self.is_handed_over(at) {
                self.end_handover(now, at, config, out);
            }
        }
    }

    fn end_handover<O: Output>(&mut self, now: Time, at: usize, config: &SessionConfig, out: &mut O) {
        let closed = self.follow_stream(now, at, out);
        let ends = self.legs.get(at).is_some_and(|leg| leg.takes_back(now, config.media_timeout));
        if closed || ends {
            self.take_back_stream(now, at, out);
        }
    }

    /// Counts in what was forwarded so far. Before anything is reported, checked or shown of the call.
    pub(super) fn follow_streams<O: Output>(&mut self, now: Time, out: &mut O) {
        for at in 0..self.legs.len() {
            if self.is_handed_over(at) {
                self.follow_stream(now, at, out);
            }
        }
    }

    /// Takes all streams back. Before anything changes the call.
    pub(super) fn take_back_streams<O: Output>(&mut self, now: Time, out: &mut O) {
        // Where none was ever offered, as in a large room, no leg is looked at.
        if !self.offers_streams {
            return;
        }
        for at in 0..self.legs.len() {
            if self.is_handed_over(at) {
                self.take_back_stream(now, at, out);
            } else if let Some(handover) = self.legs.get_mut(at).and_then(|leg| leg.handover.as_mut()) {
                handover.unwatch();
            }
        }
    }

    /// Takes the stream of one leg back: its packets come through the leg again.
    #[cold]
    pub(super) fn take_back_stream<O: Output>(&mut self, now: Time, at: usize, out: &mut O) {
        let Some(leg) = self.legs.get_mut(at) else { return };
        leg.handed_over = false;
        let forwarded = out.take_back(port(leg.transport.ports().rtp));
        if let Some(forwarded) = &forwarded {
            self.count_forwarded(now, at, forwarded, out);
        }
        let closed = forwarded.is_none_or(|forwarded| forwarded.closed);
        if let Some(handover) = self.legs.get_mut(at).and_then(|leg| leg.handover.as_mut()) {
            handover.end(now, closed);
        }
    }

    fn is_handed_over(&self, at: usize) -> bool {
        self.legs.get(at).is_some_and(|leg| leg.handed_over)
    }

    /// Counts in what was forwarded of one stream; true where nothing more is.
    fn follow_stream<O: Output>(&mut self, now: Time, at: usize, out: &mut O) -> bool {
        let Some(leg) = self.legs.get(at) else { return true };
        let Some(forwarded) = out.forwarded(port(leg.transport.ports().rtp)) else { return true };
        self.count_forwarded(now, at, &forwarded, out);
        forwarded.closed
    }

    fn count_forwarded<O: Output>(&mut self, now: Time, at: usize, forwarded: &Forwarded, out: &mut O) {
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return };
        let Some(passed) = leg.handover.as_mut().and_then(|handover| handover.count(now, forwarded)) else {
            return;
        };
        let (id, resumed) = (leg.id, leg.note_passed(&passed));
        if resumed {
            out.event(Event::MediaResumed { call: self.id, leg: id });
        }
        if let Some(listener) = self.listener_mut(at, 0) {
            listener.sender.note_passed(&passed);
        }
    }

    /// Offers the stream of a leg to the backend, where nothing keeps it from that.
    fn offer<O: Output>(&mut self, now: Time, at: usize, out: &mut O) {
        let found = self.candidate(now, at);
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return };
        let Ok((rule, look)) = found else {
            if let Some(handover) = &mut leg.handover {
                handover.unwatch();
            }
            return;
        };
        self.offers_streams = true;
        let handover = leg.handover.get_or_insert_default();
        if handover.rests(now) {
            return;
        }
        let watched = handover.watch(look);
        if !watched.is_ok_and(|(packets, during)| leg.transport.limiter.leaves_room(packets, during)) {
            return;
        }
        match out.forward(&rule) {
            Ok(()) => {
                leg.handed_over = true;
                handover.begin(now);
            }
            Err(NotForwarded::Unsupported) => handover.refused(now, None),
            Err(NotForwarded::NoPath) => handover.refused(now, Some(PATH_PAUSE)),
            Err(_) => handover.refused(now, Some(FULL_PAUSE)),
        }
    }

    /// The rule by which the stream of a leg can be forwarded, and the leg's figures, to see that nothing odd comes; else
    /// what is in the way.
    fn candidate(&self, now: Time, at: usize) -> Result<(ForwardingRule, Look), Obstacle> {
        let leg: &Leg = self.legs.get(at).ok_or(Obstacle::Listeners)?;
        let (standing, look) = leg.check_received(now)?;
        let listener = match (leg.listeners.len(), leg.listeners.get(0)) {
            (1, Some(listener)) if listener != at => self.legs.get(listener),
            _ => None,
        };
        let listener: &Leg = listener.ok_or(Obstacle::Listeners)?;
        listener.check_sent()?;
        let mapped = listener.sender.mapped(leg.id, &standing, look.path_of())?;
        let (payload_type, len) = look.path_of();
        let rule = ForwardingRule {
            port: port(leg.transport.ports().rtp),
            from: leg.transport.latch.learnt().ok_or(Obstacle::NotLearnt)?,
            ssrc: standing.ssrc.0,
            payload_type: payload_type.get(),
            payload_len: u16::try_from(len).map_err(|_| Obstacle::Converted)?,
            sequence: standing.sequence().0,
            timestamp: standing.timestamp.0,
            transit: standing.transit,
            jitter: standing.jitter,
            clock_rate: standing.clock_rate,
            at: standing.at,
            out: port(listener.transport.ports().rtp),
            to: listener.transport.destination().ok_or(Obstacle::NoDestination)?,
            out_ssrc: mapped.ssrc.0,
            out_payload_type: mapped.payload_type.get(),
            sequence_offset: mapped.sequence_offset,
            timestamp_offset: mapped.timestamp_offset,
        };
        Ok((rule, look.with_sent(&listener.sender)))
    }
}
