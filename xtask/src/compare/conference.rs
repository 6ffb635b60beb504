//! `cargo xtask compare --conference`: what conference rooms cost the server, beside a relay of the same binary and beside
//! Janus's `AudioBridge`, and how that grows with a room.
//!
//! Every party sends and is sent G.711 mu-law every 20 ms. Runs alternate between the servers; medians are reported.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use serde_json::{Value, json};

use super::server::{OPEN_FILES, Server, free_port};
use super::{Options, machine, median, save};
use crate::error::Error;
use crate::setup::{self, Feature};
use crate::shell::Program;

/// Members of the rooms that are compared, and how many of them speak.
const ROOM: (usize, usize) = (20, 3);

/// Members of the one large room.
const LARGE: usize = 1000;

/// Members at one time at least, of all rooms of a size together.
const PARTIES: usize = 400;

/// What is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Calls of two, forwarded.
    Relay,
    /// Rooms over ng.
    Rooms,
    /// Rooms of the other bridge, at the rate of G.711 or that which it has unless told otherwise.
    Janus { rate: u32 },
}

impl Target {
    const ALL: [Self; 4] =
        [Self::Relay, Self::Rooms, Self::Janus { rate: 8000 }, Self::Janus { rate: 16_000 }];

    const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Rooms => "mediapoint",
            Self::Janus { rate: 8000 } => "janus 8 kHz",
            Self::Janus { .. } => "janus 16 kHz",
        }
    }

    fn is_wanted(self, only: Option<&str>) -> bool {
        match only {
            Some("janus") => matches!(self, Self::Janus { .. }),
            Some(_) => !matches!(self, Self::Janus { .. }),
            None => true,
        }
    }
}

/// Rooms of one size at one time.
#[derive(Clone, Copy)]
struct Load {
    target: Target,
    rooms: usize,
    members: usize,
    speakers: usize,
}

/// CPU time of a party, as a JSON pointer into the reports that [`Bench::measure`] makes.
const COST: &str = "/us_per_party_second";

struct Bench<'a> {
    options: &'a Options,
    target: PathBuf,
    results: Vec<Value>,
}

/// `cargo xtask compare --conference`.
pub(super) fn compare(options: &Options) -> Result<(), Error> {
    if options.only.as_deref() != Some("mediapoint") {
        setup::ensure(&[Feature::CompareConference])?;
    }
    Program::cargo(["build", "--release", "--package", "mediapoint-server"]).run()?;
    for example in ["load", "rooms"] {
        Program::cargo(["build", "--release", "--package", "mediapoint-caller", "--example", example])
            .run()?;
    }
    let target = MetadataCommand::new().no_deps().exec()?.target_directory.into_std_path_buf();
    let mut bench = Bench { options, target, results: Vec::new() };
    bench.side_by_side()?;
    if options.only.as_deref() != Some("janus") {
        bench.sizes()?;
    }
    bench.write()
}

impl Bench<'_> {
    /// Rooms of 20, a relay of as many parties, and Janus, in turn.
    fn side_by_side(&mut self) -> Result<(), Error> {
        let (members, speakers) = ROOM;
        let loads: Vec<Load> = Target::ALL
            .into_iter()
            .filter(|target| target.is_wanted(self.options.only.as_deref()))
            .map(|target| Load { target, rooms: self.options.rooms, members, speakers })
            .collect();
        let reports = self.runs(&loads)?;
        println!(
            "\n{} rooms of {members}, {speakers} speak in each; a relay of as many parties",
            self.options.rooms
        );
        println!(
            "{:<14}{:>22}{:>14}{:>8}{:>10}{:>12}",
            "", "µs a party a second", "of relay", "lost", "missing", "with voice"
        );
        let relay = loads.iter().position(|load| load.target == Target::Relay);
        let relay = relay.and_then(|at| median(reports.get(at)?, COST));
        for (load, reports) in loads.iter().zip(&reports) {
            let cost = median(reports, COST);
            let ratio = cost.zip(relay).map(|(cost, relay)| cost / relay);
            println!(
                "{:<14}{}{}{}{}{}",
                load.target.name(),
                cell(cost, 22, 1),
                cell(ratio, 14, 2),
                cell(median(reports, "/lost"), 8, 0),
                cell(median(reports, "/missing"), 10, 0),
                cell(median(reports, "/voiced_percent"), 12, 1),
            );
        }
        self.keep("side by side", &loads, reports);
        Ok(())
    }

    /// Rooms of each size, with few speakers and with all speaking; the largest is the room of 1,000.
    fn sizes(&mut self) -> Result<(), Error> {
        let mut loads = Vec::new();
        for &members in &self.options.sizes {
            let rooms = if members >= LARGE { 1 } else { PARTIES.div_ceil(members.max(1)) };
            for speakers in [ROOM.1.min(members), members] {
                loads.push(Load { target: Target::Rooms, rooms, members, speakers });
            }
        }
        let reports = self.runs(&loads)?;
        println!(
            "\n{:>8}{:>8}{:>10}{:>22}{:>12}{:>8}{:>10}{:>10}{:>14}",
            "members",
            "rooms",
            "speakers",
            "µs a party a second",
            "% of core",
            "lost",
            "missing",
            "unheard",
            "off p99 µs"
        );
        for (load, reports) in loads.iter().zip(&reports) {
            println!(
                "{:>8}{:>8}{:>10}{}{}{}{}{}{}",
                load.members,
                load.rooms,
                load.speakers,
                cell(median(reports, COST), 22, 1),
                cell(median(reports, "/server/busy_percent"), 12, 1),
                cell(median(reports, "/lost"), 8, 0),
                cell(median(reports, "/missing"), 10, 0),
                cell(median(reports, "/unheard"), 10, 0),
                cell(median(reports, "/regularity/p99_us"), 14, 0),
            );
        }
        self.keep("sizes", &loads, reports);
        Ok(())
    }

    /// The reports of each load, from runs in turn.
    fn runs(&self, loads: &[Load]) -> Result<Vec<Vec<Value>>, Error> {
        let mut reports: Vec<Vec<Value>> = vec![Vec::new(); loads.len()];
        for run in 1..=self.options.runs {
            for (load, reports) in loads.iter().zip(&mut reports) {
                let Load { target, rooms, members, speakers } = *load;
                let report = self.measure(*load)?;
                let cost = report.pointer(COST).and_then(Value::as_f64);
                println!(
                    "run {run} of {}: {} of {rooms} rooms of {members}, {speakers} speak: {} µs",
                    self.options.runs,
                    target.name(),
                    cell(cost, 0, 1)
                );
                reports.push(report);
            }
        }
        Ok(reports)
    }

    /// One run: a fresh server, one load, the generator's report with the cost of a party.
    fn measure(&self, load: Load) -> Result<Value, Error> {
        let parties = load.rooms * load.members;
        let core = self.options.server_core;
        let (server, bridge) = if let Target::Janus { rate } = load.target {
            let (server, socket) = Server::start_janus(core, &self.target)?;
            (server, vec![format!("--janus={}", socket.display()), format!("--janus-rate={rate}")])
        } else {
            let control = free_port()?;
            let server = Server::start("mediapoint", control, core, &self.target)?;
            (server, vec![format!("--ng=127.0.0.1:{control}")])
        };
        let mut arguments = vec![
            format!("--pid={}", server.pid()),
            format!("--seconds={}", self.options.seconds),
            format!("--core={}", self.options.load_core),
            "--json".to_owned(),
        ];
        arguments.extend(bridge);
        let generator = if load.target == Target::Relay {
            arguments.extend([format!("--calls={}", parties / 2), "--baseline=0".to_owned()]);
            "load"
        } else {
            arguments.push(format!("--rooms={}", load.rooms));
            arguments.push(format!("--members={}", load.members));
            arguments.push(format!("--speakers={}", load.speakers));
            "rooms"
        };
        let mut report = self.generate(generator, &arguments)?;
        let busy = report.pointer("/server/busy_percent").and_then(Value::as_f64);
        #[expect(clippy::cast_precision_loss, reason = "a few thousand parties")]
        let cost = busy.map(|busy| busy * 1e4 / (parties as f64));
        if let Some(keys) = report.as_object_mut() {
            keys.insert("us_per_party_second".to_owned(), json!(cost));
        }
        Ok(report)
    }

    fn generate(&self, program: &str, arguments: &[String]) -> Result<Value, Error> {
        let generator = self.target.join("release").join("examples").join(program).display().to_string();
        let words = ["-c", OPEN_FILES, "load", &generator].into_iter();
        let text = Program::new("sh", words.chain(arguments.iter().map(String::as_str))).output()?;
        serde_json::from_str(&text)
            .map_err(|error| Error::Tool(format!("the load generator's report: {error}")))
    }

    fn keep(&mut self, part: &str, loads: &[Load], reports: Vec<Vec<Value>>) {
        self.results.extend(loads.iter().zip(reports).map(|(load, runs)| {
            json!({
                "part": part, "server": load.target.name(), "rooms": load.rooms, "members": load.members,
                "speakers": load.speakers, "us_per_party_second": median(&runs, COST), "runs": runs,
            })
        }));
    }

    fn write(&self) -> Result<(), Error> {
        let path = self.options.output.clone().unwrap_or_else(|| self.target.join("conference.json"));
        let Options { runs, seconds, .. } = self.options;
        let report =
            json!({ "machine": machine(), "runs": runs, "seconds": seconds, "results": self.results });
        save(Path::new(&path), &report)
    }
}

/// A number in its column, or a dash.
fn cell(value: Option<f64>, width: usize, digits: usize) -> String {
    value.map_or_else(|| format!("{:>width$}", "-"), |value| format!("{value:>width$.digits$}"))
}
