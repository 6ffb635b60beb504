//! Conference rooms: who is in one hears the others, and is heard, as its role says; calls go on by themselves afterwards.

use crate::common;

use common::conference::*;
use common::party::{Party, call, publish};
use common::*;
use mediapoint_control_ng::wire::Value;

/// Sends until packets arrive as they were sent, behind what fades.
fn relays(from: &mut Party, to: &mut Party) {
    let found = (0..50).any(|_| {
        from.send(0, 0x31);
        to.phone.receive() == (0, vec![0x31; 160])
    });
    assert!(found, "relayed");
}

#[test]
fn each_hears_all_others_and_not_itself() {
    let server = Server::new();
    let mut talkers = room(&server, &["a", "b", "c", "d"]);
    hears(&mut talkers, &[(0, &[1, 2, 3]), (1, &[0, 2, 3]), (2, &[0, 1, 3]), (3, &[0, 1, 2])]);
    let list = listed(&server, "r");
    assert_eq!((list.text("max"), list.text("locked")), ("20".into(), "0".into()));
    assert_eq!(ids(&server, "r"), ["a", "b", "c", "d"]);
    for member in members(&server, "r") {
        assert_eq!(
            (text(&member, "role"), text(&member, "talking")),
            ("member".into(), "1".into()),
            "{member:?}"
        );
        assert!(text(&member, "talked").parse::<u32>().unwrap() >= 400, "{member:?}");
        let level = text(&member, "level").parse::<i32>().unwrap();
        assert!((-25..=-12).contains(&level), "{member:?}");
    }
    assert_eq!(server.controller.calls(), 1, "they are in one call of the engine");

    // Who leaves is in no relation to anybody.
    ok(&conference(&server, "leave", "d", "t", ""));
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
    assert_eq!(ids(&server, "r"), ["a", "b", "c"]);
}

#[test]
fn a_call_of_two_becomes_a_conference_and_a_call_of_two_again() {
    let server = Server::new();
    let [a, b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let mut talkers = vec![Talker::new(a, 400.0), Talker::new(b, 700.0)];
    ok(&server.ask("conference join", r#""call-id":"c","flags":["all","room=r"]"#, None));
    talkers.push(Talker::new(publish(&server, "d", "t"), 1_000.0));
    join(&server, "d", "t", "");
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
    // One of them alone in it: the other one is sent nothing meanwhile.
    ok(&conference(&server, "leave", "c", "b", ""));
    hears(&mut talkers, &[(0, &[2]), (2, &[0])]);
    talkers[1].party.phone.pass_over_waiting();
    hears(&mut talkers, &[(0, &[2]), (2, &[0])]);
    talkers[1].party.phone.socket.set_nonblocking(true).unwrap();
    assert!(talkers[1].party.phone.socket.recv(&mut [0; 2048]).is_err(), "nothing has come");
    talkers[1].party.phone.socket.set_nonblocking(false).unwrap();
    ok(&server.ask("conference end", r#""room":"r""#, None));
    assert_eq!(reason(&listed(&server, "r")), "there is no conference room of this name");
    let mut parties: Vec<Party> = talkers.into_iter().map(|talker| talker.party).collect();
    parties.iter().for_each(|party| party.phone.pass_over_waiting());
    let [a, b, _] = parties.as_mut_slice() else { panic!() };
    relays(a, b);
    relays(b, a);
}

#[test]
fn a_coach_is_heard_by_the_agent_alone() {
    let server = Server::new();
    let [agent, customer] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let coach = publish(&server, "d", "t");
    let mut talkers =
        vec![Talker::new(agent, 400.0), Talker::new(customer, 700.0), Talker::new(coach, 1_000.0)];
    join(&server, "c", "a", "");
    join(&server, "c", "b", "");
    join(&server, "d", "t", r#""role":"coach","for":"a""#);
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0]), (2, &[0, 1])]);
    let shown = members(&server, "r").pop().unwrap();
    assert_eq!(
        (text(&shown, "role"), list(get(&shown, "for"))),
        ("coach".into(), [Value::from("a")].as_slice())
    );
    // To the customer alone, to everybody, to nobody.
    ok(&conference(&server, "set", "d", "t", r#""role":"whisper","for":["b"],"for-call-id":"c""#));
    hears(&mut talkers, &[(0, &[1]), (1, &[0, 2]), (2, &[0, 1])]);
    ok(&conference(&server, "set", "d", "t", r#""flags":["role=member"]"#));
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
    ok(&conference(&server, "set", "d", "t", r#""role":"listener""#));
    hears(&mut talkers, &[(0, &[1]), (1, &[0]), (2, &[0, 1])]);
    // Without the agent nobody hears the coach.
    ok(&conference(&server, "set", "d", "t", r#""role":"coach","for":"a""#));
    ok(&conference(&server, "leave", "c", "a", ""));
    hears(&mut talkers, &[(1, &[]), (2, &[1])]);
    join(&server, "c", "a", "");
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0]), (2, &[0, 1])]);
}

#[test]
fn a_member_is_changed() {
    let server = Server::new();
    let mut talkers = room(&server, &["a", "b", "c"]);
    let set = |more: &str| ok(&conference(&server, "set", "b", "t", more));
    set(r#""mute":"on""#);
    hears(&mut talkers, &[(0, &[2]), (1, &[0, 2]), (2, &[0])]);
    set(r#""flags":["mute=off","deaf"]"#);
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[]), (2, &[0, 1])]);
    set(r#""deaf":"off","hold":"on""#);
    hears(&mut talkers, &[(0, &[2]), (1, &[]), (2, &[0])]);
    set(r#""hold":"off","gain-in":"-60""#);
    hears(&mut talkers, &[(0, &[2]), (1, &[0, 2]), (2, &[0])]);
    let shown = members(&server, "r").swap_remove(1);
    assert_eq!(["gain-in", "held", "deaf", "muted"].map(|key| text(&shown, key)), ["-60.0", "0", "0", "0"]);
    set(r#""gain-in":0,"priority":"on","agc":"on""#);
    let shown = members(&server, "r").swap_remove(1);
    assert_eq!(["gain-in", "priority", "agc"].map(|key| text(&shown, key)), ["0.0", "1", "1"]);
}

#[test]
fn the_end_of_one_call_leaves_the_others_in_the_room() {
    let server = Server::new();
    let [one, other] = call(&server, "x", ["t", "u"], ["0", "0"]);
    drop((one, other));
    join(&server, "x", "t", "");
    join(&server, "x", "u", "");
    let mut talkers = room(&server, &["a", "b", "c"]);
    assert_eq!(ids(&server, "r"), ["x", "x", "a", "b", "c"]);
    // Of the call that the room was made with, whose tag others have, too.
    let shown = server.ask("query", r#""call-id":"x""#, None);
    assert_eq!(dict(shown.value("tags")).len(), 2, "its own parties");
    let reply = server.ask("delete", r#""call-id":"x","from-tag":"t","to-tag":"u""#, None);
    assert_eq!((reply.text("result"), dict(reply.value("tags")).len()), ("ok".into(), 2));
    assert_eq!(ids(&server, "r"), ["a", "b", "c"]);
    assert_eq!(reason(&server.ask("query", r#""call-id":"x""#, None)), "unknown call-id");
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
    // The call-id is free for another call, and its end is of no account to the room.
    let [mut one, mut other] = call(&server, "x", ["t", "u"], ["0", "0"]);
    relays(&mut one, &mut other);
    assert_eq!(server.controller.calls(), 2);
    assert_eq!(server.ask("delete", r#""call-id":"x""#, None).text("warning"), "");
    drop(call(&server, "y", ["t", "u"], ["0", "0"]));
    join(&server, "y", "u", "");
    assert_eq!(server.ask("delete", r#""call-id":"b""#, None).text("warning"), "");
    hears(&mut talkers[..1], &[(0, &[])]);
    assert_eq!(ids(&server, "r"), ["a", "c", "y"]);
    for id in ["a", "c", "y"] {
        assert_eq!(server.ask("delete", &format!(r#""call-id":"{id}""#), None).text("warning"), "");
    }
    assert_eq!(server.controller.calls(), 0);
    assert_eq!(
        list(server.ask("conference list", "", None).value("rooms")).len(),
        0,
        "it went with the last"
    );
}

#[test]
fn a_member_goes_from_one_room_to_another() {
    let server = Server::new();
    let mut talkers = room(&server, &["a", "b", "c"]);
    for (name, hz) in [("d", 1_300.0), ("e", 1_600.0)] {
        let party = publish(&server, name, "t");
        ok(&conference(&server, "join", name, "t", r#""room":"s""#));
        talkers.push(Talker::new(party, hz));
    }
    let two = [(0, [1, 2].as_slice()), (1, &[0, 2]), (2, &[0, 1]), (3, &[4]), (4, &[3])];
    hears(&mut talkers, &two);
    ok(&conference(&server, "set", "c", "t", r#""gain-in":1.5"#));
    ok(&conference(&server, "move", "c", "t", r#""room":"s""#));
    hears(&mut talkers, &[(0, &[1]), (1, &[0]), (2, &[3, 4]), (3, &[2, 4]), (4, &[2, 3])]);
    assert_eq!(
        (ids(&server, "r"), ids(&server, "s")),
        (vec!["a".into(), "b".into()], ["d", "e", "c"].map(str::to_owned).to_vec())
    );
    assert_eq!(text(&members(&server, "s")[2], "gain-in"), "1.5");
    assert_eq!(server.controller.calls(), 2, "the rooms are calls of their own");
    ok(&conference(&server, "move", "c", "t", r#""room":"r""#));
    hears(&mut talkers, &two);
}

#[test]
fn a_member_stays_in_the_room_through_offer_and_answer() {
    let server = Server::new();
    let mut talkers = room(&server, &["d", "e"]);
    let [a, b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    talkers.push(Talker::new(a, 1_000.0));
    join(&server, "c", "a", "");
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
    let again = |a: &Party, attributes: &str| {
        let keys = r#""call-id":"c","from-tag":"a","to-tag":"b""#;
        advertised(&server.ask("offer", keys, Some(&(a.phone.sdp("0") + attributes))));
        advertised(&server.ask("answer", keys, Some(&b.phone.sdp("0"))));
    };
    again(&talkers[2].party, "a=ptime:20\r\n");
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
    // On hold by its own wish: it is sent nothing, and is heard.
    again(&talkers[2].party, "a=sendonly\r\n");
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2])]);
    talkers[2].party.phone.pass_over_waiting();
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2])]);
    talkers[2].party.phone.socket.set_nonblocking(true).unwrap();
    assert!(talkers[2].party.phone.socket.recv(&mut [0; 2048]).is_err(), "nothing has come");
    talkers[2].party.phone.socket.set_nonblocking(false).unwrap();
    again(&talkers[2].party, "");
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let server = Server::new();
    let refused =
        |command: &str, call: &str, more: &str| reason(&conference(&server, command, call, "t", more));
    for name in ["a", "b", "c"] {
        drop(publish(&server, name, "t"));
    }
    assert_eq!(refused("move", "a", r#""room":"r""#), "there is no conference room of this name");
    assert_eq!(refused("leave", "a", ""), "the party is not in the conference room");
    assert_eq!(refused("set", "a", r#""mute":"on""#), "the party is not in the conference room");
    assert_eq!(refused("join", "a", ""), "missing key room");
    assert_eq!(refused("join", "x", r#""room":"r""#), "unknown call-id");
    assert_eq!(
        reason(&conference(&server, "join", "a", "x", r#""room":"r""#)),
        "the call has no party of this from-tag"
    );
    assert_eq!(
        refused("join", "a", r#""room":"r","role":"king""#),
        "unknown role \"king\": member, listener, coach, monitor or whisper"
    );
    assert_eq!(refused("join", "a", r#""room":"r","role":"coach""#), "missing key for");
    let not_there = "the party that a coach is for is not in the conference room";
    assert_eq!(
        refused("join", "a", r#""room":"r","role":"coach","for":"t""#),
        not_there,
        "nobody coaches itself"
    );
    assert_eq!(refused("join", "a", r#""room":"r","max":0"#), "unusable value for max");
    assert_eq!(refused("join", "a", r#""room":"r","gain-in":"loud""#), "unusable value for gain-in");
    assert_eq!(
        reason(&listed(&server, "r")),
        "there is no conference room of this name",
        "nothing came of it"
    );
    join(&server, "a", "t", r#""max":2"#);
    ok(&server.ask("conference lock", r#""room":"r""#, None));
    assert_eq!(refused("join", "b", r#""room":"r""#), "the conference room is locked");
    ok(&server.ask("conference set", r#""room":"r","lock":"off""#, None));
    join(&server, "b", "t", "");
    assert_eq!(
        refused("join", "c", r#""room":"r""#),
        "the conference room is full: 2 members; link another server for more"
    );
    let elsewhere = "the party is in another conference room: conference move takes it from one to another";
    assert_eq!(refused("join", "b", r#""room":"s""#), elsewhere);
    assert_eq!(refused("move", "c", r#""room":"r""#), "the party is not in the conference room");
    assert_eq!(refused("leave", "b", r#""room":"s""#), "the party is not in the conference room");
    ok(&conference(&server, "join", "c", "t", r#""room":"s""#));
    assert_eq!(
        refused("move", "c", r#""room":"r""#),
        "the conference room is full: 2 members; link another server for more"
    );
    assert_eq!(ids(&server, "s"), ["c"]);
    assert_eq!(list(server.ask("conference list", "", None).value("rooms")).len(), 2);
    // Joined again with another role: it is changed.
    join(&server, "b", "t", r#""role":"coach","for":"t","for-call-id":"a""#);
    assert_eq!(text(&members(&server, "r")[1], "role"), "coach");
    assert_eq!(reason(&server.ask("conference dance", "", None)), "unrecognized command");
}

#[test]
fn what_happens_in_a_room_is_reported() {
    let server = Server::new();
    let log = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    log.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    let party = publish(&server, "a", "t");
    let to = format!(r#""conference-log-dest":"{}""#, log.local_addr().unwrap());
    join(&server, "a", "t", &to);
    let mut told = Vec::new();
    let mut talkers = [Talker::new(party, 400.0)];
    hears(&mut talkers, &[(0, &[])]);
    while let Some(event) = server.events.try_recv() {
        server.controller.handle_event(&event);
    }
    log.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    while let Ok(len) = log.recv(&mut buffer) {
        let report = mediapoint_control_ng::wire::decode(&buffer[..len]).unwrap();
        assert_eq!((text(&report, "type"), text(&report, "room")), ("conference".into(), "r".into()));
        assert_eq!((text(&report, "callid"), text(&report, "source_tag")), ("a".into(), "t".into()));
        told.push(text(&report, "event"));
    }
    assert!(told.starts_with(&["joined".to_owned(), "talk started".to_owned()]), "{told:?}");
    let statistics = server.ask("statistics", "", None);
    let totals = dict(get(dict(statistics.value("statistics")), "totalstatistics")).clone();
    assert_eq!(
        (text(&totals, "conferencejoins"), text(&totals, "conferencetalks")),
        ("1".into(), "1".into())
    );
}

#[test]
fn a_report_names_who_left_though_its_call_or_the_room_is_gone() {
    let server = Server::new();
    let log = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    log.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    for name in ["a", "b", "c"] {
        drop(publish(&server, name, "t"));
        let to = format!(r#""conference-log-dest":"{}""#, log.local_addr().unwrap());
        join(&server, name, "t", &to);
    }
    // One leaves, one's call ends, and the last one takes the room with it.
    ok(&conference(&server, "leave", "a", "t", ""));
    assert_eq!(server.ask("delete", r#""call-id":"b""#, None).text("warning"), "");
    ok(&conference(&server, "leave", "c", "t", ""));
    let mut left = Vec::new();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while left.len() < 3 && std::time::Instant::now() < until {
        let Some(event) = server.events.recv_timeout(std::time::Duration::from_secs(10)) else { break };
        server.controller.handle_event(&event);
        log.set_nonblocking(true).unwrap();
        let mut buffer = [0; 2048];
        while let Ok(len) = log.recv(&mut buffer) {
            let report = mediapoint_control_ng::wire::decode(&buffer[..len]).unwrap();
            if text(&report, "event") == "left" {
                left.push((text(&report, "room"), text(&report, "callid"), text(&report, "source_tag")));
            }
        }
    }
    let expected = ["a", "b", "c"].map(|name| ("r".to_owned(), name.to_owned(), "t".to_owned()));
    assert_eq!(left, expected);
}
