//! What happens in conference rooms: logged, counted, and told to who asked for it.

use std::time::{SystemTime, UNIX_EPOCH};

use mediapoint_engine::{CallId, LegId, RoomId, RoomReport};

use super::announce::sound;
use super::list::named;
use crate::call::CallState;
use crate::call::party::PartyId;
use crate::call::rooms::RoomTone;
use crate::controller::{Controller, lock};
use crate::request::Id;
use crate::wire::{Dict, Value};

impl Controller {
    /// Takes note of what the engine reports of a room.
    pub(in crate::controller) fn room_reported(&self, call: CallId, room: RoomId, report: RoomReport) {
        lock(&self.totals).room_reported(report);
        let Some(state) = self.find_by_engine(call) else { return };
        let mut state = lock(&state);
        let name = state.rooms.iter().find(|known| known.id == Some(room)).map(|known| known.name.clone());
        let Some(name) = name else { return };
        match report {
            RoomReport::Joined(leg) => sound(&mut state, &name, leg, RoomTone::Entry),
            RoomReport::Left(leg) => sound(&mut state, &name, leg, RoomTone::Exit),
            _ => {}
        }
        let Some(known) = state.room(&name) else { return };
        let (kind, leg, figures) = described(report);
        let of = leg.and_then(|leg| state.by_leg(leg));
        let kind = match report {
            RoomReport::Joined(_) if of.is_some_and(|party| party.link.is_some()) => "linked",
            RoomReport::Left(_) if of.is_some_and(|party| party.link.is_some()) => "unlinked",
            _ => kind,
        };
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

impl Controller {
    /// Reports that nothing comes over a link any more, or that packets come again.
    pub(super) fn link_reported(&self, call: &CallState, link: PartyId, lost: bool) {
        let Some(party) = call.party(link) else { return };
        let kind = if lost { "link lost" } else { "link restored" };
        let room = party.seat.as_ref().map(|seat| seat.room.to_string()).unwrap_or_default();
        let call_id = call.id_of(party.group);
        if lost {
            tracing::warn!(%call_id, room, "nothing comes over the link of a conference room");
        } else {
            tracing::info!(%call_id, room, "packets come over the link of a conference room again");
        }
        let Some(known) = party.seat.as_ref().and_then(|seat| call.room(&seat.room)) else { return };
        let Some(to) = known.log else { return };
        let mut pairs: Pairs = about(call, &known.name, kind).collect();
        pairs.extend(keys(named(call, party)));
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
    let members = u64::try_from(call.count(room).0).unwrap_or(u64::MAX);
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
