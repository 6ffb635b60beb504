//! The configuration of a leg. The whole wanted state is given every time; the engine finds out what changed, so that a
//! re-INVITE that repeats what was agreed before changes nothing on the wire.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mediapoint_codec::EncoderSettings;
use mediapoint_srtp::{MasterKey, Mki};

use crate::api::codec::PayloadCodec;
use crate::api::id::LegId;
use crate::api::secure::{DigitTrigger, SecureInput};

/// What flows through a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum LegKind {
    /// One audio stream each way. The engine owns what it sends: its SSRC, sequence numbers and timestamps are its own
    /// and continuous, it terminates RTCP, and it converts where the codecs of the two sides differ.
    #[default]
    Audio,
    /// Any RTP (video, several SSRCs): relayed untouched, RTCP too, only the keying changes.
    OpaqueRtp,
    /// Datagrams of any form (UDPTL): relayed untouched.
    Datagrams,
}

/// How RTCP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum RtcpMode {
    /// No RTCP on this leg.
    Off,
    /// On a port of its own, by default one above RTP's.
    #[default]
    Separate,
    /// On the RTP port [RFC5761 4].
    Mux,
}

/// Which way media may flow, seen from the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendReceive,
    /// The engine only sends: the party is `recvonly`.
    SendOnly,
    /// The engine only receives: the party is `sendonly`.
    ReceiveOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// True where the engine sends to the party.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    /// True where the engine takes what the party sends.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }
}

/// Whose packets a leg takes, and where it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum SourceGuard {
    /// Learn the party's address once from its first authentic packets, send there, take packets from nowhere else. On a leg
    /// without SRTP only the signalled host, or the one that the signalling came from, is learnt, unless the signalled
    /// address is that of a party behind NAT.
    #[default]
    Symmetric,
    /// Take packets only from the signalled address; never learn.
    Signalled,
    /// Send to the signalled address always; take packets from one source, learnt once.
    Asymmetric,
    /// As `Symmetric`, but follow the party when its authentic stream moves to another address in mid-call. On a leg
    /// without SRTP a stranger who knows the stream's SSRC and sequence number could do the same.
    Handover,
}

/// Where the signalling says that a party is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RemoteAddress {
    /// Destination of RTP.
    pub rtp: SocketAddr,
    /// Destination of RTCP; `None` for the port above RTP's.
    pub rtcp: Option<SocketAddr>,
}

/// SRTP keys of a leg.
#[derive(Debug, Clone)]
pub struct SrtpKeys {
    /// The key that the party protects with; `None` until it is signalled, and then nothing it sends is taken.
    pub inbound: Option<MasterKey>,
    /// The identifier that the party puts on every packet, where one was signalled [RFC3711 3.1].
    pub inbound_mki: Option<Mki>,
    /// The key that the engine protects with.
    pub outbound: MasterKey,
}

/// How much audio a packet to the party is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum PacketTime {
    /// What is relayed keeps its length; what the engine encodes is sent in packets of 20 ms.
    #[default]
    AsReceived,
    /// What is relayed keeps its length; what the engine encodes is sent in packets of this length.
    WhereEncoded(Duration),
    /// Everything is sent in packets of this length.
    Always(Duration),
}

impl PacketTime {
    /// Shortest and longest packet.
    const LIMITS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(60));

    /// The length of packets that the engine encodes: a multiple of 10 ms, 10 to 60 ms.
    #[must_use]
    pub fn encoded(self) -> Duration {
        let wanted = match self {
            Self::AsReceived => Duration::from_millis(20),
            Self::WhereEncoded(wanted) | Self::Always(wanted) => wanted,
        };
        let wanted = wanted.clamp(Self::LIMITS.0, Self::LIMITS.1);
        Duration::from_millis(u64::try_from(wanted.as_millis()).unwrap_or(20) / 10 * 10)
    }
}

/// What becomes of a party's telephone events (RFC 4733) on their way to the legs that it feeds and to packet taps. Taps on key
/// presses see them in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum EventPolicy {
    /// They are forwarded.
    #[default]
    Forward,
    /// They are dropped: secure input.
    Block,
    /// They are forwarded as another event: the far end notices a key press, but not which.
    Replace(u8),
}

/// What becomes of media on its way from one party to others. Telephone events and RTCP go on in any case, and taps see what
/// was received.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
#[non_exhaustive]
pub enum MediaPolicy {
    /// It goes on.
    #[default]
    Forward,
    /// Silence goes on in its place, packet by packet. What the engine cannot encode, as video, is dropped.
    Silence,
    /// It is dropped.
    Block,
}

/// Bounds of the delay that the jitter buffer of a leg adds, where what the party sends is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JitterBuffer {
    /// Least delay.
    pub min: Duration,
    /// Most delay: what comes later than this is lost.
    pub max: Duration,
}

impl Default for JitterBuffer {
    /// None to 200 ms.
    fn default() -> Self {
        Self { min: Duration::ZERO, max: Duration::from_millis(200) }
    }
}

/// The whole wanted state of a leg.
#[derive(Debug, Clone)]
pub struct LegConfig {
    /// What flows through it.
    pub kind: LegKind,
    /// The payload types agreed with the party, best first. Others are dropped and counted on an audio leg, and mean
    /// nothing on the other kinds.
    ///
    /// A packet of the leg's source is forwarded where the codec is the same here, converted where it is the other law of
    /// G.711, and otherwise transcoded to the first codec of this list that the engine can encode.
    pub codecs: Vec<PayloadCodec>,
    /// Further payload types that the party may send, but is not sent.
    pub received_codecs: Vec<PayloadCodec>,
    /// How much audio a packet to the party is to hold.
    pub packet_time: PacketTime,
    /// True where what the party is sent is decoded and encoded again even where it could be forwarded.
    pub force_transcode: bool,
    /// How audio for the party is encoded, where it is.
    pub encoder: EncoderSettings,
    /// Bounds of the delay of the jitter buffer, where what the party sends is decoded.
    pub jitter_buffer: JitterBuffer,
    /// Where the signalling says the party is; `None` while unknown or withheld (`0.0.0.0`).
    pub remote: Option<RemoteAddress>,
    /// The host that the party's signalling came from, where the controller knows it. A party whose media address is the same
    /// is not behind NAT, and a host that nothing names is not learnt.
    pub signalling_source: Option<IpAddr>,
    /// How RTCP travels.
    pub rtcp: RtcpMode,
    /// Whether the engine sends reports of its own on an audio leg.
    pub generate_rtcp: bool,
    /// Which way media may flow.
    pub direction: Direction,
    /// Whose packets are taken.
    pub source_guard: SourceGuard,
    /// SRTP keys; `None` for plain RTP.
    pub srtp: Option<SrtpKeys>,
    /// DSCP of what the engine sends, 0 to 63; expedited forwarding (46) by default.
    pub dscp: u8,
    /// What becomes of the party's telephone events on their way to the legs that it feeds, and to packet taps.
    pub events: EventPolicy,
    /// Whether the party's digits are kept from all but taps on its key presses.
    pub secure_input: SecureInput,
    /// Digits of the party that switch that on and off.
    pub digit_trigger: Option<DigitTrigger>,
    /// Time by which the party's digits reach the legs that it feeds later, 0 to 10 s; none by default. They are taken out of
    /// what it sends, as by [`SecureInput::Silence`], and sent anew, as events or tones by what the other party agreed to.
    /// What secure input puts in place of digits is decided then: so the digits of a trigger can be kept back, too. Mixes and
    /// audio taps get none.
    pub digit_delay: Duration,
    /// True where telephone events of the leg's source, to which its party did not agree, reach it as tones in the audio,
    /// with their duration and level; on by default. Otherwise it gets nothing of them.
    pub events_as_tones: bool,
    /// True where digits that the party sends as tones go on as events to the legs that it feeds, or as tones made anew to those
    /// that did not agree to events; off by default. The tone itself is heard by nobody: the audio is decoded and held back
    /// by 40 ms, as under secure input, before which this gives way.
    pub tones_as_events: bool,
    /// What becomes of the party's media on its way to the legs and mixes that it feeds.
    pub media: MediaPolicy,
    /// What becomes of the media that the party is to be sent, whatever feeds it.
    pub sent_media: MediaPolicy,
    /// Time without a packet after which a leg whose party may send is reported; `None` for the engine's default.
    pub media_timeout: Option<Duration>,
    /// Datagrams of the party that are taken a second, and half as many at once after a stall; the rest is dropped before any
    /// work. `None` for what its kind can need: 400 for audio and fax, 5,000 for video.
    pub max_packet_rate: Option<u32>,
}

impl Default for LegConfig {
    fn default() -> Self {
        Self {
            kind: LegKind::Audio,
            codecs: Vec::new(),
            received_codecs: Vec::new(),
            packet_time: PacketTime::AsReceived,
            force_transcode: false,
            encoder: EncoderSettings::default(),
            jitter_buffer: JitterBuffer::default(),
            remote: None,
            signalling_source: None,
            rtcp: RtcpMode::Separate,
            generate_rtcp: true,
            direction: Direction::SendReceive,
            source_guard: SourceGuard::Symmetric,
            srtp: None,
            dscp: 46,
            events: EventPolicy::Forward,
            secure_input: SecureInput::Off,
            digit_trigger: None,
            digit_delay: Duration::ZERO,
            events_as_tones: true,
            tones_as_events: false,
            media: MediaPolicy::Forward,
            sent_media: MediaPolicy::Forward,
            media_timeout: None,
            max_packet_rate: None,
        }
    }
}

/// Whether a change of configuration makes the leg learn its party's address anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Relearn {
    /// Only where the signalled address changed.
    #[default]
    IfMoved,
    /// Now.
    Now,
}

/// Where a leg's sockets are to be opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// Name of the interface; `None` for the first.
    pub interface: Option<String>,
    /// Address family; `None` for the interface's first.
    pub family: Option<AddressFamily>,
    /// Number of consecutive ports: 1 for RTP with multiplexed RTCP or plain datagrams, 2 for RTP and RTCP.
    pub ports: Ports,
}

/// How many ports a leg opens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ports {
    /// An even port for RTP and the odd one above for RTCP.
    #[default]
    RtpAndRtcp,
    /// One port.
    Single,
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl AddressFamily {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// A leg as it was opened: the addresses to signal to its party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedLeg {
    /// Its name.
    pub id: LegId,
    /// Advertised address of the RTP port.
    pub rtp: SocketAddr,
    /// Advertised address of the RTCP port, where one was opened.
    pub rtcp: Option<SocketAddr>,
}
