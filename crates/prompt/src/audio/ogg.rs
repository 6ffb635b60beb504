//! Pages that an Ogg file lacks, found before it is decoded: its decoder passes over them without a word.

use std::io::SeekFrom;

use super::error::ReadError;
use super::reader::MediaSource;
use super::wav::fill;

/// Bytes of a page's head without its table of segments.
const HEAD: usize = 27;
/// Gaps that are found at most.
const MAX_GAPS: usize = 1000;
/// More pages than this are never missing between two: the numbers do not go on.
const MAX_MISSING: u32 = 1 << 31;
/// The position of a page on which no packet ends [RFC3533 6].
const NO_POSITION: u64 = u64::MAX;

/// Pages that are missing between two positions of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MissingPages {
    /// The stream.
    pub(super) serial: u32,
    pub(super) pages: u32,
    /// Where the last page before them ends, and where the first behind them does.
    pub(super) from: u64,
    pub(super) to: u64,
}

/// A stream of the file.
struct Stream {
    serial: u32,
    next: u32,
    position: u64,
    missing: u32,
}

/// The pages that are missing in a file that can be gone back in; `None` where it is no Ogg file. It is at its beginning
/// before and after.
pub(super) fn missing_pages(source: &mut dyn MediaSource) -> Result<Option<Vec<MissingPages>>, ReadError> {
    let unreadable = |error: std::io::Error| ReadError::Unreadable(error.to_string());
    let mut streams: Vec<Stream> = Vec::new();
    let mut gaps = Vec::new();
    let mut is_ogg = None;
    let mut source_ref = &mut *source;
    while gaps.len() < MAX_GAPS {
        let mut head = [0; HEAD];
        let whole = fill(&mut source_ref, &mut head)? == HEAD && head.starts_with(b"OggS\0");
        is_ogg.get_or_insert(whole);
        if !whole {
            break;
        }
        let [.., g0, g1, g2, g3, g4, g5, g6, g7, s0, s1, s2, s3, n0, n1, n2, n3, _, _, _, _, segments] = head;
        let mut table = vec![0; segments.into()];
        if fill(&mut source_ref, &mut table)? < table.len() {
            break;
        }
        let body: i64 = table.iter().map(|len| i64::from(*len)).sum();
        source_ref.seek(SeekFrom::Current(body)).map_err(unreadable)?;
        let number = u32::from_le_bytes([n0, n1, n2, n3]);
        let position = u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]);
        note(&mut streams, u32::from_le_bytes([s0, s1, s2, s3]), number, position, &mut gaps);
    }
    source_ref.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    Ok((is_ogg == Some(true)).then_some(gaps))
}

/// Takes a page's number and position.
fn note(streams: &mut Vec<Stream>, serial: u32, number: u32, position: u64, gaps: &mut Vec<MissingPages>) {
    let Some(stream) = streams.iter_mut().find(|stream| stream.serial == serial) else {
        // More streams than that are none of speech.
        if streams.len() < 16 {
            let next = number.wrapping_add(1);
            streams.push(Stream { serial, next, position: 0, missing: 0 });
        }
        return;
    };
    let missing = number.wrapping_sub(stream.next);
    stream.next = number.wrapping_add(1);
    if missing < MAX_MISSING {
        stream.missing = stream.missing.saturating_add(missing);
    }
    if position == NO_POSITION {
        return;
    }
    if stream.missing > 0 {
        gaps.push(MissingPages { serial, pages: stream.missing, from: stream.position, to: position });
    }
    (stream.position, stream.missing) = (position, 0);
}
