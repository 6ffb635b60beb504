//! What happens to a call in the course of its life: re-INVITE, hold, forks, fax, delete.

use crate::common;

use std::time::Duration;

use common::*;
use mediapoint_control_ng::wire::Value;
use mediapoint_engine::{CallId, EndReason, Points};
use mediapoint_packet::Time;
use mediapoint_packet::sdp::Direction;

const A: &str = "192.0.2.1";
const B: &str = "198.51.100.1";

fn held(mut sdp: String, direction: &str) -> String {
    sdp.push_str(&format!("a={direction}\r\n"));
    sdp
}

#[test]
fn a_reinvite_from_either_side_keeps_the_ports() {
    let server = Server::new();
    let to_b = server.offer(&phone(A, 4000, "0 8"), "");
    let to_a = server.answer(&phone(B, 5000, "0"), "");
    for round in 0_u16..3 {
        let again = server.offer(&phone(A, 4000 + 2 * round, "0 8"), r#""to-tag":"b""#);
        assert_eq!(port(&again, 0), port(&to_b, 0));
        assert_eq!(port(&server.answer(&phone(B, 5000, "0"), ""), 0), port(&to_a, 0));
        // B's turn: its from-tag is the one that A knows as to-tag.
        let keys = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
        let to_a_again = advertised(&server.ask("offer", keys, Some(&phone(B, 5000, "0"))));
        assert_eq!(port(&to_a_again, 0), port(&to_a, 0));
        let to_b_again = advertised(&server.ask("answer", keys, Some(&phone(A, 4000, "0"))));
        assert_eq!(port(&to_b_again, 0), port(&to_b, 0));
    }
    assert_eq!(server.engine.calls(), 1);
    assert_eq!(server.engine.load().workers[0].used, Points::ONE, "still two legs");
}

#[test]
fn the_same_offer_under_a_new_cookie_keeps_its_ports() {
    let server = Server::new();
    let first = server.offer(&phone(A, 4000, "0"), r#""via-branch":"1""#);
    let second = server.offer(&phone(A, 4000, "0"), r#""via-branch":"1""#);
    assert_eq!(first, second);
}

#[test]
fn hold_and_resume_pass_as_they_are_said() {
    let server = Server::new();
    let cases = [
        ("sendrecv", "sendrecv"),
        ("sendonly", "recvonly"),
        ("inactive", "inactive"),
        ("recvonly", "sendonly"),
        ("sendrecv", "sendrecv"),
    ];
    for (offered, answered) in cases {
        let advertised = server.offer(&held(phone(A, 4000, "0"), offered), "");
        assert_eq!(advertised.direction_of(&advertised.media[0]).name(), offered);
        let back = server.answer(&held(phone(B, 5000, "0"), answered), "");
        assert_eq!(back.direction_of(&back.media[0]).name(), answered);
    }
    // A direction of the whole session counts for its sections.
    let session = phone(A, 4000, "0").replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n");
    let advertised = server.offer(&session, "");
    assert_eq!(advertised.direction_of(&advertised.media[0]), Direction::SendOnly);
}

// test-of: [RFC3264 8.4]
#[test]
fn hold_by_a_zero_address_is_passed_on_or_replaced() {
    let server = Server::new();
    server.offer(&phone(A, 4000, "0"), "");
    server.answer(&phone(B, 5000, "0"), "");
    let advertised = server.offer(&phone("0.0.0.0", 4000, "0"), "");
    assert_eq!(host(&advertised, 0), "0.0.0.0");
    assert_eq!(advertised.direction_of(&advertised.media[0]), Direction::SendOnly);
    let advertised = server.offer(&phone("0.0.0.0", 4000, "0"), r#""replace":["zero-address"]"#);
    assert_eq!(host(&advertised, 0), "127.0.0.1");
    assert_eq!(advertised.direction_of(&advertised.media[0]), Direction::SendOnly);
    let advertised = server.offer(&phone("0.0.0.0", 4000, "0"), r#""flags":["original sendrecv"]"#);
    assert_eq!(advertised.media[0].body.direction(), None);
}

#[test]
fn branches_of_a_fork_have_ports_of_their_own_and_are_deleted_one_by_one() {
    let server = Server::new();
    let first = server.offer(&phone(A, 4000, "0"), r#""via-branch":"1""#);
    let second = server.offer(&phone(A, 4000, "0"), r#""via-branch":"2""#);
    assert_ne!(port(&first, 0), port(&second, 0));
    assert_eq!(server.controller.calls(), 1);
    let answer = |branch: &str, tag: &str, at: u16| {
        let keys = format!(r#""call-id":"c","from-tag":"a","to-tag":"{tag}","via-branch":"{branch}""#);
        advertised(&server.ask("answer", &keys, Some(&phone(B, at, "0"))))
    };
    let back = [answer("2", "b2", 6000), answer("1", "b1", 5000)];
    assert_ne!(port(&back[0], 0), port(&back[1], 0));

    let delete = |keys: &str| server.ask("delete", keys, None);
    let gone = delete(r#""call-id":"c","from-tag":"a","via-branch":"1""#);
    assert_eq!((gone.text("result"), gone.text("warning")), ("ok".into(), String::new()));
    assert_eq!(server.controller.calls(), 1);
    let query = server.ask("query", r#""call-id":"c""#, None);
    assert_eq!(
        dict(query.value("tags")).keys().map(Vec::as_slice).collect::<Vec<_>>(),
        [b"a".as_slice(), b"b2"]
    );
    delete(r#""call-id":"c","from-tag":"b2""#);
    assert_eq!(server.controller.calls(), 0);
    assert_eq!(await_end(&server), EndReason::Command);
}

#[test]
fn several_answers_to_one_offer_share_its_ports() {
    let server = Server::new();
    server.offer(&phone(A, 4000, "0"), "");
    let answer = |tag: &str, at: u16| {
        let keys = format!(r#""call-id":"c","from-tag":"a","to-tag":"{tag}""#);
        advertised(&server.ask("answer", &keys, Some(&phone(B, at, "0"))))
    };
    let early = answer("b1", 5000);
    assert_eq!(port(&answer("b2", 6000), 0), port(&early, 0));
    assert_eq!(port(&answer("b1", 5000), 0), port(&early, 0));
    let again =
        server.ask("offer", r#""call-id":"c","from-tag":"b1","to-tag":"a""#, Some(&phone(B, 5000, "0")));
    assert_eq!(port(&advertised(&again), 0), port(&early, 0));
}

#[test]
fn an_audio_call_turns_into_fax_and_back() {
    let server = Server::new();
    server.offer(
        &phone(A, 4000, "0"),
        r#""transport-protocol":"RTP/SAVP","SDES":["only-AES_CM_128_HMAC_SHA1_80"]"#,
    );
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj\r\n";
    let srtp = phone(B, 5000, "0").replace("RTP/AVP", "RTP/SAVP") + key;
    let to_a = server.answer(&srtp, "");
    let advertised = server.offer(&data("fax_reoffer"), "");
    assert_eq!(
        (advertised.media[0].media().proto.as_str(), formats(&advertised, 0).as_str()),
        ("udptl", "t38")
    );
    assert_eq!(attributes(&advertised.media[0], "T38FaxUdpEC"), ["t38UDPRedundancy"]);
    assert_eq!(attributes(&advertised.media[0], "rtcp"), Vec::<&str>::new());
    let back = server.answer(&data("fax_reoffer"), "");
    assert_eq!(port(&back, 0), port(&to_a, 0));
    // Back to audio, without a word on the protocol: B is spoken to as before.
    let advertised = server.offer(&phone(A, 4000, "0"), "");
    assert_eq!(advertised.media[0].media().proto, "RTP/SAVP");
    assert_eq!(server.answer(&srtp, "").media[0].media().proto, "RTP/AVP");
}

#[test]
fn a_section_can_be_refused_and_come_back_on_the_same_port() {
    let server = Server::new();
    let two = |second: u16| {
        phone(A, 4000, "0") + &format!("m=video {second} RTP/AVP 99\r\na=rtpmap:99 VP8/90000\r\n")
    };
    let answer = |second: u16| phone(B, 5000, "0") + &format!("m=video {second} RTP/AVP 99\r\n");
    let first = server.offer(&two(4002), "");
    assert_eq!(port(&server.answer(&answer(0), ""), 1), 0);
    assert_eq!(port(&server.offer(&two(0), ""), 1), 0);
    server.answer(&answer(0), "");
    let again = server.offer(&two(4002), "");
    assert_eq!(port(&again, 1), port(&first, 1));
    assert_ne!(port(&server.answer(&answer(5002), ""), 1), 0);
    // An answer and a re-offer with fewer sections are taken as they are.
    assert_eq!(server.answer(&phone(B, 5000, "0"), "").media.len(), 1);
    assert_eq!(server.offer(&phone(A, 4000, "0"), "").media.len(), 1);
}

#[test]
fn a_party_that_moves_to_another_family_gets_another_port() {
    let server = Server::new();
    server.offer(&phone(A, 4000, "0"), "");
    let back = server.answer(&phone(B, 5000, "0"), "");
    server.offer(&phone("2001:db8::1", 4000, "0"), "");
    let moved = server.answer(&phone(B, 5000, "0"), "");
    assert_eq!((host(&back, 0).as_str(), host(&moved, 0).as_str()), ("127.0.0.1", "::1"));
    let stays = server.offer(&phone("2001:db8::1", 4000, "0"), "");
    assert_eq!(host(&stays, 0), "127.0.0.1", "B's side stays");
    let call = server.engine.call(CallId::from_u64(1)).unwrap();
    assert_eq!(call.statistics().unwrap().wait().unwrap().legs.len(), 2, "the old leg is closed");
}

#[test]
fn interfaces_are_chosen_by_direction_and_remembered() {
    let server = Server::new();
    let advertised = server.offer(&phone(A, 4000, "0"), r#""direction":["in","out"]"#);
    assert_eq!(host(&advertised, 0), "127.0.0.3");
    assert_eq!(host(&server.answer(&phone(B, 5000, "0"), ""), 0), "127.0.0.2");
    assert_eq!(host(&server.offer(&phone(A, 4000, "0"), ""), 0), "127.0.0.3");

    let reply = server.ask(
        "offer",
        r#""call-id":"d","from-tag":"a","direction":["nowhere","out"]"#,
        Some(&phone(A, 4000, "0")),
    );
    assert!(reply.text("warning").contains("no interface named \"nowhere\""));
    assert_eq!(host(&common::advertised(&reply), 0), "127.0.0.3");
}

#[test]
fn media_address_is_advertised_as_given() {
    let server = Server::new();
    let options = r#""media-address":"203.0.113.9","replace":["origin"],"flags":["full-rtcp-attribute"]"#;
    let advertised = server.offer(&phone(A, 4000, "0"), options);
    assert_eq!(
        (host(&advertised, 0).as_str(), advertised.origin().unwrap().address),
        ("203.0.113.9", &b"203.0.113.9"[..])
    );
    let rtcp = advertised.media[0].body.rtcp().unwrap();
    assert_eq!((rtcp.port, rtcp.connection.unwrap().host), (port(&advertised, 0) + 1, "203.0.113.9"));
    let advertised = server.offer(&phone(A, 4000, "0"), r#""flags":["no rtcp attribute"]"#);
    assert!(advertised.media[0].body.rtcp().is_none());
}

#[test]
fn what_is_not_done_is_warned_of() {
    let server = Server::new();
    let cases = [
        (
            r#""flags":["SDES-unencrypted_srtcp"]"#,
            "srtp without encryption or authentication is not supported",
        ),
        (r#""recording-dir":"/tmp""#, "recording-dir is not used: the server's settings say it"),
        (r#""media-address":"nonsense""#, "unusable value for media-address was ignored"),
        (r#""flags":["never heard of"]"#, ""),
    ];
    for (options, warning) in cases {
        let reply = server.ask(
            "offer",
            &keys(r#""call-id":"c","from-tag":"a""#, options),
            Some(&phone(A, 4000, "0")),
        );
        assert_eq!((reply.text("result"), reply.text("warning")), ("ok".into(), warning.into()), "{options}");
    }
}

#[test]
fn the_address_that_media_goes_to_is_the_sdps_or_the_messages() {
    let endpoint = |options: &str| {
        let server = Server::new();
        server.offer(&(phone(A, 4000, "0") + "a=rtcp:4321\r\n"), options);
        server.answer(&phone(B, 5000, "0"), "");
        let query = server.ask("query", r#""call-id":"c""#, None);
        let media = list(get(dict(get(dict(query.value("tags")), "a")), "medias"));
        let of = |n: usize| {
            let stream = dict(list(get(dict(media.first()), "streams")).get(n));
            let endpoint = dict(get(stream, "advertised endpoint"));
            format!("{}:{}", text(endpoint, "address"), text(endpoint, "port"))
        };
        [of(0), of(1)]
    };
    let of_sdp = ["192.0.2.1:4000", "192.0.2.1:4321"];
    let from = r#""received-from":["IP4","203.0.113.77"]"#;
    assert_eq!(endpoint(""), of_sdp);
    assert_eq!(endpoint(from), of_sdp);
    assert_eq!(endpoint(&format!(r#"{from},"flags":["trust address"]"#)), of_sdp);
    let of_message = ["203.0.113.77:4000", "203.0.113.77:4321"];
    assert_eq!(endpoint(&format!(r#"{from},"flags":["SIP-source-address"]"#)), of_message);
}

#[test]
fn a_late_offer_comes_from_the_called_party() {
    let server = Server::new();
    let keys = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    let to_a = advertised(&server.ask("offer", keys, Some(&phone(B, 5000, "0"))));
    let to_b = advertised(&server.ask("answer", keys, Some(&phone(A, 4000, "0"))));
    let reinvite = r#""call-id":"c","from-tag":"a","to-tag":"b","via-branch":"other""#;
    assert_eq!(
        port(&advertised(&server.ask("offer", reinvite, Some(&phone(A, 4000, "0")))), 0),
        port(&to_b, 0)
    );
    assert_eq!(
        port(&advertised(&server.ask("answer", reinvite, Some(&phone(B, 5000, "0")))), 0),
        port(&to_a, 0)
    );
    let bye = server.ask("delete", r#""call-id":"c","from-tag":"a","to-tag":"b","via-branch":"bye""#, None);
    assert_eq!((bye.text("warning"), server.controller.calls()), (String::new(), 0));
}

// test-of: [RFC5761 5]
#[test]
fn rtcp_mux_follows_the_options() {
    // Option; offer had it: what B is offered and whether on the RTP port; answer without, with: what A is told.
    let cases = [
        ("", false, (false, false), (false, false)),
        ("", true, (true, false), (false, true)),
        ("offer", false, (true, false), (false, false)),
        ("require", false, (true, true), (false, false)),
        ("require", true, (true, true), (false, true)),
        ("demux", true, (false, false), (true, true)),
        ("accept", true, (true, false), (true, true)),
        ("accept", false, (false, false), (false, false)),
        ("reject", true, (true, false), (false, false)),
        (r#"offer","demux"#, true, (true, false), (false, true)),
    ];
    let mux = |on: bool, sdp: String| if on { sdp + "a=rtcp-mux\r\n" } else { sdp };
    for (option, offered, (told_mux, same_port), (plain, muxed)) in cases {
        for (answered, expected) in [(false, plain), (true, muxed)] {
            let server = Server::new();
            let advertised =
                server.offer(&mux(offered, phone(A, 4000, "0")), &format!(r#""rtcp-mux":["{option}"]"#));
            let section = &advertised.media[0];
            assert_eq!(section.body.has_attribute("rtcp-mux"), told_mux, "{option} {offered}");
            let rtcp = section.body.rtcp().unwrap().port;
            assert_eq!(rtcp == port(&advertised, 0), same_port, "{option} {offered}");
            let back = server.answer(&mux(answered, phone(B, 5000, "0")), "");
            let has = back.media[0].body.has_attribute("rtcp-mux");
            assert_eq!(has, expected, "{option} {offered} {answered}");
            let rtcp = back.media[0].body.rtcp().unwrap().port;
            assert_eq!(rtcp == port(&back, 0), expected, "{option} {offered} {answered}");
        }
    }
}

#[test]
fn codecs_are_converted_where_the_sides_have_nothing_in_common() {
    let server = Server::new();
    let options = r#""codec":{"mask":["PCMU"],"transcode":["PCMA"]},"ptime":30,"ptime-reverse":40"#;
    let te = "\r\na=rtpmap:101 telephone-event/8000";
    let advertised = server.offer(&phone(A, 4000, &format!("0 101{te}")), options);
    assert_eq!(formats(&advertised, 0), "8 101");
    assert_eq!(attributes(&advertised.media[0], "rtpmap"), ["101 telephone-event/8000", "8 PCMA/8000"]);
    assert_eq!(advertised.media[0].body.ptime(), Some(30));
    let back = server.answer(&phone(B, 5000, &format!("8 101\r\na=rtpmap:8 PCMA/8000{te}")), "");
    assert_eq!(formats(&back, 0), "0 101");
    assert_eq!(attributes(&back.media[0], "rtpmap"), ["101 telephone-event/8000", "0 PCMU/8000"]);
    assert_eq!(back.media[0].body.ptime(), Some(40));
}

#[test]
fn an_answer_under_other_numbers_comes_back_under_the_offerers() {
    let server = Server::new();
    server.offer(&phone(A, 4000, "0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15"), "");
    let answer =
        phone(B, 5000, "0 96\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-11\r\na=rtcp-fb:96 nack");
    let back = server.answer(&answer, "");
    assert_eq!(formats(&back, 0), "0 101");
    assert_eq!(attributes(&back.media[0], "rtpmap"), ["101 telephone-event/8000"]);
    assert_eq!(attributes(&back.media[0], "fmtp"), ["101 0-11"]);
    assert_eq!(attributes(&back.media[0], "rtcp-fb"), ["101 nack"]);
}

#[test]
fn a_refused_reoffer_changes_nothing() {
    let server = Server::new();
    let to_b = server.offer(&phone(A, 4000, "0"), "");
    server.answer(&phone(B, 5000, "0"), "");
    let bad = phone(A, 4000, "0").replace("RTP/AVP", "RTP/SAVP");
    let reply = server.ask("offer", r#""call-id":"c","from-tag":"a""#, Some(&bad));
    assert_eq!(reason(&reply), "unusable key: no a=crypto line");
    assert_eq!(server.controller.calls(), 1);
    assert_eq!(server.offer(&phone(A, 4000, "0"), ""), to_b);
}

#[test]
fn a_delayed_delete_waits_and_a_new_offer_takes_it_back() {
    let server = Server::new();
    let at = |seconds: u64| Time::from_millis(seconds * 1_000);
    server.offer(&phone(A, 4000, "0"), "");
    let delete = |now, keys: &str| server.ask_at(now, "delete", keys, None);
    let first = delete(at(10), r#""call-id":"c","from-tag":"a","delete delay":5,"delete-delay":"5""#);
    assert_eq!(first.text("result"), "ok");
    assert!(first.value("tags").is_some());
    assert_eq!(server.controller.poll(at(14)), Some(at(15)));
    assert_eq!(server.controller.calls(), 1);
    server.offer(&phone(A, 4000, "0"), "");
    assert_eq!(server.controller.poll(at(15)), None);
    assert_eq!(server.controller.calls(), 1, "taken back");
    delete(at(20), r#""call-id":"c","from-tag":"a","delete-delay":5"#);
    assert_eq!(server.controller.poll(at(25)), None);
    assert_eq!(server.controller.calls(), 0);
    assert_eq!(await_end(&server), EndReason::Command);
}

#[test]
fn deletes_that_match_nothing_warn_or_fail() {
    let server = Server::new();
    server.offer(&phone(A, 4000, "0"), "");
    let warning = "call-id not found or tags did not match";
    for keys in [r#""call-id":"x","from-tag":"a""#, r#""call-id":"c","from-tag":"z""#] {
        let reply = server.ask("delete", keys, None);
        assert_eq!((reply.text("result"), reply.text("warning")), ("ok".into(), warning.into()));
        let fatal = server.ask("delete", &format!(r#"{keys},"flags":["fatal"]"#), None);
        assert_eq!(reason(&fatal), warning);
    }
    assert_eq!(server.ask("delete", r#""call-id":"c""#, None).text("warning"), "", "no tags: the whole call");
    assert_eq!(server.controller.calls(), 0);
}

#[test]
fn a_call_that_the_engine_ends_is_forgotten() {
    let builder = builder().media_timeout(Duration::from_millis(200));
    let server = Server::with(builder, Default::default());
    server.offer(&phone(A, 4000, "0"), "");
    server.answer(&phone(B, 5000, "0"), "");
    assert_eq!(await_end(&server), EndReason::MediaTimeout);
    assert_eq!(server.controller.calls(), 0);
    assert_eq!(reason(&server.ask("query", r#""call-id":"c""#, None)), "unknown call-id");
    server.offer(&phone(A, 4000, "0"), "");
    assert_eq!(server.controller.calls(), 1, "the call-id may be used again");
}

#[test]
fn a_full_server_says_so_as_the_controller_wants_it() {
    let server = Server::with(builder().budget(Points::ONE), Default::default());
    server.offer(&phone(A, 4000, "0"), "");
    let offer = |more: &str| {
        server.ask("offer", &keys(r#""call-id":"d","from-tag":"a""#, more), Some(&phone(A, 4000, "0")))
    };
    assert_eq!(
        reason(&offer("")),
        "load limit: the call needs 1.000 points, the least loaded worker has 0.000 free"
    );
    let reply = offer(r#""supports":["load limit"]"#);
    assert_eq!(reply.text("result"), "load limit");
    assert!(reply.text("message").contains("1.000 points"));
    assert_eq!(server.controller.calls(), 1);
}

#[test]
fn running_out_of_ports_leaves_nothing_behind() {
    let server = Server::with(builder().budget(Points::whole(1_000)), Default::default());
    let offer = |call: usize| {
        server.ask("offer", &format!(r#""call-id":"{call}","from-tag":"a""#), Some(&phone(A, 4000, "0")))
    };
    // The 120 ports of an address hold 60 pairs, which are two for each call; other programs may have some of them.
    let replies: Vec<_> = (0..100).map(offer).collect();
    let full = replies.iter().position(|reply| reply.is_error()).unwrap();
    assert!((25..=30).contains(&full), "{full}");
    let refused: Vec<String> = replies.iter().skip(full).map(reason).collect();
    // What is reserved is a number of ports on all addresses; that one of them has none left shows where they are opened.
    let tried = refused.iter().filter(|reason| reason.starts_with("no ports left")).count();
    let known = |reason: &String| reason.starts_with("load limit: the call needs 4 ports, ");
    assert_eq!(refused.iter().filter(|reason| known(reason)).count(), refused.len() - tried, "{refused:?}");
    assert_eq!(server.controller.calls(), full);
    server.ask("delete", r#""call-id":"0""#, None);
    // Calls that found no ports where they were opened ended, too, and before this one.
    for _ in 0..tried {
        assert_eq!(await_end(&server), EndReason::Refused);
    }
    assert_eq!(await_end(&server), EndReason::Command);
    assert!(!offer(101).is_error());
}

#[test]
fn errors_say_what_is_wrong() {
    let server = Server::new();
    let offer = |sdp: &str| reason(&server.ask("offer", r#""call-id":"c","from-tag":"a""#, Some(sdp)));
    assert_eq!(offer("hello"), "malformed sdp: line 1 of the sdp is malformed");
    assert_eq!(
        offer("v=0\r\nm=audio 99999 RTP/AVP 0\r\n"),
        "malformed sdp: media line 2 of the sdp is malformed"
    );
    assert_eq!(offer("v=0\r\ns=-\r\n"), "the sdp has no media section");
    let incomplete = "incomplete sdp: no c= line for media section 1";
    assert_eq!(offer("v=0\r\nm=audio 4000 RTP/AVP 0\r\n"), incomplete);
    assert_eq!(
        offer(&phone("host.example.com", 1, "0")),
        "host name \"host.example.com\" in the c= line of section 1: names are not resolved, an address is needed"
    );
    let short = phone(A, 4000, "0").replace("RTP/AVP", "RTP/SAVP")
        + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n";
    assert_eq!(offer(&short), "unusable key: key and salt are 3 bytes, the suite needs 30");
    assert_eq!(offer(&phone(A, 4000, "18!0!8")), "the sdp names no payload type for audio");
    let tcp = phone(A, 4000, "0").replace("RTP/AVP", "TCP/RTP/AVP");
    assert_eq!(offer(&tcp), "media audio over TCP/RTP/AVP is not supported");
    assert_eq!(server.controller.calls(), 0);

    let answer = |keys: &str| reason(&server.ask("answer", keys, Some(&phone(B, 5000, "0"))));
    assert_eq!(answer(r#""call-id":"c","from-tag":"a","to-tag":"b""#), "unknown call-id");
    server.offer(&phone(A, 4000, "0"), r#""transport-protocol":"RTP/SAVP""#);
    assert_eq!(
        answer(r#""call-id":"c","from-tag":"z","to-tag":"b""#),
        "the call has no offer of this from-tag"
    );
    assert_eq!(answer(r#""call-id":"c","from-tag":"a","to-tag":"b""#), "unusable key: no a=crypto line");
    assert_eq!(reason(&server.ask("query", r#""call-id":"x""#, None)), "unknown call-id");
    let unsupported = server.ask("start forwarding", r#""call-id":"c""#, None);
    assert_eq!(reason(&unsupported), "start forwarding is not supported");
    let empty = server.ask("offer", r#""call-id":"e","from-tag":"a""#, Some(""));
    assert_eq!((empty.text("result"), empty.value("sdp")), ("ok".into(), None));
}

#[test]
fn branches_of_a_call_are_bounded() {
    let server = Server::with(builder().budget(Points::whole(1_000)), Default::default());
    let many = (0..100)
        .map(|n| {
            let keys = format!(r#""call-id":"c","from-tag":"{n}","direction":["in","out"]"#);
            server.ask("offer", &keys, Some(&phone(A, 4000, "0")))
        })
        .find(mediapoint_control_ng::Reply::is_error)
        .unwrap();
    assert_eq!(reason(&many), "a call can have 32 branches");
}

#[test]
fn query_list_and_statistics_show_what_is_there() {
    let config = mediapoint_control_ng::ControllerConfig {
        unix_at_zero: Duration::from_secs(1_700_000_000),
        ..Default::default()
    };
    let server = Server::with(builder(), config);
    let to_b = server.offer(&phone(A, 4000, "0"), r#""label":"caller","via-branch":"x""#);
    server.answer(&phone(B, 5000, "0"), r#""label":"callee""#);
    let query = server.ask("query", r#""call-id":"c""#, None);
    assert_eq!(query.value("created"), Some(&Value::Int(1_700_000_005)));
    let tags = dict(query.value("tags"));
    let callee = dict(get(tags, "b"));
    assert_eq!((text(callee, "tag"), text(callee, "label")), ("b".into(), "callee".into()));
    assert_eq!(text(callee, "in dialogue with"), "a");
    let media = dict(list(get(callee, "medias")).first());
    assert_eq!(
        (text(media, "protocol"), text(media, "type"), text(media, "index")),
        ("RTP/AVP".into(), "audio".into(), "1".into())
    );
    let stream = dict(list(get(media, "streams")).first());
    assert_eq!(text(stream, "local port"), port(&to_b, 0).to_string(), "the port that B sends to");
    assert_eq!(text(dict(get(stream, "endpoint")), "address"), B);
    assert_eq!(text(dict(get(dict(query.value("totals")), "RTP")), "packets"), "0");

    assert_eq!(list(server.ask("list", "", None).value("calls")), ["c".into()]);
    server.offer(&phone(A, 4000, "0"), r#""call-id":"d""#);
    assert_eq!(list(server.ask("list", r#""limit":1"#, None).value("calls")).len(), 1);

    let statistics = server.ask("statistics", "", None);
    let statistics = dict(statistics.value("statistics"));
    let current = dict(get(statistics, "currentstatistics"));
    assert_eq!(text(current, "sessionsown"), "2");
    assert_eq!(text(current, "pointsused"), "2.000", "points, not thousandths of them");
    assert!(text(current, "pointsbudget").ends_with(".000"));
    let control = dict(get(statistics, "controlstatistics"));
    assert_eq!(text(control, "totaloffercount"), "2");
    assert_eq!(text(dict(list(get(control, "proxies")).first()), "answercount"), "1");
    assert_eq!(server.ask("ping", "", None).text("result"), "pong");
}
