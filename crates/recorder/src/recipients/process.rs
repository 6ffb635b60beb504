//! A plugin's program while it runs. It is killed with all that it started once its time is over or its work is done.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::Limit;
use super::stanza::{self, Stanza};

/// Most octets that a plugin may say.
const MOST_OCTETS: usize = 64 * 1024;

/// Why a plugin did not wrap a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PluginFailure {
    /// No program of its name can be run.
    #[error("is not found in PATH")]
    NotFound,
    /// The system did not run it.
    #[error("cannot be run: {0}")]
    NotRun(io::ErrorKind),
    /// It did not answer in time, and was killed.
    #[error("was not done within {0:?}")]
    Timeout(Duration),
    /// It ended before it had answered.
    #[error("ended without an answer")]
    Ended,
    /// What it said is not of the protocol.
    #[error("does not speak the plugin protocol: {0}")]
    Protocol(&'static str),
    /// It refused, with these words.
    #[error("refused: {0}")]
    Refused(String),
}

/// A plugin that did not wrap a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("recipient {number}: age-plugin-{name} {failure}")]
pub struct PluginError {
    /// Number of its recipient in the list, from 1.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// What happened.
    pub failure: PluginFailure,
}

/// The first program of this name in the folders of `path`; those that are relative do not count.
pub(super) fn find(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| {
        file.is_absolute() && file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
    };
    std::env::split_paths(path?).map(|folder| folder.join(name)).find(is_program)
}

/// A program that speaks with us.
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    limit: Limit,
    heard: Vec<u8>,
    octets: usize,
}

impl Process {
    /// Runs it.
    pub(super) fn start(program: &Path, argument: &str, limit: Limit) -> Result<Self, PluginFailure> {
        let failed = |error: io::Error| PluginFailure::NotRun(error.kind());
        let mut child = Command::new(program)
            .arg(argument)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let Some((stdin, stdout)) = pipes else {
            kill(&mut child);
            return Err(PluginFailure::NotRun(io::ErrorKind::BrokenPipe));
        };
        let process = Self { child, stdin, stdout, limit, heard: Vec::new(), octets: 0 };
        for pipe in [process.stdin.as_fd(), process.stdout.as_fd()] {
            rustix::io::ioctl_fionbio(pipe, true).map_err(|error| failed(error.into()))?;
        }
        Ok(process)
    }

    /// Sends it octets.
    pub(super) fn send(&mut self, mut octets: &[u8]) -> Result<(), PluginFailure> {
        while !octets.is_empty() {
            match self.stdin.write(octets) {
                Ok(0) => return Err(PluginFailure::Ended),
                Ok(sent) => octets = octets.get(sent..).unwrap_or_default(),
                Err(error) if waits(&error) => self.wait(self.stdin.as_fd(), PollFlags::OUT)?,
                // It reads no more. What it says tells why.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// The next stanza that it says.
    pub(super) fn receive(&mut self) -> Result<Stanza, PluginFailure> {
        let mut room = [0; 4096];
        loop {
            match stanza::read(&mut self.heard) {
                Ok(Some(stanza)) => return Ok(stanza),
                Ok(None) => {}
                Err(stanza::Malformed) => return Err(PluginFailure::Protocol("what it says is no stanza")),
            }
            match self.stdout.read(&mut room) {
                Ok(0) => return Err(PluginFailure::Ended),
                Ok(read) => {
                    self.octets = self.octets.saturating_add(read);
                    if self.octets > MOST_OCTETS {
                        return Err(PluginFailure::Protocol("it says too much"));
                    }
                    self.heard.extend_from_slice(room.get(..read).unwrap_or_default());
                }
                Err(error) if waits(&error) => self.wait(self.stdout.as_fd(), PollFlags::IN)?,
                Err(_) => return Err(PluginFailure::Ended),
            }
        }
    }

    /// Waits until a pipe is ready, at most for as long as is left.
    fn wait(&self, pipe: BorrowedFd<'_>, what: PollFlags) -> Result<(), PluginFailure> {
        let late = || PluginFailure::Timeout(self.limit.all());
        let left = self.limit.left();
        if left.is_zero() {
            return Err(late());
        }
        let left = Timespec::try_from(left).map_err(|_| late())?;
        match poll(&mut [PollFd::from_borrowed_fd(pipe, what)], Some(&left)) {
            // The time is looked at before the next wait.
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(PluginFailure::NotRun(io::Error::from(error).kind())),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill(&mut self.child);
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Kills a program with its group, and takes its exit status, so that nothing of it is left.
fn kill(child: &mut Child) {
    // Until its status is taken nobody else has its number; one that has ended cannot be killed.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}
