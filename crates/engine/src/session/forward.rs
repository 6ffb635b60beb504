//! An audio packet's way: authenticate, latch, count, events, then to every leg that the sender feeds: rewrite the header
//! in place, convert, protect in place, send. And the choice of path, by what the packets turn out to be.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_codec::amr::mode_request;
use mediapoint_g711::encode;
use mediapoint_jitter::Arrived;
use mediapoint_packet::rtp::Ssrc;
use mediapoint_packet::telephone_event::{BLOCK_LEN, DtmfDigit, EventBlock};
use mediapoint_packet::{PacketBuf, Time};

use crate::api::event::Event;
use crate::api::id::LegId;
use crate::api::leg::EventPolicy;
use crate::api::source::Source;
use crate::session::Output;
use crate::session::call::Call;
use crate::session::leg::egress::EncoderSpec;
use crate::session::leg::event_clock::EventPart;
use crate::session::leg::events::{EventPacket, EventStep};
use crate::session::leg::in_band::Found;
use crate::session::leg::ingress::Ingress;
use crate::session::leg::loop_watch::LoopVerdict;
use crate::session::leg::mode::{ModeRequest, is_wide};
use crate::session::leg::receiver::Taken;
use crate::session::leg::rewriter::{Input, InputEpoch};
use crate::session::leg::secure;
use crate::session::leg::sender::{Sender, Unsent};
use crate::session::leg::transport::{DropReason, RtpMeta, Transport};
use crate::session::leg::{Accepted, Leg};
use crate::session::payload_map::{Conversion, PayloadInfo, law_of};

/// From a stream's first packet to the first tick: the delay that the jitter buffer starts with, so that it need not stretch
/// the first words; and what packets of 20 ms may be late by and still be there, behind a lost one, when that one has to
/// be concealed.
pub(super) const LEAD: Duration = Duration::from_millis(25);

/// The same where the audio goes on from forwarded packets: the shorter the wait, the better.
const LEAD_FROM_FORWARD: Duration = Duration::from_millis(5);

/// What a packet brought to light beside its media; nothing as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PacketEffects {
    /// The leg latched on to its source; false where the signalling named another host.
    pub(super) latched: Option<bool>,
    /// It began its stream anew, with this SSRC.
    pub(super) restarted: Option<Ssrc>,
    /// Its leg had timed out.
    pub(super) resumed: bool,
}

impl RtpMeta {
    fn input(&self, leg: LegId, taken: &Taken, info: PayloadInfo) -> Input {
        Input {
            epoch: InputEpoch { leg, epoch: taken.run },
            index: taken.index,
            timestamp: self.timestamp,
            marker: self.marker,
            clock_rate: info.clock_rate,
            event: info.event,
            part: EventPart::of_segment(self.timestamp),
        }
    }
}

impl Call {
    pub(super) fn handle_audio<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        from: SocketAddr,
        mut packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return out.give(packet) };
        let accepted = match leg.accept(now, from, &mut packet) {
            Ok(accepted) => accepted,
            Err((reason, unknown)) => {
                self.drop_refused(at, from, reason, out);
                if let Some(meta) = unknown {
                    self.pass_over(now, at, from, &meta);
                }
                return out.give(packet);
            }
        };
        let Accepted { meta, info, admission, taken } = accepted;
        let effects = PacketEffects {
            latched: leg.latched(admission, from),
            restarted: taken.restarted.then_some(meta.ssrc),
            resumed: leg.note_received(now),
        };
        let (id, receives, tapped, end_to_end) = (leg.id, leg.receives, leg.tapped, leg.end_to_end);
        if effects != PacketEffects::default() {
            // Where the party is sent its media may have changed.
            self.take_back_streams(now, out);
            self.report_effects(id, from, &effects, out);
        }
        if !receives {
            self.drop_received(at, DropReason::OnHold);
            return out.give(packet);
        }
        if !info.event && self.is_in_loop(now, at, from, packet.bytes().get(meta.payload.clone()), out) {
            self.drop_received(at, DropReason::Loop);
            return out.give(packet);
        }
        if end_to_end {
            let octets = meta.payload.len();
            return self.pass_to_listeners(at, (octets, info.event), packet, out);
        }
        if info.requests && taken.newest {
            self.heed_mode_request(at, &meta, packet.bytes());
        }
        let mut input = meta.input(id, &taken, info);
        let step = if info.event {
            Some(self.handle_event(now, at, (&mut input, &meta), &mut packet, out))
        } else {
            None
        };
        // Behind the policy: what is kept back is kept from the taps on packets, too.
        if tapped && step != Some(None) {
            self.copy_received(at, &meta, info, &packet, out);
        }
        if step.is_none() && taken.newest {
            // A late packet says nothing of the path that the stream takes now.
            self.select_paths(now, at, (&input, &meta), info, out);
        }
        self.insert(now, at, (&input, &meta, &taken), &packet);
        match step {
            Some(None) => out.give(packet),
            Some(Some(step)) => {
                self.sound_event(now, at, (&input, &meta), packet.bytes(), step);
                // Behind the encoded audio of a later event, a late packet would begin the old event anew.
                let encoded_too = step != EventStep::Stale;
                self.forward_to_listeners(now, at, (&input, &meta), encoded_too, packet, out);
            }
            None => self.forward_to_listeners(now, at, (&input, &meta), false, packet, out),
        }
    }

    /// Takes the mode that a party asks to be sent.
    #[cold]
    fn heed_mode_request(&mut self, at: usize, meta: &RtpMeta, packet: &[u8]) {
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return };
        let request = packet.get(meta.payload.clone()).and_then(mode_request);
        let codec = leg.receivable().find(|entry| entry.payload_type == meta.payload_type);
        if let (Some(request), Some(wide)) = (request, codec.and_then(|entry| is_wide(&entry.codec))) {
            leg.sender.request_mode(ModeRequest { wide, request });
        }
    }

    /// True for a packet that is to be dropped because its leg's media may go round in a loop.
    pub(super) fn is_in_loop<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        from: SocketAddr,
        payload: Option<&[u8]>,
        out: &mut O,
    ) -> bool {
        let Some(leg) = self.legs.get_mut(at) else { return false };
        let verdict = leg.watch_loops(now, payload.unwrap_or_default());
        if verdict == LoopVerdict::CutBegins {
            out.event(Event::LoopCut { call: self.id, leg: leg.id, from });
        }
        verdict != LoopVerdict::Pass
    }

    /// Counts a packet that was received and goes no further: those after it take the next numbers.
    pub(super) fn drop_received(&mut self, at: usize, reason: DropReason) {
        let Some(leg) = self.legs.get_mut(at) else { return };
        leg.count(reason);
        for n in 0..self.listeners(at) {
            if let Some(listener) = self.listener_mut(at, n) {
                listener.sender.rewriter.interrupt();
            }
        }
    }

    /// Shows an event packet to the leg's event receiver, reports complete key presses, and applies the leg's policy; `None`
    /// where the packet is not to be forwarded.
    fn handle_event<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        (input, meta): (&mut Input, &RtpMeta),
        packet: &mut PacketBuf,
        out: &mut O,
    ) -> Option<EventStep> {
        let payload = packet.bytes_mut().get_mut(meta.payload.clone()).unwrap_or_default();
        let Ok(block) = EventBlock::read(payload) else {
            // Too short for an event. The far end decides about it, but where a digit might be in it.
            let leg = self.legs.get_mut(at)?;
            let forwarded = leg.event_policy(EventStep::Continues, None) == EventPolicy::Forward;
            return if forwarded { Some(EventStep::Continues) } else { self.skip_event(at, input) };
        };
        let event = EventPacket {
            epoch: input.epoch.epoch,
            index: input.index,
            timestamp: input.timestamp,
            clock_rate: input.clock_rate,
            block,
            secret: self.legs.get(at).is_some_and(|leg| leg.is_secret()),
        };
        let leg = self.legs.get_mut(at)?;
        let (step, [first, second]) = leg.events.observe(now, &event);
        input.part = leg.events.part(&event, step);
        let own = Some((event.epoch, input.part.begin));
        let id = leg.id;
        let (before, press) =
            if step == EventStep::Begins { (first, second) } else { (None, first.or(second)) };
        // The press before may decide what becomes of this event.
        if let Some(before) = before {
            self.end_press(now, at, (before, None), out);
        }
        if step == EventStep::Begins {
            self.begin_event(now, at, out);
        }
        let leg = self.legs.get_mut(at)?;
        let policy = leg.event_policy(step, own);
        if step == EventStep::Begins
            && let Some(ingress) = &mut leg.ingress
        {
            ingress.begin_event();
        }
        if let EventPolicy::Replace(code) = policy {
            let mut blocks = payload.chunks_exact_mut(BLOCK_LEN);
            for block in &mut blocks {
                if let Some(first) = block.first_mut() {
                    *first = code;
                }
            }
            blocks.into_remainder().fill(0);
        }
        if step == EventStep::Begins && block.digit().is_some() {
            self.players.iter_mut().for_each(|player| player.note_key(id));
        }
        if let Some(press) = press {
            self.end_press(now, at, (press, own), out);
        }
        self.set_digit_timer(at);
        if policy == EventPolicy::Block {
            return self.skip_event(at, input);
        }
        // The event's packets carry the timestamp of its beginning, and audio sent later must not have an earlier one.
        if step == EventStep::Begins {
            self.drain(now, at, true, out);
        }
        Some(step)
    }

    /// Passes over an event packet that goes no further.
    fn skip_event(&mut self, at: usize, input: &Input) -> Option<EventStep> {
        for n in 0..self.listeners(at) {
            if let Some(listener) = self.listener_mut(at, n) {
                listener.sender.rewriter.skip(input);
            }
        }
        None
    }

    /// Copies a received packet to the taps on packets of its leg. Under secure input the audio is held back as long as a tone
    /// needs to be found, and no packet is: silence stands for G.711, and nothing for other codecs.
    #[cold]
    fn copy_received<O: Output>(
        &mut self,
        at: usize,
        meta: &RtpMeta,
        info: PayloadInfo,
        packet: &PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get(at) else { return };
        let id = leg.id;
        if info.event || !(leg.keeps_audio_back() || leg.heeds_tones()) {
            return self.copy_to_taps(id, true, packet.bytes(), out);
        }
        let codec = leg.receivable().find(|entry| entry.payload_type == meta.payload_type);
        let Some(law) = codec.and_then(law_of) else { return };
        let Some(mut silent) = out.copy(packet.bytes()) else { return };
        silent.bytes_mut().get_mut(meta.payload.clone()).unwrap_or_default().fill(encode(law, 0));
        self.copy_to_taps(id, true, silent.bytes(), out);
        out.give(silent);
    }

    /// Reports the digits that a tick brought to light in a leg's audio.
    pub(super) fn report_found<O: Output>(&mut self, now: Time, at: usize, out: &mut O) {
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return };
        let id = leg.id;
        let Some(ingress) = &mut leg.ingress else { return };
        for found in ingress.take_found() {
            match found {
                Found::Onset(digit, volume) => {
                    self.players.iter_mut().for_each(|player| player.note_key(id));
                    self.convert_tone(at, Some((digit, volume)));
                }
                Found::Press(press) => {
                    self.convert_tone(at, None);
                    let twice = self.legs.get(at).is_some_and(|leg| leg.events.has_reported(now, &press));
                    if !twice {
                        self.end_press(now, at, (press, None), out);
                    }
                }
            }
        }
    }

    /// Begins a digit for those who receive a leg, or ends it.
    fn convert_tone(&mut self, at: usize, digit: Option<(DtmfDigit, u8)>) {
        if !self.legs.get(at).is_some_and(|leg| leg.converts_tones()) {
            return;
        }
        for n in 0..self.listeners(at) {
            let Some(listener) = self.listener_mut(at, n) else { continue };
            match digit {
                Some((digit, volume)) => {
                    // Where there is no room for it, it is not sent.
                    let _: bool = listener.sender.begin_digit(digit, volume, listener.source);
                }
                None => listener.sender.end_digit(None),
            }
        }
    }

    /// Takes a packet into the jitter buffer of its leg, where somebody wants its audio.
    fn insert(
        &mut self,
        now: Time,
        at: usize,
        (input, meta, taken): (&Input, &RtpMeta, &Taken),
        packet: &PacketBuf,
    ) {
        let Some(Leg { ingress: Some(ingress), events, .. }) = self.legs.get_mut(at).map(AsMut::as_mut)
        else {
            return;
        };
        if input.event {
            // Under an SSRC of its own it takes no number of the audio's.
            if taken.in_audio_stream {
                ingress.note_event(now, taken.stretch, input.index);
            }
            return;
        }
        events.note_audio(input.epoch.epoch, input.index);
        let arrived = Arrived {
            epoch: taken.stretch,
            index: input.index,
            timestamp: input.timestamp,
            payload_type: meta.payload_type,
            marker: input.marker,
            payload: packet.bytes().get(meta.payload.clone()).unwrap_or_default(),
        };
        ingress.insert(now, &arrived);
        self.start_clock(now, LEAD);
    }

    /// Counts a packet of the party's stream whose payload type was not agreed: it was not lost, and no receiver of what is
    /// forwarded is to count it as lost.
    fn pass_over(&mut self, now: Time, at: usize, from: SocketAddr, meta: &RtpMeta) {
        let Some(leg) = self.legs.get_mut(at) else { return };
        let id = leg.id;
        let Some(taken) = leg.pass_over(now, from, meta) else { return };
        let input = meta.input(
            id,
            &taken,
            PayloadInfo { clock_rate: 8000, event: false, noise: false, requests: false },
        );
        for n in 0..self.listeners(at) {
            if let Some(listener) = self.listener_mut(at, n) {
                listener.sender.rewriter.skip(&input);
            }
        }
    }

    /// Legs that a leg feeds.
    pub(super) fn listeners(&self, at: usize) -> usize {
        self.legs.get(at).map_or(0, |leg| leg.listeners.len())
    }

    /// Place of one of them.
    pub(super) fn listener(&self, at: usize, n: usize) -> Option<usize> {
        self.legs.get(at)?.listeners.get(n)
    }

    pub(super) fn listener_mut(&mut self, at: usize, n: usize) -> Option<&mut Leg> {
        let listener = self.listener(at, n)?;
        self.legs.get_mut(listener).map(AsMut::as_mut)
    }

    /// Forwards a packet to the legs that `at` feeds: a copy to each but the last. Those that transcode get it only with
    /// `encoded_too`: it is an event, and audio comes to them at the tick.
    fn forward_to_listeners<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        (input, meta): (&Input, &RtpMeta),
        encoded_too: bool,
        packet: PacketBuf,
        out: &mut O,
    ) {
        let count = self.listeners(at);
        let mut packet = Some(packet);
        for n in 0..count {
            let Some(listener) = self.listener(at, n) else { continue };
            let Some(leg) = self.legs.get(listener) else { continue };
            if leg.sender.transcodes() && !encoded_too {
                continue;
            }
            let sounds = input.event && leg.sender.sounds_events(meta.payload_type);
            if sounds || leg.sender.sends_digits() {
                if let Some(leg) = self.legs.get_mut(listener) {
                    leg.sender.rewriter.skip(input);
                }
                continue;
            }
            let own = if n + 1 == count {
                packet.take()
            } else {
                let bytes = packet.as_ref().map(PacketBuf::bytes).unwrap_or_default();
                out.copy(bytes)
            };
            match own {
                Some(own) => self.forward(now, at, listener, (input, meta), own, out),
                None => {
                    if let Some(leg) = self.legs.get_mut(listener) {
                        leg.sender.sent.unsent += 1;
                    }
                }
            }
        }
        if let Some(packet) = packet {
            out.give(packet);
        }
    }

    fn forward<O: Output>(
        &mut self,
        now: Time,
        source: usize,
        at: usize,
        (input, meta): (&Input, &RtpMeta),
        mut packet: PacketBuf,
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return out.give(packet) };
        let Leg { sender, transport, .. } = leg;
        let to = transport.destination();
        let rewritten = if sender.open {
            let to = to.ok_or(Unsent::NoDestination);
            to.and_then(|to| sender.rewrite(now, input, meta, &mut packet).map(|()| to))
        } else {
            sender.rewrite_gated(now, to, (input, meta), &mut packet)
        };
        let tapped = sender.tapped.then_some(leg.id);
        if let (Ok(_), Some(id)) = (&rewritten, tapped) {
            self.copy_to_taps(id, false, packet.bytes(), out);
        }
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return out.give(packet) };
        let Leg { sender, transport, .. } = leg;
        let protected = rewritten
            .and_then(|to| if transport.protect_rtp(&mut packet) { Ok(to) } else { Err(Unsent::Protect) });
        match protected {
            Ok(to) => {
                sender.sent.packets += 1;
                sender.sent.octets += meta.payload.len() as u64;
                out.send(transport.ports().rtp, to, packet);
            }
            Err(reason) => {
                out.give(packet);
                match reason {
                    Unsent::OnHold => sender.rewriter.interrupt(),
                    Unsent::NoDestination => {
                        sender.rewriter.interrupt();
                        sender.sent.unsent += 1;
                    }
                    Unsent::TooLate | Unsent::Protect => sender.sent.unsent += 1,
                    Unsent::Blocked => self.count_blocked(source, 1),
                    Unsent::NoCommonCodec => {
                        if let Some(source) = self.legs.get_mut(source) {
                            source.dropped.no_common_codec += 1;
                        }
                    }
                }
            }
        }
    }

    /// Brings the legs that `at` feeds to the path that a packet of it takes, where it is another than before.
    fn select_paths<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        (input, meta): (&Input, &RtpMeta),
        info: PayloadInfo,
        out: &mut O,
    ) {
        let key = u32::try_from(meta.payload.len()).ok().map(|len| (meta.payload_type, len));
        let Some(leg) = self.legs.get_mut(at) else { return };
        if std::mem::replace(&mut leg.path_of, key) == key {
            return;
        }
        let mut changed = false;
        for n in 0..self.listeners(at) {
            let Some(listener) = self.listener(at, n) else { continue };
            let Some(leg) = self.legs.get(listener) else { continue };
            let rule = leg.sender.map.get(meta.payload_type);
            let transcode = leg.sender.needs_encoder()
                || leg.sender.beeps()
                || rule.is_some_and(|rule| rule.conversion_of(meta.payload.len()) == Conversion::Transcode);
            let transcodes = leg.sender.transcodes();
            if !transcode && !transcodes && leg.sender.digit_waits().is_some() {
                self.make_way(now, at, listener, input);
            }
            // Comfort noise between words does not end transcoding.
            if transcode == transcodes || (info.noise && transcodes) {
                continue;
            }
            changed = true;
            if transcode {
                self.enter_transcoding(now, at, listener, input);
            } else {
                self.leave_transcoding(now, at, listener, out);
            }
        }
        if changed {
            self.derive_demand(now);
        }
    }

    pub(super) fn enter_transcoding(&mut self, now: Time, source: usize, listener: usize, input: &Input) {
        let Some(rate) = self.legs.get(source).and_then(|leg| leg.receive_rate()) else { return };
        // For a tap or a mix audio waits that was forwarded already. It must not be sent once more.
        let Some(from) = self.legs.get_mut(source) else { return };
        let forwarded = from.ingress.as_mut().map_or(0, |ingress| ingress.drain(true, false));
        // Nor does what stands for the time that the audio is held back.
        let held = if from.holds_audio() { secure::DELAY_MILLIS / 10 } else { 0 };
        let forwarded = forwarded + usize::try_from(held).unwrap_or(0);
        let Some(leg) = self.legs.get_mut(listener) else { return };
        if !leg.make_egress(rate) {
            return;
        }
        let followed = leg.sender.enter_transcoding(now, Some(input), leg.source);
        let spec = EncoderSpec::new(&leg.config);
        leg.fit_egress(now, spec.as_ref(), Some(rate));
        if followed {
            let source = leg.source;
            leg.sender.pass_forwarded(source, forwarded);
        }
        self.start_clock(now, if followed { LEAD_FROM_FORWARD } else { LEAD });
    }

    /// Brings a leg back to forwarding. What waits in the jitter buffer goes out at once, to all legs that transcode from it,
    /// since they share it.
    fn leave_transcoding<O: Output>(&mut self, now: Time, source: usize, listener: usize, out: &mut O) {
        self.drain(now, source, false, out);
        let Some(id) = self.legs.get(source).map(|leg| leg.id) else { return };
        let Some(Leg { sender, transport, .. }) = self.legs.get_mut(listener).map(AsMut::as_mut) else {
            return;
        };
        if let Some(to) = transport.destination().filter(|_| sender.allowed) {
            sender.send_ready(now, (transport, to), true, out);
        }
        sender.leave_transcoding(Source::Leg(id));
    }

    /// Sends what waits in a leg's jitter buffer at once to the legs that transcode from it. `silent`: no audio follows.
    fn drain<O: Output>(&mut self, now: Time, at: usize, silent: bool, out: &mut O) {
        let count = self.listeners(at);
        let transcodes = |n| {
            self.listener(at, n).and_then(|at| self.legs.get(at)).is_some_and(|leg| leg.sender.transcodes())
        };
        if !(0..count).any(transcodes) {
            return;
        }
        let keep = self.is_wanted_beside_listeners(at);
        let Some(Leg { ingress: Some(ingress), id, .. }) = self.legs.get_mut(at).map(AsMut::as_mut) else {
            return;
        };
        let source = Source::Leg(*id);
        let pieces = ingress.drain(keep, silent);
        for piece in 0..pieces {
            if let Some(Leg { ingress: Some(ingress), .. }) = self.legs.get_mut(at).map(AsMut::as_mut) {
                ingress.load_drained(piece);
            }
            let last = piece + 1 == pieces;
            for n in 0..count {
                let Some(listener) = self.listener(at, n) else { continue };
                with_source(&mut self.legs, at, listener, |ingress, sender, transport| {
                    if sender.transcodes() {
                        sender.push_ahead(now, transport, (source, ingress.frame()), (piece, last), out);
                    }
                });
            }
        }
        // What stays for taps and mixes comes in the frames once more, but not for those who have had it.
        let mut stays = if keep { pieces } else { 0 };
        if silent {
            // Nor the silence that fills up the last of those frames: it would be audio beside the event.
            stays = stays.next_multiple_of(usize::try_from(self.clock.millis / 10).unwrap_or(1).max(1));
        }
        for n in 0..count {
            if let Some(leg) = self.listener_mut(at, n).filter(|leg| leg.sender.transcodes()) {
                leg.sender.set_had(source, stays);
            }
        }
    }

    /// True where a mix, a tap or a player wants the audio of a leg, too.
    fn is_wanted_beside_listeners(&self, at: usize) -> bool {
        let feed = u16::try_from(at).map(super::wiring::Feed::Leg);
        let Ok(feed) = feed else { return false };
        let mixed = self.mixes.iter().any(|mix| mix.is_wanted() && mix.feeds.contains(&feed));
        mixed
            || self.legs.get(at).is_some_and(|leg| self.rooms.iter().any(|room| room.wants(leg.id).is_some()))
            || self.tones_wanted_of(at).is_some()
            || self.speech_ends_a_player(at)
            || self.taps.iter().any(|tap| self.tap_rate(tap, feed).is_some())
    }
}

/// Calls back with the ingress of one leg and the sending half of another, or of the same one.
pub(super) fn with_source(
    legs: &mut [Box<Leg>],
    source: usize,
    listener: usize,
    act: impl FnOnce(&mut Ingress, &mut Sender, &mut Transport),
) {
    if source == listener {
        if let Some(Leg { ingress: Some(ingress), sender, transport, .. }) =
            legs.get_mut(source).map(AsMut::as_mut)
        {
            act(ingress, sender, transport);
        }
    } else if let Ok([from, to]) = legs.get_disjoint_mut([source, listener])
        && let Some(ingress) = &mut from.ingress
    {
        let Leg { sender, transport, .. } = to.as_mut();
        act(ingress, sender, transport);
    }
}
