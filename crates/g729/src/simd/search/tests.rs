use super::super::lanes::Portable;
use super::*;
use crate::math::Random;
use crate::ops::{l_add, mpy_32_16, mult};
use crate::testdata::rounds;

/// The first least of some values.
fn first_of(values: impl IntoIterator<Item = i32>) -> usize {
    let mut best = (0, i32::MAX);
    for (index, value) in values.into_iter().enumerate() {
        if value < best.1 {
            best = (index, value);
        }
    }
    best.0
}

fn words<const N: usize>(random: &mut Random, shift: i16) -> [i16; N] {
    core::array::from_fn(|_| random.next() >> shift)
}

#[test]
fn nearest_rows_are_the_first_nearest() {
    let mut random = Random(6);
    for round in 0..rounds(3000) as i16 {
        // Near rows, between equal ones, and anywhere.
        let row = LSF_STAGE_1[usize::from(random.next().unsigned_abs()) % 128];
        let noise: [i16; ORDER] = words(&mut random, 4 + round % 8);
        let target: [i16; ORDER] = core::array::from_fn(|i| row[i].saturating_add(noise[i]));
        let expected = first_of(LSF_STAGE_1.iter().map(|row| {
            row.iter().zip(&target).map(|(&row, &target)| (i32::from(target) - i32::from(row)).pow(2)).sum()
        }));
        assert_eq!([nearest(&target), nearest_on(Portable, &target)], [expected; 2], "{target:?}");

        let rest: [i16; ORDER] = words(&mut random, 3 + round % 5);
        let weights = words::<ORDER>(&mut random, 0).map(|weight| weight & i16::MAX);
        let half = |range: core::ops::Range<usize>| {
            first_of(LSF_STAGE_2.iter().map(|row| {
                let errors = range.clone().map(|i| (weights[i], rest[i] - row[i]));
                errors.map(|(weight, error)| i32::from(mult(weight, error)) * i32::from(error)).sum()
            }))
        };
        let expected = [half(0..5), half(5..10)];
        assert_eq!(weighted_nearest(&rest, &weights), expected, "{rest:?} {weights:?}");
        assert_eq!(weighted_nearest_on(Portable, &rest, &weights), expected, "{rest:?} {weights:?}");
    }
}

/// The rows that cost least, operator by operator.
fn stepwise_cheapest(costs: &GainCosts, rows: &GainRows) -> [usize; 2] {
    let pairs = (0..4 * LANES).map(|turn| {
        let ([pitch, factor], j) = (rows.first[turn / LANES], turn % LANES);
        let pitch = pitch + rows.pitch[j];
        if pitch >= costs.limit {
            return i32::MAX;
        }
        let factor = (i32::from(factor) + i32::from(rows.factor[j])) >> 1;
        let code = mult(costs.predicted, i16::try_from(factor).unwrap());
        let gains = [mult(pitch, pitch), pitch, mult(code, code), code, mult(code, pitch)];
        costs.terms.iter().zip(gains).fold(0, |sum, (&term, gain)| {
            let (hi, lo) = crate::ops::l_extract(term);
            l_add(sum, mpy_32_16(hi, lo, gain))
        })
    });
    let turn = first_of(pairs);
    [turn / LANES, turn % LANES]
}

#[test]
fn cheapest_gains_are_the_first_cheapest_where_sums_saturate_too() {
    use crate::tables::gain::{GAIN_STAGE_1, GAIN_STAGE_2};
    let mut random = Random(7);
    let mut wide = || i32::from(random.next()) << 16 | i32::from(random.next()) & 0xfffe;
    for round in 0..rounds(6000) {
        let terms: [i32; 5] = match round % 4 {
            0 => core::array::from_fn(|_| wide()),
            1 => core::array::from_fn(|n| wide() >> (4 * n) & !1),
            2 => core::array::from_fn(|n| if (round >> n) & 1 == 0 { i32::MAX - 1 } else { i32::MIN }),
            _ => core::array::from_fn(|_| wide() >> 20 & !1),
        };
        let limit = if round % 3 == 0 { 16_383 } else { i16::MAX };
        let costs = GainCosts { terms, predicted: (wide() >> 17) as i16 & i16::MAX, limit };
        let (i, j) = (round % 5, round % 9);
        let mut rows = GainRows { first: [[0; 2]; 4], pitch: [0; 8], factor: [0; 8] };
        rows.first.copy_from_slice(&GAIN_STAGE_1[i..i + 4]);
        for n in 0..LANES {
            [rows.pitch[n], rows.factor[n]] = GAIN_STAGE_2[j + n];
        }
        let expected = stepwise_cheapest(&costs, &rows);
        assert_eq!(cheapest(&costs, &rows), expected, "{costs:?} {rows:?}");
        assert_eq!(cheapest_on(Portable, &costs, &rows), expected, "{costs:?} {rows:?}");
    }
}
