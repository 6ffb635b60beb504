//! The two laws [G.711 3.2, Tables 1 and 2]: codes to linear by table, linear to codes by arithmetic.
//!
//! Both are sign and magnitude, with eight segments (chords) of sixteen steps, the step doubling from segment to
//! segment. Finding segment and step of a magnitude is what making a float of it does: the exponent is the
//! segment and the top four mantissa bits are the step. That form has no branch and no table, and vectorises.

/// The two companding laws of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law: PCMA, RTP payload type 8.
    A,
    /// Mu-law: PCMU, RTP payload type 0.
    Mu,
}

impl Law {
    /// The code of silence: positive zero in mu-law, the smallest positive step in A-law, which has no zero.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::A => 0xd5,
            Self::Mu => 0xff,
        }
    }
}

/// Even bits of an A-law code are sent inverted [G.711 Table 1, note 2].
pub(crate) const EVEN_BITS: u8 = 0x55;
/// The polarity bit, 1 for positive values before inversion.
pub(crate) const POSITIVE: u8 = 0x80;

/// Mu-law magnitudes, moved up by this much (33 in 14 bits), begin their segments at powers of two.
const MU_BIAS: i16 = 132;
/// The largest magnitude below mu-law's virtual decision value (8159 in 14 bits).
const MU_MAX: i16 = 8159 * 4 - 1;
/// A-law's first segment, and the first half of codes that is linear, ends here (32 in 13 bits).
const A_LINEAR_END: i16 = 256;

/// A float's exponent and upper four mantissa bits, moved down to be a 7-bit segment and step.
const FLOAT_SHIFT: u32 = 23 - 4;
/// What [`FLOAT_SHIFT`] leaves of 2^7, where both laws' second scale step begins: (127 + 7) sixteens.
const FLOAT_BASE: u32 = (127 + 7) << 4;

/// Linear value of each mu-law code.
static MU_LINEAR: [i16; 256] = linear_table(Law::Mu);
/// Linear value of each A-law code.
static A_LINEAR: [i16; 256] = linear_table(Law::A);

/// The 16-bit linear value of a code: the middle of its interval.
#[must_use]
#[inline]
#[expect(clippy::indexing_slicing, reason = "an octet indexes 256 places")]
pub fn decode(law: Law, code: u8) -> i16 {
    match law {
        Law::A => A_LINEAR[usize::from(code)],
        Law::Mu => MU_LINEAR[usize::from(code)],
    }
}

/// The code of a 16-bit linear value.
///
/// A magnitude equal to a decision value belongs to the interval above it (G.711 leaves it open), on both sides of
/// zero alike. Zero is positive. What exceeds the law's range gets the outermost code.
#[must_use]
#[inline]
pub const fn encode(law: Law, linear: i16) -> u8 {
    match law {
        Law::A => a_code(linear),
        Law::Mu => mu_code(linear),
    }
}

/// Decodes `codes` into `linear`, as far as the shorter of the two goes.
pub fn decode_slice(law: Law, codes: &[u8], linear: &mut [i16]) {
    let table = match law {
        Law::A => &A_LINEAR,
        Law::Mu => &MU_LINEAR,
    };
    for (linear, &code) in linear.iter_mut().zip(codes) {
        #[expect(clippy::indexing_slicing, reason = "an octet indexes 256 places")]
        let value = table[usize::from(code)];
        *linear = value;
    }
}

/// Squares of linear values by code, in units that keep them short: 16 for mu-law and 64 for A-law, whose values are multiples of 4
/// and 8.
static MU_SQUARES: [u32; 256] = square_table(Law::Mu);
static A_SQUARES: [u32; 256] = square_table(Law::A);

/// Squares whose sum 32 bits hold.
const FEW: usize = 64;

/// Codes of 5 ms at 8000 Hz: so many are added without counting.
const USUAL: usize = 40;

/// Mean square of the linear values of the loudest `part` codes on end, counted from the first; of fewer at the end, and 0 of none.
/// What decoding and adding would give, in less than half the work.
#[must_use]
pub fn loudest_power(law: Law, codes: &[u8], part: usize) -> f32 {
    let (table, unit) = match law {
        Law::A => (&A_SQUARES, 64),
        Law::Mu => (&MU_SQUARES, 16),
    };
    let mean = |sum: u64, len: usize| {
        #[expect(clippy::cast_precision_loss, reason = "a level")]
        let mean = (sum * unit) as f32 / len as f32;
        mean
    };
    if part == USUAL {
        let (parts, rest) = codes.as_chunks::<USUAL>();
        let most = parts.iter().map(|part| few(table, part)).max().unwrap_or(0);
        let most = mean(u64::from(most), USUAL);
        return if rest.is_empty() { most } else { most.max(mean(sum(table, rest), rest.len())) };
    }
    codes.chunks(part.max(1)).map(|part| mean(sum(table, part), part.len())).fold(0.0, f32::max)
}

/// Sum of the squares of up to [`FEW`] codes.
#[inline]
#[expect(clippy::indexing_slicing, reason = "an octet indexes 256 places")]
fn few(table: &[u32; 256], codes: &[u8]) -> u32 {
    codes.iter().map(|code| table[usize::from(*code)]).sum()
}

fn sum(table: &[u32; 256], codes: &[u8]) -> u64 {
    codes.chunks(FEW).map(|codes| u64::from(few(table, codes))).sum()
}

/// Encodes `linear` into `codes`, as far as the shorter of the two goes.
pub fn encode_slice(law: Law, linear: &[i16], codes: &mut [u8]) {
    // One loop a law, so that the choice is outside of it and the loop vectorises.
    match law {
        Law::A => codes.iter_mut().zip(linear).for_each(|(code, &linear)| *code = a_code(linear)),
        Law::Mu => codes.iter_mut().zip(linear).for_each(|(code, &linear)| *code = mu_code(linear)),
    }
}

/// Segment and step of a magnitude of at least 128: 0 for 128..136, one more each sixteenth of an octave.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "0..=127 for the magnitudes there are")]
const fn chord(magnitude: i16) -> u8 {
    ((magnitude as f32).to_bits() >> FLOAT_SHIFT).wrapping_sub(FLOAT_BASE) as u8
}

/// The magnitude, -32,768 taken as -32,767.
#[inline]
const fn magnitude(linear: i16) -> i16 {
    // saturating_abs, in a form that vectorises on every target.
    let sign = linear >> 15;
    (linear ^ sign).saturating_sub(sign)
}

/// [`POSITIVE`] for zero and above, else 0.
#[inline]
const fn polarity(linear: i16) -> u8 {
    !((linear >> 15) as u8) & POSITIVE
}

#[inline]
const fn mu_code(linear: i16) -> u8 {
    let magnitude = magnitude(linear);
    let magnitude = if magnitude > MU_MAX { MU_MAX } else { magnitude };
    // [G.711 Table 2, note 2]: all bits but the polarity are sent inverted.
    polarity(linear) | (chord(magnitude + MU_BIAS) ^ 0x7f)
}

#[inline]
const fn a_code(linear: i16) -> u8 {
    let magnitude = magnitude(linear);
    #[expect(clippy::cast_possible_truncation, reason = "below 16 where it is used")]
    let step = (magnitude >> 4) as u8;
    let code = if magnitude < A_LINEAR_END { step } else { chord(magnitude) };
    (polarity(linear) | code) ^ EVEN_BITS
}

#[expect(
    clippy::indexing_slicing,
    reason = "an octet indexes 256 places; constant evaluation would not build"
)]
const fn linear_table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0_u8;
    loop {
        table[code as usize] = linear(law, code);
        if code == u8::MAX {
            return table;
        }
        code += 1;
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "an octet indexes 256 places; constant evaluation would not build"
)]
const fn square_table(law: Law) -> [u32; 256] {
    let unit = match law {
        Law::A => 8,
        Law::Mu => 4,
    };
    let mut table = [0; 256];
    let mut code = 0_u8;
    loop {
        let value = (linear(law, code) / unit).unsigned_abs() as u32;
        table[code as usize] = value * value;
        if code == u8::MAX {
            return table;
        }
        code += 1;
    }
}

/// What [`decode`] looks up.
const fn linear(law: Law, code: u8) -> i16 {
    match law {
        Law::A => a_linear(code),
        Law::Mu => mu_linear(code),
    }
}

/// [G.711 Table 2]: the middle of the interval; in 14 bits, (2 step + 33) 2^segment - 33.
const fn mu_linear(code: u8) -> i16 {
    let (segment, step) = ((!code >> 4) & 7, (!code & 15) as i16);
    let magnitude = (((2 * step + 33) << segment) - 33) * 4;
    if code & POSITIVE != 0 { magnitude } else { -magnitude }
}

/// [G.711 Table 1]: the middle of the interval; in 13 bits, 2 step + 1 in the first segment, and
/// (2 step + 33) 2^(segment - 1) above it.
const fn a_linear(code: u8) -> i16 {
    let code = code ^ EVEN_BITS;
    let (segment, step) = ((code >> 4) & 7, (code & 15) as i16);
    let magnitude = match segment {
        0 => (2 * step + 1) * 8,
        _ => ((2 * step + 33) << (segment - 1)) * 8,
    };
    if code & POSITIVE != 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests;
