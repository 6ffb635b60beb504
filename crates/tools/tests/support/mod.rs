//! The programs under test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `mediapoint-tools`, with the server beside it.
pub(crate) fn tools() -> Command {
    server();
    Command::new(tools_path())
}

/// The server that the tools find: in the same folder. Cargo puts it there with `cargo test` of the workspace or of both
/// packages; with a test of this package alone it is built here where it is missing.
pub(crate) fn server() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let server = tools_path().with_file_name("mediapoint");
        if !server.is_file() {
            build();
        }
        assert!(server.is_file(), "{} is missing: cargo build -p mediapoint-server", server.display());
        server
    })
}

fn tools_path() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mediapoint-tools"))
}

/// In the profile that the tools were built in, which the folder is named after.
fn build() {
    let folder = tools_path().parent().and_then(Path::file_name).unwrap().to_str().unwrap();
    let profile = if folder == "debug" { "dev" } else { folder };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "mediapoint-server", "--profile", profile])
        .status()
        .unwrap();
    assert!(built.success(), "the server cannot be built: {built}");
}
