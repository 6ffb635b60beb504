//! `mediapoint ctl`: asks a running server over its control port, for people and scripts.

pub(crate) mod ask;
pub(crate) mod call;
mod print;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use mediapoint_control_ng::client::Target;

use crate::cli::{FAILED, UNUSABLE, refuse};
use crate::config::values::{ListenAddress, LogFilter, Refusal};
use ask::{AskError, Server};

/// Examples of `mediapoint ctl --help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  mediapoint ctl list
  mediapoint ctl show 3c26a-7d@192.0.2.7
  mediapoint ctl why 3c26a-7d@192.0.2.7
  mediapoint ctl log debug
  mediapoint ctl --config /etc/mediapoint.toml stats --json
  mediapoint ctl --to unix:/run/mediapoint/ng end 3c26a-7d@192.0.2.7";

/// Arguments of `mediapoint ctl`.
#[derive(Debug, Args)]
pub(crate) struct CtlArguments {
    /// Control port of the server: ADDR:PORT (UDP), a port alone for this machine, tcp:ADDR:PORT or unix:PATH
    /// [default: that of --config, or 127.0.0.1:2223]
    #[arg(long, value_name = "TARGET", global = true)]
    to: Option<Where>,
    /// The server's configuration file: its control port and the file of its secret
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// File with the server's secret
    #[arg(long, value_name = "FILE", global = true)]
    secret_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: CtlCommand,
}

#[derive(Debug, Subcommand)]
enum CtlCommand {
    /// List the calls: age, parties, codecs, packets, loss, MOS
    List {
        /// Most calls listed
        #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show a call: each party with its addresses, codec, packets, loss, jitter, MOS
    Show {
        /// Call-ID as the SIP proxy has it
        call_id: String,
    },
    /// Show the figures of the server
    Stats,
    /// End calls
    End {
        /// Call-IDs as the SIP proxy has them
        #[arg(required = true)]
        call_id: Vec<String>,
    },
    /// Show the log level, or change it until the server ends or reads its file again
    Log {
        /// off, error, warn, info, debug, trace, TARGET=LEVEL with commas, or raise and lower for one step
        level: Option<LevelWord>,
    },
    /// Tell why a call is relayed, transcoded, one-way or silent
    Why {
        /// Call-ID as the SIP proxy has it
        call_id: String,
    },
}

/// Where the server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Where(Target);

impl Where {
    pub(crate) const fn target(&self) -> &Target {
        &self.0
    }
}

impl FromStr for Where {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if let Some(address) = text.strip_prefix("tcp:") {
            return address.parse::<SocketAddr>().map(|address| Self(Target::Tcp(address))).map_err(|_| {
                format!("{address:?} is no address with a port; allowed: such as tcp:127.0.0.1:2223")
            });
        }
        let ListenAddress(address) = text.strip_prefix("udp:").unwrap_or(text).parse()?;
        Ok(Self(ask::target_of(&address)))
    }
}

/// A log level, or a step from the one there is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LevelWord(String);

impl FromStr for LevelWord {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if !matches!(text, "raise" | "lower") {
            let refused = |refusal| format!("{refusal}; raise or lower for one step");
            text.parse::<LogFilter>().map_err(refused)?;
        }
        Ok(Self(text.to_owned()))
    }
}

/// How the answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
}

/// `mediapoint ctl`.
pub(crate) fn command(arguments: &CtlArguments) -> ExitCode {
    let form = if arguments.json { Form::Json } else { Form::Text };
    let server = Server::find(
        arguments.to.as_ref().map(|to| &to.0),
        arguments.config.as_deref(),
        arguments.secret_file.as_deref(),
    );
    let result = server.and_then(|mut server| carry_out(&mut server, &arguments.command, form));
    match result {
        Ok(code) => code,
        Err(error @ AskError::Config(_)) => refuse(UNUSABLE, &error),
        Err(error) => refuse(FAILED, &error),
    }
}

fn carry_out(server: &mut Server, command: &CtlCommand, form: Form) -> Result<ExitCode, AskError> {
    let output = match command {
        CtlCommand::List { limit } => print::list(&server.list(*limit)?, form),
        CtlCommand::Show { call_id } => print::show(&server.query(call_id)?, call_id, form),
        CtlCommand::Stats => print::stats(&server.ask("statistics", &[])?, form),
        CtlCommand::End { call_id } => {
            let mut ended = Vec::new();
            for call_id in call_id {
                server.end(call_id)?;
                ended.push(call_id.as_str());
            }
            print::ended(&ended, form)
        }
        CtlCommand::Log { level } => {
            let asked: Vec<(&str, &str)> = level.iter().map(|level| ("level", level.0.as_str())).collect();
            print::level(&server.ask("log", &asked)?, form)
        }
        CtlCommand::Why { call_id } => print::why(&server.ask("why", &[("call-id", call_id)])?, form),
    };
    Ok(output.print(0))
}
