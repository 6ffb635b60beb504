//! The replies to `query`, `delete` and `list`.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::{CallStatistics, LegId, LegStatistics, RtcpMode};
use mediapoint_packet::Time;

use super::ControllerConfig;
use super::find::is_meant;
use super::totals::dict;
use crate::Reply;
use crate::dialog::{CallState, Dialog, Side, Stream, Which};
use crate::request::Id;
use crate::wire::{Dict, Value};

/// The calls.
pub(super) fn list<'a>(ids: impl Iterator<Item = &'a Id>) -> Reply {
    Reply::ok().with("calls", ids.map(|id| Value::Bytes(id.bytes().to_vec())).collect::<Value>())
}

/// State and counters of the branches of a call that have these tags.
pub(super) fn call(
    reply: Reply,
    call: &CallState,
    tags: [Option<&Id>; 2],
    now: Time,
    config: &ControllerConfig,
) -> Reply {
    let view = View {
        // A call that has just ended has no figures any more.
        statistics: call.call.statistics().unwrap_or_default(),
        now,
        unix_at_zero: config.unix_at_zero,
    };
    let mut shown = Dict::new();
    for dialog in call.dialogs.iter().filter(|dialog| is_meant(dialog, tags, None)) {
        for which in [Which::Caller, Which::Callee] {
            let tag = dialog.side(which).tags.last().map(|tag| tag.bytes().to_vec()).unwrap_or_default();
            shown.insert(tag, view.party(dialog, which));
        }
    }
    reply
        .with("created", view.unix(call.created))
        .with("created_us", view.micros(call.created))
        .with("last signal", view.unix(call.last_signal))
        .with("tags", shown)
        .with("totals", view.totals())
        .with("SSRC", view.ssrcs())
}

struct View {
    statistics: CallStatistics,
    now: Time,
    unix_at_zero: Duration,
}

impl View {
    fn unix(&self, at: Time) -> u64 {
        (self.unix_at_zero + at.since(Time::ZERO)).as_secs()
    }

    fn micros(&self, at: Time) -> u64 {
        u64::try_from((self.unix_at_zero + at.since(Time::ZERO)).as_micros()).unwrap_or(u64::MAX)
    }

    fn leg(&self, id: LegId) -> Option<&LegStatistics> {
        self.statistics.legs.iter().find(|leg| leg.leg == id)
    }

    fn party(&self, dialog: &Dialog, which: Which) -> Value {
        let (side, other) = (dialog.side(which), dialog.side(which.other()));
        let tag = |side: &Side| side.tags.last().map(|tag| tag.bytes().to_vec()).unwrap_or_default();
        let peer = || {
            let pair = dict([("tag", Value::Bytes(tag(other))), ("type", "offer/answer".into())]);
            Value::List(vec![pair])
        };
        let medias = side.streams.iter().enumerate().filter(|(_, stream)| stream.leg.is_some());
        let mut party = Dict::from([
            (b"tag".to_vec(), Value::Bytes(tag(side))),
            (b"created".to_vec(), self.unix(side.created).into()),
            (b"in dialogue with".to_vec(), Value::Bytes(tag(other))),
            (b"subscriptions".to_vec(), peer()),
            (b"subscribers".to_vec(), peer()),
            (b"medias".to_vec(), medias.map(|(index, stream)| self.media(index, stream)).collect()),
        ]);
        if let Some(label) = &side.label {
            party.insert(b"label".to_vec(), Value::Bytes(label.bytes().to_vec()));
        }
        if let Some(branch) = &dialog.via_branch {
            party.insert(b"via-branch".to_vec(), Value::Bytes(branch.bytes().to_vec()));
        }
        Value::Dict(party)
    }

    fn media(&self, index: usize, stream: &Stream) -> Value {
        let remote = stream.remote.as_ref();
        let mut flags = Vec::new();
        let mut flag = |name: &str, on: bool| flags.extend(on.then(|| Value::from(name)));
        flag("initialized", stream.running);
        flag("send", stream.active && remote.is_some_and(|remote| remote.direction.receives()));
        flag("recv", stream.active && remote.is_some_and(|remote| remote.direction.sends()));
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
        rtp.insert(b"stats".to_vec(), counters(received.packets, received.octets, received.refused.total()));
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
            sum(|leg| leg.received.refused.total()),
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
