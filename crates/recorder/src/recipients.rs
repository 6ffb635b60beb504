//! Who may open a recording: public keys, and recipients of age plugins.
//!
//! A plugin is a program of its own, `age-plugin-NAME`. It is run to wrap a file key and nothing else, has a bounded time for
//! it, and is asked no questions. Where one of several recipients cannot be encrypted to, nothing is.

mod plugin;
mod process;
mod stanza;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::SealError;
use plugin::{Plugin, Timed};
pub use process::{PluginError, PluginFailure};

/// When the plugins have to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    until: Instant,
    all: Duration,
}

impl Limit {
    /// This long from now on.
    pub(crate) fn within(all: Duration) -> Self {
        let now = Instant::now();
        Self { until: now.checked_add(all).unwrap_or(now), all }
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// All of it.
    pub(crate) const fn all(&self) -> Duration {
        self.all
    }
}

enum Recipient {
    Key(Box<dyn age::Recipient + Send + Sync>),
    Plugin(Plugin),
}

/// Who may open a recording.
pub struct Recipients(Vec<Recipient>);

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipients({})", self.0.len())
    }
}

impl Recipients {
    /// Reads public keys: `age1...` as `age-keygen` writes them, `age1tag1...`, `ssh-ed25519 ...`, `ssh-rsa ...`; and
    /// `age1NAME1...` of the plugin `NAME`, which is not run yet.
    ///
    /// # Errors
    /// One of them is no key that can be used.
    pub fn parse(texts: &[String]) -> Result<Self, SealError> {
        let parsed: Result<_, _> = (1..).zip(texts).map(|(number, text)| recipient(number, text)).collect();
        parsed.map(Self)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The programs of the plugins, as they are found in `PATH` now, with the numbers of their recipients, from 1.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn find_plugins(&self) -> Result<Vec<(usize, PathBuf)>, PluginError> {
        self.plugins().map(|plugin| Ok((plugin.number(), plugin.find()?))).collect()
    }

    fn plugins(&self) -> impl Iterator<Item = &Plugin> {
        self.0.iter().filter_map(|recipient| match recipient {
            Recipient::Plugin(plugin) => Some(plugin),
            Recipient::Key(_) => None,
        })
    }

    /// Whether a program is run for one of them.
    #[must_use]
    pub fn has_plugins(&self) -> bool {
        self.plugins().next().is_some()
    }

    /// What is said where the first plugin is not done in time.
    pub(crate) fn late(&self, after: Duration) -> SealError {
        let late = self.plugins().next().map(|plugin| plugin.error(PluginFailure::Timeout(after)));
        late.map_or(SealError::Encryption, SealError::Plugin)
    }

    /// What wraps a file key for each of them, until this limit.
    pub(crate) fn within(&self, limit: Limit) -> Vec<Wrapper<'_>> {
        let each = self.0.iter();
        each.map(|recipient| match recipient {
            Recipient::Key(key) => Wrapper::Key(&**key),
            Recipient::Plugin(plugin) => Wrapper::Plugin(Timed { plugin, limit }),
        })
        .collect()
    }
}

/// Wraps a file key for a recipient.
pub(crate) enum Wrapper<'r> {
    Key(&'r (dyn age::Recipient + Send + Sync)),
    Plugin(Timed<'r>),
}

impl Wrapper<'_> {
    pub(crate) fn as_age(&self) -> &dyn age::Recipient {
        match self {
            Self::Key(key) => *key,
            Self::Plugin(plugin) => plugin,
        }
    }
}

/// Begins an age file for these recipients.
pub(crate) fn encryptor<'a>(
    recipients: impl Iterator<Item = &'a dyn age::Recipient>,
) -> Result<age::Encryptor, SealError> {
    age::Encryptor::with_recipients(recipients).map_err(|error| match error {
        age::EncryptError::Io(error) => match error.downcast::<PluginError>() {
            Ok(plugin) => SealError::Plugin(plugin),
            Err(error) => SealError::Io(error),
        },
        age::EncryptError::MissingRecipients => SealError::NoRecipient,
        age::EncryptError::IncompatibleRecipients { .. } => SealError::Incompatible,
        _ => SealError::Encryption,
    })
}

fn recipient(number: usize, text: &str) -> Result<Recipient, SealError> {
    let text = text.trim();
    let wrong = |reason: String| SealError::Recipient { number, reason };
    if text.starts_with("ssh-") {
        let key: age::ssh::Recipient = text.parse().map_err(|error| wrong(format!("{error:?}")))?;
        return Ok(Recipient::Key(Box::new(key)));
    }
    if text.starts_with("age1tag1") {
        let key: age::tag::Recipient = text.parse().map_err(|error: &str| wrong(error.to_owned()))?;
        return Ok(Recipient::Key(Box::new(key)));
    }
    if let Some(plugin) = Plugin::parse(number, text) {
        return plugin.map(Recipient::Plugin).map_err(|reason| wrong(reason.to_owned()));
    }
    let key: age::x25519::Recipient = text.parse().map_err(|error: &str| wrong(error.to_owned()))?;
    Ok(Recipient::Key(Box::new(key)))
}

#[cfg(test)]
pub(crate) mod tests;
