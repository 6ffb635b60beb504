//! libspandsp as an outside program, for figures beside ours.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The digits that libspandsp finds, `None` where there is no such library or no C compiler.
pub(crate) fn spandsp(pcm: &[i16]) -> Option<String> {
    spandsp_each(&[pcm.to_vec()])?.pop()
}

/// The digits that libspandsp finds in each of `clips`.
pub(crate) fn spandsp_each(clips: &[Vec<i16>]) -> Option<Vec<String>> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(compiled).as_ref()?;
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    for pcm in clips {
        to.write_all(&(pcm.len() as u32).to_ne_bytes()).unwrap();
        to.write_all(&pcm.iter().flat_map(|sample| sample.to_ne_bytes()).collect::<Vec<_>>()).unwrap();
    }
    drop(to);
    let mut digits = String::new();
    child.stdout.take().unwrap().read_to_string(&mut digits).unwrap();
    assert!(child.wait().unwrap().success(), "libspandsp's program failed");
    Some(digits.lines().map(str::to_owned).collect())
}

fn compiled() -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spandsp_digits.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("spandsp_digits");
    let built =
        Command::new("cc").args(["-O2", source, "-ldl", "-o"]).arg(&program).stderr(Stdio::null()).status();
    if !built.is_ok_and(|status| status.success()) {
        println!("no figures of libspandsp: cc cannot build {source}");
        return None;
    }
    let runs = Command::new(&program).stdin(Stdio::null()).stderr(Stdio::null()).status();
    if !runs.is_ok_and(|status| status.success()) {
        println!("no figures of libspandsp: install libspandsp2");
        return None;
    }
    Some(program)
}
