//! Conversion between sample rates that stand in a ratio of small numbers, by a polyphase FIR filter.
//!
//! It adds the delay of the filter and nothing else: what a call of `process` is given is used up, and any 10 ms give
//! exactly 10 ms.

mod filter;

use std::sync::Arc;

use filter::{COEFFICIENT_BITS, Filter};

/// Rates that can be converted into each other, in hertz.
pub const RATES: [u32; 6] = [8000, 12_000, 16_000, 24_000, 32_000, 48_000];

/// Inputs converted in one go, so that the buffer has a bound.
const BLOCK: usize = 480;

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
    /// The filter's reach into the past, then the inputs of this block.
    window: Box<[i16]>,
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
        let window = vec![0; if filter.is_some() { history + BLOCK } else { 0 }].into_boxed_slice();
        Ok(Self { from, filter, window, branch: 0, skip: 0 })
    }

    /// How much later what goes in comes out, in seconds.
    #[must_use]
    pub fn delay(&self) -> f64 {
        self.filter.as_ref().map_or(0.0, |filter| filter.delay() / f64::from(self.from))
    }

    /// Back to the state of a new one.
    pub fn reset(&mut self) {
        self.window.fill(0);
        (self.branch, self.skip) = (0, 0);
    }

    /// Converts all of `input` to the beginning of `output` and says how many samples it became: exactly
    /// `input.len() * to / from` where that is a whole number each time. Stops early where `output` is too short;
    /// the rest of `input` is then lost.
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) -> usize {
        let Some(filter) = self.filter.clone() else {
            let count = input.len().min(output.len());
            output.iter_mut().zip(input).for_each(|(out, sample)| *out = *sample);
            return count;
        };
        let mut written = 0;
        for block in input.chunks(BLOCK) {
            written += self.block(&filter, block, output.get_mut(written..).unwrap_or_default());
        }
        written
    }

    /// Converts at most [`BLOCK`] inputs.
    fn block(&mut self, filter: &Filter, input: &[i16], output: &mut [i16]) -> usize {
        let taps = filter.taps();
        let end = taps - 1 + input.len();
        if let Some(new) = self.window.get_mut(taps - 1..end) {
            new.copy_from_slice(input);
        }
        let mut written = 0;
        let mut position = self.skip;
        for out in output {
            let Some(samples) = self.window.get(position..position + taps).filter(|_| position < input.len())
            else {
                break;
            };
            *out = dot(filter.branch(self.branch), samples);
            written += 1;
            self.branch += filter.step();
            while self.branch >= filter.branches() {
                self.branch -= filter.branches();
                position += 1;
            }
        }
        self.skip = position.saturating_sub(input.len());
        self.window.copy_within(input.len()..end, 0);
        written
    }
}

/// The filter's output, rounded and saturated.
fn dot(coefficients: &[i16], samples: &[i16]) -> i16 {
    let sum: i32 = coefficients.iter().zip(samples).map(|(c, s)| i32::from(*c) * i32::from(*s)).sum();
    let rounded = (sum + (1 << (COEFFICIENT_BITS - 1))) >> COEFFICIENT_BITS;
    i16::try_from(rounded).unwrap_or(if rounded < 0 { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests;
