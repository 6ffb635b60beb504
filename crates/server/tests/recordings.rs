//! Recorded calls of a server process, and `mediapoint recording` about them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support outside of test functions"
)]

#[path = "operator/played.rs"]
mod played;
#[path = "operator/recorded.rs"]
mod recorded;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use recorded::{Keys, Place, exit, lines, tone_of, tones};
use rustix::process::Signal;
use support::Server;

#[test]
fn a_recorded_call_is_found_shown_proved_and_opened() {
    let place = Place::new();
    let server = place.start();
    let id = place.record(&server, Keys::default());

    let (code, listed, said) = place.run(&["list"]);
    assert!(code == 0 && said.is_empty(), "{code}: {said}");
    assert!(listed.starts_with("RECORDING") && lines(&listed, &id) == 1, "{listed}");
    assert!(listed.contains("stored") && !listed.contains("recovered"), "{listed}");
    for (asked, count) in [
        (["--tag", "queue=sales"], 1),
        (["--tag", "queue=support"], 0),
        (["--tenant", "north"], 1),
        (["--until", "2020-01-01"], 0),
        (["--from", "2020-01-01"], 1),
    ] {
        let (code, found, said) = place.run(&["list", asked[0], asked[1]]);
        assert!(code == 0 && lines(&found, &id) == count, "{asked:?}: {found}{said}");
    }
    let (_, json, _) = place.run(&["list", "--json"]);
    assert!(json.contains(&format!("\"id\":\"{id}\"")) && json.contains("\"tenant\":\"north\""), "{json}");

    // What is personal takes an identity.
    let (code, shown, said) = place.run(&["show", &id]);
    assert!(code == 0 && shown.contains("sha256") && !shown.contains("sales"), "{code}: {shown}{said}");
    let (code, shown, said) = place.run(&["show", &id, "--identity", &place.identity()]);
    assert!(code == 0 && shown.contains("sales"), "{code}: {shown}{said}");

    for arguments in
        [&["verify", &id][..], &["verify", "--all"], &["verify", &id, "--identity", &place.identity()]]
    {
        let (code, proved, said) = place.run(arguments);
        assert_eq!((code, proved), (0, format!("{id}: whole and unaltered\n")), "{said}");
    }

    let played = place.command(&["play", &id, "--identity", &place.identity()]).output().unwrap();
    assert!(played.status.success() && played.stdout.starts_with(b"OggS"), "{played:?}");
    let (code, _, said) =
        place.run(&["export", &id, "--identity", &place.identity(), "--output", &place.at("call.opus")]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(fs::read(place.at("call.opus")).unwrap(), played.stdout);
    let mode = fs::metadata(place.at("call.opus")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    // It is not written over.
    let (code, _, said) =
        place.run(&["export", &id, "--identity", &place.identity(), "--output", &place.at("call.opus")]);
    assert!(code == 1 && said.contains("call.opus: is there already"), "{code}: {said}");

    // The party that answered is on the left.
    if let Some(heard) = tones(&place.at("call.opus")) {
        assert_eq!(heard, [recorded::ANSWERS, recorded::CALLS]);
    }
}

#[test]
fn an_exported_age_file_is_opened_by_age_itself() {
    let place = Place::new();
    let server = place.start();
    let id = place.record(&server, Keys::default());
    let (code, _, said) = place.run(&["export", &id, "--output", &place.at("call.opus.age")]);
    assert_eq!(code, 0, "{said}");
    let played = place.command(&["play", &id, "--identity", &place.identity()]).output().unwrap();
    let Some(opened) = exit("age", &["-d", "-i", &place.identity(), &place.at("call.opus.age")]) else {
        return;
    };
    assert_eq!(opened, played.stdout);
}

#[test]
fn another_identity_opens_nothing_and_the_reason_is_said() {
    let place = Place::new();
    let server = place.start();
    let id = place.record(&server, Keys::default());
    recorded::identity(&place.at("other.txt"));
    let other = place.at("other.txt");
    for arguments in [
        &["play", &id, "--identity", &other][..],
        &["show", &id, "--identity", &other],
        &["export", &id, "--identity", &other, "--output", &place.at("not.opus")],
    ] {
        let (code, printed, said) = place.run(arguments);
        let wanted = format!("error: recording {id}: none of the identities is a recipient");
        assert!(code == 1 && printed.is_empty() && said.trim() == wanted, "{code}: {printed}{said}");
    }
    assert!(!fs::exists(place.at("not.opus")).unwrap());
    let none = place.at("none.txt");
    fs::write(&none, "hello").unwrap();
    let (code, _, said) = place.run(&["play", &id, "--identity", &none]);
    assert!(code == 1 && said.contains("none.txt"), "{code}: {said}");
    // That somebody tried is known.
    let (_, audit, _) = place.run(&["audit"]);
    assert!(lines(&audit, "refused") >= 3, "{audit}");
}

#[test]
fn recordings_of_a_tenant_open_for_its_own_recipients_alone() {
    let place = Place::new();
    let [north, config] = [place.at("north.txt"), place.at("tenants.toml")];
    let recipient = recorded::identity(&north);
    fs::write(&config, format!("[recording]\ntenant-recipients = {{ north = [{recipient:?}] }}\n")).unwrap();
    let to = ["--recordings", &place.at("recordings"), "--recipient", place.recipient()];
    let server = Server::start(&[&to[..], &["--config", &config]].concat());
    let id = place.record(&server, Keys::default());
    let (code, _, said) = place.run(&["show", &id, "--identity", &place.identity()]);
    assert!(code == 1 && said.contains("none of the identities is a recipient"), "{code}: {said}");
    let (code, _, said) = place.run(&["show", &id, "--identity", &north]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn an_octet_that_changed_in_the_store_is_found_and_named() {
    let place = Place::new();
    let server = place.start();
    let id = place.record(&server, Keys::default());
    let file = place.stored(&id, ".opus.sealed");
    let mut content = fs::read(&file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, content).unwrap();
    let (code, found, said) = place.run(&["verify", "--all"]);
    assert!(code == 1 && found.starts_with(&id) && found.contains("sealed"), "{code}: {found}{said}");
    assert!(found.contains("octets"), "the place is named: {found}");
    assert!(said.contains("error: 1 of 1 recordings are not whole"), "{said}");
    let (code, played, said) = place.run(&["play", &id, "--identity", &place.identity()]);
    assert!(code == 1 && !said.is_empty(), "{code}: {} octets, {said}", played.len());
}

#[test]
fn what_is_held_cannot_be_deleted_and_what_is_deleted_cannot_be_opened() {
    let place = Place::new();
    let server = place.start();
    let id = place.record(&server, Keys::default());
    let as_eve = |arguments: &[&str]| place.run(&[&["--as", "eve"], arguments].concat());
    let (code, held, said) = as_eve(&["hold", &id, "--reason", "case 17"]);
    assert_eq!((code, held), (0, format!("{id}: held\n")), "{said}");
    let (code, _, said) = as_eve(&["delete", &id, "--reason", "asked for"]);
    assert!(code == 1 && said.contains("hold") && said.contains("case 17"), "{code}: {said}");
    assert!(place.run(&["list"]).1.contains("held"));
    assert_eq!(as_eve(&["release", &id]).0, 0);
    let (code, deleted, said) = as_eve(&["delete", &id, "--reason", "asked for"]);
    assert_eq!((code, deleted), (0, format!("{id}: deleted\n")), "{said}");
    assert_eq!(lines(&place.run(&["list"]).1, &id), 0);
    let (_, listed, _) = place.run(&["list", "--deleted"]);
    assert!(lines(&listed, &id) == 1 && listed.contains("deleted"), "{listed}");
    let (code, _, said) = place.run(&["play", &id, "--identity", &place.identity()]);
    assert!(code == 1 && said.contains(&id), "{code}: {said}");
    let left: Vec<_> = place.files().into_iter().filter(|file| file.contains(&id)).collect();
    assert!(left.is_empty(), "{left:?}");

    let (code, audit, said) = place.run(&["audit"]);
    assert!(code == 0 && said.contains("none of them changed"), "{code}: {said}");
    for deed in ["held", "case 17", "released", "shredded", "asked for"] {
        assert!(audit.contains(deed), "{deed}: {audit}");
    }
    assert!(lines(&audit, "eve") >= 4, "{audit}");
    assert_eq!(lines(&place.run(&["audit", "--limit", "2"]).1, &id), 2);
}

#[test]
fn a_recording_of_a_server_that_is_killed_is_stored_by_the_next_one() {
    let place = Place::new();
    let id = {
        let server = place.start();
        let talking = place.talk(&server, Keys::default());
        let id = talking.id.clone();
        talking.until_recorded(16_000);
        server.signal(Signal::KILL);
        assert_eq!(server.wait_for_end().code(), None);
        id
    };
    assert!(place.files().iter().any(|file| file.ends_with(".journal")), "{:?}", place.files());
    let server = place.start();
    assert!(
        server.log().contains("a recording that a crash had left behind is complete"),
        "{}",
        server.log()
    );
    place.wait_until_stored(&id);
    let (_, listed, _) = place.run(&["list", "--tag", "queue=sales"]);
    assert!(lines(&listed, &id) == 1 && listed.contains("recovered"), "{listed}");
    let (_, shown, _) = place.run(&["show", &id]);
    assert!(shown.contains("recovered after a crash") && shown.contains("north"), "{shown}");
    assert!(!shown.contains("0:00:00"), "its length is known: {shown}");
    let (code, proved, said) = place.run(&["verify", &id, "--identity", &place.identity()]);
    assert_eq!((code, proved), (0, format!("{id}: whole and unaltered\n")), "{said}");
    let (code, _, said) =
        place.run(&["export", &id, "--identity", &place.identity(), "--output", &place.at("call.opus")]);
    assert_eq!(code, 0, "{said}");
    if let Some(heard) = tones(&place.at("call.opus")) {
        assert_eq!(heard, [recorded::ANSWERS, recorded::CALLS]);
    }
    let spool =
        place.files().into_iter().filter(|file| file.contains(&id) && !file.contains("/store/")).count();
    assert_eq!(spool, 0, "the local copy is gone: {:?}", place.files());
}

#[test]
fn secure_input_is_silence_and_a_fact() {
    let place = Place::new();
    let server = place.start();
    let id = place.record(&server, Keys { secure: true });
    let (_, shown, _) = place.run(&["show", &id]);
    assert!(shown.contains("masked by secure input"), "{shown}");
    let (code, proved, said) = place.run(&["verify", &id, "--identity", &place.identity()]);
    assert!(code == 0, "{proved}{said}");
    let identity = place.identity();
    let (audio, picture) = (place.at("call.opus"), place.at("call.svg"));
    let export = ["export", &id, "--identity", &identity, "--output", &audio, "--picture", &picture];
    let (code, _, said) = place.run(&export);
    assert!(code == 0, "{said}");
    let drawn = fs::read_to_string(&picture).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("class=\"masked\""), "{drawn}");
    assert_eq!(drawn.matches("stroke=\"#20639b\"").count(), 2, "a wave form for each party");
    // A picture that is there keeps the audio from being written, too.
    fs::remove_file(&audio).unwrap();
    let (code, _, said) = place.run(&export);
    assert!(
        code == 1 && said.contains("call.svg: is there already") && !fs::exists(&audio).unwrap(),
        "{said}"
    );
}

#[test]
fn what_is_on_its_way_and_nothing_to_recover_are_said() {
    let place = Place::new();
    let server = place.start();
    let (code, pending, said) = place.run(&["pending"]);
    assert_eq!((code, pending.as_str()), (0, "nothing is on its way\n"), "{said}");
    let talking = place.talk(&server, Keys::default());
    let (code, pending, said) = place.run(&["pending"]);
    assert!(code == 0 && pending == format!("{}  recording\n", talking.id), "{code}: {pending}{said}");
    let (code, _, said) = place.run(&["retry", "nobody"]);
    assert!(code == 1 && said.contains("nobody is not on its way"), "{code}: {said}");
    let id = talking.end();
    place.wait_until_stored(&id);
    drop(server);
    let (code, recovered, said) = place.run(&["recover"]);
    assert_eq!((code, recovered.as_str()), (0, "nothing was left behind\n"), "{said}");
}

#[test]
fn unusable_arguments_are_refused_with_what_is_allowed() {
    let place = Place::new();
    let _server = place.start();
    let recordings = place.at("recordings");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["recording", "list"], 2, "give --config or --recordings"),
        (&["recording", "--recordings", "/no/such/folder", "list"], 1, "/no/such/folder: entity not found"),
        (
            &["recording", "--recordings", &recordings, "list", "--from", "yesterday"],
            2,
            "is no time; allowed",
        ),
        (&["recording", "--recordings", &recordings, "list", "--tag", "sales"], 2, "allowed: NAME=VALUE"),
        (
            &["recording", "--recordings", &recordings, "show", "../x"],
            2,
            "id has 1 to 64 letters, digits, - and _",
        ),
        (&["recording", "--recordings", &recordings, "show", "nobody"], 1, "nobody is not in the catalogue"),
    ];
    for (arguments, code, reason) in cases {
        let (was, said) = support::refused(arguments);
        assert!(was == code && said.contains(reason), "{arguments:?}: {was}, {said}");
    }
}

#[test]
fn help_fits_a_terminal_of_80_columns() {
    let commands = [
        "", "list", "show", "verify", "play", "export", "hold", "release", "delete", "prune", "pending",
        "retry", "recover", "audit",
    ];
    for command in commands {
        let arguments = ["recording", command, "--help"];
        let mut help = support::mediapoint();
        help.env("COLUMNS", "80").args(arguments.iter().filter(|word| !word.is_empty()));
        let text = String::from_utf8(help.output().unwrap().stdout).unwrap();
        assert!(text.contains("Usage: mediapoint recording"), "{command}: {text}");
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{command}: {long:#?}");
    }
}

#[test]
fn a_tone_is_told_from_another() {
    let pcm: Vec<i16> = recorded::tone(recorded::CALLS, 8000);
    assert_eq!(tone_of(&pcm), recorded::CALLS);
}
