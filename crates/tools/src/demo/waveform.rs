//! A line of blocks that shows how loud audio is over time.

/// Levels, from silence to full scale.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What is drawn as silence, relative to full scale.
const FLOOR_DB: f64 = -48.0;

/// The samples' loudness in `width` columns.
pub(super) fn line(samples: &[i16], width: usize) -> String {
    let column = samples.len().div_ceil(width.max(1)).max(1);
    samples.chunks(column).map(block).collect()
}

fn block(samples: &[i16]) -> char {
    let (sum, count) = samples
        .iter()
        .fold((0.0, 0.0), |(sum, count), &sample| (sum + f64::from(sample).powi(2), count + 1.0));
    let mean_square: f64 = sum / f64::max(count, 1.0);
    let level = 10.0 * (mean_square.max(1.0) / f64::from(i16::MAX).powi(2)).log10();
    // Speech seldom reaches -12 dB over a column: that is the top block.
    let share = ((level - FLOOR_DB) / (-12.0 - FLOOR_DB)).clamp(0.0, 1.0);
    let steps = BLOCKS.iter().zip(0_u8..).map(|(block, step)| (block, f64::from(step) / 8.0));
    steps.take_while(|(_, threshold)| *threshold <= share).last().map_or(' ', |(block, _)| *block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_blank_and_full_scale_is_full() {
        let mut samples = vec![0_i16; 80];
        samples.extend([i16::MAX; 80]);
        assert_eq!(line(&samples, 4), "  ██");
    }

    #[test]
    fn louder_is_higher() {
        let heights: Vec<char> = [100_i16, 400, 1600, 6400].iter().map(|loud| block(&[*loud; 50])).collect();
        assert!(heights.windows(2).all(|pair| pair[0] < pair[1]), "{heights:?}");
    }

    #[test]
    fn nothing_is_an_empty_line() {
        assert_eq!(line(&[], 60), "");
    }
}
