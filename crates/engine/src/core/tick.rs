//! The media clock of a call: at every tick the audio of each leg that is heard through the media path is taken from
//! its jitter buffer, encoded for those who hear it, and sent.
//!
//! Also the change between the two paths. To the media path: the first packet is played at once, and its timestamp goes
//! on from what was relayed. Back: what is still in the jitter buffer goes out at once, and what is relayed next
//! follows behind it. Neither leaves a gap, nor anything out.

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::buffer::{CAPACITY, TAIL_ROOM};
use mediapoint_packet::rtp::{FIXED_HEADER_LEN, RtpHeader};

use crate::api::leg::Source;
use crate::core::continuity::Input;
use crate::core::hearing::{EventStep, Hearing, natural_rate, samples};
use crate::core::leg::Leg;
use crate::core::media::Heard;
use crate::core::route::Conversion;
use crate::core::speaking::{Product, Sound, Speaking, Wanted};
use crate::core::timers::Due;
use crate::core::{Core, Output, SocketKey};

/// From the first packet to the first tick, where it begins what is heard: the delay that the jitter buffer begins with,
/// so that it need not win it by stretching the first words, and what packets of 20 ms may come late by and still be
/// there, behind one that is lost, when that one has to be concealed.
const LEAD: Duration = Duration::from_millis(25);

/// The same where what is heard goes on from relay: the less of a wait the better.
const LEAD_FROM_RELAY: Duration = Duration::from_millis(5);

/// Ticks are made up for after a stall of the worker up to this long; what is older is passed over.
const MAKE_UP: Duration = Duration::from_millis(200);

/// The media clock of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticking {
    /// When the next tick is due; a timer for another time is void.
    pub(super) at: Time,
}

impl Core {
    /// Brings those who hear `slot` to the path that a packet of it goes, if it is another than before.
    pub(super) fn settle_paths<O: Output>(
        &mut self,
        now: Time,
        slot: u32,
        (input, heard): (&Input, &Heard),
        out: &mut O,
    ) {
        let Some(source) = self.legs.get(slot) else { return };
        let noise = source.payloads.get(heard.payload_type).is_some_and(|known| known.noise);
        let other_path = |listener: &Leg| {
            let way = listener.routes.get(heard.payload_type);
            let media = way.is_some_and(|way| way.conversion_of(heard.payload.len()) == Conversion::Media);
            // Noise between words does not take a listener off the media path.
            media != listener.in_media() && !(noise && listener.in_media())
        };
        let moves = |slot: &u32| self.legs.get(*slot).is_some_and(other_path);
        if !source.listeners.iter().any(moves) {
            return;
        }
        let listeners = source.listeners.clone();
        for listener in listeners {
            match self.legs.get(listener) {
                Some(leg) if other_path(leg) && leg.in_media() => self.leave_media(now, slot, listener, out),
                Some(leg) if other_path(leg) => self.enter_media(now, slot, listener, input),
                _ => {}
            }
        }
    }

    /// Brings a listener to the media path.
    fn enter_media(&mut self, now: Time, source: u32, listener: u32, input: &Input) {
        let Some(wanted) = self.rate_for(source, listener) else { return };
        let Some(leg) = self.legs.get_mut(source) else { return };
        let call = leg.call;
        let rate = match &leg.hearing {
            Some(hearing) => hearing.rate().max(wanted),
            None => wanted,
        };
        match &leg.hearing {
            Some(hearing) if hearing.rate() == rate => {}
            Some(_) => self.hear_at(now, source, rate),
            None => {
                let Some(hearing) = Hearing::new(leg.spoken(), rate, leg.jitter_buffer) else { return };
                leg.hearing = Some(Box::new(hearing));
            }
        }
        let Some(leg) = self.legs.get_mut(listener) else { return };
        let Some(mut speaking) = leg.speaking_at(rate) else { return };
        let followed = leg.continuity.begin_making(now, Some(input), speaking.clock_rate());
        speaking.begin(!followed);
        leg.speaking = Some(speaking);
        self.start_ticking(now, call, if followed { LEAD_FROM_RELAY } else { LEAD });
    }

    /// Decodes what a leg says to audio of that rate, and encodes it for all who hear it through the media path.
    fn hear_at(&mut self, now: Time, source: u32, rate: u32) {
        let Some(leg) = self.legs.get_mut(source) else { return };
        let Some(mut hearing) = leg.hearing.take() else { return };
        hearing.configure(leg.spoken(), rate);
        let rate = hearing.rate();
        leg.hearing = Some(hearing);
        let listeners = leg.listeners.clone();
        for listener in listeners {
            let Some(leg) = self.legs.get_mut(listener) else { continue };
            let Some(before) = leg.speaking.as_ref().map(|speaking| speaking.clock_rate()) else { continue };
            leg.speaking = leg.speaking_at(rate);
            if let Some(speaking) = &leg.speaking
                && speaking.clock_rate() != before
            {
                leg.continuity.begin_making(now, None, speaking.clock_rate());
            }
        }
    }

    /// Brings a listener back to relay: what it has not heard yet goes out at once, to all that hear through the media
    /// path, since they hear from one buffer.
    fn leave_media<O: Output>(&mut self, now: Time, source: u32, listener: u32, out: &mut O) {
        self.drain(now, source, out);
        if let Some(leg) = self.legs.get_mut(listener) {
            leg.speaking = None;
        }
    }

    /// Sends what was said before a telephone event at once, when the event begins: what is sent of it keeps the
    /// timestamp of its beginning, and no audio that comes after may have an earlier one. False for a packet of an event
    /// that is over, which nobody on the media path is to hear any more.
    pub(super) fn step_event<O: Output>(&mut self, now: Time, slot: u32, input: &Input, out: &mut O) -> bool {
        let Some(Leg { hearing: Some(hearing), .. }) = self.legs.get_mut(slot) else { return true };
        let step = hearing.step_event(now, input);
        if step == EventStep::Begins {
            self.drain(now, slot, out);
        }
        step != EventStep::Stale
    }

    fn drain<O: Output>(&mut self, now: Time, source: u32, out: &mut O) {
        let Some(leg) = self.legs.get_mut(source) else { return };
        let Some(mut hearing) = leg.hearing.take() else { return };
        let listeners = std::mem::take(&mut leg.listeners);
        let piece = samples(hearing.rate(), 10);
        let (sound, pcm) = hearing.drain();
        for &listener in &listeners {
            for pcm in pcm.chunks(piece.max(1)) {
                self.speak(now, listener, (Some(sound), pcm, 10), out);
                if let Some(Leg { speaking: Some(speaking), continuity, .. }) = self.legs.get_mut(listener) {
                    continuity.hurry(speaking.ticks_of(10));
                }
            }
            self.send_gathered(now, listener, true, out);
        }
        if let Some(leg) = self.legs.get_mut(source) {
            leg.hearing = Some(hearing);
            leg.listeners = listeners;
        }
    }

    /// The sample rate at which `source` is decoded for `listener`: no more than the one has and the other can use.
    fn rate_for(&self, source: u32, listener: u32) -> Option<u32> {
        let (source, listener) = (self.legs.get(source)?, self.legs.get(listener)?);
        let spoken = source.codecs.iter().chain(&source.received_codecs);
        let has = spoken
            .filter(|entry| entry.codec.is_convertible())
            .map(|entry| natural_rate(&entry.codec))
            .max()?;
        let uses = listener.codecs.iter().find(|entry| entry.codec.is_convertible())?;
        Some(has.min(natural_rate(&uses.codec)))
    }

    fn start_ticking(&mut self, now: Time, slot: u32, lead: Duration) {
        let generation = self.calls.generation(slot);
        let millis = self.tick_millis(slot);
        let Some(call) = self.calls.get_mut(slot) else { return };
        call.tick_millis = millis;
        if call.ticking.is_none() {
            let at = now + lead;
            call.ticking = Some(Ticking { at });
            self.timers.arm(at, Due::Tick { slot, generation });
        }
    }

    /// 20 ms, or 10 ms where a leg's packets are no multiple of 20 ms.
    fn tick_millis(&self, slot: u32) -> u32 {
        let Some(call) = self.calls.get(slot) else { return 20 };
        let speaking = call.legs.iter().filter_map(|&leg| self.legs.get(leg)?.speaking.as_ref());
        if speaking.into_iter().all(|speaking| speaking.fits_tick(20)) { 20 } else { 10 }
    }

    /// Serves a call's tick.
    pub(super) fn tick<O: Output>(&mut self, now: Time, slot: u32, generation: u32, out: &mut O) {
        let Some(call) = self.calls.get_exact(slot, generation) else { return };
        let Some(Ticking { at }) = call.ticking else { return };
        let millis = call.tick_millis;
        let legs = std::mem::take(&mut call.legs);
        let late = now.since(at);
        let mut heard = false;
        for &leg in &legs {
            heard |= self.tick_leg(now, leg, millis, out);
        }
        let period = Duration::from_millis(u64::from(millis));
        let mut next = at + period;
        if late > MAKE_UP {
            next = now + period;
            let missed = u32::try_from(late.as_millis()).unwrap_or(0);
            for &leg in &legs {
                if let Some(Leg { speaking: Some(speaking), continuity, .. }) = self.legs.get_mut(leg) {
                    continuity.pass(speaking.ticks_of(missed));
                }
            }
        }
        if let Some(call) = self.calls.get_mut(slot) {
            call.legs = legs;
            call.ticking = heard.then_some(Ticking { at: next });
        }
        if heard {
            self.timers.arm(next, Due::Tick { slot, generation });
        }
    }

    /// Takes a leg's audio to those who hear it through the media path; false where nobody does any more.
    fn tick_leg<O: Output>(&mut self, now: Time, slot: u32, millis: u32, out: &mut O) -> bool {
        let Some(leg) = self.legs.get_mut(slot) else { return false };
        let Some(mut hearing) = leg.hearing.take() else { return false };
        let listeners = std::mem::take(&mut leg.listeners);
        let heard = listeners.iter().any(|&listener| self.legs.get(listener).is_some_and(Leg::in_media));
        if heard {
            let (sound, pcm) = hearing.pull(now, millis);
            for &listener in &listeners {
                self.speak(now, listener, (sound, pcm, millis), out);
            }
        }
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.listeners = listeners;
            if heard {
                leg.hearing = Some(hearing);
            } else {
                leg.played = Some(hearing.statistics());
            }
        }
        heard
    }

    /// Takes a tick's audio to one listener; without a sound, silence.
    fn speak<O: Output>(
        &mut self,
        now: Time,
        slot: u32,
        (sound, pcm, millis): (Option<Sound>, &[i16], u32),
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let can_send = leg.direction.sends() && leg.guard.destination().is_some();
        let Some(speaking) = &mut leg.speaking else { return };
        if !can_send {
            speaking.begin(true);
        }
        match sound {
            Some(sound) if can_send => speaking.gather(sound, pcm),
            None if can_send && !speaking.is_empty() => speaking.gather(Sound::Audio, pcm),
            _ => {
                speaking.pause();
                let ticks = speaking.ticks_of(millis);
                return leg.continuity.pass(ticks);
            }
        }
        self.send_gathered(now, slot, false, out);
    }

    /// Sends the packets that are full; with `flush`, what there is.
    fn send_gathered<O: Output>(&mut self, now: Time, slot: u32, flush: bool, out: &mut O) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let Some(to) = leg.guard.destination() else { return };
        let Some(mut speaking) = leg.speaking.take() else { return };
        while speaking.is_ready(flush) {
            let Some(mut packet) = out.take() else {
                leg.sent.unsent += 1;
                let ticks = speaking.give_up(flush);
                leg.continuity.pass(ticks);
                continue;
            };
            let room =
                packet.storage_mut().get_mut(FIXED_HEADER_LEN..CAPACITY - TAIL_ROOM).unwrap_or_default();
            match speaking.encode(room, flush) {
                Product::Pause { ticks } => {
                    leg.continuity.pass(ticks);
                    out.give(packet);
                }
                Product::Packet { payload_type, len, skipped, ticks, marker } => {
                    leg.continuity.skip_ahead(skipped);
                    let made = leg.continuity.make(now, ticks, marker);
                    let header = RtpHeader {
                        marker: made.marker,
                        payload_type,
                        sequence: made.sequence,
                        timestamp: made.timestamp,
                        ssrc: leg.continuity.ssrc(),
                    };
                    packet.set_len(FIXED_HEADER_LEN + len);
                    let sent = header.write(packet.bytes_mut()).is_ok() && leg.protect(&mut packet).is_ok();
                    if sent {
                        leg.sent.packets += 1;
                        leg.sent.octets += len as u64;
                        out.send(SocketKey::rtp(slot), to, packet);
                    } else {
                        leg.sent.unsent += 1;
                        out.give(packet);
                    }
                }
            }
        }
        leg.speaking = Some(speaking);
    }

    /// Makes the media path of a leg and of those who hear it fit what they were told to be.
    pub(super) fn refit(&mut self, now: Time, slot: u32) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let call = leg.call;
        match leg.source {
            Source::Leg(heard) => {
                if let Some(&heard) = self.leg_slots.get(&heard) {
                    self.refit_source(now, heard);
                }
            }
            Source::Silence => leg.speaking = None,
        }
        self.refit_source(now, slot);
        let millis = self.tick_millis(call);
        if let Some(call) = self.calls.get_mut(call) {
            call.tick_millis = millis;
        }
    }

    /// Fits the media path from one leg to all who hear it.
    fn refit_source(&mut self, now: Time, source: u32) {
        let Some(Leg { hearing: Some(_), listeners, .. }) = self.legs.get(source) else { return };
        let in_media = listeners.iter().filter(|&&slot| self.legs.get(slot).is_some_and(Leg::in_media));
        let Some(rate) = in_media.filter_map(|&slot| self.rate_for(source, slot)).max() else { return };
        self.hear_at(now, source, rate);
    }
}

impl Leg {
    /// True where the leg hears its source decoded and encoded again.
    pub(super) const fn in_media(&self) -> bool {
        self.speaking.is_some()
    }

    /// The encoder for audio of `rate` hertz: the one in use where it is still the right one.
    fn speaking_at(&mut self, rate: u32) -> Option<Box<Speaking>> {
        let wanted = Wanted::new(&self.codecs, self.packet_time, &self.encoder, rate)?;
        match self.speaking.take() {
            Some(speaking) if *speaking.wanted() == wanted => Some(speaking),
            _ => Speaking::new(wanted).map(Box::new),
        }
    }
}
