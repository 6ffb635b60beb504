//! AMR and AMR-WB behind the traits, by the libraries of `mediapoint-amr`.

use mediapoint_amr::{FRAME_ROOM, NarrowDecoder, NarrowEncoder, WideDecoder, WideEncoder};

use super::frame::{Band, Frame};
use super::layout::AmrLayout;
use super::mode::ModeControl;
use super::payload::{AmrError, NO_REQUEST, Payload, pack, unpack};
use crate::coder::{
    Decoded, Decoder, Encoded, Encoder, MAX_PACKET_MS, Signal, Transmission, check_length, pcm_room,
};
use crate::error::{DecodeError, EncodeError, Unsupported};

/// Samples of the longer of the two bands' frames.
const LONGEST: usize = 320;
/// Frames of a packet at most.
const FRAMES: usize = MAX_PACKET_MS as usize / 20;

const fn rate(band: Band) -> u32 {
    match band {
        Band::Narrow => 8000,
        Band::Wide => 16_000,
    }
}

/// The library's decoder.
enum Library {
    Narrow(NarrowDecoder),
    Wide(WideDecoder),
}

impl Library {
    fn new(band: Band) -> Option<Self> {
        match band {
            Band::Narrow => NarrowDecoder::new().map(Self::Narrow),
            Band::Wide => WideDecoder::new().map(Self::Wide),
        }
    }

    /// Decodes a frame to the beginning of `pcm`, which holds one.
    fn decode(&mut self, frame: &Frame, pcm: &mut [i16]) {
        let mut octets = [0; FRAME_ROOM];
        // What is damaged is lost: neither library takes notice of the bit.
        let frame = if frame.is_good() { *frame } else { Frame::nothing(frame.band()) };
        let bits = [frame.storage_head()].into_iter().chain(frame.octets().iter().copied());
        octets.iter_mut().zip(bits).for_each(|(octet, bits)| *octet = bits);
        match self {
            Self::Narrow(decoder) => {
                if let Some(pcm) = pcm.first_chunk_mut() {
                    decoder.decode(&octets, pcm);
                }
            }
            Self::Wide(decoder) => {
                if let Some(pcm) = pcm.first_chunk_mut() {
                    decoder.decode(&octets, pcm);
                }
            }
        }
    }
}

/// AMR or AMR-WB to samples.
pub(crate) struct AmrDecoder {
    band: Band,
    layout: AmrLayout,
    library: Library,
    /// The rest of a frame of which not all was wanted: concealment and noise may be asked for by any length.
    rest: [i16; LONGEST],
    left: usize,
}

impl AmrDecoder {
    pub(crate) fn new(band: Band, layout: AmrLayout) -> Result<Self, Unsupported> {
        let library = Library::new(band).ok_or(Unsupported::Library(0))?;
        Ok(Self { band, layout, library, rest: [0; LONGEST], left: 0 })
    }

    fn read(&self, payload: &[u8]) -> Result<Payload, DecodeError> {
        let read = unpack(self.band, self.layout, payload).ok();
        read.filter(|read| read.frames().len() <= FRAMES).ok_or(DecodeError::Malformed { len: payload.len() })
    }

    /// Fills any length with what the library makes of frames that are not there, going on where it was left.
    fn go_on(&mut self, mut pcm: &mut [i16]) {
        let frame = self.band.samples();
        while !pcm.is_empty() {
            if self.left == 0 {
                self.library.decode(&Frame::nothing(self.band), &mut self.rest);
                self.left = frame;
            }
            let from = self.rest.get(frame - self.left..frame).unwrap_or_default();
            let count = from.len().min(pcm.len());
            let (now, later) = pcm.split_at_mut(count);
            now.iter_mut().zip(from).for_each(|(out, sample)| *out = *sample);
            self.left -= count;
            pcm = later;
        }
    }
}

impl Decoder for AmrDecoder {
    fn sample_rate(&self) -> u32 {
        rate(self.band)
    }

    fn duration(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        Ok(self.read(payload)?.frames().len() * self.band.samples())
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<Decoded, DecodeError> {
        let payload = self.read(payload)?;
        let samples = payload.frames().len() * self.band.samples();
        let out = pcm_room(pcm, samples)?;
        self.left = 0;
        for (frame, out) in payload.frames().iter().zip(out.chunks_mut(self.band.samples())) {
            self.library.decode(frame, out);
        }
        let speaks = payload.frames().iter().any(Frame::is_speech);
        Ok(Decoded { samples, kind: if speaks { Signal::Speech } else { Signal::ComfortNoise } })
    }

    fn conceals(&self) -> bool {
        true
    }

    fn conceal(&mut self, pcm: &mut [i16], _next: Option<&[u8]>) {
        self.go_on(pcm);
    }

    fn continue_noise(&mut self, pcm: &mut [i16]) -> bool {
        self.go_on(pcm);
        true
    }

    fn reset(&mut self) {
        // Without memory for another one it goes on as it is.
        if let Some(library) = Library::new(self.band) {
            self.library = library;
        }
        self.left = 0;
    }
}

/// The library's encoder.
enum Coding {
    Narrow(NarrowEncoder),
    Wide(WideEncoder),
}

impl Coding {
    fn new(band: Band, dtx: bool) -> Option<Self> {
        match band {
            Band::Narrow => NarrowEncoder::new(dtx).map(Self::Narrow),
            Band::Wide => WideEncoder::new(dtx).map(Self::Wide),
        }
    }

    fn encode(&mut self, mode: u8, pcm: &[i16]) -> Option<Frame> {
        let mut octets = [0; FRAME_ROOM];
        let (band, len) = match self {
            Self::Narrow(encoder) => (Band::Narrow, encoder.encode(mode, pcm.first_chunk()?, &mut octets)),
            Self::Wide(encoder) => (Band::Wide, encoder.encode(mode, pcm.first_chunk()?, &mut octets)),
        };
        let (head, bits) = octets.get(..len)?.split_first()?;
        Frame::new(band, head >> 3 & 15, head >> 2 & 1 == 1, bits)
    }
}

/// Samples to AMR or AMR-WB, in the modes that the receiver asks for.
pub(crate) struct AmrEncoder {
    band: Band,
    layout: AmrLayout,
    modes: ModeControl,
    dtx: bool,
    library: Coding,
}

impl AmrEncoder {
    /// An encoder that describes noise and leaves out pauses if `dtx`.
    pub(crate) fn new(
        band: Band,
        layout: AmrLayout,
        modes: ModeControl,
        dtx: bool,
    ) -> Result<Self, Unsupported> {
        let library = Coding::new(band, dtx).ok_or(Unsupported::Library(0))?;
        Ok(Self { band, layout, modes, dtx, library })
    }
}

impl Encoder for AmrEncoder {
    fn sample_rate(&self) -> u32 {
        rate(self.band)
    }

    fn granule(&self) -> usize {
        self.band.samples()
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Encoded, EncodeError> {
        let frame = self.band.samples();
        check_length(pcm.len(), frame, FRAMES * frame)?;
        let mut frames = [Frame::nothing(self.band); FRAMES];
        let count = pcm.len() / frame;
        // Room for the longest, whatever mode it will be.
        let speech = Frame::empty(self.band, self.band.highest_mode(), true);
        let need = super::payload::packed_len(self.layout, count, &speech);
        if payload.len() < need {
            return Err(EncodeError::NoRoom { need, have: payload.len() });
        }
        for (frame, pcm) in frames.iter_mut().zip(pcm.chunks_exact(frame)) {
            *frame = self.library.encode(self.modes.next_mode(), pcm).unwrap_or(*frame);
        }
        let frames = frames.get(..count).unwrap_or_default();
        let kind = if frames.iter().any(Frame::is_speech) {
            Transmission::Speech
        } else if frames.iter().any(Frame::is_noise) {
            Transmission::ComfortNoise
        } else {
            return Ok(Encoded::NOTHING);
        };
        match pack(self.layout, NO_REQUEST, frames, payload) {
            Ok(len) => Ok(Encoded::whole(len, kind)),
            Err(AmrError::Room { need, have }) => Err(EncodeError::NoRoom { need, have }),
            Err(_) => Ok(Encoded::NOTHING),
        }
    }

    fn request_mode(&mut self, request: u8) {
        self.modes.request(request);
    }

    fn reset(&mut self) {
        if let Some(library) = Coding::new(self.band, self.dtx) {
            self.library = library;
        }
    }
}
