//! The autocorrelation of the windowed signal and its lag window. Clause 3.2.1.

use super::probe;
use crate::dpf;
use crate::ops::{extract_h, l_extract, norm_l};
use crate::simd::correlate::{autocorrelation, weigh, window_energy};
use crate::tables::lpc::{ANALYSIS_WINDOW, LAG_WINDOW_HI, LAG_WINDOW_LO};

/// Samples of the analysis window: 120 past ones, the frame, 40 to come.
pub(crate) const WINDOW: usize = 240;
/// Lags that Annex B needs; the linear prediction itself takes ten and lag 0.
pub(crate) const LAGS: usize = 13;

/// Autocorrelation, normalised to its energy: DPF words, bit 0 clear.
#[derive(Clone, Debug)]
pub(crate) struct Autocorrelation {
    /// By lag.
    pub(crate) lags: [i32; LAGS],
    /// `exp_R0`: the true energy is `lags[0] * 2^exponent`, in units of the windowed signal's square times two.
    pub(crate) exponent: i16,
}

impl Autocorrelation {
    /// `Autocorr`: windows the signal and correlates it with itself.
    pub(crate) fn new(signal: &[i16; WINDOW]) -> Self {
        let mut windowed = weigh(signal, &ANALYSIS_WINDOW);
        let mut exponent = 1;
        let energy = loop {
            // A sum of squares saturates on its way exactly when it is too large at the end. It begins with one.
            match i32::try_from(1 + 2 * window_energy(&windowed)) {
                Ok(energy) => break energy,
                Err(_) => {
                    windowed.iter_mut().for_each(|sample| *sample >>= 2);
                    exponent += 4;
                }
            }
        };
        let norm = norm_l(energy);
        // No partial sum at any lag exceeds the energy (Cauchy and Schwarz), which fits 31 bits.
        let mut lags = [energy << norm & !1; LAGS];
        for (lag, sum) in lags.iter_mut().zip(autocorrelation(&windowed)).skip(1) {
            *lag = (2 * sum) << norm & !1;
        }
        Self { lags, exponent: exponent - norm }
    }

    /// `Lag_window`: widens all spectral peaks by 60 Hz and adds noise 40 dB below.
    pub(crate) fn windowed(&self) -> [i32; LAGS] {
        let mut out = self.lags;
        for ((out, &hi), &lo) in out.iter_mut().skip(1).zip(&LAG_WINDOW_HI).zip(&LAG_WINDOW_LO) {
            *out = dpf::mul(*out, i32::from(hi) << 16 | i32::from(lo) << 1) & !1;
        }
        out
    }
}

/// Tells the tests DPF words as the reference keeps them, upper and lower part.
pub(super) fn record(names: [&'static str; 2], words: &[i32; LAGS]) {
    probe::record(names[0], &words.map(extract_h));
    probe::record(names[1], &words.map(|word| l_extract(word).1));
}
