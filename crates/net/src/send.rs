//! The send batch: datagrams queued during a round, sent in runs of one socket, buffers given back.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::ptr;

use mediapoint_packet::{PacketBuf, PacketPool};

use crate::address::RawAddress;
use crate::counters::Counters;
use crate::socket::UdpSocket;

/// The most datagrams one call sends.
const MAX_RUN: usize = 16;

/// One datagram on its way.
struct Outgoing {
    key: u32,
    to: SocketAddr,
    packet: PacketBuf,
    /// Sent, or given up: only the buffer is still to be given back.
    done: bool,
}

/// Datagrams queued for sending, in order.
pub(crate) struct SendBatch {
    queue: Vec<Outgoing>,
    size: usize,
}

impl SendBatch {
    pub(crate) fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { queue: Vec::with_capacity(size), size }
    }

    /// Queues a datagram; true where the batch is full now and must be flushed.
    pub(crate) fn push(&mut self, key: u32, to: SocketAddr, packet: PacketBuf) -> bool {
        self.queue.push(Outgoing { key, to, packet, done: false });
        self.queue.len() >= self.size
    }

    /// Sends all that is queued and gives the buffers back.
    pub(crate) fn flush<'a>(
        &mut self,
        socket_of: impl Fn(u32) -> Option<&'a UdpSocket>,
        counters: &mut Counters,
        pool: &mut PacketPool,
    ) {
        for run in self.queue.chunk_by(|a, b| a.key == b.key && !a.done && !b.done) {
            let Some(first) = run.first().filter(|first| !first.done) else { continue };
            match socket_of(first.key) {
                Some(socket) => run.chunks(MAX_RUN).for_each(|part| send_run(socket, part, counters)),
                None => run.iter().for_each(|_| counters.send_without_socket()),
            }
        }
        for outgoing in self.queue.drain(..) {
            pool.give(outgoing.packet);
        }
    }

    /// Sends what is queued for one socket that is about to go; the buffers follow with the next flush.
    pub(crate) fn flush_one(&mut self, key: u32, socket: &UdpSocket, counters: &mut Counters) {
        for outgoing in self.queue.iter_mut().filter(|outgoing| outgoing.key == key && !outgoing.done) {
            send_one(socket, outgoing, counters);
            outgoing.done = true;
        }
    }
}

/// Sends a run of at most [`MAX_RUN`] datagrams of one socket; each that fails is counted and left behind.
fn send_run(socket: &UdpSocket, run: &[Outgoing], counters: &mut Counters) {
    if let [one] = run {
        return send_one(socket, one, counters);
    }
    let mut rest = run;
    while !rest.is_empty() {
        let skip = match send_many(socket, rest) {
            Ok(sent) => {
                counters.sent += sent as u64;
                sent.max(1)
            }
            Err(error) => {
                counters.send_failed(error.raw_os_error().unwrap_or(0));
                1
            }
        };
        counters.send_calls += 1;
        rest = rest.get(skip..).unwrap_or_default();
    }
}

fn send_one(socket: &UdpSocket, outgoing: &Outgoing, counters: &mut Counters) {
    let bytes = outgoing.packet.bytes();
    let (to, to_len) = RawAddress::for_socket(outgoing.to, socket.is_v6());
    // SAFETY: sendto(2) reads `len` bytes of the buffer and `addrlen` bytes of the address; both are live for the
    // call and as long as is said.
    let result = unsafe {
        libc::sendto(
            socket.raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            (&raw const to).cast(),
            to_len,
        )
    };
    counters.send_calls += 1;
    if result < 0 {
        counters.send_failed(io::Error::last_os_error().raw_os_error().unwrap_or(0));
    } else {
        counters.sent += 1;
    }
}

/// One `sendmmsg`; returns how many went.
fn send_many(socket: &UdpSocket, run: &[Outgoing]) -> io::Result<usize> {
    // SAFETY: msghdr and mmsghdr are integers and pointers, for which all zero is a value (no buffers).
    let mut headers: [libc::mmsghdr; MAX_RUN] = unsafe { mem::zeroed() };
    let mut parts = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; MAX_RUN];
    let mut names = [RawAddress::ZERO; MAX_RUN];
    let mut count = 0;
    for (((outgoing, header), part), name) in run.iter().zip(&mut headers).zip(&mut parts).zip(&mut names) {
        let bytes = outgoing.packet.bytes();
        part.iov_base = bytes.as_ptr().cast_mut().cast();
        part.iov_len = bytes.len();
        let (to, to_len) = RawAddress::for_socket(outgoing.to, socket.is_v6());
        *name = to;
        header.msg_hdr.msg_name = (&raw mut *name).cast();
        header.msg_hdr.msg_namelen = to_len;
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
        count += 1;
    }
    // SAFETY: sendmmsg(2) reads the names and the bytes behind each iovec, and writes only msg_len of the first
    // `count` headers. Headers, iovecs and names are locals that live past the call; the bytes are borrowed in
    // `run`, and a send never writes them.
    let result = unsafe {
        libc::sendmmsg(socket.raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
    };
    // sendmmsg(2): with an error after the first datagram it returns the number sent, and the next call, which
    // begins with the failing one, returns the error.
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
