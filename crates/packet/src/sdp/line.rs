//! One line of a description: a type letter and the bytes of its value.

/// A line without its ending. Its bytes are never changed; edits replace the whole line.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    bytes: Box<[u8]>,
}

impl Line {
    /// Reads `letter=value`; `None` where it has another form or holds a NUL byte, CR or LF.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [kind, b'=', ..] if kind.is_ascii_alphabetic() => {}
            _ => return None,
        }
        (!bytes.iter().any(|b| is_forbidden(*b))).then(|| Self { bytes: bytes.into() })
    }

    /// A line of our own. NUL, CR and LF in `value` are left out, so that no value can add a line.
    #[must_use]
    pub fn new(kind: char, value: &str) -> Self {
        let mut bytes = Vec::with_capacity(value.len() + 2);
        bytes.push(if kind.is_ascii_alphabetic() { u8::try_from(kind).unwrap_or(b'a') } else { b'a' });
        bytes.push(b'=');
        bytes.extend(value.bytes().filter(|b| !is_forbidden(*b)));
        Self { bytes: bytes.into() }
    }

    /// An `a=name:value` line of our own, or `a=name` where `value` is `None`.
    #[must_use]
    pub fn attribute(name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => Self::new('a', &format!("{name}:{value}")),
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

    /// The value as text without surrounding blanks; empty where it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.value()).unwrap_or_default().trim_ascii()
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

    /// What follows `a=name:`, as text without surrounding blanks; empty where nothing does or where it is not
    /// UTF-8, `None` where the line is no `a=` line.
    #[must_use]
    pub fn attribute_value(&self) -> Option<&str> {
        if self.kind() != b'a' {
            return None;
        }
        let value = self.value();
        let after =
            value.iter().position(|b| *b == b':').and_then(|at| value.get(at + 1..)).unwrap_or_default();
        Some(std::str::from_utf8(after).unwrap_or_default().trim_ascii())
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
