//! The same ng messages to the server and to the reference, and what the session descriptions in the replies mean.
//!
//! Meaning, not text: local addresses, ports, keys and random names are placeholders, order counts only where SDP says
//! so. Each difference must be on the written list with its reason, or the scenario fails.

mod cases;
mod differences;
mod meaning;
mod state;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Context as _, Failure, ensure};
use crate::ng::{Client, Fields, Message};
use crate::scenarios::Bench;
use differences::Accepted;
use meaning::{Meaning, RESULT, describe};

pub(crate) use cases::styles;

/// Endpoints of one make, or one group of flags.
#[derive(Clone)]
pub(crate) struct Style {
    /// Name in scenario names.
    pub(crate) name: &'static str,
    /// Name in sentences.
    pub(crate) title: &'static str,
    cases: Vec<Case>,
}

/// One call: messages in order.
#[derive(Clone)]
struct Case {
    name: String,
    steps: Vec<Step>,
}

/// One message.
#[derive(Clone)]
struct Step {
    command: &'static str,
    from: &'static str,
    to: Option<&'static str>,
    sdp: Option<String>,
    flags: Fields,
}

/// How many styles were compared in this run.
static COMPARED: AtomicUsize = AtomicUsize::new(0);
/// How many replies were compared in this run.
static REPLIES: AtomicUsize = AtomicUsize::new(0);

/// Runs every case of a style against both servers.
pub(crate) fn compare(bench: &Bench<'_>, style: &Style) -> Result<(), Failure> {
    let reference = bench.reference.unwrap_or(bench.server);
    let accepted = Accepted::read()?;
    let mut report = String::new();
    let mut findings = Vec::new();
    let mut compared = 0;
    for case in &style.cases {
        let ours = play(&bench.server.client, case)?;
        let theirs = play(&reference.client, case)?;
        for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let step = case.steps.get(index).map_or("delete", |step| step.command);
            compared += 1;
            let parted = is_refused(ours) != is_refused(theirs);
            for difference in differences_of(ours, theirs) {
                let place = format!("{}/{} {} {step}", style.name, case.name, index + 1);
                match accepted.reason(&place, &difference) {
                    Ok(reason) => report.push_str(&format!("accepted: {place}: {difference} ({reason})\n")),
                    Err(fault) => {
                        report.push_str(&format!("DIFFERENT: {place}: {difference}{fault}\n"));
                        findings.push(format!("{place}: {difference}{fault}"));
                    }
                }
            }
            if parted {
                // What follows is another call on each side.
                break;
            }
        }
    }
    COMPARED.fetch_add(1, Ordering::Relaxed);
    REPLIES.fetch_add(compared, Ordering::Relaxed);
    let file = bench.folder.join("differences.txt");
    std::fs::write(&file, report).during(file.display().to_string())?;
    ensure!(
        findings.is_empty(),
        "{} differences that are not on the list, in {compared} replies (see {}):\n      {}",
        findings.len(),
        file.display(),
        findings.join("\n      ")
    );
    Ok(())
}

/// Checks that every row on the list was met: a difference that is gone comes off it.
pub(crate) fn list_is_current(_: &Bench<'_>) -> Result<(), Failure> {
    let (compared, styles) = (COMPARED.load(Ordering::Relaxed), styles().len());
    if compared != styles {
        return Err(Failure::Unable(format!(
            "needs all of the {styles} comparisons, of which {compared} ran"
        )));
    }
    let unmet = Accepted::read()?.unmet();
    ensure!(unmet.is_empty(), "rows of differences.md that nothing meets: {}", unmet.join("; "));
    println!("      {} replies were compared", REPLIES.load(Ordering::Relaxed));
    Ok(())
}

/// One aspect that the two servers see differently.
struct Difference {
    aspect: String,
    ours: String,
    theirs: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: reference {:?}, here {:?}", self.aspect, self.theirs, self.ours)
    }
}

fn differences_of(ours: &Meaning, theirs: &Meaning) -> Vec<Difference> {
    let result = |meaning: &Meaning| meaning.get(RESULT).cloned().unwrap_or_default();
    if is_error(&result(ours)) || is_error(&result(theirs)) {
        // What an error says is for people; that it is one counts, and nothing else of such a reply.
        let alike = is_error(&result(ours)) == is_error(&result(theirs));
        let difference = Difference { aspect: RESULT.to_owned(), ours: result(ours), theirs: result(theirs) };
        return if alike { Vec::new() } else { vec![difference] };
    }
    // A section that one of the two refuses has nothing else to compare.
    let refused = |key: &str| {
        let section = key.split('.').next().unwrap_or_default();
        let port = format!("{section}.port");
        !key.ends_with(".port") && ours.contains_key(&port) && ours.get(&port) != theirs.get(&port)
    };
    // Nor has a media section in the state of a call.
    let parts = |meaning: &Meaning, key: &str| {
        let end = key.find(']').filter(|_| key.contains(".medias[")).map(|end| end + 1);
        let section = end.and_then(|end| key.get(..end)).filter(|section| *section != key);
        section.is_some_and(|section| meaning.contains_key(section))
    };
    let told_as_refused = |key: &str| parts(ours, key) || parts(theirs, key);
    let aspects: BTreeMap<&String, ()> = ours.keys().chain(theirs.keys()).map(|key| (key, ())).collect();
    let value =
        |meaning: &Meaning, key: &String| meaning.get(key).cloned().unwrap_or_else(|| "absent".to_owned());
    aspects
        .into_keys()
        .map(|key| Difference { aspect: key.clone(), ours: value(ours, key), theirs: value(theirs, key) })
        .filter(|difference| difference.ours != difference.theirs && !refused(&difference.aspect))
        .filter(|difference| !told_as_refused(&difference.aspect))
        .collect()
}

/// True where a reply refuses its message.
fn is_refused(meaning: &Meaning) -> bool {
    meaning.get(RESULT).is_some_and(|result| is_error(result))
}

fn is_error(result: &str) -> bool {
    result.starts_with("error")
}

/// The tags of an answer's keys, where it leaves them open: each server numbers what it offers by itself.
fn with_tags(sdp: &str, offered: &str) -> String {
    let tag_of = |suite: &str| {
        let lines = offered.lines().filter_map(|line| line.strip_prefix("a=crypto:"));
        let mut words = lines.map(|line| line.split(' '));
        words.find_map(|mut words| words.next().filter(|_| words.next() == Some(suite)))
    };
    let line = |line: &str| match line.trim_end().strip_prefix(OPEN_TAG).and_then(|rest| rest.split_once(' '))
    {
        Some((suite, key)) => format!("a=crypto:{} {suite} {key}\r\n", tag_of(suite).unwrap_or("1")),
        None => line.to_owned(),
    };
    sdp.split_inclusive('\n').map(line).collect()
}

/// What a line with a key begins with whose tag is that of the suite in the offer.
const OPEN_TAG: &str = "a=crypto:@ ";

/// Sends the messages of a case and tells what each reply means. The call is deleted at the end, and that reply told, too.
fn play(client: &Client, case: &Case) -> Result<Vec<Meaning>, Failure> {
    let id = format!("reference-{}-{}", std::process::id(), case.name);
    let mut out = Vec::new();
    let mut offered = String::new();
    for step in &case.steps {
        let mut message = Message::new(step.command).with("call-id", &id).with("from-tag", step.from);
        if let Some(to) = step.to {
            message = message.with("to-tag", to);
        }
        if let Some(sdp) = &step.sdp {
            message = message.with("sdp", &with_tags(sdp, &offered));
        }
        let reply = client.exchange(&message.extended(&step.flags), 3)?;
        out.push(describe(step.sdp.as_deref().unwrap_or_default(), &reply));
        offered = reply.text("sdp").unwrap_or_default().to_owned();
    }
    let delete = Message::new("delete").with("call-id", &id).with("from-tag", cases::A);
    out.push(describe("", &client.exchange(&delete, 3)?));
    Ok(out)
}
