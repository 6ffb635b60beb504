//! The quadrature mirror filters that split audio into the two sub-bands and put it together again [G.722 6.2.1].

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "inner loop over fixed windows; sums are clamped before they are narrowed"
)]

/// Taps of the filters.
pub(super) const TAPS: usize = 24;
/// Pairs of samples that are filtered in one go.
pub(super) const BLOCK: usize = 80;

/// The first half of the coefficients in 2^-13; the other half mirrors it (Table 11).
const HALF: [i16; TAPS / 2] = [3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876];

/// Coefficients for the lower band, and with the sign of every other one turned for the higher one, oldest sample
/// first.
const LOW: [i16; TAPS] = coefficients(1);
const HIGH: [i16; TAPS] = coefficients(-1);

const fn coefficients(even: i16) -> [i16; TAPS] {
    let mut all = [0; TAPS];
    let mut i = 0;
    while i < TAPS {
        let value = HALF[if i < TAPS / 2 { i } else { TAPS - 1 - i }];
        all[i] = if i % 2 == 0 { even * value } else { value };
        i += 1;
    }
    all
}

fn dot(coefficients: &[i16; TAPS], samples: &[i16; TAPS]) -> i32 {
    coefficients.iter().zip(samples).map(|(c, s)| i32::from(*c) * i32::from(*s)).sum()
}

/// Splits audio into the sub-bands, each at half the rate.
#[derive(Debug, Clone)]
pub(super) struct Analysis {
    window: [i16; TAPS - 2 + 2 * BLOCK],
}

impl Analysis {
    pub(super) const fn new() -> Self {
        Self { window: [0; TAPS - 2 + 2 * BLOCK] }
    }

    /// Takes in audio without splitting it.
    pub(super) fn skip(&mut self, pcm: &[i16]) {
        let kept = pcm.len().min(TAPS - 2);
        self.window.copy_within(kept..TAPS - 2, 0);
        self.window[TAPS - 2 - kept..TAPS - 2].copy_from_slice(&pcm[pcm.len() - kept..]);
    }

    /// Passes the bands of each pair of samples, lower and higher, to `each`. At most [`BLOCK`] pairs.
    #[inline]
    pub(super) fn process(&mut self, pcm: &[i16], mut each: impl FnMut(i16, i16)) {
        self.window[TAPS - 2..TAPS - 2 + pcm.len()].copy_from_slice(pcm);
        for pair in 0..pcm.len() / 2 {
            let Some(samples) = self.window[2 * pair..].first_chunk() else { break };
            // Audio clipped at full scale can overshoot the 15 bits that a band nominally has. It stays within 16,
            // and is coded like that everywhere; the decoder limits what it makes of it.
            let [low, high] = [&LOW, &HIGH].map(|band| (dot(band, samples) >> 14) as i16);
            each(low, high);
        }
        self.window.copy_within(pcm.len()..pcm.len() + TAPS - 2, 0);
    }
}

/// Puts the sub-bands together.
#[derive(Debug, Clone)]
pub(super) struct Synthesis {
    /// Difference and sum of the bands in turn.
    window: [i16; TAPS - 2 + 2 * BLOCK],
}

/// Coefficients for the difference, which makes the first sample of a pair, and for the sum, which makes the second.
const DIFFERENCE: [i16; TAPS] = every_other(0);
const SUM: [i16; TAPS] = every_other(1);

const fn every_other(first: usize) -> [i16; TAPS] {
    let mut all = [0; TAPS];
    let mut i = first;
    while i < TAPS {
        // The newest difference takes h0, the newest sum h1.
        all[i] = LOW[TAPS - 2 + 2 * first - i];
        i += 2;
    }
    all
}

impl Synthesis {
    pub(super) const fn new() -> Self {
        Self { window: [0; TAPS - 2 + 2 * BLOCK] }
    }

    /// Takes in a pair of bands whose samples nobody hears.
    pub(super) fn skip(&mut self, low: i16, high: i16) {
        self.window.copy_within(2..TAPS - 2, 0);
        self.window[TAPS - 4..TAPS - 2].copy_from_slice(&[low - high, low + high]);
    }

    /// Fills `pcm`, at most [`BLOCK`] pairs, with what the bands, lower and higher, that `next` gives make.
    #[inline]
    pub(super) fn process(&mut self, pcm: &mut [i16], mut next: impl FnMut() -> (i16, i16)) {
        for pair in self.window[TAPS - 2..TAPS - 2 + pcm.len()].chunks_exact_mut(2) {
            let (low, high) = next();
            pair.copy_from_slice(&[low - high, low + high]);
        }
        for (pair, out) in pcm.chunks_exact_mut(2).enumerate() {
            let Some(bands) = self.window[2 * pair..].first_chunk() else { break };
            for (out, coefficients) in out.iter_mut().zip([&DIFFERENCE, &SUM]) {
                *out = (dot(coefficients, bands) >> 11).clamp(-32_768, 32_767) as i16;
            }
        }
        self.window.copy_within(pcm.len()..pcm.len() + TAPS - 2, 0);
    }
}
