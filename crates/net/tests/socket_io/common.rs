//! What the tests of the backend share: sockets on loopback, and waits that end.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_net::{
    Clock, PacketIo, Port, PortHandle, PortOpener, PortOptions, Received, SocketIo, SocketIoConfig,
    SocketOpener, UdpSocket,
};
use mediapoint_packet::{PacketBuf, PacketPool};

/// Longer than anything here takes; a test that waits for it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(10);

pub(crate) fn backend(receive_turn: usize, receive_budget: usize) -> SocketIo {
    SocketIo::new(SocketIoConfig { max_ports: 16, receive_turn, send_queue: 8, receive_budget }).unwrap()
}

pub(crate) fn socket(address: &str) -> UdpSocket {
    SocketOpener.open(address.parse().unwrap(), &PortOptions::default()).unwrap()
}

/// Attaches a fresh socket on v4 loopback; returns its address too.
pub(crate) fn add(io: &mut SocketIo) -> (Port, SocketAddr) {
    let socket = socket("127.0.0.1:0");
    let address = PortHandle::local_addr(&socket);
    (io.attach(socket).unwrap(), address)
}

pub(crate) fn packet(bytes: &[u8]) -> PacketBuf {
    PacketBuf::copy_of(bytes).unwrap()
}

/// An outside socket that the backend knows nothing of.
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
pub(crate) fn drain(io: &mut SocketIo, pool: &mut PacketPool) -> Vec<(Port, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(received) = io.receive(pool) {
        all.push((received.port, received.packet.bytes().to_vec()));
        pool.give(received.packet);
    }
    all
}

/// Waits for the next datagram.
pub(crate) fn next(io: &mut SocketIo, pool: &mut PacketPool) -> Received {
    let clock = Clock::new();
    let end = clock.now() + LONG;
    loop {
        if let Some(received) = io.receive(pool) {
            return received;
        }
        assert!(clock.now() < end, "nothing came");
        io.wait(Some(end.since(clock.now()))).unwrap();
    }
}

/// How long a call took.
pub(crate) fn took(call: impl FnOnce()) -> Duration {
    let clock = Clock::new();
    let start = clock.now();
    call();
    clock.now().since(start)
}
