//! A tap on the key presses of a party: one event to the controller for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mediapoint_dtmf::DetectorSettings;

use crate::api::event::{KeyMethod, KeyPress};
use crate::api::id::{LegId, TapId};
use crate::session::snapshot::objects::TapSnapshot;

/// Key presses of one tap that may wait for the reader of the engine's events: the room that the tap's owner reserved.
pub const ROOM: u32 = 64;

/// Room for the key presses of one tap on their way to the reader of the events.
#[derive(Debug, Clone, Default)]
pub struct PressRoom(Arc<AtomicU32>);

impl PressRoom {
    /// Takes a place for a press; false where all are taken.
    pub fn take(&self) -> bool {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| (used < ROOM).then_some(used + 1))
            .is_ok()
    }

    /// Gives the place of a press back that was read.
    pub fn give(&self) {
        let _: Result<_, _> =
            self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| used.checked_sub(1));
    }
}

/// A tap on key presses.
pub struct EventTap {
    /// Its name.
    pub id: TapId,
    /// The leg.
    pub leg: LegId,
    /// What counts as a digit in the audio; `None` where it is not looked for.
    pub tones: Option<DetectorSettings>,
    room: PressRoom,
    missed: u32,
}

impl EventTap {
    /// A tap on a leg.
    pub const fn new(id: TapId, leg: LegId, room: PressRoom) -> Self {
        Self { id, leg, tones: None, room, missed: 0 }
    }

    /// The same, for digits in the audio, too.
    #[must_use]
    pub fn with_tones(self, settings: DetectorSettings) -> Self {
        Self { tones: Some(settings), ..self }
    }

    /// The press as it is to be reported; `None` where the tap is not for such, and, counting it, where the reader of the
    /// events is too far behind.
    pub fn take(&mut self, press: KeyPress) -> Option<KeyPress> {
        if press.method == KeyMethod::Tone && self.tones.is_none() {
            return None;
        }
        if !self.room.take() {
            self.missed = self.missed.saturating_add(1);
            return None;
        }
        Some(KeyPress { missed: std::mem::take(&mut self.missed), ..press })
    }
}

impl EventTap {
    pub(crate) fn save(&self) -> TapSnapshot {
        TapSnapshot::KeyPresses {
            tap: self.id,
            leg: self.leg,
            missed: self.missed,
            tones: self.tones,
            room: PressRoom::default(),
        }
    }

    /// A tap as it was saved.
    pub(crate) const fn restored(
        id: TapId,
        leg: LegId,
        (missed, tones): (u32, Option<DetectorSettings>),
        room: PressRoom,
    ) -> Self {
        Self { id, leg, tones, room, missed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_press_does_not_show_its_code() {
        let press = |code, secret| {
            let duration = std::time::Duration::ZERO;
            KeyPress { code, duration, volume: 0, missed: 0, method: KeyMethod::Tone, secret }
        };
        assert_eq!(format!("{:?}", press(7, true)), format!("{:?}", press(8, true)));
        assert_ne!(format!("{:?}", press(7, false)), format!("{:?}", press(8, false)));
    }

    #[test]
    fn presses_beyond_the_room_are_counted_and_reported_with_the_next() {
        let room = PressRoom::default();
        let mut tap = EventTap::new(TapId::from_u64(1), LegId::from_u64(2), room.clone());
        let press = KeyPress {
            code: 1,
            duration: std::time::Duration::ZERO,
            volume: 10,
            missed: 0,
            method: KeyMethod::TelephoneEvent,
            secret: false,
        };
        for _ in 0..ROOM {
            assert_eq!(tap.take(press), Some(press));
        }
        assert_eq!((tap.take(press), tap.take(press)), (None, None));
        room.give();
        assert_eq!(tap.take(press), Some(KeyPress { missed: 2, ..press }));
    }
}
