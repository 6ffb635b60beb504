//! Exchanges calls and audio with outside programs through a running server, one named scenario after the other.
//!
//! Started by `cargo xtask interop`. Everything is bound to loopback, and every program it starts ends with it.

mod audio;
mod bcg729;
mod call;
mod codec;
mod error;
mod g711;
mod kamailio;
mod ng;
mod opensips;
mod phone;
mod process;
mod python;
mod reference;
mod rtp;
mod scenarios;
mod sdp;
mod server;
mod sip;
mod tools;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use error::{Context as _, Failure};
use scenarios::{Bench, Scenario};
use server::{Kind, Server};

/// Exchange calls and audio with ffmpeg, GStreamer, sipp, tshark and phones behind Kamailio, and compare with rtpengine.
#[derive(Parser)]
#[command(name = "cargo xtask interop", bin_name = "cargo xtask interop", max_term_width = 100)]
struct Cli {
    /// The server to exchange calls through.
    #[arg(long, value_enum, default_value_t = Kind::Mediapoint)]
    server: Kind,
    /// Run only scenarios whose name contains this; may be repeated.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// List the scenarios and end.
    #[arg(long)]
    list: bool,
    /// The mediapoint binary to test [default: the one built beside this program].
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// A further argument for `mediapoint serve`; may be repeated.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    server_arg: Vec<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let chosen: Vec<Scenario> =
        scenarios::all().into_iter().filter(|scenario| is_chosen(scenario, &cli.only)).collect();
    if cli.list {
        for scenario in &chosen {
            println!("{:32} {}", scenario.name, scenario.about);
        }
        return ExitCode::SUCCESS;
    }
    match run(&cli, &chosen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_chosen(scenario: &Scenario, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|text| scenario.name.contains(text.as_str()))
}

/// Runs the scenarios and prints the outcome of each; true when none failed.
fn run(cli: &Cli, chosen: &[Scenario]) -> Result<bool, Failure> {
    let root = server::target_folder()?.join("interop");
    let folder = |name: &str| -> Result<PathBuf, Failure> {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).during(folder.display().to_string())?;
        Ok(folder)
    };
    let mut server = Server::start(cli.server, &folder("server")?, cli.binary.as_deref(), &cli.server_arg)?;
    let comparing = chosen.iter().any(|scenario| scenario.name.starts_with("reference-"));
    let reference = (comparing && cli.server != Kind::Rtpengine)
        .then(|| Server::start(Kind::Rtpengine, &folder("reference")?, None, &[]))
        .transpose()?;
    println!("server {:?}, process {}, logs in {}", server.kind, server.id(), root.display());

    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for scenario in chosen {
        if let Some((kind, reason)) = scenario.only
            && kind != cli.server
        {
            skipped += 1;
            println!("skip  {:32} {reason}", scenario.name);
            continue;
        }
        let started = Instant::now();
        let bench = Bench {
            server: &server,
            reference: reference.as_ref(),
            folder: clean(&folder(&scenario.name)?)?,
        };
        let outcome = scenario.run(&bench).and_then(|()| server.check_alive());
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => {
                passed += 1;
                println!("ok    {:32} {seconds:5.1} s  {}", scenario.name, scenario.about);
            }
            Err(Failure::Unable(reason)) => {
                skipped += 1;
                println!("skip  {:32} {reason}", scenario.name);
            }
            Err(failure) => {
                failed += 1;
                println!("FAIL  {:32} {seconds:5.1} s  {failure}", scenario.name);
                server.check_alive()?;
            }
        }
    }
    println!("interop: {passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}

/// Empties a scenario's folder of an earlier run's files.
fn clean(folder: &Path) -> Result<PathBuf, Failure> {
    for entry in std::fs::read_dir(folder).during(folder.display().to_string())?.flatten() {
        // What cannot be removed is written over.
        let _ = std::fs::remove_file(entry.path());
    }
    Ok(folder.to_path_buf())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// `./x interop --help` builds nothing: it prints a part of a file.
    #[test]
    fn the_help_that_is_printed_without_building_is_that_of_the_program() {
        let shown = Cli::command().bin_name("./x interop").term_width(80).render_long_help().to_string();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/help.txt");
        let text = std::fs::read_to_string(&file).unwrap();
        let (before, part) = text.split_once("@@ interop\n").unwrap();
        let (part, after) = part.split_once("@@ ").unwrap();
        if std::env::var_os("MEDIAPOINT_WRITE_HELP").is_some() {
            let text = format!("{before}@@ interop\n{}\n@@ {after}", shown.trim_end());
            std::fs::write(&file, text).unwrap();
            return;
        }
        assert_eq!(part.trim_end(), shown.trim_end(), "run this test once with MEDIAPOINT_WRITE_HELP=1");
    }
}
