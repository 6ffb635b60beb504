//! Master keys: made from bytes or from the operating system's randomness, never shown, wiped when dropped.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

use crate::{KeyError, Suite};

/// A master key with its salt and the suite it is for. [RFC3711 3.2.1]
///
/// The bytes stand in a block of their own: whatever holds the key can be moved and leaves no copy where it was.
#[derive(Clone)]
pub struct MasterKey {
    suite: Suite,
    bytes: Box<Bytes>,
}

#[derive(Clone)]
struct Bytes {
    key: [u8; 32],
    salt: [u8; 14],
}

impl Bytes {
    fn zeroed() -> Box<Self> {
        Box::new(Self { key: [0; 32], salt: [0; 14] })
    }
}

impl MasterKey {
    /// A key from its bytes.
    ///
    /// # Errors
    /// [`KeyError::KeyLength`] or [`KeyError::SaltLength`] where a length is not the suite's.
    pub fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        let mut this = Self { suite, bytes: Bytes::zeroed() };
        let need = suite.master_key_len();
        match this.bytes.key.get_mut(..need) {
            Some(to) if key.len() == need => to.copy_from_slice(key),
            _ => return Err(KeyError::KeyLength { have: key.len(), need }),
        }
        let need = suite.master_salt_len();
        match this.bytes.salt.get_mut(..need) {
            Some(to) if salt.len() == need => to.copy_from_slice(salt),
            _ => return Err(KeyError::SaltLength { have: salt.len(), need }),
        }
        Ok(this)
    }

    /// A fresh key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] where the operating system has none to give.
    pub fn generate(suite: Suite) -> Result<Self, KeyError> {
        let mut this = Self { suite, bytes: Bytes::zeroed() };
        let key = this.bytes.key.get_mut(..suite.master_key_len()).unwrap_or_default();
        getrandom::fill(key).map_err(|_| KeyError::NoRandomness)?;
        let salt = this.bytes.salt.get_mut(..suite.master_salt_len()).unwrap_or_default();
        getrandom::fill(salt).map_err(|_| KeyError::NoRandomness)?;
        Ok(this)
    }

    /// The suite the key is for.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The key's bytes. They are secret: for the key exchange and for saving a session, never for a log.
    #[must_use]
    pub fn danger_key_bytes(&self) -> &[u8] {
        self.bytes.key.get(..self.suite.master_key_len()).unwrap_or_default()
    }

    /// The salt's bytes; as secret as the key's.
    #[must_use]
    pub fn danger_salt_bytes(&self) -> &[u8] {
        self.bytes.salt.get(..self.suite.master_salt_len()).unwrap_or_default()
    }

    /// The salt, filled up with zeros to the 14 bytes that key derivation works on [RFC7714 11].
    pub(crate) fn padded_salt(&self) -> &[u8; 14] {
        &self.bytes.salt
    }
}

impl PartialEq for MasterKey {
    /// Takes the same time whatever the bytes are.
    fn eq(&self, other: &Self) -> bool {
        let same = self.bytes.key.ct_eq(&other.bytes.key) & self.bytes.salt.ct_eq(&other.bytes.salt);
        self.suite == other.suite && bool::from(same)
    }
}

impl Eq for MasterKey {}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.bytes.key.zeroize();
        self.bytes.salt.zeroize();
    }
}

impl std::fmt::Debug for MasterKey {
    /// Shows the suite only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// A master key identifier: which of several keys a packet is protected with. [RFC3711 3.1]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mki(Box<[u8]>);

impl Mki {
    /// The most bytes an identifier may have [RFC4568 6.1].
    pub const MAX_LEN: usize = 128;

    /// An identifier of these bytes, as they stand in the packet.
    ///
    /// # Errors
    /// [`KeyError::MkiLength`] where there are none or over [`Mki::MAX_LEN`].
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.is_empty() || bytes.len() > Self::MAX_LEN {
            return Err(KeyError::MkiLength { have: bytes.len() });
        }
        Ok(Self(bytes.into()))
    }

    /// The identifier's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts the identifier into `packet`, which has room for it at the end, before the last `behind` bytes.
    pub(crate) fn insert(&self, packet: &mut [u8], behind: usize) {
        let from = packet.len().saturating_sub(self.len() + behind);
        if let Some(end) = packet.get_mut(from..) {
            end.rotate_right(self.len().min(end.len()));
            if let Some(to) = end.get_mut(..self.len()) {
                to.copy_from_slice(&self.0);
            }
        }
    }

    /// Whether the identifier stands in `packet` before the last `behind` bytes. It is no secret.
    pub(crate) fn stands_in(&self, packet: &[u8], behind: usize) -> bool {
        let from = packet.len().saturating_sub(self.len() + behind);
        packet.get(from..).is_some_and(|end| end.starts_with(&self.0))
    }

    /// Moves the identifier, which stands before the last `behind` bytes of `packet`, to the very end.
    pub(crate) fn take_out(&self, packet: &mut [u8], behind: usize) {
        let from = packet.len().saturating_sub(self.len() + behind);
        if let Some(end) = packet.get_mut(from..) {
            end.rotate_left(self.len().min(end.len()));
        }
    }

    /// Undoes [`Mki::take_out`].
    pub(crate) fn put_back(&self, packet: &mut [u8], behind: usize) {
        let from = packet.len().saturating_sub(self.len() + behind);
        if let Some(end) = packet.get_mut(from..) {
            end.rotate_right(self.len().min(end.len()));
        }
    }
}
