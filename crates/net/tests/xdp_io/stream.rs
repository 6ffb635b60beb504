//! An RTP stream through the server: from a caller to one port, out by another to a callee.

use std::net::{SocketAddr, UdpSocket as Plain};

use mediapoint_net::{Clock, ForwardingRule, PacketIo as _, Port, XdpInterfaces, XdpIo, XdpMode, XdpOptions};
use mediapoint_packet::{PacketPool, Time};

use crate::host::{CLIENT4, Pair, learn, next};

/// Octets of payload.
const PAYLOAD: u16 = 160;

/// Room for forwarding rules behind the driver, whatever the other end of the cable is.
pub(crate) fn generic(pair: &Pair, rules: u32) -> XdpInterfaces {
    let interfaces = pair.interfaces_with(XdpOptions { forwarding_rules: rules, ..XdpOptions::default() });
    assert_eq!(interfaces.to_string(), "media (generic)");
    interfaces
}

/// Room for forwarding rules in the driver: then the other end of the cable has to have a program, too.
pub(crate) fn native(pair: &Pair, rules: u32) -> (XdpInterfaces, XdpInterfaces) {
    let options = XdpOptions { forwarding_rules: rules, mode: XdpMode::Native };
    let interfaces = pair.interfaces_with(options);
    assert_eq!(interfaces.to_string(), "media (native)");
    let other = pair.client.run(|| XdpInterfaces::attach(&[CLIENT4.parse().unwrap()])).unwrap();
    (interfaces, other)
}

pub(crate) struct Stream {
    pub(crate) caller: Plain,
    pub(crate) callee: Plain,
    /// Where the server receives it.
    pub(crate) port: Port,
    pub(crate) local: SocketAddr,
    /// Where it leaves.
    pub(crate) out: Port,
    pub(crate) out_local: SocketAddr,
    /// The sequence number of the last packet, extended over wrap-arounds.
    pub(crate) last: u64,
}

/// Arrival less timestamp, in ticks of 8,000 a second, of a packet that comes now.
fn transit(number: u64) -> i64 {
    let clock = Clock::new().now().as_nanos() / 125_000;
    i64::from(u32::try_from(clock & 0xffff_ffff).unwrap().wrapping_sub(timestamp(number)).cast_signed())
}

impl Stream {
    pub(crate) fn new(pair: &Pair, io: &mut XdpIo, (server, client): (&str, &str)) -> Self {
        let (port, local) = pair.open(io, server);
        let (out, out_local) = pair.open(io, server);
        let (caller, callee) = (pair.client.socket(client), pair.client.socket(client));
        Self { caller, callee, port, local, out, out_local, last: 65_500 }
    }

    /// The path to the callee is known.
    pub(crate) fn learned(pair: &Pair, io: &mut XdpIo, pool: &mut PacketPool, hosts: (&str, &str)) -> Self {
        let this = Self::new(pair, io, hosts);
        learn(pair, io, pool, this.out, &this.callee);
        this
    }

    /// The worker receives one packet of it and has the rest forwarded.
    pub(crate) fn begin(&mut self, io: &mut XdpIo, pool: &mut PacketPool) {
        let packet = self.next_packet();
        self.caller.send_to(&packet, self.local).unwrap();
        let received = next(io, pool);
        assert_eq!((received.port, received.packet.bytes()), (self.port, &packet[..]));
        pool.give(received.packet);
        io.forward(&self.rule()).unwrap();
    }

    /// A packet by its extended number.
    pub(crate) fn packet(number: u64) -> [u8; 172] {
        let mut rtp = [0; 12 + PAYLOAD as usize];
        rtp[0] = 0x80;
        rtp[2..4].copy_from_slice(&number.to_be_bytes()[6..]);
        rtp[4..8].copy_from_slice(&timestamp(number).to_be_bytes());
        rtp[8..12].copy_from_slice(&7_u32.to_be_bytes());
        for (at, octet) in (0..).zip(&mut rtp[12..]) {
            *octet = u8::try_from((number + at) % 251).unwrap();
        }
        rtp
    }

    pub(crate) fn next_packet(&mut self) -> [u8; 172] {
        self.last += 1;
        Self::packet(self.last)
    }

    /// A packet as it arrives when it was forwarded.
    pub(crate) fn forwarded(number: u64) -> [u8; 172] {
        let mut rtp = Self::packet(number);
        rtp[1] = 8;
        rtp[2..4].copy_from_slice(&(number + 1_000).to_be_bytes()[6..]);
        rtp[4..8].copy_from_slice(&timestamp(number).wrapping_add(5_000).to_be_bytes());
        rtp[8..12].copy_from_slice(&9_u32.to_be_bytes());
        rtp
    }

    /// The rule, after the last packet.
    pub(crate) fn rule(&self) -> ForwardingRule {
        self.rule_after(self.last)
    }

    pub(crate) fn rule_after(&self, number: u64) -> ForwardingRule {
        ForwardingRule {
            port: self.port,
            from: self.caller.local_addr().unwrap(),
            ssrc: 7,
            payload_type: 0,
            payload_len: PAYLOAD,
            sequence: u16::try_from(number & 0xffff).unwrap(),
            timestamp: timestamp(number),
            transit: transit(number),
            jitter: 0,
            clock_rate: 8000,
            at: Time::ZERO,
            out: self.out,
            to: self.callee.local_addr().unwrap(),
            out_ssrc: 9,
            out_payload_type: 8,
            sequence_offset: 1_000,
            timestamp_offset: 5_000,
        }
    }

    /// Sends the next packets, each of which is to arrive at the callee before the next is sent.
    pub(crate) fn flow(&mut self, packets: u64) {
        let mut room = [0; 200];
        for _ in 0..packets {
            let packet = self.next_packet();
            self.caller.send_to(&packet, self.local).unwrap();
            let (len, from) = self.callee.recv_from(&mut room).unwrap();
            assert_eq!((&room[..len], from), (&Self::forwarded(self.last)[..], self.out_local));
        }
    }

    /// Sends the next packet, which is to come to the worker.
    pub(crate) fn reaches_worker(&mut self, io: &mut XdpIo, pool: &mut PacketPool) {
        let packet = self.next_packet();
        self.caller.send_to(&packet, self.local).unwrap();
        let received = next(io, pool);
        assert_eq!((received.port, received.packet.bytes()), (self.port, &packet[..]));
        pool.give(received.packet);
    }
}

fn timestamp(number: u64) -> u32 {
    u32::try_from((number * 160) & 0xffff_ffff).unwrap()
}
