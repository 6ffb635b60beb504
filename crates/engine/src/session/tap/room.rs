//! A tap on the mix of a conference room: all that its members say.

use mediapoint_conference::MemberId;

use crate::api::id::{LegId, RoomId, TapId};
use crate::api::tap::{AudioTapSpec, RoomTapSpec, TapSide};
use crate::ring::{Producer, WakeHandle};
use crate::session::frame::Frame;
use crate::session::tap::audio::{AudioTap, TapFrame, TapTick};

/// The name of no leg: the numbers of engines never come so far.
const NO_LEG: LegId = LegId(u64::MAX);

/// A tap on a room. It listens as a member would that nobody hears.
pub struct RoomTap {
    /// The tap that it is: what the room's members say is what it receives.
    pub audio: AudioTap,
    /// The room.
    pub room: RoomId,
    pub(in crate::session) member: Option<MemberId>,
}

impl RoomTap {
    /// A tap that writes to a ring of frames at the spec's rate.
    #[must_use]
    pub fn new(id: TapId, room: RoomId, spec: &RoomTapSpec, producer: Producer<TapFrame>) -> Self {
        let spec = AudioTapSpec {
            side: TapSide::Received,
            rate: spec.rate,
            capacity: spec.capacity,
            mask_secure_input: spec.mask_secure_input,
            ..AudioTapSpec::new(NO_LEG)
        };
        Self { audio: AudioTap::new(id, &spec, producer), room, member: None }
    }

    /// Writes a tick, and returns whom to wake.
    pub(in crate::session) fn write(&mut self, tick: TapTick, mix: Option<&mut Frame>) -> Option<WakeHandle> {
        self.audio.write(tick, mix, None, None)
    }
}
