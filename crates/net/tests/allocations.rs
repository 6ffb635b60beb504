//! The steady state allocates nothing: waiting, receiving, sending, waking, failing, and rings.

use std::task::{Context, Waker};
use std::time::Duration;

use mediapoint_allocations::of_process;
use mediapoint_net::{PacketIo, PortOptions, SocketIo, SocketIoConfig, UdpSocket, ring};
use mediapoint_packet::PacketPool;

/// The only test of this file: another one's allocations would be counted too.
#[test]
fn the_steady_state_allocates_nothing() {
    let config = SocketIoConfig { max_ports: 8, receive_turn: 4, send_queue: 8, receive_budget: 5 };
    let (mut io, mut pool) = (SocketIo::new(config).unwrap(), PacketPool::with_large(64, 4));
    let waker = io.waker();
    let mut ports = Vec::new();
    for number in 0..8_u32 {
        let options = PortOptions { arrival_times: number % 2 == 0, ..PortOptions::default() };
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
        let address = socket.local_addr();
        ports.push((number, io.attach(socket).unwrap(), address));
    }
    // A ring whose reader waits for more and more, and is woken.
    let (mut producer, mut consumer) = ring::channel(8, || [0_u8; 160]);
    let mut context = Context::from_waker(Waker::noop());
    let nowhere = "127.0.0.1:0".parse().unwrap();
    let mut forwarded = 0_u32;
    let mut before = 0;
    while forwarded < 12_000 {
        if forwarded < 2_000 {
            before = of_process().calls();
        }
        for &(number, port, to) in &ports {
            for _ in 0..=number % 3 {
                let mut packet = pool.take().unwrap();
                packet.set_len(172);
                io.send(port, to, packet, &mut pool);
            }
        }
        let mut large = pool.take_for(3540).unwrap();
        large.set_len(3540);
        io.send(ports[1].1, ports[2].2, large, &mut pool);
        let packet = pool.take().unwrap();
        io.send(ports[0].1, nowhere, packet, &mut pool);
        io.flush(&mut pool);
        waker.wake();
        let mut left = 16;
        while left > 0 {
            io.wait(Some(Duration::from_secs(10))).unwrap();
            while let Some(received) = io.receive(&mut pool) {
                pool.give(received.packet);
                left -= 1;
                forwarded += 1;
            }
        }
        let wanted = usize::try_from(forwarded % 8).unwrap() + 1;
        assert!(consumer.poll_ready(wanted, &mut context).is_pending());
        while producer.push_with(|slot| slot.fill(1)) {
            producer.take_wake().into_iter().for_each(ring::WakeHandle::wake);
        }
        while consumer.pop_with(|slot| slot[0]).is_some() {}
        io.wait_tick(Duration::from_micros(10)).unwrap();
    }
    assert!(io.counters().send_errors > 0 && io.counters().budget_spent > 0);
    assert_eq!(of_process().calls() - before, 0);
}
