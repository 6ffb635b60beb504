//! Changes that a controller asks for in the description that goes out: attributes, header extensions, whole sections.

use super::directive::{Directive, values_of};
use crate::wire::{Dict, Value};

/// Most changes of attributes taken from one message.
pub(super) const MAX_CHANGES: usize = 64;
/// Most bytes of one attribute.
pub(super) const MAX_VALUE: usize = 1_024;
/// Most header extensions and most media types named in one message.
const MAX_NAMES: usize = 64;
/// Types of media [RFC8866 8.2.1].
const MEDIA: [&str; 6] = ["audio", "video", "text", "application", "message", "image"];
/// Stands for the types that are none of those.
const OTHER: &str = "other";

/// Changes in the description that goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manipulation {
    /// Changes of attributes, in the order in which they came.
    pub attributes: Vec<Change>,
    /// Header extensions whose `a=extmap` lines are removed; `all` stands for every one.
    pub extmap: Vec<String>,
    /// Types of media whose sections are not shown to the receiver of an offer.
    pub removed_media: Vec<String>,
    /// What is wrong with changes that are not made, for the reply's `warning`.
    pub refused: Vec<String>,
}

/// One change of the attributes of a part of the description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The type of the sections that it is for; `None` for the session.
    pub media: Option<String>,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done with an attribute. It is named as it stands behind `a=`: by its name, by its name and the first word
/// of its value, or as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is added where it is not there.
    Add(String),
    /// It is removed.
    Remove(String),
    /// It makes place for the second one.
    Substitute(String, String),
}

impl Manipulation {
    /// True where the sections of this type are not to be shown.
    pub(crate) fn removes(&self, media: &str) -> bool {
        let is = |name: &str| self.removed_media.iter().any(|removed| removed.eq_ignore_ascii_case(name));
        is(media) || is(OTHER) && !MEDIA.iter().any(|known| known.eq_ignore_ascii_case(media))
    }

    /// Takes one option; false where it is none of these.
    pub(super) fn apply(&mut self, directive: &Directive) -> bool {
        match directive.name.as_str() {
            "sdp-attr-word" => self.word(directive.value()),
            // Read by `read_attributes`, for they hold dictionaries.
            "sdp-attr" => {}
            "sdp-media-remove" | "sdp_media_remove" => {
                directive.values.iter().for_each(|media| push(&mut self.removed_media, media));
            }
            "strip-extmap" => push(&mut self.extmap, "all"),
            // Nothing here reads header extensions, so those that are masked go on neither side.
            "extmap-strip" | "extmap-mask" => {
                directive.values.iter().for_each(|name| push(&mut self.extmap, name));
            }
            _ => return false,
        }
        true
    }

    /// Reads the dictionaries of the key `sdp-attr`: media type, command, values.
    pub(super) fn read_attributes(&mut self, dict: &Dict) {
        for key in ["sdp-attr", "SDP-attr"] {
            for value in values_of(dict, key) {
                for (media, commands) in entries(&value) {
                    for (command, values) in entries(commands) {
                        self.command(&media, &command, values);
                    }
                }
            }
        }
    }

    fn command(&mut self, media: &str, command: &str, values: &Value) {
        let texts = |value: &Value| match value {
            Value::List(list) => list.iter().filter_map(Value::to_text).collect::<Vec<String>>(),
            other => Vec::from_iter(other.to_text()),
        };
        match command.to_ascii_lowercase().as_str() {
            "add" => texts(values).into_iter().for_each(|value| self.push(media, Action::Add(value))),
            "remove" => texts(values).into_iter().for_each(|value| self.push(media, Action::Remove(value))),
            "substitute" => {
                // One pair, or a list of pairs.
                let pairs: Vec<Vec<String>> = match values {
                    Value::List(list) if list.iter().any(|item| matches!(item, Value::List(_))) => {
                        list.iter().map(texts).collect()
                    }
                    other => vec![texts(other)],
                };
                pairs.iter().for_each(|pair| self.substitute(media, pair));
            }
            other => self.refuse(format!("there is no command {other:?} of sdp-attr")),
        }
    }

    fn substitute(&mut self, media: &str, pair: &[String]) {
        let pair = match pair {
            [both] => both.split_once('>'),
            [from, to, ..] => Some((from.as_str(), to.as_str())),
            [] => None,
        };
        match pair {
            Some((from, to)) => self.push(media, Action::Substitute(from.to_owned(), to.to_owned())),
            None => self.refuse("sdp-attr substitute takes two values".to_owned()),
        }
    }

    /// A word of the flags: `sdp-attr-add-audio-ptime:20`, with `--` for an equals sign and `..` for a blank.
    fn word(&mut self, word: &str) {
        let mut parts = word.splitn(5, '-').skip(2);
        let (Some(command), Some(media), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            return self.refuse(format!("there is no attribute in {}", shown(word)));
        };
        let value = value.replace("--", "=").replace("..", " ");
        self.command(media, command, &value.as_str().into());
    }

    fn push(&mut self, media: &str, action: Action) {
        let media = media.to_ascii_lowercase();
        let scope = match media.as_str() {
            "none" | "global" => None,
            _ if MEDIA.contains(&media.as_str()) => Some(media),
            _ => return self.refuse(format!("sdp-attr knows no media type {}", shown(&media))),
        };
        let fits = |text: &String| {
            let is_clean = !text.bytes().any(|byte| matches!(byte, 0 | b'\r' | b'\n'));
            is_clean && !text.trim().is_empty() && text.len() <= MAX_VALUE
        };
        let is_usable = match &action {
            Action::Add(text) | Action::Remove(text) => fits(text),
            Action::Substitute(from, to) => fits(from) && fits(to),
        };
        if !is_usable {
            self.refuse(format!("an attribute of sdp-attr is one line of 1 to {MAX_VALUE} bytes"));
        } else if self.attributes.len() >= MAX_CHANGES {
            self.refuse(format!("sdp-attr takes {MAX_CHANGES} changes at most"));
        } else {
            self.attributes.push(Change { media: scope, action });
        }
    }

    fn refuse(&mut self, why: String) {
        if !self.refused.contains(&why) && self.refused.len() < MAX_NAMES {
            self.refused.push(why);
        }
    }
}

/// The entries of a dictionary, or of those of a list.
fn entries(value: &Value) -> Vec<(String, &Value)> {
    let of = |dict| -> Vec<(String, &Value)> {
        let dict: &Dict = dict;
        dict.iter().map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), value)).collect()
    };
    match value {
        Value::Dict(dict) => of(dict),
        Value::List(list) => list
            .iter()
            .flat_map(|item| match item {
                Value::Dict(dict) => of(dict),
                _ => Vec::new(),
            })
            .collect(),
        Value::Bytes(_) | Value::Int(_) => Vec::new(),
    }
}

fn push(list: &mut Vec<String>, name: &str) {
    if list.len() < MAX_NAMES && !name.is_empty() && !list.iter().any(|known| known == name) {
        list.push(name.to_owned());
    }
}

/// The start of what a client wrote, for a warning.
fn shown(text: &str) -> String {
    text.chars().take(32).collect::<String>().escape_debug().to_string()
}
