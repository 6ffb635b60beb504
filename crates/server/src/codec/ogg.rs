//! Ogg Opus, RFC 7845 in RFC 3533: one mono or stereo stream in, one mono stream out.
//!
//! Positions count samples at 48 kHz, whatever the rate of the coders.

use std::collections::VecDeque;

use mediapoint_codec::Transmission;
use ogg::reading::{BasePacketReader, PageParser};
use ogg::{PacketWriteEndInfo, PacketWriter};

use super::coded::{Cut, Piece};
use super::error::{CodecError, OggTrouble, Trouble};
use super::input::Source;
use super::output::Output;

/// What libopus' encoder is late by, in samples at 48 kHz: 6.5 ms. A test measures it.
pub(super) const PRE_SKIP: u64 = 312;
/// Bytes of a page's head without its table of segments [RFC3533 6].
const PAGE_HEAD: usize = 27;
/// The most bytes of packets that one page has.
const PAGE_BODY: usize = 255 * 255;
/// Pages that one packet may take: tags with a picture take many, and they are not kept.
const MAX_PAGES: usize = 1024;
/// Packets in a page, at most: about a second [RFC7845 6].
const SECOND: u64 = 48_000;
/// No position is later; so none ever overflows.
const LATEST: u64 = 1 << 62;
/// Which stream of the file it is. There is one only, and the same audio makes the same file.
const SERIAL: u32 = 1;

/// Samples at 48 kHz of each frame of a packet, by its first octet [RFC6716 3.1].
const fn frame_length(toc: u8) -> u64 {
    match (toc >> 3, toc >> 3 & 3) {
        (0..12, 3) => 2880,
        (0..12, 2) => 1920,
        (0..16, 1 | 3) | (16.., 3) => 960,
        (0..16, _) | (16.., 2) => 480,
        (16.., 1) => 240,
        (16.., _) => 120,
    }
}

/// Samples at 48 kHz of a packet [RFC6716 3.2]; 0 where it is none.
fn packet_length(packet: &[u8]) -> u64 {
    let Some(toc) = packet.first() else { return 0 };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u64::from(count & 0x3f)),
    };
    frames * frame_length(*toc)
}

/// A packet of `length` samples at 48 kHz that says "nothing came", coded as `toc` says [RFC7845 4.1].
fn nothing(toc: u8, length: u64) -> Vec<u8> {
    match u8::try_from(length / frame_length(toc)).unwrap_or(1) {
        0 | 1 => vec![toc & !3],
        frames => vec![toc | 3, frames],
    }
}

/// What the first packet of a stream says [RFC7845 5.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    pre_skip: u16,
    rate: u32,
    /// In 1/256 dB.
    gain: i16,
}

impl Head {
    fn read(packet: &[u8]) -> Result<Self, OggTrouble> {
        let Some(rest) = packet.strip_prefix(b"OpusHead") else {
            return Err(OggTrouble::NotOpus(packet.iter().copied().take(8).collect()));
        };
        let [version, channels, s0, s1, r0, r1, r2, r3, g0, g1, mapping, ..] = *rest else {
            let version = rest.first().copied().unwrap_or_default();
            return Err(OggTrouble::Head { len: packet.len(), version });
        };
        // The upper half is a change that older readers cannot take.
        if version & 0xf0 != 0 {
            return Err(OggTrouble::Head { len: packet.len(), version });
        }
        if mapping != 0 || !matches!(channels, 1 | 2) {
            return Err(OggTrouble::Channels { channels, mapping });
        }
        Ok(Self {
            pre_skip: u16::from_le_bytes([s0, s1]),
            rate: u32::from_le_bytes([r0, r1, r2, r3]),
            gain: i16::from_le_bytes([g0, g1]),
        })
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = b"OpusHead\x01\x01".to_vec();
        bytes.extend(self.pre_skip.to_le_bytes());
        bytes.extend(self.rate.to_le_bytes());
        bytes.extend(self.gain.to_le_bytes());
        bytes.push(0);
        bytes
    }
}

/// The comments: who wrote it, and nothing else [RFC7845 5.2].
fn tags() -> Vec<u8> {
    let vendor = concat!("mediapoint ", env!("CARGO_PKG_VERSION"));
    let mut bytes = b"OpusTags".to_vec();
    bytes.extend(u32::try_from(vendor.len()).unwrap_or(0).to_le_bytes());
    bytes.extend(vendor.as_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes
}

/// Reads the packets of an Ogg Opus file.
pub(super) struct OggReader {
    source: Source,
    pages: BasePacketReader,
    serial: u32,
    head: Head,
    /// Packets of the page read last, with the audio that is not to be heard.
    ready: VecDeque<(Vec<u8>, Cut)>,
    /// Where that page begins.
    at: u64,
    frame: u64,
    /// Samples up to the end of that page; none before the first.
    position: Option<u64>,
    /// Samples of the beginning that are still to be left out.
    skip: u64,
    ended: bool,
    /// Pages since a packet ended.
    open_pages: usize,
}

/// A page as it is read.
struct Page {
    granule: u64,
    last: bool,
    packets: Vec<Vec<u8>>,
}

impl OggReader {
    /// Reads up to the first packet with audio.
    pub(super) fn open(source: Source) -> Result<Self, Trouble> {
        let head = Head { pre_skip: 0, rate: 0, gain: 0 };
        let mut reader = Self {
            source,
            pages: BasePacketReader::new(),
            serial: 0,
            head,
            ready: VecDeque::new(),
            at: 0,
            frame: 0,
            position: None,
            skip: 0,
            ended: false,
            open_pages: 0,
        };
        let packet = reader.header_packet()?;
        reader.head = Head::read(&packet)?;
        reader.skip = reader.head.pre_skip.into();
        // The comments, which are nobody's business here.
        reader.header_packet()?;
        Ok(reader)
    }

    /// Sample rate in hertz of what was coded, where it says.
    pub(super) fn rate(&self) -> Option<u32> {
        Some(self.head.rate).filter(|rate| *rate > 0)
    }

    /// What the samples are to be multiplied with.
    pub(super) fn gain(&self) -> f32 {
        if self.head.gain == 0 { 1.0 } else { 10_f32.powf(f32::from(self.head.gain) / (20.0 * 256.0)) }
    }

    /// What is worth saying of the file once all was read.
    pub(super) fn remarks(&self) -> Vec<String> {
        let cut = format!("cut off: no page ends its stream; the last one begins at byte {}", self.at);
        if self.ended { Vec::new() } else { vec![cut] }
    }

    /// The number of the packet read last, and where its page begins.
    pub(super) const fn place(&self) -> (u64, u64) {
        (self.frame, self.at)
    }

    pub(super) fn next(&mut self, payload: &mut Vec<u8>) -> Result<Option<Piece>, Trouble> {
        loop {
            if let Some((packet, cut)) = self.ready.pop_front() {
                self.frame += 1;
                *payload = packet;
                return Ok(Some(Piece::Payload(cut)));
            }
            let Some(page) = self.page()? else { return Ok(None) };
            self.place_packets(page);
        }
    }

    /// The only packet of the next page, which a header is [RFC7845 3], or the first that ends.
    fn header_packet(&mut self) -> Result<Vec<u8>, Trouble> {
        while let Some(page) = self.page()? {
            if let Some(packet) = page.packets.into_iter().next() {
                return Ok(packet);
            }
        }
        Err(OggTrouble::NoAudio { at: self.source.position() }.into())
    }

    /// Finds out which samples of the page's packets are to be heard [RFC7845 4].
    fn place_packets(&mut self, page: Page) {
        let length: u64 = page.packets.iter().map(|packet| packet_length(packet)).sum();
        // A recording that began in the middle of a stream begins later than at 0; an end may cut off the last page.
        let granule = page.granule.min(LATEST);
        let start = self.position.unwrap_or_else(|| granule.saturating_sub(length));
        let end = if page.last { granule.max(start).min(start + length) } else { start + length };
        let mut at = start;
        for packet in page.packets {
            let after = at + packet_length(&packet);
            let front = self.skip.min(after - at);
            self.skip -= front;
            let back = after.saturating_sub(end).min(after - at);
            at = after;
            self.ready.push_back((packet, Cut { front, back }));
        }
        self.position = Some(at);
    }

    /// The stream's next page; `None` behind its last.
    fn page(&mut self) -> Result<Option<Page>, Trouble> {
        loop {
            let at = self.source.position();
            let mut head = [0; PAGE_HEAD];
            let read = self.source.fill(&mut head)?;
            if read == 0 && (self.ended || self.position.is_some()) {
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

/// Writes an Ogg Opus file.
pub(super) struct OggWriter {
    packets: PacketWriter<'static, Output>,
    /// The packet that came last; the end of the stream is said with it.
    held: Option<Vec<u8>>,
    /// Samples of all packets up to the held one.
    position: u64,
    /// Samples since a page began.
    in_page: u64,
    /// Samples of a packet.
    length: u64,
    /// How audio is coded, as the last packet with audio said.
    toc: u8,
}

/// What pauses before any audio are said with: frames of 10 ms of wideband.
const FIRST_TOC: u8 = 8 << 3;

impl OggWriter {
    /// Writes the headers.
    pub(super) fn begin(output: Output, rate: u32, length: u64) -> Result<Self, CodecError> {
        let mut packets = PacketWriter::new(output);
        let head = Head { pre_skip: u16::try_from(PRE_SKIP).unwrap_or(0), rate, gain: 0 };
        for header in [head.bytes(), tags()] {
            put(&mut packets, header, PacketWriteEndInfo::EndPage, 0)?;
        }
        Ok(Self { packets, held: None, position: 0, in_page: 0, length, toc: FIRST_TOC })
    }

    pub(super) fn write(&mut self, kind: Transmission, payload: &[u8]) -> Result<(), CodecError> {
        let packet = match (kind, payload.first()) {
            (Transmission::Nothing, _) | (_, None) => nothing(self.toc, self.length),
            (_, Some(toc)) => {
                self.toc = *toc;
                payload.to_vec()
            }
        };
        if let Some(held) = self.held.replace(packet) {
            self.position += self.length;
            self.in_page += self.length;
            let full = self.in_page >= SECOND;
            let end = if full { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            put(&mut self.packets, held, end, self.position)?;
            if full {
                self.in_page = 0;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self, heard: u64) -> Result<u64, CodecError> {
        // A stream without any audio has a packet all the same: the page that ends it needs one.
        let last = self.held.take().unwrap_or_else(|| nothing(FIRST_TOC, self.length));
        put(&mut self.packets, last, PacketWriteEndInfo::EndStream, PRE_SKIP + heard)?;
        self.packets.into_inner().finish()
    }
}

fn put(
    packets: &mut PacketWriter<'static, Output>,
    packet: Vec<u8>,
    end: PacketWriteEndInfo,
    position: u64,
) -> Result<(), CodecError> {
    let written = packets.write_packet(packet, SERIAL, end, position);
    written.map_err(|source| packets.inner().name.error(Trouble::Write(source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_the_first_octet() {
        // [RFC6716 3.1] table 2: configuration, then a bit for stereo, then the code of frames.
        for (packet, wanted) in [
            (&[0 << 3][..], 480),
            (&[3 << 3], 2880),
            (&[13 << 3], 960),
            (&[16 << 3], 120),
            (&[31 << 3 | 4], 960),
            (&[31 << 3 | 1], 1920),
            (&[31 << 3 | 3, 0x80 | 6], 5760),
            (&[3], 0),
            (&[], 0),
        ] {
            assert_eq!(packet_length(packet), wanted, "{packet:?}");
        }
    }

    #[test]
    fn nothing_is_as_long_as_what_it_stands_for() {
        for toc in [0, 1 << 3, 3 << 3, 13 << 3, 16 << 3 | 1, 31 << 3 | 7] {
            for length in [480, 960, 1920, 2880, 5760] {
                let frame = frame_length(toc);
                if length % frame == 0 {
                    let packet = nothing(toc, length);
                    assert_eq!(
                        (packet_length(&packet), packet[0] >> 2),
                        (length, toc >> 2),
                        "{toc} {length}"
                    );
                    assert!(packet.len() <= 2);
                }
            }
        }
    }

    #[test]
    fn head_reads_as_it_was_written_and_refuses_what_it_cannot_mean() {
        let head = Head { pre_skip: 312, rate: 16_000, gain: -256 };
        let bytes = head.bytes();
        assert_eq!(bytes.len(), 19);
        assert_eq!(Head::read(&bytes).unwrap(), head);
        assert!(matches!(Head::read(b"\x01vorbis."), Err(OggTrouble::NotOpus(_))));
        assert!(matches!(Head::read(&bytes[..12]), Err(OggTrouble::Head { len: 12, .. })));
        let with = |at: usize, value: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            Head::read(&bytes)
        };
        assert!(matches!(with(8, 0x10), Err(OggTrouble::Head { version: 0x10, .. })));
        assert!(with(8, 2).is_ok());
        assert!(matches!(with(9, 3), Err(OggTrouble::Channels { channels: 3, mapping: 0 })));
        assert!(matches!(with(18, 1), Err(OggTrouble::Channels { mapping: 1, .. })));
    }
}
