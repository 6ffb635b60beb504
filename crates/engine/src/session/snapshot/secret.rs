//! Master keys in a snapshot: suite, key and salt, octet by octet. In memory a key stays one that is wiped when dropped
//! and never shown; what it is serialised to is as secret as the key.

use std::fmt;

use mediapoint_srtp::{MasterKey, Suite};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize as _, Serializer};
use zeroize::Zeroizing;

/// Octets of a key or salt at most.
const MAX_LEN: usize = 64;

#[derive(serde::Serialize)]
struct Parts<'a> {
    suite: Suite,
    key: &'a [u8],
    salt: &'a [u8],
}

#[derive(serde::Deserialize)]
struct ReadParts {
    suite: Suite,
    key: Secret,
    salt: Secret,
}

/// Octets that are wiped when dropped.
struct Secret(Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Octets).map(Self)
    }
}

struct Octets;

impl<'de> Visitor<'de> for Octets {
    type Value = Zeroizing<Vec<u8>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX_LEN} octets")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        // Room for all of it at once: growing would leave a copy behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(MAX_LEN));
        while let Some(octet) = from.next_element()? {
            if octets.len() == MAX_LEN {
                return Err(A::Error::invalid_length(MAX_LEN + 1, &self));
            }
            octets.push(octet);
        }
        Ok(octets)
    }
}

pub(super) fn serialize<S: Serializer>(key: &MasterKey, to: S) -> Result<S::Ok, S::Error> {
    Parts { suite: key.suite(), key: key.danger_key_bytes(), salt: key.danger_salt_bytes() }.serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<MasterKey, D::Error> {
    let ReadParts { suite, key, salt } = ReadParts::deserialize(from)?;
    MasterKey::new(suite, &key.0, &salt.0).map_err(D::Error::custom)
}
