//! What both load generators are told, and how they end.

use std::error::Error;
use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use mediapoint_caller::load::FarEnd;
use serde::Serialize;

/// Options of any load.
#[derive(Args)]
pub(crate) struct Common {
    /// The server's process id, to measure its CPU time.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Seconds to measure, after the warm-up.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds of warm-up.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// The core to pin the generator to.
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// Cores whose busy time is measured as a whole, whoever uses them.
    #[arg(long, value_delimiter = ',')]
    pub(crate) cores: Vec<usize>,
    /// Load no server: half of the phones are in this network namespace, and partners send to each other.
    #[arg(long, value_name = "FILE", requires = "far_address")]
    far: Option<PathBuf>,
    /// Their address there.
    #[arg(long, requires = "far")]
    far_address: Option<IpAddr>,
    /// The address of the phones.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) address: IpAddr,
    /// Microseconds to sleep between rounds; 0 never sleeps and sends evenly.
    #[arg(long, default_value_t = 0)]
    tick: u64,
    /// An audio file that is talked with where audio is coded, instead of recorded prompts.
    #[arg(long, value_name = "FILE")]
    pub(crate) audio: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl Common {
    pub(crate) fn duration(&self) -> Result<Duration, Box<dyn Error>> {
        Ok(Duration::try_from_secs_f64(self.seconds)?)
    }

    pub(crate) fn warm_up(&self) -> Result<Duration, Box<dyn Error>> {
        Ok(Duration::try_from_secs_f64(self.warm_up)?)
    }

    pub(crate) const fn tick(&self) -> Duration {
        Duration::from_micros(self.tick)
    }

    pub(crate) fn far(&self) -> Option<FarEnd> {
        let far = self.far.clone().zip(self.far_address);
        far.map(|(namespace, address)| FarEnd { namespace, address })
    }

    /// The report as a table or as JSON.
    pub(crate) fn shown(&self, report: &(impl Serialize + Display)) -> Result<String, Box<dyn Error>> {
        Ok(if self.json { serde_json::to_string_pretty(report)? } else { report.to_string() })
    }
}

/// Prints what came out, or why nothing did.
pub(crate) fn end(program: &str, outcome: Result<String, Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}
