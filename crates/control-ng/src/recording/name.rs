//! Names of recordings, made by a pattern.

use std::time::Duration;

use chrono::DateTime;
use mediapoint_recorder::RecordingId;

/// A pattern of names: text with `%c` (call-id), `%r` (random), `%t` (`mix` or `stereo`), `%Y`, `%m`, `%d`, `%H`, `%M`, `%S`
/// (date and time in UTC), `%u` (microseconds) and `%%`.
///
/// What a name cannot hold becomes `_`. A pattern has `%r`, so that no two recordings are of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

/// A pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamePatternError {
    /// There is no `%r`.
    #[error("the pattern of names lacks %r, a random part: two recordings could have one name")]
    NotUnique,
    /// There is something else behind a percent sign.
    #[error("%{0} is not known: %c, %r, %t, %Y, %m, %d, %H, %M, %S, %u and %% are")]
    Unknown(char),
}

/// Most characters of a name.
const MAX_LEN: usize = 64;

/// What stands for the parts of a pattern.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameParts<'a> {
    pub(crate) call_id: &'a [u8],
    pub(crate) random: u64,
    pub(crate) kind: &'static str,
    /// Time since 1970.
    pub(crate) now: Duration,
}

impl Default for NamePattern {
    /// Date, time and a random part: `20261129-171200-5f3a…`. Call-ids may name people, and are left out.
    fn default() -> Self {
        Self("%Y%m%d-%H%M%S-%r".to_owned())
    }
}

impl NamePattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// See [`NamePatternError`].
    pub fn new(pattern: &str) -> Result<Self, NamePatternError> {
        let mut chars = pattern.chars();
        let mut unique = false;
        while let Some(c) = chars.next() {
            if c == '%' {
                match chars.next() {
                    Some('r') => unique = true,
                    Some('c' | 't' | 'Y' | 'm' | 'd' | 'H' | 'M' | 'S' | 'u' | '%') => {}
                    other => return Err(NamePatternError::Unknown(other.unwrap_or('%'))),
                }
            }
        }
        if unique { Ok(Self(pattern.to_owned())) } else { Err(NamePatternError::NotUnique) }
    }

    /// A name. Of one that would be too long the end is kept, with the random part of most patterns.
    pub(crate) fn name(&self, parts: &NameParts<'_>) -> Option<RecordingId> {
        let mut name = String::new();
        let at = DateTime::from_timestamp(i64::try_from(parts.now.as_secs()).ok()?, 0)?;
        let mut chars = self.0.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                name.push(c);
                continue;
            }
            match chars.next()? {
                'c' => name.push_str(&String::from_utf8_lossy(parts.call_id)),
                'r' => name.push_str(&format!("{:016x}", parts.random)),
                't' => name.push_str(parts.kind),
                'u' => name.push_str(&format!("{:06}", parts.now.subsec_micros())),
                '%' => name.push('%'),
                date => name.push_str(&at.format(&format!("%{date}")).to_string()),
            }
        }
        checked(&name)
    }
}

/// A name made of a text: what it cannot hold becomes `_`, and of too long a one the end is kept.
pub(crate) fn checked(text: &str) -> Option<RecordingId> {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = text.chars().map(fits).collect();
    let name = name.get(name.len().saturating_sub(MAX_LEN)..)?;
    RecordingId::new(name.trim_start_matches(['-', '_'])).ok()
}
