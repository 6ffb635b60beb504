//! Reading a journal up to its end, or to where it was cut off or altered.

use std::fmt;
use std::io::{self, Read};

use aead_stream::{StreamBE32, StreamPrimitive};
use chacha20poly1305::ChaCha20Poly1305;

use super::{
    Beginning, MAGIC, MAX_BEGINNING, MAX_RECORD, RECORD_HEAD, Secret, TAG, associated, digest_of_beginning,
};
use crate::chain::{Chain, Digest, RecordKind, Salt, digest_of};
use crate::error::{CutReason, SealError};

/// A journal whose beginning was read, and whose key is still wrapped.
pub struct Opened<R> {
    input: R,
    beginning: Beginning,
    origin: Digest,
    pub(super) octets: u64,
}

impl<R> fmt::Debug for Opened<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({})", self.beginning.id)
    }
}

impl<R: Read> Opened<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    /// [`SealError::NoBeginning`] where it is not all there, [`SealError::DamagedBeginning`] where it is altered; the disk
    /// refused.
    pub fn read(mut input: R) -> Result<Self, SealError> {
        let mut start = [0; 12];
        let found = read_up_to(&mut input, &mut start)?;
        if found < start.len() || start == [0; 12] {
            return Err(SealError::NoBeginning);
        }
        let (magic, len) = start.split_at(MAGIC.len());
        let len = len.first_chunk().map_or(0, |len| u32::from_be_bytes(*len)) as usize;
        if magic != MAGIC || len > MAX_BEGINNING {
            return Err(SealError::DamagedBeginning);
        }
        let mut bytes = start.to_vec();
        (&mut input).take(len as u64).read_to_end(&mut bytes)?;
        let mut digest = [0; 32];
        let complete = read_up_to(&mut input, &mut digest)? == digest.len();
        if !complete || bytes.len() != start.len().saturating_add(len) {
            return Err(SealError::NoBeginning);
        }
        let origin = digest_of_beginning(&bytes);
        if origin != digest {
            let lost = bytes.iter().rev().take(len).chain(&digest).all(|byte| *byte == 0);
            return Err(if lost { SealError::NoBeginning } else { SealError::DamagedBeginning });
        }
        let json = bytes.get(start.len()..).unwrap_or_default();
        let beginning = serde_json::from_slice(json).map_err(|_| SealError::DamagedBeginning)?;
        let octets = (bytes.len() as u64).saturating_add(32);
        Ok(Self { input, beginning, origin, octets })
    }

    /// Name of the recording.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.beginning.id
    }

    /// Opens the key with the node's recovery identity or with one of a recipient.
    ///
    /// # Errors
    /// [`SealError::WrongIdentity`] where none of them fits.
    pub fn unlock<'i>(
        self,
        identities: impl Iterator<Item = &'i dyn age::Identity>,
    ) -> Result<JournalReader<R>, SealError> {
        let secret = Secret::unwrap(&self.beginning.secret, identities)?;
        self.with_secret(secret)
    }

    pub(crate) fn with_secret(self, secret: Secret) -> Result<JournalReader<R>, SealError> {
        Ok(JournalReader {
            input: self.input,
            stream: secret.stream().ok_or(SealError::Encryption)?,
            salt: secret.salt(),
            secret,
            origin: self.origin,
            chain: Chain::new(&self.origin),
            next_counter: 0,
            ended: false,
            octets: self.octets,
            buffer: Vec::new(),
        })
    }
}

/// A record as it was written.
pub struct Record<'r> {
    /// Its number.
    pub index: u32,
    /// What it is.
    pub kind: RecordKind,
    /// Its plaintext.
    pub bytes: &'r [u8],
    /// Its digest.
    pub digest: Digest,
}

// Plaintext never reaches `Debug`.
impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} {:?}, {} octets)", self.index, self.kind, self.bytes.len())
    }
}

/// Reads records one by one.
pub struct JournalReader<R> {
    input: R,
    secret: Secret,
    stream: StreamBE32<ChaCha20Poly1305>,
    salt: Salt,
    origin: Digest,
    chain: Chain,
    next_counter: u32,
    ended: bool,
    octets: u64,
    buffer: Vec<u8>,
}

impl<R> fmt::Debug for JournalReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalReader").field("records", &self.chain.records()).finish_non_exhaustive()
    }
}

impl<R: Read> JournalReader<R> {
    /// The next record; `None` behind the last. A reason says why there is no more, though the journal was not ended.
    ///
    /// # Errors
    /// The disk refused.
    #[expect(clippy::should_implement_trait, reason = "a record borrows the reader")]
    pub fn next(&mut self) -> io::Result<Result<Option<Record<'_>>, CutReason>> {
        let mut head = [0; RECORD_HEAD];
        let found = read_up_to(&mut self.input, &mut head)?;
        if found == 0 {
            return Ok(if self.ended { Ok(None) } else { Err(CutReason::NoEnd) });
        }
        if self.ended {
            return Ok(Err(CutReason::NotARecord));
        }
        if found < head.len() {
            return Ok(Err(CutReason::Truncated));
        }
        let Some((kind, counter, len)) = read_head(&head) else { return Ok(Err(CutReason::NotARecord)) };
        if counter < self.next_counter {
            return Ok(Err(CutReason::Altered));
        }
        let sealed = len.saturating_add(TAG);
        self.buffer.clear();
        (&mut self.input).take(sealed as u64).read_to_end(&mut self.buffer)?;
        if self.buffer.len() < sealed {
            return Ok(Err(CutReason::Truncated));
        }
        let (last, data) = (kind == RecordKind::End, associated(&head, &self.chain));
        if self.stream.decrypt_in_place(counter, last, &data, &mut self.buffer).is_err() {
            return Ok(Err(CutReason::Altered));
        }
        self.next_counter = counter.saturating_add(1);
        self.octets = self.octets.saturating_add((RECORD_HEAD as u64).saturating_add(sealed as u64));
        self.ended = last;
        let index = self.chain.records();
        let digest = digest_of(&self.salt, index, kind, &[&self.buffer]);
        self.chain.push(kind, &digest);
        Ok(Ok(Some(Record { index, kind, bytes: &self.buffer, digest })))
    }

    /// The chain over what was read.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// What the chain is bound to.
    #[must_use]
    pub const fn origin(&self) -> &Digest {
        &self.origin
    }

    /// Octets of the journal up to the end of the last record that was read.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    pub(crate) const fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// Kind, counter and length.
fn read_head(head: &[u8; RECORD_HEAD]) -> Option<(RecordKind, u32, usize)> {
    let (kind, rest) = head.split_first()?;
    let (counter, len) = rest.split_first_chunk::<4>()?;
    let len = u32::from_be_bytes(*len.first_chunk()?) as usize;
    // No journal has a patch: they are made when a recording is finished.
    let kind = RecordKind::from_number(*kind).filter(|kind| *kind != RecordKind::Patch)?;
    (len <= MAX_RECORD).then_some((kind, u32::from_be_bytes(*counter), len))
}

/// Fills `bytes` as far as the input goes.
pub(crate) fn read_up_to(input: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
