//! `mediapoint-tools bench`: loads a real server over loopback and says what it carries.

mod machine;
mod report;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use clap::{Args, ValueEnum};
use mediapoint_caller::Codec;
use mediapoint_caller::load::{Kind, LoadConfig, LoadError, LoadGenerator, LoadReport};
use mediapoint_caller::sdes::Suite;

use crate::child::{self, ChildError, ChildServer};
use crate::cli::{FAILED, refuse};
use report::BenchReport;

/// Calls of the first step of a sweep; each further step has twice as many.
const SWEEP_FROM: usize = 50;

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Calls at one time; several numbers with commas are measured in turn
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_value = "400")]
    calls: Vec<usize>,
    /// Begin with 50 calls and double them until the service level is missed: no packet lost, p99 of the delay below
    /// 5 ms, core below 85 % busy
    #[arg(long, conflicts_with = "calls")]
    sweep: bool,
    /// What each call is
    #[arg(long, value_enum, default_value = "pcmu")]
    kind: KindName,
    /// SRTP on one side, whatever the kind
    #[arg(long)]
    srtp: bool,
    /// Suite of SRTP, by its SDES name
    #[arg(long, value_name = "NAME", default_value = "AES_CM_128_HMAC_SHA1_80", value_parser = suite)]
    suite: Suite,
    /// Audio file that transcoded calls talk with [default: recorded prompts of the Debian package
    /// asterisk-core-sounds-en-wav]
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// Seconds to measure each number of calls
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    seconds: f64,
    /// Seconds to send before measuring
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    warm_up: f64,
    /// Write the figures as JSON to a file; `-` writes them to standard output instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Core for the server [default: the last one usable]
    #[arg(long, value_name = "CORE")]
    server_core: Option<usize>,
    /// Core for the load [default: the first one usable]
    #[arg(long, value_name = "CORE")]
    load_core: Option<usize>,
    /// How often a busy worker of the server looks at its sockets
    #[arg(long, value_name = "TIME", default_value = "1ms", conflicts_with = "ng")]
    tick: String,
    /// The server's program [default: `mediapoint` in the folder of this program]
    #[arg(long, value_name = "PATH", conflicts_with = "ng")]
    server: Option<PathBuf>,
    /// Measure the server that listens here instead of starting one
    #[arg(long, value_name = "ADDR:PORT")]
    ng: Option<SocketAddr>,
    /// Its process, to measure its CPU time
    #[arg(long, value_name = "PID", requires = "ng")]
    pid: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindName {
    /// PCMU, plain RTP on both sides
    Pcmu,
    /// The same as pcmu with --srtp
    Srtp,
    /// PCMU on one side, PCMA on the other
    Pcma,
    /// PCMU on one side, G.722 on the other
    G722,
    /// PCMU on one side, G.729 on the other
    G729,
    /// PCMU on one side, Opus (48 kHz, mono, without error correction) on the other
    Opus,
}

fn suite(name: &str) -> Result<Suite, String> {
    Suite::from_name(name).ok_or_else(|| format!("allowed: {}", Suite::ALL.map(Suite::name).join(", ")))
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{0} seconds cannot be measured")]
    Seconds(f64),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot encode the figures: {0}")]
    Encode(#[from] serde_json::Error),
}

/// `mediapoint-tools bench`.
pub(crate) fn command(arguments: &BenchArguments) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(FAILED, &error),
    }
}

/// The server that is measured.
enum Server {
    Own(ChildServer),
    Other { ng: SocketAddr, pid: Option<u32> },
}

impl Server {
    fn start(arguments: &BenchArguments, core: Option<usize>) -> Result<Self, ChildError> {
        if let Some(ng) = arguments.ng {
            return Ok(Self::Other { ng, pid: arguments.pid });
        }
        let listed = core.map_or_else(|| "auto".to_owned(), |core| core.to_string());
        // More points than a core can carry: the bench is to find the end of the core, not that of the budget.
        let fixed = ["--budget", "100000", "--grace", "0", "--log", "warn", "--tick", &arguments.tick];
        let flags: Vec<&str> = fixed.into_iter().chain(["--cores", &listed]).collect();
        let program = child::program(arguments.server.as_deref())?;
        ChildServer::start(&program, &flags, core, Stdio::inherit()).map(Self::Own)
    }

    fn ng(&self) -> SocketAddr {
        match self {
            Self::Own(child) => child.ng(),
            Self::Other { ng, .. } => *ng,
        }
    }

    fn pid(&self) -> Option<u32> {
        match self {
            Self::Own(child) => Some(child.pid()),
            Self::Other { pid, .. } => *pid,
        }
    }
}

fn run(arguments: &BenchArguments) -> Result<(), BenchError> {
    let (server_core, load_core) = cores(arguments);
    let server = Server::start(arguments, server_core)?;
    let mut runs: Vec<LoadReport> = Vec::new();
    for calls in steps(arguments) {
        eprintln!("{calls} calls, {} s", arguments.seconds);
        let config = LoadConfig {
            server_pid: server.pid(),
            calls,
            kind: kind(arguments),
            duration: seconds(arguments.seconds)?,
            warm_up: seconds(arguments.warm_up)?,
            core: load_core,
            speech: arguments.audio.clone(),
            ..LoadConfig::new(server.ng())
        };
        let run = LoadGenerator::new(config)?.run()?;
        let within = report::within_service_level(&run);
        runs.push(run);
        if arguments.sweep && !within {
            break;
        }
    }
    let own = matches!(server, Server::Own(_));
    if let Server::Own(child) = server {
        // The figures are taken; a server that does not end is killed by the drop.
        drop(child.stop());
    }
    let report = BenchReport::new(
        machine::describe(),
        own.then(|| arguments.tick.clone()),
        [server_core, load_core],
        runs,
    );
    write(&report, arguments.json.as_ref())
}

/// The numbers of calls to measure.
fn steps(arguments: &BenchArguments) -> Box<dyn Iterator<Item = usize> + '_> {
    if arguments.sweep {
        let doubled = |calls: &usize| calls.checked_mul(2);
        Box::new(
            std::iter::successors(Some(SWEEP_FROM), doubled)
                .take_while(|calls| *calls <= mediapoint_caller::load::MAX_CALLS),
        )
    } else {
        Box::new(arguments.calls.iter().copied())
    }
}

fn kind(arguments: &BenchArguments) -> Kind {
    let callee = match arguments.kind {
        KindName::Pcmu | KindName::Srtp => Codec::Pcmu,
        KindName::Pcma => Codec::Pcma,
        KindName::G722 => Codec::G722,
        KindName::G729 => Codec::G729,
        KindName::Opus => Codec::Opus,
    };
    let srtp = arguments.srtp || matches!(arguments.kind, KindName::Srtp);
    Kind { callee, suite: srtp.then_some(arguments.suite) }
}

fn seconds(seconds: f64) -> Result<Duration, BenchError> {
    Duration::try_from_secs_f64(seconds).map_err(|_| BenchError::Seconds(seconds))
}

/// The cores of the server and of the load; none where there is only one for both, and none was named.
fn cores(arguments: &BenchArguments) -> (Option<usize>, Option<usize>) {
    let usable = mediapoint_net::available_cores();
    let (first, last) = match usable.as_slice() {
        [first, .., last] => (Some(*first), Some(*last)),
        _ => {
            eprintln!("note: server and load share one core; the figures are those of both");
            (None, None)
        }
    };
    (arguments.server_core.or(last), arguments.load_core.or(first))
}

fn write(report: &BenchReport, json: Option<&PathBuf>) -> Result<(), BenchError> {
    let Some(path) = json else {
        println!("{report}");
        return Ok(());
    };
    let text = serde_json::to_string_pretty(report)?;
    if path.as_os_str() == "-" {
        println!("{text}");
        return Ok(());
    }
    println!("{report}");
    fs::write(path, text + "\n").map_err(|source| BenchError::Write { path: path.clone(), source })
}
