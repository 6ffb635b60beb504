//! The journal of a recording in the making: records sealed one by one, so that a crash costs what was not yet synced and
//! nothing else.
//!
//! On disk: a beginning in the clear (a magic number, a length, JSON with the wrapped key, SHA-256 of all that), then
//! records of `kind, counter, length, ciphertext, tag`. A record is sealed with the STREAM construction over
//! ChaCha20-Poly1305 (nonce: 7 random octets, the counter, a flag on the last), under a key of this journal alone; its
//! associated data are its head and the chain's head before it. A counter is used once, whether or not the record reached
//! the disk.

mod reader;
mod secret;

use std::fmt;
use std::io;
use std::sync::Arc;

use aead_stream::{StreamBE32, StreamPrimitive};
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Buffer, Error as AeadError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::chain::{Chain, Digest, RecordKind, Salt, SignedHead, digest_of};
use crate::error::SealError;
use crate::file_keys::FileKeys;
use crate::files::{Append, Files};
use crate::keys::{NodeKey, NodePublicKey, RecoveryIdentity};
use crate::recipients::{Limit, Recipients};
use crate::sink::{Chunk, ChunkKind, Fact, Header};

pub(crate) use reader::read_up_to;
pub use reader::{JournalReader, Opened, Record};
pub(crate) use secret::Secret;

/// Octets that a record's plaintext may have.
pub const MAX_RECORD: usize = 1 << 20;
/// Octets that the JSON in the clear may have.
const MAX_BEGINNING: usize = 1 << 18;
const MAGIC: &[u8; 8] = b"MPJRNL1\n";
/// `kind, counter, length` before each record.
const RECORD_HEAD: usize = 9;
const TAG: usize = 16;

/// What stands in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Beginning {
    id: String,
    node: String,
    /// The secret, wrapped for the node's recovery identity and the recipients: an age file in base64.
    secret: String,
}

/// The part of a buffer behind a record's head, which is encrypted in place.
struct Behind<'b>(&'b mut Vec<u8>);

impl AsRef<[u8]> for Behind<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.get(RECORD_HEAD..).unwrap_or_default()
    }
}

impl AsMut<[u8]> for Behind<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        self.0.get_mut(RECORD_HEAD..).unwrap_or_default()
    }
}

impl Buffer for Behind<'_> {
    fn extend_from_slice(&mut self, other: &[u8]) -> Result<(), AeadError> {
        self.0.extend_from_slice(other);
        Ok(())
    }

    fn truncate(&mut self, len: usize) {
        self.0.truncate(RECORD_HEAD.saturating_add(len));
    }
}

fn associated(head: &[u8; RECORD_HEAD], chain: &Chain) -> [u8; RECORD_HEAD + 32] {
    let mut data = [0; RECORD_HEAD + 32];
    let (start, end) = data.split_at_mut(RECORD_HEAD);
    start.copy_from_slice(head);
    end.copy_from_slice(chain.head());
    data
}

fn record_head(kind: RecordKind, counter: u32, len: u32) -> [u8; RECORD_HEAD] {
    let mut head = [kind.number(); RECORD_HEAD];
    let (counters, lens) = head.split_at_mut(5);
    if let Some(place) = counters.get_mut(1..) {
        place.copy_from_slice(&counter.to_be_bytes());
    }
    lens.copy_from_slice(&len.to_be_bytes());
    head
}

/// A journal that is written.
pub struct Journal {
    name: String,
    id: String,
    file: Box<dyn Append>,
    secret: Secret,
    stream: StreamBE32<ChaCha20Poly1305>,
    salt: Salt,
    origin: Digest,
    chain: Chain,
    counter: u32,
    /// Octets of the file up to the last record that is whole.
    whole: u64,
    /// Something that is no whole record may stand behind.
    torn: bool,
    buffer: Vec<u8>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("name", &self.name)
            .field("records", &self.chain.records())
            .field("octets", &self.whole)
            .finish_non_exhaustive()
    }
}

/// Name of a recording's journal.
pub(crate) fn journal_name(id: &str) -> String {
    format!("{id}.journal")
}

impl Journal {
    /// Begins a recording: its key is made, and wrapped for the recipients and the node itself. Plugins of recipients are
    /// waited for, 10 s at most.
    ///
    /// # Errors
    /// The name is taken; a recipient cannot be encrypted to; the disk refused, and nothing is left behind.
    pub fn create(
        files: &Arc<dyn Files>,
        header: &Header,
        recipients: &Recipients,
        recovery: &RecoveryIdentity,
        node: NodePublicKey,
    ) -> Result<Self, SealError> {
        let limit = Limit::within(crate::spool::PLUGIN_TIMEOUT);
        let keys = FileKeys::make(&recovery.recipient(), recipients, limit)?;
        Self::create_with(files, header, (keys.secret, keys.wrapped), node)
    }

    /// The same with a key that was wrapped before.
    pub(crate) fn create_with(
        files: &Arc<dyn Files>,
        header: &Header,
        (secret, wrapped): (Secret, String),
        node: NodePublicKey,
    ) -> Result<Self, SealError> {
        let beginning = beginning_of(&Beginning {
            id: header.id.as_str().to_owned(),
            node: node.to_string(),
            secret: wrapped,
        })?;
        let origin = digest_of_beginning(&beginning);
        let name = journal_name(header.id.as_str());
        let file = files.create_new(&name)?;
        let mut journal = Self {
            id: header.id.as_str().to_owned(),
            name,
            file,
            stream: secret.stream().ok_or(SealError::Encryption)?,
            salt: secret.salt(),
            secret,
            origin,
            chain: Chain::new(&origin),
            counter: 0,
            whole: 0,
            torn: false,
            buffer: Vec::new(),
        };
        let begun = journal.begin(&beginning, header);
        if begun.is_err() {
            files.remove(&journal.name)?;
        }
        begun.map(|()| journal)
    }

    fn begin(&mut self, beginning: &[u8], header: &Header) -> Result<(), SealError> {
        self.file.append(beginning)?;
        self.file.append(&self.origin)?;
        self.whole = (beginning.len() as u64).saturating_add(32);
        let public = Header { personal: Vec::new(), ..header.clone() };
        let start = serde_json::to_vec(&public).map_err(io::Error::from)?;
        self.append(RecordKind::Start, &[&start])?;
        self.append(RecordKind::Personal, &[&header.personal])
    }

    /// Adds a piece of the container.
    ///
    /// # Errors
    /// Nothing of it was taken: it is too long, or the disk refused.
    pub fn append_chunk(&mut self, chunk: &Chunk) -> Result<(), SealError> {
        let kind = match chunk.kind {
            ChunkKind::Header => RecordKind::Header,
            ChunkKind::Body => RecordKind::Body,
        };
        self.append(kind, &[&chunk.first_sample.to_be_bytes(), &chunk.samples.to_be_bytes(), &chunk.bytes])
    }

    /// Adds a statement about the time line.
    ///
    /// # Errors
    /// As [`Self::append_chunk`].
    pub fn append_fact(&mut self, fact: &Fact) -> Result<(), SealError> {
        let fact = serde_json::to_vec(fact).map_err(io::Error::from)?;
        self.append(RecordKind::Fact, &[&fact])
    }

    /// Adds personal metadata.
    ///
    /// # Errors
    /// As [`Self::append_chunk`].
    pub fn append_personal(&mut self, json: &[u8]) -> Result<(), SealError> {
        self.append(RecordKind::Personal, &[json])
    }

    /// Signs all that was added so far.
    ///
    /// # Errors
    /// As [`Self::append_chunk`].
    pub fn sign_head(&mut self, key: &NodeKey, at_ms: u64) -> Result<(), SealError> {
        let head = SignedHead::sign(key, &self.id, &self.chain, at_ms);
        self.append(RecordKind::Head, &[&head.to_bytes()])
    }

    /// Adds the end: `samples` is the length of one channel.
    ///
    /// # Errors
    /// As [`Self::append_chunk`].
    pub fn end(&mut self, samples: u64, at_ms: u64) -> Result<(), SealError> {
        self.append(RecordKind::End, &[&samples.to_be_bytes(), &at_ms.to_be_bytes()])
    }

    /// Makes the content survive a loss of power; its name is the folder's.
    ///
    /// # Errors
    /// The disk refused.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// Records so far.
    #[must_use]
    pub const fn records(&self) -> u32 {
        self.chain.records()
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    fn append(&mut self, kind: RecordKind, parts: &[&[u8]]) -> Result<(), SealError> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(len).ok().filter(|_| len <= MAX_RECORD).ok_or(SealError::TooLong(len))?;
        if self.torn {
            self.file.truncate(self.whole)?;
            self.torn = false;
        }
        let head = record_head(kind, self.counter, length);
        let digest = digest_of(&self.salt, self.chain.records(), kind, parts);
        self.buffer.clear();
        self.buffer.reserve(RECORD_HEAD.saturating_add(len).saturating_add(TAG));
        self.buffer.extend_from_slice(&head);
        parts.iter().for_each(|part| self.buffer.extend_from_slice(part));
        let (last, data) = (kind == RecordKind::End, associated(&head, &self.chain));
        self.stream
            .encrypt_in_place(self.counter, last, &data, &mut Behind(&mut self.buffer))
            .map_err(|_| SealError::Encryption)?;
        // Part of it may be on the disk even if the disk refuses it: a nonce is never used again.
        self.counter = self.counter.checked_add(1).ok_or(SealError::Encryption)?;
        if let Err(error) = self.file.append(&self.buffer) {
            self.torn = self.file.truncate(self.whole).is_err();
            return Err(error.into());
        }
        self.whole = self.whole.saturating_add(self.buffer.len() as u64);
        self.chain.push(kind, &digest);
        Ok(())
    }
}

fn beginning_of(beginning: &Beginning) -> Result<Vec<u8>, SealError> {
    let json = serde_json::to_vec(beginning).map_err(io::Error::from)?;
    let len = u32::try_from(json.len())
        .ok()
        .filter(|_| json.len() <= MAX_BEGINNING)
        .ok_or(SealError::TooLong(json.len()))?;
    Ok([MAGIC, len.to_be_bytes().as_slice(), &json].concat())
}

fn digest_of_beginning(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests;
