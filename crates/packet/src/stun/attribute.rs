//! STUN attributes [RFC8489 14]: the list, the fingerprint, and the place of the message integrity.

use crate::cursor::Cursor;
use crate::error::Malformed;

use super::{HEADER_LEN, attribute_kind};

/// Bytes of an attribute before its value.
pub(super) const ATTRIBUTE_HEADER_LEN: usize = 4;
/// Bytes of an HMAC-SHA1 [RFC8489 14.5].
pub(super) const INTEGRITY_LEN: usize = 20;
/// What the CRC is mixed with, "STUN" in ASCII [RFC8489 14.7].
const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// One attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Type, for instance one of [`attribute_kind`].
    pub kind: u16,
    /// Value without the padding to the next word.
    pub value: &'a [u8],
}

impl std::fmt::Debug for Attribute<'_> {
    /// Shows the type and the length only: names and addresses never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attribute").field("kind", &self.kind).field("len", &self.value.len()).finish()
    }
}

/// The attributes of a message.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    pub(super) cur: Cursor<'a>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        read(&mut self.cur).ok()
    }
}

pub(super) fn read<'a>(cur: &mut Cursor<'a>) -> Result<Attribute<'a>, Malformed> {
    let kind = cur.u16()?;
    let declared = usize::from(cur.u16()?);
    let available = cur.remaining();
    let padded = declared.next_multiple_of(4);
    let value = cur
        .take(padded)
        .ok()
        .and_then(|padded| padded.get(..declared))
        .ok_or(Malformed::StunAttribute { kind, declared, available })?;
    Ok(Attribute { kind, value })
}

/// [RFC8489 14.5] [RFC8489 14.6] All else after a MESSAGE-INTEGRITY is to be ignored, since anyone can
/// append it.
pub(super) const fn may_follow_integrity(kind: u16) -> bool {
    matches!(kind, attribute_kind::FINGERPRINT | attribute_kind::MESSAGE_INTEGRITY_SHA256)
}

/// What a FINGERPRINT says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FingerprintCheck {
    /// There is none as the last attribute.
    Absent,
    /// It fits the message.
    Correct,
    /// It does not: this is no STUN message, or it was damaged.
    Wrong,
}

/// The value of the FINGERPRINT that follows `preceding`, whose length field already counts it.
pub(super) fn fingerprint_of(preceding: &[u8]) -> u32 {
    crc32fast::hash(preceding) ^ FINGERPRINT_MASK
}

pub(super) fn check_fingerprint(message: &[u8], attributes: Cursor<'_>) -> FingerprintCheck {
    let Some(last) = (Attributes { cur: attributes }).last() else {
        return FingerprintCheck::Absent;
    };
    if last.kind != attribute_kind::FINGERPRINT {
        return FingerprintCheck::Absent;
    }
    let preceding = message.len().checked_sub(ATTRIBUTE_HEADER_LEN + 4).and_then(|len| message.get(..len));
    match (last.value.as_array(), preceding) {
        (Some(value), Some(preceding)) if u32::from_be_bytes(*value) == fingerprint_of(preceding) => {
            FingerprintCheck::Correct
        }
        _ => FingerprintCheck::Wrong,
    }
}

/// Where the message integrity is, and what its HMAC is to be taken over: `header`, then `attributes`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Integrity<'a> {
    /// The message's header with the length that ends at MESSAGE-INTEGRITY [RFC8489 14.5].
    pub header: [u8; HEADER_LEN],
    /// The attributes before it.
    pub attributes: &'a [u8],
    /// The HMAC-SHA1 that the sender claims. Compare it in constant time.
    pub hmac: &'a [u8; INTEGRITY_LEN],
}

impl std::fmt::Debug for Integrity<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Integrity").field("covered", &self.attributes.len()).finish_non_exhaustive()
    }
}

pub(super) fn find_integrity<'a>(message: &'a [u8], attributes: Cursor<'a>) -> Option<Integrity<'a>> {
    let mut cur = attributes;
    while !cur.is_empty() {
        let before = attributes.remaining() - cur.remaining();
        let attribute = read(&mut cur).ok()?;
        if attribute.kind == attribute_kind::MESSAGE_INTEGRITY {
            let mut header: [u8; HEADER_LEN] = *message.first_chunk()?;
            let length = u16::try_from(before + ATTRIBUTE_HEADER_LEN + INTEGRITY_LEN).ok()?;
            let [_, _, high, low, ..] = &mut header;
            [*high, *low] = length.to_be_bytes();
            let attributes = attributes.rest().get(..before)?;
            return Some(Integrity { header, attributes, hmac: attribute.value.as_array()? });
        }
    }
    None
}
