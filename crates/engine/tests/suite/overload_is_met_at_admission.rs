//! Overload: prices tell codecs apart, and a worker that does not keep up takes nothing new until it does.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use std::time::Duration;

use mediapoint_engine::{
    AdmissionError, Call, CallSpec, Codec, CommandError, Engine, Event, LegConfig, OpenLegError, OpenedLeg,
    PayloadCodec, PayloadType, Placement, PlayerSpec, Points, Relearn, RemoteAddress, Source, ToneSpec,
};
use mediapoint_testkit::phone::{Pair, builder, pcmu_leg, wait_for, wait_until};

fn leg(codec: Codec) -> LegConfig {
    let number = PayloadType::new(if codec == Codec::G729 { 18 } else { 96 }).unwrap();
    LegConfig { codecs: vec![PayloadCodec::new(number, codec)], ..LegConfig::default() }
}

fn used(engine: &Engine) -> Points {
    engine.load().workers.iter().map(|worker| worker.used).sum()
}

/// A call whose legs are configured after they were opened, as an answer does.
fn negotiate(call: &Call, [a, b]: [LegConfig; 2]) -> Result<[OpenedLeg; 2], CommandError> {
    let legs = [(); 2].map(|()| call.open_leg(&Placement::default(), LegConfig::default()).unwrap().0);
    for (leg, config) in legs.iter().zip([a, b]) {
        drop(call.configure_leg(leg.id, config, Relearn::IfMoved)?);
    }
    Ok(legs)
}

#[test]
fn a_core_of_relayed_calls_carries_fewer_of_what_costs_more() {
    let admitted = |codec: Codec| {
        let (engine, _events) =
            builder("127.9.43.1", 23_000..=23_999).budget(Points::whole(100)).build().unwrap();
        let mut calls = 0;
        for _ in 0..150 {
            let Ok(call) = engine.create_call(CallSpec::default()) else { break };
            match negotiate(&call, [pcmu_leg(), leg(codec.clone())]) {
                Ok(_) => calls += 1,
                Err(error) => {
                    assert!(matches!(error, CommandError::NoPoints { .. }), "{error}");
                    drop(call.end().unwrap());
                    break;
                }
            }
        }
        assert!(used(&engine) <= Points::whole(100), "{codec:?}: {}", used(&engine));
        calls
    };
    assert_eq!(admitted(Codec::PCMU), 100);
    assert_eq!(admitted(Codec::PCMA), 100);
    // Shares of a core's relayed calls, at most as docs/performance.md has them.
    assert_eq!([Codec::G729, Codec::G722, Codec::OPUS].map(admitted), [34, 25, 11]);
}

#[test]
fn a_price_follows_the_configuration_and_is_refused_where_there_is_no_room_for_it() {
    let (engine, _events) = builder("127.9.43.2", 23_000..=23_199).budget(Points::whole(4)).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let [_, b] = negotiate(&call, [pcmu_leg(), pcmu_leg()]).unwrap();
    assert_eq!(call.points(), Points::ONE);
    let configure = |config| call.configure_leg(b.id, config, Relearn::IfMoved);
    configure(leg(Codec::G729)).unwrap().wait().unwrap();
    assert_eq!(call.points(), Points::thousandths(2900));
    let refused = configure(leg(Codec::OPUS)).unwrap_err();
    let figures =
        CommandError::NoPoints { needed: Points::thousandths(6000), free: Points::thousandths(1100) };
    assert_eq!(refused, figures);
    assert_eq!(call.points(), Points::thousandths(2900), "it is as it was");
    let error = call.open_leg(&Placement::default(), leg(Codec::OPUS)).unwrap_err();
    assert!(matches!(error, OpenLegError::Admission(AdmissionError::NoPoints { .. })), "{error}");
    drop(configure(pcmu_leg()).unwrap());
    assert_eq!(used(&engine), Points::ONE, "what it cost comes back");
    let own = engine.create_call(CallSpec { points: Some(Points::whole(2)), ..CallSpec::default() }).unwrap();
    negotiate(&own, [pcmu_leg(), leg(Codec::OPUS)]).unwrap();
    assert_eq!(own.points(), Points::whole(2), "a price that was given stays");
    engine.shutdown();
}

#[test]
fn audio_that_is_made_for_a_leg_is_encoded_and_paid_for() {
    let (engine, _events) = builder("127.9.43.3", 23_000..=23_199).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let (opened, _) = call.open_leg(&Placement::default(), leg(Codec::G729)).unwrap();
    let (player, _) = call.add_player(PlayerSpec::Tone(ToneSpec::continuous(440.0, -10.0))).unwrap();
    drop(call.set_source(opened.id, Source::Player(player)).unwrap());
    assert_eq!(call.points(), Points::thousandths(2500));
    drop(call.set_source(opened.id, Source::Silence).unwrap());
    assert_eq!(call.points(), Points::ONE);
    engine.shutdown();
}

#[test]
fn a_worker_that_is_late_takes_no_calls_until_it_keeps_up() {
    let (engine, events) = builder("127.9.43.4", 23_000..=23_199).shed(false).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    // A tone, so that there are ticks to be late with.
    let call = engine.create_call(CallSpec::default()).unwrap();
    let remote = Some(RemoteAddress { rtp: "127.9.43.5:9".parse().unwrap(), rtcp: None });
    let (opened, _) = call.open_leg(&Placement::default(), LegConfig { remote, ..pcmu_leg() }).unwrap();
    let (player, _) = call.add_player(PlayerSpec::Tone(ToneSpec::continuous(440.0, -10.0))).unwrap();
    call.set_source(opened.id, Source::Player(player)).unwrap().wait().unwrap();
    assert_eq!(engine.load().workers[0].late, None);

    engine.danger_slow_worker(0, Duration::from_millis(60));
    let late = wait_for(&events, "it falls behind", |event| match event {
        Event::WorkerLate { worker: 0, late } => Some(*late),
        _ => None,
    });
    assert!(late > Duration::from_millis(20), "{late:?}");
    let refused = engine.create_call(CallSpec::default()).unwrap_err();
    assert!(matches!(refused, AdmissionError::Late { worker: 0, .. }), "{refused}");
    assert!(refused.to_string().contains("ms behind its clock"), "{refused}");
    assert!(engine.load().workers[0].late.is_some());
    let second = call.open_leg(&Placement::default(), pcmu_leg());
    drop(second.expect("it was admitted with the call"));
    let third = call.open_leg(&Placement::default(), pcmu_leg()).unwrap_err();
    assert!(matches!(third, OpenLegError::Admission(AdmissionError::Late { .. })), "{third}");
    pair.exchange();

    engine.danger_slow_worker(0, Duration::ZERO);
    wait_for(&events, "it keeps up again", |event| {
        matches!(event, Event::WorkerOnTime { worker: 0 }).then_some(())
    });
    assert_eq!(engine.load().workers[0].late, None);
    wait_until("it takes calls", || engine.create_call(CallSpec::default()).is_ok());
    pair.exchange();
    engine.shutdown();
}
