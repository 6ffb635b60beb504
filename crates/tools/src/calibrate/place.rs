//! What a server is started with: a folder of its own with a prompt, a configuration and, for recordings, a place for
//! those; all of it goes when this goes.

use std::cell::Cell;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mediapoint_caller::{audio, speech};

use super::CalibrateError;
use super::kinds::MUSIC;
use crate::child::ChildServer;
use crate::recorded::RecordedFolder;

/// Samples at 8 kHz of what is played as prompt and hold music: ten seconds.
const LENGTH: usize = 80_000;

/// The server to measure, and where it works.
#[derive(Debug)]
pub(super) struct Place {
    program: PathBuf,
    folder: PathBuf,
    core: Option<usize>,
    flags: Vec<String>,
    started: Cell<u32>,
}

impl Place {
    /// A place in the system's folder of temporary files for servers of `program` on `core`, started with more `flags`.
    pub(super) fn new(
        program: PathBuf,
        core: Option<usize>,
        flags: Vec<String>,
    ) -> Result<Self, CalibrateError> {
        let name = format!("mediapoint-calibrate-{}-{:08x}", std::process::id(), rand::random::<u32>());
        let folder = std::env::temp_dir().join(name);
        let place = Self { program, folder, core, flags, started: Cell::new(0) };
        place.furnish().map_err(|source| CalibrateError::Folder { path: place.folder.clone(), source })?;
        Ok(place)
    }

    fn furnish(&self) -> io::Result<()> {
        let prompts = self.folder.join("prompts");
        for folder in [&self.folder, &prompts] {
            DirBuilder::new().mode(0o700).create(folder)?;
        }
        audio::write_wav(&prompts.join(MUSIC), &speech::synthetic(LENGTH)).map_err(io::Error::other)?;
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let text = format!(
            "[prompts]\nfolders = [{}]\nhold-music = {MUSIC:?}\n\n[recording]\nformat = \"wav\"\n",
            quoted(&prompts)
        );
        fs::write(self.config(), text)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("mediapoint.toml")
    }

    /// Starts a server, which records where that is wanted.
    pub(super) fn start(&self, recording: bool) -> Result<Server, CalibrateError> {
        let number = self.started.replace(self.started.get() + 1);
        let recorded = recording
            .then(|| RecordedFolder::new(self.folder.join(format!("recorded-{number}"))))
            .transpose()
            .map_err(|source| CalibrateError::Folder { path: self.folder.clone(), source })?;
        let listed = self.core.map_or_else(|| "auto".to_owned(), |core| core.to_string());
        let config = self.config().display().to_string();
        // More points than a core can carry: its own end is looked for, not that of a budget.
        let fixed = ["--budget", "9999999", "--grace", "0", "--log", "error", "--workers", "1"];
        let more = recorded.as_ref().map(RecordedFolder::flags).unwrap_or_default();
        let flags: Vec<&str> = fixed
            .into_iter()
            .chain(["--cores", &listed, "--config", &config])
            .chain(self.flags.iter().chain(&more).map(String::as_str))
            .collect();
        let child = ChildServer::start(&self.program, &flags, self.core, Stdio::inherit())?;
        Ok(Server { child, recorded })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is in the folder of temporary files.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A running server; killed where it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: ChildServer,
    recorded: Option<RecordedFolder>,
}

impl Server {
    pub(super) fn ng(&self) -> std::net::SocketAddr {
        self.child.ng()
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Kills it: the figures are taken, and what it holds is of no use. Recordings are removed.
    pub(super) fn end(self) {
        drop(self.child);
        if let Some(recorded) = self.recorded {
            drop(recorded.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_gone_when_it_is_dropped() {
        let place = Place::new(PathBuf::from("no/server"), None, Vec::new()).unwrap();
        let folder = place.folder.clone();
        assert!(folder.join("prompts").join(MUSIC).is_file() && place.config().is_file());
        assert!(matches!(place.start(true), Err(CalibrateError::Child(_))));
        drop(place);
        assert!(!folder.exists());
    }
}
