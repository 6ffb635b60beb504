//! Loads a running server that speaks the rtpengine ng protocol, and reports what happened.

mod shared;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use mediapoint_caller::codec::{Codec, UnknownCodec};
use mediapoint_caller::load::{Kind, LoadConfig, LoadGenerator};
use mediapoint_caller::sdes::Suite;

use shared::Common;

/// Loads a running server with calls and measures delay, loss and the server's CPU time.
#[derive(Parser)]
struct Arguments {
    /// The server's ng control port.
    #[arg(long, default_value = "127.0.0.1:2223")]
    ng: SocketAddr,
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
    /// Seconds that the phones first talk without a server; 0 leaves that out.
    #[arg(long, default_value_t = 1.0)]
    baseline: f64,
    #[command(flatten)]
    common: Common,
}

fn suite(name: &str) -> Result<Suite, String> {
    Suite::from_name(name).ok_or_else(|| format!("not one of {}", Suite::ALL.map(Suite::name).join(", ")))
}

fn main() -> ExitCode {
    shared::end("load", run(&Arguments::parse()))
}

fn kind(arguments: &Arguments) -> Result<Kind, UnknownCodec> {
    let (callee, srtp) = match arguments.kind.as_str() {
        "srtp" => (Codec::Pcmu, true),
        name => (name.parse()?, arguments.srtp),
    };
    Ok(Kind { suite: srtp.then_some(arguments.suite), ..Kind::to(callee) })
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn std::error::Error>> {
    let common = &arguments.common;
    let config = LoadConfig {
        server_pid: common.pid,
        calls: arguments.calls,
        kind: kind(arguments)?,
        speech: common.audio.clone(),
        duration: common.duration()?,
        warm_up: common.warm_up()?,
        baseline: Duration::try_from_secs_f64(arguments.baseline)?,
        core: common.core,
        cores: common.cores.clone(),
        far: common.far(),
        address: common.address,
        tick: common.tick(),
        ..LoadConfig::new(arguments.ng)
    };
    let report = LoadGenerator::new(config)?.run()?;
    common.shown(&report)
}
