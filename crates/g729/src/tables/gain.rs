//! Gain prediction, gain codebooks, and what preselects their rows.

/// `pred`: MA gain-predictor coefficients 0.68 0.58 0.34 0.19; Q13. Clause 3.9.1 eq (69).
pub(crate) const GAIN_PREDICTOR: [i16; 4] = [5571, 4751, 2785, 1556];

/// `gbk1`: Gain codebook GA, in search order (index mapped by map1 for transmission); col 0 Q14 (gain_pitch), col 1 Q13 (gamma). Clause 3.9.2.
pub(crate) const GAIN_STAGE_1: [[i16; 2]; 8] = [
    [1, 1516],
    [1551, 2425],
    [1831, 5022],
    [57, 5404],
    [1921, 9291],
    [3242, 9949],
    [356, 14_756],
    [2678, 27_162],
];

/// `gbk2`: Gain codebook GB, in search order; col 0 Q14, col 1 Q13. Clause 3.9.2.
pub(crate) static GAIN_STAGE_2: [[i16; 2]; 16] = [
    [826, 2005],
    [1994, 0],
    [5142, 592],
    [6160, 2395],
    [8091, 4861],
    [9120, 525],
    [10_573, 2966],
    [11_569, 1196],
    [13_260, 3256],
    [14_194, 1630],
    [15_132, 4914],
    [15_161, 14_276],
    [15_434, 237],
    [16_112, 3392],
    [17_299, 1861],
    [18_973, 5935],
];

/// `map1`: GA search index -> transmitted index; index. Clause 3.9.3.
pub(crate) const GAIN_INDEX_1: [u8; 8] = [5, 1, 4, 7, 3, 0, 6, 2];

/// `map2`: GB search index -> transmitted index; index. Clause 3.9.3.
pub(crate) const GAIN_INDEX_2: [u8; 16] = [4, 6, 0, 2, 12, 14, 8, 10, 15, 11, 9, 13, 7, 3, 1, 5];

/// `imap1`: GA transmitted index -> codebook row; index. Clause 3.9.3.
pub(crate) const GAIN_ROW_1: [u8; 8] = [5, 1, 7, 4, 2, 0, 6, 3];

/// `imap2`: GB transmitted index -> codebook row; index. Clause 3.9.3.
pub(crate) const GAIN_ROW_2: [u8; 16] = [2, 14, 3, 13, 0, 15, 1, 12, 6, 10, 7, 9, 4, 11, 5, 8];

/// `coef`: Pre-selection line coefficients; [0][0] Q10, [0][1] Q14, [1][0] Q16, [1][1] Q19. Clause 3.9.2.
pub(crate) const PRESELECTION: [[i16; 2]; 2] = [[31_881, 26_416], [31_548, 27_816]];

/// `L_coef`: The same in 32 bits (= coef << 16); 32-bit: Q26, Q30, Q32, Q35. Clause 3.9.2.
pub(crate) const PRESELECTION_LONG: [[i32; 2]; 2] =
    [[2_089_405_952, 1_731_217_536], [2_067_549_984, 1_822_990_272]];

/// `thr1`: Pre-selection thresholds, GA; Q14. Clause 3.9.2.
pub(crate) const GAIN_THRESHOLD_1: [i16; 4] = [10_808, 12_374, 19_778, 32_567];

/// `thr2`: Pre-selection thresholds, GB; Q15. Clause 3.9.2.
pub(crate) const GAIN_THRESHOLD_2: [i16; 8] =
    [14_087, 16_188, 20_274, 21_321, 23_525, 25_232, 27_873, 30_542];
