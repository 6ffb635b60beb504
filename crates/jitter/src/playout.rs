//! One receiving leg: packets in as they are received, audio out as a steady stream.

mod control;
mod events;
mod loss;
mod produce;
mod types;

use std::time::Duration;

use mediapoint_codec::Codec;
use mediapoint_g711::Law;
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

use self::control::{Control, Scaling};
use self::events::Noted;
use self::loss::LossMeter;
pub use self::types::{Arrived, Inserted, Kind, PlayoutStatistics, Pulled};
use crate::conceal::repair::{HISTORY_MS, Repair};
use crate::config::{ConfigError, PlayoutConfig};
use crate::payloads::{Meaning, Payloads};
use crate::playout_buffer::PlayoutBuffer;
use crate::prefetch::Prefetch;
use crate::store::{PayloadPlace, Slot, Store, Stored, older};
use crate::target::{Punctuality, Target};
use crate::time_scale::TimeScaler;
use crate::timing::{Arrivals, Stamp};

/// The most audio that one pull delivers, in milliseconds.
pub const MAX_PULL_MS: u32 = 60;

/// A run of this many packets from before what is being played is a stream that began again.
const RESTART_RUN: u32 = 25;

/// Index of the entry of a payload type that was removed.
const NO_ENTRY: u8 = u8::MAX;

/// The packet that was played last.
#[derive(Debug, Clone, Copy)]
struct Position {
    index: u64,
    /// Which of the 64 packets before it were played or noted, the last in the lowest bit.
    before: u64,
    epoch: u32,
    segment: Option<u32>,
    /// Where its audio ends.
    end: RtpTicks,
    clock_rate: u32,
    payload_type: PayloadType,
    /// Index of the payload type's entry.
    entry: u8,
}

/// What fills the time in which no packet is there to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filling {
    /// Audio continued from what was played last.
    Concealment,
    /// Noise that an RFC 3389 packet described.
    Noise,
    /// Noise of the codec's own.
    CodecNoise,
    /// Silence.
    Silence,
}

/// Counters that change with every packet.
#[derive(Debug, Default)]
struct Counters {
    played: u64,
    speech_samples: u64,
    /// How long the packet decoded last would have waited after the shortest transit, in nanoseconds.
    delay: u64,
}

/// The receiving half of a leg's media path: jitter buffer, decoders, concealment and time-scaling.
///
/// It never waits for packets to begin: the first packet is played at the next pull, so that the time from the one to
/// the other, which is the caller's choice, is the initial delay. Later the delay changes as the jitter requires. It has room
/// for 200 ms of packets and 120 ms of audio, and doubles that, up to the longest delay, when more waits for the first time: a
/// few times in its life. The first packet of a payload type makes its decoder. Else it allocates nothing after construction and
/// [`configure`](Self::configure).
// The fields that every insertion and pull needs come first and in this order: a server with many legs finds each of
// them in a cold cache, and what they cost is the number of cache lines.
#[repr(C, align(64))]
pub struct Playout {
    now: Time,
    /// Samples of a pull, and their duration in nanoseconds.
    pull_samples: usize,
    pull_nanos: u64,
    /// The configuration's rate and longest delay in nanoseconds again.
    rate: u32,
    filling: Filling,
    /// The next audio does not continue what was played last, or ends a gap: they are to be merged.
    seam: bool,
    max_delay: u64,
    /// Samples made past the end of what was played last.
    beyond: usize,
    late_run: u32,
    /// Clock rate of the audio inserted last; 0 before there was some.
    voice_clock: u32,
    /// What was pulled last without having been decoded.
    undecoded: Option<(Law, PayloadPlace)>,
    loss: LossMeter,
    position: Option<Position>,
    counters: Counters,
    store: Store,
    payloads: Payloads,
    control: Control,
    arrivals: Arrivals,
    target: Target,
    buffer: PlayoutBuffer,
    repair: Repair,
    scaler: TimeScaler,
    noted: Noted,
    config: PlayoutConfig,
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
    /// A leg that decodes these payload types.
    ///
    /// # Errors
    /// [`ConfigError::Codec`] where one of them has no decoder: payload types without audio are to be left out.
    pub fn new(config: PlayoutConfig, payloads: &[(PayloadType, Codec)]) -> Result<Self, ConfigError> {
        let rate = config.rate();
        let payloads = Payloads::new(rate, payloads)?;
        let (octets_per_ms, longest) = payloads.octets();
        Ok(Self {
            now: Time::ZERO,
            pull_samples: 0,
            pull_nanos: 0,
            rate,
            filling: Filling::Silence,
            seam: false,
            max_delay: nanos(config.max_delay()),
            beyond: 0,
            late_run: 0,
            voice_clock: 0,
            undecoded: None,
            loss: LossMeter::default(),
            position: None,
            counters: Counters::default(),
            store: Store::new(config.max_delay(), octets_per_ms, longest),
            payloads,
            control: Control::new(),
            arrivals: Arrivals::new(longest_spike(&config)),
            target: new_target(&config),
            buffer: new_buffer(rate),
            repair: Repair::new(rate),
            scaler: TimeScaler::new(rate),
            noted: Noted::default(),
            config,
            statistics: PlayoutStatistics::default(),
        })
    }

    /// Sets other payload types, or another rate of the audio in hertz: a re-negotiation. Packets that wait stay, and so
    /// do the decoders of payload types that keep their codec.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing has changed then.
    pub fn configure(&mut self, payloads: &[(PayloadType, Codec)], rate: u32) -> Result<(), ConfigError> {
        let config = PlayoutConfig::new(rate)?
            .with_delay(self.config.min_delay(), self.config.max_delay())?
            .with_start(self.config.start_delay());
        self.undecoded = None;
        self.payloads.configure(rate, payloads)?;
        let (octets_per_ms, longest) = self.payloads.octets();
        self.store.raise(config.max_delay(), octets_per_ms, longest);
        for slot in self.store.slots_mut() {
            slot.entry = self.payloads.find(slot.payload_type).map_or(NO_ENTRY, |(index, _)| index);
        }
        if let Some(position) = &mut self.position {
            position.entry = self.payloads.find(position.payload_type).map_or(NO_ENTRY, |(index, _)| index);
        }
        if rate != self.rate {
            let mut buffer = new_buffer(rate);
            self.buffer.move_to(&mut buffer, self.rate, rate).map_err(|_| ConfigError::Rate(rate))?;
            self.buffer = buffer;
            self.repair = Repair::new(rate);
            self.scaler = TimeScaler::new(rate);
            self.beyond = self.beyond * rate as usize / self.rate as usize;
            self.rate = rate;
            self.pull_samples = 0;
        }
        self.config = config;
        Ok(())
    }

    /// Forgets the stream: packets, what was played, the jitter, and the decoders' state. Configuration and statistics
    /// stay. For a leg whose stream goes on elsewhere or later, as after a restore.
    pub fn reset(&mut self) {
        self.undecoded = None;
        self.store.clear();
        self.payloads.reset();
        self.control = Control::new();
        self.arrivals.restart();
        self.target = new_target(&self.config);
        self.buffer.clear();
        self.repair.stop();
        self.noted = Noted::default();
        self.loss = LossMeter::default();
        (self.position, self.filling, self.seam) = (None, Filling::Silence, false);
        (self.beyond, self.late_run) = (0, 0);
    }

    /// Asks for what lies apart from the value and is needed to insert the next packet. Of use some hundred nanoseconds before
    /// [`insert`](Self::insert), with the value itself in the cache.
    pub fn prefetch_insert<P: Prefetch>(&self) {
        self.payloads.prefetch::<P>();
        self.store.prefetch::<P>();
    }

    /// Inserts a received packet.
    pub fn insert(&mut self, now: Time, packet: &Arrived<'_>) -> Inserted {
        self.undecoded = None;
        let (entry, ticks, clock_rate) = match self.measure(packet) {
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
        // The statistics lie far from what else is touched.
        if arrival.jumped {
            self.statistics.resets += 1;
        }
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
            (packet.payload_type, entry, packet.marker),
            (now, arrival.nominal),
        );
        match self.store.insert(slot, self.payloads.useful(entry, packet.payload)) {
            Stored::Kept { shed } => {
                if shed > 0 {
                    self.statistics.overflows += u64::from(shed);
                }
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

    /// Notes a packet of the stream without audio of this leg, such as a telephone event: its number does not count as
    /// lost audio, and where no audio comes beside it, none is concealed.
    pub fn note_event(&mut self, _now: Time, epoch: u32, index: u64) {
        self.noted.note(epoch, index);
    }

    /// Fills `pcm` with the next audio: a multiple of 10 ms, at most [`MAX_PULL_MS`].
    pub fn pull(&mut self, now: Time, pcm: &mut [i16]) -> Pulled {
        self.pull_as(now, pcm, false)
    }

    /// As [`pull`](Self::pull), for audio that may not be needed: where the next audio is just a packet of G.711 at the leg's
    /// rate, `pcm` is left as it was, and [`undecoded`](Self::undecoded) has the packet's octets.
    pub fn pull_undecoded(&mut self, now: Time, pcm: &mut [i16]) -> Pulled {
        self.pull_as(now, pcm, true)
    }

    /// The octets that [`pull_undecoded`](Self::pull_undecoded) has left as they are, until the next packet is inserted or
    /// anything is pulled; `None` where the audio was decoded.
    #[must_use]
    pub fn undecoded(&self) -> Option<(Law, &[u8])> {
        self.undecoded.map(|(law, place)| (law, self.store.payload_at(place)))
    }

    fn pull_as(&mut self, now: Time, pcm: &mut [i16], undecoded: bool) -> Pulled {
        self.undecoded = None;
        let need = self.need(pcm);
        self.now = now;
        if need == pcm.len()
            && let Some(kind) = self.decode_directly(pcm, undecoded)
        {
            if self.undecoded.is_some() {
                return self.count_one(kind, need);
            }
            if self.scaling() == Scaling::Keep {
                self.buffer.remember(pcm);
                return self.count_one(kind, need);
            }
            self.buffer.room(need).copy_from_slice(pcm);
            self.buffer.commit(need, kind);
        }
        self.fill(need, false);
        self.adapt(need);
        self.play(pcm)
    }

    /// Fills `pcm` with what waits, without regard to its time; `None` where nothing does. The last piece is shorter,
    /// as [`Pulled::samples`] says, and silence after that. For a call that goes on without this leg's audio.
    pub fn drain(&mut self, pcm: &mut [i16]) -> Option<Pulled> {
        self.undecoded = None;
        let need = self.need(pcm);
        self.fill(need, true);
        // What was decoded ahead of its time tells nothing of the delay.
        self.control.forget();
        (self.buffer.ahead() > 0).then(|| self.play(pcm))
    }

    /// The last 50 ms that were played; silence where nothing was. To go on from with a [`Concealer`](crate::Concealer).
    pub fn played_last(&mut self) -> &[i16] {
        self.buffer.played_last()
    }

    /// Counters since the leg was made.
    #[must_use]
    pub fn statistics(&self) -> PlayoutStatistics {
        let Counters { played, speech_samples, delay } = self.counters;
        PlayoutStatistics {
            delay: Duration::from_nanos(delay),
            target_delay: Duration::from_nanos(self.target.delay(self.now)),
            waiting: u32::try_from(self.store.slots().len()).unwrap_or(u32::MAX),
            played,
            speech_samples,
            ..self.statistics
        }
    }

    /// Sample rate of the audio in hertz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Samples that a pull delivers.
    fn need(&mut self, pcm: &[i16]) -> usize {
        if pcm.len() != self.pull_samples {
            self.pull_samples = pcm.len();
            self.pull_nanos = self.nanos_of(pcm.len());
        }
        pcm.len().min(self.rate as usize * MAX_PULL_MS as usize / 1000)
    }

    /// Index of a packet's entry, its duration in ticks and their rate, or why it is not kept.
    fn measure(&mut self, packet: &Arrived<'_>) -> Result<(u8, u32, u32), Inserted> {
        let (index, entry) = self.payloads.find(packet.payload_type).ok_or(Inserted::UnknownPayloadType)?;
        let clock_rate = entry.clock_rate;
        match &entry.meaning {
            Meaning::Other => Err(Inserted::NotAudio),
            Meaning::Agreed => Err(self.refuse_malformed()),
            // Noise is described on the clock of the audio around it.
            Meaning::Noise if self.voice_clock != 0 => Ok((index, 0, self.voice_clock)),
            Meaning::Noise => Ok((index, 0, clock_rate)),
            Meaning::Voice(voice) => match voice.ticks(packet.payload, clock_rate) {
                Ok(ticks) => {
                    self.voice_clock = clock_rate;
                    Ok((index, ticks, clock_rate))
                }
                Err(_) => Err(self.refuse_malformed()),
            },
        }
    }

    const fn refuse_malformed(&mut self) -> Inserted {
        self.statistics.malformed += 1;
        Inserted::Malformed
    }

    /// Whether a packet's playout time has passed, and whether it was played then.
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
            // The caller saw no new epoch, yet all packets come from before: the stream began again.
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
        self.buffer.play(pcm, &mut counts);
        self.count(&counts)
    }

    /// Counts samples of one kind that were played.
    fn count_one(&mut self, kind: Kind, samples: usize) -> Pulled {
        match kind {
            Kind::Speech => self.counters.speech_samples += samples as u64,
            Kind::ComfortNoise => self.statistics.noise_samples += samples as u64,
            Kind::Concealed => self.statistics.concealed_samples += samples as u64,
            Kind::Nothing => {}
        }
        Pulled { kind, samples }
    }

    /// Counts samples that were played, by kind.
    fn count(&mut self, counts: &[usize; Kind::COUNT]) -> Pulled {
        let [speech, noise, concealed, _] = *counts;
        self.counters.speech_samples += speech as u64;
        if noise + concealed > 0 {
            self.statistics.noise_samples += noise as u64;
            self.statistics.concealed_samples += concealed as u64;
        }
        let mut most = (Kind::Nothing, 0);
        for (kind, &count) in Kind::ALL.into_iter().zip(counts) {
            if count > most.1 {
                most = (kind, count);
            }
        }
        Pulled { kind: most.0, samples: counts.iter().sum() }
    }
}

/// A packet later than this is of another run of timestamps.
fn longest_spike(config: &PlayoutConfig) -> Duration {
    (config.max_delay() * 2).max(Duration::from_millis(500))
}

fn new_target(config: &PlayoutConfig) -> Target {
    Target::new(config.min_delay(), config.max_delay(), config.start_delay())
}

/// Room for a gap, the packet behind it and what a pull leaves.
fn new_buffer(rate: u32) -> PlayoutBuffer {
    let per_ms = rate as usize / 1000;
    PlayoutBuffer::new(HISTORY_MS * per_ms, 480 * per_ms)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
