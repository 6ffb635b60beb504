//! The figures of the server in Prometheus' text format 0.0.4. They are a snapshot of counters: no worker is asked.

use std::fmt::Write as _;

use mediapoint_control_ng::ControllerFigures;
use mediapoint_engine::{EngineLoad, Points, WorkerLoad};

/// What one answer is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) load: EngineLoad,
    pub(crate) controller: ControllerFigures,
    /// Counters of the control port by the names of `statistics`.
    pub(crate) control: Vec<(&'static str, u64)>,
    pub(crate) log_lines_dropped: u64,
    pub(crate) log_warnings_left_out: u64,
}

/// A figure that only grows, or one that goes up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

/// The text.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    /// A figure: its name and meaning, then a line for each value with its label.
    fn family(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        values: impl IntoIterator<Item = (Option<(&'static str, String)>, String)>,
    ) {
        let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
        // A string takes whatever is written to it.
        let _ = writeln!(self.0, "# HELP mediapoint_{name} {help}\n# TYPE mediapoint_{name} {kind}");
        for (label, value) in values {
            let _ = match label {
                Some((label, of)) => writeln!(self.0, "mediapoint_{name}{{{label}=\"{of}\"}} {value}"),
                None => writeln!(self.0, "mediapoint_{name} {value}"),
            };
        }
    }

    fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl ToString) {
        self.family(name, kind, help, [(None, value.to_string())]);
    }

    fn by(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        label: &'static str,
        values: &[(&'static str, u64)],
    ) {
        let value = |(of, value): &(&'static str, u64)| (Some((label, (*of).to_owned())), value.to_string());
        self.family(name, kind, help, values.iter().map(value));
    }

    /// The points that each worker spends on each kind of work.
    fn kinds(&mut self, workers: &[WorkerLoad]) {
        self.family("worker_points", Kind::Gauge, "Media points its calls cost, by kind of work.", []);
        for (number, worker) in workers.iter().enumerate() {
            for (kind, spent) in worker.by_kind.iter() {
                let labels = format!("worker=\"{number}\",kind=\"{kind}\"");
                // A string takes whatever is written to it.
                let _ = writeln!(self.0, "mediapoint_worker_points{{{labels}}} {}", points(spent));
            }
        }
    }

    fn worker(
        &mut self,
        workers: &[WorkerLoad],
        name: &str,
        kind: Kind,
        help: &str,
        of: impl Fn(&WorkerLoad) -> String,
    ) {
        let value = |(number, worker)| (Some(("worker", usize::to_string(&number))), of(worker));
        self.family(&format!("worker_{name}"), kind, help, workers.iter().enumerate().map(value));
    }
}

/// Writes a snapshot.
pub(crate) fn write(snapshot: &Snapshot) -> String {
    let mut text = Text::default();
    let version = Some(("version", env!("CARGO_PKG_VERSION").to_owned()));
    text.family("build_info", Kind::Gauge, "The server's version; always 1.", [(version, "1".to_owned())]);
    calls(&mut text, &snapshot.controller);
    requests(&mut text, snapshot);
    workers(&mut text, &snapshot.load.workers);
    reserves(&mut text, &snapshot.load);
    let dropped = snapshot.log_lines_dropped;
    text.one("log_lines_dropped_total", Kind::Counter, "Log lines that nobody read in time.", dropped);
    let left_out = snapshot.log_warnings_left_out;
    text.one(
        "log_warnings_left_out_total",
        Kind::Counter,
        "Warnings beyond the limit of their kind.",
        left_out,
    );
    text.0
}

fn calls(text: &mut Text, figures: &ControllerFigures) {
    text.one("calls", Kind::Gauge, "Calls that are kept.", figures.calls);
    text.by("calls_ended_total", Kind::Counter, "Calls that ended, by reason.", "reason", &figures.ended);
    let shed = figures.ended.iter().find(|(reason, _)| *reason == "shed").map_or(0, |(_, count)| *count);
    text.one("calls_shed_total", Kind::Counter, "Calls that a worker was too late for and ended.", shed);
    text.one("calls_rejected_total", Kind::Counter, "Calls that there was no room for.", figures.rejected);
    text.one(
        "calls_one_way_total",
        Kind::Counter,
        "Ended calls with media from some parties only.",
        figures.one_way,
    );
    text.one(
        "calls_without_media_total",
        Kind::Counter,
        "Ended calls without any media.",
        figures.without_media,
    );
    let seconds = format!("{:.6}", figures.durations.as_secs_f64());
    text.one("call_duration_seconds_total", Kind::Counter, "Duration of all ended calls together.", seconds);
    text.one(
        "call_packets_received_total",
        Kind::Counter,
        "RTP packets taken in ended calls.",
        figures.packets,
    );
    text.one("call_bytes_received_total", Kind::Counter, "RTP payload taken in ended calls.", figures.octets);
    let help = "Packets not taken in ended calls, by reason.";
    text.by("call_packets_dropped_total", Kind::Counter, help, "reason", &figures.dropped);
}

fn requests(text: &mut Text, snapshot: &Snapshot) {
    let figures = &snapshot.controller;
    text.by("requests_total", Kind::Counter, "Requests at the control port.", "command", &figures.requests);
    text.one("requests_refused_total", Kind::Counter, "Requests that were refused.", figures.refused);
    let help = "What happened at the control port, by the names that statistics has.";
    text.by("control_events_total", Kind::Counter, help, "event", &snapshot.control);
}

fn workers(text: &mut Text, workers: &[WorkerLoad]) {
    use Kind::{Counter, Gauge};
    text.worker(workers, "calls", Gauge, "Calls on the worker.", |worker| worker.calls.to_string());
    text.worker(workers, "points_used", Gauge, "Media points its calls cost.", |worker| points(worker.used));
    text.worker(workers, "points_budget", Gauge, "Media points it may carry now.", |worker| {
        points(worker.budget)
    });
    text.worker(
        workers,
        "points_configured",
        Gauge,
        "Media points it may carry while it keeps up.",
        |worker| points(worker.configured),
    );
    text.worker(workers, "points_free", Gauge, "Media points that further calls may cost.", |worker| {
        points(worker.free())
    });
    text.kinds(workers);
    text.worker(workers, "legs_reserved", Gauge, "Legs its calls have room for.", |worker| {
        worker.legs.to_string()
    });
    text.worker(workers, "legs_limit", Gauge, "Legs it can hold.", |worker| worker.max_legs.to_string());
    text.worker(
        workers,
        "late_seconds",
        Gauge,
        "How far it is behind its media clock; 0 while it keeps up.",
        |worker| format!("{:.6}", worker.late.unwrap_or_default().as_secs_f64()),
    );
    text.worker(workers, "cpu_seconds_total", Counter, "Core time used.", |worker| {
        format!("{:.6}", worker.cpu.as_secs_f64())
    });
    text.worker(workers, "datagrams_received_total", Counter, "Datagrams received.", |worker| {
        worker.received.to_string()
    });
    text.worker(workers, "datagrams_sent_total", Counter, "Datagrams sent.", |worker| {
        worker.sent.to_string()
    });
    let help = "Datagrams that the kernel forwarded by itself: neither received nor sent by the worker.";
    text.worker(workers, "datagrams_forwarded_total", Counter, help, |worker| worker.forwarded.to_string());
    let help = "Streams that the kernel forwards by itself.";
    text.worker(workers, "streams_handed_over", Gauge, help, |worker| worker.handed_over.to_string());
    let help = "Datagrams lost for want of a buffer, or refused by the kernel.";
    text.worker(workers, "datagrams_dropped_total", Counter, help, |worker| worker.dropped.to_string());
    text.worker(workers, "restarts_total", Counter, "Times it failed and started again.", |worker| {
        worker.restarts.to_string()
    });
}

fn reserves(text: &mut Text, load: &EngineLoad) {
    let (lent, all) = load.port_pairs;
    text.one("port_pairs_lent", Kind::Gauge, "Pairs of media ports lent to legs.", lent);
    text.one("port_pairs", Kind::Gauge, "Pairs of media ports there are.", all);
    let (reserved, all) = load.files;
    text.one("files_reserved", Kind::Gauge, "Open files reserved for sockets.", reserved);
    text.one("files_limit", Kind::Gauge, "Open files there may be.", all);
    text.one("events_waiting", Kind::Gauge, "Call events that wait to be read.", load.events_waiting);
}

fn points(points: Points) -> String {
    points.to_string()
}
