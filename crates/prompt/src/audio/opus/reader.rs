//! Reads Ogg pages, checks them, and takes their packets out.

use std::collections::VecDeque;
use std::io::{self, Read};

use ogg::reading::{BasePacketReader, PageParser};

use super::head::Head;
use super::timeline::{Page, Stretch, Timeline};
use super::{OggError, OggPiece};

/// Bytes of a page's head without its table of segments.
const PAGE_HEAD: usize = 27;
/// The most bytes of packets that one page has.
const PAGE_BODY: usize = 255 * 255;
/// Pages that one packet may take: comments with a picture take many.
const MAX_PAGES: usize = 256;
/// More pages than this are never missing between two: the numbers do not go on.
const MAX_MISSING: u32 = 1 << 31;

/// Reads the packets of an Ogg Opus file.
pub struct OggReader<R> {
    source: Counted<R>,
    pages: BasePacketReader,
    serial: u32,
    head: Head,
    /// What the page read last brought.
    ready: VecDeque<Stretch>,
    /// Where that page begins.
    at: u64,
    frame: u64,
    timeline: Timeline,
    ended: bool,
    /// Pages since a packet ended.
    open_pages: usize,
    /// Number of the page that should come next; none before the first.
    next_page: Option<u32>,
    /// Pages that were missing since a packet ended.
    missing: u32,
}

impl<R: Read> OggReader<R> {
    /// Reads up to the first packet with audio.
    ///
    /// # Errors
    /// [`OggError`] where it is no Ogg Opus, or damaged at its beginning.
    pub fn open(source: R) -> Result<Self, OggError> {
        let head = Head { pre_skip: 0, rate: 0, gain: 0 };
        let mut reader = Self {
            source: Counted { source, position: 0 },
            pages: BasePacketReader::new(),
            serial: 0,
            head,
            ready: VecDeque::new(),
            at: 0,
            frame: 0,
            timeline: Timeline::default(),
            ended: false,
            open_pages: 0,
            next_page: None,
            missing: 0,
        };
        let head = reader.header_page()?;
        reader.head = Head::read(head.packets.first().map_or(&[][..], Vec::as_slice))?;
        reader.timeline.skip = reader.head.pre_skip.into();
        // The comments, which are nobody's business here; where they are missing, audio comes.
        let page = reader.header_page()?;
        if page.packets.first().is_some_and(|packet| !packet.starts_with(b"OpusTags")) {
            reader.ready.extend(reader.timeline.place(page));
        }
        Ok(reader)
    }

    /// Sample rate in hertz of what was coded, where it says.
    #[must_use]
    pub fn rate(&self) -> Option<u32> {
        Some(self.head.rate).filter(|rate| *rate > 0)
    }

    /// What the samples are to be multiplied with.
    #[must_use]
    pub fn gain(&self) -> f32 {
        if self.head.gain == 0 { 1.0 } else { 10_f32.powf(f32::from(self.head.gain) / (20.0 * 256.0)) }
    }

    /// What is worth saying of the file once all was read.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = self.timeline.remarks();
        if !self.ended {
            let cut = format!("cut off: no page ends its stream; the last one begins at byte {}", self.at);
            remarks.push(cut);
        }
        remarks
    }

    /// The number of the packet read last, and where its page begins.
    #[must_use]
    pub const fn place(&self) -> (u64, u64) {
        (self.frame, self.at)
    }

    /// Reads what comes next; a packet into `payload`. `None` at the end.
    ///
    /// # Errors
    /// [`OggError`] where the file is damaged.
    pub fn next(&mut self, payload: &mut Vec<u8>) -> Result<Option<OggPiece>, OggError> {
        loop {
            match self.ready.pop_front() {
                Some(Stretch::Packet(packet, cut)) => {
                    self.frame += 1;
                    *payload = packet;
                    return Ok(Some(OggPiece::Payload(cut)));
                }
                Some(Stretch::Gap(ticks)) => return Ok(Some(OggPiece::Gap(ticks))),
                None => {}
            }
            let Some(page) = self.page()? else { return Ok(None) };
            self.ready.extend(self.timeline.place(page));
        }
    }

    /// The next page on which a packet ends. A header is alone on its own [RFC7845 3].
    fn header_page(&mut self) -> Result<Page, OggError> {
        while let Some(page) = self.page()? {
            if !page.packets.is_empty() {
                return Ok(page);
            }
        }
        Err(OggError::NoAudio { at: self.source.position })
    }

    /// The stream's next page; `None` behind its last.
    fn page(&mut self) -> Result<Option<Page>, OggError> {
        loop {
            let at = self.source.position;
            let mut head = [0; PAGE_HEAD];
            let read = self.source.fill(&mut head)?;
            if read == 0 && (self.ended || self.timeline.position.is_some()) {
                return Ok(None);
            }
            self.check_head(at, head.get(..read).unwrap_or_default())?;
            let [_, _, _, _, _, flags, g0, g1, g2, g3, g4, g5, g6, g7, s0, s1, s2, s3, n0, n1, n2, n3, ..] =
                head;
            let serial = u32::from_le_bytes([s0, s1, s2, s3]);
            let (begins, last) = (flags & 2 != 0, flags & 4 != 0);
            if at == 0 {
                self.serial = serial;
            } else if begins && self.ended {
                return Err(OggError::Chained { at });
            }
            let trouble = |source| OggError::Page { at, source };
            let (mut parser, segments) = PageParser::new(head).map_err(trouble)?;
            let segments = self.bytes(at, segments)?;
            let body = parser.parse_segments(segments);
            let body = self.bytes(at, body.min(PAGE_BODY))?;
            // Another stream of the file, such as a picture's.
            if serial != self.serial {
                continue;
            }
            let page = parser.parse_packet_data(body).map_err(trouble)?;
            self.count(u32::from_le_bytes([n0, n1, n2, n3]));
            self.pages.push_page(page).map_err(trouble)?;
            let mut packets = Vec::new();
            while let Some(packet) = self.pages.read_packet() {
                packets.push(packet.data);
            }
            self.open_pages = if packets.is_empty() { self.open_pages + 1 } else { 0 };
            if self.open_pages > MAX_PAGES {
                let at = self.source.position;
                return Err(OggError::Packet { at, limit: MAX_PAGES * PAGE_BODY });
            }
            self.ended |= last;
            self.at = at;
            let granule = u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]);
            let missing = self.missing;
            if !packets.is_empty() {
                self.missing = 0;
            }
            return Ok(Some(Page { at, granule, last, missing, packets }));
        }
    }

    /// Finds out by a page's number whether some before it are missing. A packet that began on them has no end, one that
    /// goes on from them no beginning.
    fn count(&mut self, number: u32) {
        let missing = self.next_page.map_or(0, |next| number.wrapping_sub(next));
        self.next_page = Some(number.wrapping_add(1));
        if (1..MAX_MISSING).contains(&missing) {
            self.missing = self.missing.saturating_add(missing);
            self.pages = BasePacketReader::new();
            self.pages.update_after_seek();
        }
    }

    fn check_head(&self, at: u64, head: &[u8]) -> Result<(), OggError> {
        let found = || head.iter().copied().take(8).collect();
        if at == 0 && head.is_empty() {
            return Err(OggError::Empty);
        }
        if head.is_empty() {
            return Err(OggError::NoAudio { at });
        }
        if !head.starts_with(b"OggS") {
            let trouble =
                if at == 0 { OggError::NotOgg(found()) } else { OggError::NoPage { at, found: found() } };
            return Err(trouble);
        }
        if head.len() < PAGE_HEAD { Err(OggError::CutPage { at }) } else { Ok(()) }
    }

    /// So many further bytes of the page that begins at `at`.
    fn bytes(&mut self, at: u64, len: usize) -> Result<Vec<u8>, OggError> {
        let mut bytes = vec![0; len];
        if self.source.fill(&mut bytes)? < len {
            return Err(OggError::CutPage { at });
        }
        Ok(bytes)
    }
}

/// A source, and where the next byte of it stands.
struct Counted<R> {
    source: R,
    position: u64,
}

impl<R: Read> Counted<R> {
    /// Reads as much as there is, up to the length of `buffer`; less only at the end.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, OggError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    self.position += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(OggError::Read { at: self.position, source }),
            }
        }
        Ok(filled)
    }
}
