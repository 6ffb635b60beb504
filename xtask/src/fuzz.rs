//! Fuzzing: every target is built once, then as many run at a time as there are processors.

pub(crate) mod compiler;

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use crate::error::Error;
use crate::run::target_folder;
use crate::setup::{self, Feature};
use crate::shell::Program;
use crate::tools::cargo_tool;

/// The workspace of the fuzz targets.
pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

/// Runs shorter than this, in seconds, are built with less optimisation: what is saved in building is more than what the
/// targets lose in inputs.
const SHORT: u32 = 60;

/// Lines shown of what a target printed before it ended with a finding.
const LAST: usize = 60;

/// Runs one fuzz target, or all of them.
pub(crate) fn fuzz(seconds: u32, target: Option<&str>) -> Result<(), Error> {
    setup::ensure(&[Feature::Build, Feature::Fuzz])?;
    if let Some(name) = target {
        program(name, seconds)?.run()?;
        println!("{name} ran {seconds} s without a finding");
        return Ok(());
    }
    let names = names()?;
    optimised(unstable(cargo_tool("fuzz", ["build"])?)?, seconds).run()?;
    let runners = thread::available_parallelism().map_or(1, usize::from);
    let (left, findings) = (Mutex::new(names.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..runners {
            scope.spawn(|| {
                while let Some(name) = left.lock().ok().and_then(|mut left| left.next()) {
                    match logged(name, seconds) {
                        Ok(last) => println!("ok    {name:16} {last}"),
                        Err(error) => {
                            println!("FAIL  {name:16} {error}");
                            findings
                                .lock()
                                .unwrap_or_else(|poisoned| poisoned.into_inner())
                                .push(name.clone());
                        }
                    }
                }
            });
        }
    });
    let findings = findings.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !findings.is_empty() {
        return Err(Error::Findings { check: "fuzz", findings });
    }
    println!("{} fuzz targets ran {seconds} s each without a finding", names.len());
    Ok(())
}

/// Runs one target with its output in a file; returns how many inputs it tried.
fn logged(name: &str, seconds: u32) -> Result<String, Error> {
    let log = target_folder()?.join("fuzz-corpus").join(format!("{name}.log"));
    let program = program(name, seconds)?;
    let file = File::create(&log).map_err(|source| Error::Io { path: log.clone(), source })?;
    let outcome = program.run_into(file);
    let printed = String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()).into_owned();
    if let Err(error) = outcome {
        let lines: Vec<&str> = printed.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LAST)..).unwrap_or_default();
        return Err(Error::Tool(format!("{error}\n{}", last.join("\n"))));
    }
    let tried = printed.lines().rev().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    Ok(format!("{} inputs", tried.unwrap_or("?").trim()))
}

/// A target with its corpus, dictionary and limits.
fn program(name: &str, seconds: u32) -> Result<Program, Error> {
    // New inputs go to the first folder named; the corpus under version control is read only.
    let found = target_folder()?.join("fuzz-corpus").join(name);
    std::fs::create_dir_all(&found).map_err(|source| Error::Io { path: found.clone(), source })?;
    let (found, corpus) = (found.display().to_string(), format!("fuzz/corpus/{name}"));
    let places = [found.as_str(), corpus.as_str()];
    let limit = format!("-max_total_time={seconds}");
    let limits = [&limit, "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1"];
    // Words that chance would hardly find.
    let words = format!("fuzz/dictionaries/{name}.dict");
    let words = Path::new(&words).exists().then(|| format!("-dict={words}"));
    let limits = limits.into_iter().chain(words.as_deref());
    let args: Vec<&str> = ["run", name].into_iter().chain(places).chain(["--"]).chain(limits).collect();
    Ok(optimised(unstable(cargo_tool("fuzz", args)?)?, seconds))
}

/// The build as it is worth it for a run of `seconds`.
fn optimised(program: Program, seconds: u32) -> Program {
    if seconds < SHORT { program.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1") } else { program }
}

/// libFuzzer's coverage flags are unstable options; the variable lets the pinned stable compiler take them, so that fuzzing
/// needs no second toolchain. The input of a finding is kept in fuzz/artifacts.
fn unstable(program: Program) -> Result<Program, Error> {
    compiler::chosen(program.env("RUSTC_BOOTSTRAP", "1"))
}

fn names() -> Result<Vec<String>, Error> {
    let listing = unstable(cargo_tool("fuzz", ["list"])?)?.output()?;
    let names: Vec<String> =
        listing.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if names.is_empty() { Err(Error::Tool(format!("{} has no target", MANIFEST))) } else { Ok(names) }
}
