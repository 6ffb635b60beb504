//! The filters operator by operator, saturating at each step: what the others must equal, and what decides where they
//! cannot.

#![expect(clippy::indexing_slicing, reason = "buffers begin with as many past samples as the filter's order")]

use super::Range;
use crate::lsp::{Lpc, ORDER};
use crate::ops::{flagged, l_mac, l_mult, l_shl, round};

/// `Syn_filt`, see [`super::synthesise`].
#[cold]
#[inline(never)]
pub(super) fn synthesise(a: &Lpc, input: &[i16], out: &mut [i16]) -> Range {
    let mut overflow = false;
    for (n, &sample) in input.iter().enumerate() {
        let mut sum = flagged::l_mult(sample, a[0], &mut overflow);
        for j in 1..=ORDER {
            sum = flagged::l_msu(sum, a[j], out[ORDER + n - j], &mut overflow);
        }
        let scaled = flagged::l_shl(sum, 3, &mut overflow);
        out[ORDER + n] = flagged::round(scaled, &mut overflow);
    }
    if overflow { Range::Exceeded } else { Range::Kept }
}

/// `Residu`, see [`super::residual`].
#[cold]
#[inline(never)]
pub(super) fn residual(a: &Lpc, signal: &[i16], out: &mut [i16]) {
    for (n, out) in out.iter_mut().enumerate() {
        let mut sum = l_mult(signal[ORDER + n], a[0]);
        for j in 1..=ORDER {
            sum = l_mac(sum, a[j], signal[ORDER + n - j]);
        }
        *out = round(l_shl(sum, 3));
    }
}
