//! What a bench says in the end, as a table for people and as JSON for programs.

use std::fmt;
use std::time::SystemTime;

use comfy_table::CellAlignment;
use mediapoint_caller::delay::DelaySummary;
use mediapoint_caller::load::LoadReport;
use serde::Serialize;

use super::machine::Machine;
use crate::text;

/// Longest p99 of the delay within the service level, in microseconds.
const LONGEST_P99_US: f64 = 5_000.0;
/// Busiest core within the service level, in percent.
const BUSIEST: f64 = 85.0;

/// All runs of a bench, and where they ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct BenchReport {
    version: &'static str,
    date: String,
    machine: Machine,
    /// How often a busy worker looked at its sockets, where the server was our own.
    tick: Option<String>,
    server_core: Option<usize>,
    load_core: Option<usize>,
    runs: Vec<Run>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Run {
    /// What the server added to the delay, by the difference to the same phones without a server.
    added: Option<Added>,
    within_service_level: bool,
    #[serde(flatten)]
    load: LoadReport,
}

/// Differences of percentiles, in microseconds, none below zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Added {
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
}

/// True where no packet was lost, the delay was short and the core was not too busy. A transcoded call's delay is that
/// of codecs and jitter buffer; there packets have to come as regularly instead.
pub(super) fn within_service_level(load: &LoadReport) -> bool {
    let busy = load.server.as_ref().is_some_and(|server| server.busy_percent > BUSIEST);
    let p99 = load.transcoded.map_or(load.delay.p99_us, |audio| audio.regularity.p99_us);
    load.is_clean() && p99 < LONGEST_P99_US && !busy
}

impl BenchReport {
    pub(super) fn new(
        machine: Machine,
        tick: Option<String>,
        [server_core, load_core]: [Option<usize>; 2],
        runs: Vec<LoadReport>,
    ) -> Self {
        let run = |load: LoadReport| Run {
            added: load.baseline.as_ref().map(|baseline| added(&load.delay, &baseline.delay)),
            within_service_level: within_service_level(&load),
            load,
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            machine,
            tick,
            server_core,
            load_core,
            runs: runs.into_iter().map(run).collect(),
        }
    }
}

/// What lies between the delays with and without a server.
pub(super) fn added(through: &DelaySummary, without: &DelaySummary) -> Added {
    let difference = |a: f64, b: f64| ((a - b).max(0.0) * 10.0).round() / 10.0;
    Added {
        p50_us: difference(through.p50_us, without.p50_us),
        p99_us: difference(through.p99_us, without.p99_us),
        p999_us: difference(through.p999_us, without.p999_us),
    }
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = |core: Option<usize>| core.map_or_else(|| "any".to_owned(), |core| core.to_string());
        let kind = self.runs.first().map(|run| run.load.kind.as_str()).unwrap_or_default();
        writeln!(
            f,
            "{kind}; {}, {} cores, Linux {}",
            self.machine.processor, self.machine.cores, self.machine.kernel
        )?;
        let tick = self.tick.as_ref().map(|tick| format!(", tick {tick}")).unwrap_or_default();
        writeln!(
            f,
            "server on core {}, load on core {}{tick}",
            core(self.server_core),
            core(self.load_core)
        )?;
        let mut table = text::table();
        table.set_header([
            "calls",
            "packets\n/s",
            "lost",
            "added\ndelay\nµs",
            "whole\ndelay\nµs",
            "CPU/\npacket\nµs",
            "core\nbusy\n%",
            "calls/\ncore at\n85 %",
            "service\nlevel",
        ]);
        for run in &self.runs {
            table.add_row(row(run));
        }
        for index in 0..8 {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(f, "{table}")?;
        self.write_heard(f)?;
        f.write_str(&text::wrap(
            "Delays: p50, p99 and p99.9 below each other. Added delay: that through the server less that of the same phones \
             without one. CPU: user and system time of all the server's threads per packet forwarded. Service level: nothing \
             lost, p99 < 5 ms, core < 85 % busy.",
            0,
        ))?;
        if self.runs.iter().any(|run| run.load.generator_was_held_up()) {
            f.write_str("\n")?;
            f.write_str(&text::wrap(
                "The load itself was sent late: something else ran on its core, or it is more than one core can generate. \
                 The delays are longer for it.",
                0,
            ))?;
        }
        Ok(())
    }
}

impl BenchReport {
    /// What transcoded calls add to the table: how regularly packets came, how large they were, how they sounded.
    fn write_heard(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transcoded =
            self.runs.iter().filter_map(|run| Some((run.load.calls, run.load.missing, run.load.transcoded?)));
        let mut any = false;
        for (calls, missing, audio) in transcoded {
            any = true;
            let off = &audio.regularity;
            let sound = audio.sound.map_or_else(
                || "nothing that can be heard".to_owned(),
                |sound| {
                    let same =
                        if sound.same { "heard is what was said" } else { "HEARD IS NOT WHAT WAS SAID" };
                    let level = sound.level_db;
                    format!("{same} (r at least {:.3}, level {level:+.1} dB)", sound.band_correlation)
                },
            );
            let line = format!(
                "{calls} calls: packets off their time by {:.0} / {:.0} / {:.0} µs, {missing} missing, {:.0} octets to callees; {sound}",
                off.p50_us, off.p99_us, off.p999_us, audio.octets_to_callee
            );
            writeln!(f, "{}", text::wrap(&line, 2))?;
        }
        if any {
            let line = "Transcoded: lost are missing numbers; missing, packets' time without any. Delay is the sound's, with \
                        codecs and jitter buffer, of the calls listened to; off their time: how packets keep 20 ms, p50 / p99 / \
                        p99.9. For the service level their p99 counts.";
            writeln!(f, "{}", text::wrap(line, 0))?;
        }
        Ok(())
    }
}

fn row(run: &Run) -> Vec<String> {
    let none = || "-".to_owned();
    let load = &run.load;
    let three = |a: f64, b: f64, c: f64| format!("{a:.0}\n{b:.0}\n{c:.0}");
    let server = load.server.as_ref();
    vec![
        load.calls.to_string(),
        format!("{:.0}", load.packets_per_second),
        load.lost.to_string(),
        run.added.map_or_else(none, |added| three(added.p50_us, added.p99_us, added.p999_us)),
        three(load.delay.p50_us, load.delay.p99_us, load.delay.p999_us),
        server.map_or_else(none, |server| format!("{:.2}", server.us_per_packet)),
        server.map_or_else(none, |server| format!("{:.1}", server.busy_percent)),
        server.map_or_else(none, |server| server.calls_per_core.to_string()),
        if run.within_service_level { "kept" } else { "missed" }.to_owned(),
    ]
}
