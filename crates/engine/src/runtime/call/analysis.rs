//! The analysis of what the parties of a call say.

use std::time::Instant;

use crate::api::analysis::AnalysisSpec;
use crate::api::error::CommandError;
use crate::api::id::TapId;
use crate::api::pending::Pending;
use crate::runtime::analysts::Job;
use crate::runtime::call::Call;
use crate::session::analysis::Analysis;
use crate::session::command::CallCommand;
use crate::session::tap::Tap;
use crate::session::tap::analysis::AnalysisTap;

impl Call {
    /// Finds out who or what answered, and when the party speaks, by what the leg receives from now on: begin it when the
    /// call is answered. [`crate::Event::CallAnalysed`] says what it came to, [`crate::Event::Speech`] when the party speaks. The
    /// audio is decoded for it; a leg that is forwarded stays forwarded.
    ///
    /// It costs [`crate::Prices::analysis`] and what decoding the leg's codec costs, until it has come to its end: all was
    /// decided, it was stopped, or its leg has gone, to another call, too.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] where nothing is asked for, [`CommandError::NoPoints`] where no worker has the points, else as
    /// [`Call::set_source`].
    pub fn analyse(&self, spec: AnalysisSpec) -> Result<(TapId, Pending<()>), CommandError> {
        if spec.answer.is_none() && spec.speech.is_none() {
            return Err(CommandError::OutOfRange { what: "what is to be analysed" });
        }
        self.check(spec.leg)?;
        let (leg, id) = (spec.leg, TapId(self.next_id()));
        let (tap, frames, taken) = AnalysisTap::new(id, leg);
        let job = Job {
            call: self.id,
            leg,
            tap: id,
            analysis: Analysis::new(spec),
            frames,
            taken,
            began: Instant::now(),
        };
        let command = CallCommand::AddTap { tap: Box::new(Tap::Analysis(tap)) };
        let outcome = self.apply_with(leg, crate::runtime::work::LegWork::analysed, command)?;
        self.shared.analysts.begin(job);
        Ok((id, outcome))
    }

    /// Ends an analysis. Where it was not decided yet who or what answered, [`crate::Event::CallAnalysed`] says what is most
    /// probable.
    ///
    /// # Errors
    /// [`CommandError::NoSuchObject`] where it has come to its end already, or the call has no such.
    pub fn stop_analysis(&self, analysis: TapId) -> Result<(), CommandError> {
        if self.shared.analysts.end(self.id, analysis) {
            Ok(())
        } else {
            Err(CommandError::NoSuchObject { kind: "analysis", id: analysis.as_u64() })
        }
    }
}
