//! A panic in one worker: its calls end and are told, its ports are free, the other worker's media flows on without a
//! lost packet, and the failed one takes new calls.

use std::net::UdpSocket;

use mediapoint_engine::{CommandError, EndReason, Event, OpenLegError, Placement};
use mediapoint_testkit::phone::{Pair, builder, pcmu_leg, wait_for, wait_until};

#[test]
fn media_of_the_other_worker_flows_on_without_a_lost_packet() {
    let (engine, events) = builder("127.9.1.1", 24_000..=24_099).workers(2).build().unwrap();
    let mut pairs: Vec<Pair> = (0..4).map(|n| Pair::new(&engine, n * 2)).collect();
    for pair in &mut pairs {
        for _ in 0..50 {
            pair.exchange();
        }
    }
    let (mut lost, mut kept): (Vec<Pair>, Vec<Pair>) =
        pairs.into_iter().partition(|pair| pair.call.worker() == Some(0));
    assert_eq!((lost.len(), kept.len()), (2, 2), "calls are spread over the workers");

    engine.danger_panic_worker(0);
    for round in 0..500 {
        for pair in &mut kept {
            pair.exchange();
        }
        if round < 20 {
            for pair in &mut lost {
                pair.a.speak();
            }
        }
    }

    let mut ended = Vec::new();
    wait_for(&events, "the failure is told", |event| {
        assert!(!matches!(event, Event::CallEnded { .. }), "the failure is told before its calls");
        matches!(event, Event::WorkerFailed { worker: 0 }).then_some(())
    });
    while ended.len() < 2 {
        let (call, reason) = wait_for(&events, "its calls end", |event| match event {
            Event::CallEnded { call, reason, .. } => Some((*call, *reason)),
            _ => None,
        });
        assert_eq!(reason, EndReason::WorkerFailed);
        ended.push(call);
    }
    ended.sort();
    assert_eq!(ended, lost.iter().map(Pair::id).collect::<Vec<_>>());
    assert_eq!(engine.calls(), 2);
    for pair in &mut kept {
        pair.exchange();
    }

    for pair in &lost {
        for port in pair.ports() {
            UdpSocket::bind(port).expect("the ports of the ended calls are free");
        }
        assert_eq!(pair.call.statistics().err(), Some(CommandError::NoSuchCall(pair.id())));
        let refused = pair.call.open_leg(&Placement::default(), pcmu_leg());
        assert!(matches!(refused, Err(OpenLegError::Command(CommandError::NoSuchCall(_)))));
    }
    let load = engine.load();
    assert_eq!((load.workers[0].restarts, load.workers[1].restarts), (1, 0));
    assert_eq!(load.workers[0].used, mediapoint_engine::Points::ZERO, "their points are free");

    let mut fresh = Pair::new(&engine, 100);
    assert_eq!(fresh.call.worker(), Some(0), "the worker takes calls again");
    for _ in 0..50 {
        fresh.exchange();
        for pair in &mut kept {
            pair.exchange();
        }
    }
    engine.shutdown();
}

#[test]
fn a_worker_can_fail_again_and_again() {
    let (engine, events) = builder("127.9.1.2", 24_000..=24_031).workers(1).build().unwrap();
    for round in 1..=10 {
        let mut pair = Pair::new(&engine, 0);
        for _ in 0..5 {
            pair.exchange();
        }
        engine.danger_panic_worker(0);
        wait_for(&events, "the call ends", |event| match event {
            Event::CallEnded { call, reason: EndReason::WorkerFailed, .. } => {
                (*call == pair.id()).then_some(())
            }
            _ => None,
        });
        assert_eq!(engine.load().workers[0].restarts, round);
    }
    wait_until("no call is left", || engine.calls() == 0);
    engine.shutdown();
}

/// Commands given while the worker fails are void or carried out, never half: the registry, the points and the ports are
/// whole afterwards.
#[test]
fn calls_made_while_the_worker_fails_leave_nothing_behind() {
    let (engine, events) = builder("127.9.1.3", 24_000..=24_127).workers(1).build().unwrap();
    let mut calls = Vec::new();
    let mut made = Vec::new();
    for round in 0..200 {
        if round % 20 == 10 {
            engine.danger_panic_worker(0);
        }
        if let Ok(call) = engine.create_call(mediapoint_engine::CallSpec::default()) {
            made.push(call.id());
            if let Ok((leg, _)) = call.open_leg(&Placement::default(), pcmu_leg()) {
                drop(call.configure_leg(leg.id, pcmu_leg(), mediapoint_engine::Relearn::Now));
            }
            calls.push(call);
        }
        if calls.len() > 20 {
            drop(calls.remove(0).end());
        }
    }
    for call in &calls {
        drop(call.end());
    }
    // A call leaves the registry just before its end is told.
    let mut ended = Vec::new();
    wait_until("every call ends and is told", || {
        while let Some(event) = events.try_recv() {
            if let Event::CallEnded { call, .. } = event {
                ended.push(call);
            }
        }
        engine.calls() == 0 && ended.len() >= made.len()
    });
    ended.sort();
    assert_eq!(ended, made, "the end of every call is told once");
    assert_eq!(engine.load().workers[0].used, mediapoint_engine::Points::ZERO);
    // Every port can be lent again.
    let call = engine.create_call(mediapoint_engine::CallSpec::default()).unwrap();
    let mut opened = 0;
    wait_until("all 64 pairs can be opened", || {
        while call.open_leg(&Placement::default(), pcmu_leg()).is_ok() {
            opened += 1;
        }
        opened == 64
    });
    engine.shutdown();
}
