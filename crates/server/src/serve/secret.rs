//! The secret of the control ports, from its file.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mediapoint_control_ng::{MIN_SECRET, Secret};
use zeroize::Zeroizing;

/// Most bytes of the file.
const MAX_FILE: u64 = 4096;

/// Why the secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The file cannot be read.
    #[error("ng-secret-file: cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Everybody on the machine may read it.
    #[error("ng-secret-file: {} can be read by everybody; allowed: mode 0600 or 0640", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// Too short to be a secret, or no file of one.
    #[error("ng-secret-file: {} has {bytes} bytes; allowed: {MIN_SECRET} to {MAX_FILE}, such as from `openssl rand -hex 32`", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its bytes, without the end of the line.
        bytes: u64,
    },
}

/// Reads the secret: all of the file but the end of its last line.
pub(crate) fn read(path: &Path) -> Result<Secret, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_owned(), source };
    let file = fs::metadata(path).map_err(failed)?;
    if file.permissions().mode() & 0o007 != 0 {
        return Err(SecretError::Open { path: path.to_owned() });
    }
    let length = |bytes| SecretError::Length { path: path.to_owned(), bytes };
    if file.len() > MAX_FILE {
        return Err(length(file.len()));
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(failed)?);
    let end = bytes.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
    let secret = bytes.get(..end).unwrap_or_default();
    Secret::new(secret).ok_or_else(|| length(u64::try_from(secret.len()).unwrap_or(u64::MAX)))
}
