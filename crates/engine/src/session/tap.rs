//! Taps: what listens in on a leg and is heard by nobody.

pub mod analysis;
pub mod audio;
pub mod event;
pub mod packet;
pub mod room;

use crate::api::id::{LegId, TapId};
use crate::session::tap::analysis::AnalysisTap;
use crate::session::tap::audio::AudioTap;
use crate::session::tap::event::EventTap;
use crate::session::tap::packet::PacketTap;
use crate::session::tap::room::RoomTap;

/// A tap of a call.
pub enum Tap {
    /// Key presses of a party, as events to the controller.
    Events(EventTap),
    /// Decoded audio into a ring.
    Audio(AudioTap),
    /// Copies of RTP packets.
    Packets(PacketTap),
    /// Decoded audio to an analysis.
    Analysis(AnalysisTap),
    /// The mix of a room into a ring.
    Room(RoomTap),
}

impl Tap {
    /// The leg that it is on; of a room's none that there is.
    pub const fn leg(&self) -> LegId {
        match self {
            Self::Events(tap) => tap.leg,
            Self::Audio(tap) => tap.leg,
            Self::Packets(tap) => tap.spec.leg,
            Self::Analysis(tap) => tap.audio.leg,
            Self::Room(tap) => tap.audio.leg,
        }
    }

    /// Its name.
    pub const fn id(&self) -> TapId {
        match self {
            Self::Events(tap) => tap.id,
            Self::Audio(tap) => tap.id,
            Self::Packets(tap) => tap.id,
            Self::Analysis(tap) => tap.audio.id,
            Self::Room(tap) => tap.audio.id,
        }
    }

    /// The tap on audio that it is.
    pub const fn audio(&self) -> Option<&AudioTap> {
        match self {
            Self::Audio(tap) => Some(tap),
            Self::Analysis(tap) => Some(&tap.audio),
            Self::Events(_) | Self::Packets(_) | Self::Room(_) => None,
        }
    }

    /// The same, to be written to.
    pub const fn audio_mut(&mut self) -> Option<&mut AudioTap> {
        match self {
            Self::Audio(tap) => Some(tap),
            Self::Analysis(tap) => Some(&mut tap.audio),
            Self::Events(_) | Self::Packets(_) | Self::Room(_) => None,
        }
    }

    /// True for an analysis that has come to its end.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Analysis(tap) if tap.audio.is_unread())
    }
}
