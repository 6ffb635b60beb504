//! FLAC [RFC 9639]: the header as we write it, the frames by the crate `flac-codec`.

use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use flac_codec::decode::FlacStreamReader;

use super::{DecodeError, Shape, read_exact};

/// Octets of the marker and of the only metadata block, the stream information.
const HEADER: usize = 42;

/// FLAC.
pub(super) struct FlacFile<R> {
    /// `None` behind the end, and behind damage.
    frames: Option<FlacStreamReader<BufReader<Source<R>>>>,
    source: Source<R>,
    shape: Shape,
    /// Samples of one channel, where the header states them.
    total: Option<u64>,
    at: u64,
}

/// The file, lent to the reader of frames and had back to seek.
struct Source<R>(std::sync::Arc<std::sync::Mutex<R>>);

impl<R> Clone for Source<R> {
    fn clone(&self) -> Self {
        Self(std::sync::Arc::clone(&self.0))
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).read(bytes)
    }
}

impl<R: Read + Seek> FlacFile<R> {
    pub(super) fn open(mut source: R) -> Result<(Self, Shape), DecodeError> {
        let mut header = [0; HEADER];
        read_exact(&mut source, &mut header, "the FLAC header is cut off")?;
        // [RFC9639 8.2] The stream information, the last block, 34 octets: rate in 20 bits, channels less one in 3, bits less
        // one in 5, samples in 36.
        let stated = header.get(18..26).and_then(|at| at.try_into().ok()).map(u64::from_be_bytes);
        let Some(stated) = stated.filter(|_| header.starts_with(b"fLaC\x80\0\0\x22")) else {
            return Err(DecodeError::Format("FLAC, but not a recording"));
        };
        let rate = u32::try_from(stated >> 44).unwrap_or(0);
        let channels = u8::try_from((stated >> 41 & 7) + 1).unwrap_or(0);
        if rate == 0 || channels > 2 || stated >> 36 & 31 != 15 {
            return Err(DecodeError::Format("FLAC of another format than one or two channels of 16 bits"));
        }
        let total = Some(stated & 0xf_ffff_ffff).filter(|samples| *samples > 0);
        let shape = Shape { channels, rate };
        let source = Source(std::sync::Arc::new(std::sync::Mutex::new(source)));
        let frames = Some(FlacStreamReader::new(BufReader::new(source.clone())));
        Ok((Self { frames, source, shape, total, at: 0 }, shape))
    }

    /// Goes to the beginning, for the header says not where frames are; the sample that comes next.
    pub(super) fn seek(&mut self) -> Result<u64, DecodeError> {
        let mut file = self.source.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(HEADER as u64))?;
        drop(file);
        self.frames = Some(FlacStreamReader::new(BufReader::new(self.source.clone())));
        self.at = 0;
        Ok(0)
    }

    pub(super) fn read(&mut self, out: &mut Vec<i16>) -> Result<(), DecodeError> {
        let damaged = |sample, reason| Err(DecodeError::Damaged { sample, reason });
        let Some(mut frames) = self.frames.take() else { return Ok(()) };
        // The library adds up what altered frames say: a sum too large panics where overflow is checked. The reader is
        // dropped then.
        let read = catch_unwind(AssertUnwindSafe(|| match frames.read() {
            Ok(frame) => Ok((frame.samples.to_vec(), frame.channels, frame.bits_per_sample)),
            Err(error) => Err(error),
        }));
        let Ok(read) = read else { return damaged(self.at, "a frame cannot be decoded") };
        match read {
            Ok((samples, channels, bits_per_sample)) => {
                self.frames = Some(frames);
                if channels != self.shape.channels || bits_per_sample != 16 {
                    return damaged(self.at, "a frame is of another format");
                }
                out.extend(samples.iter().map(|sample| i16::try_from(*sample).unwrap_or_default()));
                self.at += (out.len() / usize::from(self.shape.channels)) as u64;
                Ok(())
            }
            Err(flac_codec::Error::Io(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                // The reader passes over what is no frame: what is missing shows at the end.
                match self.total.is_some_and(|total| total != self.at) {
                    true => damaged(self.at, "frames are missing"),
                    false => Ok(()),
                }
            }
            Err(flac_codec::Error::Io(error)) => Err(error.into()),
            Err(_) => damaged(self.at, "a frame cannot be decoded"),
        }
    }
}
