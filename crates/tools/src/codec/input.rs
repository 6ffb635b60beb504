//! What is read from: a file or standard input, with a count of the bytes for errors and for the progress bar.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mediapoint_prompt::audio::MediaSource;

use super::error::{CodecError, FileName, Trouble, is_standard};

/// How much of the input has been read, in bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Count(Arc<AtomicU64>);

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An open input.
pub(super) struct Input {
    pub(super) name: FileName,
    /// Bytes of it; `None` where that cannot be known before the end.
    pub(super) len: Option<u64>,
    pub(super) count: Count,
    pub(super) source: Source,
}

/// The bytes of an input.
pub(super) struct Source {
    stream: Stream,
    len: Option<u64>,
    count: Count,
}

enum Stream {
    File(BufReader<File>),
    Stdin(BufReader<io::Stdin>),
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, CodecError> {
        let count = Count::default();
        let (name, stream, len) = if is_standard(path) {
            (FileName::Stdin, Stream::Stdin(BufReader::new(io::stdin())), None)
        } else {
            let name = FileName::Path(path.to_owned());
            let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
            let (about, file) = opened.map_err(|source| name.error(Trouble::Open(source)))?;
            if about.is_dir() {
                return Err(name.error(Trouble::Folder));
            }
            let len = about.is_file().then_some(about.len());
            (name, Stream::File(BufReader::new(file)), len)
        };
        Ok(Self { name, len, count: count.clone(), source: Source { stream, len, count } })
    }
}

impl Source {
    /// Reads as much as there is, up to the length of `buffer`; less only at the end.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Trouble::Read { at: self.count.get(), source }),
            }
        }
        Ok(filled)
    }

    /// Where the next byte stands.
    pub(super) fn position(&self) -> u64 {
        self.count.get()
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.stream {
            Stream::File(file) => file.read(buffer),
            Stream::Stdin(stdin) => stdin.read(buffer),
        }?;
        self.count.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match &mut self.stream {
            Stream::File(file) => file.seek(to),
            Stream::Stdin(_) => Err(io::ErrorKind::NotSeekable.into()),
        }?;
        self.count.0.store(at, Ordering::Relaxed);
        Ok(at)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        self.len.is_some()
    }

    fn byte_len(&self) -> Option<u64> {
        self.len
    }
}
