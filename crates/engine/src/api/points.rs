//! Media points: the unit of capacity, kept in thousandths. One point is one call session of two G.711 legs.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// An amount of media points, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Points(u64);

impl Points {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One call session.
    pub const ONE: Self = Self(1000);

    /// `count` whole points.
    #[must_use]
    pub const fn whole(count: u64) -> Self {
        Self(count.saturating_mul(1000))
    }

    /// `count` thousandths of a point.
    #[must_use]
    pub const fn thousandths(count: u64) -> Self {
        Self(count)
    }

    /// The amount in thousandths.
    #[must_use]
    pub const fn as_thousandths(self) -> u64 {
        self.0
    }

    /// What is left after taking `other`; zero where `other` is more.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl Add for Points {
    type Output = Self;

    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign for Points {
    fn add_assign(&mut self, rhs: Self) {
        *self = *self + rhs;
    }
}

impl Sub for Points {
    type Output = Self;

    fn sub(self, rhs: Self) -> Self {
        self.saturating_sub(rhs)
    }
}

impl SubAssign for Points {
    fn sub_assign(&mut self, rhs: Self) {
        *self = self.saturating_sub(rhs);
    }
}

impl Sum for Points {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// What each kind of work costs. The defaults are conservative ratios of one machine; they tell the codecs apart where no
/// others were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prices {
    /// An audio session of two legs.
    pub call: Points,
    /// Every further leg of a call.
    pub extra_leg: Points,
    /// A leg with SRTP.
    pub srtp_leg: Points,
    /// A leg of G.711 or L16 whose audio is decoded and encoded.
    pub pcm_coded: Points,
    /// A leg of G.722 whose audio is decoded and encoded.
    pub g722_coded: Points,
    /// A leg of G.729 whose audio is decoded and encoded.
    pub g729_coded: Points,
    /// A leg of GSM full rate whose audio is decoded and encoded.
    pub gsm_coded: Points,
    /// A leg of AMR whose audio is decoded and encoded.
    pub amr_coded: Points,
    /// A leg of AMR-WB whose audio is decoded and encoded.
    pub amr_wb_coded: Points,
    /// A leg of Opus whose audio is decoded and encoded.
    pub opus_coded: Points,
    /// Digits looked for in the audio of a leg, beside the price of its codec.
    pub digits: Points,
    /// An analysis of a leg, beside the price of its codec.
    pub analysis: Points,
    /// An audio tap, a recording's too, beside the price of the codecs of whom it listens to; and each side of a link of rooms.
    pub recording: Points,
    /// A direction of a packet tap: a copy is sent of each of its packets.
    pub packet_tap: Points,
}

impl Default for Prices {
    fn default() -> Self {
        // From core time per packet beside a relayed call's (docs/performance.md), rounded up by about a sixth: SRTP on one
        // side 1.14, G.729 2.5, G.722 3.4, Opus 7.6, each beside PCMU; an analysis takes 0.37 of a relayed call, looking for
        // digits 0.04 (docs/dtmf.md: at most 374 ns for 20 ms), a tap 0.02 where its memory is in the cache.
        Self {
            call: Points::ONE,
            extra_leg: Points::thousandths(500),
            srtp_leg: Points::thousandths(200),
            pcm_coded: Points::thousandths(400),
            g722_coded: Points::thousandths(2500),
            g729_coded: Points::thousandths(1500),
            // Its coders take about as long as those of G.729.
            gsm_coded: Points::thousandths(1500),
            amr_coded: Points::thousandths(12_500),
            amr_wb_coded: Points::thousandths(35_000),
            opus_coded: Points::thousandths(7500),
            digits: Points::thousandths(50),
            analysis: Points::thousandths(500),
            recording: Points::thousandths(50),
            // One of the four times that a relayed call's packets are received or sent, and a bit; not measured by itself.
            packet_tap: Points::thousandths(300),
        }
    }
}

impl Prices {
    /// Price of a call of `legs` legs that are forwarded without keys.
    #[must_use]
    pub fn of_legs(&self, legs: usize) -> Points {
        let extra = u64::try_from(legs.saturating_sub(2)).unwrap_or(u64::MAX);
        self.call + Points(self.extra_leg.0.saturating_mul(extra))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_shown_with_three_decimals() {
        assert_eq!(Points::thousandths(12_034).to_string(), "12.034");
    }

    #[test]
    fn subtraction_stops_at_zero() {
        assert_eq!(Points::ONE - Points::whole(2), Points::ZERO);
    }

    #[test]
    fn legs_beyond_the_second_cost_extra() {
        let prices = Prices::default();
        assert_eq!(prices.of_legs(1), Points::ONE);
        assert_eq!(prices.of_legs(2), Points::ONE);
        assert_eq!(prices.of_legs(4), Points::whole(2));
    }
}
