//! `mediapoint calibrate`: starts `mediapoint-tools calibrate`, which measures this program.
//!
//! The load stands on softphones and what they need, which is kept out of what people deploy.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::cli::{FAILED, refuse};

const PROGRAM: &str = "mediapoint-tools";

/// Becomes the other program, with the same arguments; comes back only where it cannot.
pub(crate) fn command(arguments: &[OsString]) -> ExitCode {
    let own = match env::current_exe() {
        Ok(own) => own,
        Err(error) => return refuse(FAILED, &format_args!("cannot find this program itself: {error}")),
    };
    let program = beside(&own);
    let error = Command::new(&program).args(of_calibrate(&own, arguments)).exec();
    if error.kind() == io::ErrorKind::NotFound {
        let folder = own.parent().unwrap_or(Path::new(".")).display();
        return refuse(
            FAILED,
            &format_args!(
                "{PROGRAM}, which measures, is neither in {folder} nor in PATH: install it, or build it with \
                 `cargo build --release -p mediapoint-tools`"
            ),
        );
    }
    refuse(FAILED, &format_args!("cannot start {}: {error}", program.display()))
}

/// The program in the folder of this one, or else wherever `PATH` has it.
fn beside(own: &Path) -> PathBuf {
    let beside = own.with_file_name(PROGRAM);
    if beside.is_file() { beside } else { PathBuf::from(PROGRAM) }
}

/// Its arguments: this program is the server, unless another is named.
fn of_calibrate(own: &Path, arguments: &[OsString]) -> Vec<OsString> {
    let named = |argument: &OsString| {
        argument == "--server" || argument.to_str().is_some_and(|argument| argument.starts_with("--server="))
    };
    let mut all = vec![OsString::from("calibrate")];
    if !arguments.iter().any(named) {
        all.extend([OsStr::new("--server"), own.as_os_str()].map(OsStr::to_owned));
    }
    all.extend_from_slice(arguments);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_the_server_unless_another_is_named() {
        let of = |line: &str| {
            let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let all = of_calibrate(Path::new("/opt/mediapoint"), &arguments);
            all.join(OsStr::new(" ")).into_string().unwrap()
        };
        assert_eq!(of("--quick"), "calibrate --server /opt/mediapoint --quick");
        assert_eq!(of("--server x --quick"), "calibrate --server x --quick");
        assert_eq!(of("--server=x"), "calibrate --server=x");
        assert_eq!(of("--server-core 1"), "calibrate --server /opt/mediapoint --server-core 1");
    }

    #[test]
    fn where_it_is_not_beside_this_one_the_path_is_looked_in() {
        assert_eq!(beside(Path::new("/no/such/mediapoint")), Path::new(PROGRAM));
    }
}
