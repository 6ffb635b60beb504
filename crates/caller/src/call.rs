//! A call between two softphones through a server, with every description going over its control port.

use crate::ng::{Client, Command, NgError, Reply};
use crate::phone::{PhoneError, Softphone};

/// Why a call could not be set up, changed or ended.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server refused, or is not there.
    #[error(transparent)]
    Ng(#[from] NgError),
    /// A phone cannot do with what the server wrote.
    #[error("{party}: {source}")]
    Phone {
        /// Which phone.
        party: &'static str,
        /// What it says.
        source: PhoneError,
    },
}

/// A call as the control port names it.
#[derive(Debug, Clone)]
pub struct Call {
    id: String,
    caller_tag: String,
    callee_tag: String,
}

/// Which party begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Who made the call.
    Caller,
    /// Who took it.
    Callee,
}

impl Call {
    /// A new call with random names. Nothing is sent yet.
    #[must_use]
    pub fn new() -> Self {
        let name: u64 = rand::random();
        Self {
            id: format!("call-{name:016x}"),
            caller_tag: format!("caller-{name:016x}"),
            callee_tag: format!("callee-{name:016x}"),
        }
    }

    /// The call-id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The tag of one party, which is the from-tag of its offers and the to-tag of its answers.
    #[must_use]
    pub fn tag(&self, party: By) -> &str {
        match party {
            By::Caller => &self.caller_tag,
            By::Callee => &self.callee_tag,
        }
    }

    /// Offers from one phone to the other and answers back, through the server: the first time that is an INVITE,
    /// later a re-INVITE. `offer` and `answer` add flags to the two commands.
    ///
    /// # Errors
    /// Where the server refuses, or what it writes does not fit a phone.
    pub fn invite(
        &self,
        client: &mut Client,
        by: By,
        (from, to): (&Softphone, &Softphone),
        offer: impl FnOnce(Command) -> Command,
        answer: impl FnOnce(Command) -> Command,
    ) -> Result<(), CallError> {
        let (from_tag, to_tag) = match by {
            By::Caller => (&self.caller_tag, &self.callee_tag),
            By::Callee => (&self.callee_tag, &self.caller_tag),
        };
        let offered = client.offer(&offer(Command::offer(&self.id, from_tag, &from.offer())))?;
        let answered =
            to.answer(&offered).map_err(|source| CallError::Phone { party: "offered party", source })?;
        let answered = client.answer(&answer(Command::answer(&self.id, from_tag, to_tag, &answered)))?;
        from.accept(&answered).map_err(|source| CallError::Phone { party: "offering party", source })
    }

    /// Ends the call at the server.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn end(&self, client: &mut Client) -> Result<Reply, CallError> {
        Ok(client.delete(&self.id, &self.caller_tag)?)
    }
}

impl Default for Call {
    fn default() -> Self {
        Self::new()
    }
}
