use super::super::lanes::Portable;
use super::*;
use crate::math::Random;
use crate::ops::mult_r;
use crate::testdata::rounds;

/// Words of at most `peak`, or all alike at the corners.
fn words<const N: usize>(random: &mut Random, round: usize) -> [i16; N] {
    const CORNERS: [i16; 6] = [0, 1, -1, i16::MAX, i16::MIN, 0x4000];
    let corner = CORNERS[round % CORNERS.len()];
    match round % 5 {
        0 => [corner; N],
        1 => core::array::from_fn(|n| if n % 2 == 0 { corner } else { corner.wrapping_neg() }),
        2 => core::array::from_fn(|_| random.next() >> 7),
        _ => core::array::from_fn(|_| random.next()),
    }
}

/// The definition of [`slide`].
fn defined<const OUT: usize>(taps: &[i16], signal: &[i16]) -> [i32; OUT] {
    core::array::from_fn(|k| {
        let products = taps.iter().zip(&signal[k..]).map(|(&a, &b)| i32::from(a) * i32::from(b));
        products.fold(0, i32::wrapping_add)
    })
}

#[test]
fn correlations_are_what_they_are_defined_as_on_every_machine() {
    let mut random = Random(3);
    for round in 0..rounds(600) {
        let taps: [i16; 40] = words(&mut random, round);
        let signal: [i16; 104] = words(&mut random, round / 7);
        let short: &[i16; 56] = signal.first_chunk().unwrap();
        assert_eq!(sixteen(&taps, short), defined(&taps, short));
        assert_eq!(sixty_four(&taps, &signal), defined(&taps, &signal));
        assert_eq!(sixteen_on(Portable, &taps, short), defined(&taps, short));
        assert_eq!(sixty_four_on(Portable, &taps, &signal), defined(&taps, &signal));
        let window: [i16; 240] = words(&mut random, round);
        let padded: Vec<i16> = window.iter().copied().chain([0; 16]).collect();
        assert_eq!(autocorrelation(&window), defined(&window, &padded));
        assert_eq!(autocorrelation_on(Portable, &window), defined(&window, &padded));
    }
}

#[test]
fn target_filtered_backwards_is_what_it_is_defined_as() {
    let mut random = Random(5);
    for round in 0..rounds(600) {
        let response = words::<40>(&mut random, round).map(|word| word >> 4);
        let target = words::<40>(&mut random, round / 5).map(|word| word >> 2 >> (round % 14));
        let sums: [i32; 40] = core::array::from_fn(|k| {
            let products = response.iter().zip(&target[k..]).map(|(&a, &b)| i32::from(a) * i32::from(b));
            2 * products.sum::<i32>()
        });
        let greatest = sums.iter().map(|sum| sum.abs()).max().unwrap();
        let expected: [i16; 40] = sums.map(|sum| (sum >> (18 - norm_l(greatest).min(16))) as i16);
        assert_eq!(filter_backwards(&response, &target), expected);
        assert_eq!(filter_backwards_on(Portable, &response, &target), expected);
    }
}

#[test]
fn sums_of_subframes_and_windows_are_what_they_are_defined_as() {
    let mut random = Random(4);
    for round in 0..rounds(600) {
        let (a, b): ([i16; 40], [i16; 40]) = (words(&mut random, round), words(&mut random, round / 5));
        let [product] = defined(&a, &b);
        assert_eq!([dot(&a, &b), portable_dot(&a, &b)], [product; 2]);
        let squares = |x: &[i16]| x.iter().map(|&x| i64::from(x).pow(2)).sum::<i64>();
        assert_eq!([energy(&a), portable_energy(&a)], [squares(&a); 2]);
        let half: [i16; HALF] = words(&mut random, round / 3);
        assert_eq!([half_energy(&half), portable_half_energy(&half)], [squares(&half); 2]);
        let stretch: [i16; 64] = words(&mut random, round / 2);
        let expected = stretch.map(|x| i32::from(x).abs()).into_iter().max().unwrap();
        assert_eq!([greatest(&stretch), portable_greatest(&stretch)], [expected; 2]);
        let each = a.map(|x| i32::from(x).abs());
        let expected = (each.iter().sum(), each.into_iter().max().unwrap());
        assert_eq!([magnitudes(&a), portable_magnitudes(&a)], [expected; 2]);
        let window: [i16; 240] = words(&mut random, round);
        let expected = squares(&window);
        assert_eq!([window_energy(&window), portable_window_energy(&window)], [expected; 2]);
        let weights = words::<240>(&mut random, round).map(|weight| weight & i16::MAX);
        let expected: [i16; 240] = core::array::from_fn(|n| mult_r(window[n], weights[n]));
        assert_eq!(weigh(&window, &weights), expected);
        assert_eq!(portable_weigh(&window, &weights), expected);
    }
}
