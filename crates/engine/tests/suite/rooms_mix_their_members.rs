//! Conference rooms: each member hears all others at their level and not itself, roles and changes decide who hears whom, those
//! who hear the same are sent the same payloads, and a call of two becomes a room and a call of two again without a seam.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{
    CallId, CommandError, EncoderSettings, Event, GateSettings, LegId, PayloadCodec, RoomChange, RoomId,
    RoomMember, RoomReport, RoomRole, RoomSpec, RoomTapSpec, Source, StreamId, ToneSpec,
};
use mediapoint_testkit::{Ear, PeerId, Voice, World, audio, codec, level_of, pcma, pcmu, tone};

/// Audio that is judged: whole periods of every tone that is used, in milliseconds.
const JUDGED: usize = 200;

struct Scene {
    world: World,
    call: CallId,
    room: RoomId,
    parties: Vec<(PeerId, PayloadCodec)>,
}

/// The tone of a party: all are multiples of 5 Hz, and none is another's harmonic.
fn hertz(party: usize) -> f64 {
    405.0 + 85.0 * party as f64
}

/// What a full-scale sine of amplitude 8000 is, in dBm0.
const SPOKEN: f64 = -9.08;

impl Scene {
    fn new(codecs: &[PayloadCodec], spec: RoomSpec) -> Self {
        let mut world = World::new(5);
        let call = world.add_call();
        let room = world.add_room(call, spec);
        let mut parties = Vec::new();
        for (n, entry) in codecs.iter().enumerate() {
            let party = world.add_peer(call, audio([entry.clone()]));
            let rate = u32::min(entry.codec.clock_rate, 16_000);
            let voice = Voice::new(entry, rate, &EncoderSettings::default(), tone(hertz(n)));
            let peer = world.peer_mut(party);
            peer.stream.voice = Some(voice);
            peer.stream.clock_rate = entry.codec.clock_rate;
            peer.heard.clock_rate = entry.codec.clock_rate;
            peer.heard.keep_packets = true;
            parties.push((party, entry.clone()));
        }
        Self { world, call, room, parties }
    }

    fn leg(&self, party: usize) -> LegId {
        self.world.peer(self.parties[party].0).leg
    }

    fn join(&mut self, party: usize, role: RoomRole) -> Result<(), CommandError> {
        let member = RoomMember { role, ..RoomMember::default() };
        self.world.join_room(self.room, self.parties[party].0, member)
    }

    fn change(&mut self, party: usize, change: RoomChange) {
        let (room, leg) = (self.room, self.leg(party));
        self.world.apply(self.call, CallCommand::ChangeMember { room, leg, change }).unwrap();
    }

    fn start(&mut self) {
        for n in 0..self.parties.len() {
            self.world.start(self.parties[n].0);
        }
    }

    fn run(&mut self, millis: u64) {
        self.world.run_for(Duration::from_millis(millis));
    }

    /// Lets a change of what feeds the parties pass, and then judges anew.
    fn settle(&mut self) {
        self.run(200);
        for (peer, _) in &self.parties {
            self.world.peer_mut(*peer).heard.log.clear();
        }
        self.run(1000);
    }

    /// The levels at which a party hears each of them, in dBm0, in the last audio that came.
    fn heard(&self, party: usize) -> Vec<f64> {
        let (peer, entry) = &self.parties[party];
        let heard = &self.world.peer(*peer).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        let rate = u32::min(entry.codec.clock_rate, 48_000).max(8000);
        let rate = if entry.codec.name() == "g722" { 16_000 } else { rate };
        let ear = Ear::new(&heard.log, std::slice::from_ref(entry), rate);
        assert_eq!(ear.missing(), 0, "a party of a room is sent packets all the time");
        let judged = JUDGED * rate as usize / 1000;
        let last = &ear.pcm[ear.pcm.len() - judged..];
        (0..self.parties.len()).map(|other| level_of(last, hertz(other), rate)).collect()
    }

    #[track_caller]
    fn assert_heard(&self, party: usize, others: &[usize], within: f64, own: f64) {
        for (other, level) in self.heard(party).into_iter().enumerate() {
            if others.contains(&other) {
                assert!((level - SPOKEN).abs() < within, "{party} hears {other} at {level:.1} dBm0");
            } else {
                assert!(level < own, "{party} hears {other} at {level:.1} dBm0, and should not");
            }
        }
    }

    fn reports(&mut self) -> Vec<RoomReport> {
        let room = |(_, event): (_, Event)| match event {
            Event::Room { report, .. } => Some(report),
            _ => None,
        };
        self.world.events.drain(..).filter_map(room).collect()
    }
}

/// Everybody is heard, however many speak; nobody's level is touched.
fn all_heard(capacity: u16) -> RoomSpec {
    RoomSpec { capacity, loudest: capacity, ..RoomSpec::default() }
}

/// A tone's level such that twenty of them do not reach full scale.
fn quietly(scene: &mut Scene, db: f32) {
    for party in 0..scene.parties.len() {
        scene.change(party, RoomChange::GainIn(db));
    }
}

#[test]
fn each_of_twenty_hears_all_others_and_not_himself() {
    let mut scene = Scene::new(&vec![pcmu(); 20], all_heard(20));
    for party in 0..20 {
        scene.join(party, RoomRole::Member).unwrap();
    }
    quietly(&mut scene, -18.0);
    scene.start();
    scene.run(2000);
    for party in 0..20 {
        for (other, level) in scene.heard(party).into_iter().enumerate() {
            if other == party {
                assert!(level < SPOKEN - 18.0 - 30.0, "{party} hears himself at {level:.1} dBm0");
            } else {
                assert!((level - SPOKEN + 18.0).abs() < 0.5, "{party} hears {other} at {level:.1} dBm0");
            }
        }
    }
}

#[test]
fn nobody_hears_himself_at_more_than_60_db_below_the_others() {
    // Without a law's noise: what is left of the own voice is what was not taken out.
    let l16 = codec(97, "L16", 8000);
    let mut scene = Scene::new(&vec![l16; 20], all_heard(20));
    for party in 0..20 {
        scene.join(party, RoomRole::Member).unwrap();
    }
    quietly(&mut scene, -18.0);
    scene.start();
    scene.run(2000);
    for party in 0..20 {
        let heard = scene.heard(party);
        assert!(heard[party] < SPOKEN - 18.0 - 60.0, "{party} hears himself at {:.1} dBm0", heard[party]);
    }
}

#[test]
fn codecs_and_rates_are_mixed_freely() {
    let codecs =
        [pcmu(), pcma(), codec(9, "G722", 8000), codec(96, "opus", 48_000), codec(97, "L16", 16_000), pcmu()];
    let mut scene = Scene::new(&codecs, all_heard(20));
    for party in 0..codecs.len() {
        scene.join(party, RoomRole::Member).unwrap();
    }
    quietly(&mut scene, -8.0);
    scene.start();
    scene.run(3000);
    for party in 0..codecs.len() {
        for (other, level) in scene.heard(party).into_iter().enumerate() {
            if other == party {
                assert!(level < SPOKEN - 8.0 - 25.0, "{party} hears himself at {level:.1} dBm0");
            } else {
                assert!((level - SPOKEN + 8.0).abs() < 2.0, "{party} hears {other} at {level:.1} dBm0");
            }
        }
    }
    assert_eq!(scene.world.statistics(scene.call).rooms[0].rate, 48_000, "the rate of the widest");
}

#[test]
fn roles_decide_who_hears_whom() {
    // An agent, a customer, a coach, a monitor, a listener, and one who whispers to the customer.
    let mut scene = Scene::new(&vec![pcmu(); 6], all_heard(20));
    let (agent, customer) = (scene.leg(0), scene.leg(1));
    let missing = scene.join(2, RoomRole::Coach { agent });
    assert!(missing.is_err(), "the agent is not there yet");
    scene.join(0, RoomRole::Member).unwrap();
    scene.join(1, RoomRole::Member).unwrap();
    scene.join(2, RoomRole::Coach { agent }).unwrap();
    scene.join(3, RoomRole::Monitor).unwrap();
    scene.join(4, RoomRole::Listener).unwrap();
    scene.join(5, RoomRole::Whisper { to: vec![customer] }).unwrap();
    scene.start();
    scene.run(1500);
    let expected: [&[usize]; 6] = [&[1, 2], &[0, 5], &[0, 1], &[0, 1, 2], &[0, 1], &[0, 1]];
    for (party, others) in expected.into_iter().enumerate() {
        scene.assert_heard(party, others, 0.5, SPOKEN - 30.0);
    }
    scene.change(2, RoomChange::Role(RoomRole::Member));
    scene.change(1, RoomChange::Muted(true));
    scene.change(4, RoomChange::Deaf(true));
    scene.run(600);
    let expected: [&[usize]; 6] = [&[2], &[0, 2, 5], &[0], &[0, 2], &[], &[0, 2]];
    for (party, others) in expected.into_iter().enumerate() {
        scene.assert_heard(party, others, 0.5, SPOKEN - 30.0);
    }
}

#[test]
fn a_member_on_hold_hears_music_and_comes_back() {
    let mut scene = Scene::new(&vec![pcmu(); 3], all_heard(20));
    for party in 0..3 {
        scene.join(party, RoomRole::Member).unwrap();
    }
    scene.start();
    scene.run(1000);
    let music = scene.world.add_tone(scene.call, ToneSpec::continuous(3000.0, -12.0));
    scene.change(0, RoomChange::Held(true));
    let held = scene.parties[0].0;
    scene.world.feed(held, Source::Player(music));
    scene.run(600);
    scene.assert_heard(0, &[], 0.5, SPOKEN - 30.0);
    scene.assert_heard(1, &[2], 0.5, SPOKEN - 30.0);
    scene.change(0, RoomChange::Held(false));
    scene.run(600);
    scene.assert_heard(0, &[1, 2], 0.5, SPOKEN - 30.0);
    scene.assert_heard(1, &[0, 2], 0.5, SPOKEN - 30.0);
}

#[test]
fn announcements_reach_all_or_one() {
    let mut scene = Scene::new(&vec![pcmu(); 3], all_heard(20));
    for party in 0..2 {
        scene.join(party, RoomRole::Listener).unwrap();
    }
    scene.join(2, RoomRole::Member).unwrap();
    scene.start();
    let [all, one] =
        [575.0, 405.0].map(|hertz| scene.world.add_tone(scene.call, ToneSpec::continuous(hertz, -12.0)));
    let leg = scene.leg(1);
    let room = scene.room;
    scene.change(2, RoomChange::Muted(true));
    for (player, to) in [(all, vec![]), (one, vec![leg])] {
        scene.world.apply(scene.call, CallCommand::Announce { room, player, to }).unwrap();
    }
    scene.run(1000);
    let expected: [&[usize]; 3] = [&[2], &[0, 2], &[2]];
    for (party, heard) in expected.into_iter().enumerate() {
        let levels = scene.heard(party);
        for (other, level) in levels.into_iter().enumerate() {
            assert_eq!(level > -13.0, heard.contains(&other), "{party}, tone {other}: {level:.1} dBm0");
        }
    }
    // A player that goes takes its announcement along.
    scene.world.apply(scene.call, CallCommand::RemovePlayer { player: all }).unwrap();
    scene.run(600);
    assert!(scene.heard(0).into_iter().all(|level| level < -40.0));
    assert_eq!(scene.world.statistics(scene.call).rooms[0].announcements, [one]);
}

#[test]
fn who_hears_the_same_in_the_same_codec_is_sent_the_same_payloads() {
    for entry in [pcmu(), codec(18, "G729", 8000), codec(9, "G722", 8000), codec(96, "opus", 48_000)] {
        let name = entry.codec.name().to_owned();
        let mut scene = Scene::new(&vec![entry.clone(); 6], all_heard(20));
        // With a pause each second: encoders that predict are changed there.
        let rate = u32::min(entry.codec.clock_rate, 16_000);
        let words = |n: u64, rate: u32| {
            if n % u64::from(rate) < u64::from(rate) * 4 / 5 { tone(hertz(5))(n, rate) } else { 0 }
        };
        let speaker = scene.parties[5].0;
        scene.world.peer_mut(speaker).stream.voice =
            Some(Voice::new(&entry, rate, &EncoderSettings::default(), words));
        for party in 0..4 {
            scene.join(party, RoomRole::Listener).unwrap();
        }
        scene.join(5, RoomRole::Member).unwrap();
        scene.start();
        scene.run(1500);
        // Another one comes later, in the middle of a word.
        scene.join(4, RoomRole::Listener).unwrap();
        scene.run(1200);
        let shared = |scene: &Scene, party: usize| {
            scene.world.leg_statistics(scene.parties[party].0).sent.shared_payloads
        };
        let before: Vec<u64> = (0..5).map(|party| shared(&scene, party)).collect();
        scene.run(950);
        for (party, before) in before.into_iter().enumerate() {
            let sent = shared(&scene, party) - before;
            assert!((46..=48).contains(&sent), "{name}: {sent} payloads of 950 ms were shared with {party}");
        }
        let tail = |party: usize| -> Vec<Vec<u8>> {
            let log = &scene.world.peer(scene.parties[party].0).heard.log;
            log[log.len() - 40..].iter().map(|packet| packet.payload.to_vec()).collect()
        };
        for party in 1..5 {
            assert!(tail(0) == tail(party), "{name}: payloads of listeners 0 and {party} differ");
        }
    }
}

/// What never pauses is shared, too, once the encoders have had the same for long.
#[test]
fn a_late_listener_of_music_shares_its_encoding_in_the_end() {
    let g729 = codec(18, "G729", 8000);
    let mut scene = Scene::new(&vec![g729; 4], all_heard(20));
    for party in 0..2 {
        scene.join(party, RoomRole::Listener).unwrap();
    }
    scene.join(3, RoomRole::Member).unwrap();
    scene.start();
    scene.run(1000);
    scene.join(2, RoomRole::Listener).unwrap();
    scene.run(3000);
    let shared = |scene: &Scene| scene.world.leg_statistics(scene.parties[2].0).sent.shared_payloads;
    assert_eq!(shared(&scene), 0, "not yet");
    scene.run(2000);
    assert!(shared(&scene) > 30, "{} payloads were shared", shared(&scene));
    scene.assert_heard(2, &[3], 2.0, SPOKEN - 20.0);
}

#[test]
fn a_call_of_two_becomes_a_room_and_a_call_of_two_again() {
    let mut scene = Scene::new(&[pcmu(), pcmu(), pcma()], all_heard(20));
    let [a, b] = [0, 1].map(|party| scene.parties[party].0);
    scene.world.connect(a, b);
    scene.start();
    scene.run(1000);
    scene.join(0, RoomRole::Member).unwrap();
    scene.join(1, RoomRole::Member).unwrap();
    scene.join(2, RoomRole::Member).unwrap();
    scene.settle();
    for (party, others) in [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])] {
        scene.assert_heard(party, &others, 0.5, SPOKEN - 30.0);
    }
    let (room, leg) = (scene.room, scene.leg(2));
    scene.world.apply(scene.call, CallCommand::LeaveRoom { room, leg }).unwrap();
    for party in [0, 1] {
        let leg = scene.leg(party);
        scene.world.apply(scene.call, CallCommand::LeaveRoom { room, leg }).unwrap();
    }
    scene.world.connect(a, b);
    scene.settle();
    scene.assert_heard(0, &[1], 0.5, SPOKEN - 30.0);
    scene.assert_heard(1, &[0], 0.5, SPOKEN - 30.0);
}

#[test]
fn who_joins_leaves_and_speaks_is_reported() {
    let mut scene = Scene::new(&vec![pcmu(); 2], RoomSpec { capacity: 2, ..RoomSpec::default() });
    let [first, second] = [scene.leg(0), scene.leg(1)];
    scene.join(0, RoomRole::Member).unwrap();
    scene.join(1, RoomRole::Member).unwrap();
    assert_eq!(scene.reports(), [RoomReport::Joined(first), RoomReport::Joined(second)]);
    scene.world.start(scene.parties[1].0);
    scene.run(500);
    let talk = scene.reports();
    assert!(
        matches!(talk[..], [RoomReport::TalkStarted { leg, level: 11..=14 }, RoomReport::ActiveSpeaker(Some(active))]
            if leg == second && active == second),
        "{talk:?}"
    );
    let figures = scene.world.statistics(scene.call).rooms.remove(0);
    assert_eq!((figures.active, figures.members.len()), (Some(second), 2));
    assert!(figures.members[1].talking && !figures.members[0].talking);
    scene.world.stop(scene.parties[1].0);
    scene.run(1500);
    let silent = scene.reports();
    assert!(
        matches!(silent[..], [RoomReport::TalkStopped { leg, .. }, RoomReport::ActiveSpeaker(None)] if leg == second),
        "{silent:?}"
    );
    scene.world.apply(scene.call, CallCommand::RemoveLeg { leg: second }).unwrap();
    assert_eq!(scene.reports(), [RoomReport::Left(second)]);
}

#[test]
fn a_full_or_locked_room_refuses() {
    let mut scene = Scene::new(&vec![pcmu(); 3], RoomSpec { capacity: 2, ..RoomSpec::default() });
    scene.join(0, RoomRole::Member).unwrap();
    let room = scene.room;
    scene.world.apply(scene.call, CallCommand::LockRoom { room, locked: true }).unwrap();
    assert_eq!(scene.join(1, RoomRole::Member), Err(CommandError::RoomLocked));
    scene.world.apply(scene.call, CallCommand::LockRoom { room, locked: false }).unwrap();
    scene.join(1, RoomRole::Member).unwrap();
    assert_eq!(
        scene.join(2, RoomRole::Member),
        Err(CommandError::NoRoom { what: "members of the room", limit: 2 })
    );
    assert!(scene.join(1, RoomRole::Member).is_err(), "it is there already");
    let leg = scene.leg(2);
    let source = Source::Room(room);
    assert!(
        scene.world.apply(scene.call, CallCommand::SetSource { leg, source }).is_err(),
        "a room feeds its members alone"
    );
    let loud = RoomMember { gain_in_db: 40.0, ..RoomMember::default() };
    let other = scene.world.add_room(scene.call, RoomSpec::default());
    assert!(scene.world.join_room(other, scene.parties[2].0, loud).is_err(), "a gain out of range");
    assert!(
        scene.world.join_room(other, scene.parties[0].0, RoomMember::default()).is_err(),
        "two rooms at once"
    );
}

#[test]
fn silence_is_not_mixed_and_words_are_not_cut() {
    let gate = GateSettings { hangover_ms: 300, ..GateSettings::default() };
    let mut scene = Scene::new(&vec![pcmu(); 3], RoomSpec { gate, ..RoomSpec::default() });
    // Noise of a room at -70 dBov, and each second a word of 400 ms.
    for party in 0..3 {
        let peer = scene.parties[party].0;
        let word = move |n: u64, rate: u32| {
            let at = n % u64::from(rate);
            let speaks = party == 2 && at < u64::from(rate) * 2 / 5;
            if speaks { tone(hertz(2))(n, rate) } else { [3, -2, 1, -3, 2][(n % 5) as usize] }
        };
        scene.world.peer_mut(peer).stream.voice =
            Some(Voice::new(&pcmu(), 8000, &EncoderSettings::default(), word));
    }
    for party in 0..3 {
        scene.join(party, RoomRole::Member).unwrap();
    }
    scene.start();
    scene.run(6000);
    let heard = &scene.world.peer(scene.parties[0].0).heard;
    let ear = Ear::new(&heard.log, &[pcmu()], 8000);
    let loud = |pcm: &[i16]| level_of(pcm, hertz(2), 8000) > SPOKEN - 3.0;
    let blocks: Vec<bool> = ear.pcm.chunks(80).map(loud).collect();
    // Words of 40 blocks of 10 ms, of which the first may fade in.
    let words = blocks.split(|speaks| !speaks).map(<[bool]>::len).filter(|len| *len > 0);
    let words: Vec<usize> = words.collect();
    assert!(words.len() >= 5 && words[1..words.len() - 1].iter().all(|len| *len >= 38), "{words:?}");
    let quiet = ear.pcm.chunks(80).filter(|block| block.iter().all(|sample| sample.abs() <= 8)).count();
    assert!(
        quiet * 4 > blocks.len(),
        "the noise of others is not heard in pauses: {quiet} of {}",
        blocks.len()
    );
    let figures = scene.world.statistics(scene.call).rooms.remove(0);
    assert_eq!(figures.members[0].statistics.mixed_ms, 0, "who does not speak is not mixed");
}

/// Three rooms of two parties each, linked with each other, as on three workers.
struct Linked {
    scene: Scene,
    rooms: Vec<(CallId, RoomId)>,
    streams: Vec<[StreamId; 2]>,
}

impl Linked {
    /// A mesh, or a star whose hub is the first room.
    fn new(entry: &PayloadCodec, star: bool) -> Self {
        let mut scene = Scene::new(&[], all_heard(20));
        let mut rooms = Vec::new();
        for n in 0..3 {
            let call = scene.world.add_call();
            let spec = RoomSpec { forward_links: star && n == 0, ..all_heard(20) };
            let room = scene.world.add_room(call, spec);
            rooms.push((call, room));
            for _ in 0..2 {
                let party = scene.world.add_peer(call, audio([entry.clone()]));
                let sound = tone(hertz(scene.parties.len()));
                let rate = entry.codec.clock_rate;
                let peer = scene.world.peer_mut(party);
                peer.stream.voice = Some(Voice::new(entry, rate, &EncoderSettings::default(), sound));
                peer.stream.clock_rate = rate;
                peer.heard.clock_rate = rate;
                peer.heard.keep_packets = true;
                let member = RoomMember { gain_in_db: -12.0, ..RoomMember::default() };
                scene.world.join_room(room, party, member).unwrap();
                scene.parties.push((party, entry.clone()));
            }
            scene.world.run_for(Duration::from_millis(7));
        }
        let pairs = if star { vec![(0, 1), (0, 2)] } else { vec![(0, 1), (0, 2), (1, 2)] };
        let link =
            |(a, b): (usize, usize)| scene.world.link_rooms([rooms[a], rooms[b]], entry.codec.clock_rate);
        let streams = pairs.into_iter().map(link).collect();
        Self { scene, rooms, streams }
    }

    #[track_caller]
    fn assert_all_hear_all(&self) {
        for party in 0..6 {
            for (other, level) in self.scene.heard(party).into_iter().enumerate() {
                if other == party {
                    assert!(level < SPOKEN - 12.0 - 60.0, "{party} hears himself at {level:.1} dBm0");
                } else {
                    assert!((level - SPOKEN + 12.0).abs() < 0.1, "{party} hears {other} at {level:.1} dBm0");
                }
            }
        }
    }
}

#[test]
fn rooms_of_several_workers_are_one_room() {
    for (rate, star) in [(8000, false), (16_000, false), (8000, true)] {
        let mut linked = Linked::new(&codec(97, "L16", rate), star);
        linked.scene.start();
        linked.scene.run(2000);
        linked.assert_all_hear_all();
        for (call, _) in &linked.rooms {
            let streams = linked.scene.world.statistics(*call).streams;
            assert!(
                !streams.is_empty() && streams.iter().all(|(_, figures)| figures.starved == 0),
                "{streams:?}"
            );
        }
    }
}

#[test]
fn a_link_that_ends_takes_its_own_members_alone() {
    let mut linked = Linked::new(&codec(97, "L16", 8000), false);
    linked.scene.start();
    linked.scene.run(1000);
    // The call of the third room ends; the link between the first two is cut and made again.
    linked.scene.world.end_call(linked.rooms[2].0);
    linked.scene.settle();
    for (party, other) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
        let heard = linked.scene.heard(party);
        assert!(
            (heard[other] - SPOKEN + 12.0).abs() < 0.1 && heard[4] < -60.0 && heard[5] < -60.0,
            "{heard:?}"
        );
        assert!((heard[(party + 2) % 4] - SPOKEN + 12.0).abs() < 0.1, "{heard:?}");
    }
    let rooms = |linked: &Linked, at: usize| {
        let mut figures = linked.scene.world.statistics(linked.rooms[at].0);
        (figures.rooms.remove(0).links.len(), figures.streams.len())
    };
    assert_eq!((rooms(&linked, 0), rooms(&linked, 1)), ((1, 1), (1, 1)));
    let stream = linked.streams[0][0];
    linked.scene.world.apply(linked.rooms[0].0, CallCommand::RemoveStream { stream }).unwrap();
    linked.scene.settle();
    assert_eq!((rooms(&linked, 0), rooms(&linked, 1)), ((0, 0), (0, 0)));
    for (party, other) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
        let heard = linked.scene.heard(party);
        assert!((heard[other] - SPOKEN + 12.0).abs() < 0.1 && heard[(party + 2) % 4] < -60.0, "{heard:?}");
    }
    let ends = [linked.rooms[0], linked.rooms[1]];
    linked.scene.world.link_rooms(ends, 8000);
    linked.scene.settle();
    let heard = linked.scene.heard(0);
    assert!([1, 2, 3].iter().all(|other| (heard[*other] - SPOKEN + 12.0).abs() < 0.1), "{heard:?}");
}

#[test]
fn a_tap_on_a_room_has_all_that_is_said() {
    let mut scene =
        Scene::new(&[pcmu(), pcma(), codec(9, "G722", 8000)], RoomSpec { capacity: 4, ..all_heard(4) });
    for party in 0..2 {
        scene.join(party, RoomRole::Member).unwrap();
    }
    let agent = scene.leg(0);
    scene.join(2, RoomRole::Coach { agent }).unwrap();
    let room = (scene.call, scene.room);
    scene.world.apply(scene.call, CallCommand::LockRoom { room: scene.room, locked: true }).unwrap();
    let (tap, mut frames) = scene.world.tap_room(room, &RoomTapSpec::default(), 400);
    scene.start();
    scene.run(2000);
    let mut pcm = Vec::new();
    let mut next = None;
    while let Some(()) = frames.pop_with(|frame| {
        assert_eq!(frame.position, next.unwrap_or(frame.position), "no tick is missing");
        next = Some(frame.position + frame.received.pcm().len() as u64);
        pcm.extend_from_slice(frame.received.pcm());
    }) {}
    assert!(pcm.len() >= 8000 * 19 / 10, "{} samples of 2 s", pcm.len());
    let last = &pcm[pcm.len() - JUDGED * 8..];
    for (party, heard) in [(0, true), (1, true), (2, false)] {
        let level = level_of(last, hertz(party), 8000);
        assert_eq!((level - SPOKEN).abs() < 0.5, heard, "{party} at {level:.1} dBm0");
        assert!(heard || level < -40.0, "the coach is heard by the agent alone");
    }
    // It is no member in the figures, and gives its place back.
    assert_eq!(scene.world.statistics(scene.call).rooms[0].members.len(), 3);
    scene.world.apply(scene.call, CallCommand::RemoveTap { tap }).unwrap();
    let _: (_, _) = scene.world.tap_room(room, &RoomTapSpec::default(), 4);
    scene.world.apply(scene.call, CallCommand::RemoveRoom { room: scene.room }).unwrap();
    assert_eq!(scene.world.statistics(scene.call).taps, [], "taps go with their room");
}
