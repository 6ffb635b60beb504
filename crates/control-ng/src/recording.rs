//! Recordings that commands start: how their files are named, who can open them, and what becomes of a call that cannot be
//! recorded.

mod begun;
mod name;
mod notes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mediapoint_engine::{Beep, CallId, CallRecording, CallStatistics};
use mediapoint_recorder::{Channels, EventKind, Format, Recipients, Recorder, RecordingEvent, RecordingId};

use crate::NgError;
use crate::controller::digit_log::ReportSockets;
use crate::request::{Id, RecordingOptions};
pub(crate) use begun::Begun;
pub(crate) use name::{NameParts, checked};
pub use name::{NamePattern, NamePatternError};
pub(crate) use notes::{By, Notes, PartyNote};

/// How long a recording whose call has ended waits for the figures of the call.
const FIGURES_WITHIN: Duration = Duration::from_secs(2);

/// Recipients that one message can name.
const MAX_RECIPIENTS: usize = 16;

/// Settings of the recordings that commands start.
#[derive(Debug, Clone)]
pub struct RecordingSettings {
    /// Format of a file with a channel for each party.
    pub separate: Format,
    /// Format of a file with both parties in one channel.
    pub mixed: Format,
    /// Which of both where the request does not say.
    pub channels: Channels,
    /// Sample rate in hertz: 8000 for G.711 and G.729, 16000 keeps wideband.
    pub rate: u32,
    /// Work that the Opus encoder does, 0 to 10.
    pub complexity: u8,
    /// Who can open a recording: age recipients.
    pub recipients: Vec<String>,
    /// Who can open those of a tenant instead.
    pub tenants: BTreeMap<String, Vec<String>>,
    /// Names of recordings where the request does not say.
    pub names: NamePattern,
    /// A beep that tells the parties that they are recorded, where the request does not say; none without.
    pub beep: Option<Beep>,
    /// A call whose recording fails is ended.
    pub end_call_without: bool,
}

impl RecordingSettings {
    /// Who can open a recording: those whom the message names, else those of its tenant, else the server's.
    ///
    /// # Errors
    /// [`NgError::BadValue`] where the message names more than 16, one that is no public key, or one of a plugin that the settings do not
    /// name: no message has a program started that the server was not set up for.
    pub(crate) fn recipients_of(&self, options: &RecordingOptions) -> Result<Vec<String>, NgError> {
        let asked = &options.recipients;
        if asked.is_empty() {
            return Ok(self.tenants.get(&options.tenant).unwrap_or(&self.recipients).clone());
        }
        let is_known = |text: &String| {
            self.tenants.values().chain([&self.recipients]).flatten().any(|known| known == text)
        };
        let is_usable = |text: &String| {
            Recipients::parse(std::slice::from_ref(text))
                .is_ok_and(|parsed| !parsed.has_plugins() || is_known(text))
        };
        if asked.len() > MAX_RECIPIENTS || !asked.iter().all(is_usable) {
            return Err(NgError::BadValue { key: "recording-recipients" });
        }
        Ok(asked.clone())
    }
}

/// What a recording is found by once it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingEntry {
    /// Whose it is.
    pub tenant: String,
    /// The call-id.
    pub call: String,
    /// Tags of the parties.
    pub parties: Vec<String>,
    /// What the controller said of it.
    pub metadata: Vec<(String, String)>,
    /// Begin: time since 1970.
    pub began: Duration,
    /// Ending of the file's name, without that of the encryption.
    pub extension: &'static str,
}

/// Who keeps recordings once they are complete, and is told of them as they begin.
pub trait RecordingKeeper: Send + Sync {
    /// A recording is about to begin.
    ///
    /// # Errors
    /// It could not be kept, for this reason; it is not begun then.
    fn begins(&self, id: &RecordingId, entry: &RecordingEntry) -> Result<(), String>;

    /// It came to nothing.
    fn came_to_nothing(&self, id: &RecordingId);
}

/// What is to be done about an event of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingOutcome {
    /// Nothing.
    Nothing,
    /// The file is complete and stays.
    Keep,
    /// The file is complete, and a command asked for its removal.
    Remove,
    /// Its recording failed, and its call must not go on without: [`crate::Controller::end_unrecorded`] ends it. In a conference
    /// room several calls are one call of the engine.
    EndCall {
        /// The call of the engine.
        call: CallId,
        /// The call-id.
        call_id: Id,
    },
}

/// The recorder that commands use.
pub struct Recordings {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) settings: RecordingSettings,
    begun: Mutex<BTreeMap<RecordingId, Begun>>,
    keeper: Option<Arc<dyn RecordingKeeper>>,
    reports: ReportSockets,
}

impl fmt::Debug for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recordings").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Recordings {
    /// Recordings by this recorder, whose events are to be given to [`Recordings::handle_event`].
    #[must_use]
    pub fn new(recorder: Recorder, settings: RecordingSettings) -> Self {
        let (begun, reports) = (Mutex::default(), ReportSockets::default());
        Self { recorder: Arc::new(recorder), settings, begun, keeper: None, reports }
    }

    /// The same, with somebody who keeps them.
    #[must_use]
    pub fn kept_by(self, keeper: Arc<dyn RecordingKeeper>) -> Self {
        Self { keeper: Some(keeper), ..self }
    }

    /// What a dry run has: it notes nothing here, and nobody keeps what it begins.
    pub(crate) fn trial(&self) -> Self {
        Self {
            recorder: Arc::clone(&self.recorder),
            settings: self.settings.clone(),
            begun: Mutex::default(),
            keeper: None,
            reports: ReportSockets::default(),
        }
    }

    /// Recordings that are not complete.
    #[must_use]
    pub fn recordings(&self) -> usize {
        self.recorder.recordings()
    }

    /// Ends all recordings with what they have. Their events have to be read on until [`Recordings::has_ended`].
    pub fn end(&self) {
        self.recorder.stop_all();
    }

    /// True once no recording is left after [`Recordings::end`], and the event of the last one was read.
    pub fn has_ended(&self) -> bool {
        self.recorder.is_closing() && self.recorder.recordings() == 0
    }

    /// Takes one of the recorder's events, tells who asked to be told, and says what its reader is to do. A recording that failed
    /// leaves its call: nothing says to the parties any more that they are recorded.
    pub fn handle_event(&self, event: &RecordingEvent) -> RecordingOutcome {
        let Some(id) = &event.id else { return RecordingOutcome::Nothing };
        let over = matches!(event.kind, EventKind::Finished(_) | EventKind::Failed { .. });
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let known = begun
            .get(id)
            .map(|known| (known.call.id(), known.call_id.clone(), known.discarded, known.of_room));
        let report = begun.get(id).and_then(|known| known.report(event));
        let ended = if over { begun.remove(id) } else { None };
        drop(begun);
        if let Some((to, pairs)) = report {
            self.reports.send(to, pairs);
        }
        if matches!(event.kind, EventKind::Failed { .. }) {
            ended.iter().for_each(Begun::leave_call);
        }
        match (&event.kind, known) {
            (EventKind::Finished(_), Some((_, _, true, _))) => RecordingOutcome::Remove,
            (EventKind::Finished(_), _) => RecordingOutcome::Keep,
            (EventKind::Failed { .. } | EventKind::Lost { .. }, Some((call, call_id, false, false)))
                if self.settings.end_call_without =>
            {
                RecordingOutcome::EndCall { call, call_id }
            }
            _ => RecordingOutcome::Nothing,
        }
    }

    /// Notes a recording before it is started, so that none of its events comes too early.
    pub(crate) fn begin(
        &self,
        id: &RecordingId,
        recording: Begun,
        entry: &RecordingEntry,
    ) -> Result<(), NgError> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.contains_key(id) {
            return Err(NgError::SameRecording);
        }
        begun.insert(id.clone(), recording);
        drop(begun);
        let Some(keeper) = &self.keeper else { return Ok(()) };
        keeper.begins(id, entry).map_err(|reason| {
            self.forget(id);
            NgError::Recording(reason)
        })
    }

    /// It was started. Once its call is over, it waits for the figures of that.
    pub(crate) fn started(&self, made: &CallRecording) {
        made.recording.await_metadata(FIGURES_WITHIN);
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = begun.get_mut(made.recording.id()) {
            known.tap = Some(made.tap);
            known.notes.started(made.recording.clone());
        }
    }

    /// Takes note of the parties of its call.
    pub(crate) fn note_parties(&self, id: &RecordingId, parties: Vec<PartyNote>) {
        self.with(id, |notes| notes.parties(parties));
    }

    /// It is paused at a time since 1970, or goes on.
    pub(crate) fn note_pause(&self, id: &RecordingId, at: Duration, paused: bool) {
        self.with(id, |notes| notes.paused(at, paused));
    }

    /// It was ended at a time since 1970: its metadata is completed by what is known of the call.
    pub(crate) fn close(&self, id: &RecordingId, by: &By, at: Duration, statistics: Option<&CallStatistics>) {
        self.with(id, |notes| notes.close(by, at, statistics));
    }

    /// The same for all recordings of a call that has ended.
    pub(crate) fn call_ended(&self, call: CallId, by: &By, statistics: &CallStatistics) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for known in begun.values_mut().filter(|known| known.call.id() == call) {
            let at = known.notes.end_at(statistics.age);
            known.notes.close(by, at, Some(statistics));
        }
    }

    fn with(&self, id: &RecordingId, act: impl FnOnce(&mut Notes)) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = begun.get_mut(id) {
            act(&mut known.notes);
        }
    }

    /// Forgets one that was not started.
    pub(crate) fn give_up(&self, id: &RecordingId) {
        self.forget(id);
        if let Some(keeper) = &self.keeper {
            keeper.came_to_nothing(id);
        }
    }

    fn forget(&self, id: &RecordingId) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Has its file removed as soon as it is complete.
    pub(crate) fn discard(&self, id: &RecordingId) {
        if let Some(known) = self.begun.lock().unwrap_or_else(PoisonError::into_inner).get_mut(id) {
            known.discarded = true;
        }
    }

    pub(crate) const fn format(&self, channels: Channels) -> Format {
        match channels {
            Channels::Stereo => self.settings.separate,
            Channels::Mono => self.settings.mixed,
        }
    }
}
