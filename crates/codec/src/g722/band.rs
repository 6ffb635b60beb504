//! One sub-band's ADPCM: the quantisers, the scale factor, and the predictor of two poles and six zeros that
//! encoder and decoder both run [G.722 6.2].

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "inner loop; codes are masked to their table's length, values are clamped before they are narrowed"
)]

/// QUANTL: decision levels of the lower band's quantiser, between 30 intervals a sign (Table 14, Q6).
const DECISION: [i16; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
    1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// QUANTH: the decision level of the higher band's quantiser (Q2).
const DECISION_HIGH: i32 = 564;

/// INVQAL: what the upper four bits of a lower-band code stand for (QQ4 with its sign), in 2^-12.
const LOW_4: [i16; 16] = quantiser_4();
/// INVQBL: what a lower-band code of six bits stands for (QQ6 with its sign), in 2^-12.
const LOW_6: [i16; 64] = quantiser_6();
/// INVQAH: what a higher-band code stands for (QQ2 with its sign), in 2^-12.
const HIGH_2: [i16; 4] = [-926, -202, 926, 202];

/// LOGSCL: by how much the logarithm of the scale factor moves (WL), by the code's upper four bits (RL42).
const STEP_LOW: [i16; 16] = {
    const WL: [i16; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
    let mut steps = [WL[0]; 16];
    let mut code = 1;
    while code < 15 {
        // 1 to 7 are negative and fall, 8 to 14 are positive and fall.
        steps[code] = WL[if code < 8 { 8 - code } else { 15 - code }];
        code += 1;
    }
    steps
};
/// LOGSCH: the same for the higher band (WH by RH2).
const STEP_HIGH: [i16; 4] = [798, -214, 798, -214];

/// SCALEL: 2^11 times the antilogarithm of 32nds (ILB).
const ANTILOG: [u16; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// Largest logarithm of the scale factor: lower band (LOGSCL), higher band (LOGSCH).
const LOG_MAX_LOW: i16 = 18_432;
const LOG_MAX_HIGH: i16 = 22_528;

const fn quantiser_4() -> [i16; 16] {
    const QQ4: [i16; 8] = [0, 150, 323, 530, 786, 1121, 1612, 2557];
    let mut values = [0; 16];
    let mut code = 1;
    while code < 8 {
        values[code] = -QQ4[8 - code];
        values[code + 7] = QQ4[8 - code];
        code += 1;
    }
    values
}

const fn quantiser_6() -> [i16; 64] {
    /// Output values of the intervals from the innermost one.
    const QQ6: [i16; 30] = [
        17, 54, 91, 130, 170, 211, 254, 300, 347, 396, 447, 501, 558, 618, 682, 750, 822, 899, 982, 1072,
        1170, 1279, 1399, 1535, 1689, 1873, 2088, 2376, 2738, 3101,
    ];
    // Codes 0 to 3 are never sent in this mode; they count as the innermost negative interval.
    let mut values = [-QQ6[0]; 64];
    let mut interval = 0;
    while interval < 30 {
        values[low_code(interval, true) as usize] = -QQ6[interval];
        values[low_code(interval, false) as usize] = QQ6[interval];
        interval += 1;
    }
    values
}

/// QUANTL: the code of an interval (ILN, ILP), intervals counted from 0 at the innermost.
const fn low_code(interval: usize, negative: bool) -> u8 {
    match (interval, negative) {
        (0 | 1, true) => 63 - interval as u8,
        (_, true) => 33 - interval as u8,
        (_, false) => 61 - interval as u8,
    }
}

const fn saturate(value: i32) -> i16 {
    if value > i16::MAX as i32 {
        i16::MAX
    } else if value < i16::MIN as i32 {
        i16::MIN
    } else {
        value as i16
    }
}

/// The product of two fractions of 15 binary places, rounded down.
const fn multiply(a: i16, b: i16) -> i16 {
    ((a as i32 * b as i32) >> 15) as i16
}

/// SCALEL, SCALEH: the scale factor of its logarithm, which counts 2048ths of an octave.
const fn scale_factor(log: i16, octaves: u32) -> i16 {
    let mantissa = ANTILOG[(log >> 6 & 31) as usize] as u32;
    ((mantissa << (log >> 11)) >> octaves << 2) as i16
}

/// Adaptive prediction of one sub-band.
#[derive(Debug, Clone)]
struct Predictor {
    /// S: what the next value is predicted to be, and SZ: the zeros' part in it.
    prediction: i16,
    zeros_part: i16,
    /// A1, A2: the poles' coefficients.
    poles: [i16; 2],
    /// R1, R2 doubled: reconstructed values.
    reconstructed: [i16; 2],
    /// P1, P2: signs of the partly reconstructed values, -1 or 0.
    signs: [i16; 2],
    /// B1 to B6: the zeros' coefficients.
    zeros: [i16; 8],
    /// D1 to D6 doubled: quantised differences. The last two places count for nothing.
    differences: [i16; 8],
}

impl Predictor {
    const fn new() -> Self {
        Self {
            prediction: 0,
            zeros_part: 0,
            poles: [0; 2],
            reconstructed: [0; 2],
            signs: [0; 2],
            zeros: [0; 8],
            differences: [0; 8],
        }
    }

    /// Takes in a quantised difference and predicts the next value.
    #[inline]
    fn update(&mut self, difference: i16) {
        // PARREC, RECONS
        let sign = difference.saturating_add(self.zeros_part) >> 15;
        let reconstructed = self.prediction.saturating_add(difference);
        self.update_poles(sign);
        self.update_zeros(difference);
        // DELAYA. Values are kept doubled, as FILTEP and FILTEZ want them.
        self.signs = [sign, self.signs[0]];
        self.reconstructed = [reconstructed.saturating_add(reconstructed), self.reconstructed[0]];
        self.differences.copy_within(0..5, 1);
        self.differences[0] = difference.saturating_add(difference);
        // FILTEP, FILTEZ, PREDIC
        let [r1, r2] = self.reconstructed;
        let [a1, a2] = self.poles;
        let poles_part = multiply(a1, r1).saturating_add(multiply(a2, r2));
        self.zeros_part = self.filter_zeros();
        self.prediction = poles_part.saturating_add(self.zeros_part);
    }

    /// UPPOL2, UPPOL1
    #[inline]
    fn update_poles(&mut self, sign: i16) {
        let [a1, a2] = self.poles;
        // -1 where the signs differ, else 0.
        let [differs1, differs2] = self.signs.map(|earlier| sign ^ earlier);
        let a1_4 = saturate(i32::from(a1) * 4);
        let by_a1 = if differs1 == 0 { 0_i16.saturating_sub(a1_4) } else { a1_4 } >> 7;
        let by_sign = if differs2 == 0 { 128 } else { -128 };
        let a2 = (by_a1 + by_sign + multiply(a2, 32_512)).clamp(-12_288, 12_288);
        let by_sign = if differs1 == 0 { 192 } else { -192 };
        let limit = 15_360 - a2;
        let a1 = (by_sign + multiply(a1, 32_640)).clamp(-limit, limit);
        self.poles = [a1, a2];
    }

    /// UPZERO
    #[inline]
    fn update_zeros(&mut self, difference: i16) {
        let step = if difference == 0 { 0 } else { 128 };
        let sign = difference >> 15;
        for (zero, earlier) in self.zeros.iter_mut().zip(self.differences) {
            let differs = sign ^ (earlier >> 15);
            // The step, negated where the signs differ.
            *zero = multiply(*zero, 32_640).saturating_add((step ^ differs) - differs);
        }
    }

    /// FILTEZ
    #[inline]
    fn filter_zeros(&self) -> i16 {
        let mut parts = [0; 6];
        for (i, part) in parts.iter_mut().enumerate() {
            *part = multiply(self.zeros[i], self.differences[i]);
        }
        saturate(parts.into_iter().map(i32::from).sum())
    }
}

/// The lower sub-band, six bits a value.
#[derive(Debug, Clone)]
pub(super) struct LowBand {
    predictor: Predictor,
    /// NBL, DETL: the scale factor and its logarithm.
    log: i16,
    scale: i16,
}

impl LowBand {
    pub(super) const fn new() -> Self {
        Self { predictor: Predictor::new(), log: 0, scale: scale_factor(0, 8) }
    }

    /// Codes a value.
    #[inline]
    pub(super) fn encode(&mut self, value: i16) -> u8 {
        let code = self.quantise(value);
        self.adapt(code);
        code
    }

    /// The code of a value.
    #[inline]
    pub(super) fn quantise(&self, value: i16) -> u8 {
        // SUBTRA, QUANTL
        let difference = value.saturating_sub(self.predictor.prediction);
        let negative = difference < 0;
        let magnitude = difference ^ (difference >> 15);
        let scale = i32::from(self.scale);
        // Levels ascend, so the interval's number is how many of them are not above the magnitude.
        let interval: i16 = DECISION
            .iter()
            .map(|level| i16::from(magnitude >= ((i32::from(*level) * 8 * scale) >> 15) as i16))
            .sum();
        low_code(interval as usize, negative)
    }

    /// The value that a code of six bits stands for, within 15 bits.
    #[inline]
    pub(super) fn decode(&mut self, code: u8) -> i16 {
        // INVQBL, RECONS, LIMIT
        let difference = multiply(self.scale, LOW_6[usize::from(code & 63)] * 8);
        let value = self.predictor.prediction.saturating_add(difference);
        self.adapt(code);
        value.clamp(-16_384, 16_383)
    }

    #[inline]
    fn adapt(&mut self, code: u8) {
        let code = usize::from(code >> 2 & 15);
        // INVQAL, LOGSCL, SCALEL
        let difference = multiply(self.scale, LOW_4[code] * 8);
        self.log = (multiply(self.log, 32_512) + STEP_LOW[code]).clamp(0, LOG_MAX_LOW);
        self.scale = scale_factor(self.log, 8);
        self.predictor.update(difference);
    }
}

/// The higher sub-band, two bits a value.
#[derive(Debug, Clone)]
pub(super) struct HighBand {
    predictor: Predictor,
    /// NBH, DETH: the scale factor and its logarithm.
    log: i16,
    scale: i16,
}

impl HighBand {
    pub(super) const fn new() -> Self {
        Self { predictor: Predictor::new(), log: 0, scale: scale_factor(0, 10) }
    }

    /// Codes a value.
    #[inline]
    pub(super) fn encode(&mut self, value: i16) -> u8 {
        let code = self.quantise(value);
        self.adapt(code);
        code
    }

    /// The code of a value.
    #[inline]
    pub(super) fn quantise(&self, value: i16) -> u8 {
        // SUBTRA, QUANTH
        let difference = value.saturating_sub(self.predictor.prediction);
        let magnitude = difference ^ (difference >> 15);
        let outer = i32::from(magnitude) >= (DECISION_HIGH * 8 * i32::from(self.scale)) >> 15;
        match (difference < 0, outer) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        }
    }

    /// The value that a code of two bits stands for, within 15 bits.
    #[inline]
    pub(super) fn decode(&mut self, code: u8) -> i16 {
        let predicted = self.predictor.prediction;
        // RECONS, LIMIT
        let difference = self.adapt(code);
        predicted.saturating_add(difference).clamp(-16_384, 16_383)
    }

    #[inline]
    fn adapt(&mut self, code: u8) -> i16 {
        let code = usize::from(code & 3);
        // INVQAH, LOGSCH, SCALEH
        let difference = multiply(self.scale, HIGH_2[code] * 8);
        self.log = (multiply(self.log, 32_512) + STEP_HIGH[code]).clamp(0, LOG_MAX_HIGH);
        self.scale = scale_factor(self.log, 10);
        self.predictor.update(difference);
        difference
    }
}
