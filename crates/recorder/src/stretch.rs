//! Time stretch without a change of pitch: waveform similarity overlap-add (WSOLA).
//!
//! Each hop of output is a cross-fade from the natural continuation of the hop before to the input near the place that the
//! speed asks for, at the offset where both are most alike. It is told samples and returns samples: no clock, no threads.
//! One channel; what has several is mixed before, so that they stay together.

#[cfg(test)]
mod tests;

/// A hop in milliseconds: what one cross-fade makes.
const HOP_MILLIS: u32 = 15;

/// How far from its place a hop may be taken, in milliseconds: the range of both sides holds a period of the lowest voice.
const SEARCH_MILLIS: u32 = 8;

/// Rate in hertz to which the first search is thinned out.
const COARSE_RATE: u32 = 8000;

/// Milliseconds of one second.
const SECOND: u32 = 1000;

/// A speed that cannot be played at.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("speed {0} is not within {slowest} to {fastest}", slowest = Stretcher::SLOWEST, fastest = Stretcher::FASTEST)]
pub struct SpeedOutOfRange(pub f32);

/// Stretches one channel. Its speed can change while it runs; at 1.0 every sample passes unaltered.
///
/// ```
/// use mediapoint_recorder::Stretcher;
///
/// let mut stretcher = Stretcher::new(8000);
/// stretcher.set_speed(2.0)?;
/// let mut out = Vec::new();
/// stretcher.process(&[0; 8000], &mut out);
/// stretcher.finish(&mut out);
/// assert!(out.len().abs_diff(4000) <= stretcher.hop());
/// # Ok::<(), mediapoint_recorder::SpeedOutOfRange>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stretcher {
    speed: f32,
    /// Samples of a hop, of the search to one side, and between those that the first search looks at.
    hop: usize,
    search: usize,
    stride: usize,
    /// Weights of the new input in a cross-fade.
    weights: Box<[f32]>,
    /// Input that is still needed, and the sample that it begins with.
    input: Vec<i16>,
    base: u64,
    /// Where the hop before continues.
    next: u64,
    /// Where the speed asks for the next hop to be taken.
    target: f64,
}

impl Stretcher {
    /// The lowest speed: half.
    pub const SLOWEST: f32 = 0.5;
    /// The highest speed: double.
    pub const FASTEST: f32 = 2.0;

    /// A stretcher at speed 1.0 for a sample rate in hertz, 8000 to 48,000.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let samples = |millis: u32| usize::try_from(rate.max(SECOND) / SECOND * millis).unwrap_or(1);
        let hop = samples(HOP_MILLIS);
        Self {
            speed: 1.0,
            hop,
            search: samples(SEARCH_MILLIS),
            stride: usize::try_from(rate / COARSE_RATE).unwrap_or(1).max(1),
            weights: raised_cosine(hop),
            input: Vec::new(),
            base: 0,
            next: 0,
            target: 0.0,
        }
    }

    /// Samples of a hop: the length of the output is right to that much.
    #[must_use]
    pub const fn hop(&self) -> usize {
        self.hop
    }

    /// The speed.
    #[must_use]
    pub const fn speed(&self) -> f32 {
        self.speed
    }

    /// Input sample that the next output stands for, counted from the beginning or the last [`Self::reset`].
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of samples below 2^53, not negative"
    )]
    pub const fn position(&self) -> u64 {
        self.target as u64
    }

    /// Changes the speed from the next output on; nothing that was given is lost or repeated.
    ///
    /// # Errors
    /// It is not within [`Self::SLOWEST`] to [`Self::FASTEST`].
    pub fn set_speed(&mut self, speed: f32) -> Result<(), SpeedOutOfRange> {
        if !(Self::SLOWEST..=Self::FASTEST).contains(&speed) {
            return Err(SpeedOutOfRange(speed));
        }
        self.speed = speed;
        Ok(())
    }

    /// Forgets all input: what follows is from another place.
    pub fn reset(&mut self) {
        self.input.clear();
        (self.base, self.next, self.target) = (0, 0, 0.0);
    }

    /// Takes input, and appends what can be made of it. Up to some 40 ms of input stay for the next call.
    pub fn process(&mut self, pcm: &[i16], out: &mut Vec<i16>) {
        self.input.extend_from_slice(pcm);
        while self.step(out) {}
        self.forget();
    }

    /// Appends what is left at the end of the input.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        if !self.passes() {
            let end = self.end();
            // Silence behind the end, for the last cross-fades to go into.
            self.input.resize(self.input.len() + 2 * (self.hop + self.search) + self.hop, 0);
            while self.position() < end && self.step(out) {}
        }
        self.reset();
    }

    /// True where samples pass unaltered.
    #[expect(clippy::float_cmp, reason = "a speed as it was set")]
    fn passes(&self) -> bool {
        self.speed == 1.0
    }

    /// The sample behind the input.
    fn end(&self) -> u64 {
        self.base + self.input.len() as u64
    }

    /// Input from a sample on; empty where it is not there.
    fn from(&self, sample: u64) -> &[i16] {
        let at = sample.checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.input.get(at..)).unwrap_or_default()
    }

    /// Appends a hop; false where more input is needed.
    fn step(&mut self, out: &mut Vec<i16>) -> bool {
        if self.passes() {
            out.extend_from_slice(self.from(self.next));
            self.next = self.end().max(self.next);
            self.target = to_f64(self.next);
            return false;
        }
        let target = self.position();
        let most = (target + self.search as u64).max(self.next) + self.hop as u64;
        if self.end() < most {
            return false;
        }
        let taken = self.most_alike(target);
        let (before, after) = (self.from(self.next), self.from(taken));
        let pairs = before.iter().zip(after).zip(&self.weights);
        out.extend(pairs.map(|((before, after), weight)| fade(*before, *after, *weight)));
        self.next = taken + self.hop as u64;
        self.target += f64::from(self.speed) * to_f64(self.hop as u64);
        true
    }

    /// The place near `target` where the input is most like the continuation of the hop before.
    fn most_alike(&self, target: u64) -> u64 {
        if target == self.next {
            return target;
        }
        let (reach, stride) = (self.search as u64, self.stride);
        let coarse = self.best(target, reach, stride);
        if stride == 1 { coarse } else { self.best(coarse, stride as u64 - 1, 1) }
    }

    /// The best place within `reach` of `centre`, of those that lie `stride` apart; the nearest of equals.
    fn best(&self, centre: u64, reach: u64, stride: usize) -> u64 {
        let before = self.from(self.next).get(..self.hop).unwrap_or_default();
        let mut best = (centre, f64::MIN);
        for offset in (0..=reach).step_by(stride) {
            let places = [centre.checked_sub(offset), Some(centre + offset)];
            for place in places.into_iter().flatten().filter(|place| *place >= self.base) {
                let Some(there) = self.from(place).get(..self.hop) else { continue };
                let likeness = likeness(before, there, stride);
                if likeness > best.1 {
                    best = (place, likeness);
                }
            }
        }
        best.0
    }

    /// Drops input that is not needed any more.
    fn forget(&mut self) {
        let keep = self.next.min(self.position().saturating_sub(self.search as u64)).min(self.end());
        let gone = usize::try_from(keep.saturating_sub(self.base)).unwrap_or(0);
        // Not with each call: moving what stays costs more than keeping it.
        if gone > 4 * self.hop || gone == self.input.len() {
            self.input.drain(..gone);
            self.base = keep;
        }
    }
}

/// Normalised cross-correlation, of every `stride`th sample. Zero where either is silent.
fn likeness(one: &[i16], other: &[i16], stride: usize) -> f64 {
    let (mut both, mut energy) = (0_i64, 0_i64);
    for (one, other) in one.iter().zip(other).step_by(stride) {
        let (one, other) = (i64::from(*one), i64::from(*other));
        both += one * other;
        energy += other * other;
    }
    if energy == 0 { 0.0 } else { signed_f64(both) / signed_f64(energy).sqrt() }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
const fn signed_f64(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "a count of samples below 2^53")]
const fn to_f64(samples: u64) -> f64 {
    samples as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of some hundred")]
fn raised_cosine(steps: usize) -> Box<[f32]> {
    let phase = |n: usize| (n as f32 + 0.5) / steps as f32 * std::f32::consts::PI;
    (0..steps).map(|n| 0.5 - 0.5 * phase(n).cos()).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a weighted mean of two samples")]
fn fade(before: i16, after: i16, weight: f32) -> i16 {
    (f32::from(before) * (1.0 - weight) + f32::from(after) * weight).round() as i16
}
