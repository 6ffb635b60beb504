//! Fills a gap from the audio before it, and from the audio behind it where that is known.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "inner loops over lengths fixed at construction; times are small and not negative"
)]

use super::extrapolation::{Extrapolation, MAX_PERIOD, MIN_PAST_MS, longest_period};
use super::prediction::{ORDER, Predictor};
use crate::signal::{MAX_PER_MS, dot, energy, sample};

/// Audio before a gap that is used: more than two of the longest pitch periods.
pub(crate) const HISTORY_MS: usize = 50;
/// The most of the audio behind a gap that is used.
const FUTURE_MS: usize = 50;
/// Continued audio keeps its level for so long,
const HOLD_MS: f32 = 40.0;
/// and then fades, by so much each millisecond: voiced audio slower than noise.
const FADE_VOICED: f32 = 0.01;
const FADE_UNVOICED: f32 = 0.02;
/// From then on it is silent.
const SPENT_MS: usize = HOLD_MS as usize + 100;
/// The longest piece that is bridged at once.
const MAX_BRIDGE_MS: usize = 120;
/// Overlap at the end of a gap that was filled from the past alone: it grows with the gap.
const MERGE_MS: f32 = 6.0;
const MERGE_GROWTH: f32 = 0.1;
const MAX_MERGE_MS: f32 = 10.0;
/// Time in which audio fades out before silence.
const FADE_OUT_MS: usize = 10;
/// How much of the far side a continuation is aligned with.
const ALIGN_MS: usize = 4;
/// The furthest that it is shifted for that.
const MAX_SHIFT_MS: usize = 4;
/// What the furthest shift costs of the likeness, so that small ones come first; and the least that must be left.
const SHIFT_COST: f32 = 0.9;
const LEAST_LIKENESS: f32 = 0.3;

/// Samples continued at a time.
const PIECE: usize = MAX_MERGE_MS as usize * MAX_PER_MS;
/// The longest continuation that a bridge needs: the gap, a shift, what is aligned, and a sample for the cubic.
const REACH_MS: usize = MAX_BRIDGE_MS + MAX_SHIFT_MS + ALIGN_MS + 1;
/// Up to so many samples a millisecond a bridge does with less memory.
const NARROW: usize = 16;

/// Fills gaps in a signal whose past the caller keeps. Between two calls it keeps the model of the past alone: what a
/// call works in is on the stack, for all legs of a thread the same.
// Of a stream without gaps only the first field is ever read.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Repair {
    /// Samples of this gap that are filled.
    gap: Option<usize>,
    per_ms: usize,
    predictor: &'static Predictor,
    forward: Extrapolation,
    /// What drives it.
    residual: Box<[f32]>,
    /// Where the noise of the next continuation back into a gap goes on.
    backward_noise: u32,
}

impl Repair {
    pub(crate) fn new(rate: u32) -> Self {
        let per_ms = rate as usize / 1000;
        Self {
            gap: None,
            per_ms,
            predictor: Predictor::shared(per_ms),
            forward: Extrapolation::new(per_ms, 1),
            residual: vec![0.0; longest_period(per_ms)].into_boxed_slice(),
            backward_noise: 1,
        }
    }

    pub(crate) const fn in_gap(&self) -> bool {
        self.gap.is_some()
    }

    /// A gap begins behind `past`, of which the last [`HISTORY_MS`] count.
    pub(crate) fn start(&mut self, past: &[i16]) {
        let from = past.len().saturating_sub(HISTORY_MS * self.per_ms);
        let mut room = [0.0; HISTORY_MS * MAX_PER_MS];
        for (to, from) in room.iter_mut().zip(&past[from..]) {
            *to = f32::from(*from);
        }
        let len = (past.len() - from).max(MIN_PAST_MS * self.per_ms);
        self.forward.begin(self.predictor, &room[..len], &mut self.residual);
        self.gap = Some(0);
    }

    /// The gap is over, and what comes next does not go on from it.
    pub(crate) const fn stop(&mut self) {
        self.gap = None;
    }

    /// Fills `out` with more of the continuation.
    pub(crate) fn extend(&mut self, out: &mut [i16]) {
        let gap = self.gap.unwrap_or(usize::MAX);
        fill(&mut self.forward, &mut self.residual, gap, out);
        if let Some(gap) = &mut self.gap {
            *gap = gap.saturating_add(out.len());
        }
    }

    /// Fills `out` as [`extend`](Self::extend) would, without a change of state.
    pub(crate) fn preview(&self, out: &mut [i16]) {
        let (mut forward, mut room) = (self.forward, [0.0; MAX_PERIOD]);
        let residual = &mut room[..self.residual.len()];
        residual.copy_from_slice(&self.residual);
        fill(&mut forward, residual, self.gap.unwrap_or(usize::MAX), out);
    }

    /// Fills `out` with a continuation that fades out within 10 ms.
    pub(crate) fn fade_out(&mut self, out: &mut [i16]) {
        self.extend(out);
        let steps = (FADE_OUT_MS * self.per_ms) as f32;
        for (at, out) in out.iter_mut().enumerate() {
            *out = sample(f32::from(*out) * (1.0 - at as f32 / steps).max(0.0));
        }
    }

    /// Ends the gap: cross-fades from the continuation to `pcm`.
    pub(crate) fn merge(&mut self, pcm: &mut [i16]) {
        let Some(gap) = self.gap.take() else { return };
        let millis = (MERGE_MS + MERGE_GROWTH * gap as f32 / self.per_ms as f32).min(MAX_MERGE_MS);
        let overlap = ((millis * self.per_ms as f32) as usize).min(pcm.len());
        let fade = Fade::new(self.per_ms, self.forward.voicing());
        let mut room = [0.0; ORDER + PIECE];
        let made = if gap >= SPENT_MS * self.per_ms {
            &[]
        } else {
            self.forward.extend(&mut self.residual, &mut room[..ORDER + overlap])
        };
        for (at, pcm) in pcm.iter_mut().take(overlap).enumerate() {
            let weight = (at as f32 + 0.5) / overlap as f32;
            let old = made.get(at).map_or(0.0, |made| made * fade.at(gap + at));
            *pcm = sample(f32::from(*pcm) * weight + old * (1.0 - weight));
        }
    }

    /// Fills `out`, the rest of the gap, between `past` and `next`, and ends the gap.
    pub(crate) fn bridge(&mut self, past: &[i16], out: &mut [i16], next: &mut [i16]) {
        if self.gap.is_none() {
            self.start(past);
        }
        let gap = self.gap.unwrap_or(0);
        let sides_known = next.len() >= MIN_PAST_MS * self.per_ms && past.len() >= ALIGN_MS * self.per_ms;
        if !sides_known || out.len() > MAX_BRIDGE_MS * self.per_ms || gap >= SPENT_MS * self.per_ms {
            self.extend(out);
            return self.merge(next);
        }
        self.gap = None;
        if self.per_ms <= NARROW {
            self.bridge_narrow(gap, past, out, next);
        } else {
            self.bridge_wide(gap, past, out, next);
        }
    }

    #[inline(never)]
    fn bridge_narrow(&mut self, gap: usize, past: &[i16], out: &mut [i16], next: &[i16]) {
        let mut room = [[0.0; ORDER + REACH_MS * NARROW]; 2];
        self.bridge_in(&mut room, gap, past, out, next);
    }

    #[inline(never)]
    fn bridge_wide(&mut self, gap: usize, past: &[i16], out: &mut [i16], next: &[i16]) {
        let mut room = [[0.0; ORDER + REACH_MS * MAX_PER_MS]; 2];
        self.bridge_in(&mut room, gap, past, out, next);
    }

    fn bridge_in<const LEN: usize>(
        &mut self,
        [forward, backward]: &mut [[f32; LEN]; 2],
        gap: usize,
        past: &[i16],
        out: &mut [i16],
        next: &[i16],
    ) {
        let (len, align, shift) = (out.len(), ALIGN_MS * self.per_ms, MAX_SHIFT_MS * self.per_ms);
        let known = next.len().min(FUTURE_MS * self.per_ms);
        let mut future = [0.0; FUTURE_MS * MAX_PER_MS];
        let future = &mut future[..known];
        for (to, from) in future.iter_mut().zip(next[..known].iter().rev()) {
            *to = f32::from(*from);
        }
        let mut residual = [0.0; MAX_PERIOD];
        let mut back = Extrapolation::new(self.per_ms, self.backward_noise);
        back.begin(self.predictor, future, &mut residual);
        future.reverse();
        let mut near = [0.0; ALIGN_MS * MAX_PER_MS];
        for (to, from) in near.iter_mut().zip(past.iter().rev().take(align)) {
            *to = f32::from(*from);
        }
        let continued = (&mut self.forward, &mut *self.residual);
        let (ahead, forward) = step_to(continued, forward, len, &future[..align], shift);
        let (behind, backward) = step_to((&mut back, &mut residual), backward, len, &near[..align], shift);
        self.backward_noise = back.noise_state();
        let fade = Fade::new(self.per_ms, self.forward.voicing());
        for (at, out) in out.iter_mut().enumerate() {
            let weight = (at as f32 + 0.5) / len as f32;
            let before = between(forward, at as f32 * ahead) * fade.at(gap + at);
            let after = between(backward, (len - 1 - at) as f32 * behind);
            *out = sample(before * (1.0 - weight) + after * weight);
        }
    }
}

/// Fills `out` with a continuation of which `gap` samples are used, as it fades.
fn fill(forward: &mut Extrapolation, residual: &mut [f32], gap: usize, out: &mut [i16]) {
    let audible = (SPENT_MS * forward.per_ms()).saturating_sub(gap).min(out.len());
    let (out, spent) = out.split_at_mut(audible);
    spent.fill(0);
    let fade = Fade::new(forward.per_ms(), forward.voicing());
    let mut gap = gap;
    let mut room = [0.0; ORDER + PIECE];
    for piece in out.chunks_mut(PIECE) {
        let made = forward.extend(residual, &mut room[..ORDER + piece.len()]);
        for (at, (out, made)) in piece.iter_mut().zip(made).enumerate() {
            *out = sample(made * fade.at(gap + at));
        }
        gap += piece.len();
    }
}

/// How a continuation fades.
struct Fade {
    hold: f32,
    each: f32,
}

impl Fade {
    fn new(per_ms: usize, voicing: f32) -> Self {
        let each_ms = FADE_UNVOICED + (FADE_VOICED - FADE_UNVOICED) * voicing;
        Self { hold: HOLD_MS * per_ms as f32, each: each_ms / per_ms as f32 }
    }

    /// The gain at a sample of the gap.
    fn at(&self, sample: usize) -> f32 {
        (1.0 - (sample as f32 - self.hold).max(0.0) * self.each).max(0.0)
    }
}

/// The step from sample to sample by which a continuation is to be read so that what follows its first `len` samples fits
/// `far`, the signal behind the gap: the pitch changes evenly over the gap, and both sides are in phase.
/// Returns the continuation too, made in `room`.
fn step_to<'a>(
    (continuation, residual): (&mut Extrapolation, &mut [f32]),
    room: &'a mut [f32],
    len: usize,
    far: &[f32],
    max_shift: usize,
) -> (f32, &'a [f32]) {
    let reach = max_shift.min(continuation.lag() * 11 / 20 + 1).min(len / 2);
    let made = continuation.extend(residual, &mut room[..ORDER + len + reach + far.len() + 2]);
    let loudness = energy(far) + 1.0;
    let mut best = (0.0, LEAST_LIKENESS);
    for end in len - reach..=len + reach {
        let other = &made[end..end + far.len()];
        let likeness = dot(other, far) / (loudness * (energy(other) + 1.0)).sqrt();
        let shift = end as f32 - len as f32;
        let score = likeness - SHIFT_COST * shift.abs() / reach.max(1) as f32;
        if score > best.1 {
            best = (shift, score);
        }
    }
    (1.0 + best.0 / len as f32, made)
}

/// A signal's value between its samples, by the cubic through the four around it.
fn between(signal: &[f32], at: f32) -> f32 {
    let whole = at as usize;
    let part = at - whole as f32;
    let [before, here, next, after] =
        [whole.saturating_sub(1), whole, whole + 1, whole + 2].map(|place| signal[place]);
    let slope = 0.5 * (next - before);
    let square = before - 2.5 * here + 2.0 * next - 0.5 * after;
    let cube = 0.5 * (after - before) + 1.5 * (here - next);
    ((cube * part + square) * part + slope) * part + here
}
