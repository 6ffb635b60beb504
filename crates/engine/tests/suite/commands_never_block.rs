//! A full command queue is an error at once, a long one is worked off without waiting, and neither outcomes nor call events
//! are lost.

use std::time::{Duration, Instant};

use mediapoint_engine::{
    AdmissionError, Call, CallSpec, CommandError, EndReason, Event, LegConfig, MoveError, OpenLegError,
    Placement, PlayerId, Ports, Source,
};
use mediapoint_testkit::phone::{Pair, builder, wait_for, wait_until};

#[test]
fn a_full_queue_refuses_at_once_and_media_flows_on() {
    let (engine, _events) = builder("127.9.2.1", 24_200..=24_299).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    for _ in 0..50 {
        pair.exchange();
    }
    // A worker with media takes 64 commands a tick: no thread is that slow.
    let mut refused = None;
    let started = Instant::now();
    for _ in 0..200_000 {
        let before = Instant::now();
        if let Err(error) = pair.call.set_source(pair.a.leg.id, Source::Leg(pair.b.leg.id)) {
            refused = Some((error, before.elapsed()));
            break;
        }
    }
    let (error, took) = refused.unwrap_or_else(|| panic!("never full in {:?}", started.elapsed()));
    assert_eq!(error, CommandError::Busy { worker: 0 });
    assert!(took < Duration::from_millis(500), "refusing took {took:?}");
    assert!(matches!(
        engine.create_call(CallSpec::default()),
        Err(AdmissionError::Busy { worker: 0 }) | Ok(_)
    ));
    for _ in 0..200 {
        pair.exchange();
    }
    wait_until("the worker takes commands again", || pair.call.statistics().is_ok());
    let legs = pair.call.statistics().unwrap().wait().unwrap().legs;
    assert!(legs.iter().all(|leg| leg.received.lost == 0 && leg.sent.unsent == 0), "{legs:?}");
    engine.shutdown();
}

#[test]
fn a_burst_of_commands_to_an_idle_worker_is_worked_off_at_once() {
    let (engine, _events) = builder("127.9.2.2", 24_200..=24_299).build().unwrap();
    let pair = Pair::new(&engine, 0);
    for round in 0..20 {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (call, a, b) = (pair.call.clone(), pair.a.leg.id, pair.b.leg.id);
                std::thread::spawn(move || {
                    for _ in 0..1000 {
                        drop(call.set_source(a, Source::Leg(b)).unwrap());
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let before = Instant::now();
        pair.call.statistics().unwrap().wait().unwrap();
        let took = before.elapsed();
        assert!(took < Duration::from_millis(400), "round {round}: the answer took {took:?}");
    }
    engine.shutdown();
}

#[test]
fn the_end_of_every_call_is_kept_and_new_calls_wait_for_the_reader() {
    let (engine, events) = builder("127.9.2.3", 24_200..=24_299).event_capacity(3).build().unwrap();
    let calls: Vec<_> = (0..10).map(|_| engine.create_call(CallSpec::default()).unwrap()).collect();
    for call in &calls {
        drop(call.end().unwrap());
    }
    wait_until("ten ends wait", || {
        engine.create_call(CallSpec::default()).err() == Some(AdmissionError::EventsUnread { waiting: 10 })
    });
    for call in &calls {
        let ended = wait_for(&events, "all are kept, in order", |event| match event {
            Event::CallEnded { call, reason, .. } => Some((*call, *reason)),
            _ => None,
        });
        assert_eq!(ended, (call.id(), EndReason::Command));
    }
    assert_eq!(events.try_recv(), None);
    assert!(engine.create_call(CallSpec::default()).is_ok(), "there is room again");
    engine.shutdown();
}

#[test]
fn the_outcome_of_a_command_comes_or_an_event_says_that_it_failed() {
    let (engine, events) = builder("127.9.2.4", 24_200..=24_299).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let nobody = PlayerId::from_u64(77);
    let error = CommandError::NoSuchObject { kind: "player", id: 77 };
    assert_eq!(call.remove_player(nobody).unwrap().wait(), Err(error.clone()));
    drop(call.remove_player(nobody).unwrap());
    let failed = wait_for(&events, "the failure", |event| match event {
        Event::CommandFailed { call, error } => Some((*call, error.clone())),
        _ => None,
    });
    assert_eq!(failed, (call.id(), error));
    engine.shutdown();
}

#[test]
fn a_leg_more_than_a_call_can_have_is_refused_at_once() {
    const MOST: usize = 300;
    let (engine, events) = builder("127.9.2.5", 24_200..=24_999).max_legs_of_call(MOST).build().unwrap();
    let (full, other) = (CallSpec::default(), CallSpec::default());
    let (full, other) = (engine.create_call(full).unwrap(), engine.create_call(other).unwrap());
    let placement = Placement { ports: Ports::Single, ..Placement::default() };
    let open = |call: &Call| call.open_leg(&placement, LegConfig::default()).map(|(leg, _)| leg.id);
    let legs: Vec<_> = (0..MOST).map(|_| open(&full).unwrap()).collect();
    let leg = open(&other).unwrap();
    let error = CommandError::NoRoom { what: "legs of a call", limit: MOST };
    assert!(matches!(open(&full), Err(OpenLegError::Command(refused)) if refused == error));
    assert_eq!(other.move_leg(leg, &full).err(), Some(MoveError::Command(error)));
    assert_eq!(full.statistics().unwrap().wait().unwrap().legs.len(), MOST);
    // What is closed makes room.
    full.remove_leg(legs[7]).unwrap().wait().unwrap();
    other.move_leg(leg, &full).unwrap().wait().unwrap();
    let failed = |event: &Event| matches!(event, Event::CommandFailed { .. });
    assert_eq!(std::iter::from_fn(|| events.try_recv()).find(failed), None);
    engine.shutdown();
}

#[test]
fn an_end_that_finds_the_queue_full_is_carried_out_later() {
    let (engine, events) = builder("127.9.2.6", 24_200..=24_299).build().unwrap();
    let [first, second] = [0, 2].map(|tag| Pair::new(&engine, tag));
    engine.danger_slow_worker(0, Duration::from_millis(200));
    wait_until("the queue is full", || {
        let again = || first.call.set_source(first.a.leg.id, Source::Leg(first.b.leg.id));
        let mut outcomes = (0..5000).map(|_| again().map(drop));
        outcomes.any(|outcome| outcome == Err(CommandError::Busy { worker: 0 }))
    });
    let ended = first.call.end().expect("what frees something is never refused");
    let outcome = second.call.remove_leg(second.a.leg.id).unwrap();
    engine.danger_slow_worker(0, Duration::ZERO);
    ended.wait().unwrap();
    outcome.wait().unwrap();
    wait_for(&events, "the end", |event| match event {
        Event::CallEnded { call, reason: EndReason::Command, .. } => (*call == first.id()).then_some(()),
        _ => None,
    });
    wait_until("what both had is free", || {
        engine.calls() == 1 && engine.load().port_pairs.0 == 1 && engine.load().workers[0].legs == 2
    });
    engine.shutdown();
}
