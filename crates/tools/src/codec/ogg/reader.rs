//! Reads Ogg pages, checks them, and takes their packets out.

use std::collections::VecDeque;

use ogg::reading::{BasePacketReader, PageParser};

use super::head::Head;
use super::packet_length;
use crate::codec::coded::{Cut, Piece};
use crate::codec::error::{OggTrouble, Trouble};
use crate::codec::input::Source;

/// Bytes of a page's head without its table of segments.
const PAGE_HEAD: usize = 27;
/// The most bytes of packets that one page has.
const PAGE_BODY: usize = 255 * 255;
/// Pages that one packet may take: comments with a picture take many.
const MAX_PAGES: usize = 256;
/// No position is later; so none ever overflows.
const LATEST: u64 = 1 << 62;

/// Reads the packets of an Ogg Opus file.
pub(crate) struct OggReader {
    source: Source,
    pages: BasePacketReader,
    serial: u32,
    head: Head,
    /// Packets of the page read last, with the audio that is not to be heard.
    ready: VecDeque<(Vec<u8>, Cut)>,
    /// Where that page begins.
    at: u64,
    frame: u64,
    timeline: Timeline,
    ended: bool,
    /// Pages since a packet ended.
    open_pages: usize,
}

/// A page as it is read.
pub(super) struct Page {
    /// Where it ends.
    pub(super) granule: u64,
    /// It ends the stream.
    pub(super) last: bool,
    /// The packets that end on it.
    pub(super) packets: Vec<Vec<u8>>,
}

/// Which samples of a stream are to be heard.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Samples up to the end of the last page; none before the first.
    pub(super) position: Option<u64>,
    /// Samples of the beginning that are still to be left out.
    pub(super) skip: u64,
}

impl Timeline {
    /// Finds out which samples of the page's packets are to be heard [RFC7845 4].
    pub(super) fn place(&mut self, page: Page) -> Vec<(Vec<u8>, Cut)> {
        let length: u64 = page.packets.iter().map(|packet| packet_length(packet)).sum();
        // A recording that began in the middle of a stream begins later than at 0; an end may cut off the last page.
        let granule = page.granule.min(LATEST);
        let start = self.position.unwrap_or_else(|| granule.saturating_sub(length));
        let end = if page.last { granule.max(start).min(start + length) } else { start + length };
        let mut at = start;
        let mut placed = Vec::with_capacity(page.packets.len());
        for packet in page.packets {
            let after = at + packet_length(&packet);
            let front = self.skip.min(after - at);
            self.skip -= front;
            let back = after.saturating_sub(end).min(after - at);
            at = after;
            placed.push((packet, Cut { front, back }));
        }
        self.position = Some(at);
        placed
    }
}

impl OggReader {
    /// Reads up to the first packet with audio.
    pub(crate) fn open(source: Source) -> Result<Self, Trouble> {
        let head = Head { pre_skip: 0, rate: 0, gain: 0 };
        let mut reader = Self {
            source,
            pages: BasePacketReader::new(),
            serial: 0,
            head,
            ready: VecDeque::new(),
            at: 0,
            frame: 0,
            timeline: Timeline::default(),
            ended: false,
            open_pages: 0,
        };
        let packet = reader.header_packet()?;
        reader.head = Head::read(&packet)?;
        reader.timeline.skip = reader.head.pre_skip.into();
        // The comments, which are nobody's business here.
        reader.header_packet()?;
        Ok(reader)
    }

    /// Sample rate in hertz of what was coded, where it says.
    pub(crate) fn rate(&self) -> Option<u32> {
        Some(self.head.rate).filter(|rate| *rate > 0)
    }

    /// What the samples are to be multiplied with.
    pub(crate) fn gain(&self) -> f32 {
        if self.head.gain == 0 { 1.0 } else { 10_f32.powf(f32::from(self.head.gain) / (20.0 * 256.0)) }
    }

    /// What is worth saying of the file once all was read.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let cut = format!("cut off: no page ends its stream; the last one begins at byte {}", self.at);
        if self.ended { Vec::new() } else { vec![cut] }
    }

    /// The number of the packet read last, and where its page begins.
    pub(crate) const fn place(&self) -> (u64, u64) {
        (self.frame, self.at)
    }

    pub(crate) fn next(&mut self, payload: &mut Vec<u8>) -> Result<Option<Piece>, Trouble> {
        loop {
            if let Some((packet, cut)) = self.ready.pop_front() {
                self.frame += 1;
                *payload = packet;
                return Ok(Some(Piece::Payload(cut)));
            }
            let Some(page) = self.page()? else { return Ok(None) };
            self.ready.extend(self.timeline.place(page));
        }
    }

    /// The only packet of the next page, which a header is by RFC 7845, or the first that ends.
    fn header_packet(&mut self) -> Result<Vec<u8>, Trouble> {
        while let Some(page) = self.page()? {
            if let Some(packet) = page.packets.into_iter().next() {
                return Ok(packet);
            }
        }
        Err(OggTrouble::NoAudio { at: self.source.position() }.into())
    }

    /// The stream's next page; `None` behind its last.
    fn page(&mut self) -> Result<Option<Page>, Trouble> {
        loop {
            let at = self.source.position();
            let mut head = [0; PAGE_HEAD];
            let read = self.source.fill(&mut head)?;
            if read == 0 && (self.ended || self.timeline.position.is_some()) {
                return Ok(None);
            }
            self.check_head(at, head.get(..read).unwrap_or_default())?;
            let [_, _, _, _, _, flags, g0, g1, g2, g3, g4, g5, g6, g7, s0, s1, s2, s3, ..] = head;
            let serial = u32::from_le_bytes([s0, s1, s2, s3]);
            let (begins, last) = (flags & 2 != 0, flags & 4 != 0);
            if at == 0 {
                self.serial = serial;
            } else if begins && self.ended {
                return Err(OggTrouble::Chained { at }.into());
            }
            let trouble = |source| Trouble::from(OggTrouble::Page { at, source });
            let (mut parser, segments) = PageParser::new(head).map_err(trouble)?;
            let segments = self.bytes(at, segments)?;
            let body = parser.parse_segments(segments);
            let body = self.bytes(at, body.min(PAGE_BODY))?;
            // Another stream of the file, such as a picture's.
            if serial != self.serial {
                continue;
            }
            let page = parser.parse_packet_data(body).map_err(trouble)?;
            self.pages.push_page(page).map_err(trouble)?;
            let mut packets = Vec::new();
            while let Some(packet) = self.pages.read_packet() {
                packets.push(packet.data);
            }
            self.open_pages = if packets.is_empty() { self.open_pages + 1 } else { 0 };
            if self.open_pages > MAX_PAGES {
                let at = self.source.position();
                return Err(OggTrouble::Packet { at, limit: MAX_PAGES * PAGE_BODY }.into());
            }
            self.ended |= last;
            self.at = at;
            let granule = u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]);
            return Ok(Some(Page { granule, last, packets }));
        }
    }

    fn check_head(&self, at: u64, head: &[u8]) -> Result<(), Trouble> {
        let found = || head.iter().copied().take(8).collect();
        if at == 0 && head.is_empty() {
            return Err(Trouble::Empty);
        }
        if head.is_empty() {
            return Err(OggTrouble::NoAudio { at }.into());
        }
        if !head.starts_with(b"OggS") {
            let trouble =
                if at == 0 { OggTrouble::NotOgg(found()) } else { OggTrouble::NoPage { at, found: found() } };
            return Err(trouble.into());
        }
        if head.len() < PAGE_HEAD { Err(OggTrouble::CutPage { at }.into()) } else { Ok(()) }
    }

    /// So many further bytes of the page that begins at `at`.
    fn bytes(&mut self, at: u64, len: usize) -> Result<Vec<u8>, Trouble> {
        let mut bytes = vec![0; len];
        if self.source.fill(&mut bytes)? < len {
            return Err(OggTrouble::CutPage { at }.into());
        }
        Ok(bytes)
    }
}
