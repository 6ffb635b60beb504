//! What is forwarded as it came: RTP of any kind, where only the keying changes, and datagrams of any form (UDPTL). And the
//! copies that packet taps make.

use std::net::SocketAddr;

use mediapoint_packet::rtp::Ssrc;
use mediapoint_packet::{PacketBuf, Time};

use crate::api::event::Event;
use crate::api::id::LegId;
use crate::api::leg::{LegKind, MediaPolicy};
use crate::api::tap::{PacketTarget, TapSide};
use crate::session::Output;
use crate::session::call::Call;
use crate::session::forward::PacketEffects;
use crate::session::leg::Leg;
use crate::session::leg::latch::{Admission, PacketOrigin};
use crate::session::leg::transport::DropReason;
use crate::session::tap::Tap;

impl Call {
    /// Takes in RTP of a leg that is not audio.
    pub(super) fn handle_opaque_rtp<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        from: SocketAddr,
        mut packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at) else { return out.give(packet) };
        let transport = &mut leg.transport;
        let opened = transport.open_rtp(now, from, &mut packet);
        let opened = opened.and_then(|meta| Ok((transport.admit(now, from, &meta)?, meta)));
        match opened {
            Ok((admission, meta)) => {
                leg.receiver.note_payload_type(meta.payload_type);
                let [received, _] = &mut leg.counted;
                received.count(packet.bytes(), meta.payload.len());
                self.pass_through(now, at, (from, admission), meta.payload.len(), packet, out);
            }
            Err(reason) => {
                self.drop_refused(at, from, reason, out);
                out.give(packet);
            }
        }
    }

    /// Counts a packet that was refused, and reports a flood once.
    pub(super) fn drop_refused<O: Output>(
        &mut self,
        at: usize,
        from: SocketAddr,
        reason: DropReason,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at) else { return };
        leg.count(reason);
        if reason == DropReason::Flood && leg.transport.limiter.take_report() {
            out.event(Event::Flood { call: self.id, leg: leg.id, from });
        }
    }

    /// Takes in a datagram of any form, which has neither SSRC nor sequence number.
    pub(super) fn handle_plain_datagram<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        from: SocketAddr,
        packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at) else { return out.give(packet) };
        if let Err(reason) = leg.transport.admits(now, from) {
            self.drop_refused(at, from, reason, out);
            return out.give(packet);
        }
        let origin = PacketOrigin { from, authenticated: false, ssrc: Ssrc(0), sequence: None };
        match leg.transport.latch.observe(now, &origin) {
            Admission::Reject => {
                leg.count(DropReason::ForeignSource);
                out.give(packet);
            }
            admission => self.pass_through(now, at, (from, admission), packet.len(), packet, out),
        }
    }

    /// Counts what was admitted and forwards it.
    fn pass_through<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        (from, admission): (SocketAddr, Admission),
        octets: usize,
        packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at) else { return out.give(packet) };
        leg.passed.packets += 1;
        leg.passed.octets += octets as u64;
        let effects = PacketEffects {
            latched: leg.latched(admission, from),
            restarted: None,
            resumed: leg.note_received(now),
        };
        let (id, receives, tapped) = (leg.id, leg.receives, leg.tapped);
        self.report_effects(id, from, &effects, out);
        if !receives {
            self.drop_received(at, DropReason::OnHold);
            return out.give(packet);
        }
        let payload = packet.len().checked_sub(octets).and_then(|header| packet.bytes().get(header..));
        if self.is_in_loop(now, at, from, payload, out) {
            self.drop_received(at, DropReason::Loop);
            return out.give(packet);
        }
        if tapped {
            self.copy_to_taps(id, true, packet.bytes(), out);
        }
        self.pass_to_listeners(at, (octets, false), packet, out);
    }

    /// Sends a packet of so many octets on as it is, but for an event only where media may pass. What is not known to be audio,
    /// or is encrypted, has no silence.
    pub(super) fn pass_to_listeners<O: Output>(
        &mut self,
        at: usize,
        (octets, event): (usize, bool),
        packet: PacketBuf,
        out: &mut O,
    ) {
        let mut blocked = 0;
        self.copy_to_listeners(at, packet, out, |leg, packet, out| {
            if event || leg.sender.gate.policy() == MediaPolicy::Forward {
                leg.send_through(octets, packet, out);
            } else {
                blocked += 1;
                out.give(packet);
            }
        });
        self.count_blocked(at, blocked);
    }

    /// Counts packets of a leg that were blocked on their way to others.
    pub(super) fn count_blocked(&mut self, at: usize, packets: u64) {
        if let Some(leg) = self.legs.get_mut(at) {
            leg.dropped.blocked += packets;
        }
    }

    /// Gives a packet to every leg that `at` feeds: a copy to each but the last.
    pub(super) fn copy_to_listeners<O: Output>(
        &mut self,
        at: usize,
        packet: PacketBuf,
        out: &mut O,
        mut send: impl FnMut(&mut Leg, PacketBuf, &mut O),
    ) {
        let count = self.listeners(at);
        let mut packet = Some(packet);
        for n in 0..count {
            let own = if n + 1 == count {
                packet.take()
            } else {
                let bytes = packet.as_ref().map(PacketBuf::bytes).unwrap_or_default();
                out.copy(bytes)
            };
            match (self.listener_mut(at, n), own) {
                (Some(leg), Some(own)) => send(leg, own, out),
                (Some(leg), None) => leg.sender.sent.unsent += 1,
                (None, Some(own)) => out.give(own),
                (None, None) => {}
            }
        }
        if let Some(packet) = packet {
            out.give(packet);
        }
    }

    /// Copies a decrypted packet of a leg to the packet taps on it.
    #[cold]
    pub(super) fn copy_to_taps<O: Output>(&mut self, id: LegId, received: bool, bytes: &[u8], out: &mut O) {
        for n in 0..self.taps.len() {
            let Some(Tap::Packets(tap)) = self.taps.get(n) else { continue };
            let other_side = if received { TapSide::Sent } else { TapSide::Received };
            if tap.spec.leg != id || tap.spec.side == other_side {
                continue;
            }
            let target = tap.spec.target;
            let Some(copy) = out.copy(bytes) else {
                continue;
            };
            match target {
                PacketTarget::Leg(target) => match self.legs.iter_mut().find(|leg| leg.id == target) {
                    Some(leg) => leg.send_through(bytes.len(), copy, out),
                    None => out.give(copy),
                },
                PacketTarget::Address(to) => match self.legs.iter().find(|leg| leg.id == id) {
                    Some(leg) => out.send(leg.transport.ports().rtp, to, copy),
                    None => out.give(copy),
                },
            }
        }
    }
}

impl Leg {
    /// Protects a packet and sends it as it is.
    pub(super) fn send_through<O: Output>(&mut self, octets: usize, mut packet: PacketBuf, out: &mut O) {
        if !self.sender.allowed {
            return out.give(packet);
        }
        let to = self.transport.destination();
        if self.kind == LegKind::OpaqueRtp && to.is_some() {
            if self.transport.srtp.is_some() {
                self.renumbered.apply(packet.bytes_mut());
            }
            let [_, sent] = &mut self.counted;
            sent.count(packet.bytes(), octets);
        }
        match to.filter(|_| self.transport.protect_rtp(&mut packet)) {
            Some(to) => {
                self.sender.sent.packets += 1;
                self.sender.sent.octets += octets as u64;
                out.send(self.transport.ports().rtp, to, packet);
            }
            None => {
                self.sender.sent.unsent += 1;
                out.give(packet);
            }
        }
    }
}
