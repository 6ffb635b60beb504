//! Lock-free types under loom, which tries every order in which their threads may run.

use cargo_metadata::{MetadataCommand, Package};

use crate::error::Error;
use crate::shell::Program;

/// Tests that loom runs have this in their name or in that of their module.
const FILTER: &str = "loom";

/// `cargo xtask loom`.
pub(crate) fn check() -> Result<(), Error> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    // Other flags mean other builds of everything: they are kept apart from the usual ones.
    let target = metadata.target_directory.join("loom");
    let mut ran = 0;
    for package in metadata.workspace_packages() {
        if !uses_loom(package) {
            continue;
        }
        for part in parts(package) {
            let name = package.name.as_str();
            let arguments = ["test", "--quiet", "--package", name].into_iter().map(str::to_owned).chain(part);
            let run = |more: &[&str]| {
                Program::cargo(arguments.clone().chain(more.iter().map(|word| (*word).to_owned())))
                    .env("RUSTFLAGS", "--cfg loom")
                    .env("CARGO_TARGET_DIR", target.as_str())
            };
            let listed = run(&["--", "--list"]).output()?;
            let tests = listed.lines().filter(|line| line.ends_with(": test")).count();
            if tests > 0 {
                run(&[]).run()?;
                ran += tests;
            }
        }
    }
    match ran {
        0 => println!("loom: skipped, no test has {FILTER} in its name"),
        _ => println!("loom: {ran} test(s), every order of their threads"),
    }
    Ok(())
}

fn uses_loom(package: &Package) -> bool {
    package.dependencies.iter().any(|dependency| dependency.name == "loom")
}

/// What to run of a package: the tests of its library by name, and test files by theirs.
fn parts(package: &Package) -> Vec<Vec<String>> {
    let files = package.targets.iter().filter(|target| target.is_test() && target.name.contains(FILTER));
    let files = files.map(|target| vec!["--test".to_owned(), target.name.clone()]);
    std::iter::once(vec!["--lib".to_owned(), FILTER.to_owned()]).chain(files).collect()
}
