//! The tree that both formats decode into.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A dictionary. Strings, keys included, are bytes: bencode promises no UTF-8.
pub type Dict = BTreeMap<Vec<u8>, Value>;

/// A value of a message.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Bytes(Vec<u8>),
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
            Self::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
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

    /// The value as JSON. Bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
            Self::Int(n) => (*n).into(),
            Self::List(list) => list.iter().map(Self::to_json).collect(),
            Self::Dict(dict) => dict_to_json(dict),
        }
    }
}

pub(super) fn dict_to_json(dict: &Dict) -> serde_json::Value {
    let pairs = dict.iter().map(|(k, v)| (String::from_utf8_lossy(k).into_owned(), v.to_json()));
    serde_json::Value::Object(pairs.collect())
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
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

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(bytes) => out.serialize_bytes(bytes),
            Self::Int(n) => out.serialize_i64(*n),
            Self::List(list) => {
                let mut seq = out.serialize_seq(Some(list.len()))?;
                for value in list {
                    seq.serialize_element(value)?;
                }
                seq.end()
            }
            Self::Dict(dict) => DictRef(dict).serialize(out),
        }
    }
}

/// A dictionary to be written.
pub(super) struct DictRef<'a>(pub(super) &'a Dict);

impl Serialize for DictRef<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(&Key(key), value)?;
        }
        map.end()
    }
}

struct Key<'a>(&'a [u8]);

impl Serialize for Key<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_bytes(self.0)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, integer, list or dictionary")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(bytes))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Int(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(n.to_string().into())
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(if yes { "yes" } else { "no" }.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok("".into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut dict = Dict::new();
        while let Some((key, value)) = map.next_entry::<Value, Value>()? {
            // A key that is no string has no meaning in the protocol.
            if let Value::Bytes(key) = key {
                dict.insert(key, value);
            }
        }
        Ok(Value::Dict(dict))
    }
}
