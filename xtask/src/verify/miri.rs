//! Miri, which runs tests in an interpreter that sees undefined behaviour: rings and scalar kernels.
//!
//! It needs the nightly toolchain with `miri` and `rust-src`. Where these are not installed the check says so and skips.

use std::path::Path;

use crate::error::Error;
use crate::shell::Program;

/// Packages, and the tests by name. The interpreter knows no socket, and is some hundred times slower than the machine.
const TESTS: &[(&str, &str)] = &[("mediapoint-net", "ring"), ("mediapoint-g729", "simd")];

/// `cargo xtask miri`.
pub(crate) fn check() -> Result<(), Error> {
    if let Some(reason) = missing() {
        println!("miri: skipped, {reason}");
        return Ok(());
    }
    for (package, filter) in TESTS {
        let arguments = ["run", "nightly", "cargo", "miri", "test", "--package", package, "--lib", filter];
        Program::new("rustup", arguments).run()?;
    }
    println!("miri: rings and scalar kernels show no undefined behaviour");
    Ok(())
}

/// Why it cannot run here.
fn missing() -> Option<&'static str> {
    if nightly(&["cargo", "miri", "--version"]).is_none() {
        return Some("miri is not installed: rustup component add miri rust-src --toolchain nightly");
    }
    // Miri interprets the standard library, too, and asks rustup for its source where it is not there. Asked here
    // instead, its absence is no failure.
    let source = has_source()
        || Program::new("rustup", ["component", "add", "rust-src", "--toolchain", "nightly"]).succeeds();
    (!source).then_some("the nightly toolchain has no rust-src, and it cannot be installed from here")
}

fn has_source() -> bool {
    let sysroot = nightly(&["rustc", "--print", "sysroot"]).unwrap_or_default();
    Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library").is_dir()
}

/// What a program of the nightly toolchain prints, where it is there and succeeds.
fn nightly(arguments: &[&str]) -> Option<String> {
    Program::new("rustup", ["run", "nightly"].iter().chain(arguments)).output_quiet()
}
