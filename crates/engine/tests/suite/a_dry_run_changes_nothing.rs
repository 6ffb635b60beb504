//! Dry runs: the price, the path and the worker of what is commanded, by the code that admits it, and nothing is opened.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use mediapoint_engine::{
    AdmissionError, AudioTapSpec, Call, CallSpec, Codec, CommandError, Engine, EngineLoad, LegConfig, Manner,
    MixSpec, OpenedLeg, PacketTime, PayloadCodec, PayloadType, Placement, PlayerSpec, Points, Relearn,
    RoomMember, RoomSpec, Source, TapSide, ToneSpec,
};
use mediapoint_testkit::phone::{Pair, builder, pcmu_leg};
use std::time::Duration;

fn leg(codec: Codec) -> LegConfig {
    let number = PayloadType::new(if codec == Codec::G729 { 18 } else { 96 }).unwrap();
    LegConfig { codecs: vec![PayloadCodec::new(number, codec)], ..LegConfig::default() }
}

fn open(call: &Call, config: LegConfig) -> OpenedLeg {
    call.open_leg(&Placement::default(), config).unwrap().0
}

/// All that can be counted from outside, but for what packets and time change.
fn counted(engine: &Engine) -> (EngineLoad, usize) {
    let mut load = engine.load();
    load.rounds = 0;
    for worker in &mut load.workers {
        (worker.cpu, worker.received, worker.sent, worker.calls) = Default::default();
    }
    (load, engine.calls())
}

fn tap(leg: &OpenedLeg) -> AudioTapSpec {
    AudioTapSpec {
        leg: leg.id,
        side: TapSide::Both,
        rate: 8000,
        capacity: Duration::from_secs(1),
        mask_secure_input: true,
        beep: None,
    }
}

#[test]
fn a_whole_call_is_tried_and_nothing_is_there_after_it() {
    let (engine, events) = builder("127.9.45.1", 23_000..=23_199).workers(2).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    let (load, calls) = counted(&engine);
    let trial = engine.dry_run();
    assert!(trial.is_dry_run() && !engine.is_dry_run());
    let call = trial.create_call(CallSpec::default()).unwrap();
    let [a, b] = [pcmu_leg(), leg(Codec::G729)].map(|config| open(&call, config));
    call.connect(a.id, b.id).unwrap().wait().unwrap();
    let (_, reader, outcome) = call.tap_audio(tap(&a)).unwrap();
    outcome.wait().unwrap();
    drop(reader);
    call.statistics().unwrap().wait().unwrap();
    assert_eq!(call.points(), Points::thousandths(2950));
    assert!(call.worker().is_some());
    let paths: Vec<String> = call.paths().iter().map(ToString::to_string).collect();
    let [a, b] = [a.id, b.id];
    let expected = [
        format!("leg {a}: transcoded, G.729 to G.711, RTP, tapped"),
        format!("leg {b}: transcoded, G.711 to G.729, RTP"),
    ];
    assert_eq!(paths, expected);
    let room = call.add_room(RoomSpec::default()).unwrap().0;
    call.join_room(room, a, RoomMember::default()).unwrap().wait().unwrap();
    assert_eq!(call.paths().first().unwrap().manner, Manner::Mixed);
    drop(call.remove_leg(b).unwrap());
    assert_eq!(call.paths().len(), 1);

    let (load_after, calls_after) = counted(&engine);
    assert_eq!((load_after, calls_after), (load, calls));
    assert!(engine.call(call.id()).is_none(), "it was never made");
    let made = engine.create_call(CallSpec::default()).unwrap();
    assert_eq!(made.id(), call.id(), "not even a name is used up");
    drop(trial);
    pair.exchange();
    assert!(engine.create_call(CallSpec::default()).is_ok(), "its engine goes on");
    while let Some(event) = events.try_recv() {
        assert_ne!(event, mediapoint_engine::Event::WorkerFailed { worker: 0 });
    }
    engine.shutdown();
}

#[test]
fn a_change_of_a_call_that_goes_on_is_priced_as_it_is_admitted() {
    let (engine, _events) = builder("127.9.45.2", 23_000..=23_199).budget(Points::whole(4)).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let [a, b] = [pcmu_leg(), pcmu_leg()].map(|config| open(&call, config));
    call.connect(a.id, b.id).unwrap().wait().unwrap();
    type Change = fn(&Call, &OpenedLeg, &OpenedLeg) -> Result<(), CommandError>;
    let changes: [Change; 6] = [
        |call, _, b| call.configure_leg(b.id, leg(Codec::G729), Relearn::IfMoved).map(drop),
        |call, a, _| call.tap_audio(tap(a)).map(drop),
        |call, a, b| {
            call.add_mix(MixSpec { inputs: vec![Source::Leg(b.id)] })
                .and_then(|(mix, _)| call.set_source(a.id, Source::Mix(mix)).map(drop))
        },
        |call, a, _| {
            let (player, _) = call.add_player(PlayerSpec::Tone(ToneSpec::continuous(440.0, -10.0)))?;
            call.set_source(a.id, Source::Player(player)).map(drop)
        },
        |call, _, b| call.configure_leg(b.id, leg(Codec::OPUS), Relearn::IfMoved).map(drop),
        |call, _, b| {
            let packet_time = PacketTime::Always(Duration::from_millis(40));
            call.configure_leg(b.id, LegConfig { packet_time, ..pcmu_leg() }, Relearn::IfMoved).map(drop)
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let tried = engine.dry_run().call(call.id()).unwrap();
        let before = call.points();
        let on_trial = change(&tried, &a, &b);
        assert_eq!(call.points(), before, "change {number} is not made");
        let made = change(&call, &a, &b);
        assert_eq!(on_trial, made, "change {number} is refused or admitted alike");
        assert_eq!((tried.points(), tried.points_by_kind()), (call.points(), call.points_by_kind()));
        assert_eq!(tried.paths(), call.paths(), "change {number}");
    }
    let last = call.paths().last().unwrap().to_string();
    assert_eq!(last, format!("leg {}: re-packetised, G.711, RTP", b.id));
    engine.shutdown();
}

#[test]
fn what_is_refused_has_a_price_without_a_budget() {
    let (engine, _events) = builder("127.9.45.3", 23_000..=23_199).budget(Points::whole(2)).build().unwrap();
    let try_opus = |trial: &Engine| {
        let call = trial.create_call(CallSpec::default()).unwrap();
        let _ = open(&call, pcmu_leg());
        let opened = call.open_leg(&Placement::default(), leg(Codec::OPUS)).map(|_| ());
        (opened, call.points())
    };
    let (refused, points) = try_opus(&engine.dry_run());
    assert!(refused.is_err() && points == Points::ONE, "{refused:?} {points}");
    let (opened, points) = try_opus(&engine.dry_run_without_budget());
    assert!(opened.is_ok() && points == Points::thousandths(8900), "{opened:?} {points}");
    let first = engine.dry_run();
    let calls: Vec<_> = (0..3).map(|_| first.create_call(CallSpec::default())).collect();
    assert!(calls.iter().filter(|call| call.is_ok()).count() == 2, "a dry run fills up, too");
    engine.set_draining(true);
    let refused = engine.dry_run().create_call(CallSpec::default()).unwrap_err();
    assert_eq!(refused, AdmissionError::Draining);
    engine.shutdown();
}

#[test]
fn a_call_that_would_move_is_tried_where_it_would_be() {
    let (engine, _events) =
        builder("127.9.45.4", 23_000..=23_199).workers(2).budget(Points::whole(10)).build().unwrap();
    let spec = |worker| CallSpec { worker: Some(worker), ..CallSpec::default() };
    let calls: Vec<Call> = (0..8).map(|_| engine.create_call(spec(0)).unwrap()).collect();
    let call = calls.first().unwrap();
    let [a, b] = [pcmu_leg(), pcmu_leg()].map(|config| open(call, config));
    drop(call.connect(a.id, b.id).unwrap());
    let tried = engine.dry_run().call(call.id()).unwrap();
    drop(tried.configure_leg(b.id, leg(Codec::OPUS), Relearn::IfMoved).unwrap());
    assert_eq!((tried.worker(), call.worker()), (Some(1), Some(0)));
    engine.shutdown();
}
