//! Key, nonce prefix and salt of one journal, and how they are wrapped.
//!
//! They are derived from the file key of an age file that holds nothing else. What an age file holds passes through
//! buffers of the library that are not wiped; its file key does not.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use aead_stream::{NewStream, StreamBE32};
use age::secrecy::ExposeSecret;
use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};
use base64ct::{Base64, Encoding};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::chain::Salt;
use crate::error::SealError;
use crate::keys;
use crate::recipients::encryptor;

const LEN: usize = 32 + 7 + 32;

/// The secret of one journal. Wiped when dropped.
#[derive(Clone)]
pub(crate) struct Secret(pub(super) Box<Zeroizing<[u8; LEN]>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Makes a secret, and an age file in base64 from which the node and the recipients have it again.
    pub(crate) fn generate<'r>(
        node: &age::x25519::Recipient,
        recipients: impl Iterator<Item = &'r dyn age::Recipient>,
    ) -> Result<(Self, String), SealError> {
        let own = Noting { inner: node, noted: RefCell::default() };
        let mut all: Vec<&dyn age::Recipient> = vec![&own];
        all.extend(recipients.map(|recipient| recipient as &dyn age::Recipient));
        let mut wrapped = Vec::new();
        encryptor(all.into_iter())?.wrap_output(&mut wrapped)?.finish()?;
        let secret = own.noted.into_inner().ok_or(SealError::Encryption)?;
        Ok((secret, Base64::encode_string(&wrapped)))
    }

    /// Has a secret again.
    pub(super) fn unwrap<'i>(
        wrapped: &str,
        identities: impl Iterator<Item = &'i dyn age::Identity>,
    ) -> Result<Self, SealError> {
        let wrapped = Base64::decode_vec(wrapped).map_err(|_| SealError::DamagedBeginning)?;
        let noting: Vec<_> = identities.map(|inner| Noting { inner, noted: RefCell::default() }).collect();
        let opened = keys::decrypt(wrapped.as_slice(), noting.iter().map(|one| one as &dyn age::Identity));
        drop(opened.map_err(|error| match error {
            SealError::WrongIdentity => SealError::WrongIdentity,
            _ => SealError::DamagedBeginning,
        })?);
        noting.into_iter().find_map(|one| one.noted.into_inner()).ok_or(SealError::DamagedBeginning)
    }

    /// HMAC-SHA256 of a label for each part, as in the second step of HKDF (RFC 5869) for a single block.
    fn derive(key: &FileKey) -> Option<Self> {
        let mut secret = Self(Box::new(Zeroizing::new([0; LEN])));
        let mut rest = secret.0.as_mut_slice();
        for (label, len) in [(&b"key\x01"[..], 32), (b"nonce\x01", 7), (b"salt\x01", 32)] {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).ok()?;
            mac.update(b"mediapoint journal 1 ");
            mac.update(label);
            let block = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
            let (part, behind) = rest.split_at_mut_checked(len)?;
            part.copy_from_slice(block.get(..len)?);
            rest = behind;
        }
        Some(secret)
    }

    pub(super) fn stream(&self) -> Option<StreamBE32<ChaCha20Poly1305>> {
        let (key, rest) = self.0.split_first_chunk::<32>()?;
        let prefix = rest.first_chunk::<7>()?;
        Some(StreamBE32::new(key.into(), prefix.into()))
    }

    /// The salt of digests.
    pub(crate) fn salt(&self) -> Salt {
        let mut salt = Zeroizing::new([0; 32]);
        if let Some(bytes) = self.0.last_chunk::<32>() {
            salt.copy_from_slice(bytes);
        }
        Salt(salt)
    }
}

/// Notes the secret of the file key that passes.
struct Noting<T> {
    inner: T,
    noted: RefCell<Option<Secret>>,
}

impl age::Recipient for Noting<&age::x25519::Recipient> {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        *self.noted.borrow_mut() = Secret::derive(key);
        self.inner.wrap_file_key(key)
    }
}

impl age::Identity for Noting<&dyn age::Identity> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let found = self.inner.unwrap_stanzas(stanzas);
        if let Some(Ok(key)) = &found {
            *self.noted.borrow_mut() = Secret::derive(key);
        }
        found
    }
}
