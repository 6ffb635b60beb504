//! `mediapoint-tools drill`: attacks a real server over loopback, and judges what became of it and of honest calls.

mod arguments;
mod call;
mod churn;
mod flood;
mod holding;
mod memory;
mod overload;
mod process;
mod race;
mod random;
mod recordings;
mod report;
mod rtp;
mod server;
mod window;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use indicatif::{ProgressBar, ProgressStyle};
use mediapoint_caller::load::LoadError;
use mediapoint_caller::ng::NgError;
use mediapoint_caller::sdp::SdpError;

use crate::child::ChildError;
use crate::cli::{FAILED, refuse};
pub(crate) use arguments::{DrillArguments, EXAMPLES};
use report::{Outcome, Report};
use server::{Server, Target};

/// Why nothing was judged.
#[derive(Debug, thiserror::Error)]
enum DrillError {
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error("the server ended in the drill: {0}")]
    Dead(ExitStatus),
    #[error(transparent)]
    Ng(#[from] NgError),
    #[error("the server's description cannot be used: {0}")]
    Sdp(#[from] SdpError),
    #[error("the server's description lacks {0}")]
    Lacking(&'static str),
    #[error("the honest calls failed: {0}")]
    Load(#[from] LoadError),
    #[error("there were {found} of {wanted} honest calls within {} s", flood::PATIENCE.as_secs())]
    Calls { found: usize, wanted: usize },
    #[error("socket: {0}")]
    Socket(#[from] io::Error),
    #[error("cannot read {what} of process {pid}: {source}")]
    Process { what: &'static str, pid: u32, source: io::Error },
    #[error("{count} recordings are still on their way to the store: {first}")]
    Pending { count: usize, first: String },
    #[error(
        "server and neighbours need a core beside that of the drill; this machine lets the drill use one"
    )]
    OneCore,
    #[error("the budget is {calls} calls; the drill carries 1 to {most}")]
    Capacity { calls: u64, most: u64 },
    #[error("a thread of the drill panicked")]
    Panicked,
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read or write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// One attack.
trait Drill {
    /// Its name on the command line.
    const NAME: &'static str;

    /// The command that repeats it.
    fn command(&self) -> String;

    /// Flags that the server needs for it.
    fn flags(&self) -> Vec<String>;

    /// Attacks, measures and judges.
    fn run(&self, server: &Server) -> Result<Outcome, DrillError>;
}

/// `mediapoint-tools drill`. Fails, too, where a limit was not kept.
pub(crate) fn command(arguments: &DrillArguments) -> ExitCode {
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => refuse(FAILED, &error),
    }
}

fn run(arguments: &DrillArguments) -> Result<bool, DrillError> {
    let target = Target::of(arguments)?;
    mediapoint_net::raise_fd_limit()?;
    let outcomes = arguments.run(&target)?;
    let report = Report::new(&target, outcomes);
    let Some(path) = &arguments.json else {
        println!("{report}");
        return Ok(report.passed());
    };
    let text = serde_json::to_string_pretty(&report)?;
    if path.as_os_str() == "-" {
        println!("{text}");
    } else {
        println!("{report}");
        fs::write(path, text + "\n").map_err(|source| DrillError::Write { path: path.clone(), source })?;
    }
    Ok(report.passed())
}

/// A server of its own for one drill. Where that ended by itself, that is the error, and not what became of the requests.
fn attack<D: Drill>(drill: &D, target: &Target) -> Result<Outcome, DrillError> {
    eprintln!("{}: {}", D::NAME, drill.command());
    let mut server = Server::start(target, &drill.flags())?;
    let outcome = drill.run(&server);
    match server.ended()? {
        Some(status) => Err(DrillError::Dead(status)),
        None => {
            server.stop();
            outcome
        }
    }
}

/// A bar over `len` steps; nothing is shown where standard error is no terminal.
fn progress(what: &'static str, len: u64) -> ProgressBar {
    let bar = ProgressBar::new(len);
    if let Ok(style) = ProgressStyle::with_template("{msg:16} {bar:40} {percent:>3} %, {eta} left") {
        bar.set_style(style);
    }
    bar.with_message(what)
}
