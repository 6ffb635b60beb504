//! What the payload types of a stream stand for, each with its decoder once a packet of it has come.

use mediapoint_codec::comfort_noise::NoiseGenerator;
use mediapoint_codec::resample::Resampler;
use mediapoint_codec::{
    Codec, DecodeError, Decoder, Encoding, MAX_PACKET_MS, Signal, check_decoder, decoder,
};
use mediapoint_g711::Law;
use mediapoint_packet::rtp::PayloadType;

use crate::config::ConfigError;
use crate::prefetch::Prefetch;
use crate::signal::MAX_PER_MS;

/// Cache lines of a payload type.
const ENTRY_LINES: usize = 2;

const NOISE_SEED: u32 = 0x6d70;
/// Octets of a noise description that are worth keeping: its level and the coefficients that are used.
const MAX_NOISE_PAYLOAD: usize = 64;
/// Octets a millisecond that the arena has room for of Opus, 192 kbit/s: telephony uses a quarter of it at most.
const OPUS_OCTETS_PER_MS: usize = 24;

/// Decodes one payload type to samples at the leg's rate.
pub(crate) struct Voice {
    decoder: Box<dyn Decoder>,
    /// Where the decoder's rate is not the leg's.
    resampler: Option<Box<Resampler>>,
    /// Samples at the decoder's rate for each 10 ms.
    per_10_ms: usize,
    out_per_10_ms: usize,
    /// The decoder's state has to follow the audio played in place of lost packets.
    follows: bool,
    /// Its encoders stop sending without an announcement, and its concealment turns into noise by itself.
    tacit: bool,
    /// The law by which each octet is a sample at the leg's rate, with none of them depending on another.
    law: Option<Law>,
}

/// What a payload type stands for.
pub(crate) enum Meaning {
    Voice(Voice),
    /// Audio of which no packet has come yet: most parties agree to several codecs and send one of them.
    Agreed,
    /// Comfort noise, RFC 3389.
    Noise,
    /// Telephone events, and other payloads without audio.
    Other,
}

/// A payload type of the leg. What every packet needs comes first.
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) payload_type: PayloadType,
    pub(crate) clock_rate: u32,
    pub(crate) meaning: Meaning,
    codec: Codec,
}

/// The payload types of a leg.
#[repr(C)]
pub(crate) struct Payloads {
    entries: Box<[Entry]>,
    /// Index of the entry that was found last: mostly the one that is looked for next.
    recent: usize,
    rate: u32,
    pub(crate) noise: Box<NoiseGenerator>,
}

impl Payloads {
    pub(crate) fn new(rate: u32, payloads: &[(PayloadType, Codec)]) -> Result<Self, ConfigError> {
        let mut this = Self {
            entries: Box::default(),
            recent: 0,
            rate,
            noise: Box::new(NoiseGenerator::new(rate, NOISE_SEED)),
        };
        this.configure(rate, payloads)?;
        Ok(this)
    }

    /// Sets other payload types or another rate. The decoders of payload types that stay go on where they were, but for those
    /// of another rate, which are made anew when they are needed.
    pub(crate) fn configure(
        &mut self,
        rate: u32,
        payloads: &[(PayloadType, Codec)],
    ) -> Result<(), ConfigError> {
        if payloads.len() > 128 {
            return Err(ConfigError::Payloads(payloads.len()));
        }
        // All checked first, so that nothing has changed where one is refused.
        let mut entries = Vec::with_capacity(payloads.len());
        for (payload_type, codec) in payloads {
            let meaning = match codec.encoding {
                Encoding::ComfortNoise => Meaning::Noise,
                Encoding::TelephoneEvent => Meaning::Other,
                _ => {
                    let payload_type = payload_type.get();
                    check_decoder(codec).map_err(|reason| ConfigError::Codec { payload_type, reason })?;
                    Meaning::Agreed
                }
            };
            let (payload_type, clock_rate) = (*payload_type, codec.clock_rate.max(1));
            entries.push(Entry { payload_type, clock_rate, meaning, codec: codec.clone() });
        }
        if rate == self.rate {
            for entry in &mut entries {
                let same =
                    |old: &&mut Entry| old.payload_type == entry.payload_type && old.codec == entry.codec;
                if let Some(old) = self.entries.iter_mut().find(same) {
                    entry.meaning = std::mem::replace(&mut old.meaning, Meaning::Other);
                }
            }
        } else {
            *self.noise = NoiseGenerator::new(rate, NOISE_SEED);
        }
        self.rate = rate;
        self.entries = entries.into_boxed_slice();
        self.recent = 0;
        Ok(())
    }

    /// Back to the state of new decoders.
    pub(crate) fn reset(&mut self) {
        for entry in &mut self.entries {
            if let Meaning::Voice(voice) = &mut entry.meaning {
                voice.reset();
            }
        }
        *self.noise = NoiseGenerator::new(self.rate, NOISE_SEED);
    }

    /// The most octets a millisecond that packets have, and the most that one packet has: what the arena is for.
    pub(crate) fn octets(&self) -> (usize, usize) {
        let per_ms = self.entries.iter().map(|entry| match (&entry.meaning, &entry.codec.encoding) {
            (Meaning::Noise | Meaning::Other, _) => 0,
            (_, Encoding::G729) => 1,
            (_, Encoding::L16) => 2 * entry.clock_rate as usize / 1000,
            (_, Encoding::Opus) => OPUS_OCTETS_PER_MS,
            _ => 8,
        });
        let per_ms = per_ms.max().unwrap_or(0);
        (per_ms, (per_ms * MAX_PACKET_MS as usize).max(MAX_NOISE_PAYLOAD))
    }

    /// The entry of a payload type of which there is a packet, and its index. The first packet makes its decoder.
    pub(crate) fn find(&mut self, payload_type: PayloadType) -> Option<(u8, &Entry)> {
        let is_it = |entry: &Entry| entry.payload_type == payload_type;
        if !self.entries.get(self.recent).is_some_and(is_it) {
            self.recent = self.entries.iter().position(is_it)?;
        }
        let entry = self.entries.get_mut(self.recent)?;
        if matches!(entry.meaning, Meaning::Agreed) {
            entry.make_decoder(self.rate);
        }
        Some((u8::try_from(self.recent).ok()?, entry))
    }

    /// Asks for what the next packet needs, most likely.
    pub(crate) fn prefetch<P: Prefetch>(&self) {
        if let Some(entry) = self.entries.get(self.recent) {
            P::prefetch(entry, ENTRY_LINES);
        }
    }

    /// The part of a payload that is worth keeping.
    pub(crate) fn useful<'a>(&self, index: u8, payload: &'a [u8]) -> &'a [u8] {
        match self.entry(index) {
            Some(Entry { meaning: Meaning::Noise, .. }) => {
                payload.get(..MAX_NOISE_PAYLOAD).unwrap_or(payload)
            }
            _ => payload,
        }
    }

    /// The entry at an index.
    pub(crate) fn entry(&self, index: u8) -> Option<&Entry> {
        self.entries.get(usize::from(index))
    }

    /// The decoder at an index.
    pub(crate) fn voice(&mut self, index: u8) -> Option<&mut Voice> {
        match &mut self.entries.get_mut(usize::from(index))?.meaning {
            Meaning::Voice(voice) => Some(voice),
            _ => None,
        }
    }
}

impl Entry {
    /// Makes the decoder. Where that fails, which takes a library that has no memory, its packets are refused and the next one
    /// tries again.
    #[cold]
    fn make_decoder(&mut self, rate: u32) {
        if let Some(voice) = Voice::new(&self.codec, rate) {
            self.meaning = Meaning::Voice(voice);
        }
    }
}

impl Voice {
    fn new(codec: &Codec, rate: u32) -> Option<Self> {
        let decoder = decoder(codec, rate).ok()?;
        let from = decoder.sample_rate();
        let resampler = if from == rate { None } else { Some(Box::new(Resampler::new(from, rate).ok()?)) };
        Some(Self {
            decoder,
            resampler,
            per_10_ms: from as usize / 100,
            out_per_10_ms: rate as usize / 100,
            tacit: codec.encoding == Encoding::Opus,
            follows: codec.encoding == Encoding::G722 && from == rate,
            law: match codec.encoding {
                Encoding::Pcmu if from == rate => Some(Law::Mu),
                Encoding::Pcma if from == rate => Some(Law::A),
                _ => None,
            },
        })
    }

    fn reset(&mut self) {
        self.decoder.reset();
        if let Some(resampler) = &mut self.resampler {
            resampler.reset();
        }
    }

    /// Duration of a payload in ticks of `clock_rate` hertz.
    pub(crate) fn ticks(&self, payload: &[u8], clock_rate: u32) -> Result<u32, DecodeError> {
        let samples = self.decoder.duration(payload)?;
        if samples == 0 || samples > self.per_10_ms * (MAX_PACKET_MS as usize / 10) {
            return Err(DecodeError::Malformed { len: payload.len() });
        }
        let rate = self.per_10_ms as u64 * 100;
        if rate == u64::from(clock_rate) {
            return Ok(u32::try_from(samples).unwrap_or(0));
        }
        let ticks = samples as u64 * u64::from(clock_rate) / rate.max(1);
        Ok(u32::try_from(ticks).unwrap_or(0))
    }

    pub(crate) fn conceals(&self) -> bool {
        self.decoder.conceals()
    }

    pub(crate) const fn tacit(&self) -> bool {
        self.tacit
    }

    pub(crate) const fn follows(&self) -> bool {
        self.follows
    }

    /// The law of a codec whose octets are samples at the leg's rate.
    pub(crate) const fn law(&self) -> Option<Law> {
        self.law
    }

    /// Decodes to `out` at the leg's rate; returns how many samples that were.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<(usize, Signal), DecodeError> {
        let Some(resampler) = &mut self.resampler else {
            let decoded = self.decoder.decode(payload, out)?;
            return Ok((decoded.samples.min(out.len()), decoded.kind));
        };
        let len = self.decoder.duration(payload)?;
        with_room(len, |pcm| {
            let decoded = self.decoder.decode(payload, pcm)?;
            let pcm = pcm.get(..decoded.samples).unwrap_or_default();
            Ok((resampler.process(pcm, out), decoded.kind))
        })
    }

    /// The codec's own concealment of `out.len()` samples; returns how many it made. Where the rate has to be converted,
    /// whole steps of 10 ms.
    pub(crate) fn conceal(&mut self, next: Option<&[u8]>, out: &mut [i16]) -> usize {
        let made = self.own_rate(out.len());
        let Some(resampler) = &mut self.resampler else {
            self.decoder.conceal(out, next);
            return out.len();
        };
        with_room(made, |pcm| {
            self.decoder.conceal(pcm, next);
            resampler.process(pcm, out)
        })
    }

    /// The codec's own noise for about `out.len()` samples, by steps of 10 ms; returns how many it made.
    pub(crate) fn continue_noise(&mut self, out: &mut [i16]) -> Option<usize> {
        let made = self.own_rate(out.len());
        let Some(resampler) = &mut self.resampler else {
            let out = out.get_mut(..made).unwrap_or_default();
            return self.decoder.continue_noise(out).then_some(out.len());
        };
        with_room(made, |pcm| self.decoder.continue_noise(pcm).then(|| resampler.process(pcm, out)))
    }

    /// Samples at the decoder's rate, whole steps of 10 ms, that make no more than `out` at the leg's; at most those of
    /// the longest packet.
    fn own_rate(&self, out: usize) -> usize {
        (out / self.out_per_10_ms).min(MAX_PACKET_MS as usize / 10) * self.per_10_ms
    }

    pub(crate) fn feed_concealed(&mut self, pcm: &[i16]) {
        if self.follows {
            self.decoder.feed_concealed(pcm);
        }
    }
}

/// Samples of a packet of 20 ms and of the longest one, at the highest rate.
const USUAL: usize = 20 * MAX_PER_MS;
const LONGEST: usize = MAX_PACKET_MS as usize * MAX_PER_MS;

/// Gives `work` room for `len` samples of silence at a decoder's own rate: on the stack, for all legs of a thread the same.
fn with_room<T>(len: usize, work: impl FnOnce(&mut [i16]) -> T) -> T {
    if let Some(room) = [0; USUAL].get_mut(..len) {
        return work(room);
    }
    with_much_room(len, work)
}

#[inline(never)]
fn with_much_room<T>(len: usize, work: impl FnOnce(&mut [i16]) -> T) -> T {
    work([0; LONGEST].get_mut(..len).unwrap_or_default())
}
