//! The E-model: listening quality from codec, loss and delay [ITU-T G.107], with the equipment figures of G.113.

use std::time::Duration;

/// Transmission rating of a narrow-band connection with all parameters at their defaults [ITU-T G.107 table 3].
const DEFAULT_RATING: f32 = 93.2;

/// How a codec bears loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equipment {
    /// Impairment without loss, Ie.
    pub impairment: f32,
    /// Robustness against loss, Bpl.
    pub robustness: f32,
}

impl Equipment {
    /// G.711 with concealment [ITU-T G.113 table I.4].
    pub const G711: Self = Self { impairment: 0.0, robustness: 25.1 };
    /// G.729 with Annex A [ITU-T G.113 table I.4].
    pub const G729: Self = Self { impairment: 11.0, robustness: 19.0 };
    /// GSM full rate [ITU-T G.113 table I.1]; its robustness is that of G.711, for want of a published figure.
    pub const GSM: Self = Self { impairment: 20.0, ..Self::G711 };
    /// Any other codec: that of G.711, for want of a published figure.
    pub const OTHER: Self = Self::G711;
}

/// What is known of a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Connection {
    /// The codec.
    pub equipment: Equipment,
    /// Share of packets lost, 0 to 1.
    pub loss: f32,
    /// Burst ratio, 1 for random loss.
    pub burst_ratio: f32,
    /// Delay from mouth to ear.
    pub delay: Duration,
}

impl Connection {
    /// The transmission rating R, 0 to 100 [ITU-T G.107 eq. 7-1].
    #[must_use]
    pub fn rating(&self) -> f32 {
        (DEFAULT_RATING - self.delay_impairment() - self.equipment_impairment()).clamp(0.0, 100.0)
    }

    /// Mean opinion score, 1.0 to 4.5 [ITU-T G.107 annex B].
    #[must_use]
    pub fn mos(&self) -> f32 {
        let r = self.rating();
        (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7.0e-6).clamp(1.0, 4.5)
    }

    /// Idd [ITU-T G.107 eq. 7-27, 7-28]: nothing up to 100 ms.
    fn delay_impairment(&self) -> f32 {
        let millis = self.delay.as_secs_f32() * 1000.0;
        if millis <= 100.0 {
            return 0.0;
        }
        let x = (millis / 100.0).log2();
        25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
    }

    /// Ie,eff [ITU-T G.107 eq. 7-29].
    fn equipment_impairment(&self) -> f32 {
        let Equipment { impairment, robustness } = self.equipment;
        let loss = self.loss.clamp(0.0, 1.0) * 100.0;
        impairment + (95.0 - impairment) * loss / (loss / self.burst_ratio.max(1.0) + robustness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn g711(loss: f32, delay: u64) -> Connection {
        Connection { equipment: Equipment::G711, loss, burst_ratio: 1.0, delay: Duration::from_millis(delay) }
    }

    #[test]
    fn a_clean_connection_scores_what_the_recommendation_says_for_its_defaults() {
        // R = 93.2 gives MOS 4.41 [ITU-T G.107 annex B].
        assert!((g711(0.0, 0).mos() - 4.41).abs() < 0.01);
    }

    #[test]
    fn loss_costs_what_the_equation_says() {
        // Ie,eff = 95 * 5 / (5 + 25.1) = 15.78, R = 77.42.
        assert!((g711(0.05, 0).rating() - 77.42).abs() < 0.01);
    }

    #[test]
    fn delay_up_to_a_tenth_of_a_second_is_free_and_then_costs() {
        assert_eq!(g711(0.0, 100).rating(), g711(0.0, 0).rating());
        // x = 2 at 400 ms: Idd = 25 (65^(1/6) - 3 (1 + (2/3)^6)^(1/6) + 2) = 24.1.
        let drop = g711(0.0, 0).rating() - g711(0.0, 400).rating();
        assert!((drop - 24.1).abs() < 0.3, "{drop}");
    }

    #[test]
    fn bursts_hurt_more_than_random_loss() {
        let random = g711(0.05, 0);
        let bursty = Connection { burst_ratio: 3.0, ..random };
        assert!(bursty.mos() < random.mos());
    }

    #[test]
    fn total_loss_scores_the_lowest_and_never_less() {
        assert!(g711(1.0, 5000).mos() >= 1.0);
        assert!(g711(1.0, 5000).mos() < 1.2);
    }
}
