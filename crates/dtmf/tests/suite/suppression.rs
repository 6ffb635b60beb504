//! No digit gets through the suppressor.

use mediapoint_dtmf::{DetectorSettings, Replacement, Suppressor};
use mediapoint_g711::{Law, decode_slice, encode_slice};

use crate::peer::spandsp;
use crate::signal::{Burst, Line, Random, found, text};

#[test]
fn the_most_sensitive_detector_finds_no_digit_behind_the_suppressor() {
    let (mut leaked, mut theirs, mut sent) = (String::new(), None, 0);
    for part in 0..20 {
        let mut random = Random(100 + part);
        let mut line = Line::default();
        line.silence(100.0);
        for _ in 0..500 {
            let low = random.between(-25.0, -6.0) as f32;
            let twist = random.between(-8.0, 4.0) as f32;
            let mut burst = Burst::of(random.digit(), low, random.between(40.0, 120.0));
            burst.high_dbm0 = (low + twist).max(-25.0);
            burst.low_off = random.between(-0.015, 0.015);
            burst.high_off = random.between(-0.015, 0.015);
            // Noise of 12 dB and more below the digit.
            let mut one = Line::default();
            one.burst(&burst).noise(low.min(burst.high_dbm0) - 12.0, &mut random);
            line.0.extend(one.0);
            line.silence(random.between(50.0, 90.0));
            sent += 1;
        }
        let mut pcm = line.pcm();
        if part % 2 == 1 {
            let mut codes = vec![0; pcm.len()];
            let law = if part % 4 == 1 { Law::A } else { Law::Mu };
            encode_slice(law, &pcm, &mut codes);
            decode_slice(law, &codes, &mut pcm);
        }
        assert!(text(&found(&DetectorSettings::default(), &pcm)).len() > 480, "the digits are there before");
        let mut suppressor = Suppressor::new(Replacement::Silence);
        for frame in pcm.chunks_mut(160) {
            suppressor.process(frame);
        }
        leaked.push_str(&text(&found(&DetectorSettings::most_sensitive(), &pcm)));
        if let Some(heard) = spandsp(&pcm) {
            theirs.get_or_insert_with(String::new).push_str(&heard);
        }
    }
    let by_spandsp = theirs.as_ref().map_or("not asked".to_owned(), |digits| digits.len().to_string());
    println!("{sent} digits sent, {} found behind the suppressor; by libspandsp: {by_spandsp}", leaked.len());
    assert_eq!((leaked.as_str(), theirs.as_deref().unwrap_or_default()), ("", ""));
}

#[test]
fn what_is_no_digit_passes_unchanged_and_late() {
    let mut random = Random(5);
    let mut line = Line::default();
    line.silence(500.0).noise(-20.0, &mut random);
    let pcm = line.pcm();
    let mut out = pcm.clone();
    let mut suppressor = Suppressor::new(Replacement::Zero);
    for frame in out.chunks_mut(77) {
        suppressor.process(frame);
    }
    assert_eq!(suppressor.muted_samples(), 0);
    assert_eq!(out[suppressor.delay()..], pcm[..pcm.len() - suppressor.delay()]);
}

#[test]
fn another_digit_stands_in_place_of_the_one_pressed() {
    let mut line = Line::default();
    line.silence(100.0).burst(&Burst::of('7', -10.0, 80.0)).silence(200.0);
    let mut pcm = line.pcm();
    Suppressor::new(Replacement::Zero).process(&mut pcm);
    assert_eq!(text(&found(&DetectorSettings::default(), &pcm)), "0");
}
