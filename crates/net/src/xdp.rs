//! AF_XDP: frames past the kernel's stack, from the network card to the worker and back.
//!
//! A small program at the interface steers datagrams to served ports to the socket of their receive queue, which the worker
//! reads and writes by shared memory. Ports are ordinary sockets beside: nobody else can have them, and what the program
//! leaves to the kernel arrives there. Datagrams go out by the socket, too, as long as the kernel has not said which
//! station they go to.

mod assembler;
mod bpf;
mod cells;
mod forward;
mod installed;
mod interface;
mod io;
mod lane;
mod memory;
mod netlink;
mod paths;
mod ports;
mod resolver;
mod ring;
mod rules;
mod scope;
mod socket;
mod steer;

pub use interface::{XdpInterfaces, XdpMode, XdpOptions};
pub use io::XdpIo;
