//! The program packet by packet (BPF_PROG_TEST_RUN), against what it is meant to do and against the parser as its twin.

use std::cell::Cell;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use mediapoint_packet::frame::{FrameHeader, Link, MAX_HEADER, Mac, UdpFrame};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::*;

const XDP_REDIRECT: u32 = 4;
const PASS: u32 = 2;

const PORT4: &str = "198.51.100.7:30000";
const PORT6: &str = "[2001:db8::2]:30000";

/// The program with a socket at queue 0, which tests run it on; `None`, with the reason printed, where the machine does not
/// let us.
pub(in crate::xdp) fn loaded(forwarding: Option<Forwarding>) -> Option<(Steering, OwnedFd)> {
    let steering = match Steering::load(forwarding) {
        Ok(steering) => steering,
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            println!("skipped: programs of the kernel need CAP_BPF and CAP_NET_ADMIN ({error})");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    // SAFETY: socket(2) takes no memory.
    let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: socket(2) has just made it, and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    steering.socket(0, socket.as_fd()).unwrap();
    Some((steering, socket))
}

/// The program without forwarding, with both ports served at queue 0; `None` as [`loaded`].
fn steering() -> Option<(Steering, OwnedFd)> {
    let (steering, socket) = loaded(None)?;
    for port in [PORT4, PORT6] {
        steering.serve(port.parse().unwrap(), 0).unwrap();
    }
    Some((steering, socket))
}

fn frame(from: &str, to: &str, vlan: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let link = Link { destination: Mac([2, 0, 0, 0, 0, 1]), source: Mac([2, 0, 0, 0, 0, 2]), vlan };
    let header = FrameHeader { link, from: from.parse().unwrap(), to: to.parse().unwrap(), dscp: 46 };
    let mut room = vec![0; MAX_HEADER + payload.len()];
    let len = header.write(payload, &mut room).unwrap();
    room.truncate(len);
    room
}

fn v4(payload: &[u8]) -> Vec<u8> {
    frame("192.0.2.1:5004", PORT4, None, payload)
}

fn v6(payload: &[u8]) -> Vec<u8> {
    frame("[2001:db8::1]:5004", PORT6, None, payload)
}

#[test]
fn datagrams_to_served_ports_go_to_the_socket_in_both_families_tagged_and_not() {
    let Some((steering, _socket)) = steering() else { return };
    for (from, to) in [("192.0.2.1:5004", PORT4), ("[2001:db8::1]:5004", PORT6)] {
        for vlan in [None, Some(0), Some(4095)] {
            for payload in [&b""[..], b"x", &[7; 172], &[7; 1500]] {
                let frame = frame(from, to, vlan, payload);
                assert_eq!(steering.program().run(&frame).unwrap(), XDP_REDIRECT, "{to} {vlan:?}");
            }
        }
    }
}

#[test]
fn other_ports_and_other_addresses_are_the_kernels() {
    let Some((steering, _socket)) = steering() else { return };
    let cases = [
        ("192.0.2.1:5004", "198.51.100.7:30001"),
        ("192.0.2.1:5004", "198.51.100.8:30000"),
        ("192.0.2.1:30000", "198.51.100.7:5004"),
        ("198.51.100.7:30000", "192.0.2.1:5004"),
        ("[2001:db8::1]:5004", "[2001:db8::2]:30001"),
        ("[2001:db8::1]:5004", "[2001:db8::3]:30000"),
        ("[2001:db8::1]:5004", "[2001:db9::2]:30000"),
    ];
    for (from, to) in cases {
        assert_eq!(steering.program().run(&frame(from, to, None, b"x")).unwrap(), PASS, "{to}");
    }
}

#[test]
fn what_the_parser_refuses_as_the_kernels_is_the_kernels() {
    let Some((steering, _socket)) = steering() else { return };
    let run = |frame: &[u8]| steering.program().run(frame).unwrap();
    let change = |mut frame: Vec<u8>, at: usize, octet: u8| {
        frame[at] = octet;
        frame
    };
    assert_eq!(run(&change(v4(b"payload"), 14, 0x46)), PASS, "options");
    assert_eq!(run(&change(v4(b"payload"), 14, 0x65)), PASS, "another version");
    assert_eq!(run(&change(v4(b"payload"), 20, 0x20)), PASS, "more fragments");
    assert_eq!(run(&change(v4(b"payload"), 21, 1)), PASS, "a later fragment");
    assert_eq!(run(&change(v4(b"payload"), 23, 6)), PASS, "TCP");
    assert_eq!(run(&change(v6(b"payload"), 20, 44)), PASS, "a fragment header");
    assert_eq!(run(&change(v4(b"payload"), 13, 6)), PASS, "ARP");
    let mut twice = v4(b"payload");
    twice.splice(12..12, [0x81, 0, 0, 1, 0x81, 0, 0, 2]);
    assert_eq!(run(&twice), PASS, "two tags");
    // The longest that is steered, and one more.
    let room = usize::from(LONGEST_FRAME) - 42;
    assert_eq!(run(&v4(&vec![1; room])), XDP_REDIRECT);
    assert_eq!(run(&v4(&vec![1; room + 1])), PASS);
    for frame in [v4(b""), v6(b"")] {
        // The kernel takes no shorter ones than an Ethernet header.
        for len in 15..frame.len() {
            assert_eq!(run(&frame[..len]), PASS, "{len} octets");
        }
        assert_eq!(run(&frame), XDP_REDIRECT);
    }
}

#[test]
fn a_port_goes_and_comes_as_it_is_served_and_by_its_queue() {
    let Some((steering, socket)) = steering() else { return };
    let run = || steering.program().run(&v4(b"x")).unwrap();
    let port = PORT4.parse().unwrap();
    steering.leave(port);
    assert_eq!(run(), PASS);
    steering.leave(port);
    // Served, but by the socket of another queue than the one that tests run on.
    steering.socket(1, socket.as_fd()).unwrap();
    steering.serve(port, 1).unwrap();
    assert_eq!(run(), PASS);
    steering.serve(port, 0).unwrap();
    assert_eq!(run(), XDP_REDIRECT);
    // Without its socket everything is the kernel's.
    assert!(socket.as_raw_fd() >= 0);
    drop(socket);
    assert_eq!(run(), PASS);
}

#[test]
fn a_frame_is_steered_just_where_its_twin_reads_a_served_port() {
    let Some((steering, _socket)) = steering() else { return };
    let served: [SocketAddr; 2] = [PORT4.parse().unwrap(), PORT6.parse().unwrap()];
    let frames = (any::<bool>(), prop::option::of(any::<u16>()), vec(any::<u8>(), 0..40)).prop_map(
        |(six, vlan, payload)| {
            let (from, to) = if six { ("[2001:db8::1]:5004", PORT6) } else { ("192.0.2.1:5004", PORT4) };
            frame(from, to, vlan, &payload)
        },
    );
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let steered = Cell::new(0_u32);
    let mut runner = TestRunner::default();
    let result = runner.run(&(frames, changes), |(mut frame, changes)| {
        for (at, value) in changes {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        let redirected = steering.program().run(&frame).unwrap() == XDP_REDIRECT;
        steered.set(steered.get() + u32::from(redirected));
        // The parser also refuses what has wrong sums, lengths or sources: such frames may be steered, to be dropped.
        if let Ok(read) = UdpFrame::read(&frame)
            && redirected != served.contains(&read.to)
        {
            return Err(TestCaseError::fail(format!("{} steered: {redirected}", read.to)));
        }
        Ok(())
    });
    result.unwrap();
    assert!(steered.get() > 50, "{steered:?} of 256");
}
