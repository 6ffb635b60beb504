//! Space that recordings take: bit rate x length / 8 x calls x retention.

use std::time::Duration;

/// Input of the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageDemand {
    /// Bits per second of the coded audio, both channels together: 16,000 for stereo, 8,000 for mono.
    pub bit_rate: u64,
    /// Mean length of a recorded call.
    pub length: Duration,
    /// Recorded calls a day.
    pub calls_per_day: u64,
    /// Days for which they are kept.
    pub days: u64,
}

/// Bytes of the coded audio, rounded up. Containers, encryption and manifest add about 5 % at 16 kbit/s, which is not in it:
/// the sum is the sizing guide's.
#[must_use]
pub const fn storage_bytes(demand: &StorageDemand) -> u128 {
    // u64 factors: two of them fit into 128 bits, and milliseconds of a Duration take 74. Saturates beyond.
    let bits_ms = (demand.bit_rate as u128).saturating_mul(demand.length.as_millis());
    let calls = (demand.calls_per_day as u128).saturating_mul(demand.days as u128);
    bits_ms.saturating_mul(calls).div_ceil(8 * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_centre_of_ten_thousand_calls_a_day_for_a_year() {
        let demand = StorageDemand {
            bit_rate: 16_000,
            length: Duration::from_secs(180),
            calls_per_day: 10_000,
            days: 365,
        };
        // 16,000 x 180 / 8 = 360,000 bytes a call.
        assert_eq!(storage_bytes(&demand), 360_000 * 10_000 * 365);
    }

    #[test]
    fn parts_of_bytes_count_whole_and_nothing_overflows() {
        let small =
            StorageDemand { bit_rate: 1, length: Duration::from_millis(1), calls_per_day: 1, days: 1 };
        assert_eq!(storage_bytes(&small), 1);
        let huge = StorageDemand {
            bit_rate: u64::MAX,
            length: Duration::MAX,
            calls_per_day: u64::MAX,
            days: u64::MAX,
        };
        assert_eq!(storage_bytes(&huge), u128::MAX.div_ceil(8000));
    }
}
