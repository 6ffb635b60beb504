//! Packet I/O, pinning, clocks and rings: the only system calls of the media plane.
//!
//! A worker owns one [`PacketIo`]: it waits, takes what arrived into pooled buffers, queues what goes out and flushes it.
//! [`SocketIo`] is the backend that runs everywhere, [`XdpIo`] the one that passes the kernel's stack by. Nothing here looks into a
//! datagram or keeps a timer; the only thread is the one by which [`XdpIo`] asks the kernel for routes and neighbours.
//! Nothing is shared between workers; other threads reach one by its [`Waker`], which ends its sleep, and by a [`ring`].
//!
//! ```
//! use std::time::Duration;
//! use mediapoint_net::{PacketIo, PortHandle, PortOpener, PortOptions, SocketIo, SocketIoConfig, SocketOpener};
//! use mediapoint_packet::{PacketBuf, PacketPool};
//!
//! let mut pool = PacketPool::new(64);
//! let mut io = SocketIo::new(SocketIoConfig::default())?;
//! let open = || SocketOpener.open("127.0.0.1:0".parse().expect("an address"), &PortOptions::default());
//! let (a, b) = (open()?, open()?);
//! let to = b.local_addr();
//! let (a, b) = (io.attach(a)?, io.attach(b)?);
//!
//! io.send(a, to, PacketBuf::copy_of(b"hello").expect("it fits"), &mut pool);
//! io.flush(&mut pool);
//! io.wait(Some(Duration::from_secs(1)))?;
//! let received = io.receive(&mut pool).expect("a datagram");
//! assert_eq!((received.port, received.packet.bytes()), (b, &b"hello"[..]));
//! pool.give(received.packet);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Order of calls in a worker: [`PacketIo::wait`] or [`PacketIo::wait_tick`]; [`PacketIo::receive`] until it yields
//! nothing; the media work, with [`PacketIo::send`]; [`PacketIo::flush`]; again.

mod address;
mod arrival;
mod clock;
mod counters;
mod datagram;
mod forwarding;
mod io;
mod machine;
mod poller;
mod prefetch;
mod process;
mod reactor;
pub mod ring;
mod send;
mod socket;
mod socket_io;
mod thread;
mod waker;
mod xdp;

pub use clock::Clock;
pub use counters::Counters;
pub use forwarding::{Forwarded, ForwardingRule, NotForwarded};
pub use io::{PacketIo, Port, PortHandle, PortOpener, Received};
pub use machine::Machine;
pub use prefetch::{prefetch, prefetch_part};
pub use process::{MemoryLock, forbid_core_dumps, lock_memory};
pub use reactor::{Reactor, ReactorConfig, ReceivedByKey};
pub use socket::{PortOptions, SocketOptions, UdpSocket, is_exhaustion};
pub use socket_io::{SocketIo, SocketIoConfig, SocketOpener};
pub use thread::{
    available_cores, fd_limit, pin_current_thread, process_cpu_time, raise_fd_limit, set_realtime_priority,
    set_thread_name, thread_cpu_time,
};
pub use waker::Waker;
pub use xdp::{XdpInterfaces, XdpIo, XdpMode, XdpOptions};
