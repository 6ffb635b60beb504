//! Why bytes are refused on reading, and why a buffer cannot be written.
//!
//! Both are `Copy` and hold no text, so that a packet loop can count them by reason at no cost.

use thiserror::Error;

/// Why a peer's bytes are not what they claim to be. Lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A fixed part of the packet is cut short.
    #[error("{needed} bytes are needed where {available} are left")]
    Truncated {
        /// Bytes the field or header takes.
        needed: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// The version is not 2 [RFC3550 5.1].
    #[error("version is {0} instead of 2")]
    Version(u8),
    /// The CSRC list runs past the end of the packet [RFC3550 5.1].
    #[error("{count} contributing sources do not fit in {available} bytes")]
    CsrcList {
        /// Identifiers the header announces.
        count: u8,
        /// Bytes that are left.
        available: usize,
    },
    /// The header extension runs past the end of the packet [RFC3550 5.3.1].
    #[error("header extension of {needed} bytes does not fit in {available} bytes")]
    HeaderExtension {
        /// Bytes the extension takes, its own header included.
        needed: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// The padding count is zero or larger than what it pads [RFC3550 5.1] [RFC3550 6.4.1].
    #[error("padding count {count} does not fit in {available} bytes")]
    Padding {
        /// The last byte of the packet, zero where there is none.
        count: u8,
        /// Bytes that could be padding.
        available: usize,
    },
    /// No ZRTP message: first byte, cookie, preamble or length is another [RFC6189 5].
    #[error("no ZRTP message in {0} bytes")]
    ZrtpHeader(usize),
    /// The first packet of a compound is padded though others follow [RFC3550 A.2].
    #[error("first packet of a compound, of type {0}, is padded though others follow")]
    PaddedFirst(u8),
    /// An RTCP length field runs past the end of the datagram [RFC3550 6.4.1].
    #[error("packet of type {kind} is {declared} bytes long where {available} are left")]
    RtcpLength {
        /// RTCP packet type.
        kind: u8,
        /// Length by the header, its four bytes included.
        declared: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// A source description does not end inside its packet [RFC3550 6.5].
    #[error("source description item of {declared} bytes does not fit in {available} bytes")]
    SdesItem {
        /// Length by the item's own length byte.
        declared: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// The list of items of a source description chunk has no end mark [RFC3550 6.5].
    #[error("source description chunk {0} has no end mark")]
    SdesUnterminated(u8),
    /// The reason for leaving runs past the end of the packet [RFC3550 6.6].
    #[error("reason for leaving of {declared} bytes does not fit in {available} bytes")]
    ByeReason {
        /// Length by the reason's own length byte.
        declared: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// An extended report block runs past the end of the packet or has the wrong length for its type
    /// [RFC3611 3].
    #[error("extended report block of type {kind} and {declared} bytes does not fit in {available} bytes")]
    ExtendedBlock {
        /// Block type.
        kind: u8,
        /// Length by the block header, its four bytes included.
        declared: usize,
        /// Bytes that are left, or the only length its type allows.
        available: usize,
    },
    /// A telephone-event payload is empty or no whole number of blocks [RFC4733 2.3].
    #[error("telephone-event payload of {0} bytes is no whole number of 4-byte blocks")]
    EventLength(usize),
    /// The two top bits of a STUN message are not zero [RFC8489 5].
    #[error("first byte {0:#04x} is not that of a STUN message")]
    StunType(u8),
    /// The magic cookie is not 0x2112A442 [RFC8489 5].
    #[error("magic cookie is {0:#010x} instead of 0x2112a442")]
    StunCookie(u32),
    /// The STUN length field is unaligned or differs from the bytes there are [RFC8489 5].
    #[error("STUN length is {declared} where {available} bytes follow the header")]
    StunLength {
        /// Length by the header.
        declared: usize,
        /// Bytes that follow the header.
        available: usize,
    },
    /// A STUN attribute runs past the end of its message, or its value has a length its type does not allow
    /// [RFC8489 14].
    #[error("STUN attribute {kind:#06x} of {declared} bytes does not fit in {available} bytes")]
    StunAttribute {
        /// Attribute type.
        kind: u16,
        /// Length by the attribute header.
        declared: usize,
        /// Bytes that are left, or the length its type asks for.
        available: usize,
    },
    /// A STUN address is neither IPv4 (1) nor IPv6 (2) [RFC8489 14.1].
    #[error("STUN address family is {0}, neither 1 nor 2")]
    StunFamily(u8),
}

impl Malformed {
    /// A short stable name of the reason, for a metric's label.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Version(_) => "version",
            Self::CsrcList { .. } => "csrc_list",
            Self::HeaderExtension { .. } => "header_extension",
            Self::Padding { .. } => "padding",
            Self::ZrtpHeader(_) => "zrtp_header",
            Self::PaddedFirst(_) => "padded_first",
            Self::RtcpLength { .. } => "rtcp_length",
            Self::SdesItem { .. } => "sdes_item",
            Self::SdesUnterminated(_) => "sdes_unterminated",
            Self::ByeReason { .. } => "bye_reason",
            Self::ExtendedBlock { .. } => "extended_block",
            Self::EventLength(_) => "event_length",
            Self::StunType(_) => "stun_type",
            Self::StunCookie(_) => "stun_cookie",
            Self::StunLength { .. } => "stun_length",
            Self::StunAttribute { .. } => "stun_attribute",
            Self::StunFamily(_) => "stun_family",
        }
    }
}

/// The caller's buffer cannot hold what was to be written. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{needed} bytes are to be written where {available} are free")]
pub struct TooShort {
    /// Bytes to be written.
    pub needed: usize,
    /// Bytes the buffer has free.
    pub available: usize,
}

/// Why a packet cannot be written. Nothing of it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The buffer is full.
    #[error(transparent)]
    TooShort(#[from] TooShort),
    /// A list exceeds the 31 entries that an RTCP count field can name [RFC3550 6.4.1].
    #[error("{0} entries exceed the 31 of one RTCP packet")]
    TooMany(usize),
    /// A text exceeds the 255 bytes that its length byte can name [RFC3550 6.5] [RFC3550 6.6].
    #[error("text of {0} bytes exceeds 255")]
    TextTooLong(usize),
    /// A packet is longer than its length field can say.
    #[error("packet of {0} bytes exceeds its length field")]
    PacketTooLong(usize),
    /// A compound has to start with a sender or receiver report [RFC3550 6.1].
    #[error("packet of type {0} cannot be the first of a compound")]
    ReportMustComeFirst(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Malformed; 18] = [
        Malformed::Truncated { needed: 12, available: 3 },
        Malformed::Version(1),
        Malformed::CsrcList { count: 15, available: 8 },
        Malformed::HeaderExtension { needed: 8, available: 4 },
        Malformed::Padding { count: 9, available: 8 },
        Malformed::ZrtpHeader(28),
        Malformed::PaddedFirst(200),
        Malformed::RtcpLength { kind: 200, declared: 28, available: 24 },
        Malformed::SdesItem { declared: 9, available: 8 },
        Malformed::SdesUnterminated(1),
        Malformed::ByeReason { declared: 9, available: 8 },
        Malformed::ExtendedBlock { kind: 7, declared: 8, available: 36 },
        Malformed::EventLength(5),
        Malformed::StunType(0x40),
        Malformed::StunCookie(1),
        Malformed::StunLength { declared: 9, available: 8 },
        Malformed::StunAttribute { kind: 6, declared: 9, available: 8 },
        Malformed::StunFamily(3),
    ];

    #[test]
    fn reasons_are_distinct_and_fit_a_metrics_label() {
        let reasons: std::collections::BTreeSet<&str> = ALL.iter().map(|error| error.reason()).collect();
        assert_eq!(reasons.len(), ALL.len());
        for reason in reasons {
            assert!(reason.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{reason}");
        }
    }

    #[test]
    fn messages_name_the_number_and_have_no_full_stop() {
        for error in ALL {
            let message = error.to_string();
            assert!(message.contains(|c: char| c.is_ascii_digit()) && !message.ends_with('.'), "{message}");
        }
        assert_eq!(
            WriteError::from(TooShort { needed: 12, available: 3 }).to_string(),
            "12 bytes are to be written where 3 are free"
        );
    }

    #[test]
    fn errors_stay_small_enough_to_return_per_packet() {
        assert!(size_of::<Malformed>() <= 24);
        assert!(size_of::<WriteError>() <= 24);
    }
}
