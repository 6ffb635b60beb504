//! A synthetic voice that counts: made from the resonances of the vocal tract, by this program alone. It needs no recording and
//! no package, and nobody holds rights in it.
//!
//! Sounds are sources (the pulses of a voice, noise of a hiss) through three resonances that glide from one sound to the next. The
//! frequencies are those that textbooks of phonetics give for English.

use super::Language;

/// Samples a second.
const RATE: f64 = 8000.0;
/// Milliseconds from one sound to the next.
const GLIDE: f64 = 45.0;

/// A sound: three resonances in hertz, how much voice, how much noise and at which frequency, and how long in milliseconds.
struct Sound([f64; 3], f64, f64, f64, f64);

/// The sounds of a letter of [`WORDS`].
const fn sound(letter: char) -> Sound {
    match letter {
        'W' => Sound([300.0, 610.0, 2200.0], 0.7, 0.0, 0.0, 70.0),
        'U' => Sound([640.0, 1190.0, 2390.0], 1.0, 0.0, 0.0, 170.0),
        'N' => Sound([280.0, 1500.0, 2500.0], 0.5, 0.0, 0.0, 110.0),
        't' => Sound([400.0, 1700.0, 2600.0], 0.0, 0.5, 3300.0, 45.0),
        'u' => Sound([310.0, 870.0, 2240.0], 1.0, 0.0, 0.0, 240.0),
        'T' => Sound([400.0, 1400.0, 2600.0], 0.0, 0.15, 3500.0, 90.0),
        'R' => Sound([420.0, 1250.0, 1600.0], 0.8, 0.0, 0.0, 80.0),
        'i' => Sound([270.0, 2290.0, 3010.0], 1.0, 0.0, 0.0, 220.0),
        'F' => Sound([400.0, 1200.0, 2200.0], 0.0, 0.15, 3000.0, 100.0),
        'O' => Sound([570.0, 840.0, 2410.0], 1.0, 0.0, 0.0, 200.0),
        'a' => Sound([730.0, 1090.0, 2440.0], 1.0, 0.0, 0.0, 140.0),
        'V' => Sound([300.0, 1100.0, 2100.0], 0.4, 0.05, 3000.0, 80.0),
        'S' => Sound([300.0, 1700.0, 2600.0], 0.0, 0.35, 3700.0, 120.0),
        'I' => Sound([390.0, 1990.0, 2550.0], 1.0, 0.0, 0.0, 130.0),
        'k' => Sound([350.0, 1800.0, 2300.0], 0.0, 0.4, 1900.0, 50.0),
        'E' => Sound([530.0, 1840.0, 2480.0], 1.0, 0.0, 0.0, 150.0),
        'Z' => Sound([300.0, 1700.0, 2600.0], 0.4, 0.2, 3600.0, 90.0),
        // A closed mouth, before a plosive or between words.
        _ => Sound([400.0, 1400.0, 2500.0], 0.0, 0.0, 0.0, 50.0),
    }
}

/// Zero to nine.
const WORDS: [&str; 10] = ["ZiRO", "WUN", ".tu", "TRi", "FOR", "FaIV", "SI.kS", "SEVUN", "EI.t", "NaIN"];

/// Cero to nueve, with the sounds that there are.
const SPANISH: [&str; 10] =
    ["SERO", "uNO", "TOS", "TRES", "k.uaTRO", "SINkO", "SEIS", "SIEtE", "OtSO", "NuEVE"];

/// Who speaks: the pitch in hertz, and how much shorter the vocal tract is than a man's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speaker {
    pub(super) pitch: f64,
    pub(super) shorter: f64,
    /// The number it begins with.
    pub(super) first: usize,
}

/// A resonance of two poles.
#[derive(Default)]
struct Resonance([f64; 2]);

impl Resonance {
    fn next(&mut self, input: f64, hertz: f64, width: f64) -> f64 {
        use std::f64::consts::PI;
        let radius = (-PI * width / RATE).exp();
        let (back, further) = (2.0 * radius * (2.0 * PI * hertz / RATE).cos(), -radius * radius);
        let [one, two] = self.0;
        let out = (1.0 - back - further) * input + back * one + further * two;
        self.0 = [out, one];
        out
    }
}

/// The speaker counts, for so many samples at 8 kHz.
pub(super) fn count(speaker: Speaker, samples: usize) -> Vec<i16> {
    speak(speaker, WORDS.into_iter().cycle().skip(speaker.first), samples)
}

/// The speaker says numbers from 0 to 9 in a language. Others are left out.
pub(super) fn numbers(speaker: Speaker, language: Language, numbers: &[usize]) -> Vec<i16> {
    let words = match language {
        Language::English => &WORDS,
        Language::Spanish => &SPANISH,
    };
    speak(speaker, numbers.iter().filter_map(|number| words.get(*number).copied()), usize::MAX)
}

/// The speaker says words, for so many samples at 8 kHz at most.
#[expect(clippy::cast_possible_truncation, reason = "a wave within 16 bits")]
fn speak(speaker: Speaker, words: impl Iterator<Item = &'static str>, samples: usize) -> Vec<i16> {
    let mut state = 1_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 23) - 1.0
    };
    let mut tract: [Resonance; 3] = Default::default();
    let (mut hiss, mut phase, mut past) = (Resonance::default(), 0.0, 0.0);
    let (mut tones, mut voice, mut breath) = ([400.0, 1400.0, 2500.0], 0.0, 0.0);
    let mut said = Vec::new();
    for word in words {
        let length: f64 = word.chars().map(|letter| sound(letter).4).sum();
        let mut at = 0.0;
        for letter in word.chars().chain("....".chars()) {
            let Sound(goal, loud, rough, hertz, milliseconds) = sound(letter);
            let mut left = milliseconds * RATE / 1000.0;
            while left > 0.0 {
                // Everything glides to its goal; the pitch falls towards the end of a word.
                let step = 1000.0 / (GLIDE * RATE) * 3.0;
                tones
                    .iter_mut()
                    .zip(goal)
                    .for_each(|(tone, goal)| *tone += (goal / speaker.shorter - *tone) * step);
                voice += (loud - voice) * step * 2.0;
                breath += (rough - breath) * step * 4.0;
                phase += speaker.pitch * (1.15 - 0.3 * f64::min(at / length, 1.0)) / RATE;
                let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
                phase -= pulse;
                // A pulse of the vocal folds is no click: it is rounded.
                past = past * 0.7 + pulse * voice * 40.0;
                let [first, second, third] = &mut tract;
                let [low, middle, high] = tones;
                let vowel = first.next(past, low, 80.0);
                let vowel = third.next(second.next(vowel, middle, 110.0), high.min(3400.0), 170.0);
                let wave =
                    vowel * 180.0 + hiss.next(noise() * breath, hertz.clamp(1000.0, 3700.0), 900.0) * 2000.0;
                said.push(wave.clamp(-24_000.0, 24_000.0) as i16);
                if said.len() >= samples {
                    return said;
                }
                left -= 1.0;
                at += 1000.0 / RATE;
            }
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_other_words_in_another_language() {
        let speaker = Speaker { pitch: 110.0, shorter: 1.0, first: 0 };
        let [english, spanish] =
            [Language::English, Language::Spanish].map(|language| numbers(speaker, language, &[1, 2, 10]));
        assert_ne!(english, spanish);
        for said in [english, spanish] {
            assert!((4_000..20_000).contains(&said.len()), "two words, and nothing for 10: {}", said.len());
        }
        assert!(numbers(speaker, Language::English, &[]).is_empty());
    }

    #[test]
    fn it_speaks_in_words_with_pauses_and_loud_enough() {
        let speaker = Speaker { pitch: 110.0, shorter: 1.0, first: 1 };
        let said = count(speaker, 80_000);
        assert_eq!(said.len(), 80_000);
        assert_eq!(said, count(speaker, 80_000), "the same each time");
        let loudness: Vec<f64> = said
            .chunks(800)
            .map(|part| (part.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 800.0).sqrt())
            .collect();
        let loud = loudness.iter().filter(|level| **level > 1000.0).count();
        let quiet = loudness.iter().filter(|level| **level < 100.0).count();
        assert!(loud > 30 && quiet > 10, "{loudness:.0?}");
        let clipped = said.iter().filter(|sample| sample.unsigned_abs() >= 24_000).count();
        assert!(clipped < 80, "{clipped} samples are clipped");
    }
}
