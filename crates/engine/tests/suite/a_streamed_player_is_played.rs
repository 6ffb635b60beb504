//! A player that another thread brings its audio: sample by sample with its place, paused, sought in, made louder, stopped,
//! ended by a key, late, and failed.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{
    CallId, EncoderSettings, Event, PayloadCodec, PlayerChange, PlayerEnd, PlayerId, PlayerWriter, Position,
    Source, SpeechBargeIn, StreamedSpec,
};
use mediapoint_testkit::{Ear, PeerId, Random, Voice, World, audio, codec, pcmu, rtp_port, telephone_event};

use crate::calls_are_analysed::voice;

/// Samples at which a signal that comes out of silence is faded: 5 ms, in the player and in the leg.
const FADED: usize = 40;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn l16() -> PayloadCodec {
    codec(97, "L16", 8000)
}

#[expect(clippy::cast_possible_truncation, reason = "16 bits of it are wanted")]
fn noise(n: usize) -> i16 {
    Random::new(n as u64).next_u64() as i16
}

#[expect(clippy::cast_possible_truncation, reason = "a tone within 16 bits")]
fn tone(n: usize) -> i16 {
    (10_000.0 * (n as f64 * 400.0 / 8000.0 * std::f64::consts::TAU).sin()) as i16
}

fn largest_step(pcm: &[i16]) -> i32 {
    pcm.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
}

struct Scene {
    world: World,
    call: CallId,
    party: PeerId,
    player: PlayerId,
    writer: Option<PlayerWriter>,
    /// The sample that is written next.
    next: usize,
}

impl Scene {
    /// A party that is played what is written, beginning with a place.
    fn new(blocks: usize, start: Duration) -> Self {
        let mut world = World::new(8);
        let call = world.add_call();
        let party = world.add_peer(call, audio([l16(), telephone_event(101)]));
        let heard = &mut world.peer_mut(party).heard;
        (heard.keep_packets, heard.clock_rate) = (true, 8000);
        let leg = world.peer(party).leg;
        let spec = StreamedSpec { start, barge_in: Some(leg), ..StreamedSpec::new(8000) };
        let (player, writer) = world.add_streamed(call, &spec, blocks);
        let next = usize::try_from(start.as_millis()).unwrap() * 8;
        world.run_for(millis(333));
        world.feed(party, Source::Player(player));
        Self { world, call, party, player, writer: Some(writer), next }
    }

    /// Writes blocks of 10 ms; how many there was room for.
    fn write(&mut self, blocks: usize, sound: impl Fn(usize) -> i16) -> usize {
        for block in 0..blocks {
            let pcm: Vec<i16> = (self.next..self.next + 80).map(&sound).collect();
            let until = Duration::from_micros((self.next as u64 + 80) * 125);
            if !self.writer.as_mut().unwrap().write(&pcm, until) {
                return block;
            }
            self.next += 80;
        }
        blocks
    }

    /// Runs ticks of 20 ms, with a writer that is always ahead.
    fn play(&mut self, ticks: u32, sound: impl Fn(usize) -> i16 + Copy) {
        for _ in 0..ticks {
            self.write(1000, sound);
            self.world.run_for(millis(20));
        }
    }

    fn jump(&mut self, to: usize) {
        self.writer.as_mut().unwrap().jump(Duration::from_micros(to as u64 * 125));
        self.next = to;
    }

    fn change(&mut self, change: PlayerChange) {
        let (call, player) = (self.call, self.player);
        self.world.apply(call, CallCommand::ChangePlayer { player, change }).unwrap();
    }

    fn heard(&self) -> Vec<i16> {
        let heard = &self.world.peer(self.party).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        Ear::new(&heard.log, &[l16()], 8000).pcm
    }

    fn position(&self) -> Position {
        let players = self.world.statistics(self.call).players;
        assert_eq!((players.len(), players[0].0), (1, self.player));
        players[0].1
    }

    fn ends(&self) -> Vec<(PlayerEnd, Duration)> {
        let end = |event: &Event| match event {
            Event::PlayerFinished { player, end, position, .. } if *player == self.player => {
                Some((*end, position.offset))
            }
            _ => None,
        };
        self.world.events.iter().filter_map(|(_, event)| end(event)).collect()
    }

    fn press(&mut self) {
        let (address, slot) = (self.world.peer(self.party).address, self.world.peer(self.party).slot);
        let event = [0x80, 0x80 | 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 5, 10, 0, 160];
        self.world.inject(rtp_port(slot), address, &event);
    }
}

#[test]
fn sample_by_sample_with_its_place_to_its_end() {
    let mut scene = Scene::new(40, millis(1000));
    assert_eq!(scene.position().offset, millis(1000), "before anything is played");
    scene.play(50, noise);
    let position = scene.position();
    assert_eq!(position.offset, millis(1000) + position.played);
    assert!((millis(980)..=millis(1040)).contains(&position.played), "{position:?}");
    scene.writer.take().unwrap().finish();
    scene.world.run_for(millis(1000));
    let end = Duration::from_micros(scene.next as u64 * 125);
    assert_eq!(scene.ends(), [(PlayerEnd::Finished, end)]);
    let pcm = scene.heard();
    let written = scene.next - 8000;
    let wrong = (FADED..written).filter(|&n| pcm[n] != noise(8000 + n)).count();
    assert_eq!((wrong, pcm.len() <= written + 3 * 160), (0, true), "{} samples", pcm.len());
    assert_eq!(scene.world.buffers_lost(), 0);
}

#[test]
fn what_waits_is_not_heard_after_a_jump() {
    let mut scene = Scene::new(40, Duration::ZERO);
    // All samples tell where they are from.
    let place = |n: usize| i16::try_from(n / 80).unwrap();
    scene.play(20, place);
    scene.jump(80_000);
    assert_eq!(scene.position().offset, millis(10_000), "it is there at once");
    scene.play(20, place);
    assert!(scene.position().offset >= millis(10_300), "{:?}", scene.position());
    let pcm = scene.heard();
    let first = pcm.iter().position(|&sample| sample >= 1000).unwrap();
    // What waited was 400 ms; one tick may have been under way.
    assert!((19 * 160..=22 * 160).contains(&first), "{first}");
    assert!(pcm[first + 160..].iter().all(|&sample| sample >= 1000));
    assert_eq!(pcm[first + 800], place(80_000 + first + 800 - (first - first % 80)), "in order from there");
    assert_eq!(scene.ends(), []);
}

#[test]
fn a_jump_a_pause_and_a_late_writer_do_not_click() {
    let mut scene = Scene::new(40, Duration::ZERO);
    let mut random = Random::new(3);
    for _ in 0..60 {
        scene.play(3, tone);
        match random.below(4) {
            0 => scene.jump(usize::try_from(random.below(50_000)).unwrap()),
            1 => {
                scene.change(PlayerChange::Pause);
                scene.world.run_for(millis(60));
                scene.change(PlayerChange::Resume);
            }
            2 => scene
                .change(PlayerChange::Volume([-6.0, 0.0, 3.0][usize::try_from(random.below(3)).unwrap()])),
            _ => scene.world.run_for(millis(600)),
        }
    }
    let steady = largest_step(&(0..8000).map(tone).collect::<Vec<_>>());
    let step = largest_step(&scene.heard());
    assert!(step <= steady * 2, "a step of {step}, {steady} in the tone itself");
    assert_eq!(scene.ends(), [], "a writer that is late has not ended it");
}

#[test]
fn a_pause_keeps_the_place() {
    let mut scene = Scene::new(40, Duration::ZERO);
    scene.play(20, noise);
    scene.change(PlayerChange::Pause);
    scene.world.run_for(millis(100));
    let before = scene.position();
    let paused_at = scene.heard().len();
    scene.world.run_for(millis(2000));
    assert_eq!(scene.position(), before);
    scene.change(PlayerChange::Resume);
    scene.play(20, noise);
    let pcm = scene.heard();
    // Behind the pause it goes on with the sample that was to come.
    let place = usize::try_from(before.offset.as_millis()).unwrap() * 8;
    let goes_on =
        (paused_at..pcm.len() - 160).find(|&n| (0..80).all(|m| pcm[n + m] == noise(place + FADED + m)));
    let goes_on = goes_on.expect("the audio behind the pause");
    assert!((0..1600).all(|m| pcm[goes_on + m] == noise(place + FADED + m)));
}

#[test]
fn it_ends_as_it_is_told_and_reports_it_once() {
    for (end, expected) in [
        (PlayerChange::Stop(Duration::ZERO), PlayerEnd::Stopped),
        (PlayerChange::Stop(millis(100)), PlayerEnd::Stopped),
    ] {
        let mut scene = Scene::new(40, Duration::ZERO);
        scene.play(10, tone);
        scene.change(end);
        scene.world.run_for(millis(500));
        assert_eq!(scene.ends().len(), 1, "{end:?}");
        assert_eq!(scene.ends()[0].0, expected);
        assert!(scene.writer.as_ref().unwrap().is_closed(), "the writer sees it");
    }
    let mut scene = Scene::new(40, Duration::ZERO);
    scene.play(10, tone);
    scene.press();
    scene.play(10, tone);
    assert_eq!(scene.ends().len(), 1);
    assert_eq!(scene.ends()[0].0, PlayerEnd::BargedIn);
    let mut scene = Scene::new(40, Duration::ZERO);
    scene.play(10, tone);
    let (call, player) = (scene.call, scene.player);
    scene.world.apply(call, CallCommand::RemovePlayer { player }).unwrap();
    assert_eq!(scene.ends().len(), 1);
    assert!(scene.writer.as_ref().unwrap().is_closed());
}

#[test]
fn a_writer_that_goes_without_a_word_has_failed_after_what_it_wrote() {
    let mut scene = Scene::new(40, Duration::ZERO);
    scene.write(30, noise);
    scene.writer = None;
    scene.world.run_for(millis(1000));
    assert_eq!(scene.ends(), [(PlayerEnd::Failed, millis(300))]);
    assert!((FADED..2400).all(|n| scene.heard()[n] == noise(n)));
}

#[test]
fn speech_of_the_party_ends_it() {
    let mut world = World::new(5);
    let call = world.add_call();
    let party = world.add_peer(call, audio([pcmu()]));
    let mut said = vec![0; 8 * 1300];
    said.extend(voice(12));
    let sound = move |n: u64, _: u32| said.get(usize::try_from(n).unwrap()).copied().unwrap_or(0);
    world.peer_mut(party).stream.voice = Some(Voice::new(&pcmu(), 8000, &EncoderSettings::default(), sound));
    world.start(party);
    world.run_for(millis(300));
    let speech = SpeechBargeIn::new(world.peer(party).leg);
    let spec = StreamedSpec { speech_barge_in: Some(speech), ..StreamedSpec::new(8000) };
    let (player, mut writer) = world.add_streamed(call, &spec, 400);
    for block in 0..400_usize {
        let pcm: Vec<i16> = (block * 80..block * 80 + 80).map(|n| tone(n) / 8).collect();
        assert!(writer.write(&pcm, millis(block as u64 * 10 + 10)));
    }
    world.feed(party, Source::Player(player));
    world.run_for(millis(3000));
    let end = |event: &Event| match event {
        Event::PlayerFinished { end, position, .. } => Some((*end, position.offset)),
        _ => None,
    };
    let ends: Vec<_> = world.events.iter().filter_map(|(_, event)| end(event)).collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(ends[0].0, PlayerEnd::BargedInBySpeech);
    // Speech begins a second after the player.
    assert!((millis(1000)..millis(2000)).contains(&ends[0].1), "{ends:?}");
}
