//! The server that is measured: a child process, or one that runs already.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{fs, io};

use super::arguments::BenchArguments;
use crate::child::{self, ChildError, ChildServer};
use crate::recorded::RecordedFolder;

/// Which server to measure.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// A program to start.
    Program(PathBuf),
    /// One that runs, and its process where that is known.
    Running(SocketAddr, Option<u32>),
}

impl Target {
    /// The one that the arguments name first.
    pub(super) fn of(arguments: &BenchArguments) -> Result<Self, ChildError> {
        match arguments.ng {
            Some(ng) => Ok(Self::Running(ng, arguments.pid)),
            None => child::program(arguments.server.as_deref()).map(Self::Program),
        }
    }

    /// The one to compare it with, where there is one.
    pub(super) fn versus(arguments: &BenchArguments) -> Result<Option<Self>, ChildError> {
        let path = arguments.versus.as_deref();
        path.map(|path| child::program(Some(path)).map(Self::Program)).transpose()
    }

    /// Starts it on `core` as the arguments say, or takes the one that runs.
    pub(super) fn start(
        &self,
        core: Option<usize>,
        arguments: &BenchArguments,
    ) -> Result<Server, ChildError> {
        match self {
            Self::Program(program) => start(program, core, arguments).map(Server::Child),
            Self::Running(ng, pid) => Ok(Server::Running(*ng, *pid)),
        }
    }

    /// Its path, or the address of its control port.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Program(program) => program.display().to_string(),
            Self::Running(ng, _) => ng.to_string(),
        }
    }
}

fn start(program: &Path, core: Option<usize>, arguments: &BenchArguments) -> Result<ChildServer, ChildError> {
    let listed = core.map_or_else(|| "auto".to_owned(), |core| core.to_string());
    // More points than a core can carry: the bench is to find the end of the core, not that of the budget.
    let fixed = ["--budget", "4000", "--grace", "0", "--log", "warn", "--tick", &arguments.tick];
    let recorded = arguments.record.as_deref().map(|folder| recording(folder, arguments)).transpose()?;
    let recorded = recorded.iter().flatten().map(String::as_str);
    let flags: Vec<&str> = fixed.into_iter().chain(["--cores", &listed]).chain(recorded).collect();
    ChildServer::start(program, &flags, core, Stdio::inherit())
}

/// Flags of a server that records to a folder of its own inside `folder`, where the recordings stay.
fn recording(folder: &Path, arguments: &BenchArguments) -> io::Result<Vec<String>> {
    let name = format!("bench-{:016x}", rand::random::<u64>());
    let place = RecordedFolder::new(folder.join(name))?;
    let file = place.path().join("mediapoint.toml");
    let format = if arguments.record_wav { "wav" } else { "opus" };
    fs::write(&file, format!("[recording]\nformat = \"{format}\"\n"))?;
    let config = ["--config".to_owned(), file.display().to_string()];
    Ok(config.into_iter().chain(place.flags()).collect())
}

/// A server that serves; a child process is killed when it is dropped without [`Server::stop`].
#[derive(Debug)]
pub(super) enum Server {
    /// Started for the measurement.
    Child(ChildServer),
    /// The control port and process of another.
    Running(SocketAddr, Option<u32>),
}

impl Server {
    /// Its control port.
    pub(super) fn ng(&self) -> SocketAddr {
        match self {
            Self::Child(child) => child.ng(),
            Self::Running(ng, _) => *ng,
        }
    }

    /// Its process, where it is known.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Child(child) => Some(child.pid()),
            Self::Running(_, pid) => *pid,
        }
    }

    /// Ends it where it was started here. The figures are taken: one that does not end is killed.
    pub(super) fn stop(self) {
        if let Self::Child(child) = self {
            drop(child.stop());
        }
    }
}
