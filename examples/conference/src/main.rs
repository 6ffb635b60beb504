//! An example: a conference room over the ng protocol. A customer and an agent talk, a coach is heard by the agent alone, a
//! monitor by nobody; the agent is muted, consults an expert in another room, and brings the expert along. Whoever is heard
//! by the room is in a sealed recording of its mix.
//!
//! The parties are softphones on real sockets, each a call of its own by one `publish`. What each heard, and what the
//! recording has, is measured.
//!
//! `cargo xtask demo conference`, or `cargo run --package mediapoint-conference-demo`

mod check;
mod failure;
mod picture;
mod reports;
mod scene;
mod server;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use failure::Failure;
use server::Place;

/// A room with softphones, a coach and a recording of the mix; what each party heard is measured, and who spoke when is drawn
#[derive(Debug, Parser)]
#[command(name = "mediapoint-conference-demo", version, max_term_width = 80)]
struct Arguments {
    /// The server's program [default: `mediapoint` in the folder of this program]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Folder for recordings, identity, the exported mix, the picture and the server's log; what an earlier run left in it goes
    #[arg(long, value_name = "FOLDER", default_value = "out/conference")]
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
    let server = place.start()?;
    let scene = scene::play(&server)?;
    println!("\nThe recording of the room's mix, sealed to an identity that the server does not have\n");
    place.wait_until_stored(&scene.recording.0)?;
    place.show(&["list"])?;
    let verified = place.show(&["verify", "--all", "--identity", place.identity()])?;
    let (mix, sealed) = (place.at("mix.opus"), place.at("mix.opus.age"));
    place.run(&["export", &scene.recording.0, "--output", &sealed])?;
    let is_sealed = fs::read(sealed)?.starts_with(b"age-encryption.org/");
    place.show(&["export", &scene.recording.0, "--identity", place.identity(), "--output", &mix])?;
    drop(server);

    let mix = check::decode(&fs::read(mix)?)?;
    let matrix = check::Matrix::of(&scene, &mix);
    println!("\nWho heard what\n\n{matrix}");
    let sealed = (verified.contains("whole and unaltered"), is_sealed);
    let checks = check::all(&scene, &matrix, sealed);
    let talks = picture::Talks::of(&scene);
    println!("Who spoke when, as the server reported it\n\n{}", talks.text());
    for check in &checks {
        let word = if check.holds { "ok    " } else { "FAILED" };
        println!("{word} {}\n         {}", check.what, check.found);
    }
    let svg = arguments.out.join("talk.svg");
    fs::write(&svg, talks.svg())?;
    println!("\nwho spoke when: {}, the mix: {}", svg.display(), place.at("mix.opus"));
    Ok(checks.iter().all(|check| check.holds))
}
