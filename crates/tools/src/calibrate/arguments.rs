//! The command line of `mediapoint-tools calibrate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::CalibrateError;
use super::kinds::{self, Work};

/// Legs that a worker can hold at most are twice as many, and so are the ports of the load.
const MOST_CALLS: u64 = 4000;

#[derive(Debug, Args)]
pub(crate) struct CalibrateArguments {
    /// Where prices and budget are written to
    #[arg(long, value_name = "FILE", default_value = "points.toml")]
    pub(super) out: PathBuf,
    /// One minute in place of five: fewer steps, one round
    #[arg(long)]
    pub(super) quick: bool,
    /// Measure these kinds of work alone, with commas; relayed calls are always measured. --list names them all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Print the kinds of work, and measure nothing
    #[arg(long)]
    pub(super) list: bool,
    /// Seconds to measure each load [default: as many as the time allows, 0.4 to 5]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Print how far this is off an earlier file; exit code 3 where a figure is more than 10 % off
    #[arg(long, value_name = "FILE")]
    pub(super) compare: Option<PathBuf>,
    /// Draw a bar chart as SVG, too
    #[arg(long, value_name = "FILE")]
    pub(super) chart: Option<PathBuf>,
    /// Write the figures as JSON to a file; `-` writes them to standard output instead of the table
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Most calls to try at a time
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = MOST_CALLS,
        value_parser = clap::value_parser!(u64).range(1..=MOST_CALLS)
    )]
    most_calls: u64,
    /// Relayed calls that a core carries, known from before: they are measured once, and no search is made
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=MOST_CALLS))]
    capacity: Option<u64>,
    /// Core for the server [default: the last one usable]
    #[arg(long, value_name = "CORE")]
    server_core: Option<usize>,
    /// Core for the load [default: the first one usable]
    #[arg(long, value_name = "CORE")]
    load_core: Option<usize>,
    /// How often a busy worker of the server looks at its sockets, as it will in service
    #[arg(long, value_name = "TIME", default_value = "1ms")]
    pub(super) tick: String,
    /// Real-time priority of the server's worker, as it will have in service
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=99))]
    pub(super) realtime_priority: u8,
    /// The server's program [default: `mediapoint` in the folder of this program]
    #[arg(long, value_name = "PATH")]
    pub(super) server: Option<PathBuf>,
}

impl CalibrateArguments {
    /// The kinds to measure.
    pub(super) fn works(&self) -> Result<Vec<Work>, CalibrateError> {
        if self.kinds.is_empty() {
            return Ok(kinds::all());
        }
        kinds::named(&self.kinds).map_err(|name| CalibrateError::Kind { name })
    }

    /// How long each load is measured, where that was said.
    pub(super) fn load(&self) -> Result<Option<Duration>, CalibrateError> {
        let Some(seconds) = self.seconds else { return Ok(None) };
        match Duration::try_from_secs_f64(seconds) {
            Ok(duration) if (0.2..=60.0).contains(&seconds) => Ok(Some(duration)),
            _ => Err(CalibrateError::Seconds(seconds)),
        }
    }

    /// Calls that are tried at most, and those that a core is said to carry.
    pub(super) fn calls(&self) -> (usize, Option<usize>) {
        let count = |calls| usize::try_from(calls).unwrap_or(usize::MAX);
        (count(self.most_calls), self.capacity.map(count))
    }

    /// The cores of the server and of the load.
    ///
    /// # Errors
    /// Where there is one core for both: what it carries would be said of two programs.
    pub(super) fn cores(&self) -> Result<[Option<usize>; 2], CalibrateError> {
        let usable = mediapoint_net::available_cores();
        let (first, last) = (usable.first().copied(), usable.last().copied());
        let [server, load] = [self.server_core.or(last), self.load_core.or(first)];
        if server == load { Err(CalibrateError::OneCore) } else { Ok([server, load]) }
    }

    /// Flags for the server.
    pub(super) fn flags(&self) -> Vec<String> {
        let mut flags = vec!["--tick".to_owned(), self.tick.clone()];
        if self.realtime_priority > 0 {
            flags.extend(["--realtime-priority".to_owned(), self.realtime_priority.to_string()]);
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        calibrate: CalibrateArguments,
    }

    fn parsed(line: &str) -> Result<CalibrateArguments, clap::Error> {
        let words = std::iter::once("calibrate").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.calibrate)
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for line in
            ["--most-calls 0", "--most-calls 5000", "--capacity 0", "--realtime-priority 100", "--kinds"]
        {
            assert!(parsed(line).is_err(), "{line}");
        }
        let refused = |line: &str| {
            let arguments = parsed(line).unwrap();
            arguments.works().map(drop).and_then(|()| arguments.load().map(drop)).unwrap_err().to_string()
        };
        assert!(
            refused("--kinds relay,speex")
                .starts_with("\"speex\" is no kind of work; there are relay, g711,")
        );
        for seconds in ["0", "0.1", "61", "nan"] {
            assert!(refused(&format!("--seconds {seconds}")).contains("0.2 to 60"), "{seconds}");
        }
    }

    #[test]
    fn server_and_load_need_a_core_each() {
        let cores = parsed("--server-core 3 --load-core 3").unwrap().cores();
        assert!(matches!(cores, Err(CalibrateError::OneCore)));
        assert_eq!(parsed("--server-core 3 --load-core 1").unwrap().cores().unwrap(), [Some(3), Some(1)]);
    }

    #[test]
    fn the_server_is_run_as_it_will_be_in_service() {
        assert_eq!(parsed("").unwrap().flags(), ["--tick", "1ms"]);
        let flags = parsed("--tick 500us --realtime-priority 10").unwrap().flags();
        assert_eq!(flags, ["--tick", "500us", "--realtime-priority", "10"]);
    }
}
