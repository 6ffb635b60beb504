//! The table `[recording]` of the file: where calls are recorded to, and who can listen.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use mediapoint_content::{Retention, Rule};
use mediapoint_control_ng::{NamePattern, RecordingSettings};
use mediapoint_engine::Beep;
use mediapoint_recorder::{Channels, Format};
use serde::Deserialize;

use super::prompts::Size;
use super::values::{Number, Refusal, Span};

/// The table as it is written; folder and recipients may be given on the command line, too.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RecordingTable {
    /// Folder that calls are recorded to; none by default, and nothing is recorded
    #[arg(long, value_name = "DIR", help_heading = "Recording")]
    recordings: Option<PathBuf>,
    /// Who can listen, repeatable: an age recipient (age1..., that of a plugin too) or an SSH public key
    #[arg(long, value_name = "RECIPIENT", help_heading = "Recording")]
    recipient: Option<Vec<String>>,
    #[arg(skip)]
    tenant_recipients: Option<BTreeMap<String, Vec<String>>>,
    #[arg(skip)]
    plugin_timeout: Option<PluginTimeout>,
    #[arg(skip)]
    format: Option<FileFormat>,
    #[arg(skip)]
    channels: Option<ChannelChoice>,
    #[arg(skip)]
    bit_rate: Option<Number<12_000, 256_000>>,
    #[arg(skip)]
    bit_rate_mixed: Option<Number<6_000, 128_000>>,
    #[arg(skip)]
    rate: Option<Rate>,
    #[arg(skip)]
    complexity: Option<Number<0, 10>>,
    #[arg(skip)]
    names: Option<Names>,
    #[arg(skip)]
    threads: Option<Number<1, 64>>,
    #[arg(skip)]
    max_recordings: Option<Number<1, 100_000>>,
    #[arg(skip)]
    keep_free: Option<Size>,
    #[arg(skip)]
    beep: Option<BeepChoice>,
    #[arg(skip)]
    end_call_without: Option<bool>,
    #[arg(skip)]
    node_key: Option<PathBuf>,
    #[arg(skip)]
    recovery_identity: Option<PathBuf>,
    #[arg(skip)]
    playback_identity: Option<PathBuf>,
    #[arg(skip)]
    max_playbacks: Option<Number<1, 1_000>>,
    #[arg(skip)]
    danger_unencrypted: Option<bool>,
    #[arg(skip)]
    store: Option<StorePlace>,
    #[arg(skip)]
    s3_endpoint: Option<String>,
    #[arg(skip)]
    s3_region: Option<String>,
    #[arg(skip)]
    danger_s3_plain: Option<bool>,
    #[arg(skip)]
    catalogue: Option<String>,
    #[arg(skip)]
    danger_catalogue_plain: Option<bool>,
    #[arg(skip)]
    authorities: Option<PathBuf>,
    #[arg(skip)]
    personal_columns: Option<ColumnChoice>,
    #[arg(skip)]
    pseudonym_key: Option<PathBuf>,
    #[arg(skip)]
    whole_files: Option<bool>,
    #[arg(skip)]
    webhook: Option<String>,
    #[arg(skip)]
    webhook_secret_file: Option<PathBuf>,
    #[arg(skip)]
    retention: Option<Vec<RetentionRule>>,
}

/// A rule of retention, as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RetentionRule {
    /// Recordings of this tenant.
    tenant: Option<String>,
    /// With this tag, written `NAME=VALUE`.
    tag: Option<String>,
    /// How long they are kept; left out: for ever.
    keep: Option<Keep>,
}

/// What plugins may take for the keys of one recording.
type PluginTimeout = Span<1_000_000, 60_000_000>;

/// One hour to a hundred years.
type Keep = Span<3_600_000_000, 3_155_760_000_000_000>;

impl RecordingTable {
    /// The same, in another folder where one is named.
    pub(super) fn to(self, folder: Option<PathBuf>) -> Self {
        Self { recordings: folder.or(self.recordings), ..self }
    }

    /// These settings, and those of `lower` where these are silent.
    pub(super) fn over(self, lower: Self) -> Self {
        Self {
            recordings: self.recordings.or(lower.recordings),
            recipient: self.recipient.or(lower.recipient),
            ..lower
        }
    }
}

/// How calls are recorded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecordingPolicy {
    /// Where to.
    pub(crate) folder: PathBuf,
    /// Who can listen.
    pub(crate) recipients: Vec<String>,
    /// Who can listen to those of a tenant instead.
    pub(crate) tenants: BTreeMap<String, Vec<String>>,
    /// How long their plugins may take for the keys of one recording.
    pub(crate) plugin_timeout: Duration,
    format: FileFormat,
    channels: Channels,
    bit_rate: u32,
    bit_rate_mixed: u32,
    rate: u32,
    complexity: u8,
    names: NamePattern,
    /// Threads that encode.
    pub(crate) threads: usize,
    /// Recordings at once.
    pub(crate) max_recordings: usize,
    /// Octets that have to be free for a recording to be started.
    pub(crate) keep_free: u64,
    beep: Option<Beep>,
    end_call_without: bool,
    /// File of the key that signs.
    pub(crate) node_key: PathBuf,
    /// File of the identity that completes recordings after a crash.
    pub(crate) recovery_identity: PathBuf,
    /// File of the identity that recordings are opened with to be played into calls; none, and none is played.
    pub(crate) playback_identity: Option<PathBuf>,
    /// Recordings that are played at once.
    pub(crate) max_playbacks: usize,
    /// Whether recordings without recipients are made, as plain files.
    pub(crate) danger_unencrypted: bool,
    /// Where they are stored once they are complete.
    pub(crate) content: ContentPolicy,
}

/// Store, catalogue and retention.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContentPolicy {
    /// The store.
    pub(crate) store: StorePlace,
    /// A store other than Amazon's.
    pub(crate) s3_endpoint: Option<String>,
    /// Its region.
    pub(crate) s3_region: String,
    /// Whether it may be spoken to without TLS.
    pub(crate) danger_s3_plain: bool,
    /// A file, or a connection string of PostgreSQL.
    pub(crate) catalogue: String,
    /// Whether it may be spoken to without TLS.
    pub(crate) danger_catalogue_plain: bool,
    /// File of the certificate authorities that are trusted; the system's otherwise.
    pub(crate) authorities: Option<PathBuf>,
    /// What the catalogue holds of personal words.
    pub(crate) columns: ColumnChoice,
    /// File of the key of pseudonyms.
    pub(crate) pseudonym_key: PathBuf,
    /// Whether the store has whole age files.
    pub(crate) whole_files: bool,
    /// Who is told of stored recordings, and the file of the secret that signs it.
    pub(crate) webhook: Option<(String, PathBuf)>,
    /// How long recordings are kept.
    pub(crate) retention: Retention,
}

impl RecordingPolicy {
    /// The policy; `None` where nothing is recorded.
    pub(super) fn from_table(table: RecordingTable) -> Option<Self> {
        let folder = table.recordings?;
        let key = |name: &str| folder.join("keys").join(name);
        let number =
            |number: Option<usize>, usual: u32| number.map_or(usual, |n| u32::try_from(n).unwrap_or(usual));
        Some(Self {
            recipients: table.recipient.unwrap_or_default(),
            tenants: table.tenant_recipients.unwrap_or_default(),
            plugin_timeout: table.plugin_timeout.map_or(Duration::from_secs(10), |span| span.0),
            format: table.format.unwrap_or(FileFormat::Opus),
            channels: table.channels.map_or(Channels::Stereo, |choice| choice.0),
            bit_rate: number(table.bit_rate.map(|n| n.as_usize()), 16_000),
            bit_rate_mixed: number(table.bit_rate_mixed.map(|n| n.as_usize()), 12_000),
            rate: table.rate.map_or(8000, |rate| rate.0),
            complexity: table.complexity.and_then(|n| u8::try_from(n.as_usize()).ok()).unwrap_or(0),
            names: table.names.map(|names| names.0).unwrap_or_default(),
            threads: table.threads.map_or(1, |n| n.as_usize()),
            max_recordings: table.max_recordings.map_or(2000, |n| n.as_usize()),
            keep_free: table.keep_free.map_or(1 << 30, |size| size.bytes()),
            beep: table.beep.and_then(|choice| choice.0),
            end_call_without: table.end_call_without.unwrap_or(false),
            node_key: table.node_key.unwrap_or_else(|| key("node.key")),
            recovery_identity: table.recovery_identity.unwrap_or_else(|| key("recovery.txt")),
            playback_identity: table.playback_identity,
            max_playbacks: table.max_playbacks.map_or(64, |n| n.as_usize()),
            danger_unencrypted: table.danger_unencrypted.unwrap_or(false),
            content: ContentPolicy {
                store: table.store.unwrap_or_else(|| StorePlace::Folder(folder.join("store"))),
                s3_endpoint: table.s3_endpoint,
                s3_region: table.s3_region.unwrap_or_else(|| "us-east-1".to_owned()),
                danger_s3_plain: table.danger_s3_plain.unwrap_or(false),
                catalogue: table
                    .catalogue
                    .unwrap_or_else(|| folder.join("catalogue.sqlite").display().to_string()),
                danger_catalogue_plain: table.danger_catalogue_plain.unwrap_or(false),
                authorities: table.authorities,
                columns: table.personal_columns.unwrap_or(ColumnChoice::Pseudonym),
                pseudonym_key: table.pseudonym_key.unwrap_or_else(|| key("pseudonym.key")),
                whole_files: table.whole_files.unwrap_or(false),
                webhook: table.webhook.zip(table.webhook_secret_file),
                retention: Retention {
                    rules: table
                        .retention
                        .unwrap_or_default()
                        .into_iter()
                        .map(RetentionRule::into_rule)
                        .collect(),
                },
            },
            folder,
        })
    }

    /// Samples a second.
    pub(crate) const fn rate(&self) -> u32 {
        self.rate
    }

    /// True where nobody could open a recording.
    pub(super) fn lacks_recipient(&self) -> bool {
        let lists = self.tenants.values().chain([&self.recipients]);
        lists.into_iter().any(Vec::is_empty) && !self.danger_unencrypted
    }

    /// Everyone who can listen to some recording, each once, with the server's first.
    pub(crate) fn all_recipients(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for one in self.recipients.iter().chain(self.tenants.values().flatten()) {
            if !all.contains(one) {
                all.push(one.clone());
            }
        }
        all
    }

    /// The settings of the controller's recordings.
    pub(crate) fn to_settings(&self) -> RecordingSettings {
        let format = |channels| match (self.format, channels) {
            (FileFormat::Opus, Channels::Stereo) => Format::OpusStereo { bit_rate: self.bit_rate },
            (FileFormat::Opus, Channels::Mono) => Format::OpusMono { bit_rate: self.bit_rate_mixed },
            (FileFormat::Flac, channels) => Format::Flac(channels),
            (FileFormat::Wav, channels) => Format::Wav(channels),
        };
        RecordingSettings {
            separate: format(Channels::Stereo),
            mixed: format(Channels::Mono),
            channels: self.channels,
            rate: self.rate,
            complexity: self.complexity,
            recipients: self.recipients.clone(),
            tenants: self.tenants.clone(),
            names: self.names.clone(),
            beep: self.beep,
            end_call_without: self.end_call_without,
        }
    }
}

impl RetentionRule {
    fn into_rule(self) -> Rule {
        let pair = |tag: String| {
            let (name, value) = tag.split_once('=').unwrap_or((&tag, ""));
            (name.to_owned(), value.to_owned())
        };
        Rule { tenant: self.tenant, tag: self.tag.map(pair), keep: self.keep.map(|span| span.0) }
    }
}

/// Where recordings are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StorePlace {
    /// A folder.
    Folder(PathBuf),
    /// A bucket of S3, or of a store that speaks as it does.
    Bucket(String),
}

impl FromStr for StorePlace {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.trim().strip_prefix("s3://") {
            None if text.trim().is_empty() => {
                Err("\"\" is no store; allowed: a folder, or s3://BUCKET".to_owned())
            }
            None => Ok(Self::Folder(PathBuf::from(text.trim()))),
            Some(bucket) if bucket.is_empty() || bucket.contains('/') => {
                Err(format!("{text:?} is no bucket; allowed: s3://BUCKET, without a path"))
            }
            Some(bucket) => Ok(Self::Bucket(bucket.to_owned())),
        }
    }
}

/// What the catalogue holds of call ids, parties and values of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnChoice {
    /// Pseudonyms under a key.
    Pseudonym,
    /// The words.
    Clear,
    /// Nothing.
    None,
}

impl FromStr for ColumnChoice {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.trim() {
            "pseudonym" => Ok(Self::Pseudonym),
            "clear" => Ok(Self::Clear),
            "none" => Ok(Self::None),
            _ => Err(format!("{text:?} is no choice of columns; allowed: pseudonym, clear, none")),
        }
    }
}

/// What the audio is encoded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// Opus in Ogg.
    Opus,
    /// FLAC.
    Flac,
    /// WAV.
    Wav,
}

impl FromStr for FileFormat {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.trim() {
            "opus" => Ok(Self::Opus),
            "flac" => Ok(Self::Flac),
            "wav" => Ok(Self::Wav),
            _ => Err(format!("{text:?} is no format of recordings; allowed: opus, flac, wav")),
        }
    }
}

/// A channel for each party, or one for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChannelChoice(Channels);

impl FromStr for ChannelChoice {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.trim() {
            "separate" => Ok(Self(Channels::Stereo)),
            "mixed" => Ok(Self(Channels::Mono)),
            _ => Err(format!("{text:?} is no choice of channels; allowed: separate, mixed")),
        }
    }
}

/// The beep that tells the parties that they are recorded; `None` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BeepChoice(Option<Beep>);

impl FromStr for BeepChoice {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let every = match text.trim() {
            "off" => return Ok(Self(None)),
            "start" => None,
            interval => {
                let span: Result<Span<2_000_000, 3_600_000_000>, _> = interval.parse();
                let refusal = || format!("{text:?} is no choice of a beep; allowed: off, start, or 2s to 1h");
                Some(span.map_err(|_| refusal())?.0)
            }
        };
        Ok(Self(Some(Beep { every, ..Beep::default() })))
    }
}

/// A sample rate in hertz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(u32);

impl FromStr for Rate {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let rate = text.trim().parse().ok().filter(|rate| [8000, 16_000, 24_000, 48_000].contains(rate));
        rate.map(Self)
            .ok_or_else(|| format!("{text:?} is no sample rate; allowed: 8000, 16000, 24000, 48000"))
    }
}

/// The pattern of names.
#[derive(Clone, PartialEq)]
pub(crate) struct Names(NamePattern);

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Names {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        NamePattern::new(text).map(Self).map_err(|error| error.to_string())
    }
}
