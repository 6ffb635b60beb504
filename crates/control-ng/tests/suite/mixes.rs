//! Streams with several sources: what is added up, what is not, and how many there may be.

use crate::common;

use common::party::{DOWN, Party, SILENT, UP, call, mix, publish};
use common::phone::Phone;
use common::*;
use mediapoint_control_ng::Reply;
use mediapoint_engine::Event;

/// The tags of whom a party receives.
fn sources(server: &Server, tag: &str) -> Vec<String> {
    let query = server.ask("query", r#""call-id":"c""#, None);
    let party = dict(get(dict(query.value("tags")), tag));
    list(get(party, "subscriptions")).iter().map(|pair| text(dict(Some(pair)), "tag")).collect()
}

fn connect(server: &Server, from: &str, to: &str) -> Reply {
    let keys = format!(r#""call-id":"c","from-tag":"{from}","to-tag":"{to}","flags":["directional"]"#);
    server.ask("connect", &keys, None)
}

/// Packets of a length that only forwarding keeps. The first may be faded in after what was mixed before.
fn forwards(from: &mut Party, to: &mut Phone) {
    let odd = vec![1; 7];
    for _ in 0..3 {
        from.phone.send(&from.to, 0, &odd);
    }
    assert!((0..200).any(|_| to.receive() == (0, odd.clone())), "forwarded");
}

/// Subscribes with these flags to `a` and `b`, and returns the ports of the sections offered.
fn subscribe(server: &Server, phones: &[&Phone], flags: &str) -> Vec<u16> {
    let keys = format!(r#""call-id":"c","from-tags":["a","b"],"to-tag":"s","flags":[{flags}]"#);
    let offer = advertised(&server.ask("subscribe request", &keys, None));
    let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n".to_owned();
    let answer = phones
        .iter()
        .fold(head, |sdp, phone| sdp + &format!("m=audio {} RTP/AVP 0\r\na=recvonly\r\n", phone.port()));
    let answered = server.ask("subscribe answer", r#""call-id":"c","to-tag":"s""#, Some(&answer));
    assert_eq!(answered.text("result"), "ok", "{}", answered.text("error-reason"));
    (0..offer.media.len()).map(|section| port(&offer, section)).collect()
}

#[test]
fn a_repeated_request_decides_anew_what_is_mixed() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let (mut first, mut second) = (Phone::new(), Phone::new());
    let apart = subscribe(&server, &[&first, &second], "");
    assert_eq!((apart.len(), mixes(&engine_call(&server, 1))), (2, 0));
    forwards(&mut a, &mut first);
    forwards(&mut b, &mut second);
    let together = subscribe(&server, &[&first], r#""mix""#);
    assert_eq!((together, mixes(&engine_call(&server, 1))), (vec![apart[0], 0], 1));
    let again = subscribe(&server, &[&first], r#""mix""#);
    assert_eq!((again, mixes(&engine_call(&server, 1))), (vec![apart[0], 0], 1));
    let apart_again = subscribe(&server, &[&first, &second], "");
    assert_eq!((apart_again, mixes(&engine_call(&server, 1))), (apart, 0));
    forwards(&mut a, &mut first);
    forwards(&mut b, &mut second);
}

#[test]
fn a_subscribed_mix_pays_for_each_of_its_sources_while_it_has_them() {
    let server = Server::new();
    let _parties = call(&server, "c", ["a", "b"], ["0", "0"]);
    let points = || engine_call(&server, 1).points().as_thousandths();
    let (first, second) = (Phone::new(), Phone::new());
    assert_eq!(points(), 1000);
    subscribe(&server, &[&first, &second], "");
    assert_eq!(points(), 2000, "two legs more, forwarded");
    let end = || {
        let ended = server.ask("unsubscribe", r#""call-id":"c","to-tag":"s""#, None);
        assert_eq!(ended.text("result"), "ok", "{}", ended.text("error-reason"));
        // The worker takes the legs away after the reply.
        let falls = (0..1_000_000).any(|_| {
            std::thread::yield_now();
            points() == 1000
        });
        assert!(falls, "{} thousandths are left", points());
    };
    end();
    subscribe(&server, &[&first], r#""mix""#);
    let mixed = points() - 1500;
    assert_eq!(mixed, 3 * 400, "both sources are decoded, and the mix is encoded");
    end();
}

#[test]
fn of_the_egress_only_what_is_passed_on_is_mixed() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let recorder = Phone::new();
    subscribe(&server, &[&recorder], r#""mix","egress""#);
    assert_eq!(mixes(&engine_call(&server, 1)), 1);
    let mut recorder = Party { phone: recorder, to: a.to.clone() };
    let mut receives = |sent: (u8, u8), expected: u8| {
        let heard = (0..50).any(|_| {
            for _ in 0..4 {
                a.send(0, sent.0);
                b.send(0, sent.1);
            }
            (0..4).any(|_| recorder.phone.receive().1.iter().all(|octet| *octet == expected))
        });
        assert!(heard, "{sent:?} makes {expected}");
    };
    receives((SILENT, UP), UP);
    receives((UP, SILENT), UP);
    // B takes nothing any more: what A sends goes nowhere, and what B sends is all there is.
    let keys = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    let again = phone("127.0.0.1", b.phone.port(), "0") + "a=sendonly\r\n";
    advertised(&server.ask("offer", keys, Some(&again)));
    advertised(&server.ask("answer", keys, Some(&a.phone.sdp("0"))));
    assert_eq!(mixes(&engine_call(&server, 1)), 0);
    forwards(&mut b, &mut recorder.phone);
}

#[test]
fn a_party_keeps_its_other_sources_through_offer_and_answer() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let mut p = publish(&server, "c", "p");
    assert_eq!(connect(&server, "p", "a").text("result"), "ok");
    assert_eq!(
        (sources(&server, "a"), mixes(&engine_call(&server, 1))),
        (vec!["b".to_owned(), "p".to_owned()], 1)
    );
    mix(&mut [(&mut a, SILENT, UP), (&mut b, UP, SILENT)]);
    p.send(0, DOWN);
    mix(&mut [(&mut a, DOWN, SILENT), (&mut b, SILENT, DOWN)]);
    let keys = r#""call-id":"c","from-tag":"a","to-tag":"b""#;
    server.ask("offer", keys, Some(&a.phone.sdp("0")));
    server.ask("answer", keys, Some(&b.phone.sdp("0")));
    assert_eq!(
        (sources(&server, "a"), mixes(&engine_call(&server, 1))),
        (vec!["b".to_owned(), "p".to_owned()], 1)
    );
    // Offer and answer with the source itself: it is received once.
    let keys = r#""call-id":"c","from-tag":"p","to-tag":"a""#;
    server.ask("offer", keys, Some(&p.phone.sdp("0")));
    server.ask("answer", keys, Some(&a.phone.sdp("0")));
    assert_eq!((sources(&server, "a"), mixes(&engine_call(&server, 1))), (vec!["p".to_owned()], 0));
    forwards(&mut p, &mut a.phone);
}

#[test]
fn offer_and_answer_take_the_place_of_a_source_that_is_no_audio() {
    let server = Server::new();
    let video = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                 m=video 4002 RTP/AVP 99\r\na=rtpmap:99 VP8/90000\r\n";
    for tag in ["p", "q", "r"] {
        let keys = format!(r#""call-id":"c","from-tag":"{tag}","flags":["bidirectional"]"#);
        assert!(!server.ask("publish", &keys, Some(video)).is_error());
    }
    assert_eq!(connect(&server, "p", "q").text("result"), "ok");
    let keys = r#""call-id":"c","from-tag":"q","to-tag":"r""#;
    assert!(!server.ask("offer", keys, Some(video)).is_error());
    assert!(!server.ask("answer", keys, Some(video)).is_error());
    assert_eq!((sources(&server, "q"), mixes(&engine_call(&server, 1))), (vec!["r".to_owned()], 0));
}

/// A party of the call without media, which has a port nevertheless.
fn idle(server: &Server, tag: &str) {
    let keys = format!(r#""call-id":"c","from-tag":"{tag}","flags":["bidirectional"]"#);
    let sdp = phone("192.0.2.1", 4000, "0") + "a=rtcp-mux\r\na=inactive\r\n";
    assert!(!server.ask("publish", &keys, Some(&sdp)).is_error());
}

fn no_command_failed(server: &Server) {
    let failed = |event: &Event| matches!(event, Event::CommandFailed { .. } | Event::CallEnded { .. });
    assert_eq!(std::iter::from_fn(|| server.events.try_recv()).find(failed), None);
}

#[test]
fn a_stream_has_so_many_sources_at_most() {
    let server = Server::new();
    for number in 0..22 {
        idle(&server, &format!("p{number}"));
    }
    for number in 1..20 {
        assert_eq!(connect(&server, &format!("p{number}"), "p0").text("result"), "ok");
    }
    assert_eq!(reason(&connect(&server, "p20", "p0")), "a stream can have 19 sources");
    // One more place is kept for offer and answer.
    let keys = r#""call-id":"c","from-tag":"p0","to-tag":"p21""#;
    let sdp = phone("192.0.2.1", 4000, "0");
    advertised(&server.ask("offer", keys, Some(&sdp)));
    advertised(&server.ask("answer", keys, Some(&sdp)));
    assert_eq!((sources(&server, "p0").len(), mixes(&engine_call(&server, 1))), (20, 1));
    assert_eq!(reason(&connect(&server, "p20", "p0")), "a stream can have 19 sources");
    let all: Vec<String> = (1..21).map(|number| format!(r#""p{number}""#)).collect();
    let keys = format!(r#""call-id":"c","from-tags":[{}],"to-tag":"s","flags":["mix"]"#, all.join(","));
    assert_eq!(reason(&server.ask("subscribe request", &keys, None)), "a stream can have 19 sources");
    no_command_failed(&server);
}

#[test]
fn a_call_has_so_many_mixes_at_most() {
    let server = Server::spacious(1);
    for number in 0..68 {
        idle(&server, &format!("p{number}"));
    }
    let mesh = |from: &str, to: std::ops::Range<usize>| {
        let to: Vec<String> = to.map(|number| format!(r#""p{number}""#)).collect();
        let keys = format!(r#""calls":["c"],"tags":[{{"from":"{from}","to":[{}]}}]"#, to.join(","));
        server.ask("mesh", &keys, None)
    };
    assert_eq!(mesh("p0", 2..66).text("result"), "ok");
    assert_eq!(mesh("p1", 2..66).text("result"), "ok");
    assert_eq!(mixes(&engine_call(&server, 1)), 64);
    assert_eq!(mesh("p0", 66..67).text("result"), "ok");
    assert_eq!(reason(&connect(&server, "p1", "p66")), "a call can have 64 streams with several sources");
    assert_eq!(sources(&server, "p66"), ["p0"], "what fails changes nothing");
    let keys = r#""call-id":"c","from-tags":["p2","p3"],"to-tag":"s","flags":["mix"]"#;
    server.ask("subscribe request", keys, None);
    let answer = phone("192.0.2.1", 4000, "0") + "a=recvonly\r\n";
    let refused = server.ask("subscribe answer", r#""call-id":"c","to-tag":"s""#, Some(&answer));
    assert_eq!(reason(&refused), "a call can have 64 streams with several sources");
    // An answer is not refused: what it agrees on comes first, and goes on alone.
    let keys = r#""call-id":"c","from-tag":"p66","to-tag":"p67""#;
    let sdp = phone("192.0.2.1", 4000, "0");
    advertised(&server.ask("offer", keys, Some(&sdp)));
    advertised(&server.ask("answer", keys, Some(&sdp)));
    assert_eq!(
        (sources(&server, "p66"), mixes(&engine_call(&server, 1))),
        (vec!["p67".to_owned(), "p0".to_owned()], 64)
    );
    // With room again it receives both.
    server.ask("delete", r#""call-id":"c","from-tag":"p2","flags":["fast"]"#, None);
    assert_eq!(mixes(&engine_call(&server, 1)), 64, "another one has taken its place");
    no_command_failed(&server);
}

#[test]
fn so_many_pairs_are_connected_at_most() {
    let server = Server::new();
    for number in 0..34 {
        idle(&server, &format!("p{number}"));
    }
    let connect = |number: usize| {
        let keys = format!(r#""call-id":"c","from-tag":"p0","to-tag":"p{number}""#);
        server.ask("connect", &keys, None)
    };
    assert!((1..33).all(|number| connect(number).text("result") == "ok"));
    assert_eq!(reason(&connect(33)), "a call can have 32 branches");
    assert_eq!(sources(&server, "p0"), ["p32"], "what fails changes nothing");
    assert_eq!(connect(1).text("result"), "ok", "a pair that was connected before");
    let keys = r#""call-id":"c","from-tags":["p1","p2"],"to-tag":"p0""#;
    let several = "several parties can only be connected with the flag directional";
    assert_eq!(reason(&server.ask("connect", keys, None)), several);
}
