//! The tasks that build and run things: tests, lints, demonstration, interoperability.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

use crate::checks::help;
use crate::error::Error;
use crate::setup::{self, Feature};
use crate::shell::{self, Program};

/// Formatting, clippy and documentation, each warning an error.
pub(crate) fn lint() -> Result<(), Error> {
    setup::ensure(&[Feature::Build])?;
    Program::cargo(["fmt", "--all", "--check"]).run()?;
    Program::cargo(["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])
        .run()?;
    Program::cargo(["doc", "--workspace", "--no-deps", "--quiet"])
        .env("RUSTDOCFLAGS", "--deny warnings")
        .run()
}

/// Builds server and tools in release and shows a call through the server; with `ivr`, `record` or `conference` first, an
/// example.
pub(crate) fn demo(args: &[String]) -> Result<(), Error> {
    if let Some((word, args)) = args.split_first()
        && let Some(package) = example(word)
    {
        return show(package, args);
    }
    setup::ensure(&[Feature::Build, Feature::Demo])?;
    release_programs()?;
    // Not by `cargo run`: for one package of the two it would choose other features, and compile anew.
    let tools = target_folder()?.join("release").join("mediapoint-tools").display().to_string();
    let args = std::iter::once("demo").chain(args.iter().map(String::as_str));
    Program::new(&tools, args).shown_as("mediapoint-tools demo").run()
}

/// The examples that are shown, in `examples`: a scripted IVR by the library and over the ng protocol, calls that are recorded,
/// with a server that is killed, and a conference room.
const EXAMPLES: [(&str, &str); 3] = [
    ("ivr", "mediapoint-ivr"),
    ("record", "mediapoint-record"),
    // The mixer has the shorter name.
    ("conference", "mediapoint-conference-demo"),
];

/// The package of an example that is shown.
pub(crate) fn example(word: &str) -> Option<&'static str> {
    EXAMPLES.into_iter().find(|(name, _)| *name == word).map(|(_, package)| package)
}

fn show(package: &str, args: &[String]) -> Result<(), Error> {
    setup::ensure(&[Feature::Build])?;
    // As tests are built, so that these mostly are already: nothing here measures speed.
    Program::cargo(["build", "--package", "mediapoint-server", "--package", package]).run()?;
    let program = target_folder()?.join("debug").join(package).display().to_string();
    Program::new(&program, args).shown_as(package).run()
}

/// Exchanges media with outside programs.
pub(crate) fn interop(args: &[String]) -> Result<(), Error> {
    setup::ensure(&[Feature::Build, Feature::Interop])?;
    // As tests are built, so that these mostly are already, and with checks of overflow and of what the code takes for
    // granted. Together, so that what they share is compiled once.
    // The targets set the features that the tests have, so that the crates below are theirs.
    let packages = ["mediapoint-interop", "mediapoint-server", "mediapoint-tools", "mediapoint-targets"];
    let packages = packages.into_iter().flat_map(|name| ["--package", name]);
    Program::cargo(["build"].into_iter().chain(packages)).run()?;
    let program = target_folder()?.join("debug").join("mediapoint-interop").display().to_string();
    Program::new(&program, args).shown_as("mediapoint-interop").run()?;
    if !args.is_empty() {
        return Ok(());
    }
    // The softphones that every end-to-end test rests on, through a server that is not ours.
    Program::cargo(["test", "--workspace", "--test", "rtpengine", "--", "--ignored"]).run()
}

/// Prints the help of a command that another program carries out, without building that program.
pub(crate) fn help(command: &str) -> Result<(), Error> {
    let text = shell::read(Path::new(help::FILE))?;
    println!("{}", help::part(&text, command).unwrap_or_default().trim_end());
    Ok(())
}

fn release_programs() -> Result<(), Error> {
    let packages = ["--package", "mediapoint-server", "--package", "mediapoint-tools"];
    Program::cargo(["build", "--release"].into_iter().chain(packages)).run()
}

/// Cargo's folder for what it builds.
pub(crate) fn target_folder() -> Result<PathBuf, Error> {
    Ok(MetadataCommand::new().no_deps().exec()?.target_directory.into_std_path_buf())
}
