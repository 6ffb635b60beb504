//! AMR: 8 kHz, frames of 160 samples, modes 0 (4.75 kbit/s) to 7 (12.2 kbit/s).

use crate::FRAME_ROOM;
use crate::library::{
    Decoder_Interface_Decode, Decoder_Interface_exit, Decoder_Interface_init, Encoder_Interface_Encode,
    Encoder_Interface_exit, Encoder_Interface_init, State,
};

/// The highest mode.
const HIGHEST: u8 = 7;

/// Samples to frames.
#[derive(Debug)]
pub struct NarrowEncoder(State);

impl NarrowEncoder {
    /// An encoder; with `dtx` one that describes noise in pauses, and sends nothing between descriptions. `None` where there
    /// is no memory.
    #[must_use]
    pub fn new(dtx: bool) -> Option<Self> {
        // SAFETY: It takes any value, and gives a state of its own or null.
        let pointer = unsafe { Encoder_Interface_init(dtx.into()) };
        // SAFETY: The state is of the `init` that belongs to this `exit`.
        unsafe { State::new(pointer, Encoder_Interface_exit) }.map(Self)
    }

    /// Encodes 20 ms in a mode, 0 to 7; higher ones count as 7. Gives the octets written, 0 where the library wrote none.
    pub fn encode(&mut self, mode: u8, pcm: &[i16; 160], frame: &mut [u8; FRAME_ROOM]) -> usize {
        let state = self.0.pointer.as_ptr();
        let mode = mode.min(HIGHEST).into();
        // A copy: AMR's encoder filters the samples where they are, whatever `const` in its header says.
        let mut pcm = *pcm;
        // SAFETY: The state is an encoder's and borrowed for this call only. It has 160 samples of ours and writes a frame of one
        // octet and at most 244 bits: 32 octets, and there is room for 64.
        let len = unsafe { Encoder_Interface_Encode(state, mode, pcm.as_mut_ptr(), frame.as_mut_ptr(), 0) };
        usize::try_from(len).unwrap_or(0).min(FRAME_ROOM)
    }
}

/// Frames to samples.
#[derive(Debug)]
pub struct NarrowDecoder(State);

impl NarrowDecoder {
    /// A decoder; `None` where there is no memory.
    #[must_use]
    pub fn new() -> Option<Self> {
        // SAFETY: It takes nothing, and gives a state of its own or null.
        let pointer = unsafe { Decoder_Interface_init() };
        // SAFETY: The state is of the `init` that belongs to this `exit`.
        unsafe { State::new(pointer, Decoder_Interface_exit) }.map(Self)
    }

    /// Decodes a frame: its octet, then its bits. A frame of type 15 lets the decoder go on by itself: with what it makes
    /// of a loss, or with noise in a pause. Types that are not defined count as 15.
    pub fn decode(&mut self, frame: &[u8; FRAME_ROOM], pcm: &mut [i16; 160]) {
        let mut frame = *frame;
        let [head, ..] = &mut frame;
        if !matches!(*head >> 3 & 15, 0..=8) {
            *head = 15 << 3 | 4;
        }
        let state = self.0.pointer.as_ptr();
        // SAFETY: The state is a decoder's and borrowed for this call only. By its type a frame has at most 32 octets, of
        // which there are 64; it writes 160 samples.
        unsafe { Decoder_Interface_Decode(state, frame.as_mut_ptr(), pcm.as_mut_ptr(), 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{energy, random_frames, syllables};

    #[test]
    fn each_mode_has_frames_of_its_size_and_comes_back() {
        for (mode, octets) in [13, 14, 16, 18, 20, 21, 27, 32].into_iter().enumerate() {
            let mode = u8::try_from(mode).unwrap();
            let (mut encoder, mut decoder) =
                (NarrowEncoder::new(false).unwrap(), NarrowDecoder::new().unwrap());
            let (mut said, mut heard) = (0.0, 0.0);
            for n in 0..50 {
                let pcm: [i16; 160] = syllables(n * 160, 8000.0);
                let mut frame = [0; FRAME_ROOM];
                let before = pcm;
                assert_eq!(encoder.encode(mode, &pcm, &mut frame), octets, "{mode}");
                assert_eq!(pcm, before, "the samples are the caller's");
                assert_eq!(frame[0], mode << 3 | 4);
                let mut out = [0; 160];
                decoder.decode(&frame, &mut out);
                (said, heard) = (said + energy(&pcm), heard + energy(&out));
            }
            assert!((0.5..1.5).contains(&(heard / said)), "{mode}: {said} {heard}");
        }
    }

    #[test]
    fn any_octets_are_decoded_to_something() {
        let mut decoder = NarrowDecoder::new().unwrap();
        for frame in random_frames() {
            decoder.decode(&frame, &mut [0; 160]);
        }
    }
}
