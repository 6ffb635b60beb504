//! What is told of a recording once it is over: who began and ended it, its pauses, and the figures of its parties. It is
//! personal, and kept encrypted only.

use std::time::Duration;

use mediapoint_engine::{CallStatistics, LegId, LegStatistics};
use mediapoint_recorder::Recording;

use crate::call::party::{Party, PartyId};
use crate::request::Request;
use crate::wire::{Dict, Value, to_json};

/// Most pauses that are told one by one.
const MAX_PAUSES: usize = 256;

/// Who began a recording, or ended it.
#[derive(Debug, Clone)]
pub(crate) struct By {
    command: String,
    from: String,
}

impl By {
    /// A message.
    pub(crate) fn request(request: &Request) -> Self {
        Self { command: request.command.name().to_owned(), from: request.source.to_string() }
    }

    /// No message, but this.
    pub(crate) fn itself(what: &str) -> Self {
        Self { command: what.to_owned(), from: String::new() }
    }

    fn value(&self) -> Value {
        let from = (!self.from.is_empty()).then(|| ("from", Value::from(self.from.as_str())));
        dict([("command", Value::from(self.command.as_str()))].into_iter().chain(from))
    }
}

/// A party while a call was recorded.
#[derive(Clone)]
pub(crate) struct PartyNote {
    id: PartyId,
    leg: LegId,
    tag: Vec<u8>,
    label: Option<Vec<u8>>,
    codecs: Vec<String>,
}

impl PartyNote {
    /// A party by its first section with audio at work.
    pub(crate) fn of(party: &Party) -> Option<Self> {
        let mut audio = party.streams.iter().filter(|stream| stream.can_mix());
        let (stream, leg) = audio.find_map(|stream| Some((stream, stream.applied.as_ref()?.leg)))?;
        Some(Self {
            id: party.id,
            leg,
            tag: party.tag().map(|tag| tag.bytes().to_vec()).unwrap_or_default(),
            label: party.label.as_ref().map(|label| label.bytes().to_vec()),
            codecs: stream.codecs.iter().map(|codec| codec.name.clone()).collect(),
        })
    }

    fn value(&self, statistics: Option<&CallStatistics>) -> Value {
        let leg = statistics.and_then(|all| all.legs.iter().find(|leg| leg.leg == self.leg));
        let codecs = self.codecs.iter().map(|name| Value::from(name.as_str())).collect();
        let label = self.label.as_ref().map(|label| ("label", Value::from(label.as_slice())));
        let named = [("tag", Value::from(self.tag.as_slice())), ("codecs", codecs)];
        dict(named.into_iter().chain(label).chain(leg.map(figures).into_iter().flatten()))
    }
}

/// What came from a party: packets, those lost, jitter in microseconds, and the mean opinion score.
fn figures(leg: &LegStatistics) -> Vec<(&'static str, Value)> {
    let received = &leg.received;
    let jitter = u64::try_from(received.jitter.as_micros()).unwrap_or(u64::MAX);
    let mut out = vec![
        ("packets", Value::from(received.packets)),
        ("lost", Value::from(received.lost)),
        ("jitter_us", Value::from(jitter)),
    ];
    out.extend(received.mos.map(|mos| ("mos", Value::from(format!("{mos:.1}")))));
    out
}

/// What a recording is to tell at its end.
#[derive(Clone)]
pub(crate) struct Notes {
    owner: String,
    by: By,
    /// The call's first moment, and the recording's: time since 1970.
    created: Duration,
    began: Duration,
    parties: Vec<PartyNote>,
    /// From when to when; the last may go on.
    pauses: Vec<(Duration, Option<Duration>)>,
    recording: Option<Recording>,
}

impl Notes {
    pub(crate) fn new(owner: &str, by: By, created: Duration, began: Duration) -> Self {
        let owner = owner.to_owned();
        Self { owner, by, created, began, parties: Vec::new(), pauses: Vec::new(), recording: None }
    }

    pub(super) fn started(&mut self, recording: Recording) {
        self.recording = Some(recording);
    }

    /// Takes note of the parties of the call. Those that are there already have what holds of them now.
    pub(crate) fn parties(&mut self, parties: Vec<PartyNote>) {
        for party in parties {
            match self.parties.iter_mut().find(|known| known.id == party.id) {
                Some(known) => *known = party,
                None => self.parties.push(party),
            }
        }
    }

    /// It is paused, or goes on.
    pub(super) fn paused(&mut self, at: Duration, paused: bool) {
        let has_room = self.pauses.len() < MAX_PAUSES;
        match self.pauses.last_mut().filter(|(_, until)| until.is_none()) {
            Some((_, until)) if !paused => *until = Some(at),
            None if paused && has_room => self.pauses.push((at, None)),
            _ => {}
        }
    }

    /// Moment of its call's end, by the call's age.
    pub(super) fn end_at(&self, age: Duration) -> Duration {
        self.created + age
    }

    /// Gives the recording its last metadata. One that is complete already goes without.
    pub(super) fn close(&mut self, by: &By, at: Duration, statistics: Option<&CallStatistics>) {
        let Some(recording) = self.recording.take() else { return };
        self.paused(at, false);
        let json = self.last(by, at, statistics);
        if let Err(error) = recording.add_last_metadata(json) {
            tracing::debug!(recording = %recording.id(), %error, "the recording has no figures of its call");
        }
    }

    /// Pauses, masks and losses to the sample stand in the manifest.
    fn last(&self, by: &By, at: Duration, statistics: Option<&CallStatistics>) -> Vec<u8> {
        let pause = |(from, until): &(Duration, Option<Duration>)| {
            dict([("from_ms", millis(*from)), ("until_ms", millis(until.unwrap_or(at)))])
        };
        let ended = dict([
            ("owner", Value::from(self.owner.as_str())),
            ("started_by", self.by.value()),
            ("stopped_by", by.value()),
            ("call_began_ms", millis(self.created)),
            ("began_ms", millis(self.began)),
            ("ended_ms", millis(at)),
            ("pauses", self.pauses.iter().map(pause).collect()),
            ("parties", self.parties.iter().map(|party| party.value(statistics)).collect()),
        ]);
        to_json(&Dict::from([(b"ended".to_vec(), ended)])).to_vec()
    }
}

fn millis(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}

fn dict(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Dict(pairs.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value)).collect())
}
