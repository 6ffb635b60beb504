//! The decoder: a frame in, 10 ms of audio out. Clause 4, A.4 and B.4.4.

#![expect(
    clippy::indexing_slicing,
    reason = "subframes lie at constant places in buffers of constant lengths"
)]

mod speech;

use self::speech::SpeechState;
use crate::cng;
use crate::excitation::{FRAME, PAST, SHARPENING_MIN, SUBFRAME};
use crate::filter::{HighPass, Range, synthesise};
use crate::frame::{Frame, Sid, Speech};
use crate::lsf::Memory;
use crate::lsp::{self, Lpc, Lsp, ORDER};
use crate::math::Random;
use crate::ops::{add, l_mac, l_shl, mult_r, norm_l, round};
use crate::postfilter::Postfilter;
use crate::tables::filter::{OUTPUT_DENOMINATOR, OUTPUT_NUMERATOR};
use crate::tables::sid::SID_GAIN;

/// LSPs of the noise before the first SID.
const FIRST_NOISE: Lsp = [31_441, 27_566, 21_458, 13_612, 4663, -4663, -13_612, -21_458, -27_566, -31_441];

/// How much of the noise's level stays from frame to frame, Q15: 7/8. The rest comes from the last SID.
const LEVEL_KEPT: i16 = 28_672;

/// What the frame before was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Speech that came.
    Speech,
    /// Speech that was lost.
    LostSpeech,
    /// A SID or nothing.
    Noise,
}

/// Decodes one stream of frames.
///
/// Its state is plain data: a clone goes on as the original would.
///
/// ```
/// use mediapoint_g729::{Decoder, Frame, payload};
///
/// let mut decoder = Decoder::new();
/// let mut samples = Vec::new();
/// for frame in payload::split(&[0x78, 0x52, 0x80, 0xa0, 0x00, 0xfa, 0xc2, 0x00, 0x07, 0xd6])? {
///     samples.extend(decoder.decode(frame));
/// }
/// samples.extend(decoder.decode_erased()); // the next packet did not come
/// samples.extend(decoder.decode(Frame::Untransmitted)); // and then the speaker pauses
/// assert_eq!(samples.len(), 3 * Frame::SAMPLES);
/// # Ok::<(), payload::MalformedPayload>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    before: Before,
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
            before: Before::Speech,
            excitation: [0; PAST + FRAME],
            synthesis: [0; ORDER],
            lsf_memory: Memory::default(),
            lsp: lsp::INITIAL,
            speech: SpeechState::default(),
            noise: NoiseState { lsp: FIRST_NOISE, gain: SID_GAIN[0], level: 0, random: Random(cng::SEED) },
            postfilter: Postfilter::default(),
            output: HighPass::new(OUTPUT_NUMERATOR, OUTPUT_DENOMINATOR, 2),
        }
    }

    /// Decodes a frame into 10 ms of 16-bit samples at 8000 Hz. Every frame has a meaning.
    #[must_use]
    pub fn decode(&mut self, frame: Frame) -> [i16; Frame::SAMPLES] {
        let mut out = [0; FRAME];
        self.decode_into(frame, &mut out);
        out
    }

    /// [`decode`](Self::decode) into a buffer.
    pub fn decode_into(&mut self, frame: Frame, out: &mut [i16; Frame::SAMPLES]) {
        match frame {
            Frame::Speech(octets) => self.speech_frame(Some(&Speech::unpack(&octets)), out),
            Frame::Sid(octets) => {
                let sid = Sid::unpack(&octets);
                self.noise.gain = cng::sid_gain(sid.gain);
                self.noise.lsp = cng::sid_lsp(&sid, &mut self.lsf_memory);
                self.noise_frame(out);
            }
            Frame::Untransmitted => {
                if self.before != Before::Noise {
                    // The first SID was lost: its gain is that of the speech before. Clause B.4.5.
                    self.keep_energy();
                    self.noise.gain = cng::gain_of_energy(self.speech.energy);
                }
                self.noise_frame(out);
            }
        }
    }

    /// Makes up 10 ms for a frame that was lost: speech goes on and fades, noise just goes on. Clauses 4.4 and B.4.5.
    #[must_use]
    pub fn decode_erased(&mut self) -> [i16; Frame::SAMPLES] {
        let mut out = [0; FRAME];
        self.decode_erased_into(&mut out);
        out
    }

    /// [`decode_erased`](Self::decode_erased) into a buffer.
    pub fn decode_erased_into(&mut self, out: &mut [i16; Frame::SAMPLES]) {
        match self.before {
            Before::Speech | Before::LostSpeech => {
                self.keep_energy();
                self.speech_frame(None, out);
            }
            Before::Noise => self.noise_frame(out),
        }
    }

    /// A frame of speech, or what replaces a lost one.
    fn speech_frame(&mut self, parameters: Option<&Speech>, out: &mut [i16; FRAME]) {
        self.noise.random = Random(cng::SEED);
        let lsp = self.speech.lsp(parameters, &mut self.lsf_memory);
        let lpc = self.filters(lsp);

        let mut delays = [0; 2];
        for (k, a) in lpc.iter().enumerate() {
            let delay = parameters.and_then(|speech| match k {
                0 => speech::first_delay(speech),
                _ => Some(speech::second_delay(speech, delays[0])),
            });
            let given = parameters.map(|speech| &speech.subframes[k]);
            delays[k] = self.speech.subframe(given, delay, &mut self.excitation, PAST + SUBFRAME * k);
            self.synthesise_subframe(a, k, out);
        }
        self.before = if parameters.is_some() { Before::Speech } else { Before::LostSpeech };
        self.finish(&lpc, Some(delays), out);
    }

    /// A frame of comfort noise.
    fn noise_frame(&mut self, out: &mut [i16; FRAME]) {
        let noise = &mut self.noise;
        noise.level = match self.before {
            Before::Speech | Before::LostSpeech => noise.gain,
            Before::Noise => {
                add(mult_r(noise.level, LEVEL_KEPT), mult_r(noise.gain, i16::MAX - LEVEL_KEPT + 1))
            }
        };
        cng::excitation(&mut self.excitation, noise.level, &mut noise.random);
        let lsp = noise.lsp;
        let lpc = self.filters(lsp);
        self.speech.sharpening = SHARPENING_MIN;
        for (k, a) in lpc.iter().enumerate() {
            self.synthesise_subframe(a, k, out);
        }
        self.before = Before::Noise;
        self.finish(&lpc, None, out);
    }

    /// The filters of both subframes.
    fn filters(&mut self, lsp: Lsp) -> [Lpc; 2] {
        let lpc = lsp::interpolate(&self.lsp, &lsp);
        self.lsp = lsp;
        lpc
    }

    /// Excitation to speech. Where the synthesis runs out of range, all of the excitation is divided by four.
    fn synthesise_subframe(&mut self, a: &Lpc, k: usize, out: &mut [i16; FRAME]) {
        let start = PAST + SUBFRAME * k;
        let mut buffer = [0; ORDER + SUBFRAME];
        buffer[..ORDER].copy_from_slice(&self.synthesis);
        if synthesise(a, &self.excitation[start..start + SUBFRAME], &mut buffer) == Range::Exceeded {
            self.excitation.iter_mut().for_each(|x| *x >>= 2);
            let _ = synthesise(a, &self.excitation[start..start + SUBFRAME], &mut buffer);
        }
        self.synthesis.copy_from_slice(&buffer[SUBFRAME..]);
        out[SUBFRAME * k..][..SUBFRAME].copy_from_slice(&buffer[ORDER..]);
    }

    /// What follows the synthesis.
    fn finish(&mut self, lpc: &[Lpc; 2], delays: Option<[i16; 2]>, out: &mut [i16; FRAME]) {
        self.excitation.copy_within(FRAME.., 0);
        let (subframes, _) = out.as_chunks_mut();
        for (k, (subframe, a)) in subframes.iter_mut().zip(lpc).enumerate() {
            self.postfilter.filter(subframe, a, delays.map(|delays| delays[k]));
            self.output.filter(subframe);
        }
    }

    /// Takes down the energy of the excitation if the frame before came: the next one moves it on.
    fn keep_energy(&mut self) {
        if self.before == Before::Speech {
            let energy = self.excitation[PAST - FRAME..PAST].iter().fold(0, |sum, &x| l_mac(sum, x, x));
            let shift = norm_l(energy);
            self.speech.energy = (round(l_shl(energy, shift)), 16 - shift);
        }
    }
}

#[cfg(test)]
mod tests;
