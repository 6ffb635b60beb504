//! What the workers carry, for `statistics`: points by kind of work, each worker's figures, the longest calls.

use mediapoint_engine::{CallId, EngineLoad, Points, PointsByKind, WorkerLoad};
use mediapoint_packet::Time;

use super::totals::dict;
use super::{Controller, Shared, lock};
use crate::wire::{Dict, Value};
use crate::{Reply, Request};

/// Most calls that are listed.
const MOST_LISTED: usize = 100;

impl Controller {
    /// The reply to `statistics`. With `limit` it has the calls that have lasted longest.
    pub(super) fn statistics(&self, now: Time, request: &Request) -> Reply {
        let (sessions, load) = (self.calls(), self.engine.load());
        let rooms = lock(&self.calls).rooms.len();
        let recordings = self.config.recordings.as_deref().map_or(0, |recordings| recordings.recordings());
        let mut reply = lock(&self.totals).report(now, sessions, &load);
        let mut points = PointsByKind::ZERO;
        load.workers.iter().for_each(|worker| points += worker.by_kind);
        let objects = dict([("rooms", size(rooms)), ("recordings", size(recordings))]);
        reply = reply
            .with_in("statistics", "points", Value::Dict(by_kind(&points, true)))
            .with_in("statistics", "objects", objects)
            .with_in("statistics", "workers", workers(&load));
        match request.options.limit {
            Some(limit) => reply.with_in("statistics", "longest", self.longest(now, limit.min(MOST_LISTED))),
            None => reply,
        }
    }

    /// The calls that have lasted longest, the longest first.
    fn longest(&self, now: Time, limit: usize) -> Value {
        let oldest: Vec<Shared> = {
            let calls = lock(&self.calls);
            // The engine numbers calls as they begin.
            let mut ids: Vec<CallId> = calls.by_engine.keys().copied().collect();
            if let Some(last) = limit.checked_sub(1).filter(|last| *last < ids.len()) {
                ids.select_nth_unstable(last);
                ids.truncate(limit);
            }
            ids.sort_unstable();
            let states = ids.iter().filter_map(|id| calls.by_id.get(calls.by_engine.get(id)?));
            states.map(Shared::clone).collect()
        };
        let shown = |state: Shared| {
            let call = lock(&state);
            let (id, age, parties) = (call.id.clone(), now.since(call.created), call.parties.len());
            let engine_call = call.call.clone();
            drop(call);
            dict([
                ("call-id", id.bytes().into()),
                ("seconds", age.as_secs().into()),
                ("parties", size(parties)),
                ("points", engine_call.points().to_string().into()),
                ("worker", engine_call.worker().map_or(Value::Int(-1), size)),
            ])
        };
        oldest.into_iter().take(limit).map(shown).collect()
    }
}

/// Points by kind of work; with `all`, those that nothing is spent on, too.
pub(super) fn by_kind(points: &PointsByKind, all: bool) -> Dict {
    let spent = points.iter().filter(|(_, points)| all || *points > Points::ZERO);
    spent.map(|(kind, points)| (kind.name().as_bytes().to_vec(), points.to_string().into())).collect()
}

fn workers(load: &EngineLoad) -> Value {
    load.workers.iter().enumerate().map(|(number, worker)| of_worker(number, worker)).collect()
}

fn of_worker(number: usize, worker: &WorkerLoad) -> Value {
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    dict([
        ("worker", size(number)),
        ("pointsbudget", worker.budget.to_string().into()),
        ("pointsconfigured", worker.configured.to_string().into()),
        ("pointsused", worker.used.to_string().into()),
        ("pointsfree", worker.free().to_string().into()),
        ("points", Value::Dict(by_kind(&worker.by_kind, false))),
        ("calls", worker.calls.into()),
        ("legsreserved", size(worker.legs)),
        ("cpu_us", micros(worker.cpu).into()),
        ("late_us", micros(worker.late.unwrap_or_default()).into()),
        ("receiveddatagrams", worker.received.into()),
        ("sentdatagrams", worker.sent.into()),
        ("forwardeddatagrams", worker.forwarded.into()),
        ("streamshandedover", worker.handed_over.into()),
        ("droppeddatagrams", worker.dropped.into()),
    ])
}

fn size(size: usize) -> Value {
    Value::from(u64::try_from(size).unwrap_or(u64::MAX))
}
