//! A prompt: shared immutable samples, by rate, and encoded by codec. Everything here is for threads that may wait;
//! workers get what was made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mediapoint_codec::{Codec, EncoderSettings, Parameters, encoder};

use crate::budget::Budget;
use crate::decode::{Audio, duration};
use crate::encoded::EncodedPrompt;
use crate::error::PromptError;

/// Decoded audio that any number of calls play. What is made of it, other rates and encoded frames, is made once and
/// kept as long as it.
#[derive(Debug)]
pub struct Prompt {
    name: Box<str>,
    rate: u32,
    samples: Arc<[i16]>,
    made: Mutex<Made>,
    /// Bytes of samples and payloads.
    bytes: AtomicU64,
    encodings: AtomicU64,
    budget: Option<Arc<Budget>>,
}

#[derive(Debug, Default)]
struct Made {
    rates: Vec<(u32, Arc<[i16]>)>,
    encoded: Vec<(EncodingKey, Arc<EncodedPrompt>)>,
}

/// What a prompt is to be there as before it plays.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// Samples at a rate in hertz.
    Samples(u32),
    /// Frames of a codec, as in [`Prompt::encoded`].
    Frames {
        /// The codec.
        codec: Codec,
        /// What the party asked for in `a=fmtp`.
        party: Parameters,
        /// Milliseconds of a packet.
        packet_ms: u32,
    },
}

#[derive(Debug, PartialEq)]
struct EncodingKey {
    codec: Codec,
    party: Parameters,
    packet_ms: u32,
}

impl Prompt {
    /// A prompt of audio at hand. `name` is what saved states call it.
    #[must_use]
    pub fn new(name: &str, audio: Audio) -> Arc<Self> {
        let bytes = audio.samples.len() as u64 * 2;
        Arc::new(Self {
            name: name.into(),
            rate: audio.rate,
            samples: audio.samples.into(),
            made: Mutex::default(),
            bytes: AtomicU64::new(bytes),
            encodings: AtomicU64::new(0),
            budget: None,
        })
    }

    /// A prompt whose memory counts towards a bound.
    pub(crate) fn counted(name: &str, audio: Audio, budget: &Arc<Budget>) -> Result<Arc<Self>, PromptError> {
        let bytes = audio.samples.len() as u64 * 2;
        budget.reserve(bytes)?;
        Ok(Arc::new(Self {
            name: name.into(),
            rate: audio.rate,
            samples: audio.samples.into(),
            made: Mutex::default(),
            bytes: AtomicU64::new(bytes),
            encodings: AtomicU64::new(0),
            budget: Some(Arc::clone(budget)),
        }))
    }

    /// Its name: the path, URL or digest that it was loaded by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rate in hertz that it was decoded at.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        duration(self.samples.len() as u64, self.rate)
    }

    /// Bytes of samples and payloads that it holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many times it was encoded.
    #[must_use]
    pub fn encodings(&self) -> u64 {
        self.encodings.load(Ordering::Relaxed)
    }

    /// Its samples at a rate in hertz; they are made now where they were not. Takes milliseconds a minute of audio: not
    /// for a worker.
    ///
    /// # Errors
    /// [`PromptError`] where there is no conversion, or no memory left for prompts.
    pub fn samples(&self, rate: u32) -> Result<Arc<[i16]>, PromptError> {
        self.samples_with(&mut self.made(), rate)
    }

    /// Its frames for a codec, as a party asked for it in `a=fmtp`, in packets of `packet_ms` milliseconds, each encoded
    /// by one encoder from the beginning, without discontinuous transmission. They are made now where they were not: not
    /// for a worker.
    ///
    /// # Errors
    /// [`PromptError`] where there is no such encoder or packet, or no memory left for prompts.
    pub fn encoded(
        &self,
        codec: &Codec,
        party: &Parameters,
        packet_ms: u32,
    ) -> Result<Arc<EncodedPrompt>, PromptError> {
        if !(10..=120).contains(&packet_ms) || !packet_ms.is_multiple_of(10) {
            return Err(PromptError::PacketTime(packet_ms));
        }
        let key = EncodingKey { codec: codec.clone(), party: party.clone(), packet_ms };
        // Whoever asks for the same meanwhile waits here, so that it is encoded once.
        let mut made = self.made();
        if let Some((_, encoded)) = made.encoded.iter().find(|(have, _)| *have == key) {
            return Ok(Arc::clone(encoded));
        }
        let settings = EncoderSettings { dtx: false, ..EncoderSettings::default() };
        let mut encoder = encoder(codec, self.rate.min(48_000), party, &settings)
            .map_err(|source| PromptError::Codec { codec: codec.to_string(), source })?;
        let samples = self.samples_with(&mut made, encoder.sample_rate())?;
        let encoded = EncodedPrompt::encode(&mut *encoder, codec, packet_ms, &samples)
            .map_err(|source| PromptError::Encode { codec: codec.to_string(), packet_ms, source })?;
        self.grow(encoded.bytes())?;
        self.encodings.fetch_add(1, Ordering::Relaxed);
        let encoded = Arc::new(encoded);
        made.encoded.push((key, Arc::clone(&encoded)));
        Ok(encoded)
    }

    /// True where all of these forms are there. Does not wait: false while any is being made.
    pub(crate) fn has(&self, forms: &[Form]) -> bool {
        let Ok(made) = self.made.try_lock() else { return false };
        forms.iter().all(|form| match form {
            Form::Samples(rate) => *rate == self.rate || made.rates.iter().any(|(have, _)| have == rate),
            Form::Frames { codec, party, packet_ms } => {
                let is_same = |key: &EncodingKey| {
                    key.codec == *codec && key.party == *party && key.packet_ms == *packet_ms
                };
                made.encoded.iter().any(|(have, _)| is_same(have))
            }
        })
    }

    /// Makes forms where they are not made.
    pub(crate) fn make(&self, forms: &[Form]) -> Result<(), PromptError> {
        for form in forms {
            match form {
                Form::Samples(rate) => drop(self.samples(*rate)?),
                Form::Frames { codec, party, packet_ms } => drop(self.encoded(codec, party, *packet_ms)?),
            }
        }
        Ok(())
    }

    fn samples_with(&self, made: &mut Made, rate: u32) -> Result<Arc<[i16]>, PromptError> {
        if rate == self.rate {
            return Ok(Arc::clone(&self.samples));
        }
        if let Some((_, samples)) = made.rates.iter().find(|(have, _)| *have == rate) {
            return Ok(Arc::clone(samples));
        }
        let need = self.samples.len() as u64 * u64::from(rate) / u64::from(self.rate.max(1)) * 2;
        self.grow(need)?;
        let audio = Audio { rate: self.rate, samples: self.samples.to_vec() };
        let samples: Arc<[i16]> = match audio.at_rate(rate) {
            Ok(audio) => audio.samples.into(),
            Err(error) => {
                self.shrink(need);
                return Err(error.into());
            }
        };
        made.rates.push((rate, Arc::clone(&samples)));
        Ok(samples)
    }

    /// Counts bytes that are kept for it elsewhere.
    pub(crate) fn keep(&self, bytes: u64) -> Result<(), PromptError> {
        self.grow(bytes)
    }

    fn grow(&self, bytes: u64) -> Result<(), PromptError> {
        if let Some(budget) = &self.budget {
            budget.reserve(bytes)?;
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn shrink(&self, bytes: u64) {
        if let Some(budget) = &self.budget {
            budget.release(bytes);
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        self.shrink(self.bytes());
    }
}
