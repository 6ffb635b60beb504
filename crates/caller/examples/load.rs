//! Loads a running server that speaks the rtpengine ng protocol, and reports what happened.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use mediapoint_caller::load::{Kind, LoadConfig, LoadGenerator};
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
    /// What each call is.
    #[arg(long, value_enum, default_value = "pcmu")]
    kind: KindName,
    /// The crypto suite of `--kind srtp`, by its SDES name.
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
    /// The address of the phones.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Microseconds to sleep between rounds; 0 never sleeps and sends evenly.
    #[arg(long, default_value_t = 0)]
    tick: u64,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindName {
    Pcmu,
    Srtp,
    Pcma,
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

fn run(arguments: &Arguments) -> Result<String, Box<dyn std::error::Error>> {
    let config = LoadConfig {
        server_pid: arguments.pid,
        calls: arguments.calls,
        kind: match arguments.kind {
            KindName::Pcmu => Kind::PcmuRelay,
            KindName::Srtp => Kind::SrtpOneSide { suite: arguments.suite },
            KindName::Pcma => Kind::PcmuPcma,
        },
        duration: Duration::try_from_secs_f64(arguments.seconds)?,
        warm_up: Duration::try_from_secs_f64(arguments.warm_up)?,
        baseline: Duration::try_from_secs_f64(arguments.baseline)?,
        core: arguments.core,
        address: arguments.address,
        tick: Duration::from_micros(arguments.tick),
        ..LoadConfig::new(arguments.ng)
    };
    let report = LoadGenerator::new(config)?.run()?;
    Ok(if arguments.json { serde_json::to_string_pretty(&report)? } else { report.to_string() })
}
