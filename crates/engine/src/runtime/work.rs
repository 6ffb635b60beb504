//! The work that a leg's configuration makes, as far as its price tells it apart, and the price of a call.
//!
//! Which packets are coded shows only when they come. What is known before is what the legs of a call may send and take:
//! where one may send what another does not take, both are taken to be coded.

mod path;

use crate::api::codec::{Codec, Encoding, PayloadCodec};
use crate::api::id::TapId;
use crate::api::kind::{PointsByKind, WorkKind};
use crate::api::leg::{LegConfig, LegKind, PacketTime};
use crate::api::points::{Points, Prices};
use crate::api::source::Source;
use crate::api::tap::TapSide;
pub(crate) use path::paths;

/// A coding that is forwarded where both sides have it; the two laws of G.711 count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    G711,
    G722,
    G729,
    Gsm,
    Amr,
    /// AMR whose frames begin at octets.
    AmrAligned,
    AmrWb,
    AmrWbAligned,
    Opus,
    L16(u32),
}

impl Coding {
    fn of(codec: &Codec) -> Option<Self> {
        match codec.encoding {
            Encoding::Pcmu | Encoding::Pcma => Some(Self::G711),
            Encoding::G722 => Some(Self::G722),
            Encoding::G729 => Some(Self::G729),
            Encoding::Gsm => Some(Self::Gsm),
            // What nobody here codes costs nothing.
            Encoding::Amr(_) | Encoding::AmrWb(_) if !codec.is_convertible() => None,
            Encoding::Amr(layout) if layout.octet_align => Some(Self::AmrAligned),
            Encoding::Amr(_) => Some(Self::Amr),
            Encoding::AmrWb(layout) if layout.octet_align => Some(Self::AmrWbAligned),
            Encoding::AmrWb(_) => Some(Self::AmrWb),
            Encoding::Opus => Some(Self::Opus),
            Encoding::L16 => Some(Self::L16(codec.clock_rate)),
            _ => None,
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Self::G711 => 1,
            Self::G722 => 2,
            Self::G729 => 4,
            Self::Opus => 8,
            Self::L16(8000) => 16,
            Self::L16(16_000) => 32,
            Self::L16(_) => 64,
            Self::Gsm => 128,
            Self::Amr => 256,
            Self::AmrAligned => 512,
            Self::AmrWb => 1024,
            Self::AmrWbAligned => 2048,
        }
    }

    const fn price(self, prices: &Prices) -> Points {
        match self {
            Self::G711 | Self::L16(_) => prices.pcm_coded,
            Self::G722 => prices.g722_coded,
            Self::G729 => prices.g729_coded,
            Self::Gsm => prices.gsm_coded,
            Self::Amr | Self::AmrAligned => prices.amr_coded,
            Self::AmrWb | Self::AmrWbAligned => prices.amr_wb_coded,
            Self::Opus => prices.opus_coded,
        }
    }

    /// What its conversion counts as.
    const fn work(self) -> WorkKind {
        match self {
            Self::G711 | Self::L16(_) => WorkKind::G711,
            Self::G722 => WorkKind::G722,
            Self::G729 => WorkKind::G729,
            Self::Gsm => WorkKind::Gsm,
            Self::Amr | Self::AmrAligned => WorkKind::Amr,
            Self::AmrWb | Self::AmrWbAligned => WorkKind::AmrWb,
            Self::Opus => WorkKind::Opus,
        }
    }
}

/// A tap on the audio of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) tap: TapId,
    pub(crate) side: TapSide,
    /// What it counts as: a recording, or another tap.
    pub(crate) kind: WorkKind,
}

/// Most audio taps on a leg.
pub(crate) const MAX_AUDIO_TAPS: usize = 8;

/// The work of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LegWork {
    /// The coding of what it most likely sends and is sent.
    first: Option<Coding>,
    /// The codings that it can be forwarded, a bit each.
    takes: u16,
    /// What it is sent is encoded whatever it takes.
    forced: bool,
    /// For packets of a length of its own.
    repacketises: bool,
    /// Its digits are kept back, delayed or converted: they are looked for in its audio, and what it feeds is encoded whatever
    /// that takes.
    secure: bool,
    /// Its party may send telephone events.
    events: bool,
    /// Telephone events reach its party as tones, for which it has to be encoded.
    sounds_events: bool,
    srtp: bool,
    /// What feeds it.
    source: Source,
    /// The number of the command that made it so.
    fed_since: u64,
    /// Mixes that it is an input of: what it receives is decoded.
    mixes: u16,
    /// Analyses of what it receives: that is decoded.
    analyses: u16,
    /// The tap that looks for digits in its audio, for which that has to be decoded.
    digits_of: Option<TapId>,
    /// Taps on its audio, for which what it receives has to be decoded, or what it is sent.
    audio_taps: [Option<Listener>; MAX_AUDIO_TAPS],
}

impl LegWork {
    pub(crate) fn of(config: &LegConfig) -> Self {
        if config.kind != LegKind::Audio {
            return Self { srtp: config.srtp.is_some(), ..Self::default() };
        }
        let repacketises = matches!(config.packet_time, PacketTime::Always(_));
        let codings = || config.codecs.iter().filter_map(|entry| Coding::of(&entry.codec));
        let is_event = |entry: &PayloadCodec| entry.codec.encoding == Encoding::TelephoneEvent;
        let events = config.codecs.iter().chain(&config.received_codecs).any(is_event);
        Self {
            first: codings().next(),
            takes: codings().fold(0, |takes, coding| takes | coding.bit()),
            forced: config.force_transcode || repacketises,
            repacketises,
            secure: config.secure_input.is_on()
                || config.digit_trigger.is_some()
                || !config.digit_delay.is_zero()
                || config.tones_as_events,
            events,
            sounds_events: config.events_as_tones && !events,
            srtp: config.srtp.is_some(),
            source: Source::Silence,
            fed_since: 0,
            mixes: 0,
            analyses: 0,
            digits_of: None,
            audio_taps: [None; MAX_AUDIO_TAPS],
        }
    }

    /// The same with another configuration: what feeds it and what listens to it stay.
    pub(crate) const fn reconfigured(self, to: Self) -> Self {
        let Self { source, fed_since, mixes, analyses, digits_of, audio_taps, .. } = self;
        Self { source, fed_since, mixes, analyses, digits_of, audio_taps, ..to }
    }

    /// The same with keys or without.
    pub(crate) const fn secured(self, srtp: bool) -> Self {
        Self { srtp, ..self }
    }

    /// The same with another source.
    pub(crate) const fn fed_by(self, source: Source) -> Self {
        Self { source, ..self }
    }

    /// What feeds it.
    pub(crate) const fn source(&self) -> Source {
        self.source
    }

    /// The same, fed by a command of that number.
    pub(crate) const fn fed_since(self, change: u64) -> Self {
        Self { fed_since: change, ..self }
    }

    /// True where no other command has changed what feeds it since that one.
    pub(crate) const fn is_fed_since(&self, change: u64) -> bool {
        self.fed_since == change
    }

    /// What its audio is made for, where its source is neither a leg nor silence.
    const fn made_for(&self) -> Option<WorkKind> {
        match self.source {
            Source::Silence | Source::Leg(_) => None,
            Source::Mix(_) | Source::Room(_) => Some(WorkKind::Conference),
            Source::Player(_) | Source::Stream(_) => Some(WorkKind::Prompts),
        }
    }

    /// The same, an input of one mix more.
    pub(crate) const fn mixed_into(self) -> Self {
        Self { mixes: self.mixes.saturating_add(1), ..self }
    }

    /// The same, an input of one mix less.
    pub(crate) const fn mixed_into_less(self) -> Self {
        Self { mixes: self.mixes.saturating_sub(1), ..self }
    }

    /// The same with one analysis more.
    pub(crate) const fn analysed(self) -> Self {
        Self { analyses: self.analyses.saturating_add(1), ..self }
    }

    /// The same with one analysis less.
    pub(crate) const fn analysed_no_more(self) -> Self {
        Self { analyses: self.analyses.saturating_sub(1), ..self }
    }

    /// The same with a tap that looks for digits in its audio; beside one that does already nothing changes.
    pub(crate) const fn tapped_for_digits(self, tap: TapId) -> Self {
        match self.digits_of {
            Some(_) => self,
            None => Self { digits_of: Some(tap), ..self },
        }
    }

    /// True where no audio tap more fits.
    pub(crate) fn is_full_of_taps(&self) -> bool {
        self.audio_taps.iter().all(Option::is_some)
    }

    /// The same with a tap on its audio.
    pub(crate) fn tapped(mut self, listener: Listener) -> Self {
        if let Some(free) = self.audio_taps.iter_mut().find(|known| known.is_none()) {
            *free = Some(listener);
        }
        self
    }

    /// The same without this tap.
    pub(crate) fn without_tap(self, tap: TapId) -> Self {
        Self {
            digits_of: self.digits_of.filter(|known| *known != tap),
            audio_taps: self.audio_taps.map(|known| known.filter(|known| known.tap != tap)),
            ..self
        }
    }

    /// The same in another call, where nothing feeds it and no mix has it: its audio taps have gone.
    pub(crate) const fn moved(self) -> Self {
        Self { source: Source::Silence, fed_since: 0, mixes: 0, audio_taps: [None; MAX_AUDIO_TAPS], ..self }
    }

    /// What of it decides whether it and another are coded for each other.
    const fn kind(&self) -> Self {
        Self {
            source: Source::Silence,
            fed_since: 0,
            mixes: 0,
            analyses: 0,
            digits_of: None,
            audio_taps: [None; MAX_AUDIO_TAPS],
            ..*self
        }
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = Listener> {
        self.audio_taps.into_iter().flatten()
    }

    /// What listens to what it receives, where something does.
    fn received_by(&self) -> Option<WorkKind> {
        self.listeners().find(|known| known.side != TapSide::Sent).map(|known| known.kind)
    }

    /// What listens to what a leg sends it, where something does: which one that is may change, so that it is taken to be any.
    fn sent_to(&self) -> Option<WorkKind> {
        let is_fed = self.made_for().is_none();
        self.listeners().find(|known| is_fed && known.side != TapSide::Received).map(|known| known.kind)
    }

    /// True where digits are looked for in its audio.
    const fn detects(&self) -> bool {
        self.first.is_some() && (self.secure || self.digits_of.is_some())
    }

    /// True where what `from` may send has to be coded for this leg.
    fn codes(&self, from: &Self) -> bool {
        match (from.first, self.first) {
            (Some(sent), Some(_)) => {
                let sounds = from.events && self.sounds_events;
                self.forced || from.secure || sounds || sent.bit() & self.takes == 0
            }
            _ => false,
        }
    }
}

/// What legs cost beside the call itself, by what it is spent on.
pub(crate) fn surcharge<'a>(
    prices: &Prices,
    legs: impl Iterator<Item = &'a LegWork> + Clone,
) -> PointsByKind {
    // A room has a thousand legs, but few kinds of them.
    let mut kinds: Vec<(LegWork, Option<WorkKind>, u32)> = Vec::new();
    for leg in legs.clone() {
        let (kind, hears) = (leg.kind(), leg.sent_to());
        match kinds.iter_mut().find(|(known, heard, _)| (*known, *heard) == (kind, hears)) {
            Some((.., count)) => *count += 1,
            None => kinds.push((kind, hears, 1)),
        }
    }
    let mut points = PointsByKind::ZERO;
    for leg in legs {
        let own = (leg.kind(), leg.sent_to());
        let others = || kinds.iter().filter(|(kind, hears, count)| *count > 1 || (*kind, *hears) != own);
        if let Some(coding) = leg.first
            && let Some(kind) = coded_for(leg, coding, others().map(|(other, hears, _)| (other, *hears)))
        {
            points.add(kind, coding.price(prices));
        }
        if leg.detects() {
            points.add(WorkKind::Dtmf, prices.digits);
        }
        let analyses = prices.analysis.as_thousandths().saturating_mul(u64::from(leg.analyses));
        points.add(WorkKind::Analysis, Points::thousandths(analyses));
        leg.listeners().for_each(|listener| points.add(listener.kind, prices.recording));
        if leg.srtp {
            points.add(WorkKind::Srtp, prices.srtp_leg);
        }
    }
    points
}

/// What the audio of a leg is decoded and encoded for, beside other legs of which some listen to what they are sent; `None`
/// where it need not be.
fn coded_for<'a>(
    leg: &LegWork,
    coding: Coding,
    others: impl Iterator<Item = (&'a LegWork, Option<WorkKind>)> + Clone,
) -> Option<WorkKind> {
    let converted = || others.clone().any(|(other, _)| leg.codes(other) || other.codes(leg));
    leg.made_for()
        .or_else(|| (leg.mixes > 0).then_some(WorkKind::Conference))
        .or_else(|| converted().then(|| coding.work()))
        .or_else(|| leg.digits_of.map(|_| WorkKind::Dtmf))
        .or_else(|| (leg.analyses > 0).then_some(WorkKind::Analysis))
        .or_else(|| leg.received_by())
        .or_else(|| others.clone().find_map(|(_, hears)| hears))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::id::{LegId, MixId, PlayerId};
    use mediapoint_packet::rtp::PayloadType;

    fn leg(codecs: &[Codec]) -> LegConfig {
        let entry = |(number, codec): (u8, &Codec)| {
            PayloadCodec::new(PayloadType::new(96 + number).unwrap(), codec.clone())
        };
        LegConfig { codecs: (0..).zip(codecs).map(entry).collect(), ..LegConfig::default() }
    }

    fn price(legs: &[LegConfig]) -> u64 {
        let works: Vec<LegWork> = legs.iter().map(LegWork::of).collect();
        surcharge(&Prices::default(), works.iter()).total().as_thousandths()
    }

    #[test]
    fn what_is_coded_costs_as_its_codecs_do_and_what_is_forwarded_costs_nothing() {
        let [pcmu, pcma, g722, g729, gsm, opus] =
            [Codec::PCMU, Codec::PCMA, Codec::G722, Codec::G729, Codec::GSM, Codec::OPUS]
                .map(|codec| leg(&[codec]));
        for same in [&pcmu, &g722, &g729, &gsm, &opus] {
            assert_eq!(price(&[same.clone(), same.clone()]), 0);
        }
        assert_eq!(price(&[pcmu.clone(), pcma.clone()]), 0, "laws are converted in place");
        let with_pcmu = [&g729, &g722, &opus].map(|other| price(&[pcmu.clone(), other.clone()]));
        assert!(with_pcmu.is_sorted() && with_pcmu[0] > 0, "{with_pcmu:?}");
        assert!(price(&[pcmu.clone(), gsm.clone()]) > 0 && price(&[gsm, g729.clone()]) > with_pcmu[0]);
        assert!(price(&[g729.clone(), opus.clone()]) > with_pcmu[2]);
        assert_eq!(price(&[pcmu.clone(), leg(&[])]), 0, "what is not agreed yet is not known");
        assert_eq!(price(&[opus]), 0, "nor what the other party will have");
        let both = leg(&[Codec::G729, Codec::PCMU]);
        assert!(price(&[both.clone(), pcmu.clone()]) > 0, "it may send what the other does not take");
        assert_eq!(price(&[both, leg(&[Codec::PCMU, Codec::G729])]), 0, "both take what the other prefers");
        let forced = LegConfig { force_transcode: true, ..pcmu.clone() };
        assert!(price(&[forced, pcmu.clone()]) > 0);
        let digits = Prices::default().digits.as_thousandths();
        let coded = price(&[LegConfig { force_transcode: true, ..pcmu.clone() }, pcmu.clone()]);
        let secure = LegConfig { secure_input: crate::api::secure::SecureInput::Drop, ..pcmu.clone() };
        assert_eq!(price(&[pcmu.clone(), secure]), coded + digits);
        let trigger = crate::DigitTrigger::new(crate::DigitSequence::new("*1").unwrap());
        // It may switch secure input on at any time.
        let triggered = LegConfig { digit_trigger: Some(trigger), ..pcmu.clone() };
        assert_eq!(price(&[triggered, pcmu.clone()]), coded + digits);
        let converts = LegConfig { tones_as_events: true, ..pcmu.clone() };
        assert_eq!(price(&[converts, pcmu.clone()]), coded + digits);
        let delays = LegConfig { digit_delay: std::time::Duration::from_millis(1), ..pcmu.clone() };
        assert_eq!(price(&[delays, pcmu]), coded + digits);
    }

    #[test]
    fn an_analysis_costs_the_coding_of_its_leg_and_its_own_price() {
        let prices = Prices::default();
        let [pcmu, g729] = [Codec::PCMU, Codec::G729].map(|codec| LegWork::of(&leg(&[codec])));
        let price = |works: [LegWork; 2]| surcharge(&prices, works.iter()).total();
        assert_eq!(price([pcmu, pcmu.analysed()]), prices.pcm_coded + prices.analysis);
        let twice = g729.analysed().analysed();
        assert_eq!(price([g729, twice]), prices.g729_coded + prices.analysis + prices.analysis);
        assert_eq!(price([g729, twice.analysed_no_more().analysed_no_more()]), Points::ZERO);
    }

    #[test]
    fn a_recording_costs_the_coding_of_whom_it_records_and_its_own_price() {
        let prices = Prices::default();
        let [pcmu, g729] = [Codec::PCMU, Codec::G729].map(|codec| LegWork::of(&leg(&[codec])));
        let price = |works: [LegWork; 2]| surcharge(&prices, works.iter()).total();
        let [one, other] = [TapId::from_u64(1), TapId::from_u64(2)];
        let listener = |tap, side| Listener { tap, side, kind: WorkKind::Recording };
        let by = |side| pcmu.tapped(listener(one, side));
        let both = prices.pcm_coded + prices.pcm_coded;
        assert_eq!(price([by(TapSide::Both), pcmu]), both + prices.recording);
        assert_eq!(price([by(TapSide::Received), pcmu]), prices.pcm_coded + prices.recording);
        assert_eq!(price([by(TapSide::Sent), pcmu]), prices.pcm_coded + prices.recording);
        let transcoded = price([pcmu, g729]);
        assert_eq!(price([by(TapSide::Both), g729]), transcoded + prices.recording, "all is decoded anyway");
        let twice = by(TapSide::Both).tapped(listener(other, TapSide::Both));
        assert_eq!(price([twice, pcmu]), both + prices.recording + prices.recording);
        assert_eq!(price([twice.without_tap(other), pcmu]), both + prices.recording);
        assert_eq!(price([twice.reconfigured(pcmu), pcmu]), both + prices.recording + prices.recording);
        assert_eq!(price([twice.without_tap(other).without_tap(one), pcmu]), Points::ZERO);
        assert_eq!(price([twice.moved(), pcmu]), Points::ZERO);
        let mixed = by(TapSide::Sent).fed_by(Source::Mix(MixId::from_u64(1)));
        assert_eq!(price([mixed, pcmu]), prices.pcm_coded + prices.recording, "a mix decodes whom it mixes");
    }

    #[test]
    fn an_input_of_a_mix_costs_the_coding_of_its_leg_once() {
        let prices = Prices::default();
        let [pcmu, g729] = [Codec::PCMU, Codec::G729].map(|codec| LegWork::of(&leg(&[codec])));
        let price = |works: [LegWork; 2]| surcharge(&prices, works.iter()).total();
        let twice = g729.mixed_into().mixed_into();
        assert_eq!(price([g729, twice]), prices.g729_coded);
        assert_eq!(price([g729, twice.mixed_into_less()]), prices.g729_coded, "one mix is left");
        assert_eq!(price([g729, twice.mixed_into_less().mixed_into_less()]), Points::ZERO);
        assert_eq!(price([g729, twice.moved()]), Points::ZERO, "the mixes stay behind");
        assert_eq!(price([pcmu, twice.reconfigured(pcmu)]), prices.pcm_coded);
    }

    #[test]
    fn taps_that_do_not_fit_are_known_before() {
        let mut work = LegWork::default();
        for n in 0..MAX_AUDIO_TAPS {
            assert!(!work.is_full_of_taps());
            let (tap, kind) = (TapId::from_u64(n as u64), WorkKind::Taps);
            work = work.tapped(Listener { tap, side: TapSide::Both, kind });
        }
        assert!(work.is_full_of_taps());
        assert!(!work.without_tap(TapId::from_u64(3)).is_full_of_taps());
    }

    #[test]
    fn events_that_become_tones_and_digits_that_are_looked_for_cost_as_transcoding_does() {
        let [events, plain] = [leg(&[Codec::PCMU, Codec::TELEPHONE_EVENT]), leg(&[Codec::PCMU])];
        let forced = price(&[LegConfig { force_transcode: true, ..plain.clone() }, plain.clone()]);
        assert_eq!(price(&[events.clone(), events.clone()]), 0);
        assert_eq!(price(&[events.clone(), plain.clone()]), forced);
        let silent = LegConfig { events_as_tones: false, ..plain.clone() };
        assert_eq!(price(&[events, silent]), 0, "events are dropped");
        let [one, other] = [TapId::from_u64(1), TapId::from_u64(2)];
        let tapped = LegWork::of(&plain).tapped_for_digits(one).tapped_for_digits(other);
        let price = |work: LegWork| {
            surcharge(&Prices::default(), [work, LegWork::of(&plain)].iter()).total().as_thousandths()
        };
        let detected = forced / 2 + Prices::default().digits.as_thousandths();
        assert_eq!(price(tapped), detected, "one leg is decoded");
        assert_eq!(price(tapped.without_tap(other)), detected);
        assert_eq!(price(tapped.without_tap(one)), 0);
        assert_eq!(price(tapped.reconfigured(LegWork::of(&plain))), detected);
    }

    /// The kinds that something is spent on, with their thousandths.
    fn spent(works: &[LegWork]) -> Vec<(&'static str, u64)> {
        let points = surcharge(&Prices::default(), works.iter());
        let spent: Vec<(&str, u64)> = points
            .iter()
            .filter(|(_, points)| *points > Points::ZERO)
            .map(|(kind, points)| (kind.name(), points.as_thousandths()))
            .collect();
        assert_eq!(spent.iter().map(|(_, points)| points).sum::<u64>(), points.total().as_thousandths());
        spent
    }

    #[test]
    fn coding_counts_as_what_it_is_done_for() {
        let [pcmu, g729] = [Codec::PCMU, Codec::G729].map(|codec| LegWork::of(&leg(&[codec])));
        let tap = |kind| Listener { tap: TapId::from_u64(9), side: TapSide::Received, kind };
        assert_eq!(spent(&[pcmu, g729]), [("g711", 400), ("g729", 1500)]);
        assert_eq!(spent(&[pcmu.secured(true), pcmu]), [("srtp", 200)]);
        assert_eq!(spent(&[pcmu.tapped_for_digits(TapId::from_u64(1)), pcmu]), [("dtmf", 450)]);
        assert_eq!(spent(&[pcmu, g729.analysed(), g729]), [("g711", 400), ("g729", 3000), ("analysis", 500)]);
        assert_eq!(spent(&[g729.analysed(), g729]), [("analysis", 2000)]);
        assert_eq!(spent(&[g729.fed_by(Source::Mix(MixId::from_u64(1))), g729]), [("conference", 1500)]);
        assert_eq!(spent(&[pcmu.fed_by(Source::Player(PlayerId::from_u64(1))), pcmu]), [("prompts", 400)]);
        assert_eq!(spent(&[pcmu.tapped(tap(WorkKind::Recording)), pcmu]), [("recording", 450)]);
        assert_eq!(spent(&[pcmu.tapped(tap(WorkKind::Taps)), pcmu]), [("taps", 450)]);
        let both = Listener { side: TapSide::Both, ..tap(WorkKind::Recording) };
        assert_eq!(
            spent(&[pcmu.tapped(both), pcmu]),
            [("recording", 850)],
            "the other leg is decoded for it"
        );
        assert_eq!(spent(&[pcmu.fed_by(Source::Leg(LegId::from_u64(1))), pcmu]), []);
    }
}
