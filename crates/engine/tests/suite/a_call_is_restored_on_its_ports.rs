//! Restoring a call in an engine: on the same ports, with its names; refused with a reason where ports or names are in use,
//! or where the snapshot is none; and then nothing is left behind.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use mediapoint_engine::{
    AdmissionError, CallId, CallSnapshot, CallSpec, Engine, Event, EventReceiver, MixSpec, Placement, Points,
    RestoreError, Source,
};
use mediapoint_testkit::phone::{Pair, builder, pcmu_leg, wait_for, wait_until};

fn engine(address: &str) -> (Engine, EventReceiver) {
    builder(address, 42_700..=42_719).build().unwrap()
}

fn snapshot(pair: &Pair) -> CallSnapshot {
    *pair.call.snapshot().unwrap().wait().unwrap()
}

fn wait_for_end(events: &EventReceiver, id: CallId) {
    wait_for(events, "the end of the call", |event| match event {
        Event::CallEnded { call, .. } if *call == id => Some(()),
        _ => None,
    });
}

/// Ends a call and waits until its ports are closed.
fn end(pair: &Pair, engine: &Engine, events: &EventReceiver) {
    pair.call.end().unwrap().wait().unwrap();
    wait_for_end(events, pair.id());
    engine.shutdown();
}

#[test]
fn phones_go_on_with_another_engine() {
    let address = "127.0.9.2";
    let (first, events) = engine(address);
    let mut pair = Pair::new(&first, 1);
    (0..20).for_each(|_| pair.exchange());
    let saved = snapshot(&pair);
    end(&pair, &first, &events);
    let (second, events) = engine(address);
    let (call, outcome) = second.restore(saved).unwrap();
    outcome.wait().unwrap();
    assert_eq!((call.id(), second.calls()), (pair.id(), 1));
    pair.call = call;
    (0..20).for_each(|_| pair.exchange());
    let load = second.load().workers;
    assert!(load.iter().any(|worker| worker.used == pair.call.points() && worker.calls == 1));
    // Its names are not given to others.
    let other = Pair::new(&second, 3);
    assert!(other.id().as_u64() > pair.id().as_u64());
    assert!(other.a.leg.id.as_u64() > pair.b.leg.id.as_u64());
    // It can be commanded as before, and its ports are free when it has ended.
    let ports = pair.ports();
    pair.call.connect(pair.a.leg.id, pair.b.leg.id).unwrap().wait().unwrap();
    pair.call.end().unwrap().wait().unwrap();
    wait_for_end(&events, pair.id());
    wait_until("its ports are closed", || ports.iter().all(|port| std::net::UdpSocket::bind(port).is_ok()));
}

#[test]
fn ports_and_names_in_use_are_refused() {
    let address = "127.0.9.3";
    let (first, events) = engine(address);
    let mut pair = Pair::new(&first, 1);
    pair.exchange();
    let saved = snapshot(&pair);
    let error = first.restore(saved.clone()).map(drop).unwrap_err();
    assert!(matches!(error, RestoreError::Exists(call) if call == pair.id()), "{error}");

    let (second, _) = engine(address);
    let error = second.restore(saved.clone()).map(drop).unwrap_err();
    assert!(matches!(error, RestoreError::Ports { leg, .. } if leg == pair.a.leg.id), "{error}");
    assert_eq!(second.calls(), 0);

    // Under another name of the call, the legs' own names are in use.
    let mut value = serde_json::to_value(&saved).unwrap();
    value["call"] = 777.into();
    let renamed: CallSnapshot = serde_json::from_value(value).unwrap();
    let error = first.restore(renamed).map(drop).unwrap_err();
    assert!(matches!(error, RestoreError::NameInUse { kind: "leg", .. }), "{error}");

    pair.exchange();
    end(&pair, &first, &events);
    let (_, outcome) = second.restore(saved).unwrap();
    outcome.wait().unwrap();
    assert_eq!(second.calls(), 1, "what was refused left nothing behind");
}

#[test]
fn malformed_snapshots_are_refused_before_anything_is_opened() {
    let (first, _events) = engine("127.0.9.4");
    let mut pair = Pair::new(&first, 1);
    pair.exchange();
    let saved = serde_json::to_value(snapshot(&pair)).unwrap();
    let changed = |pointer: &str, to: serde_json::Value| {
        let mut value = saved.clone();
        *value.pointer_mut(pointer).unwrap() = to;
        serde_json::from_value::<CallSnapshot>(value).unwrap()
    };
    let refused = |snapshot| first.restore(snapshot).map(drop).unwrap_err();
    let error = refused(changed("/version", 9.into()));
    assert!(matches!(error, RestoreError::Version { have: 9, need: 3 }), "{error}");
    for (pointer, to) in [
        ("/call", u64::MAX.into()),
        ("/legs/0/leg", u64::MAX.into()),
        ("/legs/1/leg", saved["legs"][0]["leg"].clone()),
        ("/legs/0/local/rtp", "127.0.9.4:65535".into()),
        ("/legs/0/local/rtp", "127.0.9.4:0".into()),
        ("/legs/0/local/rtcp", saved["legs"][1]["local"]["rtcp"].clone()),
        ("/legs/0/source/Leg", 4_000_000.into()),
        ("/legs/0/config/codecs/0/payload_type", 128.into()),
        ("/legs/0/receiver/streams/0/highest", u64::MAX.into()),
        ("/legs/0/rewriter/next", u64::MAX.into()),
        ("/legs/0/sent/packets", u64::MAX.into()),
    ] {
        let error = refused(changed(pointer, to));
        assert!(matches!(error, RestoreError::Malformed { .. }), "{pointer}: {error}");
    }
    assert_eq!(first.create_call(CallSpec::default()).unwrap().id().as_u64(), pair.id().as_u64() + 1);
    pair.exchange();
}

/// A call that no worker has room for is refused with the figures, and all of it is given back.
#[test]
fn a_call_without_room_is_refused_at_once() {
    let address = "127.0.9.5";
    let (first, events) = engine(address);
    let mut pair = Pair::new(&first, 1);
    pair.exchange();
    let saved = snapshot(&pair);
    end(&pair, &first, &events);
    let (second, _events) = builder(address, 42_700..=42_719).max_legs(1).build().unwrap();
    let error = second.restore(saved).map(drop).unwrap_err();
    let figures = AdmissionError::NoLegs { needed: 2, free: 1, limit: 1 };
    assert!(matches!(error, RestoreError::Admission(refused) if refused == figures), "{error}");
    assert_eq!((second.calls(), second.load().workers[0].used), (0, Points::ZERO));
    let ports = pair.ports();
    wait_until("its ports are closed", || ports.iter().all(|port| std::net::UdpSocket::bind(port).is_ok()));
}

/// A call keeps the price that it was admitted at.
#[test]
fn the_price_of_a_call_goes_on() {
    let address = "127.0.9.6";
    let (first, events) = engine(address);
    let spec = CallSpec { points: Some(Points::thousandths(1750)), ..CallSpec::default() };
    let call = first.create_call(spec).unwrap();
    for _ in 0..3 {
        let (_, outcome) = call.open_leg(&Placement::default(), pcmu_leg()).unwrap();
        outcome.wait().unwrap();
    }
    let price = call.points();
    assert!(price > Points::thousandths(1750));
    let saved = *call.snapshot().unwrap().wait().unwrap();
    call.end().unwrap().wait().unwrap();
    wait_for_end(&events, call.id());
    first.shutdown();
    let (second, _events) = engine(address);
    let (call, outcome) = second.restore(saved).unwrap();
    outcome.wait().unwrap();
    assert_eq!(call.points(), price);
}

/// What a mix has of its legs is decoded: a restored call pays for that until the mix goes.
#[test]
fn the_price_of_a_mix_goes_on() {
    let address = "127.0.9.7";
    let (first, events) = engine(address);
    let pair = Pair::new(&first, 0);
    let (call, [a, b]) = (&pair.call, [pair.a.leg.id, pair.b.leg.id]);
    let plain = call.points();
    let (mix, outcome) = call.add_mix(MixSpec { inputs: vec![Source::Leg(a), Source::Leg(b)] }).unwrap();
    outcome.wait().unwrap();
    let price = call.points();
    assert!(price > plain, "{price} after {plain}");
    let saved = snapshot(&pair);
    end(&pair, &first, &events);
    let (second, _events) = engine(address);
    let (call, outcome) = second.restore(saved).unwrap();
    outcome.wait().unwrap();
    assert_eq!((call.points(), second.load().workers[0].used), (price, price));
    call.remove_mix(mix).unwrap().wait().unwrap();
    assert_eq!(call.points(), plain);
}
