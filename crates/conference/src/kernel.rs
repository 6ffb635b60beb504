//! The loops over samples. They are written so that the compiler vectorises them: no branch, no index, no lookup inside.

use crate::gain::{ONE, Ramp, scaled};

/// What a source adds to a mix in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its samples with a gain.
    Samples(Ramp),
    /// Nothing came, and the tick before ended with this value: it falls to zero, so that nothing clicks.
    Tail(i32),
}

/// Adds what a source contributes, to `sum`.
pub(crate) fn add(sum: &mut [i32], pcm: &[i16], part: Part, fade: usize) {
    each(sum, pcm, part, fade, |sum, value| *sum += value);
}

/// Takes away what [`add`] added.
pub(crate) fn subtract(sum: &mut [i32], pcm: &[i16], part: Part, fade: usize) {
    each(sum, pcm, part, fade, |sum, value| *sum -= value);
}

fn each(sum: &mut [i32], pcm: &[i16], part: Part, fade: usize, apply: impl Fn(&mut i32, i32)) {
    let ramp = match part {
        Part::Tail(value) => {
            sum.iter_mut().take(fade).enumerate().for_each(|(n, sum)| apply(sum, tail_at(value, n, fade)));
            return;
        }
        Part::Samples(ramp) => ramp,
    };
    if ramp.is_unity() {
        sum.iter_mut().zip(pcm).for_each(|(sum, sample)| apply(sum, i32::from(*sample)));
        return;
    }
    let steady = if ramp.from == ramp.to { 0 } else { fade.min(pcm.len()).min(sum.len()) };
    let (rising, sum) = sum.split_at_mut(steady);
    let (first, pcm) = pcm.split_at(steady);
    for (n, (sum, sample)) in rising.iter_mut().zip(first).enumerate() {
        apply(sum, scaled(*sample, ramp.at(n, fade)));
    }
    match ramp.to {
        0 => {}
        ONE => sum.iter_mut().zip(pcm).for_each(|(sum, sample)| apply(sum, i32::from(*sample))),
        gain => sum.iter_mut().zip(pcm).for_each(|(sum, sample)| apply(sum, scaled(*sample, gain))),
    }
}

/// A falling tail at sample `n`.
pub(crate) fn tail_at(value: i32, n: usize, fade: usize) -> i32 {
    let (n, fade) = (i64::try_from(n).unwrap_or(0), i64::try_from(fade).unwrap_or(1));
    i32::try_from(i64::from(value) * (fade - n).max(0) / fade.max(1)).unwrap_or(0)
}

/// What `part` has at the last sample of a tick of `len` samples.
pub(crate) fn last_of(pcm: &[i16], part: Part, len: usize, fade: usize) -> i32 {
    match part {
        Part::Tail(_) => 0,
        Part::Samples(ramp) => {
            let at = len.saturating_sub(1);
            pcm.get(at).map_or(0, |sample| scaled(*sample, ramp.at(at, fade)))
        }
    }
}

/// Mean square of the loudest part of `part` samples; 0 of nothing.
pub(crate) fn loudest_power(pcm: &[i16], part: usize) -> f32 {
    let part = part.max(1);
    let mut parts = pcm.chunks_exact(part);
    let most = parts.by_ref().map(energy).max().unwrap_or(0);
    let rest = parts.remainder();
    let most = mean(most, part);
    if rest.is_empty() { most } else { most.max(mean(energy(rest), rest.len())) }
}

#[expect(clippy::cast_precision_loss, reason = "a level")]
fn mean(energy: u64, len: usize) -> f32 {
    energy as f32 / len as f32
}

/// Sum of the squares.
fn energy(pcm: &[i16]) -> u64 {
    let (pairs, rest) = pcm.as_chunks::<2>();
    // Two squares are at most 2^31, which 32 bits without a sign hold; their sum takes 64.
    let square = |sample: i16| i32::from(sample) * i32::from(sample);
    let pair = |&[a, b]: &[i16; 2]| u64::from(square(a).unsigned_abs() + square(b).unsigned_abs());
    let sum: u64 = pairs.iter().map(pair).sum();
    sum + rest.iter().map(|&sample| u64::from(square(sample).unsigned_abs())).sum::<u64>()
}

/// The greatest magnitude, that of -32768 counted as 32767, so that it is above 32767 where 16 bits do not hold a sample.
pub(crate) fn peak(sum: &[i32]) -> i32 {
    let (blocks, rest) = sum.as_chunks::<8>();
    let mut most = [0_i32; 8];
    for block in blocks {
        for (most, value) in most.iter_mut().zip(block) {
            *most = (*most).max(value ^ (value >> 31));
        }
    }
    let rest = rest.iter().map(|value| value ^ (value >> 31)).max();
    most.into_iter().chain(rest).max().unwrap_or(0)
}

/// True where 16 bits hold every sum: what [`peak`] says of most ticks, in a third of the work, since the bits of all magnitudes
/// together reach 2^15 where those of one do.
pub(crate) fn fits(sum: &[i32]) -> bool {
    sum.iter().fold(0, |bits, value| bits | (value ^ (value >> 31))) <= i32::from(i16::MAX)
}

/// Narrows sums that 16 bits hold, see [`fits`].
pub(crate) fn narrow(sum: &[i32], out: &mut [i16]) {
    for (out, sum) in out.iter_mut().zip(sum) {
        #[expect(clippy::cast_possible_truncation, reason = "16 bits hold it")]
        let sample = *sum as i16;
        *out = sample;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FADE: usize = 40;

    fn noise(len: usize) -> Vec<i16> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i16::from_be_bytes([state.to_be_bytes()[0], state.to_be_bytes()[1]])
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn what_was_added_is_subtracted_whole() {
        let pcm = noise(160);
        let parts = [(0, 0), (0, 4096), (4096, 4096), (4096, 0), (4096, 9000), (64_917, 64_917)]
            .map(|(from, to)| Part::Samples(Ramp { from, to }));
        for part in parts.into_iter().chain([Part::Tail(-519_336), Part::Tail(77)]) {
            let mut sum = vec![5; 160];
            add(&mut sum, &pcm, part, FADE);
            let added = sum.clone();
            subtract(&mut sum, &pcm, part, FADE);
            assert_eq!(sum, vec![5; 160], "{part:?}");
            assert_eq!(added[159] - 5, last_of(&pcm, part, 160, FADE), "{part:?}");
        }
    }

    #[test]
    fn loops_do_what_a_sample_at_a_time_does() {
        let pcm = noise(163);
        for ramp in [(0, 4096), (4096, 0), (3000, 5000), (4096, 4096), (700, 700), (700, 4096)] {
            let ramp = Ramp { from: ramp.0, to: ramp.1 };
            let mut sum = vec![0; 163];
            add(&mut sum, &pcm, Part::Samples(ramp), FADE);
            let each: Vec<i32> = (0..163).map(|n| scaled(pcm[n], ramp.at(n, FADE))).collect();
            assert_eq!(sum, each, "{ramp:?}");
        }
    }

    #[test]
    fn short_and_empty_input_adds_what_is_there() {
        let mut sum = vec![0; 160];
        add(&mut sum, &[100; 10], Part::Samples(Ramp { from: 0, to: 4096 }), FADE);
        assert_eq!((sum[9], sum[10]), (90 * 100 / 400, 0));
        add(&mut sum, &[], Part::Samples(Ramp { from: 0, to: 4096 }), FADE);
        assert_eq!(last_of(&[1; 10], Part::Samples(Ramp { from: 0, to: 4096 }), 160, FADE), 0);
    }

    #[test]
    fn peak_is_above_full_scale_only_where_16_bits_do_not_hold_it() {
        assert_eq!(peak(&[3, -32_768, 5]), 32_767);
        assert_eq!(peak(&[0, 0, 0, 0, 0, 0, 0, 0, 0, -32_769]), 32_768);
        assert_eq!(peak(&[0, 32_768, 0, 0, 0, 0, 0, 0, 0, 1]), 32_768);
        assert_eq!(peak(&[]), 0);
        for sum in [&[3, -32_768, 32_767][..], &[0; 9], &[], &[16_384, 16_383, -16_385]] {
            assert!(fits(sum), "{sum:?}");
        }
        for sum in [&[0, 32_768][..], &[-32_769; 9], &[1, 2, 3, 4, 5, 6, 7, 8, i32::MIN], &[i32::MAX]] {
            assert!(!fits(sum), "{sum:?}");
        }
    }

    #[test]
    fn power_is_that_of_the_loudest_part() {
        let mut pcm = [0_i16; 160];
        pcm[40..80].fill(i16::MIN);
        assert_eq!(loudest_power(&pcm, 40), 32_768.0 * 32_768.0);
        assert_eq!((loudest_power(&[], 40), loudest_power(&[3; 7], 40)), (0.0, 9.0));
    }
}
