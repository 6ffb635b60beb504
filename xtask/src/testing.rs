//! `cargo xtask test`: every test, and at the end how many passed, failed and were skipped, and why.

mod report;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, pipe};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::error::Error;
use crate::setup::{self, Feature};
use crate::shell;
use report::{Report, Step};

/// Names the folder of the ITU's vectors of G.729, which are not in the repository.
const VECTORS: &str = "MEDIAPOINT_G729_DATA";
/// How the reason of a test that is ignored for want of them begins.
const WANTS_VECTORS: &str = "needs the ITU's vectors";

/// How the reason of the test begins that is ignored where the controller is not optimised.
const WANTS_OPTIMISED: &str = "proof of optimised code";
/// What handles keys, which is optimised as a release is to prove that none is left behind. Tests do without, for the time of
/// its compiling.
const KEEPS_KEYS: &[&str] = &["control-ng", "engine", "packet", "srtp"];
const PROOFS: &[&str] = &["keys_are_wiped", "keys_leave_no_copy", "secret_bytes_leave_no_copy"];

/// What has tests. Examples and benches have none, and are compiled by `lint`.
const TESTED: &[&str] =
    &["--workspace", "--exclude", "mediapoint-benches", "--no-fail-fast", "--lib", "--bins", "--tests"];
/// Of these what names programs.
const PROGRAMS: &[&str] = &["--lib", "--bins", "--tests"];

/// Every test of the workspace, the corpora of the fuzz targets included, those that want the ITU's vectors, where these are, and
/// those in the documentation. With `all` those, too, that compile much a second time.
pub(crate) fn test(all: bool) -> Result<(), Error> {
    setup::ensure(&[Feature::Build, Feature::Test])?;
    announce()?;
    if let Err(error) = moto() {
        println!("no moto, the S3 server of tests: {error}");
    }
    let mut report = Report::default();
    run(&mut report, "workspace", TESTED)?;
    vectors(&mut report)?;
    let workspace: Vec<&str> = TESTED.iter().copied().filter(|word| !PROGRAMS.contains(word)).collect();
    run(&mut report, "documentation", &[workspace.as_slice(), &["--doc"]].concat())?;
    if all {
        optimised(&mut report, &workspace)?;
        with_amr(&mut report, &workspace)?;
    }
    println!("\n{report}");
    if report.failed() { Err(Error::Tool("some tests failed".to_owned())) } else { Ok(()) }
}

/// What is proved of a release: that no copy of a key is left.
fn optimised(report: &mut Report, workspace: &[&str]) -> Result<(), Error> {
    let levels: Vec<String> = KEEPS_KEYS
        .iter()
        .map(|package| format!("profile.dev.package.mediapoint-{package}.opt-level=3"))
        .collect();
    // As a part of the same workspace, so that nothing from outside is compiled again.
    let mut arguments = workspace.to_vec();
    arguments.extend(levels.iter().flat_map(|level| ["--config", level.as_str()]));
    arguments.extend(PROOFS.iter().flat_map(|proof| ["--test", proof]));
    arguments.extend(["--", "--include-ignored"]);
    run(report, "optimised", &arguments)?;
    report.forget_ignored(WANTS_OPTIMISED);
    Ok(())
}

/// The coders that are not built in unless asked for.
fn with_amr(report: &mut Report, workspace: &[&str]) -> Result<(), Error> {
    let features = "mediapoint-amr/linked,mediapoint-codec/amr";
    let packages = ["--package", "mediapoint-amr", "--package", "mediapoint-codec", "--features", features];
    run(report, "with AMR", &[&["--no-fail-fast"], packages.as_slice()].concat())?;
    // As a part of the same workspace, so that what is from outside has the same features and is not compiled again.
    let pairs = ["--features", "mediapoint-engine/amr", "--test", "every_codec_speaks_to_every_other"];
    run(report, "calls with AMR", &[workspace, &pairs].concat())
}

/// The S3 server of PyPI, in an environment beside what is compiled, where the tests look for it.
fn moto() -> Result<(), Error> {
    const MOTO: &str = "moto[server]==5.2.1";
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let folder = target.unwrap_or_else(|| shell::workspace_root().join("target")).join("moto-venv");
    if shell::find_program("moto_server").is_some() || folder.join("bin/moto_server").is_file() {
        return Ok(());
    }
    let folder = folder.display().to_string();
    shell::Program::new("python3", ["-m", "venv", &folder]).run()?;
    let install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", MOTO];
    shell::Program::new(&format!("{folder}/bin/python"), install).run()
}

/// The tests that the first step ignored for want of the vectors, where these are. CI has to have them.
fn vectors(report: &mut Report) -> Result<(), Error> {
    let names = report.ignored_for(WANTS_VECTORS);
    if names.is_empty() {
        return Ok(());
    }
    let Some(folder) = vectors_folder() else {
        return if std::env::var_os("CI").is_some() {
            Err(Error::Tool(format!(
                "CI tests with the ITU's vectors of G.729: set {VECTORS} to their folder"
            )))
        } else {
            Ok(())
        };
    };
    println!("the ITU's vectors are in {}", folder.display());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    run(report, "ITU vectors", &[TESTED, &["--", "--ignored", "--exact"], &names].concat())?;
    report.forget_ignored(WANTS_VECTORS);
    Ok(())
}

/// The folder that the variable names, or `shared/g729` in a folder above.
fn vectors_folder() -> Option<PathBuf> {
    let named = std::env::var_os(VECTORS).map(PathBuf::from);
    let above = || {
        shell::workspace_root().ancestors().map(|above| above.join("shared/g729")).find(|one| one.is_dir())
    };
    named.filter(|folder| folder.is_dir()).or_else(above)
}

/// Runs `cargo test`, shows what it prints and takes the outcomes from it. A test that fails is no error here.
fn run(report: &mut Report, name: &'static str, arguments: &[&str]) -> Result<(), Error> {
    let shown = format!("cargo test {}", arguments.join(" "));
    let spawn = |source| Error::Spawn { program: shown.clone(), source };
    println!("$ {shown}");
    let begun = Instant::now();
    let (reader, writer) = pipe().map_err(spawn)?;
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    // One pipe for both, so that the lines come in the order that they were written.
    cargo.arg("test").args(arguments).stdout(writer.try_clone().map_err(spawn)?).stderr(writer);
    let mut child = cargo.spawn().map_err(spawn)?;
    // It holds the pipe's other end.
    drop(cargo);
    let mut step = Step::new(name);
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.map_err(spawn)?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        step.take(&line);
    }
    let status = child.wait().map_err(spawn)?;
    step.end(begun.elapsed(), status.success());
    report.add(step);
    Ok(())
}

/// Says how many crates have to be downloaded, and about how much that is.
fn announce() -> Result<(), Error> {
    /// Octets of a packed crate in the mean: the 262 of the lock file are 49 MB.
    const CRATE: usize = 186_000;
    let lock = shell::read(Path::new("Cargo.lock"))?;
    let locked: BTreeSet<String> = crates(&lock).collect();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registries = home.and_then(|home| std::fs::read_dir(home.join("registry/cache")).ok());
    let here: Vec<PathBuf> = registries.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let missing =
        locked.iter().filter(|file| !here.iter().any(|registry| registry.join(file).is_file())).count();
    if missing > 0 {
        let megabytes = (missing * CRATE).div_ceil(1_000_000);
        println!("crates: {missing} of {} have to be downloaded, at most {megabytes} MB or so", locked.len());
    }
    Ok(())
}

/// Files of the crates from outside that a lock file names.
fn crates(lock: &str) -> impl Iterator<Item = String> {
    lock.split("[[package]]").filter(|package| package.contains("\nsource = \"registry")).filter_map(
        |package| {
            let value =
                |key: &str| package.lines().find_map(|line| line.strip_prefix(key)?.strip_suffix('"'));
            Some(format!("{}-{}.crate", value("name = \"")?, value("version = \"")?))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_from_outside_are_read_from_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"aes\"\nversion = \"0.9.4\"\nsource = \"registry+x\"\n\n\
            [[package]]\nname = \"mediapoint-net\"\nversion = \"0.1.0\"\n";
        assert_eq!(crates(lock).collect::<Vec<_>>(), ["aes-0.9.4.crate"]);
    }
}
