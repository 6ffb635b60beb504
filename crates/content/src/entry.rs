//! What the catalogue is asked by: tenant, call, parties, tags and times, and how much of it stands in clear.
//!
//! The catalogue is searched without an identity, so what it holds can be read by whoever administers the database. Call
//! and party ids, and values of tags, are personal. By default the catalogue has their pseudonym (HMAC-SHA256 under a key
//! of this installation): an exact search finds them, a copy of the database does not tell them. The words themselves are
//! in the encrypted metadata of each recording.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::hex;

/// Catalogue fields of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose recording it is. Stored in clear: retention and access are decided by it.
    pub tenant: String,
    /// The call, as the controller names it.
    pub call: String,
    /// The parties, as the controller names them.
    pub parties: Vec<String>,
    /// Further fields. Names are stored in clear, values as [`PersonalColumns`] says.
    pub tags: BTreeMap<String, String>,
    /// Start, in milliseconds since 1970 (UTC).
    pub started: i64,
    /// Length of the audio, in milliseconds.
    pub length: i64,
    /// Container and coding, for example `opus`: the file's extension before `.age`.
    pub format: String,
    /// It was finished after a crash, and its end may be missing.
    pub recovered: bool,
}

/// How the catalogue holds call ids, party ids and values of tags.
#[derive(Clone)]
#[non_exhaustive]
pub enum PersonalColumns {
    /// As a pseudonym under the key: the default. Exact searches find them.
    Pseudonym(PseudonymKey),
    /// As they are: lists show them, and so does every copy of the database.
    Clear,
    /// Not at all: recordings are found by id, time and tenant alone.
    None,
}

/// Key of pseudonyms. Whoever has it can test guesses, so it belongs to the server and not into the database.
#[derive(Clone)]
pub struct PseudonymKey(Zeroizing<[u8; 32]>);

impl PseudonymKey {
    /// A key of 32 random bytes that the installation keeps.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey")
    }
}

impl fmt::Debug for PersonalColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pseudonym(_) => "Pseudonym",
            Self::Clear => "Clear",
            Self::None => "None",
        })
    }
}

impl PersonalColumns {
    /// The value as the catalogue holds it. Also what a search for it compares.
    #[must_use]
    pub fn column(&self, value: &str) -> String {
        match self {
            Self::Pseudonym(key) => pseudonym(key, value),
            Self::Clear => value.to_owned(),
            Self::None => String::new(),
        }
    }

    /// The fields as the catalogue holds them.
    #[must_use]
    pub fn apply(&self, entry: &Entry) -> Entry {
        let mut stored = entry.clone();
        stored.call = self.column(&entry.call);
        if matches!(self, Self::None) {
            stored.parties.clear();
            stored.tags.clear();
        } else {
            stored.parties = entry.parties.iter().map(|party| self.column(party)).collect();
            stored.tags = entry.tags.iter().map(|(tag, value)| (tag.clone(), self.column(value))).collect();
        }
        stored
    }
}

/// 128 bits of HMAC-SHA256: enough that no two values meet, and short in an index.
fn pseudonym(key: &PseudonymKey, value: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.0.as_slice()) else {
        // HMAC takes keys of every length. An empty column is found by no search.
        return String::new();
    };
    mac.update(value.as_bytes());
    let tag = mac.finalize().into_bytes();
    hex(tag.get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            tenant: "acme".into(),
            call: "3848276298220188511@atlanta.example.com".into(),
            parties: vec!["+4930123".into()],
            tags: BTreeMap::from([("customer".into(), "Jane".into())]),
            ..Entry::default()
        }
    }

    #[test]
    fn a_pseudonym_is_found_again_and_does_not_tell_the_value() {
        let columns = PersonalColumns::Pseudonym(PseudonymKey::new([7; 32]));
        let stored = columns.apply(&entry());
        let text = format!("{stored:?}");
        assert!(!text.contains("4930123") && !text.contains("Jane") && !text.contains("3848276"), "{text}");
        assert_eq!(stored.parties, [columns.column("+4930123")]);
        assert_eq!(stored.tags["customer"], columns.column("Jane"));
        assert_eq!(stored.tenant, "acme");
    }

    #[test]
    fn another_key_gives_another_pseudonym() {
        let one = PersonalColumns::Pseudonym(PseudonymKey::new([7; 32]));
        let two = PersonalColumns::Pseudonym(PseudonymKey::new([8; 32]));
        assert_ne!(one.column("a"), two.column("a"));
        assert!(!format!("{one:?}").contains('7'));
    }

    #[test]
    fn nothing_personal_is_stored_where_none_is_wanted() {
        let stored = PersonalColumns::None.apply(&entry());
        assert_eq!((stored.call.as_str(), stored.parties.len(), stored.tags.len()), ("", 0, 0));
        assert_eq!(PersonalColumns::Clear.apply(&entry()), entry());
    }
}
