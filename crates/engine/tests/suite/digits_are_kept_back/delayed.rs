//! Digits that reach the far end later than they come, and not at all where secure input went on meanwhile.

use std::time::Duration;

use mediapoint_engine::{DigitSequence, DigitTrigger, PayloadCodec, SecureInput};
use mediapoint_testkit::{codec, pcma, pcmu};

use super::{Method, OFF, ON, Scene, after, spoken};

/// What a party types with digits that are delayed.
fn delayed(
    (from, to): (&PayloadCodec, &PayloadCodec),
    method: Method,
    (delay, typed): (u64, &str),
    trigger: Option<DigitTrigger>,
) -> Scene {
    let sound = match method {
        Method::Tones => spoken(typed, ON),
        Method::Events => Vec::new(),
        Method::Both => spoken(typed, 40),
    };
    let mut scene = Scene::new(from, to, after(16_000, sound));
    scene.world.start(scene.party);
    scene.run(1000);
    scene.world.reinvite(scene.party, |config| {
        config.digit_delay = Duration::from_millis(delay);
        config.digit_trigger = trigger;
    });
    scene.run(1000);
    match method {
        Method::Tones => scene.run((ON + OFF) * u64::try_from(typed.len()).unwrap()),
        Method::Events => scene.press(typed, ON),
        Method::Both => scene.press(typed, 40),
    }
    scene.run(100);
    scene
}

fn far_events(scene: &Scene) -> String {
    scene.found().into_iter().find(|(place, _)| *place == "far end, events").unwrap().1
}

#[test]
fn digits_come_later_once_and_in_order() {
    for method in [Method::Events, Method::Tones, Method::Both] {
        for to in [pcmu(), pcma(), codec(18, "G729", 8000)] {
            let mut scene = delayed((&pcmu(), &to), method, (800, "13579"), None);
            let name = format!("{method:?} to {}", to.codec);
            // The second is due 60 ms after the first 900.
            let early = far_events(&scene);
            assert!("1".starts_with(&early), "{name}: {early}");
            scene.run(2000);
            for (place, found) in scene.found() {
                let wanted = if place == "far end, events" { "13579" } else { "" };
                assert_eq!(found, wanted, "{name}: {place}");
            }
            assert_eq!(scene.reported(), "13579", "{name}");
            assert_eq!(scene.world.buffers_lost(), 0, "{name}");
        }
    }
}

#[test]
fn digits_of_the_trigger_itself_are_kept_back() {
    for (secure_input, wanted) in [(SecureInput::Drop, "7"), (SecureInput::Digit(0), "700000")] {
        let begin = DigitSequence::new("*1").unwrap();
        let spec = DigitTrigger { secure_input, tones: true, ..DigitTrigger::new(begin) };
        for method in [Method::Events, Method::Tones] {
            // The trigger is complete 400 ms after 7 begins, and 240 ms after * does.
            let mut scene = delayed((&pcmu(), &pcmu()), method, (320, "7*1234"), Some(spec));
            scene.run(2000);
            assert_eq!(far_events(&scene), wanted, "{method:?} {secure_input:?}");
            assert_eq!(scene.reported(), "7*1234");
        }
    }
}

#[test]
fn a_snapshot_keeps_digits_that_wait() {
    let mut scene = delayed((&pcmu(), &pcmu()), Method::Events, (2000, "246"), None);
    assert_eq!(far_events(&scene), "");
    let call = scene.world.peer(scene.party).call;
    let snapshot = scene.world.snapshot(call).unwrap();
    scene.world.kill_session();
    scene.world.restore(&snapshot).unwrap();
    scene.run(3000);
    assert_eq!(far_events(&scene), "246");
}
