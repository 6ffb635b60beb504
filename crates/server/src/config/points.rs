//! The file of prices that calibration writes: what each kind of work costs on this machine, and what a worker may carry.

use std::path::{Path, PathBuf};

use mediapoint_engine::{Points, Prices};
use serde::Deserialize;

use super::file::{self, FileError};
use super::values::Budget;

/// Prices, a budget, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PointsFile {
    /// The file; `None` for the built-in prices.
    pub(crate) path: Option<PathBuf>,
    /// Points of a worker, where the file says it.
    pub(crate) budget: Option<Points>,
    /// What work costs.
    pub(crate) prices: Prices,
    /// The machine and day that it was measured on, for the log.
    pub(crate) measured: Option<String>,
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    budget: Option<Budget>,
    #[serde(default)]
    prices: WrittenPrices,
    #[serde(default)]
    measured: Measured,
    /// What the prices were fitted to: for people and programs that draw it.
    #[serde(default, rename = "figure")]
    _figures: Vec<toml::Table>,
}

/// Where and when it was measured.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Measured {
    machine: Option<String>,
    kernel: Option<String>,
    date: Option<String>,
    backend: Option<String>,
}

/// Prices in points; what is not named has its built-in price.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenPrices {
    call: Option<Budget>,
    extra_leg: Option<Budget>,
    srtp_leg: Option<Budget>,
    pcm_coded: Option<Budget>,
    g722_coded: Option<Budget>,
    g729_coded: Option<Budget>,
    gsm_coded: Option<Budget>,
    amr_coded: Option<Budget>,
    amr_wb_coded: Option<Budget>,
    opus_coded: Option<Budget>,
    analysis: Option<Budget>,
    recording: Option<Budget>,
}

impl WrittenPrices {
    fn over(&self, mut prices: Prices) -> Prices {
        let named = [
            (&mut prices.call, self.call),
            (&mut prices.extra_leg, self.extra_leg),
            (&mut prices.srtp_leg, self.srtp_leg),
            (&mut prices.pcm_coded, self.pcm_coded),
            (&mut prices.g722_coded, self.g722_coded),
            (&mut prices.g729_coded, self.g729_coded),
            (&mut prices.gsm_coded, self.gsm_coded),
            (&mut prices.amr_coded, self.amr_coded),
            (&mut prices.amr_wb_coded, self.amr_wb_coded),
            (&mut prices.opus_coded, self.opus_coded),
            (&mut prices.analysis, self.analysis),
            (&mut prices.recording, self.recording),
        ];
        for (price, written) in named {
            if let Some(Budget(points)) = written {
                *price = points;
            }
        }
        prices
    }
}

impl PointsFile {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, FileError> {
        let written: Written = file::read(path)?;
        let Measured { machine, kernel, date, backend } = written.measured;
        let measured: Vec<String> = [date, machine, kernel, backend].into_iter().flatten().collect();
        Ok(Self {
            path: Some(path.to_owned()),
            budget: written.budget.map(|budget| budget.0),
            prices: written.prices.over(Prices::default()),
            measured: (!measured.is_empty()).then(|| measured.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PointsFile, String> {
        file::parse::<Written>(text, Path::new("points.toml"))
            .map(|written| PointsFile {
                path: None,
                budget: written.budget.map(|budget| budget.0),
                prices: written.prices.over(Prices::default()),
                measured: written.measured.date,
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_it_names_counts_and_the_rest_is_built_in() {
        let text = "budget = 2450.5\n[measured]\ndate = \"2026-11-30\"\n[prices]\ng729-coded = 1.2\n\
                    [[figure]]\nkind = \"g729\"\nmicros = 3.5\n";
        let read = read(text).unwrap();
        assert_eq!(read.budget, Some(Points::thousandths(2_450_500)));
        assert_eq!(read.prices.g729_coded, Points::thousandths(1200));
        assert_eq!(read.prices.opus_coded, Prices::default().opus_coded);
        assert_eq!(read.measured.as_deref(), Some("2026-11-30"));
    }

    #[test]
    fn faults_have_their_line() {
        let wrong = [
            ("\n[prices]\ng279-coded = 1\n", "points.toml:3: prices.g279-coded: unknown key"),
            ("budget = 0\n", "points.toml:1: budget: \"0\" are no media points"),
            ("[prices]\ncall = -1\n", "points.toml:2: prices.call: \"-1\" are no media points"),
            ("[prices]\ncall = \"much\"\n", "points.toml:2: prices.call: \"much\" are no media points"),
        ];
        for (text, said) in wrong {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
