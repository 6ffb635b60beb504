//! A change from one signal to another without a step: the old one is continued for 5 ms and cross-faded with the new.
//!
//! The continuation mirrors the last 5 ms at their end point, in time and in amplitude, so that value and slope go on.

/// Milliseconds of the cross-fade.
const MILLIS: u32 = 5;

/// Samples of it at 48 kHz.
const MAX: usize = 240;

/// The end of the signal so far, and the cross-fade that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Crossfade {
    len: usize,
    /// The last `len` samples, oldest first.
    tail: [i16; MAX],
    /// The continuation, while `at` is below `len`.
    next: [i16; MAX],
    at: usize,
}

impl Crossfade {
    /// For a signal at `rate` hertz that begins from silence.
    pub(crate) fn new(rate: u32) -> Self {
        let len = usize::try_from(rate / 1000 * MILLIS).unwrap_or(MAX).min(MAX);
        Self { len, tail: [0; MAX], next: [0; MAX], at: len }
    }

    /// Takes note of audio that ends the signal so far.
    pub(crate) fn remember(&mut self, pcm: &[i16]) {
        let Some(tail) = self.tail.get_mut(..self.len) else { return };
        if let Some(new) = pcm.len().checked_sub(tail.len()).and_then(|from| pcm.get(from..)) {
            tail.copy_from_slice(new);
        } else {
            tail.copy_within(pcm.len().., 0);
            let kept = tail.len() - pcm.len();
            tail.iter_mut().skip(kept).zip(pcm).for_each(|(to, from)| *to = *from);
        }
    }

    /// The signal was silent.
    pub(crate) const fn silence(&mut self) {
        self.tail = [0; MAX];
    }

    /// The audio that follows is another signal.
    pub(crate) const fn start(&mut self) {
        let mut n = 0;
        let Some(last) = self.len.checked_sub(1) else { return };
        self.at = 0;
        while n < self.len {
            #[expect(clippy::indexing_slicing, reason = "n and last - n are below len, which is at most MAX")]
            let (end, mirrored) = (self.tail[last] as i32, self.tail[last.saturating_sub(n + 1)] as i32);
            let value = 2 * end - mirrored;
            #[expect(clippy::cast_possible_truncation, reason = "clamped")]
            let value = if value > 32_767 {
                32_767
            } else if value < -32_768 {
                -32_768
            } else {
                value as i16
            };
            #[expect(clippy::indexing_slicing, reason = "n is below len")]
            {
                self.next[n] = value;
            }
            n += 1;
        }
    }

    /// Cross-fades `pcm`, which follows the signal so far, where a change was announced.
    pub(crate) fn apply(&mut self, pcm: &mut [i16]) {
        if self.at < self.len {
            let steps = self.len;
            let next = self.next.get(self.at..steps).unwrap_or_default();
            for ((n, old), new) in (self.at..).zip(next).zip(pcm.iter_mut()) {
                *new = fade(*old, *new, n, steps);
            }
            self.at = (self.at + pcm.len()).min(steps);
        }
        self.remember(pcm);
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

    #[test]
    fn short_pieces_are_remembered_in_order() {
        let (mut whole, mut pieces) = (Crossfade::new(8000), Crossfade::new(8000));
        let pcm = sine(300.0, 0, 90);
        whole.remember(&pcm);
        pcm.chunks(7).for_each(|piece| pieces.remember(piece));
        assert_eq!(whole.tail, pieces.tail);
    }
}
