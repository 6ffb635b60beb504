//! A bounded histogram of delays and the percentiles that are reported of it.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest delay told apart; what is longer counts as this.
const LONGEST: Duration = Duration::from_secs(60);

/// Three significant digits: a percentile is off by at most 0.1 %.
const DIGITS: u8 = 3;

/// Delays in nanoseconds, in constant memory.
#[derive(Debug, Clone)]
pub struct Delays {
    histogram: Option<Histogram<u64>>,
}

/// What is reported of a histogram, in microseconds; all zero where it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct DelaySummary {
    /// How many delays were measured.
    pub count: u64,
    /// Half are not above.
    pub p50_us: f64,
    /// 99 % are not above.
    pub p99_us: f64,
    /// 99.9 % are not above.
    pub p999_us: f64,
    /// None is above.
    pub max_us: f64,
}

impl Delays {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        // It fails only for bounds that are no bounds, which these are.
        Self { histogram: Histogram::new_with_bounds(1, longest, DIGITS).ok() }
    }

    /// Adds one delay.
    pub fn record(&mut self, delay: Duration) {
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// Adds all that were counted by another.
    pub fn extend(&mut self, other: &Self) {
        if let (Some(histogram), Some(other)) = (&mut self.histogram, &other.histogram) {
            // Fails only for larger values than the bounds, which are the same.
            let _ = histogram.add(other);
        }
    }

    /// The smallest delay that a share `quantile` (0 to 1) of all does not exceed, within 0.1 %.
    #[must_use]
    pub fn at(&self, quantile: f64) -> Duration {
        Duration::from_nanos(
            self.histogram.as_ref().map_or(0, |histogram| histogram.value_at_quantile(quantile)),
        )
    }

    /// The figures that are reported.
    #[must_use]
    pub fn summary(&self) -> DelaySummary {
        let micros = |quantile| (self.at(quantile).as_secs_f64() * 1e7).round() / 10.0;
        let count = self.histogram.as_ref().map_or(0, Histogram::len);
        DelaySummary {
            count,
            p50_us: micros(0.5),
            p99_us: micros(0.99),
            p999_us: micros(0.999),
            max_us: micros(1.0),
        }
    }
}

impl Default for Delays {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made up values well inside their ranges")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The smallest of `sorted` that at least a share `quantile` does not exceed.
    fn naive(sorted: &[u64], quantile: f64) -> u64 {
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        sorted[rank.clamp(1, sorted.len()) - 1]
    }

    proptest! {
        #[test]
        fn percentiles_agree_with_sorting(mut nanos in prop::collection::vec(1_u64..10_000_000_000, 1..2_000)) {
            let mut delays = Delays::new();
            for &nano in &nanos {
                delays.record(Duration::from_nanos(nano));
            }
            nanos.sort_unstable();
            for quantile in [0.001, 0.5, 0.9, 0.99, 0.999, 1.0] {
                let wanted = naive(&nanos, quantile) as f64;
                let found = delays.at(quantile).as_nanos() as f64;
                prop_assert!((found - wanted).abs() <= wanted * 0.001 + 1.0, "{quantile}: {found} for {wanted}");
            }
            prop_assert_eq!(delays.summary().count, nanos.len() as u64);
        }
    }

    #[test]
    fn two_histograms_are_one_of_both() {
        let (mut a, mut b) = (Delays::new(), Delays::new());
        (1..=50).for_each(|ms| a.record(Duration::from_millis(ms)));
        (51..=100).for_each(|ms| b.record(Duration::from_millis(ms)));
        a.extend(&b);
        assert_eq!(a.summary().count, 100);
        assert!((a.at(0.75).as_secs_f64() - 0.075).abs() < 0.0001, "{:?}", a.at(0.75));
    }

    #[test]
    fn an_empty_histogram_is_all_zero() {
        assert_eq!(Delays::new().summary(), DelaySummary::default());
    }

    #[test]
    fn what_is_too_long_counts_as_the_longest() {
        let mut delays = Delays::new();
        delays.record(Duration::from_secs(3600));
        let longest = delays.at(1.0).as_secs_f64();
        assert!((59.9..60.1).contains(&longest), "{longest}");
    }
}
