//! The receive batch: buffers lent by the pool, filled by one `recvmmsg`, handed out one by one.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::ptr;

use mediapoint_packet::buffer::{CAPACITY, TAIL_ROOM};
use mediapoint_packet::{PacketBuf, PacketPool};

use crate::address::{RAW_LEN, RawAddress};
use crate::socket::UdpSocket;

/// The most datagrams one call takes.
pub(crate) const MAX_BATCH: usize = 32;

/// Bytes of a buffer that a datagram may fill.
const ROOM: usize = CAPACITY - TAIL_ROOM;

/// One place of the batch.
struct Slot {
    /// Lent by the pool; stays for the next call where a datagram did not use it.
    packet: Option<PacketBuf>,
    from: RawAddress,
    len: usize,
    truncated: bool,
}

/// What one place of the batch held.
pub(crate) enum Datagram {
    /// A whole datagram and whose it is.
    Whole(SocketAddr, PacketBuf),
    /// One that exceeded the buffer, or came from nowhere. The buffer stays.
    Unusable,
}

/// Up to [`MAX_BATCH`] datagrams of one socket.
pub(crate) struct ReceiveBatch {
    slots: Vec<Slot>,
    /// Places filled by the last call, and how many of them were taken since.
    filled: usize,
    taken: usize,
}

impl ReceiveBatch {
    pub(crate) fn new(size: usize) -> Self {
        let slot = || Slot { packet: None, from: RawAddress::ZERO, len: 0, truncated: false };
        let slots = (0..size.clamp(1, MAX_BATCH)).map(|_| slot()).collect();
        Self { slots, filled: 0, taken: 0 }
    }

    /// The next datagram of the last call; `None` where all were taken.
    pub(crate) fn next(&mut self) -> Option<Datagram> {
        if self.taken == self.filled {
            return None;
        }
        let slot = self.slots.get_mut(self.taken)?;
        self.taken += 1;
        let from = slot.from.canonical().filter(|_| !slot.truncated);
        Some(match (from, slot.packet.take()) {
            (Some(from), Some(mut packet)) => {
                packet.set_len(slot.len);
                Datagram::Whole(from, packet)
            }
            (_, packet) => {
                slot.packet = packet;
                Datagram::Unusable
            }
        })
    }

    /// Forgets what was not taken; the buffers stay.
    pub(crate) fn clear(&mut self) {
        self.taken = self.filled;
    }

    /// Lends buffers to the first `want` places; returns how many have one.
    pub(crate) fn refill(&mut self, want: usize, pool: &mut PacketPool) -> usize {
        let mut ready = 0;
        for slot in self.slots.iter_mut().take(want) {
            if slot.packet.is_none() {
                slot.packet = pool.take();
            }
            if slot.packet.is_none() {
                break;
            }
            ready += 1;
        }
        ready
    }

    /// Receives up to `want` datagrams of `socket` with one call; returns how many came.
    ///
    /// All earlier ones must have been taken. Fewer than `want` means that the socket was empty at that moment.
    pub(crate) fn fill(&mut self, socket: &UdpSocket, want: usize) -> io::Result<usize> {
        // SAFETY: msghdr and mmsghdr are integers and pointers, for which all zero is a value (no buffers).
        let mut headers: [libc::mmsghdr; MAX_BATCH] = unsafe { mem::zeroed() };
        let mut parts = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; MAX_BATCH];
        let mut count = 0;
        for ((slot, header), part) in self.slots.iter_mut().zip(&mut headers).zip(&mut parts).take(want) {
            let Some(packet) = &mut slot.packet else { break };
            part.iov_base = packet.storage_mut().as_mut_ptr().cast();
            part.iov_len = ROOM;
            header.msg_hdr.msg_name = (&raw mut slot.from).cast();
            header.msg_hdr.msg_namelen = RAW_LEN;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            count += 1;
        }
        self.filled = 0;
        self.taken = 0;
        // SAFETY: recvmmsg(2) writes to the first `count` headers, to the RAW_LEN bytes of each name and to at
        // most ROOM bytes behind each iovec. All of these are borrowed mutably from live values above, the
        // buffers hold CAPACITY > ROOM bytes, and nothing else touches them before it returns.
        let result = unsafe {
            libc::recvmmsg(socket.raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT, ptr::null_mut())
        };
        let Ok(received) = usize::try_from(result) else { return Err(io::Error::last_os_error()) };
        for (slot, header) in self.slots.iter_mut().zip(&headers).take(received) {
            slot.len = (header.msg_len as usize).min(ROOM);
            slot.truncated = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        }
        self.filled = received;
        Ok(received)
    }
}
