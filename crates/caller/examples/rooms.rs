//! Loads a running server with conference rooms, and reports what came to their members.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use mediapoint_caller::load::FarEnd;
use mediapoint_caller::load::conference::{Bridge, ConferenceConfig};

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
    /// The server's process id, to measure its CPU time.
    #[arg(long)]
    pid: Option<u32>,
    /// Rooms at one time.
    #[arg(long, default_value_t = 1)]
    rooms: usize,
    /// Members of each room.
    #[arg(long, default_value_t = 20)]
    members: usize,
    /// How many of them speak; the others send the noise of a quiet line.
    #[arg(long, default_value_t = 3)]
    speakers: usize,
    /// Seconds to measure, after the warm-up.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds of warm-up.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
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
    /// An audio file that speakers talk with, instead of recorded prompts.
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rooms: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<String, Box<dyn std::error::Error>> {
    let rate = arguments.janus_rate;
    let bridge = arguments.janus.map_or(Bridge::Ng(arguments.ng), |socket| Bridge::Janus { socket, rate });
    let far = arguments.far.zip(arguments.far_address);
    let far = far.map(|(namespace, address)| FarEnd { namespace, address });
    let config = ConferenceConfig {
        server_pid: arguments.pid,
        rooms: arguments.rooms,
        members: arguments.members,
        speakers: arguments.speakers,
        duration: Duration::try_from_secs_f64(arguments.seconds)?,
        warm_up: Duration::try_from_secs_f64(arguments.warm_up)?,
        core: arguments.core,
        cores: arguments.cores,
        far,
        address: arguments.address,
        tick: Duration::from_micros(arguments.tick),
        speech: arguments.audio,
        ..ConferenceConfig::new(bridge)
    };
    let report = config.run()?;
    Ok(if arguments.json { serde_json::to_string_pretty(&report)? } else { report.to_string() })
}
