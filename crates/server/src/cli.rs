//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{Config, DEFAULT_FILE, Settings};
use crate::ctl::CtlArguments;
use crate::import::{self, ImportArguments};
use crate::output::{Output, print_error};
use crate::recording::RecordingArguments;
use crate::serve::check::{self, Outcome};
use crate::size::SizeArguments;
use crate::top::TopArguments;

/// Exit code where something failed.
pub(crate) const FAILED: u8 = 1;
/// Exit code for a command line or configuration that cannot be used; clap's own.
pub(crate) const UNUSABLE: u8 = 2;

/// A media server for phone calls, driven by a SIP proxy over the rtpengine ng protocol
///
/// It relays, converts, encrypts and counts the audio of calls; it speaks no SIP itself.
#[derive(Debug, Parser)]
#[command(name = "mediapoint", version, max_term_width = 80, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  mediapoint serve                          serve on 127.0.0.1, control port 2223
  mediapoint serve --config FILE            serve as a file says
  mediapoint config > mediapoint.toml       write the default file
  mediapoint recording --help               find and open recordings
  mediapoint calibrate                      measure what this machine carries

A call to try, load tests and audio files through the codecs are in another
program: mediapoint-tools.

Exit codes: 0 ended as asked, 1 something failed, 2 unusable arguments or
configuration, 130 ended by a second SIGINT while calls were running.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server, in the foreground, until SIGTERM
    ///
    /// SIGTERM or a first SIGINT drains: new calls are refused, and the server ends when the last call ends, or ends
    /// the calls that are left after the grace time. A second SIGINT ends it now. SIGHUP reads the file again: allow,
    /// grace, log and the secret change at once. Under systemd, Type=notify and WatchdogSec work.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<ServeArguments>),
    /// Print the default configuration file, check one, or make one from rtpengine's
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(ConfigArguments),
    /// Ask a running server: its calls, its figures, why a call is as it is, its log level
    #[command(after_help = crate::ctl::EXAMPLES)]
    Ctl(CtlArguments),
    /// Find, prove, open, keep and delete recordings
    #[command(after_help = crate::recording::EXAMPLES)]
    Recording(Box<RecordingArguments>),
    /// Work out calls, points, servers, bandwidth and disks
    #[command(after_help = crate::size::EXAMPLES)]
    Size(SizeArguments),
    /// Measure what this machine carries, and write a file of prices for `points`
    ///
    /// Starts `mediapoint-tools calibrate` with this program as the server and whatever else is given; --help after it shows
    /// its own.
    #[command(disable_help_flag = true, after_help = CALIBRATE_EXAMPLES)]
    Calibrate(Passed),
    /// Watch a running server: points, cores, kinds of work, packets, the longest calls
    #[command(after_help = crate::top::EXAMPLES)]
    Top(TopArguments),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  mediapoint completions bash > /etc/bash_completion.d/mediapoint")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the pages for `man` into a folder
    #[command(after_help = "Example:\n  mediapoint man /usr/local/share/man/man1")]
    Man {
        /// The folder, made where it is not there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Moved to mediapoint-tools
    #[command(hide = true, disable_help_flag = true)]
    Demo(Moved),
    /// Moved to mediapoint-tools
    #[command(hide = true, disable_help_flag = true)]
    Bench(Moved),
    /// Moved to mediapoint-tools
    #[command(hide = true, disable_help_flag = true)]
    Codec(Moved),
}

const CALIBRATE_EXAMPLES: &str = "\
Examples:
  mediapoint calibrate                          five minutes, points.toml
  mediapoint calibrate --help                   what else there is
  mediapoint serve --points points.toml         admit calls by it";

const SERVE_EXAMPLES: &str = "\
Settings of the command line override those of the file, those of the file the
defaults.

Examples:
  mediapoint serve
  mediapoint serve --address 192.0.2.10 --ports 20000-29999 --cores 1,2
  mediapoint serve --address in/10.0.0.5 --address out/192.0.2.10!203.0.113.10
  mediapoint serve --ng 10.0.0.5:2223 --allow 10.0.0.0/24
  mediapoint serve --ng unix:/run/mediapoint/ng --ng-owner :kamailio
  mediapoint serve --config mediapoint.toml --log debug";

const CONFIG_EXAMPLES: &str = "\
Examples:
  mediapoint config > mediapoint.toml
  mediapoint config --check mediapoint.toml
  mediapoint config import /etc/rtpengine/rtpengine.conf";

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// TOML file with settings of the same names; `mediapoint config` prints one
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    command: Option<ConfigCommand>,
    /// Check this file instead of printing the default one: exit code 2 where it cannot be used. What it asks for is tried on
    /// this machine (addresses, ports, open files, the secret), and exit code 1 where that fails
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// With --check: read the file only, and try nothing on this machine
    #[arg(long, requires = "check")]
    file_only: bool,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read rtpengine's configuration file and print ours, with a comment for each line without an equivalent
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportArguments),
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  mediapoint config import /etc/rtpengine/rtpengine.conf > /etc/mediapoint.toml
  mediapoint config import --section rtpengine-testing rtpengine.conf";

/// Whatever is passed on to another program.
#[derive(Debug, Args)]
pub(crate) struct Passed {
    /// Arguments of mediapoint-tools calibrate
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}

/// Whatever was given to a command that is not here any more.
#[derive(Debug, Args)]
pub(crate) struct Moved {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<OsString>,
}

/// `mediapoint config`.
pub(crate) fn config(arguments: &ConfigArguments) -> ExitCode {
    if let Some(ConfigCommand::Import(arguments)) = &arguments.command {
        return import::command(arguments);
    }
    let Some(path) = &arguments.check else {
        let mut out = Output::default();
        out.text(DEFAULT_FILE);
        return out.print(0);
    };
    let config = match Config::load(Settings::default(), Some(path)) {
        Ok(config) => config,
        Err(error) => return refuse(UNUSABLE, &error),
    };
    let mut out = Output::default();
    out.line(format_args!("{}: usable", path.display()));
    if arguments.file_only {
        return out.print(0);
    }
    out.line("tried on this machine:");
    let findings = check::machine(&config);
    findings.iter().for_each(|finding| out.line(format_args!("  {finding}")));
    let failed = findings.iter().any(|finding| finding.outcome == Outcome::Failed);
    out.print(if failed { FAILED } else { 0 })
}

/// Answers a command that this program once had.
pub(crate) fn moved(command: &str) -> ExitCode {
    refuse(
        UNUSABLE,
        &format_args!(
            "`mediapoint {command}` moved to `mediapoint-tools {command}` (cargo build --release -p mediapoint-tools)"
        ),
    )
}

/// Says on standard error why the program ends, and gives its exit code.
pub(crate) fn refuse(code: u8, error: &impl Display) -> ExitCode {
    print_error(&format_args!("error: {error}"));
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
