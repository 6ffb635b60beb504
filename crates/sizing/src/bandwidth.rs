//! Bandwidth of a stream on the wire.

use crate::error::{SizingError, positive};

/// Bytes of an RTP header without contributing sources.
const RTP: f64 = 12.0;
const UDP: f64 = 8.0;
/// Ethernet header and frame check sequence, without preamble and gap.
const ETHERNET: f64 = 18.0;
/// An 802.1Q tag.
const VLAN: f64 = 4.0;

/// Codecs with a known bit rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// G.711, both laws.
    G711,
    /// G.722 at 64 kbit/s.
    G722,
    /// G.729 at 8 kbit/s.
    G729,
    /// GSM full rate.
    Gsm,
    /// Opus at 24 kbit/s, voice.
    Opus,
    /// Linear PCM of 16 bits at 8000 Hz.
    L16,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::G711, Self::G722, Self::G729, Self::Gsm, Self::Opus, Self::L16];

    /// Bit rate of the payload in bit/s.
    #[must_use]
    pub const fn bit_rate(self) -> f64 {
        match self {
            Self::G711 | Self::G722 => 64_000.0,
            Self::G729 => 8000.0,
            // A frame of 33 bytes each 20 ms.
            Self::Gsm => 13_200.0,
            Self::Opus => 24_000.0,
            Self::L16 => 128_000.0,
        }
    }

    /// Its name as in SDP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::G711 => "PCMU",
            Self::G722 => "G722",
            Self::G729 => "G729",
            Self::Gsm => "GSM",
            Self::Opus => "opus",
            Self::L16 => "L16",
        }
    }

    /// The codec of an SDP encoding name, in any case; PCMA is as PCMU.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let known = |codec: &Self| codec.name().eq_ignore_ascii_case(name);
        if name.eq_ignore_ascii_case("PCMA") { Some(Self::G711) } else { Self::ALL.into_iter().find(known) }
    }
}

/// How packets are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Protection {
    /// Plain RTP.
    #[default]
    None,
    /// AES-CM with HMAC-SHA1 of 80 bits., of RFC 3711
    AesCm80,
    /// AES-CM with HMAC-SHA1 of 32 bits.
    AesCm32,
    /// AES-GCM., of RFC 7714
    AesGcm,
}

impl Protection {
    /// Bytes that are added to a packet.
    #[must_use]
    pub const fn tag(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::AesCm80 => 10.0,
            Self::AesCm32 => 4.0,
            Self::AesGcm => 16.0,
        }
    }
}

/// What carries the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Network {
    /// IPv6 instead of IPv4.
    pub ipv6: bool,
    /// Frames have a VLAN tag.
    pub vlan: bool,
}

/// A stream in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacketRate {
    /// Packets per second.
    pub packets: f64,
    /// Bytes of an Ethernet frame, header and check sequence included.
    pub frame: f64,
    /// Bits per second of these frames.
    pub bits: f64,
}

/// What a stream of one direction takes on the wire, RTCP left aside, which is some 0.3 kbit/s.
///
/// # Errors
/// The packet time in milliseconds is not above zero.
pub fn bandwidth(
    codec: Codec,
    packet_time: f64,
    protection: Protection,
    network: Network,
) -> Result<PacketRate, SizingError> {
    let seconds = positive("packet time", packet_time)? / 1000.0;
    let ip = if network.ipv6 { 40.0 } else { 20.0 };
    let ethernet = if network.vlan { ETHERNET + VLAN } else { ETHERNET };
    let payload = (codec.bit_rate() * seconds / 8.0).ceil();
    let frame = payload + protection.tag() + RTP + UDP + ip + ethernet;
    let packets = 1.0 / seconds;
    // The shortest frame of Ethernet.
    let frame = frame.max(64.0);
    Ok(PacketRate { packets, frame, bits: frame * 8.0 * packets })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(codec: Codec, packet_time: f64, protection: Protection) -> f64 {
        bandwidth(codec, packet_time, protection, Network::default()).unwrap().bits
    }

    #[test]
    fn usual_figures_come_out() {
        assert_eq!(bits(Codec::G711, 20.0, Protection::None).round(), 87_200.0);
        assert_eq!(bits(Codec::G729, 20.0, Protection::None).round(), 31_200.0);
        assert_eq!(bits(Codec::G711, 20.0, Protection::AesCm80).round(), 91_200.0);
        assert_eq!(bits(Codec::G711, 10.0, Protection::None).round(), 110_400.0);
        assert_eq!(bits(Codec::G729, 10.0, Protection::None).round(), 54_400.0);
    }

    #[test]
    fn the_network_counts() {
        let network = Network { ipv6: true, vlan: true };
        let rate = bandwidth(Codec::G711, 20.0, Protection::AesGcm, network).unwrap();
        assert_eq!((rate.frame, rate.packets), (160.0 + 16.0 + 12.0 + 8.0 + 40.0 + 22.0, 50.0));
    }

    #[test]
    fn a_packet_takes_time() {
        for wrong in [0.0, -20.0, f64::NAN, f64::INFINITY] {
            let error = bandwidth(Codec::G711, wrong, Protection::None, Network::default()).unwrap_err();
            assert_eq!(error.name, "packet time");
        }
    }

    #[test]
    fn codecs_are_known_by_name() {
        assert_eq!(Codec::by_name("pcma"), Some(Codec::G711));
        for codec in Codec::ALL {
            assert_eq!(Codec::by_name(&codec.name().to_lowercase()), Some(codec));
        }
        assert_eq!(Codec::by_name("SILK"), None);
    }
}
