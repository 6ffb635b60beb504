//! What each command does.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use mediapoint_content::{Library, Query, Record, RecordingId};
use mediapoint_recorder::{Manifest, NodeKey, Spool};
use tokio::runtime::{Builder, Runtime};

use super::open::{self, Opened};
use super::{ListArguments, RecordingArguments, RecordingCommand, RecordingError, print};
use crate::cli::FAILED;
use crate::config::{Config, RecordingPolicy, Settings};
use crate::content;
use crate::output::{Output, print_error};
use crate::serve::recording::{self as recorder, LeftBehind};

/// Stored recordings, whoever asks, and what drives the questions.
pub(super) struct Context {
    pub(super) policy: RecordingPolicy,
    pub(super) library: Library,
    pub(super) runtime: Runtime,
    pub(super) who: String,
}

impl Context {
    fn new(arguments: &RecordingArguments) -> Result<Self, RecordingError> {
        let policy = policy(arguments)?;
        if !policy.folder.is_dir() {
            return Err(RecordingError::File(policy.folder, io::ErrorKind::NotFound.into()));
        }
        let library = content::library(&policy)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| RecordingError::Recorder(error.to_string()))?;
        let user = || std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
        Ok(Self { policy, library, runtime, who: arguments.who.clone().unwrap_or_else(user) })
    }

    /// Nodes whose signatures count: the server's own.
    fn nodes(&self) -> Result<Vec<mediapoint_recorder::NodePublicKey>, RecordingError> {
        Ok(vec![NodeKey::load_or_create(&self.policy.node_key)?.public()])
    }

    fn list(&self, asked: &ListArguments) -> Result<Vec<Record>, RecordingError> {
        let query = Query {
            from: asked.from,
            until: asked.until,
            tenant: asked.tenant.clone(),
            call: asked.call.clone(),
            party: asked.party.clone(),
            tag: asked.tag.clone(),
            deleted: asked.deleted,
            limit: i64::from(asked.limit),
            ..Query::default()
        };
        Ok(self.runtime.block_on(self.library.list(query))?)
    }

    pub(super) fn manifest(&self, id: &RecordingId) -> Result<Manifest, RecordingError> {
        let bytes = self.runtime.block_on(self.library.manifest(id))?;
        Ok(Manifest::read(bytes.as_slice())?)
    }

    /// Checks one recording; lines that say what is wrong.
    fn verify(&self, id: &RecordingId, identity: Option<&Path>) -> Result<Vec<String>, RecordingError> {
        // The catalogue's hashes first: they tell what the store changed.
        let checked = match self.runtime.block_on(self.library.check(id, &self.who)) {
            Ok(checked) => checked,
            Err(error) => return Ok(vec![error.to_string()]),
        };
        if let Err(error) = &checked.whole {
            let mut lines = vec![error.to_string()];
            // The manifest's hashes name the place, where it can be had.
            if let Ok(opened) = Opened::of(id, checked) {
                lines.extend(opened.findings(&self.nodes()?, None)?);
            }
            return Ok(lines);
        }
        let identities = identity.map(open::identities).transpose()?;
        Opened::of(id, checked)?.findings(&self.nodes()?, identities.as_ref())
    }
}

fn policy(arguments: &RecordingArguments) -> Result<RecordingPolicy, RecordingError> {
    let settings = Settings::default().recording_to(arguments.recordings.clone());
    let config = Config::load_for_recordings(settings, arguments.config.as_deref())?;
    config.recording.ok_or(RecordingError::NoFolder)
}

pub(super) fn run(arguments: &RecordingArguments) -> Result<ExitCode, RecordingError> {
    if matches!(arguments.command, RecordingCommand::Recover) {
        return recover(&policy(arguments)?);
    }
    let context = Context::new(arguments)?;
    let mut out = Output::default();
    let id = |text: &str| RecordingId::new(text);
    match &arguments.command {
        RecordingCommand::List(asked) => print::list(&mut out, &context.list(asked)?, arguments.json),
        RecordingCommand::Show { id: name, identity } => {
            let id = id(name)?;
            let record = context.runtime.block_on(context.library.show(&id))?;
            let manifest = context.manifest(&id).ok();
            let personal = identity.as_deref().map(|file| open::personal(&context, &id, file)).transpose()?;
            print::show(&mut out, &record, manifest.as_ref(), personal.as_ref(), arguments.json);
        }
        RecordingCommand::Verify { ids, all, identity } => {
            return verify(&context, (ids, *all), identity.as_deref(), arguments.json);
        }
        RecordingCommand::Play { id: name, identity } => {
            let mut reader = open::audio(&context, &id(name)?, identity)?;
            match io::copy(&mut reader, &mut io::stdout().lock()).and_then(|_| io::stdout().flush()) {
                // Whoever listens has heard enough.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    return Err(RecordingError::Recorder(error.to_string()));
                }
                _ => {}
            }
        }
        RecordingCommand::Export { id: name, identity, output, picture } => {
            open::export(&context, &id(name)?, identity.as_deref(), output, picture.as_deref())?;
            out.line(format_args!("{name}: written to {}", output.display()));
        }
        RecordingCommand::Hold { id: name, reason } => {
            context.runtime.block_on(context.library.hold(&id(name)?, Some(reason), &context.who))?;
            out.line(format_args!("{name}: held"));
        }
        RecordingCommand::Release { id: name } => {
            context.runtime.block_on(context.library.hold(&id(name)?, None, &context.who))?;
            out.line(format_args!("{name}: not held any more"));
        }
        RecordingCommand::Delete { id: name, reason } => {
            context.runtime.block_on(context.library.delete(&id(name)?, &context.who, reason))?;
            out.line(format_args!("{name}: deleted"));
        }
        RecordingCommand::Prune { dry_run } => {
            let rules = &context.policy.content.retention;
            let pruned = context.runtime.block_on(context.library.prune(rules, &context.who, *dry_run))?;
            let failed = !pruned.failed.is_empty();
            print::pruned(&mut out, &pruned, *dry_run);
            return Ok(out.print(if failed { FAILED } else { 0 }));
        }
        RecordingCommand::Pending => {
            let pending =
                content::service(&context.policy)?.pending().map_err(content::ContentError::from)?;
            print::pending(&mut out, &pending, arguments.json);
        }
        RecordingCommand::Retry { id: name } => {
            content::service(&context.policy)?.retry(&id(name)?).map_err(content::ContentError::from)?;
            out.line(format_args!("{name}: the server tries again within a minute"));
        }
        RecordingCommand::Recover => {}
        RecordingCommand::Audit { limit } => {
            let catalogue = context.library.catalogue();
            let head = context.runtime.block_on(catalogue.audit_check(None))?;
            let entries = head.as_ref().map_or(0, |head| head.entries);
            let first = (entries - i64::from(*limit)).max(0);
            let log = context.runtime.block_on(catalogue.audit_log(first, i64::from(*limit)))?;
            print::audit(&mut out, &log, arguments.json);
            match head {
                Ok(head) => print_error(&format_args!(
                    "{} entries, none of them changed; the last one's hash is {}",
                    head.entries,
                    print::hex(&head.hash)
                )),
                Err(broken) => {
                    print_error(&format_args!("error: the audit log was changed: {broken}"));
                    return Ok(out.print(FAILED));
                }
            }
        }
    }
    Ok(out.print(0))
}

fn verify(
    context: &Context,
    (ids, all): (&[String], bool),
    identity: Option<&Path>,
    json: bool,
) -> Result<ExitCode, RecordingError> {
    let ids: Vec<RecordingId> = match all {
        true => {
            let stored = context
                .runtime
                .block_on(context.library.list(Query { limit: i64::MAX, ..Query::default() }))?;
            stored.into_iter().map(|record| record.id).collect()
        }
        false => ids.iter().map(|id| RecordingId::new(id.as_str())).collect::<Result<_, _>>()?,
    };
    let mut bar = print::Progress::new(ids.len());
    let (mut out, mut broken) = (Output::default(), 0);
    for id in &ids {
        let findings = context.verify(id, identity)?;
        bar.step();
        broken += usize::from(!findings.is_empty());
        print::verified(&mut out, id, &findings, json);
    }
    bar.end();
    if broken == 0 {
        return Ok(out.print(0));
    }
    let code = out.print(FAILED);
    print_error(&format_args!("error: {}", RecordingError::NotWhole(broken, ids.len())));
    Ok(code)
}

/// Completes journals; the next start of the server stores them.
fn recover(policy: &RecordingPolicy) -> Result<ExitCode, RecordingError> {
    let spool = recorder::open(policy).map_err(|error| RecordingError::Recorder(error.to_string()))?;
    let now = std::time::Duration::from_millis(u64::try_from(content::now()).unwrap_or(0));
    let (mut out, mut failed, mut empty) = (Output::default(), 0, 0_u64);
    let mut each = |outcome: io::Result<mediapoint_recorder::Finished>| match outcome {
        Ok(finished) => {
            let id = &finished.id;
            out.line(format_args!(
                "{id}: complete, {} samples; the next start of the server stores it",
                finished.samples
            ));
        }
        Err(error) if LeftBehind::of(&error) == LeftBehind::Nothing => empty += 1,
        Err(error) => {
            failed += 1;
            print_error(&format_args!("error: {error}"));
        }
    };
    let count = spool.recover(now, &mut each);
    let count = count.map_err(|error| RecordingError::File(policy.folder.clone(), error))?;
    if count == 0 {
        out.line("nothing was left behind");
    }
    if empty > 0 {
        out.line(format_args!(
            "{empty} without audio: a crash ended them before their first 400 ms were kept; they are gone"
        ));
    }
    Ok(out.print(if failed > 0 { FAILED } else { 0 }))
}
