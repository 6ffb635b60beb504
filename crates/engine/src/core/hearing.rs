//! What a leg's party says, decoded: the jitter buffer of a leg that somebody hears through the media path, and the
//! audio of the current tick.

use std::time::Duration;

use mediapoint_codec::{Codec, Encoding};
use mediapoint_jitter::{
    Arrived, Inserted, Kind, MAX_DELAY, Playout, PlayoutConfig, PlayoutStatistics, Pulled,
};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

use crate::api::codec::PayloadCodec;
use crate::api::leg::JitterBuffer;
use crate::core::TICK_MAX_SAMPLES;
use crate::core::continuity::Input;
use crate::core::speaking::Sound;

/// An event that nothing more is heard of is over after this long: three times the usual interval of its packets.
const EVENT_LASTS: Duration = Duration::from_millis(150);

/// The least that the jitter buffer can be told to hold.
const SHORTEST: Duration = Duration::from_millis(20);

/// Pieces of 20 ms that are drained at most.
const DRAIN: usize = 100;

/// The receiving half of a leg's media path.
pub(super) struct Hearing {
    playout: Playout,
    rate: u32,
    pcm: Box<[i16; TICK_MAX_SAMPLES]>,
    event: Option<HeardEvent>,
    /// Room for what is played at once at a change of path.
    rest: Vec<i16>,
    scaled: Vec<i16>,
}

/// The telephone event that came last.
#[derive(Debug, Clone, Copy)]
struct HeardEvent {
    epoch: u32,
    timestamp: RtpTicks,
    /// The highest sequence number that it came under.
    index: u64,
    at: Time,
    /// True until audio from behind it comes.
    lasts: bool,
}

/// What a telephone-event packet is to its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventStep {
    /// The first of its event.
    Begins,
    /// A further one of the event that lasts.
    GoesOn,
    /// One that comes when audio from behind its event has been heard.
    Stale,
}

impl Hearing {
    /// Decodes `codecs` to audio of `rate` hertz; `None` where the engine can decode none of them.
    pub(super) fn new<'a>(
        codecs: impl Iterator<Item = &'a PayloadCodec>,
        rate: u32,
        bounds: JitterBuffer,
    ) -> Option<Self> {
        let config = PlayoutConfig::new(rate).ok()?;
        let max = bounds.max.clamp(SHORTEST, MAX_DELAY);
        let config = config.with_delay(bounds.min.min(max), max).ok()?;
        let playout = Playout::new(config, &payloads(codecs)).ok()?;
        Some(Self {
            playout,
            rate,
            pcm: Box::new([0; TICK_MAX_SAMPLES]),
            event: None,
            rest: Vec::new(),
            scaled: Vec::new(),
        })
    }

    /// Goes on with other codecs or another rate; what has come and was not played stays.
    pub(super) fn configure<'a>(&mut self, codecs: impl Iterator<Item = &'a PayloadCodec>, rate: u32) {
        if self.playout.configure(&payloads(codecs), rate).is_ok() {
            self.rate = rate;
        }
    }

    /// Sample rate of its audio in hertz.
    pub(super) const fn rate(&self) -> u32 {
        self.rate
    }

    pub(super) fn insert(&mut self, now: Time, packet: &Arrived<'_>) {
        if let Some(event) = &mut self.event {
            event.lasts &= event.epoch == packet.epoch && packet.index < event.index;
        }
        // What becomes of it is in the statistics.
        let _: Inserted = self.playout.insert(now, packet);
    }

    /// Takes note of a telephone event, while which the party says nothing else.
    pub(super) fn step_event(&mut self, now: Time, input: &Input) -> EventStep {
        let (epoch, timestamp, index) = (input.epoch.epoch, input.timestamp, input.index);
        match &mut self.event {
            Some(event) if event.epoch == epoch && index <= event.index && !event.lasts => EventStep::Stale,
            Some(event) if (event.epoch, event.timestamp) == (epoch, timestamp) => {
                let stale = !event.lasts;
                event.index = event.index.max(index);
                event.at = now;
                if stale { EventStep::Stale } else { EventStep::GoesOn }
            }
            event => {
                *event = Some(HeardEvent { epoch, timestamp, index, at: now, lasts: true });
                EventStep::Begins
            }
        }
    }

    /// True while a telephone event lasts.
    fn in_event(&self, now: Time) -> bool {
        self.event.is_some_and(|event| event.lasts && now.since(event.at) < EVENT_LASTS)
    }

    /// Notes a telephone-event packet of the same stream: it is no lost audio.
    pub(super) fn note_event(&mut self, now: Time, input: &Input) {
        self.playout.note_event(now, input.epoch.epoch, input.index);
    }

    /// The audio of the next `millis` milliseconds.
    pub(super) fn pull(&mut self, now: Time, millis: u32) -> (Option<Sound>, &[i16]) {
        let silent = self.in_event(now);
        let pcm = self.pcm.get_mut(..samples(self.rate, millis)).unwrap_or_default();
        let pulled = self.playout.pull(now, pcm);
        if silent {
            pcm.fill(0);
            return (None, pcm);
        }
        (sound(&pulled), pcm)
    }

    /// All that has come and was not played, at once: a multiple of 10 ms; empty where nothing waits.
    ///
    /// What waits is no round number of milliseconds once the buffer has stretched or compressed it, and packets are; so
    /// all of it is stretched or compressed once more, by less than 5 ms.
    pub(super) fn drain(&mut self) -> (Sound, &[i16]) {
        self.rest.clear();
        let mut kind = Sound::Noise;
        for _ in 0..DRAIN {
            let pcm = self.pcm.get_mut(..samples(self.rate, 20)).unwrap_or_default();
            let Some(pulled) = self.playout.drain(pcm) else { break };
            if sound(&pulled) == Some(Sound::Audio) {
                kind = Sound::Audio;
            }
            self.rest.extend(pcm.iter().take(pulled.samples));
        }
        let round = samples(self.rate, 10);
        let wanted = (self.rest.len() + round / 2) / round * round;
        scale(&self.rest, wanted, &mut self.scaled);
        (kind, &self.scaled)
    }

    pub(super) fn statistics(&self) -> PlayoutStatistics {
        self.playout.statistics()
    }
}

/// What is to be heard; `None` for silence.
fn sound(pulled: &Pulled) -> Option<Sound> {
    match pulled.kind {
        Kind::Speech | Kind::Concealed => Some(Sound::Audio),
        Kind::ComfortNoise => Some(Sound::Noise),
        Kind::Nothing => None,
    }
}

/// Brings audio to another length, to be played at the same rate.
#[expect(clippy::cast_possible_truncation, reason = "between two samples there is a sample")]
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

/// Samples in a number of milliseconds.
pub(super) fn samples(rate: u32, millis: u32) -> usize {
    usize::try_from(rate / 1000 * millis).unwrap_or(0)
}

/// The sample rate that a codec's audio has by nature, in hertz.
pub(super) fn natural_rate(codec: &Codec) -> u32 {
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
