//! One line of a description: a type letter and the bytes of its value.
//!
//! A value is bytes: names and free text come in Latin-1 and worse [RFC8866 4.5]. What reads words out of it reads text in
//! which U+FFFD stands for whatever is not UTF-8, so that a stray byte spoils the word it is in and nothing else.

/// A line without its ending. Its bytes are never changed; edits replace the whole line.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    bytes: Box<[u8]>,
    /// The value as text, where the value is not UTF-8.
    lossy: Option<Box<str>>,
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
        let value = value.as_ref();
        let mut bytes = Vec::with_capacity(value.len() + 2);
        bytes.push(if kind.is_ascii_alphabetic() { u8::try_from(kind).unwrap_or(b'a') } else { b'a' });
        bytes.push(b'=');
        bytes.extend(value.iter().copied().filter(|b| !is_forbidden(*b)));
        Self::of(bytes)
    }

    fn of(bytes: Vec<u8>) -> Self {
        let value = bytes.get(2..).unwrap_or_default();
        let lossy = match String::from_utf8_lossy(value) {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(text) => Some(text.into_boxed_str()),
        };
        Self { bytes: bytes.into(), lossy }
    }

    /// An `a=name:value` line of our own, or `a=name` where `value` is `None`.
    #[must_use]
    pub fn attribute(name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => Self::new('a', format!("{name}:{value}")),
            None => Self::new('a', name),
        }
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
        let text = match &self.lossy {
            Some(text) => text,
            None => std::str::from_utf8(self.value()).unwrap_or_default(),
        };
        text.trim_ascii()
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
