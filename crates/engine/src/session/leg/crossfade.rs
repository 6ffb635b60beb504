//! A change from one signal to another without a step: the old one is continued for 5 ms and cross-faded with the new.
//!
//! The continuation is predicted linearly from the last 10 ms. A tone goes on as it was and speech as it would have for a
//! moment, where anything simpler (silence, a mirrored past) is heard as a click or a thump.

/// Milliseconds of the cross-fade.
const MILLIS: u32 = 5;

/// Milliseconds that the old signal is predicted from.
const HISTORY_MILLIS: u32 = 10;

/// Samples of those at 48 kHz.
const MAX_HISTORY: usize = 480;

/// Samples that each predicted one is a weighted sum of, at most.
const ORDER: usize = 16;

/// The end of the signal so far, and the cross-fade that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Crossfade {
    /// The last samples, oldest first.
    tail: Box<[i16]>,
    /// How many of those, at the end, are of the signal.
    known: usize,
    /// The continuation, while `at` is below its length.
    next: Box<[i16]>,
    at: usize,
}

impl Crossfade {
    /// For a signal at `rate` hertz that begins from silence.
    pub(crate) fn new(rate: u32) -> Self {
        let samples = |millis| usize::try_from(rate / 1000 * millis).unwrap_or(0);
        let (len, history) = (samples(MILLIS), samples(HISTORY_MILLIS).min(MAX_HISTORY));
        Self {
            tail: vec![0; history].into_boxed_slice(),
            known: history,
            next: vec![0; len].into_boxed_slice(),
            at: len,
        }
    }

    /// Takes note of audio that ends the signal so far.
    pub(crate) fn remember(&mut self, pcm: &[i16]) {
        let tail = &mut self.tail;
        self.known = (self.known + pcm.len()).min(tail.len());
        if let Some(new) = pcm.len().checked_sub(tail.len()).and_then(|from| pcm.get(from..)) {
            tail.copy_from_slice(new);
        } else {
            tail.copy_within(pcm.len().., 0);
            let kept = tail.len() - pcm.len();
            tail.iter_mut().skip(kept).zip(pcm).for_each(|(to, from)| *to = *from);
        }
    }

    /// The signal so far is another one, of which this is the end.
    pub(crate) fn replace(&mut self, pcm: &[i16]) {
        self.known = 0;
        self.remember(pcm);
    }

    /// The signal was silent.
    pub(crate) fn silence(&mut self) {
        self.tail.fill(0);
        self.known = self.tail.len();
    }

    /// The audio that follows is another signal.
    pub(crate) fn start(&mut self) {
        let known = self.tail.get(self.tail.len() - self.known..).unwrap_or_default();
        predict(known, &mut self.next);
        self.at = 0;
    }

    /// True where a change was announced and is not over.
    pub(crate) const fn is_under_way(&self) -> bool {
        self.at < self.next.len()
    }

    /// Cross-fades `pcm`, which follows the signal so far, where a change was announced.
    pub(crate) fn apply(&mut self, pcm: &mut [i16]) {
        let steps = self.next.len();
        if self.at < steps {
            let next = self.next.get(self.at..steps).unwrap_or_default();
            for ((n, old), new) in (self.at..).zip(next).zip(pcm.iter_mut()) {
                *new = fade(*old, *new, n, steps);
            }
            self.at = (self.at + pcm.len()).min(steps);
        }
        self.remember(pcm);
    }
}

/// Predicts what follows `past`, by Burg's method: the all-pole model whose forward and backward prediction errors over the
/// past are least. It is stable, so that what it predicts does not grow. The errors count less towards both ends (a Hamming
/// window), without which a tone of a few periods would be continued at a slightly wrong frequency.
#[expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "clamped; every index is below a length that is checked before"
)]
fn predict(past: &[i16], next: &mut [i16]) {
    let len = past.len().min(MAX_HISTORY);
    let order = ORDER.min(len / 3);
    let (mut forward, mut backward) = ([0_f32; MAX_HISTORY], [0_f32; MAX_HISTORY]);
    for (n, sample) in past.iter().skip(past.len() - len).enumerate() {
        (forward[n], backward[n]) = (f32::from(*sample), f32::from(*sample));
    }
    let mut window = [0_f32; MAX_HISTORY];
    for (n, weight) in window.iter_mut().take(len).enumerate() {
        *weight = 0.54 - 0.46 * (n as f32 / (len - 1).max(1) as f32 * std::f32::consts::TAU).cos();
    }
    let mut recent = [0_f32; ORDER];
    for (n, sample) in recent.iter_mut().take(len).enumerate() {
        *sample = forward[len - 1 - n];
    }
    let mut weights = [0_f32; ORDER];
    for stage in 0..order {
        let (mut both, mut energy) = (0_f32, 0_f32);
        for (n, weight) in window.iter().enumerate().take(len - stage - 1) {
            let (ahead, behind) = (forward[n + stage + 1], backward[n + stage]);
            both += weight * ahead * behind;
            energy += weight * (ahead * ahead + behind * behind);
        }
        // Less than the quantisation leaves: there is nothing to predict.
        if energy < len as f32 / 4.0 {
            break;
        }
        let reflection = (2.0 * both / energy).clamp(-0.9999, 0.9999);
        let before = weights;
        weights[stage] = reflection;
        for n in 0..stage {
            weights[n] = before[n] - reflection * before[stage - 1 - n];
        }
        for n in (stage + 1..len).rev() {
            let (ahead, behind) = (forward[n], backward[n - 1]);
            forward[n] = ahead - reflection * behind;
            backward[n] = behind - reflection * ahead;
        }
    }
    for sample in next {
        let value: f32 = weights.iter().zip(&recent).map(|(weight, sample)| weight * sample).sum();
        let value = value.clamp(-32_768.0, 32_767.0);
        recent.rotate_right(1);
        recent[0] = value;
        *sample = value.round() as i16;
    }
}

/// From `old` to `new`, at step `n` of `steps`, along a raised cosine.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "weights below one; a mean of two samples"
)]
fn fade(old: i16, new: i16, n: usize, steps: usize) -> i16 {
    let phase = (n as f32 + 0.5) / steps as f32 * std::f32::consts::PI;
    let weight = 0.5 - 0.5 * phase.cos();
    (f32::from(old) * (1.0 - weight) + f32::from(new) * weight).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frequency: f64, from: usize, len: usize) -> Vec<i16> {
        #[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
        let at = |n: usize| (10_000.0 * (n as f64 * frequency / 8000.0 * std::f64::consts::TAU).sin()) as i16;
        (from..from + len).map(at).collect()
    }

    fn largest_step(pcm: &[i16]) -> i32 {
        pcm.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
    }

    #[test]
    fn audio_passes_unchanged_without_a_change_of_signal() {
        let mut crossfade = Crossfade::new(8000);
        let mut pcm = sine(400.0, 0, 160);
        crossfade.apply(&mut pcm);
        assert_eq!(pcm, sine(400.0, 0, 160));
    }

    #[test]
    fn change_of_signal_has_no_step() {
        for phase in 0..40 {
            let mut crossfade = Crossfade::new(8000);
            let mut all = sine(400.0, phase, 160);
            crossfade.apply(&mut all);
            let mut other = sine(425.0, phase * 7, 160);
            crossfade.start();
            crossfade.apply(&mut other);
            all.extend(&other);
            let (before, after) = (largest_step(&sine(400.0, 0, 160)), largest_step(&sine(425.0, 0, 160)));
            assert!(largest_step(&all) < 2 * before.max(after), "phase {phase}: {}", largest_step(&all));
        }
    }

    #[test]
    fn end_of_a_signal_fades_to_silence_within_5_ms() {
        let mut crossfade = Crossfade::new(8000);
        crossfade.apply(&mut sine(400.0, 3, 160));
        crossfade.start();
        let mut rest = [0; 160];
        crossfade.apply(&mut rest);
        assert!(rest[..20].iter().any(|&sample| sample != 0));
        assert!(rest[40..].iter().all(|&sample| sample == 0));
    }

    /// A tone that is cross-faded with itself is still that tone: nothing of it changes by more than a fiftieth of its level.
    #[test]
    fn tone_goes_on_as_it_was() {
        for rate in [8000, 16_000, 48_000] {
            for frequency in [350.0, 440.0, 1000.0, 2800.0] {
                let whole = sine(frequency * 8000.0 / f64::from(rate), 0, 3000);
                let mut crossfade = Crossfade::new(rate);
                crossfade.remember(&whole[..1000]);
                crossfade.start();
                let mut goes_on = whole[1000..].to_vec();
                crossfade.apply(&mut goes_on);
                let expected = whole[1000..].iter().zip(&goes_on);
                let worst = expected.map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max().unwrap();
                assert!(worst < 200, "{frequency} Hz at {rate} Hz: off by {worst}");
            }
        }
    }

    /// Two tones at once, from no more than the end of a forwarded packet.
    #[test]
    fn end_of_another_signal_is_continued() {
        let mix = |from: usize, len: usize| -> Vec<i16> {
            sine(350.0, from, len).iter().zip(sine(440.0, from, len)).map(|(a, b)| (a + b) / 2).collect()
        };
        let mut crossfade = Crossfade::new(8000);
        crossfade.remember(&sine(3000.0, 0, 500));
        crossfade.replace(&mix(460, 40));
        crossfade.start();
        let peak = crossfade.next.iter().map(|x| x.unsigned_abs()).max().unwrap();
        assert!(peak < 12_000, "{peak}");
        let first = mix(500, 5);
        let worst =
            first.iter().zip(&crossfade.next).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max();
        assert!(worst.unwrap() < 1000, "off by {worst:?}");
    }

    #[test]
    fn no_past_makes_it_grow() {
        let mut random = 1_u32;
        let mut noise = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i16::try_from(random >> 16 & 0x7fff).unwrap() - 0x3fff
        };
        let steps: [fn(usize) -> i16; 4] =
            [|_| 32_767, |n| if n % 2 == 0 { 32_767 } else { -32_768 }, |n| i16::from(n == 400), |_| 0];
        for len in [0, 1, 2, 5, 40, 480] {
            let mut pasts: Vec<Vec<i16>> = steps.iter().map(|step| (0..len).map(step).collect()).collect();
            pasts.push((0..len).map(|_| noise()).collect());
            for past in pasts {
                let peak = past.iter().map(|x| f32::from(*x).abs()).fold(0.0, f32::max);
                let mut next = [0; 240];
                predict(&past, &mut next);
                let most = next.iter().map(|x| f32::from(*x).abs()).fold(0.0, f32::max);
                assert!(most <= peak * 1.5 + 1.0, "{most} after {peak}, {len} samples");
            }
        }
    }

    #[test]
    fn short_pieces_are_remembered_in_order() {
        let (mut whole, mut pieces) = (Crossfade::new(8000), Crossfade::new(8000));
        let pcm = sine(300.0, 0, 90);
        whole.remember(&pcm);
        pcm.chunks(7).for_each(|piece| pieces.remember(piece));
        assert_eq!(whole.tail, pieces.tail);
    }
}
