//! What the payload types of a stream stand for, each with its decoder.

use mediapoint_codec::comfort_noise::NoiseGenerator;
use mediapoint_codec::resample::Resampler;
use mediapoint_codec::{Codec, DecodeError, Decoder, Encoding, MAX_PACKET_MS, Signal, decoder};
use mediapoint_packet::rtp::PayloadType;

use crate::config::ConfigError;

/// The fastest decoder's rate in samples a millisecond.
const MAX_RATE_KHZ: usize = 48;
const MAX_SAMPLES: usize = MAX_RATE_KHZ * MAX_PACKET_MS as usize;
const NOISE_SEED: u32 = 0x6d70;

/// Decodes one payload type to samples at the leg's rate.
pub(crate) struct Voice {
    decoder: Box<dyn Decoder>,
    /// Where the decoder's rate is not the leg's.
    resampler: Option<Resampler>,
    /// Samples at the decoder's rate for each 10 ms.
    per_10_ms: usize,
    out_per_10_ms: usize,
    /// The decoder wants to be told what was played in place of lost audio.
    follows: bool,
    /// Its encoders fall silent without a word, and its concealment turns into noise by itself.
    tacit: bool,
}

/// What a payload type stands for.
pub(crate) enum Meaning {
    Voice(Voice),
    /// Comfort noise, RFC 3389.
    Noise,
    /// Telephone events, and whatever else is no audio.
    Other,
}

pub(crate) struct Entry {
    pub(crate) payload_type: PayloadType,
    pub(crate) codec: Codec,
    pub(crate) meaning: Meaning,
}

/// The payload types of a leg.
pub(crate) struct Payloads {
    rate: u32,
    entries: Vec<Entry>,
    /// Decoded at the decoder's rate, on its way to the leg's.
    scratch: Box<[i16]>,
    pub(crate) noise: NoiseGenerator,
}

impl Payloads {
    pub(crate) fn new(rate: u32, payloads: &[(PayloadType, Codec)]) -> Result<Self, ConfigError> {
        let mut this = Self {
            rate,
            entries: Vec::new(),
            scratch: vec![0; MAX_SAMPLES].into_boxed_slice(),
            noise: NoiseGenerator::new(rate, NOISE_SEED),
        };
        this.configure(rate, payloads)?;
        Ok(this)
    }

    /// Other payload types or another rate: decoders of what stays go on where they were.
    pub(crate) fn configure(
        &mut self,
        rate: u32,
        payloads: &[(PayloadType, Codec)],
    ) -> Result<(), ConfigError> {
        if payloads.len() > 128 {
            return Err(ConfigError::Payloads(payloads.len()));
        }
        // Made first, so that nothing has changed where one is refused.
        let mut entries = Vec::with_capacity(payloads.len());
        for (payload_type, codec) in payloads {
            let kept = |entry: &Entry| entry.payload_type == *payload_type && entry.codec == *codec;
            let meaning = match codec.encoding {
                Encoding::ComfortNoise => Meaning::Noise,
                Encoding::TelephoneEvent => Meaning::Other,
                _ if rate == self.rate && self.entries.iter().any(kept) => Meaning::Other,
                _ => Meaning::Voice(Voice::new(*payload_type, codec, rate)?),
            };
            entries.push(Entry { payload_type: *payload_type, codec: codec.clone(), meaning });
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
            self.noise = NoiseGenerator::new(rate, NOISE_SEED);
        }
        self.rate = rate;
        self.entries = entries;
        Ok(())
    }

    pub(crate) fn find(&self, payload_type: PayloadType) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.payload_type == payload_type)
    }

    /// The voice of a payload type, with the buffer that it decodes to.
    pub(crate) fn voice(&mut self, payload_type: PayloadType) -> Option<(&mut Voice, &mut [i16])> {
        let entry = self.entries.iter_mut().find(|entry| entry.payload_type == payload_type)?;
        match &mut entry.meaning {
            Meaning::Voice(voice) => Some((voice, &mut self.scratch)),
            _ => None,
        }
    }
}

impl Voice {
    fn new(payload_type: PayloadType, codec: &Codec, rate: u32) -> Result<Self, ConfigError> {
        let refused = |reason| ConfigError::Codec { payload_type: payload_type.get(), reason };
        let decoder = decoder(codec, rate).map_err(refused)?;
        let from = decoder.sample_rate();
        let resampler = if from == rate {
            None
        } else {
            Some(Resampler::new(from, rate).map_err(|_| ConfigError::Rate(from))?)
        };
        Ok(Self {
            decoder,
            resampler,
            per_10_ms: from as usize / 100,
            out_per_10_ms: rate as usize / 100,
            tacit: codec.encoding == Encoding::Opus,
            follows: codec.encoding == Encoding::G722 && from == rate,
        })
    }

    /// Samples at the decoder's rate that a payload stands for, and that rate in samples for each 10 ms.
    pub(crate) fn duration(&self, payload: &[u8]) -> Result<(usize, usize), DecodeError> {
        let samples = self.decoder.duration(payload)?;
        if samples == 0 || samples > self.per_10_ms * (MAX_PACKET_MS as usize / 10) {
            return Err(DecodeError::Malformed { len: payload.len() });
        }
        Ok((samples, self.per_10_ms))
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

    /// Decodes to `out` at the leg's rate; tells how many samples it became.
    pub(crate) fn decode(
        &mut self,
        payload: &[u8],
        scratch: &mut [i16],
        out: &mut [i16],
    ) -> Result<(usize, Signal), DecodeError> {
        let Some(resampler) = &mut self.resampler else {
            let decoded = self.decoder.decode(payload, out)?;
            return Ok((decoded.samples.min(out.len()), decoded.kind));
        };
        let decoded = self.decoder.decode(payload, scratch)?;
        let pcm = scratch.get(..decoded.samples).unwrap_or_default();
        Ok((resampler.process(pcm, out), decoded.kind))
    }

    /// The codec's own concealment of `out.len()` samples; tells how many it made. Where the rate has to be converted,
    /// whole steps of 10 ms.
    pub(crate) fn conceal(&mut self, next: Option<&[u8]>, scratch: &mut [i16], out: &mut [i16]) -> usize {
        let made = self.own_rate(out.len(), scratch.len());
        let Some(resampler) = &mut self.resampler else {
            self.decoder.conceal(out, next);
            return out.len();
        };
        let pcm = scratch.get_mut(..made).unwrap_or_default();
        self.decoder.conceal(pcm, next);
        resampler.process(pcm, out)
    }

    /// The codec's own noise for about `out.len()` samples, by steps of 10 ms; tells how many it made.
    pub(crate) fn continue_noise(&mut self, scratch: &mut [i16], out: &mut [i16]) -> Option<usize> {
        let made = self.own_rate(out.len(), scratch.len());
        let Some(resampler) = &mut self.resampler else {
            let out = out.get_mut(..made).unwrap_or_default();
            return self.decoder.continue_noise(out).then_some(out.len());
        };
        let pcm = scratch.get_mut(..made).unwrap_or_default();
        self.decoder.continue_noise(pcm).then(|| resampler.process(pcm, out))
    }

    /// Samples at the decoder's rate, whole steps of 10 ms, that make no more than `out` at the leg's.
    fn own_rate(&self, out: usize, most: usize) -> usize {
        (out / self.out_per_10_ms).min(most / self.per_10_ms) * self.per_10_ms
    }

    pub(crate) fn feed_concealed(&mut self, pcm: &[i16]) {
        if self.follows {
            self.decoder.feed_concealed(pcm);
        }
    }
}
