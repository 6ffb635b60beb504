//! `start analysis` and `stop analysis`, and what becomes known: who or what answered, when a party speaks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mediapoint_engine::{CallAnalysis, CallId, LegId, Outcome, TapId};
use mediapoint_packet::Time;

use super::play::selected;
use super::{Controller, lock};
use crate::call::CallState;
use crate::call::analysis::Analysed;
use crate::call::outcomes::Outcomes;
use crate::call::party::{Party, PartyId};
use crate::wire::Value;
use crate::{NgError, Reply, Request};

impl Controller {
    pub(super) fn start_analysis(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let options = &request.analysis;
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let speakers = speakers(&call, &selected(&call, request)?);
        if speakers.is_empty() {
            return Err(NgError::NoSpeaker);
        }
        let engine = call.call.clone();
        let mut outcomes = Outcomes::default();
        let mut begun = Vec::new();
        for (party, leg) in speakers {
            match engine.analyse(options.spec(leg)) {
                Ok((tap, outcome)) => {
                    outcomes.push(outcome);
                    begun.push((party, tap));
                }
                Err(error) => {
                    // Such as for want of points: none of them is analysed.
                    begun.iter().for_each(|(_, tap)| drop(engine.stop_analysis(*tap)));
                    return Err(error.into());
                }
            }
        }
        for (id, tap) in begun {
            let Some(party) = call.party_mut(id) else { continue };
            let analysis = Analysed::new(tap, options.log);
            if let Some(before) = party.analysis.replace(analysis) {
                // Where it has come to its end, nothing is left to do.
                drop(engine.stop_analysis(before.tap));
            }
        }
        call.last_signal = now;
        Ok((Reply::ok(), outcomes))
    }

    pub(super) fn stop_analysis(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let ids = selected(&call, request)?;
        let engine = call.call.clone();
        let mut any = false;
        for id in ids {
            let Some(analysis) = call.party_mut(id).and_then(|party| party.analysis.as_mut()) else {
                continue;
            };
            let stopped = engine.stop_analysis(analysis.tap).is_ok();
            analysis.stopped |= stopped;
            any |= stopped;
        }
        if !any {
            return Err(NgError::NotAnalysed);
        }
        call.last_signal = now;
        Ok(Reply::ok())
    }

    /// Takes note of what an analysis came to, and tells who asked for it.
    pub(super) fn analysed(&self, call: CallId, tap: TapId, analysis: &CallAnalysis) {
        let Some(state) = self.find_by_engine(call) else { return };
        let mut state = lock(&state);
        let Some(party) = state.analysed_by(tap) else { return };
        let Some(known) = party.analysis.as_mut() else { return };
        known.take(analysis);
        let (log, tag) = (known.log, party.tag().map(ToString::to_string).unwrap_or_default());
        let (outcome, at_ms) = (analysis.decision.outcome, analysis.decision.at_ms);
        tracing::info!(
            call = call.as_u64(), call_id = %state.id, tag, %outcome, at_ms, end = %analysis.end, "a call was analysed"
        );
        let Some(to) = log else { return };
        let mut pairs = self.about(&state, tap, "analysis");
        pairs.extend(answer(analysis));
        drop(state);
        self.report(to, pairs);
    }

    /// Tells who asked for it that a party begins or ends to speak.
    pub(super) fn spoken(&self, call: CallId, tap: TapId, speaks: bool, at: Duration) {
        let Some(state) = self.find_by_engine(call) else { return };
        let mut state = lock(&state);
        let analysis = state.analysed_by(tap).and_then(|party| party.analysis.as_ref());
        let Some(to) = analysis.and_then(|analysis| analysis.log) else { return };
        let mut pairs = self.about(&state, tap, "speech");
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        pairs.extend([("speaks", u64::from(speaks).into()), ("at", at.into())]);
        drop(state);
        self.report(to, pairs);
    }

    /// What every report has: the call, the party, when.
    fn about(&self, call: &CallState, tap: TapId, kind: &'static str) -> Vec<(&'static str, Value)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let is_by = |party: &&Party| party.analysis.as_ref().is_some_and(|known| known.tap == tap);
        let tag = call.parties.iter().find(is_by).and_then(Party::tag);
        let tags = call.parties.iter().filter_map(|party| party.tag());
        vec![
            ("callid", call.id.bytes().into()),
            ("source_tag", tag.map(|tag| tag.bytes().into()).unwrap_or_else(|| "".into())),
            ("tags", tags.map(|tag| Value::from(tag.bytes())).collect()),
            ("type", kind.into()),
            ("timestamp", now.as_secs().into()),
        ]
    }
}

/// Who or what answered, as reports and `query` have it.
pub(super) fn answer(analysis: &CallAnalysis) -> Vec<(&'static str, Value)> {
    let (decision, measures) = (&analysis.decision, &analysis.decision.measures);
    let mut pairs = vec![
        ("outcome", decision.outcome.name().into()),
        ("probability", format!("{:.2}", decision.probability).into()),
        ("at", u64::from(decision.at_ms).into()),
        ("end", analysis.end.to_string().into()),
        ("last", u64::from(analysis.last).into()),
        ("initial silence", u64::from(measures.initial_silence_ms).into()),
        ("speech", u64::from(measures.speech_ms).into()),
        ("words", u64::from(measures.words).into()),
        ("longest word", u64::from(measures.longest_word_ms).into()),
        ("silence after", u64::from(measures.silence_ms).into()),
    ];
    if let Outcome::Sit(class) = decision.outcome {
        pairs.push(("sit", class.name().into()));
    }
    pairs
}

/// The parties that send audio, each with the leg of its first section that does.
fn speakers(call: &CallState, ids: &[PartyId]) -> Vec<(PartyId, LegId)> {
    let parties = ids.iter().filter_map(|id| call.party(*id));
    let leg = |party: &Party| {
        let mut open = party.streams.iter().filter(|stream| stream.gives() && stream.can_mix());
        Some((party.id, open.find_map(|stream| stream.applied.as_ref())?.leg))
    };
    parties.filter_map(leg).collect()
}
