//! Takes in-band digits out of audio, from their first sample on.
//!
//! Audio leaves 40 ms late. Three windows in sequence that may be one digit, which end 36 ms after the first of them begins,
//! mute all of it before it leaves; fewer pass. It judges windows by less than a detector asks for, so it mutes some speech.
#![expect(clippy::indexing_slicing, reason = "indices are taken modulo the length of the line")]

use mediapoint_packet::telephone_event::DtmfDigit;

use crate::analysis::{HOP, HOP_SAMPLES, RATE, Tables, WINDOW};
use crate::generator::clipped;
use crate::history::Tone;
use crate::tones::{frequencies, peak_of, power_of};

/// Samples by which audio leaves late.
const DELAY: usize = 320;
/// Windows in sequence that are muted.
const ENOUGH: u32 = 3;
/// Samples muted before the middle of the first window and after that of the last one.
const GUARD: u64 = 96;
/// Samples after muted audio in which one window is enough.
const WARY: u64 = 480;
/// Samples over which audio fades out and in, inside what is muted.
const FADE: f32 = 24.0;
/// Lowest mean square of a tone that is looked at: -60 dBm0.
const LOWEST_DBM0: f32 = -60.0;
/// Greatest ratio of the two tones either way: 15 dB.
const TWIST: f32 = 32.0;
/// Least share of the two tones in a window.
const SHARE: f32 = 0.45;

/// What stands in place of a digit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Replacement {
    /// Silence.
    Silence,
    /// The tones of digit 0.
    Zero,
    /// The tones of a digit drawn for each one muted, by a generator with this seed. It is no secret of any worth: it only
    /// hides how many different digits there were.
    Random(u64),
    /// The tones of this digit; silence for a flash.
    Digit(DtmfDigit),
    /// One tone.
    Tone {
        /// Frequency in Hz, 0 to 4000.
        hz: f32,
        /// Level in dBm0; above 0 it counts as 0.
        dbm0: f32,
    },
}

/// Mutes digits in 8000 Hz audio.
pub struct Suppressor {
    tables: &'static Tables,
    replacement: Replacement,
    seed: u64,
    window: [f32; WINDOW],
    filled: usize,
    hops: u64,
    line: [i16; DELAY],
    muted: [bool; DELAY],
    /// Samples taken, and those muted since the start.
    taken: u64,
    muted_total: u64,
    run: Option<(usize, usize, u32)>,
    muted_until: u64,
    gain: f32,
    playing: [f32; 2],
    level: f32,
    phase: u32,
}

impl std::fmt::Debug for Suppressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The line holds audio, the replacement says what to look for.
        f.debug_struct("Suppressor").finish_non_exhaustive()
    }
}

impl Suppressor {
    /// A suppressor that puts `replacement` in place of digits.
    #[must_use]
    pub fn new(replacement: Replacement) -> Self {
        let seed = if let Replacement::Random(seed) = replacement { seed } else { 0 };
        Self {
            tables: Tables::shared(),
            replacement,
            seed,
            window: [0.0; WINDOW],
            filled: 0,
            hops: 0,
            line: [0; DELAY],
            muted: [false; DELAY],
            taken: 0,
            muted_total: 0,
            run: None,
            muted_until: 0,
            gain: 1.0,
            playing: [0.0; 2],
            level: 0.0,
            phase: 0,
        }
    }

    /// Samples by which audio leaves late.
    #[must_use]
    pub const fn delay(&self) -> usize {
        DELAY
    }

    /// Samples muted so far.
    #[must_use]
    pub const fn muted_samples(&self) -> u64 {
        self.muted_total
    }

    /// Replaces `pcm`, of any length, by the audio of [`delay`](Self::delay) samples before, without digits.
    pub fn process(&mut self, pcm: &mut [i16]) {
        for sample in pcm {
            self.window[HOP + self.filled] = f32::from(*sample);
            self.filled += 1;
            let slot = usize::try_from(self.taken % DELAY as u64).unwrap_or(0);
            let (old, muted) = (self.line[slot], self.muted[slot]);
            self.line[slot] = *sample;
            self.muted[slot] = self.taken < self.muted_until;
            self.taken += 1;
            *sample = self.pass(old, muted);
            if self.filled == HOP {
                self.filled = 0;
                self.handle_window();
                self.window.copy_within(HOP.., 0);
            }
        }
    }

    fn handle_window(&mut self) {
        let floor = power_of(LOWEST_DBM0);
        let spectrum = self.tables.spectrum(&self.window, floor);
        let (low, high) = spectrum.strongest();
        let tone = Tone::of(&spectrum, low, high);
        let suspicious = tone.low > floor
            && tone.high > floor
            && tone.low < tone.high * TWIST
            && tone.high < tone.low * TWIST
            && tone.low + tone.high > spectrum.energy * SHARE;
        let middle = self.hops * HOP_SAMPLES;
        self.hops += 1;
        self.run = match self.run {
            Some((l, h, count)) if suspicious && (l, h) == (low, high) => {
                Some((l, h, count.saturating_add(1)))
            }
            _ if suspicious => Some((low, high, 1)),
            _ => None,
        };
        let Some((_, _, count)) = self.run else { return };
        let again = middle < self.muted_until + WARY && self.muted_until > 0;
        if count >= ENOUGH || again {
            let since = u64::from(count.min(ENOUGH) - 1) * HOP_SAMPLES + GUARD;
            self.mute(middle.saturating_sub(since), middle + GUARD);
        }
    }

    /// Marks samples of the line, and those to come.
    fn mute(&mut self, from: u64, until: u64) {
        let oldest = self.taken.saturating_sub(DELAY as u64);
        for at in from.max(oldest)..until.min(self.taken) {
            let slot = usize::try_from(at % DELAY as u64).unwrap_or(0);
            self.muted[slot] = true;
        }
        self.muted_until = self.muted_until.max(until);
    }

    fn pass(&mut self, sample: i16, muted: bool) -> i16 {
        if !muted && self.gain >= 1.0 {
            return sample;
        }
        if muted && self.gain >= 1.0 {
            self.choose();
        }
        self.muted_total += u64::from(muted);
        let step = if muted { -1.0 / FADE } else { 1.0 / FADE };
        self.gain = (self.gain + step).clamp(0.0, 1.0);
        let mut value = f64::from(sample) * f64::from(self.gain);
        if self.level > 0.0 {
            let time = f64::from(self.phase) / f64::from(RATE);
            let tone: f64 =
                self.playing.iter().map(|hz| (std::f64::consts::TAU * f64::from(*hz) * time).sin()).sum();
            // The phase begins anew each second, where every whole frequency has come round.
            self.phase = (self.phase + 1) % 8000;
            value += tone * f64::from(self.level) * f64::from(1.0 - self.gain);
        }
        clipped(value)
    }

    /// Sets what is played in place of the digit that begins.
    fn choose(&mut self) {
        self.phase = 0;
        self.level = 0.0;
        let digit = match self.replacement {
            Replacement::Silence => return,
            Replacement::Tone { hz, dbm0 } => {
                self.playing = [hz.clamp(0.0, 4000.0), 0.0];
                self.level = peak_of(dbm0.min(0.0));
                return;
            }
            Replacement::Zero => DtmfDigit::from_code(0),
            Replacement::Digit(digit) => Some(digit),
            Replacement::Random(_) => {
                // A linear congruence (Knuth's MMIX); its high bits are the good ones.
                self.seed =
                    self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                u8::try_from(self.seed >> 60).ok().and_then(DtmfDigit::from_code)
            }
        };
        if let Some((low, high)) = digit.and_then(frequencies) {
            self.playing = [low, high];
            self.level = peak_of(-12.0);
        }
    }
}
