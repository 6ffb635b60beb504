//! Brings every spelling of an option to one form: a name and its values.
//!
//! An option may be a key of the message, a word of `flags`, a word of a `replace`, `rtcp-mux`, `SDES` ... list, a key
//! of the `codec` dictionary, or part of an `rtpp-flags` string. Blanks equal hyphens in all of them.

use super::rtpp;
use crate::wire::{Dict, Value};

/// Most options taken from one message.
const MAX_DIRECTIVES: usize = 2_000;

/// Keys whose words are options of their own: `replace: [origin]` is `replace-origin`.
const FAMILIES: [&str; 8] = ["replace", "rtcp-mux", "codec", "sdes", "osrtp", "t.38", "t38", "extmap"];

/// Keys that are no options; words of the same name are.
const TAKEN: [&str; 6] = ["command", "sdp", "call-id", "from-tag", "to-tag", "via-branch"];

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    /// Lower case, blanks as hyphens.
    pub(super) name: String,
    /// The name as written, for names that carry a value: `codec-strip-PCMU`.
    pub(super) raw: String,
    /// Its values, as written.
    pub(super) values: Vec<String>,
}

impl Directive {
    fn new(raw: &str, values: Vec<String>) -> Self {
        let raw = raw.trim().replace(' ', "-");
        Self { name: raw.to_ascii_lowercase(), raw, values }
    }

    /// The first value, empty where there is none.
    pub(super) fn value(&self) -> &str {
        self.values.first().map(String::as_str).unwrap_or_default()
    }

    /// For an option of the form `family-item`: the item as written, where the name starts with `family-`.
    pub(super) fn item(&self, family: &str) -> Option<&str> {
        let tail = self.name.strip_prefix(family)?;
        let tail = tail.strip_prefix('-')?;
        self.raw.get(self.raw.len() - tail.len()..)
    }
}

/// True where an option is on: it has no value, or one that is none of those for off.
pub(super) fn is_on(directive: &Directive) -> bool {
    !matches!(directive.value().trim(), "off" | "no" | "0" | "false")
}

/// All options of a message in order; the keys of the message first, so that words can add to them.
pub(super) fn collect(dict: &Dict) -> Vec<Directive> {
    let mut out = Vec::new();
    let is_words = |key: &str| matches!(key, "flags" | "rtpp-flags");
    let is_taken = |key: &str| TAKEN.contains(&key);
    for (key, value) in dict {
        let key = canonical(key);
        if !is_words(&key) && !is_taken(&key) {
            entry(&key, value, &mut out);
        }
    }
    for (key, value) in dict {
        let key = canonical(key);
        if is_words(&key) {
            words(key == "rtpp-flags", value, &mut out);
        }
    }
    out.truncate(MAX_DIRECTIVES);
    out
}

/// A key with blanks and, for `rtpp_flags`, underscores as hyphens, otherwise as written.
pub(super) fn canonical(key: &[u8]) -> String {
    let key = String::from_utf8_lossy(key).trim().replace(' ', "-");
    if key == "rtpp_flags" { "rtpp-flags".to_owned() } else { key }
}

fn words(one_string: bool, value: &Value, out: &mut Vec<Directive>) {
    match value {
        Value::Bytes(bytes) if one_string => {
            for item in rtpp::parse(&String::from_utf8_lossy(bytes)) {
                words(false, &item, out);
            }
        }
        Value::Bytes(bytes) => word(&String::from_utf8_lossy(bytes), out),
        Value::Int(_) => {}
        Value::List(list) => list.iter().for_each(|item| words(one_string, item, out)),
        Value::Dict(dict) => dict.iter().for_each(|(key, value)| entry(&canonical(key), value, out)),
    }
}

/// The values of a key that is a key of the message or of its words.
pub(super) fn values_of(dict: &Dict, key: &str) -> Vec<Value> {
    let mut out = Vec::new();
    for (name, value) in dict {
        match (canonical(name).as_str(), value) {
            ("rtpp-flags", Value::Bytes(text)) => {
                let items = rtpp::parse(&String::from_utf8_lossy(text));
                items.iter().for_each(|item| of_item(item, key, &mut out));
            }
            ("flags", Value::List(items)) => items.iter().for_each(|item| of_item(item, key, &mut out)),
            (name, value) if name == key => out.push(value.clone()),
            _ => {}
        }
    }
    out
}

fn of_item(item: &Value, key: &str, out: &mut Vec<Value>) {
    if let Value::Dict(dict) = item {
        out.extend(dict.iter().filter(|(name, _)| canonical(name) == key).map(|(_, value)| value.clone()));
    }
}

/// A word: `name`, `name=value`, `family-item`.
fn word(text: &str, out: &mut Vec<Directive>) {
    let text = text.trim();
    // What stands behind the media type is an attribute, with equals signs of its own.
    if text.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("sdp-attr-")) {
        let (name, values) = ("sdp-attr-word".to_owned(), vec![text.to_owned()]);
        out.push(Directive { raw: name.clone(), name, values });
        return;
    }
    // The value of a codec word may hold an equals sign of its own: `codec-set-iLBC/8000/1///mode=30`.
    let has_value = |name: &str| {
        let is_codec = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("codec-"));
        !(name.is_empty() || is_codec && name.contains('/'))
    };
    match text.split_once('=') {
        Some((name, value)) if has_value(name) => {
            let name = name.replace(' ', "-");
            entry(&name, &value.into(), out);
        }
        _ if text.is_empty() => {}
        _ => out.push(Directive::new(text, Vec::new())),
    }
}

fn entry(key: &str, value: &Value, out: &mut Vec<Directive>) {
    let lower = key.to_ascii_lowercase();
    if !FAMILIES.contains(&lower.as_str()) {
        out.push(Directive::new(key, texts(value)));
        return;
    }
    match value {
        Value::Dict(dict) => {
            for (item, values) in dict {
                let name = format!("{key}-{}", canonical(item));
                out.push(Directive::new(&name, texts(values)));
            }
        }
        Value::List(list) => list.iter().for_each(|value| entry(key, value, out)),
        Value::Bytes(_) | Value::Int(_) => {
            let item = value.to_text().unwrap_or_default();
            match item.split_once('=') {
                Some((item, value)) => {
                    out.push(Directive::new(&format!("{key}-{item}"), vec![value.to_owned()]))
                }
                None => out.push(Directive::new(&format!("{key}-{item}"), Vec::new())),
            }
        }
    }
}

/// The strings of a value: itself, or those of a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::List(list) => list.iter().filter_map(Value::to_text).collect(),
        Value::Dict(_) => Vec::new(),
        Value::Bytes(_) | Value::Int(_) => value.to_text().into_iter().collect(),
    }
}
