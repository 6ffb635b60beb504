//! The last windows, and the judgement of a run of them as a whole.

use crate::analysis::{Complex, HOP_LEN, RATE, Spectrum, Tables, attenuation};
use crate::detector::Limits;

/// Windows kept.
const KEPT: usize = 16;
/// Windows of a run that are judged, without the one before it and the one after it.
const JUDGED: usize = 12;

/// Deviation of a frequency, of one, within which it is exact. Where more than the purity allows is beside the tones, the root of
/// the sum of both squares is held to it: what a coder adds to a digit moves its frequencies little, and speech is tuned by chance.
const EXACT: f32 = 0.007;

/// Hops that a tone lasts before and after its run, at most: half a hop at either edge. Digits reach 0.5, and 0.8 after coders and
/// lost packets. Where it is more, the tone lasts and only what is beside it changes, as in speech.
const OUTSIDE: f32 = 1.0;

/// The part of the shortest duration that is enough where a tone is exact: what a lost packet has left of a digit.
const REST: f32 = 0.9;

/// Windows of a long run that are judged alone.
const PART: u32 = 5;

/// Power of a pair of tones.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Tone {
    pub(crate) low: f32,
    pub(crate) high: f32,
}

impl Tone {
    pub(crate) fn of(spectrum: &Spectrum, low: usize, high: usize) -> Self {
        let at = |k: usize| spectrum.power.get(k).copied().unwrap_or(0.0);
        Self { low: at(low), high: at(high) }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }

    pub(crate) fn times(self, factor: f32) -> Self {
        Self { low: self.low * factor, high: self.high * factor }
    }
}

/// Windows in sequence that may be one digit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Run {
    pub(crate) low: usize,
    pub(crate) high: usize,
    pub(crate) count: u32,
    /// It was found to be a digit.
    pub(crate) confirmed: bool,
}

/// What a run that is a digit looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) level: Tone,
    /// Windows up to the middle of the first one, the part before it included.
    pub(crate) lead: f32,
    /// Windows after the middle of the first one.
    pub(crate) after: f32,
}

/// The last windows, the newest last.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct History {
    windows: [Spectrum; KEPT],
    next: usize,
}

/// One tone of a run.
struct Line {
    /// Mean power of the inner windows.
    power: f32,
    /// Deviation in Hz.
    off: f32,
    /// How alike the advances of phase are, 0 to 1.
    coherence: f32,
    /// Least over greatest power of the inner windows.
    steadiness: f32,
    /// Relative magnitudes: before the run, its windows, after it.
    before: f32,
    first: f32,
    others: f32,
    after: f32,
}

impl Line {
    fn is_steady(&self) -> bool {
        self.coherence > 0.97 && self.steadiness > 0.4
    }

    fn is_level(&self) -> bool {
        self.coherence > 0.85 && self.steadiness > 0.8
    }

    fn is_fair(&self) -> bool {
        self.coherence > 0.85 && self.steadiness > 0.01
    }
}

/// Deviations of both frequencies, of one.
struct Tuning {
    low: f32,
    high: f32,
}

impl Tuning {
    fn is_within(&self, limit: f32) -> bool {
        self.low <= limit && self.high <= limit
    }

    /// True where both frequencies are exact, and both together where they are not `pure`.
    fn is_exact(&self, pure: bool) -> bool {
        let squares = self.low * self.low + self.high * self.high;
        self.is_within(EXACT) && (pure || squares <= EXACT * EXACT)
    }
}

/// The tones' share of the energy: of all windows, and in the window where it is least.
struct Share {
    mean: f32,
    least: f32,
}

impl Share {
    fn is_pure(&self, mean: f32, least: f32) -> bool {
        self.mean >= mean && self.least >= least
    }
}

impl History {
    /// True where its place lies within it.
    pub(crate) const fn is_sound(&self) -> bool {
        self.next < KEPT
    }

    pub(crate) fn push(&mut self, spectrum: Spectrum) {
        if let Some(slot) = self.windows.get_mut(self.next % KEPT) {
            *slot = spectrum;
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// The window `back` before the newest.
    fn back(&self, back: usize) -> Spectrum {
        self.windows.get((self.next + 2 * KEPT - 1 - back) % KEPT).copied().unwrap_or_default()
    }

    /// Judges a run that ends with the newest window, or with the one before it where it has `ended`.
    pub(crate) fn judge(&self, tables: &Tables, limits: &Limits, run: &Run, ended: bool) -> Option<Found> {
        let whole = self.judge_part(tables, limits, run, ended, false);
        // What a lost packet left of a digit before does not count against the rest of it.
        if whole.is_some() || run.count <= PART {
            return whole;
        }
        let part = Run { count: PART, ..*run };
        let found = self.judge_part(tables, limits, &part, ended, true)?;
        Some(Found { after: found.after + (run.count - PART) as f32, ..found })
    }

    fn judge_part(
        &self,
        tables: &Tables,
        limits: &Limits,
        run: &Run,
        ended: bool,
        strictly: bool,
    ) -> Option<Found> {
        let count = usize::try_from(run.count).unwrap_or(JUDGED).min(JUDGED);
        if count < 2 {
            return None;
        }
        let newest = usize::from(ended);
        let oldest = newest + count - 1;
        let low = self.line(tables, run.low, oldest, newest, ended);
        let high = self.line(tables, run.high, oldest, newest, ended);
        let of = |low: f32, high: f32| 0.5 * (low + high);
        let unseen = run.count as f32 - count as f32;
        let lead = of(low.before + low.first, high.before + high.first);
        let after = of(low.others + low.after, high.others + high.after) + unseen;
        let outside = of(low.before + low.after, high.before + high.after);
        if lead + after < limits.hops * REST || outside > OUTSIDE {
            return None;
        }
        let is_rest = lead + after < limits.hops;
        let deviation = |line: &Line, k: usize| line.off.abs() / tables.hz.get(k).copied().unwrap_or(1.0);
        let tuning = Tuning { low: deviation(&low, run.low), high: deviation(&high, run.high) };
        let (low_gain, high_gain) = (attenuation(low.off).powi(-2), attenuation(high.off).powi(-2));
        let level = Tone { low: low.power * low_gain, high: high.power * high_gain };
        let share = self.share(run, (oldest, newest), (low_gain, high_gain));
        let both = |is: fn(&Line) -> bool| is(&low) && is(&high);
        let is_steady = both(Line::is_steady) && share.is_pure(limits.purity, limits.purity - 0.15);
        let is_clean = count > 3 && both(Line::is_level) && share.is_pure(0.97, 0.9);
        // Coders of speech and concealed losses let a tone swell and fade, and leave its frequency. A tone that speech happens to
        // hold is hardly ever in tune so exactly, in both groups, with so little beside it.
        let is_exact = count > 3
            && tuning.is_exact(share.mean >= limits.purity)
            && both(Line::is_fair)
            && share.is_pure(if count > 4 { 0.8 } else { 0.9 }, 0.3);
        let is_digit = tuning.is_within(limits.tolerance)
            && level.low >= limits.power
            && level.high >= limits.power
            && level.high <= level.low * limits.high_over_low
            && level.low <= level.high * limits.low_over_high
            && match (strictly, is_rest) {
                (true, true) => false,
                (true, false) | (false, true) => is_exact,
                (false, false) => is_steady || is_exact || is_clean,
            };
        is_digit.then_some(Found { level, lead, after })
    }

    /// The windows of a run without those at its edges, which a tone covers in part: how many to leave out at either end.
    fn inner(oldest: usize, newest: usize) -> (usize, usize) {
        if oldest - newest < 2 { (oldest, newest) } else { (oldest - 1, newest + 1) }
    }

    /// The share of the tones in the energy of a run.
    fn share(&self, run: &Run, (oldest, newest): (usize, usize), gains: (f32, f32)) -> Share {
        let (from, to) = Self::inner(oldest, newest);
        let (mut tones, mut energy, mut least) = (0.0, 0.0, 1.0_f32);
        for back in to..=from {
            let window = self.back(back);
            let tone = Tone::of(&window, run.low, run.high);
            let power = tone.low * gains.0 + tone.high * gains.1;
            tones += power;
            energy += window.energy;
            least = least.min(power / window.energy.max(1e-9));
        }
        Share { mean: tones / energy.max(1e-9), least }
    }

    fn line(&self, tables: &Tables, k: usize, oldest: usize, newest: usize, ended: bool) -> Line {
        let (from, to) = Self::inner(oldest, newest);
        let (mut power, mut least, mut most, mut windows) = (0.0, f32::MAX, 0.0_f32, 0.0);
        for back in to..=from {
            let of_window = self.back(back).power.get(k).copied().unwrap_or(0.0);
            power += of_window;
            least = least.min(of_window);
            most = most.max(of_window);
            windows += 1.0;
        }
        power /= windows;
        let turn = tables.back.get(k).copied().unwrap_or_default();
        let advance =
            |back: usize| self.back(back).at(k).times_conjugate(self.back(back + 1).at(k)).times(turn);
        let (mut sum, mut magnitudes) = (Complex::default(), 1e-9);
        for back in newest..oldest {
            let step = advance(back);
            sum = sum.plus(step);
            magnitudes += step.power().sqrt();
        }
        let length = sum.power().sqrt().max(1e-9);
        let direction = Complex { re: sum.re / length, im: sum.im / length };
        let whole =
            self.back(to).at(k).power() / self.back(to).power.get(k).copied().unwrap_or(1.0).max(1e-9);
        let plateau = (power * whole).sqrt().max(1e-9);
        // What of a window at an edge goes on in phase with the one beside it.
        let edge = |step: Complex, beside: Complex| {
            let along = step.times_conjugate(direction).re / beside.power().sqrt().max(1e-9);
            (along / plateau).clamp(0.0, 1.0)
        };
        let magnitude = |back: usize| (self.back(back).at(k).power().sqrt() / plateau).min(1.0);
        Line {
            power,
            off: sum.angle() / std::f32::consts::TAU * RATE / HOP_LEN,
            coherence: length / magnitudes,
            steadiness: least / most.max(1e-9),
            before: if oldest - newest + 1 < JUDGED {
                edge(advance(oldest), self.back(oldest).at(k))
            } else {
                0.0
            },
            first: magnitude(oldest),
            others: (newest..oldest).map(magnitude).sum(),
            after: if ended { edge(advance(0), self.back(1).at(k)) } else { 0.0 },
        }
    }
}
