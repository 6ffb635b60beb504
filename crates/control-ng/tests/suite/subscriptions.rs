//! Copies of what parties send: `subscribe request`, `subscribe answer`, `unsubscribe`, by the packets that arrive.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use crate::common;

use common::phone::Phone;
use common::*;
use mediapoint_control_ng::Reply;
use mediapoint_control_ng::wire::Value;
use mediapoint_engine::{CallId, Points};
use mediapoint_packet::sdp::{Direction, Sdp};
use mediapoint_srtp::sdes::CryptoAttribute;
use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound, Suite};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// A call of two phones, and what each was told.
struct Talk {
    server: Server,
    a: Phone,
    b: Phone,
    to_a: Sdp,
    to_b: Sdp,
}

impl Talk {
    fn new(formats: &str) -> Self {
        let server = Server::new();
        let (a, b) = (Phone::new(), Phone::new());
        let to_b = server.offer(&a.sdp(formats), r#""label":"caller""#);
        let to_a = server.answer(&b.sdp(formats), r#""label":"callee""#);
        Self { server, a, b, to_a, to_b }
    }

    fn request(&self, more: &str) -> Reply {
        self.server.ask("subscribe request", &keys(r#""call-id":"c""#, more), None)
    }

    fn answer(&self, to_tag: &str, sdp: &str, more: &str) -> Reply {
        let first = format!(r#""call-id":"c","to-tag":"{to_tag}""#);
        self.server.ask("subscribe answer", &keys(&first, more), Some(sdp))
    }

    /// Subscribes phones, one a section, to what `more` selects; what they were told.
    fn subscribe(&self, phones: &[&Phone], formats: &str, more: &str) -> (String, Sdp) {
        let reply = self.request(more);
        let sdp = told(&reply);
        let to_tag = reply.text("to-tag");
        let answer = self.answer(&to_tag, &sections(phones, formats), "");
        assert_eq!(answer.text("result"), "ok", "{}", answer.text("error-reason"));
        (to_tag, sdp)
    }

    /// A says one packet to B, and B one to A.
    fn exchange(&mut self, payload_type: u8, a: u8, b: u8) {
        self.a.send(&self.to_a, payload_type, &[a; 160]);
        assert_eq!(self.b.receive(), (payload_type, vec![a; 160]));
        self.b.send(&self.to_b, payload_type, &[b; 160]);
        assert_eq!(self.a.receive(), (payload_type, vec![b; 160]));
    }
}

fn told(reply: &Reply) -> Sdp {
    advertised(reply)
}

/// A description with an audio section for each phone.
fn sections(phones: &[&Phone], formats: &str) -> String {
    let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n".to_owned();
    phones.iter().fold(head, |sdp, phone| {
        sdp + &format!("m=audio {} RTP/AVP {formats}\r\na=recvonly\r\n", phone.port())
    })
}

fn list_of(reply: &Reply, key: &str) -> Vec<String> {
    list(reply.value(key)).iter().filter_map(Value::to_text).collect()
}

#[test]
fn a_subscriber_receives_one_party_and_nothing_of_the_other() {
    let mut talk = Talk::new("0");
    let mut c = Phone::new();
    talk.exchange(0, 1, 2);
    let reply = talk.request(r#""from-tag":"a","to-tag":"s","set-label":"recorder""#);
    let sdp = told(&reply);
    assert_eq!((reply.text("from-tag"), reply.text("to-tag")), ("a".into(), "s".into()));
    assert_eq!(list_of(&reply, "from-tags"), ["a"]);
    assert_eq!((formats(&sdp, 0).as_str(), host(&sdp, 0).as_str()), ("0", "127.0.0.1"));
    assert_eq!(sdp.direction_of(&sdp.media[0]), Direction::SendOnly);
    assert!(![port(&talk.to_a, 0), port(&talk.to_b, 0)].contains(&port(&sdp, 0)));
    talk.exchange(0, 3, 4);

    assert_eq!(talk.answer("s", &sections(&[&c], "0"), "").text("result"), "ok");
    for (a, b) in [(5, 6), (7, 8)] {
        talk.exchange(0, a, b);
        // Nothing that was sent before the answer, and nothing of B.
        assert_eq!(c.receive(), (0, vec![a; 160]));
    }
    // What the subscriber sends goes nowhere.
    c.send(&sdp, 0, &[9; 160]);
    talk.exchange(0, 10, 11);
    assert_eq!(c.receive(), (0, vec![10; 160]));
}

#[test]
fn all_parties_are_received_in_a_section_each() {
    let mut talk = Talk::new("0");
    let (mut c, mut d) = (Phone::new(), Phone::new());
    let reply = talk.request(r#""flags":["all"]"#);
    assert_eq!(list_of(&reply, "from-tags"), ["a", "b"]);
    assert_eq!(reply.value("from-tag"), None);
    let to_tag = reply.text("to-tag");
    assert_eq!(to_tag.len(), 32, "made here: {to_tag}");
    assert_eq!(told(&reply).media.len(), 2);
    talk.answer(&to_tag, &sections(&[&c, &d], "0"), "");
    for (a, b) in [(1, 2), (3, 4)] {
        talk.exchange(0, a, b);
        assert_eq!((c.receive(), d.receive()), ((0, vec![a; 160]), (0, vec![b; 160])));
    }
}

#[test]
fn parties_are_selected_by_tags_labels_and_addresses() {
    let talk = Talk::new("0");
    let tags = |more: &str| list_of(&talk.request(more), "from-tags");
    assert_eq!(tags(r#""from-tags":["b","a"]"#), ["b", "a"]);
    assert_eq!(tags(r#""flags":["from-tags-a","from-tags-b"]"#), ["a", "b"]);
    assert_eq!(tags(r#""rtpp-flags":"from-tags=[b]""#), ["b"]);
    assert_eq!(tags(r#""label":"callee""#), ["b"]);
    assert_eq!(tags(r#""from-tag":"x","flags":["all"]"#), ["a", "b"], "the flag counts");
    assert_eq!(tags(r#""from-tag":"a","all":"all""#), ["a", "b"]);
    assert_eq!(tags(r#""from-tag":"a","all":"none""#), ["a"]);
    assert_eq!(tags(r#""address":"127.0.0.1""#), ["a"]);
    let refused = |more: &str| reason(&talk.request(more));
    assert_eq!(refused(r#""from-tag":"x""#), "the call has no party of this from-tag");
    assert_eq!(refused(r#""label":"x""#), "the call has no party of this label");
    assert_eq!(refused(r#""address":"192.0.2.1""#), "the call has no party of this address");
    assert_eq!(refused(r#""from-tags":["x"]"#), "the call has no party of this from-tags");
    assert_eq!(refused(""), "the call has no party of this from-tags");
    assert_eq!(reason(&talk.server.ask("subscribe request", r#""call-id":"x""#, None)), "unknown call-id");
}

#[test]
fn recording_sessions_have_labels_that_the_reply_explains() {
    let talk = Talk::new("0");
    let reply = talk.request(r#""flags":["SIPREC","all"],"to-tag":"s""#);
    let sdp = told(&reply);
    let labels = [0, 1].map(|n| attributes(&sdp.media[n], "label").concat());
    assert_eq!(labels, ["0", "1"]);
    let medias = list(reply.value("tag-medias"));
    let second = dict(medias.get(1));
    assert_eq!((text(second, "tag"), text(second, "label")), ("b".into(), "callee".into()));
    let media = dict(list(get(second, "medias")).first());
    let shown = ["index", "type", "label", "mode"].map(|key| text(media, key));
    assert_eq!(shown, ["1", "audio", "1", "sendrecv"]);
    let labelled = dict(get(dict(reply.value("media-labels")), "0"));
    let shown = ["index", "type", "tag", "label", "mode"].map(|key| text(labelled, key));
    assert_eq!(shown, ["1", "audio", "a", "caller", "sendrecv"]);

    // B alone, for another recorder: the label stays that of B's media. And again for the first: the order stays.
    let other = told(&talk.request(r#""flags":["siprec"],"from-tag":"b""#));
    assert_eq!(attributes(&other.media[0], "label"), ["1"]);
    let again = told(&talk.request(r#""flags":["SIPREC"],"from-tags":["b","a"],"to-tag":"s""#));
    assert_eq!([0, 1].map(|n| port(&again, n)), [0, 1].map(|n| port(&sdp, n)));
    assert_eq!(again.origin(), sdp.origin(), "nothing changed");
    assert_eq!(told(&talk.request(r#""from-tag":"a""#)).media[0].body.attribute("label"), None);
}

#[test]
fn a_repeated_request_takes_effect_with_its_answer_and_drops_what_it_does_not_name() {
    let mut talk = Talk::new("0");
    let (mut c, mut d) = (Phone::new(), Phone::new());
    let (to_tag, first) = talk.subscribe(&[&c, &d], "0", r#""flags":["all"],"to-tag":"s""#);
    talk.exchange(0, 1, 2);
    assert_eq!((c.receive(), d.receive()), ((0, vec![1; 160]), (0, vec![2; 160])));
    let again = told(&talk.request(r#""from-tag":"b","to-tag":"s""#));
    assert_eq!((port(&again, 0), port(&again, 1)), (0, port(&first, 1)));
    let version = |sdp: &Sdp| String::from_utf8_lossy(sdp.origin().unwrap().version).parse::<u64>().unwrap();
    assert_eq!(version(&again), version(&first) + 1);
    talk.exchange(0, 3, 4);
    assert_eq!((c.receive(), d.receive()), ((0, vec![3; 160]), (0, vec![4; 160])), "not yet");
    let answer = sections(&[&c, &d], "0").replace(&format!("audio {}", c.port()), "audio 0");
    assert_eq!(talk.answer(&to_tag, &answer, "").text("result"), "ok");
    talk.exchange(0, 5, 6);
    assert_eq!(d.receive(), (0, vec![6; 160]));

    let both = told(&talk.request(r#""from-tags":["a","b"],"to-tag":"s""#));
    assert_eq!([0, 1].map(|n| port(&both, n)), [0, 1].map(|n| port(&first, n)));
    talk.answer(&to_tag, &sections(&[&c, &d], "0"), "");
    talk.exchange(0, 7, 8);
    assert_eq!((c.receive(), d.receive()), ((0, vec![7; 160]), (0, vec![8; 160])), "5 never came");
}

#[test]
fn a_mixed_subscription_has_one_section_for_all_audio() {
    let mut talk = Talk::new("0");
    let mut c = Phone::new();
    let reply = talk.request(r#""flags":["all","mix","SIPREC"],"to-tag":"s""#);
    let sdp = told(&reply);
    assert_eq!((sdp.media.len(), list_of(&reply, "from-tags")), (1, vec!["a".to_owned(), "b".to_owned()]));
    let labels = list(reply.value("tag-medias"))
        .iter()
        .map(|entry| text(dict(list(get(dict(Some(entry)), "medias")).first()), "label"));
    assert_eq!(labels.collect::<Vec<_>>(), ["0", "0"]);
    assert_eq!(talk.answer("s", &sections(&[&c], "0"), "").text("result"), "ok");
    // The same constant from both: what is louder than either has both in it.
    let is_sum = |payload: &[u8]| payload.iter().all(|octet| (0x80..0xa0).contains(octet));
    let found = (0..50).any(|_| {
        for _ in 0..4 {
            talk.a.send(&talk.to_a, 0, &[0xa0; 160]);
            talk.b.send(&talk.to_b, 0, &[0xa0; 160]);
        }
        (0..4).any(|_| is_sum(&c.receive().1))
    });
    assert!(found, "no sum of both");
}

/// The lines offered, and the answer's line that takes the one of `SUITE`, with its key.
fn accept(sdp: &Sdp) -> (CryptoAttribute, CryptoAttribute) {
    let lines = attributes(&sdp.media[0], "crypto");
    let lines: Vec<CryptoAttribute> =
        lines.iter().map(|line| CryptoAttribute::parse(line).unwrap()).collect();
    let ours = lines.into_iter().find(|line| line.suite == SUITE).unwrap();
    let theirs = CryptoAttribute::new(ours.tag, MasterKey::generate(SUITE).unwrap());
    (ours, theirs)
}

fn secured(sdp: &str, line: &CryptoAttribute) -> String {
    sdp.replace("RTP/AVP", "RTP/SAVP") + &format!("a=crypto:{}\r\n", *line.to_value())
}

fn keyed(own: &CryptoAttribute, other: &CryptoAttribute) -> (Outbound, Inbound) {
    let inbound = Inbound::new(&other.keys[0].key, InboundOptions::default());
    (Outbound::new(&own.keys[0].key), inbound)
}

#[test]
fn a_subscriber_of_a_plain_call_can_have_srtp() {
    let mut talk = Talk::new("8");
    let mut c = Phone::new();
    let reply = talk.request(r#""from-tag":"a","to-tag":"s","transport-protocol":"RTP/SAVP""#);
    let sdp = told(&reply);
    assert_eq!(sdp.media[0].media().proto, "RTP/SAVP");
    let (ours, theirs) = accept(&sdp);
    let plain = talk.answer("s", &sections(&[&c], "8"), "");
    assert_eq!(reason(&plain), "unusable key: no a=crypto line");
    assert_eq!(talk.answer("s", &secured(&sections(&[&c], "8"), &theirs), "").text("result"), "ok");
    c.srtp = Some(keyed(&theirs, &ours));
    for byte in [1, 3] {
        talk.exchange(8, byte, 2);
        assert_eq!(c.receive(), (8, vec![byte; 160]));
    }
}

#[test]
fn a_subscriber_of_an_srtp_call_gets_keys_of_its_own_or_plain_rtp() {
    let server = Server::new();
    let (mut a, mut b) = (Phone::new(), Phone::new());
    let own = CryptoAttribute::new(1, MasterKey::generate(SUITE).unwrap());
    let to_b = server.offer(&secured(&a.sdp("0"), &own), r#""transport-protocol":"RTP/AVP""#);
    let to_a = server.answer(&b.sdp("0"), "");
    let line = CryptoAttribute::parse(attributes(&to_a.media[0], "crypto")[0]).unwrap();
    a.srtp = Some(keyed(&own, &line));
    let mut talk = Talk { server, a, b: Phone::new(), to_a, to_b };
    std::mem::swap(&mut talk.b, &mut b);

    let (mut plain, mut secure) = (Phone::new(), Phone::new());
    talk.subscribe(&[&plain], "0", r#""from-tag":"a","transport-protocol":"RTP/AVP""#);
    let sdp = told(&talk.request(r#""from-tag":"a","to-tag":"s""#));
    assert_eq!(sdp.media[0].media().proto, "RTP/SAVP", "as the party itself");
    let (ours, theirs) = accept(&sdp);
    assert_ne!(ours.to_value().split_once("inline:"), line.to_value().split_once("inline:"));
    talk.answer("s", &secured(&sections(&[&secure], "0"), &theirs), "");
    secure.srtp = Some(keyed(&theirs, &ours));
    for byte in [1, 3] {
        talk.exchange(0, byte, 2);
        assert_eq!((plain.receive(), secure.receive()), ((0, vec![byte; 160]), (0, vec![byte; 160])));
    }
}

#[test]
fn codecs_are_converted_where_the_answer_may_leave_some_out() {
    let mut talk = Talk::new("0");
    let mut c = Phone::new();
    let options = r#""from-tag":"a","to-tag":"s","codec":{"transcode":["PCMA"]}"#;
    assert_eq!(formats(&told(&talk.request(options)), 0), "0 8");
    let refused = talk.answer("s", &sections(&[&c], "8"), "");
    assert_eq!(reason(&refused), "the answer leaves out PCMU/8000, and allow-transcoding was not given");
    let unknown = sections(&[&c], "97\r\na=rtpmap:97 X-CODEC/8000");
    let allow = r#""flags":["allow transcoding"]"#;
    assert_eq!(reason(&talk.answer("s", &unknown, allow)), "the answer has no codec that can be used");
    assert_eq!(talk.answer("s", &sections(&[&c], "8"), allow).text("result"), "ok");
    // The loudest sample is 0x80 in mu-law and 0xaa in A-law.
    talk.exchange(0, 0x80, 2);
    assert_eq!(c.receive(), (8, vec![0xaa; 160]));

    // A second subscriber takes what is there, without a word on conversion; a third has the codec hidden from it.
    let (mut d, mut e) = (Phone::new(), Phone::new());
    talk.subscribe(&[&d], "0", r#""from-tag":"a","codec":{"transcode":["PCMA"]}"#);
    let hidden = r#""from-tag":"a","to-tag":"t","codec":{"mask":["PCMU"],"transcode":["PCMA"]}"#;
    assert_eq!(formats(&told(&talk.request(hidden)), 0), "8");
    talk.answer("t", &sections(&[&e], "8"), allow);
    talk.exchange(0, 0x81, 2);
    assert_eq!(d.receive(), (0, vec![0x81; 160]));
    assert_eq!((c.receive().0, e.receive().0), (8, 8));
}

#[test]
fn another_codec_than_the_partys_is_encoded_for_the_subscriber() {
    let mut talk = Talk::new("0");
    let mut c = Phone::new();
    let sdp = told(&talk.request(r#""from-tag":"a","to-tag":"s","codec":{"transcode":["L16/16000"]}"#));
    let number = formats(&sdp, 0).split(' ').nth(1).unwrap().to_owned();
    let answer = sections(&[&c], &format!("{number}\r\na=rtpmap:{number} L16/16000"));
    talk.answer("s", &answer, r#""flags":["allow-transcoding"]"#);
    // Enough for the jitter buffer to begin with.
    for _ in 0..8 {
        talk.exchange(0, 0x90, 0x10);
    }
    let (payload_type, payload) = c.receive();
    assert_eq!((payload_type.to_string(), payload.len()), (number, 640));
}

#[test]
fn a_paused_subscription_resumes_on_its_port() {
    let mut talk = Talk::new("0");
    let mut c = Phone::new();
    let (_, first) = talk.subscribe(&[&c], "0", r#""from-tag":"a","to-tag":"s""#);
    let inactive = sections(&[&c], "0").replace("recvonly", "inactive");
    let paused = told(&talk.request(r#""from-tag":"a","to-tag":"s","flags":["inactive"]"#));
    assert_eq!(paused.direction_of(&paused.media[0]), Direction::Inactive);
    talk.answer("s", &inactive, "");
    talk.exchange(0, 1, 2);
    let resumed = told(&talk.request(r#""from-tag":"a","to-tag":"s""#));
    assert_eq!((port(&resumed, 0), port(&paused, 0)), (port(&first, 0), port(&first, 0)));
    talk.answer("s", &sections(&[&c], "0"), "");
    talk.exchange(0, 3, 4);
    assert_eq!(c.receive(), (0, vec![3; 160]), "1 never came");

    // B puts A on hold: A sends nothing, and that is what its subscriber is told.
    let keys = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    talk.server.ask("offer", keys, Some(&(talk.b.sdp("0") + "a=sendonly\r\n")));
    talk.server.ask("answer", keys, Some(&(talk.a.sdp("0") + "a=recvonly\r\n")));
    let reply = talk.request(r#""flags":["SIPREC"],"from-tags":["a","b"],"to-tag":"t""#);
    let held = told(&reply);
    assert_eq!([0, 1].map(|n| held.direction_of(&held.media[n])), [Direction::Inactive, Direction::SendOnly]);
    let modes = list(reply.value("tag-medias")).iter().map(|entry| {
        let media = dict(list(get(dict(Some(entry)), "medias")).first());
        text(media, "mode")
    });
    assert_eq!(modes.collect::<Vec<_>>(), ["sendonly", "recvonly"]);
}

#[test]
fn a_subscriber_receives_a_party_that_its_other_party_does_not_want_to() {
    let mut talk = Talk::new("0");
    let (mut c, mut d) = (Phone::new(), Phone::new());
    talk.subscribe(&[&c], "0", r#""from-tag":"a""#);
    talk.subscribe(&[&d], "0", r#""from-tag":"a","flags":["egress"]"#);
    talk.exchange(0, 1, 2);
    assert_eq!((c.receive(), d.receive()), ((0, vec![1; 160]), (0, vec![1; 160])));
    // B takes nothing any more, A does not care.
    let keys = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    talk.server.ask("offer", keys, Some(&(talk.b.sdp("0") + "a=sendonly\r\n")));
    talk.server.ask("answer", keys, Some(&talk.a.sdp("0")));
    talk.a.send(&talk.to_a, 0, &[3; 160]);
    assert_eq!(c.receive(), (0, vec![3; 160]));
    talk.server.ask("offer", keys, Some(&talk.b.sdp("0")));
    talk.server.ask("answer", keys, Some(&talk.a.sdp("0")));
    talk.exchange(0, 5, 6);
    assert_eq!(c.receive(), (0, vec![5; 160]));
    assert_eq!(d.receive(), (0, vec![5; 160]), "3 was not passed on");
}

#[test]
fn an_unsubscribed_party_is_gone_with_its_ports() {
    let mut talk = Talk::new("0");
    let (c, mut d) = (Phone::new(), Phone::new());
    talk.subscribe(&[&c], "0", r#""from-tag":"a","to-tag":"s""#);
    talk.subscribe(&[&d], "0", r#""from-tag":"a","to-tag":"t""#);
    let used = || talk.server.engine.load().workers[0].used;
    let call = talk.server.engine.call(CallId::from_u64(1)).unwrap();
    assert_eq!((call.statistics().unwrap().wait().unwrap().legs.len(), used()), (4, Points::whole(2)));
    let unsubscribe = |tag: &str| {
        talk.server.ask("unsubscribe", &format!(r#""call-id":"c","to-tag":"{tag}","from-tag":"a""#), None)
    };
    assert_eq!(unsubscribe("s").text("result"), "ok");
    assert_eq!(reason(&unsubscribe("s")), "the call has no party of this to-tag");
    assert_eq!(call.statistics().unwrap().wait().unwrap().legs.len(), 3);
    let answer = talk.answer("s", &sections(&[&c], "0"), "");
    assert_eq!(reason(&answer), "the call has no subscription of this to-tag");
    talk.exchange(0, 1, 2);
    assert_eq!(d.receive(), (0, vec![1; 160]));
}

#[test]
fn a_subscription_ends_with_whomever_it_receives() {
    let talk = Talk::new("0");
    let c = Phone::new();
    talk.subscribe(&[&c], "0", r#""from-tag":"a","to-tag":"s""#);
    let delete = |keys: &str| talk.server.ask("delete", keys, None);
    // The recorder's own BYE ends its subscription and nothing else.
    let reply = delete(r#""call-id":"c","from-tag":"s""#);
    assert_eq!(reply.text("warning"), "");
    assert_eq!(dict(reply.value("tags")).len(), 2, "the subscriber and its source");
    assert_eq!(talk.server.controller.calls(), 1);
    let call = talk.server.engine.call(CallId::from_u64(1)).unwrap();
    assert_eq!(call.statistics().unwrap().wait().unwrap().legs.len(), 2);

    talk.subscribe(&[&c], "0", r#""flags":["all"],"to-tag":"s""#);
    let reply = delete(r#""call-id":"c","from-tag":"a","to-tag":"b","flags":["fast"]"#);
    assert_eq!((reply.text("result"), reply.value("tags")), ("ok".into(), None));
    assert_eq!(talk.server.controller.calls(), 0);
    assert_eq!(await_end(&talk.server), mediapoint_engine::EndReason::Command);
}

#[test]
fn a_party_that_gets_another_port_is_received_from_there() {
    let mut talk = Talk::new("0");
    let mut c = Phone::new();
    talk.subscribe(&[&c], "0", r#""from-tag":"a""#);
    let (mut moved, other) = (Phone::at("[::1]:0"), talk.b.sdp("0"));
    talk.server.offer(&phone("::1", moved.port(), "0"), "");
    // Until the answer everything goes on as before.
    talk.exchange(0, 1, 2);
    assert_eq!(c.receive(), (0, vec![1; 160]));
    let to_a = talk.server.answer(&other, "");
    assert_eq!(host(&to_a, 0), "::1");
    moved.send(&to_a, 0, &[3; 160]);
    assert_eq!((talk.b.receive(), c.receive()), ((0, vec![3; 160]), (0, vec![3; 160])));
}

#[test]
fn query_shows_who_receives_whom() {
    let talk = Talk::new("0");
    let c = Phone::new();
    talk.subscribe(&[&c], "0", r#""flags":["all"],"to-tag":"s","set-label":"recorder""#);
    let query = talk.server.ask("query", r#""call-id":"c""#, None);
    let tags = dict(query.value("tags"));
    let related = |tag: &str, key: &str| -> Vec<(String, String)> {
        let pairs = list(get(dict(get(tags, tag)), key)).iter().map(|pair| dict(Some(pair)));
        pairs.map(|pair| (text(pair, "tag"), text(pair, "type"))).collect()
    };
    let pair = |tag: &str, kind: &str| (tag.to_owned(), kind.to_owned());
    assert_eq!(related("a", "subscriptions"), [pair("b", "offer/answer")]);
    assert_eq!(related("a", "subscribers"), [pair("b", "offer/answer"), pair("s", "pub/sub")]);
    assert_eq!(related("s", "subscriptions"), [pair("a", "pub/sub")], "the second section was not answered");
    assert_eq!(related("s", "subscribers"), []);
    let recorder = dict(get(tags, "s"));
    assert_eq!((text(recorder, "label"), get(recorder, "in dialogue with")), ("recorder".into(), None));
    let medias = list(get(recorder, "medias"));
    assert_eq!(medias.len(), 2);
    let flags = |n: usize| list(get(dict(medias.get(n)), "flags")).to_vec();
    assert!(flags(0).contains(&"send".into()) && !flags(0).contains(&"recv".into()), "{:?}", flags(0));
    assert_eq!(flags(1), []);
    let one = talk.server.ask("query", r#""call-id":"c","from-tag":"s""#, None);
    assert_eq!(dict(one.value("tags")).len(), 2);
}

#[test]
fn what_cannot_be_done_is_refused_or_warned_of_by_name() {
    let talk = Talk::new("0");
    let warned = |more: &str| talk.request(&keys(r#""from-tag":"a""#, more)).text("warning");
    assert_eq!(warned(r#""flags":["RTCP mirror"]"#), "RTCP-mirror is not supported");
    assert_eq!(warned(r#""flags":["mirror-RTCP"]"#), "RTCP-mirror is not supported");
    assert_eq!(warned(r#""ICE":"remove""#), "");
    let refused = |more: &str| reason(&talk.request(&keys(r#""from-tag":"a""#, more)));
    assert_eq!(refused(r#""ICE":"force""#), "ICE=force is not supported");
    assert_eq!(
        refused(r#""to-tag":"b""#),
        "the call has no subscription of this to-tag",
        "a party of the call"
    );
    let answer = talk.answer("b", &sections(&[&talk.b], "0"), "");
    assert_eq!(reason(&answer), "the call has no subscription of this to-tag");
    let call = talk.server.engine.call(CallId::from_u64(1)).unwrap();
    let before = call.statistics().unwrap().wait().unwrap().legs.len();
    assert_eq!(
        refused(r#""transport-protocol":"RTP/SAVP","SDES":["off"]"#),
        "unusable key: keys by DTLS are not supported"
    );
    assert_eq!(call.statistics().unwrap().wait().unwrap().legs.len(), before, "nothing is left behind");
}

#[test]
fn in_the_one_string_form_the_to_tag_counts_only_where_a_word_names_it() {
    let talk = Talk::new("0");
    let to_tag = |more: &str| talk.request(&keys(r#""from-tag":"a","to-tag":"b""#, more)).text("to-tag");
    assert_eq!(to_tag(r#""rtpp-flags":"SIPREC""#).len(), 32);
    assert_eq!(to_tag(r#""rtpp-flags":"SIPREC to-tag=s""#), "s");
    let named = talk.request(r#""from-tag":"a","to-tag":"s","rtpp-flags":"to-tag""#);
    assert_eq!(named.text("to-tag"), "s");
}

#[test]
fn bidirectional_sections_and_bounds() {
    let talk = Talk::new("0");
    let both = told(&talk.request(r#""from-tag":"a","flags":["bidirectional"]"#));
    assert_eq!(both.direction_of(&both.media[0]), Direction::SendRecv);
    let on = told(&talk.request(r#""from-tag":"a","interface":"out""#));
    assert_eq!(host(&on, 0), "127.0.0.3");
    let server = Server::with(builder().budget(Points::whole(1_000)), Default::default());
    server.offer(&phone("192.0.2.1", 4000, "0"), "");
    let ask = |_| server.ask("subscribe request", r#""call-id":"c","from-tag":"a""#, None);
    let first = (0..200).map(ask).find(Reply::is_error).unwrap();
    assert!(reason(&first).starts_with("no ports left"), "{}", reason(&first));
}
