//! Digits that are under way when their call goes on in another session, or their leg in another call.

use mediapoint_engine::PayloadCodec;
use mediapoint_testkit::{PeerId, World, audio, codec, pcmu, telephone_event};

use super::*;

fn call(of_b: Vec<PayloadCodec>) -> (World, PeerId, PeerId) {
    let mut world = World::new(4);
    let call = world.add_call();
    let a = world.add_peer(call, audio([pcmu()]));
    let clock_rate = of_b[0].codec.clock_rate;
    let b = world.add_peer(call, mediapoint_engine::LegConfig { codecs: of_b, ..audio([]) });
    world.peer_mut(b).heard.keep_packets = true;
    world.peer_mut(b).heard.clock_rate = clock_rate;
    world.connect(a, b);
    world.start(a);
    world.run_for(MILLIS(500));
    (world, a, b)
}

#[test]
fn in_another_session() {
    for after in [0, 90, 230, 390] {
        let (mut world, _, b) = call(vec![pcmu(), telephone_event(101)]);
        send(&mut world, b, of_millis("123", 200, 100));
        world.run_for(MILLIS(after));
        let call = world.peer(b).call;
        let snapshot = serde_json::to_string(&world.snapshot(call).unwrap()).unwrap();
        world.kill_session();
        world.run_for(MILLIS(60));
        world.restore(&serde_json::from_str(&snapshot).unwrap()).unwrap();
        world.run_for(MILLIS(2000));
        let heard = &world.peer(b).heard;
        let got = events(&heard.log, 101);
        let seen: Vec<_> = got.iter().map(|got| (got.digit(), got.blocks.last().unwrap().duration)).collect();
        assert_eq!(seen, [('1', 1600), ('2', 1600), ('3', 1600)], "after {after} ms");
        for event in &got {
            assert!(event.durations().is_sorted() && event.blocks.iter().any(|block| block.end));
            let markers = event.at.iter().filter(|&&at| heard.log[at].marker).count();
            assert_eq!(markers, 1, "after {after} ms");
        }
        assert_eq!(heard.seam.check(), Ok(()), "after {after} ms");
        assert_eq!(ends(&world, b), [false], "after {after} ms");
    }
}

#[test]
fn as_tones_in_another_session() {
    let (mut world, _, b) = call(vec![codec(97, "L16", 16_000)]);
    send(&mut world, b, of_millis("4567", 200, 100));
    world.run_for(MILLIS(400));
    let call = world.peer(b).call;
    let snapshot = world.snapshot(call).unwrap();
    assert!(!format!("{snapshot:?}").contains("code"));
    world.kill_session();
    world.restore(&snapshot).unwrap();
    world.run_for(MILLIS(2000));
    let found = found(&ear(&world, b, 16_000).pcm);
    assert_eq!(text(&found).replace("55", "5"), "4567", "one that was interrupted may be two");
    assert_eq!((world.peer(b).heard.seam.check(), ends(&world, b)), (Ok(()), vec![false]));
}

#[test]
fn in_another_call() {
    for of_b in [vec![pcmu(), telephone_event(101)], vec![pcmu()]] {
        let events_agreed = of_b.len() > 1;
        let (mut world, a, b) = call(of_b);
        send(&mut world, b, of_millis("123", 200, 100));
        world.run_for(MILLIS(350));
        let other = world.add_call();
        let c = world.add_peer(other, audio([pcmu()]));
        world.start(c);
        world.move_leg(b, other);
        world.set_source(b, Some(c));
        world.run_for(MILLIS(2000));
        let heard = &world.peer(b).heard;
        let sent = match events_agreed {
            true => events(&heard.log, 101).iter().map(Got::digit).collect(),
            false => text(&found(&ear(&world, b, 8000).pcm)),
        };
        assert_eq!(sent, "123");
        assert_in_sequence(&heard.log);
        assert_eq!((heard.seam.check(), ends(&world, b)), (Ok(()), vec![false]));
        assert!(heard.packets_from(world.peer(c).tag) > 40, "the other call goes on");
        let _ = a;
    }
}

#[test]
fn with_a_source_that_changes_or_goes() {
    for of_b in [vec![pcmu(), telephone_event(101)], vec![pcmu()]] {
        let (mut world, a, b) = call(of_b.clone());
        send(&mut world, b, digits("12345"));
        world.run_for(MILLIS(250));
        world.set_source(b, None);
        world.run_for(MILLIS(250));
        world.set_source(b, Some(a));
        world.run_for(MILLIS(250));
        let (call, leg) = (world.peer(a).call, world.peer(a).leg);
        world.apply(call, CallCommand::RemoveLeg { leg }).unwrap();
        world.run_for(MILLIS(1000));
        let heard = &world.peer(b).heard;
        let sent = match of_b.len() {
            2 => events(&heard.log, 101).iter().map(Got::digit).collect(),
            _ => text(&found(&ear(&world, b, 8000).pcm)),
        };
        assert_eq!(sent, "12345");
        assert_eq!((heard.seam.check(), ends(&world, b)), (Ok(()), vec![false]));
    }
}

/// A re-INVITE in the middle: what comes after it is sent as the party can take it now, what it cannot take is left out.
#[test]
fn with_other_codecs_in_the_middle() {
    let (mut world, _, b) = call(vec![pcmu(), telephone_event(101)]);
    send(&mut world, b, of_millis("12!34", 200, 100));
    world.run_for(MILLIS(350));
    world.reinvite(b, |config| config.codecs.truncate(1));
    world.run_for(MILLIS(2000));
    let heard = &world.peer(b).heard;
    let sent: String = events(&heard.log, 101).iter().map(Got::digit).collect();
    assert_eq!((sent.as_str(), text(&found(&ear(&world, b, 8000).pcm)).as_str()), ("12", "34"));
    assert_eq!((heard.seam.check(), ends(&world, b)), (Ok(()), vec![false]));
    assert!(world.leg_statistics(b).sent.unsent > 0);
}
