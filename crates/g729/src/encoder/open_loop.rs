//! Open-loop pitch: a delay to search around, from the weighted speech. Clause A.3.4.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "delays reach back to the beginning of the buffer at most, 143 samples"
)]

use crate::dpf;
use crate::exact;
use crate::excitation::FRAME;
use crate::math::inv_sqrt;
use crate::ops::{add, extract_l, l_mac, l_saturate, mult, saturate};
use crate::simd::correlate::{HALF, energy, half_energy, sixty_four};

/// The greatest delay.
const REACH: usize = 143;
/// Past weighted speech and a frame of it.
pub(super) const LENGTH: usize = REACH + FRAME;

/// Every second sample of the signal: those of the parity of its first sample, and the others.
struct Halves {
    even: [i16; ROOM],
    odd: [i16; ROOM],
}

/// Half the samples, rounded up to what the correlations look at.
const ROOM: usize = HALF;
const _: () = assert!(ROOM == LENGTH.div_ceil(2));
/// Correlations of either half.
const OUT: usize = 64;
/// Samples of the frame in one half.
const TAPS: usize = FRAME / 2;

/// A range's best delay.
#[derive(Clone, Copy, Debug)]
struct Peak {
    delay: usize,
    correlation: i32,
}

/// `Pitch_ol_fast`: the delay of the frame at the end of `weighted`.
pub(super) fn delay(weighted: &[i16; LENGTH]) -> i16 {
    let correlations = Correlations::new(Halves::scaled(weighted));
    let short = correlations.best(20..40);
    let middle = correlations.best(40..80);
    let mut long = correlations.best((80..REACH).step_by(2));
    for delay in [long.delay + 1, long.delay - 1] {
        let correlation = correlations.at(delay);
        if correlation > long.correlation {
            long = Peak { delay, correlation };
        }
    }
    let [mut r1, mut r2, r3] = [short, middle, long].map(|peak| correlations.normalised(peak));
    let [t1, t2, t3] = [short, middle, long].map(|peak| peak.delay as i16);

    // A delay is favoured when a longer one is nearly twice or three times it.
    if (2 * t2 - t3).abs() < 5 {
        r2 = add(r2, r3 >> 2);
    }
    if (3 * t2 - t3).abs() < 7 {
        r2 = add(r2, r3 >> 2);
    }
    if (2 * t1 - t2).abs() < 5 {
        r1 = add(r1, mult(r2, 6554));
    }
    if (3 * t1 - t2).abs() < 7 {
        r1 = add(r1, mult(r2, 6554));
    }
    let (t, r) = if r2 > r1 { (t2, r2) } else { (t1, r1) };
    if r3 > r { t3 } else { t }
}

impl Halves {
    /// The signal, shifted so that the energy of its even samples fits.
    fn scaled(weighted: &[i16; LENGTH]) -> Self {
        let mut halves = Self { even: [0; ROOM], odd: [0; ROOM] };
        let (pairs, last) = weighted.as_chunks::<2>();
        for ((even, odd), pair) in halves.even.iter_mut().zip(&mut halves.odd).zip(pairs) {
            (*even, *odd) = (pair[0], pair[1]);
        }
        halves.even[ROOM - 1] = last[0];
        // A sum of squares saturates on its way exactly when it is too large at the end.
        let energy = 2 * half_energy(&halves.even);
        if energy > i64::from(i32::MAX) {
            halves.each(|sample| sample >> 3);
        } else if energy < 1 << 20 {
            halves.each(|sample| saturate(i32::from(sample) << 3));
        }
        halves
    }

    fn each(&mut self, change: impl Fn(i16) -> i16) {
        self.even.iter_mut().chain(&mut self.odd).for_each(|sample| *sample = change(*sample));
    }
}

/// Correlations of every second sample of the frame, which are odd, with those a delay before. Equation (A.4).
struct Correlations {
    halves: Halves,
    /// With odd samples, by half the delay down from 142; with even samples, by half the delay down from 143.
    with: [[i32; OUT]; 2],
}

impl Correlations {
    fn new(halves: Halves) -> Self {
        let mut frame = [0; TAPS];
        frame.copy_from_slice(&halves.odd[REACH / 2..][..TAPS]);
        let greatest = half_energy(&halves.even).max(half_energy(&halves.odd));
        let with = if 2 * greatest <= i64::from(i32::MAX) && exact::allowed() {
            // No partial sum of any delay exceeds the greater energy (Cauchy and Schwarz).
            [&halves.odd, &halves.even].map(|half| doubled(&frame, half))
        } else {
            [&halves.odd, &halves.even].map(|half| stepwise(&frame, half))
        };
        Self { halves, with }
    }

    fn at(&self, delay: usize) -> i32 {
        self.with[delay % 2][(REACH - delay) / 2]
    }

    /// The first of the best delays.
    fn best(&self, delays: impl Iterator<Item = usize>) -> Peak {
        let mut best = Peak { delay: 0, correlation: i32::MIN };
        for delay in delays {
            let correlation = self.at(delay);
            if correlation > best.correlation || best.delay == 0 {
                best = Peak { delay, correlation };
            }
        }
        best
    }

    /// Equation (A.5).
    fn normalised(&self, peak: Peak) -> i16 {
        let half = if peak.delay.is_multiple_of(2) { &self.halves.odd } else { &self.halves.even };
        let past = half[(REACH - peak.delay) / 2..].first_chunk().unwrap_or(&[0; TAPS]);
        let energy = l_saturate(1 + 2 * energy(past));
        extract_l(dpf::mul(peak.correlation, inv_sqrt(energy)))
    }
}

/// The frame's half with all stretches of a half, doubled.
fn doubled(frame: &[i16; TAPS], half: &[i16; ROOM]) -> [i32; OUT] {
    let mut stretch = [0; OUT + TAPS];
    stretch.copy_from_slice(&half[..OUT + TAPS]);
    let mut sums = sixty_four(frame, &stretch);
    sums.iter_mut().for_each(|sum| *sum *= 2);
    sums
}

/// The same and saturating at each step.
#[cold]
fn stepwise(frame: &[i16; TAPS], half: &[i16; ROOM]) -> [i32; OUT] {
    let mut out = [0; OUT];
    for (at, out) in out.iter_mut().enumerate() {
        *out = frame.iter().zip(&half[at..]).fold(0, |sum, (&a, &b)| l_mac(sum, a, b));
    }
    out
}
