//! RTCP's way through a worker: terminated on audio legs, relayed on the others; the engine's own reports and BYEs.

use std::net::SocketAddr;

use mediapoint_packet::rtcp::Compound;
use mediapoint_packet::{PacketBuf, Time};
use mediapoint_srtp::AuthenticRtcp;

use crate::api::event::Event;
use crate::api::leg::{LegKind, RtcpMode};
use crate::core::leg::Leg;
use crate::core::media::Refusal;
use crate::core::timers::Due;
use crate::core::{Core, Output, SocketKey};

impl Leg {
    /// Proves a compound and notes where it came from.
    fn open_rtcp(&mut self, key: SocketKey, from: SocketAddr, packet: &mut PacketBuf) -> Result<(), Refusal> {
        let known = match self.rtcp_learnt {
            Some(learnt) => learnt == from,
            None => self.srtp.is_some() || self.guard.knows_host(from),
        };
        if !known && !self.guard.knows_host(from) {
            return Err(Refusal::ForeignSource);
        }
        let authentic = match &mut self.srtp {
            Some(srtp) => {
                let inbound = srtp.inbound.as_mut().ok_or(Refusal::NotAuthentic)?;
                inbound.unprotect_rtcp(packet.bytes_mut()).map_err(Refusal::of_srtp)?
            }
            None => AuthenticRtcp::danger_cleartext(packet.bytes_mut()),
        };
        Compound::parse(authentic.bytes()).map_err(|_| Refusal::Malformed)?;
        let len = authentic.len();
        packet.set_len(len);
        if key.is_rtcp() {
            self.rtcp_learnt = Some(from);
        }
        Ok(())
    }

    /// The socket that RTCP goes out from.
    fn rtcp_key(&self, slot: u32) -> SocketKey {
        match self.rtcp {
            RtcpMode::Separate => SocketKey::rtcp(slot),
            RtcpMode::Off | RtcpMode::Mux => SocketKey::rtp(slot),
        }
    }

    /// Protects a compound and sends it.
    fn send_rtcp<O: Output>(&mut self, slot: u32, mut packet: PacketBuf, out: &mut O) {
        let Some(to) = self.rtcp_destination() else { return out.give(packet) };
        if let Some(srtp) = &mut self.srtp {
            let len = packet.len();
            match srtp.outbound.protect_rtcp(packet.storage_mut(), len) {
                Ok(len) => packet.set_len(len),
                Err(_) => {
                    self.sent.unsent += 1;
                    return out.give(packet);
                }
            }
        }
        out.send(self.rtcp_key(slot), to, packet);
    }
}

impl Core {
    pub(super) fn handle_rtcp<O: Output>(
        &mut self,
        now: Time,
        key: SocketKey,
        from: SocketAddr,
        mut packet: PacketBuf,
        out: &mut O,
    ) {
        let wall = self.wall(now);
        let slot = key.slot();
        let Some(leg) = self.legs.get_mut(slot) else { return out.give(packet) };
        if let Err(refusal) = leg.open_rtcp(key, from, &mut packet) {
            leg.count(refusal);
            return out.give(packet);
        }
        if leg.kind != LegKind::Audio {
            return self.send_to_listeners(slot, packet, out, Self::send_rtcp_from);
        }
        let Ok(compound) = Compound::parse(packet.bytes()) else { return out.give(packet) };
        let clock_rate = leg
            .payload_type
            .and_then(|payload_type| leg.payloads.get(payload_type))
            .map_or(8000, |known| known.clock_rate);
        let told = leg.reports.handle(now, wall, leg.continuity.ssrc(), clock_rate, &compound);
        let (id, call) = (leg.id, leg.call);
        out.give(packet);
        if told.bye
            && let Some(call) = self.calls.get(call)
        {
            out.event(Event::Bye { call: call.id, leg: id });
        }
    }

    fn send_rtcp_from<O: Output>(&mut self, slot: u32, packet: PacketBuf, out: &mut O) {
        match self.legs.get_mut(slot) {
            Some(leg) => leg.send_rtcp(slot, packet, out),
            None => out.give(packet),
        }
    }

    /// Sends a leg's report and sets the time of the next.
    pub(super) fn report<O: Output>(&mut self, now: Time, slot: u32, generation: u32, out: &mut O) {
        let wall = self.wall(now);
        let (reconsidered, chance) = (self.chance(), self.chance());
        let Some(leg) = self.legs.get_exact(slot, generation) else { return };
        if let Err(later) = leg.reports.reconsider(now, reconsidered) {
            return self.timers.arm(later, Due::Report { slot, generation });
        }
        let wanted = leg.generate_rtcp && leg.kind == LegKind::Audio && leg.rtcp_destination().is_some();
        if wanted && let Some(mut packet) = out.take() {
            let figures = (&leg.continuity, &mut leg.reception, &leg.sent);
            let len = leg.reports.write(now, wall, figures, packet.storage_mut());
            packet.set_len(len);
            if len == 0 {
                out.give(packet);
            } else {
                leg.send_rtcp(slot, packet, out);
            }
        }
        let next = leg.reports.schedule(now, chance);
        self.timers.arm(next, Due::Report { slot, generation });
    }

    /// Ends the stream to a leg's party.
    pub(super) fn say_bye<O: Output>(&mut self, slot: u32, out: &mut O) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        if !leg.generate_rtcp || leg.kind != LegKind::Audio || leg.rtcp_destination().is_none() {
            return;
        }
        let Some(mut packet) = out.take() else { return };
        let len = leg.reports.write_bye(leg.continuity.ssrc(), &leg.sent, packet.storage_mut());
        packet.set_len(len);
        if len == 0 {
            out.give(packet);
        } else {
            leg.send_rtcp(slot, packet, out);
        }
    }
}
