//! One non-blocking UDP socket: how it is bound, how it marks what it sends, how much it buffers.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use mediapoint_packet::PacketBuf;
use socket2::{Domain, Protocol, Socket, Type};

/// Expedited forwarding, what voice is marked with [RFC3246] [RFC4594 4.1].
const EXPEDITED_FORWARDING: u8 = 46;

/// The largest DSCP: it has six bits [RFC2474 3].
const MAX_DSCP: u8 = 63;

/// Figures of `SO_MEMINFO` up to and with the drops, which come last.
const MEMINFO_FIGURES: usize = 9;

/// How a local address is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortOptions {
    /// DSCP of what is sent, 0..=63 [RFC2474 3]; 46 (EF) by default.
    pub dscp: u8,
    /// Bytes the kernel may hold for receiving (`SO_RCVBUF`; it doubles them for its own book-keeping and cuts
    /// them to `net.core.rmem_max`); `None` leaves the system's default.
    pub receive_buffer: Option<usize>,
    /// Bytes the kernel may hold for sending (`SO_SNDBUF`), likewise.
    pub send_buffer: Option<usize>,
    /// A v6 socket carries v6 only. Without it, one bound to `[::]` or a v4-mapped address carries v4 too.
    pub v6_only: bool,
    /// The kernel notes when each datagram arrived ([`Received::at`](crate::Received::at)); off by default, as it costs two
    /// hundredths of a forwarded packet.
    pub arrival_times: bool,
}

/// The options of a socket.
pub type SocketOptions = PortOptions;

impl Default for PortOptions {
    fn default() -> Self {
        Self {
            dscp: EXPEDITED_FORWARDING,
            receive_buffer: None,
            send_buffer: None,
            v6_only: false,
            arrival_times: false,
        }
    }
}

/// True for an error by which the kernel says that it has nothing left to open a socket with, of descriptors or of memory:
/// the next attempt may fare better, and no other port would.
#[must_use]
pub fn is_exhaustion(error: &io::Error) -> bool {
    const KINDS: [i32; 5] = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS, libc::ENOSPC];
    error.raw_os_error().is_some_and(|errno| KINDS.contains(&errno))
}

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    inner: Socket,
    local: SocketAddr,
    arrival_times: bool,
    /// What came to the port past this socket, and no worker has received yet. Empty but while a port moves.
    backlog: VecDeque<(SocketAddr, PacketBuf)>,
}

impl UdpSocket {
    /// Binds `address` (port 0: any free one) and applies `options`.
    ///
    /// # Errors
    /// The kernel's: address in use, not of this machine, no descriptors left; `InvalidInput` for a DSCP over 63.
    pub fn bind(address: SocketAddr, options: &PortOptions) -> io::Result<Self> {
        let inner = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        inner.set_nonblocking(true)?;
        if address.is_ipv6() {
            inner.set_only_v6(options.v6_only)?;
        }
        if let Some(bytes) = options.receive_buffer {
            inner.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = options.send_buffer {
            inner.set_send_buffer_size(bytes)?;
        }
        inner.bind(&address.into())?;
        let local = inner.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut socket = Self { inner, local, arrival_times: false, backlog: VecDeque::new() };
        socket.set_dscp(options.dscp)?;
        if options.arrival_times {
            socket.set_arrival_times(true)?;
        }
        Ok(socket)
    }

    /// The address bound to, with the port the kernel chose where it was left open.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Marks what is sent from now on with `dscp`, 0..=63.
    ///
    /// A v6 socket is given both marks, TCLASS and TOS: what it sends to a v4-mapped address goes out as v4, and
    /// Linux marks that with the socket's TOS.
    ///
    /// # Errors
    /// `InvalidInput` for a DSCP over 63, else the kernel's.
    pub fn set_dscp(&self, dscp: u8) -> io::Result<()> {
        if dscp > MAX_DSCP {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("dscp {dscp} exceeds {MAX_DSCP}"),
            ));
        }
        let octet = u32::from(dscp) << 2;
        if self.is_v6() {
            self.inner.set_tclass_v6(octet)?;
        }
        if !self.is_v6() || self.carries_v4()? {
            self.inner.set_tos_v4(octet)?;
        }
        Ok(())
    }

    /// Sets whether the kernel notes from now on when each datagram arrives (`SO_TIMESTAMPNS`).
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_arrival_times(&mut self, wanted: bool) -> io::Result<()> {
        let value = libc::c_int::from(wanted);
        #[expect(clippy::cast_possible_truncation, reason = "4 bytes")]
        let len = size_of_val(&value) as libc::socklen_t;
        // SAFETY: setsockopt(2) reads as many bytes of the value as the length says, here a live local's own size.
        let result = unsafe {
            libc::setsockopt(
                self.raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPNS,
                (&raw const value).cast(),
                len,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        self.arrival_times = wanted;
        Ok(())
    }

    /// Datagrams that the kernel dropped on arrival since the socket was made, above all for want of room in the
    /// receive buffer. A system call: for a round of statistics, not for each packet.
    ///
    /// # Errors
    /// The kernel's, where it does not keep the figure (before Linux 4.12).
    pub fn dropped(&self) -> io::Result<u32> {
        let mut figures = [0_u32; MEMINFO_FIGURES];
        #[expect(clippy::cast_possible_truncation, reason = "36 bytes")]
        let mut len = size_of_val(&figures) as libc::socklen_t;
        // SAFETY: getsockopt(2) writes at most as many bytes as the length says on entry, here the array's own
        // size, and the length; both are live locals. SO_MEMINFO is an array of u32.
        let result = unsafe {
            libc::getsockopt(
                self.raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                figures.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        if result == 0 { Ok(figures[MEMINFO_FIGURES - 1]) } else { Err(io::Error::last_os_error()) }
    }

    /// True where the kernel notes when each datagram arrives.
    pub(crate) fn keeps_arrival_times(&self) -> bool {
        self.arrival_times
    }

    /// The DSCP that is set.
    pub(crate) fn dscp(&self) -> io::Result<u8> {
        let octet = if self.is_v6() { self.inner.tclass_v6()? } else { self.inner.tos_v4()? };
        Ok(u8::try_from(octet >> 2).unwrap_or(0))
    }

    /// Gives the port what came to it on another way than by this socket.
    pub(crate) fn set_backlog(&mut self, backlog: VecDeque<(SocketAddr, PacketBuf)>) {
        self.backlog = backlog;
    }

    pub(crate) fn take_backlog(&mut self) -> VecDeque<(SocketAddr, PacketBuf)> {
        std::mem::take(&mut self.backlog)
    }

    /// True where the socket is of family v6, so that v4 destinations must be mapped.
    pub(crate) fn is_v6(&self) -> bool {
        self.local.is_ipv6()
    }

    /// The descriptor, which stays open as long as `self` lives.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }

    fn carries_v4(&self) -> io::Result<bool> {
        let can = match self.local {
            SocketAddr::V4(_) => true,
            SocketAddr::V6(v6) => *v6.ip() == Ipv6Addr::UNSPECIFIED || v6.ip().to_ipv4_mapped().is_some(),
        };
        Ok(can && !(self.is_v6() && self.inner.only_v6()?))
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}
