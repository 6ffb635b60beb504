//! The same ng messages to the server and to the reference, and what the session descriptions in the replies mean.
//!
//! Meaning, not text: local addresses, ports, keys and random names are placeholders, order counts only where SDP says
//! so. Each difference must be on the written list with its reason, or the scenario fails.

mod cases;
mod differences;
mod meaning;

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
    name: &'static str,
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
            let step = case.steps.get(index).map_or("", |step| step.command);
            compared += 1;
            for difference in differences_of(ours, theirs) {
                let place = format!("{}/{} {} {step}", style.name, case.name, index + 1);
                match accepted.reason(&place, &difference) {
                    Some(reason) => report.push_str(&format!("accepted: {place}: {difference} ({reason})\n")),
                    None => {
                        report.push_str(&format!("DIFFERENT: {place}: {difference}\n"));
                        findings.push(format!("{place}: {difference}"));
                    }
                }
            }
        }
    }
    COMPARED.fetch_add(1, Ordering::Relaxed);
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
    let aspects: BTreeMap<&String, ()> = ours.keys().chain(theirs.keys()).map(|key| (key, ())).collect();
    let value =
        |meaning: &Meaning, key: &String| meaning.get(key).cloned().unwrap_or_else(|| "absent".to_owned());
    aspects
        .into_keys()
        .map(|key| Difference { aspect: key.clone(), ours: value(ours, key), theirs: value(theirs, key) })
        .filter(|difference| difference.ours != difference.theirs && !refused(&difference.aspect))
        .collect()
}

fn is_error(result: &str) -> bool {
    result.starts_with("error")
}

/// Sends the messages of a case and tells what each reply means. The call is deleted whatever happens.
fn play(client: &Client, case: &Case) -> Result<Vec<Meaning>, Failure> {
    let id = format!("reference-{}-{}", std::process::id(), case.name);
    let mut out = Vec::new();
    for step in &case.steps {
        let mut message = Message::new(step.command).with("call-id", &id).with("from-tag", step.from);
        if let Some(to) = step.to {
            message = message.with("to-tag", to);
        }
        if let Some(sdp) = &step.sdp {
            message = message.with("sdp", sdp);
        }
        let reply = client.exchange(&message.extended(&step.flags), 3);
        out.push(describe(step.sdp.as_deref().unwrap_or_default(), &reply?));
    }
    let delete = Message::new("delete").with("call-id", &id).with("from-tag", cases::A);
    client.exchange(&delete, 3)?;
    Ok(out)
}
