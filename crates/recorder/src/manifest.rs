//! The signed manifest that travels with a finished recording.
//!
//! JSON that anybody can read, and that tells nothing personal: what the recording is, hashes of its files, facts about the
//! time line, and the chain over its records. The signature is Ed25519 over the file's own text with an empty signature
//! in it; a manifest that is not written exactly as this writer writes it is refused.

use std::io::{self, Read};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signature, Signer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::chain::{Chain, Digest, RecordKind, SignedHead};
use crate::error::SealError;
use crate::journal::read_up_to;
use crate::keys::{NodeKey, NodePublicKey};
use crate::sink::{Fact, RecordingId};

/// Octets of a file that have a hash of their own.
pub const PIECE: usize = 64 * 1024;
/// Octets that a manifest may have: some ten days of audio.
pub(crate) const MAX_MANIFEST: usize = 128 << 20;
/// Octets of a record in the list of digests: its kind and its digest.
const LISTED: usize = 33;

/// Octets that are base64 in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Blob(pub(crate) Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64::encode_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Base64::decode_vec(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A part of the audio's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// First sample of the page in which it begins.
    pub first_sample: u64,
    /// SHA-256 of its octets.
    pub(crate) sha256: Blob,
}

/// The audio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioFile {
    /// Name of the file.
    pub file: String,
    /// Whether it is an age file.
    pub encrypted: bool,
    /// Media type of the plain file.
    pub media_type: String,
    /// Samples of one channel per second.
    pub rate: u32,
    /// Channels.
    pub channels: u8,
    /// Samples of one channel.
    pub samples: u64,
    /// Octets of the file.
    pub octets: u64,
    /// Hashes of each [`PIECE`] octets of the file.
    pub pieces: Vec<Piece>,
}

/// The personal metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataFile {
    /// Name of the file.
    pub file: String,
    /// Octets of the file.
    pub octets: u64,
    /// SHA-256 of the file.
    pub(crate) sha256: Blob,
}

/// That a recording was completed after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// Why there is no more.
    pub reason: String,
    /// Octets of the journal that could not be used.
    pub unusable_octets: u64,
}

/// A signed head in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListedHead {
    records: u32,
    at_ms: u64,
    signature: Blob,
}

impl From<&SignedHead> for ListedHead {
    fn from(head: &SignedHead) -> Self {
        Self { records: head.records, at_ms: head.at_ms, signature: Blob(head.signature.to_vec()) }
    }
}

impl ListedHead {
    fn head(&self) -> Option<SignedHead> {
        let signature = self.signature.0.as_slice().try_into().ok()?;
        Some(SignedHead { records: self.records, at_ms: self.at_ms, signature })
    }
}

/// The chain over all records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSummary {
    /// What the chain is bound to: SHA-256 of the journal's beginning.
    pub(crate) origin: Blob,
    /// The last link.
    pub(crate) head: Blob,
    /// Kind and digest of each record, 33 octets each.
    pub(crate) records: Blob,
    /// Heads signed while the recording was made.
    pub(crate) heads: Vec<ListedHead>,
}

impl ChainSummary {
    pub(crate) fn new(origin: &Digest, chain: &Chain, records: Vec<u8>, heads: &[SignedHead]) -> Self {
        Self {
            origin: Blob(origin.to_vec()),
            head: Blob(chain.head().to_vec()),
            records: Blob(records),
            heads: heads.iter().map(ListedHead::from).collect(),
        }
    }

    /// Kind and digest of each record.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u8, &Digest)> {
        self.records.0.chunks_exact(LISTED).filter_map(|listed| {
            let (kind, digest) = listed.split_first()?;
            Some((*kind, digest.first_chunk()?))
        })
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.0.len() / LISTED
    }

    /// Whether there are no records, which no writer leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn heads(&self) -> impl Iterator<Item = Option<SignedHead>> {
        self.heads.iter().map(ListedHead::head)
    }
}

/// What is known of a finished recording without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format: 1.
    pub version: u32,
    /// Name of the recording.
    pub id: RecordingId,
    /// The node's public key, base64.
    pub node: String,
    /// Milliseconds of wall clock since 1970 at the first sample.
    pub began_ms: u64,
    /// Milliseconds of wall clock since 1970 when it was completed.
    pub completed_ms: u64,
    /// The audio.
    pub audio: AudioFile,
    /// The personal metadata.
    pub metadata: MetadataFile,
    /// What is to be known of the time line, by start.
    pub facts: Vec<Fact>,
    /// Whether it was completed after a crash.
    pub recovered: Option<Recovery>,
    /// The chain over its records.
    pub chain: ChainSummary,
    /// Ed25519 by the node's key over this text with an empty signature, base64.
    pub(crate) signature: Blob,
}

const SIGNED: &[u8] = b"mediapoint recording manifest 1\n";

impl Manifest {
    fn text(&self) -> Result<Vec<u8>, SealError> {
        let mut text = serde_json::to_vec_pretty(self).map_err(io::Error::from)?;
        text.push(b'\n');
        Ok(text)
    }

    fn message(&self) -> Result<Vec<u8>, SealError> {
        let unsigned = Self { signature: Blob::default(), ..self.clone() };
        Ok([SIGNED, &unsigned.text()?].concat())
    }

    /// Signs it, and gives the file's content.
    pub(crate) fn sign(&mut self, key: &NodeKey) -> Result<Vec<u8>, SealError> {
        self.signature = Blob(key.0.sign(&self.message()?).to_bytes().to_vec());
        self.text()
    }

    /// Reads a manifest. Who signed it is not asked.
    ///
    /// # Errors
    /// It is not exactly as a writer writes it; it is too long; the signature is not of the key it names.
    pub fn read(input: impl Read) -> Result<Self, SealError> {
        let mut text = Vec::new();
        input.take(MAX_MANIFEST as u64 + 1).read_to_end(&mut text)?;
        if text.len() > MAX_MANIFEST {
            return Err(SealError::Manifest("it is too long".to_owned()));
        }
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| SealError::Manifest(error.to_string()))?;
        if manifest.text()? != text {
            return Err(SealError::Manifest("its text was altered".to_owned()));
        }
        let whole = manifest.chain.records.0.len().is_multiple_of(LISTED);
        let own = |file: &str| {
            let rest = file.strip_prefix(manifest.id.as_str()).and_then(|rest| rest.strip_prefix('.'));
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
        };
        if !own(&manifest.audio.file) || !own(&manifest.metadata.file) {
            return Err(SealError::Manifest("it names a file of another recording".to_owned()));
        }
        if manifest.version != 1 || manifest.audio.rate == 0 || !whole {
            return Err(SealError::Manifest("it is of no known version, or incomplete".to_owned()));
        }
        if !manifest.is_signed()? {
            return Err(SealError::Manifest("its signature is not of the key it names".to_owned()));
        }
        Ok(manifest)
    }

    fn is_signed(&self) -> Result<bool, SealError> {
        let key = self.signer()?;
        let Ok(signature) = Signature::from_slice(&self.signature.0) else { return Ok(false) };
        Ok(key.0.verify_strict(&self.message()?, &signature).is_ok())
    }

    /// The key that signed it.
    ///
    /// # Errors
    /// It is none.
    pub fn signer(&self) -> Result<NodePublicKey, SealError> {
        self.node.parse()
    }

    /// Where a sample is in time, from the first.
    #[must_use]
    pub fn time_of(&self, sample: u64) -> Duration {
        let rate = u64::from(self.audio.rate.max(1));
        let nanos = (sample % rate).saturating_mul(1_000_000_000) / rate;
        Duration::from_secs(sample / rate).saturating_add(Duration::from_nanos(nanos))
    }
}

/// Adds a record to the list of digests.
pub(crate) fn list_record(list: &mut Vec<u8>, kind: RecordKind, digest: &Digest) {
    list.push(kind.number());
    list.extend_from_slice(digest);
}

/// Hashes of each [`PIECE`] of a file, and its length.
pub(crate) fn piece_hashes(mut input: impl Read) -> io::Result<(Vec<Digest>, u64)> {
    let (mut hashes, mut octets, mut piece) = (Vec::new(), 0_u64, vec![0; PIECE]);
    loop {
        let len = read_up_to(&mut input, &mut piece)?;
        if len == 0 {
            return Ok((hashes, octets));
        }
        octets = octets.saturating_add(len as u64);
        hashes.push(Sha256::digest(piece.get(..len).unwrap_or_default()).into());
    }
}

#[cfg(test)]
pub(crate) fn example(key: &NodeKey) -> Manifest {
    let mut chain = Chain::new(&[1; 32]);
    let mut records = Vec::new();
    let head = SignedHead::sign(key, "r1", &chain, 7);
    list_record(&mut records, RecordKind::Head, &[3; 32]);
    chain.push(RecordKind::Head, &[3; 32]);
    Manifest {
        version: 1,
        id: RecordingId::new("r1").unwrap(),
        node: key.public().to_string(),
        began_ms: 1_700_000_000_000,
        completed_ms: 1_700_000_001_000,
        audio: AudioFile {
            file: "r1.opus.age".into(),
            encrypted: true,
            media_type: "audio/ogg".into(),
            rate: 48_000,
            channels: 2,
            samples: 48_000,
            octets: 10,
            pieces: vec![Piece { first_sample: 0, sha256: Blob(vec![9; 32]) }],
        },
        metadata: MetadataFile { file: "r1.meta.age".into(), octets: 9, sha256: Blob(vec![8; 32]) },
        facts: vec![Fact { start: 5, samples: 6, kind: crate::sink::FactKind::Masked }],
        recovered: None,
        chain: ChainSummary::new(&[1; 32], &chain, records, &[head]),
        signature: Blob::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_that_flipped_anywhere_in_a_manifest_is_found() {
        let key = NodeKey::generate().unwrap();
        let mut manifest = example(&key);
        let text = manifest.sign(&key).unwrap();
        assert_eq!(Manifest::read(text.as_slice()).unwrap(), manifest);
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::read(flipped.as_slice()).is_err(), "bit {bit} of octet {}", bit / 8);
        }
        for len in 0..text.len() {
            assert!(Manifest::read(&text[..len]).is_err(), "cut to {len}");
        }
        assert!(Manifest::read([text.as_slice(), b" "].concat().as_slice()).is_err());
    }

    #[test]
    fn a_manifest_is_of_the_key_it_names() {
        let (key, other) = (NodeKey::generate().unwrap(), NodeKey::generate().unwrap());
        let text = example(&key).sign(&other).unwrap();
        assert!(matches!(Manifest::read(text.as_slice()), Err(SealError::Manifest(_))));
        let mut manifest = example(&key);
        manifest.sign(&key).unwrap();
        assert_eq!(manifest.signer().unwrap(), key.public());
        assert_eq!(manifest.time_of(72_000), Duration::from_millis(1500));
    }
}
