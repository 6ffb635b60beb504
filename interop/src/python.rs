//! Python with packages from PyPI, each set in an environment of its own in cargo's target folder.

use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::process::output;
use crate::server::target_folder;

/// The Python of the environment `name`, in which `module` can be imported; made and filled with `packages` where it is
/// not there. [`Failure::Unable`] where it cannot be had.
pub(crate) fn with(name: &str, module: &str, packages: &[&str]) -> Result<PathBuf, Failure> {
    let folder = target_folder()?.join(name);
    let python = folder.join("bin/python");
    let import = ["-c".to_owned(), format!("import {module}")];
    let has_module = |python: &Path| output(&python.display().to_string(), &import).is_ok();
    if !python.is_file() || !has_module(&python) {
        let unable = |error: Failure| Failure::Unable(format!("no {module} of PyPI: {error}"));
        let venv = ["-m".to_owned(), "venv".to_owned(), folder.display().to_string()];
        output("python3", &venv).map_err(unable)?;
        let install =
            ["-m", "pip", "install", "--quiet"].iter().chain(packages).map(|word| (*word).to_owned());
        output(&python.display().to_string(), &install.collect::<Vec<_>>()).map_err(unable)?;
        if !has_module(&python) {
            return Err(Failure::Unable(format!("{module} of PyPI cannot be imported on this machine")));
        }
    }
    Ok(python)
}
