//! The program packet by packet (BPF_PROG_TEST_RUN), against its twin.

use std::cell::Cell as Count;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use mediapoint_packet::Time;
use mediapoint_packet::frame::{FrameHeader, Link, MAX_HEADER, Mac, UdpFrame};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::twin::{PASS, REDIRECT, TX, Twin, pseudo};
use super::*;
use crate::clock::Clock;
use crate::forwarding::ForwardingRule;
use crate::io::Port;
use crate::xdp::cells::{Cell, State};
use crate::xdp::rules::{self, Place};
use crate::xdp::steer::tests::loaded;
use crate::xdp::steer::{Forwarding, Steering};

const IN: Link = Link { destination: Mac([2, 0, 0, 0, 0, 1]), source: Mac([2, 0, 0, 0, 0, 2]), vlan: None };
const OUT: Link = Link { destination: Mac([2, 0, 0, 0, 0, 3]), source: Mac([2, 0, 0, 0, 0, 1]), vlan: None };

/// The program with room for some rules; `None` where the machine does not let us.
fn steering(partial: Partial) -> Option<(Steering, OwnedFd)> {
    loaded(Some(Forwarding { rules: 4, partial }))
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The transit of a packet that comes now.
fn transit_now(rate: u32, timestamp: u32) -> i64 {
    Twin::transit(rate, Clock::new().now().as_nanos(), timestamp)
}

/// A rule of PCMU in each family, and what it leaves with.
fn twin(six: bool, vlan: Option<u16>, partial: Partial) -> Twin {
    let [from, local, out, to] = if six {
        ["[2001:db8::1]:5004", "[2001:db8::2]:30000", "[2001:db8::2]:30002", "[2001:db8:1::9]:6000"]
    } else {
        ["192.0.2.1:5004", "198.51.100.7:30000", "198.51.100.7:30002", "203.0.113.9:6000"]
    }
    .map(address);
    let rule = ForwardingRule {
        port: Port::new(0),
        from,
        ssrc: 0x1234_5678,
        payload_type: 0,
        payload_len: 160,
        sequence: 65_530,
        timestamp: 0xffff_ff00,
        transit: transit_now(8000, 0xffff_ff00),
        jitter: 160,
        clock_rate: 8000,
        at: Time::from_nanos(1),
        out: Port::new(1),
        to,
        out_ssrc: 0x9abc_def0,
        out_payload_type: 8,
        sequence_offset: 1_000,
        timestamp_offset: 0x8000_0001,
    };
    let out = FrameHeader { link: Link { vlan, ..OUT }, from: out, to, dscp: 46 };
    Twin { rule, local, out, partial, state: rules::first_state(&rule), open: true }
}

impl Twin {
    /// A packet of the stream, `ahead` of the first. Its media are short, so that no gap is a leap.
    fn packet(&self, ahead: u16) -> Vec<u8> {
        let rule = &self.rule;
        let mut rtp = vec![0x80, rule.payload_type];
        rtp.extend(rule.sequence.wrapping_add(ahead).to_be_bytes());
        rtp.extend(rule.timestamp.wrapping_add(20 * u32::from(ahead)).to_be_bytes());
        rtp.extend(rule.ssrc.to_be_bytes());
        rtp.extend((0..rule.payload_len).map(|at| u8::try_from((at + ahead) % 251).unwrap()));
        self.frame(&rtp)
    }

    /// A frame from the sender, tagged like those that leave, but differently.
    fn frame(&self, payload: &[u8]) -> Vec<u8> {
        let link = Link { vlan: self.out.link.vlan.map(|tag| tag ^ 1), ..IN };
        let header = FrameHeader { link, from: self.rule.from, to: self.local, dscp: 0 };
        let mut room = vec![0; MAX_HEADER + payload.len()];
        let len = header.write(payload, &mut room).unwrap();
        room.truncate(len);
        room
    }

    fn ip(&self) -> usize {
        if self.out.link.vlan.is_some() { 18 } else { 14 }
    }

    fn udp(&self) -> usize {
        self.ip() + if self.local.is_ipv4() { 20 } else { 40 }
    }
}

/// The program with a rule, beside its twin.
struct Beside<'a> {
    steering: &'a Steering,
    place: Place,
    twin: Twin,
}

impl<'a> Beside<'a> {
    fn new(steering: &'a Steering, twin: Twin) -> Self {
        let fixed = rules::fixed(&twin.rule, twin.local, &twin.out).unwrap();
        let place = steering.rules().unwrap().open(&fixed, &twin.state).unwrap();
        steering.serve_by_rule(twin.local, 0, place).unwrap();
        Self { steering, place, twin }
    }

    fn cell(&self) -> &Cell {
        self.steering.rules().unwrap().cell(self.place).unwrap()
    }

    /// Runs both; `Err` says where they differ, else what the program returned and the frame it left.
    fn run(&mut self, frame: &[u8]) -> Result<(u32, Vec<u8>), String> {
        let before = Clock::new().now().as_nanos();
        let (returned, left) = self.steering.program().run_over(frame).map_err(|error| error.to_string())?;
        let after = Clock::new().now().as_nanos();
        let state: State = self.cell().state();
        let mut expected = frame.to_vec();
        let came = if returned == TX { state.at } else { after };
        let verdict = self.twin.take(came, &mut expected);
        if returned != verdict {
            return Err(format!("returned {returned} and not {verdict}: {:?}", self.twin));
        }
        if left != expected {
            return Err(format!("left {left:x?}\n not {expected:x?}: {:?}", self.twin));
        }
        if (state, self.cell().is_open()) != (self.twin.state, self.twin.open) {
            return Err(format!("{state:?}, open: {}, and not {:?}", self.cell().is_open(), self.twin));
        }
        if !self.cell().is_left() {
            return Err("the gate was not left".into());
        }
        // The program's clock is the crate's.
        if returned == TX && !(before..=after).contains(&state.at) {
            return Err(format!("{} is not in {before}..={after}", state.at));
        }
        Ok((returned, left))
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        self.steering.rules().unwrap().end(self.place);
        self.steering.leave(self.twin.local);
    }
}

#[test]
fn a_stream_is_forwarded_as_the_engine_would_send_it() {
    for partial in [Partial::Complete, Partial::Keep] {
        let Some((steering, _socket)) = steering(partial) else { return };
        for (six, vlan) in [(false, None), (true, None), (false, Some(7)), (true, Some(4094))] {
            let mut both = Beside::new(&steering, twin(six, vlan, partial));
            let mut ahead = 0;
            // With gaps, and over the end of the numbers.
            for step in [1, 1, 1, 2, 64, 1, 3, 1] {
                ahead += step;
                let (returned, left) = both.run(&both.twin.packet(ahead)).unwrap();
                assert_eq!(returned, TX, "{six} {vlan:?}");
                let read = UdpFrame::read(&left).unwrap();
                let out = both.twin.out;
                assert_eq!((read.link, read.from, read.to, read.dscp), (out.link, out.from, out.to, 46));
                assert_eq!(read.payload[..2], [0x80, 8]);
                assert_eq!(read.payload[12..], both.twin.packet(ahead)[both.twin.udp() + 20..]);
            }
            let state = both.cell().state();
            assert_eq!((state.packets, state.bursts, state.newest), (8, 3, 65_530 + 74));
            // 74, 73, 70, 69; the others are too far behind.
            assert_eq!(state.seen, 0b11_0011);
        }
    }
}

/// A packet that does not fit closes the rule: it and all that follow go to the socket, as they came.
#[test]
fn what_does_not_fit_closes_the_rule() {
    let Some((steering, _socket)) = steering(Partial::Complete) else { return };
    for (six, vlan) in [(false, None), (true, None), (false, Some(7)), (true, Some(7))] {
        let base = twin(six, vlan, Partial::Complete);
        let (ip, udp) = (base.ip(), base.udp());
        let rtp = udp + 8;
        let hops = if six { ip + 7 } else { ip + 8 };
        let set = |at: usize, octet: u8| {
            let mut frame = base.packet(2);
            frame[at] = octet;
            frame
        };
        let mut odd = vec![
            ("padding", set(rtp, 0xa0)),
            ("extension", set(rtp, 0x90)),
            ("a contributing source", set(rtp, 0x81)),
            ("the marker", set(rtp + 1, 0x80)),
            ("another payload type", set(rtp + 1, 101)),
            ("another SSRC", set(rtp + 11, 0)),
            ("the last hop", set(hops, 1)),
            ("no hop", set(hops, 0)),
            ("another source port", set(udp + 1, 0)),
            ("another source", set(if six { ip + 23 } else { ip + 15 }, 77)),
            ("the same number again", base.packet(1)),
            ("an older number", base.packet(0)),
            ("too far ahead", base.packet(66)),
            ("a timestamp that stands", {
                let mut frame = base.packet(2);
                frame[rtp + 4..rtp + 8].copy_from_slice(&base.packet(1)[rtp + 4..rtp + 8]);
                frame
            }),
            ("a timestamp that leaps", {
                let mut frame = base.packet(2);
                let leaps = base.rule.timestamp.wrapping_add(9000);
                frame[rtp + 4..rtp + 8].copy_from_slice(&leaps.to_be_bytes());
                frame
            }),
            ("another length", {
                let frame = base.packet(2);
                base.frame(&frame[rtp..frame.len() - 1])
            }),
            ("cut short", {
                let mut frame = base.packet(2);
                frame.pop();
                frame
            }),
            ("another tagging", {
                let mut frame = base.packet(2);
                if vlan.is_some() {
                    frame.drain(12..16);
                } else {
                    frame.splice(12..12, [0x81, 0, 0, 7]);
                }
                frame
            }),
        ];
        if six {
            let mut none = base.packet(2);
            none[udp + 6..udp + 8].fill(0);
            odd.push(("no checksum", none));
            odd.push(("version 4", set(ip, 0x45)));
        }
        for (what, frame) in odd {
            let mut both = Beside::new(&steering, base.clone());
            assert_eq!(both.run(&base.packet(1)).unwrap().0, TX);
            assert_eq!(both.run(&frame).unwrap().0, REDIRECT, "{what}");
            assert!(!both.cell().is_open(), "{what}");
            assert_eq!(both.run(&base.packet(2)).unwrap().0, REDIRECT, "{what}");
            assert_eq!(both.cell().state().packets, 1);
        }
    }
}

#[test]
fn what_is_not_rtp_goes_to_the_socket_and_closes_nothing() {
    let Some((steering, _socket)) = steering(Partial::Complete) else { return };
    for six in [false, true] {
        let mut both = Beside::new(&steering, twin(six, None, Partial::Complete));
        assert_eq!(both.run(&both.twin.packet(1)).unwrap().0, TX);
        let stun: &[u8] = &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let others: [&[u8]; 7] = [
            &[],
            b"\x80",
            &[0x80; 11],
            stun,
            &[22; 40],
            &[0x80, 200, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x81; 12],
        ];
        for (number, payload) in others.into_iter().enumerate() {
            // The last is RTCP too: a marker and a payload type of 64 to 95.
            let mut payload = payload.to_vec();
            if number == 6 {
                payload[1] = 223;
            }
            let frame = both.twin.frame(&payload);
            assert_eq!(both.run(&frame).unwrap().0, REDIRECT, "{payload:?}");
            assert!(both.cell().is_open());
        }
        assert_eq!(both.run(&both.twin.packet(2)).unwrap().0, TX);
    }
}

#[test]
fn the_first_must_be_the_next_so_that_none_that_waits_is_overtaken() {
    let Some((steering, _socket)) = steering(Partial::Complete) else { return };
    let mut both = Beside::new(&steering, twin(false, None, Partial::Complete));
    assert_eq!(both.run(&both.twin.packet(2)).unwrap().0, REDIRECT);
    assert!(!both.cell().is_open());
}

/// A virtual card hands over the sum of the pseudo-header alone for what never left the machine.
#[test]
fn a_partial_checksum_is_completed_in_the_driver_and_kept_partial_behind_it() {
    for partial in [Partial::Complete, Partial::Keep] {
        let Some((steering, _socket)) = steering(partial) else { return };
        for six in [false, true] {
            // Every length of the blocks that are added up, and odd ones.
            for len in (0..80).chain([160, 161, 255, 256, 499, 500, 501, 1010, 1011]) {
                let mut base = twin(six, None, partial);
                base.rule.payload_len = len;
                let mut both = Beside::new(&steering, base);
                let (udp, udp_len) = (both.twin.udp(), 20 + len);
                let mut frame = both.twin.packet(1);
                let came = pseudo(both.twin.rule.from.ip(), both.twin.local.ip(), udp_len);
                frame[udp + 6..udp + 8].copy_from_slice(&came.to_be_bytes());
                let (returned, left) = both.run(&frame).unwrap();
                assert_eq!(returned, TX);
                let out = both.twin.out;
                let leaves = pseudo(out.from.ip(), out.to.ip(), udp_len);
                let is_partial = left[udp + 6..udp + 8] == leaves.to_be_bytes();
                assert_eq!(is_partial, partial == Partial::Keep, "{len}");
                // Whole or partial: it is right.
                assert!(UdpFrame::read(&left).is_ok());
            }
        }
    }
}

/// test-of: [RFC1624 3]
#[test]
fn a_wrong_checksum_stays_wrong_and_none_stays_none() {
    let Some((steering, _socket)) = steering(Partial::Complete) else { return };
    let mut both = Beside::new(&steering, twin(false, None, Partial::Complete));
    let udp = both.twin.udp();
    let mut frame = both.twin.packet(1);
    *frame.last_mut().unwrap() ^= 0x10;
    let (returned, left) = both.run(&frame).unwrap();
    assert_eq!(returned, TX);
    assert!(UdpFrame::read(&left).is_err());
    let mut frame = both.twin.packet(2);
    frame[udp + 6..udp + 8].fill(0);
    let (_, left) = both.run(&frame).unwrap();
    assert_eq!(left[udp + 6..udp + 8], [0, 0]);
    assert!(UdpFrame::read(&left).is_ok());
}

#[test]
fn a_rule_that_is_taken_back_or_another_in_its_place_forwards_nothing_of_the_port() {
    let Some((steering, _socket)) = steering(Partial::Complete) else { return };
    let mut both = Beside::new(&steering, twin(false, None, Partial::Complete));
    let rules = steering.rules().unwrap();
    assert_eq!(both.run(&both.twin.packet(1)).unwrap().0, TX);
    let (state, was_open) = rules.end(both.place);
    assert!(was_open && state.packets == 1);
    let run = |frame: &[u8]| steering.program().run(frame).unwrap();
    assert_eq!(run(&both.twin.packet(2)), REDIRECT);
    // The port still names the place, by the number of a rule that is no more.
    let fixed = rules::fixed(&both.twin.rule, both.twin.local, &both.twin.out).unwrap();
    let other = rules.open(&fixed, &both.twin.state).unwrap();
    assert_eq!(other.index, both.place.index);
    assert_eq!(run(&both.twin.packet(2)), REDIRECT);
    let cell = rules.cell(other).unwrap();
    assert!(cell.is_open(), "and does not close it");
    rules.end(other);
}

#[test]
fn a_packet_that_finds_the_gate_taken_closes_the_rule() {
    use std::sync::atomic::Ordering;
    let Some((steering, _socket)) = steering(Partial::Complete) else { return };
    let both = Beside::new(&steering, twin(false, None, Partial::Complete));
    let gate = &both.cell().gate;
    gate.fetch_or(cells::BUSY, Ordering::AcqRel);
    assert_eq!(steering.program().run(&both.twin.packet(1)).unwrap(), REDIRECT);
    assert!(!both.cell().is_open() && !both.cell().is_left(), "closed, and still taken");
    gate.fetch_sub(cells::BUSY, Ordering::AcqRel);
}

#[test]
fn a_port_without_a_rule_and_a_program_with_room_for_them_steer_as_before() {
    let Some((steering, _socket)) = steering(Partial::Complete) else { return };
    let base = twin(false, None, Partial::Complete);
    assert_eq!(steering.program().run(&base.packet(1)).unwrap(), PASS);
    steering.serve(base.local, 0).unwrap();
    assert_eq!(steering.program().run(&base.packet(1)).unwrap(), REDIRECT);
}

/// What is done to a packet of the stream before it is sent.
#[derive(Debug, Clone)]
struct Change {
    step: u16,
    media: u32,
    checksum: u8,
    padding: u8,
    octet: Option<(prop::sample::Index, u8)>,
    cut: Option<prop::sample::Index>,
}

fn changes() -> impl Strategy<Value = Change> {
    let step = prop_oneof![24 => Just(1), 4 => 0..70_u16, 1 => any::<u16>()];
    let media = prop_oneof![24 => Just(160), 2 => any::<u32>(), 1 => Just(0)];
    let octet = prop_oneof![12 => Just(None), 1 => any::<(prop::sample::Index, u8)>().prop_map(Some)];
    let cut = prop_oneof![24 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    let padding = prop_oneof![4 => Just(0), 1 => 0..40_u8];
    (step, media, 0..5_u8, padding, octet, cut).prop_map(|(step, media, checksum, padding, octet, cut)| {
        Change { step, media, checksum, padding, octet, cut }
    })
}

prop_compose! {
    fn rules_of(base: ForwardingRule)(
        ssrc in any::<u32>(), payload_type in prop_oneof![0..64_u8, 96..128_u8], len in prop_oneof![4 => 0..200_u16, 1 => 0..=1011_u16],
        sequence in any::<u16>(), timestamp in any::<u32>(), late in prop_oneof![8 => -500..500_i32, 1 => any::<i32>()], jitter in 0..1_u64 << 28,
        clock_rate in 1..=192_000_u32, out_ssrc in any::<u32>(), out_payload_type in 0..128_u8,
        sequence_offset in any::<u16>(), timestamp_offset in any::<u32>(),
    ) -> ForwardingRule {
        ForwardingRule {
            ssrc, payload_type, payload_len: len, sequence, timestamp, transit: i64::from(late), jitter, clock_rate, out_ssrc,
            out_payload_type, sequence_offset, timestamp_offset, ..base
        }
    }
}

#[test]
fn the_program_does_to_any_frame_what_its_twin_does() {
    for partial in [Partial::Complete, Partial::Keep] {
        let Some((steering, _socket)) = steering(partial) else { return };
        let cases = (any::<bool>(), prop::option::of(0..4096_u16)).prop_flat_map(move |(six, vlan)| {
            let base = twin(six, vlan, partial);
            (Just(base.clone()), rules_of(base.rule), proptest::collection::vec(changes(), 1..12))
        });
        let forwarded = Count::new(0_u32);
        let mut runner = TestRunner::new(Config { cases: 512, ..Config::default() });
        let result = runner.run(&cases, |(mut base, mut rule, changes)| {
            let late = i32::try_from(rule.transit).unwrap_or_default();
            let transit = i32::try_from(transit_now(rule.clock_rate, rule.timestamp)).unwrap_or_default();
            rule.transit = i64::from(transit.wrapping_add(late));
            base.rule = rule;
            base.state = rules::first_state(&rule);
            let mut both = Beside::new(&steering, base);
            let (mut sequence, mut timestamp) = (rule.sequence, rule.timestamp);
            for change in changes {
                sequence = sequence.wrapping_add(change.step);
                timestamp = timestamp.wrapping_add(change.media);
                let frame = changed(&both.twin, (sequence, timestamp), &change);
                let (returned, _) = both.run(&frame).map_err(TestCaseError::fail)?;
                forwarded.set(forwarded.get() + u32::from(returned == TX));
            }
            Ok(())
        });
        result.unwrap();
        assert!(forwarded.get() > 500, "{forwarded:?}");
    }
}

/// A packet of the stream, changed.
fn changed(twin: &Twin, (sequence, timestamp): (u16, u32), change: &Change) -> Vec<u8> {
    let udp = twin.udp();
    let mut rtp = twin.packet(1)[udp + 8..].to_vec();
    rtp[2..4].copy_from_slice(&sequence.to_be_bytes());
    rtp[4..8].copy_from_slice(&timestamp.to_be_bytes());
    let mut frame = twin.frame(&rtp);
    match change.checksum {
        0 => frame[udp + 6..udp + 8].fill(0),
        1 => {
            let came = pseudo(twin.rule.from.ip(), twin.local.ip(), 20 + twin.rule.payload_len);
            frame[udp + 6..udp + 8].copy_from_slice(&came.to_be_bytes());
        }
        2 => frame[udp + 7] ^= 0x55,
        _ => {}
    }
    frame.resize(frame.len() + usize::from(change.padding), 0xee);
    if let Some((at, octet)) = change.octet {
        let at = at.index(frame.len());
        frame[at] = octet;
    }
    if let Some(len) = change.cut {
        // The kernel takes no shorter ones than an Ethernet header.
        frame.truncate(15.max(len.index(frame.len())));
    }
    frame
}
