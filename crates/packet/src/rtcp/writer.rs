//! Appends RTCP packets to a caller's buffer. The methods that write a packet are beside its reader.

use crate::cursor::Sink;
use crate::error::{TooShort, WriteError};

use super::{COUNT, HEADER_LEN, VERSION, kind};

/// Writes a compound packet: a report first, then a canonical name, then what else there is to say
/// [RFC3550 6.1]. Nothing is allocated, and a packet is written whole or not at all.
pub struct CompoundWriter<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> CompoundWriter<'a> {
    /// A writer that fills `out` from its start.
    #[must_use]
    pub const fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Ends the compound and returns its length in bytes.
    #[must_use]
    pub const fn finish(self) -> usize {
        self.len
    }

    /// Writes the header of a packet of `count` entries and returns its body of `body` bytes, a multiple
    /// of 4.
    pub(super) fn begin(&mut self, kind: u8, count: usize, body: usize) -> Result<Sink<'_>, WriteError> {
        if self.len == 0 && !matches!(kind, kind::SENDER_REPORT | kind::RECEIVER_REPORT) {
            return Err(WriteError::ReportMustComeFirst(kind));
        }
        let count =
            u8::try_from(count).ok().filter(|count| *count <= COUNT).ok_or(WriteError::TooMany(count))?;
        let needed = HEADER_LEN + body;
        let words = u16::try_from(body / 4).map_err(|_| WriteError::PacketTooLong(needed))?;

        let free = self.out.get_mut(self.len..).unwrap_or_default();
        let available = free.len();
        let packet = free.get_mut(..needed).ok_or(TooShort { needed, available })?;
        self.len += needed;
        let mut sink = Sink::new(packet);
        sink.put(&[VERSION << 6 | count, kind])?;
        sink.u16(words)?;
        Ok(sink)
    }
}

impl std::fmt::Debug for CompoundWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompoundWriter")
            .field("len", &self.len)
            .field("capacity", &self.out.len())
            .finish_non_exhaustive()
    }
}

/// The length byte of a text.
pub(super) fn text_len(text: &str) -> Result<u8, WriteError> {
    u8::try_from(text.len()).map_err(|_| WriteError::TextTooLong(text.len()))
}
