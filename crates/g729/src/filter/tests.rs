use super::*;
use crate::math::Random;
use crate::tables::filter::{INPUT_DENOMINATOR, INPUT_NUMERATOR, OUTPUT_DENOMINATOR, OUTPUT_NUMERATOR};

/// Words of at most `peak`.
fn random<const N: usize>(random: &mut Random, peak: i16) -> [i16; N] {
    core::array::from_fn(|_| i16::try_from((i32::from(random.next()) * i32::from(peak)) >> 15).unwrap())
}

/// A filter whose coefficients get as large as real ones, or much larger.
fn coefficients(source: &mut Random, peak: i16) -> Lpc {
    let mut a = random::<11>(source, peak);
    a[0] = 4096;
    a
}

/// Peaks of coefficients and signals that lead both ways, and to saturation.
const PEAKS: [(i16, i16); 7] = [
    (600, 2000),
    (2000, 9000),
    (3000, i16::MAX),
    (6000, 3000),
    (9000, i16::MAX),
    (i16::MAX, 200),
    (i16::MAX, i16::MAX),
];

#[test]
fn synthesis_equals_the_stepwise_one_in_output_and_range() {
    let mut exceeded = 0;
    for seed in 0..700 {
        for (a_peak, peak) in PEAKS {
            let mut source = Random(seed);
            let a = coefficients(&mut source, a_peak);
            let input = random::<40>(&mut source, peak);
            let mut fast = random::<50>(&mut source, peak);
            let mut slow = fast;
            let range = synthesise(&a, &input, &mut fast);
            assert_eq!(range, stepwise::synthesise(&a, &input, &mut slow), "{a:?} {input:?}");
            assert_eq!(fast, slow, "{a:?} {input:?}");
            exceeded += u32::from(range == Range::Exceeded);
        }
    }
    assert!((100..4800).contains(&exceeded), "{exceeded}");
}

#[test]
fn response_equals_the_stepwise_one() {
    for seed in 0..700 {
        let mut source = Random(seed);
        let a = coefficients(&mut source, 3000);
        let mut input = [0; 22];
        input[..11].copy_from_slice(&coefficients(&mut source, 3000));
        let (mut fast, mut slow) = ([0; 32], [0; 32]);
        respond(&a, &input, &mut fast);
        let _ = stepwise::synthesise(&a, &input, &mut slow);
        assert_eq!(fast, slow, "{a:?} {input:?}");
    }
}

#[test]
fn output_at_either_bound_is_judged_as_the_operators_judge_it() {
    // One sample of 1/A(z) = 1 is its own output; the last place of a history of one coefficient moves it by an eighth.
    for sample in [i16::MIN, i16::MIN + 1, i16::MAX - 1, i16::MAX] {
        for (coefficient, past) in [
            (0, 0),
            (1, 2048),
            (1, 2047),
            (1, 1),
            (-1, 1),
            (-1, 2047),
            (-1, 2048),
            (-1, 2049),
            (1, i16::MAX),
            (1, i16::MIN),
        ] {
            let mut a = [0; 11];
            (a[0], a[10]) = (4096, coefficient);
            let mut input = [0; 40];
            input[0] = sample;
            let mut fast = [0; 50];
            fast[0] = past;
            let mut slow = fast;
            let range = synthesise(&a, &input, &mut fast);
            assert_eq!(range, stepwise::synthesise(&a, &input, &mut slow), "{sample} {coefficient} {past}");
            assert_eq!(fast, slow, "{sample} {coefficient} {past}");
        }
    }
}

#[test]
fn residual_equals_the_stepwise_one() {
    for seed in 0..700 {
        for (a_peak, peak) in PEAKS {
            let mut source = Random(seed);
            let a = coefficients(&mut source, a_peak);
            let signal = random::<50>(&mut source, peak);
            let (mut fast, mut slow) = ([0; 40], [0; 40]);
            residual(&a, &signal, &mut fast);
            stepwise::residual(&a, &signal, &mut slow);
            assert_eq!(fast, slow, "{a:?} {signal:?}");
        }
    }
}

#[test]
fn high_passes_equal_the_stepwise_ones() {
    let filters = [
        HighPass::new(OUTPUT_NUMERATOR, OUTPUT_DENOMINATOR, 2),
        HighPass::new(INPUT_NUMERATOR, INPUT_DENOMINATOR, 3),
    ];
    for filter in filters {
        let (mut fast, mut slow) = (filter.clone(), filter);
        for block in 0..4000 {
            let mut source = Random(block);
            // Noise, loud noise, and full scale of one sign, which drives the states into saturation.
            let mut a: [i16; 40] = match block / 8 % 4 {
                0 => random(&mut source, 3000),
                1 => random(&mut source, i16::MAX),
                2 => [if block / 32 % 2 == 0 { i16::MIN } else { i16::MAX }; 40],
                _ => core::array::from_fn(|n| if n / 20 % 2 == 0 { 21_000 } else { -21_000 }),
            };
            let mut b = a;
            fast.filter(&mut a);
            slow.stepwise(&mut b);
            assert_eq!(a, b, "block {block}");
        }
    }
}

#[test]
fn weights_are_powers() {
    let a = [4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096, -4096];
    assert_eq!(weighted(&a, 16_384), [4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, -4]);
}

#[test]
fn peak_is_the_greatest_magnitude() {
    assert_eq!(peak(&[]), 0);
    assert_eq!(peak(&[3, -7, 5]), 7);
    assert_eq!(peak(&[i16::MIN, i16::MAX]), 32_768);
}

#[test]
fn three_filters_equal_the_stepwise_ones() {
    for seed in 0..400 {
        for (a_peak, peak) in PEAKS {
            let mut source = Random(seed);
            let a = [(); 3].map(|()| coefficients(&mut source, a_peak));
            let input = [(); 3].map(|()| random::<40>(&mut source, peak));
            let past = [(); 3].map(|()| random::<10>(&mut source, peak));
            let filters = core::array::from_fn(|n| Recursion { a: &a[n], input: &input[n], past: &past[n] });
            let expected: [Vector; 3] = core::array::from_fn(|n| {
                let mut out = [0; 50];
                out[..10].copy_from_slice(&past[n]);
                let _ = stepwise::synthesise(&a[n], &input[n], &mut out);
                *out.last_chunk().unwrap()
            });
            assert_eq!(synthesise_three(&filters), expected, "{a:?} {input:?}");
        }
    }
}
