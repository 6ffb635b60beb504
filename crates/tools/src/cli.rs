//! The command line.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::amd::AmdArguments;
use crate::bench::BenchArguments;
use crate::calibrate::CalibrateArguments;
use crate::codec::CodecArguments;
use crate::demo::DemoArguments;
use crate::drill::DrillArguments;
use crate::dtmf::DtmfArguments;
use crate::mix::MixArguments;

/// Exit code where something failed.
pub(crate) const FAILED: u8 = 1;
/// Exit code for a command line that cannot be used; clap's own.
pub(crate) const UNUSABLE: u8 = 2;

/// Shows and measures the mediapoint server, and codes audio files as it does
#[derive(Debug, Parser)]
#[command(name = "mediapoint-tools", version, max_term_width = 80, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  mediapoint-tools demo        hear and see a call through the server
  mediapoint-tools bench       measure what this machine carries
  mediapoint-tools calibrate   measure prices of work for the server
  mediapoint-tools drill all   attack a server: floods, churn, races, forged state
  mediapoint-tools codec encode speech.wav speech.g729   code a file
  mediapoint-tools dtmf call.wav                         list its digits
  mediapoint-tools amd call.wav   tell who or what answered
  mediapoint-tools mix --out heard a.wav b.wav c.wav     a conference of files

`demo`, `bench` and `drill` run the server as a child process: the program
`mediapoint` in the folder of this one, or another by `--server PATH`.

Exit codes: 0 done, 1 something failed, 2 unusable arguments.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a call: two softphones talk through a server of their own, and what each heard is compared and kept
    ///
    /// One phone speaks PCMU over RTP, the other PCMA over SRTP. The server is a child process, set up over its ng
    /// control port as a SIP proxy would, on loopback addresses and ports that the system chooses.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoArguments),
    /// Measure a server under load: loss, added delay, CPU time per packet, calls per core
    ///
    /// Starts a server on one core and generates calls from another, over real sockets on loopback. With --versus it
    /// measures two servers in turn and prints the ratio.
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(Box<BenchArguments>),
    /// Measure what a core of this machine carries of each kind of work, and write a file of prices for the server
    ///
    /// Starts servers on one core and generates calls from another, over real sockets on loopback, for five minutes at
    /// most. Searches for the number of relayed calls within the service level (no packet lost, p99 of the added delay at
    /// most 5 ms, core at most 85 % busy); a kind of work is priced by its core time over a relayed call's.
    #[command(after_help = crate::calibrate::EXAMPLES)]
    Calibrate(Box<CalibrateArguments>),
    /// Attack a server of one's own and judge whether it holds: floods, churn, races, forged state
    ///
    /// Starts a server on one core and attacks it from another, over real sockets on loopback. Each drill prints its figures
    /// and what was judged; the exit code is 1 where a limit was not kept.
    #[command(after_help = crate::drill::EXAMPLES)]
    Drill(DrillArguments),
    /// Encode and decode audio files with the server's codecs, and list them
    ///
    /// G.729, Opus, G.722, PCMU and PCMA, bit for bit as calls are coded. Files are read and written as they come,
    /// whatever their length.
    #[command(after_help = crate::codec::EXAMPLES)]
    Codec(Box<CodecArguments>),
    /// List the DTMF digits in audio files, with place, length and levels
    #[command(after_help = crate::dtmf::EXAMPLES)]
    Dtmf(DtmfArguments),
    /// Tell who or what answered: recordings of calls, from answer on
    ///
    /// Person, answering machine, beep, fax, special information tone, busy, reorder, ringing, silence, modem or unsure,
    /// each with its probability and the time at which it was decided.
    #[command(after_help = crate::amd::EXAMPLES)]
    Amd(AmdArguments),
    /// Mix audio files as members of one conference room, and write what each hears
    ///
    /// By mediapoint's own mixer: voice gate, loudest speakers, limiter, everyone hears all others and not himself.
    #[command(after_help = crate::mix::EXAMPLES)]
    Mix(MixArguments),
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  mediapoint-tools completions bash > /etc/bash_completion.d/mediapoint-tools"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the pages for `man` into a folder
    #[command(after_help = "Example:\n  mediapoint-tools man /usr/local/share/man/man1")]
    Man {
        /// The folder, made where it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

const DEMO_EXAMPLES: &str = "\
Examples:
  mediapoint-tools demo
  mediapoint-tools demo --audio speech.wav --seconds 20
  mediapoint-tools demo --out heard

`./x demo ivr` shows another program: a scripted IVR that serves two callers by
the library and over the ng protocol (examples/ivr).";

const BENCH_EXAMPLES: &str = "\
Examples:
  mediapoint-tools bench                        400 PCMU calls for 10 s
  mediapoint-tools bench --kind srtp --calls 200
  mediapoint-tools bench --sweep --json figures.json
  mediapoint-tools bench --all --rounds 3       five kinds of load, medians
  mediapoint-tools bench --all --versus PATH    beside another build of the server
  mediapoint-tools bench --ng 127.0.0.1:2223 --pid $(pidof rtpengine)";

/// Says on standard error why the program ends, and gives its exit code.
pub(crate) fn refuse(code: u8, error: &impl Display) -> ExitCode {
    // Where nobody reads it, the exit code says so.
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Lines of a command's help, and of its subcommands', that are longer than 80 columns.
    fn too_long(command: &mut clap::Command, found: &mut Vec<String>) {
        let name = command.get_name().to_owned();
        let help = command.render_long_help().to_string();
        let long = help.lines().filter(|line| line.chars().count() > 80);
        found.extend(long.map(|line| format!("{name}: {line}")));
        for inner in command.get_subcommands_mut() {
            too_long(inner, found);
        }
    }

    #[test]
    fn help_fits_80_columns() {
        let mut command = Cli::command();
        command.build();
        let mut found = Vec::new();
        too_long(&mut command, &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
}
