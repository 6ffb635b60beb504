//! Streams that the program at the interface forwards: nothing of them is lost or comes twice, whatever becomes of their rules.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mediapoint_net::{Clock, PacketIo as _, XdpInterfaces};
use mediapoint_packet::PacketPool;

use crate::host::{CLIENT4, CLIENT6, LONG, Pair, SERVER4, SERVER6, next, pair};
use crate::stream::{Stream, generic, native};

/// Does the same behind the driver and in it.
fn in_both_modes(test: impl Fn(&Pair, &XdpInterfaces)) {
    {
        let Some(pair) = pair() else { return };
        test(&pair, &generic(&pair, 8));
    }
    let Some(pair) = pair() else { return };
    let (interfaces, _other) = native(&pair, 8);
    test(&pair, &interfaces);
}

#[test]
fn a_stream_is_forwarded_without_the_worker_in_both_families_and_modes() {
    in_both_modes(|pair, interfaces| {
        let (mut io, mut pool) = (pair.backend(interfaces, 0), PacketPool::new(64));
        let mut forwarded = 0;
        for hosts in [(SERVER4, CLIENT4), (SERVER6, CLIENT6)] {
            let mut stream = Stream::learned(pair, &mut io, &mut pool, hosts);
            stream.begin(&mut io, &mut pool);
            let before = pair.server.kernel_datagrams();
            let first = stream.last;
            // Over the end of the numbers.
            stream.flow(100);
            let so_far = io.forwarded(stream.port).unwrap();
            assert_eq!((so_far.packets, so_far.octets, so_far.advance), (100, 16_000, 100));
            assert_eq!(u64::from(so_far.sequence), (first + 100) & 0xffff);
            assert!(!so_far.closed && so_far.bursts == 0, "{so_far:?}");
            assert!(Clock::new().now().since(so_far.at) < LONG);
            // RTCP comes to the worker, and ends nothing.
            let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
            stream.caller.send_to(&report, stream.local).unwrap();
            let received = next(&mut io, &mut pool);
            assert_eq!(received.packet.bytes(), report);
            pool.give(received.packet);
            stream.flow(20);
            let taken = io.take_back(stream.port).unwrap();
            assert_eq!((taken.packets, taken.closed), (120, false));
            assert_eq!(io.take_back(stream.port), None);
            stream.reaches_worker(&mut io, &mut pool);
            forwarded += 120;
            assert_eq!(io.counters().forwarded, forwarded);
            assert_eq!(pair.server.kernel_datagrams(), before, "nothing went by the kernel");
            // And again.
            io.forward(&stream.rule()).unwrap();
            stream.flow(10);
            assert_eq!(io.forwarded(stream.port).unwrap().packets, 10);
            forwarded += 10;
        }
        assert_eq!((io.counters().forwarded, io.forwarding_rules()), (forwarded, 2));
    });
}

#[test]
fn a_packet_that_does_not_fit_comes_to_the_worker_and_so_do_those_behind_it_in_order() {
    in_both_modes(|pair, interfaces| {
        let (mut io, mut pool) = (pair.backend(interfaces, 0), PacketPool::new(64));
        let mut stream = Stream::learned(pair, &mut io, &mut pool, (SERVER4, CLIENT4));
        stream.begin(&mut io, &mut pool);
        stream.flow(10);
        let mut marked = stream.next_packet();
        marked[1] |= 0x80;
        stream.caller.send_to(&marked, stream.local).unwrap();
        let behind: Vec<_> = (0..5).map(|_| stream.next_packet()).collect();
        for packet in &behind {
            stream.caller.send_to(packet, stream.local).unwrap();
        }
        for packet in std::iter::once(&marked).chain(&behind) {
            let received = next(&mut io, &mut pool);
            assert_eq!((received.port, received.packet.bytes()), (stream.port, &packet[..]));
            pool.give(received.packet);
        }
        let taken = io.take_back(stream.port).unwrap();
        assert_eq!((taken.packets, taken.closed), (10, true));
        stream.callee.set_nonblocking(true).unwrap();
        assert!(stream.callee.recv(&mut [0; 200]).is_err(), "nothing more was forwarded");
    });
}

/// Every packet of a stream comes to the worker or to the callee, once, while its rule comes and goes.
#[test]
fn rules_that_are_taken_back_under_load_lose_nothing_and_double_nothing() {
    const BATCH: u64 = 40;
    const BATCHES: u64 = 300;
    in_both_modes(|pair, interfaces| {
        let (mut io, mut pool) = (pair.backend(interfaces, 0), PacketPool::new(256));
        let stream = Stream::learned(pair, &mut io, &mut pool, (SERVER4, CLIENT4));
        let (first, to) = (stream.last, stream.local);
        let arrived = AtomicU64::new(0);
        let (mut by_worker, mut forwarded, mut rules) = (Vec::new(), 0, 0);
        let by_callee = std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                for batch in 0..BATCHES {
                    for number in 1..=BATCH {
                        let number = first + batch * BATCH + number;
                        stream.caller.send_to(&Stream::packet(number), to).unwrap();
                    }
                    let end = Clock::new().now() + LONG;
                    while arrived.load(Ordering::Acquire) < (batch + 1) * BATCH {
                        assert!(Clock::new().now() < end, "lost: {arrived:?} of {}", (batch + 1) * BATCH);
                        std::thread::yield_now();
                    }
                }
                // To itself: nothing follows.
                stream.caller.send_to(b"end", stream.callee.local_addr().unwrap()).unwrap();
            });
            let callee = scope.spawn(|| {
                let (mut seen, mut room) = (Vec::new(), [0; 200]);
                loop {
                    let len = stream.callee.recv(&mut room).unwrap();
                    if len == 3 {
                        return seen;
                    }
                    let sequence = u16::from_be_bytes([room[2], room[3]]).wrapping_sub(1_000);
                    seen.push(sequence);
                    arrived.fetch_add(1, Ordering::AcqRel);
                }
            });
            let mut newest = first;
            while !sender.is_finished() {
                io.wait_tick(Duration::from_micros(20)).unwrap();
                while let Some(received) = io.receive(&mut pool) {
                    if let Some(taken) = io.take_back(stream.port) {
                        (forwarded, newest) = (forwarded + taken.packets, newest + taken.advance);
                    }
                    let bytes = received.packet.bytes();
                    by_worker.push(u16::from_be_bytes([bytes[2], bytes[3]]));
                    newest += 1;
                    assert_eq!(bytes, &Stream::packet(newest)[..], "in order");
                    pool.give(received.packet);
                    arrived.fetch_add(1, Ordering::AcqRel);
                }
                if let Some(taken) = io.take_back(stream.port) {
                    (forwarded, newest) = (forwarded + taken.packets, newest + taken.advance);
                }
                rules += u64::from(io.forward(&stream.rule_after(newest)).is_ok());
            }
            sender.join().unwrap();
            if let Some(taken) = io.take_back(stream.port) {
                forwarded += taken.packets;
            }
            callee.join().unwrap()
        });
        assert_eq!(forwarded, by_callee.len() as u64);
        assert_eq!(io.counters().forwarded, forwarded);
        let mut all: Vec<u64> = by_worker.iter().chain(&by_callee).map(|number| u64::from(*number)).collect();
        all.iter_mut().for_each(|number| *number += if *number < first & 0xffff { 0x1_0000 } else { 0 });
        all.sort_unstable();
        assert!(all.into_iter().eq(first + 1..=first + BATCH * BATCHES));
        println!("{rules} rules, {forwarded} forwarded, {} by the worker", by_worker.len());
        assert!(rules > 50 && forwarded > BATCH, "{rules} rules, {forwarded} forwarded");
    });
}
