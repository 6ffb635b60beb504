//! What is wanted of a call's parts, derived from sources, mixes and taps: which legs feed which, which paths audio takes,
//! which jitter buffers, players and mixes work, and whether the media clock runs.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::codec::PayloadCodec;
use crate::api::id::LegId;
use crate::api::leg::LegKind;
use crate::api::source::Source;
use crate::api::tap::TapSide;
use crate::session::Output;
use crate::session::call::Call;
use crate::session::leg::Leg;
use crate::session::leg::egress::{Egress, EncoderSpec};
use crate::session::leg::ingress::{Ingress, natural_rate};
use crate::session::leg::secure;
use crate::session::places::Places;
use crate::session::source::room::Settled;
use crate::session::tap::Tap;
use crate::session::timers::Timer;

/// Sample rate of an egress that no source with a rate of its own feeds, in hertz: what most codecs of a leg can use.
pub(super) const PLAYER_RATE: u32 = 16_000;

/// A source by its place among the parts of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Feed {
    #[default]
    Silence,
    Leg(u16),
    Mix(u16),
    Room(u16),
    Player(u16),
    Stream(u16),
}

fn place(found: Option<usize>) -> Option<u16> {
    found.and_then(|place| u16::try_from(place).ok())
}

impl Call {
    /// Where a source is; `None` where the call has none of that name.
    pub(super) fn resolve(&self, source: Source) -> Option<Feed> {
        Some(match source {
            Source::Silence => Feed::Silence,
            Source::Leg(id) => Feed::Leg(place(self.place(id))?),
            Source::Mix(id) => Feed::Mix(place(self.mixes.iter().position(|mix| mix.id == id))?),
            Source::Room(id) => Feed::Room(place(self.rooms.iter().position(|room| room.id == id))?),
            Source::Player(id) => {
                Feed::Player(place(self.players.iter().position(|player| player.id == id))?)
            }
            Source::Stream(id) => {
                Feed::Stream(place(self.streams.iter().position(|stream| stream.id == id))?)
            }
        })
    }

    /// Where a leg is.
    pub(super) fn place(&self, id: LegId) -> Option<usize> {
        let is_there = |at: &usize| self.legs.get(*at).is_some_and(|leg| leg.id == id);
        // Legs may have been taken out since the places were noted.
        self.places.get(id).filter(is_there).or_else(|| self.legs.iter().position(|leg| leg.id == id))
    }

    /// Places, payload maps and tap marks, after a command; then the demand that follows from them.
    pub(super) fn rewire<O: Output>(&mut self, now: Time, out: &mut O) {
        self.take_back_streams(now, out);
        self.places = Places::of(&self.legs);
        self.slices.make_room_for(self.legs.len());
        for at in 0..self.legs.len() {
            self.settle_feed(at);
            if let Some(leg) = self.legs.get_mut(at) {
                leg.listeners.clear();
                (leg.tapped, leg.sender.tapped) = (false, false);
            }
        }
        for at in 0..self.legs.len() {
            let (Some(&Leg { feed: Feed::Leg(from), .. }), Ok(listener)) =
                (self.legs.get(at).map(AsRef::as_ref), u16::try_from(at))
            else {
                continue;
            };
            if let Some(from) = self.legs.get_mut(usize::from(from)) {
                from.listeners.push(listener);
            }
        }
        for at in 0..self.mixes.len() {
            let Some(inputs) = self.mixes.get(at).map(|mix| mix.inputs.clone()) else { continue };
            // What is gone is no input any more: a leg that comes back is not mixed in again unasked.
            let resolved = |input: Source| {
                let feed = self.resolve(input)?;
                let policy = match feed {
                    Feed::Leg(from) => self.legs.get(usize::from(from)).map(|from| from.config.media),
                    _ => None,
                };
                Some((input, feed, policy.unwrap_or_default()))
            };
            let inputs = inputs.into_iter().filter_map(resolved).collect();
            if let Some(mix) = self.mixes.get_mut(at) {
                mix.set_inputs(inputs);
            }
        }
        self.settle_rooms(now, out);
        self.report_rooms(out);
        self.mark_tapped();
        self.settle_end_to_end();
        for at in 0..self.legs.len() {
            self.settle_source(now, at, out);
        }
        self.derive_demand(now);
        self.note_activity();
    }

    /// Finds what feeds a leg, and what its packets become for the leg's party.
    pub(super) fn settle_feed(&mut self, at: usize) {
        self.derived = self.derived.wrapping_add(1);
        let Some(source) = self.legs.get(at).map(|leg| leg.source) else { return };
        let feed = self.resolve(source);
        let codecs: Option<Vec<PayloadCodec>> = match feed {
            Some(Feed::Leg(from)) => {
                self.legs.get(usize::from(from)).map(|from| from.receivable().cloned().collect())
            }
            _ => None,
        };
        let (of_source, secure, converts) = match feed.map(|feed| self.leg_of(feed)) {
            Some(Some(from)) => (Some(from.config.media), from.holds_audio(), from.sends_digits_anew()),
            _ => (None, false, false),
        };
        let Some(leg) = self.legs.get_mut(at) else { return };
        let policy = leg.config.sent_media.max(of_source.unwrap_or_default());
        // What a source was removed from under becomes silence.
        if feed.is_none() {
            leg.source = Source::Silence;
        }
        leg.feed = feed.unwrap_or_default();
        leg.sender.set_policy(policy);
        leg.rebuild_payload_map(codecs.as_deref(), secure);
        leg.fit_digits(codecs.as_deref());
        if converts {
            leg.sender.prepare_digits(&leg.config);
        } else {
            leg.sender.end_detected();
        }
        if leg.delays_digits() {
            leg.delayed.prepare();
        }
        leg.path_of = None;
    }

    /// Where the members of rooms are, and the rates that rooms have by them.
    fn settle_rooms<O: Output>(&mut self, now: Time, out: &mut O) {
        let mut rooms = std::mem::take(&mut self.rooms);
        for room in &mut rooms {
            room.settle(|source| self.settled(self.resolve(source)?));
        }
        self.rooms = rooms;
        if self.rooms.iter().any(|room| room.wanted_rate() != room.rate()) {
            // Another rate needs other frames.
            self.push_rest(now, out);
            self.rooms.iter_mut().for_each(|room| room.set_rate(room.wanted_rate()));
        }
    }

    /// What a room is to know of a member.
    pub(super) fn settled(&self, feed: Feed) -> Option<Settled> {
        let policy = self.leg_of(feed).map(|leg| leg.config.media);
        Some(Settled { feed, policy: policy.unwrap_or_default(), rate: self.source_rate(feed) })
    }

    /// The leg that a source is.
    pub(super) fn leg_of(&self, feed: Feed) -> Option<&Leg> {
        match feed {
            Feed::Leg(at) => self.legs.get(usize::from(at)).map(AsRef::as_ref),
            _ => None,
        }
    }

    fn mark_tapped(&mut self) {
        for tap in &self.taps {
            let Tap::Packets(tap) = tap else { continue };
            if let Some(leg) = self.legs.iter_mut().find(|leg| leg.id == tap.spec.leg) {
                leg.tapped |= tap.spec.side != TapSide::Sent;
                leg.sender.tapped |= tap.spec.side != TapSide::Received;
            }
        }
    }

    /// Brings a leg to the path that its kind of source asks for. The path from another leg is chosen by the packets that come
    /// from it.
    pub(super) fn settle_source<O: Output>(&mut self, now: Time, at: usize, out: &mut O) {
        self.derived = self.derived.wrapping_add(1);
        let rate = self.legs.get(at).and_then(|leg| self.source_rate(leg.feed));
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return };
        let spec = EncoderSpec::new(&leg.config).filter(|_| leg.kind == LegKind::Audio);
        leg.fit_egress(now, spec.as_ref(), rate);
        match leg.feed {
            // From a leg that sends nothing that can be decoded no audio can come.
            Feed::Leg(_) if spec.is_some() && rate.is_some() => {}
            Feed::Mix(_) | Feed::Room(_) | Feed::Player(_) | Feed::Stream(_) if spec.is_some() => {
                let begins = !leg.sender.transcodes();
                if begins && leg.make_egress(rate.unwrap_or(PLAYER_RATE)) {
                    leg.sender.enter_transcoding(now, None, leg.source);
                    // An encoder that was kept from before may be below the rate of this source: no other command has to
                    // come by first.
                    leg.fit_egress(now, spec.as_ref(), rate);
                }
            }
            // What it was fed by ends at the next tick, unless it is fed again until then.
            Feed::Silence if spec.is_some() => {}
            _ if leg.sender.transcodes() && !leg.sender.needs_encoder() => {
                let Leg { sender, transport, .. } = leg;
                sender.finish(now, transport, out);
                sender.leave_transcoding(leg.source);
            }
            _ => {}
        }
    }

    /// The sample rate of a source's audio in hertz; `None` where it has none of its own. A tone is made at any rate: for it no
    /// encoder is to be changed.
    pub(super) fn source_rate(&self, feed: Feed) -> Option<u32> {
        match feed {
            Feed::Silence => None,
            Feed::Player(at) => self.players.get(usize::from(at))?.rate(),
            Feed::Leg(at) => {
                let leg = self.legs.get(usize::from(at)).filter(|leg| leg.kind == LegKind::Audio)?;
                leg.receive_rate()
            }
            Feed::Mix(at) => {
                let inputs = &self.mixes.get(usize::from(at))?.feeds;
                // A mix within a mix is refused when it is made.
                let rates = inputs.iter().filter(|feed| !matches!(feed, Feed::Mix(_)));
                rates.filter_map(|feed| self.source_rate(*feed)).max().map(|rate| rate.min(PLAYER_RATE))
            }
            Feed::Room(at) => Some(self.rooms.get(usize::from(at))?.rate()),
            Feed::Stream(at) => Some(self.streams.get(usize::from(at))?.rate()),
        }
    }

    /// 20 ms, or 10 ms where the packets of a leg are no multiple of 20 ms.
    pub(super) fn settle_tick(&mut self) {
        let halves = self.legs.iter().position(|leg| leg.halves_tick());
        self.halves = halves.and_then(|at| u16::try_from(at).ok());
        self.clock.millis = if self.halves.is_some() { 10 } else { 20 };
    }

    /// True where a tick would bring something about.
    pub(super) fn is_live(&self) -> bool {
        self.legs.iter().any(|leg| leg.is_live()) || self.plays()
    }

    /// True where a player or a stream has something to play.
    pub(super) fn plays(&self) -> bool {
        self.players.iter().any(|player| player.is_live())
            || self.streams.iter().any(|stream| stream.is_live())
    }

    /// Starts the media clock after `lead`, where it does not run.
    pub(super) fn start_clock(&mut self, now: Time, lead: Duration) {
        if self.clock.runs {
            return;
        }
        self.clock.runs = true;
        self.timers.set(Timer::Tick, Some(now + lead));
        // While the clock stood, the timestamps of encoded audio stood, too.
        for leg in self.legs.iter_mut().filter(|leg| leg.sender.transcodes()) {
            leg.sender.rewriter.resume_encoded(now + lead);
        }
    }
}

impl Leg {
    /// True where its packets are no multiple of 20 ms.
    pub(super) fn halves_tick(&self) -> bool {
        let egress = self.sender.egress.as_ref().filter(|_| self.sender.transcodes());
        egress.is_some_and(|egress| !egress.fits_tick(20))
    }

    /// True where a tick would bring something about for it.
    pub(super) fn is_live(&self) -> bool {
        self.ingress.as_ref().is_some_and(|ingress| ingress.is_live())
            // What a player or a stream ended with in the middle of a packet is still to be sent, and a signal to be ended.
            || self.sender.has_begun_packet()
            || self.ends_signal()
            || self.sender.has_digits()
            || self.sender.sends_digits()
            || self.lingers.is_on()
            || self.sender.beeps()
    }

    /// True where encoded audio is to end with the next tick, because nothing feeds the leg any more.
    pub(super) fn ends_signal(&self) -> bool {
        self.feed == Feed::Silence
            && self.sender.transcodes()
            && !self.sender.sends_digits()
            && !self.sender.has_digits()
    }

    /// Makes an egress for sources of `rate` hertz, where there is none; false where the leg is not audio or has no codec for it.
    pub(super) fn make_egress(&mut self, rate: u32) -> bool {
        if self.sender.egress.is_none() {
            let spec = EncoderSpec::new(&self.config).filter(|_| self.kind == LegKind::Audio);
            self.sender.egress = spec.and_then(|spec| {
                let rate = natural_rate(&spec.entry().codec).min(rate);
                Egress::new(spec, rate).map(Box::new)
            });
            self.sender.follow_mode_request();
        }
        self.sender.egress.is_some()
    }

    /// Keeps the egress as long as codec and parameters are the same, and makes another one where they are not.
    pub(super) fn fit_egress(&mut self, now: Time, spec: Option<&EncoderSpec>, rate: Option<u32>) {
        let transcodes = self.sender.transcodes();
        let Some(egress) = &mut self.sender.egress else { return };
        if Some(egress.spec()) == spec {
            if let Some(rate) = rate.filter(|_| transcodes) {
                let natural = natural_rate(&egress.spec().entry().codec);
                egress.raise_rate(rate.min(natural));
            }
            return;
        }
        let clock_rate = egress.clock_rate();
        let rate = rate.unwrap_or_else(|| egress.rate());
        self.sender.egress = None;
        if !transcodes {
            return;
        }
        if !self.make_egress(rate) {
            return self.sender.leave_transcoding(self.source);
        }
        if let Some(egress) = &self.sender.egress
            && egress.clock_rate() != clock_rate
        {
            self.sender.rewriter.begin_encoded(now, None, egress.clock_rate());
        }
    }

    /// Makes, keeps, changes or drops the ingress. Its rate only rises, so that decoders go on as long as they can. While the
    /// clock runs, one that nobody wants stays until the end of the next tick: commands that follow each other at once, as
    /// where legs go to another call, want it again.
    pub(super) fn fit_ingress(&mut self, wanted: Option<u32>, clock_runs: bool) {
        let Some(wanted) = wanted else {
            match &mut self.ingress {
                Some(ingress) if clock_runs => ingress.unwanted = true,
                _ => self.drop_ingress(),
            }
            return;
        };
        let codecs = self.config.codecs.iter().chain(&self.config.received_codecs);
        let held = self.holds_audio().then(|| self.kept_out());
        let ends = self.lingers.is_on();
        let seed = u64::from(self.sender.rewriter.ssrc().0);
        match &mut self.ingress {
            Some(ingress) => {
                ingress.unwanted = false;
                if held.is_none() {
                    ingress.hold(None, false, seed);
                }
                let rate = ingress.rate().max(wanted);
                let rate = if held.is_some() { secure::rate_for(rate) } else { rate };
                if ingress.rate() != rate || !ingress.is_of(codecs.clone()) {
                    ingress.configure(codecs, rate);
                }
            }
            None => {
                let rate = if held.is_some() { secure::rate_for(wanted) } else { wanted };
                self.ingress = Ingress::new(codecs, rate, self.config.jitter_buffer).map(Box::new);
            }
        }
        if let Some(ingress) = self.ingress.as_mut().filter(|_| held.is_some()) {
            ingress.hold(held, ends, seed);
        }
    }

    /// Drops the ingress, and keeps its figures.
    pub(super) fn drop_ingress(&mut self) {
        if let Some(ingress) = self.ingress.take() {
            self.played = Some(ingress.statistics());
        }
    }
}
