//! What is written to. A file comes into being under another name beside, and takes its own in the end, so that what
//! has the name is whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::error::{CodecError, FileName, Trouble, UsageError, is_standard};
use super::name::Format;

/// An open output.
pub(super) struct Output {
    pub(super) name: FileName,
    stream: Stream,
    len: u64,
}

enum Stream {
    Stdout(BufWriter<io::Stdout>),
    /// A device or pipe, which cannot be replaced.
    Device(BufWriter<File>),
    File {
        file: BufWriter<File>,
        part: Part,
        path: PathBuf,
    },
}

/// The unfinished file; gone once it is dropped, unless it has been renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // It is not there any more where it was renamed.
        drop(fs::remove_file(&self.0));
    }
}

impl Output {
    /// Opens a file to write, or standard output for `-`. `format` only serves the refusal.
    pub(super) fn create(path: &Path, format: Format) -> Result<Self, CodecError> {
        if is_standard(path) {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                return Err(UsageError::Terminal(format).into());
            }
            return Ok(Self {
                name: FileName::Stdout,
                stream: Stream::Stdout(BufWriter::new(stdout)),
                len: 0,
            });
        }
        let name = FileName::Path(path.to_owned());
        let stream = Self::open(path).map_err(|trouble| name.error(trouble))?;
        Ok(Self { name, stream, len: 0 })
    }

    fn open(path: &Path) -> Result<Stream, Trouble> {
        // Behind a link, it is the file it leads to that is written.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&path) {
            Ok(about) if about.is_dir() => return Err(Trouble::Folder),
            Ok(about) if !about.is_file() => {
                let file = OpenOptions::new().write(true).open(&path).map_err(Trouble::Create)?;
                return Ok(Stream::Device(BufWriter::new(file)));
            }
            _ => {}
        }
        let mut part = path.file_name().map(OsString::from).unwrap_or_default();
        part.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(part);
        remove_on_signal(&part);
        let file = File::create_new(&part).map_err(Trouble::Create)?;
        Ok(Stream::File { file: BufWriter::new(file), part: Part(part), path })
    }

    /// True where what was written can still be changed.
    pub(super) const fn is_file(&self) -> bool {
        matches!(self.stream, Stream::File { .. })
    }

    /// Writes over what is at the beginning.
    pub(super) fn overwrite_head(&mut self, head: &[u8]) -> io::Result<()> {
        let Stream::File { file, .. } = &mut self.stream else { return Ok(()) };
        file.seek(SeekFrom::Start(0))?;
        file.write_all(head)?;
        file.seek(SeekFrom::End(0)).map(|_| ())
    }

    /// Ends the output; a file then has its name. Gives the number of bytes.
    pub(super) fn finish(mut self) -> Result<u64, CodecError> {
        let len = self.len;
        let end = match &mut self.stream {
            Stream::Stdout(stdout) => stdout.flush(),
            Stream::Device(device) => device.flush(),
            Stream::File { file, part, path } => file.flush().and_then(|()| fs::rename(&part.0, path)),
        };
        end.map_err(|source| self.name.error(Trouble::Write(source)))?;
        Ok(len)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.stream {
            Stream::Stdout(stdout) => stdout.write(bytes),
            Stream::Device(file) | Stream::File { file, .. } => file.write(bytes),
        }?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Stdout(stdout) => stdout.flush(),
            Stream::Device(file) | Stream::File { file, .. } => file.flush(),
        }
    }
}

/// True where both paths lead to one file.
pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    if is_standard(one) || is_standard(other) {
        return false;
    }
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// Removes the unfinished file before a signal ends the program. Without signals it would just stay.
fn remove_on_signal(part: &Path) {
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else { return };
    let part = part.to_owned();
    let watch = move || {
        if let Some(signal) = signals.forever().next() {
            drop(fs::remove_file(&part));
            // Ends the program as the signal would have.
            drop(emulate_default_handler(signal));
        }
    };
    drop(thread::Builder::new().name("signals".to_owned()).spawn(watch));
}
