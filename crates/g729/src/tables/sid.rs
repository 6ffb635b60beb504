//! Tables of the SID quantiser and of comfort noise (Annex B).

/// `noise_fg`: SID MA predictors; [0] = fg[0]; [1] = high16(L_mult(fg[0],19660) + L_mult(fg[1],13107)), computed; Q15. Clause B.4.2.3 eq (B.18).
pub(crate) const SID_PREDICTOR: [[[i16; 10]; 4]; 2] = [
    [
        [8421, 9109, 9175, 8965, 9034, 9057, 8765, 8775, 9106, 8673],
        [7018, 7189, 7638, 7307, 7444, 7379, 7038, 6956, 6930, 6868],
        [5472, 4990, 5134, 5177, 5246, 5141, 5206, 5095, 4830, 5147],
        [4056, 3031, 2614, 3024, 2916, 2713, 3309, 3237, 2857, 3473],
    ],
    [
        [8145, 8617, 8779, 8648, 8718, 8829, 8713, 8705, 8806, 8231],
        [5894, 5525, 5603, 5773, 6016, 5968, 5896, 5835, 5721, 5707],
        [4568, 3765, 3605, 3963, 4144, 4038, 4225, 4139, 3914, 4255],
        [3643, 2455, 1944, 2466, 2438, 2259, 2798, 2775, 2479, 3124],
    ],
];

/// `noise_fg_sum`: 1 - sum of the SID MA predictors; Q15. Clause B.4.2.3 eq (B.18).
pub(crate) static SID_PREDICTOR_SUM: [[i16; 10]; 2] = [
    [7798, 8447, 8205, 8293, 8126, 8477, 8447, 8703, 9043, 8604],
    [10_514, 12_402, 12_833, 11_914, 11_447, 11_670, 11_132, 11_311, 11_844, 11_447],
];

/// `noise_fg_sum_inv`: Inverse of the above; Q12. Clause B.4.2.3.
pub(crate) static SID_PREDICTOR_SUM_INV: [[i16; 10]; 2] = [
    [17_210, 15_888, 16_357, 16_183, 16_516, 15_833, 15_888, 15_421, 14_840, 15_597],
    [12_764, 10_821, 10_458, 11_264, 11_724, 11_500, 12_056, 11_865, 11_331, 11_724],
];

/// `PtrTab_1`: First-stage subset for the SID LSF quantiser; row of lspcb1. Clause B.4.2.3.
pub(crate) static SID_STAGE_1: [u8; 32] = [
    96, 52, 20, 54, 86, 114, 82, 68, 36, 121, 48, 92, 18, 120, 94, 124, 50, 125, 4, 100, 28, 76, 12, 117, 81,
    22, 90, 116, 127, 21, 108, 66,
];

/// `PtrTab_2`: Second-stage subset: [0] lower half, [1] upper half; row of lspcb2. Clause B.4.2.3.
pub(crate) static SID_STAGE_2: [[u8; 16]; 2] = [
    [31, 21, 9, 3, 10, 2, 19, 26, 4, 3, 11, 29, 15, 27, 21, 12],
    [16, 1, 0, 0, 8, 25, 22, 20, 19, 23, 20, 31, 4, 31, 20, 31],
];

/// `Mp`: Mode weights in the first-stage SID search; Q15. Clause B.4.2.3.
pub(crate) const SID_MODE_WEIGHT: [i16; 2] = [8644, 16_572];

/// `fact`: SID energy averaging factor by number of energies (index 0: erasure case); fixed-point scale. Clause B.4.2.1.
pub(crate) const SID_ENERGY_FACTOR: [i16; 3] = [410, 26, 13];

/// `marg`: SID energy averaging headroom by number of energies; shift. Clause B.4.2.1.
pub(crate) const SID_ENERGY_MARGIN: [i16; 3] = [0, 0, 1];

/// `tab_Sidgain`: Decoded SID gain per index; gain << 3. Clause B.4.2.2.
pub(crate) static SID_GAIN: [i16; 32] = [
    2, 5, 8, 13, 20, 32, 50, 64, 80, 101, 127, 160, 201, 253, 318, 401, 505, 635, 800, 1007, 1268, 1596,
    2010, 2530, 3185, 4009, 5048, 6355, 8000, 10_071, 12_679, 15_962,
];
