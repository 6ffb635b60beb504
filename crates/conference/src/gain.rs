//! Gains in fixed point, and their ramps within a tick.

use thiserror::Error;

/// Fraction bits of a gain.
const BITS: u32 = 12;
/// Unity in fixed point.
pub(crate) const ONE: i32 = 1 << BITS;
/// 24 dB in fixed point. Its product with a 16-bit sample fits 32 bits.
pub(crate) const MOST: i32 = 64_917;

/// Why a gain is refused.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("gain of {0} dB is not within -60 to 24 dB")]
pub struct GainError(pub f32);

/// A gain of -60 to 24 dB, in steps of 1/4096 of unity: within 0.05 dB above -20 dB, within 1 dB at -60 dB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "i32", into = "i32"))]
pub struct Gain(i32);

impl Gain {
    /// 0 dB: samples pass unchanged.
    pub const UNITY: Self = Self(ONE);

    /// A gain of `db` decibels, -60 to 24.
    ///
    /// # Errors
    /// [`GainError`] outside that range, and where it is no number.
    pub fn from_db(db: f32) -> Result<Self, GainError> {
        if !(-60.0..=24.0).contains(&db) {
            return Err(GainError(db));
        }
        let parts = 10_f64.powf(f64::from(db) / 20.0) * f64::from(ONE);
        #[expect(clippy::cast_possible_truncation, reason = "4 to 64917, by the range above")]
        let parts = parts.round() as i32;
        Ok(Self(parts.min(MOST)))
    }

    /// The gain in decibels.
    #[must_use]
    pub fn db(self) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "-60 to 24")]
        let db = (20.0 * (f64::from(self.0) / f64::from(ONE)).log10()) as f32;
        db
    }

    /// As a factor.
    pub(crate) fn factor(self) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "at most 64917")]
        let parts = self.0 as f32;
        parts / 4096.0
    }

    /// In parts of 4096.
    pub(crate) const fn parts(self) -> i32 {
        self.0
    }
}

impl Default for Gain {
    fn default() -> Self {
        Self::UNITY
    }
}

impl From<Gain> for i32 {
    fn from(gain: Gain) -> Self {
        gain.0
    }
}

impl TryFrom<i32> for Gain {
    type Error = GainError;

    fn try_from(parts: i32) -> Result<Self, GainError> {
        // Four parts are what -60 dB rounds to.
        if (4..=MOST).contains(&parts) { Ok(Self(parts)) } else { Err(GainError(f32::NAN)) }
    }
}

/// The gain of one tick: from that of the tick before to that of this one, linear over the fade, then steady.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ramp {
    pub(crate) from: i32,
    pub(crate) to: i32,
}

impl Ramp {
    /// The gain at sample `n`, in parts of 4096; the fade has `fade` samples.
    pub(crate) fn at(self, n: usize, fade: usize) -> i32 {
        if n >= fade || self.from == self.to {
            return self.to;
        }
        // A fade has at most 240 samples (5 ms at 48 kHz).
        let (n, fade) = (i32::try_from(n).unwrap_or(0), i32::try_from(fade).unwrap_or(1));
        self.from + (self.to - self.from) * n / fade
    }

    /// True where it changes nothing.
    pub(crate) const fn is_unity(self) -> bool {
        self.from == ONE && self.to == ONE
    }
}

/// A sample with a gain in parts of 4096, rounded to the nearest.
pub(crate) const fn scaled(sample: i16, gain: i32) -> i32 {
    (sample as i32 * gain + (ONE / 2)) >> BITS
}

/// The sum of a mix with a gain in parts of 4096, rounded to the nearest.
pub(crate) fn scaled_sum(sum: i32, gain: i32) -> i32 {
    let product = (i64::from(sum) * i64::from(gain) + i64::from(ONE / 2)) >> BITS;
    i32::try_from(product).unwrap_or(if product < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_become_parts_and_back() {
        for (db, parts) in [(0.0, 4096), (-60.0, 4), (24.0, MOST), (6.0, 8173)] {
            let gain = Gain::from_db(db).unwrap();
            assert_eq!(gain.parts(), parts, "{db} dB");
            assert!((gain.db() - db).abs() < 0.3, "{db} dB is {}", gain.db());
        }
        for refused in [24.1, -60.1, f32::NAN, f32::INFINITY] {
            assert!(Gain::from_db(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn unity_changes_no_sample_and_the_greatest_gain_overflows_nothing() {
        assert!((i16::MIN..=i16::MAX).all(|sample| scaled(sample, ONE) == i32::from(sample)));
        assert_eq!(scaled(i16::MIN, MOST), -519_336);
        assert_eq!(scaled(-1, 4), 0);
    }

    #[test]
    fn ramp_goes_from_end_to_end() {
        let ramp = Ramp { from: 0, to: 4096 };
        assert_eq!([0, 20, 39, 40, 159].map(|n| ramp.at(n, 40)), [0, 2048, 3993, 4096, 4096]);
    }
}
