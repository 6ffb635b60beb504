//! What a description comes in: alone, or as one part of a multipart body [RFC2046 5.1] [RFC5621 4].
//!
//! A proxy that hands over a message's whole body puts the reply where the body was, and the message still says
//! `multipart` above it. So the other parts are kept byte for byte, and the rewritten description stands in its place among
//! them. Leaves out: parts within parts, and descriptions in base64 or quoted-printable.

use std::fmt;

use mediapoint_packet::SecretBytes;

/// Most parts of one body.
const MAX_PARTS: usize = 32;

/// Most octets of a boundary [RFC2046 5.1].
const MAX_BOUNDARY: usize = 70;

/// Why no description can be taken out of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// It is of one part, and of another type.
    OtherType,
    /// It names no boundary, or one that is too long or not in it.
    NoBoundary,
    /// No part is `application/sdp`.
    NoDescription,
    /// More than one part is.
    SeveralDescriptions,
    /// The part is encoded.
    Encoded,
    /// It has more parts than are looked at.
    TooManyParts,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherType => f.write_str("its type is neither application/sdp nor multipart"),
            Self::NoBoundary => f.write_str("no boundary of its parts is found"),
            Self::NoDescription => f.write_str("no part is application/sdp"),
            Self::SeveralDescriptions => f.write_str("more than one part is application/sdp"),
            Self::Encoded => f.write_str("the part application/sdp is base64 or quoted-printable"),
            Self::TooManyParts => write!(f, "it has more than {MAX_PARTS} parts"),
        }
    }
}

/// What stands around a description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Around {
    before: Vec<u8>,
    /// What stands between the part's length and the description, where the part states its length.
    after_length: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

impl Around {
    /// The whole body with this description in it.
    pub(crate) fn put(&self, sdp: SecretBytes) -> SecretBytes {
        if *self == Self::default() {
            return sdp;
        }
        let room = self.before.len() + sdp.len() + self.after.as_ref().map_or(0, Vec::len) + 128;
        let mut body = SecretBytes::with_capacity(room);
        body.extend_from_slice(&self.before);
        if let Some(between) = &self.after_length {
            body.extend_from_slice(format!("Content-Length: {}\r\n", sdp.len()).as_bytes());
            body.extend_from_slice(between);
        }
        body.extend_from_slice(&sdp);
        if let Some(after) = &self.after {
            // The line end before a boundary belongs to the boundary.
            body.extend_from_slice(b"\r\n");
            body.extend_from_slice(after);
        }
        body
    }
}

/// Takes the description out of a body.
pub(crate) fn split(body: &[u8]) -> Result<(Around, &[u8]), BodyFault> {
    let text = body.trim_ascii_start();
    let is_header =
        |name: &[u8]| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    if is_header(b"content-") || is_header(b"mime-version") {
        with_headers(body)
    } else if text.starts_with(b"--") {
        let first = lines(body).find(|line| !line.text(body).is_empty());
        let boundary = first.and_then(|line| line.text(body).strip_prefix(b"--"));
        of_parts(body, boundary.ok_or(BodyFault::NoBoundary)?)
    } else {
        Ok((Around::default(), body))
    }
}

/// A body behind headers of its own.
fn with_headers(body: &[u8]) -> Result<(Around, &[u8]), BodyFault> {
    let headers = Headers::read(body, body.len() - body.trim_ascii_start().len());
    if headers.is_description {
        let sdp = body.get(headers.end..).unwrap_or_default();
        return Ok((headers.around(body, None)?, sdp));
    }
    if !headers.is_multipart {
        return Err(BodyFault::OtherType);
    }
    let named = headers.boundary.clone();
    let found = || {
        let first = lines(body).find(|line| line.start >= headers.end && line.text(body).starts_with(b"--"));
        first.and_then(|line| line.text(body).strip_prefix(b"--")).map(<[u8]>::to_vec)
    };
    of_parts(body, &named.or_else(found).ok_or(BodyFault::NoBoundary)?)
}

/// The one description among the parts between these boundaries.
fn of_parts<'a>(body: &'a [u8], boundary: &[u8]) -> Result<(Around, &'a [u8]), BodyFault> {
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
        return Err(BodyFault::NoBoundary);
    }
    let mut found = None;
    let mut parts = 0;
    let mut open: Option<usize> = None;
    for line in lines(body) {
        let Some(rest) = line.text(body).strip_prefix(b"--").and_then(|text| text.strip_prefix(boundary))
        else {
            continue;
        };
        if !(rest.is_empty() || rest == b"--") {
            continue;
        }
        if let Some(start) = open.take() {
            take(body, start, Some(line.start), &mut found)?;
        }
        if rest == b"--" {
            return found.ok_or(BodyFault::NoDescription);
        }
        parts += 1;
        if parts > MAX_PARTS {
            return Err(BodyFault::TooManyParts);
        }
        open = Some(line.next);
    }
    // The last boundary is missing: the last part goes to the end.
    match open {
        Some(start) => take(body, start, None, &mut found)?,
        None if parts == 0 => return Err(BodyFault::NoBoundary),
        None => {}
    }
    found.ok_or(BodyFault::NoDescription)
}

/// Looks at the part from `start` to the boundary at `end`.
fn take<'a>(
    body: &'a [u8],
    start: usize,
    end: Option<usize>,
    found: &mut Option<(Around, &'a [u8])>,
) -> Result<(), BodyFault> {
    let part = body.get(..end.unwrap_or(body.len())).unwrap_or_default();
    let headers = Headers::read(part, start);
    let sdp = part.get(headers.end..).unwrap_or_default();
    if !(headers.is_description || !headers.has_type && sdp.starts_with(b"v=")) {
        return Ok(());
    }
    if found.is_some() {
        return Err(BodyFault::SeveralDescriptions);
    }
    let after = end.and_then(|end| body.get(end..));
    *found = Some((headers.around(body, after)?, sdp));
    Ok(())
}

/// The headers of a body or part.
#[derive(Debug, Default)]
struct Headers {
    /// Where what they describe begins.
    end: usize,
    has_type: bool,
    is_description: bool,
    is_multipart: bool,
    is_encoded: bool,
    boundary: Option<Vec<u8>>,
    /// Where the line of `Content-Length` begins and ends.
    length: Option<(usize, usize)>,
}

impl Headers {
    /// Reads headers from `start` up to the first empty line or the first one that is no header.
    fn read(body: &[u8], start: usize) -> Self {
        let mut headers = Self { end: start, ..Self::default() };
        let mut header: Option<(Vec<u8>, Line)> = None;
        for line in lines(body).skip_while(|line| line.start < start) {
            let text = line.text(body);
            let is_continued = text.first().is_some_and(|b| matches!(b, b' ' | b'\t'));
            if let Some((value, whole)) = header.as_mut().filter(|_| is_continued) {
                value.extend_from_slice(text);
                whole.next = line.next;
                headers.end = line.next;
                continue;
            }
            if let Some((text, whole)) = header.take() {
                headers.take(&text, whole);
            }
            if text.is_empty() {
                headers.end = line.next;
                return headers;
            }
            if is_description_line(text) || !text.contains(&b':') {
                return headers;
            }
            headers.end = line.next;
            header = Some((text.to_vec(), line));
        }
        if let Some((text, whole)) = header {
            headers.take(&text, whole);
        }
        headers
    }

    fn take(&mut self, text: &[u8], line: Line) {
        let text = String::from_utf8_lossy(text);
        let Some((name, value)) = text.split_once(':') else { return };
        let value = value.trim();
        let word = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.trim().to_ascii_lowercase().as_str() {
            // The short form is SIP's.
            "content-type" | "c" => {
                self.has_type = true;
                self.is_description = word == "application/sdp";
                self.is_multipart = word.starts_with("multipart/");
                self.boundary = boundary(value);
            }
            "content-transfer-encoding" => {
                self.is_encoded = !matches!(word.as_str(), "7bit" | "8bit" | "binary")
            }
            "content-encoding" | "e" => self.is_encoded |= word != "identity",
            "content-length" | "l" => self.length = Some((line.start, line.next)),
            _ => {}
        }
    }

    /// What stands around the description under these headers.
    fn around(&self, body: &[u8], after: Option<&[u8]>) -> Result<Around, BodyFault> {
        if self.is_encoded {
            return Err(BodyFault::Encoded);
        }
        let (before_end, after_length) = match self.length {
            Some((start, next)) => (start, body.get(next..self.end).map(<[u8]>::to_vec)),
            None => (self.end, None),
        };
        let before = body.get(..before_end).unwrap_or_default().to_vec();
        Ok(Around { before, after_length, after: after.map(<[u8]>::to_vec) })
    }
}

/// The parameter `boundary` of a content type.
fn boundary(value: &str) -> Option<Vec<u8>> {
    let named = value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (!named.is_empty()).then(|| named.as_bytes().to_vec())
}

/// True for `v=0` and the like, which is no header.
fn is_description_line(text: &[u8]) -> bool {
    matches!(text, [kind, b'=', ..] if kind.is_ascii_alphabetic())
}

/// Where one line is.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    next: usize,
}

impl Line {
    /// The line without blanks at its end.
    fn text<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        body.get(self.start..self.end).unwrap_or_default().trim_ascii_end()
    }
}

/// The lines of a body, each ended by CRLF or LF.
fn lines(body: &[u8]) -> impl Iterator<Item = Line> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = body.get(start..).filter(|rest| !rest.is_empty())?;
        let end = rest.iter().position(|b| *b == b'\n');
        let line = Line {
            start,
            end: end.map_or(body.len(), |at| start + at),
            next: end.map_or(body.len(), |at| start + at + 1),
        };
        start = line.next;
        Some(line)
    })
}

#[cfg(test)]
mod tests;
