//! The value of `a=crypto`: keys in SDP, read and written. [RFC4568 4]
//! What an offer or an answer does with it is the caller's business.

mod decimal;
mod parse;
mod write;

#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

pub use parse::SdesError;

use crate::{MasterKey, Mki, Suite};

/// One `a=crypto` line. It holds keys: `Debug` does not show them, [`CryptoAttribute::to_value`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptoAttribute {
    /// The number that an answer repeats to say which line it takes; at most 9 digits.
    pub tag: u32,
    /// The suite, the same for every key.
    pub suite: Suite,
    /// The keys, at least one. With several each has an identifier.
    pub keys: Vec<KeyParam>,
    /// The session parameters in their order.
    pub params: Vec<SessionParam>,
}

/// One `inline:` key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyParam {
    /// Key and salt.
    pub key: MasterKey,
    /// Packets it may protect, where it is said; 1 to 2^48.
    pub lifetime: Option<u64>,
    /// The identifier that every packet under it carries, where it is said.
    pub mki: Option<Mki>,
}

/// A session parameter [RFC4568 6.3].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionParam {
    /// `KDR=n`: new session keys every 2^n packets; 0 to 24. Without it, never.
    KeyDerivationRate(u8),
    /// `UNENCRYPTED_SRTP`.
    UnencryptedSrtp,
    /// `UNENCRYPTED_SRTCP`.
    UnencryptedSrtcp,
    /// `UNAUTHENTICATED_SRTP`.
    UnauthenticatedSrtp,
    /// `FEC_ORDER=`.
    FecOrder(FecOrder),
    /// `FEC_KEY=`: keys for a stream of forward error correction.
    FecKey(Vec<KeyParam>),
    /// `WSH=n`: a hint for the size of the replay window, at least 64.
    WindowSizeHint(u32),
    /// An extension that may be ignored, without the `-` that says so.
    Optional(String),
}

/// Whether forward error correction comes before or after encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FecOrder {
    /// `FEC_SRTP`: the sender makes FEC first.
    FecThenSrtp,
    /// `SRTP_FEC`: the sender encrypts first.
    SrtpThenFec,
}

impl CryptoAttribute {
    /// A line with one key and nothing else said.
    #[must_use]
    pub fn new(tag: u32, key: MasterKey) -> Self {
        let suite = key.suite();
        Self { tag, suite, keys: vec![KeyParam { key, lifetime: None, mki: None }], params: Vec::new() }
    }

    /// Reads what stands after `a=crypto:`.
    ///
    /// # Errors
    /// [`SdesError`]. [`SdesError::UnknownSuite`] and [`SdesError::UnknownParam`] stand for a line that may be
    /// fine and is not for us: an offer's other lines are still to be looked at [RFC4568 7.1.2].
    pub fn parse(value: &str) -> Result<Self, SdesError> {
        parse::attribute(value)
    }

    /// What stands after `a=crypto:`, keys and all; wiped when dropped. Base64 is always padded: some peers refuse it
    /// otherwise.
    #[must_use]
    pub fn to_value(&self) -> Zeroizing<String> {
        write::attribute(self)
    }

    /// The first parameter that asks for something [`Inbound`](crate::Inbound) and
    /// [`Outbound`](crate::Outbound) do not do; an attribute with one cannot be accepted.
    #[must_use]
    pub fn unsupported_param(&self) -> Option<&SessionParam> {
        self.params.iter().find(|param| match param {
            SessionParam::KeyDerivationRate(rate) => *rate != 0,
            SessionParam::WindowSizeHint(_) | SessionParam::Optional(_) => false,
            _ => true,
        })
    }
}
