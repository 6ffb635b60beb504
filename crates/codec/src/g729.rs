//! G.729 behind the traits: frames of 10 ms, any number of them in a payload, of which the last may be a noise
//! description [RFC3551 4.5.6].

use std::ops::Range;

use mediapoint_g729::payload::{self, PackError};
use mediapoint_g729::{Encoder as FrameEncoder, EncoderOptions, Frame};

use crate::coder::{
    Decoded, Decoder, Encoded, Encoder, MAX_PACKET_MS, Signal, Transmission, check_length, pcm_room,
};
use crate::error::{DecodeError, EncodeError};

const RATE: u32 = 8000;
const FRAME: usize = Frame::SAMPLES;
const MAX_FRAMES: usize = (RATE / 1000 * MAX_PACKET_MS) as usize / FRAME;

/// G.729 to samples at 8 kHz.
pub(crate) struct G729Decoder {
    frames: mediapoint_g729::Decoder,
    /// The rest of a frame of which not all was wanted: concealment and noise may be asked for by any length.
    rest: [i16; FRAME],
    left: usize,
}

impl G729Decoder {
    pub(crate) fn new() -> Self {
        Self { frames: mediapoint_g729::Decoder::new(), rest: [0; FRAME], left: 0 }
    }

    /// Fills any length with frames that `next` makes, going on where the last such frame was left.
    fn fill(
        &mut self,
        mut pcm: &mut [i16],
        mut next: impl FnMut(&mut mediapoint_g729::Decoder) -> [i16; FRAME],
    ) {
        while !pcm.is_empty() {
            if self.left == 0 {
                self.rest = next(&mut self.frames);
                self.left = FRAME;
            }
            let from = self.rest.get(FRAME - self.left..).unwrap_or_default();
            let count = from.len().min(pcm.len());
            let (now, later) = pcm.split_at_mut(count);
            now.iter_mut().zip(from).for_each(|(out, sample)| *out = *sample);
            self.left -= count;
            pcm = later;
        }
    }
}

impl Decoder for G729Decoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn duration(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        let len = payload.len();
        match payload::split(payload).map(|frames| frames.len()) {
            Ok(frames @ 1..=MAX_FRAMES) => Ok(frames * FRAME),
            _ => Err(DecodeError::Malformed { len }),
        }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<Decoded, DecodeError> {
        let need = self.duration(payload)?;
        let out = pcm_room(pcm, need)?;
        let frames = payload::split(payload).map_err(|error| DecodeError::Malformed { len: error.len })?;
        let mut kind = Signal::ComfortNoise;
        self.left = 0;
        for (frame, out) in frames.zip(out.as_chunks_mut().0) {
            if matches!(frame, Frame::Speech(_)) {
                kind = Signal::Speech;
            }
            self.frames.decode_into(frame, out);
        }
        Ok(Decoded { samples: need, kind })
    }

    fn conceals(&self) -> bool {
        true
    }

    fn conceal(&mut self, pcm: &mut [i16], _next: Option<&[u8]>) {
        self.fill(pcm, mediapoint_g729::Decoder::decode_erased);
    }

    fn continue_noise(&mut self, pcm: &mut [i16]) -> bool {
        self.fill(pcm, |frames| frames.decode(Frame::Untransmitted));
        true
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// Samples at 8 kHz to G.729.
pub(crate) struct G729Encoder {
    frames: FrameEncoder,
    options: EncoderOptions,
}

impl G729Encoder {
    /// An encoder that sends noise descriptions and pauses only if `dtx`.
    pub(crate) fn new(dtx: bool) -> Self {
        let options = EncoderOptions { dtx };
        Self { frames: FrameEncoder::new(options), options }
    }
}

impl Encoder for G729Encoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn granule(&self) -> usize {
        FRAME
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Encoded, EncodeError> {
        check_length(pcm.len(), FRAME, MAX_FRAMES * FRAME)?;
        let (need, have) = (pcm.len() / FRAME * Frame::SPEECH_LEN, payload.len());
        if have < need {
            return Err(EncodeError::NoRoom { need, have });
        }
        let mut frames = [Frame::Untransmitted; MAX_FRAMES];
        let mut count = 0;
        for (frame, pcm) in frames.iter_mut().zip(pcm.as_chunks().0) {
            *frame = self.frames.encode(pcm);
            count += 1;
        }
        pack(frames.get(..count).unwrap_or_default(), payload)
    }

    fn reset(&mut self) {
        self.frames = FrameEncoder::new(self.options);
    }
}

/// Writes what a payload can carry of a packet's frames: one run of speech, then one noise description.
///
/// A talkspurt may begin in the middle of a packet; its payload then begins there. Where speech pauses within one
/// packet the longer run goes, and where noise is described twice the first description: the receiver bridges the rest.
fn pack(frames: &[Frame], payload: &mut [u8]) -> Result<Encoded, EncodeError> {
    let Some(run) = best_run(frames) else { return Ok(Encoded::NOTHING) };
    let kind = match frames.get(run.start) {
        Some(Frame::Speech(_)) => Transmission::Speech,
        _ => Transmission::ComfortNoise,
    };
    let skipped = run.start * FRAME;
    match payload::pack(frames.get(run).unwrap_or_default(), payload) {
        Ok(len) => Ok(Encoded { len, kind, skipped }),
        Err(PackError::Room { needed, available }) => {
            Err(EncodeError::NoRoom { need: needed, have: available })
        }
        // A run holds no frame out of place.
        Err(PackError::OutOfPlace { .. }) => Ok(Encoded::NOTHING),
    }
}

/// The longest run of speech, the later of equals, with the noise description behind it; else the first description.
fn best_run(frames: &[Frame]) -> Option<Range<usize>> {
    let mut best: Option<Range<usize>> = None;
    let mut start = 0;
    for run in frames.chunk_by(|a, b| is_speech(a) == is_speech(b)) {
        let end = start + run.len();
        if run.first().is_some_and(is_speech) && best.as_ref().is_none_or(|best| run.len() >= best.len()) {
            best = Some(start..end);
        }
        start = end;
    }
    let described = |index: &usize| matches!(frames.get(*index), Some(Frame::Sid(_)));
    match best {
        Some(run) => Some(run.start..run.end + usize::from(described(&run.end))),
        None => (0..frames.len()).find(described).map(|first| first..first + 1),
    }
}

const fn is_speech(frame: &Frame) -> bool {
    matches!(frame, Frame::Speech(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEECH: Frame = Frame::Speech([7; 10]);
    const SID: Frame = Frame::Sid([3; 2]);
    const NONE: Frame = Frame::Untransmitted;

    /// Kind, octets, and samples left out.
    fn packed(frames: &[Frame]) -> (Transmission, usize, usize) {
        let encoded = pack(frames, &mut [0; 120]).unwrap();
        (encoded.kind, encoded.len, encoded.skipped)
    }

    // test-of: [RFC3551 4.5.6]
    #[test]
    fn payload_is_one_run_of_speech_and_one_description() {
        assert_eq!(packed(&[NONE, NONE]), (Transmission::Nothing, 0, 0));
        assert_eq!(packed(&[SPEECH, SPEECH]), (Transmission::Speech, 20, 0));
        assert_eq!(packed(&[SPEECH, SID, NONE]), (Transmission::Speech, 12, 0));
        assert_eq!(packed(&[SID, NONE]), (Transmission::ComfortNoise, 2, 0));
        assert_eq!(packed(&[NONE, SID, NONE, SID]), (Transmission::ComfortNoise, 2, 80));
    }

    #[test]
    fn talkspurt_may_begin_within_a_packet() {
        assert_eq!(packed(&[NONE, SPEECH]), (Transmission::Speech, 10, 80));
        assert_eq!(packed(&[SID, SPEECH]), (Transmission::Speech, 10, 80));
        assert_eq!(packed(&[SPEECH, SID, SPEECH]), (Transmission::Speech, 10, 160));
        assert_eq!(packed(&[SPEECH, SPEECH, SID, SPEECH]), (Transmission::Speech, 22, 0));
        assert_eq!(packed(&[NONE, SPEECH, SPEECH, SID, NONE, SPEECH]), (Transmission::Speech, 22, 80));
    }

    #[test]
    fn concealment_of_any_length_is_one_signal() {
        let mut payload = [0; 10];
        let pcm: [i16; 80] = std::array::from_fn(|n| ([-20, 7, 13, -9][n / 5 % 4]) * 300);
        G729Encoder::new(false).encode(&pcm, &mut payload).unwrap();
        let concealed = |lengths: &[usize]| {
            let mut decoder = G729Decoder::new();
            decoder.decode(&payload, &mut [0; 80]).unwrap();
            let mut out = vec![0; 240];
            let mut rest = &mut out[..];
            for len in lengths {
                let (now, later) = rest.split_at_mut(*len);
                decoder.conceal(now, None);
                rest = later;
            }
            out
        };
        assert_eq!(concealed(&[240]), concealed(&[1, 79, 40, 100, 20]));
    }
}
