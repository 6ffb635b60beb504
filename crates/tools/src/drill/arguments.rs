//! The command line of `mediapoint-tools drill`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::churn::Churn;
use super::flood::Flood;
use super::memory::Memory;
use super::overload::Overload;
use super::race::Race;
use super::recordings::Recordings;
use super::report::Outcome;
use super::server::Target;
use super::{DrillError, attack};

pub(crate) const EXAMPLES: &str = "\
Examples:
  mediapoint-tools drill all --json figures.json    the four drills, some minutes
  mediapoint-tools drill flood --rate 200000 --seconds 10
  mediapoint-tools drill churn --calls 20000 --parallel 16
  mediapoint-tools drill race --requests 100000 --seed 7
  mediapoint-tools drill memory --rounds 20
  mediapoint-tools drill recordings --rounds 200    kill -9 with 50 recordings
  mediapoint-tools drill overload --calls 200       more calls than points, then
                                                    a busy neighbour
  mediapoint-tools drill churn --server PATH        another build of the server

What each drill shows, and figures: docs/reliability.md.

Exit codes: 0 every limit was kept, 1 one was not or the drill could not be
carried out, 2 unusable arguments.";

#[derive(Debug, Args)]
pub(crate) struct DrillArguments {
    #[command(subcommand)]
    drill: DrillCommand,
    /// Write figures and verdicts as JSON to a file; `-` writes them to standard output instead of the tables
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) json: Option<PathBuf>,
    /// The server's program, any build of it [default: `mediapoint` in the folder of this program]
    #[arg(long, value_name = "PATH", global = true)]
    pub(super) server: Option<PathBuf>,
    /// Core for the server [default: the last one usable]
    #[arg(long, value_name = "CORE", global = true)]
    pub(super) server_core: Option<usize>,
    /// Core for the attack and the honest calls [default: the first one usable]
    #[arg(long, value_name = "CORE", global = true)]
    pub(super) load_core: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum DrillCommand {
    /// One party of a call, then strangers, then strangers with forged SSRCs at SRTP legs send as fast as they can
    ///
    /// Honest calls go on meanwhile, and must lose nothing. Of a party's flood no more than its leg's allowance may come out
    /// at the other party, of strangers' nothing, and it must be counted under its name.
    Flood(Flood),
    /// Calls are set up, used and deleted as fast as the control port answers
    ///
    /// Plain, SRTP and transcoded calls, several at once, on few ports. Every request must be answered ok, nothing may be left
    /// in the end, and the second half of the calls may not take more memory than the first.
    Churn(Churn),
    /// Clients change, query and delete the same few calls all at once
    ///
    /// Any command in any order, with repeated cookies and with descriptions that cannot be used, chosen by a seed. Each
    /// request must get one well-formed answer, and nothing may be left in the end.
    Race(Race),
    /// Forged SSRCs, tags, call-ids, cookies, half-open connections and deletes of unknown calls, round after round
    ///
    /// What could make state must make a bounded amount of it: memory may grow by a stated bound in all, and hardly in the
    /// second half of the rounds.
    Memory(Memory),
    /// The server is killed while it records, again and again, and started again
    ///
    /// Some recordings run, some are being completed, some are being stored when it is killed. Of each no more than the last
    /// second may be missing; each has to be in the store and in the catalogue once and whole, nothing that was there before may
    /// be missing, and no journal may be left. It is not part of `all`.
    Recordings(Recordings),
    /// More calls than the server has points for are offered, then a busy neighbour takes its core
    ///
    /// What is admitted may lose nothing, what is refused must be answered within 10 ms. Where the neighbour leaves too little, the
    /// budget must shrink and the newest calls must be shed, each with a report, until the others are whole again. It needs two
    /// cores, takes about a minute, and is not part of `all`.
    Overload(Overload),
    /// Flood, churn, race and memory in turn, each with its defaults
    All,
}

impl DrillArguments {
    pub(super) fn run(&self, target: &Target) -> Result<Vec<Outcome>, DrillError> {
        Ok(match &self.drill {
            DrillCommand::Flood(flood) => vec![attack(flood, target)?],
            DrillCommand::Churn(churn) => vec![attack(churn, target)?],
            DrillCommand::Race(race) => vec![attack(race, target)?],
            DrillCommand::Memory(memory) => vec![attack(memory, target)?],
            DrillCommand::Recordings(recordings) => vec![recordings.run(target)?],
            DrillCommand::Overload(overload) => vec![overload.run(target)?],
            DrillCommand::All => vec![
                attack(&Flood::default(), target)?,
                attack(&Churn::default(), target)?,
                attack(&Race::default(), target)?,
                attack(&Memory::default(), target)?,
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::drill::Drill;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        drill: DrillArguments,
    }

    fn parsed(line: &str) -> DrillCommand {
        Line::try_parse_from(line.split_whitespace().skip(1)).unwrap().drill.drill
    }

    #[test]
    fn the_command_that_repeats_a_drill_is_the_drill() {
        let commands = [
            Flood::default().command(),
            Churn::default().command(),
            Race::default().command(),
            Memory::default().command(),
            Recordings::default().command(),
            Overload::default().command(),
            "mediapoint-tools drill overload --points p.toml --seconds 5 --neighbour 90".to_owned(),
        ];
        for command in commands {
            let again = match parsed(&command) {
                DrillCommand::Flood(flood) => flood.command(),
                DrillCommand::Churn(churn) => churn.command(),
                DrillCommand::Race(race) => race.command(),
                DrillCommand::Memory(memory) => memory.command(),
                DrillCommand::Recordings(recordings) => recordings.command(),
                DrillCommand::Overload(overload) => overload.command(),
                DrillCommand::All => String::new(),
            };
            assert_eq!(again, command);
        }
    }

    #[test]
    fn without_options_a_drill_is_the_one_of_all() {
        let DrillCommand::Churn(churn) = parsed("mediapoint-tools drill churn") else { unreachable!() };
        assert_eq!(churn.command(), Churn::default().command());
        let DrillCommand::Flood(flood) = parsed("mediapoint-tools drill flood") else { unreachable!() };
        assert_eq!(flood.command(), Flood::default().command());
        let DrillCommand::Race(race) = parsed("mediapoint-tools drill race") else { unreachable!() };
        assert_eq!(race.command(), Race::default().command());
        let DrillCommand::Memory(memory) = parsed("mediapoint-tools drill memory") else { unreachable!() };
        assert_eq!(memory.command(), Memory::default().command());
        let DrillCommand::Recordings(one) = parsed("mediapoint-tools drill recordings") else {
            unreachable!()
        };
        assert_eq!(one.command(), Recordings::default().command());
    }
}
