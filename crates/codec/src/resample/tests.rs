use super::*;

#[test]
fn lengths_are_exact_for_any_ten_milliseconds() {
    for from in RATES {
        for to in RATES {
            let mut resampler = Resampler::new(from, to).unwrap();
            let input = vec![0; from as usize / 100];
            let mut output = vec![0; to as usize / 100 + 1];
            for _ in 0..5 {
                assert_eq!(resampler.process(&input, &mut output), to as usize / 100, "{from} to {to}");
            }
        }
    }
}

/// Samples of full scale with the signs of a branch's coefficients bring out the largest sum that there is.
#[test]
fn the_loudest_input_saturates_and_does_not_overflow() {
    for from in RATES {
        for to in RATES {
            let Some(filter) = Resampler::new(from, to).unwrap().filter else { continue };
            for branch in filter.coefficients().chunks(filter.taps()) {
                let mut resampler = Resampler::new(from, to).unwrap();
                let worst: Vec<i16> =
                    branch.iter().map(|c| if *c < 0 { i16::MIN } else { i16::MAX }).collect();
                for half in branch.chunks(filter.taps() / 2) {
                    let magnitude: i32 = half.iter().map(|c| i32::from(*c).abs()).sum();
                    assert!(magnitude < 1 << 16, "{from} to {to}");
                }
                let mut output = vec![0; worst.len() * 6 + 1];
                let count = resampler.process(&worst, &mut output);
                // Going down, not every output is of every branch.
                assert!(count > 0 && (from > to || output.contains(&i16::MAX)), "{from} to {to}");
            }
        }
    }
}
