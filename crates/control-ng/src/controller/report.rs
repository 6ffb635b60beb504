//! The replies to `query`, `delete` and `list`.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::{Call, CallStatistics, LegId, LegStatistics, RtcpMode};
use mediapoint_packet::Time;

use super::ControllerConfig;
use super::find::{is_meant, is_meant_alone};
use super::totals::{dict, reasons};
use crate::Reply;
use crate::call::CallState;
use crate::call::links::Link;
use crate::call::party::{Party, PartyId, Stream};
use crate::request::Id;
use crate::wire::{Dict, Value};

/// How long a worker may take to answer with figures.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

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
}

/// A party as it is shown.
#[derive(Debug)]
struct Shown {
    party: Party,
    via_branch: Option<Id>,
    /// The tag of the party that offer and answer relate it to.
    dialogue: Option<Vec<u8>>,
    /// Tags of those that it receives, and how that came to be.
    subscriptions: Vec<(Vec<u8>, &'static str)>,
    /// Tags of those that receive it.
    subscribers: Vec<(Vec<u8>, &'static str)>,
}

impl View {
    /// The parties of these tags, with those that they are related to: all where no tag is given.
    pub(super) fn of(call: &CallState, tags: [Option<&Id>; 2]) -> Self {
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
        let figures = Figures { statistics, now, unix_at_zero: config.unix_at_zero };
        let mut shown = Dict::new();
        for party in &self.parties {
            shown.insert(tag_of(&party.party), figures.party(party));
        }
        reply
            .with("created", figures.unix(self.created))
            .with("created_us", figures.micros(self.created))
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
            add(&mut subscriptions, tag(link.from.party), kind(link));
        }
        for (at, stream) in call.streams() {
            for link in stream.sources.iter().filter(|link| link.from.party == party.id) {
                add(&mut subscribers, tag(at.party), kind(*link));
            }
        }
        // Before the first answer nobody receives anything, and yet it is known who will.
        let is_linked =
            |id| call.party(id).is_some_and(|party| party.streams.iter().any(|s| !s.sources.is_empty()));
        if let Some(peer) = peer.filter(|peer| !is_linked(*peer) && !is_linked(party.id)) {
            add(&mut subscriptions, tag(peer), OFFER_ANSWER);
            add(&mut subscribers, tag(peer), OFFER_ANSWER);
        }
        Self {
            party: party.clone(),
            via_branch: dialog.and_then(|dialog| dialog.via_branch.clone()),
            dialogue: related.map(tag),
            subscriptions,
            subscribers,
        }
    }
}

const OFFER_ANSWER: &str = "offer/answer";

fn kind(link: Link) -> &'static str {
    if link.is_subscription() { "pub/sub" } else { OFFER_ANSWER }
}

/// Each party is shown once.
fn add(list: &mut Vec<(Vec<u8>, &'static str)>, tag: Vec<u8>, kind: &'static str) {
    if !list.iter().any(|(known, _)| *known == tag) {
        list.push((tag, kind));
    }
}

fn tag_of(party: &Party) -> Vec<u8> {
    party.tag().map(|tag| tag.bytes().to_vec()).unwrap_or_default()
}

fn pairs(list: &[(Vec<u8>, &'static str)]) -> Value {
    let pair =
        |(tag, kind): &(Vec<u8>, &str)| dict([("tag", tag.as_slice().into()), ("type", (*kind).into())]);
    Value::List(list.iter().map(pair).collect())
}

struct Figures {
    statistics: CallStatistics,
    now: Time,
    unix_at_zero: Duration,
}

impl Figures {
    fn unix(&self, at: Time) -> u64 {
        (self.unix_at_zero + at.since(Time::ZERO)).as_secs()
    }

    fn micros(&self, at: Time) -> u64 {
        u64::try_from((self.unix_at_zero + at.since(Time::ZERO)).as_micros()).unwrap_or(u64::MAX)
    }

    fn leg(&self, id: LegId) -> Option<&LegStatistics> {
        self.statistics.legs.iter().find(|leg| leg.leg == id)
    }

    fn party(&self, shown: &Shown) -> Value {
        let party = &shown.party;
        let medias = party.streams.iter().enumerate().filter(|(_, stream)| stream.leg.is_some());
        let mut out = Dict::from([
            (b"tag".to_vec(), tag_of(party).as_slice().into()),
            (b"created".to_vec(), self.unix(party.created).into()),
            (b"subscriptions".to_vec(), pairs(&shown.subscriptions)),
            (b"subscribers".to_vec(), pairs(&shown.subscribers)),
            (b"medias".to_vec(), medias.map(|(index, stream)| self.media(index, stream)).collect()),
        ]);
        if let Some(dialogue) = &shown.dialogue {
            out.insert(b"in dialogue with".to_vec(), dialogue.as_slice().into());
        }
        if let Some(label) = &party.label {
            out.insert(b"label".to_vec(), label.bytes().into());
        }
        if let Some(branch) = &shown.via_branch {
            out.insert(b"via-branch".to_vec(), branch.bytes().into());
        }
        Value::Dict(out)
    }

    fn media(&self, index: usize, stream: &Stream) -> Value {
        let remote = stream.remote.as_ref();
        let mut flags = Vec::new();
        let mut flag = |name: &str, on: bool| flags.extend(on.then(|| Value::from(name)));
        flag("initialized", stream.applied.is_some());
        flag("send", stream.takes());
        flag("recv", stream.gives());
        flag("rtcp-mux", stream.rtcp == RtcpMode::Mux);
        flag("SDES", stream.keys.is_some());
        let protocol = match (stream.profile, remote) {
            (Some(profile), _) => profile.name().to_owned(),
            (None, remote) => remote.map(|remote| remote.proto.clone()).unwrap_or_default(),
        };
        let mut media = Dict::from([
            (b"index".to_vec(), Value::from(u64::try_from(index + 1).unwrap_or(u64::MAX))),
            (b"type".to_vec(), remote.map(|remote| remote.media.clone()).unwrap_or_default().into()),
            (b"protocol".to_vec(), protocol.into()),
            (b"flags".to_vec(), Value::List(flags)),
            (b"streams".to_vec(), self.streams(stream)),
        ]);
        let used = stream.leg.and_then(|leg| self.leg(leg.id)).and_then(|leg| leg.received.payload_type);
        let codec = used.and_then(|used| stream.codecs.iter().find(|line| line.payload_type == used.get()));
        if let Some(codec) = codec {
            let name = format!("{}/{}", codec.name, codec.codec.clock_rate);
            media.insert(b"codec".to_vec(), name.into());
        }
        Value::Dict(media)
    }

    /// RTP, then RTCP where it has a port of its own.
    fn streams(&self, stream: &Stream) -> Value {
        let Some(opened) = stream.leg else { return Value::List(Vec::new()) };
        let leg = self.leg(opened.id);
        let remote = stream.remote.as_ref().and_then(|remote| remote.address);
        let last = leg.and_then(|leg| leg.idle).map(|idle| self.unix(self.now - idle));
        let mut rtp = local(opened.rtp);
        endpoints(&mut rtp, leg.and_then(|leg| leg.learnt), remote.map(|remote| remote.rtp));
        if let Some(suite) = stream.suite.filter(|_| stream.keys.is_some()) {
            rtp.insert(b"crypto suite".to_vec(), suite.name().into());
        }
        rtp.insert(b"last packet".to_vec(), last.unwrap_or(0).into());
        let kind =
            if stream.rtcp == RtcpMode::Mux { vec!["RTP".into(), "RTCP".into()] } else { vec!["RTP".into()] };
        rtp.insert(b"flags".to_vec(), Value::List(kind));
        let received = leg.map(|leg| leg.received).unwrap_or_default();
        rtp.insert(b"stats".to_vec(), counters(received.packets, received.octets, received.dropped.total()));
        rtp.insert(b"dropped".to_vec(), reasons(received.dropped.by_reason()));
        if let Some(ssrc) = received.ssrc {
            rtp.insert(b"SSRC".to_vec(), i64::from(ssrc.0).into());
        }
        let mut quality = vec![
            (b"lost".to_vec(), Value::from(received.lost)),
            (b"out of order".to_vec(), received.out_of_order.into()),
            (b"duplicates".to_vec(), received.duplicates.into()),
            (b"jitter us".to_vec(), u64::try_from(received.jitter.as_micros()).unwrap_or(u64::MAX).into()),
        ];
        quality.extend(received.mos.map(|mos| (b"MOS".to_vec(), format!("{mos:.1}").into())));
        rtp.insert(b"quality".to_vec(), Value::Dict(quality.into_iter().collect()));
        let mut list = vec![Value::Dict(rtp)];
        if let Some(at) = opened.rtcp.filter(|_| stream.rtcp == RtcpMode::Separate) {
            let mut rtcp = local(at);
            endpoints(&mut rtcp, None, remote.and_then(|remote| remote.rtcp));
            rtcp.insert(b"flags".to_vec(), Value::List(vec!["RTCP".into()]));
            rtcp.insert(b"stats".to_vec(), counters(received.rtcp_packets, 0, 0));
            list.push(Value::Dict(rtcp));
        }
        Value::List(list)
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

    /// Quality by the SSRC received, as controllers look it up.
    fn ssrcs(&self) -> Value {
        let mut ssrcs = Dict::new();
        for leg in &self.statistics.legs {
            let (Some(ssrc), Some(mos)) = (leg.received.ssrc, leg.received.mos) else { continue };
            let sample = |mos: f32| {
                // Tenths of a point, as an integer, which is how the protocol has it.
                let tenths = format!("{:.0}", mos * 10.0).parse::<i64>().unwrap_or(0);
                let jitter = u64::try_from(leg.received.jitter.as_millis()).unwrap_or(u64::MAX);
                let round_trip = leg.sent.round_trip.unwrap_or_default();
                let expected = leg.received.packets + leg.received.lost;
                let loss = (leg.received.lost * 100).checked_div(expected).unwrap_or(0);
                dict([
                    ("MOS", Value::Int(tenths)),
                    ("jitter", jitter.into()),
                    ("packet loss", loss.into()),
                    ("round-trip time", u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX).into()),
                    ("samples", Value::Int(1)),
                ])
            };
            let values = dict([
                ("average MOS", sample(mos)),
                ("lowest MOS", sample(mos)),
                ("highest MOS", sample(mos)),
            ]);
            ssrcs.insert(ssrc.0.to_string().into_bytes(), values);
        }
        Value::Dict(ssrcs)
    }
}

fn local(at: SocketAddr) -> Dict {
    Dict::from([
        (b"local port".to_vec(), i64::from(at.port()).into()),
        (b"local address".to_vec(), at.ip().to_string().into()),
        (b"family".to_vec(), family(at).into()),
    ])
}

/// Where packets go, and the address that the party signalled.
fn endpoints(stream: &mut Dict, learnt: Option<SocketAddr>, remote: Option<SocketAddr>) {
    let endpoint = |at: SocketAddr| {
        let address = ("address", at.ip().to_string().into());
        dict([("family", family(at).into()), address, ("port", i64::from(at.port()).into())])
    };
    if let Some(at) = learnt.or(remote) {
        stream.insert(b"endpoint".to_vec(), endpoint(at));
    }
    if let Some(at) = remote {
        stream.insert(b"advertised endpoint".to_vec(), endpoint(at));
    }
}

fn family(at: SocketAddr) -> &'static str {
    if at.is_ipv4() { "IPv4" } else { "IPv6" }
}

fn counters(packets: u64, bytes: u64, errors: u64) -> Value {
    dict([("packets", packets.into()), ("bytes", bytes.into()), ("errors", errors.into())])
}
