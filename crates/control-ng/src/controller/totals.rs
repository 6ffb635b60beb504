//! Figures of the whole server, for `statistics`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use mediapoint_engine::{CallStatistics, EndReason, EngineLoad, Points, RoomReport};
use mediapoint_packet::Time;

use crate::wire::{Dict, Value};
use crate::{Command, Reply, Request};

/// Most controllers counted apart.
const MAX_PROXIES: usize = 64;

/// Counted since the start.
#[derive(Debug, Default)]
pub(super) struct Totals {
    started: Option<Time>,
    proxies: BTreeMap<IpAddr, Counts>,
    all: Counts,
    ended: u64,
    rejected: u64,
    timed_out: u64,
    held_too_long: u64,
    deleted: u64,
    forced: u64,
    shed: u64,
    packets: u64,
    octets: u64,
    dropped: u64,
    /// The same by reason.
    reasons: BTreeMap<&'static str, u64>,
    one_way: u64,
    zero_way: u64,
    durations: Duration,
    conference_joins: u64,
    conference_leaves: u64,
    conference_talks: u64,
}

/// Requests by command.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    ping: u64,
    offer: u64,
    answer: u64,
    delete: u64,
    query: u64,
    list: u64,
    statistics: u64,
    publish: u64,
    subscribe_request: u64,
    subscribe_answer: u64,
    unsubscribe: u64,
    connect: u64,
    mesh: u64,
    errors: u64,
}

impl Counts {
    fn add(&mut self, command: &Command, failed: bool) {
        let counter = match command {
            Command::Ping => Some(&mut self.ping),
            Command::Offer => Some(&mut self.offer),
            Command::Answer => Some(&mut self.answer),
            Command::Delete => Some(&mut self.delete),
            Command::Query => Some(&mut self.query),
            Command::List => Some(&mut self.list),
            Command::Statistics => Some(&mut self.statistics),
            Command::Publish => Some(&mut self.publish),
            Command::SubscribeRequest => Some(&mut self.subscribe_request),
            Command::SubscribeAnswer => Some(&mut self.subscribe_answer),
            Command::Unsubscribe => Some(&mut self.unsubscribe),
            Command::Connect => Some(&mut self.connect),
            Command::Mesh => Some(&mut self.mesh),
            Command::GateMedia { .. }
            | Command::GateDigits { .. }
            | Command::PlayMedia
            | Command::StopMedia
            | Command::PauseMedia { .. }
            | Command::SeekMedia
            | Command::PlayDigits
            | Command::StartRecording
            | Command::StopRecording { .. }
            | Command::StartAnalysis
            | Command::StopAnalysis
            | Command::Conference(_)
            | Command::Why
            | Command::Log
            | Command::Unsupported(_) => None,
        };
        if let Some(counter) = counter {
            *counter += 1;
        }
        self.errors += u64::from(failed);
    }

    fn pairs(&self) -> [(&'static str, u64); 14] {
        [
            ("pingcount", self.ping),
            ("offercount", self.offer),
            ("answercount", self.answer),
            ("deletecount", self.delete),
            ("querycount", self.query),
            ("listcount", self.list),
            ("statistics", self.statistics),
            ("pubcount", self.publish),
            ("subreqcount", self.subscribe_request),
            ("subanscount", self.subscribe_answer),
            ("unsubcount", self.unsubscribe),
            ("conncount", self.connect),
            ("meshcount", self.mesh),
            ("errorcount", self.errors),
        ]
    }
}

/// Figures of a controller since its start, for whoever collects them.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ControllerFigures {
    /// Calls that are kept now.
    pub calls: u64,
    /// Calls that ended, by reason: `deleted`, `media_timeout`, `hold_timeout`, `forced`, `shed`.
    pub ended: Vec<(&'static str, u64)>,
    /// Offers and publications that there was no room for.
    pub rejected: u64,
    /// Calls that ended and had media from some of their parties only.
    pub one_way: u64,
    /// Calls that ended and had no media at all.
    pub without_media: u64,
    /// How long the calls that ended were, together.
    pub durations: Duration,
    /// RTP packets taken in calls that ended.
    pub packets: u64,
    /// Octets of their payload.
    pub octets: u64,
    /// Packets not taken in calls that ended, by reason.
    pub dropped: Vec<(&'static str, u64)>,
    /// Requests by command.
    pub requests: Vec<(&'static str, u64)>,
    /// Requests that were refused.
    pub refused: u64,
}

impl Totals {
    /// The figures now, of a controller that keeps so many calls.
    pub(super) fn figures(&self, calls: usize) -> ControllerFigures {
        let counts = &self.all;
        let ended = [
            ("deleted", self.deleted),
            ("media_timeout", self.timed_out),
            ("hold_timeout", self.held_too_long),
            ("forced", self.forced),
            ("shed", self.shed),
        ];
        let requests = [
            ("ping", counts.ping),
            ("offer", counts.offer),
            ("answer", counts.answer),
            ("delete", counts.delete),
            ("query", counts.query),
            ("list", counts.list),
            ("statistics", counts.statistics),
            ("publish", counts.publish),
            ("subscribe_request", counts.subscribe_request),
            ("subscribe_answer", counts.subscribe_answer),
            ("unsubscribe", counts.unsubscribe),
            ("connect", counts.connect),
            ("mesh", counts.mesh),
        ];
        ControllerFigures {
            calls: u64::try_from(calls).unwrap_or(u64::MAX),
            ended: ended.to_vec(),
            rejected: self.rejected,
            one_way: self.one_way,
            without_media: self.zero_way,
            durations: self.durations,
            packets: self.packets,
            octets: self.octets,
            dropped: self.reasons.iter().map(|(reason, count)| (*reason, *count)).collect(),
            requests: requests.to_vec(),
            refused: counts.errors,
        }
    }

    pub(super) fn request(&mut self, now: Time, request: &Request, failed: bool) {
        self.started.get_or_insert(now);
        self.all.add(&request.command, failed);
        let ip = request.source.ip();
        if self.proxies.len() < MAX_PROXIES || self.proxies.contains_key(&ip) {
            self.proxies.entry(ip).or_default().add(&request.command, failed);
        }
    }

    pub(super) fn rejected(&mut self, command: &Command) {
        self.rejected += u64::from(matches!(command, Command::Offer | Command::Publish));
    }

    pub(super) fn call_ended(&mut self, reason: EndReason, statistics: &CallStatistics) {
        // One that was refused never was a session.
        if reason == EndReason::Refused {
            return;
        }
        self.ended += 1;
        match reason {
            EndReason::Command => self.deleted += 1,
            EndReason::MediaTimeout => self.timed_out += 1,
            EndReason::HoldTimeout => self.held_too_long += 1,
            EndReason::Shed => self.shed += 1,
            _ => self.forced += 1,
        }
        self.durations += statistics.age;
        let sending = statistics.legs.iter().filter(|leg| leg.received.packets > 0).count();
        self.zero_way += u64::from(sending == 0);
        self.one_way += u64::from(sending > 0 && sending < statistics.legs.len());
        for leg in &statistics.legs {
            self.packets += leg.received.packets;
            self.octets += leg.received.octets;
            self.dropped += leg.received.dropped.total();
            for (reason, count) in leg.received.dropped.by_reason() {
                *self.reasons.entry(reason).or_default() += count;
            }
        }
    }

    /// Counts what happens in conference rooms.
    pub(super) const fn room_reported(&mut self, report: RoomReport) {
        match report {
            RoomReport::Joined(_) => self.conference_joins += 1,
            RoomReport::Left(_) => self.conference_leaves += 1,
            RoomReport::TalkStarted { .. } => self.conference_talks += 1,
            _ => {}
        }
    }

    /// The reply to `statistics`.
    pub(super) fn report(&self, now: Time, sessions: usize, load: &EngineLoad) -> Reply {
        let size = |size: usize| Value::from(u64::try_from(size).unwrap_or(u64::MAX));
        let sum = |of: fn(&mediapoint_engine::WorkerLoad) -> u64| load.workers.iter().map(of).sum::<u64>();
        let points = |of: fn(&mediapoint_engine::WorkerLoad) -> Points| -> Value {
            load.workers.iter().map(of).sum::<Points>().to_string().into()
        };
        let current = dict([
            ("sessionsown", size(sessions)),
            ("sessionsforeign", Value::Int(0)),
            ("sessionstotal", size(sessions)),
            ("pointsused", points(|worker| worker.used)),
            ("pointsbudget", points(|worker| worker.budget)),
            ("pointsconfigured", points(|worker| worker.configured)),
            ("pointsfree", points(mediapoint_engine::WorkerLoad::free)),
            ("legsreserved", sum(|worker| u64::try_from(worker.legs).unwrap_or(u64::MAX)).into()),
            ("portpairsused", size(load.port_pairs.0)),
            ("portpairs", size(load.port_pairs.1)),
            ("filesreserved", size(load.files.0)),
            ("lateworkers", size(load.workers.iter().filter(|worker| worker.late.is_some()).count())),
        ]);
        let uptime = self.started.map_or(Duration::ZERO, |started| now.since(started));
        let average =
            self.durations.checked_div(u32::try_from(self.ended).unwrap_or(u32::MAX)).unwrap_or_default();
        let totals = dict([
            ("uptime", uptime.as_secs().to_string().into()),
            ("managedsessions", self.ended.into()),
            ("rejectedsessions", self.rejected.into()),
            ("timeoutsessions", self.timed_out.into()),
            ("silenttimeoutsessions", self.held_too_long.into()),
            ("finaltimeoutsessions", Value::Int(0)),
            ("offertimeoutsessions", Value::Int(0)),
            ("regularterminatedsessions", self.deleted.into()),
            ("forcedterminatedsessions", (self.forced + self.shed).into()),
            ("shedsessions", self.shed.into()),
            ("relayedpackets", self.packets.into()),
            ("relayedbytes", self.octets.into()),
            ("relayedpacketerrors", self.dropped.into()),
            ("dropped", reasons(self.reasons.iter().map(|(reason, count)| (*reason, *count)))),
            ("receiveddatagrams", sum(|worker| worker.received).into()),
            ("sentdatagrams", sum(|worker| worker.sent).into()),
            ("forwardeddatagrams", sum(|worker| worker.forwarded).into()),
            ("droppeddatagrams", sum(|worker| worker.dropped).into()),
            ("droppednolargebuffer", sum(|worker| worker.no_large_buffer).into()),
            ("droppedtoolong", sum(|worker| worker.too_long).into()),
            ("workerrestarts", sum(|worker| worker.restarts).into()),
            ("zerowaystreams", self.zero_way.into()),
            ("onewaystreams", self.one_way.into()),
            ("conferencejoins", self.conference_joins.into()),
            ("conferenceleaves", self.conference_leaves.into()),
            ("conferencetalks", self.conference_talks.into()),
            ("avgcallduration", format!("{:.6}", average.as_secs_f64()).into()),
            ("totalcallsduration", format!("{:.6}", self.durations.as_secs_f64()).into()),
        ]);
        let statistics = dict([
            ("currentstatistics", current),
            ("totalstatistics", totals),
            ("controlstatistics", self.control()),
        ]);
        Reply::ok().with("statistics", statistics)
    }

    fn control(&self) -> Value {
        let proxy = |(ip, counts): (&IpAddr, &Counts)| {
            let counts = counts.pairs().map(|(key, n)| (key.to_owned(), Value::from(n)));
            let name = ("proxy".to_owned(), ip.to_string().into());
            let pairs = counts.into_iter().chain([name]);
            Value::Dict(pairs.map(|(key, value)| (key.into_bytes(), value)).collect())
        };
        let mut control: Dict =
            self.all.pairs().map(|(key, n)| (format!("total{key}").into_bytes(), n.into())).into();
        control.insert(b"proxies".to_vec(), self.proxies.iter().map(proxy).collect());
        Value::Dict(control)
    }
}

pub(super) fn dict<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Dict(pairs.map(|(key, value)| (key.as_bytes().to_vec(), value)).into())
}

/// Packets that were not taken, by reason, without the reasons that there were none for.
pub(super) fn reasons(counts: impl IntoIterator<Item = (&'static str, u64)>) -> Value {
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    Value::Dict(counts.map(|(reason, count)| (reason.as_bytes().to_vec(), count.into())).collect())
}
