//! Replies: a dictionary with `result` first in meaning, whatever its place.

use crate::NgError;
use crate::wire::{Dict, Value};

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply(Dict);

impl Reply {
    /// `result: ok`.
    #[must_use]
    pub fn ok() -> Self {
        Self(Dict::new()).with("result", "ok")
    }

    /// `result: pong`.
    #[must_use]
    pub fn pong() -> Self {
        Self(Dict::new()).with("result", "pong")
    }

    /// `result: error` with the reason.
    #[must_use]
    pub fn error(error: &NgError) -> Self {
        Self(Dict::new()).with("result", "error").with("error-reason", error.to_string())
    }

    /// `result: load limit`, to a controller that supports it.
    #[must_use]
    pub fn load_limit(message: impl Into<String>) -> Self {
        Self(Dict::new()).with("result", "load limit").with("message", message.into())
    }

    /// The reply with one key more.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.as_bytes().to_vec(), value.into());
        self
    }

    /// The reply with a dictionary more inside the one of this key; unchanged where it has none.
    #[must_use]
    pub fn with_in(mut self, outer: &str, key: &str, value: impl Into<Value>) -> Self {
        if let Some(Value::Dict(dict)) = self.0.get_mut(outer.as_bytes()) {
            dict.insert(key.as_bytes().to_vec(), value.into());
        }
        self
    }

    /// Takes a key away; true where it was there.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        self.0.remove(key.as_bytes()).is_some()
    }

    /// The value of a key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key.as_bytes())
    }

    /// The text of a key, empty where it has none.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        self.value(key).and_then(Value::to_text).unwrap_or_default()
    }

    /// True for `result: error`.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.text("result") == "error"
    }

    /// The dictionary.
    #[must_use]
    pub fn dict(&self) -> &Dict {
        &self.0
    }
}

impl From<NgError> for Reply {
    fn from(error: NgError) -> Self {
        Self::error(&error)
    }
}
