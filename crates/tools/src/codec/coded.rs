//! Coded frames in and out, whatever the file: one packet, pause or gap after the other.

use std::io::Write;

use mediapoint_codec::Transmission;
use mediapoint_g729::{Frame, serial};
use mediapoint_prompt::audio::opus::{OggPiece, OggReader};

use super::error::{CodecError, Trouble};
use super::input::{Input, Source};
use super::name::{CodecName, Format};
use super::ogg::OggWriter;
use super::output::Output;

/// Words of a frame's head in the ITU's serial format, and the most that follow, in bytes.
const SERIAL_HEAD: usize = 4;
const SERIAL_BODY: usize = 160;

pub(super) use mediapoint_prompt::audio::opus::Cut;

/// What a file holds for the next stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A payload, of whose audio some samples are not meant to be heard.
    Payload(Cut),
    /// A frame that was not transmitted, in a pause.
    Pause,
    /// A frame that was lost.
    Lost,
    /// Audio that the file lacks, so many samples at 48 kHz.
    Gap(u64),
}

/// Reads a file with coded frames.
pub(super) enum CodedReader {
    Octets(OctetReader),
    Itu(ItuReader),
    Ogg(Box<OggReader<Source>>),
}

impl CodedReader {
    /// Begins to read.
    pub(super) fn open(input: Input, codec: CodecName, format: Format) -> Result<Self, CodecError> {
        let name = input.name;
        Ok(match format {
            Format::Itu => Self::Itu(ItuReader { source: input.source, at: 0, frame: 0 }),
            Format::Ogg => {
                Self::Ogg(Box::new(OggReader::open(input.source).map_err(|error| name.error(error))?))
            }
            _ => Self::Octets(OctetReader { source: input.source, codec, at: 0, frame: 0 }),
        })
    }

    /// Sample rate in hertz of what was coded, where the file says.
    pub(super) fn rate(&self) -> Option<u32> {
        match self {
            Self::Ogg(ogg) => ogg.rate(),
            Self::Octets(_) | Self::Itu(_) => None,
        }
    }

    /// What the samples are to be multiplied with.
    pub(super) fn gain(&self) -> f32 {
        match self {
            Self::Ogg(ogg) => ogg.gain(),
            Self::Octets(_) | Self::Itu(_) => 1.0,
        }
    }

    /// Reads what comes next; a payload into `payload`. `None` at the end.
    pub(super) fn next(&mut self, payload: &mut Vec<u8>) -> Result<Option<Piece>, Trouble> {
        match self {
            Self::Octets(octets) => octets.next(payload),
            Self::Itu(itu) => itu.next(payload),
            Self::Ogg(ogg) => Ok(ogg.next(payload)?.map(|piece| match piece {
                OggPiece::Payload(cut) => Piece::Payload(cut),
                OggPiece::Gap(ticks) => Piece::Gap(ticks),
            })),
        }
    }

    /// What is worth saying of the file once all was read.
    pub(super) fn remarks(&self) -> Vec<String> {
        match self {
            Self::Ogg(ogg) => ogg.remarks(),
            Self::Octets(_) | Self::Itu(_) => Vec::new(),
        }
    }

    /// The number of the frame read last, and where it begins.
    pub(super) fn place(&self) -> (u64, u64) {
        match self {
            Self::Octets(octets) => (octets.frame, octets.at),
            Self::Itu(itu) => (itu.frame, itu.at),
            Self::Ogg(ogg) => ogg.place(),
        }
    }
}

/// Frames back to back.
pub(super) struct OctetReader {
    source: Source,
    codec: CodecName,
    at: u64,
    frame: u64,
}

impl OctetReader {
    fn next(&mut self, payload: &mut Vec<u8>) -> Result<Option<Piece>, Trouble> {
        self.at = self.source.position();
        // Of G.711 and G.722 any number of octets is audio; they are taken in packets for speed only.
        let frame = self.codec.frame_len();
        let need = frame.unwrap_or(160);
        payload.resize(need, 0);
        let have = self.source.fill(payload)?;
        if have == 0 {
            return Ok(None);
        }
        self.frame += 1;
        if frame.is_some() && have < need {
            let Self { at, frame, codec, .. } = *self;
            return Err(Trouble::CutFrame { frame, at, have, need, codec });
        }
        payload.truncate(have);
        Ok(Some(Piece::Payload(Cut::default())))
    }
}

/// The ITU's serial format.
pub(super) struct ItuReader {
    source: Source,
    at: u64,
    frame: u64,
}

impl ItuReader {
    fn next(&mut self, payload: &mut Vec<u8>) -> Result<Option<Piece>, Trouble> {
        self.at = self.source.position();
        let mut words = [0; SERIAL_HEAD + SERIAL_BODY];
        let (head, body) = words.split_at_mut(SERIAL_HEAD);
        let read = self.source.fill(head)?;
        if read == 0 {
            return Ok(None);
        }
        self.frame += 1;
        let bits = match head {
            [_, _, low, high] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => 0,
        };
        // A number of bits that no frame has is told by the reader of frames, whatever follows.
        let body = body.get_mut(..bits * 2).unwrap_or_default();
        let read = read + self.source.fill(body)?;
        let frame = match serial::Reader::new(words.get(..read).unwrap_or_default()).next() {
            Some(Ok(frame)) => frame,
            Some(Err(source)) => return Err(self.trouble(source, words.get(..read).unwrap_or_default())),
            None => return Ok(None),
        };
        payload.clear();
        Ok(Some(match frame {
            None => Piece::Lost,
            Some(Frame::Untransmitted) => Piece::Pause,
            Some(frame) => {
                payload.extend(frame.as_bytes());
                Piece::Payload(Cut::default())
            }
        }))
    }

    /// The error with the place of the word that it is about.
    fn trouble(&self, source: serial::SerialError, words: &[u8]) -> Trouble {
        let before = match source {
            serial::SerialError::Word(wrong) => {
                let body = words.get(SERIAL_HEAD..).unwrap_or_default().as_chunks().0;
                let place = body.iter().position(|word| u16::from_le_bytes(*word) == wrong);
                SERIAL_HEAD + 2 * place.unwrap_or(0)
            }
            serial::SerialError::Bits(_) => 2,
            serial::SerialError::Sync(_) => 0,
            serial::SerialError::Truncated => words.len(),
        };
        Trouble::Serial { frame: self.frame, at: self.at + before as u64, source }
    }
}

/// Writes a file with coded frames.
pub(super) enum CodedWriter {
    Octets(Output),
    Itu { output: Output, words: Vec<u8> },
    Ogg(Box<OggWriter>),
}

impl CodedWriter {
    /// Begins a file. `rate` is that of the samples in hertz, `packet` the samples of one packet at 48 kHz.
    pub(super) fn create(output: Output, format: Format, rate: u32, packet: u64) -> Result<Self, CodecError> {
        Ok(match format {
            Format::Itu => Self::Itu { output, words: Vec::new() },
            Format::Ogg => Self::Ogg(Box::new(OggWriter::begin(output, rate, packet)?)),
            _ => Self::Octets(output),
        })
    }

    /// Samples at 48 kHz that come out of a decoder before the first that went in.
    pub(super) const fn pre_skip(&self) -> u64 {
        match self {
            Self::Ogg(_) => super::ogg::PRE_SKIP,
            Self::Octets(_) | Self::Itu { .. } => 0,
        }
    }

    /// Appends one packet.
    pub(super) fn write(&mut self, kind: Transmission, payload: &[u8]) -> Result<(), CodecError> {
        let (output, written) = match self {
            Self::Octets(output) => {
                let written = output.write_all(payload);
                (output, written)
            }
            Self::Itu { output, words } => {
                words.clear();
                serial::write(words, Some(frame(kind, payload)));
                let written = output.write_all(words);
                (output, written)
            }
            Self::Ogg(ogg) => return ogg.write(kind, payload),
        };
        written.map_err(|source| output.name.error(Trouble::Write(source)))
    }

    /// Ends the file, `heard` samples at 48 kHz long where it can say so. Gives the number of bytes.
    pub(super) fn finish(self, heard: u64) -> Result<u64, CodecError> {
        match self {
            Self::Octets(output) | Self::Itu { output, .. } => output.finish(),
            Self::Ogg(ogg) => ogg.finish(heard),
        }
    }
}

/// The frame of a payload of G.729.
fn frame(kind: Transmission, payload: &[u8]) -> Frame {
    match (kind, payload.first_chunk(), payload.first_chunk()) {
        (Transmission::Speech, Some(speech), _) => Frame::Speech(*speech),
        (Transmission::ComfortNoise, _, Some(sid)) => Frame::Sid(*sid),
        _ => Frame::Untransmitted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are the words of the serial format most of the time.
    fn words(seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut random = move |limit: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % limit
        };
        let mut bytes = Vec::new();
        for _ in 0..random(60) {
            let mut frame = Vec::new();
            let kind = match random(3) {
                0 => (Transmission::Speech, &[0x55; 10][..]),
                1 => (Transmission::ComfortNoise, &[0x55; 2][..]),
                _ => (Transmission::Nothing, &[][..]),
            };
            serial::write(&mut frame, Some(super::frame(kind.0, kind.1)));
            if random(40) == 0 {
                let at = usize::try_from(random(frame.len() as u64)).unwrap();
                frame[at] = u8::try_from(random(256)).unwrap();
            }
            bytes.extend(frame);
        }
        let cut = random(20);
        bytes.truncate(bytes.len().saturating_sub(usize::try_from(cut.saturating_sub(14)).unwrap()));
        bytes
    }

    #[test]
    fn serial_files_are_read_or_refused_as_a_whole_reader_of_them_does() {
        let path = std::env::temp_dir().join(format!("mediapoint-{}-any.bit", std::process::id()));
        let mut refused = 0;
        for seed in 0..400 {
            let bytes = words(seed);
            std::fs::write(&path, &bytes).unwrap();
            let input = Input::open(&path).unwrap();
            let mut reader = CodedReader::open(input, CodecName::G729, Format::Itu).unwrap();
            let mut payload = Vec::new();
            let mut pieces: Vec<(Vec<u8>, Piece)> = Vec::new();
            let ended = loop {
                match reader.next(&mut payload) {
                    Ok(Some(piece)) => pieces.push((payload.clone(), piece)),
                    Ok(None) => break None,
                    Err(Trouble::Serial { source, at, .. }) => {
                        assert!(at <= bytes.len() as u64);
                        break Some(source);
                    }
                    Err(other) => panic!("{other}"),
                }
            };
            let wanted: Vec<_> = serial::Reader::new(&bytes).collect();
            let good = wanted.iter().filter_map(|frame| frame.as_ref().ok());
            assert!(good.clone().count() == pieces.len(), "seed {seed}");
            for (frame, (payload, piece)) in good.zip(&pieces) {
                assert_eq!(frame.is_none(), *piece == Piece::Lost, "seed {seed}");
                assert_eq!(frame.map_or(&[][..], |frame| &payload[..frame.as_bytes().len()]), &payload[..]);
            }
            assert_eq!(wanted.into_iter().find_map(Result::err), ended, "seed {seed}");
            refused += u32::from(ended.is_some());
        }
        std::fs::remove_file(&path).unwrap();
        assert!((50..350).contains(&refused), "{refused}");
    }
}
