//! `mediapoint-tools`: the programs that show and measure the server, and code audio files as it does.
//!
//! Exit codes: 0 for success, 1 where something failed, 2 for a command line that cannot be used.

mod amd;
mod bench;
mod calibrate;
mod child;
mod cli;
mod codec;
mod demo;
mod drill;
mod dtmf;
mod mix;
mod pages;
mod pipe;
mod recorded;
mod text;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    pipe::run(|| match Cli::parse().command {
        Command::Demo(arguments) => demo::command(&arguments),
        Command::Bench(arguments) => bench::command(&arguments),
        Command::Calibrate(arguments) => calibrate::command(&arguments),
        Command::Drill(arguments) => drill::command(&arguments),
        Command::Codec(arguments) => codec::command(&arguments),
        Command::Dtmf(arguments) => dtmf::command(&arguments),
        Command::Amd(arguments) => amd::command(&arguments),
        Command::Mix(arguments) => mix::command(&arguments),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { folder } => pages::man(&folder),
    })
}
