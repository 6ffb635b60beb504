//! Prompts to a leg: every sample in its place, without a gap between prompts, encoded once for all who hear them, paused,
//! stopped, made louder, ended by a key, saved and gone on with.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use std::sync::Arc;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::source::player::Player;
use mediapoint_engine::{
    CallId, Codec, CommandError, Event, Item, PayloadCodec, PayloadType, PlayerChange, PlayerEnd, PlayerId,
    Playlist, Position, Prompt, PromptsSpec, Repeat, Source,
};
use mediapoint_g711::Law;
use mediapoint_prompt::Audio;
use mediapoint_testkit::{Ear, PeerId, World, audio, codec, level_of, pcma, pcmu, rtp_port, telephone_event};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Samples that G.711 keeps as they are, other ones at every place.
fn samples(len: u32, seed: u32) -> Vec<i16> {
    let value = |n: u32| u8::try_from((n.wrapping_mul(2_654_435_761).wrapping_add(seed * 97) >> 13) & 0xff);
    (0..len).map(|n| mediapoint_g711::decode(Law::Mu, value(n).unwrap())).collect()
}

fn prompt(name: &str, rate: u32, samples: Vec<i16>) -> Arc<Prompt> {
    Prompt::new(name, Audio { rate, samples })
}

#[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
fn sine(rate: u32, hertz: f64, millis: u32) -> Vec<i16> {
    let step = std::f64::consts::TAU * hertz / f64::from(rate);
    (0..rate / 1000 * millis).map(|n| (8000.0 * (f64::from(n) * step).sin()) as i16).collect()
}

struct Scene {
    world: World,
    call: CallId,
    party: PeerId,
    player: PlayerId,
}

impl Scene {
    fn change(&mut self, change: PlayerChange) {
        let (call, player) = (self.call, self.player);
        self.world.apply(call, CallCommand::ChangePlayer { player, change }).unwrap();
    }

    /// The payloads that came, one after the other.
    fn octets(&self) -> Vec<u8> {
        self.world.peer(self.party).heard.log.iter().flat_map(|packet| packet.payload.clone()).collect()
    }

    fn ends(&self) -> Vec<(PlayerEnd, Position)> {
        let end = |event: &Event| match event {
            Event::PlayerFinished { player, end, position, .. } if *player == self.player => {
                Some((*end, *position))
            }
            _ => None,
        };
        self.world.events.iter().filter_map(|(_, event)| end(event)).collect()
    }

    fn press(&mut self, key: u8) {
        let (address, slot) = (self.world.peer(self.party).address, self.world.peer(self.party).slot);
        let event = [0x80, 0x80 | 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, key, 10, 0, 160];
        self.world.inject(rtp_port(slot), address, &event);
    }
}

/// A party that is played prompts from now on.
fn play_to(entry: &PayloadCodec, spec: PromptsSpec) -> Scene {
    let mut world = World::new(5);
    let call = world.add_call();
    let party = world.add_peer(call, audio([entry.clone(), telephone_event(101)]));
    let heard = &mut world.peer_mut(party).heard;
    (heard.keep_packets, heard.clock_rate) = (true, entry.codec.clock_rate);
    world.run_for(millis(777));
    let spec = PromptsSpec { barge_in: spec.barge_in.map(|_| world.peer(party).leg), ..spec };
    let player = world.add_prompts(call, spec);
    world.feed(party, Source::Player(player));
    Scene { world, call, party, player }
}

/// What was encoded with the signal before it: 5 ms of a change.
const CHANGE: usize = 40;

#[test]
fn every_sample_is_in_its_place_and_prompts_follow_without_a_gap() {
    // The join is in the middle of a frame.
    let (first, second) = (samples(4100, 1), samples(2300, 2));
    let playlist = Playlist::of([prompt("one", 8000, first.clone()), prompt("two", 8000, second.clone())]);
    let mut scene = play_to(&pcmu(), PromptsSpec::new(playlist, pcmu()));
    scene.world.run_for(millis(1500));
    let expected: Vec<u8> =
        first.iter().chain(&second).map(|sample| mediapoint_g711::encode(Law::Mu, *sample)).collect();
    let octets = scene.octets();
    assert_eq!(octets[CHANGE..expected.len()], expected[CHANGE..], "the samples, in order");
    assert!(octets.len() <= expected.len() + 160 * 3, "{} octets of {}", octets.len(), expected.len());
    let offset = Duration::from_micros(2300 * 125);
    let position = Position { item: 1, offset, played: millis(800) };
    assert_eq!(scene.ends(), [(PlayerEnd::Finished, position)]);
    assert_eq!(scene.world.buffers_lost(), 0);
}

#[test]
fn a_thousand_listeners_cost_one_encoding_and_are_sent_what_it_made() {
    let opus = PayloadCodec::new(PayloadType::new(96).unwrap(), Codec::OPUS);
    for (entry, rate) in [(opus, 48_000), (codec(18, "G729", 8000), 8000), (codec(9, "G722", 8000), 16_000)] {
        // A pause to begin in, as recorded speech has.
        let mut audio = vec![0; rate as usize / 10];
        audio.extend(sine(rate, 440.0, 400));
        let prompt = prompt("greeting", rate, audio);
        for _ in 0..20 {
            let spec = PromptsSpec::new(Playlist::of([Arc::clone(&prompt)]), entry.clone());
            let mut scene = play_to(&entry, spec);
            scene.world.run_for(millis(700));
            let encoded = prompt.encoded(&entry.codec, &entry.parameters, 20).unwrap();
            let log = &scene.world.peer(scene.party).heard.log;
            // The first packets begin out of silence and are encoded for this leg.
            for (number, packet) in log.iter().enumerate().take(encoded.frames()).skip(2) {
                let name = entry.codec.name();
                assert_eq!(Some(&*packet.payload), encoded.frame(number), "{name}: packet {number}");
            }
            assert!(log.len() >= encoded.frames());
        }
        assert_eq!(prompt.encodings(), 1, "{}", entry.codec.name());
    }
}

#[test]
fn legs_of_other_codecs_are_encoded_for() {
    let spec = PromptsSpec::new(Playlist::of([prompt("one", 8000, sine(8000, 1000.0, 2000))]), pcmu());
    let mut scene = play_to(&pcma(), spec);
    scene.world.run_for(millis(1500));
    let ear = Ear::new(&scene.world.peer(scene.party).heard.log, &[pcma()], 8000);
    let level = level_of(&ear.pcm[800..8800], 1000.0, 8000);
    let expected = level_of(&sine(8000, 1000.0, 2000)[800..8800], 1000.0, 8000);
    assert!((level - expected).abs() < 0.2, "{level} dBm0, not {expected}");
}

#[test]
fn a_pause_keeps_the_place() {
    let all = samples(16_000, 3);
    let playlist = Playlist::of([prompt("one", 8000, all.clone())]);
    let mut scene = play_to(&pcmu(), PromptsSpec::new(playlist, pcmu()));
    scene.world.run_for(millis(400));
    scene.change(PlayerChange::Pause);
    scene.world.run_for(millis(1000));
    let before = scene.octets().len();
    scene.world.run_for(millis(1000));
    assert_eq!(scene.octets().len(), before, "nothing is sent in a pause");
    let position = scene.world.statistics(scene.call).players[0].1;
    scene.change(PlayerChange::Resume);
    scene.world.run_for(millis(2000));
    let rest = usize::try_from(position.played.as_micros() / 125).unwrap();
    let expected: Vec<u8> =
        all[rest..].iter().map(|sample| mediapoint_g711::encode(Law::Mu, *sample)).collect();
    let octets = scene.octets();
    assert_eq!(octets[before + CHANGE..before + expected.len()], expected[CHANGE..]);
    assert_eq!(scene.ends()[0].0, PlayerEnd::Finished);
}

#[test]
fn volume_and_stop_take_effect_and_the_end_is_reported_once() {
    for entry in [pcmu(), codec(18, "G729", 8000)] {
        // Payloads that were made before begin in the pause.
        let mut audio = vec![0; 1600];
        audio.extend(sine(8000, 1000.0, 1000));
        let playlist = Playlist { repeat: Repeat::FOREVER, ..Playlist::of([prompt("one", 8000, audio)]) };
        let mut scene = play_to(&entry, PromptsSpec::new(playlist, entry.clone()));
        scene.world.run_for(millis(1000));
        scene.change(PlayerChange::Volume(-12.0));
        scene.world.run_for(millis(1000));
        scene.change(PlayerChange::Volume(0.0));
        scene.world.run_for(millis(1400));
        scene.change(PlayerChange::Stop(millis(100)));
        scene.world.run_for(millis(1000));
        scene.change(PlayerChange::Stop(millis(0)));
        scene.world.run_for(millis(100));
        let log = &scene.world.peer(scene.party).heard.log;
        let ear = Ear::new(log, std::slice::from_ref(&entry), 8000);
        let level = |from: usize| level_of(&ear.pcm[from..from + 4000], 1000.0, 8000);
        let (loud, quiet, again) = (level(2400), level(11_600), level(21_400));
        assert!((loud - quiet - 12.0).abs() < 1.5, "{loud} dBm0 and {quiet}");
        assert!((loud - again).abs() < 1.0, "{loud} dBm0 and {again}");
        // Between payloads that were made before and those that are made now nothing clicks.
        let steps = ear.pcm[800..27_000].windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
        assert!(steps < 8000, "{}: a step of {steps}", entry.codec.name());
        let ends = scene.ends();
        assert_eq!(ends.iter().map(|(end, _)| *end).collect::<Vec<_>>(), [PlayerEnd::Stopped]);
        assert!((millis(3480)..=millis(3540)).contains(&ends[0].1.played), "{:?}", ends[0].1);
    }
}

#[test]
fn a_key_ends_what_it_may_end() {
    let long = || Playlist::of([prompt("menu", 8000, samples(80_000, 4))]);
    let barge_in = Some(mediapoint_engine::LegId::from_u64(0));
    let mut scene = play_to(&pcmu(), PromptsSpec { barge_in, ..PromptsSpec::new(long(), pcmu()) });
    scene.world.run_for(millis(1000));
    scene.press(5);
    scene.world.run_for(millis(60));
    let ends = scene.ends();
    assert_eq!(ends[0].0, PlayerEnd::BargedIn);
    assert!(ends[0].1.played <= millis(1040), "{:?}", ends[0].1);
    let sent = scene.octets().len();
    scene.world.run_for(millis(500));
    assert_eq!(scene.octets().len(), sent, "it is silent behind the key");

    let mut scene = play_to(&pcmu(), PromptsSpec::new(long(), pcmu()));
    scene.world.run_for(millis(1000));
    scene.press(5);
    scene.world.run_for(millis(500));
    assert_eq!(scene.ends(), []);
}

#[test]
fn who_listens_to_shared_music_hears_the_same_whenever_he_came() {
    let music = prompt("music", 8000, samples(24_000, 5));
    let mut world = World::new(9);
    let mut scenes = Vec::new();
    for late in [0, 1234] {
        world.run_for(millis(late));
        let call = world.add_call();
        let party = world.add_peer(call, audio([pcmu()]));
        world.peer_mut(party).heard.keep_packets = true;
        let spec =
            PromptsSpec { shared: true, ..PromptsSpec::new(Playlist::of([Arc::clone(&music)]), pcmu()) };
        let player = world.add_prompts(call, spec);
        world.feed(party, Source::Player(player));
        scenes.push(party);
    }
    world.run_for(millis(7000));
    let [first, second] = [0, 1].map(|n| &world.peer(scenes[n]).heard.log);
    // Two calls have other phases within a frame: what counts is the same within 20 ms.
    let mut same = 0;
    for packet in second.iter().skip(2) {
        let near = first
            .iter()
            .filter(|other| other.at.since(packet.at).max(packet.at.since(other.at)) <= millis(20));
        same += u32::from(near.into_iter().any(|other| other.payload == packet.payload));
    }
    assert_eq!(usize::try_from(same).unwrap(), second.len() - 2);
    assert_eq!(music.encodings(), 1);
}

#[test]
fn parts_times_and_starts_are_kept() {
    let all = samples(16_000, 6);
    let item = Item { prompt: prompt("one", 8000, all.clone()), start: millis(100), end: Some(millis(300)) };
    let playlist =
        Playlist { items: vec![item], repeat: Repeat { times: Some(3), duration: None }, ..Playlist::of([]) };
    let mut scene = play_to(&pcmu(), PromptsSpec::new(playlist, pcmu()));
    scene.world.run_for(millis(1500));
    let part: Vec<u8> =
        all[800..2400].iter().map(|sample| mediapoint_g711::encode(Law::Mu, *sample)).collect();
    let expected = part.repeat(3);
    assert_eq!(scene.octets()[CHANGE..expected.len()], expected[CHANGE..]);
    assert_eq!(scene.ends()[0].1.played, millis(600));
}

#[test]
fn what_cannot_be_is_refused() {
    let mut scene = play_to(&pcmu(), PromptsSpec::new(Playlist::of([]), pcmu()));
    scene.world.run_for(millis(100));
    assert_eq!(scene.ends()[0].0, PlayerEnd::Finished, "nothing to play is an end");
    let (call, player) = (scene.call, PlayerId::from_u64(4711));
    let rate = PromptsSpec { rate: 11_025, ..PromptsSpec::new(Playlist::of([]), pcmu()) };
    let spec = mediapoint_engine::PlayerSpec::Prompts(rate);
    let refused = Player::new(player, spec).map(|_| ());
    assert_eq!(refused, Err(CommandError::OutOfRange { what: "the sample rate of the prompts" }));
    let change = CallCommand::ChangePlayer { player, change: PlayerChange::Pause };
    let none = Err(CommandError::NoSuchObject { kind: "player", id: 4711 });
    assert_eq!(scene.world.apply(call, change), none);
    // One that is removed reports that it ended.
    let music = Playlist::of([prompt("one", 8000, samples(8000, 7))]);
    let mut scene = play_to(&pcmu(), PromptsSpec::new(music, pcmu()));
    scene.world.run_for(millis(200));
    scene.world.apply(scene.call, CallCommand::RemovePlayer { player: scene.player }).unwrap();
    assert_eq!(scene.ends()[0].0, PlayerEnd::Stopped);
}

#[test]
fn a_snapshot_goes_on_where_it_was_with_the_prompts_given_again() {
    let all = samples(24_000, 8);
    let music = prompt("music", 8000, all.clone());
    let mut scene = play_to(&pcmu(), PromptsSpec::new(Playlist::of([Arc::clone(&music)]), pcmu()));
    scene.world.run_for(millis(1000));
    let played = scene.world.statistics(scene.call).players[0].1.played;
    let call = scene.call;
    let snapshot = scene.world.snapshot(call).unwrap();
    let text = serde_json::to_string(&snapshot).unwrap();
    assert!(!text.contains("samples"), "audio is no part of it");
    let mut snapshot: mediapoint_engine::CallSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(snapshot.set_prompts(|_| None), ["music"]);
    assert_eq!(snapshot.set_prompts(|name| (name == "music").then(|| Arc::clone(&music))), [""; 0]);
    scene.world.kill_session();
    // What was on its way comes.
    scene.world.run_for(millis(40));
    let before = scene.octets().len();
    scene.world.restore(&snapshot).unwrap();
    scene.world.run_for(millis(3000));
    let rest = usize::try_from(played.as_micros() / 125).unwrap();
    let expected: Vec<u8> =
        all[rest..].iter().map(|sample| mediapoint_g711::encode(Law::Mu, *sample)).collect();
    let octets = scene.octets();
    assert!(octets[before + CHANGE..before + expected.len()] == expected[CHANGE..], "the samples, in order");
    assert_eq!(scene.ends()[0].0, PlayerEnd::Finished);
}

#[test]
fn between_prompts_that_were_encoded_apart_nothing_clicks() {
    // The first begins in silence, the second in the middle of a loud tone, and so it begins again.
    let mut first = vec![0; 1600];
    first.extend(sine(8000, 1000.0, 1000));
    let (first, second) = (prompt("one", 8000, first), prompt("two", 8000, sine(8000, 400.0, 1000)));
    let entry = codec(18, "G729", 8000);
    let playlist =
        Playlist { repeat: Repeat::FOREVER, ..Playlist::of([second.clone(), first, second.clone(), second]) };
    let mut scene = play_to(&entry, PromptsSpec::new(playlist, entry.clone()));
    scene.world.run_for(millis(12_000));
    let ear = Ear::new(&scene.world.peer(scene.party).heard.log, std::slice::from_ref(&entry), 8000);
    let pcm = &ear.pcm[800..80_000];
    let steps = pcm.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
    let peak = pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!(steps < 10_000 && peak < 13_000, "a step of {steps}, a peak of {peak}");
}

#[test]
fn behind_a_prompt_the_other_party_is_heard_and_nothing_of_the_prompt() {
    let playlist =
        Playlist { repeat: Repeat::FOREVER, ..Playlist::of([prompt("one", 8000, samples(8000, 9))]) };
    let mut scene = play_to(&pcmu(), PromptsSpec::new(playlist, pcmu()));
    // Audio from the other party is decoded and encoded for this one.
    let other = scene.world.add_peer(scene.call, audio([codec(97, "L16", 8000)]));
    scene.world.run_for(millis(500));
    scene.world.start(other);
    scene.world.connect(scene.party, other);
    scene.world.run_for(millis(300));
    let before = scene.world.peer(scene.party).heard.log.len();
    scene.world.run_for(millis(1000));
    let log = &scene.world.peer(scene.party).heard.log[before..];
    assert!(log.len() >= 45, "{} packets", log.len());
    let repeated = log.windows(2).filter(|pair| pair[0].payload == pair[1].payload).count();
    let first: Vec<u8> =
        samples(8000, 9).iter().map(|sample| mediapoint_g711::encode(Law::Mu, *sample)).collect();
    let of_prompt =
        log.iter().filter(|packet| first.chunks(160).any(|frame| frame == packet.payload)).count();
    assert_eq!((of_prompt, repeated), (0, 0), "frames of the prompt, repeated frames");
}
