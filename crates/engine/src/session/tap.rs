//! Taps: what listens in on a leg and is heard by nobody.

pub mod audio;
pub mod event;
pub mod packet;

use crate::api::id::TapId;
use crate::session::tap::audio::AudioTap;
use crate::session::tap::event::EventTap;
use crate::session::tap::packet::PacketTap;

/// A tap of a call.
pub enum Tap {
    /// Key presses of a party, as events to the controller.
    Events(EventTap),
    /// Decoded audio into a ring.
    Audio(AudioTap),
    /// Copies of RTP packets.
    Packets(PacketTap),
}

impl Tap {
    /// Its name.
    pub const fn id(&self) -> TapId {
        match self {
            Self::Events(tap) => tap.id,
            Self::Audio(tap) => tap.id,
            Self::Packets(tap) => tap.id,
        }
    }
}
