//! The dictionaries that go over the control port, built and read.

use std::collections::BTreeMap;

use bt_bencode::{ByteString, Value};

use super::NgError;

/// A command: a name and its keys.
#[derive(Debug, Clone)]
pub struct Command {
    name: &'static str,
    keys: BTreeMap<ByteString, Value>,
}

impl Command {
    /// A command with no key but its name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, keys: BTreeMap::new() }.text("command", name)
    }

    /// An `offer`.
    #[must_use]
    pub fn offer(call_id: &str, from_tag: &str, sdp: &str) -> Self {
        Self::new("offer").text("call-id", call_id).text("from-tag", from_tag).text("sdp", sdp)
    }

    /// An `answer`. `from_tag` is the caller's as in the offer, `to_tag` the answering party's.
    #[must_use]
    pub fn answer(call_id: &str, from_tag: &str, to_tag: &str, sdp: &str) -> Self {
        Self { name: "answer", ..Self::offer(call_id, from_tag, sdp) }
            .text("command", "answer")
            .text("to-tag", to_tag)
    }

    /// Sets a string.
    #[must_use]
    pub fn text(self, key: &str, value: &str) -> Self {
        self.value(key, string(value))
    }

    /// Sets a number.
    #[must_use]
    pub fn int(self, key: &str, value: i64) -> Self {
        self.value(key, Value::Int(value.into()))
    }

    /// Sets a list of strings, such as `flags` or `replace`.
    #[must_use]
    pub fn list(self, key: &str, values: &[&str]) -> Self {
        self.value(key, Value::List(values.iter().map(|value| string(value)).collect()))
    }

    /// Adds one directive to the `codec` dictionary, such as `mask` or `transcode`.
    #[must_use]
    pub fn codec(mut self, directive: &str, codecs: &[&str]) -> Self {
        let codecs = Value::List(codecs.iter().map(|codec| string(codec)).collect());
        let entry =
            self.keys.entry(ByteString::from("codec")).or_insert_with(|| Value::Dict(BTreeMap::new()));
        if let Value::Dict(directives) = entry {
            directives.insert(ByteString::from(directive), codecs);
        }
        self
    }

    /// Sets any value.
    #[must_use]
    pub fn value(mut self, key: &str, value: Value) -> Self {
        self.keys.insert(ByteString::from(key), value);
        self
    }

    /// Sets every key of another command but its name.
    #[must_use]
    pub fn keys_of(mut self, other: &Self) -> Self {
        let keys = other.keys.iter().filter(|(key, _)| key.as_slice() != b"command");
        self.keys.extend(keys.map(|(key, value)| (key.clone(), value.clone())));
        self
    }

    /// The command's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The dictionary as it goes behind the cookie.
    ///
    /// # Errors
    /// [`NgError::Encode`].
    pub fn encode(&self) -> Result<Vec<u8>, NgError> {
        bt_bencode::to_vec(&self.keys).map_err(|e| NgError::Encode(e.to_string()))
    }
}

/// A reply: a dictionary with a result.
#[derive(Debug, Clone)]
pub struct Reply {
    result: String,
    keys: BTreeMap<ByteString, Value>,
}

impl Reply {
    /// Reads the dictionary that stands behind the cookie.
    ///
    /// # Errors
    /// [`NgError::Malformed`] where it is none, or has no result.
    pub fn decode(dictionary: &[u8]) -> Result<Self, NgError> {
        Self::from_value(bt_bencode::from_slice(dictionary).map_err(|e| NgError::Malformed(e.to_string()))?)
    }

    fn from_value(value: Value) -> Result<Self, NgError> {
        let Value::Dict(keys) = value else {
            return Err(NgError::Malformed("not a dictionary".to_owned()));
        };
        let Some(result) = keys.get(b"result".as_slice()).and_then(Value::as_str).map(str::to_owned) else {
            return Err(NgError::Malformed("no result".to_owned()));
        };
        Ok(Self { result, keys })
    }

    /// Refuses `error` and `load limit` as replies to `command`.
    pub(super) fn checked(self, command: &str) -> Result<Self, NgError> {
        match self.result() {
            "error" => {
                let reason = self.text("error-reason").unwrap_or("no reason given").to_owned();
                Err(NgError::Refused { command: command.to_owned(), reason })
            }
            "load limit" => Err(NgError::LoadLimit(self.text("message").unwrap_or_default().to_owned())),
            _ => Ok(self),
        }
    }

    /// The `result`, such as `ok` or `pong`.
    #[must_use]
    pub fn result(&self) -> &str {
        &self.result
    }

    /// The `warning`, if there is one.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.text("warning")
    }

    /// A top-level string.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Value::as_str)
    }

    /// All of it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Dict(self.keys.clone())
    }

    /// Any top-level value.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.keys.get(key.as_bytes())
    }

    /// The value at the end of a path of keys, such as `["totals", "RTP", "packets"]`.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.value(first)?, |value, key| value.as_dict()?.get(key.as_bytes()))
    }

    /// The number at the end of a path of keys.
    #[must_use]
    pub fn int_at(&self, path: &[&str]) -> Option<u64> {
        self.at(path).and_then(Value::as_u64)
    }

    /// The text at the end of a path of keys.
    #[must_use]
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).and_then(Value::as_str)
    }

    /// The media points, used or to be had, that the reply to `statistics` has under this key; in thousandths.
    #[must_use]
    pub fn points(&self, key: &str) -> Option<u64> {
        let text = self.text_at(&["statistics", "currentstatistics", key])?;
        let (whole, decimals) = text.split_once('.')?;
        let whole: u64 = whole.parse().ok()?;
        let thousandths = decimals.parse().ok().filter(|_| decimals.len() == 3)?;
        whole.checked_mul(1000)?.checked_add(thousandths)
    }

    pub(super) fn sdp(self) -> Result<String, NgError> {
        let sdp = self.text("sdp").map(str::to_owned);
        sdp.ok_or_else(|| NgError::Malformed("no sdp".to_owned()))
    }
}

/// Packets counted for a call in one of its two protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamTotals {
    /// Packets received.
    pub packets: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Packets that could not be handled.
    pub errors: u64,
}

/// The reply to a `query`.
#[derive(Debug, Clone)]
pub struct Query {
    reply: Reply,
}

impl Query {
    pub(super) fn new(reply: Reply) -> Self {
        Self { reply }
    }

    /// When the call was made, in seconds since 1970.
    #[must_use]
    pub fn created(&self) -> Option<u64> {
        self.reply.int_at(&["created"])
    }

    /// RTP over all of the call's streams.
    #[must_use]
    pub fn rtp(&self) -> StreamTotals {
        self.totals("RTP")
    }

    /// RTCP over all of the call's streams.
    #[must_use]
    pub fn rtcp(&self) -> StreamTotals {
        self.totals("RTCP")
    }

    /// The whole reply.
    #[must_use]
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    fn totals(&self, protocol: &str) -> StreamTotals {
        let count = |key| self.reply.int_at(&["totals", protocol, key]).unwrap_or_default();
        StreamTotals { packets: count("packets"), bytes: count("bytes"), errors: count("errors") }
    }
}

fn string(value: &str) -> Value {
    Value::ByteStr(ByteString::from(value))
}
