//! What a load generator says in the end, as a table for people and as plain data for programs.

use std::fmt;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::LoadConfig;
use super::cores::CoresUse;
use super::cpu::{CpuSource, Window};
use super::run::{Audio, Outcome};
use super::sound::SoundReport;
use crate::delay::DelaySummary;

/// How busy a core may be within the service level, in percent.
const FULL_CORE: f64 = 85.0;

/// Lateness of the generator itself from which its delays mean little, in microseconds.
const HELD_UP_US: f64 = 2_000.0;

/// The outcome of one load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    /// What each call was.
    pub kind: String,
    /// Calls at one time, of two phones each.
    pub calls: usize,
    /// How long was measured.
    pub seconds: f64,
    /// Packets sent by all phones while it was measured.
    pub sent: u64,
    /// How many of them arrived, each counted once.
    pub received: u64,
    /// How many of them did not.
    pub lost: u64,
    /// Copies that arrived beside the first.
    pub duplicated: u64,
    /// Datagrams that could not be decrypted or read.
    pub damaged: u64,
    /// Packets that arrived at a phone of another call. Any but zero is a grave fault of the server.
    pub misrouted: u64,
    /// Packets that came more than five seconds late or were never sent; they count as lost too.
    pub stale: u64,
    /// Packets' time in which the server sent a phone nothing at all, not even a number that could be lost: counted
    /// where calls are transcoded.
    pub missing: u64,
    /// Packets that phones got which only receive: copies and mixes of taps.
    pub tapped: u64,
    /// Packets the server forwarded a second.
    pub packets_per_second: f64,
    /// Delay from a phone's send call to its partner's receive call. Where calls are transcoded: of the sound, codecs
    /// and buffers included, in the calls that were listened to.
    pub delay: DelaySummary,
    /// What is known of transcoded calls only.
    pub transcoded: Option<Transcoded>,
    /// The same phones without a server between them, and what they cost.
    pub baseline: Option<DelayParts>,
    /// What the server used.
    pub server: Option<ServerCost>,
    /// The same in the parts of the measurement.
    pub windows: Vec<Window>,
    /// What whole cores did, where that was asked for.
    pub cores: Option<CoresUse>,
    /// What the generator itself used.
    pub generator: GeneratorCost,
}

/// How the packets of transcoded calls came, and what they sounded like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Transcoded {
    /// How much earlier or later than its timestamp says each packet came after the one before it.
    pub regularity: DelaySummary,
    /// Payload octets of a packet that callers heard, on average.
    pub octets_to_caller: f64,
    /// Payload octets of a packet that callees heard, on average.
    pub octets_to_callee: f64,
    /// What listening found; `None` where there was nothing to decode.
    pub sound: Option<SoundReport>,
}

/// A run without a server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DelayParts {
    /// Packets sent.
    pub sent: u64,
    /// Packets that did not arrive.
    pub lost: u64,
    /// Delay from send call to receive call.
    pub delay: DelaySummary,
    /// What the generator used.
    pub generator: GeneratorCost,
}

/// CPU time of the server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ServerCost {
    /// User and system time of all its threads for each packet it forwarded, in microseconds.
    pub us_per_packet: f64,
    /// Share of one core, in percent; above 100 where it used more than one.
    pub busy_percent: f64,
    /// Calls of this kind that one core carries at 85 %, by proportion.
    pub calls_per_core: u64,
    /// Where the figure was read.
    pub source: CpuSource,
}

/// CPU time of the generator's thread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GeneratorCost {
    /// For each packet that it sent and received again, in microseconds; polling included, where it polls.
    pub us_per_packet: f64,
    /// Share of its core, in percent.
    pub busy_percent: f64,
    /// How late packets were sent after they were due.
    pub lateness: DelaySummary,
    /// True where it never slept, so that its core was always busy.
    pub polling: bool,
    /// Datagrams that the kernel would not take.
    pub send_errors: u64,
}

impl LoadReport {
    /// True where the generator sent late enough to spoil the delays: more than 2 ms for one packet in a hundred.
    /// Something else took its core, or the load is more than the core carries.
    #[must_use]
    pub fn generator_was_held_up(&self) -> bool {
        self.generator.lateness.p99_us > HELD_UP_US
    }

    /// True where every packet arrived exactly once, where it should, and transcoded calls sounded as they should.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let sounds = self.transcoded.is_none_or(|audio| audio.sound.is_some_and(|sound| sound.same));
        let faults = self.lost + self.missing + self.duplicated + self.damaged + self.misrouted + self.stale;
        faults == 0 && sounds
    }
}

pub(super) fn parts(outcome: &Outcome) -> DelayParts {
    DelayParts {
        sent: outcome.sent,
        lost: outcome.sent.saturating_sub(outcome.arrived),
        delay: outcome.delays.summary(),
        generator: generator(outcome),
    }
}

pub(super) fn assemble(config: &LoadConfig, outcome: &Outcome, baseline: Option<DelayParts>) -> LoadReport {
    let counts = outcome.counts;
    LoadReport {
        kind: config.kind.name(),
        calls: config.calls,
        seconds: rounded(outcome.elapsed.as_secs_f64(), 3),
        sent: outcome.sent,
        received: outcome.arrived,
        lost: match &outcome.audio {
            Some(audio) => audio.lost,
            None => outcome.sent.saturating_sub(outcome.arrived),
        },
        missing: outcome.audio.as_ref().map_or(0, |audio| audio.missing) + outcome.tap_missing,
        tapped: outcome.tapped,
        duplicated: counts.duplicated,
        damaged: counts.damaged,
        misrouted: counts.misrouted,
        stale: counts.stale,
        packets_per_second: rounded(ratio(count(outcome.forwarded), outcome.elapsed.as_secs_f64()), 1),
        delay: outcome.delays.summary(),
        transcoded: outcome.audio.as_ref().map(transcoded),
        baseline,
        server: outcome.server.map(|(used, source)| {
            let share = ratio(used.as_secs_f64(), outcome.elapsed.as_secs_f64());
            ServerCost {
                us_per_packet: rounded(ratio(used.as_secs_f64() * 1e6, count(outcome.forwarded)), 2),
                busy_percent: rounded(share * 100.0, 1),
                calls_per_core: whole(ratio(count(config.calls as u64) * FULL_CORE / 100.0, share)),
                source,
            }
        }),
        windows: outcome.windows.clone(),
        cores: outcome.cores.clone(),
        generator: generator(outcome),
    }
}

fn transcoded(audio: &Audio) -> Transcoded {
    let octets = audio.heard.map(|(packets, octets)| rounded(ratio(count(octets), count(packets)), 1));
    Transcoded {
        regularity: audio.regularity.summary(),
        octets_to_caller: octets[0],
        octets_to_callee: octets[1],
        sound: audio.sound,
    }
}

pub(super) fn generator(outcome: &Outcome) -> GeneratorCost {
    let used = outcome.generator.as_secs_f64();
    GeneratorCost {
        us_per_packet: rounded(ratio(used * 1e6, count(outcome.forwarded)), 2),
        busy_percent: rounded(ratio(used, outcome.elapsed.as_secs_f64()) * 100.0, 1),
        lateness: outcome.lateness.summary(),
        polling: outcome.polling,
        send_errors: outcome.counts.send_errors,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]
pub(super) fn count(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of calls, never negative"
)]
fn whole(number: f64) -> u64 {
    number.floor() as u64
}

/// Zero rather than a number that is none.
pub(super) fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

impl fmt::Display for LoadReport {
    /// A table of two columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY);
        table.set_header(vec![self.kind.clone(), format!("{} calls, {:.1} s", self.calls, self.seconds)]);
        let mut row = |name: &str, value: String| {
            table.add_row(vec![name.to_owned(), value]);
        };
        row("packets sent / received", format!("{} / {}", self.sent, self.received));
        row("packets a second", format!("{:.0}", self.packets_per_second));
        row("lost, missing, duplicated", format!("{}, {}, {}", self.lost, self.missing, self.duplicated));
        row("damaged, misrouted, stale", format!("{}, {}, {}", self.damaged, self.misrouted, self.stale));
        row("delay p50 / p99 / p99.9 / max", delays(&self.delay));
        if let Some(baseline) = &self.baseline {
            row("  without a server", delays(&baseline.delay));
        }
        if let Some(audio) = &self.transcoded {
            row("packets off their time p50 / p99 / p99.9 / max", delays(&audio.regularity));
            let octets = format!("{:.0} / {:.0}", audio.octets_to_callee, audio.octets_to_caller);
            row("octets a packet to callees / callers", octets);
            row("heard is what was said", audio.sound.map_or_else(|| "unknown".to_owned(), heard));
        }
        if let Some(server) = &self.server {
            row("server CPU a packet", format!("{:.2} µs", server.us_per_packet));
            row("server CPU", format!("{:.1} % of a core", server.busy_percent));
            row("calls a core at 85 %", server.calls_per_core.to_string());
        }
        if let Some(cores) = &self.cores {
            let each =
                cores.cores.iter().map(|used| format!("core {}: {:.1} %", used.core, used.busy_percent));
            row("busy in all", each.collect::<Vec<_>>().join(", "));
            row("busy in all, a packet", format!("{:.2} µs", cores.us_per_packet));
        }
        let own = &self.generator;
        let polling = if own.polling { " (polling)" } else { "" };
        row("generator CPU", format!("{:.1} % of a core{polling}", own.busy_percent));
        row("  its lateness", delays(&own.lateness));
        if own.send_errors > 0 {
            row("datagrams not taken by the kernel", own.send_errors.to_string());
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        write!(f, "{table}")?;
        if self.generator_was_held_up() {
            let late = own.lateness.p99_us / 1_000.0;
            write!(
                f,
                "\nThe generator itself was held up (p99 {late:.1} ms): the delays are not the server's alone."
            )?;
        }
        Ok(())
    }
}

fn heard(sound: SoundReport) -> String {
    let SoundReport { streams, band_correlation, level_db, same } = sound;
    let same = if same { "yes" } else { "NO" };
    format!("{same}: {streams} streams, r at least {band_correlation:.3}, level {level_db:+.1} dB")
}

fn delays(delay: &DelaySummary) -> String {
    let DelaySummary { p50_us, p99_us, p999_us, max_us, .. } = delay;
    format!("{p50_us:.0} / {p99_us:.0} / {p999_us:.0} / {max_us:.0} µs")
}
