//! A recording that a command started, until its file is complete, and what is reported of it.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use mediapoint_engine::{Call, TapId};
use mediapoint_recorder::{EventKind, LossPlace, RecordingEvent};

use super::Notes;
use crate::request::{Id, RecordingOptions};
use crate::wire::Value;

/// Keys and values of a report, and where it goes.
type Report = (SocketAddr, Vec<(&'static str, Value)>);

/// A recording that a command started, until its file is complete.
pub(crate) struct Begun {
    pub(super) call: Call,
    pub(super) tap: Option<TapId>,
    /// Its file goes as soon as it is complete.
    pub(super) discarded: bool,
    /// It is of a conference room, whose calls go on without it.
    pub(crate) of_room: bool,
    pub(super) notes: Notes,
    pub(super) call_id: Id,
    owner: String,
    log: Option<SocketAddr>,
}

impl Begun {
    pub(crate) fn new(call: Call, (call_id, options): (&Id, &RecordingOptions), notes: Notes) -> Self {
        let (call_id, owner, log) = (call_id.clone(), options.owner.clone(), options.log);
        Self { call, tap: None, discarded: false, of_room: false, notes, call_id, owner, log }
    }

    /// Takes its tap away.
    pub(super) fn leave_call(&self) {
        // Where the call is gone, so is the tap.
        self.tap.into_iter().for_each(|tap| drop(self.call.remove_tap(tap)));
    }

    /// What is reported of an event; nothing where nobody asked for it.
    pub(super) fn report(&self, event: &RecordingEvent) -> Option<Report> {
        let (to, id) = (self.log?, event.id.as_ref()?);
        let of_event: Vec<(&'static str, Value)> = match &event.kind {
            EventKind::Lost { samples, place } => {
                let place = match place {
                    LossPlace::Tap => "tap",
                    LossPlace::Sink => "sink",
                };
                vec![("event", "lost".into()), ("samples", (*samples).into()), ("place", place.into())]
            }
            EventKind::Failed { reason } => {
                vec![("event", "failed".into()), ("reason", reason.as_str().into())]
            }
            EventKind::Finished(finished) => vec![
                ("event", "complete".into()),
                ("samples", finished.samples.into()),
                ("bytes", finished.bytes.into()),
            ],
            _ => return None,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut pairs = vec![
            ("callid", self.call_id.bytes().into()),
            ("type", "recording".into()),
            ("timestamp", now.as_secs().into()),
            ("recording-id", id.as_str().into()),
            ("owner", self.owner.as_str().into()),
        ];
        pairs.extend(of_event);
        Some((to, pairs))
    }
}
