//! Loads a running server that speaks the rtpengine ng protocol, and reports what happened.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use mediapoint_caller::codec::{Codec, UnknownCodec};
use mediapoint_caller::load::{FarEnd, Kind, LoadConfig, LoadGenerator};
use mediapoint_caller::sdes::Suite;

/// Loads a running server with calls and measures delay, loss and the server's CPU time.
#[derive(Parser)]
struct Arguments {
    /// The server's ng control port.
    #[arg(long, default_value = "127.0.0.1:2223")]
    ng: SocketAddr,
    /// The server's process id, to measure its CPU time.
    #[arg(long)]
    pid: Option<u32>,
    /// Calls at one time.
    #[arg(long, default_value_t = 400)]
    calls: usize,
    /// What the callee speaks, the caller speaking PCMU: pcmu, pcma, g722, g729, opus; `srtp` is pcmu with --srtp.
    #[arg(long, default_value = "pcmu")]
    kind: String,
    /// SRTP at the callee.
    #[arg(long)]
    srtp: bool,
    /// The crypto suite of SRTP, by its SDES name.
    #[arg(long, default_value = "AES_CM_128_HMAC_SHA1_80", value_parser = suite)]
    suite: Suite,
    /// Seconds to measure, after the warm-up.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds of warm-up.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Seconds that the phones first talk without a server; 0 leaves that out.
    #[arg(long, default_value_t = 1.0)]
    baseline: f64,
    /// The core to pin the generator to.
    #[arg(long)]
    core: Option<usize>,
    /// Cores whose busy time is measured as a whole, whoever uses them.
    #[arg(long, value_delimiter = ',')]
    cores: Vec<usize>,
    /// Load no server: half of the phones are in this network namespace, and partners send to each other.
    #[arg(long, value_name = "FILE", requires = "far_address")]
    far: Option<PathBuf>,
    /// Their address there.
    #[arg(long, requires = "far")]
    far_address: Option<IpAddr>,
    /// The address of the phones.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Microseconds to sleep between rounds; 0 never sleeps and sends evenly.
    #[arg(long, default_value_t = 0)]
    tick: u64,
    /// An audio file that transcoded calls talk with, instead of recorded prompts.
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn suite(name: &str) -> Result<Suite, String> {
    Suite::from_name(name).ok_or_else(|| format!("not one of {}", Suite::ALL.map(Suite::name).join(", ")))
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn kind(arguments: &Arguments) -> Result<Kind, UnknownCodec> {
    let (callee, srtp) = match arguments.kind.as_str() {
        "srtp" => (Codec::Pcmu, true),
        name => (name.parse()?, arguments.srtp),
    };
    Ok(Kind { suite: srtp.then_some(arguments.suite), ..Kind::to(callee) })
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn std::error::Error>> {
    let far = arguments.far.clone().zip(arguments.far_address);
    let far = far.map(|(namespace, address)| FarEnd { namespace, address });
    let config = LoadConfig {
        server_pid: arguments.pid,
        calls: arguments.calls,
        kind: kind(arguments)?,
        speech: arguments.audio.clone(),
        duration: Duration::try_from_secs_f64(arguments.seconds)?,
        warm_up: Duration::try_from_secs_f64(arguments.warm_up)?,
        baseline: Duration::try_from_secs_f64(arguments.baseline)?,
        core: arguments.core,
        cores: arguments.cores.clone(),
        far,
        address: arguments.address,
        tick: Duration::from_micros(arguments.tick),
        ..LoadConfig::new(arguments.ng)
    };
    let report = LoadGenerator::new(config)?.run()?;
    Ok(if arguments.json { serde_json::to_string_pretty(&report)? } else { report.to_string() })
}
