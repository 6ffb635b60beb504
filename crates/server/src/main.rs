//! `mediapoint`: the media server as a program.
//!
//! Exit codes: 0 for an end that was asked for, 1 where something failed, 2 for a command line or configuration that
//! cannot be used, 130 where a second SIGINT ended running calls.

mod calibrate;
mod cli;
mod config;
mod content;
mod ctl;
mod import;
mod logging;
mod output;
mod pages;
mod recording;
mod serve;
mod size;
mod top;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => serve::command(&arguments),
        Command::Config(arguments) => cli::config(&arguments),
        Command::Ctl(arguments) => ctl::command(&arguments),
        Command::Recording(arguments) => recording::command(&arguments),
        Command::Size(arguments) => size::command(&arguments),
        Command::Calibrate(passed) => calibrate::command(&passed.arguments),
        Command::Top(arguments) => top::command(&arguments),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { folder } => pages::man(&folder),
        Command::Demo(_) => cli::moved("demo"),
        Command::Bench(_) => cli::moved("bench"),
        Command::Codec(_) => cli::moved("codec"),
    }
}
