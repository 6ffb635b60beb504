//! `cargo xtask compare`: this server and Debian's rtpengine under the same load, one core each for server and load.
//!
//! Both get the same ng messages from the same generator. Every run starts a fresh server; runs alternate between the
//! two, so that whatever else the machine does falls on both; medians are reported. With `--network` they are in network
//! namespaces, the packets' ways into this server are compared too, and both cores' whole time counts.

mod bench;
mod conference;
mod network;
mod profile;
mod ratios;
mod server;

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use clap::builder::StyledStr;
use clap::{CommandFactory as _, Parser};
use serde_json::{Value, json};

use crate::error::Error;
use crate::setup::{self, Feature};
use crate::shell::Program;

use self::bench::{Bench, charges_softirq};
use self::ratios::{Cost, Ratio, table, wanted};
use self::server::Kind;

/// Measure mediapoint and Debian's rtpengine side by side under the same load, or with Debian's Janus as conference bridges.
#[derive(Parser)]
#[command(name = "cargo xtask compare", bin_name = "cargo xtask compare", max_term_width = 100)]
struct Options {
    /// Runs of each server at each load; medians are reported.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Seconds measured in a run.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Loads as kind=calls: pcmu (relay), pcma (conversion), g722, g729, opus (transcoding from PCMU); with `srtp-`
    /// before it SRTP on one side, `srtp` alone being `srtp-pcmu`.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "pcmu=400,srtp=200,pcma=200,g722=100,g729=100,opus=30",
        value_parser = load
    )]
    loads: Vec<Load>,
    /// Core of the server under test.
    #[arg(long, default_value_t = 1)]
    server_core: usize,
    /// Core of the load generator.
    #[arg(long, default_value_t = 0)]
    load_core: usize,
    /// Measure only one of them: mediapoint, rtpengine or, with --conference, janus.
    #[arg(long, value_parser = ["mediapoint", "rtpengine", "janus"])]
    only: Option<String>,
    /// Measure conference rooms instead: rooms of 20 beside a relay and beside Janus, and rooms of each size.
    #[arg(long)]
    conference: bool,
    /// Servers and load in network namespaces with virtual Ethernet cards between them (as root): mediapoint on sockets and on
    /// AF_XDP, and all that both cores do beside what the generator does alone.
    #[arg(long)]
    network: bool,
    /// With --conference: rooms of 20 at one time.
    #[arg(long, default_value_t = 10)]
    rooms: usize,
    /// With --conference: sizes of rooms, each with three speakers and with all speaking.
    #[arg(long, value_delimiter = ',', default_value = "3,10,20,100,500,1000")]
    sizes: Vec<usize>,
    /// Where the JSON goes [default: compare.json, or conference.json, in cargo's target folder].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Record where both cores' time goes with `perf` (as root), and print its parts after each run. The recordings stay in this
    /// folder. It costs time itself: take no other figure of such runs.
    #[arg(long, value_name = "FOLDER")]
    profile: Option<PathBuf>,
    /// Where a JSON with the medians alone goes, from which the chart in docs/pictures is drawn.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

#[derive(Clone)]
struct Load {
    kind: String,
    srtp: bool,
    calls: u32,
}

/// The help of the command, as `./x` prints it.
pub(crate) fn help() -> StyledStr {
    Options::command().bin_name("./x compare").term_width(80).render_long_help()
}

/// What a callee may speak.
const CODECS: [&str; 5] = ["pcmu", "pcma", "g722", "g729", "opus"];

fn load(text: &str) -> Result<Load, String> {
    let (kind, calls) = text.split_once('=').ok_or("expected kind=calls")?;
    let (codec, srtp) = match kind.strip_prefix("srtp") {
        Some("") => ("pcmu", true),
        Some(rest) => (rest.strip_prefix('-').unwrap_or_default(), true),
        None => (kind, false),
    };
    if !CODECS.contains(&codec) {
        return Err(format!("unknown kind {kind}"));
    }
    Ok(Load {
        kind: codec.to_owned(),
        srtp,
        calls: calls.parse().map_err(|_| format!("{calls} is no number of calls"))?,
    })
}

impl Load {
    fn name(&self) -> String {
        if self.srtp { format!("srtp-{}", self.kind) } else { self.kind.clone() }
    }

    /// For the generator.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![format!("--calls={}", self.calls), format!("--kind={}", self.kind)];
        arguments.extend(self.srtp.then(|| "--srtp".to_owned()));
        arguments
    }

    /// Whether packets of it can take the server's way into and out of the machine.
    fn suits(&self, kind: Kind) -> bool {
        kind != Kind::Forwarding || self.name() == "pcmu"
    }
}

/// CPU time a packet: of the server's process, and of both cores beside what the generator takes alone.
const PROCESS: &str = "/server/us_per_packet";
const WHOLE: &str = "/whole/us_per_packet";

/// What is told of each run, as JSON pointers into the generator's report.
const FIGURES: [(&str, &str); 12] = [
    ("CPU µs a packet", PROCESS),
    ("in all µs a packet", WHOLE),
    ("generator alone µs", "/whole/alone_us_per_packet"),
    ("CPU % of a core", "/server/busy_percent"),
    ("calls a core at 85 %", "/server/calls_per_core"),
    ("packets lost", "/lost"),
    ("delay p50 µs", "/delay/p50_us"),
    ("delay p99 µs", "/delay/p99_us"),
    // Of transcoded calls only: see benches/compare/README.md.
    ("packets missing", "/missing"),
    ("off their time p99 µs", "/transcoded/regularity/p99_us"),
    ("octets to callees", "/transcoded/octets_to_callee"),
    ("heard: r at least", "/transcoded/sound/band_correlation"),
];

/// `cargo xtask compare`.
pub(crate) fn compare(args: &[String]) -> Result<(), Error> {
    let own = std::iter::once("compare").chain(args.iter().map(String::as_str));
    let options = Options::try_parse_from(own).unwrap_or_else(|error| error.exit());
    setup::ensure(&[Feature::Build, Feature::Compare])?;
    if options.conference {
        return conference::compare(&options);
    }
    Program::cargo(["build", "--release", "--package", "mediapoint-server"]).run()?;
    Program::cargo(["build", "--release", "--package", "mediapoint-caller", "--example", "load"]).run()?;
    let target = MetadataCommand::new().no_deps().exec()?.target_directory.into_std_path_buf();

    let bench = Bench::new(&options, target)?;
    if options.network {
        print_accounting();
    }
    let kinds = bench.kinds();
    let (mut results, mut ratios) = (Vec::new(), Vec::new());
    for load in &options.loads {
        let kinds: Vec<Kind> = kinds.iter().copied().filter(|kind| load.suits(*kind)).collect();
        let reports = rounds(&bench, load, &kinds)?;
        print_table(load, &kinds, &reports);
        if options.network {
            ratios.extend(compared(load, &kinds, &reports));
        }
        for (kind, reports) in kinds.iter().zip(&reports) {
            results.push(json!({
                "server": kind.name(), "kind": load.name(), "calls": load.calls,
                "median": medians(reports), "runs": reports,
            }));
        }
    }
    if options.network {
        println!("{}", table(&ratios));
    }
    write(&bench, results, &ratios)
}

/// The reports of each server, from runs in turn.
fn rounds(bench: &Bench<'_>, load: &Load, kinds: &[Kind]) -> Result<Vec<Vec<Value>>, Error> {
    let mut reports: Vec<Vec<Value>> = vec![Vec::new(); kinds.len()];
    let runs = bench.options.runs;
    for run in 1..=runs {
        let alone = bench.alone("load", bench.arguments(load))?;
        for (&kind, reports) in kinds.iter().zip(&mut reports) {
            println!("{} calls of {}, run {run} of {runs}: {}", load.calls, load.name(), kind.name());
            reports.push(bench.measure(kind, load, alone.as_ref())?);
        }
    }
    Ok(reports)
}

/// rtpengine's cost beside that of each of ours.
fn compared(load: &Load, kinds: &[Kind], reports: &[Vec<Value>]) -> Vec<Ratio> {
    let cost =
        |reports: &Vec<Value>| Cost { process: median(reports, PROCESS), whole: median(reports, WHOLE) };
    let costs: Vec<(Kind, Cost)> = kinds.iter().copied().zip(reports.iter().map(cost)).collect();
    let Some(&(theirs, other)) = costs.iter().find(|(kind, _)| !kind.is_ours()) else { return Vec::new() };
    let ours = costs.iter().filter(|(kind, _)| kind.is_ours());
    let name = load.name();
    ours.map(|&(kind, cost)| {
        Ratio::new(&name, (kind.name(), cost), (theirs.name(), other), wanted(&name, kind))
    })
    .collect()
}

/// Says how the figures come about.
fn print_accounting() {
    let softirq = match charges_softirq() {
        Some(true) => "charges soft interrupts to the process that they interrupt, whoever they are for",
        Some(false) => "charges soft interrupts to no process",
        None => "does not say whether soft interrupts are charged to a process",
    };
    println!("This kernel {softirq}: compare `in all`, which counts both cores.");
}

fn write(bench: &Bench<'_>, results: Vec<Value>, ratios: &[Ratio]) -> Result<(), Error> {
    let Bench { options, target, .. } = bench;
    let file = if options.network { "compare-network.json" } else { "compare.json" };
    let path = options.output.clone().unwrap_or_else(|| target.join(file));
    let mut report =
        json!({ "machine": machine(), "runs": options.runs, "seconds": options.seconds, "results": results });
    if options.network {
        bench::add(&mut report, "ratios", ratios.iter().map(Ratio::to_json).collect());
    }
    save(&path, &report)?;
    let Some(path) = &options.summary else { return Ok(()) };
    let results = report.get_mut("results").and_then(Value::as_array_mut);
    for runs in results.into_iter().flatten().filter_map(|result| result.get_mut("runs")) {
        *runs = runs.as_array().into_iter().flatten().map(cpu_of).collect();
    }
    save(path, &report)
}

/// CPU time a packet of one run, in µs.
fn cpu_of(report: &Value) -> Value {
    report.pointer("/server/us_per_packet").cloned().unwrap_or_default()
}

fn save(path: &Path, report: &Value) -> Result<(), Error> {
    std::fs::write(path, format!("{report:#}\n"))
        .map_err(|source| Error::Io { path: path.to_owned(), source })?;
    println!("written to {}", path.display());
    Ok(())
}

/// Processor, kernel and version of the reference: without them the numbers mean nothing.
fn machine() -> Value {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let reference = Program::new("dpkg-query", ["--show", "--showformat=${Version}", "rtpengine-daemon"]);
    json!({
        "processor": model.trim_start_matches([' ', '\t', ':']),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": kernel.trim(),
        "softirq_charged_to_processes": charges_softirq(),
        "rtpengine": reference.output_quiet().unwrap_or_default(),
        "date": Program::new("date", ["--utc", "--iso-8601=minutes"]).output_quiet().unwrap_or_default().trim(),
    })
}

fn medians(reports: &[Value]) -> Value {
    let figures =
        FIGURES.iter().map(|&(name, pointer)| Some((name.to_owned(), json!(median(reports, pointer)?))));
    figures.flatten().collect()
}

/// The middle value; of an even number of runs the higher of the two in the middle.
fn median(reports: &[Value], pointer: &str) -> Option<f64> {
    let mut values: Vec<f64> =
        reports.iter().filter_map(|report| report.pointer(pointer)?.as_f64()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn print_table(load: &Load, kinds: &[Kind], reports: &[Vec<Value>]) {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let width = names.iter().map(|name| name.len() + 2).max().unwrap_or_default().max(14);
    println!(
        "\n{:<24}{}",
        format!("{} x {}", load.calls, load.name()),
        names.iter().map(|name| format!("{name:>width$}")).collect::<String>()
    );
    for (name, pointer) in FIGURES {
        let medians: Vec<Option<f64>> = reports.iter().map(|reports| median(reports, pointer)).collect();
        if medians.iter().all(Option::is_none) {
            continue;
        }
        let digits = if pointer.ends_with("correlation") { 3 } else { 1 };
        let cells = medians.iter().map(|median| match median {
            Some(value) => format!("{value:>width$.digits$}"),
            None => format!("{:>width$}", "-"),
        });
        println!("{name:<24}{}", cells.collect::<String>());
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_run() {
        let reports: Vec<Value> = [3.0, 1.0, 2.0].iter().map(|value| json!({ "lost": value })).collect();
        assert_eq!(median(&reports, "/lost"), Some(2.0));
        assert_eq!(median(&reports, "/none"), None);
    }

    #[test]
    fn loads_are_read_as_kind_and_calls() {
        assert_eq!(load("srtp=20").map(|load| load.calls), Ok(20));
        assert!(load("srtp").is_err() && load("video=3").is_err() && load("srtpg729=1").is_err());
        let names: Vec<String> = ["g729=1", "srtp=1", "srtp-opus=1"]
            .iter()
            .filter_map(|text| load(text).ok().map(|load| load.name()))
            .collect();
        assert_eq!(names, ["g729", "srtp-pcmu", "srtp-opus"]);
    }
}
