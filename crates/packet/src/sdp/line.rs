//! One line of a description: a type letter and the bytes of its value.
//!
//! A value is bytes: names and free text come in Latin-1 and worse [RFC8866 4.5]. What reads words out of it reads text in
//! which U+FFFD stands for whatever is not UTF-8, so that a stray byte spoils the word it is in and nothing else.

use crate::SecretBytes;

/// A line without its ending. Its bytes are never changed; edits replace the whole line. They are wiped when dropped: a
/// line can hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    bytes: SecretBytes,
    /// The value as text, where the value is not UTF-8.
    lossy: Option<SecretBytes>,
}

impl Line {
    /// Reads `letter=value`; `None` where it has another form or holds a NUL byte, CR or LF.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [kind, b'=', ..] if kind.is_ascii_alphabetic() => {}
            _ => return None,
        }
        (!bytes.iter().any(|b| is_forbidden(*b))).then(|| Self::of(bytes.into()))
    }

    /// A line of our own. NUL, CR and LF in `value` are left out, so that no value can add a line.
    #[must_use]
    pub fn new(kind: char, value: impl AsRef<[u8]>) -> Self {
        Self::of_parts(kind, &[value.as_ref()])
    }

    /// An `a=name:value` line of our own, or `a=name` where `value` is `None`.
    #[must_use]
    pub fn attribute(name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => Self::of_parts('a', &[name.as_bytes(), b":", value.as_bytes()]),
            None => Self::new('a', name),
        }
    }

    fn of_parts(kind: char, parts: &[&[u8]]) -> Self {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let mut bytes = SecretBytes::with_capacity(len + 2);
        bytes.push(if kind.is_ascii_alphabetic() { u8::try_from(kind).unwrap_or(b'a') } else { b'a' });
        bytes.push(b'=');
        let allowed = parts.iter().copied().flatten().copied().filter(|b| !is_forbidden(*b));
        allowed.for_each(|byte| bytes.push(byte));
        Self::of(bytes)
    }

    fn of(bytes: SecretBytes) -> Self {
        let value = bytes.get(2..).unwrap_or_default();
        let lossy = std::str::from_utf8(value).is_err().then(|| {
            let mut text = SecretBytes::with_capacity(value.len() * 3);
            for chunk in value.utf8_chunks() {
                text.extend_from_slice(chunk.valid().as_bytes());
                if !chunk.invalid().is_empty() {
                    text.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
            text
        });
        Self { bytes, lossy }
    }

    /// The type letter.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// What follows `letter=`.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.bytes.get(2..).unwrap_or_default()
    }

    /// The value as text without surrounding blanks; U+FFFD stands for what is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        let text = self.lossy.as_ref().map_or(self.value(), |text| text);
        std::str::from_utf8(text).unwrap_or_default().trim_ascii()
    }

    /// The whole line without its ending.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name of an `a=` line.
    #[must_use]
    pub fn attribute_name(&self) -> Option<&[u8]> {
        (self.kind() == b'a')
            .then(|| self.value().split(|b| *b == b':').next().unwrap_or_default().trim_ascii())
    }

    /// What follows `a=name:`, as text without surrounding blanks, U+FFFD for what is not UTF-8; empty where nothing
    /// follows, `None` where the line is no `a=` line.
    #[must_use]
    pub fn attribute_value(&self) -> Option<&str> {
        let after = || self.text().split_once(':').map_or("", |(_, value)| value);
        (self.kind() == b'a').then(|| after().trim_ascii())
    }

    /// What follows `a=name:`, without surrounding blanks, byte for byte.
    #[must_use]
    pub fn attribute_bytes(&self) -> Option<&[u8]> {
        let value = self.value();
        let after = || value.iter().position(|b| *b == b':').and_then(|at| value.get(at + 1..));
        (self.kind() == b'a').then(|| after().unwrap_or_default().trim_ascii())
    }

    /// True for an `a=` line of this name. Attribute names are case-sensitive [RFC8866 5.13].
    #[must_use]
    pub fn is_attribute(&self, name: &str) -> bool {
        self.attribute_name() == Some(name.as_bytes())
    }
}

impl std::fmt::Debug for Line {
    /// Shows letter and attribute name: values can hold keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.attribute_name().unwrap_or_default();
        write!(f, "Line({}={})", char::from(self.kind()), name.escape_ascii())
    }
}

fn is_forbidden(byte: u8) -> bool {
    matches!(byte, 0 | b'\r' | b'\n')
}
