//! A policy lasts: through re-INVITEs of either side, a move of the leg or the call, and another process.

use mediapoint_engine::{Direction, PacketTime};

use super::*;

/// What happens to the call while media is gated.
type Change = fn(&mut Scene);

fn changes() -> [Change; 5] {
    [
        |scene| {
            let (party, far) = (scene.party, scene.far);
            scene.world.reinvite(party, |_| {});
            scene.world.reinvite(far, |config| config.direction = Direction::ReceiveOnly);
            scene.run(200);
            scene.world.reinvite(far, |config| config.direction = Direction::SendReceive);
        },
        |scene| {
            let far = scene.far;
            let time = PacketTime::WhereEncoded(Duration::from_millis(20));
            scene.world.reinvite(far, |config| config.packet_time = time);
        },
        |scene| {
            let (party, far) = (scene.party, scene.far);
            scene.world.set_source(far, None);
            scene.run(100);
            scene.world.set_source(far, Some(party));
        },
        |scene| {
            let (party, far) = (scene.party, scene.far);
            let to = scene.world.add_call();
            scene.world.move_leg(party, to);
            scene.world.move_leg(far, to);
            scene.world.connect(party, far);
        },
        |scene| {
            let call = scene.world.peer(scene.party).call;
            let text = serde_json::to_string(&scene.world.snapshot(call).unwrap()).unwrap();
            scene.world.kill_session();
            scene.world.restore(&serde_json::from_str(&text).unwrap()).unwrap();
        },
    ]
}

#[test]
fn through_everything_that_changes_a_call() {
    for way in ways() {
        for (n, change) in changes().into_iter().enumerate() {
            for media in [MediaPolicy::Block, MediaPolicy::Silence] {
                let mut scene = Scene::new(way.clone());
                scene.run(1005);
                scene.set(media);
                scene.run(300);
                let begin = scene.world.now();
                change(&mut scene);
                scene.run(700);
                let name = format!("{media:?}, change {n}, {:?}", scene.way);
                let sent = scene.audio_since(begin);
                if media == MediaPolicy::Block {
                    assert_eq!(sent.len(), 0, "{name}");
                } else {
                    assert!(sent.len() > 25, "{name}: {} packets", sent.len());
                    let log: Vec<_> = sent.into_iter().cloned().collect();
                    let ear = Ear::new(&log, std::slice::from_ref(&scene.way.to), 8000);
                    assert!(peak(&ear.pcm) <= 8, "{name}: {}", peak(&ear.pcm));
                }
                let end = scene.world.now();
                scene.set(MediaPolicy::Forward);
                scene.run(1000);
                let log: Vec<_> = scene.audio_since(end).into_iter().cloned().collect();
                assert!((46..=51).contains(&log.len()), "{name}: {} packets", log.len());
                let ear = Ear::new(&log, std::slice::from_ref(&scene.way.to), 8000);
                assert!(peak(&ear.pcm) > 7500, "{name}");
                let heard = &scene.world.peer(scene.far).heard;
                assert_eq!((heard.seam.check(), heard.not_authentic), (Ok(()), 0), "{name}");
            }
        }
    }
}
