//! Loads a running server with conference rooms, and reports what came to their members.

mod shared;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mediapoint_caller::load::conference::{Bridge, ConferenceConfig};

use shared::Common;

/// Loads a running server with conference rooms of G.711 and measures loss and the server's CPU time.
#[derive(Parser)]
struct Arguments {
    /// The server's ng control port.
    #[arg(long, default_value = "127.0.0.1:2223")]
    ng: SocketAddr,
    /// Load Janus's AudioBridge instead, at the Unix datagram socket of its interface.
    #[arg(long, value_name = "SOCKET")]
    janus: Option<PathBuf>,
    /// Sample rate of Janus's rooms in hertz.
    #[arg(long, default_value_t = 8000)]
    janus_rate: u32,
    /// Rooms at one time.
    #[arg(long, default_value_t = 1)]
    rooms: usize,
    /// Members of each room.
    #[arg(long, default_value_t = 20)]
    members: usize,
    /// How many of them speak; the others send the noise of a quiet line.
    #[arg(long, default_value_t = 3)]
    speakers: usize,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    shared::end("rooms", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn std::error::Error>> {
    let rate = arguments.janus_rate;
    let bridge =
        arguments.janus.clone().map_or(Bridge::Ng(arguments.ng), |socket| Bridge::Janus { socket, rate });
    let common = &arguments.common;
    let config = ConferenceConfig {
        server_pid: common.pid,
        rooms: arguments.rooms,
        members: arguments.members,
        speakers: arguments.speakers,
        duration: common.duration()?,
        warm_up: common.warm_up()?,
        core: common.core,
        cores: common.cores.clone(),
        far: common.far(),
        address: common.address,
        tick: common.tick(),
        speech: common.audio.clone(),
        ..ConferenceConfig::new(bridge)
    };
    let report = config.run()?;
    common.shown(&report)
}
