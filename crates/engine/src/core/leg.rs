//! All that a worker knows of one leg.

use std::net::SocketAddr;

use mediapoint_codec::EncoderSettings;
use mediapoint_jitter::PlayoutStatistics;
use mediapoint_packet::Time;
use mediapoint_packet::rtp::PayloadType;
use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound};

use crate::api::codec::PayloadCodec;
use crate::api::leg::{
    Direction, JitterBuffer, LegConfig, LegId, LegKind, PacketTime, Relearn, RemoteAddress, RtcpMode, Source,
    SrtpKeys,
};
use crate::api::stats::{LegStatistics, ReceiveStatistics, Refused, SendStatistics};
use crate::core::continuity::Continuity;
use crate::core::hearing::Hearing;
use crate::core::quality::{Connection, Equipment};
use crate::core::reception::Reception;
use crate::core::reports::Reports;
use crate::core::route::{Hearer, PayloadTable, RouteTable};
use crate::core::source_guard::SourceGuard;
use crate::core::speaking::Speaking;

/// Keys in use.
pub(super) struct Srtp {
    pub(super) inbound: Option<Inbound>,
    pub(super) outbound: Outbound,
}

impl Srtp {
    fn new(keys: &SrtpKeys) -> Self {
        Self {
            inbound: keys.inbound.as_ref().map(|key| inbound_of(keys, key)),
            outbound: Outbound::new(&keys.outbound),
        }
    }

    /// Takes new keys; the same key again keeps roll-over counters and replay windows.
    fn rekey(&mut self, keys: &SrtpKeys) {
        match (&mut self.inbound, &keys.inbound) {
            (Some(inbound), Some(key)) => inbound.rekey_with_mki(key, keys.inbound_mki.clone()),
            (inbound, Some(key)) => *inbound = Some(inbound_of(keys, key)),
            // A re-INVITE that is not answered yet has not said its key: the old one stays in use.
            (_, None) => {}
        }
        self.outbound.rekey(&keys.outbound);
    }
}

fn inbound_of(keys: &SrtpKeys, key: &MasterKey) -> Inbound {
    Inbound::new(key, InboundOptions { mki: keys.inbound_mki.clone(), ..InboundOptions::default() })
}

/// Counters of what a leg sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) packets: u64,
    pub(super) octets: u64,
    pub(super) unsent: u64,
}

/// One leg.
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) call: u32,
    pub(super) kind: LegKind,
    pub(super) direction: Direction,
    pub(super) rtcp: RtcpMode,
    pub(super) generate_rtcp: bool,
    pub(super) codecs: Vec<PayloadCodec>,
    pub(super) received_codecs: Vec<PayloadCodec>,
    pub(super) packet_time: PacketTime,
    pub(super) always_encode: bool,
    pub(super) encoder: EncoderSettings,
    pub(super) jitter_buffer: JitterBuffer,
    pub(super) payloads: PayloadTable,
    pub(super) guard: SourceGuard,
    pub(super) remote: Option<RemoteAddress>,
    pub(super) rtcp_learnt: Option<SocketAddr>,
    pub(super) srtp: Option<Srtp>,
    pub(super) reception: Reception,
    pub(super) continuity: Continuity,
    pub(super) reports: Reports,
    pub(super) source: Source,
    pub(super) routes: RouteTable,
    pub(super) listeners: Vec<u32>,
    /// What the party says, decoded, while somebody hears it through the media path.
    pub(super) hearing: Option<Box<Hearing>>,
    /// What the party hears, encoded, while it hears through the media path.
    pub(super) speaking: Option<Box<Speaking>>,
    /// Figures of the jitter buffer that was in use last.
    pub(super) played: Option<PlayoutStatistics>,
    pub(super) refused: Refused,
    pub(super) sent: Sent,
    pub(super) opaque_received: Sent,
    pub(super) payload_type: Option<PayloadType>,
    pub(super) media_timeout: Option<std::time::Duration>,
    pub(super) last_heard: Option<Time>,
    /// Silence counts from here: when it was last heard, or when it was last allowed to speak.
    pub(super) silent_since: Time,
    pub(super) timed_out: bool,
}

impl Leg {
    pub(super) fn new(
        now: Time,
        id: LegId,
        call: u32,
        config: LegConfig,
        continuity: Continuity,
        reports: Reports,
    ) -> Self {
        let signalled = config.remote.map(|remote| remote.rtp);
        Self {
            id,
            call,
            kind: config.kind,
            direction: config.direction,
            rtcp: config.rtcp,
            generate_rtcp: config.generate_rtcp,
            payloads: PayloadTable::new(config.codecs.iter().chain(&config.received_codecs)),
            codecs: config.codecs,
            received_codecs: config.received_codecs,
            packet_time: config.packet_time,
            always_encode: config.always_encode,
            encoder: config.encoder,
            jitter_buffer: config.jitter_buffer,
            guard: SourceGuard::new(config.source_guard, signalled),
            remote: config.remote,
            rtcp_learnt: None,
            srtp: config.srtp.as_ref().map(Srtp::new),
            reception: Reception::default(),
            continuity,
            reports,
            source: Source::Silence,
            routes: RouteTable::none(),
            listeners: Vec::with_capacity(2),
            hearing: None,
            speaking: None,
            played: None,
            refused: Refused::default(),
            sent: Sent::default(),
            opaque_received: Sent::default(),
            payload_type: None,
            media_timeout: config.media_timeout,
            last_heard: None,
            silent_since: now,
            timed_out: false,
        }
    }

    /// Becomes what `config` says, keeping everything that the far end could hear change.
    pub(super) fn configure(&mut self, now: Time, config: LegConfig, relearn: Relearn) {
        let signalled = config.remote.map(|remote| remote.rtp);
        let moved = config.remote.is_some() && config.remote != self.remote;
        self.guard.configure(now, config.source_guard, signalled, relearn == Relearn::Now);
        if moved || relearn == Relearn::Now {
            self.rtcp_learnt = None;
        }
        if config.remote.is_some() {
            self.remote = config.remote;
        }
        match (&mut self.srtp, &config.srtp) {
            (Some(srtp), Some(keys)) => srtp.rekey(keys),
            (srtp, keys) => *srtp = keys.as_ref().map(Srtp::new),
        }
        if !self.direction.receives() && config.direction.receives() {
            self.silent_since = now;
            self.timed_out = false;
        }
        self.kind = config.kind;
        self.direction = config.direction;
        self.rtcp = config.rtcp;
        self.generate_rtcp = config.generate_rtcp;
        self.payloads = PayloadTable::new(config.codecs.iter().chain(&config.received_codecs));
        self.codecs = config.codecs;
        self.received_codecs = config.received_codecs;
        self.packet_time = config.packet_time;
        self.always_encode = config.always_encode;
        self.encoder = config.encoder;
        self.jitter_buffer = config.jitter_buffer;
        self.media_timeout = config.media_timeout;
    }

    /// Every codec that the party may send.
    pub(super) fn spoken(&self) -> impl DoubleEndedIterator<Item = &PayloadCodec> {
        self.codecs.iter().chain(&self.received_codecs)
    }

    /// What the party can be sent.
    pub(super) fn hearer(&self) -> Hearer<'_> {
        Hearer { codecs: &self.codecs, packet_time: self.packet_time, always_encode: self.always_encode }
    }

    /// Where RTCP for the party goes.
    pub(super) fn rtcp_destination(&self) -> Option<SocketAddr> {
        match self.rtcp {
            RtcpMode::Off => None,
            RtcpMode::Mux => self.guard.destination(),
            RtcpMode::Separate => self.rtcp_learnt.or_else(|| {
                let rtp = self.guard.destination()?;
                let remote = self.remote?;
                let mut rtcp = remote
                    .rtcp
                    .or_else(|| Some(SocketAddr::new(remote.rtp.ip(), remote.rtp.port().checked_add(1)?)))?;
                // A party behind NAT named an address of no use: its host is where its RTP comes from.
                if rtcp.ip() == remote.rtp.ip() {
                    rtcp.set_ip(rtp.ip());
                }
                Some(rtcp)
            }),
        }
    }

    /// Notes that the party was heard; true where it had been given up.
    pub(super) fn heard(&mut self, now: Time) -> bool {
        self.last_heard = Some(now);
        self.silent_since = now;
        std::mem::take(&mut self.timed_out)
    }

    pub(super) fn statistics(&self, now: Time) -> LegStatistics {
        let opaque = self.kind != LegKind::Audio;
        let received = ReceiveStatistics {
            packets: if opaque { self.opaque_received.packets } else { self.reception.received() },
            octets: if opaque { self.opaque_received.octets } else { self.reception.octets() },
            lost: self.reception.lost(),
            out_of_order: self.reception.out_of_order(),
            duplicates: self.reception.duplicates(),
            jitter: self.reception.jitter(),
            restarts: self.reception.restarts(),
            ssrc: self.reception.ssrc(),
            payload_type: self.payload_type,
            rtcp_packets: self.reports.received(),
            refused: self.refused,
            mos: self.mos(),
        };
        let remote = self.reports.remote();
        let sent = SendStatistics {
            packets: self.sent.packets,
            octets: self.sent.octets,
            ssrc: (!opaque).then(|| self.continuity.ssrc()),
            rtcp_packets: self.reports.sent(),
            unsent: self.sent.unsent,
            reported_fraction_lost: remote.map(|remote| remote.fraction_lost),
            reported_lost: remote.map(|remote| remote.lost),
            reported_jitter: remote.map(|remote| remote.jitter),
            round_trip: self.reports.round_trip(),
        };
        LegStatistics {
            leg: self.id,
            received,
            sent,
            playout: self.hearing.as_ref().map(|hearing| hearing.statistics()).or(self.played),
            learnt: self.guard.learnt(),
            idle: self.last_heard.map(|at| now.since(at)),
        }
    }

    /// Listening quality of what the party sends: its loss, and half the round trip with the delay of the jitter buffer,
    /// or of one of twice the jitter at the other side, and one packet of 20 ms.
    fn mos(&self) -> Option<f32> {
        let payload_type = self.payload_type.filter(|_| self.kind == LegKind::Audio)?;
        let g729 = self
            .codecs
            .iter()
            .any(|entry| entry.payload_type == payload_type && entry.codec.name() == "g729");
        let buffered = match &self.hearing {
            Some(hearing) => hearing.statistics().delay,
            None => self.reception.jitter() * 2,
        };
        let delay = self.reports.round_trip().unwrap_or_default() / 2
            + buffered
            + std::time::Duration::from_millis(20);
        let connection = Connection {
            equipment: if g729 { Equipment::G729 } else { Equipment::OTHER },
            loss: self.reception.loss_share(),
            burst_ratio: self.reception.burst_ratio(),
            delay,
        };
        Some(connection.mos())
    }
}
