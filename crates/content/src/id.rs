//! Names of recordings: they become file names and object keys, so the alphabet is checked once, here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Name of a recording: 1 to 64 letters, digits, `-` and `_`. Given once and never again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordingId(String);

/// Why a text is no name of a recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("recording id of {length} bytes: 1 to 64 letters, digits, - and _ are allowed")]
pub struct NotAnId {
    /// Its length in bytes.
    pub length: usize,
}

impl RecordingId {
    /// Most bytes of a name.
    pub const MAX: usize = 64;

    /// Checks a name.
    ///
    /// # Errors
    /// [`NotAnId`] if it is empty, too long or has other characters.
    pub fn new(text: impl Into<String>) -> Result<Self, NotAnId> {
        let text = text.into();
        let fine = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if fine && (1..=Self::MAX).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(NotAnId { length: text.len() })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RecordingId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        Self::new(text)
    }
}

impl From<RecordingId> for String {
    fn from(id: RecordingId) -> Self {
        id.0
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_leave_its_folder_is_refused() {
        for bad in ["", ".", "..", "a/b", "a\\b", "a.b", "é", &"a".repeat(65)] {
            assert_eq!(RecordingId::new(bad), Err(NotAnId { length: bad.len() }), "{bad}");
        }
        assert_eq!(RecordingId::new("01J-a_Z").unwrap().as_str(), "01J-a_Z");
    }

    #[test]
    fn a_name_is_checked_when_it_is_read_back() {
        assert!(serde_json::from_str::<RecordingId>("\"../a\"").is_err());
    }
}
