//! Samples in and out: raw ones, and those of audio files, which come at the rate that is wanted.

use std::io::Write;

use mediapoint_prompt::audio::{MediaSource, RateConverter, Reader};

use super::error::{CodecError, FileName, Trouble};
use super::input::{Input, Source};
use super::name::{Format, extension};
use super::output::Output;

/// Bytes of the head of the WAV files written.
const WAV_HEAD: u32 = 44;
/// The length where it is not known: readers then go on to the end.
const UNKNOWN: u32 = u32::MAX;

/// Mono samples of a file, in order.
pub(super) enum Samples {
    Raw(Raw),
    Audio(Box<Audio>),
}

impl Samples {
    /// Opens `input`, and says at which rate its samples are; raw ones are at `raw_rate`.
    pub(super) fn open(input: Input, format: Format, raw_rate: u32) -> Result<(Self, u32), CodecError> {
        if format == Format::Raw {
            let raw = Raw { name: input.name, source: input.source, bytes: Vec::new() };
            return Ok((Self::Raw(raw), raw_rate));
        }
        let audio = Audio::open(input, format)?;
        let rate = audio.rate;
        Ok((Self::Audio(Box::new(audio)), rate))
    }

    /// Sets the rate at which samples are wanted, before the first is read. Raw ones are at it already.
    pub(super) fn at_rate(mut self, rate: u32) -> Result<Self, CodecError> {
        if let Self::Audio(audio) = &mut self {
            let converter = RateConverter::new(audio.rate, rate);
            audio.converter = converter.map_err(|error| audio.name.error(error))?;
        }
        Ok(self)
    }

    /// Fills `block`, and says how many samples there were; fewer only at the end.
    pub(super) fn fill(&mut self, block: &mut [i16]) -> Result<usize, CodecError> {
        match self {
            Self::Raw(raw) => raw.fill(block).map_err(|trouble| raw.name.error(trouble)),
            Self::Audio(audio) => audio.fill(block).map_err(|trouble| audio.name.error(trouble)),
        }
    }

    /// What is worth saying of the file once all was read.
    pub(super) fn remarks(&self) -> Vec<String> {
        match self {
            Self::Raw(_) => Vec::new(),
            Self::Audio(audio) => audio.remarks(),
        }
    }
}

/// 16-bit little-endian samples.
pub(super) struct Raw {
    name: FileName,
    source: Source,
    bytes: Vec<u8>,
}

impl Raw {
    fn fill(&mut self, block: &mut [i16]) -> Result<usize, Trouble> {
        self.bytes.resize(block.len() * 2, 0);
        let read = self.source.fill(&mut self.bytes)?;
        if read % 2 != 0 {
            return Err(Trouble::CutSample { at: self.source.position() - 1 });
        }
        let samples = self.bytes.as_chunks().0.iter().take(read / 2);
        block.iter_mut().zip(samples).for_each(|(sample, bytes)| *sample = i16::from_le_bytes(*bytes));
        Ok(read / 2)
    }
}

/// What an audio file holds.
pub(super) struct Audio {
    name: FileName,
    reader: Reader,
    rate: u32,
    converter: RateConverter,
    /// Converted samples, of which those before `taken` have been handed out.
    ready: Vec<i16>,
    taken: usize,
    ended: bool,
}

impl Audio {
    fn open(input: Input, format: Format) -> Result<Self, CodecError> {
        let Input { name, source, .. } = input;
        let source: Box<dyn MediaSource> = Box::new(source);
        let extension = match &name {
            FileName::Path(path) => extension(path),
            FileName::Stdin | FileName::Stdout => None,
        };
        let reader = match format {
            Format::Wav => Reader::wav(source),
            _ => Reader::new(source, extension.as_deref()),
        };
        let reader = reader.map_err(|source| name.error(Trouble::Audio { source }))?;
        let rate = reader.rate().ok_or_else(|| name.error(Trouble::Empty))?;
        let converter = RateConverter::new(rate, rate).map_err(|error| name.error(error))?;
        Ok(Self { name, reader, rate, converter, ready: Vec::new(), taken: 0, ended: false })
    }

    fn fill(&mut self, block: &mut [i16]) -> Result<usize, Trouble> {
        while self.ready.len() - self.taken < block.len() && !self.ended {
            self.ready.drain(..self.taken);
            self.taken = 0;
            let read = self.reader.read();
            match self.reader.next_block() {
                Ok(Some(mono)) => self.converter.push(mono, &mut self.ready)?,
                Ok(None) => {
                    self.converter.finish(&mut self.ready)?;
                    self.ended = true;
                }
                Err(source) => return Err(Trouble::AudioBreaks { read, source }),
            }
        }
        let ready = self.ready.get(self.taken..).unwrap_or_default();
        let count = ready.len().min(block.len());
        block.iter_mut().zip(ready).for_each(|(sample, ready)| *sample = *ready);
        self.taken += count;
        Ok(count)
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let seconds = |samples: u64| std::time::Duration::from_millis(samples * 1000 / u64::from(self.rate));
        if let Some(announced) = self.reader.announced().filter(|announced| *announced > self.reader.read()) {
            remarks.push(format!(
                "cut off: its head announces {:.2} s, and {:.2} s are there",
                seconds(announced).as_secs_f64(),
                seconds(self.reader.read()).as_secs_f64()
            ));
        }
        for gap in self.reader.gaps() {
            let pages = match gap.pages {
                1 => "1 page is missing".to_owned(),
                pages => format!("{pages} pages are missing"),
            };
            let (length, at) = (seconds(gap.samples).as_secs_f64(), seconds(gap.at).as_secs_f64());
            remarks
                .push(format!("a gap of {length:.3} s after {at:.2} s: {pages}, silence is in their place"));
        }
        if self.reader.damaged() > 0 {
            remarks.push(format!("{} damaged blocks were left out", self.reader.damaged()));
        }
        remarks
    }
}

/// Samples on their way to a file.
pub(super) struct SampleWriter {
    output: Output,
    wav: bool,
    rate: u32,
    samples: u64,
    bytes: Vec<u8>,
}

impl SampleWriter {
    /// Begins a file with samples at `rate`.
    pub(super) fn new(output: Output, format: Format, rate: u32) -> Result<Self, CodecError> {
        let wav = format == Format::Wav;
        let mut writer = Self { output, wav, rate, samples: 0, bytes: Vec::new() };
        if wav {
            // The length follows in the end, where it can.
            writer.bytes = wav_head(rate, UNKNOWN);
            writer.put()?;
        }
        Ok(writer)
    }

    /// Appends samples.
    pub(super) fn write(&mut self, pcm: &[i16]) -> Result<(), CodecError> {
        self.samples += pcm.len() as u64;
        if self.wav && self.output.is_file() && self.samples * 2 > u64::from(UNKNOWN - WAV_HEAD) {
            return Err(self.output.name.error(Trouble::WavTooLong));
        }
        self.bytes.clear();
        self.bytes.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
        self.put()
    }

    /// Ends the file. Gives samples and bytes.
    pub(super) fn finish(mut self) -> Result<(u64, u64), CodecError> {
        if self.wav && self.output.is_file() {
            let data = u32::try_from(self.samples * 2).unwrap_or(UNKNOWN);
            let written = self.output.overwrite_head(&wav_head(self.rate, data));
            written.map_err(|source| self.output.name.error(Trouble::Write(source)))?;
        }
        let samples = self.samples;
        self.output.finish().map(|bytes| (samples, bytes))
    }

    fn put(&mut self) -> Result<(), CodecError> {
        let written = self.output.write_all(&self.bytes);
        written.map_err(|source| self.output.name.error(Trouble::Write(source)))
    }
}

/// The head of a WAV file of 16-bit mono samples, of which `data` bytes follow.
pub(crate) fn wav_head(rate: u32, data: u32) -> Vec<u8> {
    let mut head = Vec::with_capacity(WAV_HEAD as usize);
    head.extend(b"RIFF");
    head.extend(data.saturating_add(WAV_HEAD - 8).to_le_bytes());
    head.extend(b"WAVEfmt ");
    head.extend(16_u32.to_le_bytes());
    // Linear samples, one channel.
    head.extend(1_u16.to_le_bytes());
    head.extend(1_u16.to_le_bytes());
    head.extend(rate.to_le_bytes());
    // Bytes a second, bytes of all channels' sample, bits of a sample.
    head.extend((rate * 2).to_le_bytes());
    head.extend(2_u16.to_le_bytes());
    head.extend(16_u16.to_le_bytes());
    head.extend(b"data");
    head.extend(data.to_le_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_as_long_as_it_says_and_holds_rate_and_length() {
        let head = wav_head(16_000, 320);
        assert_eq!(head.len(), WAV_HEAD as usize);
        assert_eq!(head[4..8], 356_u32.to_le_bytes());
        assert_eq!(head[24..28], 16_000_u32.to_le_bytes());
        assert_eq!(head[40..44], 320_u32.to_le_bytes());
        assert_eq!(wav_head(8000, UNKNOWN)[4..8], [0xff; 4]);
    }
}
