//! From core time of loads to prices. It measures nothing.
//!
//! A kind's cost in a window is that of one of it, evened by what a relayed call of another server takes in the same window, so that
//! what slows the machine down for a while falls on both. Its points are the middle of its windows over that of relayed calls measured
//! as a kind, so that what both servers cost whatever they do falls out. A price is what is left of a kind's points when the
//! rest of its bill is taken off; of several kinds that have it, the dearest counts, so that no work costs more than admission asks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::kinds::{Load, Price, REFERENCE, Work};

/// The least that a price can be, in points: work for which nothing was found, below the measure's own scatter.
const LEAST: f64 = 0.01;

/// The power of what a relayed call beside takes by which a cost is divided. One would be right if that told exactly how much a window
/// is slowed down; but it scatters, too, and what computes is slowed down less than the kernel. Among five calibrations this left the
/// least differences.
const EVENED_BY: f64 = 0.65;

/// Core time in a window, in microseconds a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Cost {
    /// Of one call or member of the kind.
    pub(super) own: f64,
    /// Of one of the relayed calls on the server beside.
    pub(super) beside: f64,
}

impl Cost {
    /// The first, evened by the second, where there were calls beside: a figure to compare with others of its kind alone.
    fn evened(&self) -> Option<f64> {
        (self.beside > 0.0).then(|| self.own / self.beside.powf(EVENED_BY))
    }
}

/// One load of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Measure {
    /// Name of the kind.
    pub(super) name: &'static str,
    /// When it was begun, in seconds from the begin of all.
    pub(super) at: f64,
    /// Calls or members at one time.
    pub(super) units: usize,
    /// What one of them took, in each window.
    pub(super) costs: Vec<Cost>,
    /// Of the core, in percent, all threads of the server.
    pub(super) busy_percent: f64,
    pub(super) lost: u64,
    /// Of the delay; where audio is coded or mixed, of how far packets are off their time.
    pub(super) p99_ms: f64,
    /// The load itself was sent late.
    pub(super) late: bool,
}

/// What was found of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figure {
    pub(super) kind: &'static str,
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    /// At one time, while it was measured.
    pub(super) measured: usize,
    /// Microseconds of core time a second for one.
    pub(super) core_us: f64,
    /// The same over a relayed call's.
    pub(super) points: f64,
    /// What admission asks for it with the prices found.
    pub(super) asked: Option<f64>,
    /// The middle half of the windows' evened costs, over their median.
    pub(super) spread_percent: f64,
    /// How many a core carries, by proportion to relayed calls.
    pub(super) a_core: u64,
    pub(super) busy_percent: f64,
    pub(super) lost: u64,
    pub(super) p99_ms: f64,
    pub(super) late: bool,
}

/// Prices and what they were found from.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Fit {
    pub(super) prices: BTreeMap<Price, f64>,
    pub(super) figures: Vec<Figure>,
}

impl Fit {
    /// Fits the prices to what was measured; `capacity` relayed calls fill a core.
    pub(super) fn of(works: &[Work], measures: &[Measure], capacity: f64) -> Self {
        let costs = Evened::of(measures);
        let known: Vec<(&Work, f64)> =
            works.iter().filter_map(|work| Some((work, costs.points(work, works)?))).collect();
        let mut prices = BTreeMap::new();
        for price in Price::ALL {
            let found = known.iter().filter(|(work, _)| work.fits == Some(price));
            let found = found.map(|(work, points)| rest(work, price, *points, &prices));
            if let Some(dearest) = found.reduce(f64::max) {
                prices.insert(price, thousandths(dearest.max(LEAST)));
            }
        }
        let figure =
            |(work, points): &(&Work, f64)| figure(work, *points, (measures, &costs), &prices, capacity);
        Self { figures: known.iter().filter_map(figure).collect(), prices }
    }

    /// The greatest spread of all kinds, in percent.
    pub(super) fn spread(&self) -> f64 {
        self.figures.iter().map(|figure| figure.spread_percent).fold(0.0, f64::max)
    }
}

/// What is left of a cost for one `price`, once what is known of its bill is taken off.
fn rest(work: &Work, price: Price, points: f64, prices: &BTreeMap<Price, f64>) -> f64 {
    let count = work.bill.iter().find(|(of, _)| *of == price).map_or(1, |(_, count)| *count);
    let others = work.bill.iter().filter(|(of, _)| *of != price);
    let taken: f64 =
        others.map(|(of, count)| prices.get(of).copied().unwrap_or(0.0) * f64::from(*count)).sum();
    (points - taken) / f64::from(count.max(1))
}

fn figure(
    work: &Work,
    points: f64,
    (measures, evened): (&[Measure], &Evened),
    prices: &BTreeMap<Price, f64>,
    capacity: f64,
) -> Option<Figure> {
    let of: Vec<&Measure> = measures.iter().filter(|measure| measure.name == work.name).collect();
    let windows = of.iter().flat_map(|measure| &measure.costs);
    let costs: Vec<f64> = windows.map(|cost| cost.own).collect();
    let asked: Option<f64> =
        work.bill.iter().map(|(price, count)| Some(prices.get(price)? * f64::from(*count))).sum();
    let most =
        |of_measure: fn(&Measure) -> f64| of.iter().map(|measure| of_measure(measure)).fold(0.0, f64::max);
    Some(Figure {
        kind: work.name,
        what: work.what,
        unit: work.unit(),
        measured: of.last()?.units,
        core_us: rounded(median(&costs)?, 1),
        points: rounded(points, 3),
        asked: asked.map(|asked| rounded(asked, 3)),
        spread_percent: rounded(spread(evened.of_kind(work.name)), 1),
        a_core: whole(capacity / points),
        busy_percent: rounded(most(|measure| measure.busy_percent), 1),
        lost: of.iter().map(|measure| measure.lost).sum(),
        p99_ms: rounded(most(|measure| measure.p99_ms), 2),
        late: of.iter().any(|measure| measure.late),
    })
}

/// Evened costs of each kind, of all windows.
struct Evened(BTreeMap<&'static str, Vec<f64>>);

impl Evened {
    fn of(measures: &[Measure]) -> Self {
        let mut costs: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for measure in measures {
            costs.entry(measure.name).or_default().extend(measure.costs.iter().filter_map(Cost::evened));
        }
        Self(costs)
    }

    fn of_kind(&self, name: &str) -> &[f64] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Of one of a kind; of rooms of listeners without the speakers, whose cost is known by rooms of speakers alone.
    fn own(&self, work: &Work, works: &[Work]) -> Option<f64> {
        let cost = middle(self.of_kind(work.name))?;
        let Load::Rooms { members, speakers } = work.load else { return Some(cost) };
        let alone =
            |other: &&Work| matches!(other.load, Load::Rooms { members, speakers } if members == speakers);
        let speaker = works.iter().find(alone).and_then(|other| middle(self.of_kind(other.name)));
        match speaker {
            Some(speaker) if speakers < members => {
                let share = count(speakers) / count(members - speakers);
                Some((cost - share * speaker).max(0.0))
            }
            _ => Some(cost),
        }
    }

    /// The same over that of relayed calls.
    fn points(&self, work: &Work, works: &[Work]) -> Option<f64> {
        let relayed = middle(self.of_kind(REFERENCE)).filter(|relayed| *relayed > 0.0)?;
        Some(self.own(work, works)? / relayed)
    }
}

/// The mean of the values without the least and the greatest quarter.
fn middle(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quarter = sorted.len() / 4;
    let half = sorted.get(quarter..sorted.len() - quarter).filter(|half| !half.is_empty())?;
    Some(half.iter().sum::<f64>() / count(half.len()))
}

/// The middle of the values, or the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(*sorted.get(half - 1)?, upper)) }
}

/// How far the middle half of the values reaches, over their median, in percent.
fn spread(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or(0.0);
    let last = sorted.len().saturating_sub(1);
    match median(&sorted) {
        Some(middle) if middle > 0.0 => (at(last - last / 4) - at(last / 4)) / middle * 100.0,
        _ => 0.0,
    }
}

/// Up to the next thousandth of a point.
fn thousandths(points: f64) -> f64 {
    rounded((points * 1000.0 - 1e-6).ceil() / 1000.0, 3)
}

pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of calls, never negative; a ratio that is none is a limit"
)]
fn whole(number: f64) -> u64 {
    number.floor() as u64
}

#[expect(clippy::cast_precision_loss, reason = "counts of members")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::kinds;

    /// What each kind costs on a machine that was made up, in points.
    fn truth(work: &Work) -> f64 {
        let price = |price| match price {
            Price::Call => 1.0,
            Price::PcmCoded => 0.4,
            Price::SrtpLeg => 0.17,
            Price::G722Coded => 2.1,
            Price::G729Coded => 1.25,
            Price::GsmCoded => 1.4,
            Price::OpusCoded => 6.6,
            Price::AmrCoded => 11.0,
            Price::AmrWbCoded => 30.0,
            Price::Digits => 0.04,
            Price::Analysis => 0.37,
            Price::Recording => 0.06,
            Price::ExtraLeg => 0.5,
        };
        work.bill.iter().map(|(of, count)| price(*of) * f64::from(*count)).sum()
    }

    /// Loads on that machine: a relayed call takes 650 µs a second, a quarter more on the server beside, everything slower by up
    /// to one half from window to window, and every figure is off by up to `noise`.
    fn measures(works: &[Work], noise: f64) -> Vec<Measure> {
        let mut state = 99_u32;
        let mut off = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            1.0 + noise * (f64::from(state >> 8) / f64::from(1 << 23) - 1.0)
        };
        let mut measures = Vec::new();
        for _ in 0..3 {
            for work in works {
                let cost = truth(work) * 650.0;
                // A listener's load has a speaker for 19 of them.
                let cost = if work.name == "listener" { cost * 20.0 / 19.0 } else { cost };
                let slow = [1.0, 1.5, 1.1, 1.0, 1.3, 1.0];
                let window =
                    |slow: &f64| Cost { own: cost * slow * off(), beside: 650.0 * 1.25 * slow * off() };
                let costs = slow.iter().map(window).collect();
                measures.push(Measure {
                    name: work.name,
                    at: 0.0,
                    units: 100,
                    costs,
                    busy_percent: 20.0,
                    lost: 0,
                    p99_ms: 1.0,
                    late: false,
                });
            }
        }
        measures
    }

    #[test]
    fn prices_that_loads_were_made_up_from_are_found_exactly() {
        let works = kinds::all();
        let fit = Fit::of(&works, &measures(&works, 0.0), 1300.0);
        let wanted = [1.0, 0.4, 0.17, 2.1, 1.25, 1.4, 6.6, 11.0, 30.0, 0.04, 0.37, 0.06, 0.5];
        let known = Price::ALL.into_iter().zip(wanted).filter(|(price, _)| fit.prices.contains_key(price));
        for (price, wanted) in known {
            assert!((fit.prices[&price] - wanted).abs() <= 0.0011, "{price:?} {}", fit.prices[&price]);
        }
        assert_eq!(fit.figures.len(), works.len());
        let opus = fit.figures.iter().find(|figure| figure.kind == "opus").unwrap();
        assert_eq!((opus.a_core, opus.points), (162, 8.0));
    }

    #[test]
    fn noise_of_a_twentieth_moves_what_a_call_costs_by_less_than_a_tenth() {
        let works = kinds::all();
        let exact = Fit::of(&works, &measures(&works, 0.0), 1300.0);
        let noisy = Fit::of(&works, &measures(&works, 0.05), 1300.0);
        for (exact, noisy) in exact.figures.iter().zip(&noisy.figures) {
            assert!((noisy.points / exact.points - 1.0).abs() < 0.1, "{noisy:?}");
            let asked = noisy.asked.unwrap();
            assert!((asked / exact.points - 1.0).abs() < 0.15, "{noisy:?}");
            assert!(noisy.spread_percent > 0.0 && exact.spread_percent < 40.0);
        }
    }

    #[test]
    fn admission_asks_for_no_kind_less_than_the_dearest_of_its_price_costs() {
        let works = kinds::all();
        let fit = Fit::of(&works, &measures(&works, 0.1), 1300.0);
        for (work, figure) in works.iter().zip(&fit.figures).filter(|(work, _)| work.fits.is_some()) {
            assert!(figure.asked.unwrap() >= figure.points - 0.002, "{} {figure:?}", work.name);
        }
    }

    #[test]
    fn what_was_not_measured_has_no_price_and_what_costs_nothing_has_the_least() {
        let works = kinds::named(&["transcode".to_owned()]).unwrap();
        let mut loads = measures(&works, 0.0);
        let fit = Fit::of(&works, &loads, 1300.0);
        assert_eq!(fit.prices.keys().copied().collect::<Vec<_>>(), [Price::Call, Price::PcmCoded]);
        for load in loads.iter_mut().filter(|load| load.name == "transcode") {
            load.costs.iter_mut().for_each(|cost| cost.own /= 3.0);
        }
        assert_eq!(Fit::of(&works, &loads, 1300.0).prices[&Price::PcmCoded], LEAST);
        loads.retain(|load| load.name != "relay");
        assert!(Fit::of(&works, &loads, 1300.0).figures.is_empty());
    }

    #[test]
    fn a_median_is_the_middle_and_a_spread_that_of_the_middle_half() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(middle(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
        assert_eq!((middle(&[7.0]), middle(&[])), (Some(7.0), None));
        assert!((spread(&[90.0, 95.0, 100.0, 105.0, 900.0]) - 10.0).abs() < 1e-9);
        assert_eq!(spread(&[1.0]), 0.0);
    }
}
