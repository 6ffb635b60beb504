//! `mediapoint size`: what calls take of servers and lines, and recordings of a disk, before there are any.

mod bandwidth;
mod calls;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, value_parser};
use mediapoint_content::{StorageDemand, storage_bytes};
use serde_json::json;

use crate::output::Output;

/// Examples of `mediapoint size --help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  mediapoint size calls --agents 2000 --recorded 100% --srtp 50%
  mediapoint size calls --agents 300 --codec opus=40% --server-points 960
  mediapoint size bandwidth --packet-time 20 --srtp aes-cm-80
  mediapoint size storage --calls 10000
  mediapoint size storage --calls 10000 --length 4m30s --keep 90d --mixed";

#[derive(Debug, Args)]
pub(crate) struct SizeArguments {
    #[command(subcommand)]
    command: SizeCommand,
}

#[derive(Debug, Subcommand)]
enum SizeCommand {
    /// Calls, points, servers, bandwidth and storage of a contact centre
    ///
    /// From agents and what callers do, for the busiest hour. Formulas: docs/sizing.md.
    Calls(Box<calls::CallsArguments>),
    /// Bandwidth of a stream on the wire, for each codec
    Bandwidth(bandwidth::BandwidthArguments),
    /// Space that recordings take: bit rate x length / 8 x calls a day x days
    ///
    /// The sum is of the audio alone. Containers, encryption and manifests add about 5 % at 16 kbit/s.
    Storage(StorageArguments),
}

#[derive(Debug, Args)]
struct StorageArguments {
    /// Recorded calls a day
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u64).range(..=1_000_000_000))]
    calls: u64,
    /// Mean length of a recorded call
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = humantime::parse_duration)]
    length: Duration,
    /// For how long they are kept, in whole days
    #[arg(long, value_name = "TIME", default_value = "365d", value_parser = humantime::parse_duration)]
    keep: Duration,
    /// Both parties in one channel
    #[arg(long)]
    mixed: bool,
    /// Bits per second of the audio [default: 16000, and 8000 with --mixed]
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..=10_000_000))]
    bit_rate: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl StorageArguments {
    fn demand(&self) -> StorageDemand {
        StorageDemand {
            bit_rate: self.bit_rate.unwrap_or(if self.mixed { 8000 } else { 16_000 }),
            length: self.length,
            calls_per_day: self.calls,
            days: self.keep.as_secs().div_ceil(86_400),
        }
    }
}

/// `mediapoint size`.
pub(crate) fn command(arguments: &SizeArguments) -> ExitCode {
    match &arguments.command {
        SizeCommand::Calls(arguments) => calls::command(arguments),
        SizeCommand::Bandwidth(arguments) => bandwidth::command(arguments),
        SizeCommand::Storage(arguments) => storage(arguments),
    }
}

fn storage(arguments: &StorageArguments) -> ExitCode {
    let demand = arguments.demand();
    let call = storage_bytes(&StorageDemand { calls_per_day: 1, days: 1, ..demand });
    let day = storage_bytes(&StorageDemand { days: 1, ..demand });
    let all = storage_bytes(&demand);
    let mut out = Output::default();
    if arguments.json {
        let number = |bytes: u128| u64::try_from(bytes).unwrap_or(u64::MAX);
        out.line(json!({
            "bit_rate": demand.bit_rate,
            "length_ms": number(demand.length.as_millis()),
            "calls_per_day": demand.calls_per_day,
            "days": demand.days,
            "bytes_per_call": number(call),
            "bytes_per_day": number(day),
            "bytes": number(all),
        }));
        return out.print(0);
    }
    out.line(format_args!(
        "{} bit/s x {} x {} calls a day x {} days",
        demand.bit_rate,
        humantime::format_duration(demand.length),
        demand.calls_per_day,
        demand.days
    ));
    for (what, bytes) in [("a call", call), ("a day", day), ("in all", all)] {
        out.line(format_args!("{what:<8}{:>10}", size(bytes)));
    }
    out.print(0)
}

/// A number of bytes, of which three digits count.
fn size(bytes: u128) -> String {
    let mut unit = 1;
    let mut names = ["B", "kB", "MB", "GB", "TB", "PB", "EB"].into_iter().peekable();
    let mut name = names.next().unwrap_or_default();
    while bytes >= unit * 1000 && names.peek().is_some() {
        unit *= 1000;
        name = names.next().unwrap_or_default();
    }
    let whole = bytes / unit;
    match whole {
        _ if unit == 1 => format!("{whole} {name}"),
        0..10 => format!("{whole}.{:02} {name}", bytes % unit * 100 / unit),
        10..100 => format!("{whole}.{} {name}", bytes % unit * 10 / unit),
        _ => format!("{whole} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        storage: StorageArguments,
    }

    fn demand(line: &[&str]) -> StorageDemand {
        Line::try_parse_from([&["size"], line].concat()).unwrap().storage.demand()
    }

    #[test]
    fn the_defaults_are_the_guides() {
        let usual = demand(&["--calls", "10000"]);
        assert_eq!((usual.bit_rate, usual.length.as_secs(), usual.days), (16_000, 180, 365));
        assert_eq!(demand(&["--calls", "1", "--mixed"]).bit_rate, 8000);
        assert_eq!(demand(&["--calls", "1", "--mixed", "--bit-rate", "12000"]).bit_rate, 12_000);
        assert_eq!(demand(&["--calls", "1", "--keep", "25h"]).days, 2);
    }

    #[test]
    fn sizes_have_three_digits_and_no_more() {
        let shown = [0, 999, 1000, 12_345, 360_000, 3_600_000_000, 1_314_000_000_000, u128::MAX].map(size);
        let wanted = ["0 B", "999 B", "1.00 kB", "12.3 kB", "360 kB", "3.60 GB", "1.31 TB"];
        assert_eq!(shown[..7], wanted);
        assert!(shown[7].ends_with(" EB"), "{}", shown[7]);
    }
}
