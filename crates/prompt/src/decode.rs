//! Bytes of an audio file to samples, within limits.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use mediapoint_codec::{Codec, Decoder, MAX_PACKET_MS, decoder};
use mediapoint_g711::{Law, decode_slice};
use mediapoint_g729::{Frame, serial};

use crate::audio::opus::{OggPiece, OggReader};
use crate::audio::{MediaSource, RateConverter, Reader, quantise};
use crate::error::DecodeFailure;
use crate::format::{FileFormat, HEAD_BYTES};

/// Bytes of a bare file taken at a time: a multiple of every codec's frame of 10 or 20 ms.
const BLOCK: usize = 1_600;

/// Mono audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Samples a second.
    pub rate: u32,
    /// 16-bit samples.
    pub samples: Vec<i16>,
}

impl Audio {
    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        duration(self.samples.len() as u64, self.rate)
    }

    /// The same at another rate, by a filter with linear phase: as long, and not late.
    ///
    /// # Errors
    /// [`DecodeFailure::Rate`] where a rate is 0.
    pub fn at_rate(&self, rate: u32) -> Result<Self, DecodeFailure> {
        let mut converter = RateConverter::new(self.rate, rate)?;
        let mut samples = Vec::new();
        let mut floats = Vec::with_capacity(BLOCK);
        for block in self.samples.chunks(BLOCK) {
            floats.clear();
            floats.extend(block.iter().map(|sample| f32::from(*sample) / 32_768.0));
            converter.push(&floats, &mut samples)?;
        }
        converter.finish(&mut samples)?;
        samples.shrink_to_fit();
        Ok(Self { rate, samples })
    }
}

/// How long so many samples play.
pub(crate) fn duration(samples: u64, rate: u32) -> Duration {
    let rate = u64::from(rate.max(1));
    let part = samples % rate * 1_000_000_000 / rate;
    Duration::new(samples / rate, u32::try_from(part).unwrap_or_default())
}

/// Bounds of what is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest file in bytes. 64 MiB unless told otherwise.
    pub file_bytes: u64,
    /// Longest audio. Two hours unless told otherwise.
    pub duration: Duration,
    /// Most bytes of decoded samples, two a sample. 256 MiB unless told otherwise.
    pub audio_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 64 << 20, duration: Duration::from_secs(7200), audio_bytes: 256 << 20 }
    }
}

/// What is known of a file beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hint {
    /// Nothing.
    #[default]
    None,
    /// Its name or media type says so; what its first bytes say counts more.
    Likely(FileFormat),
    /// Whoever asks says so, whatever the bytes are.
    Exactly(FileFormat),
}

/// Decodes a file in memory.
///
/// # Errors
/// [`DecodeFailure`] where it is of no format that is read, damaged at its beginning, empty, or beyond a limit.
pub fn decode_bytes(
    bytes: impl Into<Arc<[u8]>>,
    hint: Hint,
    limits: &Limits,
) -> Result<Audio, DecodeFailure> {
    let bytes: Arc<[u8]> = bytes.into();
    decode(Cursor::new(bytes), hint, limits)
}

/// Decodes a file. Channels are mixed down to their mean; the rate is the file's own. Damage in the middle is passed over.
///
/// # Errors
/// [`DecodeFailure`] where it is of no format that is read, damaged at its beginning, empty, or beyond a limit.
pub fn decode<S>(mut source: S, hint: Hint, limits: &Limits) -> Result<Audio, DecodeFailure>
where
    S: Read + Seek + Send + Sync + 'static,
{
    let len = source.seek(SeekFrom::End(0))?;
    if len > limits.file_bytes {
        return Err(DecodeFailure::FileTooLarge { bytes: len, limit: limits.file_bytes });
    }
    source.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    source.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    source.seek(SeekFrom::Start(0))?;
    if head.is_empty() {
        return Err(DecodeFailure::Empty);
    }
    let format = match hint {
        Hint::Exactly(format) => Some(format),
        Hint::Likely(format) => FileFormat::of_content(&head).or(Some(format)),
        Hint::None => FileFormat::of_content(&head),
    };
    let source = Bounded { source, len };
    let mut sink = Sink { limits, rate: 0, samples: Vec::new() };
    match format {
        Some(FileFormat::OggOpus) => opus(source, &mut sink)?,
        Some(FileFormat::Pcmu) => g711(source, Law::Mu, &mut sink)?,
        Some(FileFormat::Pcma) => g711(source, Law::A, &mut sink)?,
        Some(FileFormat::G722) => frames(source, &Codec::G722, None, &mut sink)?,
        Some(FileFormat::G729) => frames(source, &Codec::G729, Some(Frame::SPEECH_LEN), &mut sink)?,
        Some(FileFormat::Gsm) => frames(source, &Codec::GSM, Some(33), &mut sink)?,
        Some(FileFormat::G729Serial) => serial_frames(source, &mut sink)?,
        Some(FileFormat::Raw8k) => raw(source, 8_000, &mut sink)?,
        Some(FileFormat::Raw16k) => raw(source, 16_000, &mut sink)?,
        Some(FileFormat::Raw48k) => raw(source, 48_000, &mut sink)?,
        Some(FileFormat::Matroska) => return Err(DecodeFailure::Refused("Matroska")),
        known => container(source, known, &mut sink)?,
    }
    if sink.samples.is_empty() {
        return Err(DecodeFailure::Empty);
    }
    sink.samples.shrink_to_fit();
    Ok(Audio { rate: sink.rate, samples: sink.samples })
}

/// A source whose length is known.
struct Bounded<S> {
    source: S,
    len: u64,
}

impl<S: Read> Read for Bounded<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.source.read(buffer)
    }
}

impl<S: Seek> Seek for Bounded<S> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.source.seek(to)
    }
}

impl<S: Read + Seek + Send + Sync> MediaSource for Bounded<S> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

/// Where samples are collected, up to a limit.
struct Sink<'a> {
    limits: &'a Limits,
    rate: u32,
    samples: Vec<i16>,
}

impl Sink<'_> {
    /// Refuses `more` samples where they would be too many.
    fn admit(&self, more: usize) -> Result<(), DecodeFailure> {
        let samples = (self.samples.len() as u64).saturating_add(more as u64);
        if samples.saturating_mul(2) > self.limits.audio_bytes {
            return Err(DecodeFailure::TooMuchAudio { limit: self.limits.audio_bytes });
        }
        if duration(samples, self.rate) > self.limits.duration {
            return Err(DecodeFailure::TooLong { limit: self.limits.duration });
        }
        Ok(())
    }

    fn push(&mut self, samples: impl ExactSizeIterator<Item = i16>) -> Result<(), DecodeFailure> {
        self.admit(samples.len())?;
        self.samples.extend(samples);
        Ok(())
    }
}

/// Everything that has a head but Ogg Opus.
fn container<S: MediaSource + 'static>(
    source: S,
    format: Option<FileFormat>,
    sink: &mut Sink<'_>,
) -> Result<(), DecodeFailure> {
    let mut reader = Reader::bounded(Box::new(source), format.and_then(FileFormat::extension))?;
    let Some(rate) = reader.rate() else { return Err(DecodeFailure::Empty) };
    sink.rate = rate;
    while let Some(block) = reader.next_block()? {
        sink.push(block.iter().map(|sample| quantise(*sample)))?;
    }
    Ok(())
}

/// Reads as much as there is, up to the length of `buffer`; less only at the end.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize, DecodeFailure> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

fn g711(mut source: impl Read, law: Law, sink: &mut Sink<'_>) -> Result<(), DecodeFailure> {
    sink.rate = 8_000;
    let (mut codes, mut linear) = ([0; BLOCK], [0; BLOCK]);
    loop {
        let read = fill(&mut source, &mut codes)?;
        let (codes, linear) =
            (codes.get(..read).unwrap_or_default(), linear.get_mut(..read).unwrap_or_default());
        if codes.is_empty() {
            return Ok(());
        }
        decode_slice(law, codes, linear);
        sink.push(linear.iter().copied())?;
    }
}

fn raw(mut source: impl Read, rate: u32, sink: &mut Sink<'_>) -> Result<(), DecodeFailure> {
    sink.rate = rate;
    let mut bytes = [0; BLOCK];
    loop {
        let read = fill(&mut source, &mut bytes)?;
        if read == 0 {
            return Ok(());
        }
        // An odd octet at the end is half a sample.
        let (samples, _) = bytes.get(..read).unwrap_or_default().as_chunks();
        sink.push(samples.iter().map(|sample| i16::from_le_bytes(*sample)))?;
    }
}

/// Frames of `size` octets back to back, or octets of which any number is audio.
fn frames(
    mut source: impl Read,
    codec: &Codec,
    size: Option<usize>,
    sink: &mut Sink<'_>,
) -> Result<(), DecodeFailure> {
    let mut decoder = decoder(codec, 48_000)?;
    sink.rate = decoder.sample_rate();
    let mut payload = vec![0; size.unwrap_or(160)];
    let mut pcm = room(&*decoder);
    let mut frame = 0;
    loop {
        let have = fill(&mut source, &mut payload)?;
        if have == 0 {
            return Ok(());
        }
        frame += 1;
        let need = payload.len();
        if size.is_some() && have < need {
            return Err(DecodeFailure::CutFrame { frame, have, need });
        }
        let payload = payload.get(..have).unwrap_or_default();
        let decoded =
            decoder.decode(payload, &mut pcm).map_err(|source| DecodeFailure::Frame { frame, source })?;
        sink.push(pcm.get(..decoded.samples).unwrap_or_default().iter().copied())?;
    }
}

fn room(decoder: &dyn Decoder) -> Vec<i16> {
    vec![0; (decoder.sample_rate() / 1000 * MAX_PACKET_MS) as usize]
}

/// The ITU's serial format: frames that say of themselves that they are there, not sent, or lost.
fn serial_frames(mut source: impl Read, sink: &mut Sink<'_>) -> Result<(), DecodeFailure> {
    let mut decoder = decoder(&Codec::G729, 8_000)?;
    sink.rate = decoder.sample_rate();
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes)?;
    let mut pcm = [0; Frame::SAMPLES];
    for (frame, read) in (1..).zip(serial::Reader::new(&bytes)) {
        match read.map_err(|error| DecodeFailure::Serial { frame, reason: error.to_string() })? {
            None => decoder.conceal(&mut pcm, None),
            Some(Frame::Untransmitted) => {
                if !decoder.continue_noise(&mut pcm) {
                    pcm.fill(0);
                }
            }
            Some(coded) => {
                decoder
                    .decode(coded.as_bytes(), &mut pcm)
                    .map_err(|source| DecodeFailure::Frame { frame, source })?;
            }
        }
        sink.push(pcm.iter().copied())?;
    }
    Ok(())
}

/// Ogg Opus, as loud and as long as its file says [RFC7845 4] [RFC7845 5.1].
fn opus(source: impl Read, sink: &mut Sink<'_>) -> Result<(), DecodeFailure> {
    let mut reader = OggReader::open(source)?;
    let rate = reader.rate().unwrap_or(48_000);
    let mut decoder = decoder(&Codec::OPUS, rate)?;
    sink.rate = decoder.sample_rate();
    let gain = reader.gain();
    let scaled =
        |ticks: u64, rate: u32| usize::try_from(ticks * u64::from(rate) / 48_000).unwrap_or(usize::MAX);
    let mut pcm = room(&*decoder);
    let mut payload = Vec::new();
    let mut frame = 0;
    while let Some(piece) = reader.next(&mut payload)? {
        let heard = match piece {
            OggPiece::Gap(ticks) => {
                let mut left = scaled(ticks, sink.rate);
                sink.admit(left)?;
                while left > 0 {
                    let count = left.min(pcm.len());
                    let part = pcm.get_mut(..count).unwrap_or_default();
                    decoder.conceal(part, None);
                    sink.push(part.iter().map(|sample| louder(*sample, gain)))?;
                    left -= count;
                }
                continue;
            }
            OggPiece::Payload(cut) => {
                frame += 1;
                let decoded = decoder
                    .decode(&payload, &mut pcm)
                    .map_err(|source| DecodeFailure::Frame { frame, source })?;
                let end = decoded.samples.saturating_sub(scaled(cut.back, sink.rate));
                scaled(cut.front, sink.rate).min(end)..end
            }
        };
        let pcm = pcm.get(heard).unwrap_or_default();
        sink.push(pcm.iter().map(|sample| louder(*sample, gain)))?;
    }
    Ok(())
}

#[expect(clippy::float_cmp, reason = "1 exactly stands for no gain")]
#[expect(clippy::cast_possible_truncation, reason = "a conversion that saturates is what is meant")]
fn louder(sample: i16, gain: f32) -> i16 {
    if gain == 1.0 { sample } else { (f32::from(sample) * gain).round() as i16 }
}
