//! One party: what it sends, what it hears, its keys, its RTCP, and the paths to and from the engine.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::{CallId, LegConfig, LegId};
use mediapoint_packet::demux;
use mediapoint_packet::ntp::NtpTime;
use mediapoint_packet::rtcp::{Compound, CompoundWriter, SenderInfo};
use mediapoint_packet::{PacketBuf, Time};

use crate::cipher::{Protector, Unprotector};
use crate::heard::Heard;
use crate::link::{Link, LinkProfile};
use crate::random::Random;
use crate::stream::Stream;

/// One party of a call, or a stranger who only sends to it.
#[derive(Debug)]
pub struct Peer {
    /// What marks its audio.
    pub tag: u8,
    /// The call it takes part in.
    pub call: CallId,
    /// The leg it talks to.
    pub leg: LegId,
    /// Number of the leg's ports, see [`crate::leg_ports`].
    pub slot: u32,
    /// How the leg is configured now.
    pub config: LegConfig,
    /// Where its RTP comes from.
    pub address: SocketAddr,
    /// Where its RTCP comes from, where it is not multiplexed.
    pub rtcp_address: SocketAddr,
    /// What it sends.
    pub stream: Stream,
    /// What it hears.
    pub heard: Heard,
    /// The path of its RTP to the engine.
    pub up: Link,
    /// The path of the engine's RTP.
    pub down: Link,
    /// The path of its RTCP to the engine.
    pub up_rtcp: Link,
    /// The path of the engine's RTCP.
    pub down_rtcp: Link,
    /// What it protects with; `None` for plain RTP.
    pub protector: Option<Protector>,
    /// What it opens with; `None` for plain RTP.
    pub unprotector: Option<Unprotector>,
    /// How often it reports; `None` for never.
    pub reports_every: Option<Duration>,
    /// Whether its RTCP goes to the RTP port.
    pub mux: bool,
    /// What its wall clock shows at the world's beginning.
    pub wall_at_zero: Duration,
    /// What it sent on the wire, where [`Peer::keep_sent`] is set.
    pub sent: Vec<Vec<u8>>,
    /// Whether what it sends is kept.
    pub keep_sent: bool,
    /// Packets that could not be protected.
    pub unsent: u64,
    pub(crate) ticking: bool,
    reported_packets: u64,
}

impl Peer {
    pub(crate) fn new(
        tag: u8,
        (call, leg, slot): (CallId, LegId, u32),
        config: LegConfig,
        address: SocketAddr,
        stream: Stream,
        random: &mut Random,
    ) -> Self {
        let mut link = || Link::new(LinkProfile::default(), random.fork());
        Self {
            tag,
            call,
            leg,
            slot,
            config,
            address,
            rtcp_address: SocketAddr::new(address.ip(), address.port().wrapping_add(1)),
            stream,
            heard: Heard::new(),
            up: link(),
            down: link(),
            up_rtcp: link(),
            down_rtcp: link(),
            protector: None,
            unprotector: None,
            reports_every: None,
            mux: false,
            wall_at_zero: Duration::from_secs(1_750_000_000 + 17 * u64::from(tag)),
            sent: Vec::new(),
            keep_sent: false,
            unsent: 0,
            ticking: false,
            reported_packets: 0,
        }
    }

    /// Sets the paths of RTP and RTCP, both ways.
    pub fn set_links(&mut self, profile: LinkProfile) {
        for link in [&mut self.up, &mut self.down, &mut self.up_rtcp, &mut self.down_rtcp] {
            link.set_profile(profile);
        }
    }

    /// Its wall clock.
    #[must_use]
    pub fn wall(&self, now: Time) -> NtpTime {
        NtpTime::from_unix(self.wall_at_zero + now.since(Time::ZERO))
    }

    /// Makes this tick's RTP packet; false where there is none.
    pub(crate) fn speak(&mut self, now: Time, packet: &mut PacketBuf) -> bool {
        if !self.stream.next(now, packet) {
            return false;
        }
        let protected = match &mut self.protector {
            Some(protector) => protector.rtp(packet),
            None => true,
        };
        self.unsent += u64::from(!protected);
        if self.keep_sent && protected {
            self.sent.push(packet.bytes().to_vec());
        }
        protected
    }

    /// Makes a report; false where its protection fails.
    pub(crate) fn report(&mut self, now: Time, bye: bool, packet: &mut PacketBuf) -> bool {
        let block = self.heard.block(now);
        let wall = self.wall(now);
        let Stream { ssrc, packets, payload_octets, .. } = self.stream;
        let mut writer = CompoundWriter::new(packet.storage_mut());
        let written = if packets > self.reported_packets {
            let info = SenderInfo {
                ntp: wall,
                rtp: self.stream.timestamp_at(now),
                packets: u32::try_from(packets & 0xffff_ffff).unwrap_or(0),
                octets: u32::try_from(payload_octets & 0xffff_ffff).unwrap_or(0),
            };
            writer.sender_report(ssrc, &info, block.as_slice())
        } else {
            writer.receiver_report(ssrc, block.as_slice())
        };
        let written = written
            .and_then(|()| writer.cname(ssrc, "party@testkit"))
            .and_then(|()| if bye { writer.bye(&[ssrc], None) } else { Ok(()) });
        let len = writer.finish();
        packet.set_len(len);
        self.reported_packets = packets;
        let protected = match &mut self.protector {
            Some(protector) => protector.rtcp(packet),
            None => true,
        };
        written.is_ok() && protected
    }

    /// Takes in a datagram of the engine.
    pub(crate) fn hear(&mut self, now: Time, to_rtcp_port: bool, packet: &mut PacketBuf) {
        // [RFC5761 4] By the second byte, where both share the port: RTCP packet types are 192 to 223.
        let bytes = packet.bytes();
        let valid = || match self.unprotector {
            Some(_) => demux::is_report(bytes),
            None => Compound::parse(bytes).is_ok(),
        };
        let is_rtcp = demux::is_rtcp(bytes) && (to_rtcp_port || self.mux || valid());
        if let Some(unprotector) = &mut self.unprotector {
            let opened = if is_rtcp { unprotector.rtcp(packet) } else { unprotector.rtp(packet) };
            if !opened {
                self.heard.not_authentic += 1;
                return;
            }
        }
        if is_rtcp {
            let wall = self.wall(now);
            self.heard.take_rtcp(now, wall, self.stream.ssrc, !to_rtcp_port, packet.bytes());
        } else {
            self.heard.take_rtp(now, packet.bytes());
        }
    }
}
