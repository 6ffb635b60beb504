//! From a leg's packets to audio: jitter buffer, decoders, concealment, and the frame of the present tick.

use std::time::Duration;

use mediapoint_codec::{Codec, Encoding};
use mediapoint_jitter::{
    Arrived, Inserted, Kind, MAX_DELAY, Playout, PlayoutConfig, PlayoutStatistics, Pulled,
};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::PayloadType;

use crate::api::codec::PayloadCodec;
use crate::api::leg::JitterBuffer;
use crate::session::frame::{Frame, FrameKind, samples};

/// The shortest upper bound of the jitter buffer's delay.
const SHORTEST: Duration = Duration::from_millis(20);

/// Pieces of 20 ms that are drained at most.
const MAX_DRAIN: usize = 100;

/// Milliseconds without any audio after which an ingress is idle.
const IDLE_AFTER: u32 = 2000;

/// The receiving half of a leg's media path.
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
    /// Nobody wants its audio: it goes at the end of the tick.
    pub(crate) unwanted: bool,
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
            unwanted: false,
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

    /// Takes a packet into the jitter buffer. The outcome is counted in the statistics.
    pub(crate) fn insert(&mut self, now: Time, packet: &Arrived<'_>) {
        let _: Inserted = self.playout.insert(now, packet);
        self.idle_for = 0;
    }

    /// Notes a telephone-event packet of the same stream: it is no lost audio.
    pub(crate) fn note_event(&mut self, now: Time, epoch: u32, index: u64) {
        self.playout.note_event(now, epoch, index);
    }

    /// Fills the frame with the next `millis` milliseconds; silence while a telephone event lasts.
    pub(crate) fn pull(&mut self, now: Time, millis: u32, in_event: bool) {
        let (playout, backlog) = (&mut self.playout, &mut self.backlog);
        self.frame.fill(millis, |pcm| {
            // What was drained ahead of time comes first, so that taps and mixes lose nothing.
            if !backlog.is_empty() {
                let count = pcm.len().min(backlog.len());
                pcm.iter_mut().zip(backlog.drain(..count)).for_each(|(to, from)| *to = from);
                if let Some(rest) = pcm.get_mut(count..).filter(|rest| !rest.is_empty()) {
                    playout.pull(now, rest);
                    if in_event {
                        rest.fill(0);
                    }
                }
                return FrameKind::Audio;
            }
            let pulled = playout.pull(now, pcm);
            if in_event {
                pcm.fill(0);
                return FrameKind::Nothing;
            }
            kind(&pulled)
        });
        self.idle_for = match self.frame.kind() {
            FrameKind::Nothing if !in_event => self.idle_for.saturating_add(millis),
            _ => 0,
        };
    }

    /// False where nothing has come for so long that ticking for it is of no use.
    pub(crate) const fn is_live(&self) -> bool {
        self.idle_for < IDLE_AFTER
    }

    /// The audio of the present tick.
    pub(crate) const fn frame(&mut self) -> &mut Frame {
        &mut self.frame
    }

    /// Takes out all that waits, and returns how many pieces of 10 ms that is. With `keep` it also stays for the other
    /// consumers of the frame.
    ///
    /// After time-scaling, what waits is no whole number of 10 ms, and packets are; so all of it is stretched or compressed
    /// once more, by less than 5 ms.
    pub(crate) fn drain(&mut self, keep: bool) -> usize {
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
        self.frame.fill(10, |pcm| {
            pcm.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            kind
        });
    }

    pub(crate) fn statistics(&self) -> PlayoutStatistics {
        self.playout.statistics()
    }
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
