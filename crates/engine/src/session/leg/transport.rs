//! The transport of a leg: its ports, the latch, SRTP, and where RTP and RTCP go.

use std::net::SocketAddr;
use std::ops::Range;

use mediapoint_packet::rtcp::Compound;
use mediapoint_packet::rtp::{PayloadType, RtpTicks, RtpView, Seq, Ssrc};
use mediapoint_packet::{Malformed, PacketBuf, Time};
use mediapoint_srtp::{AuthenticRtcp, AuthenticRtp, UnprotectError};

use crate::api::leg::{LegConfig, Relearn, RemoteAddress, RtcpMode};
use crate::session::leg::latch::{Admission, Latch, PacketOrigin};
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
    OnHold,
}

impl DropReason {
    const fn of_srtp(error: UnprotectError) -> Self {
        match error {
            UnprotectError::Replayed { .. } | UnprotectError::TooOld { .. } => Self::Replayed,
            _ => Self::NotAuthentic,
        }
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
}

/// The transport of one leg. The fields that every packet needs come first.
#[repr(C)]
pub(crate) struct Transport {
    ports: LegPorts,
    pub(crate) latch: Latch,
    /// Apart, so that a leg without keys is small.
    pub(crate) srtp: Option<Box<Srtp>>,
    rtcp_mode: RtcpMode,
    remote: Option<RemoteAddress>,
    rtcp_latched: Option<SocketAddr>,
}

impl Transport {
    pub(crate) fn new(config: &LegConfig, ports: LegPorts) -> Self {
        let signalled = config.remote.map(|remote| remote.rtp);
        Self {
            latch: Latch::new(config.source_guard, signalled),
            srtp: config.srtp.as_ref().map(Srtp::boxed),
            ports,
            rtcp_mode: config.rtcp,
            remote: config.remote,
            rtcp_latched: None,
        }
    }

    /// Follows a new configuration; what is the same as before goes on as before.
    pub(crate) fn configure(&mut self, now: Time, config: &LegConfig, relearn: Relearn) {
        let signalled = config.remote.map(|remote| remote.rtp);
        let moved = config.remote.is_some() && config.remote != self.remote;
        self.latch.configure(now, config.source_guard, signalled, relearn == Relearn::Now);
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

    /// Its ports.
    pub(crate) const fn ports(&self) -> LegPorts {
        self.ports
    }

    /// Takes other ports: the leg went on to another worker.
    pub(crate) const fn set_ports(&mut self, ports: LegPorts) {
        self.ports = ports;
    }

    /// Authenticates and decrypts an RTP packet in place, and reads its header.
    pub(crate) fn open_rtp(
        &mut self,
        now: Time,
        from: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Result<RtpMeta, DropReason> {
        if !self.latch.admits(now, from) {
            return Err(DropReason::ForeignSource);
        }
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
            admission => Ok(admission),
        }
    }

    /// Authenticates and decrypts a compound in place, and latches on to its source.
    pub(crate) fn open_rtcp(
        &mut self,
        own_port: bool,
        from: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Result<(), DropReason> {
        let known = match self.rtcp_latched {
            Some(latched) => latched == from,
            None => self.srtp.is_some() || self.latch.knows_host(from),
        };
        if !known && !self.latch.knows_host(from) {
            return Err(DropReason::ForeignSource);
        }
        let authentic = match &mut self.srtp {
            Some(srtp) => {
                let inbound = srtp.inbound.as_mut().ok_or(DropReason::NotAuthentic)?;
                inbound.unprotect_rtcp(packet.bytes_mut()).map_err(DropReason::of_srtp)?
            }
            None => AuthenticRtcp::danger_cleartext(packet.bytes_mut()),
        };
        Compound::parse(authentic.bytes()).map_err(|_| DropReason::Malformed)?;
        let len = authentic.len();
        packet.set_len(len);
        if own_port {
            self.rtcp_latched = Some(from);
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
        ports: LegPorts,
        saved: &TransportSnapshot,
    ) -> Self {
        Self {
            latch: Latch::restored(now, config.source_guard, &saved.latch),
            srtp: srtp.map(Box::new),
            ports,
            rtcp_mode: config.rtcp,
            remote: saved.remote,
            rtcp_latched: saved.rtcp_latched,
        }
    }
}
