//! What the analysis of a party has come to.

use std::net::SocketAddr;

use mediapoint_engine::{AnalysisEnd, CallAnalysis, Outcome, TapId};

use super::CallState;
use super::party::Party;

/// An analysis of what a party says.
#[derive(Debug, Clone)]
pub(crate) struct Analysed {
    pub(crate) tap: TapId,
    /// Where what is found is reported to.
    pub(crate) log: Option<SocketAddr>,
    /// Who or what answered, once that is known.
    pub(crate) answer: Option<Box<CallAnalysis>>,
    /// When a machine's beep was found, in ms since the analysis began.
    pub(crate) beep_ms: Option<u32>,
    /// It was stopped.
    pub(crate) stopped: bool,
}

impl Analysed {
    pub(crate) const fn new(tap: TapId, log: Option<SocketAddr>) -> Self {
        Self { tap, log, answer: None, beep_ms: None, stopped: false }
    }

    /// Takes in what was found: who answered, or the beep of a machine.
    pub(crate) fn take(&mut self, analysis: &CallAnalysis) {
        let machine = self.answer.as_ref().is_some_and(|known| known.decision.outcome == Outcome::Machine);
        if machine && analysis.decision.outcome == Outcome::Beep {
            self.beep_ms = Some(analysis.decision.at_ms);
        } else {
            self.answer = Some(Box::new(analysis.clone()));
        }
    }

    /// Its state in a word, as far as the engine told.
    pub(crate) fn state(&self) -> String {
        match &self.answer {
            Some(answer) => answer.end.to_string(),
            None if self.stopped => AnalysisEnd::Stopped.to_string(),
            None => "running".to_owned(),
        }
    }
}

impl CallState {
    /// The party with an analysis of that name.
    pub(crate) fn analysed_by(&mut self, tap: TapId) -> Option<&mut Party> {
        let is_by = |party: &&mut Party| party.analysis.as_ref().is_some_and(|known| known.tap == tap);
        self.parties.iter_mut().find(is_by)
    }
}
