//! An example: a scripted IVR. It takes a call, has a menu in two languages, holds with music, takes a card number that the
//! agent on the line cannot hear, and hands over.
//!
//! `script` is the application, without network, clock or audio. `library` and `ng` carry its commands out: by the engine
//! in this process, or by a server over the ng protocol. Two callers and their agents, softphones on real sockets,
//! show that it works: what they heard is measured.
//!
//! `cargo xtask demo ivr`, or `cargo run --package mediapoint-ivr -- --by library`

mod check;
mod ear;
mod failure;
mod library;
mod line;
mod ng;
mod party;
mod prompts;
mod script;
mod sdp;
mod show;
mod transcript;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use failure::Failure;
use show::{By, Stage};

/// A scripted IVR serves two callers, by the library and by a server over the ng protocol, and what they heard is measured
#[derive(Debug, Parser)]
#[command(name = "mediapoint-ivr", version, max_term_width = 80)]
struct Arguments {
    /// What carries out the script
    #[arg(long, value_enum, default_value_t = Choice::Both)]
    by: Choice,
    /// The server's program [default: `mediapoint` in the folder of this program]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Folder for prompts, for what each party heard, and for the server's log
    #[arg(long, value_name = "FOLDER", default_value = "out/ivr")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    Library,
    Ng,
    Both,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let stage = Stage::set(&arguments.out, arguments.server.as_deref())?;
    let mut holds = true;
    for by in [By::Library, By::Ng] {
        if matches!((arguments.by, by), (Choice::Library, By::Ng) | (Choice::Ng, By::Library)) {
            continue;
        }
        println!("{by}");
        let shown = stage.play(by)?;
        println!("{}", shown.transcript.table());
        for check in &shown.checks {
            let word = if check.holds { "ok    " } else { "FAILED" };
            println!("{word} {}\n         {}", check.what, check.found);
        }
        println!();
        holds &= shown.holds();
    }
    println!("what each party heard, as WAV: {}", arguments.out.display());
    Ok(holds)
}
