//! ZRTP between two parties on plain RTP [RFC6189]: its messages pass, and from the time that the parties have keys their
//! media pass untouched, SSRC, numbers and all. SRTP authenticates the header, so that nothing of it can be rewritten.
//!
//! What is encrypted from end to end can be neither decoded nor converted. Where the engine has to, the messages are dropped
//! and the parties go on in the clear. Where it has to later, as for a tap, the media are handled as any other, and are
//! noise unless the parties go back to the clear.

use std::net::SocketAddr;

use mediapoint_packet::zrtp::ZrtpView;
use mediapoint_packet::{PacketBuf, Time};

use crate::api::event::{Event, ZrtpObstacle};
use crate::api::id::LegId;
use crate::api::leg::{EventPolicy, LegKind};
use crate::session::Output;
use crate::session::call::Call;
use crate::session::leg::Leg;
use crate::session::leg::transport::DropReason;
use crate::session::payload_map::{Conversion, Length};
use crate::session::wiring::Feed;

impl Call {
    /// Takes in a message. It teaches the latch nothing: only the party itself can begin an exchange.
    pub(super) fn handle_zrtp<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        from: SocketAddr,
        packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at) else { return out.give(packet) };
        let Ok(message) = ZrtpView::parse(packet.bytes()) else {
            leg.dropped.other_protocol += 1;
            return out.give(packet);
        };
        let receives = leg.receives;
        let admitted = leg.transport.admits_party(now, from);
        let admitted = admitted.and(if receives { Ok(()) } else { Err(DropReason::OnHold) });
        if let Err(reason) = admitted {
            self.drop_refused(at, from, reason, out);
            return out.give(packet);
        }
        let peer = match self.end_to_end_peer(at) {
            Ok(peer) => peer,
            Err(why) => {
                self.refuse_zrtp(at, from, why, out);
                return out.give(packet);
            }
        };
        if message.begins_encryption() || message.ends_encryption() {
            self.note_zrtp((at, peer), message.begins_encryption());
        }
        let Some(leg) = self.legs.get_mut(peer) else { return out.give(packet) };
        match leg.transport.destination().filter(|_| leg.sender.allowed) {
            Some(to) => out.send(leg.transport.ports().rtp, to, packet),
            None => out.give(packet),
        }
    }

    /// Counts a message that cannot pass, and reports the first.
    #[cold]
    fn refuse_zrtp<O: Output>(&mut self, at: usize, from: SocketAddr, why: ZrtpObstacle, out: &mut O) {
        let Some(leg) = self.legs.get_mut(at) else { return };
        leg.count(DropReason::Zrtp);
        if !std::mem::replace(&mut leg.zrtp_told, true) {
            out.event(Event::ZrtpRefused { call: self.id, leg: leg.id, from, why });
        }
    }

    /// Notes that the parties of two legs have keys, or are back in the clear.
    fn note_zrtp(&mut self, (at, peer): (usize, usize), encrypted: bool) {
        let id = |at: usize| self.legs.get(at).map(|leg| leg.id);
        let (one, other) = (id(at), id(peer));
        for (at, with) in [(at, other), (peer, one)] {
            if let Some(leg) = self.legs.get_mut(at) {
                leg.zrtp_with = with.filter(|_| encrypted);
            }
        }
        self.settle_end_to_end();
    }

    /// Finds the legs whose media pass untouched: after every command, and after every exchange of keys.
    pub(super) fn settle_end_to_end(&mut self) {
        for at in 0..self.legs.len() {
            let passes = self.passes_end_to_end(at);
            let Some(leg) = self.legs.get_mut(at) else { continue };
            if std::mem::replace(&mut leg.end_to_end, passes) == passes {
                continue;
            }
            leg.path_of = None;
            // The stream that is rewritten goes on where it was, when it does.
            for n in 0..self.listeners(at) {
                if let Some(listener) = self.listener_mut(at, n) {
                    listener.sender.rewriter.interrupt();
                }
            }
        }
    }

    fn passes_end_to_end(&self, at: usize) -> bool {
        let keyed = |at: usize, with: Option<LegId>| {
            self.legs.get(at).is_some_and(|leg| leg.zrtp_with.is_some() && leg.zrtp_with == with)
        };
        let id = |at: usize| self.legs.get(at).map(|leg| leg.id);
        // Most legs have no keys of ZRTP.
        self.legs.get(at).is_some_and(|leg| leg.zrtp_with.is_some())
            && self.end_to_end_peer(at).is_ok_and(|peer| keyed(at, id(peer)) && keyed(peer, id(at)))
    }

    /// The leg that another one's packets can pass to untouched, and the reverse.
    fn end_to_end_peer(&self, at: usize) -> Result<usize, ZrtpObstacle> {
        let pair = || {
            let leg = self.legs.get(at)?;
            let peer = self.listener(at, 0).filter(|&peer| peer != at && self.listeners(at) == 1)?;
            let back = self.listener(peer, 0).filter(|_| self.listeners(peer) == 1);
            (back == Some(at)).then_some((leg, self.legs.get(peer)?, peer))
        };
        let (leg, other, peer) = pair().ok_or(ZrtpObstacle::NotPaired)?;
        if leg.kind != other.kind || leg.kind == LegKind::Datagrams {
            return Err(ZrtpObstacle::NotPaired);
        }
        if leg.transport.srtp.is_some() || other.transport.srtp.is_some() {
            return Err(ZrtpObstacle::Srtp);
        }
        if [at, peer].into_iter().any(|at| self.is_tapped(at)) {
            return Err(ZrtpObstacle::Tapped);
        }
        if leg.kind == LegKind::Audio && !(leg.passes_untouched(other) && other.passes_untouched(leg)) {
            return Err(ZrtpObstacle::Converted);
        }
        Ok(peer)
    }

    /// True where a tap or a mix is on a leg.
    fn is_tapped(&self, at: usize) -> bool {
        let Some(id) = self.legs.get(at).map(|leg| leg.id) else { return false };
        let mixed = |feed: &Feed| u16::try_from(at).is_ok_and(|at| *feed == Feed::Leg(at));
        self.taps.iter().any(|tap| tap.leg() == id)
            || self.mixes.iter().any(|mix| mix.is_wanted() && mix.feeds.iter().any(mixed))
            || self.rooms.iter().any(|room| room.wants(id).is_some())
    }
}

impl Leg {
    /// True where whatever the party may send is sent to the other one under the same payload type, and unchanged.
    fn passes_untouched(&self, to: &Self) -> bool {
        let same = |payload_type| {
            // Of what the other one has no codec for, nothing is to be converted.
            to.sender.map.get(payload_type).is_none_or(|rule| {
                rule.payload_type == payload_type
                    && rule.conversion == Conversion::None
                    && rule.length == Length::Any
            })
        };
        self.config.events == EventPolicy::Forward
            && !self.is_secure()
            && self.config.digit_trigger.is_none()
            && self.receivable().all(|entry| same(entry.payload_type))
    }
}
