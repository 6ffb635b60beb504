//! Application-defined RTCP packets [RFC3550 6.7].

use crate::cursor::Cursor;
use crate::error::Malformed;
use crate::rtp::Ssrc;

/// An application-defined packet.
#[derive(Debug, Clone, Copy)]
pub struct App<'a> {
    /// Subtype, 0 to 31, meaning what the name's owner says.
    pub subtype: u8,
    /// The source that sends it.
    pub ssrc: Ssrc,
    /// Four ASCII characters.
    pub name: [u8; 4],
    /// The data; whole 32-bit words unless the peer's padding cuts one.
    pub data: &'a [u8],
}

impl<'a> App<'a> {
    pub(super) fn read(subtype: u8, mut body: Cursor<'a>) -> Result<Self, Malformed> {
        let ssrc = Ssrc(body.u32()?);
        let name = body.array()?;
        Ok(Self { subtype, ssrc, name, data: body.rest() })
    }
}
