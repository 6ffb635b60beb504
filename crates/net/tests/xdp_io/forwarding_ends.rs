//! What is not forwarded, and what ends a rule: its ports, their marking, its path, its worker.

use std::time::Duration;

use mediapoint_net::{Clock, ForwardingRule, NotForwarded, PacketIo as _};
use mediapoint_packet::PacketPool;

use crate::host::{CLIENT4, CLIENT6, LONG, SERVER4, SERVER6, answer, pair};
use crate::stream::{Stream, generic};

#[test]
fn a_rule_that_cannot_be_is_refused_with_its_reason() {
    let Some(pair) = pair() else { return };
    let interfaces = generic(&pair, 1);
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    let unknown = Stream::new(&pair, &mut io, (SERVER4, CLIENT4));
    assert_eq!(io.forward(&unknown.rule()), Err(NotForwarded::NoPath));
    let mut stream = Stream::learned(&pair, &mut io, &mut pool, (SERVER4, CLIENT4));
    let rule = stream.rule();
    let six = pair.client.socket(CLIENT6).local_addr().unwrap();
    let closed = pair.open(&mut io, SERVER4).0;
    io.close(closed);
    for (change, reason) in [
        (ForwardingRule { to: six, ..rule }, NotForwarded::NoPath),
        (ForwardingRule { from: six, ..rule }, NotForwarded::NoPath),
        (ForwardingRule { payload_type: 72, ..rule }, NotForwarded::Unsupported),
        (ForwardingRule { payload_len: 1012, ..rule }, NotForwarded::Unsupported),
        (ForwardingRule { port: closed, ..rule }, NotForwarded::Unsupported),
        (ForwardingRule { out: closed, ..rule }, NotForwarded::Unsupported),
    ] {
        assert_eq!(io.forward(&change), Err(reason), "{change:?}");
    }
    assert_eq!(
        (io.forwarding_rules(), io.forwarded(stream.port), io.take_back(stream.port)),
        (0, None, None)
    );
    stream.begin(&mut io, &mut pool);
    assert_eq!(io.forward(&stream.rule()), Err(NotForwarded::Full), "it has one");
    let other = ForwardingRule { port: stream.out, out: stream.port, ..stream.rule() };
    assert_eq!(io.forward(&other), Err(NotForwarded::Full), "there is room for one");
    io.take_back(stream.port).unwrap();
    assert_eq!(io.forward(&other), Ok(()));
}

#[test]
fn without_room_for_rules_nothing_is_forwarded() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    let stream = Stream::learned(&pair, &mut io, &mut pool, (SERVER4, CLIENT4));
    assert_eq!(io.forward(&stream.rule()), Err(NotForwarded::Unsupported));
}

#[test]
fn a_rule_ends_with_its_ports_and_with_their_marking() {
    let Some(pair) = pair() else { return };
    let interfaces = generic(&pair, 8);
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    let mut forwarded = 0;
    for end in ["mark the port", "mark the other", "close the other", "detach the other"] {
        let mut stream = Stream::learned(&pair, &mut io, &mut pool, (SERVER6, CLIENT6));
        stream.begin(&mut io, &mut pool);
        stream.flow(3);
        match end {
            "mark the port" => io.set_dscp(stream.port, 10).unwrap(),
            "mark the other" => io.set_dscp(stream.out, 10).unwrap(),
            "close the other" => io.close(stream.out),
            _ => drop(io.detach(stream.out).unwrap()),
        }
        stream.reaches_worker(&mut io, &mut pool);
        let so_far = io.forwarded(stream.port).unwrap();
        assert_eq!((so_far.packets, so_far.closed), (3, true), "{end}");
        assert_eq!(io.take_back(stream.port), Some(so_far));
        forwarded += 3;
    }
    for detach in [false, true] {
        let mut stream = Stream::learned(&pair, &mut io, &mut pool, (SERVER4, CLIENT4));
        stream.begin(&mut io, &mut pool);
        stream.flow(3);
        if detach {
            // And comes back, without the rule.
            let handle = io.detach(stream.port).unwrap();
            stream.port = io.attach(handle).unwrap();
            stream.reaches_worker(&mut io, &mut pool);
        } else {
            io.close(stream.port);
        }
        assert_eq!((io.forwarded(stream.port), io.forwarding_rules()), (None, 0));
        forwarded += 3;
    }
    assert_eq!(io.counters().forwarded, forwarded, "what they forwarded is counted all the same");
}

#[test]
fn a_rule_ends_with_its_worker() {
    let Some(pair) = pair() else { return };
    let interfaces = generic(&pair, 8);
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    let mut stream = Stream::learned(&pair, &mut io, &mut pool, (SERVER4, CLIENT4));
    stream.begin(&mut io, &mut pool);
    stream.flow(3);
    drop(io);
    let packet = stream.next_packet();
    stream.caller.send_to(&packet, stream.local).unwrap();
    // What another worker sends behind it is the next that comes.
    let mut other = pair.backend(&interfaces, 0);
    let (port, _) = pair.open(&mut other, SERVER4);
    answer(&mut other, &mut pool, port, &stream.callee, b"from another worker");
}

#[test]
fn a_station_that_changes_ends_the_rule() {
    let Some(pair) = pair() else { return };
    let interfaces = generic(&pair, 8);
    let (mut io, mut pool) = (pair.backend(&interfaces, 0), PacketPool::new(64));
    let mut stream = Stream::learned(&pair, &mut io, &mut pool, (SERVER4, CLIENT4));
    stream.begin(&mut io, &mut pool);
    stream.flow(3);
    let clock = Clock::new();
    // As long as nothing changes it goes on, though the path is asked for again.
    let (begun, end) = (clock.now(), clock.now() + LONG);
    while clock.now().since(begun) < Duration::from_millis(4_500) {
        io.wait_tick(Duration::from_millis(20)).unwrap();
        stream.flow(1);
    }
    assert!(!io.forwarded(stream.port).unwrap().closed);
    pair.client.ip("link set phone address 02:00:00:00:00:77");
    pair.server.ip(&format!("neigh replace {CLIENT4} lladdr 02:00:00:00:00:77 dev media"));
    while !io.forwarded(stream.port).unwrap().closed {
        assert!(clock.now() < end, "the change is not seen");
        io.wait_tick(Duration::from_millis(20)).unwrap();
    }
    stream.reaches_worker(&mut io, &mut pool);
    io.take_back(stream.port).unwrap();
    // By the new station.
    io.forward(&stream.rule()).unwrap();
    stream.flow(3);
}
