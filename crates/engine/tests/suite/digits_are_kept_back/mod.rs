//! Secure input: a card number goes by every method, from every codec, to every kind of listener and tap, and nobody but the
//! tap on key presses finds a digit of it.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

mod converted;
mod delayed;
mod paths;
mod shown;
mod switching;
mod tones_in_turn;
mod triggers;

use std::time::Duration;

use mediapoint_codec::resample::Resampler;
use mediapoint_dtmf::{Detection, Detector, DetectorSettings, Generator, GeneratorSettings};
use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::tap::Tap;
use mediapoint_engine::session::tap::event::PressRoom;
use mediapoint_engine::session::tap::packet::PacketTap;
use mediapoint_engine::{
    AnalysisSpec, AudioTapSpec, Codec, EncoderSettings, Event, PacketTapSpec, PacketTarget, PayloadCodec,
    RoomMember, RoomSpec, RoomTapSpec, SecureInput, Source, TapFrame, TapId, TapSide, VadSettings,
};
use mediapoint_net::ring::Consumer;
use mediapoint_packet::telephone_event::{BLOCK_LEN, DtmfDigit, EventBlock};
use mediapoint_testkit::{
    Ear, PeerId, Voice, World, WorldAnalysis, audio, codec, pcma, pcmu, telephone_event,
};

/// A card number, with every digit in it.
pub(crate) const NUMBER: &str = "4012888817365993";

/// How long a digit sounds, and the pause behind it, in milliseconds.
const ON: u64 = 80;
const OFF: u64 = 80;

/// How the party sends its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Tones,
    Events,
    /// Tones, and events over the last part of each, as a gateway that hears the tones sends.
    Both,
}

pub(crate) fn digits(text: &str) -> Vec<DtmfDigit> {
    text.chars().map(|c| DtmfDigit::from_char(c).unwrap()).collect()
}

/// The number as audio of 8000 Hz, with a second of murmur before.
pub(crate) fn spoken(number: &str, on: u64) -> Vec<i16> {
    let settings = GeneratorSettings {
        duration_ms: u32::try_from(on).unwrap(),
        pause_ms: u32::try_from((ON + OFF).saturating_sub(on)).unwrap(),
        ..GeneratorSettings::default()
    };
    let mut generator = Generator::new(8000, &settings).unwrap();
    let mut audio = Vec::new();
    for digit in digits(number) {
        generator.push(digit).unwrap();
        let mut piece = [0; 80];
        loop {
            let filled = generator.fill(&mut piece);
            if filled == 0 {
                break;
            }
            audio.extend(piece.iter().take(filled));
        }
    }
    audio
}

/// Silence for so many samples, and what is spoken.
pub(crate) fn after(lead: usize, spoken: Vec<i16>) -> impl Fn(u64) -> i16 {
    move |n| {
        let at = usize::try_from(n).unwrap();
        at.checked_sub(lead).and_then(|at| spoken.get(at)).copied().unwrap_or(0)
    }
}

/// Who listens to a party that types its card number.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) party: PeerId,
    pub(crate) far: PeerId,
    far_codec: PayloadCodec,
    party_codec: PayloadCodec,
    mixed: PeerId,
    /// A listener of a room that the party is a member of.
    in_room: PeerId,
    forked: PeerId,
    frames: Consumer<TapFrame>,
    room_frames: Consumer<TapFrame>,
    recorded_frames: Consumer<TapFrame>,
    analysis: WorldAnalysis,
    pub(crate) room: PressRoom,
    tapped: Vec<i16>,
    room_tapped: Vec<i16>,
    recorded: Vec<i16>,
}

impl Scene {
    /// `begin` is when the tones begin, after the start.
    pub(crate) fn new(from: &PayloadCodec, to: &PayloadCodec, sound: impl Fn(u64) -> i16 + 'static) -> Self {
        let mut world = World::new(7);
        let call = world.add_call();
        let party = world.add_peer(call, audio([from.clone(), telephone_event(101)]));
        let far = world.add_peer(call, audio([to.clone(), telephone_event(101)]));
        let mixed = world.add_peer(call, audio([pcmu(), telephone_event(101)]));
        let forked = world.add_peer(call, audio([from.clone(), telephone_event(101)]));
        let in_room = world.add_peer(call, audio([pcmu(), telephone_event(101)]));
        let conference = world.add_room(call, RoomSpec::default());
        for member in [party, in_room] {
            world.join_room(conference, member, RoomMember::default()).unwrap();
        }
        let (_, room_frames) = world.tap_room((call, conference), &RoomTapSpec::default(), 64);
        // The room hears the party, and the party hears the far end.
        world.connect(party, far);
        let inputs = [world.source_of(party), world.source_of(far)];
        let mix = world.add_mix(call, &inputs);
        world.feed(mixed, Source::Mix(mix));
        let spec = PacketTapSpec {
            leg: world.peer(party).leg,
            side: TapSide::Received,
            target: PacketTarget::Leg(world.peer(forked).leg),
        };
        let packets = PacketTap { id: TapId::from_u64(world.new_id()), spec };
        world.apply(call, CallCommand::AddTap { tap: Box::new(Tap::Packets(packets)) }).unwrap();
        let (_, frames) = world.tap_audio(party, TapSide::Received, 8000, 64);
        // What a recording is made of.
        let spec = AudioTapSpec { mask_secure_input: true, ..AudioTapSpec::new(world.peer(party).leg) };
        let (_, recorded_frames) = world.tap_with(&spec, 64);
        let spec =
            AnalysisSpec { speech: Some(VadSettings::default()), ..AnalysisSpec::new(world.peer(party).leg) };
        let analysis = world.analyse(party, spec);
        let (_, room) = world.tap_digits(party);
        for listener in [far, mixed, in_room, forked] {
            let heard = &mut world.peer_mut(listener).heard;
            heard.keep_packets = true;
            heard.clock_rate = if [mixed, in_room].contains(&listener) { 8000 } else { to.codec.clock_rate };
        }
        world.peer_mut(forked).heard.clock_rate = from.codec.clock_rate;
        let voice = move |n: u64, rate: u32| sound(n * 8000 / u64::from(rate));
        let rate = if from.codec.clock_rate == 48_000 { 48_000 } else { 8000 };
        world.peer_mut(party).stream.clock_rate = from.codec.clock_rate;
        world.peer_mut(party).stream.voice = Some(Voice::new(from, rate, &EncoderSettings::default(), voice));
        let (far_codec, party_codec) = (to.clone(), from.clone());
        let (tapped, recorded) = (Vec::new(), Vec::new());
        Self {
            world,
            party,
            far,
            far_codec,
            party_codec,
            mixed,
            in_room,
            forked,
            frames,
            room_frames,
            room_tapped: Vec::new(),
            recorded_frames,
            analysis,
            room,
            tapped,
            recorded,
        }
    }

    pub(crate) fn secure(&mut self, policy: SecureInput) {
        self.world.reinvite(self.party, |config| config.secure_input = policy);
    }

    pub(crate) fn run(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(20) {
            self.world.run_for(Duration::from_millis(20));
            self.analysis.step(self.world.now());
            let room = &mut self.room_tapped;
            while self.room_frames.pop_with(|frame| room.extend_from_slice(frame.received.pcm())).is_some() {}
            while self.frames.pop_with(|frame| self.tapped.extend_from_slice(frame.received.pcm())).is_some()
            {
            }
            let recorded = &mut self.recorded;
            while self
                .recorded_frames
                .pop_with(|frame| recorded.extend_from_slice(frame.received.pcm()))
                .is_some()
            {}
        }
    }

    /// Presses keys as events, one after the other, each over the last `on` milliseconds of its time.
    pub(crate) fn press(&mut self, number: &str, on: u64) {
        for digit in digits(number) {
            self.run(ON - on);
            self.world.peer_mut(self.party).stream.press(digit.code(), Duration::from_millis(on));
            self.run(on + OFF);
            self.room.give();
        }
    }

    /// Key presses as the controller was told of them.
    pub(crate) fn reported(&self) -> String {
        let code = |event: &Event| match event {
            Event::KeyPressed { press, .. } => DtmfDigit::from_code(press.code),
            _ => None,
        };
        self.world.events.iter().filter_map(|(_, event)| code(event)).map(DtmfDigit::as_char).collect()
    }

    /// The digits that each listener and tap finds, by events and in its audio.
    pub(crate) fn found(&self) -> Vec<(&'static str, String)> {
        let ear = |peer: PeerId, codec: &PayloadCodec| {
            let log = &self.world.peer(peer).heard.log;
            let wide = codec.codec == Codec::G722 || codec.codec.clock_rate == 16_000;
            let rate = if wide { 16_000 } else { 8000 };
            let heard = Ear::new(log, std::slice::from_ref(codec), rate).pcm;
            if !wide {
                return heard;
            }
            let mut narrow = vec![0; heard.len() / 2 + 1];
            let len = Resampler::new(rate, 8000).unwrap().process(&heard, &mut narrow);
            narrow.truncate(len);
            narrow
        };
        let events = |peer: PeerId| {
            let mut found: Vec<(_, u8)> = Vec::new();
            let log = self.world.peer(peer).heard.log.iter();
            for packet in log.filter(|packet| packet.payload_type.get() == 101) {
                for block in packet.payload.chunks(BLOCK_LEN).filter_map(|block| EventBlock::read(block).ok())
                {
                    if found.last() != Some(&(packet.timestamp, block.code)) {
                        found.push((packet.timestamp, block.code));
                    }
                }
            }
            found.iter().filter_map(|(_, code)| Some(DtmfDigit::from_code(*code)?.as_char())).collect()
        };
        vec![
            ("far end, events", events(self.far)),
            ("far end, audio", digits_in(&ear(self.far, &self.far_codec))),
            ("mix, events", events(self.mixed)),
            ("mix, audio", digits_in(&ear(self.mixed, &pcmu()))),
            ("room, events", events(self.in_room)),
            ("room, audio", digits_in(&ear(self.in_room, &pcmu()))),
            ("packet tap, events", events(self.forked)),
            ("packet tap, audio", digits_in(&ear(self.forked, &self.party_codec))),
            ("audio tap", digits_in(&self.tapped)),
            ("room tap", digits_in(&self.room_tapped)),
            ("analysis", digits_in(&self.analysis.pcm)),
            ("recording", digits_in(&self.recorded)),
        ]
    }
}

/// What the most sensitive detector finds.
pub(crate) fn digits_in(pcm: &[i16]) -> String {
    let mut detector = Detector::new(&DetectorSettings::most_sensitive()).unwrap();
    let mut found = String::new();
    let mut on = |detection| {
        if let Detection::Digit(digit) = detection {
            found.push(digit.digit.as_char());
        }
    };
    detector.process(pcm, &mut on);
    detector.flush(&mut on);
    found
}

pub(crate) fn codecs() -> Vec<PayloadCodec> {
    vec![
        pcmu(),
        pcma(),
        codec(18, "G729", 8000),
        codec(9, "G722", 8000),
        codec(97, "L16", 16_000),
        codec(111, "opus", 48_000),
    ]
}
