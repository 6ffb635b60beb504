//! Opus in Ogg [RFC 3533, RFC 7845].

use std::io::{Read, Seek, SeekFrom};

use opus::{Decoder, MSDecoder};

use super::{DecodeError, Shape, read_exact};
use crate::format::{GRANULES, MAX_PAGE, Page};

/// What the decoder is given before the place that is asked for, at 48 kHz. [RFC7845 4.6] asks for 80 ms at least; behind
/// that much speech at 8 kbit/s a voice is still heard to settle.
const PRE_ROLL: u64 = 48 * 400;
/// The longest packet in samples of 48 kHz [RFC6716 3.2.5].
const MAX_FRAME: usize = 48 * 120;
/// Where a search by halves ends: what is left is read page by page.
const NEAR: u64 = 2 * MAX_PAGE as u64;
/// How many beginnings of pages are tried in a part of the file that has none.
const MOST_SIGNS: usize = 64;

enum Library {
    Mono(Decoder),
    Stereo(MSDecoder),
}

/// Opus in Ogg.
pub(super) struct OggOpusFile<R> {
    source: R,
    library: Library,
    shape: Shape,
    pre_skip: u64,
    /// Where the first page of audio begins, and where the one begins that is read next.
    begins: u64,
    at: u64,
    page: Page,
    /// Number of the next packet of `page`.
    next: usize,
    /// Samples at 48 kHz that were decoded, what is skipped included.
    decoded: u64,
    pcm: Box<[i16]>,
}

impl<R: Read + Seek> OggOpusFile<R> {
    pub(super) fn open(mut source: R) -> Result<(Self, Shape), DecodeError> {
        let no = DecodeError::Format("Ogg without the header of Opus");
        let Some((head, at)) = page(&mut source, 0)? else { return Err(no) };
        let Some((shape, pre_skip)) = identification(head.packet(0).unwrap_or_default()) else {
            return Err(no);
        };
        // The comments.
        let Some((tags, begins)) = page(&mut source, at)? else { return Err(no) };
        if !tags.packet(0).is_some_and(|packet| packet.starts_with(b"OpusTags")) || tags.continues() {
            return Err(DecodeError::Format("Ogg without the comments of Opus"));
        }
        let library = library(shape)?;
        let steps = usize::try_from(GRANULES / u64::from(shape.rate.max(1))).unwrap_or(1).max(1);
        let len = MAX_FRAME / steps * usize::from(shape.channels);
        let pcm = vec![0; len].into_boxed_slice();
        let empty = Page::default();
        Ok((
            Self {
                source,
                library,
                shape,
                pre_skip,
                begins,
                at: begins,
                page: empty,
                next: 0,
                decoded: 0,
                pcm,
            },
            shape,
        ))
    }

    /// Goes to the page that has the pre-roll of `sample`; the sample that comes next.
    pub(super) fn seek(&mut self, sample: u64) -> Result<u64, DecodeError> {
        let wanted =
            sample.saturating_mul(self.step()).saturating_add(self.pre_skip).saturating_sub(PRE_ROLL);
        let (mut low, mut high) = (self.begins, self.source.seek(SeekFrom::End(0))?);
        // Everything up to `low` is before the place, and the page at `low` begins with sample `decoded`.
        let mut decoded = 0;
        while high.saturating_sub(low) > NEAR {
            let middle = low + (high - low) / 2;
            match find(&mut self.source, middle, high)? {
                Some((page, end)) if page.granule() <= wanted && !page.continues() => {
                    (low, decoded) = (end, page.granule());
                }
                _ => high = middle,
            }
        }
        while let Some((found, end)) = page(&mut self.source, low)? {
            if found.granule() > wanted {
                break;
            }
            (low, decoded) = (end, found.granule());
        }
        self.library = library(self.shape)?;
        (self.at, self.page, self.next, self.decoded) = (low, Page::default(), 0, decoded);
        Ok(decoded.saturating_sub(self.pre_skip) / self.step())
    }

    /// Samples at 48 kHz for one that was recorded.
    const fn step(&self) -> u64 {
        GRANULES / self.shape.rate as u64
    }

    pub(super) fn read(&mut self, out: &mut Vec<i16>) -> Result<(), DecodeError> {
        while out.is_empty() {
            if self.page.packet(self.next).is_none() {
                let there = page(&mut self.source, self.at).map_err(|error| self.located(error))?;
                let Some((page, end)) = there else { return Ok(()) };
                if page.continues() || page.packet(0).is_none() {
                    return Err(self.damaged("a packet is not in one page"));
                }
                (self.page, self.at, self.next) = (page, end, 0);
            }
            self.packet(out)?;
        }
        Ok(())
    }

    /// Decodes a packet; what is before the beginning and behind the end is left out.
    fn packet(&mut self, out: &mut Vec<i16>) -> Result<(), DecodeError> {
        let packet = self.page.packet(self.next).unwrap_or_default();
        let decoded = match (&mut self.library, packet.is_empty()) {
            (_, true) => Err(()),
            (Library::Mono(library), _) => library.decode(packet, &mut self.pcm, false).map_err(drop),
            (Library::Stereo(library), _) => library.decode(packet, &mut self.pcm, false).map_err(drop),
        };
        let Ok(samples) = decoded else { return Err(self.damaged("a packet cannot be decoded")) };
        self.next += 1;
        let step = self.step();
        let begin = self.decoded;
        self.decoded = begin.saturating_add(samples as u64 * step);
        let mut end = self.decoded;
        if self.page.packet(self.next).is_none() {
            // [RFC7845 4.4] The last page may state fewer samples than its packets have; no other may state anything else.
            if self.page.is_last() {
                end = end.min(self.page.granule());
            } else if end != self.page.granule() {
                return Err(self.damaged("pages are missing"));
            }
        }
        let channels = usize::from(self.shape.channels);
        let index = |at: u64| usize::try_from(at.saturating_sub(begin) / step).unwrap_or(usize::MAX);
        let (first, last) = (index(self.pre_skip), index(end.max(begin)));
        out.extend(
            self.pcm.get(first.saturating_mul(channels)..last.saturating_mul(channels)).unwrap_or_default(),
        );
        Ok(())
    }

    /// An error of a page, with its place in time.
    fn located(&self, error: DecodeError) -> DecodeError {
        match error {
            DecodeError::Format(reason) => self.damaged(reason),
            other => other,
        }
    }

    const fn damaged(&self, reason: &'static str) -> DecodeError {
        let sample = self.decoded.saturating_sub(self.pre_skip) / self.step();
        DecodeError::Damaged { sample, reason }
    }
}

/// [RFC7845 5.1] Version 1, no gain, and one stream, or two uncoupled ones of family 1. The rate is the recorded one.
fn identification(packet: &[u8]) -> Option<(Shape, u64)> {
    let head = packet.strip_prefix(b"OpusHead\x01")?;
    let (&[channels, s0, s1, r0, r1, r2, r3, 0, 0], mapping) = head.split_first_chunk()? else { return None };
    let rate = u32::from_le_bytes([r0, r1, r2, r3]);
    let known = matches!((channels, mapping), (1, [0]) | (2, [1, 2, 0, 0, 1]));
    let rates = [8000, 12_000, 16_000, 24_000, 48_000];
    (known && rates.contains(&rate))
        .then(|| (Shape { channels, rate }, u64::from(u16::from_le_bytes([s0, s1]))))
}

fn library(shape: Shape) -> Result<Library, DecodeError> {
    let made = match shape.channels {
        1 => Decoder::new(shape.rate, opus::Channels::Mono).map(Library::Mono),
        _ => MSDecoder::new(shape.rate, 2, 0, &[0, 1]).map(Library::Stereo),
    };
    made.map_err(|_| DecodeError::Format("libopus has no decoder for it"))
}

/// The page that begins at an octet, and where it ends; `None` at the end of the file.
fn page(source: &mut (impl Read + Seek), at: u64) -> Result<Option<(Page, u64)>, DecodeError> {
    source.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    source.by_ref().take(Page::HEAD as u64).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    for _ in 0..2 {
        // First the segment table, then what it announces.
        let needed = Page::needed(&bytes).ok_or(DecodeError::Format("what should be an Ogg page is none"))?;
        let have = bytes.len();
        bytes.resize(needed, 0);
        let rest = bytes.get_mut(have..).unwrap_or_default();
        read_exact(source, rest, "an Ogg page is cut off")?;
    }
    let end = at + bytes.len() as u64;
    let page = Page::parse(bytes).ok_or(DecodeError::Format("an Ogg page is altered"))?;
    Ok(Some((page, end)))
}

/// The first whole page that begins between two octets.
fn find(source: &mut (impl Read + Seek), from: u64, to: u64) -> Result<Option<(Page, u64)>, DecodeError> {
    source.seek(SeekFrom::Start(from))?;
    let mut window = Vec::new();
    source.by_ref().take((to - from).min(NEAR)).read_to_end(&mut window)?;
    let signs = window.windows(4).enumerate().filter(|(_, bytes)| *bytes == b"OggS");
    for (offset, _) in signs.take(MOST_SIGNS) {
        // Audio may hold these four octets; the checksum tells.
        if let Ok(Some(found)) = page(source, from + offset as u64) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
