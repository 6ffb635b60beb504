//! Ogg pages of a file that was cut off [RFC 3533 6].

use std::ops::Range;

/// Octets of a page's header before its segment table.
const HEAD: usize = 27;
/// Where flags and checksum stand.
const FLAGS: usize = 5;
const GRANULE: Range<usize> = 6..14;
const CHECKSUM: Range<usize> = 22..26;
/// Flag of the last page of a stream.
const END_OF_STREAM: u8 = 4;

/// The longest page: 255 segments of 255 octets each.
pub(crate) const MAX_PAGE: usize = HEAD + 255 + 255 * 255;
/// Flag of a page that begins with the rest of a packet.
const CONTINUED: u8 = 1;

/// A page that was read.
#[derive(Default)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    /// Packets that end in it.
    packets: Vec<Range<usize>>,
}

impl Page {
    /// Octets that have to be there to know how long a page's segment table is.
    pub(crate) const HEAD: usize = HEAD;

    /// Octets that have to be there to know more of a page that begins so; that of the whole page in the end.
    pub(crate) fn needed(bytes: &[u8]) -> Option<usize> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let segments = usize::from(*head.last()?);
        let body = |table: &[u8]| table.iter().map(|len| usize::from(*len)).sum::<usize>();
        head.starts_with(b"OggS\0").then(|| HEAD + segments + rest.get(..segments).map_or(0, body))
    }

    /// A whole page, if its checksum is right.
    pub(crate) fn parse(mut bytes: Vec<u8>) -> Option<Self> {
        if page_len(&bytes)? != bytes.len() {
            return None;
        }
        let stated = bytes.get(CHECKSUM)?.to_vec();
        write_checksum(&mut bytes);
        if bytes.get(CHECKSUM)? != stated {
            return None;
        }
        let segments = usize::from(*bytes.get(HEAD - 1)?);
        let mut packets = Vec::new();
        let mut begin = HEAD + segments;
        let mut end = begin;
        for len in bytes.get(HEAD..HEAD + segments)? {
            end += usize::from(*len);
            if *len < 255 {
                packets.push(begin..end);
                begin = end;
            }
        }
        Some(Self { bytes, packets })
    }

    /// A packet that ends in it, by its number.
    pub(crate) fn packet(&self, number: usize) -> Option<&[u8]> {
        self.bytes.get(self.packets.get(number)?.clone())
    }

    /// Its granule position.
    pub(crate) fn granule(&self) -> u64 {
        let position = self.bytes.get(GRANULE).and_then(|bytes| bytes.try_into().ok());
        position.map_or(0, u64::from_le_bytes)
    }

    /// True where it begins with the rest of a packet.
    pub(crate) fn continues(&self) -> bool {
        self.flags() & CONTINUED != 0
    }

    /// True where it is the last of its stream.
    pub(crate) fn is_last(&self) -> bool {
        self.flags() & END_OF_STREAM != 0
    }

    fn flags(&self) -> u8 {
        self.bytes.get(FLAGS).copied().unwrap_or(0)
    }
}

/// Octets that are no whole Ogg pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no whole Ogg page at octet {at}")]
pub struct PageError {
    /// Where a page should begin.
    pub at: usize,
}

/// Marks the last of the pages in `pages` as the end of its stream, as a file has to end that was cut off after it.
///
/// # Errors
/// `pages` is empty or not made of whole pages; it stays as it was.
pub fn end_of_stream(pages: &mut [u8]) -> Result<(), PageError> {
    let mut at = 0;
    loop {
        let rest = pages.get(at..).unwrap_or_default();
        let len = page_len(rest).ok_or(PageError { at })?;
        if len == rest.len() {
            break;
        }
        at += len;
    }
    let page = pages.get_mut(at..).unwrap_or_default();
    if let Some(flags) = page.get_mut(FLAGS) {
        *flags |= END_OF_STREAM;
    }
    write_checksum(page);
    Ok(())
}

/// Length of the page at the beginning of `bytes`, if all of it is there.
pub(crate) fn page_len(bytes: &[u8]) -> Option<usize> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    if !head.starts_with(b"OggS\0") {
        return None;
    }
    let segments = usize::from(*head.last()?);
    let table = rest.get(..segments)?;
    let len = HEAD + segments + table.iter().map(|len| usize::from(*len)).sum::<usize>();
    (bytes.len() >= len).then_some(len)
}

pub(crate) fn write_checksum(page: &mut [u8]) {
    if let Some(checksum) = page.get_mut(CHECKSUM) {
        checksum.fill(0);
    }
    let sum = checksum(page).to_le_bytes();
    if let Some(checksum) = page.get_mut(CHECKSUM) {
        checksum.copy_from_slice(&sum);
    }
}

/// [RFC3533 6] A CRC of 32 bits by the generator 0x04c11db7, not reflected, from 0 on.
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |crc: u32, octet| {
        (0..8).fold(crc ^ (u32::from(*octet) << 24), |crc, _| {
            (crc << 1) ^ (0x04c1_1db7 & 0_u32.wrapping_sub(crc >> 31))
        })
    })
}

#[cfg(test)]
mod tests {
    use ogg::PacketReader;
    use ogg::writing::{PacketWriteEndInfo, PacketWriter};

    use super::*;

    fn pages() -> Vec<u8> {
        let mut writer = PacketWriter::new(Vec::new());
        for n in 0..3_u8 {
            writer.write_packet(vec![n; 300], 7, PacketWriteEndInfo::EndPage, u64::from(n) * 960).unwrap();
        }
        writer.into_inner()
    }

    // test-of: [RFC3533 6]
    #[test]
    fn the_last_page_ends_the_stream_and_its_checksum_is_right() {
        let mut cut = pages();
        end_of_stream(&mut cut).unwrap();
        let mut reader = PacketReader::new(std::io::Cursor::new(cut));
        let mut read = Vec::new();
        while let Some(packet) = reader.read_packet().unwrap() {
            read.push((packet.data[0], packet.last_in_stream()));
        }
        assert_eq!(read, [(0, false), (1, false), (2, true)]);
    }

    #[test]
    fn no_bytes_make_it_panic_or_change_a_length() {
        let mut state = 0x2545_f491_u32;
        for _ in 0..20_000 {
            let mut bytes = pages();
            for _ in 0..3 {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                let at = state as usize % bytes.len();
                bytes[at] ^= state.to_le_bytes()[3];
                bytes.truncate(bytes.len() - (state >> 8) as usize % 40);
            }
            let len = bytes.len();
            let _ = end_of_stream(&mut bytes);
            assert_eq!(bytes.len(), len);
        }
    }

    #[test]
    fn what_is_no_whole_page_is_refused_and_left_alone() {
        assert_eq!(end_of_stream(&mut []), Err(PageError { at: 0 }));
        let whole = pages();
        let page = whole.len() / 3;
        for (len, at) in [(page - 1, 0), (page + 1, page), (2 * page - 1, page), (page + 30, page)] {
            let mut cut = whole[..len].to_vec();
            assert_eq!(end_of_stream(&mut cut), Err(PageError { at }), "{len}");
            assert_eq!(cut, whole[..len]);
        }
    }
}
