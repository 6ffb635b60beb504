//! Tells by its first bytes what a datagram on a media port is [RFC7983 7], and RTCP from RTP where both
//! share the port [RFC5761 4]. Nothing is validated here: the parser of the kind does that.

/// The protocol a datagram belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// STUN, by a first byte of 0 to 3.
    Stun,
    /// DTLS, by a first byte of 20 to 63.
    Dtls,
    /// ZRTP, by a first byte of 16 to 19.
    Zrtp,
    /// A TURN channel message, by a first byte of 64 to 79.
    TurnChannel,
    /// RTP, by a first byte of 128 to 191 and a second one outside 192 to 223.
    Rtp,
    /// RTCP, by a first byte of 128 to 191 and a second one of 192 to 223.
    Rtcp,
    /// None of these: to be dropped.
    Unknown,
}

/// The kind of `datagram`. One too short to hold the bytes that decide is [`Kind::Unknown`].
#[must_use]
pub const fn classify(datagram: &[u8]) -> Kind {
    match datagram {
        [0..=3, ..] => Kind::Stun,
        [16..=19, ..] => Kind::Zrtp,
        [20..=63, ..] => Kind::Dtls,
        [64..=79, ..] => Kind::TurnChannel,
        // [RFC5761 4] Payload types 64 to 95 are not used for RTP, so that these values are RTCP's alone.
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, _, ..] => Kind::Rtp,
        _ => Kind::Unknown,
    }
}

/// True where `datagram` is RTCP: on a port of its own, or told from RTP where both share one [RFC5761 4].
#[must_use]
pub const fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(classify(datagram), Kind::Rtcp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of [RFC7983 7], one value a row of its figure.
    fn by_the_figure(first: u8) -> &'static str {
        match first {
            0..=3 => "stun",
            16..=19 => "zrtp",
            20..=63 => "dtls",
            64..=79 => "turn",
            128..=191 => "media",
            _ => "unknown",
        }
    }

    // test-of: [RFC7983 7]
    #[test]
    fn every_first_byte_falls_in_its_range() {
        for first in 0..=255u8 {
            let name = match classify(&[first, 0, 0, 0]) {
                Kind::Stun => "stun",
                Kind::Zrtp => "zrtp",
                Kind::Dtls => "dtls",
                Kind::TurnChannel => "turn",
                Kind::Rtp | Kind::Rtcp => "media",
                Kind::Unknown => "unknown",
            };
            assert_eq!(name, by_the_figure(first), "first byte {first}");
        }
    }

    // test-of: [RFC5761 4]
    #[test]
    fn rtcp_is_told_from_rtp_by_the_second_byte() {
        for first in 128..=191u8 {
            for second in 0..=255u8 {
                let expected = if second & 0xe0 == 0xc0 { Kind::Rtcp } else { Kind::Rtp };
                assert_eq!(classify(&[first, second]), expected, "bytes {first} {second}");
                assert_eq!(is_rtcp(&[first, second]), expected == Kind::Rtcp, "bytes {first} {second}");
            }
        }
    }

    #[test]
    fn what_is_too_short_to_decide_is_unknown() {
        assert_eq!(classify(&[]), Kind::Unknown);
        assert_eq!(classify(&[0x80]), Kind::Unknown);
        assert_eq!(classify(&[0]), Kind::Stun);
    }
}
