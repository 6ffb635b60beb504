//! `cargo xtask compare --conference`: what conference rooms cost the server, beside a relay of the same binary and beside
//! Janus's `AudioBridge`, and how that grows with a room.
//!
//! Every party sends and is sent G.711 mu-law every 20 ms. Runs alternate between the servers; medians are reported.

use cargo_metadata::MetadataCommand;
use serde_json::{Value, json};

use super::bench::{BUSY, Bench, add};
use super::ratios::{Cost, Ratio, WANTED_OF_ROOMS, beyond, cell, table};
use super::server::{Kind, Server};
use super::{Options, machine, median, print_accounting, save};
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
    Relay(Kind),
    /// Rooms over ng.
    Rooms(Kind),
    /// Rooms of the other bridge, at the rate of G.711 or that which it has unless told otherwise.
    Janus { rate: u32 },
}

impl Target {
    const ALL: [Self; 6] = [
        Self::Relay(Kind::Sockets),
        Self::Rooms(Kind::Sockets),
        Self::Relay(Kind::Xdp),
        Self::Rooms(Kind::Xdp),
        Self::Janus { rate: 8000 },
        Self::Janus { rate: 16_000 },
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Relay(Kind::Xdp) => "relay-xdp",
            Self::Relay(_) => "relay",
            Self::Rooms(kind) => kind.name(),
            Self::Janus { rate: 8000 } => "janus 8 kHz",
            Self::Janus { .. } => "janus 16 kHz",
        }
    }

    /// AF_XDP takes a network.
    fn is_wanted(self, options: &Options) -> bool {
        let ours = match self {
            Self::Relay(kind) | Self::Rooms(kind) if kind == Kind::Xdp && !options.network => return false,
            Self::Relay(_) | Self::Rooms(_) => true,
            Self::Janus { .. } => false,
        };
        options.only.as_deref().is_none_or(|only| ours == (only != "janus"))
    }

    /// The relay that rooms of this server are compared with.
    fn relay(self) -> Option<Self> {
        match self {
            Self::Relay(kind) | Self::Rooms(kind) => Some(Self::Relay(kind)),
            Self::Janus { .. } => Some(Self::Relay(Kind::Sockets)),
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

impl Load {
    fn parties(self) -> usize {
        self.rooms * self.members
    }

    /// The generator and its arguments.
    fn generator(self) -> (&'static str, Vec<String>) {
        if let Target::Relay(_) = self.target {
            return ("load", vec![format!("--calls={}", self.parties() / 2), "--baseline=0".to_owned()]);
        }
        let counts = [("rooms", self.rooms), ("members", self.members), ("speakers", self.speakers)];
        ("rooms", counts.map(|(name, count)| format!("--{name}={count}")).to_vec())
    }
}

/// CPU time of a party and second in µs, of the server's process and of both cores beside what the generator takes alone: JSON
/// pointers into the reports that [`Rooms::measure`] makes.
const COST: &str = "/us_per_party_second";
const WHOLE: &str = "/whole_us_per_party_second";

struct Rooms<'a> {
    bench: Bench<'a>,
    results: Vec<Value>,
    ratios: Vec<Ratio>,
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
    let bench = Bench::new(options, target)?;
    let mut rooms = Rooms { bench, results: Vec::new(), ratios: Vec::new() };
    if options.network {
        print_accounting();
    }
    rooms.side_by_side()?;
    // How cost grows with a room is no matter of the network.
    if options.only.as_deref() != Some("janus") && !options.network {
        rooms.sizes()?;
    }
    rooms.write()
}

impl Rooms<'_> {
    /// Rooms of 20, a relay of as many parties, and Janus, in turn.
    fn side_by_side(&mut self) -> Result<(), Error> {
        let (members, speakers) = ROOM;
        let options = self.bench.options;
        let loads: Vec<Load> = Target::ALL
            .into_iter()
            .filter(|target| target.is_wanted(options))
            .map(|target| Load { target, rooms: options.rooms, members, speakers })
            .collect();
        let reports = self.runs(&loads)?;
        println!(
            "\n{} rooms of {members}, {speakers} speak in each; a relay of as many parties",
            options.rooms
        );
        println!(
            "{:<16}{:>22}{:>14}{:>10}{:>14}{:>8}{:>10}{:>12}",
            "", "µs a party a second", "of relay", "in all", "of relay", "lost", "missing", "with voice"
        );
        let of = |target: Option<Target>, pointer: &str| {
            let place = loads.iter().position(|load| Some(load.target) == target)?;
            median(reports.get(place)?, pointer)
        };
        let beside_relay = |target: Target, pointer: &str| {
            let cost = of(Some(target), pointer).zip(of(target.relay(), pointer));
            cost.map(|(cost, relay)| cost / relay)
        };
        for (&Load { target, .. }, reports) in loads.iter().zip(&reports) {
            println!(
                "{:<16}{}{}{}{}{}{}{}",
                target.name(),
                cell(median(reports, COST), 22, 1),
                cell(beside_relay(target, COST), 14, 2),
                cell(median(reports, WHOLE), 10, 1),
                cell(beside_relay(target, WHOLE), 14, 2),
                cell(median(reports, "/lost"), 8, 0),
                cell(median(reports, "/missing"), 10, 0),
                cell(median(reports, "/voiced_percent"), 12, 1),
            );
        }
        self.ratios = compared(&loads, &reports);
        println!("\n{}", table(&self.ratios));
        self.keep("side by side", &loads, reports);
        Ok(())
    }

    /// Rooms of each size, with few speakers and with all speaking; the largest is the room of 1,000.
    fn sizes(&mut self) -> Result<(), Error> {
        let mut loads = Vec::new();
        for &members in &self.bench.options.sizes {
            let rooms = if members >= LARGE { 1 } else { PARTIES.div_ceil(members.max(1)) };
            for speakers in [ROOM.1.min(members), members] {
                loads.push(Load { target: Target::Rooms(Kind::Sockets), rooms, members, speakers });
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
        for run in 1..=self.bench.options.runs {
            // Without a server, of this round, by generator.
            let mut alone: Vec<(&str, Option<Value>)> = Vec::new();
            for (load, reports) in loads.iter().zip(&mut reports) {
                let Load { target, rooms, members, speakers } = *load;
                let (program, arguments) = load.generator();
                if !alone.iter().any(|(name, _)| *name == program) {
                    alone.push((program, self.bench.alone(program, arguments)?));
                }
                let own = alone.iter().find_map(|(name, own)| own.as_ref().filter(|_| *name == program));
                let report = self.measure(*load, own)?;
                let cost = |pointer| cell(report.pointer(pointer).and_then(Value::as_f64), 0, 1);
                println!(
                    "run {run} of {}: {} of {rooms} rooms of {members}, {speakers} speak: {} µs, in all {}",
                    self.bench.options.runs,
                    target.name(),
                    cost(COST),
                    cost(WHOLE),
                );
                reports.push(report);
            }
        }
        Ok(reports)
    }

    /// One run: a fresh server, one load, the generator's report with the cost of a party. `alone` is what it says without a server.
    fn measure(&self, load: Load, alone: Option<&Value>) -> Result<Value, Error> {
        let core = self.bench.options.server_core;
        let place = self.bench.place()?;
        let (program, mut arguments) = load.generator();
        let server = match load.target {
            Target::Janus { rate } => {
                let (server, socket) = Server::start_janus(&place, core, &self.bench.target)?;
                arguments.extend([format!("--janus={}", socket.display()), format!("--janus-rate={rate}")]);
                server
            }
            Target::Relay(kind) | Target::Rooms(kind) => {
                arguments.push(format!("--ng={}", place.ng()));
                Server::start(kind, &place, core, &self.bench.target)?
            }
        };
        arguments.push(format!("--pid={}", server.pid()));
        let what = if matches!(load.target, Target::Relay(_)) { "relay" } else { "rooms" };
        let mut report = self.bench.profiled(load.target.name(), what, program, arguments)?;
        let number = |report: &Value, pointer| report.pointer(pointer).and_then(Value::as_f64);
        #[expect(clippy::cast_precision_loss, reason = "a few thousand parties")]
        let parties = Some(load.parties() as f64);
        let cost = beyond(number(&report, "/server/busy_percent"), Some(0.0), parties);
        add(&mut report, "us_per_party_second", json!(cost));
        if let Some(alone) = alone {
            let whole = beyond(number(&report, BUSY), number(alone, BUSY), parties);
            add(&mut report, "whole_us_per_party_second", json!(whole));
        }
        Ok(report)
    }

    fn keep(&mut self, part: &str, loads: &[Load], reports: Vec<Vec<Value>>) {
        self.results.extend(loads.iter().zip(reports).map(|(load, runs)| {
            json!({
                "part": part, "server": load.target.name(), "rooms": load.rooms, "members": load.members,
                "speakers": load.speakers, "us_per_party_second": median(&runs, COST),
                "whole_us_per_party_second": median(&runs, WHOLE), "runs": runs,
            })
        }));
    }

    fn write(&self) -> Result<(), Error> {
        let Options { runs, seconds, network, output, .. } = self.bench.options;
        let file = if *network { "conference-network.json" } else { "conference.json" };
        let path = output.clone().unwrap_or_else(|| self.bench.target.join(file));
        let ratios: Value = self.ratios.iter().map(Ratio::to_json).collect();
        let report = json!({
            "machine": machine(), "runs": runs, "seconds": seconds, "results": self.results, "ratios": ratios,
        });
        save(&path, &report)
    }
}

/// The other bridge's cost beside that of each of our rooms.
fn compared(loads: &[Load], reports: &[Vec<Value>]) -> Vec<Ratio> {
    let costs = loads.iter().zip(reports).map(|(load, reports)| {
        (load.target, Cost { process: median(reports, COST), whole: median(reports, WHOLE) })
    });
    let costs: Vec<(Target, Cost)> = costs.collect();
    let mut ratios = Vec::new();
    for &(ours, cost) in costs.iter().filter(|(target, _)| matches!(target, Target::Rooms(_))) {
        for &(theirs, other) in costs.iter().filter(|(target, _)| matches!(target, Target::Janus { .. })) {
            let wanted = Some(WANTED_OF_ROOMS);
            ratios.push(Ratio::new("rooms", (ours.name(), cost), (theirs.name(), other), wanted));
        }
    }
    ratios
}
