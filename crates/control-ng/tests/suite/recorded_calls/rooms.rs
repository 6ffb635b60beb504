//! Calls in a conference room are recorded apart, and the room's mix by its name.

use super::*;
use crate::common::conference::{LOUD, Talker, hears, join, room};

/// How loud a tone is in samples at 8 kHz, of [`LOUD`].
fn level(pcm: &[i16], hz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (at, sample) in (0_u32..).zip(pcm) {
        let angle = std::f64::consts::TAU * hz * f64::from(at) / 8_000.0;
        re += f64::from(*sample) * angle.cos();
        im += f64::from(*sample) * angle.sin();
    }
    2.0 * f64::hypot(re, im) / pcm.len().max(1) as f64
}

/// Whether it has these tones, and of `tones` no others. What was recorded while a room made place for a voice does not count.
fn has(pcm: &[i16], tones: [f64; 3], expected: [bool; 3]) {
    let levels = tones.map(|hz| level(&pcm[pcm.len() / 2..], hz));
    let right = levels.iter().zip(expected).all(|(level, is_there)| match is_there {
        true => *level > LOUD / 3.0,
        false => *level < LOUD / 50.0,
    });
    assert!(right, "{levels:.0?}, not {expected:?}");
}

/// What is shown of the recordings of a call, or of a room.
fn shown(scene: &Scene, call: Option<&str>) -> Vec<Dict> {
    let reply = match call {
        Some(call) => scene.server.ask("query", &format!(r#""call-id":"{call}""#), None),
        None => scene.server.ask("conference list", r#""room":"r""#, None),
    };
    let shown = reply.value("recordings").map(|shown| list(Some(shown)).to_vec()).unwrap_or_default();
    shown.iter().map(|shown| dict(Some(shown)).clone()).collect()
}

/// All say their tones until the first recording of a call, or of the room, has so many samples more.
fn talk(scene: &Scene, call: Option<&str>, talkers: &mut [Talker], samples: u64) {
    let recorded = || -> u64 { text(&shown(scene, call)[0], "samples").parse().unwrap() };
    let until = recorded() + samples;
    while recorded() < until {
        let before = recorded();
        for _ in 0..4 {
            talkers.iter_mut().for_each(Talker::say);
        }
        talkers.iter_mut().for_each(|talker| talker.party.phone.pass_over_waiting());
        while recorded() == before {
            std::thread::yield_now();
        }
    }
}

fn of_call(scene: &Scene, command: &str, call: &str) -> mediapoint_control_ng::Reply {
    scene.server.ask(command, &format!(r#""call-id":"{call}","metadata":"of:{call}""#), None)
}

#[test]
fn calls_in_a_room_are_recorded_apart() {
    let scene = Scene::new(|_| {});
    let mut talkers = room(&scene.server, &["one", "two", "three"]);
    let tones = [talkers[0].hz, talkers[1].hz, talkers[2].hz];
    let begun = ["one", "two"].map(|call| {
        let reply = of_call(&scene, "start recording", call);
        ok(&reply);
        reply.text("recording-id")
    });
    assert_ne!(begun[0], begun[1]);
    for (call, id) in ["one", "two"].into_iter().zip(&begun) {
        let ids: Vec<String> = shown(&scene, Some(call)).iter().map(|shown| text(shown, "id")).collect();
        assert_eq!(ids, std::slice::from_ref(id), "{call}");
    }
    assert_eq!((shown(&scene, Some("three")).len(), shown(&scene, None).len()), (0, 0));
    talk(&scene, Some("one"), &mut talkers, 12_000);
    let refused = of_call(&scene, "stop recording", "three");
    assert_eq!(reason(&refused), "the call is not being recorded");
    let stopped = of_call(&scene, "stop recording", "one");
    assert_eq!(list(stopped.value("recording-ids")), [begun[0].as_str().into()]);
    let (first, _) = scene.finished();
    assert_eq!(first.id.as_str(), begun[0]);
    assert_eq!(text(&shown(&scene, Some("two"))[0], "state"), "recording", "the other one goes on");
    let [left, right]: [Vec<i16>; 2] = channels(&first, 2).try_into().unwrap();
    has(&left, tones, [false, true, true]);
    has(&right, tones, [true, false, false]);
    let personal = personal(&first);
    for (expected, times) in [
        (r#""call_id":"one""#, 1),
        (r#""room":"r""#, 1),
        (r#""of":"one""#, 2),
        (r#""tag":"t""#, 2),
        (r#""of":"two""#, 0),
        (r#""call_id":"two""#, 0),
    ] {
        assert_eq!(personal.matches(expected).count(), times, "{expected} in {personal}");
    }
    ok(&of_call(&scene, "stop recording", "two"));
    assert_eq!(scene.finished().0.id.as_str(), begun[1]);
}

#[test]
fn the_mix_of_a_room_is_recorded_by_its_name() {
    let scene = Scene::new(|_| {});
    let mut talkers = room(&scene.server, &["one", "two", "three"]);
    let tones = [talkers[0].hz, talkers[1].hz, talkers[2].hz];
    let of_room = |command: &str| scene.server.ask(command, r#""room":"r","metadata":"topic:sales""#, None);
    assert_eq!(reason(&of_room("stop recording")), "the call is not being recorded");
    let begun = of_room("start recording");
    ok(&begun);
    let id = begun.text("recording-id");
    assert_eq!(text(&shown(&scene, None)[0], "id"), id);
    assert_eq!(shown(&scene, Some("one")).len(), 0, "it is no call's");
    talk(&scene, None, &mut talkers, 8000);
    ok(&of_room("pause recording"));
    assert_eq!(text(&shown(&scene, None)[0], "state"), "paused");
    talk(&scene, None, &mut talkers, 4000);
    assert_eq!(of_room("start recording").text("recording-id"), id, "the same one goes on");
    talkers[2].silent = true;
    talk(&scene, None, &mut talkers, 16_000);
    ok(&of_room("stop recording"));
    let (finished, _) = scene.finished();
    assert_eq!(finished.id.as_str(), id);
    let [mix]: [Vec<i16>; 1] = channels(&finished, 1).try_into().unwrap();
    has(&mix, tones, [true, true, false]);
    has(&mix[..8000], tones, [true, true, true]);
    let paused = facts(&finished).into_iter().find(|fact| fact.0 == FactKind::Paused).unwrap();
    let (_, start, samples) = paused;
    assert!(mix[start as usize..(start + samples) as usize].iter().all(|&sample| sample == 0));
    let personal = personal(&finished);
    for expected in [
        r#""room":"r""#,
        r#""call_id":"one""#,
        r#""call_id":"three""#,
        r#""topic":"sales""#,
        r#""stopped_by":{"command":"stop recording""#,
    ] {
        assert!(personal.contains(expected), "no {expected} in {personal}");
    }
}

#[test]
fn a_room_that_ends_ends_its_recording() {
    let scene = Scene::new(|_| {});
    let mut talkers = room(&scene.server, &["one", "two"]);
    let begun = scene.server.ask("start recording", r#""room":"r""#, None);
    ok(&begun);
    talk(&scene, None, &mut talkers, 4000);
    ok(&scene.server.ask("conference end", r#""room":"r""#, None));
    let (finished, _) = scene.finished();
    assert_eq!(finished.id.as_str(), begun.text("recording-id"));
    let personal = personal(&finished);
    assert!(personal.contains(r#""stopped_by":{"command":"the conference room ended"}"#), "{personal}");
    assert_eq!(
        reason(&scene.server.ask("start recording", r#""room":"r""#, None)),
        "there is no conference room of this name"
    );
    // Another room of the name has nothing of it.
    join(&scene.server, "one", "t", "");
    assert_eq!(shown(&scene, None).len(), 0);
    let again = scene.server.ask("start recording", r#""room":"r""#, None);
    assert_ne!(again.text("recording-id"), begun.text("recording-id"));
}

#[test]
fn who_is_excluded_from_recording_is_in_no_recording_of_a_room() {
    let scene = Scene::new(|_| {});
    let mut talkers = room(&scene.server, &["one", "two"]);
    let tones = [talkers[0].hz, talkers[1].hz, 1_000.0];
    ok(&scene.server.ask("start recording", r#""room":"r""#, None));
    ok(&of_call(&scene, "start recording", "one"));
    talk(&scene, Some("one"), &mut talkers, 4000);
    let mut others = call(&scene.server, "four", ["x", "y"], ["0", "0"]);
    let offer = r#""call-id":"four","from-tag":"x","to-tag":"y","flags":["exclude-recording"]"#;
    ok(&scene.server.ask("offer", offer, Some(&others[0].phone.sdp("0"))));
    join(&scene.server, "four", "x", "");
    (0..2).for_each(|_| drop(scene.finished()));
    assert_eq!(shown(&scene, None).len(), 0, "the room is not recorded any more");
    let refused = scene.server.ask("start recording", r#""room":"r""#, None);
    assert_eq!(reason(&refused), "a member of the conference room is excluded from recording");
    // A member's own call goes on in a file of its own, with what that member says alone.
    others.iter_mut().for_each(|party| party.send(0, UP));
    talk(&scene, Some("one"), &mut talkers, 8000);
    ok(&of_call(&scene, "stop recording", "one"));
    let [left, right]: [Vec<i16>; 2] = channels(&scene.finished().0, 2).try_into().unwrap();
    has(&right, tones, [true, false, false]);
    assert!(left.iter().all(|&sample| sample == 0), "silence stands for the room");
}

#[test]
fn a_member_that_must_not_go_on_without_its_recording_leaves_the_room_alone() {
    let scene = Scene::new(|settings| settings.end_call_without = true);
    let mut talkers = room(&scene.server, &["one", "two", "three"]);
    let reply = of_call(&scene, "start recording", "one");
    ok(&reply);
    let id = mediapoint_recorder::RecordingId::new(reply.text("recording-id")).unwrap();
    talk(&scene, Some("one"), &mut talkers, 4_000);
    let failed =
        RecordingEvent { id: Some(id), kind: EventKind::Failed { reason: "the disk is gone".to_owned() } };
    let RecordingOutcome::EndCall { call, call_id } = scene.recordings.handle_event(&failed) else {
        panic!("the call goes on")
    };
    assert_eq!(call_id.to_string(), "one");
    scene.server.controller.end_unrecorded(call, &call_id);
    assert_eq!(reason(&scene.server.ask("query", r#""call-id":"one""#, None)), "unknown call-id");
    let shown = scene.server.ask("conference list", r#""room":"r""#, None);
    let ids: Vec<String> =
        list(shown.value("members")).iter().map(|member| text(dict(Some(member)), "call-id")).collect();
    assert_eq!(ids, ["two", "three"], "the others are where they were");
    hears(&mut talkers[1..], &[(0, &[1]), (1, &[0])]);
}
