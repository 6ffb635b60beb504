//! The limiter of an output: a gain that moves no faster than stated, and a curve for what is left above full scale while the
//! gain falls. It adds no delay: it looks ahead within a tick.

use crate::kernel::{fits, narrow, peak};

/// Greatest fall of the limiter's gain in a millisecond, as a share of unity.
pub const LIMITER_FALL_PER_MS: f32 = 0.5;
/// Greatest rise of the limiter's gain in a millisecond, as a share of unity: from -20 dB to unity in 1.8 s.
pub const LIMITER_RISE_PER_MS: f32 = 0.0005;

/// Full scale.
const FULL: f32 = 32_767.0;
/// Where the curve begins, three quarters of full scale.
const KNEE: f32 = 24_575.0;
/// What leaves room for rounding below full scale, as a gain.
const NEAR: f32 = 0.999;
/// Milliseconds of the longest tick.
const BLOCKS: usize = 20;

/// Limits a tick's sum into `out`, in blocks of `block` samples, one millisecond each. `gain` is that of the end of the tick
/// before; the result is that of this one's end.
pub(crate) fn limit(sum: &[i32], block: usize, gain: f32, out: &mut [i16]) -> f32 {
    let fits = fits(sum);
    if fits && gain >= 1.0 {
        narrow(sum, out);
        return 1.0;
    }
    // The gain rises again for seconds after each excess: as long as nothing asks for less, there is nothing to look for.
    let (edges, count) = if fits { rising(sum.len(), block, gain) } else { edges(sum, block, gain) };
    let greatest = edges.get(count).copied().unwrap_or(1.0);
    if fits && greatest <= NEAR {
        scale(sum, block, &edges, out);
    } else {
        shape(sum, block, &edges, out);
    }
    edges.get(count).copied().unwrap_or(1.0)
}

/// The gain at the end of a tick of `millis` milliseconds of silence.
pub(crate) fn after_silence(gain: f32, millis: u32) -> f32 {
    (0..millis).fold(gain, |gain, _| (gain + LIMITER_RISE_PER_MS).min(1.0))
}

/// The gain at each edge of the blocks, and their number, where no block asks for less.
fn rising(len: usize, block: usize, gain: f32) -> ([f32; BLOCKS + 1], usize) {
    let count = len.div_ceil(block.max(1)).min(BLOCKS);
    let mut edges = [gain; BLOCKS + 1];
    let mut now = gain;
    for edge in edges.iter_mut().skip(1).take(count) {
        now = (now + LIMITER_RISE_PER_MS).min(1.0);
        *edge = now;
    }
    (edges, count)
}

/// Applies gains that leave nothing above full scale.
fn scale(sum: &[i32], block: usize, edges: &[f32; BLOCKS + 1], out: &mut [i16]) {
    let block = block.max(1);
    let step = 1.0 / block as f32;
    let blocks = out.chunks_mut(block).zip(sum.chunks(block));
    for ((out, part), pair) in blocks.zip(edges.windows(2)) {
        let &[from, to] = pair else { continue };
        for ((out, sum), n) in out.iter_mut().zip(part).zip(1_u16..) {
            let value = gained(*sum, from, to, f32::from(n) * step).clamp(-FULL, FULL);
            #[expect(clippy::cast_possible_truncation, reason = "at most full scale")]
            let sample = value as i16;
            *out = sample;
        }
    }
}

/// The gain at each edge of the blocks, and their number.
#[expect(clippy::cast_precision_loss, reason = "within a millionth of a peak")]
fn edges(sum: &[i32], block: usize, gain: f32) -> ([f32; BLOCKS + 1], usize) {
    // What a block allows at both of its edges.
    let mut allowed = [1.0_f32; BLOCKS + 2];
    let mut count = 0;
    for (part, pair) in sum.chunks(block.max(1)).zip(0..BLOCKS) {
        let peak = peak(part);
        // A negative sample may be one greater than its peak says.
        let need = if peak > i32::from(i16::MAX) { FULL / (peak as f32 + 1.0) } else { 1.0 };
        for allowed in allowed.iter_mut().skip(pair).take(2) {
            *allowed = allowed.min(need);
        }
        count += 1;
    }
    // Early enough to be there in time.
    let mut after = f32::INFINITY;
    for allowed in allowed.iter_mut().take(count + 1).rev() {
        *allowed = allowed.min(after + LIMITER_FALL_PER_MS);
        after = *allowed;
    }
    let mut edges = [gain; BLOCKS + 1];
    let mut now = gain;
    for (edge, allowed) in edges.iter_mut().zip(allowed).skip(1).take(count) {
        now = allowed.min(now + LIMITER_RISE_PER_MS).max(now - LIMITER_FALL_PER_MS);
        *edge = now;
    }
    (edges, count)
}

#[expect(clippy::cast_precision_loss, reason = "a sum beyond 2^24 is far beyond full scale")]
fn shape(sum: &[i32], block: usize, edges: &[f32; BLOCKS + 1], out: &mut [i16]) {
    let step = 1.0 / block.max(1) as f32;
    // The greatest magnitude that the gain leaves.
    let mut most = FULL;
    for (part, pair) in sum.chunks(block.max(1)).zip(edges.windows(2)) {
        let &[from, to] = pair else { continue };
        // With a margin for rounding.
        if peak(part) as f32 * from.max(to) > NEAR * FULL {
            let each =
                part.iter().zip(1_u16..).map(|(sum, n)| gained(*sum, from, to, f32::from(n) * step).abs());
            most = each.fold(most, f32::max);
        }
    }
    let bend = if most > FULL { 1.0 / (FULL - KNEE) - 1.0 / (most - KNEE) } else { 0.0 };
    let blocks = out.chunks_mut(block.max(1)).zip(sum.chunks(block.max(1)));
    for ((out, part), pair) in blocks.zip(edges.windows(2)) {
        let &[from, to] = pair else { continue };
        for ((out, sum), n) in out.iter_mut().zip(part).zip(1_u16..) {
            let value = gained(*sum, from, to, f32::from(n) * step);
            let over = (value.abs() - KNEE).max(0.0);
            // Slope 1 at the knee, full scale at the tick's peak.
            let bent = value.abs().min(KNEE) + over / (1.0 + bend * over);
            #[expect(clippy::cast_possible_truncation, reason = "at most full scale")]
            let sample = bent.min(FULL).copysign(value) as i16;
            *out = sample;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sum beyond 2^24 is far beyond full scale")]
fn gained(sum: i32, from: f32, to: f32, part: f32) -> f32 {
    sum as f32 * (from + (to - from) * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ticks: &[Vec<i32>], block: usize) -> (Vec<i16>, Vec<f32>) {
        let (mut gain, mut heard, mut gains) = (1.0, Vec::new(), vec![1.0]);
        for tick in ticks {
            let mut out = vec![0; tick.len()];
            let (edges, count) = edges(tick, block, gain);
            let end = limit(tick, block, gain, &mut out);
            if gain < 1.0 || peak(tick) > 32_767 {
                gains.extend(&edges[1..=count]);
                assert_eq!(edges[count], end);
            } else {
                gains.extend(vec![1.0; tick.len() / block]);
            }
            gain = end;
            heard.extend(out);
        }
        (heard, gains)
    }

    fn square(amplitude: i32, period: usize) -> Vec<i32> {
        (0..160).map(|n| if (n / period).is_multiple_of(2) { amplitude } else { -amplitude }).collect()
    }

    #[test]
    fn below_full_scale_it_changes_no_sample() {
        let sum: Vec<i32> = (0..160).map(|n| (n - 80) * 409).chain([32_767, -32_768]).collect();
        let mut out = vec![0; 162];
        assert_eq!(limit(&sum, 8, 1.0, &mut out), 1.0);
        assert_eq!(out.iter().map(|&sample| i32::from(sample)).collect::<Vec<_>>(), sum);
    }

    /// Where nothing asks for less gain, the short way gives what the long one does.
    #[test]
    fn rising_gain_is_applied_as_any_other() {
        let mut state = 1_u32;
        let mut noise = |most: i32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i32::try_from(state >> 16).unwrap() % (2 * most + 1) - most
        };
        for block in [8, 12, 48] {
            let mut gain = 0.2;
            while gain < 1.0 {
                let sum: Vec<i32> = (0..20 * block).map(|_| noise(32_767)).collect();
                let (mut short, mut long) = (vec![0; sum.len()], vec![0; sum.len()]);
                let (edges, count) = edges(&sum, block, gain);
                shape(&sum, block, &edges, &mut long);
                assert_eq!(limit(&sum, block, gain, &mut short), edges[count]);
                assert_eq!(short, long, "from {gain}");
                gain = edges[count];
            }
        }
    }

    #[test]
    fn gain_moves_no_faster_than_stated() {
        let quiet = vec![10; 160];
        let ticks =
            [&quiet, &square(327_670, 20), &square(40_000, 3), &quiet, &square(2_000_000_000, 1), &quiet];
        let ticks: Vec<Vec<i32>> = ticks.into_iter().cloned().collect();
        let (_, gains) = run(&ticks, 8);
        for (n, pair) in gains.windows(2).enumerate() {
            let moved = pair[1] - pair[0];
            assert!(
                (-LIMITER_FALL_PER_MS - 1e-6..=LIMITER_RISE_PER_MS + 1e-6).contains(&moved),
                "{moved} in ms {n}"
            );
        }
        assert!(gains.iter().any(|&gain| gain < 0.2) && *gains.last().unwrap() > 0.0);
    }

    #[test]
    fn steady_excess_is_left_to_the_gain_alone() {
        let ticks = vec![square(327_670, 20); 3];
        let (heard, _) = run(&ticks, 8);
        let steady = &heard[160..];
        assert!(
            steady.iter().all(|sample| (32_765..=32_767).contains(&sample.unsigned_abs())),
            "no distortion"
        );
        assert!(heard.iter().zip(&square(1, 20)).all(|(sample, sign)| i32::from(sample.signum()) == *sign));
    }

    #[test]
    fn onset_above_full_scale_is_bent_not_cut() {
        // A ramp far beyond full scale at once: samples keep their order, so no two peaks become one flat top.
        let sum: Vec<i32> = (0..160).map(|n| (n % 4 + 1) * 40_000).collect();
        let mut out = vec![0; 160];
        limit(&sum, 8, 1.0, &mut out);
        assert!(out[..8].windows(2).all(|pair| pair[0] < pair[1] || pair[1] < 32_767), "{:?}", &out[..8]);
        assert!(out[0] < out[1] && out[1] < out[2] && out[2] < out[3], "{:?}", &out[..4]);
    }

    #[test]
    fn gain_comes_back_to_unity_and_is_transparent_again() {
        let mut ticks = vec![square(65_534, 20)];
        ticks.extend(vec![vec![1000; 160]; 60]);
        let (heard, gains) = run(&ticks, 8);
        assert_eq!(*gains.last().unwrap(), 1.0);
        assert!(heard[heard.len() - 160..].iter().all(|&sample| sample == 1000));
        assert!(after_silence(0.99, 20) == 1.0 && after_silence(0.5, 20) < 0.511);
    }
}
