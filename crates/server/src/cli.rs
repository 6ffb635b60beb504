//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, DEFAULT_FILE, Settings};

/// Exit code where something failed.
pub(crate) const FAILED: u8 = 1;
/// Exit code for a command line or configuration that cannot be used; clap's own.
pub(crate) const UNUSABLE: u8 = 2;

/// A media server for phone calls, driven by a SIP proxy over the rtpengine ng protocol
///
/// It relays, converts, encrypts and counts the audio of calls; it speaks no SIP itself.
#[derive(Debug, Parser)]
#[command(name = "mediapoint", version, max_term_width = 110, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  mediapoint serve                                  serve on 127.0.0.1, control port 2223
  mediapoint serve --config /etc/mediapoint.toml    serve as a file says
  mediapoint config > mediapoint.toml               write the default file

A call to see and hear, load tests and audio files through the codecs: mediapoint-tools, a program of its own.

Exit codes: 0 ended as asked, 1 something failed, 2 unusable arguments or configuration,
130 ended by a second SIGINT while calls were running.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server, in the foreground, until SIGTERM
    ///
    /// SIGTERM or a first SIGINT drains: new calls are refused, and the server ends when the last call ends, or ends
    /// the calls that are left after the grace time. A second SIGINT ends it now. SIGHUP reads the file again: allow,
    /// grace, log and the secret change at once. Under systemd, Type=notify and WatchdogSec work.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<ServeArguments>),
    /// Print the default configuration file, or check one
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(ConfigArguments),
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

const SERVE_EXAMPLES: &str = "\
Settings of the command line override those of the file, those of the file the defaults.

Examples:
  mediapoint serve
  mediapoint serve --address 192.0.2.10 --ports 20000-29999 --workers 2 --cores 1,2
  mediapoint serve --address inside/10.0.0.5 --address outside/192.0.2.10!203.0.113.10
  mediapoint serve --ng 10.0.0.5:2223 --allow 10.0.0.0/24
  mediapoint serve --ng unix:/run/mediapoint/ng --ng-owner :kamailio
  mediapoint serve --config mediapoint.toml --log debug";

const CONFIG_EXAMPLES: &str = "\
Examples:
  mediapoint config > mediapoint.toml
  mediapoint config --check mediapoint.toml";

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// TOML file with settings of the same names; `mediapoint config` prints one
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    /// Check this file instead of printing the default one; exit code 2 where it cannot be used
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

/// Whatever was given to a command that is not here any more.
#[derive(Debug, Args)]
pub(crate) struct Moved {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<OsString>,
}

/// `mediapoint config`.
pub(crate) fn config(arguments: &ConfigArguments) -> ExitCode {
    let Some(path) = &arguments.check else {
        print!("{DEFAULT_FILE}");
        return ExitCode::SUCCESS;
    };
    match Config::load(Settings::default(), Some(path)) {
        Ok(_) => {
            println!("{}: usable", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => refuse(UNUSABLE, &error),
    }
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
    eprintln!("error: {error}");
    ExitCode::from(code)
}
