//! A worker that does not keep up may carry less, and one that is too late for too long sheds its newest calls: to another worker
//! that has room, or else they end. Calls with priority stay.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use std::time::Duration;

use mediapoint_engine::{
    AdmissionError, Call, CallId, CallSpec, EndReason, Engine, Event, EventReceiver, LegConfig, Placement,
    PlayerSpec, Points, RemoteAddress, Source, ToneSpec,
};
use mediapoint_testkit::phone::{builder, pcmu_leg, wait_for, wait_until};

/// What each round of a slowed worker takes longer: more than what is too late.
const SLOW: Duration = Duration::from_millis(100);

/// A call on a worker that plays a tone, so that there are ticks to be late with.
fn ticking(engine: &Engine, spec: CallSpec) -> Call {
    let call = engine.create_call(spec).unwrap();
    let remote = Some(RemoteAddress { rtp: "127.9.45.9:9".parse().unwrap(), rtcp: None });
    let (opened, _) = call.open_leg(&Placement::default(), LegConfig { remote, ..pcmu_leg() }).unwrap();
    let (player, _) = call.add_player(PlayerSpec::Tone(ToneSpec::continuous(440.0, -10.0))).unwrap();
    call.set_source(opened.id, Source::Player(player)).unwrap().wait().unwrap();
    call
}

fn on(worker: usize) -> CallSpec {
    CallSpec { worker: Some(worker), ..CallSpec::default() }
}

/// The budget that comes next, and whether the worker is late.
fn next_budget(events: &EventReceiver) -> (Points, bool) {
    wait_for(events, "the budget changes", |event| match event {
        Event::BudgetChanged { worker: 0, budget, configured, late } => {
            assert_eq!(*configured, Points::whole(100));
            Some((*budget, late.is_some()))
        }
        _ => None,
    })
}

fn next_end(events: &EventReceiver) -> (CallId, EndReason) {
    wait_for(events, "a call ends", |event| match event {
        Event::CallEnded { call, reason, .. } => Some((*call, *reason)),
        _ => None,
    })
}

#[test]
fn a_late_worker_may_carry_less_than_it_does_and_gets_it_back_bit_by_bit() {
    let (engine, events) =
        builder("127.9.45.1", 23_000..=23_199).budget(Points::whole(100)).shed(false).build().unwrap();
    let of = |points, priority| CallSpec { points: Some(Points::whole(points)), worker: None, priority };
    let _call = ticking(&engine, of(80, false));
    engine.danger_slow_worker(0, SLOW);
    assert_eq!(next_budget(&events), (Points::whole(72), true));
    let load = engine.load().workers.remove(0);
    assert_eq!(
        (load.budget, load.configured, load.used),
        (Points::whole(72), Points::whole(100), Points::whole(80))
    );
    assert_eq!(load.free(), Points::ZERO);
    let refused = engine.create_call(of(1, false)).unwrap_err();
    assert!(matches!(refused, AdmissionError::Late { worker: 0, .. }), "{refused}");
    let urgent = engine.create_call(of(1, true)).unwrap();
    assert!(urgent.has_priority());

    engine.danger_slow_worker(0, Duration::ZERO);
    assert_eq!(next_budget(&events), (Points::whole(82), false));
    let refused = engine.create_call(of(2, false)).unwrap_err();
    assert_eq!(refused, AdmissionError::NoPoints { needed: Points::whole(2), free: Points::ONE });
    let _fits = engine.create_call(of(1, false)).unwrap();
    let _above = engine.create_call(of(18, true)).unwrap();
    let full = engine.create_call(of(1, true)).unwrap_err();
    assert_eq!(full, AdmissionError::NoPoints { needed: Points::ONE, free: Points::ZERO }, "all is in use");
    assert_eq!(next_budget(&events), (Points::whole(92), false));
    assert_eq!(next_budget(&events), (Points::whole(100), false));
    engine.shutdown();
}

#[test]
fn a_worker_that_is_too_late_ends_its_newest_calls_one_by_one_and_none_with_priority() {
    let (engine, events) =
        builder("127.9.45.2", 23_000..=23_199).shed_after(Duration::from_millis(200)).build().unwrap();
    let old = engine.create_call(CallSpec::default()).unwrap();
    let urgent = ticking(&engine, CallSpec { priority: true, ..CallSpec::default() });
    let newer = engine.create_call(CallSpec::default()).unwrap();
    let newest = engine.create_call(CallSpec::default()).unwrap();
    engine.danger_slow_worker(0, SLOW);
    let ends = [(); 3].map(|()| next_end(&events));
    assert_eq!(ends, [&newest, &newer, &old].map(|call| (call.id(), EndReason::Shed)));
    let rounds = engine.load().rounds;
    wait_until("the supervisor has looked again", || engine.load().rounds > rounds + 5);
    assert!(engine.load().workers[0].late.is_some(), "it is late still");
    assert!(urgent.worker().is_some(), "and its call goes on");
    assert_eq!(engine.load().workers[0].used, urgent.points(), "what was shed costs nothing");
    engine.shutdown();
}

#[test]
fn a_call_that_is_shed_goes_to_a_worker_that_has_room_for_it() {
    let (engine, events) = builder("127.9.45.3", 23_000..=23_199)
        .workers(2)
        .budget(Points::whole(4))
        .rebalance(false)
        .shed_after(Duration::from_millis(200))
        .build()
        .unwrap();
    let _urgent = ticking(&engine, CallSpec { priority: true, ..on(0) });
    let old = engine.create_call(on(0)).unwrap();
    let newest = engine.create_call(on(0)).unwrap();
    let _others: Vec<Call> = (0..3).map(|_| engine.create_call(on(1)).unwrap()).collect();
    engine.danger_slow_worker(0, SLOW);
    let moved = wait_for(&events, "a call moves", |event| match event {
        Event::CallMoved { call, worker } => Some((*call, *worker)),
        _ => None,
    });
    assert_eq!(moved, (newest.id(), 1), "the newest of the late worker has the only room");
    assert_eq!(next_end(&events), (old.id(), EndReason::Shed));
    assert_eq!((newest.worker(), old.worker()), (Some(1), None));
    engine.shutdown();
}
