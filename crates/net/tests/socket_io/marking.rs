//! DSCP: what is sent is marked, in both families, and on dual-stack sockets whichever family it leaves in.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket as Plain};
use std::os::fd::AsRawFd;

use crate::common::{LONG, packet};
use mediapoint_net::{PacketIo, Port, PortOptions, SocketIo, SocketIoConfig, UdpSocket};
use mediapoint_packet::PacketPool;

/// A receiver that is told the traffic class of what comes.
fn receiver(address: &str) -> Plain {
    let socket = Plain::bind(address).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let told = socket2::SockRef::from(&socket);
    if socket.local_addr().unwrap().is_ipv4() {
        told.set_recv_tos_v4(true).unwrap();
    } else {
        told.set_recv_tclass_v6(true).unwrap();
    }
    socket
}

/// The traffic class octet of the next datagram, as the kernel read it from the header.
fn class_of_next(socket: &Plain) -> u8 {
    let mut bytes = [0_u8; 64];
    // Aligned as a control message must be.
    let mut control = [0_u64; 16];
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: a msghdr is integers and pointers, for which zero is a value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control);
    // SAFETY: recvmsg(2) writes to the parts and the control buffer named in the header, all live locals.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0) };
    assert!(received >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: cmsg(3): the first header of a control buffer that recvmsg filled, or null.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    assert!(!first.is_null(), "no control message came");
    // SAFETY: not null, so a whole header lies there.
    let control_header = unsafe { *first };
    let kind = (control_header.cmsg_level, control_header.cmsg_type);
    // SAFETY: the data follow the header.
    let data = unsafe { libc::CMSG_DATA(first) };
    match kind {
        // SAFETY: ip(7): IP_TOS carries one octet.
        (libc::IPPROTO_IP, libc::IP_TOS) => unsafe { *data },
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
            // SAFETY: ipv6(7): IPV6_TCLASS carries an int; it need not be aligned.
            let class = unsafe { data.cast::<libc::c_int>().read_unaligned() };
            u8::try_from(class).unwrap()
        }
        other => panic!("control message {other:?}"),
    }
}

/// The DSCP with which a socket bound to `from` reaches a receiver at `to`, after setting it to `dscp`.
fn dscp_on_arrival(from: &str, to: &str, dscp: u8) -> u8 {
    let receiver = receiver(to);
    let options = PortOptions { dscp, ..PortOptions::default() };
    let socket = UdpSocket::bind(from.parse().unwrap(), &options).unwrap();
    let (mut io, mut pool) = (SocketIo::new(SocketIoConfig::default()).unwrap(), PacketPool::new(1));
    let port = io.attach(socket).unwrap();
    io.send(port, receiver.local_addr().unwrap(), packet(b"x"), &mut pool);
    io.flush(&mut pool);
    let class = class_of_next(&receiver);
    assert_eq!(class & 3, 0, "the two ECN bits are not ours");
    class >> 2
}

// test-of: [RFC2474 3], [RFC4594 4.1]
#[test]
fn both_families_are_marked_on_sockets_of_their_own() {
    for dscp in [0, 8, 46, 63] {
        assert_eq!(dscp_on_arrival("127.0.0.1:0", "127.0.0.1:0", dscp), dscp);
        assert_eq!(dscp_on_arrival("[::1]:0", "[::1]:0", dscp), dscp);
    }
}

#[test]
fn a_dual_stack_socket_marks_both_families() {
    for dscp in [0, 34, 46] {
        assert_eq!(dscp_on_arrival("[::]:0", "127.0.0.1:0", dscp), dscp, "v4-mapped");
        assert_eq!(dscp_on_arrival("[::]:0", "[::1]:0", dscp), dscp, "v6");
        assert_eq!(dscp_on_arrival("[::ffff:127.0.0.1]:0", "127.0.0.1:0", dscp), dscp, "bound to v4-mapped");
    }
}

#[test]
fn voice_is_marked_expedited_forwarding_unless_told_otherwise() {
    assert_eq!(PortOptions::default().dscp, 46);
}

#[test]
fn a_mark_can_be_changed_while_the_socket_is_in_use() {
    let receiver = receiver("127.0.0.1:0");
    let both = UdpSocket::bind("[::]:0".parse().unwrap(), &PortOptions::default()).unwrap();
    let (mut io, mut pool) = (SocketIo::new(SocketIoConfig::default()).unwrap(), PacketPool::new(1));
    let port = io.attach(both).unwrap();
    let mut arrives_with = |io: &mut SocketIo| {
        io.send(port, receiver.local_addr().unwrap(), packet(b"x"), &mut pool);
        io.flush(&mut pool);
        class_of_next(&receiver) >> 2
    };
    assert_eq!(arrives_with(&mut io), 46);
    io.set_dscp(port, 10).unwrap();
    assert_eq!(arrives_with(&mut io), 10);
    assert_eq!(io.set_dscp(port, 64).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(io.set_dscp(Port::new(1), 10).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_dscp_of_seven_bits_is_refused() {
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let options = PortOptions { dscp: 64, ..PortOptions::default() };
    let error = UdpSocket::bind(address, &options).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, "dscp 64 exceeds 63"));
}

#[test]
fn a_v6_only_socket_leaves_the_v4_port_free() {
    let options = PortOptions { v6_only: true, ..PortOptions::default() };
    let six = UdpSocket::bind("[::]:0".parse().unwrap(), &options).unwrap();
    let four = SocketAddr::from(([0, 0, 0, 0], six.local_addr().port()));
    UdpSocket::bind(four, &PortOptions::default()).unwrap();
}

#[test]
fn buffer_sizes_are_asked_of_the_kernel() {
    let size = |receive_buffer| {
        let options = PortOptions { receive_buffer, ..PortOptions::default() };
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
        socket2::SockRef::from(&socket).recv_buffer_size().unwrap()
    };
    // socket(7): the kernel doubles what is asked for.
    assert_eq!(size(Some(20_000)), 40_000);
    assert_ne!(size(None), 40_000);
}
