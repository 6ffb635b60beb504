//! The table `[prompts]` of the file: what is played to parties, and what may be.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use mediapoint_control_ng::{HttpConfig, Limits, PromptsConfig, StoreConfig};
use serde::Deserialize;

use super::values::{Refusal, Span};

/// A tenth of a second to 5 s: less than a thread of the control port may stand still.
type LoadTime = Span<100_000, 5_000_000>;
/// One second to a day.
type Length = Span<1_000_000, 86_400_000_000>;
/// Nothing to 30 days.
type Age = Span<0, 2_592_000_000_000>;

/// The table as it is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PromptSettings {
    folders: Option<Vec<PathBuf>>,
    language: Option<String>,
    hold_music: Option<String>,
    memory: Option<Size>,
    max_file: Option<Size>,
    max_length: Option<Length>,
    load_within: Option<LoadTime>,
    url_hosts: Option<Vec<String>>,
    url_max_file: Option<Size>,
    url_max_age: Option<Age>,
    danger_private_urls: Option<bool>,
}

/// What is played to parties, and what may be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PromptPolicy {
    /// Where files come from; each may have a folder for each language.
    pub(crate) folders: Vec<PathBuf>,
    /// The language where nothing else fits.
    pub(crate) language: String,
    /// What everybody hears who is put on hold.
    pub(crate) hold_music: Option<String>,
    /// Bytes of all that is loaded.
    memory: u64,
    /// Bytes of a file.
    max_file: u64,
    /// The longest audio.
    max_length: Duration,
    /// How long a request waits for a load.
    load_within: Duration,
    /// Hosts of URLs.
    url_hosts: Vec<String>,
    /// Bytes of a file from a URL.
    url_max_file: u64,
    /// How long one is kept without asking for changes, at most.
    url_max_age: Duration,
    danger_private_urls: bool,
}

impl Default for PromptPolicy {
    fn default() -> Self {
        let PromptsConfig { store, language, hold_music, load_within, .. } = PromptsConfig::default();
        Self {
            folders: Vec::new(),
            language,
            hold_music,
            memory: store.memory_bytes,
            max_file: store.limits.file_bytes,
            max_length: store.limits.duration,
            load_within,
            url_hosts: Vec::new(),
            url_max_file: store.http.max_bytes,
            url_max_age: store.http.max_age,
            danger_private_urls: false,
        }
    }
}

impl PromptPolicy {
    pub(super) fn from_settings(settings: PromptSettings) -> Self {
        let default = Self::default();
        Self {
            folders: settings.folders.unwrap_or(default.folders),
            language: settings.language.unwrap_or(default.language),
            hold_music: settings.hold_music.or(default.hold_music),
            memory: settings.memory.map_or(default.memory, |size| size.0),
            max_file: settings.max_file.map_or(default.max_file, |size| size.0),
            max_length: settings.max_length.map_or(default.max_length, |span| span.0),
            load_within: settings.load_within.map_or(default.load_within, |span| span.0),
            url_hosts: settings.url_hosts.unwrap_or(default.url_hosts),
            url_max_file: settings.url_max_file.map_or(default.url_max_file, |size| size.0),
            url_max_age: settings.url_max_age.map_or(default.url_max_age, |span| span.0),
            danger_private_urls: settings.danger_private_urls.unwrap_or(default.danger_private_urls),
        }
    }

    /// The settings of the controller's prompts.
    pub(crate) fn to_config(&self) -> PromptsConfig {
        let http = HttpConfig {
            hosts: self.url_hosts.clone(),
            max_bytes: self.url_max_file,
            max_age: self.url_max_age,
            danger_allow_private_addresses: self.danger_private_urls,
            ..HttpConfig::default()
        };
        let limits = Limits { file_bytes: self.max_file, duration: self.max_length, ..Limits::default() };
        let store = StoreConfig {
            roots: self.folders.clone(),
            memory_bytes: self.memory,
            limits,
            http,
            ..StoreConfig::default()
        };
        PromptsConfig {
            store,
            language: self.language.clone(),
            hold_music: self.hold_music.clone(),
            load_within: self.load_within,
            ..PromptsConfig::default()
        }
    }
}

/// A size in bytes: `512MiB`, `64KiB`, `2GiB`; a bare number is bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(u64);

impl Size {
    /// In bytes.
    pub(crate) const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1_u64 << 30), ("", 1)];
        let size = units.iter().find_map(|(unit, bytes)| {
            let number: u64 = text.trim().strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(*bytes)
        });
        size.filter(|size| (1..=1 << 40).contains(size)).map(Self).ok_or_else(|| {
            format!("{text:?} is no size; allowed: 1 to 1024GiB, such as 64KiB, 512MiB or 2GiB")
        })
    }
}
