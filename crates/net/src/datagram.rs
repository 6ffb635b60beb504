//! One datagram in, one datagram out: the system calls of the media path.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use crate::address::{RAW_LEN, RawAddress};
use crate::clock;

/// Octets that the kernel may write: more than any UDP datagram has, of which 65,527 is the longest, over IPv6.
pub(crate) const LANDING: usize = 65_536;

/// What one receive call found.
pub(crate) enum Arrival {
    /// A whole datagram: whose it is, its length, and when it arrived, in nanoseconds of the wall clock, where that was
    /// asked for.
    Whole(SocketAddr, usize, Option<u64>),
    /// One that exceeded the room, or came from nowhere.
    Unusable,
}

/// Receives one datagram to the beginning of `room`, without waiting.
pub(crate) fn receive(fd: RawFd, room: &mut [u8]) -> io::Result<Arrival> {
    let len = room.len();
    let (mut from, mut from_len) = (RawAddress::ZERO, RAW_LEN);
    // SAFETY: recvfrom(2) writes at most `len` bytes to the buffer and `from_len` bytes to the address; both have as many
    // and are borrowed mutably until it returns.
    let result = unsafe {
        libc::recvfrom(
            fd,
            room.as_mut_ptr().cast(),
            len,
            // With MSG_TRUNC it returns the datagram's own length, so that a cut one is known.
            libc::MSG_DONTWAIT | libc::MSG_TRUNC,
            (&raw mut from).cast(),
            &raw mut from_len,
        )
    };
    finish(result, &from, None, len)
}

/// [`receive`], with the time of arrival of a socket that keeps it (`SO_TIMESTAMPNS`).
pub(crate) fn receive_stamped(fd: RawFd, room: &mut [u8]) -> io::Result<Arrival> {
    let len = room.len();
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: len };
    let mut from = RawAddress::ZERO;
    // Room for one control message of a timespec, aligned as its header must be.
    let mut control = [0_u64; 8];
    // SAFETY: a msghdr is integers and pointers, for which all zero is a value (no buffers).
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_name = (&raw mut from).cast();
    header.msg_namelen = RAW_LEN;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control) as _;
    // SAFETY: recvmsg(2) writes to the header, and at most as many bytes to the name, the part and the control buffer as the
    // header says. All are live, have as many, and nothing else uses them until it returns.
    let result = unsafe { libc::recvmsg(fd, &raw mut header, libc::MSG_DONTWAIT | libc::MSG_TRUNC) };
    let stamp = if result < 0 { None } else { stamp(&header) };
    finish(result, &from, stamp, len)
}

/// The time of arrival among the control messages of a header that recvmsg filled.
fn stamp(header: &libc::msghdr) -> Option<u64> {
    // SAFETY: cmsg(3): the first header in the control buffer, or null where there is none.
    let first = unsafe { libc::CMSG_FIRSTHDR(header) };
    if first.is_null() {
        return None;
    }
    // SAFETY: not null, so the kernel wrote a whole header there, in a buffer that is aligned for it.
    let kind = unsafe { &*first };
    if (kind.cmsg_level, kind.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
        return None;
    }
    // SAFETY: cmsg(3): where the header's data are.
    let data = unsafe { libc::CMSG_DATA(first) };
    // SAFETY: socket(7): the data of SCM_TIMESTAMPNS are one timespec; it need not be aligned.
    let time = unsafe { data.cast::<libc::timespec>().read_unaligned() };
    Some(clock::nanos(&time))
}

fn finish(result: libc::ssize_t, from: &RawAddress, stamp: Option<u64>, room: usize) -> io::Result<Arrival> {
    let Ok(len) = usize::try_from(result) else { return Err(io::Error::last_os_error()) };
    Ok(match from.canonical() {
        Some(from) if len <= room => Arrival::Whole(from, len, stamp),
        _ => Arrival::Unusable,
    })
}

/// Sends one datagram, without waiting.
pub(crate) fn send(fd: RawFd, v6: bool, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    let (to, to_len) = RawAddress::for_socket(to, v6);
    // SAFETY: sendto(2) reads `len` bytes of the buffer and `addrlen` bytes of the address; both are live for the
    // call and as long as is said.
    let result = unsafe {
        libc::sendto(
            fd,
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            (&raw const to).cast(),
            to_len,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
