//! `conference list`.

use mediapoint_engine::{CallStatistics, RoomFigures, RoomMemberFigures};

use crate::call::CallState;
use crate::call::party::{Party, PartyId};
use crate::call::recordings::Scope;
use crate::call::rooms::Seat;
use crate::controller::recording::shown;
use crate::controller::report::ANSWER_WITHIN;
use crate::controller::totals::dict;
use crate::controller::{Controller, Shared, lock};
use crate::request::Id;
use crate::wire::{Dict, Value};
use crate::{NgError, Reply, Request};

/// Most rooms listed where the message does not say.
const LISTED: usize = 32;

impl Controller {
    /// The rooms, or the members of one.
    pub(super) fn conference_list(&self, request: &Request) -> Result<Reply, NgError> {
        if let Some(name) = &request.conference.room {
            return self.list_members(name);
        }
        let rooms: Vec<(Id, Shared)> = {
            let calls = lock(&self.calls);
            let limit = request.options.limit.unwrap_or(LISTED);
            calls.rooms.iter().take(limit).map(|(name, state)| (name.clone(), Shared::clone(state))).collect()
        };
        let shown = |(name, state): &(Id, Shared)| {
            let call = lock(state);
            let room = call.room(name)?;
            let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
            let (members, links) = call.count(name);
            Some(dict([
                ("room", name.bytes().into()),
                ("members", number(members).into()),
                ("links", number(links).into()),
                ("max", u64::from(room.max).into()),
                ("locked", u64::from(room.locked).into()),
            ]))
        };
        Ok(Reply::ok().with("rooms", rooms.iter().filter_map(shown).collect::<Value>()))
    }

    fn list_members(&self, name: &Id) -> Result<Reply, NgError> {
        let state = self.find_room(name).ok_or(NgError::UnknownRoom)?;
        let asked = lock(&state).call.statistics().ok();
        // The worker is asked without the call's lock.
        let statistics = asked.and_then(|asked| asked.wait_timeout(ANSWER_WITHIN)?.ok()).unwrap_or_default();
        let call = lock(&state);
        let room = call.room(name).ok_or(NgError::UnknownRoom)?;
        let figures = statistics.rooms.iter().find(|figures| Some(figures.room) == room.id);
        let seats = |links: bool| call.members(name).filter(move |(_, seat)| seat.role.is_link() == links);
        let members: Value =
            seats(false).map(|(party, seat)| Value::Dict(member(&call, party, seat, figures))).collect();
        let links: Value =
            seats(true).map(|(party, seat)| Value::Dict(link(&call, party, seat, &statistics))).collect();
        let reply = Reply::ok()
            .with("room", name.bytes())
            .with("max", u64::from(room.max))
            .with("locked", u64::from(room.locked))
            .with("members", members)
            .with("links", links);
        let recorded = shown(&call, Scope::Room(name));
        let reply = if recorded.is_empty() { reply } else { reply.with("recordings", Value::List(recorded)) };
        let Some(figures) = figures else { return Ok(reply) };
        let reply = reply
            .with("rate", u64::from(figures.rate))
            .with("lasted", figures.statistics.lasted_ms)
            .with("joins", figures.statistics.joins);
        let active = figures.active.and_then(|leg| call.by_leg(leg));
        Ok(match active {
            Some(party) => reply.with("active speaker", named(&call, party)),
            None => reply,
        })
    }
}

/// A party by its call-id and tag.
pub(super) fn named(call: &CallState, party: &Party) -> Dict {
    let tag = party.tag().map(Id::bytes).unwrap_or_default();
    Dict::from([(b"call-id".to_vec(), call.id_of(party.group).bytes().into()), (b"tag".to_vec(), tag.into())])
}

/// A link, and what came over it.
fn link(call: &CallState, party: &Party, seat: &Seat, statistics: &CallStatistics) -> Dict {
    let mut out = named(call, party);
    let mut add = |key: &str, value: Value| drop(out.insert(key.as_bytes().to_vec(), value));
    add("role", seat.role.name().into());
    if !seat.role.named().is_empty() {
        let tag = |id: &PartyId| Some(Value::from(call.party(*id)?.tag()?.bytes()));
        add("for", seat.role.named().iter().filter_map(tag).collect());
    }
    let stream = party.streams.get(seat.section);
    let codec = stream.and_then(|stream| stream.codecs.iter().find(|line| line.is_audio()));
    if let Some(codec) = codec {
        add("codec", format!("{}/{}", codec.name, codec.codec.clock_rate).into());
    }
    add("srtp", u64::from(stream.is_some_and(|stream| stream.keys.is_some())).into());
    let leg = stream.and_then(|stream| Some(stream.applied.as_ref()?.leg));
    let figures = statistics.legs.iter().find(|figures| Some(figures.leg) == leg);
    let heard = figures.map_or(0, |figures| figures.received.packets);
    let is_lost = party.link.as_ref().is_some_and(|link| link.lost);
    let state = match heard {
        _ if is_lost => "lost",
        0 => "new",
        _ => "up",
    };
    add("state", state.into());
    if let Some(figures) = figures {
        add("packets", heard.into());
        add("lost", figures.received.lost.into());
        add("sent", figures.sent.packets.into());
    }
    out
}

fn member(call: &CallState, party: &Party, seat: &Seat, figures: Option<&RoomFigures>) -> Dict {
    let mut out = named(call, party);
    let state = &seat.member;
    let mut add = |key: &str, value: Value| drop(out.insert(key.as_bytes().to_vec(), value));
    if let Some(label) = &party.label {
        add("label", label.bytes().into());
    }
    add("role", seat.role.name().into());
    if !seat.role.named().is_empty() {
        let tag = |id: &PartyId| Some(Value::from(call.party(*id)?.tag()?.bytes()));
        add("for", seat.role.named().iter().filter_map(tag).collect());
    }
    for (key, on) in [
        ("muted", state.muted),
        ("deaf", state.deaf),
        ("held", state.held),
        ("priority", state.priority),
        ("agc", state.automatic_gain),
    ] {
        add(key, u64::from(on).into());
    }
    add("gain-in", format!("{:.1}", state.gain_in_db).into());
    add("gain-out", format!("{:.1}", state.gain_out_db).into());
    let leg = party.streams.get(seat.section).and_then(|stream| Some(stream.applied.as_ref()?.leg));
    let is_own = |member: &&RoomMemberFigures| Some(member.leg) == leg;
    if let Some(known) = figures.and_then(|figures| figures.members.iter().find(is_own)) {
        add("talking", u64::from(known.talking).into());
        // In dBov.
        add("level", Value::Int(-i64::from(known.level)));
        add("talked", known.statistics.talked_ms.into());
        add("talks", u64::from(known.statistics.talks).into());
    }
    out
}
