//! Tables of the voice activity detector (Annex B).

/// `lbf_corr`: Low-band filter correlation for the VAD low-band energy; Q15 (h autocorrelation). Clause B.3.1.3.
pub(crate) const LOW_BAND_CORRELATION: [i16; 13] =
    [7869, 7011, 4838, 2299, 321, -660, -782, -484, -164, 3, 39, 21, 4];

/// `shift_fx`: Normalisation by 32/(32-less_count): shift; shift. Clause B.3.2.
pub(crate) static QUIET_SHIFT: [i16; 33] =
    [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 0];

/// `factor_fx`: Normalisation by 32/(32-less_count): factor; Q15. Clause B.3.2.
pub(crate) static QUIET_FACTOR: [i16; 33] = [
    32_767, 16_913, 17_476, 18_079, 18_725, 19_418, 20_165, 20_972, 21_845, 22_795, 23_831, 24_966, 26_214,
    27_594, 29_127, 30_840, 32_767, 17_476, 18_725, 20_165, 21_845, 23_831, 26_214, 29_127, 32_767, 18_725,
    21_845, 26_214, 32_767, 21_845, 32_767, 32_767, 0,
];

/// What a [`Region`] looks at: how far the frame is from the running mean of the noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A constant, of the format of what it is added to.
    Constant(i16),
    /// `dSE`: energy of the full band, Q11 of the logarithm.
    Full,
    /// `dSLE`: energy of the low band, Q11 of the logarithm.
    LowBand,
    /// `SD`: spectral distortion, Q15.
    Spectral,
    /// `dSZC`: zero crossings, Q15.
    ZeroCrossings,
}

/// One of the half planes of clause B.3.5. The sum of the products (`L_mult`, then `L_mac`), shifted right, plus
/// the high term in the upper half of the word, is compared with zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    /// Pairs to multiply.
    pub(crate) products: &'static [(Difference, i16)],
    /// Right shift of their sum.
    pub(crate) shift: i16,
    /// What is added in the upper half, if anything.
    pub(crate) high: Option<Difference>,
    /// Whether a sum above zero means speech; otherwise one below zero does.
    pub(crate) active_above: bool,
}

/// The fourteen regions in the order they are tried. Clause B.3.5; 8, 9 and 10 look at the full band, as the
/// reference does, where the text has the low band.
pub(crate) static REGIONS: [Region; 14] = [
    // 1: SD vs dSZC
    Region {
        products: &[(Difference::ZeroCrossings, -14_680), (Difference::Constant(8192), -28_521)],
        shift: 8,
        high: Some(Difference::Spectral),
        active_above: true,
    },
    // 2: SD vs dSZC
    Region {
        products: &[(Difference::ZeroCrossings, 19_065), (Difference::Constant(8192), -19_446)],
        shift: 7,
        high: Some(Difference::Spectral),
        active_above: true,
    },
    // 3: dSE vs dSZC
    Region {
        products: &[(Difference::ZeroCrossings, 20_480), (Difference::Constant(8192), 16_384)],
        shift: 2,
        high: Some(Difference::Full),
        active_above: false,
    },
    // 4: dSE vs dSZC
    Region {
        products: &[(Difference::ZeroCrossings, -16_384), (Difference::Constant(8192), 19_660)],
        shift: 2,
        high: Some(Difference::Full),
        active_above: false,
    },
    // 5: dSE
    Region {
        products: &[(Difference::Full, 32_767), (Difference::Constant(1024), 30_802)],
        shift: 0,
        high: None,
        active_above: false,
    },
    // 6: dSE vs SD
    Region {
        products: &[
            (Difference::Spectral, -28_160),
            (Difference::Constant(64), 19_988),
            (Difference::Full, 512),
        ],
        shift: 0,
        high: None,
        active_above: false,
    },
    // 7: SD
    Region {
        products: &[(Difference::Spectral, 32_767), (Difference::Constant(32), -30_199)],
        shift: 0,
        high: None,
        active_above: true,
    },
    // 8: dSE (text: dSLE) vs dSZC
    Region {
        products: &[(Difference::ZeroCrossings, -20_480), (Difference::Constant(8192), 22_938)],
        shift: 2,
        high: Some(Difference::Full),
        active_above: false,
    },
    // 9: dSE (text: dSLE) vs dSZC
    Region {
        products: &[(Difference::ZeroCrossings, 23_831), (Difference::Constant(4096), 31_576)],
        shift: 2,
        high: Some(Difference::Full),
        active_above: false,
    },
    // 10: dSE (text: dSLE)
    Region {
        products: &[(Difference::Full, 32_767), (Difference::Constant(2048), 17_367)],
        shift: 0,
        high: None,
        active_above: false,
    },
    // 11: dSLE vs SD
    Region {
        products: &[
            (Difference::Spectral, -22_400),
            (Difference::Constant(32), 25_395),
            (Difference::LowBand, 256),
        ],
        shift: 0,
        high: None,
        active_above: false,
    },
    // 12: dSLE vs dSE
    Region {
        products: &[(Difference::Full, -30_427), (Difference::Constant(256), -29_959)],
        shift: 0,
        high: Some(Difference::LowBand),
        active_above: true,
    },
    // 13: dSLE vs dSE
    Region {
        products: &[(Difference::Full, -23_406), (Difference::Constant(512), 28_087)],
        shift: 0,
        high: Some(Difference::LowBand),
        active_above: false,
    },
    // 14: dSLE vs dSE
    Region {
        products: &[
            (Difference::Full, 24_576),
            (Difference::Constant(1024), 29_491),
            (Difference::LowBand, 16_384),
        ],
        shift: 0,
        high: None,
        active_above: false,
    },
];
