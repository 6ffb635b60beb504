//! One receiving leg: packets in as they come, audio out as a steady stream.

mod control;
mod events;
mod loss;
mod produce;

use std::time::Duration;

use mediapoint_codec::Codec;
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

use self::control::Control;
use self::events::Noted;
use self::loss::LossMeter;
use crate::conceal::repair::{HISTORY_MS, Repair};
use crate::config::{ConfigError, PlayoutConfig};
use crate::payloads::{Meaning, Payloads};
use crate::playout_buffer::PlayoutBuffer;
use crate::store::{Slot, Store, Stored, older};
use crate::target::{Punctuality, Target};
use crate::time_scale::TimeScaler;
use crate::timing::{Arrivals, Stamp};

/// The most audio a pull asks for, in milliseconds.
pub const MAX_PULL_MS: u32 = 60;

/// A run of this many packets from before what is being played is a stream that began again.
const RESTART_RUN: u32 = 25;

/// A packet as it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Changes by one where the stream began anew: another SSRC, or sequence numbers from elsewhere.
    pub epoch: u32,
    /// Sequence number within the epoch, extended so that it does not wrap.
    pub index: u64,
    /// RTP timestamp.
    pub timestamp: RtpTicks,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Marker bit: the first packet after a pause [RFC3551 4.1].
    pub marker: bool,
    /// What it carries.
    pub payload: &'a [u8],
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its time.
    Kept,
    /// Its time has passed.
    Late,
    /// It came before.
    Duplicate,
    /// Its payload type was not configured. Its number is not taken for lost audio.
    UnknownPayloadType,
    /// Its payload type is known and carries no audio. Its number is not taken for lost audio.
    NotAudio,
    /// Its payload is not of its codec.
    Malformed,
}

/// What audio is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Audio that was sent.
    Speech,
    /// Noise that the sender described, in a pause.
    ComfortNoise,
    /// Audio in place of what was lost or late.
    Concealed,
    /// Silence: no stream yet, a pause without a description, a telephone event, or nothing for long.
    Nothing,
}

impl Kind {
    pub(crate) const COUNT: usize = 4;
    const ALL: [Self; Self::COUNT] = [Self::Speech, Self::ComfortNoise, Self::Concealed, Self::Nothing];

    pub(crate) const fn number(self) -> usize {
        self as usize
    }
}

/// What was pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulled {
    /// What most of it is.
    pub kind: Kind,
    /// Samples of it; all that was asked for, but at the end of a drain.
    pub samples: usize,
}

/// Numbers of a leg since it began. Samples are at the leg's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlayoutStatistics {
    /// How long the packet decoded last had waited, and would have on the quickest way.
    pub delay: Duration,
    /// What that is aimed at.
    pub target_delay: Duration,
    /// Packets that wait for their time.
    pub waiting: u32,
    /// Packets decoded.
    pub played: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came twice, as far as it can be told.
    pub duplicates: u64,
    /// Packets that were not there when their time came.
    pub lost: u64,
    /// Packets that their decoder refused, or whose payload type was taken away while they waited.
    pub malformed: u64,
    /// Packets thrown away because too many waited.
    pub overflows: u64,
    /// Times that timestamps or sequence numbers began anew.
    pub resets: u64,
    /// Samples of audio that was sent.
    pub speech_samples: u64,
    /// Samples in place of what was lost or late.
    pub concealed_samples: u64,
    /// Samples of comfort noise.
    pub noise_samples: u64,
    /// Samples put in to make the delay longer.
    pub stretched_samples: u64,
    /// Samples taken out to make the delay shorter.
    pub compressed_samples: u64,
}

/// The packet that was played last.
#[derive(Debug, Clone, Copy)]
struct Position {
    epoch: u32,
    index: u64,
    segment: Option<u32>,
    payload_type: PayloadType,
    /// Where its audio ends.
    end: RtpTicks,
    clock_rate: u32,
    /// Which of the 64 packets before it were played or noted, the last in the lowest bit.
    before: u64,
}

/// What fills the time in which nothing comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filling {
    /// What sounds like what was heard last.
    Concealment,
    /// Noise that an RFC 3389 packet described.
    Noise,
    /// Noise of the codec's own.
    CodecNoise,
    /// Nothing.
    Silence,
}

/// The receiving half of a leg's media path: jitter buffer, decoders, concealment and time-scaling.
///
/// It never waits to begin: what has come is heard at the next pull, and the delay grows while it is heard. After
/// construction and [`configure`](Self::configure) it allocates nothing.
pub struct Playout {
    config: PlayoutConfig,
    payloads: Payloads,
    store: Store,
    arrivals: Arrivals,
    target: Target,
    control: Control,
    buffer: PlayoutBuffer,
    repair: Repair,
    scaler: TimeScaler,
    position: Option<Position>,
    noted: Noted,
    filling: Filling,
    /// Samples made past the end of what was played last.
    beyond: usize,
    /// The next audio does not go on from what was heard last.
    seam: bool,
    loss: LossMeter,
    late_run: u32,
    now: Time,
    statistics: PlayoutStatistics,
}

impl std::fmt::Debug for Playout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Playout")
            .field("config", &self.config)
            .field("position", &self.position)
            .field("statistics", &self.statistics)
            .finish_non_exhaustive()
    }
}

impl Playout {
    /// A leg that hears these payload types.
    ///
    /// # Errors
    /// [`ConfigError::Codec`] where one of them has no decoder; leave out what cannot be heard.
    pub fn new(config: PlayoutConfig, payloads: &[(PayloadType, Codec)]) -> Result<Self, ConfigError> {
        let rate = config.rate();
        Ok(Self {
            config,
            payloads: Payloads::new(rate, payloads)?,
            store: Store::new(),
            arrivals: Arrivals::new(longest_spike(&config)),
            target: Target::new(config.min_delay(), config.max_delay(), config.start_delay()),
            control: Control::new(),
            buffer: new_buffer(rate),
            repair: Repair::new(rate),
            scaler: TimeScaler::new(rate),
            position: None,
            noted: Noted::default(),
            filling: Filling::Silence,
            beyond: 0,
            seam: false,
            loss: LossMeter::default(),
            late_run: 0,
            now: Time::ZERO,
            statistics: PlayoutStatistics::default(),
        })
    }

    /// Other payload types, another rate of the audio in hertz: a re-negotiation. Packets that wait stay, and so do the
    /// decoders of payload types that mean what they meant.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing has changed then.
    pub fn configure(&mut self, payloads: &[(PayloadType, Codec)], rate: u32) -> Result<(), ConfigError> {
        let config = PlayoutConfig::new(rate)?
            .with_delay(self.config.min_delay(), self.config.max_delay())?
            .with_start(self.config.start_delay());
        self.payloads.configure(rate, payloads)?;
        if rate != self.config.rate() {
            let mut buffer = new_buffer(rate);
            self.buffer
                .move_to(&mut buffer, self.config.rate(), rate)
                .map_err(|_| ConfigError::Rate(rate))?;
            self.buffer = buffer;
            self.repair = Repair::new(rate);
            self.scaler = TimeScaler::new(rate);
            self.beyond = self.beyond * rate as usize / self.config.rate() as usize;
        }
        self.config = config;
        Ok(())
    }

    /// Takes in a packet.
    pub fn insert(&mut self, now: Time, packet: &Arrived<'_>) -> Inserted {
        let (ticks, clock_rate) = match self.measure(packet) {
            Ok(measured) => measured,
            Err(refusal) => {
                self.noted.note(packet.epoch, packet.index);
                return refusal;
            }
        };
        let passed = self.passed(packet);
        if passed == Some(Inserted::Duplicate) {
            self.statistics.duplicates += 1;
            return Inserted::Duplicate;
        }
        let stamp = Stamp {
            epoch: packet.epoch,
            index: packet.index,
            timestamp: packet.timestamp,
            ticks,
            clock_rate,
        };
        let arrival = self.arrivals.observe(now, &stamp);
        self.statistics.resets += u64::from(arrival.jumped);
        if let Some(lateness) = arrival.lateness.filter(|_| ticks > 0) {
            let how = match (passed.is_some(), arrival.trailing) {
                (true, _) => Punctuality::Missed,
                (false, true) => Punctuality::Trailing,
                (false, false) => Punctuality::InTime,
            };
            self.target.observe(now, lateness, how);
        }
        if passed.is_some() {
            return self.refuse_late();
        }
        self.late_run = 0;
        let slot = Slot::new(
            (packet.epoch, packet.index),
            (arrival.segment, packet.timestamp, ticks),
            packet.payload_type,
            packet.marker,
            (now, arrival.nominal),
        );
        match self.store.insert(slot, packet.payload) {
            Stored::Kept { shed } => {
                self.statistics.overflows += u64::from(shed);
                Inserted::Kept
            }
            Stored::Duplicate => {
                self.statistics.duplicates += 1;
                Inserted::Duplicate
            }
            Stored::TooLong => {
                self.statistics.malformed += 1;
                Inserted::Malformed
            }
        }
    }

    /// Takes note that a packet of the stream carried something else than this leg's audio, such as a telephone event:
    /// its number is not lost audio, and where no audio comes beside it, none is made up.
    pub fn note_event(&mut self, _now: Time, epoch: u32, index: u64) {
        self.noted.note(epoch, index);
    }

    /// Fills `pcm` with the next audio: a multiple of 10 ms, at most [`MAX_PULL_MS`].
    pub fn pull(&mut self, now: Time, pcm: &mut [i16]) -> Pulled {
        let need = pcm.len().min(self.config.rate() as usize * MAX_PULL_MS as usize / 1000);
        self.now = now;
        self.fill(need, false);
        self.adapt(need);
        self.play(pcm)
    }

    /// Fills `pcm` with what waits, without regard to its time; `None` where nothing does. The last piece is shorter,
    /// as [`Pulled::samples`] says, and silence after that. For a call that goes on without this leg's audio.
    pub fn drain(&mut self, pcm: &mut [i16]) -> Option<Pulled> {
        let need = pcm.len().min(self.config.rate() as usize * MAX_PULL_MS as usize / 1000);
        self.fill(need, true);
        (self.buffer.ahead() > 0).then(|| self.play(pcm))
    }

    /// Numbers since the beginning.
    #[must_use]
    pub fn statistics(&self) -> PlayoutStatistics {
        let waiting = u32::try_from(self.store.slots().len()).unwrap_or(u32::MAX);
        PlayoutStatistics { waiting, ..self.statistics }
    }

    /// Sample rate of the audio in hertz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.config.rate()
    }

    /// Ticks that a packet stands for and the rate of those, or why it is not kept.
    fn measure(&mut self, packet: &Arrived<'_>) -> Result<(u32, u32), Inserted> {
        let entry = self.payloads.find(packet.payload_type).ok_or(Inserted::UnknownPayloadType)?;
        let clock_rate = entry.codec.clock_rate.max(1);
        match &entry.meaning {
            Meaning::Other => Err(Inserted::NotAudio),
            Meaning::Noise => Ok((0, clock_rate)),
            Meaning::Voice(voice) => match voice.duration(packet.payload) {
                Ok((samples, per_10_ms)) => {
                    let ticks = samples as u64 * u64::from(clock_rate) / (per_10_ms as u64 * 100).max(1);
                    Ok((u32::try_from(ticks).unwrap_or(0), clock_rate))
                }
                Err(_) => {
                    self.statistics.malformed += 1;
                    Err(Inserted::Malformed)
                }
            },
        }
    }

    /// Whether a packet's time has passed, and if it was played then.
    fn passed(&self, packet: &Arrived<'_>) -> Option<Inserted> {
        let position = self.position.as_ref()?;
        if packet.epoch != position.epoch {
            return older(packet.epoch, position.epoch).then_some(Inserted::Late);
        }
        let behind = position.index.checked_sub(packet.index)?;
        let played = match behind.checked_sub(1) {
            None => true,
            Some(bit) => bit < 64 && position.before >> bit & 1 != 0,
        };
        Some(if played { Inserted::Duplicate } else { Inserted::Late })
    }

    fn refuse_late(&mut self) -> Inserted {
        self.statistics.late += 1;
        self.loss.forgive();
        self.late_run += 1;
        if self.late_run >= RESTART_RUN {
            // Nobody told of a new epoch, yet nothing else comes.
            self.late_run = 0;
            self.position = None;
            self.arrivals.restart();
            self.seam = true;
            self.statistics.resets += 1;
        }
        Inserted::Late
    }

    fn play(&mut self, pcm: &mut [i16]) -> Pulled {
        let mut counts = [0; Kind::COUNT];
        let samples = self.buffer.play(pcm, &mut counts);
        let [speech, noise, concealed, _] = counts;
        self.statistics.speech_samples += speech as u64;
        self.statistics.noise_samples += noise as u64;
        self.statistics.concealed_samples += concealed as u64;
        let mut most = (Kind::Nothing, 0);
        for (kind, count) in Kind::ALL.into_iter().zip(counts) {
            if count > most.1 {
                most = (kind, count);
            }
        }
        Pulled { kind: most.0, samples }
    }
}

/// A packet later than this is of another run of timestamps.
fn longest_spike(config: &PlayoutConfig) -> Duration {
    (config.max_delay() * 2).max(Duration::from_millis(500))
}

/// Room for a gap, the packet behind it and what a pull leaves.
fn new_buffer(rate: u32) -> PlayoutBuffer {
    let per_ms = rate as usize / 1000;
    PlayoutBuffer::new(HISTORY_MS * per_ms, 480 * per_ms)
}
