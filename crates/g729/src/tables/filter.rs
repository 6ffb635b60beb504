//! The high-pass filters at both ends of the codec.

/// `b100`: Output high-pass 100 Hz, numerator; Q13. Clause 4.2.5 eq (91).
pub(crate) const OUTPUT_NUMERATOR: [i16; 3] = [7699, -15_398, 7699];

/// `a100`: Output high-pass 100 Hz, denominator (signs already reversed); Q13. Clause 4.2.5 eq (91).
pub(crate) const OUTPUT_DENOMINATOR: [i16; 3] = [8192, 15_836, -7667];

/// `b140`: Input high-pass 140 Hz, numerator, already divided by 2; Q12. Clause 3.1 eq (1).
pub(crate) const INPUT_NUMERATOR: [i16; 3] = [1899, -3798, 1899];

/// `a140`: Input high-pass 140 Hz, denominator (signs already reversed); Q12. Clause 3.1 eq (1).
pub(crate) const INPUT_DENOMINATOR: [i16; 3] = [4096, 7807, -3733];
