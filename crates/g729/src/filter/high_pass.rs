//! The high-pass filters at both ends. Clauses 3.1 and 4.2.5.

#![expect(
    clippy::cast_possible_truncation,
    reason = "states are narrowed before the bound on them is looked at"
)]

use super::peak;
use crate::exact;
use crate::excitation::{SUBFRAME, Vector};
use crate::ops::{l_add, l_extract, l_mac, l_shl, mpy_32_16, round};
use crate::simd::correlate::magnitudes;
use crate::simd::filter::{fed, rounded};

/// A high-pass filter of second order whose recursive part keeps 31 bits.
#[derive(Clone, Debug)]
pub(crate) struct HighPass {
    numerator: [i16; 3],
    /// Signs reversed; the first is not used.
    denominator: [i16; 3],
    /// The left shift that brings a sum to the format of the outputs, which the next sums are made from.
    shift: i16,
    /// The last two inputs.
    input: [i16; 2],
    /// The last two outputs.
    output: [i32; 2],
}

/// Inputs up to this, and outputs that do not saturate, leave every sum below 2^31: at most 61592 comes of each input,
/// and 0.36 of the range of words from the outputs.
const INPUT_LIMIT: i32 = 22_000;

/// Outputs in sixteenths of the upper half's last place, above which they saturate.
const OUTPUT_LIMIT: i32 = 1 << 27;

impl HighPass {
    /// A filter at rest.
    pub(crate) const fn new(numerator: [i16; 3], denominator: [i16; 3], shift: i16) -> Self {
        Self { numerator, denominator, shift, input: [0; 2], output: [0; 2] }
    }

    /// Filters a subframe in place.
    #[inline]
    pub(crate) fn filter(&mut self, signal: &mut Vector) {
        if !exact::allowed() || !self.exact(signal) {
            self.stepwise(signal);
        }
    }

    /// Filters with all operators saturating.
    #[cold]
    pub(super) fn stepwise(&mut self, signal: &mut [i16]) {
        for sample in signal {
            let out = self.step(*sample);
            *sample = round(l_shl(out, 3 - self.shift));
        }
    }

    /// One sample; the output is not yet brought to the upper half.
    pub(crate) fn step(&mut self, sample: i16) -> i32 {
        let [b0, b1, b2] = self.numerator;
        let [_, a1, a2] = self.denominator;
        let (hi1, lo1) = l_extract(self.output[0]);
        let (hi2, lo2) = l_extract(self.output[1]);
        let mut sum = l_add(mpy_32_16(hi1, lo1, a1), mpy_32_16(hi2, lo2, a2));
        sum = l_mac(sum, sample, b0);
        sum = l_mac(sum, self.input[0], b1);
        sum = l_mac(sum, self.input[1], b2);
        let out = l_shl(sum, self.shift);
        self.input = [sample, self.input[0]];
        self.output = [out, self.output[0]];
        out
    }

    /// Filters without saturation. `false`, with nothing changed, if some operator would have saturated.
    #[inline]
    fn exact(&mut self, signal: &mut Vector) -> bool {
        if magnitudes(signal).1 > INPUT_LIMIT || peak(&self.input) > INPUT_LIMIT {
            return false;
        }
        // Half the sums: what the shift of the sums and their doubling put below is zero, but after saturation.
        let [last, before] = self.output.map(|out| out >> (self.shift + 1));
        if [last, before].map(|half| half << (self.shift + 1)) != self.output {
            return false;
        }
        let fed = fed(signal, self.input, self.numerator);
        let [a1, a2] = [self.denominator[1], self.denominator[2]].map(|a| i64::from(a) << self.shift);
        let mut halves = [0i32; SUBFRAME];
        let (mut last, mut before) = (i64::from(last), i64::from(before));
        for (half, fed) in halves.iter_mut().zip(fed) {
            let next = (i64::from(fed) + ((before * a2) >> 15)) + ((last * a1) >> 15);
            (last, before) = (next, last);
            *half = next as i32;
        }
        let (outputs, [low, high]) = rounded(&halves);
        if low <= -OUTPUT_LIMIT || high >= OUTPUT_LIMIT {
            return false;
        }
        self.input = [signal[SUBFRAME - 1], signal[SUBFRAME - 2]];
        self.output = [last as i32, before as i32].map(|half| half << (self.shift + 1));
        *signal = outputs;
        true
    }
}
