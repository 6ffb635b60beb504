//! One test per figure.

use mediapoint_g711::{Law, decode_slice, encode_slice};

use crate::peer::{spandsp, spandsp_each};
use crate::signal::{Burst, DIGITS, Line, Random, detected, found, matched};
use mediapoint_dtmf::DetectorSettings;

/// Digits sent and heard over all sixteen, each burst as `change` makes it, at any alignment.
/// The third figure is libspandsp's.
fn each(seed: u64, per_digit: usize, change: impl Fn(&mut Burst)) -> (usize, usize, Option<usize>) {
    let mut random = Random(seed);
    let (mut sent, mut clips) = (Vec::new(), Vec::new());
    for digit in DIGITS.chars() {
        for _ in 0..per_digit {
            let mut burst = Burst::of(digit, -10.0, 50.0);
            change(&mut burst);
            let mut line = Line::default();
            line.silence(random.between(20.0, 40.0)).burst(&burst).silence(80.0).noise(-70.0, &mut random);
            sent.push(digit.to_string());
            clips.push(line.pcm());
        }
    }
    let right = clips.iter().zip(&sent).filter(|(clip, digit)| detected(clip) == **digit).count();
    let theirs = spandsp_each(&clips)
        .map(|heard| heard.iter().zip(&sent).filter(|(heard, digit)| heard == digit).count());
    (sent.len(), right, theirs)
}

/// Digits sent, those heard, and those that libspandsp hears.
fn row(name: &str, sent: usize, heard: usize, theirs: Option<usize>) {
    let theirs = theirs.map_or("-".to_owned(), |count| count.to_string());
    println!("{name:<44} {sent:>6} {heard:>6} {theirs:>6}");
}

fn accepts(name: &str, seed: u64, change: impl Fn(&mut Burst)) {
    let (sent, right, theirs) = each(seed, 20, change);
    row(name, sent, right, theirs);
    assert_eq!(right, sent, "{name}");
}

fn rejects(name: &str, seed: u64, change: impl Fn(&mut Burst)) {
    let (sent, right, theirs) = each(seed, 20, change);
    row(name, sent, right, theirs);
    assert_eq!(right, 0, "{name}");
}

/// test-of: [Q.24]
#[test]
fn frequencies_within_one_and_a_half_percent_are_digits_beyond_three_and_a_half_none() {
    for off in [-0.015, -0.01, 0.01, 0.015] {
        accepts(&format!("low {:+.1} %", off * 100.0), 1, |burst| burst.low_off = off);
        accepts(&format!("high {:+.1} %", off * 100.0), 2, |burst| burst.high_off = off);
        accepts(&format!("both {:+.1} %", off * 100.0), 3, |burst| {
            (burst.low_off, burst.high_off) = (off, off);
        });
    }
    for off in [-0.05, -0.035, 0.035, 0.05] {
        rejects(&format!("low {:+.1} %", off * 100.0), 4, |burst| burst.low_off = off);
        rejects(&format!("high {:+.1} %", off * 100.0), 5, |burst| burst.high_off = off);
    }
}

#[test]
fn levels_from_0_to_minus_25_are_digits_below_minus_55_none_over_35_db() {
    for level in [0.0, -3.0, -10.0, -20.0, -25.0, -30.0, -35.0] {
        accepts(&format!("{level} dBm0 each"), 6, |burst| (burst.low_dbm0, burst.high_dbm0) = (level, level));
    }
    for level in [-55.5, -60.0] {
        rejects(&format!("{level} dBm0 each"), 7, |burst| (burst.low_dbm0, burst.high_dbm0) = (level, level));
    }
}

#[test]
fn twist_of_8_and_4_db_is_accepted() {
    for (low, high) in [(-8.0, -16.0), (-16.0, -12.0), (-17.0, -25.0), (-25.0, -21.0)] {
        accepts(&format!("twist {:+} dB", high - low), 8, |burst| {
            (burst.low_dbm0, burst.high_dbm0) = (low, high)
        });
    }
}

#[test]
fn forty_ms_are_a_digit_and_23_none() {
    for ms in [40.0, 45.0, 60.0, 500.0] {
        accepts(&format!("{ms} ms"), 9, |burst| burst.ms = ms);
    }
    for ms in [23.0, 15.0] {
        rejects(&format!("{ms} ms"), 10, |burst| burst.ms = ms);
    }
}

/// All sixteen digits in a line, `on` and `off` ms each, `times` over.
fn sequence(random: &mut Random, count: usize, on: f64, off: f64, dbm0: f32) -> (String, Line) {
    let mut line = Line::default();
    line.silence(60.0);
    let mut sent = String::new();
    for _ in 0..count {
        let digit = random.digit();
        sent.push(digit);
        line.burst(&Burst::of(digit, dbm0, on)).silence(off);
    }
    line.silence(100.0);
    (sent, line)
}

fn whole(name: &str, sent: &str, pcm: &[i16]) {
    let got = detected(pcm);
    row(name, sent.len(), matched(sent, &got), spandsp(pcm).map(|heard| matched(sent, &heard)));
    assert_eq!(got, sent, "{name}");
}

#[test]
fn pauses_part_digits_and_breaks_do_not() {
    let mut random = Random(11);
    let (sent, line) = sequence(&mut random, 500, 50.0, 40.0, -10.0);
    whole("pause 40 ms", &sent, &line.pcm());
    let (sent, line) = sequence(&mut random, 500, 40.0, 53.0, -10.0);
    whole("93 ms per digit", &sent, &line.pcm());
    let mut line = Line::default();
    let mut sent = String::new();
    for _ in 0..10 {
        for digit in DIGITS.chars() {
            sent.push(digit);
            line.silence(random.between(60.0, 68.0)).burst(&Burst::of(
                digit,
                -10.0,
                random.between(50.0, 60.0),
            ));
            line.silence(10.0).burst(&Burst::of(digit, -10.0, 50.0));
        }
    }
    line.silence(100.0);
    whole("break 10 ms", &sent, &line.pcm());
}

#[test]
fn no_digit_of_1000_is_missed_in_noise() {
    for snr in [24.0_f32, 18.0, 15.0, 12.0] {
        let mut random = Random(12);
        let (sent, mut line) = sequence(&mut random, 1000, 50.0, 50.0, -13.0);
        // The level of a digit is that of both tones together: 3 dB over one of them.
        line.noise(-10.0 - snr, &mut random);
        whole(&format!("SNR {snr} dB"), &sent, &line.pcm());
    }
}

#[test]
fn digits_are_heard_over_a_dial_tone() {
    for level in [-10.0_f32, -15.0, -20.0] {
        let mut random = Random(13);
        let (sent, line) = sequence(&mut random, 200, 50.0, 50.0, level);
        let mut with_start = Line::default();
        with_start.silence(400.0);
        with_start.0.extend(line.0);
        with_start.tone(350.0, -15.0).tone(440.0, -15.0);
        whole(&format!("dial tone at -15 dBm0, digits at {level}"), &sent, &with_start.pcm());
    }
}

#[test]
fn digits_survive_g711() {
    for law in [Law::A, Law::Mu] {
        let mut random = Random(14);
        let (sent, line) = sequence(&mut random, 500, 40.0, 53.0, -25.0);
        let mut pcm = line.pcm();
        let mut codes = vec![0; pcm.len()];
        encode_slice(law, &pcm, &mut codes);
        decode_slice(law, &codes, &mut pcm);
        whole(&format!("after G.711 {law:?}"), &sent, &pcm);
    }
}

#[test]
fn a_digit_is_reported_with_its_place_length_and_levels() {
    let mut line = Line::default();
    let burst = Burst { low_dbm0: -12.0, high_dbm0: -9.0, ..Burst::of('7', 0.0, 75.0) };
    line.silence(101.0).burst(&burst).silence(100.0);
    let digits = found(&DetectorSettings::default(), &line.pcm());
    let [digit] = digits[..] else { panic!("{digits:?}") };
    println!("{digit:?}");
    assert!(digit.start_sample.abs_diff(808) <= 16);
    assert!(digit.duration.abs_diff(600) <= 24);
    assert!((digit.low_dbm0 + 12.0).abs() < 0.5 && (digit.high_dbm0 + 9.0).abs() < 0.5);
    assert!((digit.twist_db - 3.0).abs() < 0.5);
}
