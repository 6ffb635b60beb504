//! Open-loop pitch: a delay to search around, from the weighted speech. Clause A.3.4.

#![expect(clippy::indexing_slicing, reason = "delays reach back to the beginning of the buffer at most")]

use crate::dpf;
use crate::excitation::FRAME;
use crate::math::inv_sqrt;
use crate::ops::{extract_l, flagged, l_mac, mult, shl};

/// The greatest delay.
const REACH: usize = 143;
/// Past weighted speech and a frame of it.
pub(super) const LENGTH: usize = REACH + FRAME;

/// A range's best delay.
#[derive(Clone, Copy, Debug)]
struct Peak {
    delay: usize,
    correlation: i32,
}

/// `Pitch_ol_fast`: the delay of the frame at the end of `weighted`.
pub(super) fn delay(weighted: &[i16; LENGTH]) -> i16 {
    let signal = scaled(weighted);
    let mut short = best(&signal, (20..40).step_by(1));
    let mut middle = best(&signal, (40..80).step_by(1));
    let mut long = best(&signal, (80..REACH).step_by(2));
    let coarse = long.delay;
    for delay in [coarse + 1, coarse - 1] {
        let correlation = correlate(&signal, delay);
        if correlation > long.correlation {
            long = Peak { delay, correlation };
        }
    }
    let [mut r1, mut r2, r3] = [&mut short, &mut middle, &mut long].map(|peak| normalised(&signal, *peak));
    let [t1, t2, t3] = [short, middle, long].map(|peak| peak.delay as i16);

    // A delay is favoured when a longer one is nearly twice or three times it.
    if (2 * t2 - t3).abs() < 5 {
        r2 = r2.saturating_add(r3 >> 2);
    }
    if (3 * t2 - t3).abs() < 7 {
        r2 = r2.saturating_add(r3 >> 2);
    }
    if (2 * t1 - t2).abs() < 5 {
        r1 = r1.saturating_add(mult(r2, 6554));
    }
    if (3 * t1 - t2).abs() < 7 {
        r1 = r1.saturating_add(mult(r2, 6554));
    }
    let (t, r) = if r2 > r1 { (t2, r2) } else { (t1, r1) };
    if r3 > r { t3 } else { t }
}

/// The signal shifted so that its energy fits.
fn scaled(weighted: &[i16; LENGTH]) -> [i16; LENGTH] {
    let mut overflow = false;
    let mut energy = 0;
    for &sample in weighted.iter().step_by(2) {
        energy = flagged::l_mac(energy, sample, sample, &mut overflow);
    }
    if overflow {
        weighted.map(|sample| sample >> 3)
    } else if energy < 1 << 20 {
        weighted.map(|sample| shl(sample, 3))
    } else {
        *weighted
    }
}

/// The correlation of the even samples with those a delay before. Equation (A.4).
fn correlate(signal: &[i16; LENGTH], delay: usize) -> i32 {
    let now = signal[REACH..].iter().step_by(2);
    now.zip(signal[REACH - delay..].iter().step_by(2)).fold(0, |sum, (&a, &b)| l_mac(sum, a, b))
}

fn best(signal: &[i16; LENGTH], delays: impl Iterator<Item = usize>) -> Peak {
    let mut best = Peak { delay: 0, correlation: i32::MIN };
    for delay in delays {
        let correlation = correlate(signal, delay);
        // Equal is not better; the first delay is taken whatever its correlation.
        if correlation > best.correlation || best.delay == 0 {
            best = Peak { delay, correlation };
        }
    }
    best
}

/// Equation (A.5).
fn normalised(signal: &[i16; LENGTH], peak: Peak) -> i16 {
    let past = signal[REACH - peak.delay..][..FRAME].iter().step_by(2);
    let energy = past.fold(1, |sum, &sample| l_mac(sum, sample, sample));
    extract_l(dpf::mul(peak.correlation, inv_sqrt(energy)))
}
