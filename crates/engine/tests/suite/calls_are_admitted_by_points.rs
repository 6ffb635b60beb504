//! Admission: on the worker with most free points, or refused with what is needed and what is free; none while draining.

use mediapoint_engine::{
    AdmissionError, AudioTapSpec, CallSpec, CommandError, EndReason, Event, LegId, OpenLegError, Placement,
    Points, Prices, Relearn, Source, TapSide,
};
use mediapoint_testkit::phone::{Pair, builder, pcmu_leg, wait_for, wait_until};

fn spec(thousandths: u64) -> CallSpec {
    CallSpec { points: Some(Points::thousandths(thousandths)), ..CallSpec::default() }
}

#[test]
fn a_call_goes_where_most_points_are_free_and_is_refused_with_the_figures() {
    let (engine, _events) =
        builder("127.9.3.1", 24_400..=24_499).workers(2).budget(Points::whole(3)).build().unwrap();
    let workers: Vec<usize> =
        [1500, 1000, 1000].map(|price| engine.create_call(spec(price)).unwrap().worker().unwrap()).to_vec();
    assert_ne!(workers[0], workers[1]);
    assert_eq!(workers[1], workers[2], "2.000 free against 1.500");
    let refused = engine.create_call(spec(2000)).unwrap_err();
    let figures = AdmissionError::NoPoints { needed: Points::whole(2), free: Points::thousandths(1500) };
    assert_eq!(refused, figures);
    assert_eq!(refused.to_string(), "the call needs 2.000 points, the least loaded worker has 1.500 free");
    let used: Points = engine.load().workers.iter().map(|worker| worker.used).sum();
    assert_eq!(used, Points::thousandths(3500));
}

#[test]
fn points_come_back_when_a_call_ends() {
    let (engine, events) = builder("127.9.3.2", 24_400..=24_499).budget(Points::ONE).build().unwrap();
    for _ in 0..50 {
        let call = engine.create_call(CallSpec::default()).unwrap();
        assert!(matches!(engine.create_call(CallSpec::default()), Err(AdmissionError::NoPoints { .. })));
        drop(call.end().unwrap());
        wait_for(&events, "it ends", |event| matches!(event, Event::CallEnded { .. }).then_some(()));
        assert_eq!(call.points(), Points::ZERO);
    }
}

#[test]
fn a_leg_beyond_the_second_costs_extra_and_what_it_cost_comes_back() {
    let (engine, _events) = builder("127.9.3.3", 24_400..=24_499).budget(Points::whole(2)).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let open = || call.open_leg(&Placement::default(), pcmu_leg());
    let legs: Vec<_> = (0..4).map(|_| open().unwrap().0).collect();
    assert_eq!(call.points(), Points::whole(2));
    match open() {
        Err(OpenLegError::Admission(AdmissionError::NoPoints { needed, free })) => {
            assert_eq!((needed, free), (Points::thousandths(500), Points::ZERO));
        }
        other => panic!("{other:?}"),
    }
    drop(call.remove_leg(legs[3].id).unwrap());
    wait_until("half a point is free", || call.points() == Points::thousandths(1500));
    drop(open().unwrap());
    assert_eq!(engine.load().workers[0].used, Points::whole(2));
}

#[test]
fn a_price_of_its_own_stays_when_a_leg_cannot_be_opened() {
    let (engine, _events) = builder("127.9.3.4", 24_400..=24_403).budget(Points::whole(9)).build().unwrap();
    let call = engine.create_call(spec(5000)).unwrap();
    let opened = [(); 2].map(|()| call.open_leg(&Placement::default(), pcmu_leg()).unwrap().0);
    assert!(matches!(
        call.open_leg(&Placement::default(), pcmu_leg()),
        Err(OpenLegError::Admission(AdmissionError::NoPorts { needed: 2, free: 0, total: 4 }))
    ));
    assert_eq!(call.points(), Points::whole(5));
    drop(call.remove_leg(opened[0].id).unwrap());
    wait_until("the leg is gone", || call.statistics().unwrap().wait().unwrap().legs.len() == 1);
    assert_eq!(call.points(), Points::whole(5));
    assert_eq!(engine.load().workers[0].used, Points::whole(5));
}

#[test]
fn a_draining_engine_takes_no_new_calls_and_keeps_those_it_has() {
    let (engine, _events) = builder("127.9.3.5", 24_400..=24_499).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    engine.set_draining(true);
    assert!(engine.is_draining());
    assert_eq!(engine.create_call(CallSpec::default()).unwrap_err(), AdmissionError::Draining);
    for _ in 0..20 {
        pair.exchange();
    }
    engine.set_draining(false);
    assert!(engine.create_call(CallSpec::default()).is_ok());
}

#[test]
fn shutdown_ends_every_call_and_tells_so() {
    let (engine, events) = builder("127.9.3.6", 24_400..=24_499).workers(2).build().unwrap();
    let mut pairs: Vec<Pair> = (0..4).map(|n| Pair::new(&engine, n * 2)).collect();
    for pair in &mut pairs {
        pair.exchange();
    }
    engine.shutdown();
    let ports: Vec<_> = pairs.iter().flat_map(Pair::ports).collect();
    let expected: Vec<_> = pairs.iter().map(Pair::id).collect();
    drop(pairs);
    drop(engine);
    let mut ended = Vec::new();
    while let Some(event) = events.recv() {
        if let Event::CallEnded { call, reason, statistics } = event {
            assert_eq!((reason, statistics.legs.len()), (EndReason::Shutdown, 2));
            ended.push(call);
        }
    }
    ended.sort();
    assert_eq!(ended, expected);
    for port in ports {
        std::net::UdpSocket::bind(port).expect("a free port");
    }
}

#[test]
fn an_unknown_leg_or_call_is_named_in_the_error() {
    let (engine, events) = builder("127.9.3.7", 24_400..=24_499).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    pair.exchange();
    let other = engine.create_call(CallSpec::default()).unwrap();
    let foreign = other.open_leg(&Placement::default(), pcmu_leg()).unwrap().0.id;
    let unknown = LegId::from_u64(999_999);
    let call = &pair.call;
    for leg in [unknown, foreign] {
        let error = Some(CommandError::NoSuchLeg(leg));
        assert_eq!(call.configure_leg(leg, pcmu_leg(), Relearn::IfMoved).err(), error);
        assert_eq!(call.set_source(leg, Source::Silence).err(), error);
        assert_eq!(call.set_source(pair.a.leg.id, Source::Leg(leg)).err(), error);
        assert_eq!(call.remove_leg(leg).err(), error);
    }
    assert_eq!(CommandError::NoSuchLeg(unknown).to_string(), "the call has no leg 999999");
    drop(call.end().unwrap());
    wait_for(&events, "it ends", |event| matches!(event, Event::CallEnded { .. }).then_some(()));
    let error = Some(CommandError::NoSuchCall(call.id()));
    assert_eq!(call.end().err(), error);
    assert_eq!(call.connect(pair.a.leg.id, pair.b.leg.id).err(), error);
    assert_eq!(call.statistics().err(), error);
    assert!(engine.call(call.id()).is_none());
    assert!(engine.call(other.id()).is_some());
}

fn tap(leg: LegId) -> AudioTapSpec {
    let capacity = std::time::Duration::from_secs(1);
    AudioTapSpec { leg, side: TapSide::Both, rate: 8000, capacity, mask_secure_input: true, beep: None }
}

#[test]
fn an_audio_tap_costs_what_it_makes_be_decoded_until_it_goes() {
    let (engine, _events) = builder("127.9.3.90", 24_400..=24_499).budget(Points::whole(9)).build().unwrap();
    let pair = Pair::new(&engine, 0);
    let (before, prices, leg) = (pair.call.points(), Prices::default(), pair.a.leg.id);
    let (first, _reader, outcome) = pair.call.tap_audio(tap(leg)).unwrap();
    outcome.wait().unwrap();
    let recorded = before + prices.pcm_coded + prices.pcm_coded + prices.recording;
    assert_eq!(pair.call.points(), recorded);
    let (_, _other, outcome) = pair.call.tap_audio(tap(leg)).unwrap();
    outcome.wait().unwrap();
    assert_eq!(pair.call.points(), recorded + prices.recording, "nothing more is decoded");
    pair.call.pause_tap(first, true).unwrap().wait().unwrap();
    pair.call.remove_tap(first).unwrap().wait().unwrap();
    assert_eq!(pair.call.points(), recorded);
    pair.call.remove_leg(leg).unwrap().wait().unwrap();
    wait_until("its taps went with the leg", || pair.call.points() == before);
}

#[test]
fn an_audio_tap_that_is_refused_costs_nothing() {
    let (engine, _events) = builder("127.9.3.91", 24_400..=24_499).budget(Points::whole(3)).build().unwrap();
    let pair = Pair::new(&engine, 0);
    let (before, leg) = (pair.call.points(), pair.a.leg.id);
    for _ in 0..8 {
        pair.call.tap_audio(tap(leg)).unwrap().2.wait().unwrap();
    }
    let refused = pair.call.tap_audio(tap(leg)).map(drop);
    assert!(matches!(refused, Err(CommandError::NoRoom { what: "audio taps of a leg", .. })), "{refused:?}");
    let other = pair.b.leg.id;
    let held = engine.create_call(spec(
        engine.load().workers[0].budget.as_thousandths() - pair.call.points().as_thousandths(),
    ));
    let refused = pair.call.tap_audio(tap(other)).map(drop);
    assert!(matches!(refused, Err(CommandError::NoPoints { .. })), "{refused:?}");
    drop(held.unwrap().end().unwrap());
    for _ in 8..mediapoint_engine::Call::MAX_MIXES {
        pair.call.tap_key_presses(leg).unwrap().1.wait().unwrap();
    }
    let paid = pair.call.points();
    wait_until("there are points", || engine.load().workers[0].used == paid);
    let refused = pair.call.tap_audio(tap(other)).unwrap().2.wait();
    assert!(matches!(refused, Err(CommandError::NoRoom { what: "taps", .. })), "{refused:?}");
    wait_until("the points are back", || pair.call.points() == paid);
    assert!(paid > before);
}
