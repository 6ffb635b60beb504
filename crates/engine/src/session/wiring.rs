//! What is wanted of a call's parts, derived from sources, mixes and taps: which legs feed which, which paths audio takes,
//! which jitter buffers, players and mixes work, and whether the media clock runs.

use std::time::Duration;

use mediapoint_dtmf::DetectorSettings;
use mediapoint_packet::Time;

use crate::api::codec::PayloadCodec;
use crate::api::leg::LegKind;
use crate::api::source::Source;
use crate::api::tap::TapSide;
use crate::session::Output;
use crate::session::call::Call;
use crate::session::leg::Leg;
use crate::session::leg::egress::{Egress, EncoderSpec};
use crate::session::leg::ingress::{Ingress, natural_rate};
use crate::session::leg::{in_band, secure};
use crate::session::tap::{Tap, analysis};
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
            Source::Leg(id) => Feed::Leg(place(self.legs.iter().position(|leg| leg.id == id))?),
            Source::Mix(id) => Feed::Mix(place(self.mixes.iter().position(|mix| mix.id == id))?),
            Source::Player(id) => {
                Feed::Player(place(self.players.iter().position(|player| player.id == id))?)
            }
            Source::Stream(id) => {
                Feed::Stream(place(self.streams.iter().position(|stream| stream.id == id))?)
            }
        })
    }

    /// Places, payload maps and tap marks, after a command; then the demand that follows from them.
    pub(super) fn rewire<O: Output>(&mut self, now: Time, out: &mut O) {
        for at in 0..self.legs.len() {
            let Some(source) = self.legs.get(at).map(|leg| leg.source) else { continue };
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
            let Some(leg) = self.legs.get_mut(at) else { continue };
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
            leg.listeners.clear();
            leg.path_of = None;
            leg.tapped = [false; 2];
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
        self.mark_tapped();
        self.settle_end_to_end();
        self.settle_sources(now, out);
        self.derive_demand(now);
    }

    /// The leg that a source is.
    fn leg_of(&self, feed: Feed) -> Option<&Leg> {
        match feed {
            Feed::Leg(at) => self.legs.get(usize::from(at)).map(AsRef::as_ref),
            _ => None,
        }
    }

    fn mark_tapped(&mut self) {
        for tap in &self.taps {
            let Tap::Packets(tap) = tap else { continue };
            if let Some(leg) = self.legs.iter_mut().find(|leg| leg.id == tap.spec.leg) {
                leg.tapped[0] |= tap.spec.side != TapSide::Sent;
                leg.tapped[1] |= tap.spec.side != TapSide::Received;
            }
        }
    }

    /// Brings each leg to the path that its kind of source asks for. The path from another leg is chosen by the packets
    /// that come from it.
    fn settle_sources<O: Output>(&mut self, now: Time, out: &mut O) {
        for at in 0..self.legs.len() {
            let rate = self.legs.get(at).and_then(|leg| self.source_rate(leg.feed));
            let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { continue };
            let spec = EncoderSpec::new(&leg.config).filter(|_| leg.kind == LegKind::Audio);
            leg.fit_egress(now, spec.as_ref(), rate);
            match leg.feed {
                // From a leg that sends nothing that can be decoded no audio can come.
                Feed::Leg(_) if spec.is_some() && rate.is_some() => {}
                Feed::Mix(_) | Feed::Player(_) | Feed::Stream(_) if spec.is_some() => {
                    let begins = !leg.sender.transcodes();
                    if begins && leg.make_egress(rate.unwrap_or(PLAYER_RATE)) {
                        leg.sender.enter_transcoding(now, None, leg.source);
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
            Feed::Stream(at) => Some(self.streams.get(usize::from(at))?.rate()),
        }
    }

    /// Derives what is wanted from what is there: called after every command, and after every change of path.
    pub(super) fn derive_demand(&mut self, now: Time) {
        self.derive_mixes();
        for at in 0..self.legs.len() {
            let wanted = self.ingress_rate(at);
            let tones = self.tones_wanted_of(at);
            let Some(leg) = self.legs.get_mut(at) else { continue };
            leg.fit_ingress(wanted, self.clock.runs);
            let secret = leg.is_secret();
            if let Some(ingress) = &mut leg.ingress {
                ingress.detect(tones.as_ref(), secret);
            }
        }
        for at in 0..self.players.len() {
            let Ok(place) = u16::try_from(at) else { continue };
            let wanted = self.rate_wanted_of(Feed::Player(place));
            let common = self.codec_fed_by(Feed::Player(place));
            let common = common.map(|entry| (entry.codec.clone(), entry.parameters.clone()));
            if let Some(player) = self.players.get_mut(at) {
                player.set_demand(wanted);
                player.set_payloads(common.as_ref().map(|(codec, parameters)| (codec, parameters)));
            }
        }
        for at in 0..self.streams.len() {
            let Ok(place) = u16::try_from(at) else { continue };
            let wanted = self.rate_wanted_of(Feed::Stream(place)).is_some();
            if let Some(stream) = self.streams.get_mut(at) {
                stream.wanted = wanted;
            }
        }
        self.clock.millis = self.tick_millis();
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

    /// The rate at which a leg's packets are to be decoded, in hertz; `None` where nobody wants its audio.
    fn ingress_rate(&self, at: usize) -> Option<u32> {
        let own = self.legs.get(at).filter(|leg| leg.kind == LegKind::Audio)?.receive_rate()?;
        let wanted = self.rate_wanted_of(Feed::Leg(u16::try_from(at).ok()?));
        let speech = self.speech_ends_a_player(at).then_some(analysis::RATE);
        let wanted = wanted.max(self.tones_wanted_of(at).map(|_| in_band::RATE)).max(speech)?;
        Some(own.min(wanted))
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
        let plays = |place: usize| {
            u16::try_from(place).is_ok_and(|place| self.rate_wanted_of(Feed::Player(place)).is_some())
        };
        let mut players = self.players.iter().enumerate();
        players.any(|(place, player)| player.listens_to() == Some(id) && plays(place))
    }

    /// The highest rate at which somebody wants the audio of a source, in hertz.
    fn rate_wanted_of(&self, feed: Feed) -> Option<u32> {
        let encoded = self.legs.iter().filter(|leg| leg.feed == feed && leg.sender.transcodes());
        let encoded = encoded.filter_map(|leg| Some(leg.sender.egress.as_ref()?.rate()));
        let mixed = self.mixes.iter().filter(|mix| mix.is_wanted() && mix.feeds.contains(&feed));
        let mixed = mixed.map(|mix| mix.rate());
        let tapped = self.taps.iter().filter_map(|tap| self.tap_rate(tap, feed));
        encoded.chain(mixed).chain(tapped).max()
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
        let at = self.legs.iter().position(|leg| leg.id == tap.leg)?;
        let leg = self.legs.get(at)?;
        let received = tap.side != TapSide::Sent && feed == Feed::Leg(u16::try_from(at).ok()?);
        let sent = tap.side != TapSide::Received && leg.feed == feed;
        (received || sent).then_some(tap.rate)
    }

    /// 20 ms, or 10 ms where the packets of a leg are no multiple of 20 ms.
    fn tick_millis(&self) -> u32 {
        let mut encoding = self.legs.iter().filter(|leg| leg.sender.transcodes());
        let fits = |leg: &Leg| leg.sender.egress.as_ref().is_none_or(|egress| egress.fits_tick(20));
        if encoding.all(|leg| fits(leg)) { 20 } else { 10 }
    }

    /// True where a tick would bring something about.
    pub(super) fn is_live(&self) -> bool {
        self.legs.iter().any(|leg| leg.ingress.as_ref().is_some_and(|ingress| ingress.is_live()))
            || self.players.iter().any(|player| player.is_live())
            || self.streams.iter().any(|stream| stream.is_live())
            // What a player or a stream ended with in the middle of a packet is still to be sent, and a signal to be ended.
            || self.legs.iter().any(|leg| leg.sender.has_begun_packet() || leg.ends_signal())
            || self.legs.iter().any(|leg| leg.sender.has_digits() || leg.sender.sends_digits())
            || self.legs.iter().any(|leg| leg.lingers.is_on())
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
    fn fit_egress(&mut self, now: Time, spec: Option<&EncoderSpec>, rate: Option<u32>) {
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
    fn fit_ingress(&mut self, wanted: Option<u32>, clock_runs: bool) {
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
