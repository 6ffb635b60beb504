//! Which sockets have datagrams: epoll, level-triggered, and an eventfd by which another thread ends the wait.
//!
//! Level-triggered, a socket that still has datagrams is reported again, so that one plain receive call a report suffices;
//! edge-triggered, each socket would have to be read until it is found empty (`docs/decisions/007-receive-path.md`).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The token of the eventfd; ports are 32 bits wide and never reach it.
const WAKE: u64 = u64::MAX;

/// The token of descriptors that are no ports.
const OTHER: u64 = WAKE - 1;

/// Reports that one call takes at most. The kernel gives those left over at the next call.
const MAX_EVENTS: usize = 1024;

pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poller {
    /// A poller, and what ends its waits.
    pub(crate) fn new() -> io::Result<(Self, WakeFd)> {
        // SAFETY: epoll_create1(2) takes no memory.
        let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: eventfd(2) takes no memory.
        let wake = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let poller = Self { epoll, events: Vec::with_capacity(MAX_EVENTS) };
        // Edge-triggered: every write is reported once, and nobody has to read.
        poller.control(libc::EPOLL_CTL_ADD, wake.as_raw_fd(), libc::EPOLLIN | libc::EPOLLET, WAKE)?;
        Ok((poller, WakeFd(wake)))
    }

    /// Reports `fd` as `token` from now on whenever it has something to read.
    pub(crate) fn add(&self, fd: RawFd, token: u32) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, u64::from(token))
    }

    /// Ends waits from now on whenever `fd` has something to read, and reports nothing.
    pub(crate) fn watch(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, OTHER)
    }

    pub(crate) fn remove(&self, fd: RawFd) {
        // It fails only for a descriptor that was not added.
        drop(self.control(libc::EPOLL_CTL_DEL, fd, 0, 0));
    }

    /// Waits until something can be reported or `timeout` (rounded up to milliseconds; `None`: never) has passed; a signal
    /// ends it like a timeout.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        let millis = timeout.map_or(-1, |timeout| {
            let up = timeout.as_nanos().div_ceil(1_000_000);
            libc::c_int::try_from(up).unwrap_or(libc::c_int::MAX)
        });
        let room = self.events.spare_capacity_mut();
        let most = libc::c_int::try_from(room.len()).unwrap_or(libc::c_int::MAX);
        // SAFETY: epoll_wait(2) writes at most `most` events to the address given, which has room for as many.
        let result =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), room.as_mut_ptr().cast(), most, millis) };
        match usize::try_from(result) {
            Ok(reported) => {
                // SAFETY: epoll_wait(2) returns how many events it wrote, from the first on.
                unsafe { self.events.set_len(reported) };
                Ok(())
            }
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                error => Err(error),
            },
        }
    }

    /// The tokens of the sockets that the last wait reported.
    pub(crate) fn reported(&self) -> impl Iterator<Item = u32> {
        // The others' are no u32.
        self.events.iter().filter_map(|event| u32::try_from(event.u64).ok())
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, events: libc::c_int, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: token };
        // SAFETY: epoll_ctl(2) reads one event from the address given, a live local.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Ends the waits of one poller.
#[derive(Debug)]
pub(crate) struct WakeFd(OwnedFd);

impl WakeFd {
    pub(crate) fn wake(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: write(2) reads eight bytes from the address given, a live local.
        let written = unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        // It fails only where the counter is full, after 2^64 wakes.
        debug_assert_eq!(written, 8);
    }
}

/// A descriptor that a system call just made.
fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller passes what a call that makes a descriptor returned; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
