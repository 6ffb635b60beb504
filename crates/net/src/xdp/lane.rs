//! One receive queue of an interface, as a worker serves it.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use super::interface::Interface;
use super::socket::{Sharing, XdpSocket};

/// Attempts to have a queue that is in use, and the pause before the next.
const BIND_ATTEMPTS: u32 = 20;
const BIND_PAUSE: Duration = Duration::from_millis(10);

/// The AF_XDP socket of one interface.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) interface: Arc<Interface>,
    pub(super) socket: XdpSocket,
}

impl Lane {
    /// The AF_XDP socket of a queue, named to the program.
    pub(super) fn bind(interface: &Arc<Interface>, queue: u32) -> io::Result<Self> {
        let mut attempt = 1;
        let socket = loop {
            match XdpSocket::bind(interface.index, queue) {
                // The kernel frees the queue a little after its last socket was closed: the one of a worker that failed.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) && attempt < BIND_ATTEMPTS => {
                    attempt += 1;
                    std::thread::sleep(BIND_PAUSE);
                }
                bound => break bound?,
            }
        };
        interface.steering.socket(queue, socket.as_fd())?;
        Ok(Self { interface: Arc::clone(interface), socket })
    }

    /// Which queue it is, and how its frames are shared.
    pub(super) fn describe(&self, queue: u32) -> String {
        let sharing = match self.socket.sharing() {
            Sharing::ZeroCopy => "without copies",
            Sharing::Copy => "with copies",
        };
        format!("queue {queue} of {} {sharing}", self.interface.name)
    }
}
