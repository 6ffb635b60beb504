//! One RTP packet's way through a worker: source check, unprotect in place, parse, statistics, then to every leg that
//! hears the sender: rewrite the header in place, convert, protect in place, send.

use std::net::SocketAddr;
use std::ops::Range;

use mediapoint_g711::{a_to_mu_in_place, mu_to_a_in_place};
use mediapoint_jitter::Arrived;
use mediapoint_packet::demux::{Kind, classify};
use mediapoint_packet::rtp::{HeaderPatch, PayloadType, RtpTicks, RtpView, Seq, Ssrc, patch};
use mediapoint_packet::telephone_event::{BLOCK_LEN, EventBlock};
use mediapoint_packet::{Malformed, PacketBuf, Time};
use mediapoint_srtp::{AuthenticRtp, UnprotectError};

use crate::api::event::Event;
use crate::api::leg::LegKind;
use crate::core::continuity::{Input, InputEpoch};
use crate::core::leg::Leg;
use crate::core::reception::{Taken, Verdict};
use crate::core::route::{Conversion, Known};
use crate::core::source_guard::{Admission, Shown};
use crate::core::{Core, Output, SocketKey};

/// What the rest of the way knows of a packet: made from an authentic one only.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    marker: bool,
    pub(super) payload_type: PayloadType,
    sequence: Seq,
    timestamp: RtpTicks,
    ssrc: Ssrc,
    pub(super) payload: Range<usize>,
    len: usize,
}

impl Heard {
    fn input(&self, (leg, generation): (u32, u32), taken: &Taken, known: Known) -> Input {
        Input {
            epoch: InputEpoch { leg, generation, epoch: taken.epoch },
            index: taken.index,
            timestamp: self.timestamp,
            marker: self.marker,
            clock_rate: known.clock_rate,
            event: known.event,
        }
    }

    fn read(packet: &AuthenticRtp<'_>) -> Result<Self, Malformed> {
        let view = RtpView::parse(packet.bytes())?;
        Ok(Self {
            marker: view.marker(),
            payload_type: view.payload_type(),
            sequence: view.sequence(),
            timestamp: view.timestamp(),
            ssrc: view.ssrc(),
            payload: view.payload_range(),
            len: packet.len(),
        })
    }
}

/// What a packet brought to light beside its media; nothing as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct News {
    /// Its source has become the leg's.
    pub(super) learnt: bool,
    /// It began its stream anew, with this SSRC.
    pub(super) restarted: Option<Ssrc>,
    /// Its leg had been given up.
    pub(super) resumed: bool,
}

/// Why a packet goes no further; counted by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    ForeignSource,
    NotAuthentic,
    Replayed,
    Malformed,
    UnknownPayloadType,
    Duplicate,
    OutOfRange,
    OnHold,
}

impl Refusal {
    pub(super) const fn of_srtp(error: UnprotectError) -> Self {
        match error {
            UnprotectError::Replayed { .. } | UnprotectError::TooOld { .. } => Self::Replayed,
            _ => Self::NotAuthentic,
        }
    }
}

impl Leg {
    pub(super) fn count(&mut self, refusal: Refusal) {
        let refused = &mut self.refused;
        match refusal {
            Refusal::ForeignSource => refused.foreign_source += 1,
            Refusal::NotAuthentic => refused.not_authentic += 1,
            Refusal::Replayed => refused.replayed += 1,
            Refusal::Malformed => refused.malformed += 1,
            Refusal::UnknownPayloadType => refused.unknown_payload_type += 1,
            Refusal::OutOfRange => refused.out_of_range += 1,
            Refusal::OnHold => refused.on_hold += 1,
            // The reception counts these.
            Refusal::Duplicate => {}
        }
    }

    /// Proves a packet and reads its header.
    pub(super) fn open(
        &mut self,
        now: Time,
        from: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Result<Heard, Refusal> {
        if !self.guard.admits(now, from) {
            return Err(Refusal::ForeignSource);
        }
        let authentic = match &mut self.srtp {
            Some(srtp) => {
                let inbound = srtp.inbound.as_mut().ok_or(Refusal::NotAuthentic)?;
                inbound.unprotect_rtp(packet.bytes_mut()).map_err(Refusal::of_srtp)?
            }
            None => AuthenticRtp::danger_cleartext(packet.bytes_mut()),
        };
        let heard = Heard::read(&authentic).map_err(|_| Refusal::Malformed)?;
        packet.set_len(heard.len);
        Ok(heard)
    }

    pub(super) fn admit(&mut self, now: Time, from: SocketAddr, heard: &Heard) -> Result<Admission, Refusal> {
        let shown = Shown {
            from,
            authenticated: self.srtp.is_some(),
            ssrc: heard.ssrc,
            sequence: Some(heard.sequence),
        };
        match self.guard.observe(now, &shown) {
            Admission::Refuse => Err(Refusal::ForeignSource),
            admission => Ok(admission),
        }
    }

    /// Counts a packet into its stream.
    fn receive(&mut self, now: Time, heard: &Heard, known: Known) -> Result<Taken, Refusal> {
        let taken = match self.reception.observe(heard.ssrc, heard.sequence, heard.payload.len()) {
            Verdict::Take(taken) => taken,
            Verdict::Duplicate => return Err(Refusal::Duplicate),
            Verdict::OutOfRange => return Err(Refusal::OutOfRange),
        };
        if !known.event {
            self.reception.observe_arrival(now, heard.timestamp, known.clock_rate);
            self.payload_type = Some(heard.payload_type);
        }
        Ok(taken)
    }

    /// Makes a packet this leg's own and protects it; false where it has no way to this leg.
    fn rewrite(
        &mut self,
        now: Time,
        input: &Input,
        heard: &Heard,
        packet: &mut PacketBuf,
    ) -> Result<(), Unsent> {
        let Some(way) = self.routes.get(heard.payload_type) else {
            self.continuity.skip(input);
            return Err(Unsent::NoCommonCodec);
        };
        let conversion = way.conversion_of(heard.payload.len());
        if conversion == Conversion::Media {
            self.continuity.skip(input);
            return Err(Unsent::NoCommonCodec);
        }
        let outgoing = if self.in_media() {
            self.continuity.make_event(now, input)
        } else {
            self.continuity.map(now, input).ok_or(Unsent::TooLate)?
        };
        let header = HeaderPatch {
            marker: outgoing.marker,
            payload_type: way.payload_type,
            sequence: outgoing.sequence,
            timestamp: outgoing.timestamp,
            ssrc: self.continuity.ssrc(),
        };
        patch(packet.bytes_mut(), &header).map_err(|_| Unsent::TooLate)?;
        let payload = packet.bytes_mut().get_mut(heard.payload.clone()).unwrap_or_default();
        match conversion {
            Conversion::Relay | Conversion::Media => {}
            Conversion::MuToA => mu_to_a_in_place(payload),
            Conversion::AToMu => a_to_mu_in_place(payload),
            Conversion::EventClock { from, to } => change_clock(payload, from, to),
        }
        self.protect(packet)
    }

    pub(super) fn protect(&mut self, packet: &mut PacketBuf) -> Result<(), Unsent> {
        if let Some(srtp) = &mut self.srtp {
            let len = packet.len();
            let len = srtp.outbound.protect_rtp(packet.storage_mut(), len).map_err(|_| Unsent::Protect)?;
            packet.set_len(len);
        }
        Ok(())
    }
}

/// Why a packet was not sent on to a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsent {
    NoCommonCodec,
    TooLate,
    Protect,
    NoDestination,
    OnHold,
}

impl Core {
    /// Takes in a datagram that came to a socket.
    pub fn handle_datagram<O: Output>(
        &mut self,
        now: Time,
        key: SocketKey,
        from: SocketAddr,
        packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(key.slot()) else { return out.give(packet) };
        if packet.is_empty() {
            // A keep-alive through NAT: of no use to the other side.
            leg.refused.malformed += 1;
            return out.give(packet);
        }
        if leg.kind == LegKind::Datagrams {
            return self.handle_plain_datagram(now, key.slot(), from, packet, out);
        }
        match (classify(packet.bytes()), leg.kind, key.is_rtcp()) {
            (Kind::Rtp, LegKind::Audio, false) => self.handle_audio(now, key.slot(), from, packet, out),
            (Kind::Rtp, _, false) => self.handle_opaque(now, key.slot(), from, packet, out),
            (Kind::Rtcp, _, _) => self.handle_rtcp(now, key, from, packet, out),
            (Kind::Unknown, _, _) => {
                leg.refused.malformed += 1;
                out.give(packet);
            }
            _ => {
                leg.refused.other_protocol += 1;
                out.give(packet);
            }
        }
    }

    fn handle_audio<O: Output>(
        &mut self,
        now: Time,
        slot: u32,
        from: SocketAddr,
        mut packet: PacketBuf,
        out: &mut O,
    ) {
        let generation = self.legs.generation(slot);
        let Some(leg) = self.legs.get_mut(slot) else { return out.give(packet) };
        let mut unknown = None;
        let opened = leg.open(now, from, &mut packet).and_then(|heard| {
            let Some(known) = leg.payloads.get(heard.payload_type) else {
                unknown = Some(heard);
                return Err(Refusal::UnknownPayloadType);
            };
            let admission = leg.admit(now, from, &heard)?;
            let taken = leg.receive(now, &heard, known)?;
            Ok((heard, known, admission, taken))
        });
        let (heard, known, admission, taken) = match opened {
            Ok(opened) => opened,
            Err(refusal) => {
                leg.count(refusal);
                if let Some(heard) = unknown {
                    self.pass_over(slot, from, &heard);
                }
                return out.give(packet);
            }
        };
        let news = News {
            learnt: admission == Admission::TakeAndLearn,
            restarted: taken.restarted.then_some(heard.ssrc),
            resumed: leg.heard(now),
        };
        let receives = leg.direction.receives();
        self.tell(slot, from, &news, out);
        if !receives {
            self.count_refusal(slot, Refusal::OnHold);
            self.for_each_listener(slot, |listener| listener.continuity.interrupt());
            return out.give(packet);
        }
        let input = heard.input((slot, generation), &taken, known);
        // What comes late says nothing of the path that the stream takes now.
        if taken.newest && !known.event {
            self.settle_paths(now, slot, (&input, &heard), out);
        }
        let timely = known.event && self.step_event(now, slot, &input, out);
        self.hear(now, slot, (&input, &heard), &packet);
        self.send_to_listeners(slot, packet, out, |core, listener, packet, out| {
            // What takes the media path is heard from the jitter buffer, at the tick.
            if !timely && core.legs.get(listener).is_some_and(Leg::in_media) {
                return out.give(packet);
            }
            core.send_audio(now, slot, listener, (&input, &heard), packet, out);
        });
    }

    /// Takes a packet into the jitter buffer of its leg, where there is one.
    fn hear(&mut self, now: Time, slot: u32, (input, heard): (&Input, &Heard), packet: &PacketBuf) {
        let Some(Leg { hearing: Some(hearing), .. }) = self.legs.get_mut(slot) else { return };
        if input.event {
            return hearing.note_event(now, input);
        }
        let arrived = Arrived {
            epoch: input.epoch.epoch,
            index: input.index,
            timestamp: input.timestamp,
            payload_type: heard.payload_type,
            marker: input.marker,
            payload: packet.bytes().get(heard.payload.clone()).unwrap_or_default(),
        };
        hearing.insert(now, &arrived);
    }

    /// Counts a packet of the party's stream whose payload type was not agreed: it was not lost, and nobody who hears
    /// the party is to take it for lost.
    fn pass_over(&mut self, slot: u32, from: SocketAddr, heard: &Heard) {
        let generation = self.legs.generation(slot);
        let Some(leg) = self.legs.get_mut(slot) else { return };
        if leg.guard.learnt() != Some(from) || leg.reception.ssrc() != Some(heard.ssrc) {
            return;
        }
        let verdict = leg.reception.observe(heard.ssrc, heard.sequence, heard.payload.len());
        if let Verdict::Take(taken) = verdict {
            let unknown = Known { clock_rate: 8000, event: false, noise: false };
            let input = heard.input((slot, generation), &taken, unknown);
            self.for_each_listener(slot, |listener| listener.continuity.skip(&input));
        }
    }

    fn for_each_listener(&mut self, slot: u32, mut act: impl FnMut(&mut Leg)) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let listeners = std::mem::take(&mut leg.listeners);
        for &listener in &listeners {
            if let Some(listener) = self.legs.get_mut(listener) {
                act(listener);
            }
        }
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.listeners = listeners;
        }
    }

    /// Tells what a packet of a leg brought to light.
    pub(super) fn tell<O: Output>(&self, slot: u32, from: SocketAddr, news: &News, out: &mut O) {
        if *news == News::default() {
            return;
        }
        let Some(leg) = self.legs.get(slot) else { return };
        let Some(call) = self.calls.get(leg.call).map(|call| call.id) else { return };
        let leg = leg.id;
        if news.learnt {
            out.event(Event::LegLearnt { call, leg, from });
        }
        if let Some(ssrc) = news.restarted {
            out.event(Event::StreamRestarted { call, leg, ssrc });
        }
        if news.resumed {
            out.event(Event::MediaResumed { call, leg });
        }
    }

    pub(super) fn count_refusal(&mut self, slot: u32, refusal: Refusal) {
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.count(refusal);
        }
    }

    /// Hands a packet to every leg that hears `slot`: a copy to each but the last.
    pub(super) fn send_to_listeners<O: Output>(
        &mut self,
        slot: u32,
        packet: PacketBuf,
        out: &mut O,
        mut send: impl FnMut(&mut Self, u32, PacketBuf, &mut O),
    ) {
        let Some(leg) = self.legs.get_mut(slot) else { return out.give(packet) };
        let listeners = std::mem::take(&mut leg.listeners);
        if let Some((&last, others)) = listeners.split_last() {
            for &listener in others {
                let copy = out.take().and_then(|mut copy| copy.fill(packet.bytes()).then_some(copy));
                match copy {
                    Some(copy) => send(self, listener, copy, out),
                    None => self.count_unsent(listener),
                }
            }
            send(self, last, packet, out);
        } else {
            out.give(packet);
        }
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.listeners = listeners;
        }
    }

    fn count_unsent(&mut self, slot: u32) {
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.sent.unsent += 1;
        }
    }

    fn send_audio<O: Output>(
        &mut self,
        now: Time,
        source: u32,
        slot: u32,
        (input, heard): (&Input, &Heard),
        mut packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(slot) else { return out.give(packet) };
        let ready = if leg.direction.sends() {
            leg.guard.destination().ok_or(Unsent::NoDestination)
        } else {
            Err(Unsent::OnHold)
        };
        let sent = ready.and_then(|to| leg.rewrite(now, input, heard, &mut packet).map(|()| to));
        match sent {
            Ok(to) => {
                leg.sent.packets += 1;
                leg.sent.octets += heard.payload.len() as u64;
                out.send(SocketKey::rtp(slot), to, packet);
            }
            Err(reason) => {
                match reason {
                    Unsent::NoCommonCodec => {
                        if let Some(source) = self.legs.get_mut(source) {
                            source.refused.no_common_codec += 1;
                        }
                    }
                    Unsent::OnHold => leg.continuity.interrupt(),
                    Unsent::NoDestination => {
                        leg.continuity.interrupt();
                        leg.sent.unsent += 1;
                    }
                    Unsent::TooLate | Unsent::Protect => leg.sent.unsent += 1,
                }
                out.give(packet);
            }
        }
    }
}

/// Tells the durations of telephone events in the ticks of another clock; what does not fit is the longest there is.
fn change_clock(payload: &mut [u8], from: u32, to: u32) {
    for block in payload.chunks_exact_mut(BLOCK_LEN) {
        let Ok(event) = EventBlock::read(block) else { return };
        let duration = u64::from(event.duration) * u64::from(to) / u64::from(from.max(1));
        let duration = u16::try_from(duration).unwrap_or(u16::MAX);
        let changed = EventBlock { duration, ..event };
        if changed.write(block).is_err() {
            return;
        }
    }
}
