//! AES-GCM from `ring`.

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{AesKey, Gcm, NotAuthentic};

pub(super) fn gcm(key: AesKey<'_>) -> Box<dyn Gcm> {
    let key = match key {
        AesKey::Aes128(key) => UnboundKey::new(&AES_128_GCM, key),
        // [RFC7714 13.2] No suite.
        AesKey::Aes192(_) => return Box::new(Keyed(None)),
        AesKey::Aes256(key) => UnboundKey::new(&AES_256_GCM, key),
    };
    Box::new(Keyed(key.ok().map(LessSafeKey::new)))
}

/// The key is `None` only for 192 bits, or where `ring` refuses a key of the right length, which it does not document to
/// do.
struct Keyed(Option<LessSafeKey>);

impl Drop for Keyed {
    /// `ring` does not wipe its keys. Another key over it does, and `black_box` keeps the store from being
    /// dropped as one that nobody reads.
    fn drop(&mut self) {
        self.0 = UnboundKey::new(&AES_256_GCM, &[0; 32]).ok().map(LessSafeKey::new);
        std::hint::black_box(&mut self.0);
    }
}

impl Gcm for Keyed {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        let mut out = [0; 16];
        let nonce = Nonce::assume_unique_for_key(*nonce);
        if let Some(key) = &self.0
            && let Ok(tag) = key.seal_in_place_separate_tag(nonce, Aad::from(aad), data)
        {
            out.copy_from_slice(tag.as_ref());
        }
        out
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Result<(), NotAuthentic> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let key = self.0.as_ref().ok_or(NotAuthentic)?;
        key.open_in_place(nonce, Aad::from(aad), data).map(|_| ()).map_err(|_| NotAuthentic)
    }
}
