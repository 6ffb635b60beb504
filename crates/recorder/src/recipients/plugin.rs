//! The client's side of the state machine `recipient-v1` of age plugins (C2SP age-plugin).

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use age::EncryptError;
use age::secrecy::ExposeSecret;
use age_core::format::{FileKey, Stanza};
use age_core::primitives::bech32_decode;
use zeroize::Zeroizing;

use super::Limit;
use super::process::{PluginError, PluginFailure, Process, find};
use super::stanza;

/// Most commands that a plugin may give, all of whose answers have room in a pipe.
const MOST_COMMANDS: usize = 256;
/// Characters of a plugin's refusal that are shown.
const MOST_SHOWN: usize = 200;

/// A recipient of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plugin {
    number: usize,
    name: String,
    text: String,
}

impl Plugin {
    /// Reads `age1NAME1...`; `None` where it is not of a plugin.
    pub(super) fn parse(number: usize, text: &str) -> Option<Result<Self, &'static str>> {
        let (prefix, _) = text.rsplit_once('1')?;
        let name = prefix.strip_prefix("age1")?;
        let is_letter = |octet: u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'_');
        if name.is_empty() || !name.bytes().all(is_letter) {
            return Some(Err("the name of its plugin is none"));
        }
        let decoded = bech32_decode(text, |_| "invalid Bech32 encoding", |_| Ok(()), |_, _| Ok(()));
        let plugin = Self { number, name: name.to_owned(), text: text.to_owned() };
        Some(decoded.map(|()| plugin))
    }

    pub(super) const fn number(&self) -> usize {
        self.number
    }

    pub(super) fn error(&self, failure: PluginFailure) -> PluginError {
        PluginError { number: self.number, name: self.name.clone(), failure }
    }

    /// Its program.
    pub(super) fn find(&self) -> Result<PathBuf, PluginError> {
        let found = find(&format!("age-plugin-{}", self.name), std::env::var_os("PATH").as_deref());
        found.ok_or_else(|| self.error(PluginFailure::NotFound))
    }

    /// Has the program wrap a file key.
    pub(super) fn wrap(&self, program: &Path, key: &[u8], limit: Limit) -> Result<Wrapped, PluginFailure> {
        let mut process = Process::start(program, "--age-plugin=recipient-v1", limit)?;
        // Room for all of it, so that no copy of the key is left behind by growth.
        let mut request = Zeroizing::new(Vec::with_capacity(self.text.len().saturating_add(1024)));
        stanza::write(&mut request, &["add-recipient", &self.text], &[]);
        stanza::write(&mut request, &["extension-labels"], &[]);
        stanza::write(&mut request, &["wrap-file-key"], key);
        stanza::write(&mut request, &["done"], &[]);
        process.send(&request)?;
        let mut wrapped = Wrapped::default();
        for _ in 0..MOST_COMMANDS {
            let command = process.receive()?;
            let Some(reply) = wrapped.take(command)? else { return wrapped.complete() };
            let mut answer = Vec::new();
            stanza::write(&mut answer, &[reply], &[]);
            process.send(&answer)?;
        }
        Err(PluginFailure::Protocol("it gives too many commands"))
    }
}

/// What a plugin has made of a file key.
#[derive(Debug, Default)]
pub(super) struct Wrapped {
    pub(super) stanzas: Vec<Stanza>,
    pub(super) labels: Option<HashSet<String>>,
    refusal: Option<String>,
}

impl Wrapped {
    /// Takes a command, and gives the reply; `None` at the last.
    fn take(&mut self, command: stanza::Stanza) -> Result<Option<&'static str>, PluginFailure> {
        let stanza::Stanza { words, body } = command;
        let mut words = words.into_iter();
        let reply = match words.next().as_deref() {
            Some("done") => return Ok(None),
            Some("recipient-stanza") => {
                let (Some("0"), Some(tag)) = (words.next().as_deref(), words.next()) else {
                    return Err(PluginFailure::Protocol("it wraps a key that it was not given"));
                };
                self.stanzas.push(Stanza { tag, args: words.collect(), body });
                "ok"
            }
            Some("labels") => {
                let (count, labels) = (words.len(), words.collect::<HashSet<_>>());
                if labels.len() != count || self.labels.replace(labels).is_some() {
                    return Err(PluginFailure::Protocol("it gives a label twice"));
                }
                "ok"
            }
            Some("error") => {
                self.refusal.get_or_insert(shown(&body));
                "ok"
            }
            Some("msg") => "ok",
            // Nobody is there to be asked.
            Some("confirm" | "request-public" | "request-secret") => "fail",
            _ => "unsupported",
        };
        Ok(Some(reply))
    }

    fn complete(self) -> Result<Self, PluginFailure> {
        match &self.refusal {
            Some(refusal) => Err(PluginFailure::Refused(refusal.clone())),
            None if self.stanzas.is_empty() => Err(PluginFailure::Protocol("it gives no stanza")),
            None => Ok(self),
        }
    }
}

/// A plugin's words in one line.
fn shown(words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_SHOWN).collect()
}

/// A plugin that has to be done in time.
pub(crate) struct Timed<'p> {
    pub(super) plugin: &'p Plugin,
    pub(super) limit: Limit,
}

impl age::Recipient for Timed<'_> {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let wrap = || {
            let program = self.plugin.find()?;
            let wrapped = self.plugin.wrap(&program, key.expose_secret(), self.limit);
            wrapped.map_err(|failure| self.plugin.error(failure))
        };
        match wrap() {
            Ok(wrapped) => Ok((wrapped.stanzas, wrapped.labels.unwrap_or_default())),
            Err(error) => Err(EncryptError::Io(io::Error::other(error))),
        }
    }
}
