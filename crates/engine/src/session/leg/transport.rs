//! The transport of a leg: its ports, the latch, SRTP, and where RTP and RTCP go.

use std::mem::offset_of;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use mediapoint_packet::rtcp::{Compound, Packet};
use mediapoint_packet::rtp::{PayloadType, RtpTicks, RtpView, Seq, Ssrc};
use mediapoint_packet::{Malformed, PacketBuf, Time};
use mediapoint_srtp::{AuthenticRtcp, AuthenticRtp, UnprotectError};

use crate::api::leg::{LegConfig, Relearn, RemoteAddress, RtcpMode};
use crate::api::remote::RemotePolicy;
use crate::session::leg::latch::{Admission, Latch, Learnable, PacketOrigin, Signalled};
use crate::session::leg::limiter::Limiter;
use crate::session::leg::receiver::{Arrival, Receiver};
use crate::session::leg::srtp::Srtp;
use crate::session::port::{LegPorts, PortKey};
use crate::session::snapshot::transport::TransportSnapshot;

/// Why a packet goes no further; counted by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropReason {
    ForeignSource,
    NotAuthentic,
    Replayed,
    Malformed,
    UnknownPayloadType,
    Duplicate,
    OutOfRange,
    Zrtp,
    OnHold,
    Flood,
    Loop,
}

impl DropReason {
    const fn of_srtp(error: UnprotectError) -> Self {
        match error {
            UnprotectError::Replayed { .. } | UnprotectError::TooOld { .. } => Self::Replayed,
            _ => Self::NotAuthentic,
        }
    }
}

/// Whose reports a leg takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RtcpStream<'a> {
    /// Those of the streams that were received; of none before the party has sent.
    Of(&'a Receiver),
    /// The party may send any streams.
    Any,
}

impl RtcpStream<'_> {
    fn has_sent(self, compound: &Compound<'_>) -> bool {
        match self {
            Self::Of(receiver) => reporter(compound).is_some_and(|ssrc| receiver.knows(ssrc)),
            Self::Any => true,
        }
    }
}

/// The SSRC of who sent a compound; `None` where it begins with no report.
fn reporter(compound: &Compound<'_>) -> Option<Ssrc> {
    match compound.packets().next()? {
        Packet::SenderReport { ssrc, .. } | Packet::ReceiverReport { ssrc, .. } => Some(ssrc),
        _ => None,
    }
}

/// The header of an authentic packet, and where its payload is.
#[derive(Debug, Clone)]
pub(crate) struct RtpMeta {
    pub(crate) marker: bool,
    pub(crate) payload_type: PayloadType,
    pub(crate) sequence: Seq,
    pub(crate) timestamp: RtpTicks,
    pub(crate) ssrc: Ssrc,
    pub(crate) payload: Range<usize>,
}

impl RtpMeta {
    fn read(packet: &AuthenticRtp<'_>) -> Result<Self, Malformed> {
        let view = RtpView::parse(packet.bytes())?;
        Ok(Self {
            marker: view.marker(),
            payload_type: view.payload_type(),
            sequence: view.sequence(),
            timestamp: view.timestamp(),
            ssrc: view.ssrc(),
            payload: view.payload_range(),
        })
    }

    /// The packet as the receiver judges it: no audio, nor proved to be new.
    #[inline]
    pub(crate) fn arrival(&self, now: Time, clock_rate: u32) -> Arrival {
        Arrival {
            now,
            ssrc: self.ssrc,
            sequence: self.sequence,
            timestamp: self.timestamp,
            clock_rate,
            octets: self.payload.len(),
            audio: false,
            authenticated: false,
            moved: false,
        }
    }
}

/// The transport of one leg. What every packet needs lies together: the end of the limiter, up to the beginning of the latch.
#[repr(C)]
pub(crate) struct Transport {
    pub(crate) limiter: Limiter,
    /// Apart, so that a leg without keys is small.
    pub(crate) srtp: Option<Box<Srtp>>,
    ports: LegPorts,
    pub(crate) latch: Latch,
    rtcp_mode: RtcpMode,
    remote: Option<RemoteAddress>,
    rtcp_latched: Option<SocketAddr>,
    /// The party's RTP has moved, so that its RTCP may have moved, too.
    rtcp_open: bool,
}

impl Transport {
    /// Where what every packet needs begins and ends; the limiter is the first field.
    pub(crate) const HOT: Range<usize> = Limiter::HOT_FROM..offset_of!(Self, latch) + Latch::HOT;

    pub(crate) fn new(config: &LegConfig, ports: LegPorts, remotes: &Arc<RemotePolicy>) -> Self {
        let learnable = Learnable { policy: Arc::clone(remotes), scope: ports.scope };
        Self {
            latch: Latch::new(Signalled::of(config), learnable),
            limiter: Limiter::new(config.kind, config.max_packet_rate),
            srtp: config.srtp.as_ref().map(Srtp::boxed),
            ports,
            rtcp_mode: config.rtcp,
            remote: config.remote,
            rtcp_latched: None,
            rtcp_open: false,
        }
    }

    /// Follows a new configuration; what is the same as before goes on as before.
    pub(crate) fn configure(&mut self, now: Time, config: &LegConfig, relearn: Relearn) {
        let moved = config.remote.is_some() && config.remote != self.remote;
        self.latch.configure(now, Signalled::of(config), relearn == Relearn::Now);
        self.limiter.configure(config.kind, config.max_packet_rate);
        if moved || relearn == Relearn::Now {
            self.rtcp_latched = None;
        }
        // Hold with address 0.0.0.0 keeps the old address: the party's NAT binding outlives the pause.
        if config.remote.is_some() {
            self.remote = config.remote;
        }
        match (&mut self.srtp, &config.srtp) {
            (Some(srtp), Some(keys)) => srtp.rekey(keys),
            (srtp, keys) => *srtp = keys.as_ref().map(Srtp::boxed),
        }
        self.rtcp_mode = config.rtcp;
    }

    /// True where RTP and RTCP share the port by agreement.
    pub(crate) fn shares_port(&self) -> bool {
        self.rtcp_mode == RtcpMode::Mux
    }

    /// Its ports.
    pub(crate) const fn ports(&self) -> LegPorts {
        self.ports
    }

    /// Takes other ports: the leg went on to another worker.
    pub(crate) const fn set_ports(&mut self, ports: LegPorts) {
        self.ports = ports;
    }

    /// Decides, before any work, whether a datagram from there may be the party's and is not too many.
    pub(crate) fn admits(&mut self, now: Time, from: SocketAddr) -> Result<(), DropReason> {
        if !self.latch.admits(now, from) {
            return Err(DropReason::ForeignSource);
        }
        // Strangers have an allowance of their own: what they send takes nothing from the party's.
        let is_party = self.latch.learnt() == Some(from) || self.latch.is_signalled(from);
        if self.limiter.admits(now, is_party) { Ok(()) } else { Err(DropReason::Flood) }
    }

    /// As [`Transport::admits`], for what teaches the latch nothing: only the party itself.
    pub(crate) fn admits_party(&mut self, now: Time, from: SocketAddr) -> Result<(), DropReason> {
        if self.latch.learnt().map_or_else(|| self.latch.is_signalled(from), |held| held == from) {
            self.admits(now, from)
        } else {
            Err(DropReason::ForeignSource)
        }
    }

    /// As [`Transport::admits_party`], for RTCP that cannot be read.
    pub(crate) fn admits_encrypted_rtcp(
        &mut self,
        now: Time,
        own_port: bool,
        from: SocketAddr,
    ) -> Result<(), DropReason> {
        let is_known = self.is_exact_rtcp(own_port, from) || own_port && self.latch.knows_host(from);
        if !is_known {
            return Err(DropReason::ForeignSource);
        }
        if self.limiter.admits_rtcp(now) { Ok(()) } else { Err(DropReason::Flood) }
    }

    /// True for where the party's RTCP is known to come from.
    fn is_exact_rtcp(&self, own_port: bool, from: SocketAddr) -> bool {
        match own_port {
            true => self.rtcp_latched == Some(from) || self.signalled_rtcp() == Some(from),
            false => self.latch.learnt().map_or_else(|| self.latch.is_signalled(from), |held| held == from),
        }
    }

    /// Authenticates and decrypts an RTP packet in place, and reads its header.
    pub(crate) fn open_rtp(
        &mut self,
        now: Time,
        from: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Result<RtpMeta, DropReason> {
        self.admits(now, from)?;
        let authentic = match &mut self.srtp {
            Some(srtp) => {
                let inbound = srtp.inbound.as_mut().ok_or(DropReason::NotAuthentic)?;
                inbound.unprotect_rtp(packet.bytes_mut()).map_err(DropReason::of_srtp)?
            }
            None => AuthenticRtp::danger_cleartext(packet.bytes_mut()),
        };
        let meta = RtpMeta::read(&authentic).map_err(|_| DropReason::Malformed)?;
        let len = authentic.len();
        packet.set_len(len);
        Ok(meta)
    }

    /// Shows the latch an authentic packet.
    pub(crate) fn admit(
        &mut self,
        now: Time,
        from: SocketAddr,
        meta: &RtpMeta,
    ) -> Result<Admission, DropReason> {
        let origin = PacketOrigin {
            from,
            authenticated: self.srtp.is_some(),
            ssrc: meta.ssrc,
            sequence: Some(meta.sequence),
        };
        match self.latch.observe(now, &origin) {
            Admission::Reject => Err(DropReason::ForeignSource),
            Admission::AcceptAndLatch => {
                self.rtcp_open = self.latch.has_moved();
                self.rtcp_latched = self.rtcp_latched.filter(|rtcp| rtcp.ip() == from.ip());
                Ok(Admission::AcceptAndLatch)
            }
            Admission::Accept => Ok(Admission::Accept),
        }
    }

    /// Authenticates and decrypts a compound in place, and latches on to its source. `stream` says whose
    /// reports are taken from a port that was not signalled.
    pub(crate) fn open_rtcp(
        &mut self,
        now: Time,
        (own_port, stream): (bool, RtcpStream<'_>),
        from: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Result<(), DropReason> {
        let exact = self.is_exact_rtcp(own_port, from);
        // Behind NAT the port of RTCP is any of the party's host. Where another is learnt, only authentication moves it.
        let open = self.srtp.is_some() || own_port && (self.rtcp_open || self.rtcp_latched.is_none());
        let known = exact || open && self.latch.knows_host(from);
        if !known {
            return Err(DropReason::ForeignSource);
        }
        if !self.limiter.admits_rtcp(now) {
            return Err(DropReason::Flood);
        }
        let authentic = match &mut self.srtp {
            Some(srtp) => {
                let inbound = srtp.inbound.as_mut().ok_or(DropReason::NotAuthentic)?;
                inbound.unprotect_rtcp(packet.bytes_mut()).map_err(DropReason::of_srtp)?
            }
            None => AuthenticRtcp::danger_cleartext(packet.bytes_mut()),
        };
        let compound = Compound::parse(authentic.bytes()).map_err(|_| DropReason::Malformed)?;
        // Who knows the SSRC of the party's stream has seen its packets.
        if !exact && self.srtp.is_none() && !stream.has_sent(&compound) {
            return Err(DropReason::ForeignSource);
        }
        let len = authentic.len();
        packet.set_len(len);
        // What is still on its way from where the party was before says nothing of where it is.
        let is_there = exact || self.latch.learnt().is_some_and(|held| held.ip() == from.ip());
        if own_port && is_there && self.latch.is_learnable(from) {
            (self.rtcp_latched, self.rtcp_open) = (Some(from), false);
        }
        Ok(())
    }

    /// Encrypts and authenticates an RTP packet in place; false where that is not possible.
    pub(crate) fn protect_rtp(&mut self, packet: &mut PacketBuf) -> bool {
        let Some(srtp) = &mut self.srtp else { return true };
        let len = packet.len();
        let protected = srtp.outbound.protect_rtp(packet.storage_mut(), len);
        protected.map(|len| packet.set_len(len)).is_ok()
    }

    /// Encrypts and authenticates a compound in place; false where that is not possible.
    pub(crate) fn protect_rtcp(&mut self, packet: &mut PacketBuf) -> bool {
        let Some(srtp) = &mut self.srtp else { return true };
        let len = packet.len();
        let protected = srtp.outbound.protect_rtcp(packet.storage_mut(), len);
        protected.map(|len| packet.set_len(len)).is_ok()
    }

    /// Where RTP for the party goes.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.latch.destination()
    }

    /// Where RTCP for the party goes, and from which port.
    pub(crate) fn rtcp_destination(&self) -> Option<(PortKey, SocketAddr)> {
        match self.rtcp_mode {
            RtcpMode::Off => None,
            RtcpMode::Mux => Some((self.ports.rtp, self.latch.destination()?)),
            RtcpMode::Separate => {
                Some((self.ports.rtcp?, self.rtcp_latched.or_else(|| self.signalled_rtcp())?))
            }
        }
    }

    fn signalled_rtcp(&self) -> Option<SocketAddr> {
        let rtp = self.latch.destination()?;
        let remote = self.remote?;
        let mut rtcp = match remote.rtcp {
            Some(rtcp) => rtcp,
            None => SocketAddr::new(remote.rtp.ip(), remote.rtp.port().checked_add(1)?),
        };
        // A party behind NAT signals an address that cannot be reached: its host is where its RTP comes from.
        if rtcp.ip() == remote.rtp.ip() {
            rtcp.set_ip(rtp.ip());
        }
        Some(rtcp)
    }
}

impl Transport {
    pub(crate) fn save(&self, now: Time) -> TransportSnapshot {
        TransportSnapshot {
            latch: self.latch.save(now),
            srtp: self.srtp.as_deref().map(Srtp::save),
            remote: self.remote,
            rtcp_latched: self.rtcp_latched,
        }
    }

    /// A transport as it was saved, with its SRTP and on other ports.
    pub(crate) fn restored(
        now: Time,
        (config, srtp): (&LegConfig, Option<Srtp>),
        (ports, remotes): (LegPorts, &Arc<RemotePolicy>),
        saved: &TransportSnapshot,
    ) -> Self {
        let learnable = Learnable { policy: Arc::clone(remotes), scope: ports.scope };
        Self {
            latch: Latch::restored(now, Signalled::of(config), learnable, &saved.latch),
            limiter: Limiter::new(config.kind, config.max_packet_rate),
            srtp: srtp.map(Box::new),
            ports,
            rtcp_mode: config.rtcp,
            remote: saved.remote,
            rtcp_latched: saved.rtcp_latched,
            rtcp_open: false,
        }
    }
}
