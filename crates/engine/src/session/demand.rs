//! What is wanted of the audio of a call's parts: by the legs that encode it, by mixes and by taps.

use std::time::Duration;

use mediapoint_dtmf::DetectorSettings;
use mediapoint_packet::Time;

use crate::api::codec::PayloadCodec;
use crate::api::id::LegId;
use crate::api::leg::LegKind;
use crate::api::tap::TapSide;
use crate::session::call::Call;
use crate::session::leg::egress::EncoderSpec;
use crate::session::leg::in_band;
use crate::session::source::room::Fed;
use crate::session::tap::{Tap, analysis};
use crate::session::wiring::Feed;

/// The highest rate at which somebody wants the audio of each source of a call, in hertz; 0 where nobody does.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// Of legs, then of players, then of streams.
    rates: Vec<u32>,
    legs: u32,
    players: u32,
    /// Legs whose speech ends a player that plays.
    spoken_to: Vec<LegId>,
}

impl Demand {
    fn clear(&mut self, legs: usize, players: usize, streams: usize) {
        self.rates.clear();
        self.rates.resize(legs + players + streams, 0);
        self.legs = u32::try_from(legs).unwrap_or(u32::MAX);
        self.players = u32::try_from(players).unwrap_or(u32::MAX);
        self.spoken_to.clear();
    }

    /// A mix is summed from its inputs, and has no demand of its own.
    fn place(&self, feed: Feed) -> Option<usize> {
        let (legs, players) = (self.legs as usize, self.players as usize);
        match feed {
            Feed::Silence | Feed::Mix(_) | Feed::Room(_) => None,
            Feed::Leg(at) => Some(usize::from(at)).filter(|at| *at < legs),
            Feed::Player(at) => Some(usize::from(at)).filter(|at| *at < players).map(|at| legs + at),
            Feed::Stream(at) => Some(legs + players + usize::from(at)),
        }
    }

    fn raise(&mut self, feed: Feed, rate: u32) {
        if let Some(known) = self.place(feed).and_then(|at| self.rates.get_mut(at)) {
            *known = (*known).max(rate);
        }
    }

    fn of(&self, feed: Feed) -> Option<u32> {
        self.rates.get(self.place(feed)?).copied().filter(|rate| *rate != 0)
    }
}

impl Call {
    /// Derives what is wanted from what is there: called after every command, and after every change of path.
    pub(super) fn derive_demand(&mut self, now: Time) {
        self.derive_mixes();
        self.derive_rooms();
        let mut demand = std::mem::take(&mut self.demand);
        self.sum_demand(&mut demand);
        for at in 0..self.legs.len() {
            let wanted = u16::try_from(at).ok().and_then(|place| demand.of(Feed::Leg(place)));
            let speech = self.legs.get(at).is_some_and(|leg| demand.spoken_to.contains(&leg.id));
            self.settle_ingress(at, wanted, speech);
        }
        for at in 0..self.players.len() {
            let Ok(place) = u16::try_from(at) else { continue };
            let wanted = demand.of(Feed::Player(place));
            let common = self.codec_fed_by(Feed::Player(place));
            let common = common.map(|entry| (entry.codec.clone(), entry.parameters.clone()));
            if let Some(player) = self.players.get_mut(at) {
                player.set_demand(wanted);
                player.set_payloads(common.as_ref().map(|(codec, parameters)| (codec, parameters)));
            }
        }
        for at in 0..self.streams.len() {
            let Ok(place) = u16::try_from(at) else { continue };
            let wanted = demand.of(Feed::Stream(place)).is_some();
            if let Some(stream) = self.streams.get_mut(at) {
                stream.wanted = wanted;
            }
        }
        self.demand = demand;
        self.settle_tick();
        if self.is_live() {
            self.start_clock(now, Duration::ZERO);
        }
    }

    /// The mixes' rates and outputs: one for each leg that a mix feeds.
    fn derive_mixes(&mut self) {
        for at in 0..self.mixes.len() {
            let Ok(place) = u16::try_from(at) else { continue };
            let fed = self.legs.iter().enumerate().filter(|(_, leg)| leg.feed == Feed::Mix(place));
            let fed: Vec<(usize, u32)> = fed
                .map(|(leg, value)| (leg, value.sender.egress.as_ref().map_or(0, |egress| egress.rate())))
                .collect();
            let rate = fed.iter().map(|(_, rate)| *rate).max().unwrap_or(0).max(8000);
            let names: Vec<_> =
                fed.iter().filter_map(|(leg, _)| Some((*leg, self.legs.get(*leg)?.id))).collect();
            if let Some(mix) = self.mixes.get_mut(at) {
                mix.set_outputs(rate, &names);
            }
        }
    }

    /// The rooms' outputs: one for each leg that a room feeds.
    fn derive_rooms(&mut self) {
        let Self { rooms, legs, .. } = self;
        for (at, room) in rooms.iter_mut().enumerate() {
            let own = u16::try_from(at).map(Feed::Room);
            let fed = legs.iter().zip(0..).filter(|(leg, _)| Ok(leg.feed) == own).map(|(leg, place)| {
                let egress = leg.sender.egress.as_ref();
                Fed { leg: leg.id, place, encoder: egress.map(|egress| (egress.rate(), egress.spec())) }
            });
            room.set_outputs(legs.len(), fed);
        }
    }

    /// Adds up what is wanted of each source, in one pass over those who want something: a room has a thousand of them.
    fn sum_demand(&self, demand: &mut Demand) {
        demand.clear(self.legs.len(), self.players.len(), self.streams.len());
        for leg in self.legs.iter().filter(|leg| leg.sender.transcodes()) {
            if let Some(egress) = &leg.sender.egress {
                demand.raise(leg.feed, egress.rate());
            }
        }
        for mix in self.mixes.iter().filter(|mix| mix.is_wanted()) {
            mix.feeds.iter().for_each(|feed| demand.raise(*feed, mix.rate()));
        }
        for room in self.rooms.iter().filter(|room| room.is_wanted()) {
            room.feeds().for_each(|feed| demand.raise(feed, room.rate()));
        }
        for tap in self.taps.iter().filter_map(Tap::audio) {
            let Some(at) = self.place(tap.leg) else { continue };
            if let (true, Ok(own)) = (tap.side != TapSide::Sent, u16::try_from(at)) {
                demand.raise(Feed::Leg(own), tap.rate);
            }
            if let (true, Some(leg)) = (tap.side != TapSide::Received, self.legs.get(at)) {
                demand.raise(leg.feed, tap.rate);
            }
        }
        for (at, player) in self.players.iter().enumerate() {
            let plays = u16::try_from(at).is_ok_and(|at| demand.of(Feed::Player(at)).is_some());
            if let Some(leg) = player.listens_to().filter(|_| plays) {
                demand.spoken_to.push(leg);
            }
        }
    }

    /// Makes, keeps or drops the ingress of a leg whose audio is `wanted` at that rate in hertz, beside whoever looks for digits in
    /// it or, with `speech`, listens for the end of a prompt.
    pub(super) fn settle_ingress(&mut self, at: usize, wanted: Option<u32>, speech: bool) {
        self.derived = self.derived.wrapping_add(1);
        let tones = self.tones_wanted_of(at);
        let wanted = wanted.max(tones.as_ref().map(|_| in_band::RATE)).max(speech.then_some(analysis::RATE));
        let Some(leg) = self.legs.get_mut(at) else { return };
        let own = leg.receive_rate().filter(|_| leg.kind == LegKind::Audio);
        leg.fit_ingress(own.and_then(|own| Some(own.min(wanted?))), self.clock.runs);
        let secret = leg.is_secret();
        if let Some(ingress) = &mut leg.ingress {
            ingress.detect(tones.as_ref(), secret);
        }
    }

    /// The highest rate at which somebody wants the audio of one leg, in hertz, as [`Call::derive_demand`] sums it up for all.
    pub(super) fn demand_of_leg(&self, at: usize) -> Option<u32> {
        let leg = self.legs.get(at)?;
        let feed = Feed::Leg(u16::try_from(at).ok()?);
        let listeners = leg.listeners.iter().filter_map(|at| self.legs.get(at));
        let encoded = listeners.filter(|leg| leg.sender.transcodes());
        let encoded = encoded.filter_map(|leg| Some(leg.sender.egress.as_ref()?.rate()));
        let mixes = self.mixes.iter().filter(|mix| mix.is_wanted() && mix.feeds.contains(&feed));
        let taps = self.taps.iter().filter_map(|tap| self.tap_rate(tap, feed));
        let rates = encoded.chain(mixes.map(|mix| mix.rate())).chain(taps);
        rates.chain(self.rooms.iter().filter_map(|room| room.wants(leg.id))).max()
    }

    /// What counts as a digit in the audio of a leg, where a tap wants to know of them.
    pub(super) fn tones_wanted_of(&self, at: usize) -> Option<DetectorSettings> {
        let leg = self.legs.get(at)?;
        let tapped = self.taps.iter().find_map(|tap| match tap {
            Tap::Events(tap) if tap.leg == leg.id => tap.tones,
            _ => None,
        });
        tapped.or_else(|| leg.looks_for_tones().then(DetectorSettings::default))
    }

    /// True where a player listens to what the party of a leg says.
    pub(super) fn speech_ends_a_player(&self, at: usize) -> bool {
        let Some(id) = self.legs.get(at).map(|leg| leg.id) else { return false };
        self.players.iter().any(|player| player.listens_to() == Some(id) && player.is_wanted())
    }

    /// The codec of the legs that a source feeds, where all have the same and their encoders have no settings of their own.
    fn codec_fed_by(&self, feed: Feed) -> Option<&PayloadCodec> {
        let fed = self.legs.iter().filter(|leg| leg.feed == feed && leg.sender.transcodes());
        let mut specs = fed.filter_map(|leg| Some(leg.sender.egress.as_ref()?.spec()));
        let first = specs.next()?;
        let same = |other: &EncoderSpec| {
            other.entry().codec == first.entry().codec && other.entry().parameters == first.entry().parameters
        };
        (first.is_plain() && specs.all(|other| other.is_plain() && same(other))).then(|| first.entry())
    }

    /// The rate at which a tap wants the audio of a source, in hertz; `None` where it does not.
    pub(super) fn tap_rate(&self, tap: &Tap, feed: Feed) -> Option<u32> {
        let tap = tap.audio()?;
        let at = self.place(tap.leg)?;
        let leg = self.legs.get(at)?;
        let received = tap.side != TapSide::Sent && feed == Feed::Leg(u16::try_from(at).ok()?);
        let sent = tap.side != TapSide::Received && leg.feed == feed;
        (received || sent).then_some(tap.rate)
    }
}
