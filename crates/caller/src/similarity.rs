//! How alike the audio that was sent and the audio that was heard are.
//!
//! What was sent is first put through the codings of its way, so that a faultless way gives equal samples, however
//! coarse the codings are. The two are then aligned by cross-correlation and compared: sample by sample, and, for
//! codings that keep the sound but not the samples, by how the levels of their bands go up and down together.

use mediapoint_g711::{Law, a_to_mu_in_place, decode_slice, encode_slice, mu_to_a_in_place};
use realfft::RealFftPlanner;
use serde::Serialize;

use crate::recording::SAMPLE_RATE;

mod bands;
mod track;

/// Samples of a segment of the segmental SNR: 20 ms.
const SEGMENT: usize = 160;

/// Bounds of one segment's SNR in dB, so that neither a lost nor an equal segment outweighs all others.
const SNR: std::ops::RangeInclusive<f64> = -10.0..=80.0;

/// Mean square below which a segment counts as silence and is left out.
const SILENCE: f64 = 64.0;

/// Share of what was sent that has to be heard to call it identical, or the same speech.
const COVERAGE: f64 = 0.95;

/// Band correlation from which two sounds are the same speech: codecs of 8 kbit/s and more leave 0.95 and above, other
/// speech has about 0.1.
const SAME_SPEECH: f64 = 0.9;

/// How much louder or softer the same speech may be, in decibels: one that mixes two channels into one may halve it.
const SAME_LEVEL_DB: f64 = 4.0;

/// The outcome of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Similarity {
    /// `heard[i + lag]` is what became of `sent[i]`, in samples of 8 kHz; negative where the beginning is missing.
    pub lag_samples: i64,
    /// The same in milliseconds.
    pub lag_ms: f64,
    /// Correlation coefficient of the aligned audio, -1 to 1; 0 where either is silent.
    pub correlation: f64,
    /// Mean over the 20 ms segments that are not silent of the ratio of signal to difference, in dB, each bounded
    /// to -10 (another signal) to 80 (equal); 0 where there are none.
    pub segmental_snr_db: f64,
    /// Correlation coefficient of the levels in decibels of 16 bands over time, each band about its own mean: 1 where
    /// both sound alike, about 0 where one has nothing to do with the other, 0 where either is silent. Half seconds are
    /// aligned each on their own, 120 ms either way, as a jitter buffer that adapts makes necessary.
    pub band_correlation: f64,
    /// By how much their alignments differ, in milliseconds.
    pub slip_ms: f64,
    /// How much louder what was heard is, in decibels; 0 where either is silent.
    pub level_db: f64,
    /// Share of what was sent that has a counterpart in what was heard, 0 to 1.
    pub coverage: f64,
    /// Every compared sample is equal, and at least 95 % of what was sent could be compared.
    pub identical: bool,
}

impl Similarity {
    /// True where what was heard is what was sent, but for what a speech codec leaves out: the bands go together, it is
    /// as loud, and nothing is missing.
    #[must_use]
    pub fn is_same_speech(&self) -> bool {
        self.band_correlation >= SAME_SPEECH
            && self.level_db.abs() <= SAME_LEVEL_DB
            && self.coverage >= COVERAGE
    }
}

/// Compares what was heard with what was sent, after the laws that it went through in turn.
#[must_use]
pub fn alike(sent: &[i16], heard: &[i16], laws: &[Law]) -> Similarity {
    let reference = coded(sent, laws);
    if reference.is_empty() || heard.is_empty() {
        return Similarity::default();
    }
    let lag = best_lag(&reference, heard);
    let (a, b) = overlap(&reference, heard, lag);
    let coverage = fraction(a.len(), reference.len());
    let tracked = track::follow(&reference, heard, lag);
    Similarity {
        lag_samples: lag,
        lag_ms: decimal(lag) * 1_000.0 / f64::from(SAMPLE_RATE),
        correlation: correlation(a, b),
        segmental_snr_db: segmental_snr(a, b),
        band_correlation: bands::correlation(&reference, &tracked.heard),
        slip_ms: decimal(i64::try_from(tracked.slip).unwrap_or(i64::MAX)) * 1_000.0 / f64::from(SAMPLE_RATE),
        level_db: level_difference(a, b),
        coverage,
        identical: a == b && coverage >= COVERAGE,
    }
}

/// What is left of samples after they were coded by the first law, converted from law to law, and decoded.
///
/// Conversion is code to code, by the tables of [G.711 3.5].
#[must_use]
pub fn coded(samples: &[i16], laws: &[Law]) -> Vec<i16> {
    let Some((&first, rest)) = laws.split_first() else { return samples.to_vec() };
    let mut codes = vec![0; samples.len()];
    encode_slice(first, samples, &mut codes);
    let mut last = first;
    for &law in rest {
        match (last, law) {
            (Law::Mu, Law::A) => mu_to_a_in_place(&mut codes),
            (Law::A, Law::Mu) => a_to_mu_in_place(&mut codes),
            (Law::A, Law::A) | (Law::Mu, Law::Mu) => {}
        }
        last = law;
    }
    let mut linear = vec![0; codes.len()];
    decode_slice(last, &codes, &mut linear);
    linear
}

/// The lag of the greatest cross-correlation; of equal ones the smallest lag.
fn best_lag(reference: &[i16], heard: &[i16]) -> i64 {
    let len = (reference.len() + heard.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(len), planner.plan_fft_inverse(len));
    let spectrum = |samples: &[i16]| {
        let mut time = forward.make_input_vec();
        let mean = single(mean(samples));
        for (to, &from) in time.iter_mut().zip(samples) {
            *to = f32::from(from) - mean;
        }
        let mut bins = forward.make_output_vec();
        // Fails only for wrong lengths, and these are the plan's own.
        forward.process(&mut time, &mut bins).ok().map(|()| bins)
    };
    let (Some(sent), Some(mut product)) = (spectrum(reference), spectrum(heard)) else { return 0 };
    for (bin, reference) in product.iter_mut().zip(&sent) {
        *bin *= reference.conj();
    }
    // The real transform wants these two without imaginary part, where rounding leaves one.
    for end in [0, len / 2] {
        if let Some(bin) = product.get_mut(end) {
            bin.im = 0.0;
        }
    }
    let mut correlation = inverse.make_output_vec();
    if inverse.process(&mut product, &mut correlation).is_err() {
        return 0;
    }
    pick(&correlation, reference.len(), heard.len())
}

/// Position `n` of a circular correlation is lag `n`, or `n - len` in the part that belongs to negative lags.
fn pick(correlation: &[f32], reference: usize, heard: usize) -> i64 {
    let len = correlation.len();
    let positive = (0_i64..).zip(correlation.iter().take(heard));
    let negative =
        (1_i64..).zip(correlation.iter().rev().take(reference.min(len) - 1)).map(|(lag, c)| (-lag, c));
    let greatest = positive.clone().chain(negative.clone()).map(|(_, c)| *c).fold(f32::MIN, f32::max);
    // Within rounding of the greatest all are equal: a period of a tone is as good as the next.
    let threshold = greatest - greatest.abs() * 1e-5;
    let candidates = positive.chain(negative).filter(|(_, c)| **c >= threshold);
    candidates.map(|(lag, _)| lag).min_by_key(|lag| lag.abs()).unwrap_or(0)
}

/// The parts of both that stand beside each other.
fn overlap<'a>(reference: &'a [i16], heard: &'a [i16], lag: i64) -> (&'a [i16], &'a [i16]) {
    let shift = usize::try_from(lag.unsigned_abs()).unwrap_or(usize::MAX);
    let (reference, heard) = if lag >= 0 {
        (reference, heard.get(shift..).unwrap_or_default())
    } else {
        (reference.get(shift..).unwrap_or_default(), heard)
    };
    let len = reference.len().min(heard.len());
    (reference.get(..len).unwrap_or_default(), heard.get(..len).unwrap_or_default())
}

fn correlation(a: &[i16], b: &[i16]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a) - mean_a, f64::from(b) - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let scale = (aa * bb).sqrt();
    if scale > 0.0 { ab / scale } else { 0.0 }
}

fn level_difference(reference: &[i16], heard: &[i16]) -> f64 {
    let power = |samples: &[i16]| samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>();
    let (reference, heard) = (power(reference), power(heard));
    if reference > 0.0 && heard > 0.0 { 10.0 * (heard / reference).log10() } else { 0.0 }
}

fn segmental_snr(reference: &[i16], heard: &[i16]) -> f64 {
    let (mut sum, mut segments) = (0.0, 0.0);
    for (reference, heard) in reference.chunks(SEGMENT).zip(heard.chunks(SEGMENT)) {
        let signal: f64 = reference.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        if signal < SILENCE * fraction(reference.len(), 1) {
            continue;
        }
        let noise: f64 =
            reference.iter().zip(heard).map(|(&r, &h)| (f64::from(r) - f64::from(h)).powi(2)).sum();
        let snr = if noise > 0.0 { 10.0 * (signal / noise).log10() } else { *SNR.end() };
        sum += snr.clamp(*SNR.start(), *SNR.end());
        segments += 1.0;
    }
    if segments > 0.0 { sum / segments } else { 0.0 }
}

fn mean(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample)).sum();
    sum / fraction(samples.len(), 1).max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "no audio has 2^52 samples")]
fn fraction(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "no audio has 2^52 samples")]
fn decimal(number: i64) -> f64 {
    number as f64
}

/// In the precision of the transforms. Theirs is single: 24 bits are more than samples have, and the transform of files'
/// decoders is compiled for no other.
#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
const fn single(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made up values well inside their ranges")]
mod tests {
    use super::*;
    use crate::speech;

    /// Noise that is the same each time.
    fn noise(samples: usize, loud: i64) -> Vec<i16> {
        let mut state = 12_345_u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i16::try_from(i64::try_from(state >> 48).unwrap() % (2 * loud + 1) - loud).unwrap()
        };
        std::iter::repeat_with(next).take(samples).collect()
    }

    #[test]
    fn a_faultless_way_is_identical_at_any_lag() {
        let sent = noise(8_000, 9_000);
        for laws in [&[Law::Mu][..], &[Law::A], &[Law::Mu, Law::A], &[Law::A, Law::Mu, Law::A], &[]] {
            let mut heard = vec![0; 777];
            heard.extend(coded(&sent, laws));
            heard.extend([0; 50]);
            let likeness = alike(&sent, &heard, laws);
            assert!(likeness.identical, "{laws:?}: {likeness:?}");
            assert_eq!((likeness.lag_samples, likeness.segmental_snr_db), (777, 80.0));
            assert!((likeness.lag_ms - 97.125).abs() < 1e-9 && likeness.correlation > 0.999_999);
        }
    }

    #[test]
    fn a_missing_beginning_is_a_negative_lag_and_less_coverage() {
        let sent = noise(8_000, 9_000);
        let likeness = alike(&sent, &sent[2_000..], &[]);
        assert_eq!((likeness.lag_samples, likeness.coverage, likeness.identical), (-2_000, 0.75, false));
        assert_eq!(likeness.segmental_snr_db, 80.0);
        assert!(alike(&sent, &sent[100..], &[]).identical);
    }

    #[test]
    fn one_wrong_sample_is_not_identical_and_a_coding_is_35_db_away() {
        let sent = noise(8_000, 9_000);
        let mut heard = sent.clone();
        heard[4_000] ^= 1;
        assert!(!alike(&sent, &heard, &[]).identical);
        let likeness = alike(&sent, &coded(&sent, &[Law::Mu]), &[]);
        assert!(!likeness.identical && likeness.correlation > 0.999, "{likeness:?}");
        assert!((33.0..42.0).contains(&likeness.segmental_snr_db), "{likeness:?}");
    }

    #[test]
    fn a_lost_packet_costs_its_share() {
        let sent = noise(16_000, 9_000);
        let mut heard = sent.clone();
        heard[8_000..8_160].fill(0);
        let likeness = alike(&sent, &heard, &[]);
        assert_eq!((likeness.lag_samples, likeness.identical), (0, false));
        assert!((likeness.segmental_snr_db - 79.2).abs() < 0.01, "{likeness:?}");
    }

    #[test]
    fn other_audio_is_not_alike() {
        let sent = noise(8_000, 9_000);
        let other: Vec<i16> = (0..8_000).map(|n| ((f64::from(n) * 0.3).sin() * 9_000.0) as i16).collect();
        let likeness = alike(&sent, &other, &[]);
        assert!(likeness.correlation < 0.3 && likeness.segmental_snr_db < 3.0, "{likeness:?}");
    }

    #[test]
    fn what_a_codec_would_leave_is_the_same_speech_and_other_speech_is_not() {
        let said = speech::synthetic(24_000);
        // The right spectrum with wrong samples: delayed by a filter, and with noise 15 dB below.
        let mut heard = vec![0; 100];
        heard.extend(said.windows(3).map(|w| ((i32::from(w[0]) + 2 * i32::from(w[2])) / 3) as i16));
        for (sample, noise) in heard.iter_mut().zip(noise(24_000, 12)) {
            *sample = sample.saturating_add(noise);
        }
        let likeness = alike(&said, &heard, &[]);
        assert!(likeness.is_same_speech() && likeness.segmental_snr_db < 20.0, "{likeness:?}");

        let backwards: Vec<i16> = said.iter().rev().copied().collect();
        for other in [backwards, noise(24_000, 3_000)] {
            let likeness = alike(&said, &other, &[]);
            assert!(likeness.band_correlation < 0.5 && !likeness.is_same_speech(), "{likeness:?}");
        }
        let softer: Vec<i16> = said.iter().map(|sample| sample / 2).collect();
        let likeness = alike(&said, &softer, &[]);
        assert!((likeness.level_db + 6.0).abs() < 0.1 && !likeness.is_same_speech(), "{likeness:?}");
        assert!(!alike(&said, &said[4_000..], &[]).is_same_speech());
    }

    #[test]
    fn silence_is_alike_to_nothing() {
        assert_eq!(alike(&[], &[1, 2], &[]), Similarity::default());
        assert_eq!(alike(&[0; 500], &[0; 500], &[Law::Mu]).segmental_snr_db, 0.0);
    }
}
