//! RTP profiles, and what is asked of them.

/// An RTP profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Profile {
    /// Media is SRTP.
    pub secure: bool,
    /// Early feedback is allowed [RFC4585 3].
    pub feedback: bool,
    /// SRTP that is offered, or taken, under the name of plain RTP [RFC8643 3].
    pub opportunistic: bool,
}

impl Profile {
    /// Reads the protocol of an `m=` line; `None` for DTLS-SRTP and for what is no RTP.
    #[must_use]
    pub fn parse(proto: &str) -> Option<Self> {
        let (secure, feedback) = match proto.to_ascii_uppercase().as_str() {
            "RTP/AVP" => (false, false),
            "RTP/AVPF" => (false, true),
            "RTP/SAVP" => (true, false),
            "RTP/SAVPF" => (true, true),
            _ => return None,
        };
        Some(Self { secure, feedback, opportunistic: false })
    }

    /// The same without SRTP.
    #[must_use]
    pub const fn plain(self) -> Self {
        Self { secure: false, opportunistic: false, ..self }
    }

    /// The same with SRTP where the other side takes it; SRTP stays what it is.
    #[must_use]
    pub const fn opportunistic(self) -> Self {
        Self { secure: true, opportunistic: self.opportunistic || !self.secure, ..self }
    }

    /// The name in an `m=` line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.secure && !self.opportunistic, self.feedback) {
            (false, false) => "RTP/AVP",
            (false, true) => "RTP/AVPF",
            (true, false) => "RTP/SAVP",
            (true, true) => "RTP/SAVPF",
        }
    }
}

/// The protocol to be used towards the receiver of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportProtocol {
    /// This one.
    Profile(Profile),
    /// The parts that words such as `SRTP` and `AVPF` name, the rest as received.
    Parts {
        /// SRTP or not.
        secure: Option<bool>,
        /// Early feedback or not.
        feedback: Option<bool>,
    },
    /// In an answer: the one answered with, even where it is not the one offered.
    Accept,
}
