//! Time-outs: a silent leg is told once, and again when it is heard; a call that nobody is heard of ends with the reason;
//! hold, ringing and a leg's own limit are respected.

use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{Direction, EndReason, Event, LegConfig};
use mediapoint_packet::Time;
use mediapoint_testkit::{PeerId, World, audio, pcmu};

const MEDIA: Duration = Duration::from_secs(60);
const HOLD: Duration = Duration::from_secs(600);

fn call() -> (World, PeerId, PeerId) {
    let mut world = World::with_timeouts(1, MEDIA, HOLD);
    let call = world.add_call();
    let [a, b] = [(); 2].map(|()| world.add_peer(call, audio([pcmu()])));
    world.connect(a, b);
    (world, a, b)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// When and why the call ended.
fn ended(world: &World) -> Option<(Time, EndReason)> {
    world.events.iter().find_map(|(at, event)| match event {
        Event::CallEnded { reason, .. } => Some((*at, *reason)),
        _ => None,
    })
}

/// The time-outs and resumptions told of a party: when, and for how long it was silent.
fn told(world: &World, party: PeerId) -> Vec<(Time, Option<Duration>)> {
    let of = world.peer(party).leg;
    let told = world.events.iter().filter_map(|(at, event)| match event {
        Event::MediaTimeout { leg, silent, .. } if *leg == of => Some((*at, Some(*silent))),
        Event::MediaResumed { leg, .. } if *leg == of => Some((*at, None)),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_silent_leg_is_told_once_and_its_return_too() {
    let (mut world, a, b) = call();
    world.start(a);
    world.start(b);
    world.run_for(seconds(30));
    world.stop(a);
    world.run_for(seconds(200));
    let last = Time::from_millis(30_010);
    let [(at, Some(silent))] = told(&world, a)[..] else { panic!("{:?}", told(&world, a)) };
    assert!(at >= last + MEDIA && at <= last + MEDIA + seconds(1), "{at:?}");
    assert!(silent >= MEDIA && silent < MEDIA + seconds(1));
    world.start(a);
    world.run_for(seconds(10));
    let [_, (resumed, None)] = told(&world, a)[..] else { panic!("{:?}", told(&world, a)) };
    assert_eq!(resumed, Time::from_millis(230_010));
    world.stop(a);
    world.run_for(seconds(70));
    assert_eq!(told(&world, a).len(), 3, "silence after it was heard again is another one");
    assert_eq!(told(&world, b), []);
    assert_eq!(ended(&world), None, "one party is heard");
}

#[test]
fn a_call_that_nobody_is_heard_of_ends_after_the_media_timeout() {
    let (mut world, a, b) = call();
    for party in [a, b] {
        world.start(party);
    }
    world.run_for(seconds(100));
    world.stop(a);
    world.run_for(seconds(20));
    world.stop(b);
    world.run_for(seconds(55));
    assert_eq!(ended(&world), None, "b was heard 55 s ago");
    world.run_for(seconds(6));
    let (at, reason) = ended(&world).expect("the call has ended");
    assert_eq!(reason, EndReason::MediaTimeout);
    assert!(at >= Time::from_millis(180_000) && at <= Time::from_millis(180_200), "{at:?}");
    assert_eq!(world.session().legs(), 0);
    assert!(world.events.iter().any(|(_, event)| matches!(
        event,
        Event::CallEnded { statistics, .. } if statistics.legs.len() == 2
            && statistics.legs.iter().all(|leg| leg.received.packets > 4000)
    )));
}

#[test]
fn a_leg_has_a_limit_of_its_own() {
    let (mut world, a, b) = call();
    world.reinvite(a, |config| config.media_timeout = Some(seconds(5)));
    world.start(a);
    world.start(b);
    world.run_for(seconds(10));
    world.stop(a);
    world.run_for(seconds(7));
    assert!(told(&world, a).is_empty() || told(&world, a)[0].0 <= Time::from_millis(15_200));
    world.run_for(seconds(60));
    let [(at, Some(_))] = told(&world, a)[..] else { panic!("{:?}", told(&world, a)) };
    assert!(at >= Time::from_millis(15_000) && at <= Time::from_millis(15_200), "told at {at:?}");
}

fn direct(world: &mut World, a: (PeerId, Direction), b: (PeerId, Direction)) {
    for (party, direction) in [a, b] {
        world.reinvite(party, |config: &mut LegConfig| config.direction = direction);
    }
}

#[test]
fn a_call_on_hold_ends_after_the_hold_timeout_only() {
    use Direction::{Inactive, ReceiveOnly, SendOnly};
    // Hold as phones signal it: `inactive`, or `sendonly` without sending anything.
    for (of_a, of_b) in [(Inactive, Inactive), (ReceiveOnly, SendOnly)] {
        let (mut world, a, b) = call();
        world.start(a);
        world.start(b);
        world.run_for(seconds(20));
        direct(&mut world, (a, of_a), (b, of_b));
        world.stop(a);
        world.stop(b);
        world.run_for(HOLD - seconds(10));
        assert_eq!(ended(&world), None, "{of_a:?}");
        assert_eq!(told(&world, b), [], "nobody waits for the party that is to be silent");
        world.run_for(seconds(12));
        let (at, reason) = ended(&world).expect("the call has ended");
        assert_eq!(reason, EndReason::HoldTimeout);
        assert!(at >= Time::from_millis(620_000) && at <= Time::from_millis(620_300), "{at:?}");
    }
}

#[test]
fn music_on_hold_keeps_a_call() {
    let (mut world, a, b) = call();
    world.start(a);
    world.start(b);
    world.run_for(seconds(20));
    direct(&mut world, (a, Direction::ReceiveOnly), (b, Direction::SendOnly));
    world.stop(b);
    world.run_for(HOLD * 2);
    assert_eq!(ended(&world), None);
    assert_eq!((told(&world, a), told(&world, b)), (vec![], vec![]));
}

#[test]
fn silence_counts_from_the_resumption() {
    let (mut world, a, b) = call();
    world.start(a);
    world.start(b);
    world.run_for(seconds(20));
    direct(&mut world, (a, Direction::Inactive), (b, Direction::Inactive));
    world.stop(a);
    world.stop(b);
    world.run_for(seconds(300));
    direct(&mut world, (a, Direction::SendReceive), (b, Direction::SendReceive));
    world.run_for(seconds(50));
    assert_eq!(ended(&world), None, "resumed 50 s ago");
    assert_eq!((told(&world, a), told(&world, b)), (vec![], vec![]));
    world.run_for(seconds(11));
    assert_eq!(ended(&world).map(|(_, reason)| reason), Some(EndReason::MediaTimeout));
}

/// A callee's leg has no address until it answers, and a caller need not send anything before that.
#[test]
fn a_call_that_rings_is_not_silent() {
    let mut world = World::with_timeouts(2, MEDIA, HOLD);
    let call = world.add_call();
    let a = world.add_peer(call, audio([pcmu()]));
    let b = world.add_peer(call, audio([pcmu()]));
    world.connect(a, b);
    world.remove_leg(b);
    // As `add_peer`, with an address that is not known yet.
    let leg = mediapoint_engine::LegId::from_u64(77);
    let config = Box::new(audio([pcmu()]));
    let ports = mediapoint_testkit::leg_ports(77);
    world.apply(call, CallCommand::AddLeg { leg, config, ports }).expect("a leg");
    world.run_for(seconds(180));
    assert_eq!(ended(&world), None, "three minutes of ringing");
    assert_eq!(told(&world, a).len(), 0, "nobody expects early media");
    let remote = mediapoint_engine::RemoteAddress { rtp: "192.0.2.77:4000".parse().unwrap(), rtcp: None };
    let answered = LegConfig { remote: Some(remote), ..audio([pcmu()]) };
    let (config, relearn) = (Box::new(answered), mediapoint_engine::Relearn::IfMoved);
    world.apply(call, CallCommand::ConfigureLeg { leg, config, relearn }).expect("a leg");
    world.run_for(seconds(55));
    assert_eq!(ended(&world), None, "answered 55 s ago");
    world.run_for(seconds(10));
    assert_eq!(ended(&world).map(|(_, reason)| reason), Some(EndReason::MediaTimeout));
}

#[test]
fn a_call_that_is_never_answered_ends_after_the_hold_timeout() {
    let mut world = World::with_timeouts(3, MEDIA, HOLD);
    let call = world.add_call();
    world.run_for(HOLD - seconds(1));
    assert_eq!(world.session().calls(), 1);
    world.run_for(seconds(2));
    assert_eq!(world.session().calls(), 0);
    assert_eq!(ended(&world).map(|(_, reason)| reason), Some(EndReason::HoldTimeout), "{call:?}");
}

#[test]
fn packets_of_a_stranger_do_not_keep_a_call() {
    let (mut world, a, b) = call();
    world.start(a);
    world.start(b);
    world.run_for(seconds(5));
    world.stop(a);
    world.stop(b);
    let stranger = world.add_stranger(a, "198.51.100.1:9".parse().unwrap());
    world.start(stranger);
    world.run_for(seconds(70));
    assert_eq!(ended(&world).map(|(_, reason)| reason), Some(EndReason::MediaTimeout));
    assert_eq!(world.to_nowhere, 0);
}

/// A recorder's leg sends nothing and has no answer yet, or has one: neither keeps a call whose parties are gone.
#[test]
fn a_leg_that_only_listens_neither_holds_a_call_nor_ends_it() {
    for answered in [true, false] {
        let (mut world, a, b) = call();
        let recorder = world.add_peer(world.peer(a).call, audio([pcmu()]));
        world.reinvite(recorder, |config| {
            config.direction = Direction::SendOnly;
            if !answered {
                config.remote = None;
            }
        });
        let said = world.source_of(a);
        world.feed(recorder, said);
        world.start(a);
        world.start(b);
        world.run_for(HOLD * 2);
        assert_eq!(ended(&world), None);
        assert_eq!(told(&world, recorder), []);
        world.stop(a);
        world.stop(b);
        world.run_for(seconds(62));
        assert_eq!(ended(&world).map(|(_, reason)| reason), Some(EndReason::MediaTimeout), "{answered}");
    }
}

#[test]
fn a_party_on_hold_holds_a_call_that_is_recorded() {
    let (mut world, a, b) = call();
    let recorder = world.add_peer(world.peer(a).call, audio([pcmu()]));
    world.reinvite(recorder, |config| config.direction = Direction::SendOnly);
    let said = world.source_of(a);
    world.feed(recorder, said);
    direct(&mut world, (a, Direction::Inactive), (b, Direction::Inactive));
    world.run_for(HOLD - seconds(1));
    assert_eq!(ended(&world), None);
    world.run_for(seconds(2));
    assert_eq!(ended(&world).map(|(_, reason)| reason), Some(EndReason::HoldTimeout));
}
