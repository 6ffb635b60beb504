//! Every resource that a call needs made scarce in turn: what is admitted works, what is refused says what is missing and
//! leaves nothing, and in the end all is as it was. One test in a program of its own, since it counts the descriptors of the process.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of the tests: what is missing fails them"
)]

use mediapoint_engine::{
    AdmissionError, Call, CallSpec, Engine, EngineBuilder, EngineLoad, Event, EventReceiver, OpenLegError,
    Placement, Points,
};
use mediapoint_testkit::Random;
use mediapoint_testkit::phone::{Pair, builder, pcmu_leg, wait_until};

/// Calls that each engine has room for.
const ROOM: usize = 4;

/// What is reserved: points, room for legs, pairs of ports, descriptors.
fn reserved(load: &EngineLoad) -> (Points, usize, usize, usize, usize) {
    let points = load.workers.iter().map(|worker| worker.used).sum();
    let legs = load.workers.iter().map(|worker| worker.legs).sum();
    (points, legs, load.port_pairs.0, load.files.0, load.tap_rooms)
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Reads all events; a command that failed behind its caller's back is what must not be.
fn read(events: &EventReceiver) {
    while let Some(event) = events.try_recv() {
        assert!(!matches!(event, Event::CommandFailed { .. }), "{event:?}");
    }
}

/// A third leg with a tap, where there is room for it.
fn extend(engine: &Engine, call: &Call) {
    let before = reserved(&engine.load());
    match call.open_leg(&Placement::default(), pcmu_leg()) {
        Ok((leg, outcome)) => {
            outcome.wait().expect("what was opened is served");
            let (_, outcome) = call.tap_key_presses(leg.id).unwrap();
            outcome.wait().unwrap();
        }
        Err(OpenLegError::Admission(_)) => {
            assert_eq!(reserved(&engine.load()), before, "a refused leg leaves nothing");
        }
        Err(other) => panic!("{other}"),
    }
}

fn exhaust(name: &str, seed: u64, builder: EngineBuilder, refusal: fn(&AdmissionError) -> bool) {
    let files = open_files();
    let (engine, events) = builder.build().unwrap();
    let (mut random, mut pairs) = (Random::new(seed), Vec::<Pair>::new());
    let mut refused = 0;
    for round in 0..60 {
        let before = reserved(&engine.load());
        match engine.create_call(CallSpec::default()) {
            // It opens both legs, connects them and waits for the outcome, or fails.
            Ok(call) => pairs.push(Pair::on(call, u8::try_from(round * 2).unwrap())),
            Err(error) => {
                assert!(refusal(&error), "{name}: {error}");
                assert!(error.to_string().chars().any(|letter| letter.is_ascii_digit()), "{error}: figures");
                assert_eq!(reserved(&engine.load()), before, "{name}: {error}");
                refused += 1;
            }
        }
        assert!(pairs.len() <= ROOM, "{name}: {} calls", pairs.len());
        if let Some(pair) = pairs.last_mut() {
            pair.exchange();
        }
        if random.below(3) == 0
            && let Some(pair) = pairs.first()
        {
            extend(&engine, &pair.call);
        }
        if random.below(3) == 0 && !pairs.is_empty() {
            let at = usize::try_from(random.below(u64::try_from(pairs.len()).unwrap())).unwrap();
            let pair = pairs.remove(at);
            pair.call.end().unwrap().wait().unwrap();
            wait_until("the call is gone", || engine.call(pair.id()).is_none());
        }
        for pair in &mut pairs {
            pair.exchange();
        }
        read(&events);
    }
    assert!(refused > 5, "{name}: {refused} refused");
    for pair in pairs.drain(..) {
        pair.call.end().unwrap().wait().unwrap();
    }
    let nothing = (Points::ZERO, 0, 0, 0, 0);
    wait_until("all is free", || engine.calls() == 0 && reserved(&engine.load()) == nothing);
    read(&events);
    assert_eq!(engine.load().events_waiting, 0);
    // All of it can be had again.
    let again: Vec<Pair> = (0..ROOM).map(|n| Pair::new(&engine, u8::try_from(n * 2).unwrap())).collect();
    drop(again);
    engine.shutdown();
    drop((engine, events));
    assert_eq!(open_files(), files, "{name}: descriptors");
}

#[test]
fn what_is_admitted_works_and_what_is_refused_leaves_nothing() {
    let ports = |pairs: u16| 23_000..=23_000 + pairs * 2 - 1;
    let plenty = || builder("127.9.41.1", ports(200));
    let room = u64::try_from(ROOM).unwrap();
    for seed in 0..3 {
        exhaust("points", seed, plenty().budget(Points::whole(room)), |error| {
            matches!(error, AdmissionError::NoPoints { .. })
        });
        exhaust("legs", seed, plenty().max_legs(2 * ROOM), |error| {
            matches!(error, AdmissionError::NoLegs { needed: 2, limit: 8, .. })
        });
        exhaust("ports", seed, builder("127.9.41.1", ports(8)), |error| {
            matches!(error, AdmissionError::NoPorts { needed: 4, total: 16, .. })
        });
        exhaust("descriptors", seed, plenty().max_files(4 * ROOM), |error| {
            matches!(error, AdmissionError::NoFiles { needed: 4, total: 16, .. })
        });
    }
}
