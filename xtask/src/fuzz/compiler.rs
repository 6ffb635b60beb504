//! The compiler of the fuzz targets, as cargo calls it by `RUSTC_WRAPPER`: rustc, but for one flag.
//!
//! libFuzzer learns from each comparison what values would make it turn out otherwise, by a call that costs more than the
//! comparison by far. That finds magic numbers in packets and session descriptions. In audio there are none, and the calls
//! were two thirds of a run.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::shell::Program;

/// Set where cargo is to call this program for rustc.
const CALLED: &str = "MEDIAPOINT_FUZZ_COMPILER";
/// Crates whose comparisons are of samples.
const AUDIO: [&str; 4] = ["mediapoint_codec", "mediapoint_g711", "mediapoint_g729", "mediapoint_jitter"];
const COMPARISONS: &str = "-Cllvm-args=-sanitizer-coverage-trace-compares";

/// Has cargo, run by `program`, call this one for rustc.
pub(super) fn chosen(program: Program) -> Result<Program, Error> {
    let own = std::env::current_exe()
        .map_err(|source| Error::Spawn { program: "cargo xtask".to_owned(), source })?;
    Ok(program.env("RUSTC_WRAPPER", &own.display().to_string()).env(CALLED, "1"))
}

/// Runs rustc, if that is what this program was called for.
pub(crate) fn called() -> Option<ExitCode> {
    std::env::var_os(CALLED)?;
    let mut args = std::env::args_os().skip(1);
    let rustc = args.next()?;
    let args = flags(args.collect());
    let status = match Command::new(&rustc).args(args).status() {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {}: {error}", rustc.display());
            return Some(ExitCode::FAILURE);
        }
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Some(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn flags(args: Vec<OsString>) -> Vec<OsString> {
    let audio = args.windows(2).any(|pair| {
        pair.first().is_some_and(|flag| flag == "--crate-name")
            && pair.get(1).is_some_and(|name| AUDIO.iter().any(|audio| name == audio))
    });
    args.into_iter().filter(|arg| !audio || arg != COMPARISONS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags_of(name: &str) -> Vec<OsString> {
        flags(["--crate-name", name, "-Zsanitizer=address", COMPARISONS].map(OsString::from).to_vec())
    }

    #[test]
    fn comparisons_of_samples_are_not_traced() {
        assert_eq!(flags_of("mediapoint_g729"), ["--crate-name", "mediapoint_g729", "-Zsanitizer=address"]);
        assert_eq!(flags_of("mediapoint_packet").len(), 4);
    }
}
