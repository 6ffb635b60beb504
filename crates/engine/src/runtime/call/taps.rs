//! Taps on the legs of a call.

use mediapoint_dtmf::DetectorSettings;

use crate::api::error::CommandError;
use crate::api::id::{LegId, TapId};
use crate::api::kind::WorkKind;
use crate::api::pending::Pending;
use crate::api::points::Points;
use crate::api::tap::{AudioTapSpec, PacketTapSpec, TapSide};
use crate::ring;
use crate::runtime::call::Call;
use crate::runtime::mailbox::Command;
use crate::runtime::registry::{Extra, Registry};
use crate::runtime::streams::{TapReader, check_rate, slots};
use crate::runtime::work::{Listener, MAX_AUDIO_TAPS};
use crate::session::call::MAX_OBJECTS;
use crate::session::command::CallCommand;
use crate::session::tap::Tap;
use crate::session::tap::audio::{AudioTap, TapFrame};
use crate::session::tap::event::{EventTap, PressRoom};
use crate::session::tap::packet::PacketTap;

impl Call {
    /// Adds a tap on the key presses of a leg's party: one [`crate::Event::KeyPressed`] for each [RFC4733 2.5].
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn tap_key_presses(&self, leg: LegId) -> Result<(TapId, Pending<()>), CommandError> {
        self.check(leg)?;
        let tap = TapId(self.next_id());
        let room = PressRoom::default();
        let outcome = self.add_tap(tap, Tap::Events(EventTap::new(tap, leg, room.clone())), Some(room))?;
        Ok((tap, outcome))
    }

    /// Adds a tap on the key presses of a leg's party, in telephone events and as tones in its audio: one
    /// [`crate::Event::KeyPressed`] for each press, however it was sent. Of several such taps on a leg the first one's
    /// settings count. The audio is decoded for it; a leg that is forwarded stays forwarded.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for settings out of range, else as [`Call::set_source`].
    pub fn tap_digits(
        &self,
        leg: LegId,
        settings: DetectorSettings,
    ) -> Result<(TapId, Pending<()>), CommandError> {
        self.check(leg)?;
        settings.checked().map_err(|error| CommandError::OutOfRange { what: error.name })?;
        let tap = TapId(self.next_id());
        let room = PressRoom::default();
        let events = EventTap::new(tap, leg, room.clone()).with_tones(settings);
        let command = CallCommand::AddTap { tap: Box::new(Tap::Events(events)) };
        let outcome = self.apply_with(leg, |known| known.tapped_for_digits(tap), command)?;
        self.keep_tap(&mut self.shared.registry(), tap, Some(room));
        Ok((tap, outcome))
    }

    /// Adds a tap on the audio of a leg. A leg that is forwarded stays forwarded.
    ///
    /// It costs [`crate::Prices::recording`] and what decoding costs of whom it listens to, until it is removed or its leg has gone,
    /// to another call, too.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for a rate or capacity out of range, [`CommandError::NoRoom`] where the leg has 8 such taps,
    /// [`CommandError::NoPoints`] where no worker has the points, else as [`Call::set_source`].
    pub fn tap_audio(&self, spec: AudioTapSpec) -> Result<(TapId, TapReader, Pending<()>), CommandError> {
        self.tap_audio_for(spec, WorkKind::Taps)
    }

    /// The same for a recording or another reader.
    pub(in crate::runtime) fn tap_audio_for(
        &self,
        spec: AudioTapSpec,
        kind: WorkKind,
    ) -> Result<(TapId, TapReader, Pending<()>), CommandError> {
        self.check(spec.leg)?;
        check_rate(spec.rate)?;
        if spec.beep.is_some_and(|beep| !beep.is_valid()) {
            return Err(CommandError::OutOfRange { what: "the beep" });
        }
        if self.shared.registry().work(self.id, spec.leg).is_some_and(|work| work.is_full_of_taps()) {
            return Err(CommandError::NoRoom { what: "audio taps of a leg", limit: MAX_AUDIO_TAPS });
        }
        let frames = slots(spec.capacity, 20, 60)?;
        let tap = TapId(self.next_id());
        let (producer, consumer) = ring::channel(frames, || TapFrame::new(spec.rate));
        let command = CallCommand::AddTap { tap: Box::new(Tap::Audio(AudioTap::new(tap, &spec, producer))) };
        let outcome = self.apply_with(
            spec.leg,
            |known| known.tapped(Listener { tap, side: spec.side, kind }),
            command,
        )?;
        self.keep_tap(&mut self.shared.registry(), tap, None);
        Ok((tap, TapReader::new(consumer, spec.rate), outcome))
    }

    /// Adds a tap on the packets of a leg: decrypted copies to another leg or address. It costs [`crate::Prices::packet_tap`] until it
    /// is removed or its leg has gone, to another call, too.
    ///
    /// # Errors
    /// [`CommandError::NoPoints`] where no worker has the points, else as [`Call::set_source`].
    pub fn tap_packets(&self, spec: PacketTapSpec) -> Result<(TapId, Pending<()>), CommandError> {
        self.check(spec.leg)?;
        let tap = TapId(self.next_id());
        let one = self.shared.config.prices.packet_tap;
        let points = if spec.side == TapSide::Both { one + one } else { one };
        let price = (spec.leg.as_u64(), WorkKind::Taps, points);
        let outcome = self.add_paid_tap(tap, Tap::Packets(PacketTap { id: tap, spec }), price)?;
        Ok((tap, outcome))
    }

    /// Adds a tap that a call pays for; `of` is the number of the leg or room that it goes with.
    pub(in crate::runtime) fn add_paid_tap(
        &self,
        id: TapId,
        tap: Tap,
        (of, kind, points): (u64, WorkKind, Points),
    ) -> Result<Pending<()>, CommandError> {
        let mut registry = self.shared.registry();
        let extra = Extra { id: id.as_u64(), of, kind, points, peer: None };
        let outcome = self.apply_beside(&mut registry, extra, CallCommand::AddTap { tap: Box::new(tap) })?;
        self.keep_tap(&mut registry, id, None);
        Ok(outcome)
    }

    /// Adds a tap; `room` is what its events need. All of it is one step for the supervisor, which takes both back where the
    /// worker refuses the tap.
    pub(in crate::runtime) fn add_tap(
        &self,
        id: TapId,
        tap: Tap,
        room: Option<PressRoom>,
    ) -> Result<Pending<()>, CommandError> {
        let mut registry = self.shared.registry();
        let (call, command) = (self.id, CallCommand::AddTap { tap: Box::new(tap) });
        let outcome = self.send(&mut registry, |reply| Command::Apply { call, command, reply })?;
        self.keep_tap(&mut registry, id, room);
        Ok(outcome)
    }

    /// Keeps the name of a tap.
    fn keep_tap(&self, registry: &mut Registry, id: TapId, room: Option<PressRoom>) {
        if let Some(entry) = registry.calls.get_mut(&self.id) {
            // A leg that goes takes its taps along, so that there may be names of more than there are taps.
            if entry.taps.len() >= 2 * MAX_OBJECTS {
                self.shared.events.forget_tap(entry.taps.remove(0));
            }
            entry.taps.push(id);
        }
        if let Some(room) = room {
            self.shared.events.keep_room(id, room);
        }
    }

    /// Pauses an audio tap, or lets it go on. Meanwhile its time line runs on, in silence.
    ///
    /// # Errors
    /// [`CommandError::NoSuchObject`] where it is no audio tap of the call, else as [`Call::set_source`].
    pub fn pause_tap(&self, tap: TapId, paused: bool) -> Result<Pending<()>, CommandError> {
        self.apply(CallCommand::PauseTap { tap, paused })
    }

    /// Removes a tap.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn remove_tap(&self, tap: TapId) -> Result<Pending<()>, CommandError> {
        let outcome = self.apply(CallCommand::RemoveTap { tap })?;
        let mut registry = self.shared.registry();
        if let Some(entry) = registry.calls.get_mut(&self.id) {
            entry.taps.retain(|known| *known != tap);
        }
        registry.forget_tap(self.id, tap, &self.shared.config.prices);
        Ok(outcome)
    }
}
