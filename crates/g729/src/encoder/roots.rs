//! Line spectral pairs of a prediction filter: the roots of its sum and difference polynomials. Clauses 3.2.3, A.3.2.3.

#![expect(
    clippy::indexing_slicing,
    reason = "a root lies between two points of the grid, there are ten at most"
)]

use crate::lsp::{Lpc, Lsp, ORDER};
use crate::ops::{
    div_s, extract_h, extract_l, flagged, l_extract, l_mac, l_msu, l_mult, l_shl, l_shr, mpy_32_16, negate,
    norm_s, sub,
};
use crate::tables::lpc::GRID;

/// Bisections of an interval with a sign change.
const BISECTIONS: usize = 2;

/// `f(0)` to `f(5)` of equation (15) and their format.
#[derive(Clone, Copy, Debug)]
struct Polynomial {
    coefficients: [i16; 6],
    /// Bits given up for room: 0 in Q11, 1 in Q10.
    room: u8,
}

/// `Az_lsp`: the LSPs of a filter, `None` when fewer than ten roots are found.
pub(super) fn to_lsp(a: &Lpc) -> Option<Lsp> {
    let mut overflow = false;
    let mut polynomials = build(a, 0, &mut overflow);
    if overflow {
        // Nobody looks whether it overflows with a bit of room.
        polynomials = build(a, 1, &mut overflow);
    }
    let mut lsp = [0; ORDER];
    let mut found = 0;
    let mut low = Point::at(GRID[0], &polynomials[0]);
    for &x in &GRID[1..] {
        let high = low;
        low = Point::at(x, &polynomials[found % 2]);
        if !low.changes_sign(high) {
            continue;
        }
        let root = refine(low, high, &polynomials[found % 2]);
        lsp[found] = root;
        found += 1;
        if found == ORDER {
            return Some(lsp);
        }
        low = Point::at(root, &polynomials[found % 2]);
    }
    None
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
    [Polynomial { coefficients: sum, room }, Polynomial { coefficients: difference, room }]
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
    fn at(x: i16, polynomial: &Polynomial) -> Self {
        let f = &polynomial.coefficients;
        let room = i16::from(polynomial.room);
        // Q24, or Q23 with room.
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
