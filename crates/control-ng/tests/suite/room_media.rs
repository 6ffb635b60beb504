//! What rooms and their members are played, over ng: announcements to all or to one, music on hold, tones of entry and exit.

use crate::common;

use common::conference::*;
use common::media::{Folder, server, wav};
use common::party::publish;
use common::*;

/// The tone of the file that is played, in hertz.
const MUSIC: f64 = 2_150.0;
/// The tones of entry and exit, in hertz.
const ENTRY: f64 = 880.0;
const EXIT: f64 = 440.0;

/// Two seconds of a tone at 8 kHz as loud as what the parties say, again and again without a seam.
fn music() -> Vec<u8> {
    let sample = |at: u32| {
        let sample = LOUD * (std::f64::consts::TAU * MUSIC * f64::from(at) / 8_000.0).sin();
        #[expect(clippy::cast_possible_truncation, reason = "within 16 bits")]
        let sample = sample.round() as i16;
        sample
    };
    wav(8_000, &(0..16_000).map(sample).collect::<Vec<i16>>())
}

/// All say their tones until what is wanted of them is so, for 20 s at most.
fn until(server: &Server, talkers: &mut [Talker], is_so: impl Fn(&[Talker]) -> bool) -> bool {
    talkers.iter_mut().for_each(|talker| {
        talker.heard.clear();
        talker.party.phone.pass_over_waiting();
    });
    (0..1_000).any(|_| {
        talkers.iter_mut().for_each(Talker::say);
        talkers.iter_mut().for_each(Talker::hear);
        while let Some(event) = server.events.try_recv() {
            server.controller.handle_event(&event);
        }
        talkers.iter().all(|talker| talker.heard.len() > 4_000) && is_so(talkers)
    })
}

fn plays(talker: &Talker) -> bool {
    talker.level(MUSIC) > LOUD / 2.0
}

fn is_silent(talker: &Talker, hz: f64) -> bool {
    talker.level(hz) < LOUD / 100.0
}

#[test]
fn a_room_or_one_member_is_played_media() {
    let folder = Folder::new();
    folder.write("music.wav", &music());
    let server = server(&folder, |_| {});
    let mut talkers = room(&server, &["a", "b"]);
    let file = r#""file":"music.wav","repeat-times":1000"#;
    let reply = server.ask("play media", &keys(r#""room":"r""#, file), None);
    assert_eq!((reply.text("result"), reply.text("duration")), ("ok".into(), "2000".into()));
    // Beside what the others say.
    let heard = until(&server, &mut talkers, |talkers| {
        talkers.iter().all(plays) && talkers[0].level(talkers[1].hz) > LOUD / 2.0
    });
    assert!(heard, "both hear it");
    // Again, in place of it, and once: it comes to its end by itself.
    ok(&server.ask("play media", r#""room":"r","file":"music.wav""#, None));
    let ended = until(&server, &mut talkers, |talkers| talkers.iter().all(|it| is_silent(it, MUSIC)));
    assert!(ended, "it ends");
    let stopped = server.ask("stop media", r#""room":"r""#, None);
    assert_eq!(reason(&stopped), "no media is played to the party selected");
    ok(&server.ask("play media", &keys(r#""room":"r""#, file), None));
    assert!(until(&server, &mut talkers, |talkers| talkers.iter().all(plays)));
    ok(&server.ask("stop media", r#""room":"r""#, None));
    assert!(until(&server, &mut talkers, |talkers| talkers.iter().all(|it| is_silent(it, MUSIC))));
    // To one member, which hears it instead of the room.
    ok(&server.ask("play media", &keys(r#""call-id":"a","from-tag":"t""#, file), None));
    let alone = until(&server, &mut talkers, |talkers| {
        plays(&talkers[0])
            && is_silent(&talkers[0], talkers[1].hz)
            && is_silent(&talkers[1], MUSIC)
            && talkers[1].level(talkers[0].hz) > LOUD / 2.0
    });
    assert!(alone, "one hears it, and is heard");
    let nowhere = server.ask("play media", &keys(r#""room":"s""#, file), None);
    assert_eq!(reason(&nowhere), "there is no conference room of this name");
}

#[test]
fn a_member_on_hold_hears_music_and_the_room_after_it() {
    let folder = Folder::new();
    folder.write("music.wav", &music());
    let server = server(&folder, |_| {});
    let mut talkers = room(&server, &["a", "b", "c"]);
    ok(&conference(&server, "set", "c", "t", r#""hold":"on""#));
    ok(&server.ask(
        "play media",
        r#""call-id":"c","from-tag":"t","file":"music.wav","repeat-times":1000"#,
        None,
    ));
    let held = until(&server, &mut talkers, |talkers| {
        plays(&talkers[2]) && (0..2).all(|at| is_silent(&talkers[2], talkers[at].hz))
    });
    assert!(held, "it hears music alone");
    assert!(is_silent(&talkers[0], talkers[2].hz) && talkers[0].level(talkers[1].hz) > LOUD / 2.0);
    ok(&server.ask("stop media", r#""call-id":"c","from-tag":"t""#, None));
    ok(&conference(&server, "set", "c", "t", r#""hold":"off""#));
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
    assert!(is_silent(&talkers[2], MUSIC));
}

#[test]
fn one_message_puts_a_member_on_hold_with_music_and_another_ends_both() {
    let folder = Folder::new();
    folder.write("music.wav", &music());
    let server = server(&folder, |_| {});
    let mut talkers = room(&server, &["a", "b", "c"]);
    // Music that is not there: the member is not on hold either.
    let missing = conference(&server, "set", "c", "t", r#""hold":"on","file":"missing.wav""#);
    assert_eq!(missing.text("result"), "error", "{missing:?}");
    assert_eq!(text(&members(&server, "r")[2], "held"), "0");
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
    let reply = conference(&server, "set", "c", "t", r#""hold":"on","file":"music.wav""#);
    assert_eq!((reply.text("result"), reply.text("duration")), ("ok".into(), "2000".into()), "{reply:?}");
    let held = until(&server, &mut talkers, |talkers| {
        plays(&talkers[2])
            && (0..2).all(|at| is_silent(&talkers[2], talkers[at].hz))
            && is_silent(&talkers[0], talkers[2].hz)
            && talkers[0].level(talkers[1].hz) > LOUD / 2.0
    });
    assert!(held, "it receives music alone");
    // Behind the end of the file, which is played until the member is back.
    for _ in 0..110 {
        talkers.iter_mut().for_each(Talker::say);
        talkers.iter_mut().for_each(Talker::hear);
    }
    assert!(plays(&talkers[2]), "again and again");
    ok(&conference(&server, "set", "c", "t", r#""hold":"off""#));
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
    assert!(is_silent(&talkers[2], MUSIC));
    let stopped = server.ask("stop media", r#""call-id":"c","from-tag":"t""#, None);
    assert_eq!(stopped.text("result"), "ok", "it was ended before, and its place is known");
    // It ends with the place in the room, too.
    assert_eq!(
        conference(&server, "set", "c", "t", r#""hold":"on","file":"music.wav""#).text("result"),
        "ok"
    );
    ok(&conference(&server, "leave", "c", "t", ""));
    join(&server, "c", "t", "");
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
}

#[test]
fn a_room_hears_tones_of_entry_and_exit_where_it_is_to() {
    let server = Server::new();
    let first = publish(&server, "a", "t");
    join(&server, "a", "t", r#""entry-tone":"on","exit-tone":"on""#);
    let mut talkers = vec![Talker { silent: true, ..Talker::new(first, 400.0) }];
    // A fifth of a second in half of one, 20 dB below the loudest tone of G.711.
    let sounds = |talkers: &[Talker], hz| talkers[0].level(hz) > LOUD / 10.0;
    assert!(until(&server, &mut talkers, |talkers| is_silent(&talkers[0], ENTRY)), "its own is over");
    drop(publish(&server, "m", "t"));
    join(&server, "m", "t", r#""role":"monitor""#);
    drop(publish(&server, "b", "t"));
    join(&server, "b", "t", "");
    assert!(until(&server, &mut talkers, |talkers| sounds(talkers, ENTRY)), "one comes");
    assert!(until(&server, &mut talkers, |talkers| is_silent(&talkers[0], ENTRY)));
    ok(&conference(&server, "leave", "b", "t", ""));
    assert!(until(&server, &mut talkers, |talkers| sounds(talkers, EXIT)), "one leaves");
    assert!(until(&server, &mut talkers, |talkers| is_silent(&talkers[0], EXIT)));
}

#[test]
fn a_monitor_hears_all_and_the_coach_and_is_heard_by_nobody() {
    let server = Server::new();
    let mut talkers = room(&server, &["a", "b", "k", "m"]);
    ok(&conference(&server, "set", "k", "t", r#""role":"coach","for":"t","for-call-id":"a""#));
    ok(&conference(&server, "set", "m", "t", r#""role":"monitor""#));
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0]), (2, &[0, 1]), (3, &[0, 1, 2])]);
}
