//! Opportunistic SRTP: keys offered under the profile of plain RTP [RFC8643].

use super::directive::Directive;

/// What to do about opportunistic SRTP. Without a word it is offered on and answered as the other side answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Osrtp {
    /// In an offer: plain RTP is offered as opportunistic SRTP.
    pub offer: bool,
    /// In an offer or an answer: what the sender of the offer wants is taken, whatever the other side answers.
    pub accept: bool,
}

impl Osrtp {
    /// Takes an `OSRTP-...` option; false where it is none.
    pub(super) fn apply(&mut self, directive: &Directive) -> bool {
        let Some(item) = directive.item("osrtp") else { return false };
        match item.to_ascii_lowercase().as_str() {
            "offer" | "offer-rfc" => self.offer = true,
            "accept" | "accept-rfc" => self.accept = true,
            _ => return false,
        }
        true
    }
}
