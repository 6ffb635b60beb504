//! The RTP header extension [RFC3550 5.3.1] and the elements inside it in the one- and two-byte forms
//! [RFC8285 4.2] [RFC8285 4.3]. What an element means depends on the `extmap` of the session.

use crate::cursor::Cursor;
use crate::error::Malformed;

/// Profile value of the one-byte form [RFC8285 4.2].
const ONE_BYTE: u16 = 0xbede;
/// Profile value of the two-byte form; the low four bits are for the application [RFC8285 4.3].
const TWO_BYTE: u16 = 0x1000;
const TWO_BYTE_MASK: u16 = 0xfff0;

/// A header extension: 16 bits that the profile defines, and whole 32-bit words of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The bits left to the profile; 0xBEDE and 0x100x tell the two forms of [RFC8285 4].
    pub profile: u16,
    /// The data, a multiple of four bytes long, without the four-byte header.
    pub data: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(super) fn read(cur: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let available = cur.remaining();
        let mut read = || {
            let profile = cur.u16()?;
            let len = usize::from(cur.u16()?) * 4;
            cur.take(len).map(|data| Self { profile, data })
        };
        read().map_err(|error| match error {
            Malformed::Truncated { needed, .. } if available >= 4 => {
                Malformed::HeaderExtension { needed: needed.saturating_add(4), available }
            }
            _ => Malformed::HeaderExtension { needed: 4, available },
        })
    }

    /// The elements of an extension in the one- or two-byte form; none where it has another form.
    ///
    /// The iterator ends early at an element that runs past the end, as it does at the values
    /// at which [RFC8285 4.1.2] [RFC8285 4.2] ask it to.
    #[must_use]
    pub const fn elements(&self) -> Elements<'a> {
        let form = match self.profile {
            ONE_BYTE => Form::OneByte,
            profile if profile & TWO_BYTE_MASK == TWO_BYTE => Form::TwoByte,
            _ => Form::Ended,
        };
        Elements { cur: Cursor::new(self.data), form }
    }
}

/// One element of a header extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The session's own identifier: 1 to 14 in the one-byte form, 1 to 255 in the two-byte form.
    pub id: u8,
    /// Its data: 1 to 16 bytes in the one-byte form, 0 to 255 in the two-byte form.
    pub data: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
enum Form {
    OneByte,
    TwoByte,
    Ended,
}

/// The elements of a header extension, in the order sent.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    cur: Cursor<'a>,
    form: Form,
}

impl<'a> Elements<'a> {
    fn read(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        while !self.cur.is_empty() {
            let id_byte = self.cur.u8()?;
            // A zero byte is padding in both forms [RFC8285 4.1.2].
            if id_byte == 0 {
                continue;
            }
            let (id, len) = match self.form {
                Form::OneByte => (id_byte >> 4, usize::from(id_byte & 0x0f) + 1),
                Form::TwoByte => (id_byte, usize::from(self.cur.u8()?)),
                Form::Ended => return Ok(None),
            };
            // [RFC8285 4.1.2] [RFC8285 4.2] Identifier 0 with a length, and 15, end the whole extension.
            if matches!(self.form, Form::OneByte) && (id == 0 || id == 15) {
                return Ok(None);
            }
            return self.cur.take(len).map(|data| Some(Element { id, data }));
        }
        Ok(None)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        if matches!(self.form, Form::Ended) {
            return None;
        }
        let element = self.read().ok().flatten();
        if element.is_none() {
            self.form = Form::Ended;
        }
        element
    }
}

impl std::iter::FusedIterator for Elements<'_> {}
