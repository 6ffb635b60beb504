//! Short real-valued signals: the sums that concealment and time-scaling are made of.

/// Samples of a millisecond at the highest rate.
pub(crate) const MAX_PER_MS: usize = 48;

/// Sums kept side by side, so that they can be made at once.
const LANES: usize = 16;

/// Sum of products over the shorter of the two.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let (a_lanes, a_rest) = a.get(..len).unwrap_or_default().as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.get(..len).unwrap_or_default().as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in a_lanes.iter().zip(b_lanes) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    fold(&sums) + rest
}

/// The lanes' sum, by halves.
fn fold(sums: &[f32; LANES]) -> f32 {
    let (low, high) = sums.split_at(LANES / 2);
    let mut eight = [0.0; LANES / 2];
    for ((sum, x), y) in eight.iter_mut().zip(low).zip(high) {
        *sum = x + y;
    }
    let [a, b, c, d, e, f, g, h] = eight;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// Sum of squares.
pub(crate) fn energy(a: &[f32]) -> f32 {
    dot(a, a)
}

/// Rounded and saturated.
#[expect(clippy::cast_possible_truncation, reason = "a float that is too large saturates")]
pub(crate) fn sample(value: f32) -> i16 {
    value.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn sums_of_any_length_are_what_a_plain_loop_makes() {
        for len in 0..70 {
            let a: Vec<f32> = (0..len).map(|n| (n * 7 % 13) as f32).collect();
            let b: Vec<f32> = (0..len + 5).map(|n| (n * 5 % 11) as f32).collect();
            let plain: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert!((dot(&a, &b) - plain).abs() < 0.5, "{len}");
        }
    }

    #[test]
    fn samples_saturate() {
        assert_eq!([40_000.0, -40_000.0, 1.4, f32::NAN].map(sample), [i16::MAX, i16::MIN, 1, 0]);
    }
}
