//! rtpengine's documentation of the ng protocol, `connect` and `mesh`: a test for each clause, key and flag, named after
//! it; and the commands and options of its newest version that are refused or warned of.

use crate::common;

use common::party::{DOWN, Party, SILENT, UP, call, mix, publish, talk};
use common::*;
use mediapoint_control_ng::Reply;
use mediapoint_control_ng::wire::Value;

fn connect(server: &Server, more: &str) -> Reply {
    server.ask("connect", &keys(r#""call-id":"c""#, more), None)
}

fn mesh(server: &Server, more: &str) -> Reply {
    server.ask("mesh", more, None)
}

fn ok(reply: &Reply) {
    assert_eq!((reply.text("result"), reply.text("warning")), ("ok".into(), String::new()));
}

/// The tags of whom a party receives.
fn sources(server: &Server, tag: &str) -> Vec<String> {
    let query = server.ask("query", r#""call-id":"c""#, None);
    let party = dict(get(dict(query.value("tags")), tag));
    list(get(party, "subscriptions")).iter().map(|pair| text(dict(Some(pair)), "tag")).collect()
}

fn two_pairs(server: &Server) -> [Party; 4] {
    let [a, b] = call(server, "c", ["a", "b"], ["0", "0"]);
    let [c, d] = call(server, "c", ["c", "d"], ["0", "0"]);
    [a, b, c, d]
}

#[test]
fn connect_needs_call_id_from_tag_and_to_tag() {
    let server = Server::new();
    let _talk = two_pairs(&server);
    assert_eq!(reason(&server.ask("connect", r#""from-tag":"a","to-tag":"c""#, None)), "missing key call-id");
    assert_eq!(reason(&connect(&server, r#""from-tag":"a""#)), "missing key to-tag");
    assert_eq!(reason(&connect(&server, r#""to-tag":"a""#)), "the call has no party of this from-tags");
}

#[test]
fn connect_relates_two_parties_as_offer_and_answer_would() {
    let server = Server::new();
    let [mut a, _b, mut c, _d] = two_pairs(&server);
    ok(&connect(&server, r#""from-tag":"a","to-tag":"c""#));
    talk(&mut a, &mut c, (0, 0), (1, 1));
    assert_eq!(["a", "b", "c", "d"].map(|tag| sources(&server, tag).concat()), ["c", "", "a", ""]);
}

#[test]
fn connect_engages_transcoding_where_it_is_needed() {
    let server = Server::new();
    let [mut a, _b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut c, _d] = call(&server, "c", ["c", "d"], ["8", "8"]);
    ok(&connect(&server, r#""from-tag":"a","to-tag":"c""#));
    // The loudest sample is 0x80 in mu-law and 0xaa in A-law.
    talk(&mut a, &mut c, (0, 8), (0x80, 0xaa));
}

#[test]
fn to_call_id_names_the_call_of_the_to_tag_and_both_become_one() {
    let server = Server::new();
    let [mut a, _b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut c, _d] = call(&server, "d", ["c", "d"], ["0", "0"]);
    ok(&connect(&server, r#""from-tag":"a","to-tag":"c","to-call-id":"d""#));
    talk(&mut a, &mut c, (0, 0), (1, 1));
    let listed = server.ask("list", "", None);
    let mut ids: Vec<String> = list(listed.value("calls")).iter().filter_map(Value::to_text).collect();
    ids.sort();
    assert_eq!(ids, ["c", "d"], "two call-ids in the list");
    assert_eq!(server.controller.calls(), 1, "one call that is counted");
}

#[test]
fn directional_adds_a_subscription_and_affects_no_other() {
    let server = Server::new();
    let [mut a, mut b, mut c, mut d] = two_pairs(&server);
    ok(&connect(&server, r#""from-tag":"a","to-tag":"c","flags":["directional"]"#));
    assert_eq!(
        ["a", "b", "c", "d"].map(|tag| sources(&server, tag).join(" ")),
        ["b", "a", "d a", "c"].map(String::from)
    );
    talk(&mut a, &mut b, (0, 0), (1, 1));
    mix(&mut [(&mut a, UP, SILENT), (&mut b, SILENT, UP), (&mut c, SILENT, UP), (&mut d, SILENT, SILENT)]);
}

#[test]
fn from_tags_in_directional_mode_names_several_sources() {
    let server = Server::new();
    let _talk = two_pairs(&server);
    publish(&server, "c", "p");
    ok(&connect(&server, r#""from-tags":["a","b","c"],"to-tag":"p","flags":["directional"]"#));
    assert_eq!(sources(&server, "p"), ["a", "b", "c"]);
    let flags = r#""to-tag":"p","flags":["directional","from-tags-d"]"#;
    ok(&connect(&server, flags));
    assert_eq!(sources(&server, "p"), ["a", "b", "c", "d"]);
}

#[test]
fn all_in_directional_mode_names_every_party_of_offer_and_answer() {
    let server = Server::new();
    let _talk = two_pairs(&server);
    publish(&server, "c", "p");
    publish(&server, "c", "q");
    ok(&connect(&server, r#""to-tag":"p","flags":["directional","all"]"#));
    assert_eq!(sources(&server, "p"), ["a", "b", "c", "d"]);
}

#[test]
fn bidirectional_beside_directional_adds_the_other_direction() {
    let server = Server::new();
    let _talk = two_pairs(&server);
    ok(&connect(&server, r#""from-tag":"a","to-tag":"c","flags":["directional","bidirectional"]"#));
    assert_eq!(["a", "c"].map(|tag| sources(&server, tag).join(" ")), ["b c", "d a"]);
}

#[test]
fn several_sources_of_one_destination_are_mixed_whatever_audio_player_says() {
    for value in ["off", "always"] {
        let server = Server::new();
        let [mut a, mut b, mut c, mut d] = two_pairs(&server);
        let more =
            format!(r#""from-tags":["a","b"],"to-tag":"c","flags":["directional"],"audio-player":"{value}""#);
        ok(&connect(&server, &more));
        mix(&mut [
            (&mut a, DOWN, SILENT),
            (&mut b, SILENT, DOWN),
            (&mut c, SILENT, DOWN),
            (&mut d, SILENT, SILENT),
        ]);
    }
}

#[test]
fn mesh_needs_a_list_of_one_call_at_least() {
    let server = Server::new();
    assert_eq!(reason(&mesh(&server, "")), "missing key calls");
    assert_eq!(reason(&mesh(&server, r#""calls":[]"#)), "missing key calls");
    assert_eq!(reason(&mesh(&server, r#""calls":["x"]"#)), "unknown call-id");
    let _talk = two_pairs(&server);
    ok(&mesh(&server, r#""calls":["c"]"#));
}

#[test]
fn mesh_merges_calls_whose_ids_are_aliases_of_one() {
    let server = Server::new();
    let mut talks = ["c", "d", "e"].map(|id| {
        let tags = [format!("{id}1"), format!("{id}2")];
        call(&server, id, tags.each_ref().map(String::as_str), ["0", "0"])
    });
    ok(&mesh(&server, r#""calls":["c","d","e"]"#));
    assert_eq!(server.controller.calls(), 1);
    for id in ["c", "d", "e"] {
        let query = server.ask("query", &format!(r#""call-id":"{id}""#), None);
        assert_eq!(dict(query.value("tags")).len(), 6);
    }
    for [one, other] in &mut talks {
        talk(one, other, (0, 0), (1, 1));
    }
}

#[test]
fn tags_establishes_flows_from_one_party_to_others() {
    let server = Server::new();
    let _talk = two_pairs(&server);
    ok(&mesh(&server, r#""calls":["c"],"tags":[{"from":"a","to":["c","d"]},{"from":"c","to":["b"]}]"#));
    assert_eq!(
        ["a", "b", "c", "d"].map(|tag| sources(&server, tag).join(" ")),
        ["b", "a c", "d a", "c a"].map(String::from)
    );
}

#[test]
fn tags_can_be_written_in_one_string() {
    let server = Server::new();
    let _talk = two_pairs(&server);
    ok(&mesh(&server, r#""rtpp-flags":"calls=[c] tags=[[from=a to=[c d]]]""#));
    assert_eq!(["c", "d"].map(|tag| sources(&server, tag).join(" ")), ["d a", "c a"]);
}

#[test]
fn unsubscribe_resets_what_each_from_receives() {
    let server = Server::new();
    let _talk = two_pairs(&server);
    ok(&mesh(&server, r#""calls":["c"],"tags":[{"from":"a","to":["c"]}],"flags":["unsubscribe"]"#));
    assert_eq!(
        ["a", "b", "c", "d"].map(|tag| sources(&server, tag).join(" ")),
        ["", "a", "d a", "c"].map(String::from)
    );
}

#[test]
fn bidirectional_establishes_and_resets_both_directions() {
    let server = Server::new();
    let _talk = two_pairs(&server);
    ok(&mesh(&server, r#""calls":["c"],"tags":[{"from":"a","to":["c"]}],"flags":["bidirectional"]"#));
    assert_eq!(["a", "c"].map(|tag| sources(&server, tag).join(" ")), ["b c", "d a"]);
    let both = r#""calls":["c"],"tags":[{"from":"a","to":["d"]}],"flags":["unsubscribe","bidirectional"]"#;
    ok(&mesh(&server, both));
    assert_eq!(
        ["a", "b", "c", "d"].map(|tag| sources(&server, tag).join(" ")),
        ["d", "", "d", "c a"].map(String::from)
    );
}

#[test]
fn inject_create_and_other_commands_are_refused_by_name() {
    let server = Server::new();
    let _talk = two_pairs(&server);
    let inject = r#""call-id":"c","to-tag":"a","source-call-id":"c","source-tag":"b""#;
    for (command, json) in [
        ("inject start", inject),
        ("inject stop", inject),
        ("create", r#""call-id":"c","from-tag":"a""#),
        ("create answer", r#""call-id":"c","from-tag":"a""#),
        ("start forwarding", r#""call-id":"c""#),
    ] {
        let refused = server.ask(command, json, None);
        assert_eq!(reason(&refused), format!("{command} is not supported"));
    }
}

#[test]
fn options_of_the_newest_version_that_are_not_done_are_warned_of() {
    let server = Server::new();
    let warned = |more: &str| {
        let keys = keys(r#""call-id":"c","from-tag":"p""#, more);
        let reply = server.ask("publish", &keys, Some(&phone("192.0.2.1", 4000, "0")));
        if reply.is_error() { reason(&reply) } else { reply.text("warning") }
    };
    for (more, what) in [
        (r#""peer":"192.0.2.9""#, "peer"),
        (r#""inbound-peer":"192.0.2.9""#, "inbound-peer"),
        (r#""outbound-peer":"192.0.2.9""#, "outbound-peer"),
        (r#""bundle":["offer"]"#, "bundle"),
        (r#""flags":["block short packets"]"#, "block-short"),
        (r#""flags":["recording announcement"]"#, "recording-announcement"),
        (r#""flags":["WebRTC"]"#, "WebRTC"),
    ] {
        assert_eq!(warned(more), format!("{what} is not supported"), "{more}");
    }
    for ignored in [
        r#""extmap":{"mask":["all"]}"#,
        r#""extmap":{"strip":["urn:x"]}"#,
        r#""sdp-attr":{"audio":{"add":["x"]}}"#,
        r#""sdp-media-remove":["video"]"#,
        r#""flags":["allow no codec media"]"#,
        r#""flags":["static codecs"]"#,
        r#""extmap":{"strip":["all"]}"#,
        r#""rtpp-flags":"extmap=[strip=[all]]""#,
        r#""flags":["recrypt","new branch","provisional","no tls id","early media","debug"]"#,
        r#""flags":["discard recording","exclude recording","skip-recording-db","unidirectional"]"#,
        r#""alias key":"off","audio player":"always","metadata":"x","template":"t""#,
    ] {
        assert_eq!(warned(ignored), "", "{ignored}");
    }
}
