//! Recordings that end while their call goes on: their last metadata has the figures of the call, which its worker is asked for
//! before legs go, and waited for without a lock.

use mediapoint_engine::LegId;
use mediapoint_packet::Time;
use mediapoint_recorder::RecordingId;

use super::super::Controller;
use super::super::report::ANSWER_WITHIN;
use crate::call::CallState;
use crate::call::outcomes::{Closing, Closings, Outcomes};
use crate::recording::By;

impl Controller {
    /// Recordings of legs that are about to go while their call goes on.
    pub(in crate::controller) fn recordings_of_legs(&self, call: &CallState, legs: &[LegId]) -> Closings {
        let mut closings = Closings::default();
        let at = self.since_1970(call.last_signal);
        for active in call
            .recordings
            .iter()
            .filter(|active| active.recorded().is_some_and(|recorded| legs.contains(&recorded.leg)))
        {
            closings.ask(&call.call);
            let (id, by) = (active.id.clone(), By::itself("its party left the call"));
            closings.recordings.push(Closing { id, by, at });
        }
        closings
    }

    /// Has a recording that has ended, or is about to, given its last metadata once the call's figures are there.
    pub(super) fn close(
        &self,
        id: &RecordingId,
        by: &By,
        now: Time,
        call: &CallState,
        outcomes: &mut Outcomes,
    ) {
        outcomes.closings.ask(&call.call);
        let closing = Closing { id: id.clone(), by: by.clone(), at: self.since_1970(now) };
        outcomes.closings.recordings.push(closing);
    }

    /// Gives recordings that have ended their last metadata. Waits for the call's worker: no lock may be held.
    pub(in crate::controller) fn close_recordings(&self, closings: Closings) {
        let Some(recordings) = self.config.recordings.as_deref() else { return };
        if closings.recordings.is_empty() {
            return;
        }
        let figures = closings.figures(ANSWER_WITHIN);
        for Closing { id, by, at } in &closings.recordings {
            recordings.close(id, by, *at, figures.as_ref());
        }
    }
}
