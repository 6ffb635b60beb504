//! Line spectral pairs of a prediction filter: the roots of its sum and difference polynomials. Clauses 3.2.3, A.3.2.3.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a root lies between two points of the grid, there are ten at most; values are limited before they are narrowed"
)]

use crate::exact;
use crate::lsp::{Lpc, Lsp, ORDER};
use crate::ops::{
    div_s, extract_h, extract_l, flagged, l_extract, l_mac, l_msu, l_mult, l_shl, l_shr, mpy_32_16, negate,
    norm_s, saturate, sub,
};
use crate::simd::polynomial::{OnGrid, POINTS, evaluate};
use crate::tables::lpc::GRID;

/// 96 in Q24. Values below it make no sum that saturates.
const LIMIT: i64 = 3 << 29;
/// Bisections of an interval with a sign change.
const BISECTIONS: usize = 2;

/// `f(0)` to `f(5)` of equation (15) and their format.
#[derive(Clone, Copy, Debug)]
struct Polynomial {
    coefficients: [i16; 6],
    /// Bits given up for room: 0 in Q11, 1 in Q10.
    room: u8,
    /// No intermediate value comes to the limit, wherever it is evaluated.
    calm: bool,
}

/// `Az_lsp`: the LSPs of a filter, `None` when fewer than ten roots are found.
pub(super) fn to_lsp(a: &Lpc) -> Option<Lsp> {
    let mut overflow = false;
    let mut polynomials = build(a, 0, &mut overflow);
    if overflow {
        // Nobody looks whether it overflows with a bit of room.
        polynomials = build(a, 1, &mut overflow);
    }
    let on_grid = on_grid(&polynomials);
    for (polynomial, on_grid) in polynomials.iter_mut().zip(&on_grid) {
        polynomial.calm = on_grid.calm;
    }
    let point = |which: usize, n: usize| Point { x: GRID[n], y: on_grid[which].values[n] as i16 };
    let mut lsp = [0; ORDER];
    let mut n = 0;
    let mut low = point(0, n);
    for (found, out) in lsp.iter_mut().enumerate() {
        let which = found % 2;
        // First from the last root, or the beginning, to the next point; then from point to point.
        n += 1;
        if n >= GRID.len() {
            return None;
        }
        let mut high = low;
        low = point(which, n);
        if !low.changes_sign(high) {
            n = (on_grid[which].changes >> n >> 1 << 1 << n).trailing_zeros() as usize;
            if n >= GRID.len() {
                return None;
            }
            (high, low) = (point(which, n - 1), point(which, n));
        }
        let root = refine(low, high, &polynomials[which]);
        *out = root;
        low = Point::at(root, &polynomials[1 - which]);
    }
    Some(lsp)
}

/// Both polynomials on the grid.
fn on_grid(polynomials: &[Polynomial; 2]) -> [OnGrid; 2] {
    let coefficients = polynomials.map(|polynomial| polynomial.coefficients);
    evaluate(&coefficients, polynomials[0].room != 0)
        .filter(|_| exact::allowed())
        .unwrap_or_else(|| polynomials.each_ref().map(stepwise_on_grid))
}

/// The same where values are so great that operators may saturate.
#[cold]
fn stepwise_on_grid(polynomial: &Polynomial) -> OnGrid {
    let mut out = OnGrid { values: [0; POINTS], changes: 0, calm: false };
    for (n, &x) in GRID.iter().enumerate() {
        out.values[n] = Point::stepwise(x, polynomial).y.into();
        if n > 0 && out.values[n] * out.values[n - 1] <= 0 {
            out.changes |= 1 << n;
        }
    }
    out
}

/// Sum and difference polynomial in Q11, or Q10 with one bit of room.
fn build(a: &Lpc, room: u8, overflow: &mut bool) -> [Polynomial; 2] {
    let one = 2048 >> room;
    let mut sum = [one; 6];
    let mut difference = [one; 6];
    for i in 0..ORDER / 2 {
        let (early, late) = (i32::from(a[i + 1]), i32::from(a[ORDER - i]));
        sum[i + 1] = flagged::sub(extract_l((early + late) >> (1 + room)), sum[i], overflow);
        difference[i + 1] = flagged::add(extract_l((early - late) >> (1 + room)), difference[i], overflow);
    }
    [sum, difference].map(|coefficients| Polynomial { coefficients, room, calm: false })
}

/// A point of a polynomial.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// Cosine, Q15.
    x: i16,
    /// `C(x)`, Q14.
    y: i16,
}

impl Point {
    /// `Chebps`: the polynomial at a cosine. Equation (17) and the recursion after it.
    #[inline]
    fn at(x: i16, polynomial: &Polynomial) -> Self {
        let value = if polynomial.calm {
            unlimited::<false>(x, polynomial)
        } else {
            unlimited::<true>(x, polynomial)
        };
        value.map_or_else(|| Self::stepwise(x, polynomial), |y| Self { x, y })
    }

    /// The same operator by operator.
    #[cold]
    fn stepwise(x: i16, polynomial: &Polynomial) -> Self {
        let f = &polynomial.coefficients;
        let room = i16::from(polynomial.room);
        let mut b2 = (256 >> room, 0);
        let mut b1 = l_extract(l_mac(l_mult(x, 512 >> room), f[1], 4096));
        for &coefficient in &f[2..5] {
            let sum = l_mac(less(l_shl(mpy_32_16(b1.0, b1.1, x), 1), b2), coefficient, 4096);
            (b2, b1) = (b1, l_extract(sum));
        }
        let sum = l_mac(less(mpy_32_16(b1.0, b1.1, x), b2), f[5], 2048);
        Self { x, y: extract_h(l_shl(sum, 6 + room)) }
    }

    const fn changes_sign(self, other: Self) -> bool {
        (self.y as i32) * (other.y as i32) <= 0
    }
}

/// The value of a polynomial at a cosine, Q14. `None` where an intermediate value leaves the limit, if that is `LOOKED_AT`.
#[inline]
fn unlimited<const LOOKED_AT: bool>(x: i16, polynomial: &Polynomial) -> Option<i16> {
    let f = polynomial.coefficients.map(i64::from);
    let room = polynomial.room;
    let cosine = i64::from(x);
    // Q24, or Q23 with room. All values are even, so that splitting them loses nothing.
    let mut before = (1 << 24) >> room;
    let mut value = (cosine << (10 - room)) + (f[1] << 13);
    let mut narrow = !LOOKED_AT || within(value);
    for coefficient in &f[2..5] {
        let scaled = (((value >> 1) * cosine) >> 15) << 2;
        let next = scaled - before + (coefficient << 13);
        narrow &= !LOOKED_AT || (within(scaled) & within(next));
        (before, value) = (value, next);
    }
    let last = ((((value >> 1) * cosine) >> 15) << 1) - before + (f[5] << 12);
    narrow &= !LOOKED_AT || within(last);
    (narrow && exact::allowed()).then(|| saturate((last >> (10 - room)) as i32))
}

/// Whether a value is within the limit, on either side.
const fn within(value: i64) -> bool {
    (value + LIMIT).cast_unsigned() < 2 * LIMIT.cast_unsigned()
}

/// A word less a DPF, each part by itself.
fn less(word: i32, (hi, lo): (i16, i16)) -> i32 {
    l_msu(l_mac(word, hi, i16::MIN), lo, 1)
}

/// The root between two points of different sign.
fn refine(mut low: Point, mut high: Point, polynomial: &Polynomial) -> i16 {
    for _ in 0..BISECTIONS {
        let middle = Point::at((low.x >> 1) + (high.x >> 1), polynomial);
        if low.changes_sign(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    let (dx, dy) = (sub(high.x, low.x), sub(high.y, low.y));
    if dy == 0 {
        return low.x;
    }
    let magnitude = dy.saturating_abs();
    let norm = norm_s(magnitude);
    let inverse = div_s(16_383, magnitude << norm);
    let slope = extract_l(l_shr(l_mult(dx, inverse), 20 - norm));
    let slope = if dy < 0 { negate(slope) } else { slope };
    sub(low.x, extract_l(l_shr(l_mult(low.y, slope), 11)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Random;
    use crate::testdata::rounds;

    #[test]
    fn calm_polynomials_are_between_the_points_what_the_operators_make_of_them() {
        let mut random = Random(12);
        let mut calm = 0;
        for round in 0..rounds(2000) {
            let (size, room) = (round % 7, u8::from(round % 3 == 0));
            let polynomials = [(); 2].map(|()| Polynomial {
                coefficients: core::array::from_fn(
                    |n| if n == 0 { 2048 >> room } else { random.next() >> size },
                ),
                room,
                calm: false,
            });
            for (polynomial, on_grid) in polynomials.iter().zip(on_grid(&polynomials)) {
                let polynomial = &Polynomial { calm: on_grid.calm, ..*polynomial };
                calm += usize::from(on_grid.calm);
                for _ in 0..20 {
                    let x = random.next().clamp(GRID[GRID.len() - 1], GRID[0]);
                    let (fast, slow) = (Point::at(x, polynomial), Point::stepwise(x, polynomial));
                    assert_eq!(fast.y, slow.y, "{polynomial:?} {x}");
                }
            }
        }
        assert!(cfg!(miri) || calm > 500, "{calm} of 4000 were calm");
    }
}
