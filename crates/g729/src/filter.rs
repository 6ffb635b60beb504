//! Filters by `A(z)` and `1/A(z)`, and their weighting.

#![expect(clippy::indexing_slicing, reason = "buffers begin with as many past samples as the filter's order")]

mod high_pass;
mod recursive;
mod stepwise;

pub(crate) use self::high_pass::HighPass;
use crate::exact;
use crate::excitation::{SUBFRAME, Vector};
use crate::lsp::{Lpc, ORDER};
use crate::ops::mult_r;
use crate::simd::filter::{WINDOWED, residual as subframe_residual};
use crate::simd::recursive::{Recursion, three};

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
#[inline]
pub(crate) fn synthesise(a: &Lpc, input: &[i16], out: &mut [i16]) -> Range {
    let exact = match input.try_into() {
        Ok(subframe) => recursive::synthesise::<SUBFRAME, false>(a, subframe, out),
        Err(_) => false,
    };
    if exact && sums_fit(a, &[input, out]) { Range::Kept } else { stepwise::synthesise(a, input, out) }
}

/// The same from rest: the first ten of `out` are to be zeros.
#[inline]
pub(crate) fn respond<const N: usize>(a: &Lpc, input: &[i16; N], out: &mut [i16]) {
    let exact = recursive::synthesise::<N, true>(a, input, out);
    if !exact || !sums_fit(a, &[input, out]) {
        let _ = stepwise::synthesise(a, input, out);
    }
}

/// The same for three filters at once, which costs little more than for one. Out of range the samples are limited.
pub(crate) fn synthesise_three(filters: &[Recursion<'_>; 3]) -> [Vector; 3] {
    if let Some(out) = three(filters)
        && filters.iter().zip(&out).all(|(filter, out)| sums_fit(filter.a, &[filter.input, filter.past, out]))
    {
        return out;
    }
    filters.map(|filter| {
        let mut out = [0; ORDER + SUBFRAME];
        out[..ORDER].copy_from_slice(filter.past);
        let _ = synthesise(filter.a, filter.input, &mut out);
        let mut filtered = [0; SUBFRAME];
        filtered.copy_from_slice(&out[ORDER..]);
        filtered
    })
}

/// `Residu`: filters by `A(z)`. `signal` begins with ten past samples.
#[inline]
pub(crate) fn residual(a: &Lpc, signal: &[i16], out: &mut [i16]) {
    if out.len() != SUBFRAME || !sums_fit(a, &[signal]) {
        return stepwise::residual(a, signal, out);
    }
    let mut oldest_first = [0; ORDER + 2];
    for (tap, &coefficient) in oldest_first.iter_mut().zip(a.iter().rev()) {
        *tap = coefficient;
    }
    let mut window = [0; WINDOWED];
    window[..ORDER + SUBFRAME].copy_from_slice(&signal[..ORDER + SUBFRAME]);
    out.copy_from_slice(&subframe_residual(&oldest_first, &window)[..SUBFRAME]);
}

/// Whether no sum of coefficients times samples of these signals can saturate, at whatever step.
#[inline]
fn sums_fit(a: &Lpc, signals: &[&[i16]]) -> bool {
    // The reference's sums are twice the products.
    const LIMIT: i64 = 1 << 30;
    let magnitude: i32 = a.iter().map(|&x| i32::from(x).abs()).sum();
    if magnitude < 1 << 15 || !exact::allowed() {
        return exact::allowed();
    }
    let peak = signals.iter().map(|signal| peak(signal)).max().unwrap_or(0);
    i64::from(magnitude) * i64::from(peak) < LIMIT
}

/// The greatest magnitude of a signal.
#[inline]
pub(crate) fn peak(signal: &[i16]) -> i32 {
    let (low, high) = signal.iter().fold((0, 0), |(low, high): (i16, i16), &x| (low.min(x), high.max(x)));
    i32::from(high).max(-i32::from(low))
}

/// `Weight_Az`: `A(z/gamma)`, gamma in Q15.
#[inline]
pub(crate) fn weighted(a: &Lpc, gamma: i16) -> Lpc {
    let mut out = *a;
    let mut factor = gamma;
    for coefficient in out.iter_mut().skip(1) {
        *coefficient = mult_r(*coefficient, factor);
        factor = mult_r(factor, gamma);
    }
    out
}

#[cfg(test)]
mod tests;
