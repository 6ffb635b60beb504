//! Points by kind of work, and the marks that a worker's points reach.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use mediapoint_engine::{
    Call, CallSpec, Codec, Engine, Event, LegConfig, OpenedLeg, PayloadCodec, PayloadType, Placement,
    PlayerSpec, Points, PointsByKind, Source, ToneSpec,
};
use mediapoint_testkit::phone::{builder, pcmu_leg, wait_for, wait_until};

fn g729_leg() -> LegConfig {
    let codecs = vec![PayloadCodec::new(PayloadType::new(18).unwrap(), Codec::G729)];
    LegConfig { codecs, ..LegConfig::default() }
}

fn open(call: &Call, config: LegConfig) -> OpenedLeg {
    call.open_leg(&Placement::default(), config).unwrap().0
}

/// What of these points is spent, in thousandths.
fn spent(points: PointsByKind) -> Vec<(&'static str, u64)> {
    let spent = points.iter().filter(|(_, points)| *points > Points::ZERO);
    spent.map(|(kind, points)| (kind.name(), points.as_thousandths())).collect()
}

fn of_engine(engine: &Engine) -> Vec<(&'static str, u64)> {
    let mut all = PointsByKind::ZERO;
    for worker in engine.load().workers {
        assert_eq!(worker.by_kind.total(), worker.used, "the kinds are all that is used");
        assert_eq!(worker.free() + worker.used, worker.budget);
        all += worker.by_kind;
    }
    spent(all)
}

#[test]
fn what_calls_cost_is_told_by_kind_and_comes_back_with_them() {
    let (engine, _events) = builder("127.9.44.1", 23_000..=23_199).workers(2).build().unwrap();
    assert_eq!(of_engine(&engine), []);
    let call = engine.create_call(CallSpec::default()).unwrap();
    let [a, b] = [pcmu_leg(), g729_leg()].map(|config| open(&call, config));
    drop(call.connect(a.id, b.id).unwrap());
    assert_eq!(spent(call.points_by_kind()), [("relay", 1000), ("g711", 400), ("g729", 1500)]);
    let other = engine.create_call(CallSpec::default()).unwrap();
    let listener = open(&other, pcmu_leg());
    let (player, _) = other.add_player(PlayerSpec::Tone(ToneSpec::continuous(440.0, -10.0))).unwrap();
    drop(other.set_source(listener.id, Source::Player(player)).unwrap());
    assert_eq!(of_engine(&engine), [("relay", 2000), ("g711", 400), ("g729", 1500), ("prompts", 400)]);
    drop(call.remove_leg(b.id).unwrap());
    drop(other.end().unwrap());
    wait_until("what has gone costs nothing", || of_engine(&engine) == [("relay", 1000)]);
    drop(call.end().unwrap());
    wait_until("nothing is left", || of_engine(&engine).is_empty());
    engine.shutdown();
}

#[test]
fn a_mark_that_points_reach_is_an_event_and_one_that_they_leave_is_another() {
    let (engine, events) = builder("127.9.44.2", 23_000..=23_199)
        .budget(Points::whole(10))
        .load_marks([50, 90])
        .build()
        .unwrap();
    let next = || {
        wait_for(&events, "a mark is passed", |event| match event {
            Event::PointsMark { worker, percent, above, used, budget } => {
                assert_eq!((*worker, *budget), (0, Points::whole(10)));
                Some((*percent, *above, *used))
            }
            _ => None,
        })
    };
    let mut calls: Vec<Call> = (0..5).map(|_| engine.create_call(CallSpec::default()).unwrap()).collect();
    assert_eq!(next(), (50, true, Points::whole(5)));
    calls.extend((0..5).map(|_| engine.create_call(CallSpec::default()).unwrap()));
    let (percent, above, used) = next();
    assert!((percent, above) == (90, true) && used >= Points::whole(9), "{percent} {above} {used}");
    calls.drain(..).for_each(|call| drop(call.end().unwrap()));
    let (percent, above, used) = next();
    assert!((percent, above) == (90, false) && used < Points::thousandths(8500), "{percent} {above} {used}");
    let (percent, above, used) = next();
    assert!((percent, above) == (50, false) && used < Points::thousandths(4500), "{percent} {above} {used}");
    engine.shutdown();
}
