//! What `play media`, `stop media` and music on hold are told: where the media comes from, and how it is played.

use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use mediapoint_packet::SecretBytes;

use super::directive::{self, Directive};
use crate::wire::{Dict, Value};

/// Where media comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// A file below one of the folders of prompts.
    File(String),
    /// The bytes of a file. Not shown in Debug.
    Blob(SecretBytes),
    /// An http or https URL.
    Url(String),
    /// A row of a database, which there is none of here.
    Database,
}

/// Music on hold, as a party has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldMusic {
    /// Where it comes from.
    pub source: Option<MediaSource>,
    /// How the other side is told.
    pub mode: HoldMode,
    /// The other side is told a zero address.
    pub zero: bool,
    /// Each listener hears it from its beginning; else all hear the same at the same time.
    pub from_start: bool,
    /// The language of a file.
    pub language: Option<String>,
}

/// How the party that is put on hold is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HoldMode {
    /// `a=sendonly`.
    #[default]
    SendOnly,
    /// `a=sendrecv`.
    SendReceive,
    /// As the other side's own music says, which is what it hears.
    Reflect,
}

/// What is played, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlayOptions {
    /// Where it comes from.
    pub source: Option<MediaSource>,
    /// The language of a file.
    pub language: Option<String>,
    /// How many times it is played.
    pub repeat_times: Option<u32>,
    /// For how long it is played at most.
    pub repeat_duration: Option<Duration>,
    /// The frame that it begins with the first time: samples of the file at its own rate.
    pub start: u64,
    /// Change of its volume in decibels; its range is the command's.
    pub volume: Option<i64>,
    /// All who hear it hear the same at the same time.
    pub shared: bool,
    /// Nothing else is heard meanwhile.
    pub block_egress: bool,
    /// The music of the sender of an offer or answer.
    pub hold_music: Option<HoldMusic>,
    /// The party ends it by pressing a key.
    pub key_barge_in: bool,
    /// The party ends it by speaking.
    pub speech_barge_in: bool,
    /// Values that cannot be used.
    pub(super) bad_values: Vec<String>,
}

impl PlayOptions {
    /// Takes one option; false where it is none of these.
    pub(super) fn apply(&mut self, directive: &Directive) -> bool {
        let value = directive.value().trim();
        match directive.name.as_str() {
            "file" | "url" => self.source = file(value).or(self.source.take()),
            "db-id" => self.source = Some(MediaSource::Database),
            // Read by `read`: they hold bytes, and a dictionary.
            "blob" | "blob64" | "moh" => {}
            "language" => self.language = Some(value.to_owned()).filter(|tag| !tag.is_empty()),
            "repeat-times" => self.repeat_times = self.number(directive, 0..=i64::from(u32::MAX)),
            "repeat-duration" => {
                let millis = self.number(directive, 0..=i64::MAX).filter(|millis| *millis > 0);
                self.repeat_duration = millis.map(Duration::from_millis);
            }
            "start-pos" => self.start = self.number(directive, 0..=i64::MAX).unwrap_or(0),
            "volume" => self.volume = self.number(directive, i64::MIN..=i64::MAX),
            "shared" => self.shared = directive::is_on(directive),
            "barge-in" => self.barge_in(directive),
            "block-egress" => self.block_egress = directive::is_on(directive),
            _ => return false,
        }
        true
    }

    /// How the party ends what is played: `DTMF`, `speech`, or both.
    fn barge_in(&mut self, directive: &Directive) {
        let words = directive.values.iter().flat_map(|value| value.split([',', ' '])).map(str::trim);
        for word in words.filter(|word| !word.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "dtmf" => self.key_barge_in = true,
                "speech" => self.speech_barge_in = true,
                "off" | "no" | "0" | "false" => (self.key_barge_in, self.speech_barge_in) = (false, false),
                _ => self.bad_values.push("unusable value for barge-in was ignored".to_owned()),
            }
        }
    }

    fn number<T: TryFrom<i64>>(
        &mut self,
        directive: &Directive,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<T> {
        let number = directive.value().trim().parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number: i64| T::try_from(number).ok());
        if number.is_none() {
            self.bad_values.push(format!("unusable value for {} was ignored", directive.name));
        }
        number
    }

    /// Reads bytes, and the dictionary of music on hold.
    pub(super) fn read(&mut self, dict: &Dict) {
        self.source = blob(dict, &mut self.bad_values).or(self.source.take());
        for value in directive::values_of(dict, "moh") {
            let music = HoldMusic::read(&value, &mut self.bad_values);
            self.hold_music = Some(music);
        }
    }
}

impl HoldMusic {
    fn read(value: &Value, bad_values: &mut Vec<String>) -> Self {
        let dict = entries(value);
        let text = |key: &str| dict.get(key.as_bytes()).and_then(Value::to_text).unwrap_or_default();
        let mut bad = |key: &str| bad_values.push(format!("unusable value for {key} of moh was ignored"));
        let mode = match text("mode").to_ascii_lowercase().as_str() {
            "" | "sendonly" => HoldMode::SendOnly,
            "sendrecv" => HoldMode::SendReceive,
            "reflect" => HoldMode::Reflect,
            _ => {
                bad("mode");
                HoldMode::SendOnly
            }
        };
        let zero = match text("connection").to_ascii_lowercase().as_str() {
            "" => false,
            "zero" => true,
            _ => {
                bad("connection");
                false
            }
        };
        let database = dict.get(b"db-id".as_slice()).map(|_| MediaSource::Database);
        let source = blob(&dict, bad_values).or_else(|| file(&text("file"))).or_else(|| file(&text("url")));
        Self {
            source: source.or(database),
            mode,
            zero,
            from_start: !matches!(text("from-start").as_str(), "" | "0" | "no" | "off" | "false"),
            language: Some(text("language")).filter(|tag| !tag.is_empty()),
        }
    }
}

/// A file, or a URL, by how it begins.
fn file(text: &str) -> Option<MediaSource> {
    let text = text.trim();
    let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
    match text {
        "" => None,
        _ if begins("http://") || begins("https://") => Some(MediaSource::Url(text.to_owned())),
        _ => Some(MediaSource::File(text.to_owned())),
    }
}

/// The bytes of `blob` or `blob64`.
fn blob(dict: &Dict, bad_values: &mut Vec<String>) -> Option<MediaSource> {
    let bytes = |key: &str| match directive::values_of(dict, key).into_iter().next()? {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    };
    if let Some(blob) = bytes("blob") {
        return Some(MediaSource::Blob(blob));
    }
    let coded = SecretBytes::from(
        bytes("blob64")?.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<u8>>(),
    );
    let decoded = std::str::from_utf8(&coded).ok().and_then(|text| Base64::decode_vec(text).ok());
    if decoded.is_none() {
        bad_values.push("unusable value for blob64 was ignored".to_owned());
    }
    decoded.map(|bytes| MediaSource::Blob(bytes.into()))
}

/// A dictionary, or words `key=value` in its place.
fn entries(value: &Value) -> Dict {
    let word = |text: &str| {
        let (key, value) = text.split_once('=')?;
        Some((key.trim().as_bytes().to_vec(), Value::from(value)))
    };
    match value {
        Value::Dict(dict) => dict.clone(),
        Value::List(items) => items.iter().flat_map(entries).collect(),
        Value::Bytes(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            text.split([' ', ',']).filter_map(word).collect()
        }
        Value::Int(_) => Dict::new(),
    }
}
