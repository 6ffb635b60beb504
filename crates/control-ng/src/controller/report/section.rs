//! One media section of a party as a reply shows it: what was agreed, or offered where nothing was agreed yet.

use std::net::SocketAddr;

use mediapoint_engine::{LegStatistics, OpenedLeg, PacketTime, RemoteAddress, RtcpMode};

use super::super::totals::{dict, reasons};
use super::{Figures, counters, quality};
use crate::call::CallState;
use crate::call::gates::Gates;
use crate::call::party::{Party, Stream};
use crate::dialog::Plan;
use crate::media::codecs::CodecLine;
use crate::request::Echo;
use crate::wire::{Dict, Value};

/// A media section.
#[derive(Debug)]
pub(super) struct Section {
    /// Counted from 1.
    number: usize,
    stream: Stream,
    media: String,
    protocol: String,
    /// Where the party is; `None` before it said so.
    remote: Option<RemoteAddress>,
    /// The party has described it.
    described: bool,
    /// Port 0 was offered or answered.
    refused: bool,
    /// Media goes to the party.
    sends: bool,
    /// Media comes from the party.
    receives: bool,
    mux: bool,
    secure: bool,
    transcoded: bool,
    /// What was commanded of what the party sends.
    gates: Gates,
    drop_traffic: bool,
}

/// What a section was offered as last.
#[derive(Debug, Clone, Copy)]
struct Offered<'a> {
    plan: &'a Plan,
    /// The party offered it.
    is_own: bool,
    answered: bool,
}

/// The sections of a party.
pub(super) fn of(call: &CallState, party: &Party) -> Vec<Section> {
    let dialog = call.dialogs.iter().rfind(|dialog| [dialog.caller, dialog.callee].contains(&party.id));
    let offer = dialog.and_then(|dialog| Some((dialog.offer.as_ref()?, dialog)));
    let subscription = call.subscriptions.iter().find(|subscription| subscription.subscriber == party.id);
    let offered = |index| match (offer, subscription) {
        (Some((offer, dialog)), _) => {
            let is_own = dialog.party(offer.from) == party.id;
            offer.plans.get(index).map(|plan| Offered { plan, is_own, answered: offer.answered })
        }
        (None, Some(subscription)) => {
            let answered = party.streams.iter().any(|stream| stream.applied.is_some());
            subscription.plan(index).map(|plan| Offered { plan, is_own: false, answered })
        }
        (None, None) => None,
    };
    let count = party.streams.len().max(offer.map_or(0, |(offer, _)| offer.plans.len()));
    let section = |index| {
        let stream = party.streams.get(index).cloned().unwrap_or_default();
        Section::new(call, party, index, stream, offered(index))
    };
    (0..count).filter_map(section).collect()
}

impl Section {
    fn new(
        call: &CallState,
        party: &Party,
        index: usize,
        stream: Stream,
        offered: Option<Offered<'_>>,
    ) -> Option<Self> {
        // Who offered says what the section is, and where it is itself, until an answer puts that into effect.
        let plan = offered.map(|offered| offered.plan);
        let is_own = offered.is_some_and(|offered| offered.is_own);
        let answered = offered.is_some_and(|offered| offered.answered);
        let own = stream.remote.as_ref().or_else(|| plan.filter(|_| is_own).map(|plan| &plan.remote));
        let pattern = own.or_else(|| plan.map(|plan| &plan.remote))?;
        let refused = match plan {
            _ if stream.active => false,
            Some(plan) if !answered && stream.applied.is_none() => !plan.carried,
            _ => true,
        };
        let (sends, receives) = match (&stream.applied, plan) {
            _ if refused => (false, false),
            (Some(applied), _) => flow(applied.direction),
            (None, Some(plan)) if is_own => (plan.remote.direction.receives(), plan.remote.direction.sends()),
            (None, Some(plan)) => (plan.remote.direction.sends(), plan.remote.direction.receives()),
            (None, None) => (false, false),
        };
        let (mux, secure) = match (&stream.applied, plan) {
            (None, Some(plan)) if is_own => (plan.remote.mux, plan.remote.is_secure()),
            (None, Some(plan)) => (plan.mux_offered, plan.profile.is_some_and(|profile| profile.secure)),
            _ => (stream.rtcp == RtcpMode::Mux, stream.keys.is_some()),
        };
        // A fax call remembers the profile that its audio had.
        let agreed = stream.profile.filter(|_| stream.remote.is_some() && pattern.profile.is_some());
        let profile = agreed.or_else(|| plan.filter(|_| own.is_none())?.profile);
        let mut remote = own.and_then(|own| own.address);
        if let (Some(zero), None) = (own.filter(|own| own.zero), remote) {
            let described = party.description.as_ref().and_then(|sdp| sdp.media.get(index));
            let port = described.map_or(0, |section| section.media().port);
            remote = zero.host.map(|host| RemoteAddress { rtp: SocketAddr::new(host, port), rtcp: None });
        }
        Some(Self {
            number: index + 1,
            media: pattern.media.clone(),
            protocol: profile.map_or_else(|| pattern.proto.clone(), |profile| profile.name().to_owned()),
            remote: remote.filter(|_| !refused),
            // A subscriber's sections that it leaves out were never described.
            described: own.is_some() || (answered && party.description.is_some()),
            refused,
            sends,
            receives,
            mux,
            secure,
            transcoded: is_transcoded(call, &stream),
            gates: call.gates_of(party),
            drop_traffic: call.drop_traffic,
            stream,
        })
    }

    pub(super) fn value(&self, party: &Party, figures: &Figures) -> Value {
        let leg = self.stream.leg.and_then(|leg| figures.leg(leg.id));
        let state = [
            ("initialized", self.described),
            ("asymmetric", party.learning.asymmetric),
            ("send", self.sends),
            ("recv", self.receives),
            ("rtcp-mux", self.mux),
            ("SDES", self.secure),
            ("transcoding", self.transcoded),
            ("echo", party.echo == Some(Echo::Back)),
            ("blackhole", party.echo == Some(Echo::Nowhere)),
            ("drop traffic", self.drop_traffic),
        ];
        let flags = names(&[&state[..], &gates(self.gates)].concat());
        let mut media = Dict::from([
            (b"index".to_vec(), Value::from(u64::try_from(self.number).unwrap_or(u64::MAX))),
            (b"type".to_vec(), self.media.clone().into()),
            (b"protocol".to_vec(), self.protocol.clone().into()),
            (b"flags".to_vec(), flags),
            (
                b"streams".to_vec(),
                Value::List(vec![self.rtp(party, leg, figures), self.rtcp(party, leg, figures)]),
            ),
            (b"ingress SSRCs".to_vec(), entries(leg.into_iter().flat_map(quality::received))),
            (b"egress SSRCs".to_vec(), entries(leg.into_iter().flat_map(quality::sent))),
        ]);
        let used = leg.and_then(|leg| leg.received.payload_type);
        let codec =
            used.and_then(|used| self.stream.codecs.iter().find(|line| line.payload_type == used.get()));
        if let Some(codec) = codec {
            let name = format!("{}/{}", codec.name, codec.codec.clock_rate);
            media.insert(b"codec".to_vec(), name.into());
        }
        Value::Dict(media)
    }

    /// RTP, and RTCP where both share a port.
    fn rtp(&self, party: &Party, leg: Option<&LegStatistics>, figures: &Figures) -> Value {
        let learnt = leg.and_then(|leg| leg.learnt);
        let own = self.leg().map(|leg| leg.rtp);
        let mut out = self.stream_at(own, learnt, self.remote.map(|remote| remote.rtp));
        let last = leg.and_then(|leg| leg.idle).map_or(figures.last_signal, |idle| figures.now - idle);
        out.insert(b"last packet".to_vec(), figures.unix(last).into());
        let flags = [
            ("RTP", true),
            ("RTCP", self.mux),
            ("filled", self.remote.is_some()),
            ("confirmed", learnt.is_some()),
        ];
        out.insert(b"flags".to_vec(), names(&[&flags[..], &learning(party)].concat()));
        let received = leg.map(|leg| leg.received).unwrap_or_default();
        out.insert(b"stats".to_vec(), counters(received.packets, received.octets, received.dropped.total()));
        out.insert(b"dropped".to_vec(), reasons(received.dropped.by_reason()));
        let sent = leg.map(|leg| leg.sent).unwrap_or_default();
        out.insert(b"stats_out".to_vec(), counters(sent.packets, sent.octets, sent.unsent));
        if let Some(ssrc) = received.ssrc {
            out.insert(b"SSRC".to_vec(), i64::from(ssrc.0).into());
        }
        let mut quality = vec![
            (b"lost".to_vec(), Value::from(received.lost)),
            (b"out of order".to_vec(), received.out_of_order.into()),
            (b"duplicates".to_vec(), received.duplicates.into()),
            (b"jitter us".to_vec(), u64::try_from(received.jitter.as_micros()).unwrap_or(u64::MAX).into()),
        ];
        quality.extend(received.mos.map(|mos| (b"MOS".to_vec(), Value::Int(quality::tenths(mos)))));
        out.insert(b"quality".to_vec(), Value::Dict(quality.into_iter().collect()));
        Value::Dict(out)
    }

    /// RTCP on a port of its own. Where it shares RTP's, what would be its port is shown all the same.
    fn rtcp(&self, party: &Party, leg: Option<&LegStatistics>, figures: &Figures) -> Value {
        let above = |at: SocketAddr| SocketAddr::new(at.ip(), at.port().saturating_add(1));
        let own = self.leg().and_then(|leg| leg.rtcp);
        let remote = self.remote.map(|remote| (remote.rtp, remote.rtcp.unwrap_or_else(|| above(remote.rtp))));
        // A party that names one port for both has no other.
        let remote = remote.filter(|(rtp, rtcp)| rtp != rtcp).map(|(_, rtcp)| rtcp);
        let mut out = self.stream_at(own, None, remote);
        out.insert(b"last packet".to_vec(), figures.unix(figures.last_signal).into());
        let flags = [("RTCP", true), ("fallback RTCP", self.mux), ("filled", self.remote.is_some())];
        out.insert(b"flags".to_vec(), names(&[&flags[..], &learning(party)].concat()));
        let received = leg.map(|leg| leg.received).unwrap_or_default();
        let sent = leg.map(|leg| leg.sent).unwrap_or_default();
        // Compounds are counted wherever they come; what shares RTP's port does not belong here.
        let own_port = |packets| if self.mux { 0 } else { packets };
        out.insert(b"stats".to_vec(), counters(own_port(received.rtcp_packets), 0, 0));
        out.insert(b"stats_out".to_vec(), counters(own_port(sent.rtcp_packets), 0, 0));
        Value::Dict(out)
    }

    /// The leg, where there is anything on it.
    fn leg(&self) -> Option<OpenedLeg> {
        self.stream.leg.filter(|_| !self.refused)
    }

    /// Our address, where packets go, the address that the party signalled, and the suite.
    fn stream_at(
        &self,
        own: Option<SocketAddr>,
        learnt: Option<SocketAddr>,
        remote: Option<SocketAddr>,
    ) -> Dict {
        let mut out = Dict::from([
            (b"endpoint".to_vec(), endpoint(learnt.or(remote))),
            (b"advertised endpoint".to_vec(), endpoint(remote)),
        ]);
        if let Some(at) = own {
            out.insert(b"local port".to_vec(), i64::from(at.port()).into());
            out.insert(b"local address".to_vec(), at.ip().to_string().into());
            out.insert(b"family".to_vec(), family(at).into());
        }
        if let Some(suite) = self.stream.suite.filter(|_| self.stream.keys.is_some()) {
            out.insert(b"crypto suite".to_vec(), suite.name().into());
        }
        out
    }
}

/// True where audio of the party may have to be made anew: of a codec that who receives it lacks, or in packets of another
/// length.
fn is_transcoded(call: &CallState, stream: &Stream) -> bool {
    let lacks = |one: &Stream, other: &Stream| {
        let has = |line: &CodecLine| other.codecs.iter().any(|known| known.codec == line.codec);
        one.codecs.iter().any(|line| line.is_audio() && !has(line))
    };
    let is_asked =
        |stream: &Stream| stream.force_transcode || matches!(stream.packet_time, PacketTime::Always(_));
    let of_answer = stream.sources.iter().filter(|link| !link.is_subscription());
    let sources = of_answer.filter_map(|link| call.stream(link.from));
    let differs = |source: &Stream| is_asked(stream) || is_asked(source) || lacks(stream, source);
    stream.active && stream.can_mix() && sources.into_iter().any(differs)
}

/// Whether media goes to the party, and comes from it.
fn flow(direction: mediapoint_engine::Direction) -> (bool, bool) {
    use mediapoint_engine::Direction as Flow;
    match direction {
        Flow::SendReceive => (true, true),
        Flow::SendOnly => (true, false),
        Flow::ReceiveOnly => (false, true),
        Flow::Inactive => (false, false),
    }
}

fn learning(party: &Party) -> [(&'static str, bool); 2] {
    [
        ("strict source address", party.learning.strict_source),
        ("media handover", party.learning.media_handover),
    ]
}

/// What was commanded of media.
pub(super) fn gates(gates: Gates) -> [(&'static str, bool); 3] {
    [("block media", gates.block), ("silence media", gates.silence), ("block DTMF", gates.digits.is_on())]
}

/// The names that are on.
pub(super) fn names(flags: &[(&str, bool)]) -> Value {
    Value::List(flags.iter().filter(|(_, on)| *on).map(|(name, _)| Value::from(*name)).collect())
}

fn entries(streams: impl Iterator<Item = quality::StreamFigures>) -> Value {
    streams.map(|stream| stream.entry()).collect()
}

/// An address; empty where none is known.
fn endpoint(at: Option<SocketAddr>) -> Value {
    let Some(at) = at else { return Value::Dict(Dict::new()) };
    let address = ("address", at.ip().to_string().into());
    dict([("family", family(at).into()), address, ("port", i64::from(at.port()).into())])
}

fn family(at: SocketAddr) -> &'static str {
    if at.is_ipv4() { "IPv4" } else { "IPv6" }
}
