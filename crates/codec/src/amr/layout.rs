//! How AMR frames stand in a payload: what of an `a=fmtp` line decides whether a party can read them at all.

/// The layout of payloads [RFC4867 8.1]. The default is the bandwidth-efficient one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AmrLayout {
    /// Frames and their table begin at octets: `octet-align=1`, and whatever needs it.
    pub octet_align: bool,
    /// Octets of several frames by their sensitivity: `robust-sorting=1`.
    pub robust_sorting: bool,
    /// Check sums of the most sensitive bits: `crc=1`.
    pub crc: bool,
    /// Frames of one group are spread over packets: `interleaving`.
    pub interleaving: bool,
}

impl AmrLayout {
    /// Bits without a gap.
    pub const BANDWIDTH_EFFICIENT: Self =
        Self { octet_align: false, robust_sorting: false, crc: false, interleaving: false };

    /// True where the coders here read and write it.
    #[must_use]
    pub const fn is_coded(self) -> bool {
        !self.crc && !self.interleaving
    }
}
