//! The tree that both formats decode into.

use std::collections::BTreeMap;
use std::fmt;

use mediapoint_packet::SecretBytes;

/// A dictionary. Strings, keys included, are bytes: bencode promises no UTF-8.
pub type Dict = BTreeMap<Vec<u8>, Value>;

/// A value of a message.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A string; wiped when dropped, since an SDP can hold keys.
    Bytes(SecretBytes),
    /// An integer.
    Int(i64),
    /// A list.
    List(Vec<Self>),
    /// A dictionary.
    Dict(Dict),
}

impl Value {
    /// A string, or an integer's digits; `None` for others and for what is not UTF-8.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Int(n) => Some(n.to_string()),
            Self::List(_) | Self::Dict(_) => None,
        }
    }

    /// An integer, or a string of digits.
    #[must_use]
    pub fn to_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.trim_ascii().parse().ok(),
            Self::List(_) | Self::Dict(_) => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<SecretBytes> for Value {
    fn from(bytes: SecretBytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<u64> for Value {
    /// Counters past the largest `i64` stay there.
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Self::Dict(dict)
    }
}

impl FromIterator<Self> for Value {
    fn from_iter<I: IntoIterator<Item = Self>>(values: I) -> Self {
        Self::List(values.into_iter().collect())
    }
}

impl fmt::Debug for Value {
    /// Shows the shape only: an SDP can hold keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Int(n) => write!(f, "Int({n})"),
            Self::List(list) => write!(f, "List({})", list.len()),
            Self::Dict(dict) => write!(f, "Dict({})", dict.len()),
        }
    }
}
