//! `mediapoint-tools codec`: audio files through the codecs, as the engine uses them.

mod arguments;
mod coded;
mod decode;
mod encode;
mod error;
mod input;
mod list;
mod name;
mod ogg;
mod output;
mod plan;
mod progress;
mod samples;
mod sniff;
mod summary;

use std::process::ExitCode;

use crate::cli::{FAILED, UNUSABLE, refuse};
use arguments::CodecCommand;
pub(crate) use arguments::{CodecArguments, EXAMPLES};
use error::CodecError;
pub(crate) use samples::wav_head;

/// `mediapoint-tools codec`.
pub(crate) fn command(arguments: &CodecArguments) -> ExitCode {
    let (outcome, quiet) = match &arguments.command {
        CodecCommand::Encode(arguments) => (encode::run(arguments), arguments.files.quiet),
        CodecCommand::Decode(arguments) => (decode::run(arguments), arguments.files.quiet),
        CodecCommand::List => return list(),
    };
    match outcome {
        Ok(summary) => {
            if !quiet {
                eprintln!("{summary}");
            }
            ExitCode::SUCCESS
        }
        Err(error @ CodecError::Usage(_)) => refuse(UNUSABLE, &error),
        Err(error) => refuse(FAILED, &error),
    }
}

fn list() -> ExitCode {
    match list::table() {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => refuse(FAILED, &error),
    }
}
