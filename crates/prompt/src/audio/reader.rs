//! An audio file a block at a time, as mono samples at the file's own rate: WAV files, and what `symphonia` decodes.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

pub use symphonia::core::io::MediaSource;

use super::au;
use super::error::ReadError;
use super::ogg::{MissingPages, missing_pages};
use super::rejoined::whole;
use super::wav::{WavHead, WavReader, fill};

/// Bytes that a WAV file begins with: RIFF, a length, WAVE.
const RIFF_HEAD: usize = 12;
/// Sample rates that are read, in hertz.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// The longest gap that is filled with silence, in seconds: what is longer is a position that means nothing.
const MAX_GAP: u64 = 3600;
/// Samples of silence that are made at a time.
const SILENCE: u64 = 16 * 1024;
/// Packets that end on one page at most.
const PAGE_PACKETS: usize = 255;

/// Audio that a file lacks, with silence in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where it begins, in samples of a channel.
    pub at: u64,
    /// How long it is, in samples of a channel.
    pub samples: u64,
    /// Pages of the file that are missing.
    pub pages: u32,
}

/// The first audio track of a file that is being read.
pub struct Reader(Inner);

enum Inner {
    Wav(Box<WavReader<Box<dyn MediaSource>>>),
    Other(Box<Decoded>),
}

impl Reader {
    /// Reads the head of an audio file (WAV, AIFF, AU, FLAC, Ogg, Matroska, MP3); `extension` of its name helps to tell
    /// which it is.
    ///
    /// # Errors
    /// [`ReadError`] where it is none of them, or holds no audio.
    pub fn new(source: Box<dyn MediaSource>, extension: Option<&str>) -> Result<Self, ReadError> {
        Self::open(source, extension, symphonia::default::get_probe())
    }

    /// The same without Matroska, whose reader takes the lengths of damaged files at their word.
    ///
    /// # Errors
    /// [`ReadError`] where it is none of the others, or holds no audio.
    pub fn bounded(source: Box<dyn MediaSource>, extension: Option<&str>) -> Result<Self, ReadError> {
        Self::open(source, extension, &BOUNDED)
    }

    /// Reads the head of a WAV file.
    ///
    /// # Errors
    /// [`ReadError`] where it is none, or one whose samples are not read.
    pub fn wav(mut source: Box<dyn MediaSource>) -> Result<Self, ReadError> {
        let head = head(&mut source)?;
        match head.as_array() {
            Some(head) if is_wav(head) => Self::known_wav(source, head),
            _ => Err(ReadError::NotWav(head)),
        }
    }

    fn open(
        mut source: Box<dyn MediaSource>,
        extension: Option<&str>,
        probe: &Probe,
    ) -> Result<Self, ReadError> {
        let head = head(&mut source)?;
        match head.as_array() {
            Some(head) if is_wav(head) => Self::known_wav(source, head),
            _ if head.starts_with(au::MAGIC) => {
                Self::known_wav(Box::new(au::Au::read(source, &head)?), b"RIFF\xff\xff\xff\xffWAVE")
            }
            _ => Self::other(whole(head, source), extension, probe),
        }
    }

    fn known_wav(mut source: Box<dyn MediaSource>, head: &[u8; RIFF_HEAD]) -> Result<Self, ReadError> {
        match WavHead::read(&mut source, head) {
            Ok(head) => Ok(Self(Inner::Wav(Box::new(WavReader::new(source, head))))),
            // A coding that others know, such as ADPCM; they begin from the beginning.
            Err(ReadError::Coding { .. }) if source.is_seekable() => {
                Self::other(whole(Vec::new(), source), Some("wav"), &BOUNDED)
            }
            Err(error) => Err(error),
        }
    }

    fn other(
        source: Box<dyn MediaSource>,
        extension: Option<&str>,
        probe: &Probe,
    ) -> Result<Self, ReadError> {
        guarded(|| Decoded::new(source, extension, probe)).map(|it| Self(Inner::Other(Box::new(it))))
    }

    /// Sample rate in hertz; `None` for a file that does not say and holds nothing.
    #[must_use]
    pub fn rate(&self) -> Option<u32> {
        match &self.0 {
            Inner::Wav(wav) => Some(wav.rate()),
            Inner::Other(other) => other.rate,
        }
    }

    /// Samples of a channel that the file's head announces, where it does.
    #[must_use]
    pub fn announced(&self) -> Option<u64> {
        match &self.0 {
            Inner::Wav(wav) => wav.announced(),
            Inner::Other(other) => other.announced,
        }
    }

    /// Samples of a channel read up to now.
    #[must_use]
    pub fn read(&self) -> u64 {
        match &self.0 {
            Inner::Wav(wav) => wav.read(),
            Inner::Other(other) => other.read,
        }
    }

    /// Packets that were passed over because they could not be decoded.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        match &self.0 {
            Inner::Wav(_) => 0,
            Inner::Other(other) => other.damaged,
        }
    }

    /// Gaps up to now, where the file says how long they are: those of Ogg files that can be gone back in.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        match &self.0 {
            Inner::Wav(_) => &[],
            Inner::Other(other) => &other.gaps,
        }
    }

    /// The next samples, -1 to 1, the mean of all channels; `None` behind the last.
    ///
    /// # Errors
    /// [`ReadError`] where the file cannot be read further. One that is cut off ends there without one: compare
    /// [`read`](Self::read) with [`announced`](Self::announced).
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, ReadError> {
        match &mut self.0 {
            Inner::Wav(wav) => wav.next_block(),
            Inner::Other(other) => guarded(|| other.next_block()),
        }
    }
}

/// The formats that [`Reader::bounded`] reads.
static BOUNDED: LazyLock<Probe> = LazyLock::new(|| {
    use symphonia::default::formats;

    let mut probe = Probe::default();
    probe.register_format::<formats::FlacReader<'_>>();
    probe.register_format::<formats::MpaReader<'_>>();
    probe.register_format::<formats::AiffReader<'_>>();
    probe.register_format::<formats::WavReader<'_>>();
    probe.register_format::<formats::OggReader<'_>>();
    probe
});

/// What `symphonia` decodes.
struct Decoded {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    rate: Option<u32>,
    announced: Option<u64>,
    read: u64,
    ended: bool,
    damaged: u64,
    /// Pages that will be found missing, in order.
    missing: VecDeque<MissingPages>,
    gaps: Vec<Gap>,
    /// Samples of a gap that are still to come.
    silence: u64,
    /// Packets behind a gap that were looked at to find out how long it is.
    ahead: VecDeque<Packet>,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
}

impl Decoded {
    fn new(
        mut source: Box<dyn MediaSource>,
        extension: Option<&str>,
        probe: &Probe,
    ) -> Result<Self, ReadError> {
        let missing = if source.is_seekable() { missing_pages(&mut *source)? } else { None };
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(source, Default::default());
        let format = probe
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| unreadable(&error))?;
        let track = format.default_track(TrackType::Audio).ok_or(ReadError::NoAudio)?;
        let (id, announced) = (track.id, track.num_frames);
        let parameters = track
            .codec_params
            .as_ref()
            .and_then(|parameters| parameters.audio())
            .ok_or(ReadError::NoAudio)?;
        let rate = parameters.sample_rate.map(checked).transpose()?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| unreadable(&error))?;
        let mut reader = Self {
            format,
            decoder,
            track: id,
            rate,
            announced,
            read: 0,
            ended: false,
            damaged: 0,
            missing: missing.unwrap_or_default().into_iter().filter(|missing| missing.serial == id).collect(),
            gaps: Vec::new(),
            silence: 0,
            ahead: VecDeque::new(),
            interleaved: Vec::new(),
            mono: Vec::new(),
        };
        if reader.rate.is_none() {
            reader.advance()?;
        }
        Ok(reader)
    }

    fn next_block(&mut self) -> Result<Option<&[f32]>, ReadError> {
        if self.mono.is_empty() {
            self.advance()?;
        }
        if self.mono.is_empty() {
            return Ok(None);
        }
        // The block is borrowed from the other buffer, so that this one is empty the next time.
        self.interleaved.clear();
        std::mem::swap(&mut self.interleaved, &mut self.mono);
        Ok(Some(&self.interleaved))
    }

    /// Decodes packets until one brings samples or the file ends.
    fn advance(&mut self) -> Result<(), ReadError> {
        if self.silence == 0 {
            self.look_for_gap()?;
        }
        if self.silence > 0 {
            let count = self.silence.min(SILENCE);
            self.mono.resize(usize::try_from(count).unwrap_or_default(), 0.0);
            (self.silence, self.read) = (self.silence - count, self.read + count);
        }
        while self.mono.is_empty()
            && let Some(packet) = self.packet()?
        {
            let buffer = match self.decoder.decode(&packet) {
                Ok(buffer) => buffer,
                Err(SymphoniaError::DecodeError(_)) => {
                    self.damaged += 1;
                    continue;
                }
                Err(error) => return Err(unreadable(&error)),
            };
            let rate = checked(buffer.spec().rate())?;
            match self.rate.replace(rate) {
                Some(from) if from != rate => return Err(ReadError::RateChange { from, to: rate }),
                _ => {}
            }
            let channels = buffer.spec().channels().count().max(1);
            self.interleaved.resize(buffer.samples_interleaved(), 0.0);
            buffer.copy_to_slice_interleaved(&mut self.interleaved);
            #[expect(clippy::cast_precision_loss, reason = "a handful of channels")]
            let scale = 1.0 / channels as f32;
            let frames = self.interleaved.chunks_exact(channels);
            self.mono.extend(frames.map(|frame| frame.iter().sum::<f32>() * scale));
            self.read += self.mono.len() as u64;
        }
        Ok(())
    }

    /// Finds out whether a gap comes next. The packets of the page behind it are said to follow those before it; what its
    /// end is later by is missing.
    fn look_for_gap(&mut self) -> Result<(), ReadError> {
        let Some(missing) = self.missing.front().copied() else { return Ok(()) };
        if self.ahead.is_empty() {
            let next = self.packet()?;
            self.ahead.extend(next);
        }
        let is_before = |packet: &Packet, position: u64| i128::from(packet.pts.get()) < i128::from(position);
        if self.ahead.front().is_none_or(|packet| is_before(packet, missing.from)) {
            return Ok(());
        }
        self.missing.pop_front();
        let mut there = 0;
        let mut packets = std::mem::take(&mut self.ahead);
        while packets.len() <= PAGE_PACKETS
            && let Some(packet) = packets.back().filter(|packet| is_before(packet, missing.to))
        {
            there += packet.dur.get();
            match self.packet()? {
                Some(next) => packets.push_back(next),
                None => break,
            }
        }
        self.ahead = packets;
        let samples = missing.to.saturating_sub(missing.from).saturating_sub(there);
        let most = MAX_GAP * u64::from(self.rate.unwrap_or_default());
        if samples > 0 && samples <= most {
            self.gaps.push(Gap { at: self.read, samples, pages: missing.pages });
            self.silence = samples;
        }
        Ok(())
    }

    /// The track's next packet; `None` at the end, where it stays.
    fn packet(&mut self) -> Result<Option<Packet>, ReadError> {
        if let Some(packet) = self.ahead.pop_front() {
            return Ok(Some(packet));
        }
        while !self.ended {
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                Ok(None) | Err(SymphoniaError::ResetRequired) => self.ended = true,
                // A file that was cut short ends with an error instead of an end.
                Err(SymphoniaError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.ended = true;
                }
                Err(error) => return Err(unreadable(&error)),
            }
        }
        Ok(None)
    }
}

pub(super) const fn checked(rate: u32) -> Result<u32, ReadError> {
    if *RATES.start() <= rate && rate <= *RATES.end() { Ok(rate) } else { Err(ReadError::Rate(rate)) }
}

fn unreadable(error: &SymphoniaError) -> ReadError {
    ReadError::Unreadable(error.to_string())
}

/// The first bytes of a file.
fn head(source: &mut Box<dyn MediaSource>) -> Result<Vec<u8>, ReadError> {
    let mut head = vec![0; RIFF_HEAD];
    let read = fill(source, &mut head)?;
    head.truncate(read);
    if head.is_empty() { Err(ReadError::Empty) } else { Ok(head) }
}

const fn is_wav(head: &[u8; RIFF_HEAD]) -> bool {
    matches!(head, [b'R', b'I', b'F', b'F', ..] | [b'R', b'F', b'6', b'4', ..] | [b'B', b'W', b'6', b'4', ..])
        && matches!(head, [.., b'W', b'A', b'V', b'E'])
}

/// Decoders of that many formats have mistakes that damaged files find; such a file is just not readable.
fn guarded<T>(decode: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(ReadError::Unreadable("its decoder broke down on it".to_owned())))
}
