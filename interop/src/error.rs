//! Why a scenario did not pass.

use std::path::PathBuf;

/// Why a scenario did not pass, split by whose fault it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was heard, seen or answered is not what it should be.
    #[error("{0}")]
    Wrong(String),
    /// This machine does not allow what the scenario needs.
    #[error("{0}")]
    Unable(String),
    /// The server refused a command.
    #[error("{command} was refused: {reason}")]
    Refused {
        /// The ng command.
        command: String,
        /// The server's `error-reason`.
        reason: String,
    },
    /// The server's reply was late or could not be read.
    #[error("{command}: {detail}")]
    Reply {
        /// The ng command.
        command: String,
        /// What was wrong with it.
        detail: String,
    },
    /// An outside program could not be started, ended badly or hung; its output is in the log.
    #[error("{program}: {detail} (see {})", log.display())]
    Program {
        /// The program.
        program: String,
        /// What happened.
        detail: String,
        /// What it printed.
        log: PathBuf,
    },
    /// A file or a socket of ours failed.
    #[error("{what}: {source}")]
    Io {
        /// The file or the operation.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Names the operation an I/O error came from.
pub(crate) trait Context<T> {
    /// Wraps the error with what was being done.
    fn during(self, what: impl Into<String>) -> Result<T, Failure>;
}

impl<T> Context<T> for std::io::Result<T> {
    fn during(self, what: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|source| Failure::Io { what: what.into(), source })
    }
}

/// Fails the scenario with the message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        let holds: bool = $condition;
        if !holds {
            return Err($crate::error::Failure::Wrong(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;
