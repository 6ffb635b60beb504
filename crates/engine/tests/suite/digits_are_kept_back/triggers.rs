//! Digits of the party itself switch secure input on, and others, their number or time switch it off: of the digits between
//! nobody finds one, and all others pass.

use std::num::NonZeroU32;
use std::time::Duration;

use mediapoint_dtmf::{Generator, GeneratorSettings};
use mediapoint_engine::{DigitSequence, DigitTrigger, Event, PayloadCodec, SecureInput};
use mediapoint_testkit::{codec, pcma, pcmu};

use super::{Method, NUMBER, OFF, ON, Scene, after, digits, spoken};

fn sequence(text: &str) -> DigitSequence {
    DigitSequence::new(text).unwrap()
}

/// On by `*1`, off by `##`.
fn trigger(method: Method) -> DigitTrigger {
    DigitTrigger {
        end: Some(sequence("##")),
        tones: method == Method::Tones,
        ..DigitTrigger::new(sequence("*1"))
    }
}

/// What a party types under a trigger that is set a second after the start; `typed` begins a second later.
fn typed(
    (from, to): (&PayloadCodec, &PayloadCodec),
    method: Method,
    trigger: DigitTrigger,
    typed: &str,
) -> Scene {
    let sound = match method {
        Method::Tones => spoken(typed, ON),
        Method::Events => Vec::new(),
        Method::Both => spoken(typed, 40),
    };
    let mut scene = Scene::new(from, to, after(2 * 8000, sound));
    scene.world.start(scene.party);
    scene.run(1000);
    scene.world.reinvite(scene.party, |config| config.digit_trigger = Some(trigger));
    scene.run(1000);
    match method {
        Method::Tones => scene.run((ON + OFF) * u64::try_from(typed.len()).unwrap()),
        Method::Events => scene.press(typed, ON),
        Method::Both => scene.press(typed, 40),
    }
    scene.run(1000);
    scene
}

fn switches(scene: &Scene) -> Vec<SecureInput> {
    let switched = |event: &Event| match event {
        Event::SecureInputSwitched { secure_input, .. } => Some(*secure_input),
        _ => None,
    };
    scene.world.events.iter().filter_map(|(_, event)| switched(event)).collect()
}

/// Who receives digits by this method, and who none of any.
#[track_caller]
fn check(scene: &Scene, method: Method, passed: &str, copied: &str, name: &str) {
    for (place, found) in scene.found() {
        let wanted = match (method, place) {
            (
                Method::Tones,
                "far end, audio" | "mix, audio" | "room, audio" | "audio tap" | "room tap" | "analysis"
                | "recording",
            ) => passed,
            (Method::Tones, "packet tap, audio") => copied,
            (Method::Events | Method::Both, "far end, events" | "packet tap, events") => passed,
            // Tones beside events, of digits that pass.
            (Method::Both, _) if !place.ends_with("events") => {
                let leaked = found.chars().any(|digit| !passed.contains(digit));
                assert!(!leaked, "{name}: {place} {found}");
                continue;
            }
            _ => "",
        };
        assert_eq!(found, wanted, "{name}: {place}");
    }
}

#[test]
fn of_the_digits_behind_the_trigger_nobody_finds_one() {
    let (g729, l16) = (codec(18, "G729", 8000), codec(97, "L16", 16_000));
    let whole = format!("78*1{NUMBER}##78");
    for (from, to) in [(pcmu(), pcmu()), (pcmu(), pcma()), (pcmu(), g729), (l16, pcmu())] {
        for method in [Method::Events, Method::Tones] {
            if method == Method::Tones && to.codec.to_string().contains("G729") {
                // What it makes of tones is not always a digit.
                continue;
            }
            let scene = typed((&from, &to), method, trigger(method), &whole);
            let name = format!("{} to {}, {method:?}", from.codec, to.codec);
            // While tones are waited for, copies of packets are silent.
            check(&scene, method, "78*178", "78", &name);
            assert_eq!(scene.reported(), whole, "{name}: told to the controller");
            assert_eq!(switches(&scene), [SecureInput::Drop, SecureInput::Off], "{name}");
            assert_eq!(scene.world.peer(scene.far).heard.missing(), 0, "{name}");
            assert_eq!(scene.world.buffers_lost(), 0, "{name}");
        }
    }
}

#[test]
fn tones_beside_events_are_kept_back_too() {
    // None of the digits that pass is in the number that does not.
    let scene = typed((&pcmu(), &pcmu()), Method::Both, trigger(Method::Both), "78*1234569##78");
    check(&scene, Method::Both, "78*178", "", "both");
    assert_eq!(scene.reported(), "78*1234569##78");
}

#[test]
fn the_shortest_tones_in_the_shortest_pauses_are_kept_back() {
    let settings = GeneratorSettings { duration_ms: 40, pause_ms: 40, ..GeneratorSettings::default() };
    let mut generator = Generator::new(8000, &settings).unwrap();
    let mut sound = Vec::new();
    for digit in digits("8*12345678#9") {
        generator.push(digit).unwrap();
        let mut piece = [0; 80];
        loop {
            let filled = generator.fill(&mut piece);
            if filled == 0 {
                break;
            }
            sound.extend(piece.iter().take(filled));
        }
    }
    // Wherever the ticks fall.
    for offset in [0, 40, 80, 120] {
        let spec = DigitTrigger { end: Some(sequence("#")), ..trigger(Method::Tones) };
        let mut scene = Scene::new(&pcmu(), &pcmu(), after(16_000 + offset, sound.clone()));
        scene.world.start(scene.party);
        scene.world.reinvite(scene.party, |config| config.digit_trigger = Some(spec));
        scene.run(4000);
        for (place, found) in scene.found() {
            match place {
                // What comes before the end is found is silent in copies of packets.
                "packet tap, audio" => assert!("9".starts_with(&found), "{offset}: {found}"),
                _ if place.ends_with("events") => assert_eq!(found, "", "{offset}: {place}"),
                // Masked from where the trigger is found: its last digit may be, too.
                "recording" => assert!(["8*19", "8*9"].contains(&found.as_str()), "{offset}: {found}"),
                _ => assert_eq!(found, "8*19", "{offset}: {place}"),
            }
        }
    }
}

#[test]
fn a_number_of_digits_or_a_time_ends_it_too() {
    let plain = DigitTrigger { end: None, ..trigger(Method::Tones) };
    let by_number = DigitTrigger { end_digits: NonZeroU32::new(4), ..plain };
    // 160 ms each: within the fifth.
    let by_time = DigitTrigger { end_after: Some(Duration::from_millis(750)), ..plain };
    for method in [Method::Events, Method::Tones] {
        let scene = typed((&pcmu(), &pcmu()), method, by_number, "*1234567");
        check(&scene, method, "*167", "67", "by number");
        let scene = typed((&pcmu(), &pcmu()), method, by_time, "*12345678");
        check(&scene, method, "*178", "78", "by time");
    }
}

#[test]
fn other_digits_stand_in_their_place_meanwhile_and_afterwards() {
    let spec = DigitTrigger {
        secure_input: SecureInput::Digit(0),
        afterwards: SecureInput::Digit(9),
        ..trigger(Method::Events)
    };
    let scene = typed((&pcmu(), &pcma()), Method::Events, spec, "*123##45");
    check(&scene, Method::Events, "*1000099", "", "other digits");
    assert_eq!(scene.reported(), "*123##45");
}

#[test]
fn what_is_configured_holds_before_the_trigger_and_a_repetition_changes_nothing() {
    let mut scene = Scene::new(&pcmu(), &pcmu(), |_| 0);
    scene.world.start(scene.party);
    let spec = trigger(Method::Events);
    let set = |scene: &mut Scene, spec: DigitTrigger| {
        scene.world.reinvite(scene.party, |config| config.digit_trigger = Some(spec));
    };
    scene.secure(SecureInput::Digit(0));
    set(&mut scene, spec);
    scene.run(500);
    scene.press("8*12", ON);
    set(&mut scene, spec);
    scene.press("3##", ON);
    scene.run(200);
    set(&mut scene, spec);
    scene.press("7*16", ON);
    // Armed anew.
    set(&mut scene, DigitTrigger { serial: 1, ..spec });
    scene.press("*15", ON);
    scene.run(500);
    let found = scene.found();
    assert_eq!(found[0], ("far end, events", "0007*1600".into()));
}

#[test]
fn a_snapshot_keeps_the_place_of_the_trigger() {
    for (method, typed) in [(Method::Events, "7*12345##8"), (Method::Tones, "7*12345##8")] {
        for cut in 1..typed.len() {
            let sound = if method == Method::Tones { spoken(typed, ON) } else { Vec::new() };
            let mut scene = Scene::new(&pcmu(), &pcmu(), after(16_000, sound));
            scene.world.start(scene.party);
            scene.world.reinvite(scene.party, |config| config.digit_trigger = Some(trigger(method)));
            scene.run(2000);
            let part = |scene: &mut Scene, text: &str| match method {
                Method::Tones => scene.run((ON + OFF) * u64::try_from(text.len()).unwrap()),
                _ => scene.press(text, ON),
            };
            part(&mut scene, &typed[..cut]);
            let call = scene.world.peer(scene.party).call;
            let snapshot = scene.world.snapshot(call).unwrap();
            scene.world.kill_session();
            scene.world.restore(&snapshot).unwrap();
            part(&mut scene, &typed[cut..]);
            scene.run(1000);
            // An audio that was held back as the first one ended is gone.
            let far = if method == Method::Tones { "far end, audio" } else { "far end, events" };
            let found = scene.found().into_iter().find(|(place, _)| *place == far).unwrap().1;
            assert!(!found.chars().any(|digit| "2345#".contains(digit)), "{method:?} {cut}: {found}");
            assert!(found.ends_with('8'), "{method:?} {cut}: {found}");
        }
    }
}
