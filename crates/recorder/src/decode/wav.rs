//! WAV of 16 bits.

use std::io::{Read, Seek, SeekFrom};

use super::{DecodeError, Shape, read_exact};

/// Octets that are read at once.
const PIECE: usize = 8192;
/// Chunks that may stand before the samples.
const MOST_CHUNKS: usize = 16;

/// WAV.
pub(super) struct WavFile<R> {
    source: R,
    /// Octets of a sample of all channels.
    frame: u64,
    /// Where samples begin, and how many octets of them are said to follow.
    begins: u64,
    length: u64,
    /// Octets of samples that were read.
    at: u64,
}

impl<R: Read + Seek> WavFile<R> {
    pub(super) fn open(mut source: R) -> Result<(Self, Shape), DecodeError> {
        let mut riff = [0; 12];
        read_exact(&mut source, &mut riff, "the WAV header is cut off")?;
        if !riff.ends_with(b"WAVE") {
            return Err(DecodeError::Format("RIFF, but not WAV"));
        }
        let mut shape = None;
        for _ in 0..MOST_CHUNKS {
            let (name, length) = chunk(&mut source)?;
            match &name {
                b"fmt " => shape = Some(format(&mut source, length)?),
                b"data" => {
                    let shape = shape.ok_or(DecodeError::Format("WAV without a format"))?;
                    let begins = source.stream_position()?;
                    // All ones: to the end of the file.
                    let length = if length == u32::MAX { u64::MAX } else { u64::from(length) };
                    let frame = u64::from(shape.channels) * 2;
                    return Ok((Self { source, frame, begins, length, at: 0 }, shape));
                }
                _ => drop(source.seek(SeekFrom::Current(i64::from(length) + i64::from(length & 1)))?),
            }
        }
        Err(DecodeError::Format("WAV without samples"))
    }

    /// Goes there; the sample that comes next.
    pub(super) fn seek(&mut self, sample: u64) -> Result<u64, DecodeError> {
        let end = self.source.seek(SeekFrom::End(0))?;
        let there = end.saturating_sub(self.begins).min(self.length) / self.frame;
        let sample = sample.min(there);
        self.at = sample * self.frame;
        self.source.seek(SeekFrom::Start(self.begins + self.at))?;
        Ok(sample)
    }

    pub(super) fn read(&mut self, out: &mut Vec<i16>) -> Result<(), DecodeError> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(PIECE);
        let most = left.min(PIECE) as u64;
        self.source.by_ref().take(most).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        // Of a file that was cut off, whole samples of all channels.
        let whole = bytes.len() - bytes.len() % usize::try_from(self.frame).unwrap_or(1);
        let (samples, _) = bytes.get(..whole).unwrap_or_default().as_chunks();
        out.extend(samples.iter().map(|two| i16::from_le_bytes(*two)));
        Ok(())
    }
}

fn chunk(source: &mut impl Read) -> Result<([u8; 4], u32), DecodeError> {
    let (mut name, mut length) = ([0; 4], [0; 4]);
    read_exact(source, &mut name, "WAV without samples")?;
    read_exact(source, &mut length, "WAV without samples")?;
    Ok((name, u32::from_le_bytes(length)))
}

fn format(source: &mut (impl Read + Seek), length: u32) -> Result<Shape, DecodeError> {
    let mut format = [0; 16];
    read_exact(source, &mut format, "the WAV format is cut off")?;
    let more = i64::from(length) - 16;
    if more < 0 {
        return Err(DecodeError::Format("the WAV format is too short"));
    }
    source.seek(SeekFrom::Current(more + more % 2))?;
    let [tag_low, tag_high, channels, 0, r0, r1, r2, r3, _, _, _, _, _, _, bits, 0] = format else {
        return Err(DecodeError::Format("WAV of another format than 16 bits"));
    };
    if u16::from_le_bytes([tag_low, tag_high]) != 1 || bits != 16 || !(1..=2).contains(&channels) {
        return Err(DecodeError::Format("WAV of another format than one or two channels of 16 bits"));
    }
    match u32::from_le_bytes([r0, r1, r2, r3]) {
        0 => Err(DecodeError::Format("WAV of 0 Hz")),
        rate => Ok(Shape { channels, rate }),
    }
}
