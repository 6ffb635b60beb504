//! Why the example could not go on.

use mediapoint_caller::PhoneError;
use mediapoint_caller::audio::AudioError;
use mediapoint_caller::ng::NgError;
use mediapoint_dtmf::{GeneratorError, SettingsError};
use mediapoint_engine::{AdmissionError, BuildError, CommandError, OpenLegError, PromptError};

/// Why the example could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Audio(#[from] AudioError),
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error("{0} is not in the folder of prompts")]
    NoPrompt(String),
    #[error("{0} took too long")]
    Slow(&'static str),
    #[error("the phone of {party}: {source}")]
    Phone { party: String, source: PhoneError },
    #[error("digits as tones: {0}")]
    Digits(#[from] GeneratorError),
    #[error("detector: {0}")]
    Detector(#[from] SettingsError),
    #[error("the engine cannot start: {0}")]
    Build(#[from] BuildError),
    #[error("the engine refuses the call: {0}")]
    Admission(#[from] AdmissionError),
    #[error("the engine refuses a leg: {0}")]
    Leg(#[from] OpenLegError),
    #[error("the engine refuses a command: {0}")]
    Command(#[from] CommandError),
    #[error("the server refuses a command: {0}")]
    Ng(#[from] NgError),
    #[error("a description names no address of audio")]
    NoAddress,
    #[error(
        "there is no server at {0}: build it with `cargo build -p mediapoint-server`, or name one by --server"
    )]
    NoServer(String),
    #[error("the server did not serve: {0}")]
    Server(NgError),
    #[error("{party} did not hear {what} within {} s, but {heard}", crate::party::PATIENCE.as_secs())]
    NotHeard { party: String, what: String, heard: String },
    #[error("the script of {0} ended too early")]
    Ended(String),
    #[error("a thread of the example panicked")]
    Panicked,
}
