//! From a leg's packets to audio: jitter buffer, decoders, concealment, and the frame of the present tick.

use std::time::Duration;

use mediapoint_codec::{Codec, Encoding};
use mediapoint_dtmf::DetectorSettings;
use mediapoint_g711::{Law, decode_slice};
use mediapoint_jitter::{
    Arrived, Inserted, Kind, MAX_DELAY, Playout, PlayoutConfig, PlayoutStatistics, Prefetch, Pulled,
};
use mediapoint_net::prefetch;
use mediapoint_packet::Time;
use mediapoint_packet::rtp::PayloadType;

use crate::api::codec::PayloadCodec;
use crate::api::leg::JitterBuffer;
use crate::api::secure::SecureInput;
use crate::session::frame::{Frame, FrameKind, samples};
use crate::session::leg::in_band::{Found, InBand};
use crate::session::leg::secure::{SecureAudio, Start};

/// The shortest upper bound of the jitter buffer's delay.
const SHORTEST: Duration = Duration::from_millis(20);

/// Pieces of 20 ms that are drained at most.
const MAX_DRAIN: usize = 100;

/// Milliseconds of received audio beside those that the jitter buffer says it holds: the rest of a packet, and of a tick.
const WAITS_BESIDE: u32 = 40;

/// Milliseconds without any audio after which an ingress is idle.
const IDLE_AFTER: u32 = 2000;

/// Cache lines at the beginning of an ingress that each packet and each tick needs.
const HOT_LINES: usize = 16;

/// The receiving half of a leg's media path. The fields that every packet and every tick need come first.
#[repr(C)]
pub(crate) struct Ingress {
    playout: Playout,
    frame: Frame,
    /// Audio that was drained for forwarding and that the other consumers of the frame have not had yet.
    backlog: Vec<i16>,
    drained: Vec<i16>,
    drained_kind: FrameKind,
    /// What the jitter buffer was configured with.
    payloads: Vec<(PayloadType, Codec)>,
    idle_for: u32,
    /// The frame's audio is in the jitter buffer still, as the octets that came.
    is_undecoded: bool,
    /// Nobody wants its audio: it goes at the end of the tick.
    pub(crate) unwanted: bool,
    in_band: Option<Box<InBand>>,
    secure: Option<Box<SecureAudio>>,
}

/// By the processor's own instruction.
struct Ask;

impl Prefetch for Ask {
    fn prefetch<T: ?Sized>(value: &T, lines: usize) {
        prefetch(value, lines);
    }
}

impl Ingress {
    /// Decodes `codecs` to audio of `rate` hertz; `None` where the engine can decode none of them.
    pub(crate) fn new<'a>(
        codecs: impl Iterator<Item = &'a PayloadCodec>,
        rate: u32,
        bounds: JitterBuffer,
    ) -> Option<Self> {
        let config = PlayoutConfig::new(rate).ok()?;
        let max = bounds.max.clamp(SHORTEST, MAX_DELAY);
        let config = config.with_delay(bounds.min.min(max), max).ok()?;
        let payloads = payloads(codecs);
        let playout = Playout::new(config, &payloads).ok()?;
        let frame = Frame::new(rate);
        // Idle until the first packet, so that the clock starts with it.
        Some(Self {
            playout,
            frame,
            backlog: Vec::new(),
            drained: Vec::new(),
            drained_kind: FrameKind::Nothing,
            payloads,
            idle_for: IDLE_AFTER,
            is_undecoded: false,
            unwanted: false,
            in_band: None,
            secure: None,
        })
    }

    /// Changes codecs or rate; packets that wait stay.
    pub(crate) fn configure<'a>(&mut self, codecs: impl Iterator<Item = &'a PayloadCodec>, rate: u32) {
        let payloads = payloads(codecs);
        let before = self.frame.rate().max(1);
        if self.playout.configure(&payloads, rate).is_ok() {
            if rate != before {
                let waits = std::mem::take(&mut self.backlog);
                let wanted = waits.len() * rate as usize / before as usize;
                scale(&waits, wanted, &mut self.backlog);
            }
            self.frame.set_rate(rate);
            self.payloads = payloads;
            if let Some(in_band) = &mut self.in_band {
                in_band.set_rate(rate);
            }
            if rate != before
                && let Some(secure) = self.secure.take()
            {
                let (policy, held) = (secure.policy(), secure.into_held());
                let mut scaled = Vec::new();
                scale(&held, held.len() * rate as usize / before as usize, &mut scaled);
                let start = Start::Held(&mut scaled);
                self.secure = SecureAudio::new(policy, u64::from(rate), rate, start).map(Box::new);
            }
        }
    }

    /// Looks for digits by these settings from now on, which are `secure` or not; `None` for not at all.
    pub(crate) fn detect(&mut self, settings: Option<&DetectorSettings>, secure: bool) {
        match (settings, &self.in_band) {
            (Some(wanted), Some(in_band)) if in_band.settings() == wanted => {}
            (Some(wanted), _) => self.in_band = InBand::new(*wanted, self.frame.rate()).map(Box::new),
            (None, _) => self.in_band = None,
        }
        if let Some(in_band) = &mut self.in_band {
            in_band.set_secure(secure);
        }
    }

    /// The digits that the last tick brought to light.
    pub(crate) fn take_found(&mut self) -> impl Iterator<Item = Found> + use<> {
        self.in_band.as_mut().map(|in_band| in_band.take()).into_iter().flatten().flatten()
    }

    /// True while a digit in the audio is under way.
    pub(crate) fn in_digit(&self) -> bool {
        self.in_band.as_ref().is_some_and(|in_band| in_band.sounds())
    }

    /// Holds the audio back, and keeps digits from leaving by a policy that is on; or lets it pass at once again. Where it is to
    /// be held, the rate is one of [`rate_for`](crate::session::leg::secure::rate_for); what is held as that ends is heard first.
    /// Where it `ends`, it is for digits that have begun.
    pub(crate) fn hold(&mut self, policy: Option<SecureInput>, ends: bool, seed: u64) {
        match (&mut self.secure, policy) {
            (Some(secure), Some(policy)) => secure.set_policy(policy, seed),
            (Some(_), None) => {
                let held = self.secure.take().map(|secure| secure.into_held());
                self.backlog.splice(..0, held.into_iter().flatten());
            }
            (None, Some(policy)) => {
                let before = Start::Heard(self.playout.played_last());
                self.secure = SecureAudio::new(policy, seed, self.frame.rate(), before).map(Box::new);
            }
            (None, None) => {}
        }
        if let Some(secure) = &mut self.secure {
            let PlayoutStatistics { delay, target_delay, .. } = self.playout.statistics();
            let waits = u32::try_from(delay.max(target_delay).as_millis()).unwrap_or(0);
            secure.set_ending(ends, waits + WAITS_BESIDE);
        }
    }

    /// False where digits that began under secure input may still sound.
    pub(crate) fn secure_is_over(&self) -> bool {
        self.secure.as_ref().is_none_or(|secure| secure.is_over())
    }

    /// A telephone event has begun.
    pub(crate) fn begin_event(&mut self) {
        if let Some(secure) = &mut self.secure {
            secure.begin_event();
        }
    }

    /// True where it decodes just these codecs.
    pub(crate) fn is_of<'a>(&self, codecs: impl Iterator<Item = &'a PayloadCodec>) -> bool {
        payloads(codecs) == self.payloads
    }

    /// Rate of the audio in hertz.
    pub(crate) const fn rate(&self) -> u32 {
        self.frame.rate()
    }

    /// Asks the processor for what the next packet or tick needs.
    pub(crate) fn prefetch(&self) {
        prefetch(self, HOT_LINES);
        prefetch(&self.frame, 1);
    }

    /// Asks for what the next packet needs apart from it; see [`Playout::prefetch_insert`].
    pub(crate) fn prefetch_insert(&self) {
        self.playout.prefetch_insert::<Ask>();
    }

    /// Takes a packet into the jitter buffer. The outcome is counted in the statistics.
    pub(crate) fn insert(&mut self, now: Time, packet: &Arrived<'_>) {
        let _: Inserted = self.playout.insert(now, packet);
        self.idle_for = 0;
    }

    /// Notes a telephone-event packet of the same stream: it is no lost audio.
    pub(crate) fn note_event(&mut self, now: Time, epoch: u32, index: u64) {
        self.playout.note_event(now, epoch, index);
    }

    /// Fills the frame with the next `millis` milliseconds; silence while a telephone event lasts. True where digits were found
    /// in it.
    pub(crate) fn pull(&mut self, now: Time, millis: u32, in_event: bool) -> bool {
        let Self { playout, backlog, in_band, secure, is_undecoded, .. } = self;
        *is_undecoded = false;
        self.frame.fill(millis, |pcm| {
            if backlog.is_empty() && !in_event && in_band.is_none() && secure.is_none() {
                let kind = kind(&playout.pull_undecoded(now, pcm));
                *is_undecoded = playout.undecoded().is_some();
                return kind;
            }
            let kind = read(playout, backlog, now, pcm, in_event);
            if let Some(in_band) = in_band {
                in_band.process(pcm);
            }
            match secure {
                Some(secure) => secure.process(pcm, kind, millis, in_event),
                None => kind,
            }
        });
        self.idle_for = match self.frame.kind() {
            FrameKind::Nothing if !in_event => self.idle_for.saturating_add(millis),
            _ => 0,
        };
        self.in_band.as_ref().is_some_and(|in_band| in_band.has_found())
    }

    /// False where nothing has come for so long that ticking for it is of no use.
    pub(crate) const fn is_live(&self) -> bool {
        self.idle_for < IDLE_AFTER
    }

    /// The audio of the present tick.
    pub(crate) fn frame(&mut self) -> &mut Frame {
        if std::mem::take(&mut self.is_undecoded)
            && let Some((law, octets)) = self.playout.undecoded()
        {
            self.frame.complete(|pcm| decode_slice(law, octets, pcm));
        }
        &mut self.frame
    }

    /// The octets of the present tick's audio, where they are samples at `rate` hertz that nobody has asked for yet. They are
    /// decoded when somebody does.
    pub(crate) fn undecoded(&self, rate: u32) -> Option<(Law, &[u8])> {
        if self.is_undecoded && self.frame.rate() == rate { self.playout.undecoded() } else { None }
    }

    /// Takes out all that waits, and returns how many pieces of 10 ms that is. With `keep` it also stays for the other
    /// consumers of the frame. Under secure input it is silenced where an event is the reason.
    ///
    /// After time-scaling, what waits is no whole number of 10 ms, and packets are; so all of it is stretched or compressed
    /// once more, by less than 5 ms.
    pub(crate) fn drain(&mut self, keep: bool, for_event: bool) -> usize {
        let rate = self.frame.rate();
        let mut rest = std::mem::take(&mut self.backlog);
        let mut found = if rest.is_empty() { FrameKind::ComfortNoise } else { FrameKind::Audio };
        let mut piece = [0; MAX_PIECE];
        for _ in 0..MAX_DRAIN {
            let pcm = piece.get_mut(..samples(rate, 20)).unwrap_or_default();
            let Some(pulled) = self.playout.drain(pcm) else { break };
            if kind(&pulled) == FrameKind::Audio {
                found = FrameKind::Audio;
            }
            rest.extend(pcm.iter().take(pulled.samples));
        }
        let round = samples(rate, 10).max(1);
        let wanted = (rest.len() + round / 2) / round * round;
        scale(&rest, wanted, &mut self.drained);
        if for_event
            && let Some(secure) = &mut self.secure
            && secure.policy().is_on()
        {
            // The event that begins may have been in this audio as a tone.
            self.drained.fill(0);
            secure.silence_held();
        }
        rest.clear();
        if keep {
            rest.extend_from_slice(&self.drained);
        }
        self.backlog = rest;
        self.drained_kind = found;
        self.drained.len() / round
    }

    /// Fills the frame with a piece of 10 ms of what the last [`Ingress::drain`] took out.
    pub(crate) fn load_drained(&mut self, piece: usize) {
        let len = samples(self.frame.rate(), 10).max(1);
        let from = self.drained.chunks(len).nth(piece).unwrap_or_default();
        let kind = self.drained_kind;
        self.is_undecoded = false;
        self.frame.fill(10, |pcm| {
            pcm.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            kind
        });
    }

    pub(crate) fn statistics(&self) -> PlayoutStatistics {
        self.playout.statistics()
    }
}

/// Takes the next audio: what was drained ahead of time first, so that taps and mixes lose nothing.
fn read(
    playout: &mut Playout,
    backlog: &mut Vec<i16>,
    now: Time,
    pcm: &mut [i16],
    in_event: bool,
) -> FrameKind {
    if backlog.is_empty() {
        let pulled = playout.pull(now, pcm);
        if in_event {
            pcm.fill(0);
            return FrameKind::Nothing;
        }
        return kind(&pulled);
    }
    let count = pcm.len().min(backlog.len());
    pcm.iter_mut().zip(backlog.drain(..count)).for_each(|(to, from)| *to = from);
    if let Some(rest) = pcm.get_mut(count..).filter(|rest| !rest.is_empty()) {
        playout.pull(now, rest);
        if in_event {
            rest.fill(0);
        }
    }
    FrameKind::Audio
}

/// 20 ms at the highest rate.
const MAX_PIECE: usize = 960;

fn kind(pulled: &Pulled) -> FrameKind {
    match pulled.kind {
        Kind::Speech | Kind::Concealed => FrameKind::Audio,
        Kind::ComfortNoise => FrameKind::ComfortNoise,
        Kind::Nothing => FrameKind::Nothing,
    }
}

/// Brings audio to another length, to be played at the same rate.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "positions within a short buffer, and a sample between two samples"
)]
fn scale(pcm: &[i16], wanted: usize, out: &mut Vec<i16>) {
    out.clear();
    let step = pcm.len() as f32 / wanted.max(1) as f32;
    out.extend((0..wanted).map(|n| {
        let at = n as f32 * step;
        let whole = at as usize;
        let [left, right] =
            [whole, whole + 1].map(|at| pcm.get(at).or(pcm.last()).map_or(0.0, |&x| f32::from(x)));
        ((right - left).mul_add(at.fract(), left)).round() as i16
    }));
}

/// The sample rate of a codec's audio in hertz.
pub(crate) fn natural_rate(codec: &Codec) -> u32 {
    match codec.encoding {
        Encoding::G722 => 16_000,
        Encoding::Opus => 48_000,
        Encoding::L16 => codec.clock_rate,
        _ => 8000,
    }
}

fn payloads<'a>(codecs: impl Iterator<Item = &'a PayloadCodec>) -> Vec<(PayloadType, Codec)> {
    codecs
        .filter(|entry| entry.codec.is_convertible() || entry.codec.encoding == Encoding::ComfortNoise)
        .map(|entry| (entry.payload_type, entry.codec.clone()))
        .collect()
}
