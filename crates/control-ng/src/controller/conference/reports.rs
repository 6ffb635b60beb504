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
        let Some(name) = state.room_at_engine(room).map(|known| known.name.clone()) else { return };
        match report {
            RoomReport::Joined(leg) => sound(&mut state, &name, leg, RoomTone::Entry),
            RoomReport::Left(leg) => sound(&mut state, &name, leg, RoomTone::Exit),
            _ => {}
        }
        let (kind, leg, figures) = described(report);
        let of = leg.and_then(|leg| state.by_leg(leg)).map(|party| named(&state, party));
        let Some(known) = state.room_at_engine(room) else { return };
        let inside = match report {
            // Its party may have gone with its call.
            RoomReport::Left(leg) => known.inside.remove(&leg),
            _ => leg.and_then(|leg| known.inside.get(&leg).cloned()),
        };
        let to = known.log;
        state.left_rooms.retain(|room| !room.inside.is_empty());
        let is_link = inside.as_ref().is_some_and(|inside| inside.is_link);
        let kind = match report {
            RoomReport::Joined(_) if is_link => "linked",
            RoomReport::Left(_) if is_link => "unlinked",
            _ => kind,
        };
        let tag = inside.as_ref().and_then(|inside| inside.tag.as_ref()).map(ToString::to_string);
        let tag = tag.unwrap_or_default();
        tracing::debug!(call = call.as_u64(), room = %name, tag, what = kind, "in a conference room");
        let Some(to) = to else { return };
        let mut pairs: Pairs = about(&state, &name, kind).chain(figures).collect();
        match (of, inside) {
            (Some(of), _) => pairs.extend(keys(of)),
            (None, Some(inside)) => {
                let tag = inside.tag.as_ref().map(Id::bytes).unwrap_or_default();
                pairs.extend([("callid", inside.call_id.bytes().into()), ("source_tag", tag.into())]);
            }
            (None, None) => {}
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
