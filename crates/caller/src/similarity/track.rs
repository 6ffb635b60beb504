//! Follows a sound that is stretched or skips on its way, as a jitter buffer does that adapts.

/// Samples that are aligned on their own: half a second.
const BLOCK: usize = 4_000;

/// How far a block may be from where the whole is aligned, in samples either way: 120 ms.
const REACH: usize = 960;

/// Mean square below which a block is too soft to be found, and stays where the one before it was.
const SOFT: f64 = 2_500.0;

/// What was heard, moved piece by piece to where the reference has it.
pub(super) struct Tracked {
    /// As long as the reference; silence where nothing was heard.
    pub(super) heard: Vec<i16>,
    /// Samples between the least and the greatest lag of a piece.
    pub(super) slip: u64,
}

/// Aligns each block of the reference around the lag that the whole has.
pub(super) fn follow(reference: &[i16], heard: &[i16], lag: i64) -> Tracked {
    let mut moved = Vec::with_capacity(reference.len());
    let (mut last, mut bounds) = (lag, None::<(i64, i64)>);
    for (block, number) in reference.chunks(BLOCK).zip(0_i64..) {
        let start = number * i64::try_from(BLOCK).unwrap_or(0);
        let power: f64 = block.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        if block.len() == BLOCK && power > SOFT * f64::from(u32::try_from(BLOCK).unwrap_or(0)) {
            last = best(block, heard, start, lag).unwrap_or(last);
            let (least, greatest) = bounds.unwrap_or((last, last));
            bounds = Some((least.min(last), greatest.max(last)));
        }
        moved.extend((0..).zip(block).map(|(n, _)| at(heard, start + last + n)));
    }
    let slip = bounds.map_or(0, |(least, greatest)| greatest.abs_diff(least));
    Tracked { heard: moved, slip }
}

/// The lag near `lag` at which the block's normalised correlation is greatest; `None` where there is nothing like it.
fn best(block: &[i16], heard: &[i16], start: i64, lag: i64) -> Option<i64> {
    let reach = i64::try_from(REACH).unwrap_or(0);
    let from = start + lag - reach;
    let span: Vec<i16> = (from..).take(block.len() + 2 * REACH).map(|place| at(heard, place)).collect();
    let mut energy: i64 = span.iter().take(block.len()).map(|&sample| square(sample)).sum();
    let mut best = (0.0, None);
    for (shift, window) in (0_i64..).zip(span.windows(block.len())) {
        let product: i64 =
            block.iter().zip(window).map(|(&a, &b)| i64::from(i32::from(a) * i32::from(b))).sum();
        let likeness = decimal(product) / decimal(energy.max(1)).sqrt();
        if likeness > best.0 {
            best = (likeness, Some(lag - reach + shift));
        }
        let first = window.first().copied().map_or(0, square);
        let next = usize::try_from(shift).ok().and_then(|shift| span.get(shift + block.len()));
        energy += next.copied().map_or(0, square) - first;
    }
    best.1
}

fn at(heard: &[i16], place: i64) -> i16 {
    usize::try_from(place).ok().and_then(|place| heard.get(place)).copied().unwrap_or(0)
}

fn square(sample: i16) -> i64 {
    i64::from(sample) * i64::from(sample)
}

#[expect(clippy::cast_precision_loss, reason = "sums of some thousand products of 16-bit samples")]
fn decimal(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech;

    #[test]
    fn a_skip_and_a_repetition_are_followed() {
        let said = speech::synthetic(32_000);
        // 30 ms are left out after one second, and 50 ms come twice after three.
        let heard = [&said[..8_000], &said[8_240..24_000], &said[23_600..]].concat();
        let tracked = follow(&said, &heard, 0);
        assert_eq!(tracked.heard.len(), said.len());
        assert_eq!(tracked.slip, 400);
        let same = said.iter().zip(&tracked.heard).filter(|(a, b)| a == b).count();
        assert!(same > 27_000, "{same}");
    }

    #[test]
    fn what_does_not_move_stays() {
        let said = speech::synthetic(20_000);
        let mut heard = vec![0; 1_234];
        heard.extend_from_slice(&said);
        let tracked = follow(&said, &heard, 1_234);
        assert_eq!((tracked.heard, tracked.slip), (said.clone(), 0));
        assert_eq!(follow(&said, &[], 0).heard, vec![0; 20_000]);
    }
}
