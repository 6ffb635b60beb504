//! The file that `mediapoint serve` loads prices and budget from, written and read again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::CalibrateError;

const HEAD: &str = "\
# Media points of this machine: `points = \"FILE\"` in mediapoint.toml, or `mediapoint serve --points FILE`.
# Written by `mediapoint-tools calibrate`; docs/sizing.md says what it holds.

";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PointsFile {
    /// Relayed calls that a core carries: points of each worker.
    pub(super) budget: f64,
    /// Points for each kind of work that was measured.
    #[serde(default)]
    pub(super) prices: BTreeMap<String, f64>,
    pub(super) measured: Measured,
    /// What the prices were found from.
    #[serde(default, rename = "figure")]
    pub(super) figures: Vec<FigureEntry>,
}

/// Where, when and how it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Measured {
    /// The processor's name.
    pub(super) machine: String,
    /// Cores of the machine, and those of the server and the load.
    pub(super) cores: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server_core: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) load_core: Option<u64>,
    pub(super) kernel: String,
    /// How packets got to the workers.
    pub(super) backend: String,
    pub(super) tick: String,
    pub(super) realtime_priority: u64,
    /// Of the program that measured.
    pub(super) version: String,
    pub(super) date: String,
    /// With the most relayed calls that were tried and kept the service level: how busy the core was, p99 of the added delay, packets sent and lost, and what more
    /// calls would have been kept from by.
    pub(super) calls: u64,
    pub(super) busy_percent: f64,
    pub(super) p99_ms: f64,
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) limit: String,
    /// The same as a name; `load`: its core generates no more. Files from before it was written have none.
    #[serde(default)]
    pub(super) bounded_by: String,
    /// The greatest spread of the figures.
    pub(super) spread_percent: f64,
    /// What else went on meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disturbed: Option<String>,
}

/// A kind of work as it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FigureEntry {
    pub(super) kind: String,
    /// Calls or members at one time.
    pub(super) measured: u64,
    /// Microseconds of core time a second for one.
    pub(super) core_us: f64,
    /// The same over a relayed call's.
    pub(super) points: f64,
    pub(super) spread_percent: f64,
    /// How many a core carries.
    pub(super) a_core: u64,
    pub(super) lost: u64,
    pub(super) p99_ms: f64,
}

impl PointsFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, CalibrateError> {
        let text = fs::read_to_string(path)
            .map_err(|source| CalibrateError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|error| CalibrateError::Format { path: path.to_owned(), reason: error.to_string() })
    }

    /// The text of the file.
    pub(super) fn text(&self) -> Result<String, CalibrateError> {
        Ok(format!("{HEAD}{}", toml::to_string(self)?))
    }

    /// Writes it whole, or leaves what is there.
    pub(super) fn write(&self, path: &Path) -> Result<(), CalibrateError> {
        let text = self.text()?;
        let part = path.with_extension(format!("{}.part", std::process::id()));
        let written = fs::write(&part, text).and_then(|()| fs::rename(&part, path));
        written.map_err(|source| {
            drop(fs::remove_file(&part));
            CalibrateError::Write { path: path.to_owned(), source }
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::calibrate) fn example() -> PointsFile {
        let figure = |kind: &str, points: f64| FigureEntry {
            kind: kind.to_owned(),
            measured: 300,
            core_us: 650.0 * points,
            points,
            spread_percent: 2.5,
            a_core: 1290,
            lost: 0,
            p99_ms: 1.04,
        };
        PointsFile {
            budget: 1290.0,
            prices: BTreeMap::from([("call".to_owned(), 1.0), ("opus-coded".to_owned(), 6.612)]),
            measured: Measured {
                machine: "A \"Chip\", 2 GHz".to_owned(),
                cores: 2,
                server_core: Some(1),
                load_core: None,
                kernel: "6.18.0".to_owned(),
                backend: "sockets".to_owned(),
                tick: "1ms".to_owned(),
                realtime_priority: 0,
                version: "0.2.0".to_owned(),
                date: "2026-11-30T05:00:00Z".to_owned(),
                calls: 1290,
                busy_percent: 83.4,
                p99_ms: 1.1,
                sent: 516_000,
                lost: 0,
                limit: "core".to_owned(),
                bounded_by: "core".to_owned(),
                spread_percent: 4.1,
                disturbed: Some("other programs took 7 % of a core".to_owned()),
            },
            figures: vec![figure("relay", 1.0), figure("opus", 8.01)],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let path = std::env::temp_dir().join(format!("mediapoint-file-{}.toml", std::process::id()));
        let file = example();
        file.write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let read = PointsFile::read(&path);
        fs::remove_file(&path).unwrap();
        assert_eq!(read.unwrap(), file, "{text}");
        assert!(text.starts_with("# ") && text.contains("[[figure]]"), "{text}");
        assert!(!path.with_extension(format!("{}.part", std::process::id())).exists());
    }

    #[test]
    fn what_is_no_such_file_is_refused_by_name() {
        let missing = PointsFile::read(Path::new("no/such.toml")).unwrap_err().to_string();
        assert!(missing.starts_with("cannot read no/such.toml"), "{missing}");
        assert!(toml::from_str::<PointsFile>("budget = 5.0\nmuch = 1\n").is_err());
    }
}
