//! `cargo xtask instructions`: the instructions of each step of the media path, counted by valgrind, beside those in
//! benches/instructions.toml. Counts are the same whatever else the machine does; times are not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use crate::error::Error;
use crate::run::target_folder;
use crate::setup::{self, Feature};
use crate::shell::{self, Program};

/// The counts that hold.
const FILE: &str = "benches/instructions.toml";
/// More than this part of a count above it fails; the same below is said.
const TOLERANCE: f64 = 0.03;
/// Steps of the two runs whose difference is counted. Jitter buffers are filled and encoders settled after the first.
const STEPS: [u64; 2] = [8000, 16_000];
const HEAD: &str = "\
# Instructions of a step, on x86-64 with AVX2, optimised as a release but for the optimisation across crates;
# valgrind has no SHA extensions, so that HMAC-SHA1 takes more than in life. A step is a packet of one of 400 calls in turn,
# or a tick of a mix or detector. `cargo xtask instructions` fails where one takes 3 % more;
# `cargo xtask instructions --write` writes what it counts.

";

/// Counts, and compares or writes.
pub(crate) fn command(write: bool) -> Result<(), Error> {
    setup::ensure(&[Feature::Build, Feature::Instructions])?;
    let program = build()?;
    let listing = Program::new::<&str>(&program.display().to_string(), []).output()?;
    let names: Vec<&str> = listing.lines().collect();
    let counts = count_all(&program, &names)?;
    let counted: Vec<(&str, u64)> = names.iter().copied().zip(counts).collect();
    if write {
        let lines: String = counted.iter().map(|(name, count)| format!("\"{name}\" = {count}\n")).collect();
        let path = Path::new(FILE);
        std::fs::write(path, format!("{HEAD}{lines}"))
            .map_err(|source| Error::Io { path: path.to_owned(), source })?;
        println!("{FILE}: {} counts", counted.len());
        return Ok(());
    }
    let known = known(&shell::read(Path::new(FILE))?)?;
    let mut findings = Vec::new();
    for (name, count) in &counted {
        let before = known.get(*name).copied();
        let verdict = verdict(before, *count);
        println!(
            "{name:38}{count:>10}  {}",
            before.map_or_else(String::new, |before| change(before, *count))
        );
        findings.extend(verdict.map(|verdict| format!("{name}: {verdict}")));
    }
    let gone = known.keys().filter(|name| !names.contains(&name.as_str()));
    findings.extend(gone.map(|name| format!("{name}: in {FILE}, and not counted")));
    if findings.is_empty() { Ok(()) } else { Err(Error::Findings { check: "instructions", findings }) }
}

/// Compiles what is counted, as a release, but for the optimisation across crates, which takes minutes.
fn build() -> Result<PathBuf, Error> {
    let folder = target_folder()?.join("instructions");
    let arguments = ["build", "--release", "--package", "mediapoint-benches", "--bin", "counted"];
    Program::new("cargo", arguments)
        .env("CARGO_TARGET_DIR", &folder.display().to_string())
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .run()?;
    Ok(folder.join("release/counted"))
}

/// Instructions of a step of each, in the order of the names; as many at a time as there are processors.
fn count_all(program: &Path, names: &[&str]) -> Result<Vec<u64>, Error> {
    let left = Mutex::new(names.iter().enumerate());
    let counts = Mutex::new(Vec::new());
    let runners = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..runners {
            scope.spawn(|| {
                while let Some((at, name)) = left.lock().ok().and_then(|mut left| left.next()) {
                    let count = count(program, name);
                    if let Ok(mut counts) = counts.lock() {
                        counts.push((at, count));
                    }
                }
            });
        }
    });
    let mut counts = counts.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    counts.sort_by_key(|(at, _)| *at);
    counts.into_iter().map(|(_, count)| count).collect()
}

fn count(program: &Path, name: &str) -> Result<u64, Error> {
    let [few, many] = STEPS.map(|steps| collected(program, name, steps));
    let (few, many) = (few?, many?);
    let [first, last] = STEPS;
    Ok(many.saturating_sub(few) / (last - first))
}

/// All instructions of a run.
fn collected(program: &Path, name: &str, steps: u64) -> Result<u64, Error> {
    let (program, steps) = (program.display().to_string(), steps.to_string());
    let log = target_folder()?.join("instructions").join(format!("{}.{steps}.log", name.replace(' ', "-")));
    let log_file = format!("--log-file={}", log.display());
    let arguments = ["--tool=callgrind", "--callgrind-out-file=/dev/null", &log_file, &program, name, &steps];
    Program::new("valgrind", arguments).run()?;
    let printed = shell::read(&log)?;
    let total = printed.lines().find_map(|line| line.split_once("Collected :"));
    let total = total.and_then(|(_, count)| count.trim().parse().ok());
    total.ok_or_else(|| Error::Tool(format!("{}: valgrind says no number of instructions", log.display())))
}

fn known(text: &str) -> Result<BTreeMap<String, u64>, Error> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let parsed = line.rsplit_once(" = ").and_then(|(name, count)| {
                let name = name.strip_prefix('"')?.strip_suffix('"')?;
                Some((name.to_owned(), count.parse().ok()?))
            });
            parsed.ok_or_else(|| Error::Tool(format!("{FILE}: {line:?} is not `\"name\" = count`")))
        })
        .collect()
}

/// What is wrong with a count.
fn verdict(before: Option<u64>, count: u64) -> Option<String> {
    let Some(before) = before else { return Some(format!("not in {FILE}")) };
    match change_of(before, count) {
        part if part > TOLERANCE => Some(format!("{count} instructions, {before} before")),
        part if part < -TOLERANCE => Some(format!("{count} instructions, {before} before: write it down")),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of less than 2^52")]
fn change_of(before: u64, count: u64) -> f64 {
    count as f64 / before.max(1) as f64 - 1.0
}

fn change(before: u64, count: u64) -> String {
    format!("{:+.1} %", change_of(before, count) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_compared() {
        assert_eq!(verdict(Some(1000), 1000), None);
        assert_eq!(verdict(Some(1000), 1029), None);
        assert_eq!(verdict(Some(1000), 1031).as_deref(), Some("1031 instructions, 1000 before"));
        assert!(verdict(Some(1000), 960).unwrap().contains("write it down"));
        assert!(verdict(None, 960).is_some());
        assert_eq!(change(1000, 985), "-1.5 %");
    }

    #[test]
    fn the_file_is_read() {
        let read = known("# a comment\n\n\"mix, 20 members, 3 speak\" = 12\n\"relay\" = 3\n").unwrap();
        assert_eq!(read.get("mix, 20 members, 3 speak"), Some(&12));
        assert_eq!(read.len(), 2);
        assert!(known("relay = 3").is_err() && known("\"relay\" = some").is_err());
    }
}
