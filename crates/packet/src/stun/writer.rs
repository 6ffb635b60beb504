//! Writes a STUN message into a caller's buffer, attribute by attribute.

use std::net::SocketAddr;

use crate::cursor::Sink;
use crate::error::{TooShort, WriteError};

use super::attribute::{ATTRIBUTE_HEADER_LEN, INTEGRITY_LEN, fingerprint_of};
use super::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, address, attribute_kind, join_type};

/// Writes one message. An attribute is written whole or not at all; the length field is right after each.
pub struct MessageWriter<'a> {
    out: &'a mut [u8],
    len: usize,
    transaction: TransactionId,
}

impl<'a> MessageWriter<'a> {
    /// Writes the header of a message without attributes to the start of `out`.
    ///
    /// # Errors
    /// [`TooShort`] where `out` has less than twenty bytes.
    pub fn new(
        out: &'a mut [u8],
        class: Class,
        method: Method,
        transaction: TransactionId,
    ) -> Result<Self, TooShort> {
        let available = out.len();
        let header = out.get_mut(..HEADER_LEN).ok_or(TooShort { needed: HEADER_LEN, available })?;
        let mut sink = Sink::new(header);
        sink.u16(join_type(class, method))?;
        sink.u16(0)?;
        sink.u32(MAGIC_COOKIE)?;
        sink.put(&transaction.0)?;
        Ok(Self { out, len: HEADER_LEN, transaction })
    }

    /// Appends an attribute of any type.
    ///
    /// # Errors
    /// [`WriteError`] where the buffer is full or the message would exceed its length field.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> Result<(), WriteError> {
        self.reserve(value.len())?;
        self.append(kind, value)
    }

    /// Appends a user name.
    ///
    /// # Errors
    /// As [`MessageWriter::attribute`].
    pub fn username(&mut self, name: &str) -> Result<(), WriteError> {
        self.attribute(attribute_kind::USERNAME, name.as_bytes())
    }

    /// Appends the address that the request came from.
    ///
    /// # Errors
    /// As [`MessageWriter::attribute`].
    pub fn xor_mapped_address(&mut self, address: SocketAddr) -> Result<(), WriteError> {
        let (value, len) = address::write(address, self.transaction);
        self.attribute(attribute_kind::XOR_MAPPED_ADDRESS, value.get(..len).unwrap_or_default())
    }

    /// Appends MESSAGE-INTEGRITY; `hmac` is given the bytes to take the HMAC-SHA1 over [RFC8489 14.5].
    ///
    /// # Errors
    /// As [`MessageWriter::attribute`].
    pub fn message_integrity(
        &mut self,
        hmac: impl FnOnce(&[u8]) -> [u8; INTEGRITY_LEN],
    ) -> Result<(), WriteError> {
        self.reserve(INTEGRITY_LEN)?;
        let tag = hmac(self.out.get(..self.len).unwrap_or_default());
        self.append(attribute_kind::MESSAGE_INTEGRITY, &tag)
    }

    /// Appends FINGERPRINT, which has to be the last attribute, and ends the message [RFC8489 14.7].
    ///
    /// # Errors
    /// As [`MessageWriter::attribute`].
    pub fn finish_with_fingerprint(mut self) -> Result<usize, WriteError> {
        self.reserve(4)?;
        let crc = fingerprint_of(self.out.get(..self.len).unwrap_or_default());
        self.append(attribute_kind::FINGERPRINT, &crc.to_be_bytes())?;
        Ok(self.len)
    }

    /// Ends the message and returns its length in bytes.
    #[must_use]
    pub const fn finish(self) -> usize {
        self.len
    }

    /// Makes sure of the room for a value of `value_len` bytes and sets the length field to include it, as
    /// both MESSAGE-INTEGRITY and FINGERPRINT need it before their value is known.
    fn reserve(&mut self, value_len: usize) -> Result<(), WriteError> {
        let needed = ATTRIBUTE_HEADER_LEN + value_len.next_multiple_of(4);
        let available = self.out.len() - self.len;
        if needed > available {
            return Err(TooShort { needed, available }.into());
        }
        let total = self.len + needed;
        let length = u16::try_from(total - HEADER_LEN).map_err(|_| WriteError::PacketTooLong(total))?;
        if let Some([_, _, high, low]) = self.out.first_chunk_mut() {
            [*high, *low] = length.to_be_bytes();
        }
        Ok(())
    }

    /// Writes an attribute into room that was reserved.
    fn append(&mut self, kind: u16, value: &[u8]) -> Result<(), WriteError> {
        let len = u16::try_from(value.len()).map_err(|_| WriteError::PacketTooLong(value.len()))?;
        let total = ATTRIBUTE_HEADER_LEN + value.len().next_multiple_of(4);
        let free = self.out.get_mut(self.len..).unwrap_or_default();
        let mut sink = Sink::new(free.get_mut(..total).unwrap_or_default());
        sink.u16(kind)?;
        sink.u16(len)?;
        sink.put(value)?;
        sink.zero_rest();
        self.len += total;
        Ok(())
    }
}

impl std::fmt::Debug for MessageWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageWriter").field("len", &self.len).finish_non_exhaustive()
    }
}
