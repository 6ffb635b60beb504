//! Players, streams, mixes and taps of a call in a test, and the outer ends of their rings.

#![expect(clippy::expect_used, reason = "a test whose set-up fails has failed")]

use std::sync::Arc;
use std::time::Duration;

use mediapoint_engine::session::analysis::{Analysis, Finding};
use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::source::player::Player;
use mediapoint_engine::session::source::room::ConferenceRoom;
use mediapoint_engine::session::source::room::link::LinkOut;
use mediapoint_engine::session::source::stream::{Stream, StreamBlock};
use mediapoint_engine::session::source::streamed::{PlayerBlock, Shared};
use mediapoint_engine::session::tap::Tap;
use mediapoint_engine::session::tap::analysis::AnalysisTap;
use mediapoint_engine::session::tap::audio::{AudioTap, TapFrame};
use mediapoint_engine::session::tap::event::{EventTap, PressRoom};
use mediapoint_engine::session::tap::room::RoomTap;
use mediapoint_engine::{
    AnalysisSpec, AudioTapSpec, CallId, CommandError, DetectorSettings, MixId, MixSpec, PlayerId, PlayerSpec,
    PlayerWriter, PromptsSpec, RoomId, RoomMember, RoomSpec, RoomTapSpec, Source, StreamId, StreamedSpec,
    TapId, TapSide, ToneSpec,
};
use mediapoint_net::ring::{Consumer, Producer, channel};
use mediapoint_packet::Time;

use crate::world::{PeerId, World};

/// The analysis of a leg in a world: what the engine's own thread does, on the virtual clock.
pub struct WorldAnalysis {
    /// Its name.
    pub tap: TapId,
    /// What it found, in order.
    pub found: Vec<Finding>,
    /// What it was given, at 8000 Hz, without the time in which nothing came.
    pub pcm: Vec<i16>,
    analysis: Analysis,
    frames: Option<Consumer<TapFrame>>,
    began: Time,
}

impl WorldAnalysis {
    /// Runs the world for `millis`, and takes in each 20 ms what came.
    pub fn run(&mut self, world: &mut World, millis: u64) {
        for _ in 0..millis.div_ceil(20) {
            world.run_for(Duration::from_millis(20));
            self.step(world.now());
        }
    }

    /// Takes in what has come.
    pub fn step(&mut self, now: Time) {
        let at = now.since(self.began);
        let Some(frames) = &mut self.frames else { return };
        let closed = frames.is_closed();
        let (analysis, pcm) = (&mut self.analysis, &mut self.pcm);
        while let Some(()) = frames.pop_with(|frame| {
            analysis.handle_frame(at, frame);
            pcm.extend_from_slice(frame.received.pcm());
        }) {}
        analysis.handle_timeout(at);
        if closed {
            analysis.finish();
        }
        self.found.extend(std::iter::from_fn(|| analysis.poll()));
        if analysis.is_over() {
            self.frames = None;
        }
    }

    /// True once nothing more is to be found: the tap goes.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.frames.is_none()
    }
}

impl std::fmt::Debug for WorldAnalysis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorldAnalysis").field("found", &self.found).finish_non_exhaustive()
    }
}

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

    /// A conference room.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn add_room(&mut self, call: CallId, spec: RoomSpec) -> RoomId {
        let room = RoomId::from_u64(self.new_id());
        let made = Box::new(ConferenceRoom::new(room, spec).expect("a room"));
        self.apply(call, CallCommand::AddRoom { room: made }).expect("a room");
        room
    }

    /// Lets a party into a room of its call.
    ///
    /// # Errors
    /// Why the session refuses it.
    pub fn join_room(&mut self, room: RoomId, peer: PeerId, member: RoomMember) -> Result<(), CommandError> {
        let (call, leg) = (self.peer(peer).call, self.peer(peer).leg);
        self.apply(call, CallCommand::JoinRoom { room, leg, member })
    }

    /// Links rooms of two calls at a rate in hertz. Returns the streams that come in on either side.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn link_rooms(&mut self, ends: [(CallId, RoomId); 2], rate: u32) -> [StreamId; 2] {
        let streams = [(); 2].map(|()| StreamId::from_u64(self.new_id()));
        let [(to_b, from_a), (to_a, from_b)] = [(); 2].map(|()| channel(32, || StreamBlock::new(rate)));
        let ends = ends.into_iter().zip(streams).zip([(from_b, to_b), (from_a, to_a)]);
        for (((call, room), stream), (consumer, producer)) in ends {
            let stream = Box::new(Stream::of_link(stream, rate, consumer));
            let out = LinkOut::new(producer, rate);
            self.apply(call, CallCommand::LinkRoom { room, stream, out }).expect("a link");
        }
        streams
    }

    /// A streamed player with room for so many blocks of 10 ms, and its writing end.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn add_streamed(
        &mut self,
        call: CallId,
        spec: &StreamedSpec,
        blocks: usize,
    ) -> (PlayerId, PlayerWriter) {
        let id = PlayerId::from_u64(self.new_id());
        let (writer, reader) = channel(blocks, || PlayerBlock::new(spec.rate));
        let shared = Arc::new(Shared::new(spec.start));
        let player = Box::new(Player::streamed(id, spec, reader, Arc::clone(&shared)));
        self.apply(call, CallCommand::AddPlayer { player }).expect("a player");
        (id, PlayerWriter::over(writer, shared))
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

    /// An analysis of what a party says.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn analyse(&mut self, id: PeerId, spec: AnalysisSpec) -> WorldAnalysis {
        let tap = TapId::from_u64(self.new_id());
        let (call, leg) = (self.peer(id).call, self.peer(id).leg);
        let (made, frames, _) = AnalysisTap::new(tap, leg);
        self.apply(call, CallCommand::AddTap { tap: Box::new(Tap::Analysis(made)) }).expect("a tap");
        let (analysis, frames) = (Analysis::new(AnalysisSpec { leg, ..spec }), Some(frames));
        WorldAnalysis { tap, found: Vec::new(), pcm: Vec::new(), analysis, frames, began: self.now() }
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

    /// A tap on a room's mix with room for so many frames, and its reading end.
    ///
    /// # Panics
    /// Where the session refuses it.
    pub fn tap_room(
        &mut self,
        (call, room): (CallId, RoomId),
        spec: &RoomTapSpec,
        frames: usize,
    ) -> (TapId, Consumer<TapFrame>) {
        let tap = TapId::from_u64(self.new_id());
        let (writer, reader) = channel(frames, || TapFrame::new(spec.rate));
        let made = Box::new(Tap::Room(RoomTap::new(tap, room, spec, writer)));
        self.apply(call, CallCommand::AddTap { tap: made }).expect("a tap");
        (tap, reader)
    }
}
