//! What can go wrong with keys, journals and finished files.

use std::io;

use crate::recipients::PluginError;

/// Why a journal ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CutReason {
    /// The last record is not all there.
    #[error("the last record is cut off")]
    Truncated,
    /// A record does not open with its key at its place in the chain: bits changed, or it was moved, doubled or the one
    /// before it was dropped.
    #[error("a record is altered, moved, doubled or missing")]
    Altered,
    /// What stands there is no record.
    #[error("what follows is no record")]
    NotARecord,
    /// There is no record left, and none of them says that it is the last.
    #[error("it was not completed")]
    NoEnd,
}

/// Failures of sealing, opening and verifying recordings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// A recipient that is none.
    #[error("recipient {number} is no age or SSH public key that can be used: {reason}")]
    Recipient {
        /// Its number in the list, from 1.
        number: usize,
        /// What the library says.
        reason: String,
    },
    /// A recipient's plugin did not wrap the key; nothing is encrypted to the others either.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// A recipient whose keys may not be wrapped for others beside it, or for the node itself.
    #[error("a recipient's plugin does not allow the others beside it")]
    Incompatible,
    /// Nobody could open the recording.
    #[error("a recording has no recipient")]
    NoRecipient,
    /// An identity that is none.
    #[error("no age identity or SSH private key that can be used")]
    Identity,
    /// A file of a key that others can read, or that does not hold a key.
    #[error("key file {0} {1}")]
    KeyFile(std::path::PathBuf, &'static str),
    /// The journal's beginning is not all there: nothing of the recording was ever synced.
    #[error("the journal has no beginning")]
    NoBeginning,
    /// The journal's beginning is altered.
    #[error("the journal's beginning is damaged")]
    DamagedBeginning,
    /// None of the identities opens it.
    #[error("no identity opens it")]
    WrongIdentity,
    /// A record is longer than a journal takes.
    #[error("a record of {0} octets, {max} at most", max = crate::journal::MAX_RECORD)]
    TooLong(usize),
    /// What was written to the disk reads back otherwise.
    #[error("{0} does not read back as it was written")]
    ReadBack(String),
    /// The manifest is none, or not as its writer would have written it.
    #[error("the manifest is damaged: {0}")]
    Manifest(String),
    /// The metadata cannot be read.
    #[error("the metadata is damaged")]
    Metadata,
    /// Encryption failed.
    #[error("encryption failed")]
    Encryption,
    /// The disk, or the randomness of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl SealError {
    /// The same of a failure that is told more than once.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Plugin(error) => Self::Plugin(error.clone()),
            Self::Incompatible => Self::Incompatible,
            Self::Io(error) => Self::Io(io::Error::new(error.kind(), error.to_string())),
            _ => Self::Encryption,
        }
    }
}

impl From<SealError> for io::Error {
    fn from(error: SealError) -> Self {
        let kind = match &error {
            SealError::Io(error) => error.kind(),
            SealError::Recipient { .. }
            | SealError::Incompatible
            | SealError::NoRecipient
            | SealError::TooLong(_)
            | SealError::Identity => io::ErrorKind::InvalidInput,
            SealError::Plugin(_) => io::ErrorKind::Other,
            SealError::KeyFile(..) | SealError::WrongIdentity => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::InvalidData,
        };
        match error {
            SealError::Io(error) => error,
            error => Self::new(kind, error),
        }
    }
}
