//! `mediapoint recording`: finds, proves, opens, keeps and deletes stored recordings, for people and scripts.

mod act;
mod open;
mod picture;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use mediapoint_content::{CatalogueError, LibraryError, RecordingIdError, StoreError};
use mediapoint_recorder::SealError;

use crate::cli::{FAILED, UNUSABLE, refuse};
use crate::content::ContentError;

/// Examples of `mediapoint recording --help`.
pub(crate) const EXAMPLES: &str = "\
Where recordings are is in the server's configuration: --config, or
--recordings where the rest is as by default.

Examples:
  mediapoint recording --config /etc/mediapoint.toml list --from 2026-11-01
  mediapoint recording --recordings /srv/rec list --tag queue=sales
  mediapoint recording --recordings /srv/rec verify --all
  mediapoint recording --recordings /srv/rec play ID --identity key.txt | mpv -
  mediapoint recording --recordings /srv/rec export ID --identity key.txt \\
      --output call.opus --picture call.svg

Exit codes: 0 done, 1 something failed or is not whole, 2 unusable arguments or
configuration.";

/// Arguments of `mediapoint recording`.
#[derive(Debug, Args)]
pub(crate) struct RecordingArguments {
    /// The server's configuration file
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Folder of recordings, where no file names it
    #[arg(long, value_name = "DIR", global = true)]
    recordings: Option<PathBuf>,
    /// Name in the audit log [default: the user's]
    #[arg(long = "as", value_name = "NAME", global = true)]
    who: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: RecordingCommand,
}

#[derive(Debug, Subcommand)]
enum RecordingCommand {
    /// List recordings, oldest first
    List(ListArguments),
    /// Show one: times, files, facts about its time line, and with an identity what is personal
    Show {
        /// Its name
        id: String,
        /// File of an age identity or SSH private key of a recipient
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
    },
    /// Prove that recordings are whole and unaltered, or name the place and the reason
    Verify {
        /// Their names
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All that are stored
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// File of an identity: each page is checked, too
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
    },
    /// Write the audio to standard output, decrypted
    Play {
        /// Its name
        id: String,
        /// File of an age identity or SSH private key of a recipient
        #[arg(long, value_name = "FILE")]
        identity: PathBuf,
    },
    /// Write a recording to a file: decrypted with an identity, else as the age file that recipients open
    Export {
        /// Its name
        id: String,
        /// File of an age identity or SSH private key of a recipient
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
        /// The file; it must not be there
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
        /// A picture of the wave form, too: an SVG file
        #[arg(long, value_name = "FILE", requires = "identity")]
        picture: Option<PathBuf>,
    },
    /// Keep a recording whatever retention says: a legal hold
    Hold {
        /// Its name
        id: String,
        /// Why; it stands in the audit log for ever
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// End a legal hold
    Release {
        /// Its name
        id: String,
    },
    /// Delete a recording: its key is destroyed, then its files
    Delete {
        /// Its name
        id: String,
        /// Why; it stands in the audit log for ever
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Delete what the rules of retention do not keep any longer
    Prune {
        /// Say what would be deleted, and delete nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what is on its way to the store, and why it waits
    Pending,
    /// Try again now to store a recording that waits for somebody
    Retry {
        /// Its name
        id: String,
    },
    /// Complete what a crash left behind; no server may be at work in the folder
    Recover,
    /// Show the audit log, and check that nothing of it was changed
    Audit {
        /// Entries shown, the last ones
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Begun at this time or later: 2026-11-29, or 2026-11-29T16:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<i64>,
    /// Begun before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
    /// Of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Of the call with this call-id
    #[arg(long, value_name = "CALL-ID")]
    call: Option<String>,
    /// With this party, by its tag
    #[arg(long, value_name = "TAG")]
    party: Option<String>,
    /// With this value of its metadata
    #[arg(long, value_name = "NAME=VALUE", value_parser = tag)]
    tag: Option<(String, String)>,
    /// Deleted ones, too
    #[arg(long)]
    deleted: bool,
    /// Most recordings listed
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    limit: u32,
}

/// Why a command on recordings came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordingError {
    #[error("there is no folder of recordings: give --config or --recordings")]
    NoFolder,
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Id(#[from] RecordingIdError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("{0}: {1}")]
    Identity(PathBuf, SealError),
    #[error("{0}: is there already, and is not written over")]
    Exists(PathBuf),
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error("{0}")]
    Recorder(String),
    #[error("the picture cannot be made: {0}")]
    Picture(String),
    #[error("{0} of {1} recordings are not whole")]
    NotWhole(usize, usize),
}

impl RecordingError {
    const fn code(&self) -> u8 {
        match self {
            Self::NoFolder | Self::Config(_) | Self::Id(_) => UNUSABLE,
            _ => FAILED,
        }
    }
}

/// `mediapoint recording`.
pub(crate) fn command(arguments: &RecordingArguments) -> ExitCode {
    match act::run(arguments) {
        Ok(code) => code,
        Err(error) => refuse(error.code(), &error),
    }
}

/// A tag: its name and its value.
fn tag(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("allowed: NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A time: a date (UTC), or a date with a time, in milliseconds since 1970.
fn time(text: &str) -> Result<i64, String> {
    let date = humantime::parse_rfc3339_weak(text)
        .or_else(|_| humantime::parse_rfc3339_weak(&format!("{text}T00:00:00Z")));
    let since = date.ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let millis = since.and_then(|since: Duration| i64::try_from(since.as_millis()).ok());
    millis.ok_or_else(|| format!("{text:?} is no time; allowed: such as 2026-11-29 or 2026-11-29T16:00:00Z"))
}
