//! Conference rooms of several servers that are linked: everyone is heard everywhere, once.

use crate::common;

use common::conference::*;
use common::party::{Party, call, publish};
use common::*;
use mediapoint_control_ng::Reply;
use mediapoint_control_ng::wire::Dict;

/// Parties of a server that are in its room `r`, with tones that nobody else has.
fn members_of(server: &Server, names: &[&str], first: f64) -> Vec<Talker> {
    let talker = |(name, hz): (&&str, f64)| {
        let party = publish(server, name, "t");
        join(server, name, "t", "");
        Talker::new(party, hz)
    };
    let tones = std::iter::successors(Some(first), |hz| Some(hz + 210.0));
    names.iter().zip(tones).map(talker).collect()
}

fn link_message(server: &Server, id: &str, more: &str, sdp: Option<&str>) -> Reply {
    server.ask("conference link", &keys(&format!(r#""call-id":"{id}""#), more), sdp)
}

/// Links the rooms `r` of two servers: the first offers. `more` goes to both with the room.
fn link(servers: [&Server; 2], id: &str, more: [&str; 2]) {
    let [offerer, answerer] = servers;
    let with_room = |more| keys(r#""room":"r""#, more);
    let offer = link_message(offerer, id, &with_room(more[0]), None);
    advertised(&offer);
    let answer = link_message(answerer, id, &with_room(more[1]), Some(&offer.text("sdp")));
    advertised(&answer);
    ok(&link_message(offerer, id, "", Some(&answer.text("sdp"))));
}

/// The links of a server's room.
fn links(server: &Server) -> Vec<Dict> {
    list(listed(server, "r").value("links")).iter().map(|link| dict(Some(link)).clone()).collect()
}

/// Everyone hears all others, and nobody else.
fn all_hear_all(talkers: &mut [Talker]) {
    let others: Vec<Vec<usize>> =
        (0..talkers.len()).map(|own| (0..talkers.len()).filter(|other| *other != own).collect()).collect();
    let expected: Vec<(usize, &[usize])> =
        others.iter().enumerate().map(|(own, others)| (own, others.as_slice())).collect();
    hears(talkers, &expected);
}

/// Hands the engine's events to the controller.
fn take_events(server: &Server) {
    while let Some(event) = server.events.try_recv() {
        server.controller.handle_event(&event);
    }
}

#[test]
fn rooms_of_two_servers_are_one_room() {
    let servers = [Server::new(), Server::new()];
    let [one, other] = &servers;
    let mut talkers = members_of(one, &["a", "b"], 410.0);
    talkers.extend(members_of(other, &["c", "d"], 1_150.0));
    hears(&mut talkers, &[(0, &[1]), (1, &[0]), (2, &[3]), (3, &[2])]);
    link([one, other], "l", ["", ""]);
    all_hear_all(&mut talkers);
    for server in &servers {
        let shown = links(server).swap_remove(0);
        let texts = ["call-id", "tag", "role", "state", "codec", "srtp", "lost"].map(|key| text(&shown, key));
        assert_eq!(texts, ["l", "link", "mix", "up", "L16/16000", "1", "0"]);
        assert!(text(&shown, "packets").parse::<u32>().unwrap() > 20, "{shown:?}");
        assert_eq!(members(server, "r").len(), 2, "a link is no member");
    }
    // A room keeps the rate of its members, whatever its links have.
    assert_eq!(listed(one, "r").text("rate"), "8000");
    ok(&one.ask("conference unlink", r#""call-id":"l""#, None));
    hears(&mut talkers, &[(0, &[1]), (1, &[0]), (2, &[3]), (3, &[2])]);
    assert_eq!((links(one).len(), links(other).len()), (0, 1));
    assert_eq!(reason(&one.ask("query", r#""call-id":"l""#, None)), "unknown call-id");
    ok(&other.ask("conference end", r#""room":"r""#, None));
    assert_eq!(reason(&other.ask("query", r#""call-id":"l""#, None)), "unknown call-id");
    assert_eq!(reason(&listed(other, "r")), "there is no conference room of this name");
}

#[test]
fn links_are_plain_or_secure_and_in_l16_or_opus() {
    let plain = r#""transport-protocol":"RTP/AVP""#;
    for (more, codec, srtp) in [
        (plain.to_owned(), "L16/16000", "0"),
        (format!(r#"{plain},"ptime":10"#), "L16/16000", "0"),
        (r#""link-codec":"opus""#.to_owned(), "opus/48000", "1"),
        (r#""rate":8000"#.to_owned(), "L16/8000", "1"),
        (r#""flags":["SDES-only-AEAD_AES_256_GCM"]"#.to_owned(), "L16/16000", "1"),
    ] {
        let servers = [Server::new(), Server::new()];
        let [one, other] = &servers;
        // The links come first: they make the rooms.
        link([one, other], "l", [&more, ""]);
        let mut talkers = members_of(one, &["a"], 410.0);
        talkers.extend(members_of(other, &["b"], 1_150.0));
        all_hear_all(&mut talkers);
        let shown = links(other).swap_remove(0);
        assert_eq!([text(&shown, "codec"), text(&shown, "srtp")], [codec, srtp], "{more}");
    }
}

#[test]
fn rooms_of_three_servers_are_linked_each_with_each_or_as_a_star() {
    for star in [false, true] {
        let servers = [Server::new(), Server::new(), Server::new()];
        let [hub, left, right] = &servers;
        let mut talkers = Vec::new();
        let first = publish(hub, "a", "t");
        join(hub, "a", "t", if star { r#""forward-links":"on""# } else { "" });
        talkers.push(Talker::new(first, 410.0));
        talkers.extend(members_of(left, &["b", "c"], 730.0));
        talkers.extend(members_of(right, &["d", "e"], 1_370.0));
        link([hub, left], "l", ["", ""]);
        link([right, hub], "m", ["", ""]);
        if !star {
            hears(&mut talkers, &[(0, &[1, 2, 3, 4]), (1, &[0, 2]), (3, &[0, 4])]);
            link([left, right], "n", ["", ""]);
        }
        all_hear_all(&mut talkers);
    }
}

#[test]
fn a_coach_on_one_server_is_heard_by_the_agent_on_another_alone() {
    let servers = [Server::new(), Server::new()];
    let [one, other] = &servers;
    let coach = publish(one, "k", "t");
    let [agent, customer] = call(other, "c", ["a", "b"], ["0", "0"]);
    join(other, "c", "a", "");
    join(other, "c", "b", "");
    link([one, other], "l", ["", ""]);
    // A link of its own for coaches, under whose tag the agent is known here.
    link([one, other], "k-l", [r#""role":"coach","from-tag":"agent""#, r#""role":"coach","for":"a""#]);
    join(one, "k", "t", r#""role":"coach","for":"agent""#);
    let mut talkers: Vec<Talker> = [(coach, 410.0), (agent, 730.0), (customer, 1_150.0)]
        .into_iter()
        .map(|(party, hz): (Party, f64)| Talker::new(party, hz))
        .collect();
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[1])]);
    let shown = links(other).into_iter().find(|link| text(link, "call-id") == "k-l").unwrap();
    assert_eq!((text(&shown, "role"), list(get(&shown, "for")).len()), ("coach".into(), 1));
    ok(&conference(one, "set", "k", "t", r#""role":"member""#));
    hears(&mut talkers, &[(0, &[1, 2]), (1, &[0, 2]), (2, &[0, 1])]);
}

#[test]
fn the_loss_of_a_server_takes_its_own_members_alone_and_heals_by_a_new_link() {
    let log = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    log.set_nonblocking(true).unwrap();
    let servers = [Server::new(), Server::new()];
    let [one, other] = &servers;
    let third = Server::new();
    let first = publish(one, "a", "t");
    join(one, "a", "t", &format!(r#""conference-log-dest":"{}""#, log.local_addr().unwrap()));
    let mut talkers = vec![Talker::new(first, 410.0)];
    talkers.extend(members_of(other, &["b"], 730.0));
    talkers.extend(members_of(&third, &["c"], 1_150.0));
    link([one, other], "l", ["", ""]);
    link([one, &third], "m", ["", ""]);
    link([other, &third], "n", ["", ""]);
    all_hear_all(&mut talkers);
    drop(third);
    let lost = talkers.pop().unwrap();
    let is_lost = |server: &Server, id: &str| {
        take_events(server);
        links(server).iter().any(|link| text(link, "call-id") == id && text(link, "state") == "lost")
    };
    let mut rounds = 0;
    while !(is_lost(one, "m") && is_lost(other, "n")) {
        // The others hear each other on.
        all_hear_all(&mut talkers);
        rounds += 1;
        assert!(rounds < 60, "{:?}", links(one));
    }
    drop(lost);
    let third = Server::new();
    talkers.extend(members_of(&third, &["c"], 1_150.0));
    // The side that knows the link offers it anew, or is offered it.
    link([one, &third], "m", ["", ""]);
    link([&third, other], "n", ["", ""]);
    all_hear_all(&mut talkers);
    take_events(one);
    assert!(!is_lost(one, "m") && !is_lost(other, "n"), "{:?}", links(one));
    let mut told = Vec::new();
    let mut buffer = [0; 2048];
    while let Ok(len) = log.recv(&mut buffer) {
        let report = mediapoint_control_ng::wire::decode(&buffer[..len]).unwrap();
        if text(&report, "event").contains("link") {
            told.push(format!("{} {}", text(&report, "callid"), text(&report, "event")));
        }
    }
    assert_eq!(told, ["l linked", "m linked", "m link lost", "m link restored"]);
}

#[test]
fn what_cannot_be_linked_is_refused_in_words() {
    let server = Server::new();
    let refused = |id: &str, more: &str, sdp: Option<&str>| reason(&link_message(&server, id, more, sdp));
    drop(publish(&server, "a", "t"));
    join(&server, "a", "t", r#""max":1"#);
    assert_eq!(refused("l", "", None), "missing key room");
    assert_eq!(reason(&server.ask("conference link", r#""room":"r""#, None)), "missing key call-id");
    assert_eq!(
        refused("a", r#""room":"r""#, None),
        "the call-id is that of a call which is no link of a conference room"
    );
    let role = refused("l", r#""room":"r","role":"listener""#, None);
    assert_eq!(role, "unknown role \"listener\" of a link: mix or coach");
    assert_eq!(refused("l", r#""room":"r","ptime":40"#, None), "unusable value for ptime");
    assert_eq!(refused("l", r#""room":"r","link-codec":"MP3""#, None), "unusable value for link-codec");
    assert_eq!(reason(&server.ask("conference unlink", r#""call-id":"l""#, None)), "unknown call-id");
    assert_eq!(
        reason(&server.ask("conference unlink", r#""call-id":"a""#, None)),
        "the call-id is that of a call which is no link of a conference room"
    );
    assert_eq!(server.controller.calls(), 1, "nothing came of it");
    // A member more than may be: the room is to be linked, and is although it is full and locked.
    drop(publish(&server, "b", "t"));
    let full = reason(&conference(&server, "join", "b", "t", r#""room":"r""#));
    assert_eq!(full, "the conference room is full: 1 members; link another server for more");
    ok(&server.ask("conference lock", r#""room":"r""#, None));
    let other = Server::new();
    let offer = link_message(&other, "l", r#""room":"r""#, None);
    let sdp = offer.text("sdp");
    let refusal = "the party that a coach is for is not in the conference room";
    assert_eq!(refused("l", r#""room":"r","role":"coach","for":"x""#, Some(&sdp)), refusal);
    assert_eq!(reason(&server.ask("query", r#""call-id":"l""#, None)), "unknown call-id");
    let answer = link_message(&server, "l", r#""room":"r""#, Some(&sdp));
    assert_eq!((answer.text("result"), links(&server).len()), ("ok".into(), 1));
    // An answer that takes none of what was offered.
    let phone = phone::Phone::new().sdp("0");
    assert_eq!(
        reason(&link_message(&other, "l", "", Some(&phone))),
        "the answer has no codec that can be used"
    );
}
