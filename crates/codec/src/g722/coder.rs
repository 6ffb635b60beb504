//! The traits for G.722.

use super::band::{HighBand, LowBand};
use super::filter::{Analysis, BLOCK, Synthesis};
use crate::coder::{
    Decoded, Decoder, Encoded, Encoder, MAX_PACKET_MS, Signal, Transmission, check_length, payload_room,
    pcm_room,
};
use crate::error::{DecodeError, EncodeError};

const RATE: u32 = 16_000;
/// 10 ms.
const GRANULE: usize = 160;
const MAX_SAMPLES: usize = (RATE / 1000 * MAX_PACKET_MS) as usize;

/// G.722 to samples at 16 kHz.
#[derive(Debug)]
pub(crate) struct G722Decoder {
    low: LowBand,
    high: HighBand,
    synthesis: Synthesis,
    /// Splits what is played in place of lost audio; knows what came before it.
    analysis: Analysis,
}

impl G722Decoder {
    pub(crate) const fn new() -> Self {
        Self {
            low: LowBand::new(),
            high: HighBand::new(),
            synthesis: Synthesis::new(),
            analysis: Analysis::new(),
        }
    }
}

impl Decoder for G722Decoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn duration(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        let len = payload.len();
        let samples = 2 * len;
        if (1..=MAX_SAMPLES).contains(&samples) { Ok(samples) } else { Err(DecodeError::Malformed { len }) }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<Decoded, DecodeError> {
        let samples = self.duration(payload)?;
        let out = pcm_room(pcm, samples)?;
        let Self { low, high, synthesis, analysis } = self;
        for (codes, out) in payload.chunks(BLOCK).zip(out.chunks_mut(2 * BLOCK)) {
            let mut codes = codes.iter();
            synthesis.process(out, || {
                let code = codes.next().copied().unwrap_or_default();
                (low.decode(code & 63), high.decode(code >> 6))
            });
        }
        analysis.skip(pcm.get(..samples).unwrap_or_default());
        Ok(Decoded { samples, kind: Signal::Speech })
    }

    /// Codes again what was played, so that scale factors and predictors are where they would be had it been sent.
    fn feed_concealed(&mut self, pcm: &[i16]) {
        let Self { low, high, synthesis, analysis } = self;
        for block in pcm.chunks(2 * BLOCK) {
            analysis.process(block, |low_value, high_value| {
                let low_value = low.decode(low.quantise(low_value));
                let high_value = high.decode(high.quantise(high_value));
                synthesis.skip(low_value, high_value);
            });
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// Samples at 16 kHz to G.722.
#[derive(Debug)]
pub(crate) struct G722Encoder {
    low: LowBand,
    high: HighBand,
    analysis: Analysis,
}

impl G722Encoder {
    pub(crate) const fn new() -> Self {
        Self { low: LowBand::new(), high: HighBand::new(), analysis: Analysis::new() }
    }
}

impl Encoder for G722Encoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn granule(&self) -> usize {
        GRANULE
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Encoded, EncodeError> {
        check_length(pcm.len(), GRANULE, MAX_SAMPLES)?;
        let need = pcm.len() / 2;
        let out = payload_room(payload, need)?;
        let Self { low, high, analysis } = self;
        for (samples, codes) in pcm.chunks(2 * BLOCK).zip(out.chunks_mut(BLOCK)) {
            let mut codes = codes.iter_mut();
            analysis.process(samples, |low_value, high_value| {
                let code = high.encode(high_value) << 6 | low.encode(low_value);
                if let Some(to) = codes.next() {
                    *to = code;
                }
            });
        }
        Ok(Encoded::whole(need, Transmission::Speech))
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}
