//! Tells by its first bytes what a datagram on a media port is [RFC7983 7], and RTCP from RTP where both
//! share the port [RFC5761 4]. Nothing is validated here: the parser of the kind does that.
//!
//! Where RTP has a port of its own, payload types 64 to 95 are as good as any other, and the second byte alone tells
//! nothing: see [`is_report`].

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

/// True where `datagram` begins as a compound does, with a report whose length fits its blocks and the datagram
/// [RFC3550 A.2], also an encrypted one: RTCP on a port that it does not share by agreement. Of RTP of payload type 72 or 73
/// with the marker that is true only for a few sequence numbers.
#[must_use]
pub fn is_report(datagram: &[u8]) -> bool {
    let (blocks, begin) = match datagram {
        [first @ 0x80..=0x9f, 200, ..] => (first & 0x1f, 28),
        [first @ 0x80..=0x9f, 201, ..] => (first & 0x1f, 8),
        _ => return false,
    };
    let [_, _, high, low, ..] = datagram else { return false };
    let len = (usize::from(u16::from_be_bytes([*high, *low])) + 1) * 4;
    // Extensions of a profile may follow the blocks.
    len >= begin + usize::from(blocks) * 24 && len <= datagram.len()
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

    #[test]
    fn a_report_is_told_from_rtp_by_its_length() {
        let mut report = vec![0; 28 + 24 + 12];
        report[..4].copy_from_slice(&[0x81, 200, 0, 12]);
        assert!(is_report(&report), "with another packet, or a tag, behind it");
        assert!(is_report(&report[..52]));
        assert!(!is_report(&report[..51]), "cut");
        report[0] = 0x82;
        assert!(!is_report(&report), "no room for its blocks");
        report[..4].copy_from_slice(&[0x80, 201, 0, 1]);
        assert!(is_report(&report[..8]));
        for other in
            [[0xa0, 201, 0, 1], [0x40, 201, 0, 1], [0x80, 202, 0, 1], [0x80, 208, 0, 1], [0x80, 201, 0, 0]]
        {
            report[..4].copy_from_slice(&other);
            assert!(!is_report(&report), "{other:?}");
        }
        for len in 0..8 {
            assert!(!is_report(&[0x80, 201, 0, 1, 0, 0, 0, 0][..len]));
        }
    }
}
