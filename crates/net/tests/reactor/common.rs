//! What the tests of a reactor share: sockets on loopback, and waits that end.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_net::{Clock, Reactor, ReactorConfig, Received, SocketOptions, UdpSocket};
use mediapoint_packet::{PacketBuf, PacketPool};

/// Longer than anything here takes; a test that waits for it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(10);

pub(crate) fn reactor(receive_batch: usize, receive_budget: usize) -> Reactor {
    Reactor::new(ReactorConfig { max_sockets: 16, receive_batch, send_batch: 8, receive_budget }).unwrap()
}

pub(crate) fn socket(address: &str) -> UdpSocket {
    UdpSocket::bind(address.parse().unwrap(), &SocketOptions::default()).unwrap()
}

/// Adds a fresh socket on v4 loopback; returns its address.
pub(crate) fn add(reactor: &mut Reactor, key: u32) -> SocketAddr {
    let socket = socket("127.0.0.1:0");
    let address = socket.local_addr();
    reactor.add(key, socket).unwrap();
    address
}

pub(crate) fn packet(bytes: &[u8]) -> PacketBuf {
    PacketBuf::copy_of(bytes).unwrap()
}

/// An outside socket that the reactor knows nothing of.
pub(crate) fn stranger() -> std::net::UdpSocket {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

/// Sends datagrams of one octet, 0 to `count` - 1, and returns when they have arrived.
pub(crate) fn send_numbered(from: &std::net::UdpSocket, to: SocketAddr, count: u8) {
    for number in 0..count {
        from.send_to(&[number], to).unwrap();
    }
    // Loopback delivers in order; under load it may do so after the send returned.
    let own = from.local_addr().unwrap();
    from.send_to(b"", own).unwrap();
    assert_eq!(from.recv_from(&mut [0]).unwrap(), (0, own));
}

/// All that can be received without waiting again.
pub(crate) fn drain(reactor: &mut Reactor, pool: &mut PacketPool) -> Vec<(u32, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(received) = reactor.receive(pool) {
        all.push((received.key, received.packet.bytes().to_vec()));
        pool.give(received.packet);
    }
    all
}

/// Waits for the next datagram.
pub(crate) fn next(reactor: &mut Reactor, pool: &mut PacketPool) -> Received {
    let clock = Clock::new();
    let end = clock.now() + LONG;
    loop {
        if let Some(received) = reactor.receive(pool) {
            return received;
        }
        assert!(clock.now() < end, "nothing came");
        reactor.wait(Some(end.since(clock.now()))).unwrap();
    }
}

/// How long a call took.
pub(crate) fn took(call: impl FnOnce()) -> Duration {
    let clock = Clock::new();
    let start = clock.now();
    call();
    clock.now().since(start)
}
