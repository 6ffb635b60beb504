//! Why the example could not go on.

use mediapoint_caller::ng::NgError;
use mediapoint_caller::{CallError, PhoneError};
use mediapoint_dtmf::{GeneratorError, SettingsError};
use mediapoint_recorder::{DecodeError, SealError};

/// Why the example could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("phone: {0}")]
    Phone(#[from] PhoneError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Ng(#[from] NgError),
    #[error(transparent)]
    Identity(#[from] SealError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("digits as tones: {0}")]
    Digits(#[from] GeneratorError),
    #[error("detector: {0}")]
    Detector(#[from] SettingsError),
    #[error(
        "there is no server at {0}: build it with `cargo build -p mediapoint-server`, or name one by --server"
    )]
    NoServer(String),
    #[error("mediapoint recording {0} failed: {1}")]
    Command(String, String),
    #[error("what the server printed cannot be read: {0}")]
    Printed(#[from] serde_json::Error),
    #[error("waited in vain for {0}")]
    Waited(&'static str),
    #[error("the reply names no recording")]
    NoRecording,
}
