//! What can go wrong in a task.

use std::path::PathBuf;

/// Why a task ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program could not be started.
    #[error("{program} could not be started: {source}")]
    Spawn {
        /// The program's name.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed ({status})")]
    Failed {
        /// The command as typed.
        command: String,
        /// Its exit status.
        status: std::process::ExitStatus,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `cargo metadata` did not answer.
    #[error("cargo metadata: {0}")]
    Metadata(#[from] cargo_metadata::Error),
    /// A check found something.
    #[error("{check}: {} finding(s)\n  {}", findings.len(), findings.join("\n  "))]
    Findings {
        /// The check's name.
        check: &'static str,
        /// One line each.
        findings: Vec<String>,
    },
    /// System packages are missing and could not be installed.
    #[error("these packages are missing: {}\n  run the command again with --yes to install them, or: apt-get install --no-install-recommends {}", packages.join(" "), packages.join(" "))]
    Missing {
        /// Debian package names.
        packages: Vec<String>,
    },
    /// A tool is missing and cannot be installed with apt-get.
    #[error("{0}")]
    Tool(String),
}
