//! An example: a call is recorded with secure input in the middle; during a second one the server is killed. What the
//! next server makes of it is listed, proved, exported and drawn, and what stands in the files is measured.
//!
//! `cargo xtask demo record`, or `cargo run --package mediapoint-record`

mod check;
mod failure;
mod server;
mod talk;
mod wave;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use check::{Check, Exported};
use failure::Failure;
use server::Place;
use talk::RecordedCall;

/// Records two calls, kills the server during the second, and measures what stands in the recordings
#[derive(Debug, Parser)]
#[command(name = "mediapoint-record", version, max_term_width = 80)]
struct Arguments {
    /// The server's program [default: `mediapoint` in the folder of this program]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Folder for recordings, identity, exported files, pictures and the server's log; what an earlier run left in it goes
    #[arg(long, value_name = "FOLDER", default_value = "out/record")]
    out: PathBuf,
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
    let program = match &arguments.server {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("mediapoint"),
    };
    let place = Place::set(&arguments.out, &program)?;

    println!("The first call: a card number under secure input");
    let server = place.start()?;
    let first = talk::whole_call(&server)?;
    println!("The second call: the server is killed with SIGKILL while both talk");
    let second = talk::call_to_kill(&server)?;
    server.kill()?;
    println!("The next server completes the recording, and stores it\n");
    let server = place.start()?;
    place.wait_until_stored(&[&first.id, &second.id])?;

    place.show(&["list"])?;
    let verified = place.show(&["verify", "--all", "--identity", place.identity()])?;
    let exported = [("first", &first), ("second", &second)]
        .map(|(name, said)| export(&place, name, said))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    drop(server);

    let mut checks =
        vec![Check::new("both recordings are whole and unaltered", verified.trim(), whole(&verified))];
    for (said, exported) in [&first, &second].into_iter().zip(&exported) {
        checks.extend(check::of_recording(said, exported)?);
    }
    for exported in &exported {
        println!("\n{}", exported.name);
        print!("{}", wave::text(exported));
    }
    println!();
    for check in &checks {
        let word = if check.holds { "ok    " } else { "FAILED" };
        println!("{word} {}\n         {}", check.what, check.found);
    }
    println!("\nwave forms: {}", pictures(&arguments.out, &exported));
    Ok(checks.iter().all(|check| check.holds))
}

fn whole(verified: &str) -> bool {
    verified.lines().filter(|line| line.ends_with("whole and unaltered")).count() == 2
}

/// Exports a recording with its picture, and reads both.
fn export(place: &Place, name: &'static str, said: &RecordedCall) -> Result<Exported, Failure> {
    let (audio, picture) = (place.at(&format!("{name}.opus")), place.at(&format!("{name}.svg")));
    let arguments =
        ["export", &said.id, "--identity", place.identity(), "--output", &audio, "--picture", &picture];
    place.show(&arguments)?;
    let shown = place.run(&["show", &said.id, "--json"])?;
    Exported::read(name, &fs::read(audio)?, &shown, &fs::read_to_string(picture)?)
}

fn pictures(folder: &Path, exported: &[Exported]) -> String {
    let paths = exported.iter().map(|one| folder.join(format!("{}.svg", one.name)).display().to_string());
    paths.collect::<Vec<_>>().join(", ")
}
