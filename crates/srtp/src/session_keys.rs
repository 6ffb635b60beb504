//! Session keys: derived from a master key, and the two transforms that use them on packet bytes.
//! Knows nothing of windows or SSRC tables: the caller says which index a packet has.

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing, zeroize_stack};

use crate::provider::{AesKey, CounterHmac, Gcm, NotAuthentic, Provider};
use crate::suite::{GCM_TAG, RTCP_HMAC_TAG, RTCP_INDEX_WORD, Transform};
use crate::{MasterKey, Suite};

/// The E bit of the word at the end of an SRTCP packet [RFC3711 3.4].
const ENCRYPTED: u32 = 0x8000_0000;
/// Bytes of RTCP that stay clear: the first header with the sender's SSRC.
pub(crate) const RTCP_CLEAR: usize = 8;

/// Key derivation labels [RFC3711 4.3.1, 4.3.2]: encryption, authentication, salt.
const RTP_LABELS: [u8; 3] = [0, 1, 2];
const RTCP_LABELS: [u8; 3] = [3, 4, 5];

/// More than the derivation of keys uses of the stack, in any build.
const DERIVATION_STACK: usize = 16_384;

/// The keys of one direction, for RTP and for RTCP.
pub(crate) struct SessionKeys {
    pub(crate) suite: Suite,
    rtp: Cipher,
    rtcp: Cipher,
}

struct Cipher {
    /// Counter mode uses 14 bytes, GCM 12.
    salt: [u8; 14],
    mode: Mode,
}

enum Mode {
    Counter { keyed: Box<dyn CounterHmac>, tag: usize },
    Gcm(Box<dyn Gcm>),
}

/// Where an RTP packet stands in its stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RtpPlace {
    pub(crate) ssrc: u32,
    /// 48 bits: roll-over counter and sequence number.
    pub(crate) index: u64,
    pub(crate) header_len: usize,
}

/// Where an RTCP packet stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RtcpPlace {
    pub(crate) ssrc: u32,
    /// 31 bits.
    pub(crate) index: u32,
    pub(crate) encrypted: bool,
}

impl RtcpPlace {
    fn word(self) -> [u8; 4] {
        (self.index | if self.encrypted { ENCRYPTED } else { 0 }).to_be_bytes()
    }

    /// The place that the word at the end of a packet tells.
    pub(crate) fn from_word(ssrc: u32, word: [u8; 4]) -> Self {
        let word = u32::from_be_bytes(word);
        Self { ssrc, index: word & !ENCRYPTED, encrypted: word & ENCRYPTED != 0 }
    }
}

impl SessionKeys {
    pub(crate) fn derive(master: &MasterKey, provider: &dyn Provider) -> Self {
        let keys = Self::derive_on_stack(master, provider);
        // A cipher is moved as it is made, and the first words of its key schedule are the master key itself.
        zeroize_stack::<DERIVATION_STACK>();
        keys
    }

    #[inline(never)]
    fn derive_on_stack(master: &MasterKey, provider: &dyn Provider) -> Self {
        let suite = master.suite();
        let rtp_tag = suite.rtp_tag_len();
        Self {
            suite,
            rtp: Cipher::derive(master, provider, RTP_LABELS, rtp_tag),
            rtcp: Cipher::derive(master, provider, RTCP_LABELS, RTCP_HMAC_TAG),
        }
    }

    /// Encrypts `packet[..len]` and writes the tag behind it; `packet` is exactly that long.
    pub(crate) fn seal_rtp(&self, packet: &mut [u8], place: RtpPlace) {
        let Some(len) = packet.len().checked_sub(self.suite.rtp_tag_len()) else { return };
        let Some((plain, tag_out)) = packet.split_at_mut_checked(len) else { return };
        match &self.rtp.mode {
            Mode::Counter { keyed, .. } => {
                if let Some(payload) = plain.get_mut(place.header_len..) {
                    keyed.apply_keystream(&self.rtp.counter_iv(place.ssrc, place.index), payload);
                }
                let tag = keyed.tag(plain, &roc(place.index).to_be_bytes());
                copy_front(tag_out, &tag);
            }
            Mode::Gcm(keyed) => {
                let Some((header, payload)) = plain.split_at_mut_checked(place.header_len) else { return };
                let tag = keyed.seal(&self.rtp.rtp_nonce(place), header, payload);
                copy_front(tag_out, &tag);
            }
        }
    }

    /// Checks and decrypts `packet`, whose tag stands at its end (any MKI already taken out).
    pub(crate) fn open_rtp(&self, packet: &mut [u8], place: RtpPlace) -> Result<(), NotAuthentic> {
        match &self.rtp.mode {
            Mode::Counter { keyed, tag } => {
                let len = packet.len().checked_sub(*tag).ok_or(NotAuthentic)?;
                let (cipher, given) = packet.split_at_mut_checked(len).ok_or(NotAuthentic)?;
                check(&keyed.tag(cipher, &roc(place.index).to_be_bytes()), given)?;
                let payload = cipher.get_mut(place.header_len..).ok_or(NotAuthentic)?;
                keyed.apply_keystream(&self.rtp.counter_iv(place.ssrc, place.index), payload);
                Ok(())
            }
            Mode::Gcm(keyed) => {
                let (header, rest) = packet.split_at_mut_checked(place.header_len).ok_or(NotAuthentic)?;
                keyed.open(&self.rtp.rtp_nonce(place), header, rest)
            }
        }
    }

    /// Encrypts the RTCP packet at the front of `packet` and writes tag and index word behind it.
    pub(crate) fn seal_rtcp(&self, packet: &mut [u8], place: RtcpPlace) {
        let Some(len) = packet.len().checked_sub(self.suite.rtcp_overhead()) else { return };
        let Some((plain, behind)) = packet.split_at_mut_checked(len) else { return };
        let word = place.word();
        match &self.rtcp.mode {
            Mode::Counter { keyed, .. } => {
                if let Some(payload) = plain.get_mut(RTCP_CLEAR..) {
                    keyed.apply_keystream(&self.rtcp.counter_iv(place.ssrc, place.index.into()), payload);
                }
                // [RFC3711 3.4] packet, index word, tag; the tag covers the word.
                let tag = keyed.tag(plain, &word);
                copy_front(behind, &word);
                copy_front(behind.get_mut(RTCP_INDEX_WORD..).unwrap_or_default(), &tag);
            }
            Mode::Gcm(keyed) => {
                let Some((header, payload)) = plain.split_at_mut_checked(RTCP_CLEAR) else { return };
                // [RFC7714 9.3] packet, tag, index word.
                let tag = keyed.seal(&self.rtcp.rtcp_nonce(place), &rtcp_aad(header, word), payload);
                copy_front(behind, &tag);
                copy_front(behind.get_mut(GCM_TAG..).unwrap_or_default(), &word);
            }
        }
    }

    /// Checks and decrypts `packet` (tag and index word at its end, any MKI already taken out).
    pub(crate) fn open_rtcp(&self, packet: &mut [u8], place: RtcpPlace) -> Result<(), NotAuthentic> {
        match &self.rtcp.mode {
            Mode::Counter { keyed, tag } => {
                let len = packet.len().checked_sub(*tag).ok_or(NotAuthentic)?;
                let (signed, given) = packet.split_at_mut_checked(len).ok_or(NotAuthentic)?;
                check(&keyed.tag(signed, &[]), given)?;
                if place.encrypted {
                    let end = len.checked_sub(RTCP_INDEX_WORD).ok_or(NotAuthentic)?;
                    let payload = signed.get_mut(RTCP_CLEAR..end).ok_or(NotAuthentic)?;
                    keyed.apply_keystream(&self.rtcp.counter_iv(place.ssrc, place.index.into()), payload);
                }
                Ok(())
            }
            Mode::Gcm(keyed) => {
                let nonce = self.rtcp.rtcp_nonce(place);
                let end = packet.len().checked_sub(RTCP_INDEX_WORD).ok_or(NotAuthentic)?;
                if place.encrypted {
                    let packet = packet.get_mut(..end).ok_or(NotAuthentic)?;
                    let (header, rest) = packet.split_at_mut_checked(RTCP_CLEAR).ok_or(NotAuthentic)?;
                    return keyed.open(&nonce, &rtcp_aad(header, place.word()), rest);
                }
                // [RFC7714 9.3] Unencrypted: packet and index word are all associated data, and the tag
                // stands between them; put the word before the tag so that they are one piece.
                let plain = end.checked_sub(GCM_TAG).ok_or(NotAuthentic)?;
                packet.get_mut(plain..).ok_or(NotAuthentic)?.rotate_left(GCM_TAG);
                let (aad, tag) = packet.split_at_mut_checked(plain + RTCP_INDEX_WORD).ok_or(NotAuthentic)?;
                let done = keyed.open(&nonce, aad, tag);
                packet.get_mut(plain..).ok_or(NotAuthentic)?.rotate_right(GCM_TAG);
                done
            }
        }
    }

    /// Bytes that stand behind an MKI on RTP: the tag, or nothing with GCM, whose tag is part of the
    /// ciphertext [RFC3711 3.1], [RFC7714 8.2].
    pub(crate) fn rtp_behind_mki(&self) -> usize {
        match self.suite.transform() {
            Transform::CounterHmac { rtp_tag } => rtp_tag,
            Transform::Gcm => 0,
        }
    }

    /// Bytes that stand behind an MKI on RTCP [RFC3711 3.4], [RFC7714 9.2].
    pub(crate) fn rtcp_behind_mki(&self) -> usize {
        match self.suite.transform() {
            Transform::CounterHmac { .. } => RTCP_HMAC_TAG,
            Transform::Gcm => 0,
        }
    }

    /// True where a failed `open` leaves the packet as it was, so that another key can be tried on it.
    pub(crate) fn open_is_harmless(&self) -> bool {
        matches!(self.suite.transform(), Transform::CounterHmac { .. })
    }
}

impl Cipher {
    fn derive(master: &MasterKey, provider: &dyn Provider, labels: [u8; 3], tag: usize) -> Self {
        let [encryption, authentication, salting] = labels;
        let mut key = Zeroizing::new([0u8; 32]);
        let key = key.get_mut(..master.suite().master_key_len()).unwrap_or_default();
        session_key(master, provider, encryption, key);
        let mut salt = [0; 14];
        let salt_len = master.suite().master_salt_len();
        session_key(master, provider, salting, salt.get_mut(..salt_len).unwrap_or_default());
        let mode = match master.suite().transform() {
            Transform::Gcm => Mode::Gcm(provider.gcm(aes_key(key))),
            Transform::CounterHmac { .. } => {
                let mut hmac_key = Zeroizing::new([0; 20]);
                session_key(master, provider, authentication, hmac_key.as_mut_slice());
                Mode::Counter { keyed: provider.counter_hmac(aes_key(key), &hmac_key), tag }
            }
        };
        Self { salt, mode }
    }

    /// [RFC3711 4.1.1] The salt, SSRC and index on top of each other; the last two bytes count blocks.
    fn counter_iv(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let mut salt = [0; 16];
        copy_front(&mut salt, &self.salt);
        let iv = u128::from_be_bytes(salt) ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
        iv.to_be_bytes()
    }

    /// [RFC7714 8.1] Two zero bytes, SSRC, roll-over counter, sequence number; mixed with the salt.
    fn rtp_nonce(&self, place: RtpPlace) -> [u8; 12] {
        self.nonce((u128::from(place.ssrc) << 48) | u128::from(place.index))
    }

    /// [RFC7714 9.1] Two zero bytes, SSRC, two zero bytes, SRTCP index; mixed with the salt.
    fn rtcp_nonce(&self, place: RtcpPlace) -> [u8; 12] {
        self.nonce((u128::from(place.ssrc) << 48) | u128::from(place.index))
    }

    fn nonce(&self, value: u128) -> [u8; 12] {
        let mut nonce = [0; 12];
        for ((to, salt), from) in nonce.iter_mut().zip(&self.salt).zip(value.to_be_bytes().iter().skip(4)) {
            *to = salt ^ from;
        }
        nonce
    }
}

impl Drop for Cipher {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

/// [RFC3711 4.3.1] One session key: the keystream under the master key from the salt mixed with the label.
pub(crate) fn session_key(master: &MasterKey, provider: &dyn Provider, label: u8, out: &mut [u8]) {
    let mut salt = [0; 16];
    copy_front(&mut salt, master.padded_salt());
    let iv = u128::from_be_bytes(salt) ^ (u128::from(label) << 64);
    provider.keystream(aes_key(master.danger_key_bytes()), &iv.to_be_bytes(), out);
    salt.zeroize();
}

/// The key by its length. Lengths come from [`Suite::master_key_len`], so that there is no fourth case.
fn aes_key(key: &[u8]) -> AesKey<'_> {
    if let Ok(key) = <&[u8; 32]>::try_from(key) {
        AesKey::Aes256(key)
    } else if let Ok(key) = <&[u8; 24]>::try_from(key) {
        AesKey::Aes192(key)
    } else {
        AesKey::Aes128(key.first_chunk().unwrap_or(&[0; 16]))
    }
}

/// The roll-over counter of a 48-bit index.
#[expect(clippy::cast_possible_truncation, reason = "an index has 48 bits")]
fn roc(index: u64) -> u32 {
    (index >> 16) as u32
}

fn rtcp_aad(header: &[u8], word: [u8; 4]) -> [u8; RTCP_CLEAR + RTCP_INDEX_WORD] {
    let mut aad = [0; RTCP_CLEAR + RTCP_INDEX_WORD];
    copy_front(&mut aad, header);
    if let Some(end) = aad.last_chunk_mut() {
        *end = word;
    }
    aad
}

/// Compares a tag with the one given, which may be cut shorter, in constant time.
fn check(tag: &[u8; 20], given: &[u8]) -> Result<(), NotAuthentic> {
    let tag = tag.get(..given.len()).ok_or(NotAuthentic)?;
    if bool::from(tag.ct_eq(given)) { Ok(()) } else { Err(NotAuthentic) }
}

/// Copies as many bytes as both have.
fn copy_front(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests;
