//! Random commands at a real engine: whatever is asked for in whatever order, calls and engine agree on what there is.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::LazyLock;

use mediapoint_engine::{Interface, Points};
use proptest::prelude::*;

use super::*;
use crate::call::links::Place;
use crate::wire::decode;

static CONTROLLER: LazyLock<Controller> = LazyLock::new(|| {
    let first = 20_000 + u16::try_from(std::process::id() % 8).unwrap() * 5_000;
    let engine = Engine::builder()
        .interface(Interface::new("default", "127.0.0.1".parse().unwrap()))
        .interface(Interface::new("default", "::1".parse().unwrap()))
        .ports(first + 4_800..=first + 4_999)
        .budget(Points::whole(1_000))
        .pin(false);
    Controller::new(engine.build().unwrap().0, ControllerConfig::default())
});

const SDPS: [&str; 6] = [
    "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n",
    "c=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=sendonly\r\n",
    "c=IN IP4 192.0.2.3\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 99\r\na=rtpmap:99 VP8/90000\r\n",
    "c=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=inactive\r\n",
    "c=IN IP4 192.0.2.4\r\nt=0 0\r\nm=image 4000 udptl t38\r\n",
    "c=IN IP4 192.0.2.5\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\nm=audio 4004 RTP/AVP 0\r\na=rtcp-mux\r\n",
];

const FLAGS: [&str; 9] = [
    "all",
    "siprec",
    "directional",
    "bidirectional",
    "egress",
    "inactive",
    "unsubscribe",
    "allow-transcoding",
    "x",
];

/// One command: its name, from-tag, to-tag, via-branch, description and flags.
type Step = (&'static str, u8, u8, u8, usize, Vec<&'static str>);

fn step() -> impl Strategy<Value = Step> {
    let names = [
        "offer",
        "offer",
        "answer",
        "answer",
        "publish",
        "subscribe request",
        "subscribe answer",
        "subscribe request",
        "subscribe answer",
        "unsubscribe",
        "connect",
        "mesh",
        "delete",
        "query",
    ];
    let flags = prop::sample::subsequence(FLAGS.to_vec(), 0..3);
    (prop::sample::select(names.to_vec()), 0..6_u8, 0..6_u8, 0..4_u8, 0..SDPS.len(), flags)
}

fn ask((command, from, to, branch, sdp, flags): &Step) -> Reply {
    let mut json = format!(r#"{{"command":"{command}","call-id":"c","calls":["c"]"#);
    // The last tag of each is none.
    for (key, tag, none) in [("from-tag", from, 5), ("to-tag", to, 5), ("via-branch", branch, 2)] {
        if *tag < none {
            json += &format!(r#","{key}":"t{tag}""#);
        }
    }
    json += &format!(r#","flags":{flags:?},"tags":[{{"from":"t{from}","to":["t{to}"]}}]}}"#);
    let mut dict = decode(json.as_bytes()).unwrap();
    let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n{}", SDPS[*sdp]);
    dict.insert(b"sdp".to_vec(), text.into());
    match Request::parse(&dict, SocketAddr::from(([127, 0, 0, 1], 1))) {
        Ok(request) => CONTROLLER.handle(Time::ZERO, request),
        Err(error) => Reply::error(&error),
    }
}

/// What must hold of a call whatever was asked for.
fn check(call: &CallState) {
    let legs: BTreeSet<_> = call.parties.iter().flat_map(|party| party.legs().collect::<Vec<_>>()).collect();
    let engine: BTreeSet<_> =
        call.call.statistics().unwrap().wait().unwrap().legs.iter().map(|leg| leg.leg).collect();
    assert_eq!(legs, engine, "every leg belongs to a party");
    let ids: BTreeSet<_> = call.parties.iter().map(|party| party.id).collect();
    assert_eq!(ids.len(), call.parties.len(), "parties have names of their own");
    for dialog in &call.dialogs {
        assert!(ids.contains(&dialog.caller) && ids.contains(&dialog.callee), "a dialog relates two parties");
        assert_ne!(dialog.caller, dialog.callee);
    }
    for subscription in &call.subscriptions {
        assert!(ids.contains(&subscription.subscriber), "a subscription has a subscriber");
        assert!(!call.is_in_dialog(subscription.subscriber), "who receives nothing but copies");
    }
    for party in &call.parties {
        let stays = call.is_in_dialog(party.id) || party.published || call.is_subscriber(party.id);
        assert!(stays, "{:?} is there for nothing", party.tags);
    }
    for (at, stream) in call.streams() {
        let Some(link) = stream.source else { continue };
        assert_ne!(link.from.party, at.party, "nobody receives itself");
        assert!(call.stream(link.from).is_some(), "a source is there");
        // One way may have been taken away by itself; the other never leads elsewhere.
        let back = call.stream(link.from).and_then(|from| from.source);
        let related = [Some(link), back].into_iter().flatten().filter(|link| !link.is_subscription());
        if related.count() == 2 {
            assert_eq!(back.map(|back| back.from), Some(at), "offer and answer relate two");
        }
    }
    for (at, stream) in call.streams() {
        let Some(applied) = stream.applied else { continue };
        let at_work =
            |from: Place| call.stream(from).and_then(|from| from.applied).map(|applied| applied.leg);
        let source = stream.source.and_then(|link| at_work(link.from));
        assert_eq!(applied.source, source, "the engine knows the source of {at:?}");
        assert!(legs.contains(&applied.leg), "the leg at work is open");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_and_engine_agree_whatever_is_asked_for(steps in prop::collection::vec(step(), 1..25)) {
        // What an earlier case that failed has left.
        ask(&("delete", 5, 5, 2, 0, Vec::new()));
        for step in &steps {
            let reply = ask(step);
            prop_assert_ne!(reply.text("error-reason"), "internal error", "{:?}", step);
            prop_assert!(!reply.text("error-reason").contains("engine"), "{} {:?}", reply.text("error-reason"), step);
            let state = lock(&CONTROLLER.calls).by_id.get(&"c".into()).map(Arc::clone);
            if let Some(state) = state {
                check(&lock(&state));
            }
        }
        ask(&("delete", 5, 5, 2, 0, Vec::new()));
        prop_assert_eq!(CONTROLLER.calls(), 0);
    }
}
