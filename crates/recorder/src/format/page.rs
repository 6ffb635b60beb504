//! Ogg pages of a file that was cut off [RFC 3533 6].

/// Octets of a page's header before its segment table.
const HEAD: usize = 27;
/// Where flags and checksum stand.
const FLAGS: usize = 5;
const CHECKSUM: std::ops::Range<usize> = 22..26;
/// Flag of the last page of a stream.
const END_OF_STREAM: u8 = 4;

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
fn page_len(bytes: &[u8]) -> Option<usize> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    if !head.starts_with(b"OggS\0") {
        return None;
    }
    let segments = usize::from(*head.last()?);
    let table = rest.get(..segments)?;
    let len = HEAD + segments + table.iter().map(|len| usize::from(*len)).sum::<usize>();
    (bytes.len() >= len).then_some(len)
}

fn write_checksum(page: &mut [u8]) {
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
