//! AES counter mode and HMAC-SHA1 from RustCrypto's block functions. The two HMAC pads are hashed once, when
//! the key is set, so that a packet costs only its own blocks and one more. [RFC3711 4.1.1, 4.2.1], [RFC2104 2]

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, KeyInit as _};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc, Block};
use sha1::block_api::compress;
use zeroize::Zeroize as _;

use super::{AesKey, CounterHmac};

/// Blocks of keystream made at a time: 256 bytes cover an ordinary audio packet at once.
const BATCH: usize = 16;
const SHA1_START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

pub(super) fn keystream(key: AesKey<'_>, iv: &[u8; 16], out: &mut [u8]) {
    out.fill(0);
    match key {
        AesKey::Aes128(key) => apply(&Aes128Enc::new(key.into()), iv, out),
        AesKey::Aes192(key) => apply(&Aes192Enc::new(key.into()), iv, out),
        AesKey::Aes256(key) => apply(&Aes256Enc::new(key.into()), iv, out),
    }
}

pub(super) fn counter_hmac(key: AesKey<'_>, hmac_key: &[u8; 20]) -> Box<dyn CounterHmac> {
    let hmac = HmacSha1::new(hmac_key);
    match key {
        AesKey::Aes128(key) => Box::new(Keyed { hmac, cipher: Aes128Enc::new(key.into()) }),
        AesKey::Aes192(key) => Box::new(Keyed { hmac, cipher: Aes192Enc::new(key.into()) }),
        AesKey::Aes256(key) => Box::new(Keyed { hmac, cipher: Aes256Enc::new(key.into()) }),
    }
}

struct Keyed<C> {
    hmac: HmacSha1,
    cipher: C,
}

impl<C: BlockCipherEncrypt<BlockSize = U16> + Send + Sync> CounterHmac for Keyed<C> {
    fn apply_keystream(&self, iv: &[u8; 16], data: &mut [u8]) {
        apply(&self.cipher, iv, data);
    }

    fn tag(&self, data: &[u8], trailer: &[u8]) -> [u8; 20] {
        self.hmac.tag(data, trailer)
    }
}

fn apply<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, iv: &[u8; 16], data: &mut [u8]) {
    let mut counter = u128::from_be_bytes(*iv);
    for chunk in data.chunks_mut(BATCH * 16) {
        let mut blocks = [Block::default(); BATCH];
        let used = blocks.get_mut(..chunk.len().div_ceil(16)).unwrap_or_default();
        for block in used.iter_mut() {
            *block = counter.to_be_bytes().into();
            counter = counter.wrapping_add(1);
        }
        cipher.encrypt_blocks(used);
        for (to, from) in chunk.chunks_mut(16).zip(used.iter()) {
            for (byte, key) in to.iter_mut().zip(from.iter()) {
                *byte ^= key;
            }
        }
    }
}

/// HMAC-SHA1 with a 20-byte key.
struct HmacSha1 {
    inner: [u32; 5],
    outer: [u32; 5],
}

impl HmacSha1 {
    fn new(key: &[u8; 20]) -> Self {
        Self { inner: pad_state(key, 0x36), outer: pad_state(key, 0x5c) }
    }

    fn tag(&self, data: &[u8], trailer: &[u8]) -> [u8; 20] {
        let mut state = self.inner;
        hash_rest(&mut state, data, trailer);
        let mut block = [0u8; 64];
        put_words(&mut block, &state);
        finish_block(&mut block, 20, 64 + 20);
        let mut state = self.outer;
        compress(&mut state, std::slice::from_ref(&block));
        let mut tag = [0; 20];
        put_words(&mut tag, &state);
        tag
    }
}

impl Drop for HmacSha1 {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// The hash state after one block of the key mixed with `pad`.
fn pad_state(key: &[u8; 20], pad: u8) -> [u32; 5] {
    let mut block = [pad; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to ^= from;
    }
    let mut state = SHA1_START;
    compress(&mut state, std::slice::from_ref(&block));
    block.zeroize();
    state
}

/// Hashes `data` and `trailer` with SHA-1's padding into `state`, which already holds one block.
fn hash_rest(state: &mut [u32; 5], data: &[u8], trailer: &[u8]) {
    let (whole, rest) = data.as_chunks::<64>();
    compress(state, whole);
    // At most 63 bytes of data, a trailer, and 9 bytes of padding.
    let mut last = [[0u8; 64]; 2];
    let flat = last.as_flattened_mut();
    let tail = rest.len() + trailer.len();
    debug_assert!(tail + 9 <= flat.len(), "trailers are at most 4 bytes");
    for (to, from) in flat.iter_mut().zip(rest.iter().chain(trailer)) {
        *to = *from;
    }
    let bits = 8 * (64 + data.len() + trailer.len()) as u64;
    let blocks = if tail + 9 <= 64 { 1 } else { 2 };
    if let Some(end) = flat.get_mut(tail) {
        *end = 0x80;
    }
    if let Some(used) = last.get_mut(..blocks) {
        if let Some(length) = used.last_mut().and_then(|block| block.last_chunk_mut::<8>()) {
            *length = bits.to_be_bytes();
        }
        compress(state, used);
    }
}

/// Ends a block that holds `used` bytes with SHA-1's padding for a message of `total` bytes.
fn finish_block(block: &mut [u8; 64], used: usize, total: u64) {
    if let Some(end) = block.get_mut(used) {
        *end = 0x80;
    }
    if let Some(length) = block.last_chunk_mut::<8>() {
        *length = (8 * total).to_be_bytes();
    }
}

fn put_words(to: &mut [u8], words: &[u32; 5]) {
    for (to, from) in to.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&from.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC2104 2], [RFC3711 4.2.1]
    /// test-of: [RFC2202 3] case 1 and 3 (the cases with 20-byte keys).
    #[test]
    fn hmac_matches_the_published_cases() {
        let tag = HmacSha1::new(&[0x0b; 20]).tag(b"Hi There", b"");
        assert_eq!(tag[..8], [0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64]);
        let data = [0xdd; 50];
        for split in 46..=50 {
            let tag = HmacSha1::new(&[0xaa; 20]).tag(&data[..split], &data[split..]);
            assert_eq!(tag[..8], [0x12, 0x5d, 0x73, 0x42, 0xb9, 0xac, 0x11, 0xcd]);
        }
    }
}
