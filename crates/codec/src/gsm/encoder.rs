//! From samples to frames [EN300961 5.2.0 to 5.2.18].

#![expect(clippy::indexing_slicing, reason = "arrays of fixed sizes, indexed by loops within them")]

use super::arithmetic::{add, div, mult, mult_r, narrow, norm, peak, sub, upper};
use super::filter::{
    FRAME, GAINS, Interpolation, LEAST_LAG, PART, RATIOS, REACH, STRETCHES, exponent, pulses,
};
use super::frame::{Frame, Part};

/// The weighting filter [table 5.4].
const WEIGHTING: [i16; 11] = [-134, -374, 0, 2054, 5741, 8192, 5741, 2054, 0, -374, -134];
/// Thresholds between the gains of the long-term predictor [table 5.3a].
const THRESHOLDS: [i16; 3] = [6554, 16_384, 26_214];
/// Inverses of the mantissas [table 5.5].
const INVERSES: [i16; 8] = [29_128, 26_215, 23_832, 21_846, 20_165, 18_725, 17_476, 16_384];

/// The encoder of one stream.
#[derive(Debug, Clone)]
pub(super) struct FrameEncoder {
    /// Of the filter that takes away the offset: the last sample in, and its memory.
    offset: (i16, i32),
    /// The last sample before the pre-emphasis.
    emphasis: i16,
    interpolation: Interpolation,
    /// The short-term filter's memory.
    short: [i16; 8],
    /// The residual as the decoder will have it, the latest last.
    residual: [i16; REACH],
}

impl FrameEncoder {
    pub(super) const fn new() -> Self {
        Self {
            offset: (0, 0),
            emphasis: 0,
            interpolation: Interpolation::NEW,
            short: [0; 8],
            residual: [0; REACH],
        }
    }

    pub(super) fn encode(&mut self, pcm: &[i16; FRAME]) -> Frame {
        let mut signal = self.preprocess(pcm);
        let mut frame = Frame { ratios: quantise(reflections(&mut signal)), ..Frame::default() };
        let coefficients = self.interpolation.next(&frame.ratios);
        let mut from = 0;
        for (coefficients, to) in coefficients.iter().zip(STRETCHES) {
            self.short_term(coefficients, &mut signal[from..to]);
            from = to;
        }
        for (part, signal) in frame.parts.iter_mut().zip(signal.as_chunks().0) {
            *part = self.part(signal);
        }
        frame
    }

    /// 13 of 16 bits, without offset, and with the treble raised.
    fn preprocess(&mut self, pcm: &[i16; FRAME]) -> [i16; FRAME] {
        pcm.map(|sample| {
            let sample = sample >> 3 << 2;
            let (last, memory) = self.offset;
            let (high, low) = (memory >> 15, memory & 0x7fff);
            let new = i32::from(sub(sample, last)) << 15;
            let memory = (high * 32_735).saturating_add(new + i32::from(mult_r(narrow(low), 32_735)));
            self.offset = (sample, memory);
            let level = narrow(memory.saturating_add(16_384) >> 15);
            let raised = add(level, mult_r(self.emphasis, -28_180));
            self.emphasis = level;
            raised
        })
    }

    /// The short-term analysis filter: the signal becomes its residual.
    fn short_term(&mut self, coefficients: &[i16; 8], signal: &mut [i16]) {
        for sample in signal {
            let mut value = *sample;
            let mut delayed = *sample;
            for (memory, by) in self.short.iter_mut().zip(coefficients) {
                let next = add(*memory, mult_r(*by, value));
                value = add(value, mult_r(*by, *memory));
                *memory = delayed;
                delayed = next;
            }
            *sample = value;
        }
    }

    /// Codes 5 ms of the residual.
    fn part(&mut self, signal: &[i16; PART]) -> Part {
        let (lag, gain) = self.predictor(signal);
        let from = REACH - lag;
        let gained = GAINS[gain];
        let mut predicted = [0; PART];
        let mut error = [0; PART];
        for k in 0..PART {
            predicted[k] = mult_r(gained, self.residual[from + k]);
            error[k] = sub(signal[k], predicted[k]);
        }
        let weighted = weight(&error);
        let (grid, values) = choose(&weighted);
        let (peak, coded) = code(&values);
        let octet = |value: usize| u8::try_from(value).unwrap_or_default();
        let part = Part { lag: octet(lag), gain: octet(gain), grid: octet(grid), peak, pulses: coded };
        let excitation = pulses(&part);
        self.residual.copy_within(PART.., 0);
        for k in 0..PART {
            self.residual[REACH - PART + k] = add(excitation[k], predicted[k]);
        }
        part
    }

    /// Lag and gain of the long-term predictor.
    fn predictor(&self, signal: &[i16; PART]) -> (usize, usize) {
        let most = peak(signal);
        let scale = if most == 0 { 0 } else { 6_u32.saturating_sub(norm(i32::from(most) << 16)) };
        let scaled = signal.map(|value| value >> scale);
        let mut lag = LEAST_LAG;
        let mut best = 0;
        for candidate in LEAST_LAG..=REACH {
            let product = product(&scaled, &self.residual[REACH - candidate..][..PART]);
            if product > best {
                (lag, best) = (candidate, product);
            }
        }
        let likeness = best << 1 >> (6 - scale);
        let past: [i16; PART] = std::array::from_fn(|k| self.residual[REACH - lag + k] >> 3);
        let power = product(&past, &past) << 1;
        if likeness <= 0 {
            return (lag, 0);
        }
        if likeness >= power {
            return (lag, 3);
        }
        let shift = norm(power);
        let (likeness, power) = (upper(likeness << shift), upper(power << shift));
        let gain = THRESHOLDS.iter().position(|threshold| likeness <= mult(power, *threshold));
        (lag, gain.unwrap_or(3))
    }
}

/// The inner product of two signals, whose values leave room for it.
fn product(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// Reflection coefficients of the signal, which loses the bits that its autocorrelation has no room for.
fn reflections(signal: &mut [i16; FRAME]) -> [i16; 8] {
    let most = peak(signal);
    let scale = if most == 0 { 0 } else { 4_u32.saturating_sub(norm(i32::from(most) << 16)) };
    if scale > 0 {
        let factor = 16_384 >> (scale - 1);
        signal.iter_mut().for_each(|value| *value = mult_r(*value, factor));
    }
    let mut correlation = [0; 9];
    for (lag, sum) in correlation.iter_mut().enumerate() {
        *sum = product(&signal[lag..], &signal[..FRAME - lag]) << 1;
    }
    signal.iter_mut().for_each(|value| *value <<= scale);
    schur(&correlation)
}

/// The Schur recursion.
fn schur(correlation: &[i32; 9]) -> [i16; 8] {
    let mut found = [0; 8];
    if correlation[0] == 0 {
        return found;
    }
    let shift = norm(correlation[0]);
    let mut upper_row = correlation.map(|sum| upper(sum << shift));
    let mut lower_row = [0; 9];
    lower_row[1..8].copy_from_slice(&upper_row[1..8]);
    for (n, found) in found.iter_mut().enumerate() {
        let size = upper_row[1].saturating_abs();
        if upper_row[0] < size {
            break;
        }
        let quotient = div(size, upper_row[0]);
        let by = if upper_row[1] > 0 { -quotient } else { quotient };
        *found = by;
        upper_row[0] = add(upper_row[0], mult_r(upper_row[1], by));
        for m in 1..8 - n {
            let next = upper_row[m + 1];
            upper_row[m] = add(next, mult_r(lower_row[m], by));
            lower_row[m] = add(lower_row[m], mult_r(next, by));
        }
    }
    found
}

/// Log-area ratios, coded.
fn quantise(coefficients: [i16; 8]) -> [u8; 8] {
    let mut coded = [0; 8];
    for ((coded, coefficient), by) in coded.iter_mut().zip(coefficients).zip(&RATIOS) {
        let size = match coefficient.saturating_abs() {
            size @ ..22_118 => size >> 1,
            size @ 22_118..31_130 => size - 11_059,
            size => (size - 26_112) << 2,
        };
        let ratio = if coefficient < 0 { -size } else { size };
        let step = add(add(mult(by.slope, ratio), by.offset), 256) >> 9;
        *coded = u8::try_from(step.clamp(by.least, by.greatest) - by.least).unwrap_or_default();
    }
    coded
}

/// The weighting filter.
fn weight(error: &[i16; PART]) -> [i16; PART] {
    let mut padded = [0; PART + WEIGHTING.len() - 1];
    padded[WEIGHTING.len() / 2..][..PART].copy_from_slice(error);
    // Twice the products, rounded, times four, of which the upper half counts.
    std::array::from_fn(|k| narrow((product(&padded[k..][..WEIGHTING.len()], &WEIGHTING) + 4096) >> 13))
}

/// The grid with most energy, and the values on it.
fn choose(weighted: &[i16; PART]) -> (usize, [i16; 13]) {
    let on = |grid: usize| std::array::from_fn::<i16, 13, _>(|i| weighted[grid + 3 * i]);
    let energy = |grid: usize| -> i32 { on(grid).iter().map(|value| i32::from(value >> 2).pow(2)).sum() };
    let mut grid = 0;
    let mut most = energy(0);
    for candidate in 1..4 {
        let found = energy(candidate);
        if found > most {
            (grid, most) = (candidate, found);
        }
    }
    (grid, on(grid))
}

/// Codes the values of a grid: the largest, logarithmic, and all as parts of it.
fn code(values: &[i16; 13]) -> (u8, [u8; 13]) {
    let most = peak(values);
    let bits = (16 - (most >> 9).leading_zeros()).min(6);
    let coded = (most >> (bits + 5)) + (i16::try_from(bits).unwrap_or_default() << 3);
    let coded = u8::try_from(coded.min(63)).unwrap_or_default();
    let (exponent, mantissa) = exponent(coded);
    let inverse = INVERSES[usize::from(mantissa)];
    let parts = values.map(|value| {
        let scaled = mult(value << (6 - exponent), inverse) >> 12;
        u8::try_from(scaled + 4).unwrap_or_default()
    });
    (coded, parts)
}
