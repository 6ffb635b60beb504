//! Taming: how far an error of the decoder's could grow through the pitch predictor, so that high gains are held back
//! before it does.

#![expect(clippy::indexing_slicing, reason = "zones are numbered 0 to 3, delays are 19 to 144")]

use crate::dpf;
use crate::excitation::{Delay, SUBFRAME};
use crate::ops::{l_add, l_shl};
use crate::tables::pitch::TAMING_ZONE;

/// An error of one, Q14.
const UNIT: i32 = 0x4000;
/// Beyond this an error counts as excessive.
const LIMIT: i32 = 983_040_000;
/// Samples by which the interpolation looks around the delay.
const REACH: usize = 10;

/// The greatest error in each of four stretches of the past excitation, the latest first.
#[derive(Clone, Debug)]
pub(crate) struct Taming {
    errors: [i32; 4],
}

impl Default for Taming {
    fn default() -> Self {
        Self { errors: [UNIT; 4] }
    }
}

impl Taming {
    /// `test_err`: whether the gain at this delay is to be held back.
    pub(super) fn needed(&self, delay: Delay) -> bool {
        let whole = usize::from(delay.whole.unsigned_abs()) + usize::from(delay.thirds > 0);
        let nearest = zone(whole.saturating_sub(SUBFRAME + REACH));
        let farthest = zone(whole + REACH - 2);
        self.errors[nearest..=farthest].iter().any(|&error| error > LIMIT)
    }

    /// `update_exc_err`: lets the errors grow by the gain (Q14) at the delay.
    pub(crate) fn update(&mut self, gain: i16, delay: i16) {
        let grown = |error: i32| l_add(UNIT, l_shl(dpf::mul_word(error & !1, gain), 1));
        let delay = usize::from(delay.unsigned_abs());
        let worst = if delay < SUBFRAME {
            // The subframe repeats itself: once or twice through the gain.
            let once = grown(self.errors[0]);
            once.max(grown(once))
        } else {
            let zones = zone(delay - SUBFRAME)..=zone(delay - 1);
            self.errors[zones].iter().fold(-1, |worst, &error| worst.max(grown(error)))
        };
        self.errors.rotate_right(1);
        self.errors[0] = worst.max(-1);
    }
}

fn zone(samples: usize) -> usize {
    usize::from(TAMING_ZONE[samples])
}
