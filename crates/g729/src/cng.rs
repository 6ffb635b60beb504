//! Comfort noise, which both sides make alike so that their memories stay alike: what a SID says, and the excitation
//! of inactive frames. Clauses B.4.2 and B.4.4; where the text differs from the reference, the reference.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "positions and delays are bounded by the bits they are cut from"
)]

use crate::excitation::{Delay, FRAME, PAST, SUBFRAME, Vector, interpolate_past};
use crate::frame::Sid;
use crate::lsf::{self, GAPS, Memory};
use crate::lsp::{self, Lsp};
use crate::math::{Random, inv_sqrt, log2};
use crate::ops::{
    abs_s, add, extract_h, l_extract, l_mac, l_mult, l_shl, l_shr, mpy_32_16, mult, mult_r, negate, norm_l,
    norm_s, shl, shr, shr_r, sub,
};
use crate::tables::sid::{SID_ENERGY_FACTOR, SID_GAIN};

/// Seed of the noise's random generator after every active frame.
pub(crate) const SEED: i16 = 11_111;
/// Greatest gain of the pulses, Q0.
const PULSE_GAIN_MAX: i16 = 5000;

/// `sid_lsfq_decode`: the line spectral pairs of a SID.
pub(crate) fn sid_lsp(sid: &Sid, memory: &mut Memory) -> Lsp {
    let predictor = &lsf::NOISE[usize::from(sid.predictor & 1)];
    let lsf = memory.quantised(lsf::sid_codeword(sid.first, sid.second), &GAPS[..1], predictor);
    lsp::from_lsf(&lsf)
}

/// The gain a SID's index stands for, Q3.
pub(crate) fn sid_gain(index: u8) -> i16 {
    SID_GAIN[usize::from(index & 31)]
}

/// `Quant_Energy`: index and level in dB of an energy of `mantissa * 2^-exponent`. Clause B.4.2.1.
///
/// Levels lie at -12 dB, then every 4 dB from -4 to 16, then every 2 dB to 66; the bounds half way between.
pub(crate) fn quantise_energy(mantissa: i32, exponent: i16) -> (u8, i16) {
    // The energy in Q10 of its binary logarithm, where a decibel is 340.
    let (whole, fraction) = log2(mantissa);
    let level = add(shl(sub(whole, exponent), 10), mult_r(fraction, 1024));
    if level <= -2721 {
        return (0, -12);
    }
    if level > 22_111 {
        return (31, 66);
    }
    if level <= 4762 {
        // 10 dB up, then a row every 4 dB: 24/32768 of 340.
        let row = mult(add(level, 3401), 24).max(1);
        return (row.unsigned_abs() as u8, 4 * row - 8);
    }
    // 1 dB down, then a row every 2 dB: 193/131072 of 340.
    let row = sub(shr(mult(sub(level, 340), 193), 2), 1).max(6);
    (row.unsigned_abs() as u8, 2 * row + 4)
}

/// The SID gain that the energy of a frame of speech, `mantissa * 2^shift`, stands for, where the SID was lost. Clause B.4.5.
pub(crate) fn gain_of_energy((mantissa, shift): (i16, i16)) -> i16 {
    let (hi, lo) = l_extract(l_shl(i32::from(mantissa), shift));
    let (index, _) = quantise_energy(mpy_32_16(hi, lo, SID_ENERGY_FACTOR[0]), 0);
    sid_gain(index)
}

/// What the excitation of a subframe was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draw {
    /// Gain of the adaptive part, Q14.
    pub(crate) pitch_gain: i16,
    /// Its delay in whole samples.
    pub(crate) delay: i16,
}

/// The pulses of a subframe: place, and whether positive.
type Pulses = [(usize, bool); 4];

/// `Calc_exc_rand`: fills the last [`FRAME`] samples of an excitation buffer, of [`PAST`] before them, with noise of
/// a level (Q3), and says what was drawn for each subframe.
pub(crate) fn excitation(buffer: &mut [i16; PAST + FRAME], level: i16, random: &mut Random) -> [Draw; 2] {
    if level == 0 {
        buffer[PAST..].fill(0);
        return [Draw { pitch_gain: 0, delay: SUBFRAME as i16 + 1 }; 2];
    }
    [PAST, PAST + SUBFRAME].map(|start| subframe(buffer, start, level, random))
}

fn subframe(buffer: &mut [i16], start: usize, level: i16, random: &mut Random) -> Draw {
    let (delay, pulses) = draw_structure(random);
    let mut pitch_gain = random.next() & 0x1fff;
    let gaussian = gaussian(level, random);

    // The noise with the adaptive part on top, scaled down so that its energy fits a word.
    interpolate_past(buffer, start, delay);
    let twice = shl(pitch_gain, 1);
    let mut greatest = 0;
    for (out, &noise) in buffer[start..start + SUBFRAME].iter_mut().zip(&gaussian) {
        *out = add(noise, mult_r(*out, twice));
        greatest = greatest.max(abs_s(*out));
    }
    let shift = if greatest == 0 { 0 } else { sub(3, norm_s(greatest)).max(0) };

    // 40 times the squared level, as the pulses' equation has it.
    let target = {
        let scaled = (l_mult(level, SUBFRAME as i16) >> 6) as i16;
        l_mult(level, scaled)
    };
    let mixed = &buffer[start..start + SUBFRAME];
    let energy = mixed.iter().fold(0, |sum, &x| l_mac(sum, shr(x, shift), shr(x, shift)));
    let mut root = Quadratic { cross: sum_at(&pulses, mixed, shift) >> 1, shift };
    let mut discriminant = l_mac(root.scaled(target).saturating_sub(energy), root.cross, root.cross);
    if discriminant < 0 {
        // No gain of the pulses gives that energy: without the adaptive part one does, and the pulses get 3/4 of it.
        pitch_gain = 0;
        buffer[start..start + SUBFRAME].copy_from_slice(&gaussian);
        let bits = pulses.iter().fold(0, |bits, &(place, _)| bits | abs_s(gaussian[place]));
        let shift = if bits & 0x4000 == 0 { 0 } else { 1 };
        root = Quadratic { cross: sum_at(&pulses, &gaussian, shift + 1), shift };
        let (hi, lo) = l_extract(target);
        discriminant = l_mac(root.scaled(mpy_32_16(hi, lo, 24_576)), root.cross, root.cross);
    }
    let gain = root.smaller(discriminant);
    for (place, positive) in pulses {
        let out = &mut buffer[start + place];
        *out = if positive { add(*out, gain) } else { sub(*out, gain) };
    }
    Draw { pitch_gain, delay: delay.whole }
}

/// Delay, places and signs, from two random words.
fn draw_structure(random: &mut Random) -> (Delay, Pulses) {
    let mut bits = random.next();
    let take = |bits: &mut i16, count: u32| {
        let field = *bits & ((1 << count) - 1);
        *bits >>= count;
        field
    };
    let thirds = match take(&mut bits, 2) - 1 {
        2 => 0,
        thirds => thirds,
    };
    let whole = take(&mut bits, 6) + SUBFRAME as i16;
    let place = |field: i16| usize::from(field.unsigned_abs());
    let first = (5 * place(take(&mut bits, 3)), take(&mut bits, 1) != 0);
    let second = (5 * place(take(&mut bits, 3)) + 1, take(&mut bits, 1) != 0);
    let mut bits = random.next();
    let third = (5 * place(take(&mut bits, 3)) + 2, take(&mut bits, 1) != 0);
    let field = place(take(&mut bits, 4));
    let fourth = (5 * (field >> 1) + (field & 1) + 3, take(&mut bits, 1) != 0);
    (Delay { whole, thirds }, [first, second, third, fourth])
}

/// Gaussian noise of half the level.
fn gaussian(level: i16, random: &mut Random) -> Vector {
    // The sum of twelve uniform words is near enough to normal.
    let noise = random.sums_of_twelve().map(|sum| (sum >> 7) as i16);
    // At most 40 times 3072 squared, twice.
    let energy = 2 * noise.iter().fold(0, |sum: i32, &x| sum + i32::from(x) * i32::from(x));
    // level * sqrt(40) / 4 over the root of the energy.
    let (hi, lo) = l_extract(inv_sqrt(energy >> 1));
    let wanted = add(level, mult_r(level, 19_043));
    let factor = mpy_32_16(hi, lo, wanted);
    let shift = norm_l(factor);
    let mantissa = extract_h(l_shl(factor, shift));
    let shift = sub(shift, 14);
    if let 1..=15 = shift {
        let half = 1 << (shift - 1);
        return noise.map(|x| ((i32::from(mult_r(x, mantissa)) + half) >> shift) as i16);
    }
    noise.map(|x| shr_r(mult_r(x, mantissa), shift))
}

/// The scalar product of pulses and signal, of samples shifted right.
fn sum_at(pulses: &Pulses, signal: &[i16], shift: i16) -> i16 {
    pulses.iter().fold(0, |sum, &(place, positive)| {
        let x = shr(signal[place], shift);
        if positive { add(sum, x) } else { sub(sum, x) }
    })
}

/// `4 g^2 + 2 I g = K`: the gain `g` of four pulses whose product with the rest is `I`, to an energy `K` above it.
/// Signals are scaled by `2^-shift`. Equation (B.21).
struct Quadratic {
    /// Half of `I`.
    cross: i16,
    shift: i16,
}

impl Quadratic {
    /// Twice an energy of Q6 in the scale of the signals.
    fn scaled(&self, energy: i32) -> i32 {
        l_shr(energy, add(1, shl(self.shift, 1)))
    }

    /// The root of smaller magnitude within its limits, from twice the quarter of the discriminant.
    fn smaller(&self, discriminant: i32) -> i16 {
        let root = square_root(discriminant);
        let (one, other) = (sub(root, self.cross), negate(add(self.cross, root)));
        let smaller = if abs_s(other) < abs_s(one) { other } else { one };
        shr_r(smaller, sub(1, self.shift)).clamp(-PULSE_GAIN_MAX, PULSE_GAIN_MAX)
    }
}

/// The root of half a word, rounded down to an even number: the reference finds all bits but the last.
fn square_root(x: i32) -> i16 {
    if x <= 0 { 0 } else { (x >> 1).isqrt() as i16 & !1 }
}

#[cfg(test)]
mod tests;
