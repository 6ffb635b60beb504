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
