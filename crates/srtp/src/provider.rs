//! Where the cryptographic primitives come from: one small trait, given to a constructor by value.
//! There is no process-wide default; [`DEFAULT_PROVIDER`] is only what the short constructors pass.

mod counter;
mod gcm;

use std::fmt::Debug;

/// An AES key.
#[derive(Clone, Copy)]
pub enum AesKey<'a> {
    /// 128 bits.
    Aes128(&'a [u8; 16]),
    /// 192 bits. Counter mode only.
    Aes192(&'a [u8; 24]),
    /// 256 bits.
    Aes256(&'a [u8; 32]),
}

impl Debug for AesKey<'_> {
    /// Shows the size only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Aes128(_) => "Aes128",
            Self::Aes192(_) => "Aes192",
            Self::Aes256(_) => "Aes256",
        })
    }
}

/// The tag or the ciphertext is not what the key makes of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAuthentic;

/// Makes keyed primitives. Called when keys are set, never per packet.
pub trait Provider: Debug + Send + Sync {
    /// Fills `out` with the AES counter-mode keystream that starts at block `iv`. Used for key derivation.
    fn keystream(&self, key: AesKey<'_>, iv: &[u8; 16], out: &mut [u8]);

    /// AES in counter mode together with HMAC-SHA1.
    fn counter_hmac(&self, key: AesKey<'_>, hmac_key: &[u8; 20]) -> Box<dyn CounterHmac>;

    /// AES-GCM.
    fn gcm(&self, key: AesKey<'_>) -> Box<dyn Gcm>;
}

/// AES counter mode and HMAC-SHA1 under fixed keys. Must not allocate.
pub trait CounterHmac: Send + Sync {
    /// Adds to `data` the keystream that starts at block `iv`; the last 16 bits of `iv` count blocks.
    fn apply_keystream(&self, iv: &[u8; 16], data: &mut [u8]);

    /// HMAC-SHA1 over `data` followed by `trailer`.
    fn tag(&self, data: &[u8], trailer: &[u8]) -> [u8; 20];
}

/// AES-GCM under a fixed key, with 12-byte nonces and 16-byte tags. Must not allocate.
pub trait Gcm: Send + Sync {
    /// Encrypts `data` in place and returns the tag.
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16];

    /// Decrypts `data`, ciphertext with its tag behind it, in place.
    ///
    /// # Errors
    /// [`NotAuthentic`] where the tag does not match; `data` then holds no plaintext and may be destroyed.
    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Result<(), NotAuthentic>;
}

/// The measured choice: RustCrypto AES and SHA-1 for counter mode, `ring` for GCM.
#[derive(Debug, Clone, Copy, Default)]
pub struct DefaultProvider;

/// The provider that [`Inbound::new`](crate::Inbound::new) and [`Outbound::new`](crate::Outbound::new) pass.
pub static DEFAULT_PROVIDER: DefaultProvider = DefaultProvider;

impl Provider for DefaultProvider {
    fn keystream(&self, key: AesKey<'_>, iv: &[u8; 16], out: &mut [u8]) {
        counter::keystream(key, iv, out);
    }

    fn counter_hmac(&self, key: AesKey<'_>, hmac_key: &[u8; 20]) -> Box<dyn CounterHmac> {
        counter::counter_hmac(key, hmac_key)
    }

    fn gcm(&self, key: AesKey<'_>) -> Box<dyn Gcm> {
        gcm::gcm(key)
    }
}
