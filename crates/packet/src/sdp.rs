//! SDP as an ordered list of lines, kept byte for byte [RFC8866 5].
//!
//! A description is a session part and media sections. Every line stays what it was until it is edited: a line
//! that nothing here knows goes through unchanged and in its place. Typed views are read from lines on demand.
//! It leaves out offer/answer logic and the meaning of attributes.

mod attribute;
mod error;
mod line;
mod media;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
mod section;
#[cfg(test)]
mod tests;
mod types;

pub use attribute::{Candidate, Direction, Fmtp, RtcpAttribute, RtpMap};
pub use error::{Limit, SdpError};
pub use line::Line;
pub use media::{MediaLine, MediaSection};
pub use section::Section;
pub use types::{AddressFamily, Connection, Origin};

use crate::SecretBytes;

/// Most bytes that [`Sdp::parse`] takes.
pub const MAX_BYTES: usize = 65_535;
/// Most lines in one description.
pub const MAX_LINES: usize = 4_096;
/// Most media sections in one description.
pub const MAX_SECTIONS: usize = 64;

/// A parsed description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdp {
    /// What stands before the first `m=` line.
    pub session: Section,
    /// The media sections, in order.
    pub media: Vec<MediaSection>,
}

impl Sdp {
    /// Reads a description. Lines may end in CRLF, LF or CR; empty lines are dropped, whatever else is not a
    /// line (`letter=value`) is refused.
    ///
    /// # Errors
    /// [`SdpError`] with the number of the line, from 1, where something is wrong: no `v=0` at the start, a
    /// malformed line, an `m=` or `c=` line without meaning, or one of the limits passed.
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpError> {
        if bytes.len() > MAX_BYTES {
            return Err(SdpError::TooMany { what: Limit::Bytes, count: bytes.len(), limit: MAX_BYTES });
        }
        let mut session = Section::default();
        let mut media: Vec<MediaSection> = Vec::new();
        let mut count = 0;
        for (number, raw) in numbered_lines(bytes) {
            let line = Line::parse(raw).ok_or(SdpError::MalformedLine { line: number })?;
            count += 1;
            if count > MAX_LINES {
                return Err(SdpError::TooMany { what: Limit::Lines, count, limit: MAX_LINES });
            }
            if count == 1 && !(line.kind() == b'v' && line.value().trim_ascii() == b"0") {
                return Err(SdpError::NoVersion { line: number });
            }
            if line.kind() == b'c' {
                Connection::check(&line).map_err(|()| SdpError::MalformedConnection { line: number })?;
            }
            if line.kind() == b'm' {
                if media.len() >= MAX_SECTIONS {
                    let count = media.len() + 1;
                    return Err(SdpError::TooMany { what: Limit::Sections, count, limit: MAX_SECTIONS });
                }
                let section = MediaSection::parse(line).ok_or(SdpError::MalformedMedia { line: number })?;
                media.push(section);
            } else {
                media.last_mut().map_or(&mut session, |m| &mut m.body).push(line);
            }
        }
        if count == 0 {
            return Err(SdpError::NoVersion { line: 1 });
        }
        Ok(Self { session, media })
    }

    /// The description as text, every line ended by CRLF.
    #[must_use]
    pub fn to_bytes(&self) -> SecretBytes {
        let len = self.lines().map(|line| line.bytes().len() + 2).sum();
        let mut out = SecretBytes::with_capacity(len);
        for line in self.lines() {
            out.extend_from_slice(line.bytes());
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    /// All lines in order.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.session.lines().iter().chain(self.media.iter().flat_map(MediaSection::lines))
    }

    /// The `o=` line, where there is one of the right form.
    #[must_use]
    pub fn origin(&self) -> Option<Origin<'_>> {
        self.session.first(b'o').and_then(Origin::parse)
    }

    /// The connection that applies to a media section: its own, or else the session's.
    #[must_use]
    pub fn connection_of<'a>(&'a self, media: &'a MediaSection) -> Option<Connection<'a>> {
        media.body.connection().or_else(|| self.session.connection())
    }

    /// The direction that applies to a media section: its own, or else the session's, or else `sendrecv`
    /// [RFC8866 6.7].
    #[must_use]
    pub fn direction_of(&self, media: &MediaSection) -> Direction {
        media.body.direction().or_else(|| self.session.direction()).unwrap_or(Direction::SendRecv)
    }
}

/// The non-empty lines of `bytes` without their endings, each with its number from 1.
fn numbered_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some(bytes);
    let mut number = 0;
    std::iter::from_fn(move || {
        let text = rest?;
        number += 1;
        let end = text.iter().position(|b| matches!(b, b'\r' | b'\n'));
        let (line, after) = match end {
            None => (text, None),
            Some(at) => {
                let (line, ending) = text.split_at(at);
                let after = ending.strip_prefix(b"\r\n").or_else(|| ending.get(1..));
                (line, after)
            }
        };
        rest = after;
        Some((number, line))
    })
    .filter(|(_, line)| !line.trim_ascii().is_empty())
}
