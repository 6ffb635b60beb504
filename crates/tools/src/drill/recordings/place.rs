//! The folder of the recordings, and what `mediapoint recording` says of it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use crate::drill::DrillError;
use crate::recorded::RecordedFolder;

/// Where the server records to, and its program.
#[derive(Debug)]
pub(super) struct Place {
    folder: RecordedFolder,
    program: PathBuf,
}

/// A row of the catalogue.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) length_ms: u64,
    #[serde(default)]
    pub(super) recovered: bool,
}

/// Whether a recording is whole.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Verdict {
    pub(super) id: String,
    pub(super) whole: bool,
    pub(super) findings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Waiting {
    id: String,
    stage: String,
}

impl Place {
    /// A folder of its own for this process.
    pub(super) fn new(program: &Path) -> Result<Self, DrillError> {
        let folder = env::temp_dir().join(format!("mediapoint-drill-{}", std::process::id()));
        Ok(Self { folder: RecordedFolder::new(folder)?, program: program.to_owned() })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the server needs to record here.
    pub(super) fn flags(&self) -> Vec<String> {
        self.folder.flags()
    }

    pub(super) fn remove(self) -> io::Result<()> {
        self.folder.remove()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["recording", "--json", "--as", "drill", "--recordings"]).arg(self.folder.spool());
        command.args(words).stdin(Stdio::null());
        command
    }

    fn ask<T: for<'a> Deserialize<'a>>(&self, words: &[&str]) -> Result<T, DrillError> {
        let output = self.command(words).stderr(Stdio::inherit()).output()?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// What is on its way to the store.
    pub(super) fn pending(&self) -> Result<Vec<String>, DrillError> {
        let waiting: Vec<Waiting> = self.ask(&["pending"])?;
        Ok(waiting.into_iter().map(|one| format!("{} ({})", one.id, one.stage)).collect())
    }

    /// The catalogue.
    pub(super) fn list(&self) -> Result<Vec<Row>, DrillError> {
        self.ask(&["list", "--limit", "1000000"])
    }

    /// Begins to ask for the catalogue, while a server is at work on it.
    pub(super) fn begin_list(&self) -> io::Result<Child> {
        let mut command = self.command(&["list", "--limit", "1000000"]);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()
    }

    /// The answer to [`Place::begin_list`].
    pub(super) fn end_list(child: Child) -> Result<Vec<Row>, DrillError> {
        Ok(serde_json::from_slice(&child.wait_with_output()?.stdout)?)
    }

    /// Checks recordings down to each page.
    pub(super) fn verify(&self, ids: &[&str]) -> Result<Vec<Verdict>, DrillError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = self.command(&["verify", "--identity"]);
        let output = command.arg(self.folder.identity()).args(ids).stderr(Stdio::null()).output()?;
        let verdicts = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
        Ok(verdicts.collect::<Result<_, _>>()?)
    }

    /// The decrypted file.
    pub(super) fn play(&self, id: &str) -> Result<Vec<u8>, DrillError> {
        let mut command = self.command(&["play", id, "--identity"]);
        Ok(command.arg(self.folder.identity()).stderr(Stdio::inherit()).output()?.stdout)
    }

    /// Names of files in the store by the recording's name.
    pub(super) fn stored(&self) -> io::Result<BTreeMap<String, Vec<String>>> {
        let mut files = BTreeMap::<String, Vec<String>>::new();
        let mut folders = vec![self.folder.spool().join("store")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                let name = entry.file_name().to_string_lossy().into_owned();
                let id = name.split('.').next().unwrap_or_default().to_owned();
                files.entry(id).or_default().push(name);
            }
        }
        Ok(files)
    }

    /// Files in the spool that are a recording's: journals, files that are not complete, those that were not removed.
    pub(super) fn left_in_spool(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(self.folder.spool())?
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let names: Vec<String> = names.collect::<io::Result<_>>()?;
        let lasts = |name: &String| {
            [".lock", "keys", "store"].contains(&name.as_str())
                || ["catalogue.sqlite", "content-queue.sqlite"].iter().any(|file| name.starts_with(file))
        };
        Ok(names.into_iter().filter(|name| !lasts(name)).collect())
    }
}
