//! The file of prices that calibration writes: what each kind of work costs on this machine, and what a worker may carry.

use std::path::{Path, PathBuf};

use mediapoint_engine::{Points, Prices};
use mediapoint_net::Machine;
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
    /// Where and when that was measured.
    pub(crate) measured: Measured,
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
    _figures: Vec<Figure>,
}

/// Where, when and how it was measured: nothing of it changes what work costs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Measured {
    machine: Option<String>,
    kernel: Option<String>,
    date: Option<String>,
    backend: Option<String>,
    /// What else the machine did meanwhile, where that was too much.
    disturbed: Option<String>,
    /// Cores of the machine, that of the server, that of the load.
    #[serde(rename = "cores")]
    _cores: Figured,
    #[serde(rename = "server-core")]
    _server_core: Figured,
    #[serde(rename = "load-core")]
    _load_core: Figured,
    #[serde(rename = "tick")]
    _tick: Option<String>,
    #[serde(rename = "realtime-priority")]
    _realtime_priority: Figured,
    /// Of the program that measured.
    #[serde(rename = "version")]
    _version: Option<String>,
    /// With the most relayed calls within the service level: how many, how busy the core was, p99 of the added delay in
    /// milliseconds, packets sent and lost, and what more calls are kept from by.
    #[serde(rename = "calls")]
    _calls: Figured,
    #[serde(rename = "busy-percent")]
    _busy_percent: Figured,
    #[serde(rename = "p99-ms")]
    _p99_ms: Figured,
    #[serde(rename = "sent")]
    _sent: Figured,
    #[serde(rename = "lost")]
    _lost: Figured,
    #[serde(rename = "limit")]
    _limit: Option<String>,
    /// The same as a name.
    #[serde(rename = "bounded-by")]
    _bounded_by: Option<String>,
    /// The greatest spread of the figures.
    #[serde(rename = "spread-percent")]
    _spread_percent: Figured,
}

/// A kind of work as it was measured.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Figure {
    #[serde(rename = "kind")]
    _kind: String,
    /// Calls or members at one time.
    #[serde(default, rename = "measured")]
    _measured: Figured,
    /// Microseconds of core time a second for one.
    #[serde(default, rename = "core-us")]
    _core_us: Figured,
    /// The same over a relayed call's.
    #[serde(default, rename = "points")]
    _points: Figured,
    #[serde(default, rename = "spread-percent")]
    _spread_percent: Figured,
    /// How many a core carries.
    #[serde(default, rename = "a-core")]
    _a_core: Figured,
    #[serde(default, rename = "lost")]
    _lost: Figured,
    #[serde(default, rename = "p99-ms")]
    _p99_ms: Figured,
}

/// A number for people: whole or not, and no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Figured;

impl<'de> Deserialize<'de> for Figured {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        f64::deserialize(from).map(|_| Self)
    }
}

impl Measured {
    /// Day and place, where the file says them.
    pub(crate) fn summary(&self) -> Option<String> {
        let Self { date, machine, kernel, backend, .. } = self;
        let words: Vec<&str> =
            [date, machine, kernel, backend].into_iter().flatten().map(String::as_str).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// Why prices and budget may not hold where the server runs: on `here`, with packets by `backend`.
    pub(crate) fn doubts(&self, here: &Machine, backend: Option<&str>) -> Vec<String> {
        let other = |what: &str, measured: &Option<String>, here: &str| {
            let measured = measured.as_deref().filter(|measured| *measured != here)?;
            Some(format!("{what} was {measured:?}, here it is {here:?}"))
        };
        let mut doubts: Vec<String> = [
            other("the machine", &self.machine, &here.processor),
            other("the kernel", &self.kernel, &here.kernel),
            backend.and_then(|backend| other("the backend", &self.backend, backend)),
        ]
        .into_iter()
        .flatten()
        .collect();
        doubts.extend(self.disturbed.as_ref().map(|what| format!("meanwhile {what}")));
        doubts
    }
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
    digits: Option<Budget>,
    analysis: Option<Budget>,
    recording: Option<Budget>,
    packet_tap: Option<Budget>,
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
            (&mut prices.digits, self.digits),
            (&mut prices.analysis, self.analysis),
            (&mut prices.recording, self.recording),
            (&mut prices.packet_tap, self.packet_tap),
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
        Ok(Self {
            path: Some(path.to_owned()),
            budget: written.budget.map(|budget| budget.0),
            prices: written.prices.over(Prices::default()),
            measured: written.measured,
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
                measured: written.measured,
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_it_names_counts_and_the_rest_is_built_in() {
        let text = "budget = 2450.5\n[measured]\ndate = \"2026-11-30\"\n[prices]\ng729-coded = 1.2\n\
                    [[figure]]\nkind = \"g729\"\ncore-us = 3.5\n";
        let read = read(text).unwrap();
        assert_eq!(read.budget, Some(Points::thousandths(2_450_500)));
        assert_eq!(read.prices.g729_coded, Points::thousandths(1200));
        assert_eq!(read.prices.opus_coded, Prices::default().opus_coded);
        assert_eq!(read.measured.summary().as_deref(), Some("2026-11-30"));
    }

    #[test]
    fn a_file_of_another_machine_kernel_or_backend_is_doubted() {
        let here = Machine { processor: "A Chip".to_owned(), kernel: "6.18".to_owned() };
        let doubts = |text: &str| {
            read(&format!("[measured]\n{text}\n")).unwrap().measured.doubts(&here, Some("sockets"))
        };
        let same = "machine = \"A Chip\"\nkernel = \"6.18\"\nbackend = \"sockets\"";
        assert!(doubts(same).is_empty() && doubts("").is_empty());
        let others = "machine = \"B\"\nkernel = \"5.1\"\nbackend = \"xdp\"\ndisturbed = \"others compiled\"";
        let doubts = doubts(others);
        assert_eq!(doubts.len(), 4, "{doubts:?}");
        assert_eq!(doubts[0], "the machine was \"B\", here it is \"A Chip\"");
        assert_eq!(doubts[3], "meanwhile others compiled");
    }

    #[test]
    fn all_that_a_calibration_writes_is_known_and_nothing_else() {
        let text = "budget = 1290.0\n[measured]\nmachine = \"A\"\ncores = 2\nserver-core = 1\nload-core = 0\n\
                    kernel = \"6\"\nbackend = \"sockets\"\ntick = \"1ms\"\nrealtime-priority = 0\nversion = \"0.2.0\"\n\
                    date = \"2026\"\ncalls = 1290\nbusy-percent = 83.4\np99-ms = 1.1\nsent = 5\nlost = 0\nlimit = \"full\"\nbounded-by = \"core\"\n\
                    spread-percent = 4.0\n[[figure]]\nkind = \"relay\"\nmeasured = 300\ncore-us = 650.0\npoints = 1.0\n\
                    spread-percent = 2.5\na-core = 1290\nlost = 0\np99-ms = 1.0\n";
        assert_eq!(read(text).unwrap().measured.summary().as_deref(), Some("2026, A, 6, sockets"));
        for (known, unknown) in [("cores", "coers"), ("a-core", "of-core")] {
            let error = read(&text.replace(&format!("\n{known} ="), &format!("\n{unknown} ="))).unwrap_err();
            assert!(error.contains("unknown"), "{error}");
        }
        assert!(read(&text.replace("lost = 0", "lost = \"none\"")).is_err());
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
