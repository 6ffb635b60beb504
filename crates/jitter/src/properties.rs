//! What holds for any input at all, as functions that panic where it does not. Unit tests, the replay of the corpus and
//! the fuzz target call the same ones.

use std::time::Duration;

use mediapoint_codec::Codec;
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

use crate::{Arrived, Inserted, Kind, MAX_PULL_MS, Playout, PlayoutConfig, Pulled};

/// Operations taken from one input at most.
const MAX_STEPS: usize = 2000;
const RATES: [u32; 3] = [8000, 16_000, 48_000];
/// Payload types of scripts: all that are configured, the usual ones more than once, and one that never is.
const NUMBERS: [u8; 15] = [0, 0, 0, 8, 9, 9, 13, 18, 18, 96, 97, 98, 99, 101, 77];
/// Payload lengths of scripts: 20 ms of the codecs, and of G.729 with a description of noise.
const LENGTHS: [usize; 8] = [160, 160, 20, 22, 2, 1, 320, 80];

/// The input as a script: bytes for choices, and silence where they end.
struct Script<'a> {
    bytes: &'a [u8],
}

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u32::from_le_bytes(*first))
    }
}

/// A leg, and the books that an onlooker keeps of it.
struct Watched {
    playout: Playout,
    now: Time,
    epoch: u32,
    index: u64,
    timestamp: u32,
    kept: u64,
    refused: u64,
    /// Samples pulled at the present rate, all of them and those that were not silence.
    pulled: u64,
}

/// Whatever comes, a leg delivers what is asked for, and every packet is accounted for.
///
/// # Panics
/// Where that does not hold.
pub fn playout_survives(data: &[u8]) {
    let mut script = Script { bytes: data };
    let rate = script.byte().map_or(8000, |byte| pick(&RATES, byte));
    let Some(mut watched) = Watched::new(rate) else { return };
    for _ in 0..MAX_STEPS {
        if watched.step(&mut script).is_none() {
            break;
        }
        watched.check();
    }
    watched.drain();
    watched.check();
}

/// Octets that follow from a seed; of an even one, all the same.
fn fill(payload: &mut [u8], seed: u8) {
    let mut state = (u32::from(seed) * 0x0101_0101) | 1;
    for octet in payload {
        if seed % 2 == 1 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        }
        [_, _, _, *octet] = state.to_le_bytes();
    }
}

fn pick<T: Copy>(from: &[T; 3], by: u8) -> T {
    let [a, b, c] = *from;
    match by % 3 {
        0 => a,
        1 => b,
        _ => c,
    }
}

fn payloads(all: bool) -> Vec<(PayloadType, Codec)> {
    let table = [
        (0, Codec::PCMU),
        (8, Codec::PCMA),
        (9, Codec::G722),
        (13, Codec::CN),
        (18, Codec::G729),
        (96, Codec::L16_8K),
        (97, Codec::L16_16K),
        (98, Codec::L16_48K),
        (99, Codec::OPUS),
        (101, Codec::TELEPHONE_EVENT),
    ];
    table
        .into_iter()
        .filter(|(number, codec)| {
            (all || *number < 97) && (codec.is_convertible() || [13, 101].contains(number))
        })
        .filter_map(|(number, codec)| Some((PayloadType::new(number)?, codec)))
        .collect()
}

impl Watched {
    fn new(rate: u32) -> Option<Self> {
        let playout = Playout::new(PlayoutConfig::new(rate).ok()?, &payloads(true)).ok()?;
        let (now, epoch, index, timestamp) = (Time::from_millis(1), 0, 0, 0);
        Some(Self { playout, now, epoch, index, timestamp, kept: 0, refused: 0, pulled: 0 })
    }

    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        let choice = script.byte()?;
        match choice {
            // A well-behaved packet, the everyday case.
            0..=89 => {
                self.index += 1;
                self.insert(script, choice % 4 == 3);
            }
            // One out of its place.
            90..=119 => {
                let back = u64::from(choice) - 90;
                let index = self.index.saturating_sub(back);
                (self.index, self.timestamp) = (index, self.timestamp.wrapping_add(script.byte()?.into()));
                self.insert(script, false);
            }
            120..=129 => self.timestamp = self.timestamp.wrapping_add(script.number()?),
            130..=139 => self.index = self.index.wrapping_add(script.number()?.into()),
            140..=144 => self.index = u64::from(script.number()?) << 32,
            145..=149 => self.epoch = self.epoch.wrapping_add(script.byte()?.into()),
            150..=159 => {
                self.index += 1;
                self.playout.note_event(self.now, self.epoch, self.index);
            }
            160..=164 => self.configure(script.byte()?),
            165..=169 => self.now = self.now + Duration::from_micros(script.number()?.into()),
            170..=174 => self.drain(),
            _ => self.pull(choice),
        }
        Some(())
    }

    fn insert(&mut self, script: &mut Script<'_>, marker: bool) {
        let number = script.byte().unwrap_or(0);
        let payload_type = NUMBERS.get(usize::from(number % 16)).copied().unwrap_or(number & 0x7f);
        let Some(payload_type) = PayloadType::new(payload_type) else { return };
        // Mostly one of the usual lengths; what is in it follows from two bytes, so that scripts stay short.
        let (len, seed) = (script.byte().unwrap_or(0), script.byte().unwrap_or(0));
        let len = match len {
            0..=127 => LENGTHS.get(usize::from(len % 8)).copied().unwrap_or(0),
            128..=250 => usize::from(len),
            _ => usize::from(len) * 16,
        };
        let mut payload = [0; 4096];
        let payload = payload.get_mut(..len).unwrap_or_default();
        fill(payload, seed);
        let before = self.playout.statistics();
        let (epoch, index, timestamp) = (self.epoch, self.index, RtpTicks(self.timestamp));
        let arrived = Arrived { epoch, index, timestamp, payload_type, marker, payload };
        let inserted = self.playout.insert(self.now, &arrived);
        let after = self.playout.statistics();
        self.kept += u64::from(inserted == Inserted::Kept);
        self.refused += after.malformed - before.malformed;
        assert_eq!(inserted == Inserted::Late, after.late > before.late);
        assert_eq!(inserted == Inserted::Duplicate, after.duplicates > before.duplicates);
        self.timestamp = self.timestamp.wrapping_add(160);
    }

    fn configure(&mut self, choice: u8) {
        let rate = pick(&RATES, choice);
        if rate != self.playout.rate() {
            self.pulled = 0;
        }
        let configured = self.playout.configure(&payloads(choice & 4 == 0), rate);
        assert_eq!(configured, Ok(()));
    }

    fn pull(&mut self, choice: u8) {
        let millis = u32::from(choice % 6 + 1) * 10;
        let mut pcm = vec![0; self.playout.rate() as usize * millis as usize / 1000];
        let before = self.playout.statistics();
        let pulled = self.playout.pull(self.now, &mut pcm);
        assert!(millis <= MAX_PULL_MS);
        self.account(&before, &pulled, &pcm);
        assert_eq!(pulled.samples, pcm.len(), "all that was asked for");
        self.now = self.now + Duration::from_millis(millis.into());
    }

    fn drain(&mut self) {
        let mut pcm = vec![0; self.playout.rate() as usize / 50];
        // Half a minute is more than the arena can hold of any codec but silence.
        for _ in 0..100_000 {
            let before = self.playout.statistics();
            let Some(pulled) = self.playout.drain(&mut pcm) else {
                assert_eq!(self.playout.statistics().waiting, 0);
                return;
            };
            assert!(pulled.samples > 0 && pulled.samples <= pcm.len());
            self.account(&before, &pulled, &pcm);
        }
        unreachable!("a drain ends");
    }

    /// Samples of each kind add up.
    fn account(&mut self, before: &crate::PlayoutStatistics, pulled: &Pulled, pcm: &[i16]) {
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
        assert!(pcm.iter().skip(pulled.samples).all(|sample| *sample == 0));
        self.pulled += samples;
    }

    fn check(&self) {
        let statistics = self.playout.statistics();
        let gone = statistics.played + statistics.overflows + statistics.malformed - self.refused;
        assert_eq!(self.kept, gone + u64::from(statistics.waiting), "{statistics:?}");
        assert!(statistics.target_delay <= Duration::from_millis(200));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            })
            .collect()
    }

    #[test]
    fn random_scripts_are_survived() {
        for seed in 1..=300 {
            playout_survives(&random_bytes(seed, 4000));
        }
    }

    /// Calls as they are, more or less: mostly packets in order, each followed by a pull.
    #[test]
    fn everyday_calls_are_survived() {
        for seed in 1..=200_u64 {
            let mut script = vec![seed.to_le_bytes()[0]];
            for chunk in random_bytes(seed, 6000).chunks_exact(6) {
                let [choice, number, len, seed, odd, pull] = *chunk else { continue };
                script.extend([choice % 90, number, len, seed]);
                script.extend([175 + pull % 60].repeat(usize::from(pull % 4 != 0)));
                if odd < 8 {
                    script.extend([90 + choice % 100, number, len, seed, pull]);
                }
            }
            playout_survives(&script);
        }
    }
}
