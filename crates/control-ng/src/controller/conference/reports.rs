//! What happens in conference rooms: logged, counted, and told to who asked for it.

use std::time::{SystemTime, UNIX_EPOCH};

use mediapoint_engine::{CallId, LegId, RoomId, RoomReport};

use super::list::named;
use crate::call::CallState;
use crate::controller::{Controller, lock};
use crate::request::Id;
use crate::wire::{Dict, Value};

impl Controller {
    /// Takes note of what the engine reports of a room.
    pub(in crate::controller) fn room_reported(&self, call: CallId, room: RoomId, report: RoomReport) {
        lock(&self.totals).room_reported(report);
        let Some(state) = self.find_by_engine(call) else { return };
        let state = lock(&state);
        let Some(known) = state.rooms.iter().find(|known| known.id == Some(room)) else { return };
        let (kind, leg, figures) = described(report);
        let of = leg.and_then(|leg| state.by_leg(leg));
        let tag = of.and_then(|party| party.tag()).map(ToString::to_string).unwrap_or_default();
        tracing::debug!(call = call.as_u64(), room = %known.name, tag, what = kind, "in a conference room");
        let Some(to) = known.log else { return };
        let pairs = about(&state, &known.name, kind).chain(figures);
        let mut pairs: Vec<(&'static str, Value)> = pairs.collect();
        if let Some(party) = of {
            pairs.extend(keys(named(&state, party)));
        }
        drop(state);
        self.report(to, pairs);
    }
}

type Pairs = Vec<(&'static str, Value)>;

/// What every report has.
fn about(
    call: &CallState,
    room: &Id,
    kind: &'static str,
) -> impl Iterator<Item = (&'static str, Value)> + use<> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let members = u64::try_from(call.members(room).count()).unwrap_or(u64::MAX);
    [
        ("type", "conference".into()),
        ("event", kind.into()),
        ("room", room.bytes().into()),
        ("members", members.into()),
        ("timestamp", now.as_secs().into()),
    ]
    .into_iter()
}

/// Whose report it is, in the names of reports on digits.
fn keys(mut named: Dict) -> Pairs {
    let mut take = |key: &str| named.remove(key.as_bytes()).unwrap_or_else(|| "".into());
    vec![("callid", take("call-id")), ("source_tag", take("tag"))]
}

/// The name of what happened, who it was, and its figures.
fn described(report: RoomReport) -> (&'static str, Option<LegId>, Pairs) {
    let level = |level: u8| ("level", Value::Int(-i64::from(level)));
    match report {
        RoomReport::Joined(leg) => ("joined", Some(leg), Vec::new()),
        RoomReport::Left(leg) => ("left", Some(leg), Vec::new()),
        RoomReport::TalkStarted { leg, level: at } => ("talk started", Some(leg), vec![level(at)]),
        RoomReport::TalkStopped { leg, level: at, talked_ms } => {
            ("talk stopped", Some(leg), vec![level(at), ("talked", u64::from(talked_ms).into())])
        }
        RoomReport::ActiveSpeaker(leg) => ("active speaker", leg, Vec::new()),
        _ => ("something else", None, Vec::new()),
    }
}
