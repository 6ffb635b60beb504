//! Secure input goes on and off in mid-call: nothing of what is said is missing or doubled, nothing clicks, and what is not a
//! digit is heard as before.

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{PayloadCodec, Relearn, SecureInput};
use mediapoint_g711::{Law, encode};
use mediapoint_testkit::{Ear, codec, pcma, pcmu, tone};

use super::Scene;

const TONE: f64 = 437.0;

/// What the far end heard of a tone during which secure input went on, became another one, and went off.
fn switched(from: &PayloadCodec, to: &PayloadCodec) -> (Scene, Ear) {
    let tone = tone(TONE);
    let mut scene = Scene::new(from, to, move |n| tone(n, 8000));
    scene.world.start(scene.party);
    scene.run(1000);
    for policy in
        [SecureInput::Drop, SecureInput::Random, SecureInput::Off, SecureInput::Silence, SecureInput::Off]
    {
        scene.secure(policy);
        scene.run(1000);
    }
    let log = scene.world.peer(scene.far).heard.log.clone();
    let ear = Ear::new(&log, std::slice::from_ref(to), 8000);
    (scene, ear)
}

#[test]
fn nothing_is_missing_and_nothing_clicks_as_it_goes_on_and_off() {
    for (from, to) in [
        (pcmu(), pcmu()),
        (pcmu(), pcma()),
        (pcmu(), codec(97, "L16", 8000)),
        (codec(97, "L16", 8000), pcmu()),
    ] {
        let (scene, ear) = switched(&from, &to);
        let name = format!("{} to {}", from.codec, to.codec);
        let heard = &scene.world.peer(scene.far).heard;
        assert_eq!((ear.missing(), heard.missing()), (0, 0), "{name}");
        assert_eq!(heard.seam.check(), Ok(()), "{name}");
        // Both laws of G.711 alone are off by so much.
        let worst = ear.worst_break(TONE, 8000, 800);
        assert!(worst < 600.0, "{name}: {worst}");
        // All that was said came through, but for what is still held.
        assert!(ear.pcm.len() >= 6 * 8000 - 960, "{name}: {}", ear.pcm.len());
        assert_eq!(scene.world.buffers_lost(), 0);
    }
}

#[test]
fn the_last_digit_is_kept_back_though_secure_input_goes_off_with_its_first_end() {
    for policy in [SecureInput::Drop, SecureInput::Silence, SecureInput::Digit(0)] {
        let mut scene = Scene::new(&pcmu(), &pcmu(), |_| 0);
        scene.world.start(scene.party);
        scene.secure(policy);
        scene.run(1000);
        scene.world.peer_mut(scene.party).stream.press(7, std::time::Duration::from_millis(80));
        let mut waited = 0;
        while scene.reported().is_empty() {
            scene.run(20);
            waited += 1;
            assert!(waited < 20, "the digit is reported");
        }
        scene.secure(SecureInput::Off);
        scene.run(500);
        assert_eq!(scene.reported(), "7");
        for (place, found) in scene.found() {
            assert!(!found.contains('7'), "{policy:?}, {place}: {found}");
        }
        // The next one is for everybody.
        scene.world.peer_mut(scene.party).stream.press(5, std::time::Duration::from_millis(80));
        scene.run(500);
        let far: Vec<_> =
            scene.found().into_iter().filter(|(place, _)| *place == "far end, events").collect();
        assert!(far.iter().all(|(_, found)| found.ends_with('5')), "{policy:?}: {far:?}");
    }
}

/// The digits found at a place.
fn at(scene: &Scene, place: &str) -> String {
    scene.found().into_iter().find(|(known, _)| *known == place).unwrap().1
}

/// Seven as a tone of so many milliseconds, and two short ones of five, a second after its end.
fn seven_and_five(begins_ms: usize, lasts_ms: u64) -> Vec<i16> {
    let mut audio = vec![0; begins_ms * 8];
    audio.extend(super::spoken("7", lasts_ms));
    audio.resize((begins_ms + usize::try_from(lasts_ms).unwrap() + 1000) * 8, 0);
    audio.extend(super::spoken("55", 80));
    audio
}

/// Secure input goes off, and perhaps on and off again, so many milliseconds after the beginning of a tone of 400 ms.
fn switched_in_a_tone(to: &PayloadCodec, policy: SecureInput, after_ms: u64) -> Scene {
    let sound = super::after(0, seven_and_five(1000, 400));
    let mut scene = Scene::new(&pcmu(), to, sound);
    scene.world.start(scene.party);
    scene.secure(policy);
    scene.run(1000 + after_ms);
    scene.secure(SecureInput::Off);
    scene
}

#[test]
fn a_tone_that_sounds_as_it_goes_off_is_kept_back_to_its_end() {
    for to in [pcmu(), pcma(), codec(18, "G729", 8000), codec(97, "L16", 16_000)] {
        for policy in [SecureInput::Drop, SecureInput::Tone { hertz: 440, dbm0: -20 }, SecureInput::Digit(0)]
        {
            for after_ms in [20, 40, 60, 100, 200, 380] {
                let mut scene = switched_in_a_tone(&to, policy, after_ms);
                scene.run(3000);
                let name = format!("to {}, {policy:?}, after {after_ms} ms", to.codec);
                assert_eq!(scene.reported(), "755", "{name}");
                for (place, found) in scene.found() {
                    assert!(!found.contains('7'), "{name}, {place}: {found}");
                    if place.ends_with("audio") || place == "audio tap" {
                        assert!(found.ends_with("55"), "later ones are heard: {name}, {place}: {found}");
                    }
                }
                assert_eq!(scene.world.peer(scene.far).heard.missing(), 0, "{name}");
                assert_eq!(scene.world.buffers_lost(), 0, "{name}");
            }
        }
    }
}

#[test]
fn a_tone_is_kept_back_though_it_goes_on_and_off_again_while_it_sounds() {
    let mut scene = switched_in_a_tone(&pcmu(), SecureInput::Drop, 100);
    scene.run(60);
    scene.secure(SecureInput::Silence);
    scene.run(60);
    scene.secure(SecureInput::Off);
    scene.run(20);
    // The same once more changes nothing.
    scene.secure(SecureInput::Off);
    scene.run(3000);
    for (place, found) in scene.found() {
        assert!(!found.contains('7'), "{place}: {found}");
    }
    assert_eq!(at(&scene, "far end, audio"), "55");
}

#[test]
fn a_tone_without_end_is_heard_five_seconds_after_it_went_off() {
    let sound = super::after(0, seven_and_five(1000, 8000));
    let mut scene = Scene::new(&pcmu(), &pcmu(), sound);
    scene.world.start(scene.party);
    scene.secure(SecureInput::Drop);
    scene.run(1500);
    scene.secure(SecureInput::Off);
    scene.run(4900);
    assert_eq!(at(&scene, "far end, audio"), "");
    scene.run(600);
    assert_eq!(at(&scene, "far end, audio"), "7");
}

#[test]
fn the_audio_goes_its_way_again_when_nothing_sounds() {
    let tone = tone(TONE);
    let mut scene = Scene::new(&pcmu(), &pcmu(), move |n| tone(n, 8000));
    scene.world.start(scene.party);
    // True where the last packet is one of the last two that the party sent, octet for octet.
    let forwarded = |scene: &Scene, millis: usize| {
        let sent = |n: usize| encode(Law::Mu, self::tone(TONE)(u64::try_from(n).unwrap(), 8000));
        let heard = scene.world.peer(scene.far).heard.log.last().unwrap().payload.clone();
        (1..=2).any(|back| {
            let from = millis * 8 - back * 160;
            heard == (from..from + 160).map(sent).collect::<Vec<_>>()
        })
    };
    scene.run(500);
    assert!(forwarded(&scene, 500));
    scene.secure(SecureInput::Drop);
    scene.run(500);
    assert!(!forwarded(&scene, 1000));
    scene.secure(SecureInput::Off);
    scene.run(300);
    assert!(forwarded(&scene, 1300));
}

#[test]
fn an_event_that_lasts_as_it_goes_off_is_kept_back_to_its_end() {
    for to in [pcmu(), codec(18, "G729", 8000)] {
        for policy in [SecureInput::Drop, SecureInput::Silence, SecureInput::Digit(0), SecureInput::Random] {
            let mut scene = Scene::new(&pcmu(), &to, |_| 0);
            scene.world.start(scene.party);
            scene.secure(policy);
            scene.run(1000);
            // None is drawn that is no decimal digit.
            scene.world.peer_mut(scene.party).stream.press(12, std::time::Duration::from_millis(600));
            scene.run(200);
            scene.secure(SecureInput::Off);
            scene.run(1000);
            let name = format!("to {}, {policy:?}", to.codec);
            assert_eq!(scene.reported(), "A", "{name}");
            for (place, found) in scene.found() {
                assert!(!found.contains('A'), "{name}, {place}: {found}");
            }
            let one = usize::from(matches!(policy, SecureInput::Digit(_) | SecureInput::Random));
            assert_eq!(at(&scene, "far end, events").len(), one, "{name}: one for all of it");
            scene.world.peer_mut(scene.party).stream.press(5, std::time::Duration::from_millis(80));
            scene.run(500);
            assert!(at(&scene, "far end, events").ends_with('5'), "{name}: the next one is for everybody");
        }
    }
}

#[test]
fn a_snapshot_keeps_back_what_is_sent_again_of_the_last_digit() {
    for (policy, expected) in [(SecureInput::Drop, ""), (SecureInput::Digit(0), "0")] {
        let mut scene = Scene::new(&pcmu(), &pcmu(), |_| 0);
        scene.world.start(scene.party);
        scene.secure(policy);
        scene.run(1000);
        scene.world.peer_mut(scene.party).stream.press(7, std::time::Duration::from_millis(80));
        while scene.reported().is_empty() {
            scene.run(20);
        }
        scene.secure(SecureInput::Off);
        let call = scene.world.peer(scene.party).call;
        let snapshot = scene.world.snapshot(call).unwrap();
        scene.world.kill_session();
        scene.world.restore(&snapshot).unwrap();
        scene.run(500);
        assert_eq!(at(&scene, "far end, events"), expected, "{policy:?}");
        scene.world.peer_mut(scene.party).stream.press(5, std::time::Duration::from_millis(80));
        scene.run(500);
        assert_eq!(at(&scene, "far end, events"), format!("{expected}5"), "{policy:?}");
    }
}

#[test]
fn a_snapshot_keeps_digits_back() {
    let spoken = super::spoken(super::NUMBER, 80);
    let sound = super::after(24_000, spoken);
    let mut scene = Scene::new(&pcmu(), &pcmu(), sound);
    scene.world.start(scene.party);
    scene.secure(SecureInput::Drop);
    scene.run(2000);
    let call = scene.world.peer(scene.party).call;
    let snapshot = scene.world.snapshot(call).unwrap();
    let shown = format!("{snapshot:?}");
    assert!(!shown.contains(super::NUMBER));
    scene.world.kill_session();
    scene.world.restore(&snapshot).unwrap();
    scene.run(5000);
    for (place, found) in scene.found() {
        assert_eq!(found, "", "{place}");
    }
    assert_eq!(scene.reported(), super::NUMBER, "the tap on key presses looks for tones as before");
}

#[test]
fn a_leg_that_is_not_audio_cannot_be_secure() {
    use mediapoint_engine::{CommandError, LegKind};
    let mut scene = Scene::new(&pcmu(), &pcmu(), |_| 0);
    let (call, leg) = (scene.world.peer(scene.party).call, scene.world.peer(scene.party).leg);
    for (kind, policy) in [
        (LegKind::OpaqueRtp, SecureInput::Drop),
        (LegKind::Datagrams, SecureInput::Drop),
        (LegKind::Audio, SecureInput::Digit(16)),
        (LegKind::Audio, SecureInput::Tone { hertz: 4000, dbm0: -10 }),
        (LegKind::Audio, SecureInput::Tone { hertz: 400, dbm0: 1 }),
    ] {
        let mut config = scene.world.peer(scene.party).config.clone();
        (config.kind, config.secure_input) = (kind, policy);
        let command = CallCommand::ConfigureLeg { leg, config: Box::new(config), relearn: Relearn::IfMoved };
        let refused = scene.world.apply(call, command);
        assert!(matches!(refused, Err(CommandError::OutOfRange { .. })), "{kind:?} {policy:?}: {refused:?}");
    }
}
