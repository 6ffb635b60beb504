//! Payloads to samples.

use opus::{Channels, packet};

use super::{rate_for, unsupported};
use crate::coder::{Decoded, Decoder, MAX_PACKET_MS, Signal, pcm_room};
use crate::error::{DecodeError, Unsupported};

/// A payload of at most this many octets holds no audio: its sender is in a pause [RFC7587 3.1.3].
const PAUSE: usize = 2;

/// Opus to samples.
pub(crate) struct OpusDecoder {
    library: opus::Decoder,
    rate: u32,
    /// Samples of 2.5 ms, the least that libopus conceals.
    unit: usize,
    /// Room for a unit of which not all is wanted.
    scratch: Box<[i16]>,
}

impl OpusDecoder {
    /// A decoder that makes audio at a rate that loses nothing that `rate` could carry.
    pub(crate) fn new(rate: u32) -> Result<Self, Unsupported> {
        let rate = rate_for(rate);
        let library = opus::Decoder::new(rate, Channels::Mono).map_err(|error| unsupported(&error))?;
        let unit = (rate / 400) as usize;
        Ok(Self { library, rate, unit, scratch: vec![0; unit].into_boxed_slice() })
    }

    /// Lets libopus continue what it last decoded; all of `pcm`, a multiple of a unit.
    fn continue_audio(&mut self, pcm: &mut [i16]) {
        for part in pcm.chunks_mut(self.unit * 8) {
            if self.library.decode(&[], part, false).is_err() {
                part.fill(0);
            }
        }
    }

    /// Fills any length: libopus makes whole units, of the first of which the end may be all that is wanted.
    fn extrapolate(&mut self, pcm: &mut [i16]) {
        let (part, whole) = pcm.split_at_mut(pcm.len() % self.unit);
        if !part.is_empty() {
            let mut scratch = std::mem::take(&mut self.scratch);
            self.continue_audio(&mut scratch);
            part.iter_mut().rev().zip(scratch.iter().rev()).for_each(|(out, sample)| *out = *sample);
            self.scratch = scratch;
        }
        self.continue_audio(whole);
    }
}

impl Decoder for OpusDecoder {
    fn sample_rate(&self) -> u32 {
        self.rate
    }

    fn duration(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        let len = payload.len();
        if len == 0 {
            return Err(DecodeError::Malformed { len });
        }
        packet::get_nb_samples(payload, self.rate)
            .ok()
            .filter(|samples| (1..=(self.rate / 1000 * MAX_PACKET_MS) as usize).contains(samples))
            .ok_or(DecodeError::Malformed { len })
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<Decoded, DecodeError> {
        let need = self.duration(payload)?;
        let out = pcm_room(pcm, need)?;
        let len = payload.len();
        let samples = self.library.decode(payload, out, false).map_err(|_| DecodeError::Malformed { len })?;
        let kind = if len <= PAUSE { Signal::ComfortNoise } else { Signal::Speech };
        Ok(Decoded { samples, kind })
    }

    fn conceals(&self) -> bool {
        true
    }

    fn conceal(&mut self, pcm: &mut [i16], next: Option<&[u8]>) {
        // What `next` repeats is the last frame before it, and as long as its own first one.
        let copy = next.filter(|next| !next.is_empty()).and_then(|next| {
            let frame = packet::get_samples_per_frame(next, self.rate).ok()?;
            Some((next, pcm.len().checked_sub(frame)?))
        });
        let Some((next, before)) = copy else { return self.extrapolate(pcm) };
        let (before, frame) = pcm.split_at_mut(before);
        self.extrapolate(before);
        if self.library.decode(next, frame, true).is_err() {
            self.extrapolate(frame);
        }
    }

    fn continue_noise(&mut self, pcm: &mut [i16]) -> bool {
        self.extrapolate(pcm);
        true
    }

    fn reset(&mut self) {
        // Cannot fail on a decoder that was made.
        let _ = self.library.reset_state();
    }
}
