//! What holds for any input at all, as functions that panic where it does not. Unit tests, the replay of the corpus and
//! the fuzz targets call the same ones.

mod script;

use std::ops::RangeInclusive;
use std::time::Duration;

use mediapoint_codec::Codec;
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

use self::script::{Operation, Packet, Script};
use crate::{Arrived, Inserted, Kind, MAX_PULL_MS, Playout, PlayoutConfig, Pulled};

/// Packets and pulls of one input at most: enough for a delay to rise, to be left again and to fall.
const TICKS: u32 = 100;
/// The same where codecs are decoded and rates converted, each of which costs a hundred times as much.
const CODEC_TICKS: u32 = 24;
const RATES: [u32; 3] = [8000, 16_000, 48_000];
/// Samples of the longest pull at the highest rate.
const LONGEST_PULL: usize = 2880;

/// Whatever comes, a leg delivers what is asked for, and every packet is accounted for: at 8000 Hz with G.711, comfort noise
/// and events, so that an input costs little and many packets come. The first byte chooses the bounds of the delay.
///
/// # Panics
/// Where that does not hold.
pub fn playout_survives(data: &[u8]) {
    let Some((bounds, script)) = data.split_first() else { return };
    let Some(config) = PlayoutConfig::new(8000).ok().and_then(|config| bounded(config, *bounds)) else {
        return;
    };
    survives(config, Offered { chosen: 0, rates: [8000; 3] }, script, TICKS);
}

/// The same of every codec and rate. The first byte chooses the rate, the second one which codecs are offered: a bit each.
///
/// # Panics
/// Where that does not hold.
pub fn playout_of_codecs_survives(data: &[u8]) {
    let Some(([rate, chosen], script)) = data.split_first_chunk() else { return };
    let Ok(config) = PlayoutConfig::new(pick(&RATES, *rate)) else { return };
    survives(config, Offered { chosen: *chosen, rates: RATES }, script, CODEC_TICKS);
}

fn survives(config: PlayoutConfig, offered: Offered, script: &[u8], ticks: u32) {
    let mut script = Script::new(script);
    let Some(mut watched) = Watched::new(config, offered, ticks) else { return };
    while watched.ticks > 0
        && let Some(operation) = script.next()
    {
        watched.carry_out(operation);
        watched.check();
    }
    watched.drain();
    watched.check();
}

/// Bounds of the delay: mostly the default ones.
fn bounded(config: PlayoutConfig, choice: u8) -> Option<PlayoutConfig> {
    let [min, max, start] = match choice % 8 {
        0..=3 => return Some(config),
        4 => [0, 40, 0],
        5 => [60, 1000, 100],
        6 => [20, 20, 20],
        _ => [0, 1000, 300],
    }
    .map(Duration::from_millis);
    Some(config.with_delay(min, max).ok()?.with_start(start))
}

fn pick<T: Copy>(from: &[T; 3], by: u8) -> T {
    let [a, b, c] = *from;
    match by % 3 {
        0 => a,
        1 => b,
        _ => c,
    }
}

/// What the leg may be configured with. A decoder that is not offered costs nothing.
#[derive(Clone, Copy)]
struct Offered {
    /// A bit for each codec beside those that are always there.
    chosen: u8,
    rates: [u32; 3],
}

impl Offered {
    fn payloads(self, few: bool) -> Vec<(PayloadType, Codec)> {
        let always = [(0, Codec::PCMU), (8, Codec::PCMA), (13, Codec::CN), (101, Codec::TELEPHONE_EVENT)];
        let choice = [
            (9, Codec::G722),
            (18, Codec::G729),
            (96, Codec::L16_8K),
            (97, Codec::L16_16K),
            (98, Codec::L16_48K),
            (99, Codec::OPUS),
        ];
        let chosen =
            (0..).zip(choice).filter(|(bit, _)| self.chosen >> bit & 1 != 0).map(|(_, payload)| payload);
        always
            .into_iter()
            .chain(chosen)
            // After a re-negotiation to few, packets that wait have lost their decoder.
            .filter(|(number, _)| !few || [0, 13, 18, 96].contains(number))
            .filter_map(|(number, codec)| Some((PayloadType::new(number)?, codec)))
            .collect()
    }
}

/// A leg, and the books that an onlooker keeps of it.
struct Watched {
    playout: Playout,
    /// Bounds of the target delay.
    delay: RangeInclusive<Duration>,
    offered: Offered,
    /// Packets and pulls that are left.
    ticks: u32,
    now: Time,
    epoch: u32,
    index: u64,
    timestamp: u32,
    kept: u64,
    refused: u64,
    pcm: Box<[i16; LONGEST_PULL]>,
}

impl Watched {
    fn new(config: PlayoutConfig, offered: Offered, ticks: u32) -> Option<Self> {
        let delay = config.min_delay()..=config.max_delay();
        let playout = Playout::new(config, &offered.payloads(false)).ok()?;
        let (now, epoch, index, timestamp) = (Time::from_millis(1), 0, 0, 0);
        let pcm = Box::new([0; LONGEST_PULL]);
        Some(Self { playout, delay, offered, ticks, now, epoch, index, timestamp, kept: 0, refused: 0, pcm })
    }

    fn carry_out(&mut self, operation: Operation) {
        match operation {
            Operation::Next(packet) => {
                self.index += 1;
                self.insert(&packet);
            }
            Operation::Steady { count, millis, packet } => {
                for _ in 0..count {
                    self.index += 1;
                    self.insert(&packet);
                    self.pull(millis);
                }
            }
            Operation::Lost(count) => {
                self.index += u64::from(count);
                self.timestamp = self.timestamp.wrapping_add(160 * u32::from(count));
            }
            Operation::Late(packets) => {
                let place = (self.index, self.timestamp);
                self.index = self.index.saturating_sub(packets.into());
                self.timestamp = self.timestamp.wrapping_sub(160 * u32::from(packets));
                self.insert(&Packet::VOICE);
                (self.index, self.timestamp) = place;
            }
            Operation::Back { packets, ticks, packet } => {
                self.index = self.index.saturating_sub(packets.into());
                self.timestamp = self.timestamp.wrapping_sub(ticks);
                self.insert(&packet);
            }
            Operation::Timestamp(by) => self.timestamp = self.timestamp.wrapping_add(by),
            Operation::Index(by) => self.index = self.index.wrapping_add(by),
            Operation::FarIndex(index) => self.index = index << 32,
            Operation::Epoch(by) => self.epoch = self.epoch.wrapping_add(by),
            Operation::Event => {
                self.index += 1;
                self.playout.note_event(self.now, self.epoch, self.index);
            }
            Operation::Configure { rate, few } => self.configure(rate, few),
            Operation::Pass(time) => self.now = self.now + time,
            Operation::Reset => {
                self.kept -= u64::from(self.playout.statistics().waiting);
                self.playout.reset();
            }
            Operation::Drain => self.drain(),
            Operation::Pull(millis) => self.pull(millis),
        }
    }

    fn insert(&mut self, packet: &Packet) {
        self.ticks = self.ticks.saturating_sub(1);
        let (epoch, index, timestamp) = (self.epoch, self.index, RtpTicks(self.timestamp));
        let Packet { payload_type, marker, .. } = *packet;
        let payload = packet.payload(self.timestamp);
        let before = self.playout.statistics();
        let arrived = Arrived { epoch, index, timestamp, payload_type, marker, payload };
        let inserted = self.playout.insert(self.now, &arrived);
        let after = self.playout.statistics();
        self.kept += u64::from(inserted == Inserted::Kept);
        self.refused += after.malformed - before.malformed;
        assert_eq!(inserted == Inserted::Late, after.late > before.late);
        assert_eq!(inserted == Inserted::Duplicate, after.duplicates > before.duplicates);
        self.timestamp = self.timestamp.wrapping_add(160);
    }

    fn configure(&mut self, rate: u8, few: bool) {
        let rate = pick(&self.offered.rates, rate);
        // New decoders and buffers cost as much as many packets.
        self.ticks = self.ticks.saturating_sub(5);
        assert_eq!(self.playout.configure(&self.offered.payloads(few), rate), Ok(()));
    }

    fn pull(&mut self, millis: u8) {
        self.ticks = self.ticks.saturating_sub(1);
        assert!(u32::from(millis) <= MAX_PULL_MS);
        let samples = self.playout.rate() as usize * usize::from(millis) / 1000;
        let before = self.playout.statistics();
        let pulled = self.playout.pull(self.now, self.pcm.get_mut(..samples).unwrap_or_default());
        assert_eq!(pulled.samples, samples, "all that was asked for");
        self.account(&before, &pulled, samples);
        self.now = self.now + Duration::from_millis(millis.into());
    }

    fn drain(&mut self) {
        let samples = self.playout.rate() as usize / 50;
        // Half a minute is more than the arena can hold of any codec but silence.
        for _ in 0..100_000 {
            let before = self.playout.statistics();
            let Some(pulled) = self.playout.drain(self.pcm.get_mut(..samples).unwrap_or_default()) else {
                assert_eq!(self.playout.statistics().waiting, 0);
                return;
            };
            assert!(pulled.samples > 0 && pulled.samples <= samples);
            self.account(&before, &pulled, samples);
        }
        unreachable!("a drain ends");
    }

    /// Samples of each kind add up.
    fn account(&self, before: &crate::PlayoutStatistics, pulled: &Pulled, asked: usize) {
        let after = self.playout.statistics();
        let speech = after.speech_samples - before.speech_samples;
        let concealed = after.concealed_samples - before.concealed_samples;
        let noise = after.noise_samples - before.noise_samples;
        let samples = pulled.samples as u64;
        assert!(speech + concealed + noise <= samples, "{before:?} {after:?}");
        let most = match pulled.kind {
            Kind::Speech => speech,
            Kind::Concealed => concealed,
            Kind::ComfortNoise => noise,
            Kind::Nothing => samples - speech - concealed - noise,
        };
        assert!(most * 4 >= samples, "{pulled:?} {before:?} {after:?}");
        let behind = self.pcm.get(pulled.samples..asked).unwrap_or_default();
        assert!(behind.iter().all(|sample| *sample == 0));
    }

    fn check(&self) {
        let statistics = self.playout.statistics();
        let gone = statistics.played + statistics.overflows + statistics.malformed - self.refused;
        assert_eq!(self.kept, gone + u64::from(statistics.waiting), "{statistics:?}");
        assert!(self.delay.contains(&statistics.target_delay), "{:?} {statistics:?}", self.delay);
    }
}

#[cfg(test)]
mod tests;
