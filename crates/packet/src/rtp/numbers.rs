//! The numbers of an RTP header as types of their own, with the wrapping arithmetic each needs.

use crate::cursor::Cursor;

/// A synchronisation or contributing source [RFC3550 5.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ssrc(pub u32);

impl std::fmt::Display for Ssrc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// A 16-bit sequence number. It wraps, so it has distances instead of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Seq(pub u16);

impl Seq {
    /// The number `steps` packets later.
    #[must_use]
    pub const fn wrapping_add(self, steps: u16) -> Self {
        Self(self.0.wrapping_add(steps))
    }

    /// Packets from `other` to `self` by the shorter way round: positive where `self` is the later one.
    /// Half a cycle (32,768) counts as backwards.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

/// A timestamp in units of the payload's clock. It wraps, so it has distances instead of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RtpTicks(pub u32);

impl RtpTicks {
    /// The instant `ticks` later.
    #[must_use]
    pub const fn wrapping_add(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Ticks from `other` to `self` by the shorter way round: positive where `self` is the later one.
    /// Half a cycle (2^31) counts as backwards.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

/// A payload type, 0 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// G.711 mu-law at 8 kHz [RFC3551 6].
    pub const PCMU: Self = Self(0);
    /// GSM full rate at 8 kHz [RFC3551 6].
    pub const GSM: Self = Self(3);
    /// G.711 A-law at 8 kHz [RFC3551 6].
    pub const PCMA: Self = Self(8);
    /// G.722, whose RTP clock runs at 8 kHz [RFC3551 6].
    pub const G722: Self = Self(9);
    /// Linear samples at 44.1 kHz, two channels [RFC3551 6].
    pub const L16_STEREO: Self = Self(10);
    /// Linear samples at 44.1 kHz, one channel [RFC3551 6].
    pub const L16_MONO: Self = Self(11);
    /// G.729 at 8 kHz [RFC3551 6].
    pub const G729: Self = Self(18);
    /// Comfort noise at 8 kHz [RFC3389 4].
    pub const COMFORT_NOISE: Self = Self(13);

    /// The payload type `value`, `None` above 127.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value <= 127 { Some(Self(value)) } else { None }
    }

    pub(super) const fn from_second_byte(second: u8) -> Self {
        Self(second & 0x7f)
    }

    /// The number, 0 to 127.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// A number over 127, which no payload type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no payload type; allowed: 0 to 127")]
pub struct NoPayloadType(pub u8);

impl TryFrom<u8> for PayloadType {
    type Error = NoPayloadType;

    fn try_from(value: u8) -> Result<Self, NoPayloadType> {
        Self::new(value).ok_or(NoPayloadType(value))
    }
}

impl From<PayloadType> for u8 {
    fn from(payload_type: PayloadType) -> Self {
        payload_type.get()
    }
}

impl std::fmt::Display for PayloadType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A list of sources, iterated in the order sent.
#[derive(Debug, Clone)]
pub struct Ssrcs<'a> {
    cur: Cursor<'a>,
}

impl<'a> Ssrcs<'a> {
    /// `list` is a whole number of four-byte identifiers.
    pub(crate) const fn new(list: &'a [u8]) -> Self {
        Self { cur: Cursor::new(list) }
    }
}

impl Iterator for Ssrcs<'_> {
    type Item = Ssrc;

    fn next(&mut self) -> Option<Ssrc> {
        self.cur.u32().ok().map(Ssrc)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.cur.remaining() / 4;
        (count, Some(count))
    }
}

impl ExactSizeIterator for Ssrcs<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_type_is_made_of_a_number_up_to_127() {
        assert_eq!(PayloadType::try_from(18), Ok(PayloadType::G729));
        assert_eq!(u8::from(PayloadType::G722), 9);
        assert_eq!(PayloadType::PCMA.to_string(), "8");
        let error = PayloadType::try_from(128).unwrap_err();
        assert_eq!(error.to_string(), "128 is no payload type; allowed: 0 to 127");
    }
}
