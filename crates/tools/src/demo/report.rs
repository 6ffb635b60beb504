//! What the demonstration shows.

use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use mediapoint_caller::delay::DelaySummary;
use mediapoint_caller::load::LoadReport;
use mediapoint_caller::{Codec, Softphone};

use super::Kept;
use super::call::{Direction, Outcome, SUITE};
use super::waveform;
use crate::child::ChildServer;
use crate::text::{self, wrap};

/// Columns of a waveform.
const WIDTH: usize = 61;

/// The server runs.
pub(super) fn server(server: &ChildServer, log: &Path) {
    println!("mediapoint {}: a call through the server", env!("CARGO_PKG_VERSION"));
    println!();
    let line =
        format!("server   process {}, ng control port {}, log {}", server.pid(), server.ng(), log.display());
    println!("{}", wrap(&line, 9));
}

/// The call is set up.
pub(super) fn parties([caller, callee]: [&Softphone; 2], codecs: [Codec; 2], set_up: Duration) {
    let [of_caller, of_callee] = codecs;
    println!("caller   {of_caller} over RTP at {}", caller.local_addr());
    println!("callee   {of_callee} over SRTP ({}) at {}", SUITE.name(), callee.local_addr());
    println!(
        "call     set up by offer and answer over the control port in {:.1} ms",
        set_up.as_secs_f64() * 1e3
    );
}

/// What became of the call.
pub(super) fn outcome(outcome: &Outcome, kept: &[Kept; 2]) {
    println!();
    let mut table = text::table();
    table.set_header(["", "caller to callee", "callee to caller"]);
    let mut row = |name: &str, cell: &dyn Fn(&Direction) -> String| {
        let [there, back] = &outcome.directions;
        table.add_row([name.to_owned(), cell(there), cell(back)]);
    };
    row("through", &|direction| way(direction, outcome));
    row("packets sent, received", &|direction| {
        format!("{}, {}", direction.sender.packets_sent, direction.listener.packets_received)
    });
    row("lost, reordered, duplicated", &|direction| {
        let heard = &direction.listener;
        format!("{}, {}, {}", heard.lost, heard.out_of_order, heard.duplicates)
    });
    row("delay p50, p99", &|direction| delays(&direction.delay));
    row("  added by the server", &|direction| delays(&difference(&direction.delay, &outcome.baseline)));
    row("jitter at server, at phone", &|direction| {
        let server = Duration::from_micros(direction.server.jitter_us).as_secs_f64() * 1e3;
        format!("{server:.2} ms, {:.2} ms", direction.listener.jitter_ms)
    });
    row("MOS by the server (G.107)", &|direction| {
        direction.server.mos.clone().unwrap_or_else(|| "-".to_owned())
    });
    row("audio received is", &likeness);
    println!("{table}");
    voices(outcome);
    println!();
    let points = |thousandths: u64| format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    let line = format!(
        "server   {} of {} media points used, {:.1} % of a core, which is {:.0} µs of CPU time a packet: with one call each \
         packet wakes the worker for itself",
        points(outcome.server.points_used),
        points(outcome.server.points_budget),
        outcome.cpu.as_secs_f64() / outcome.talked.as_secs_f64().max(1.0) * 100.0,
        micros_each(outcome.cpu, outcome.forwarded),
    );
    println!("{}", wrap(&line, 9));
    let files = kept.iter().flat_map(|kept| [&kept.said, &kept.heard]);
    let files: Vec<String> = files.map(|path| path.display().to_string()).collect();
    println!("{}", wrap(&format!("files    {}", files.join(" ")), 9));
}

/// What a load of many calls came to.
pub(super) fn load(load: &LoadReport) {
    let cost = load.server.as_ref().map_or_else(String::new, |server| {
        format!(
            "{:.1} µs of CPU time a packet, {:.0} % of a core; ",
            server.us_per_packet, server.busy_percent
        )
    });
    let line = format!(
        "load     {} calls, {:.0} packets/s, SRTP on one side: {cost}{} of {} packets lost",
        load.calls, load.packets_per_second, load.lost, load.sent
    );
    println!("{}", wrap(&line, 9));
}

/// CPU time of each packet in microseconds; 0 where there was none.
fn micros_each(cpu: Duration, packets: u64) -> f64 {
    let each = cpu.checked_div(u32::try_from(packets).unwrap_or(u32::MAX)).unwrap_or_default();
    each.as_secs_f64() * 1e6
}

/// How the server ended.
pub(super) fn end(stopped: &io::Result<ExitStatus>) {
    match stopped {
        Ok(status) if status.success() => {
            println!("end      the call was deleted, and the server ended by SIGTERM")
        }
        Ok(status) => println!("end      the server ended with {status}"),
        Err(error) => println!("end      the server could not be ended: {error}"),
    }
}

fn way(direction: &Direction, outcome: &Outcome) -> String {
    let [there, _] = &outcome.directions;
    let by_caller = std::ptr::eq(direction, there);
    let [from, to] = direction.codecs;
    if by_caller { format!("{from} RTP > {to} SRTP") } else { format!("{from} SRTP > {to} RTP") }
}

fn delays(delay: &DelaySummary) -> String {
    format!("{:.2} ms, {:.2} ms", delay.p50_us / 1e3, delay.p99_us / 1e3)
}

fn difference(through: &DelaySummary, without: &DelaySummary) -> DelaySummary {
    DelaySummary {
        p50_us: (through.p50_us - without.p50_us).max(0.0),
        p99_us: (through.p99_us - without.p99_us).max(0.0),
        ..*through
    }
}

/// Sample for sample after G.711 on the way, the same speech after another codec, or by how much not.
fn likeness(direction: &Direction) -> String {
    let likeness = &direction.likeness;
    if likeness.identical {
        "identical but for G.711".to_owned()
    } else if !direction.is_exact() && likeness.is_same_speech() {
        format!("the same speech: r {:.3},\nlevel {:+.1} dB", likeness.band_correlation, likeness.level_db)
    } else if !direction.is_exact() {
        format!(
            "not the same: r {:.3}, level {:+.1} dB, {:.0} % of it",
            likeness.band_correlation,
            likeness.level_db,
            likeness.coverage * 100.0
        )
    } else {
        format!(
            "alike: r {:.4}, {:.1} dB, {:.0} % of it",
            likeness.correlation,
            likeness.segmental_snr_db,
            likeness.coverage * 100.0
        )
    }
}

fn voices(outcome: &Outcome) {
    let names = [("caller sent", "callee received"), ("callee sent", "caller received")];
    for (direction, (said, heard)) in outcome.directions.iter().zip(names) {
        println!("{said:15}|{}|", waveform::line(direction.said.samples(), WIDTH));
        println!("{heard:15}|{}|", waveform::line(direction.heard.samples(), WIDTH));
    }
}
