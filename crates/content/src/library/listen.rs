//! Opening a recording with an identity, for people and for calls that it is played into, and reading it from any offset
//! without fetching the rest.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use age::stream::StreamReader;
use age::{DecryptError, Decryptor, Identity};
use bytes::Bytes;
use object_store::path::Path;
use tokio::runtime::Handle;

use super::{Library, LibraryError, PIECE};
use crate::catalogue::{Action, FileSum, Headers, Record};
use crate::store::{Names, Store};
use mediapoint_recorder::RecordingId;

/// A part of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The audio.
    Audio,
    /// What is personal: parties, addresses, tags.
    Metadata,
}

impl Part {
    /// Its path, header and sum.
    pub(super) fn of<'a>(
        self,
        record: &'a Record,
        headers: &'a Headers,
    ) -> Result<(Path, &'a [u8], &'a FileSum), LibraryError> {
        let names = Names::of(record);
        match self {
            Self::Audio => Ok((names.audio, &headers.audio, &record.files.audio)),
            Self::Metadata => match (names.meta, &record.files.meta) {
                (Some(path), Some(sum)) => Ok((path, &headers.meta, sum)),
                _ => Err(LibraryError::NoMetadata(record.id.clone())),
            },
        }
    }
}

/// Who has a recording played into a call, as the audit log has it: call and party as the catalogue's columns are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// What asks: the program, and from where.
    pub who: String,
    /// The call that it is played into.
    pub call: String,
    /// The party that hears it, by its tag.
    pub party: String,
    /// The branch of the call, where one is named.
    pub branch: String,
}

/// A recording that is being read, decrypted. Altered bytes are an error of reading; none of them are given out.
pub struct Listening {
    stream: StreamReader<BufReader<ObjectReader>>,
}

impl Library {
    /// Opens a part with identities. The audit log has it before, and a refusal after. Only an async runtime that goes on
    /// meanwhile (`runtime`) and a thread that may block for it read the result.
    ///
    /// # Errors
    /// [`LibraryError::NotARecipient`] if no identity fits, [`LibraryError::Damaged`], or the catalogue's reason.
    pub async fn open(
        &self,
        id: &RecordingId,
        part: Part,
        who: &str,
        identities: Vec<Box<dyn Identity + Send + Sync>>,
        runtime: Handle,
    ) -> Result<Listening, LibraryError> {
        let (record, headers) = self.headers(id, who, Action::Opened).await?;
        match self.decrypted(&record, &headers, part, identities, runtime).await {
            Err(refused @ (LibraryError::NotARecipient(_) | LibraryError::Damaged { .. })) => {
                let deed = self.deed(who, Action::Refused, &refused.to_string());
                self.catalogue.audit(id, &deed).await?;
                Err(refused)
            }
            opened => opened,
        }
    }

    /// Opens the audio to play it into a call. The audit log has it before, and each refusal.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn play(
        &self,
        id: &RecordingId,
        asker: &Asker,
        identities: Vec<Box<dyn Identity + Send + Sync>>,
        runtime: Handle,
    ) -> Result<(Record, Listening), LibraryError> {
        let deed = self.deed(&asker.who, Action::Played, &self.detail(asker));
        let opened = match self.catalogue.headers(id, &deed).await {
            Err(error) => Err(error.into()),
            Ok((record, headers)) => {
                let opened = self.decrypted(&record, &headers, Part::Audio, identities, runtime).await;
                opened.map(|listening| (record, listening))
            }
        };
        if let Err(refused) = &opened {
            self.refuse(id, asker, &refused.to_string()).await?;
        }
        opened
    }

    /// Writes into the audit log that a recording was not played, and why.
    ///
    /// # Errors
    /// The catalogue's reason.
    pub async fn refuse(&self, id: &RecordingId, asker: &Asker, why: &str) -> Result<(), LibraryError> {
        let detail = format!("{}: {why}", self.detail(asker));
        Ok(self.catalogue.audit(id, &self.deed(&asker.who, Action::Refused, &detail)).await?)
    }

    /// Call, branch and party, as far as the catalogue may have them.
    fn detail(&self, asker: &Asker) -> String {
        let words = [("call", &asker.call), ("branch", &asker.branch), ("party", &asker.party)];
        let shown = words.into_iter().filter(|(_, value)| !value.is_empty());
        let shown = shown.map(|(name, value)| (name, self.columns.column(value)));
        let shown: Vec<String> = shown
            .filter(|(_, column)| !column.is_empty())
            .map(|(name, column)| format!("{name} {column}"))
            .collect();
        format!("into a call: {}", shown.join(", "))
    }

    async fn decrypted(
        &self,
        record: &Record,
        headers: &Headers,
        part: Part,
        identities: Vec<Box<dyn Identity + Send + Sync>>,
        runtime: Handle,
    ) -> Result<Listening, LibraryError> {
        let (path, header, sum) = part.of(record, headers)?;
        let reader = ObjectReader {
            store: self.store.clone(),
            runtime,
            path,
            header: Bytes::copy_from_slice(header),
            length: sum.bytes,
            at: 0,
            window: (0, Bytes::new()),
        };
        let opened = tokio::task::spawn_blocking(move || decrypt(reader, &identities)).await;
        let opened = opened.map_err(|error| io::Error::other(error.to_string()))?;
        opened.map(|stream| Listening { stream }).map_err(|error| refusal(&record.id, &error))
    }
}

fn decrypt(
    reader: ObjectReader,
    identities: &[Box<dyn Identity + Send + Sync>],
) -> Result<StreamReader<BufReader<ObjectReader>>, DecryptError> {
    let identities = identities.iter().map(|identity| -> &dyn Identity { identity.as_ref() });
    Decryptor::new_buffered(BufReader::new(reader))?.decrypt(identities)
}

fn refusal(id: &RecordingId, error: &DecryptError) -> LibraryError {
    match error {
        DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed | DecryptError::DecryptionFailed => {
            LibraryError::NotARecipient(id.clone())
        }
        _ => LibraryError::Damaged { id: id.clone(), reason: error.to_string() },
    }
}

impl Read for Listening {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.stream.read(out)
    }
}

impl Seek for Listening {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.stream.seek(to)
    }
}

/// The header and the object behind it, as one file. Reads a piece of the object ahead.
struct ObjectReader {
    store: Store,
    runtime: Handle,
    path: Path,
    header: Bytes,
    /// Of both.
    length: u64,
    at: u64,
    /// A piece of the file and its place.
    window: (u64, Bytes),
}

impl ObjectReader {
    /// Bytes at the place, at least one before the end of the file.
    fn piece(&mut self) -> io::Result<Bytes> {
        let header = u64::try_from(self.header.len()).map_err(io::Error::other)?;
        if self.at < header {
            return Ok(self.header.slice(usize::try_from(self.at).map_err(io::Error::other)?..));
        }
        if let Some(inside) = self.at.checked_sub(self.window.0)
            && let Ok(inside) = usize::try_from(inside)
            && inside < self.window.1.len()
        {
            return Ok(self.window.1.slice(inside..));
        }
        let (from, until) = (self.at - header, self.length.min(self.at + PIECE) - header);
        let fetched = self.runtime.block_on(self.store.range(&self.path, from, until));
        self.window = (self.at, fetched.map_err(io::Error::other)?);
        Ok(self.window.1.clone())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length || out.is_empty() {
            return Ok(0);
        }
        let piece = self.piece()?;
        let count = piece.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), piece.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += u64::try_from(count).map_err(io::Error::other)?;
        Ok(count)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
