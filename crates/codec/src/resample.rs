//! Conversion between sample rates that stand in a ratio of small numbers, by a polyphase FIR filter.
//!
//! It adds the delay of the filter and nothing else: what a call of `process` is given is used up, and any 10 ms give
//! exactly 10 ms.
//!
//! | | of half the lower rate | between 8 and 16 or 48 kHz | between 16 and 48 kHz |
//! | --- | --- | --- | --- |
//! | pass-band, within 0.05 dB | 0.85 | to 3400 Hz | to 6800 Hz |
//! | stop-band, at least 58 dB down | 1 | from 4000 Hz | from 8000 Hz |
//! | delay | 24 samples of the lower rate | 3 ms | 1.5 ms |
//!
//! The phase is linear. Tests measure all of it.

mod filter;

use std::sync::Arc;

use filter::{COEFFICIENT_BITS, Filter};

/// Rates that can be converted into each other, in hertz.
pub const RATES: [u32; 6] = [8000, 12_000, 16_000, 24_000, 32_000, 48_000];

/// Inputs converted in one go, so that the buffer has a bound.
const BLOCK: usize = 480;

/// The longest filter's reach into the past.
const MAX_HISTORY: usize = 287;

/// There is no conversion between these rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no conversion from {from} Hz to {to} Hz")]
pub struct UnsupportedRates {
    /// Rate of the input in hertz.
    pub from: u32,
    /// Rate of the output in hertz.
    pub to: u32,
}

/// One stream's conversion from one sample rate to another. Continuous over calls; equal rates are a copy.
#[derive(Debug, Clone)]
pub struct Resampler {
    from: u32,
    filter: Option<Arc<Filter>>,
    /// The last inputs, as many as the filter reaches into the past.
    history: Box<[i16]>,
    /// Which branch of the filter the next output takes.
    branch: usize,
    /// Inputs between the next one and the one that the next output ends at.
    skip: usize,
}

impl Resampler {
    /// A conversion from one rate in hertz to another; both among [`RATES`].
    ///
    /// # Errors
    /// [`UnsupportedRates`] for any other rate.
    pub fn new(from: u32, to: u32) -> Result<Self, UnsupportedRates> {
        if !RATES.contains(&from) || !RATES.contains(&to) {
            return Err(UnsupportedRates { from, to });
        }
        let filter = (from != to).then(|| Filter::shared(from, to));
        let history = filter.as_ref().map_or(0, |filter| filter.taps() - 1);
        Ok(Self { from, filter, history: vec![0; history].into_boxed_slice(), branch: 0, skip: 0 })
    }

    /// How much later what goes in comes out, in seconds.
    #[must_use]
    pub fn delay(&self) -> f64 {
        self.filter.as_ref().map_or(0.0, |filter| filter.delay() / f64::from(self.from))
    }

    /// Back to the state of a new one.
    pub fn reset(&mut self) {
        self.history.fill(0);
        (self.branch, self.skip) = (0, 0);
    }

    /// Converts all of `input` to the beginning of `output` and says how many samples it became: exactly
    /// `input.len() * to / from` where that is a whole number each time. What `output` has no room for is left out.
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) -> usize {
        let Self { filter: Some(filter), history, branch, skip, .. } = self else {
            let count = input.len().min(output.len());
            output.iter_mut().zip(input).for_each(|(out, sample)| *out = *sample);
            return count;
        };
        // On the stack: the history of this signal, then the inputs of a block.
        let mut window = [0; MAX_HISTORY + BLOCK];
        if let Some(past) = window.get_mut(..history.len()) {
            past.copy_from_slice(history);
        }
        let mut conversion = Conversion { filter, window: &mut window, branch, skip };
        let mut written = 0;
        for block in input.chunks(BLOCK) {
            written += conversion.block(block, output.get_mut(written..).unwrap_or_default());
        }
        if let Some(past) = window.get(..history.len()) {
            history.copy_from_slice(past);
        }
        written
    }
}

/// The parts of a resampler that changes rates, borrowed apart: its filter is shared, its state is not.
struct Conversion<'a> {
    filter: &'a Filter,
    window: &'a mut [i16],
    branch: &'a mut usize,
    skip: &'a mut usize,
}

impl Conversion<'_> {
    /// Converts at most [`BLOCK`] inputs.
    fn block(&mut self, input: &[i16], output: &mut [i16]) -> usize {
        let history = self.filter.taps() - 1;
        let end = history + input.len();
        if let Some(new) = self.window.get_mut(history..end) {
            new.copy_from_slice(input);
        }
        // One loop for each length that there is: of a length known when it is compiled, a sum needs a tenth of the
        // instructions.
        let count = input.len();
        let written = match self.filter.taps() {
            48 => self.convolve::<48>(count, output),
            64 => self.convolve::<64>(count, output),
            72 => self.convolve::<72>(count, output),
            96 => self.convolve::<96>(count, output),
            128 => self.convolve::<128>(count, output),
            144 => self.convolve::<144>(count, output),
            192 => self.convolve::<192>(count, output),
            _ => self.convolve::<288>(count, output),
        };
        self.window.copy_within(count..end, 0);
        written
    }

    /// The outputs that end at one of the `count` inputs in the window.
    fn convolve<const TAPS: usize>(&mut self, count: usize, output: &mut [i16]) -> usize {
        let filter = self.filter;
        let branches = filter.coefficients().as_chunks::<TAPS>().0;
        let (mut position, mut branch) = (*self.skip, *self.branch);
        let mut output = output.iter_mut();
        let mut written = 0;
        while position < count {
            let samples = self.window.get(position..).and_then(<[i16]>::first_chunk);
            let (Some(coefficients), Some(samples)) = (branches.get(branch), samples) else { break };
            // Without room for it an output is left out, and time goes on.
            if let Some(out) = output.next() {
                *out = dot::<TAPS>(coefficients, samples);
                written += 1;
            }
            branch += filter.step();
            while branch >= filter.branches() {
                branch -= filter.branches();
                position += 1;
            }
        }
        (*self.skip, *self.branch) = (position.saturating_sub(count), branch);
        written
    }
}

/// The filter's output, rounded and saturated.
#[inline]
fn dot<const TAPS: usize>(coefficients: &[i16; TAPS], samples: &[i16; TAPS]) -> i16 {
    // The magnitudes of a branch's coefficients add up to more than 2, those of half of it do not: each half has room
    // in 32 bits whatever the samples are, the whole has not.
    let sum = |(coefficients, samples): (&[i16], &[i16])| -> i32 {
        coefficients.iter().zip(samples).map(|(c, s)| i32::from(*c) * i32::from(*s)).sum()
    };
    let (early_c, late_c) = coefficients.split_at(TAPS / 2);
    let (early_s, late_s) = samples.split_at(TAPS / 2);
    let whole = i64::from(sum((early_c, early_s))) + i64::from(sum((late_c, late_s)));
    let rounded = ((whole >> (COEFFICIENT_BITS - 1)) + 1) >> 1;
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    let sample = rounded.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    sample
}

#[cfg(test)]
mod tests;
