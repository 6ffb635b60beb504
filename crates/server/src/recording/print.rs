//! Lists, facts and progress, for people and as JSON.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, UNIX_EPOCH};

use mediapoint_content::{AuditEntry, Pending, Pruned, Record, RecordingId, State};
use mediapoint_recorder::{FactKind, Manifest};
use serde_json::{Value, json};

use crate::ctl::table::{Column, format_columns};
use crate::output::Output;

/// A time of the catalogue, to the second.
pub(super) fn at(millis: i64) -> String {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

fn length(millis: i64) -> String {
    let seconds = millis / 1000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const fn state(record: &Record) -> &'static str {
    match (record.state, record.hold.is_some()) {
        (State::Present, true) => "held",
        (State::Present, false) => "stored",
        (State::Shredded, _) => "being deleted",
        _ => "deleted",
    }
}

fn json_of(record: &Record) -> Value {
    json!({
        "id": record.id.as_str(),
        "began": at(record.entry.started),
        "length_ms": record.entry.length,
        "format": record.entry.format,
        "tenant": record.entry.tenant,
        "call": record.entry.call,
        "parties": record.entry.parties,
        "tags": record.entry.tags,
        "bytes": record.files.audio.bytes,
        "sha256": record.files.audio.sha256,
        "stored": at(record.stored),
        "recovered": record.entry.recovered,
        "state": state(record),
        "hold": record.hold,
    })
}

pub(super) fn list(out: &mut Output, records: &[Record], json: bool) {
    if json {
        out.line(Value::Array(records.iter().map(json_of).collect()));
        return;
    }
    let left = |title| Column { title, right: false };
    let right = |title| Column { title, right: true };
    let columns = [left("RECORDING"), left("BEGAN (UTC)"), right("LENGTH"), right("SIZE"), left("STATE")];
    let row = |record: &Record| {
        // A row of a usual one fits 80 columns: no seconds.
        let began = at(record.entry.started).replacen('T', " ", 1);
        let state = match state(record) {
            "stored" if record.entry.recovered => "recovered",
            state => state,
        };
        vec![
            record.id.to_string(),
            began.get(..16).unwrap_or(&began).to_owned(),
            length(record.entry.length),
            size(record.files.audio.bytes),
            state.to_owned(),
        ]
    };
    format_columns(&columns, &records.iter().map(row).collect::<Vec<_>>())
        .iter()
        .for_each(|line| out.line(line));
}

pub(super) const fn name_of(kind: FactKind) -> &'static str {
    match kind {
        FactKind::Gap => "nothing came",
        FactKind::Paused => "paused",
        FactKind::Masked => "masked by secure input",
        FactKind::Lost(_) => "lost",
        FactKind::Announced => "announced",
        FactKind::Recovered => "recovered after a crash",
        _ => "other",
    }
}

pub(super) fn show(
    out: &mut Output,
    record: &Record,
    manifest: Option<&Manifest>,
    personal: Option<&Value>,
    json: bool,
) {
    if json {
        let mut shown = json_of(record);
        let facts = manifest.map(|manifest| serde_json::to_value(&manifest.facts).unwrap_or_default());
        if let Value::Object(shown) = &mut shown {
            shown.insert("facts".to_owned(), facts.unwrap_or_default());
            shown.insert("personal".to_owned(), personal.cloned().unwrap_or_default());
        }
        out.line(shown);
        return;
    }
    let mut pair = |name: &str, value: &str| {
        if !value.is_empty() {
            out.line(format_args!("{name:<10}{value}"));
        }
    };
    pair("recording", record.id.as_str());
    let recovered = if record.entry.recovered { ", recovered" } else { "" };
    pair("state", &format!("{}{recovered}", state(record)));
    pair("hold", record.hold.as_deref().unwrap_or_default());
    pair("began", &at(record.entry.started));
    pair("length", &length(record.entry.length));
    pair("format", &record.entry.format);
    pair("size", &size(record.files.audio.bytes));
    pair("tenant", &record.entry.tenant);
    pair("call", &record.entry.call);
    pair("parties", &record.entry.parties.join(", "));
    let tags: Vec<String> = record.entry.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pair("tags", &tags.join(", "));
    pair("stored", &at(record.stored));
    pair("sha256", &record.files.audio.sha256);
    if let Some(manifest) = manifest {
        pair("node", &manifest.node);
        for fact in &manifest.facts {
            let rate = u64::from(manifest.audio.rate.max(1));
            let seconds = |samples: u64| format!("{}.{:03} s", samples / rate, samples % rate * 1000 / rate);
            let length = match fact.samples {
                0 => String::new(),
                samples => format!(" for {}", seconds(samples)),
            };
            let what = format!("{} at {}{length}", name_of(fact.kind), seconds(fact.start));
            pair("fact", &what);
        }
    }
    if let Some(personal) = personal {
        // Pretty JSON cannot fail: its keys are strings.
        pair("personal", &serde_json::to_string_pretty(personal).unwrap_or_default());
    }
}

pub(super) fn verified(out: &mut Output, id: &RecordingId, findings: &[String], json: bool) {
    if json {
        out.line(json!({ "id": id.as_str(), "whole": findings.is_empty(), "findings": findings }));
    } else if findings.is_empty() {
        out.line(format_args!("{id}: whole and unaltered"));
    } else {
        findings.iter().for_each(|finding| out.line(format_args!("{id}: {finding}")));
    }
}

pub(super) fn pruned(out: &mut Output, pruned: &Pruned, dry: bool) {
    let done = if dry { "would be deleted" } else { "deleted" };
    pruned.deleted.iter().for_each(|id| out.line(format_args!("{id}: {done}")));
    pruned.held.iter().for_each(|id| out.line(format_args!("{id}: held")));
    pruned.failed.iter().for_each(|(id, error)| out.line(format_args!("{id}: not deleted: {error}")));
    out.line(format_args!(
        "{} {done}, {} held, {} failed",
        pruned.deleted.len(),
        pruned.held.len(),
        pruned.failed.len()
    ));
}

pub(super) fn pending(out: &mut Output, pending: &[Pending], json: bool) {
    let stage = |pending: &Pending| {
        pending.stage.map_or_else(|| "recording".to_owned(), |stage| format!("{stage:?}").to_lowercase())
    };
    if json {
        let shown = pending.iter().map(|pending| {
            json!({
                "id": pending.id.as_str(),
                "stage": stage(pending),
                "failures": pending.failures,
                "last_failure": pending.last_failure,
                "stuck": pending.stuck,
            })
        });
        out.line(Value::Array(shown.collect()));
        return;
    }
    if pending.is_empty() {
        out.line("nothing is on its way");
    }
    for pending in pending {
        let why = pending.stuck.as_ref().or(pending.last_failure.as_ref());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        out.line(format_args!("{}  {}{why}", pending.id, stage(pending)));
    }
}

pub(super) fn audit(out: &mut Output, log: &[AuditEntry], json: bool) {
    for entry in log {
        if json {
            out.line(json!({
                "number": entry.number,
                "at": at(entry.at),
                "who": entry.who,
                "action": entry.action,
                "recording": entry.recording,
                "detail": entry.detail,
                "hash": hex(&entry.hash),
            }));
        } else {
            let line = format!(
                "{:>6}  {}  {}  {}  {}  {}",
                entry.number,
                at(entry.at),
                entry.who,
                entry.action,
                entry.recording,
                entry.detail
            );
            out.line(line.trim_end());
        }
    }
}

/// How far long work is, on a terminal.
pub(super) struct Progress {
    all: usize,
    done: usize,
    shown: bool,
}

impl Progress {
    pub(super) fn new(all: usize) -> Self {
        Self { all, done: 0, shown: all > 1 && std::io::stderr().is_terminal() }
    }

    pub(super) fn step(&mut self) {
        self.done += 1;
        if self.shown {
            let full = self.done * 30 / self.all.max(1);
            let bar: String = (0..30).map(|n| if n < full { '#' } else { '-' }).collect();
            // A terminal that has gone is no fault.
            let _ = write!(std::io::stderr(), "\r[{bar}] {} of {}", self.done, self.all);
        }
    }

    pub(super) fn end(&self) {
        if self.shown {
            let _ = writeln!(std::io::stderr());
        }
    }
}
