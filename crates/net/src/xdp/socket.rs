//! One AF_XDP socket: its memory, its four rings, and the queue of an interface that it is bound to.
//!
//! Kernel documentation: `Documentation/networking/af_xdp.rst`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::memory::{FRAME_SIZE, Frame, Frames, Mapping};
use super::ring::{Consumer, Layout, Producer};

/// Entries of the rings of what comes in: a tenth of a second of 80,000 datagrams. What comes while they are full is lost.
const RECEIVE_RING: u32 = 8192;

/// Entries of the rings of what goes out between two flushes.
const SEND_RING: u32 = 2048;

/// An option of Linux 6.17 and later: how many frames one call sends in copy mode, 32 unless set.
const MAX_TX_SKB_BUDGET: libc::c_int = 9;

/// Calls of one flush at most. In copy mode one call sends 32 frames at least.
const MAX_KICKS: u32 = SEND_RING / 32;

/// How many frames ahead of the one that is read the next ones are asked for: another core has written them, and what one takes to
/// be handled is about what they take to come.
const FRAMES_AHEAD: u32 = 1;

/// How a socket and the driver share frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// The card writes to the socket's memory and reads from it.
    ZeroCopy,
    /// The kernel copies.
    Copy,
}

/// An AF_XDP socket.
#[derive(Debug)]
pub(super) struct XdpSocket {
    fd: OwnedFd,
    frames: Frames,
    /// Frames that wait to be sent in.
    free: Vec<Frame>,
    fill: Producer<u64>,
    completion: Consumer<u64>,
    receive: Consumer<libc::xdp_desc>,
    send: Producer<libc::xdp_desc>,
    sharing: Sharing,
}

impl XdpSocket {
    /// A socket bound to a queue: without copies where the driver can, else with them.
    ///
    /// # Errors
    /// The kernel's: `EPERM` without CAP_NET_RAW, `EBUSY` where the queue has another, `EINVAL` where there is no such queue,
    /// `ENOBUFS` over the limit of locked memory.
    pub(super) fn bind(interface: u32, queue: u32) -> io::Result<Self> {
        Self::bind_sharing(interface, queue, Sharing::ZeroCopy).or_else(|error| match error.raw_os_error() {
            // No other way of sharing would do.
            Some(libc::EPERM | libc::EBUSY | libc::ENOBUFS | libc::ENODEV) => Err(error),
            _ => Self::bind_sharing(interface, queue, Sharing::Copy),
        })
    }

    fn bind_sharing(interface: u32, queue: u32, sharing: Sharing) -> io::Result<Self> {
        // SAFETY: socket(2) takes no memory.
        let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: socket(2) has just made it, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let (frames, mut all) = Frames::new((RECEIVE_RING + SEND_RING) as usize)?;
        register(fd.as_fd(), &frames)?;
        for (ring, size) in [
            (libc::XDP_UMEM_FILL_RING, RECEIVE_RING),
            (libc::XDP_UMEM_COMPLETION_RING, SEND_RING),
            (libc::XDP_RX_RING, RECEIVE_RING),
            (libc::XDP_TX_RING, SEND_RING),
        ] {
            set(fd.as_fd(), ring, &size)?;
        }
        // Fewer calls where the kernel knows it.
        let _: io::Result<()> = set(fd.as_fd(), MAX_TX_SKB_BUDGET, &(SEND_RING / 8));
        // SAFETY: integers only, for which all zero is a value.
        let offsets: libc::xdp_mmap_offsets = unsafe { option(fd.as_fd(), libc::XDP_MMAP_OFFSETS) }?;
        let none =
            || io::Error::new(io::ErrorKind::InvalidData, "the kernel's rings do not lie in their mappings");
        let offset = |page: libc::c_ulonglong| libc::off_t::try_from(page).map_err(|_| none());
        let fill_page = offset(libc::XDP_UMEM_PGOFF_FILL_RING)?;
        let completion_page = offset(libc::XDP_UMEM_PGOFF_COMPLETION_RING)?;
        let (memory, layout) = map::<u64>(fd.as_fd(), &offsets.fr, (fill_page, RECEIVE_RING))?;
        let fill = Producer::new(memory, layout).ok_or_else(none)?;
        let (memory, layout) = map::<u64>(fd.as_fd(), &offsets.cr, (completion_page, SEND_RING))?;
        let completion = Consumer::new(memory, layout).ok_or_else(none)?;
        let (memory, layout) =
            map::<libc::xdp_desc>(fd.as_fd(), &offsets.rx, (libc::XDP_PGOFF_RX_RING, RECEIVE_RING))?;
        let receive = Consumer::new(memory, layout).ok_or_else(none)?;
        let (memory, layout) =
            map::<libc::xdp_desc>(fd.as_fd(), &offsets.tx, (libc::XDP_PGOFF_TX_RING, SEND_RING))?;
        let send = Producer::new(memory, layout).ok_or_else(none)?;
        let free = all.split_off(RECEIVE_RING as usize);
        let mut socket = Self { fd, frames, free, fill, completion, receive, send, sharing };
        for frame in all {
            socket.recycle(frame);
        }
        socket.fill.publish();
        socket.bind_to(interface, queue)?;
        Ok(socket)
    }

    fn bind_to(&self, interface: u32, queue: u32) -> io::Result<()> {
        let sharing = match self.sharing {
            Sharing::ZeroCopy => libc::XDP_ZEROCOPY,
            Sharing::Copy => libc::XDP_COPY,
        };
        let family = libc::sa_family_t::try_from(libc::AF_XDP).map_err(|_| io::ErrorKind::Unsupported)?;
        let address = libc::sockaddr_xdp {
            sxdp_family: family,
            sxdp_flags: sharing | libc::XDP_USE_NEED_WAKEUP,
            sxdp_ifindex: interface,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        let len = length::<libc::sockaddr_xdp>();
        // SAFETY: bind(2) reads as many octets of the address as the length says, a live local's own size.
        let result = unsafe { libc::bind(self.fd.as_raw_fd(), (&raw const address).cast(), len) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    pub(super) const fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// True where frames wait to be received.
    pub(super) fn has_received(&self) -> bool {
        !self.receive.is_empty()
    }

    /// Frames for this socket that the kernel dropped, for want of room above all. A system call.
    pub(super) fn dropped(&self) -> io::Result<u64> {
        // SAFETY: integers only, for which all zero is a value.
        let statistics: libc::xdp_statistics = unsafe { option(self.fd.as_fd(), libc::XDP_STATISTICS) }?;
        Ok(statistics.rx_dropped + statistics.rx_ring_full)
    }

    /// The next frame that was received, shown to `look`; `None` where none is left.
    pub(super) fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let descriptor = self.receive.pop()?;
        if let Some(next) = self.receive.ahead(FRAMES_AHEAD) {
            self.frames.prefetch(next.addr, next.len as usize);
        }
        // SAFETY: just taken from the receive ring, whose frames the kernel has given back.
        let (frame, offset) = unsafe { self.frames.returned(descriptor.addr) }?;
        let seen = self.frames.content(&frame, offset, descriptor.len as usize).map(look);
        self.recycle(frame);
        seen
    }

    /// Gives the kernel back what was received, and what it is to receive into.
    pub(super) fn end_receiving(&mut self) {
        self.receive.release();
        self.fill.publish();
        if self.fill.needs_wakeup() {
            self.wake_receiving();
        }
    }

    /// Queues a frame that `write` writes and whose length it returns; `None` where no frame is free, or `write` gave none.
    pub(super) fn send(&mut self, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<()> {
        if self.free.is_empty() {
            self.reclaim();
        }
        let mut frame = self.free.pop()?;
        let len = self.frames.room(&mut frame).and_then(write).and_then(|len| u32::try_from(len).ok());
        let queued =
            len.is_some_and(|len| self.send.push(libc::xdp_desc { addr: frame.address(), len, options: 0 }));
        if queued {
            return Some(());
        }
        self.free.push(frame);
        None
    }

    /// Sends what is queued; returns the system calls made, and the error of the last where it failed.
    pub(super) fn flush(&mut self) -> (u32, io::Result<()>) {
        let mut calls = 0;
        let mut result = Ok(());
        if self.send.publish() || self.send.is_pending() {
            while self.send.is_pending() && self.send.needs_wakeup() && calls < MAX_KICKS {
                calls += 1;
                result = self.kick();
                match &result {
                    // It has sent a part, and goes on when called again.
                    Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EBUSY)) => {}
                    Err(_) => break,
                    Ok(()) => {}
                }
            }
        }
        self.reclaim();
        if !self.send.is_pending() {
            result = Ok(());
        }
        (calls, result)
    }

    /// Takes back the frames that are sent.
    fn reclaim(&mut self) {
        while let Some(address) = self.completion.pop() {
            // SAFETY: just taken from the completion ring, whose frames the kernel has given back.
            self.free.extend(unsafe { self.frames.returned(address) }.map(|(frame, _)| frame));
        }
        self.completion.release();
    }

    /// Lets the kernel receive into a frame. The ring has an entry for each of those that it can be given.
    fn recycle(&mut self, frame: Frame) {
        if !self.fill.push(frame.address()) {
            self.free.push(frame);
        }
    }

    /// Makes the kernel go on sending.
    fn kick(&self) -> io::Result<()> {
        // SAFETY: sendto(2) with no octets and no address reads no memory.
        let result = unsafe {
            libc::sendto(self.fd.as_raw_fd(), std::ptr::null(), 0, libc::MSG_DONTWAIT, std::ptr::null(), 0)
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Makes the kernel go on receiving, where it ran out of frames.
    fn wake_receiving(&self) {
        // SAFETY: recvfrom(2) with no octets and no address writes no memory.
        unsafe {
            libc::recvfrom(
                self.fd.as_raw_fd(),
                std::ptr::null_mut(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
    }
}

impl AsFd for XdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Names the memory of the frames.
fn register(fd: BorrowedFd<'_>, frames: &Frames) -> io::Result<()> {
    let memory = frames.memory();
    let registration = libc::xdp_umem_reg {
        addr: memory.address() as u64,
        len: memory.len() as u64,
        chunk_size: FRAME_SIZE,
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    set(fd, libc::XDP_UMEM_REG, &registration)
}

/// getsockopt(2) at the level of AF_XDP.
///
/// # Safety
/// All zero and whatever the kernel writes are values of `T`.
unsafe fn option<T>(fd: BorrowedFd<'_>, option: libc::c_int) -> io::Result<T> {
    // SAFETY: the caller's promise.
    let mut value: T = unsafe { std::mem::zeroed() };
    let mut len = length::<T>();
    // SAFETY: getsockopt(2) writes at most as many octets as the length says on entry, the local's own size, and the length.
    let result = unsafe {
        libc::getsockopt(fd.as_raw_fd(), libc::SOL_XDP, option, (&raw mut value).cast(), &raw mut len)
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// Maps a ring of entries `T`.
fn map<T>(
    fd: BorrowedFd<'_>,
    offsets: &libc::xdp_ring_offset,
    (page, size): (libc::off_t, u32),
) -> io::Result<(Mapping, Layout)> {
    let place = |offset: u64| usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidData);
    let layout = Layout {
        producer: place(offsets.producer)?,
        consumer: place(offsets.consumer)?,
        flags: place(offsets.flags)?,
        entries: place(offsets.desc)?,
        size,
    };
    let len = layout.entries + size_of::<T>() * size as usize;
    Ok((Mapping::of(fd, len, page)?, layout))
}

/// setsockopt(2) at the level of AF_XDP.
fn set<T>(fd: BorrowedFd<'_>, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: setsockopt(2) reads as many octets of the value as the length says, its own size. What a registration points to
    // is a mapping that its socket keeps as long as it lives.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_XDP,
            option,
            std::ptr::from_ref(value).cast(),
            length::<T>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(clippy::cast_possible_truncation, reason = "some octets")]
const fn length<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
