//! Two polynomials at all points of the grid on which line spectral pairs are sought.

#![expect(clippy::indexing_slicing, reason = "loops over arrays of constant length")]

use super::lanes::{Lanes, Machine};
use super::level::machine_kernel;
use crate::tables::lpc::GRID;

/// Points of the grid, rounded up to whole vectors.
pub(crate) const POINTS: usize = 56;
/// Vectors of points.
const BLOCKS: usize = POINTS / 8;

/// The grid by eight points; the last one again to the end.
static POINTS_BY_EIGHT: [[i16; 8]; BLOCKS] = {
    let mut out = [[0; 8]; BLOCKS];
    let mut n = 0;
    while n < POINTS {
        out[n / 8][n % 8] = GRID[if n < GRID.len() { n } else { GRID.len() - 1 }];
        n += 1;
    }
    out
};

/// A polynomial on the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OnGrid {
    /// `C(x)` at each point, Q14.
    pub(crate) values: [i32; POINTS],
    /// Bit `n` tells that the sign changes from point `n - 1` to `n`, or one of the values is zero.
    pub(crate) changes: u64,
    /// No intermediate value comes to 64 at a point, for both polynomials. They are polynomials themselves, of a degree of 5 at
    /// most; such a one exceeds what it is at 51 points of a cosine grid by 1/cos(9 degrees), 1.3 %, at most between them (Ehlich
    /// and Zeller). So none comes to 96 anywhere.
    pub(crate) calm: bool,
}

machine_kernel! {
    /// Evaluates polynomials by equation (17): coefficients `f(0)` to `f(5)` in Q11, or Q10 where `room` is set. `None`
    /// where an intermediate value comes near 128, which the reference's words cannot hold.
    pub(crate) fn evaluate = evaluate_on, (polynomials: &[[i16; 6]; 2], room: bool) -> Option<[OnGrid; 2]>
}

#[inline(always)]
fn evaluate_on<M: Machine>(machine: M, polynomials: &[[i16; 6]; 2], room: bool) -> Option<[OnGrid; 2]> {
    let mut out = [OnGrid { values: [0; POINTS], changes: 0, calm: false }; 2];
    let mut greatest = machine.splat(0);
    for (out, f) in out.iter_mut().zip(polynomials) {
        for (block, points) in POINTS_BY_EIGHT.iter().enumerate() {
            let x = machine.extend(points);
            // Q23, or Q22: half of what the reference has, which is always even, so that sums have room.
            let mut before = machine.splat(if room { 1 << 22 } else { 1 << 23 });
            let twice = if room { x.shift_left::<8>() } else { x.shift_left::<9>() };
            let mut value = twice.add(machine.splat(i32::from(f[1]) * 4096));
            for &coefficient in &f[2..5] {
                let scaled = product(machine, value, x);
                greatest = greatest.max(magnitude(value)).max(magnitude(scaled.shift_left::<1>()));
                let next = scaled.shift_left::<1>().sub(before);
                (before, value) = (value, next.add(machine.splat(i32::from(coefficient) * 4096)));
            }
            greatest = greatest.max(magnitude(value));
            let last = product(machine, value, x).sub(before).add(machine.splat(i32::from(f[5]) * 2048));
            greatest = greatest.max(magnitude(last));
            let last = if room { last.shift_right::<8>() } else { last.shift_right::<9>() };
            let limited = last.max(machine.splat(i16::MIN.into())).min(machine.splat(i16::MAX.into()));
            if let Some(to) = out.values[8 * block..].first_chunk_mut() {
                limited.store(to);
            }
        }
        out.changes = changes(machine, &out.values);
    }
    let greatest = greatest.to_array().into_iter().fold(0, i32::max);
    for out in &mut out {
        out.calm = greatest < CALM;
    }
    (greatest < LIMIT).then_some(out)
}

/// 96 in the format of the values. Below it no sum saturates, nor does it leave its word here.
const LIMIT: i32 = 3 << 28;

/// 64 in the same format.
const CALM: i32 = 1 << 29;

/// The product with a word in Q15, rounded down.
#[inline(always)]
fn product<M: Machine>(machine: M, value: M::Lanes, word: M::Lanes) -> M::Lanes {
    let low = value.and(machine.splat(0x7fff)).mul(word);
    value.shift_right::<15>().mul(word).add(low.shift_right::<15>())
}

/// The magnitude, or one less.
#[inline(always)]
fn magnitude<L: Lanes>(value: L) -> L {
    value.xor(value.shift_right::<31>())
}

#[inline(always)]
fn changes<M: Machine>(machine: M, values: &[i32; POINTS]) -> u64 {
    let mut changes = 0;
    for block in 0..BLOCKS {
        let Some(now) = values[8 * block..].first_chunk() else { break };
        let earlier = if block == 0 {
            [values[0], values[0], values[1], values[2], values[3], values[4], values[5], values[6]]
        } else {
            values[8 * block - 1..].first_chunk().copied().unwrap_or([0; 8])
        };
        // Not positive: less one it is negative, as it is at most 2^30.
        let products = machine.load(now).mul(machine.load(&earlier)).sub(machine.splat(1));
        changes |= u64::from(products.signs()) << (8 * block);
    }
    // Nothing lies before the first point or after the last.
    changes & ((1 << GRID.len()) - 2)
}

#[cfg(test)]
mod tests;
