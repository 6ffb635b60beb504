//! Why the example could not go on.

use mediapoint_caller::PhoneError;
use mediapoint_caller::ng::NgError;
use mediapoint_recorder::{DecodeError, SealError};

/// Why the example could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("phone: {0}")]
    Phone(#[from] PhoneError),
    #[error(transparent)]
    Ng(#[from] NgError),
    #[error(transparent)]
    Identity(#[from] SealError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(
        "there is no server at {0}: build it with `cargo build -p mediapoint-server`, or name one by --server"
    )]
    NoServer(String),
    #[error("mediapoint recording {0} failed: {1}")]
    Command(String, String),
    #[error("waited in vain for {0}")]
    Waited(&'static str),
    #[error("there is no {0}")]
    Lacking(&'static str),
}
