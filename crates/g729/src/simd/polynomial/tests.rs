use super::super::lanes::Portable;
use super::*;
use crate::math::Random;
use crate::ops::{extract_h, l_extract, l_mac, l_msu, l_mult, l_shl, mpy_32_16};
use crate::testdata::rounds;

/// Equation (17) operator by operator, and whether some word saturated or came near to it.
fn stepwise(f: &[i16; 6], room: bool, x: i16) -> i16 {
    let shift = i16::from(room);
    let mut before = (256 >> shift, 0);
    let mut value = l_extract(l_mac(l_mult(x, 512 >> shift), f[1], 4096));
    let less = |word: i32, (hi, lo): (i16, i16)| l_msu(l_mac(word, hi, i16::MIN), lo, 1);
    for &coefficient in &f[2..5] {
        let next = l_mac(less(l_shl(mpy_32_16(value.0, value.1, x), 1), before), coefficient, 4096);
        (before, value) = (value, l_extract(next));
    }
    let last = l_mac(less(mpy_32_16(value.0, value.1, x), before), f[5], 2048);
    extract_h(l_shl(last, 6 + shift))
}

#[test]
fn grid_holds_what_operators_yield_unless_it_is_refused() {
    let mut random = Random(5);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..rounds(4000) {
        let size = round % 7;
        let polynomials: [[i16; 6]; 2] = core::array::from_fn(|_| {
            core::array::from_fn(|n| if n == 0 { 2048 } else { random.next() >> size })
        });
        let room = round % 3 == 0;
        let found = evaluate(&polynomials, room);
        assert_eq!(found, evaluate_on(Portable, &polynomials, room));
        let Some(found) = found else {
            refused += 1;
            continue;
        };
        taken += 1;
        for (on_grid, f) in found.iter().zip(&polynomials) {
            let expected: Vec<i32> = GRID.iter().map(|&x| stepwise(f, room, x).into()).collect();
            assert_eq!(on_grid.values[..GRID.len()], expected, "{f:?} {room}");
            for n in 0..64 {
                let changes = n > 0 && n < GRID.len() && expected[n - 1] * expected[n] <= 0;
                assert_eq!(on_grid.changes >> n & 1 == 1, changes, "{f:?} {room} {n}");
            }
        }
    }
    assert!(cfg!(miri) || taken > 1000 && refused > 200, "{taken} {refused}");
}
