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
        }
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
