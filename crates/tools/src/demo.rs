//! `mediapoint-tools demo`: a call between two softphones through a server, and what became of their audio.

mod call;
mod figures;
mod load;
mod report;
mod waveform;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use clap::Args;
use mediapoint_caller::audio::{self, AudioError};
use mediapoint_caller::load::LoadError;
use mediapoint_caller::ng::NgError;
use mediapoint_caller::speech::{self, SpeechError};
use mediapoint_caller::{CallError, Codec, PhoneError};

use crate::child::{self, ChildError, ChildServer};
use crate::cli::{FAILED, refuse};
use call::Outcome;

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Seconds to talk
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(2..=600))]
    seconds: u16,
    /// What the caller speaks: pcmu, pcma, g722, g729, opus
    #[arg(long, value_name = "CODEC", default_value = "pcmu")]
    caller: Codec,
    /// What the callee speaks
    #[arg(long, value_name = "CODEC", default_value = "pcma")]
    callee: Codec,
    /// Audio file that both parties play, over again where it is short: WAV, AIFF, FLAC, Ogg, MP3 [default: recorded
    /// prompts of the Debian package asterisk-core-sounds-en-wav, or else a synthetic voice that counts]
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// Calls of a short load afterwards, since one call does not show what a packet costs a busy server; 0 for none
    #[arg(long, value_name = "CALLS", default_value_t = 100, value_parser = clap::value_parser!(u16).range(0..=2000))]
    load: u16,
    /// Folder for the audio sent and received, and for the server's log
    #[arg(long, value_name = "FOLDER", default_value = "out")]
    out: PathBuf,
    /// The server's program [default: `mediapoint` in the folder of this program]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error(transparent)]
    Speech(#[from] SpeechError),
    #[error(transparent)]
    Audio(#[from] AudioError),
    #[error(transparent)]
    Program(#[from] ChildError),
    #[error("{source}; see {}", log.display())]
    Child { source: ChildError, log: PathBuf },
    #[error("{0}")]
    Phone(#[from] PhoneError),
    #[error("the call cannot be set up: {0}")]
    Call(#[from] CallError),
    #[error("the server does not answer as it should: {0}")]
    Ng(#[from] NgError),
    #[error("nothing was heard by the {listener} within {} s", call::PATIENCE.as_secs())]
    Unheard { listener: &'static str },
    #[error("cannot read the CPU time of the server: {0}")]
    Cpu(io::Error),
    #[error("the load failed: {0}")]
    Load(#[from] LoadError),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// `mediapoint-tools demo`. Fails, too, where packets were lost or what was heard is not what was said.
pub(crate) fn command(arguments: &DemoArguments) -> ExitCode {
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => refuse(FAILED, &error),
    }
}

fn run(arguments: &DemoArguments) -> Result<bool, DemoError> {
    let program = child::program(arguments.server.as_deref())?;
    let talk = Duration::from_secs(arguments.seconds.into());
    let speech = speech::find_or_count(arguments.audio.as_deref(), talk)?;
    let write = |source| DemoError::Write { path: arguments.out.clone(), source };
    fs::create_dir_all(&arguments.out).map_err(write)?;
    let log = arguments.out.join("server.log");
    let file = File::create(&log).map_err(|source| DemoError::Write { path: log.clone(), source })?;
    let server = ChildServer::start(&program, &["--grace", "0"], None, Stdio::from(file))
        .map_err(|source| DemoError::Child { source, log: log.clone() })?;
    report::server(&server, &log);
    let outcome = call::make(&server, [arguments.caller, arguments.callee], &speech)?;
    let kept = keep(&outcome, &arguments.out)?;
    report::outcome(&outcome, &kept);
    if arguments.load > 0 {
        report::load(&load::run(&server, arguments.load)?);
    }
    report::end(&server.stop());
    Ok(outcome.is_flawless())
}

/// Files of one direction.
struct Kept {
    said: PathBuf,
    heard: PathBuf,
}

/// Writes what was said and heard, of the caller's voice and of the callee's.
fn keep(outcome: &Outcome, folder: &Path) -> Result<[Kept; 2], DemoError> {
    let names = [("caller-sent.wav", "callee-received.wav"), ("callee-sent.wav", "caller-received.wav")];
    let kept = names.map(|(said, heard)| Kept { said: folder.join(said), heard: folder.join(heard) });
    for (direction, files) in outcome.directions.iter().zip(&kept) {
        audio::write_wav(&files.said, direction.said.samples())?;
        audio::write_wav(&files.heard, direction.heard.samples())?;
    }
    Ok(kept)
}
