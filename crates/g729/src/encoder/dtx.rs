//! Discontinuous transmission: when a pause needs a SID, what the SID says, and the noise that the far end makes of it.
//! Clause B.4.

#![expect(clippy::indexing_slicing, reason = "loops over arrays of constant length")]

use super::autocorrelation::Autocorrelation;
use super::levinson::{Prediction, levinson};
use super::roots;
use super::sid::{self, Spectrum};
use super::vad::{Activity, Detector};
use crate::cng;
use crate::frame::Sid;
use crate::lsf::Memory;
use crate::lsp::{Lpc, Lsp, ORDER};
use crate::math::Random;
use crate::ops::{
    abs_s, add, extract_h, flagged, l_add, l_extract, l_mac, l_shl, l_sub, mpy_32_16, mult_r, negate, norm_l,
    round, shr, sub,
};
use crate::tables::sid::{SID_ENERGY_FACTOR, SID_ENERGY_MARGIN};

/// Frames whose autocorrelations make the present filter, and sums of them that make the past one.
const PRESENT: usize = 2;
const PAST: usize = 3;
/// Energies that are averaged.
const ENERGIES: usize = 2;
/// Frames from one SID to the next at least.
const SPACING: u8 = 3;
/// Shift of an autocorrelation that is zero.
const NOTHING: i16 = 40;
/// How much farther than its own the energy through another filter may be, Q15: 0.148 and 0.096.
const CHANGED: i16 = 4855;
const UNLIKE_PAST: i16 = 3161;
/// Decibels by which the energy may differ.
const LOUDNESS: i16 = 2;

/// An autocorrelation of lags 0 to 10 in words, `lags * 2^-shift`.
#[derive(Clone, Copy, Debug)]
struct Words {
    lags: [i16; ORDER + 1],
    shift: i16,
}

impl Words {
    const ZERO: Self = Self { lags: [0; ORDER + 1], shift: NOTHING };

    /// `Calc_sum_acf`: the sum of some, with as many bits as fit.
    fn sum(terms: &[Self]) -> Self {
        let common = terms.iter().fold(i16::MAX, |least, term| least.min(term.shift)) + 14;
        let mut sums = [0; ORDER + 1];
        for term in terms {
            for (sum, &lag) in sums.iter_mut().zip(&term.lags) {
                *sum = l_add(l_shl(i32::from(lag), sub(common, term.shift)), *sum);
            }
        }
        let norm = norm_l(sums[0]);
        Self { lags: sums.map(|sum| extract_h(l_shl(sum, norm))), shift: add(common, norm - 16) }
    }

    /// The prediction from these, `None` if they are zero or it is unstable.
    fn prediction(&self) -> Result<Prediction, NoPrediction> {
        if self.lags[0] == 0 {
            return Err(NoPrediction::Nothing);
        }
        levinson(&self.lags.map(|lag| i32::from(lag) << 16)).ok_or(NoPrediction::Unstable)
    }
}

/// Why there is no prediction.
enum NoPrediction {
    Nothing,
    Unstable,
}

/// `Calc_RCoeff`: the autocorrelation of a filter's coefficients, which tells the energy of any signal through it.
#[derive(Clone, Copy, Debug)]
struct Reference {
    lags: [i16; ORDER + 1],
    shift: i16,
}

impl Reference {
    const ZERO: Self = Self { lags: [0; ORDER + 1], shift: 0 };

    fn new(filter: &Lpc) -> Self {
        let mut sums = [0; ORDER + 1];
        for (lag, sum) in sums.iter_mut().enumerate() {
            *sum = filter.iter().zip(&filter[lag..]).fold(0, |sum, (&a, &b)| l_mac(sum, a, b));
        }
        let shift = norm_l(sums[0]);
        Self { lags: sums.map(|sum| round(l_shl(sum, shift))), shift }
    }

    /// `Cmp_filt`: whether a signal leaves more energy through this filter than the part `margin` (Q15) more than
    /// through its own, which is `residual`. Equation (B.12).
    fn differs(&self, signal: &Words, residual: i16, margin: i16) -> bool {
        let mut shifts = [0, 0];
        let mut turn = 1;
        let energy = loop {
            let mut overflow = false;
            let terms = |i: usize| (shr(self.lags[i], shifts[0]), shr(signal.lags[i], shifts[1]));
            let (a, b) = terms(0);
            let mut sum = flagged::l_mult(a, b, &mut overflow) >> 1;
            for i in 1..=ORDER {
                let (a, b) = terms(i);
                sum = flagged::l_mac(sum, a, b, &mut overflow);
            }
            if !overflow {
                break sum;
            }
            // The two give up bits in turn.
            shifts[turn] += 1;
            turn = 1 - turn;
        };
        let own = l_add(i32::from(mult_r(residual, margin)), i32::from(residual));
        let shift = sub(add(self.shift, 9), shifts[0] + shifts[1]);
        l_sub(energy, l_shl(own, shift)) > 0
    }
}

/// The residual energy of a frame, `mantissa * 2^-shift`.
#[derive(Clone, Copy, Debug)]
struct Energy {
    mantissa: i16,
    shift: i16,
}

/// `Qua_Sidgain`: index and level in dB of the mean of some energies.
fn quantise_energies(energies: &[Energy]) -> (u8, i16) {
    let count = energies.len().min(ENERGIES);
    let least = energies.iter().fold(i16::MAX, |least, energy| least.min(energy.shift));
    let common = add(least, 16 - SID_ENERGY_MARGIN[count]);
    let sum = energies
        .iter()
        .fold(0, |sum, energy| l_add(sum, l_shl(i32::from(energy.mantissa), sub(common, energy.shift))));
    let (hi, lo) = l_extract(sum);
    cng::quantise_energy(mpy_32_16(hi, lo, SID_ENERGY_FACTOR[count]), common)
}

/// What discontinuous transmission remembers.
#[derive(Clone, Debug)]
pub(super) struct Dtx {
    pub(super) detector: Detector,
    pub(super) random: Random,
    /// Autocorrelations of the last frames, the newest first.
    frames: [Words; PRESENT],
    /// Sums of pairs of frames, the newest first.
    sums: [Words; PAST],
    /// Whether the present frame is the second of a pair.
    second: bool,
    energies: [Energy; ENERGIES],
    /// How many of them are of this pause.
    known: usize,
    /// The filter of the last SID.
    reference: Reference,
    /// Pairs and gain of the last SID, its level in dB.
    lsp: Lsp,
    gain: i16,
    loudness: i16,
    /// Whether the noise changed since.
    changed: bool,
    /// Frames since.
    since: u8,
    /// Level of the noise now.
    level: i16,
}

impl Default for Dtx {
    fn default() -> Self {
        Self {
            detector: Detector::default(),
            random: Random(cng::SEED),
            frames: [Words::ZERO; PRESENT],
            sums: [Words::ZERO; PAST],
            second: false,
            energies: [Energy { mantissa: 0, shift: NOTHING }; ENERGIES],
            known: 0,
            reference: Reference::ZERO,
            lsp: [0; ORDER],
            gain: 0,
            loudness: 0,
            changed: false,
            since: 0,
            level: 0,
        }
    }
}

/// What an inactive frame comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    /// What to send, if anything.
    pub(super) sid: Option<Sid>,
    /// The pairs at the far end.
    pub(super) lsp: Lsp,
    /// The level of its excitation, Q3.
    pub(super) level: i16,
}

/// What the encoder shares with its pauses.
pub(super) struct Shared<'a> {
    /// The prediction that stands in for one that is unstable.
    pub(super) prediction: &'a mut Prediction,
    /// The pairs of the frame before.
    pub(super) lsp: &'a Lsp,
    pub(super) memory: &'a mut Memory,
}

impl Dtx {
    /// `Update_cng`: takes in the autocorrelation of a frame, before its lag window.
    pub(super) fn take(&mut self, autocorrelation: &Autocorrelation, activity: Activity) {
        let mut lags = [0; ORDER + 1];
        for (out, &lag) in lags.iter_mut().zip(&autocorrelation.lags) {
            *out = extract_h(lag);
        }
        self.frames.rotate_right(1);
        self.frames[0] = Words { lags, shift: negate(add(16, autocorrelation.exponent)) };
        self.second = !self.second;
        if !self.second && activity == Activity::Speech {
            self.take_pair();
        }
    }

    /// `Update_sumAcf`: takes in the last two frames.
    fn take_pair(&mut self) {
        self.sums.rotate_right(1);
        self.sums[0] = Words::sum(&self.frames);
    }

    /// `Cod_cng`: an inactive frame. `first` says that the one before was active.
    pub(super) fn noise(&mut self, first: bool, shared: &mut Shared<'_>) -> Noise {
        let present = Words::sum(&self.frames);
        self.energies.rotate_right(1);
        self.energies[0] = Energy { shift: present.shift, ..self.energies[1] };
        let filter = match present.prediction() {
            Ok(prediction) => {
                *shared.prediction = prediction;
                self.energies[0].mantissa = prediction.residual;
                prediction.filter
            }
            Err(NoPrediction::Unstable) => shared.prediction.filter,
            Err(NoPrediction::Nothing) => {
                self.energies[0].mantissa = 0;
                Prediction::NONE.filter
            }
        };

        self.known = if first { 1 } else { (self.known + 1).min(ENERGIES) };
        let (index, loudness) = quantise_energies(&self.energies[..self.known]);
        let due = first || self.is_due(&present, loudness);
        let sid = due.then(|| {
            let spectrum = self.describe(&present, &filter, shared);
            self.loudness = loudness;
            self.gain = cng::sid_gain(index);
            let Spectrum { predictor, first, second } = spectrum;
            let sid = Sid { predictor, first, second, gain: index };
            self.lsp = cng::sid_lsp(&sid, shared.memory);
            sid
        });
        self.level = if first { self.gain } else { add(mult_r(self.level, 28_672), mult_r(self.gain, 4096)) };
        if !self.second {
            self.take_pair();
        }
        Noise { sid, lsp: self.lsp, level: self.level }
    }

    /// Whether the noise changed since the last SID and that is long enough ago. Clauses B.4.1.2 to B.4.1.4.
    fn is_due(&mut self, present: &Words, loudness: i16) -> bool {
        let residual = self.energies[0].mantissa;
        self.changed |= self.reference.differs(present, residual, CHANGED);
        self.changed |= sub(abs_s(sub(self.loudness, loudness)), LOUDNESS) > 0;
        self.since = (self.since + 1).min(SPACING);
        self.since == SPACING && self.changed
    }

    /// The spectrum to send: that of the past if the present one is like it. Clause B.4.2.2.
    fn describe(&mut self, present: &Words, filter: &Lpc, shared: &mut Shared<'_>) -> Spectrum {
        self.since = 0;
        self.changed = false;
        let past = match Words::sum(&self.sums).prediction() {
            Ok(prediction) => {
                *shared.prediction = prediction;
                prediction.filter
            }
            Err(NoPrediction::Unstable) => shared.prediction.filter,
            Err(NoPrediction::Nothing) => Prediction::NONE.filter,
        };
        self.reference = Reference::new(&past);
        let mut chosen = &past;
        if self.reference.differs(present, self.energies[0].mantissa, UNLIKE_PAST) {
            chosen = filter;
            self.reference = Reference::new(filter);
        }
        let lsp = roots::to_lsp(chosen).unwrap_or(*shared.lsp);
        sid::quantise(&lsp, shared.memory)
    }
}
