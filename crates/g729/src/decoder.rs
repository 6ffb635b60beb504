//! The decoder: a frame in, 10 ms of audio out. Clause 4, A.4 and B.4.4.

mod speech;

use crate::cng;
use crate::excitation::{FRAME, PAST, SHARPENING_MIN, SUBFRAME};
use crate::filter::{HighPass, Range, synthesise};
use crate::frame::{self, Frame};
use crate::gain::{Gains, Predictor};
use crate::lsf::Memory;
use crate::lsp::{self, Lpc, Lsf, Lsp, ORDER};
use crate::math::Random;
use crate::ops::{l_mac, l_shl, mult_r, norm_l, round};
use crate::postfilter::Postfilter;
use crate::tables::filter::{OUTPUT_DENOMINATOR, OUTPUT_NUMERATOR};
use crate::tables::lsp::LSF_MEMORY_RESET;
use crate::tables::sid::SID_GAIN;

/// Seed of the generator that replaces lost pulses.
const LOSS_SEED: i16 = 21_845;
/// Pitch delay before the first frame.
const FIRST_DELAY: i16 = 60;
/// LSPs of the noise before the first SID.
const FIRST_NOISE: Lsp = [31_441, 27_566, 21_458, 13_612, 4663, -4663, -13_612, -21_458, -27_566, -31_441];

/// Whether the frame before was speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// Speech that came.
    Speech,
    /// Speech that was lost.
    Lost,
    /// A SID or nothing.
    Noise,
}

/// Decodes one stream of frames.
#[derive(Clone, Debug)]
pub struct Decoder {
    before: Activity,
    /// Excitation: past, and the present frame.
    excitation: [i16; PAST + FRAME],
    /// The last ten samples of the synthesis.
    synthesis: [i16; ORDER],
    lsf_memory: Memory,
    lsp: Lsp,
    speech: SpeechState,
    noise: NoiseState,
    postfilter: Postfilter,
    output: HighPass,
}

/// What speech frames keep for the next one.
#[derive(Clone, Debug)]
struct SpeechState {
    /// LSFs and predictor of the last frame that came.
    lsf: Lsf,
    predictor: usize,
    gain_memory: Predictor,
    gains: Gains,
    sharpening: i16,
    /// The pitch delay kept for subframes without one.
    delay: i16,
    random: Random,
    /// Energy of the excitation of the last frame that came, mantissa and shift.
    energy: (i16, i16),
}

/// What the comfort noise keeps.
#[derive(Clone, Debug)]
struct NoiseState {
    lsp: Lsp,
    /// Gain of the last SID, Q3.
    gain: i16,
    /// The level now, Q3.
    level: i16,
    random: Random,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            before: Activity::Speech,
            excitation: [0; PAST + FRAME],
            synthesis: [0; ORDER],
            lsf_memory: Memory::default(),
            lsp: lsp::INITIAL,
            speech: SpeechState {
                lsf: LSF_MEMORY_RESET,
                predictor: 0,
                gain_memory: Predictor::default(),
                gains: Gains::default(),
                sharpening: SHARPENING_MIN,
                delay: FIRST_DELAY,
                random: Random(LOSS_SEED),
                energy: (0, 1),
            },
            noise: NoiseState { lsp: FIRST_NOISE, gain: SID_GAIN[0], level: 0, random: Random(cng::SEED) },
            postfilter: Postfilter::default(),
            output: HighPass::new(OUTPUT_NUMERATOR, OUTPUT_DENOMINATOR, 2),
        }
    }

    /// Decodes a frame into 10 ms of 16-bit samples at 8000 Hz.
    pub fn decode(&mut self, frame: Frame) -> [i16; FRAME] {
        let mut out = [0; FRAME];
        self.decode_into(frame, &mut out);
        out
    }

    /// Decodes a frame into 10 ms of 16-bit samples at 8000 Hz.
    pub fn decode_into(&mut self, frame: Frame, out: &mut [i16; FRAME]) {
        match frame {
            Frame::Speech(octets) => {
                let parameters = frame::Speech::unpack(&octets);
                self.speech_frame(Some(&parameters), out);
            }
            Frame::Sid(octets) => {
                let sid = frame::Sid::unpack(&octets);
                self.noise.gain = cng::sid_gain(sid.gain);
                self.noise.lsp = cng::sid_lsp(&sid, &mut self.lsf_memory);
                self.noise_frame(out);
            }
            Frame::Untransmitted => {
                if self.before != Activity::Noise {
                    // The first SID was lost: its gain is that of the speech before.
                    self.keep_energy();
                    let (mantissa, shift) = self.speech.energy;
                    self.noise.gain = cng::gain_of_energy(mantissa, shift);
                }
                self.noise_frame(out);
            }
        }
    }

    /// Makes up a frame that was lost: speech goes on fading, noise just goes on. Clauses 4.4 and B.4.5.
    pub fn decode_erased(&mut self) -> [i16; FRAME] {
        let mut out = [0; FRAME];
        match self.before {
            Activity::Speech | Activity::Lost => {
                self.keep_energy();
                self.speech_frame(None, &mut out);
            }
            Activity::Noise => self.noise_frame(&mut out),
        }
        out
    }

    /// Takes down the energy of the excitation if the frame before came: the next one overwrites it.
    fn keep_energy(&mut self) {
        if self.before == Activity::Speech {
            let energy = self.excitation[PAST - FRAME..PAST].iter().fold(0, |sum, &x| l_mac(sum, x, x));
            let shift = norm_l(energy);
            self.speech.energy = (round(l_shl(energy, shift)), 16 - shift);
        }
    }

    /// A frame of speech, or what replaces a lost one.
    fn speech_frame(&mut self, parameters: Option<&frame::Speech>, out: &mut [i16; FRAME]) {
        self.noise.random = Random(cng::SEED);
        let lsp = self.speech.lsp(parameters, &mut self.lsf_memory);
        let lpc = lsp::interpolate(&self.lsp, &lsp);
        self.lsp = lsp;

        let mut delays = [0; 2];
        for k in 0..2 {
            let start = PAST + SUBFRAME * k;
            delays[k] = self.speech.subframe(k, parameters, delays[0], &mut self.excitation, start);
            self.synthesise_subframe(&lpc, k, out);
        }
        let now = if parameters.is_some() { Activity::Speech } else { Activity::Lost };
        self.finish(now, &lpc, Some(delays), out);
    }

    /// A frame of comfort noise.
    fn noise_frame(&mut self, out: &mut [i16; FRAME]) {
        let noise = &mut self.noise;
        noise.level = match self.before {
            Activity::Speech | Activity::Lost => noise.gain,
            Activity::Noise => mult_r(noise.level, 28_672).saturating_add(mult_r(noise.gain, 4096)),
        };
        cng::excitation(&mut self.excitation, noise.level, &mut noise.random);
        let lpc = lsp::interpolate(&self.lsp, &noise.lsp);
        self.lsp = noise.lsp;
        self.speech.sharpening = SHARPENING_MIN;
        for k in 0..2 {
            self.synthesise_subframe(&lpc, k, out);
        }
        self.finish(Activity::Noise, &lpc, None, out);
    }

    /// Excitation to speech. Where the synthesis runs out of range, all of the excitation is divided by four.
    fn synthesise_subframe(&mut self, lpc: &[Lpc; 2], k: usize, out: &mut [i16; FRAME]) {
        let start = PAST + SUBFRAME * k;
        let mut buffer = [0; ORDER + SUBFRAME];
        buffer[..ORDER].copy_from_slice(&self.synthesis);
        let first = synthesise(&lpc[k], &self.excitation[start..start + SUBFRAME], &mut buffer);
        if first == Range::Exceeded {
            self.excitation.iter_mut().for_each(|x| *x >>= 2);
            let _ = synthesise(&lpc[k], &self.excitation[start..start + SUBFRAME], &mut buffer);
        }
        self.synthesis.copy_from_slice(&buffer[SUBFRAME..]);
        out[SUBFRAME * k..][..SUBFRAME].copy_from_slice(&buffer[ORDER..]);
    }

    /// What follows the synthesis.
    fn finish(&mut self, now: Activity, lpc: &[Lpc; 2], delays: Option<[i16; 2]>, out: &mut [i16; FRAME]) {
        self.before = now;
        self.excitation.copy_within(FRAME.., 0);
        let (subframes, _) = out.as_chunks_mut();
        for (k, (subframe, a)) in subframes.iter_mut().zip(lpc).enumerate() {
            self.postfilter.filter(subframe, a, delays.map(|delays| delays[k]));
            self.output.filter(subframe);
        }
    }
}

#[cfg(test)]
mod tests;
