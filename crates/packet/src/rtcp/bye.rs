//! Goodbye packets [RFC3550 6.6].

use crate::cursor::Cursor;
use crate::error::{Malformed, WriteError};
use crate::rtp::{Ssrc, Ssrcs};

use super::kind;
use super::writer::{CompoundWriter, text_len};

type Leaving<'a> = (Ssrcs<'a>, Option<&'a [u8]>);

pub(super) fn read(count: u8, mut body: Cursor<'_>) -> Result<Leaving<'_>, Malformed> {
    let ssrcs = Ssrcs::new(body.take(usize::from(count) * 4)?);
    if body.is_empty() {
        return Ok((ssrcs, None));
    }
    let declared = usize::from(body.u8()?);
    let available = body.remaining();
    let reason = body.take(declared).map_err(|_| Malformed::ByeReason { declared, available })?;
    Ok((ssrcs, Some(reason)))
}

impl CompoundWriter<'_> {
    /// Appends a goodbye of `ssrcs`, with the reason where there is one.
    ///
    /// # Errors
    /// [`WriteError`] where nothing precedes it, there are more than 31 sources, the reason exceeds 255
    /// bytes, or the buffer is full. Nothing is then written.
    pub fn bye(&mut self, ssrcs: &[Ssrc], reason: Option<&str>) -> Result<(), WriteError> {
        let reason_len = reason.map(text_len).transpose()?;
        let reason_bytes = reason_len.map_or(0, |len| (1 + usize::from(len)).next_multiple_of(4));
        let mut sink = self.begin(kind::BYE, ssrcs.len(), ssrcs.len() * 4 + reason_bytes)?;
        for ssrc in ssrcs {
            sink.u32(ssrc.0)?;
        }
        if let (Some(reason), Some(len)) = (reason, reason_len) {
            sink.put(&[len])?;
            sink.put(reason.as_bytes())?;
        }
        sink.zero_rest();
        Ok(())
    }
}
