//! One call as a controller sees it: offer, answer, re-INVITE, query, and a delete that is never forgotten.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Failure, ensure};
use crate::ng::{Client, Fields, Message, Reply};
use crate::sdp::{Crypto, Description, Section};

/// The tag of the party that called.
pub(crate) const CALLER: &str = "caller-tag";
/// The tag of the party that was called.
pub(crate) const CALLEE: &str = "callee-tag";

/// A call on the server, deleted when dropped.
pub(crate) struct Call<'c> {
    client: &'c Client,
    id: String,
}

/// Where the server wants a party's media, from the description it made for that party.
#[derive(Clone, Debug)]
pub(crate) struct Invitation {
    /// The server's RTP port.
    pub(crate) port: u16,
    /// The server's keys, when the section is SRTP.
    pub(crate) crypto: Vec<Crypto>,
    /// The section.
    pub(crate) section: Section,
}

impl<'c> Call<'c> {
    /// A call that the server does not know yet.
    pub(crate) fn new(client: &'c Client) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = format!("interop-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self { client, id }
    }

    /// The caller's first offer; what comes back goes to the callee.
    pub(crate) fn offer(&self, sdp: &str, flags: &Fields) -> Result<Invitation, Failure> {
        self.describe("offer", CALLER, None, sdp, flags)
    }

    /// The callee's answer; what comes back goes to the caller.
    pub(crate) fn answer(&self, sdp: &str, flags: &Fields) -> Result<Invitation, Failure> {
        self.describe("answer", CALLER, Some(CALLEE), sdp, flags)
    }

    /// Offer or answer within the dialogue: `from` is the party that sent the re-INVITE, in the answer too.
    pub(crate) fn describe(
        &self,
        command: &'static str,
        from: &str,
        to: Option<&str>,
        sdp: &str,
        flags: &Fields,
    ) -> Result<Invitation, Failure> {
        let mut message =
            Message::new(command).with("call-id", &self.id).with("from-tag", from).with("sdp", sdp);
        if let Some(to) = to {
            message = message.with("to-tag", to);
        }
        let reply = self.client.request(&message.extended(flags))?;
        let text =
            reply.text("sdp").ok_or_else(|| Failure::Wrong(format!("{command}: the reply has no sdp")))?;
        let section = Description::parse(text)?.first()?.clone();
        ensure!(section.port != 0, "{command}: the audio section was refused with port 0");
        Ok(Invitation { port: section.port, crypto: section.crypto(), section })
    }

    /// Asks for copies of what parties send; what comes back goes to the subscriber. Its tag, and a section for each.
    pub(crate) fn subscribe(&self, flags: &Fields) -> Result<(String, Vec<Invitation>), Failure> {
        let message = Message::new("subscribe request").with("call-id", &self.id);
        let reply = self.client.request(&message.extended(flags))?;
        let (Some(tag), Some(text)) = (reply.text("to-tag"), reply.text("sdp")) else {
            return Err(Failure::Wrong("subscribe request: the reply has no sdp or no to-tag".to_owned()));
        };
        let sections = Description::parse(text)?.sections;
        ensure!(sections.iter().all(|section| section.port != 0), "a section to be received has port 0");
        let invited = |section: Section| Invitation { port: section.port, crypto: section.crypto(), section };
        Ok((tag.to_owned(), sections.into_iter().map(invited).collect()))
    }

    /// The subscriber's answer.
    pub(crate) fn answer_subscription(&self, tag: &str, sdp: &str, flags: &Fields) -> Result<(), Failure> {
        let message = Message::new("subscribe answer").with("call-id", &self.id);
        let message = message.with("to-tag", tag).with("sdp", sdp).extended(flags);
        self.client.request(&message).map(drop)
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&self, tag: &str) -> Result<(), Failure> {
        let message = Message::new("unsubscribe").with("call-id", &self.id).with("to-tag", tag);
        self.client.request(&message).map(drop)
    }

    /// Ends the call.
    pub(crate) fn delete(self) -> Result<Reply, Failure> {
        let reply = self.client.request(&self.delete_message());
        std::mem::forget(self);
        reply
    }

    fn delete_message(&self) -> Message {
        Message::new("delete").with("call-id", &self.id).with("from-tag", CALLER)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        // The scenario already failed or forgot; the server must not keep the ports either way.
        let _ = self.client.exchange(&self.delete_message(), 1);
    }
}
