//! Players, streams, mixes and taps of a call in a test, and the outer ends of their rings.

#![expect(clippy::expect_used, reason = "a test whose set-up fails has failed")]

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::source::player::Player;
use mediapoint_engine::session::source::stream::{Stream, StreamBlock};
use mediapoint_engine::session::tap::Tap;
use mediapoint_engine::session::tap::audio::{AudioTap, TapFrame};
use mediapoint_engine::session::tap::event::{EventTap, PressRoom};
use mediapoint_engine::{
    AudioTapSpec, CallId, DetectorSettings, MixId, MixSpec, PlayerId, PlayerSpec, PromptsSpec, Source,
    StreamId, TapId, TapSide, ToneSpec,
};
use mediapoint_net::ring::{Consumer, Producer, channel};

use crate::world::{PeerId, World};

impl World {
    /// A player of a tone.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn add_tone(&mut self, call: CallId, tone: ToneSpec) -> PlayerId {
        let player = PlayerId::from_u64(self.new_id());
        let spec = PlayerSpec::Tone(tone);
        let made = Box::new(Player::new(player, spec).expect("a player"));
        self.apply(call, CallCommand::AddPlayer { player: made }).expect("a player");
        player
    }

    /// A player of prompts.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn add_prompts(&mut self, call: CallId, spec: PromptsSpec) -> PlayerId {
        let player = PlayerId::from_u64(self.new_id());
        let spec = PlayerSpec::Prompts(spec);
        let made = Box::new(Player::new(player, spec).expect("a player"));
        self.apply(call, CallCommand::AddPlayer { player: made }).expect("a player");
        player
    }

    /// A stream from outside with room for so many blocks of 10 ms, and its writing end.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn add_stream(
        &mut self,
        call: CallId,
        rate: u32,
        blocks: usize,
    ) -> (StreamId, Producer<StreamBlock>) {
        let id = StreamId::from_u64(self.new_id());
        let (writer, reader) = channel(blocks, || StreamBlock::new(rate));
        let stream = Box::new(Stream::new(id, rate, reader));
        self.apply(call, CallCommand::AddStream { stream }).expect("a stream");
        (id, writer)
    }

    /// A mix.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn add_mix(&mut self, call: CallId, inputs: &[Source]) -> MixId {
        let mix = MixId::from_u64(self.new_id());
        let spec = MixSpec { inputs: inputs.to_vec() };
        self.apply(call, CallCommand::AddMix { mix, spec }).expect("a mix");
        mix
    }

    /// What a party's leg is as a source.
    #[must_use]
    pub fn source_of(&self, id: PeerId) -> Source {
        Source::Leg(self.peer(id).leg)
    }

    /// A tap on the key presses of a party, and the room for those that nobody has read yet.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn tap_keys(&mut self, id: PeerId) -> (TapId, PressRoom) {
        let (tap, room) = (TapId::from_u64(self.new_id()), PressRoom::default());
        let (call, leg) = (self.peer(id).call, self.peer(id).leg);
        let events = Box::new(Tap::Events(EventTap::new(tap, leg, room.clone())));
        self.apply(call, CallCommand::AddTap { tap: events }).expect("a tap");
        (tap, room)
    }

    /// The same, for digits in its audio, too.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn tap_digits(&mut self, id: PeerId) -> (TapId, PressRoom) {
        let (tap, room) = (TapId::from_u64(self.new_id()), PressRoom::default());
        let (call, leg) = (self.peer(id).call, self.peer(id).leg);
        let events = EventTap::new(tap, leg, room.clone()).with_tones(DetectorSettings::default());
        self.apply(call, CallCommand::AddTap { tap: Box::new(Tap::Events(events)) }).expect("a tap");
        (tap, room)
    }

    /// A tap on the audio of a party's leg with room for so many frames, and its reading end.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn tap_audio(
        &mut self,
        id: PeerId,
        side: TapSide,
        rate: u32,
        frames: usize,
    ) -> (TapId, Consumer<TapFrame>) {
        self.tap_with(&AudioTapSpec { side, rate, ..AudioTapSpec::new(self.peer(id).leg) }, frames)
    }

    /// The same, by a specification.
    ///
    /// # Panics
    /// Where no party has the leg, or the session refuses it.
    pub fn tap_with(&mut self, spec: &AudioTapSpec, frames: usize) -> (TapId, Consumer<TapFrame>) {
        let tap = TapId::from_u64(self.new_id());
        let call = self.peers.iter().find(|peer| peer.leg == spec.leg).expect("a party").call;
        let (writer, reader) = channel(frames, || TapFrame::new(spec.rate));
        let audio = Box::new(Tap::Audio(AudioTap::new(tap, spec, writer)));
        self.apply(call, CallCommand::AddTap { tap: audio }).expect("a tap");
        (tap, reader)
    }
}
