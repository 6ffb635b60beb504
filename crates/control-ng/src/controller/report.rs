//! The replies to `query`, `delete` and `list`.

mod analysis;
mod players;
mod quality;
mod section;

use std::time::Duration;

use mediapoint_engine::{Call, CallStatistics, LegId, LegStatistics};
use mediapoint_packet::Time;

use super::ControllerConfig;
use super::find::{is_meant, is_meant_alone};
use super::recording;
use super::totals::dict;
use crate::Reply;
use crate::call::CallState;
use crate::call::gates::Gates;
use crate::call::links::Link;
use crate::call::party::{Party, PartyId};
use crate::call::recordings::Scope;
use crate::request::Id;
use crate::wire::{Dict, Value};
use section::Section;

/// How long a worker may take to answer with figures.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The calls.
pub(super) fn list<'a>(ids: impl Iterator<Item = &'a Id>) -> Reply {
    Reply::ok().with("calls", ids.map(|id| Value::from(id.bytes())).collect::<Value>())
}

/// What a reply shows of a call. It is read under the call's lock, and its figures are asked for after that.
#[derive(Debug)]
pub(super) struct View {
    call: Call,
    created: Time,
    last_signal: Time,
    parties: Vec<Shown>,
    recordings: Vec<Value>,
}

/// A party as it is shown.
#[derive(Debug)]
struct Shown {
    party: Party,
    via_branch: Option<Id>,
    /// The tag of the party that offer and answer relate it to.
    dialogue: Option<Vec<u8>>,
    /// Tags of those that it receives, and how that came to be.
    subscriptions: Vec<Related>,
    /// Tags of those that receive it.
    subscribers: Vec<Related>,
    sections: Vec<Section>,
}

impl View {
    /// The parties of these tags, with those that they are related to: all where no tag is given.
    pub(super) fn of(call: &CallState, call_id: Option<&Id>, tags: [Option<&Id>; 2]) -> Self {
        let tags = (call.group_of(call_id), tags);
        let dialogs = call.dialogs.iter().filter(|dialog| is_meant(call, dialog, tags, None));
        let mut ids: Vec<PartyId> = dialogs.flat_map(|dialog| [dialog.caller, dialog.callee]).collect();
        for party in call.parties.iter().filter(|party| is_meant_alone(call, party, tags)) {
            ids.push(party.id);
            ids.extend(party.streams.iter().flat_map(|stream| &stream.sources).map(|link| link.from.party));
        }
        let parties = call.parties.iter().filter(|party| ids.contains(&party.id));
        Self {
            call: call.call.clone(),
            created: call.created,
            last_signal: call.last_signal,
            parties: parties.map(|party| Shown::of(call, party)).collect(),
            recordings: recording::shown(call, Scope::Call(tags.0)),
        }
    }

    /// True where nothing of the call is shown.
    pub(super) fn is_empty(&self) -> bool {
        self.parties.is_empty()
    }

    /// The reply with the figures that the call has now. Waits for the call's worker: no lock may be held.
    pub(super) fn reply(self, reply: Reply, now: Time, config: &ControllerConfig) -> Reply {
        // A call that has just ended has no figures any more.
        let asked = self.call.statistics().ok();
        let statistics = asked.and_then(|asked| asked.wait_timeout(ANSWER_WITHIN)?.ok()).unwrap_or_default();
        let unix_at_zero = config.unix_at_zero;
        let figures = Figures { statistics, now, last_signal: self.last_signal, unix_at_zero };
        let mut shown = Dict::new();
        for (number, party) in self.parties.iter().enumerate() {
            shown.insert(name_of(&party.party, number), figures.party(party));
        }
        let recordings = Some(self.recordings).filter(|shown| !shown.is_empty());
        let reply =
            recordings.into_iter().fold(reply, |reply, shown| reply.with("recordings", Value::List(shown)));
        reply
            .with("created", figures.unix(self.created))
            .with("created_us", u64::from(figures.since_1970(self.created).subsec_micros()))
            .with("last signal", figures.unix(self.last_signal))
            .with("tags", shown)
            .with("totals", figures.totals())
            .with("SSRC", figures.ssrcs())
    }
}

impl Shown {
    fn of(call: &CallState, party: &Party) -> Self {
        let tag = |id| call.party(id).map(tag_of).unwrap_or_default();
        let dialog = call.dialogs.iter().rfind(|dialog| [dialog.caller, dialog.callee].contains(&party.id));
        let peer = dialog.map(|dialog| if dialog.caller == party.id { dialog.callee } else { dialog.caller });
        let sources: Vec<Link> = party.streams.iter().flat_map(|stream| stream.sources.clone()).collect();
        let related =
            sources.iter().find(|link| !link.is_subscription()).map(|link| link.from.party).or(peer);
        let mut subscriptions = Vec::new();
        let mut subscribers = Vec::new();
        for link in sources {
            add(&mut subscriptions, tag(link.from.party), kind(link), link.gates);
        }
        for (at, stream) in call.streams() {
            for link in stream.sources.iter().filter(|link| link.from.party == party.id) {
                add(&mut subscribers, tag(at.party), kind(*link), link.gates);
            }
        }
        // Before the first answer nobody receives anything, and yet it is known who will.
        let is_linked =
            |id| call.party(id).is_some_and(|party| party.streams.iter().any(|s| !s.sources.is_empty()));
        if let Some(peer) = peer.filter(|peer| !is_linked(*peer) && !is_linked(party.id)) {
            add(&mut subscriptions, tag(peer), OFFER_ANSWER, Gates::default());
            add(&mut subscribers, tag(peer), OFFER_ANSWER, Gates::default());
        }
        Self {
            party: party.clone(),
            via_branch: dialog.and_then(|dialog| dialog.via_branch.clone()),
            dialogue: related.map(tag),
            subscriptions,
            subscribers,
            sections: section::of(call, party),
        }
    }
}

const OFFER_ANSWER: &str = "offer/answer";

fn kind(link: Link) -> &'static str {
    if link.is_subscription() { "pub/sub" } else { OFFER_ANSWER }
}

/// A party that another one receives, or that receives it.
#[derive(Debug)]
struct Related {
    tag: Vec<u8>,
    kind: &'static str,
    /// What was commanded of that flow.
    gates: Gates,
}

/// Each party is shown once, with what was commanded of any of its sections.
fn add(list: &mut Vec<Related>, tag: Vec<u8>, kind: &'static str, gates: Gates) {
    match list.iter_mut().find(|known| known.tag == tag) {
        Some(known) => known.gates = known.gates.with(gates),
        None => list.push(Related { tag, kind, gates }),
    }
}

fn tag_of(party: &Party) -> Vec<u8> {
    party.tag().map(|tag| tag.bytes().to_vec()).unwrap_or_default()
}

/// The key of a party: its tag, or a name that is none where it has no tag yet.
fn name_of(party: &Party, number: usize) -> Vec<u8> {
    let tag = tag_of(party);
    if tag.is_empty() { format!("<untagged {}>", number + 1).into_bytes() } else { tag }
}

fn pairs(list: &[Related]) -> Value {
    let pair = |related: &Related| {
        let mut pair = Dict::from([
            (b"tag".to_vec(), related.tag.as_slice().into()),
            (b"type".to_vec(), related.kind.into()),
        ]);
        if related.gates != Gates::default() {
            pair.insert(b"flags".to_vec(), section::names(&section::gates(related.gates)));
        }
        Value::Dict(pair)
    };
    Value::List(list.iter().map(pair).collect())
}

struct Figures {
    statistics: CallStatistics,
    now: Time,
    last_signal: Time,
    unix_at_zero: Duration,
}

impl Figures {
    fn since_1970(&self, at: Time) -> Duration {
        self.unix_at_zero + at.since(Time::ZERO)
    }

    fn unix(&self, at: Time) -> u64 {
        self.since_1970(at).as_secs()
    }

    fn leg(&self, id: LegId) -> Option<&LegStatistics> {
        self.statistics.legs.iter().find(|leg| leg.leg == id)
    }

    fn party(&self, shown: &Shown) -> Value {
        let party = &shown.party;
        let medias = shown.sections.iter().map(|section| section.value(party, self));
        let mut out = Dict::from([
            (b"tag".to_vec(), tag_of(party).as_slice().into()),
            (b"created".to_vec(), self.unix(party.created).into()),
            (b"subscriptions".to_vec(), pairs(&shown.subscriptions)),
            (b"subscribers".to_vec(), pairs(&shown.subscribers)),
            (b"medias".to_vec(), medias.collect()),
        ]);
        if let Some(dialogue) = &shown.dialogue {
            out.insert(b"in dialogue with".to_vec(), dialogue.as_slice().into());
        }
        let players = players::of(party, &self.statistics);
        if !players.is_empty() {
            out.insert(b"players".to_vec(), Value::List(players));
        }
        if let Some(analysis) = &party.analysis {
            out.insert(b"analysis".to_vec(), analysis::of(analysis));
        }
        if party.presses > 0 {
            out.insert(b"key presses".to_vec(), party.presses.into());
        }
        if let Some(label) = &party.label {
            out.insert(b"label".to_vec(), label.bytes().into());
        }
        if let Some(branch) = &shown.via_branch {
            out.insert(b"via-branch".to_vec(), branch.bytes().into());
        }
        Value::Dict(out)
    }

    fn totals(&self) -> Value {
        let sum = |of: fn(&LegStatistics) -> u64| self.statistics.legs.iter().map(of).sum::<u64>();
        let rtp = counters(
            sum(|leg| leg.received.packets),
            sum(|leg| leg.received.octets),
            sum(|leg| leg.received.dropped.total()),
        );
        let rtcp = counters(sum(|leg| leg.received.rtcp_packets), 0, 0);
        dict([("RTP", rtp), ("RTCP", rtcp)])
    }

    /// What is known of each stream received, by its SSRC in decimal digits.
    fn ssrcs(&self) -> Value {
        let streams = self.statistics.legs.iter().flat_map(quality::received);
        let reported_at = self.unix(self.now);
        let entry = |stream: quality::StreamFigures| {
            (stream.ssrc.0.to_string().into_bytes(), stream.value(reported_at))
        };
        Value::Dict(streams.map(entry).collect())
    }
}

fn counters(packets: u64, bytes: u64, errors: u64) -> Value {
    dict([("packets", packets.into()), ("bytes", bytes.into()), ("errors", errors.into())])
}
