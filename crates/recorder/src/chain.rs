//! The hash chain over the records of a recording.
//!
//! A record's digest is SHA-256 over a salt, its number, its kind and its plaintext; a link is SHA-256 over the link before,
//! the number, the kind and the digest. The salt stands in encrypted parts only: who cannot open the recording cannot test
//! guesses of what was said against digests, and equal records have different digests.

use std::fmt;

use ed25519_dalek::{Signature, Signer, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::keys::NodeKey;

/// A SHA-256 value.
pub type Digest = [u8; 32];

/// What a record is. The numbers stand in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum RecordKind {
    /// What the recording is: the first record.
    Start = 1,
    /// The container's beginning; the last one holds.
    Header = 2,
    /// Audio.
    Body = 3,
    /// A statement about the time line.
    Fact = 4,
    /// The chain's head before it, signed.
    Head = 5,
    /// A body with the end of the file marked in it, in the place of one before: made when a recording is recovered.
    Patch = 6,
    /// Personal metadata.
    Personal = 7,
    /// The end.
    End = 8,
}

impl RecordKind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Start,
            2 => Self::Header,
            3 => Self::Body,
            4 => Self::Fact,
            5 => Self::Head,
            6 => Self::Patch,
            7 => Self::Personal,
            8 => Self::End,
            _ => return None,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// The random value that keeps digests from telling anything about plaintext.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(pub(crate) Zeroizing<[u8; 32]>);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// Digest of one record, whose plaintext is `parts` one behind the other.
#[must_use]
pub fn digest_of(salt: &Salt, index: u32, kind: RecordKind, parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(*salt.0);
    hash.update(index.to_be_bytes());
    hash.update([kind.number()]);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// The chain as far as it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    head: Digest,
    records: u32,
}

impl Chain {
    /// A chain without records, bound to what comes before them.
    #[must_use]
    pub fn new(origin: &Digest) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"mediapoint recording chain 1\n");
        hash.update(origin);
        Self { head: hash.finalize().into(), records: 0 }
    }

    /// Adds a record's digest.
    pub fn push(&mut self, kind: RecordKind, digest: &Digest) {
        let mut hash = Sha256::new();
        hash.update(self.head);
        hash.update(self.records.to_be_bytes());
        hash.update([kind.number()]);
        hash.update(digest);
        self.head = hash.finalize().into();
        self.records = self.records.saturating_add(1);
    }

    /// The last link.
    #[must_use]
    pub const fn head(&self) -> &Digest {
        &self.head
    }

    /// Records in it, and the number of the next.
    #[must_use]
    pub const fn records(&self) -> u32 {
        self.records
    }
}

/// A chain's head with a time and the node's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedHead {
    /// Records in the chain before it.
    pub records: u32,
    /// Milliseconds since 1970 of wall clock.
    pub at_ms: u64,
    /// Ed25519 over the recording's name, the number of records, the time and the link.
    pub signature: [u8; 64],
}

impl SignedHead {
    /// Octets of its record.
    pub(crate) const LEN: usize = 76;

    fn message(id: &str, chain: &Chain, at_ms: u64) -> Vec<u8> {
        let mut message = b"mediapoint recording head 1\n".to_vec();
        message.extend(id.as_bytes());
        message.push(b'\n');
        message.extend(chain.records.to_be_bytes());
        message.extend(at_ms.to_be_bytes());
        message.extend(chain.head);
        message
    }

    /// Signs the head of `chain`.
    #[must_use]
    pub fn sign(key: &NodeKey, id: &str, chain: &Chain, at_ms: u64) -> Self {
        let signature = key.0.sign(&Self::message(id, chain, at_ms)).to_bytes();
        Self { records: chain.records, at_ms, signature }
    }

    /// Whether `key` signed the head of `chain`.
    #[must_use]
    pub fn is_of(&self, key: &VerifyingKey, id: &str, chain: &Chain) -> bool {
        let message = Self::message(id, chain, self.at_ms);
        self.records == chain.records
            && key.verify_strict(&message, &Signature::from_bytes(&self.signature)).is_ok()
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (records, rest) = bytes.split_at_mut(4);
        let (at_ms, signature) = rest.split_at_mut(8);
        records.copy_from_slice(&self.records.to_be_bytes());
        at_ms.copy_from_slice(&self.at_ms.to_be_bytes());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (records, rest) = bytes.split_first_chunk::<4>()?;
        let (at_ms, signature) = rest.split_first_chunk::<8>()?;
        Some(Self {
            records: u32::from_be_bytes(*records),
            at_ms: u64::from_be_bytes(*at_ms),
            signature: signature.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt() -> Salt {
        Salt(Zeroizing::new([7; 32]))
    }

    #[test]
    fn every_part_of_a_record_counts() {
        let digest = digest_of(&salt(), 1, RecordKind::Body, &[b"ab", b"c"]);
        assert_eq!(digest, digest_of(&salt(), 1, RecordKind::Body, &[b"abc"]));
        assert_ne!(digest, digest_of(&salt(), 2, RecordKind::Body, &[b"abc"]));
        assert_ne!(digest, digest_of(&salt(), 1, RecordKind::Fact, &[b"abc"]));
        assert_ne!(digest, digest_of(&Salt(Zeroizing::new([8; 32])), 1, RecordKind::Body, &[b"abc"]));
    }

    #[test]
    fn the_order_of_records_counts() {
        let (one, two) = ([1; 32], [2; 32]);
        let chain_of = |digests: [&Digest; 2]| {
            let mut chain = Chain::new(&[0; 32]);
            digests.iter().for_each(|digest| chain.push(RecordKind::Body, digest));
            chain
        };
        assert_ne!(chain_of([&one, &two]), chain_of([&two, &one]));
        assert_ne!(Chain::new(&one), Chain::new(&two));
    }

    #[test]
    fn a_signed_head_is_of_one_recording_one_place_and_one_time() {
        let key = NodeKey::generate().unwrap();
        let mut chain = Chain::new(&[0; 32]);
        chain.push(RecordKind::Start, &[3; 32]);
        let head = SignedHead::sign(&key, "a", &chain, 5);
        let public = key.public().0;
        assert_eq!(SignedHead::from_bytes(&head.to_bytes()), Some(head));
        assert!(head.is_of(&public, "a", &chain));
        assert!(!head.is_of(&public, "b", &chain));
        assert!(!SignedHead { at_ms: 6, ..head }.is_of(&public, "a", &chain));
        assert!(!head.is_of(&NodeKey::generate().unwrap().public().0, "a", &chain));
        chain.push(RecordKind::Body, &[4; 32]);
        assert!(!head.is_of(&public, "a", &chain));
    }
}
