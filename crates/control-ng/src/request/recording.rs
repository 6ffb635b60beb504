//! What `start recording`, `stop recording`, `pause recording` and `record call` are told.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::Beep;
use mediapoint_recorder::Channels;

use super::Id;
use super::directive::{self, Directive};

/// How a call is recorded, as it was written. `Debug` does not show the metadata.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RecordingOptions {
    /// `record call`: from this message on; `Some(false)` ends it.
    pub call: Option<bool>,
    /// `stop recording` with `pause` is `pause recording`.
    pub pause: bool,
    /// Whose recording it is: those of several owners go on side by side.
    pub owner: String,
    /// Whose call it is: which rules of retention hold for it, and who can open it.
    pub tenant: String,
    /// Who can open it, in place of the tenant's and the server's recipients; empty where the message does not say.
    pub recipients: Vec<String>,
    /// The file is removed as soon as it is complete.
    pub discard: bool,
    /// Name of the file: its path is the server's.
    pub file: Option<String>,
    /// Pattern of the name.
    pub pattern: Option<String>,
    /// Text that is kept with the recording, encrypted: `key:value` pairs with `|` between them.
    pub metadata: Option<String>,
    /// The party on the left: the agent. The one that answers, where it is not given.
    pub left: Option<Id>,
    /// A channel for each party, or one for both.
    pub channels: Option<Channels>,
    /// A beep that tells the parties that they are recorded, or none of it; else the server's setting.
    pub beep: Option<Option<Beep>>,
    /// Whom it is reported to that audio was lost, the recording failed or is complete.
    pub log: Option<SocketAddr>,
    /// The sender of the message is not recorded.
    pub exclude: bool,
    /// Media is played to the sender of the message first.
    pub announcement: bool,
    /// Options that say where files go, which the server's settings do.
    pub(super) not_ours: Vec<&'static str>,
    /// Values that cannot be used.
    pub(super) bad_values: Vec<String>,
}

impl fmt::Debug for RecordingOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingOptions")
            .field("call", &self.call)
            .field("pause", &self.pause)
            .field("discard", &self.discard)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

/// `on`, `start` for none but at the begin, `off`, or seconds from one beep to the next.
fn beep(value: &str) -> Option<Option<Beep>> {
    match value {
        "" | "on" | "yes" | "true" => Some(Some(Beep::default())),
        "start" => Some(Some(Beep { every: None, ..Beep::default() })),
        "off" | "no" | "false" | "0" => Some(None),
        seconds => {
            let every = Some(Duration::from_secs(seconds.parse().ok()?));
            let beep = Beep { every, ..Beep::default() };
            beep.is_valid().then_some(Some(beep))
        }
    }
}

impl RecordingOptions {
    /// Takes one option; false where it is none of these.
    pub(super) fn apply(&mut self, directive: &Directive) -> bool {
        let value = directive.value().trim();
        let text = || Some(value.to_owned()).filter(|text| !text.is_empty());
        match directive.name.as_str() {
            "record-call" => self.call = Some(directive::is_on(directive)),
            "pause" => self.pause = directive::is_on(directive),
            "discard-recording" => self.discard = directive::is_on(directive),
            "recording-file" => self.file = text(),
            "recording-pattern" => self.pattern = text(),
            "recording-dir" => self.not_ours.push("recording-dir"),
            "metadata" => self.metadata = text(),
            "recording-owner" => self.owner = value.to_owned(),
            "recording-tenant" => self.tenant = value.to_owned(),
            "recording-recipients" => {
                let all = directive.values.iter().flat_map(|value| value.split(','));
                self.recipients =
                    all.map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
            }
            "recording-left" => self.left = text().map(|tag| Id::new(tag.as_bytes())),
            "recording-channels" => match value {
                "separate" | "stereo" => self.channels = Some(Channels::Stereo),
                "mixed" | "mono" => self.channels = Some(Channels::Mono),
                _ => self.bad_values.push("unusable value for recording-channels was ignored".to_owned()),
            },
            "recording-beep" => match beep(value) {
                Some(beep) => self.beep = Some(beep),
                None => self.bad_values.push("unusable value for recording-beep was ignored".to_owned()),
            },
            "recording-log-dest" => match value.parse() {
                Ok(address) => self.log = Some(address),
                Err(_) => {
                    self.bad_values.push("unusable value for recording-log-dest was ignored".to_owned())
                }
            },
            "exclude-recording" => self.exclude = directive::is_on(directive),
            "recording-announcement" => self.announcement = directive::is_on(directive),
            _ => return false,
        }
        true
    }

    /// Takes the metadata of a later message, too: the last value of a key holds.
    pub(crate) fn add_metadata(&mut self, later: &Self) {
        let pairs: BTreeMap<String, String> = self.pairs().into_iter().chain(later.pairs()).collect();
        let parts: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        self.metadata = Some(parts.join("|")).filter(|text| !text.is_empty());
    }

    /// What of it is not done.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let not_ours =
            self.not_ours.iter().map(|what| format!("{what} is not used: the server's settings say it"));
        not_ours.chain(self.bad_values.iter().cloned()).collect()
    }

    /// The metadata as pairs. A part without a colon is a key without a value.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let parts = self.metadata.as_deref().unwrap_or_default().split('|');
        let pair = |part: &str| {
            let (key, value) = part.split_once(':').unwrap_or((part, ""));
            (key.trim().to_owned(), value.trim().to_owned())
        };
        parts.map(pair).filter(|(key, _)| !key.is_empty()).collect()
    }
}
