//! Calls merged by `connect` and `mesh`: all of it takes effect, or nothing does.

use crate::common;

use common::party::{DOWN, Party, SILENT, UP, call, mix, publish, talk};
use common::phone::Phone;
use common::*;
use mediapoint_control_ng::Reply;
use mediapoint_engine::{Event, LegConfig, Placement, Ports};

fn merge(server: &Server, calls: &str) -> Reply {
    server.ask("mesh", &format!(r#""calls":[{calls}]"#), None)
}

/// A call `id` of two phones and a third party that receives both of them.
fn mixed_call(server: &Server, id: &str, tags: [&str; 3]) -> [Party; 3] {
    let [a, b, listener] = tags;
    let [one, other] = call(server, id, [a, b], ["0", "0"]);
    let third = publish(server, id, listener);
    let keys = format!(
        r#""call-id":"{id}","from-tags":["{a}","{b}"],"to-tag":"{listener}","flags":["directional"]"#
    );
    assert_eq!(server.ask("connect", &keys, None).text("result"), "ok");
    [one, other, third]
}

/// Both phones are received by each other, and added up by the third party.
fn all_receive([one, other, third]: &mut [Party; 3]) {
    mix(&mut [(one, UP, UP), (other, UP, UP), (third, SILENT, UP)]);
    mix(&mut [(one, DOWN, SILENT), (other, SILENT, DOWN), (third, SILENT, DOWN)]);
}

fn a_merge_that_runs_out_of_room(workers: usize) {
    let server = Server::spacious(workers);
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let mut mixed = mixed_call(&server, "d", ["x", "y", "z"]);
    let (target, source) = (engine_call(&server, 1), engine_call(&server, 2));
    assert_eq!(workers > 1, target.worker() != source.worker());
    all_receive(&mut mixed);
    let placement = Placement { ports: Ports::Single, ..Placement::default() };
    // One more fits, and the second does not.
    for _ in legs(&target) + 1..Server::MOST_LEGS {
        assert!(target.open_leg(&placement, LegConfig::default()).is_ok());
    }
    for _ in 0..3 {
        let refused = merge(&server, r#""c","d""#);
        assert_eq!(reason(&refused), "the engine refused: there is room for 256 legs of a call at most");
        assert_eq!((legs(&target), legs(&source)), (Server::MOST_LEGS - 1, 3));
        assert_eq!((server.controller.calls(), mixes(&target), mixes(&source)), (2, 0, 1));
        talk(&mut a, &mut b, (0, 0), (1, 1));
        all_receive(&mut mixed);
    }
    // The call goes on as one that takes commands.
    assert_eq!(server.ask("delete", r#""call-id":"d","from-tag":"z""#, None).text("warning"), "");
    let [one, other, _] = &mut mixed;
    let odd = vec![1; 7];
    one.phone.send(&one.to, 0, &odd);
    assert!((0..200).any(|_| other.phone.receive() == (0, odd.clone())), "forwarded");
    assert_eq!((legs(&source), mixes(&source)), (2, 0));
    assert!(
        std::iter::from_fn(|| server.events.try_recv())
            .all(|event| { !matches!(event, Event::CommandFailed { .. }) })
    );
}

#[test]
fn legs_moved_go_back_where_the_call_has_no_room_for_all_of_them() {
    a_merge_that_runs_out_of_room(1);
}

#[test]
fn legs_moved_go_back_from_another_worker_too() {
    a_merge_that_runs_out_of_room(2);
}

#[test]
fn legs_moved_go_back_where_another_is_gone_from_the_engine() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut x, mut y, _z] = mixed_call(&server, "d", ["x", "y", "z"]);
    let source = engine_call(&server, 2);
    let last = source.statistics().unwrap().wait().unwrap().legs[2].leg;
    source.remove_leg(last).unwrap().wait().unwrap();
    let refused = merge(&server, r#""c","d""#);
    assert_eq!(reason(&refused), format!("the engine refused: the call has no leg {}", last.as_u64()));
    assert_eq!(server.controller.calls(), 2);
    assert_eq!((legs(&engine_call(&server, 1)), legs(&source)), (2, 2));
    talk(&mut a, &mut b, (0, 0), (1, 1));
    talk(&mut x, &mut y, (0, 0), (2, 2));
}

#[test]
fn none_of_several_calls_is_merged_where_one_cannot_be() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut x, mut y] = call(&server, "d", ["x", "y"], ["0", "0"]);
    let [_same, _other] = call(&server, "e", ["x", "w"], ["0", "0"]);
    assert_eq!(reason(&merge(&server, r#""c","d","e""#)), "the calls have a tag in common");
    assert_eq!(reason(&merge(&server, r#""c","d","unknown""#)), "unknown call-id");
    assert_eq!(server.controller.calls(), 3);
    talk(&mut a, &mut b, (0, 0), (1, 1));
    talk(&mut x, &mut y, (0, 0), (2, 2));
    let unknown = server.ask("query", r#""call-id":"d""#, None);
    assert_eq!(dict(unknown.value("tags")).len(), 2, "it is a call of its own");
}

#[test]
fn calls_are_not_merged_for_a_connection_that_is_refused() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let [mut x, mut y] = call(&server, "d", ["x", "y"], ["0", "0"]);
    let connect = |from: &str, to: &str| {
        let keys = format!(r#""call-id":"c","to-call-id":"d","from-tag":"{from}","to-tag":"{to}""#);
        reason(&server.ask("connect", &keys, None))
    };
    assert_eq!(connect("a", "nobody"), "the call has no party of this to-tag");
    assert_eq!(connect("nobody", "x"), "the call has no party of this from-tag");
    let mesh = r#""calls":["c","d"],"tags":[{"from":"a","to":["x"]},{"from":"a","to":["nobody"]}]"#;
    assert_eq!(reason(&server.ask("mesh", mesh, None)), "the call has no party of this to");
    assert_eq!(server.controller.calls(), 2);
    talk(&mut a, &mut b, (0, 0), (1, 1));
    talk(&mut x, &mut y, (0, 0), (2, 2));
}

#[test]
fn relations_mixes_and_subscriptions_move_with_a_merged_call() {
    let server = Server::new();
    let [mut a, mut b] = call(&server, "c", ["a", "b"], ["0", "0"]);
    let mut mixed = mixed_call(&server, "d", ["x", "y", "z"]);
    let mut recorder = Phone::new();
    let request = r#""call-id":"d","from-tag":"x","to-tag":"s","flags":["SIPREC"]"#;
    server.ask("subscribe request", request, None);
    let answer = recorder.sdp("0") + "a=recvonly\r\n";
    server.ask("subscribe answer", r#""call-id":"d","to-tag":"s""#, Some(&answer));
    assert_eq!(merge(&server, r#""c","d""#).text("result"), "ok");
    let target = engine_call(&server, 1);
    assert_eq!((legs(&target), mixes(&target), server.controller.calls()), (6, 1, 1));
    talk(&mut a, &mut b, (0, 0), (1, 1));
    all_receive(&mut mixed);
    let odd = vec![2; 9];
    let [x, ..] = &mut mixed;
    x.phone.send(&x.to, 0, &odd);
    assert!((0..500).any(|_| recorder.receive() == (0, odd.clone())), "the recorder goes on");
    // A repeated request finds the subscription in the merged call, by either call-id.
    let again = server.ask("subscribe request", r#""call-id":"c","from-tag":"x","to-tag":"s""#, None);
    assert_eq!(advertised(&again).media.len(), 1);
    // What was merged can be taken apart: the last one that is received takes mix and recorder with it.
    for tags in [r#""from-tag":"x","to-tag":"y""#, r#""from-tag":"z""#] {
        let keys = format!(r#""call-id":"d",{tags}"#);
        assert_eq!(server.ask("delete", &keys, None).text("warning"), "");
    }
    assert_eq!((legs(&target), mixes(&target)), (2, 0));
    talk(&mut a, &mut b, (0, 0), (3, 3));
    server.ask("delete", r#""call-id":"d""#, None);
    assert_eq!(server.controller.calls(), 0, "either call-id ends it");
    assert_eq!(list(server.ask("list", "", None).value("calls")).len(), 0);
}

#[test]
fn a_call_has_so_many_parties_and_call_ids_at_most() {
    let server = Server::spacious(1);
    let inactive = |id: &str, tag: &str| {
        let keys = format!(r#""call-id":"{id}","from-tag":"{tag}""#);
        let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=image 4000 udptl t38\r\n";
        server.ask("publish", &keys, Some(sdp))
    };
    for number in 0..64 {
        assert!(!inactive("c", &format!("c{number}")).is_error());
        assert!(!inactive("d", &format!("d{number}")).is_error());
    }
    assert!(!inactive("d", "one more").is_error());
    assert_eq!(reason(&merge(&server, r#""c","d""#)), "a call can have 128 parties");
    server.ask("delete", r#""call-id":"d","from-tag":"one more""#, None);
    assert_eq!(merge(&server, r#""c","d""#).text("result"), "ok");
    assert_eq!(reason(&inactive("c", "one more")), "a call can have 128 parties");
    server.ask("delete", r#""call-id":"c""#, None);

    // A call that takes in one after the other, each of which is gone soon.
    assert!(!inactive("c", "stays").is_error());
    for number in 0..63 {
        let id = format!("e{number}");
        assert!(!inactive(&id, &id).is_error());
        assert_eq!(merge(&server, &format!(r#""c","{id}""#)).text("result"), "ok");
        server.ask("delete", &format!(r#""call-id":"c","from-tag":"{id}""#), None);
    }
    assert!(!inactive("last", "last").is_error());
    assert_eq!(reason(&merge(&server, r#""c","last""#)), "a call can have 64 call-ids");
    assert_eq!(server.controller.calls(), 2);
}
