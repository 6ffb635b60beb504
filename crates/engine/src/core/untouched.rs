//! What is relayed as it came: RTP of any kind, where only the keying changes, and datagrams of any form (UDPTL).

use std::net::SocketAddr;

use mediapoint_packet::rtp::Ssrc;
use mediapoint_packet::{PacketBuf, Time};

use crate::core::media::{News, Refusal};
use crate::core::source_guard::{Admission, Shown};
use crate::core::{Core, Output, SocketKey};

impl Core {
    /// Takes in RTP of a leg that is not audio.
    pub(super) fn handle_opaque<O: Output>(
        &mut self,
        now: Time,
        slot: u32,
        from: SocketAddr,
        mut packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(slot) else { return out.give(packet) };
        let opened = leg.open(now, from, &mut packet).and_then(|heard| {
            let admission = leg.admit(now, from, &heard)?;
            Ok((heard, admission))
        });
        match opened {
            Ok((heard, admission)) => {
                leg.payload_type = Some(heard.payload_type);
                self.relay(now, slot, (from, admission), heard.payload.len(), packet, out);
            }
            Err(refusal) => {
                leg.count(refusal);
                out.give(packet);
            }
        }
    }

    /// Takes in a datagram of any form, which has neither SSRC nor sequence number.
    pub(super) fn handle_plain_datagram<O: Output>(
        &mut self,
        now: Time,
        slot: u32,
        from: SocketAddr,
        packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(slot) else { return out.give(packet) };
        let shown = Shown { from, authenticated: false, ssrc: Ssrc(0), sequence: None };
        match leg.guard.observe(now, &shown) {
            Admission::Refuse => {
                leg.count(Refusal::ForeignSource);
                out.give(packet);
            }
            admission => self.relay(now, slot, (from, admission), packet.len(), packet, out),
        }
    }

    /// Counts what was admitted and passes it on.
    fn relay<O: Output>(
        &mut self,
        now: Time,
        slot: u32,
        (from, admission): (SocketAddr, Admission),
        octets: usize,
        packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(slot) else { return out.give(packet) };
        leg.opaque_received.packets += 1;
        leg.opaque_received.octets += octets as u64;
        let news =
            News { learnt: admission == Admission::TakeAndLearn, restarted: None, resumed: leg.heard(now) };
        let receives = leg.direction.receives();
        self.tell(slot, from, &news, out);
        if !receives {
            self.count_refusal(slot, Refusal::OnHold);
            return out.give(packet);
        }
        self.send_to_listeners(slot, packet, out, |core, listener, packet, out| {
            core.send_untouched(listener, octets, packet, out);
        });
    }

    fn send_untouched<O: Output>(&mut self, slot: u32, octets: usize, mut packet: PacketBuf, out: &mut O) {
        let Some(leg) = self.legs.get_mut(slot) else { return out.give(packet) };
        if !leg.direction.sends() {
            return out.give(packet);
        }
        let to = leg.guard.destination();
        match to.filter(|_| leg.protect(&mut packet).is_ok()) {
            Some(to) => {
                leg.sent.packets += 1;
                leg.sent.octets += octets as u64;
                out.send(SocketKey::rtp(slot), to, packet);
            }
            None => {
                leg.sent.unsent += 1;
                out.give(packet);
            }
        }
    }
}
