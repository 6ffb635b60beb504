//! The program at an interface: UDP datagrams to ports that are served go to the AF_XDP socket of their receive queue, all
//! else to the kernel.
//!
//! A frame is steered where all of this holds, else it is the kernel's as if no program were there:
//! - it is no longer than a frame of the sockets' memory has room for;
//! - Ethernet II with at most one 802.1Q tag; IPv4 without options, no fragment; or IPv6 without extension headers; UDP;
//! - destination address and port stand in the map, for the queue that it came to.
//!
//! With room for forwarding rules, RTP to a port that has one is looked at by [`forward`](super::forward) first, whatever
//! queue it came to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use super::assembler::{Alu, Assembler, Instruction, Label, Reg, When, Width};
use super::bpf::{Map, MapKind, Program};
use super::forward::{Family, Partial, forward};
use super::rules::{Place, Rules};

/// What the program returns for the kernel to go on.
pub(super) const XDP_PASS: i32 = 2;

/// The longest frame that is steered, in octets: what the kernel writes into a frame of the sockets' memory, behind 256
/// octets of its own.
pub(super) const LONGEST_FRAME: u16 = 1600;

/// Ports served at one interface at most, those of all workers.
const MAX_PORTS: u32 = 65_536;

/// Receive queues of an interface at most.
const MAX_QUEUES: u32 = 256;

/// Helpers of the kernel.
const MAP_LOOKUP_ELEM: i32 = 1;
const REDIRECT_MAP: i32 = 51;

/// Fields of `struct xdp_md`.
const DATA: i16 = 0;
const DATA_END: i16 = 4;
const RX_QUEUE: i16 = 16;

/// Octets of a key: an IPv6 address, IPv4 as mapped, then the port, in network order, and zeros up to a whole word.
const KEY: usize = 20;

/// Octets of what stands under a key: the queue, the number of the rule's place and 1 or 0 for none, its open gate (64).
const VALUE: usize = 16;

/// Where the key lies on the stack; and, from the port, its queue, the place of its rule, and the open gate.
const KEY_AT: i16 = -24;
const QUEUE_AT: i16 = -28;
pub(super) const PLACE_AT: i16 = -32;
pub(super) const GATE_AT: i16 = -40;

/// How the program forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forwarding {
    /// Rules at one time, at least 1.
    pub(super) rules: u32,
    pub(super) partial: Partial,
}

/// The program with its maps.
#[derive(Debug)]
pub(super) struct Steering {
    program: Program,
    ports: Map,
    sockets: Map,
    rules: Option<Rules>,
}

impl Steering {
    /// Makes the maps and loads the program.
    ///
    /// # Errors
    /// The kernel's: `EPERM` without CAP_BPF and CAP_NET_ADMIN.
    pub(super) fn load(forwarding: Option<Forwarding>) -> io::Result<Self> {
        let ports = Map::new(MapKind::Hash, KEY, VALUE, MAX_PORTS)?;
        let sockets = Map::new(MapKind::Xsk, 4, 4, MAX_QUEUES)?;
        let rules = forwarding.map(|forwarding| Rules::new(forwarding.rules)).transpose()?;
        let forwards = rules.as_ref().zip(forwarding).map(|(rules, how)| (rules.map(), how.partial));
        let code = assemble(ports.as_fd(), sockets.as_fd(), forwards)?;
        let program = Program::load(&code, "media_steer")?;
        Ok(Self { program, ports, sockets, rules })
    }

    pub(super) const fn program(&self) -> &Program {
        &self.program
    }

    /// Steers what comes to `port` through `queue` from now on.
    pub(super) fn serve(&self, port: SocketAddr, queue: u32) -> io::Result<()> {
        self.ports.insert(&key(port), &value(queue, None))
    }

    /// The same, and what fits the rule in a place of [`Self::rules`] is forwarded.
    pub(super) fn serve_by_rule(&self, port: SocketAddr, queue: u32, rule: Place) -> io::Result<()> {
        self.ports.insert(&key(port), &value(queue, Some(rule)))
    }

    /// Room for forwarding rules, where the program forwards.
    pub(super) const fn rules(&self) -> Option<&Rules> {
        self.rules.as_ref()
    }

    /// Leaves `port` to the kernel again.
    pub(super) fn leave(&self, port: SocketAddr) {
        // It fails only where the port was not served.
        drop(self.ports.remove(&key(port)));
    }

    /// Names the AF_XDP socket of a queue. The kernel takes it out when it is closed.
    pub(super) fn socket(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        use std::os::fd::AsRawFd as _;
        self.sockets.insert(&queue.to_ne_bytes(), &socket.as_raw_fd().to_ne_bytes())
    }
}

/// The key of a local address.
fn key(port: SocketAddr) -> [u8; KEY] {
    let address = match port.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let mut key = [0; KEY];
    let fields = address.octets().into_iter().chain(port.port().to_be_bytes());
    for (to, from) in key.iter_mut().zip(fields) {
        *to = from;
    }
    key
}

/// What stands under the key.
fn value(queue: u32, rule: Option<Place>) -> [u8; VALUE] {
    let (place, gate) = rule.map_or((0, 0), |rule| (rule.index + 1, rule.gate));
    let mut value = [0; VALUE];
    let fields = queue.to_ne_bytes().into_iter().chain(place.to_ne_bytes()).chain(gate.to_ne_bytes());
    for (to, from) in value.iter_mut().zip(fields) {
        *to = from;
    }
    value
}

/// A value that stands in network order in a frame, as a load of it gives it.
pub(super) const fn network(value: u16) -> i32 {
    value.to_be() as i32
}

fn assemble(
    ports: BorrowedFd<'_>,
    sockets: BorrowedFd<'_>,
    forwards: Option<(BorrowedFd<'_>, Partial)>,
) -> io::Result<Vec<Instruction>> {
    let mut asm = Assembler::default();
    let asm = &mut asm;
    let [v4, v6, to_socket, pass] = [(); 4].map(|()| asm.label());
    frame_bounds(asm, pass);
    ethernet(asm, [v4, v6, pass]);
    for (label, family) in [(v4, Family::V4), (v6, Family::V6)] {
        asm.bind(label);
        match family {
            Family::V4 => read_v4(asm, pass),
            Family::V6 => read_v6(asm, pass),
        }
        find_port(asm, ports, pass);
        if let Some((rules, partial)) = forwards {
            find_rule(asm, to_socket);
            forward(asm, family, rules, partial, to_socket);
        } else {
            asm.jump(to_socket);
        }
    }
    asm.bind(to_socket);
    redirect(asm, sockets, pass);
    asm.bind(pass);
    asm.set(Reg::R0, XDP_PASS);
    asm.exit();
    std::mem::take(asm).finish()
}

/// R6: the context; R2: the frame; R3: its end.
fn frame_bounds(asm: &mut Assembler, pass: Label) {
    asm.copy(Reg::R6, Reg::R1);
    asm.load(Width::Word, Reg::R2, Reg::R1, DATA);
    asm.load(Width::Word, Reg::R3, Reg::R1, DATA_END);
    asm.copy(Reg::R4, Reg::R2);
    asm.add(Reg::R4, i32::from(LONGEST_FRAME) + 1);
    asm.jump_if_register(Reg::R4, When::LessOrEqual, Reg::R3, pass);
}

/// Jumps to the reader of what the Ethernet header is followed by; R2 then lies 14 octets before that.
fn ethernet(asm: &mut Assembler, [v4, v6, pass]: [Label; 3]) {
    let untagged = asm.label();
    need(asm, 14, pass);
    asm.load(Width::Half, Reg::R5, Reg::R2, 12);
    asm.jump_if(Reg::R5, When::NotEqual, network(0x8100), untagged);
    need(asm, 18, pass);
    asm.load(Width::Half, Reg::R5, Reg::R2, 16);
    asm.add(Reg::R2, 4);
    asm.bind(untagged);
    asm.jump_if(Reg::R5, When::Equal, network(0x0800), v4);
    asm.jump_if(Reg::R5, When::Equal, network(0x86dd), v6);
    asm.jump(pass);
}

/// Puts the key on the stack.
fn read_v4(asm: &mut Assembler, pass: Label) {
    need(asm, 14 + 20 + 8, pass);
    // Version 4, a header of five words.
    asm.load(Width::Octet, Reg::R4, Reg::R2, 14);
    asm.jump_if(Reg::R4, When::NotEqual, 0x45, pass);
    // More fragments, or an offset.
    asm.load(Width::Half, Reg::R4, Reg::R2, 20);
    asm.and(Reg::R4, network(0x3fff));
    asm.jump_if(Reg::R4, When::NotEqual, 0, pass);
    asm.load(Width::Octet, Reg::R4, Reg::R2, 23);
    asm.jump_if(Reg::R4, When::NotEqual, 17, pass);
    asm.store_value(Width::Double, Reg::Stack, KEY_AT, 0);
    asm.store_value(Width::Word, Reg::Stack, KEY_AT + 8, i32::from_ne_bytes([0, 0, 0xff, 0xff]));
    asm.load(Width::Word, Reg::R4, Reg::R2, 30);
    asm.store(Width::Word, Reg::Stack, KEY_AT + 12, Reg::R4);
    asm.load(Width::Half, Reg::R4, Reg::R2, 36);
    asm.store_value(Width::Word, Reg::Stack, KEY_AT + 16, 0);
    asm.store(Width::Half, Reg::Stack, KEY_AT + 16, Reg::R4);
}

/// Puts the key on the stack.
fn read_v6(asm: &mut Assembler, pass: Label) {
    need(asm, 14 + 40 + 8, pass);
    asm.load(Width::Octet, Reg::R4, Reg::R2, 20);
    asm.jump_if(Reg::R4, When::NotEqual, 17, pass);
    for word in 0..4 {
        asm.load(Width::Word, Reg::R4, Reg::R2, 38 + word * 4);
        asm.store(Width::Word, Reg::Stack, KEY_AT + word * 4, Reg::R4);
    }
    asm.load(Width::Half, Reg::R4, Reg::R2, 56);
    asm.store_value(Width::Word, Reg::Stack, KEY_AT + 16, 0);
    asm.store(Width::Half, Reg::Stack, KEY_AT + 16, Reg::R4);
}

/// Looks the key up: R0 is what stands under it, the queue is put on the stack. R7: the frame; R8: its end.
fn find_port(asm: &mut Assembler, ports: BorrowedFd<'_>, pass: Label) {
    asm.copy(Reg::R7, Reg::R2);
    asm.copy(Reg::R8, Reg::R3);
    call_look_up(asm, ports, KEY_AT);
    asm.jump_if(Reg::R0, When::Equal, 0, pass);
    asm.load(Width::Word, Reg::R2, Reg::R0, 0);
    asm.store(Width::Word, Reg::Stack, QUEUE_AT, Reg::R2);
}

/// Puts the place of the port's rule on the stack, and its gate.
fn find_rule(asm: &mut Assembler, to_socket: Label) {
    asm.load(Width::Word, Reg::R1, Reg::R0, 4);
    asm.jump_if(Reg::R1, When::Equal, 0, to_socket);
    asm.alu(Alu::Sub, Reg::R1, 1);
    asm.store(Width::Word, Reg::Stack, PLACE_AT, Reg::R1);
    asm.load(Width::Double, Reg::R1, Reg::R0, 8);
    asm.store(Width::Double, Reg::Stack, GATE_AT, Reg::R1);
}

/// Looks up in a map what lies on the stack.
pub(super) fn call_look_up(asm: &mut Assembler, map: BorrowedFd<'_>, key_at: i16) {
    asm.map(Reg::R1, map);
    asm.copy(Reg::R2, Reg::Stack);
    asm.add(Reg::R2, i32::from(key_at));
    asm.call(MAP_LOOKUP_ELEM);
}

/// Where the port is served on this queue, the frame goes to the queue's socket.
fn redirect(asm: &mut Assembler, sockets: BorrowedFd<'_>, pass: Label) {
    asm.load(Width::Word, Reg::R2, Reg::Stack, QUEUE_AT);
    // A socket takes frames of its own queue only; those of others would be lost.
    asm.load(Width::Word, Reg::R4, Reg::R6, RX_QUEUE);
    asm.jump_if_register(Reg::R4, When::NotEqual, Reg::R2, pass);
    asm.map(Reg::R1, sockets);
    // What it returns where the queue has no socket.
    asm.set(Reg::R3, XDP_PASS);
    asm.call(REDIRECT_MAP);
    asm.exit();
}

/// Jumps to `pass` where the frame has fewer octets from R2 on.
fn need(asm: &mut Assembler, octets: i32, pass: Label) {
    asm.copy(Reg::R4, Reg::R2);
    asm.add(Reg::R4, octets);
    asm.jump_if_register(Reg::R4, When::Greater, Reg::R3, pass);
}

#[cfg(test)]
pub(super) mod tests;
