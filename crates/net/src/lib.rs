//! Sockets, batching, pinning and clocks: the only system calls of the media plane.
//!
//! A worker owns one [`Reactor`]: it waits, takes what arrived into pooled buffers, queues what goes out and
//! flushes it. Nothing here parses a packet, keeps a timer or starts a thread; nothing here is shared between
//! workers except the [`Waker`], by which another thread ends a worker's sleep.
//!
//! ```
//! use std::time::Duration;
//! use mediapoint_net::{Reactor, ReactorConfig, SocketOptions, UdpSocket};
//! use mediapoint_packet::{PacketBuf, PacketPool};
//!
//! let mut pool = PacketPool::new(64);
//! let mut reactor = Reactor::new(ReactorConfig::default())?;
//! let loopback = "127.0.0.1:0".parse().expect("an address");
//! let (a, b) = (UdpSocket::bind(loopback, &SocketOptions::default())?, UdpSocket::bind(loopback, &SocketOptions::default())?);
//! let to = b.local_addr();
//! reactor.add(0, a)?;
//! reactor.add(1, b)?;
//!
//! reactor.send(0, to, PacketBuf::copy_of(b"hello").expect("it fits"), &mut pool);
//! reactor.flush(&mut pool);
//! reactor.wait(Some(Duration::from_secs(1)))?;
//! let received = reactor.receive(&mut pool).expect("a datagram");
//! assert_eq!((received.key, received.packet.bytes()), (1, &b"hello"[..]));
//! pool.give(received.packet);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Order of calls in a worker: [`Reactor::wait`] or [`Reactor::wait_tick`]; [`Reactor::receive`] until it yields
//! nothing; the media work, with [`Reactor::send`]; [`Reactor::flush`]; again.

mod address;
mod clock;
mod counters;
mod reactor;
mod receive;
pub mod ring;
mod send;
mod socket;
mod thread;
mod waker;

pub use clock::Clock;
pub use counters::Counters;
pub use reactor::{Reactor, ReactorConfig, Received};
pub use socket::{SocketOptions, UdpSocket};
pub use thread::{
    available_cores, pin_current_thread, process_cpu_time, raise_fd_limit, set_thread_name, thread_cpu_time,
};
pub use waker::Waker;
