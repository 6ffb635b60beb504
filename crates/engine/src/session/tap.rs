//! Taps: what listens in on a leg and is heard by nobody.

pub mod audio;
pub mod event;
pub mod packet;

use crate::api::id::{LegId, TapId};
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
    /// The leg that it is on.
    pub const fn leg(&self) -> LegId {
        match self {
            Self::Events(tap) => tap.leg,
            Self::Audio(tap) => tap.leg,
            Self::Packets(tap) => tap.spec.leg,
        }
    }

    /// Its name.
    pub const fn id(&self) -> TapId {
        match self {
            Self::Events(tap) => tap.id,
            Self::Audio(tap) => tap.id,
            Self::Packets(tap) => tap.id,
        }
    }
}
