//! Filters by `A(z)` and `1/A(z)`, their weighting, and the high-pass filters at both ends.

#![expect(clippy::indexing_slicing, reason = "buffers begin with as many past samples as the filter's order")]

use crate::lsp::{Lpc, ORDER};
use crate::ops::flagged;
use crate::ops::{l_extract, l_mac, l_mult, l_shl, mpy_32_16, round};

/// Whether a sum saturated on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Range {
    /// Nothing did.
    Kept,
    /// Something did: the reference raised Overflow.
    Exceeded,
}

/// `Syn_filt`: filters by `1/A(z)`. `out` begins with the last ten samples put out, and the new ones follow.
pub(crate) fn synthesise(a: &Lpc, input: &[i16], out: &mut [i16]) -> Range {
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

/// `Residu`: filters by `A(z)`. `signal` begins with ten past samples.
pub(crate) fn residual(a: &Lpc, signal: &[i16], out: &mut [i16]) {
    for (n, out) in out.iter_mut().enumerate() {
        let mut sum = l_mult(signal[ORDER + n], a[0]);
        for j in 1..=ORDER {
            sum = l_mac(sum, a[j], signal[ORDER + n - j]);
        }
        *out = round(l_shl(sum, 3));
    }
}

/// `Weight_Az`: `A(z/gamma)`, gamma in Q15.
pub(crate) fn weighted(a: &Lpc, gamma: i16) -> Lpc {
    let mut out = *a;
    let mut factor = gamma;
    for coefficient in out.iter_mut().skip(1) {
        *coefficient = round(l_mult(*coefficient, factor));
        factor = round(l_mult(factor, gamma));
    }
    out
}

/// A high-pass filter of second order whose recursive part keeps 31 bits. Clauses 3.1 and 4.2.5.
#[derive(Clone, Debug)]
pub(crate) struct HighPass {
    numerator: [i16; 3],
    /// Signs reversed; the first is not used.
    denominator: [i16; 3],
    /// The left shift that brings a sum to Q31 of the scaled output.
    shift: i16,
    /// The last two inputs.
    input: [i16; 2],
    /// The last two outputs.
    output: [i32; 2],
}

impl HighPass {
    /// A filter at rest.
    pub(crate) const fn new(numerator: [i16; 3], denominator: [i16; 3], shift: i16) -> Self {
        Self { numerator, denominator, shift, input: [0; 2], output: [0; 2] }
    }

    /// Filters one sample; the output in the upper half of the word.
    pub(crate) fn step(&mut self, sample: i16) -> i32 {
        let [b0, b1, b2] = self.numerator;
        let [_, a1, a2] = self.denominator;
        let (hi1, lo1) = l_extract(self.output[0]);
        let (hi2, lo2) = l_extract(self.output[1]);
        let mut sum = mpy_32_16(hi1, lo1, a1).saturating_add(mpy_32_16(hi2, lo2, a2));
        sum = l_mac(sum, sample, b0);
        sum = l_mac(sum, self.input[0], b1);
        sum = l_mac(sum, self.input[1], b2);
        let out = l_shl(sum, self.shift);
        self.input = [sample, self.input[0]];
        self.output = [out, self.output[0]];
        out
    }
}

/// The greatest magnitude of a signal.
#[inline]
pub(crate) fn peak(signal: &[i16]) -> i32 {
    let (low, high) = signal.iter().fold((0, 0), |(low, high): (i16, i16), &x| (low.min(x), high.max(x)));
    i32::from(high).max(-i32::from(low))
}
