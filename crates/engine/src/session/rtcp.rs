//! RTCP of a call: terminated on audio legs, forwarded on the others; the engine's own reports and BYEs.

use std::net::SocketAddr;

use mediapoint_packet::rtcp::Compound;
use mediapoint_packet::{PacketBuf, Time};

use crate::api::event::Event;
use crate::api::leg::LegKind;
use crate::session::Output;
use crate::session::call::{Call, Env};
use crate::session::leg::Leg;
use crate::session::leg::transport::RtcpStream;
use crate::session::timers::Timer;

impl Call {
    pub(super) fn handle_rtcp<O: Output>(
        &mut self,
        now: Time,
        (at, own_port): (usize, bool),
        from: SocketAddr,
        mut packet: PacketBuf,
        env: &Env<'_>,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at) else { return out.give(packet) };
        if leg.end_to_end {
            return self.pass_encrypted_rtcp(now, (at, own_port), from, packet, out);
        }
        let stream = match leg.kind {
            LegKind::Audio => RtcpStream::Of(&leg.receiver),
            _ => RtcpStream::Any,
        };
        if let Err(reason) = leg.transport.open_rtcp(now, (own_port, stream), from, &mut packet) {
            self.drop_refused(at, from, reason, out);
            return out.give(packet);
        }
        if leg.kind != LegKind::Audio {
            leg.renumbered.restore_feedback(packet.bytes_mut());
            return self.copy_to_listeners(at, packet, out, |leg, packet, out| leg.send_rtcp(packet, out));
        }
        let clock_rate = leg
            .receiver
            .payload_type()
            .and_then(|payload_type| leg.payloads.get(payload_type))
            .map_or(8000, |info| info.clock_rate);
        let ssrc = leg.sender.rewriter.ssrc();
        let effects = Compound::parse(packet.bytes())
            .map(|compound| leg.rtcp.handle(now, env.wall(now), ssrc, clock_rate, &compound));
        let id = leg.id;
        out.give(packet);
        if effects.is_ok_and(|effects| effects.bye) {
            out.event(Event::Bye { call: self.id, leg: id });
        }
    }

    /// Passes on reports that keys of ZRTP encrypt.
    fn pass_encrypted_rtcp<O: Output>(
        &mut self,
        now: Time,
        (at, own_port): (usize, bool),
        from: SocketAddr,
        packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at) else { return out.give(packet) };
        match leg.transport.admits_encrypted_rtcp(now, own_port, from) {
            Ok(()) => self.copy_to_listeners(at, packet, out, |leg, packet, out| leg.send_rtcp(packet, out)),
            Err(reason) => {
                self.drop_refused(at, from, reason, out);
                out.give(packet);
            }
        }
    }

    /// Sends the reports that are due and sets the deadline of the next.
    pub(super) fn send_reports<O: Output>(&mut self, now: Time, env: &mut Env<'_>, out: &mut O) {
        let mut next: Option<Time> = None;
        for leg in &mut self.legs {
            if leg.rtcp.next_report().is_none_or(|at| at <= now) {
                leg.report(now, env, out);
            }
            next = match (next, leg.rtcp.next_report()) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        self.timers.set(Timer::Report, next);
    }

    /// Ends the stream to a leg's party.
    pub(super) fn send_bye<O: Output>(&mut self, at: usize, out: &mut O) {
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return };
        if !leg.reports() {
            return;
        }
        let Some(mut packet) = out.take() else { return };
        let Leg { rtcp, sender, .. } = leg;
        let len = rtcp.write_bye(sender.rewriter.ssrc(), &sender.sent, packet.storage_mut());
        packet.set_len(len);
        if len == 0 { out.give(packet) } else { leg.send_rtcp(packet, out) }
    }
}

impl Leg {
    /// True where the engine sends reports of its own to the party.
    fn reports(&self) -> bool {
        // To a party that encrypts by keys of ZRTP the other one reports.
        self.config.generate_rtcp
            && !self.end_to_end
            && self.kind == LegKind::Audio
            && self.transport.rtcp_destination().is_some()
    }

    /// Protects a compound and sends it.
    fn send_rtcp<O: Output>(&mut self, mut packet: PacketBuf, out: &mut O) {
        let Some((port, to)) = self.transport.rtcp_destination() else { return out.give(packet) };
        if self.transport.protect_rtcp(&mut packet) {
            out.send(port, to, packet);
        } else {
            self.sender.sent.unsent += 1;
            out.give(packet);
        }
    }

    /// Sends the report that is due, unless another draw puts it off, and schedules the next [RFC3550 6.3.6].
    fn report<O: Output>(&mut self, now: Time, env: &mut Env<'_>, out: &mut O) {
        let (reconsidered, chance) = (env.chance(), env.chance());
        if self.rtcp.reconsider(now, reconsidered).is_err() {
            return;
        }
        if self.reports()
            && let Some(mut packet) = out.take()
        {
            let Self { rtcp, sender, receiver, .. } = self;
            let figures = (&sender.rewriter, receiver, &sender.sent);
            let len = rtcp.write(now, env.wall(now), figures, packet.storage_mut());
            packet.set_len(len);
            if len == 0 { out.give(packet) } else { self.send_rtcp(packet, out) }
        }
        self.rtcp.schedule(now, chance);
    }
}
