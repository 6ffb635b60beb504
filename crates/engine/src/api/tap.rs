//! What listens in on a call and is heard by nobody: event taps, audio taps, packet taps.

use std::net::SocketAddr;
use std::time::Duration;

use crate::api::id::LegId;

/// Seen from the engine: what a leg receives from its party, or what it sends to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum TapSide {
    /// What the party sends.
    Received,
    /// What the party is sent of its source; not the digits that a command sends it.
    Sent,
    /// Both, in one time line.
    Both,
}

/// An audio tap: frames of decoded audio into a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioTapSpec {
    /// The leg.
    pub leg: LegId,
    /// Which of its directions.
    pub side: TapSide,
    /// Sample rate in hertz: 8000, 12000, 16000, 24000, 32000 or 48000.
    pub rate: u32,
    /// How much audio may wait for the reader, 40 ms to 60 s. What does not fit is dropped and counted.
    pub capacity: Duration,
    /// Whether silence stands for the audio while a leg of the call has secure input. Without it only digits are kept out.
    pub mask_secure_input: bool,
    /// A beep that tells the parties that they are recorded: the leg's own, and those whose audio it is sent. The one beep that a
    /// party hears is for all taps on its leg.
    pub beep: Option<Beep>,
}

/// A beep over what parties are sent, as a tap begins, as it goes on after a pause, and in an interval. While it sounds, and no longer, a leg that packets are
/// forwarded to is sent encoded audio. None begins while silence stands for the audio: what is due then comes behind it.
/// It waits for telephone events and digits to end, for 2 s at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beep {
    /// Frequency in hertz, 200 to 3400.
    pub frequency: u16,
    /// Level in dBm0, -50 to 0.
    pub level: i8,
    /// Length, 20 ms to 1 s.
    pub length: Duration,
    /// From the begin of one to that of the next, 2 s to 1 h; `None` for no interval.
    pub every: Option<Duration>,
}

impl Default for Beep {
    /// 1400 Hz at -20 dBm0 for 200 ms, every 15 s.
    fn default() -> Self {
        Self {
            frequency: 1400,
            level: -20,
            length: Duration::from_millis(200),
            every: Some(Duration::from_secs(15)),
        }
    }
}

impl Beep {
    /// True where its values are in range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        (200..=3400).contains(&self.frequency)
            && (-50..=0).contains(&self.level)
            && (Duration::from_millis(20)..=Duration::from_secs(1)).contains(&self.length)
            && self
                .every
                .is_none_or(|every| (Duration::from_secs(2)..=Duration::from_secs(3600)).contains(&every))
    }
}

/// What stands in a frame of an audio tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum TapState {
    /// The audio.
    #[default]
    Open,
    /// Silence: the tap is paused.
    Paused,
    /// Silence: a leg of the call has secure input.
    Masked,
}

impl AudioTapSpec {
    /// Both directions of a leg at 8000 Hz, with room for two seconds.
    #[must_use]
    pub const fn new(leg: LegId) -> Self {
        Self {
            leg,
            side: TapSide::Both,
            rate: 8000,
            capacity: Duration::from_secs(2),
            mask_secure_input: false,
            beep: None,
        }
    }
}

/// A tap on the mix of a conference room, all members of it in one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomTapSpec {
    /// Sample rate in hertz: 8000, 12000, 16000, 24000, 32000 or 48000.
    pub rate: u32,
    /// How much audio may wait for the reader, 40 ms to 60 s. What does not fit is dropped and counted.
    pub capacity: Duration,
    /// Whether silence stands for the audio while a leg of the call has secure input. Without it only digits are kept out.
    pub mask_secure_input: bool,
}

impl Default for RoomTapSpec {
    /// 8000 Hz, with room for two seconds.
    fn default() -> Self {
        Self { rate: 8000, capacity: Duration::from_secs(2), mask_secure_input: false }
    }
}

/// Where a packet tap sends copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PacketTarget {
    /// To the party of another leg of the call, by that leg's keys. SSRC, sequence number and timestamp stay.
    Leg(LegId),
    /// To an address, without SRTP, from the tapped leg's RTP port.
    Address(SocketAddr),
}

/// A packet tap: copies of a leg's RTP packets, decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PacketTapSpec {
    /// The leg.
    pub leg: LegId,
    /// Which of its directions.
    pub side: TapSide,
    /// Where the copies go.
    pub target: PacketTarget,
}
