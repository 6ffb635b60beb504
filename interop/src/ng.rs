//! The control port as scenarios use it: messages with flags kept apart from them, and failures that name the command.

use std::cell::RefCell;
use std::net::SocketAddr;

use bt_bencode::Value;
pub(crate) use mediapoint_caller::ng::Reply;
use mediapoint_caller::ng::{self, Command, NgError};

use crate::error::Failure;

/// A command and its fields.
#[derive(Clone, Debug)]
pub(crate) struct Message(Command);

impl Message {
    /// A command without fields.
    pub(crate) fn new(command: &'static str) -> Self {
        Self(Command::new(command))
    }

    /// Adds a text field.
    pub(crate) fn with(self, key: &str, value: &str) -> Self {
        Self(self.0.text(key, value))
    }

    /// Adds the same fields to another message.
    pub(crate) fn extended(self, other: &Fields) -> Self {
        Self(self.0.keys_of(&other.0))
    }
}

/// Flags of an offer or an answer, kept apart from the message so that both sides of a comparison get the same.
#[derive(Clone, Debug)]
pub(crate) struct Fields(Command);

impl Fields {
    /// No flags.
    pub(crate) fn none() -> Self {
        Self(Command::new("none"))
    }

    /// Adds a text field.
    pub(crate) fn with(self, key: &str, value: &str) -> Self {
        Self(self.0.text(key, value))
    }

    /// Adds a number.
    pub(crate) fn with_number(self, key: &str, value: i64) -> Self {
        Self(self.0.int(key, value))
    }

    /// Adds a list of texts.
    pub(crate) fn with_list(self, key: &str, values: &[&str]) -> Self {
        Self(self.0.list(key, values))
    }

    /// Adds codec directives as the dictionary that Kamailio sends.
    pub(crate) fn with_codec(self, directive: &str, codecs: &[&str]) -> Self {
        Self(self.0.codec(directive, codecs))
    }
}

/// Reads a number that is not negative.
pub(crate) fn as_number(value: &Value) -> Option<u64> {
    value.as_u64()
}

/// A controller's side of the control port.
pub(crate) struct Client(RefCell<ng::Client>);

impl Client {
    /// A client of the server at this control address.
    pub(crate) fn new(server: SocketAddr) -> Result<Self, Failure> {
        ng::Client::connect(server).map(RefCell::new).map(Self).map_err(|error| failure("ng", error))
    }

    /// Sends a command and waits for its reply; an error reply is a failure.
    pub(crate) fn request(&self, message: &Message) -> Result<Reply, Failure> {
        self.0.borrow_mut().request(&message.0).map_err(|error| failure(message.0.name(), error))
    }

    /// Sends a command and returns whatever comes, an error reply too.
    pub(crate) fn exchange(&self, message: &Message, tries: u32) -> Result<Reply, Failure> {
        self.0.borrow_mut().exchange(&message.0, tries).map_err(|error| failure(message.0.name(), error))
    }
}

fn failure(command: &str, error: NgError) -> Failure {
    match error {
        NgError::Refused { command, reason } => Failure::Refused { command, reason },
        other => Failure::Reply { command: command.to_owned(), detail: other.to_string() },
    }
}
