//! The answers as text or JSON.

use std::time::SystemTime;

use mediapoint_control_ng::wire::{self, Dict, Value};

use super::Form;
use super::call::{Call, Media, Part, clock, score};
use super::table::{Column, format_columns, wrap};
use crate::output::Output;

const LIST: [Column; 7] = [
    Column { title: "CALL-ID", right: false },
    Column { title: "AGE", right: true },
    Column { title: "PARTIES", right: true },
    Column { title: "CODECS", right: false },
    Column { title: "PACKETS", right: true },
    Column { title: "LOSS", right: true },
    Column { title: "MOS", right: true },
];

/// Most characters of the codecs in a list.
const MAX_CODECS: usize = 16;

/// `list`.
pub(super) fn list(calls: &[Call], form: Form) -> Output {
    if form == Form::Json {
        let list: Value = calls.iter().map(entry).collect();
        return json(&Dict::from([(b"calls".to_vec(), list)]));
    }
    let mut out = Output::default();
    if calls.is_empty() {
        out.line("no calls");
        return out;
    }
    let row = |call: &Call| {
        let mut codecs = call.codecs();
        if codecs.chars().count() > MAX_CODECS {
            codecs = codecs.chars().take(MAX_CODECS - 1).chain(['…']).collect();
        }
        vec![
            call.id.clone(),
            clock(call.age),
            call.parties.len().to_string(),
            codecs,
            call.packets().to_string(),
            format!("{} %", percent(call.loss())),
            score(call.mos()),
        ]
    };
    let rows: Vec<Vec<String>> = calls.iter().map(row).collect();
    format_columns(&LIST, &rows).into_iter().for_each(|line| out.line(line));
    out
}

/// Thousandths as percent.
fn percent(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

/// A call of the list in JSON.
fn entry(call: &Call) -> Value {
    let mut dict = Dict::from([
        (b"call-id".to_vec(), Value::from(call.id.as_str())),
        (b"age".to_vec(), call.age.as_secs().into()),
        (b"parties".to_vec(), u64::try_from(call.parties.len()).unwrap_or(u64::MAX).into()),
        (b"codecs".to_vec(), call.codecs().split(' ').filter(|name| *name != "-").map(Value::from).collect()),
        (b"packets".to_vec(), call.packets().into()),
        (b"loss percent".to_vec(), percent(call.loss()).into()),
    ]);
    if call.mos().is_some() {
        dict.insert(b"MOS".to_vec(), score(call.mos()).into());
    }
    Value::Dict(dict)
}

/// `show`.
pub(super) fn show(reply: &Dict, call_id: &str, form: Form) -> Output {
    if form == Form::Json {
        return json(reply);
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let call = Call::read(call_id.to_owned(), reply, now.as_secs());
    let mut out = Output::default();
    out.line(format_args!("call {}", call.id));
    out.line(format_args!("  age {}, {} parties", clock(call.age), call.parties.len()));
    for party in &call.parties {
        let tag = if party.tag.is_empty() { "(not answered yet)" } else { party.tag.as_str() };
        let label = if party.label.is_empty() { String::new() } else { format!(", label {}", party.label) };
        out.line(format_args!("party {tag}{label}"));
        for media in &party.medias {
            section(media).into_iter().flat_map(|text| wrap(&text, 2)).for_each(|line| out.line(line));
        }
    }
    out
}

/// A media section, a line each: what it is, where it flows, what came and went.
fn section(media: &Media) -> [String; 3] {
    let Media { kind, protocol, codec, suite, local, remote, received, sent, lost, dropped, .. } = media;
    let codec = if codec.is_empty() { "nothing received yet" } else { codec.as_str() };
    let suite = if suite.is_empty() { String::new() } else { format!(", {suite}") };
    let made = if media.transcoded { ", transcoded" } else { "" };
    let jitter = media.jitter.as_secs_f64() * 1e3;
    [
        format!("{kind} {protocol}{suite}: {codec}{made}"),
        format!("server {local}, party {remote}"),
        format!(
            "received {received}, lost {lost}, dropped {dropped}, jitter {jitter:.1} ms, MOS {}; sent {sent}",
            score(media.mos)
        ),
    ]
}

/// `stats`.
pub(super) fn stats(reply: &Dict, form: Form) -> Output {
    if form == Form::Json {
        return json(reply);
    }
    let mut out = Output::default();
    let statistics = Part(Some(reply)).part("statistics");
    for (key, value) in statistics.0.into_iter().flatten() {
        let Value::Dict(group) = value else { continue };
        out.line(String::from_utf8_lossy(key));
        figures(group, 2, &mut out);
    }
    out
}

fn figures(group: &Dict, indent: usize, out: &mut Output) {
    let blanks = " ".repeat(indent);
    for (key, value) in group {
        let key = String::from_utf8_lossy(key);
        match value {
            Value::Dict(inner) if inner.is_empty() => {}
            Value::Dict(inner) => {
                out.line(format_args!("{blanks}{key}"));
                figures(inner, indent + 2, out);
            }
            Value::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    let Value::Dict(inner) = item else { continue };
                    out.line(format_args!("{blanks}{key} {}", number + 1));
                    figures(inner, indent + 2, out);
                }
            }
            value => {
                let wide = 30_usize.saturating_sub(indent);
                out.line(format_args!("{blanks}{key:<wide$} {}", value.to_text().unwrap_or_default()));
            }
        }
    }
}

/// `end`.
pub(super) fn ended(calls: &[&str], form: Form) -> Output {
    if form == Form::Json {
        return json(&Dict::from([(b"ended".to_vec(), calls.iter().map(|id| Value::from(*id)).collect())]));
    }
    let mut out = Output::default();
    calls.iter().for_each(|id| out.line(format_args!("ended {id}")));
    out
}

/// `log`.
pub(super) fn level(reply: &Dict, form: Form) -> Output {
    if form == Form::Json {
        return json(reply);
    }
    let mut out = Output::default();
    out.line(format_args!("log level {}", Part(Some(reply)).text("level")));
    out
}

/// `why`.
pub(super) fn why(reply: &Dict, form: Form) -> Output {
    if form == Form::Json {
        return json(reply);
    }
    let mut out = Output::default();
    let reply = Part(Some(reply));
    out.line(format_args!(
        "the call is {}",
        match reply.text("verdict").as_str() {
            "no media" => "silent: no packet has come from any party".to_owned(),
            "not answered" => "not answered".to_owned(),
            other => other.to_owned(),
        }
    ));
    for finding in reply.list("why") {
        let tag = finding.text("tag");
        let tag = if tag.is_empty() { "(not answered yet)" } else { tag.as_str() };
        let what = match finding.text("path").as_str() {
            "none" => "nothing is sent to it".to_owned(),
            path => format!("what it is sent is {path}"),
        };
        out.line(format_args!("party {tag}, section {} {}", finding.text("section"), finding.text("type")));
        let first = wrap(&what, 2);
        let reasons = finding.words("reasons").into_iter().flat_map(|reason| wrap(&format!("- {reason}"), 4));
        first.into_iter().chain(reasons).for_each(|line| out.line(line));
    }
    out
}

/// A dictionary as a line of JSON.
fn json(dict: &Dict) -> Output {
    let bytes = wire::encode(b"", wire::Format::Json, dict);
    let mut out = Output::default();
    out.line(String::from_utf8_lossy(bytes.as_slice()).trim());
    out
}
