//! A source from its beginning again, whether it can be gone back in or not.

use std::io::{Chain, Cursor, ErrorKind, Read, Seek, SeekFrom};

use super::reader::MediaSource;

/// A source whose beginning, `head`, has been looked at, from its beginning again.
pub(super) fn whole(head: Vec<u8>, mut source: Box<dyn MediaSource>) -> Box<dyn MediaSource> {
    if source.is_seekable() && source.seek(SeekFrom::Start(0)).is_ok() {
        return source;
    }
    Box::new(Rejoined(Cursor::new(head).chain(source)))
}

/// A stream that is read from front to back.
struct Rejoined(Chain<Cursor<Vec<u8>>, Box<dyn MediaSource>>);

impl Read for Rejoined {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Rejoined {
    fn seek(&mut self, _: SeekFrom) -> std::io::Result<u64> {
        Err(ErrorKind::NotSeekable.into())
    }
}

impl MediaSource for Rejoined {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}
