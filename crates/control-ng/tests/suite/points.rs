//! Points used and free in `statistics`, by kind of work and by worker.

use mediapoint_engine::Points;

use crate::common::phone::Phone;
use crate::common::*;

#[test]
fn statistics_tell_what_the_calls_cost_by_kind_and_worker() {
    let server = Server::with(
        builder().workers(2).budget(Points::whole(50)),
        mediapoint_control_ng::ControllerConfig::default(),
    );
    let (a, b) = (Phone::new(), Phone::new());
    server.offer(&a.sdp("0"), r#""codec":{"transcode":["G722"]}"#);
    server.answer(&b.sdp("9"), "");
    let reply = server.ask("statistics", "", None);
    let statistics = dict(reply.value("statistics"));
    assert!(statistics.get(b"longest".as_slice()).is_none(), "unless it is asked for");
    let points = dict(get(statistics, "points"));
    let figures: Vec<String> =
        ["relay", "g711", "g722", "opus"].iter().map(|kind| text(points, kind)).collect();
    assert_eq!(figures, ["1.000", "0.400", "2.500", "0.000"], "each kind is there");
    let current = dict(get(statistics, "currentstatistics"));
    assert_eq!(
        ["pointsused", "pointsfree", "pointsbudget"].map(|key| text(current, key)),
        ["3.900", "96.100", "100.000"]
    );
    let workers = list(get(statistics, "workers"));
    assert_eq!(workers.len(), 2);
    let busy = workers.iter().map(|worker| dict(Some(worker))).find(|worker| text(worker, "calls") != "0");
    let busy = busy.expect("one carries the call");
    assert_eq!(
        ["pointsused", "pointsfree", "pointsbudget", "late_us"].map(|key| text(busy, key)),
        ["3.900", "46.100", "50.000", "0"]
    );
    assert_eq!(dict(get(busy, "points")).len(), 3, "of a worker what is spent alone");
    assert_eq!(text(dict(get(statistics, "objects")), "rooms"), "0");

    server.ask("offer", r#""call-id":"later","from-tag":"x""#, Some(&a.sdp("0")));
    let reply =
        server.ask_at(mediapoint_packet::Time::from_millis(8_000), "statistics", r#""limit":1"#, None);
    let longest = list(get(dict(reply.value("statistics")), "longest"));
    assert_eq!(longest.len(), 1);
    let oldest = dict(longest.first());
    assert_eq!(
        ["call-id", "seconds", "parties", "points"].map(|key| text(oldest, key)),
        ["c", "3", "2", "3.900"]
    );
}
