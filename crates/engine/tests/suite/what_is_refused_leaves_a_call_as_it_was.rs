//! Every command that adds work to a call needs points. Where no worker has them it is refused, and the call is as it was: its price,
//! its figures, its media.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_engine::{
    AnalysisSpec, AudioTapSpec, Call, CallSpec, CallStatistics, Codec, CommandError, DetectorSettings,
    Engine, LegChange, LegConfig, MasterKey, MixId, MixSpec, MoveError, OpenLegError, PacketTapSpec,
    PacketTarget, PayloadCodec, PayloadType, Pending, Placement, PlayerId, PlayerSpec, Points, Relearn,
    RoomId, RoomMember, RoomSpec, RoomTapSpec, Source, SrtpKeys, StreamSpec, Suite, TapSide, ToneSpec,
};
use mediapoint_testkit::phone::{Pair, builder, pcmu_leg, wait_until};

fn g729_leg() -> LegConfig {
    let entry = PayloadCodec::new(PayloadType::new(18).unwrap(), Codec::G729);
    LegConfig { codecs: vec![entry], ..LegConfig::default() }
}

fn secure_leg() -> LegConfig {
    let key = || MasterKey::generate(Suite::AesCm128HmacSha1_80).unwrap();
    let keys = SrtpKeys { inbound: Some(key()), inbound_mki: None, outbound: key() };
    LegConfig { srtp: Some(keys), ..pcmu_leg() }
}

/// A call that has what others are made of, and costs no more for it; and others that it is linked and merged with.
struct Scene {
    engine: Engine,
    pair: Pair,
    player: PlayerId,
    mix: MixId,
    room: RoomId,
    other: Call,
    other_room: RoomId,
    coded: Call,
}

impl Scene {
    fn new(address: &str, budget: Points) -> Self {
        let (engine, events) = builder(address, 23_400..=23_599).budget(budget).build().unwrap();
        // Nobody reads them here, and none may be missed.
        std::thread::spawn(move || while events.recv().is_some() {});
        let pair = Pair::new(&engine, 0);
        let call = pair.call.clone();
        let player = call.add_player(PlayerSpec::Tone(ToneSpec::continuous(440.0, -10.0))).unwrap().0;
        let mix = call.add_mix(MixSpec { inputs: vec![Source::Player(player)] }).unwrap().0;
        let room = call.add_room(RoomSpec::default()).unwrap().0;
        let [other, coded] = [(); 2].map(|()| engine.create_call(CallSpec::default()).unwrap());
        let other_room = other.add_room(RoomSpec::default()).unwrap().0;
        for _ in 0..2 {
            drop(coded.open_leg(&Placement::default(), g729_leg()).unwrap());
        }
        Self { engine, pair, player, mix, room, other, other_room, coded }
    }

    fn used(&self) -> Points {
        self.engine.load().workers.iter().map(|worker| worker.used).sum()
    }

    /// The call's figures, without those that time alone changes.
    fn figures(&self) -> CallStatistics {
        let mut figures = self.pair.call.statistics().unwrap().wait().unwrap();
        figures.age = Duration::ZERO;
        figures.legs.iter_mut().for_each(|leg| leg.idle = None);
        figures
    }
}

/// What came of a command: refused for want of points, or not.
fn outcome<T>(result: Result<T, CommandError>) -> Result<(), bool> {
    result.map(drop).map_err(|error| matches!(error, CommandError::NoPoints { .. }))
}

type Attempt = (&'static str, fn(&Scene) -> Result<(), bool>);

fn audio_tap(scene: &Scene) -> AudioTapSpec {
    AudioTapSpec {
        leg: scene.pair.a.leg.id,
        side: TapSide::Both,
        rate: 8000,
        capacity: Duration::from_secs(1),
        mask_secure_input: true,
        beep: None,
    }
}

fn packet_tap(scene: &Scene, side: TapSide) -> PacketTapSpec {
    let target = PacketTarget::Address(scene.pair.b.socket.local_addr().unwrap());
    PacketTapSpec { leg: scene.pair.a.leg.id, side, target }
}

/// Every command that adds work.
const ATTEMPTS: [Attempt; 16] = [
    ("another codec", |scene| {
        outcome(scene.pair.call.configure_leg(scene.pair.b.leg.id, g729_leg(), Relearn::IfMoved))
    }),
    ("keys", |scene| {
        outcome(scene.pair.call.configure_leg(scene.pair.b.leg.id, secure_leg(), Relearn::IfMoved))
    }),
    ("a leg", |scene| match scene.pair.call.open_leg(&Placement::default(), pcmu_leg()) {
        Ok(_) => Ok(()),
        Err(OpenLegError::Admission(error)) => Err(error.to_string().contains("points")),
        Err(_) => Err(false),
    }),
    ("a prompt", |scene| {
        outcome(scene.pair.call.set_source(scene.pair.a.leg.id, Source::Player(scene.player)))
    }),
    ("a mix of a party", |scene| {
        let inputs = vec![Source::Leg(scene.pair.a.leg.id)];
        outcome(scene.pair.call.add_mix(MixSpec { inputs }))
    }),
    ("a party in a mix", |scene| {
        let inputs = vec![Source::Leg(scene.pair.a.leg.id)];
        outcome(scene.pair.call.set_mix_inputs(scene.mix, MixSpec { inputs }))
    }),
    ("a conference", |scene| {
        outcome(scene.pair.call.join_room(scene.room, scene.pair.a.leg.id, RoomMember::default()))
    }),
    ("digits in the audio", |scene| {
        outcome(scene.pair.call.tap_digits(scene.pair.a.leg.id, DetectorSettings::default()))
    }),
    ("an audio tap, as of a recording", |scene| outcome(scene.pair.call.tap_audio(audio_tap(scene)))),
    ("an analysis", |scene| outcome(scene.pair.call.analyse(AnalysisSpec::new(scene.pair.a.leg.id)))),
    ("a packet tap", |scene| outcome(scene.pair.call.tap_packets(packet_tap(scene, TapSide::Received)))),
    ("a tap on a conference", |scene| outcome(scene.pair.call.tap_room(scene.room, RoomTapSpec::default()))),
    ("a link", |scene| outcome(scene.pair.call.link_rooms(scene.room, &scene.other, scene.other_room, 8000))),
    ("a link from there", |scene| {
        outcome(scene.other.link_rooms(scene.other_room, &scene.pair.call, scene.room, 8000))
    }),
    ("a leg of another call", |scene| {
        let legs = scene.coded.statistics().unwrap().wait().unwrap().legs;
        match scene.coded.move_leg(legs[0].leg, &scene.pair.call) {
            Ok(_) => Ok(()),
            Err(error) => Err(matches!(error, MoveError::Command(CommandError::NoPoints { .. }))),
        }
    }),
    ("a change of both legs", |scene| {
        let (a, b) = (scene.pair.a.leg.id, scene.pair.b.leg.id);
        let g729 = g729_leg();
        let fed = [Source::Player(scene.player)];
        let changes = [
            LegChange { leg: a, config: Some(&g729), sources: None, digits: false },
            LegChange { leg: b, config: None, sources: Some(&fed), digits: true },
        ];
        outcome(scene.pair.call.reserve(&changes))
    }),
];

#[test]
fn a_command_that_needs_points_is_refused_without_them_and_nothing_has_changed() {
    let mut scene = Scene::new("127.9.72.1", Points::whole(4));
    scene.pair.exchange();
    // All that is left, so that nothing more fits.
    let rest = CallSpec { points: Some(Points::ONE), ..CallSpec::default() };
    let full = scene.engine.create_call(rest).unwrap();
    assert_eq!(scene.used(), Points::whole(4));
    for (what, attempt) in ATTEMPTS {
        let before = scene.figures();
        assert_eq!(attempt(&scene), Err(true), "{what}");
        assert_eq!(scene.figures(), before, "{what}");
        assert_eq!((scene.used(), scene.pair.call.points()), (Points::whole(4), Points::ONE), "{what}");
        scene.pair.exchange();
    }
    // The same commands are taken once there is room, each in a call of its own.
    drop(full.end().unwrap());
    scene.engine.shutdown();
}

#[test]
fn each_of_them_is_taken_where_there_are_points_and_costs_some() {
    for (n, (what, attempt)) in ATTEMPTS.into_iter().enumerate() {
        let scene = Scene::new(&format!("127.9.72.{}", n + 2), Points::whole(40));
        let before = scene.used();
        assert_eq!(attempt(&scene), Ok(()), "{what}");
        if !what.contains("a change of both legs") {
            assert!(scene.used() > before, "{what}: {} after {before}", scene.used());
        }
        scene.engine.shutdown();
    }
}

#[test]
fn what_a_mix_a_tap_or_a_link_cost_comes_back_with_its_end() {
    let scene = Scene::new("127.9.72.20", Points::whole(40));
    let (call, a, before) = (&scene.pair.call, scene.pair.a.leg.id, scene.used());
    let back = |what: &str| wait_until(what, || scene.used() == before);
    let grown = |what: &str| assert!(scene.used() > before, "{what}");
    let done = |outcome: Pending<()>| outcome.wait().unwrap();

    let (_, refused) = call.add_mix(MixSpec { inputs: vec![Source::Leg(a), Source::Leg(a)] }).unwrap();
    assert!(refused.wait().is_err(), "one input twice");
    back("a mix that was refused");
    let (mix, added) = call.add_mix(MixSpec { inputs: vec![Source::Leg(a)] }).unwrap();
    done(added);
    grown("a mix");
    done(call.set_mix_inputs(mix, MixSpec { inputs: vec![Source::Player(scene.player)] }).unwrap());
    back("a mix without legs");
    done(call.set_mix_inputs(mix, MixSpec { inputs: vec![Source::Leg(a)] }).unwrap());
    grown("a mix of a leg again");
    done(call.remove_mix(mix).unwrap());
    back("no mix");

    let (tap, added) = call.tap_packets(packet_tap(&scene, TapSide::Both)).unwrap();
    done(added);
    assert_eq!(scene.used(), before + Points::thousandths(600), "two directions");
    done(call.remove_tap(tap).unwrap());
    back("no packet tap");

    let (_, _reader, added) = call.tap_room(scene.room, RoomTapSpec::default()).unwrap();
    done(added);
    grown("a tap on a room");
    let link = call.link_rooms(scene.room, &scene.other, scene.other_room, 8000).unwrap();
    link.outcomes.into_iter().for_each(done);
    let linked = scene.used();
    done(scene.other.remove_stream(link.there).unwrap());
    assert!(scene.used() < linked, "both sides of a link go with either");
    let link = call.link_rooms(scene.room, &scene.other, scene.other_room, 8000).unwrap();
    link.outcomes.into_iter().for_each(done);
    assert_eq!(scene.used(), linked);
    done(call.remove_room(scene.room).unwrap());
    back("what went with the room");

    let refused = call.link_rooms(scene.room, &scene.other, scene.other_room, 8000).unwrap();
    assert!(refused.outcomes[0].wait().is_err(), "there is no such room");
    back("a link that was refused");
    scene.engine.shutdown();
}

#[test]
fn a_configuration_that_is_refused_leaves_the_price_as_it_was() {
    let scene = Scene::new("127.9.72.26", Points::whole(40));
    let (call, a, before) = (&scene.pair.call, scene.pair.a.leg.id, scene.used());
    let late = LegConfig { digit_delay: Duration::from_secs(3600), ..g729_leg() };
    let refused = call.configure_leg(a, late, Relearn::IfMoved).map(drop);
    assert!(matches!(refused, Err(CommandError::OutOfRange { .. })), "{refused:?}");
    assert_eq!(scene.used(), before);
    scene.engine.shutdown();
}

#[test]
fn what_fed_a_leg_costs_nothing_once_it_is_removed() {
    let scene = Scene::new("127.9.72.25", Points::whole(40));
    let (call, a, before) = (&scene.pair.call, scene.pair.a.leg.id, scene.used());
    let stream = call.add_stream(StreamSpec::default()).unwrap().0;
    let removed: [(Source, &dyn Fn() -> Pending<()>); 4] = [
        (Source::Mix(scene.mix), &|| call.remove_mix(scene.mix).unwrap()),
        (Source::Player(scene.player), &|| call.remove_player(scene.player).unwrap()),
        (Source::Stream(stream), &|| call.remove_stream(stream).unwrap()),
        (Source::Room(scene.room), &|| call.remove_room(scene.room).unwrap()),
    ];
    for (source, remove) in removed {
        let fed = match source {
            Source::Room(room) => call.join_room(room, a, RoomMember::default()),
            source => call.set_source(a, source),
        };
        fed.unwrap().wait().unwrap();
        assert!(scene.used() > before, "{source:?}");
        remove().wait().unwrap();
        assert_eq!(scene.used(), before, "{source:?} is gone");
    }
    scene.engine.shutdown();
}

#[test]
fn inputs_that_a_mix_is_refused_leave_the_price_as_it_was() {
    let scene = Scene::new("127.9.72.23", Points::whole(40));
    let (call, [a, b]) = (&scene.pair.call, [scene.pair.a.leg.id, scene.pair.b.leg.id]);
    let unused = scene.used();
    let inputs = |inputs: &[Source]| MixSpec { inputs: inputs.to_vec() };
    let refused = |mix: MixId, spec: MixSpec| {
        assert!(call.set_mix_inputs(mix, spec).unwrap().wait().is_err());
    };
    let (mix, added) = call.add_mix(inputs(&[Source::Leg(a)])).unwrap();
    added.wait().unwrap();
    let one = scene.used();
    assert!(one > unused);

    refused(mix, inputs(&[Source::Leg(a), Source::Leg(b), Source::Leg(b)]));
    wait_until("the price of one input", || scene.used() == one);
    refused(mix, inputs(&[Source::Silence]));
    wait_until("the price of one input, though less was asked for", || scene.used() == one);

    // Of several on their way at once the last one decides, whether others before it are refused or not.
    let twice = || call.set_mix_inputs(mix, inputs(&[Source::Leg(b), Source::Leg(b)])).unwrap();
    let [first, last] =
        [twice(), call.set_mix_inputs(mix, inputs(&[Source::Leg(a), Source::Leg(b)])).unwrap()];
    assert!(first.wait().is_err() && last.wait().is_ok());
    let both = scene.used();
    let [first, last] = [call.set_mix_inputs(mix, inputs(&[])).unwrap(), twice()];
    assert!(first.wait().is_ok() && last.wait().is_err());
    wait_until("the price of no input", || scene.used() == unused);
    assert!(both > one, "{both} after {one}");

    call.remove_mix(mix).unwrap().wait().unwrap();
    let gone = call.set_mix_inputs(mix, inputs(&[Source::Leg(a)])).unwrap();
    assert!(gone.wait().is_err());
    wait_until("the price of no mix", || scene.used() == unused);
    scene.engine.shutdown();
}

#[test]
fn a_change_of_several_legs_needs_what_all_of_it_costs_and_no_more() {
    let scene = Scene::new("127.9.72.21", Points::whole(4));
    let (call, [a, b]) = (&scene.pair.call, [scene.pair.a.leg.id, scene.pair.b.leg.id]);
    let g729 = g729_leg();
    let to_g729 = [a, b].map(|leg| LegChange { leg, config: Some(&g729), sources: None, digits: false });
    let configure = |leg| call.configure_leg(leg, g729_leg(), Relearn::IfMoved);
    let refused = configure(a).unwrap_err();
    assert!(matches!(refused, CommandError::NoPoints { .. }), "half of it needs transcoding: {refused}");
    let reserved = call.reserve(&to_g729).unwrap();
    assert_eq!(call.points(), Points::ONE, "both legs forward G.729");
    for leg in [a, b] {
        configure(leg).unwrap().wait().unwrap();
    }
    drop(reserved);
    assert_eq!((call.points(), scene.used()), (Points::ONE, Points::whole(3)));
    let one = [LegChange { leg: a, config: Some(&pcmu_leg()), sources: None, digits: false }];
    assert!(matches!(call.reserve(&one), Err(CommandError::NoPoints { .. })));
    assert!(matches!(
        call.configure_leg(a, pcmu_leg(), Relearn::IfMoved),
        Err(CommandError::NoPoints { .. })
    ));
    scene.engine.shutdown();
}

#[test]
fn what_is_reserved_is_nobody_elses_until_it_is_given_back() {
    let scene = Scene::new("127.9.72.22", Points::whole(6));
    let (call, a) = (&scene.pair.call, scene.pair.a.leg.id);
    let g729 = g729_leg();
    let change = [LegChange { leg: a, config: Some(&g729), sources: None, digits: false }];
    let reserved = call.reserve(&change).unwrap();
    let whole = CallSpec { points: Some(Points::whole(2)), ..CallSpec::default() };
    assert!(scene.engine.create_call(whole).is_err());
    drop(reserved);
    assert!(scene.engine.create_call(whole).is_ok());
    scene.engine.shutdown();
}

#[test]
fn a_source_that_a_leg_is_refused_leaves_the_price_as_it_was() {
    let scene = Scene::new("127.9.72.24", Points::whole(40));
    let (call, a, unused) = (&scene.pair.call, scene.pair.a.leg.id, scene.used());
    let player = Source::Player(scene.player);
    let join = || call.join_room(scene.room, a, RoomMember::default()).unwrap();

    assert!(call.set_source(a, Source::Player(PlayerId::from_u64(u64::MAX))).unwrap().wait().is_err());
    wait_until("the price of a call", || scene.used() == unused);
    call.lock_room(scene.room, true).unwrap().wait().unwrap();
    assert!(join().wait().is_err());
    wait_until("the price of a call outside of the room", || scene.used() == unused);

    // Of several on their way at once the last one decides.
    let outcomes = [join(), call.set_source(a, player).unwrap()];
    assert_eq!(outcomes.map(|outcome| outcome.wait().is_ok()), [false, true]);
    let played = scene.used();
    assert!(played > unused);
    let outcomes = [call.lock_room(scene.room, false).unwrap(), join(), call.set_source(a, player).unwrap()];
    assert_eq!(outcomes.map(|outcome| outcome.wait().is_ok()), [true; 3]);
    assert_eq!(scene.used(), played);
    scene.engine.shutdown();
}
