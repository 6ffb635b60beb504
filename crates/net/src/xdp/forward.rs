//! The part of the program that forwards: a packet of a port with a rule leaves by the interface it came in by, rewritten.
//!
//! A CPU enters the rule's gate, looks whether the packet fits, and then either rewrites and counts it and leaves the gate as
//! it was, or closes the rule and leaves the packet to the socket. Where two CPUs come with packets of one stream, the one
//! that finds the gate taken closes the rule. Nothing is changed in the frame before all is seen to fit.

use std::os::fd::BorrowedFd;

use super::assembler::{Alu, Assembler, Atomic, Label, Reg, When, Width};
use super::cells;
use super::rules::{self, UNTAGGED, at};
use super::steer::{GATE_AT, PLACE_AT, call_look_up, network};

/// What the program returns for the frame to leave by the interface it came in by.
pub(super) const XDP_TX: i32 = 3;

/// The bits of a gate, and the octets of an RTP header, as instructions take them.
const OPEN: i32 = 1;
const BUSY: i32 = 2;
const RTP_HEADER: i32 = 12;
const _: () = assert!(OPEN as u64 == cells::OPEN && BUSY as u64 == cells::BUSY);
const _: () = assert!(RTP_HEADER as usize == rules::RTP_HEADER);

/// How far ahead of the newest a packet may be.
const MOST_AHEAD: i32 = 64;

/// Helpers of the kernel.
const KTIME_GET_NS: i32 = 5;
const CSUM_DIFF: i32 = 28;

/// The fields of `struct xdp_md` that begins a frame.
const DATA: i16 = 0;

/// Places on the stack: the checksum as it came, a sum under way.
const CHECKSUM_AT: i16 = -48;
const SUM_AT: i16 = -52;
/// When the packet came, in nanoseconds, and its transit.
const NOW_AT: i16 = -64;
const TRANSIT_AT: i16 = -72;

/// What becomes of a checksum that is the sum of the pseudo-header alone, because the datagram never left the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Partial {
    /// In the driver nothing says so of a frame that is sent: the checksum is made whole.
    Complete,
    /// Behind the driver the kernel's packet still says so: the sum is that of the new pseudo-header.
    Keep,
}

/// The family of a datagram, which says where the parts of its frame lie behind R7, 14 octets before the IP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    const fn is_v4(self) -> bool {
        matches!(self, Self::V4)
    }

    const fn ip_len(self) -> i16 {
        if self.is_v4() { 20 } else { 40 }
    }

    const fn udp(self) -> i16 {
        14 + self.ip_len()
    }

    const fn rtp(self) -> i16 {
        self.udp() + 8
    }

    const fn checksum(self) -> i16 {
        self.udp() + 6
    }
}

/// Forwards, or jumps to `to_socket`. R6: the context; R7: 14 octets before the IP header; R8: the end of the frame; on the
/// stack the number of the rule's place and its open gate.
pub(super) fn forward(
    asm: &mut Assembler,
    family: Family,
    rules: BorrowedFd<'_>,
    partial: Partial,
    to_socket: Label,
) {
    let close = asm.label();
    classify(asm, family, to_socket);
    call_look_up(asm, rules, PLACE_AT);
    asm.jump_if(Reg::R0, When::Equal, 0, to_socket);
    asm.copy(Reg::R9, Reg::R0);
    enter(asm, to_socket);
    asm.call(KTIME_GET_NS);
    asm.store(Width::Double, Reg::Stack, NOW_AT, Reg::R0);
    see_addresses(asm, family, close);
    see_lengths(asm, family, close);
    see_rtp(asm, family, close);
    see_transit(asm, close);
    rewrite_link(asm, close);
    count(asm, family);
    rewrite_rtp(asm, family);
    rewrite_ip(asm, family);
    write_checksum(asm, family, partial);
    count_jitter(asm);
    // Out of the gate, which somebody may have closed meanwhile.
    asm.set(Reg::R1, -BUSY);
    asm.atomic(Atomic::FetchAdd, Reg::R9, at::GATE, Reg::R1);
    asm.set(Reg::R0, XDP_TX);
    asm.exit();
    asm.bind(close);
    asm.set(Reg::R1, 0);
    asm.atomic(Atomic::Exchange, Reg::R9, at::GATE, Reg::R1);
    asm.jump(to_socket);
}

/// To the socket without a look at the rule goes what is not RTP: STUN, DTLS [RFC7983 7], RTCP [RFC5761 4].
fn classify(asm: &mut Assembler, family: Family, to_socket: Label) {
    need(asm, i32::from(family.rtp()) + RTP_HEADER, to_socket);
    asm.load(Width::Octet, Reg::R1, Reg::R7, family.rtp());
    asm.and(Reg::R1, 0xc0);
    asm.jump_if(Reg::R1, When::NotEqual, 0x80, to_socket);
    asm.load(Width::Octet, Reg::R1, Reg::R7, family.rtp() + 1);
    asm.and(Reg::R1, 0xe0);
    asm.jump_if(Reg::R1, When::Equal, 0xc0, to_socket);
}

/// Enters the gate, where it stands open under the number that the port named.
fn enter(asm: &mut Assembler, to_socket: Label) {
    let entered = asm.label();
    asm.load(Width::Double, Reg::R2, Reg::Stack, GATE_AT);
    asm.copy(Reg::R0, Reg::R2);
    asm.copy(Reg::R3, Reg::R2);
    asm.alu(Alu::Or, Reg::R3, BUSY);
    asm.copy(Reg::R1, Reg::R3);
    asm.atomic(Atomic::CompareExchange, Reg::R9, at::GATE, Reg::R1);
    asm.jump_if_register(Reg::R0, When::Equal, Reg::R2, entered);
    // Closed, or of another rule by now; else another CPU is in there with a packet of the same stream.
    asm.jump_if_register(Reg::R0, When::NotEqual, Reg::R3, to_socket);
    asm.set(Reg::R1, !OPEN);
    asm.atomic(Atomic::FetchAnd, Reg::R9, at::GATE, Reg::R1);
    asm.jump(to_socket);
    asm.bind(entered);
}

fn see_addresses(asm: &mut Assembler, family: Family, close: Label) {
    let (addresses, words) = if family.is_v4() { (14 + 12, 2) } else { (14 + 8, 8) };
    for word in 0..words {
        see(asm, (Width::Word, addresses + 4 * word), at::ADDRESSES + 4 * word, close);
    }
    see(asm, (Width::Word, family.udp()), at::PORTS, close);
}

fn see_lengths(asm: &mut Assembler, family: Family, close: Label) {
    let (length, hops) = if family.is_v4() { (14 + 2, 14 + 8) } else { (14 + 4, 14 + 7) };
    see(asm, (Width::Half, length), at::IP_LENGTH, close);
    see(asm, (Width::Half, family.udp() + 4), at::UDP_LENGTH, close);
    asm.load(Width::Octet, Reg::R1, Reg::R7, hops);
    asm.jump_if(Reg::R1, When::LessOrEqual, 1, close);
    if !family.is_v4() {
        asm.load(Width::Octet, Reg::R1, Reg::R7, 14);
        asm.and(Reg::R1, 0xf0);
        asm.jump_if(Reg::R1, When::NotEqual, 0x60, close);
        // [RFC8200 8.1] Over IPv6 the checksum is not optional.
        asm.load(Width::Half, Reg::R1, Reg::R7, family.checksum());
        asm.jump_if(Reg::R1, When::Equal, 0, close);
    }
    // The whole datagram is there. The mask is for the verifier.
    asm.load(Width::Word, Reg::R1, Reg::R9, at::LENGTH);
    asm.and(Reg::R1, 0x3ff);
    asm.copy(Reg::R4, Reg::R7);
    asm.alu_register(Alu::Add, Reg::R4, Reg::R1);
    asm.add(Reg::R4, i32::from(family.rtp()));
    asm.jump_if_register(Reg::R4, When::Greater, Reg::R8, close);
}

/// Leaves the step of the sequence number in R4, the newest one in R3, the timestamp in R5.
fn see_rtp(asm: &mut Assembler, family: Family, close: Label) {
    let begun = asm.label();
    see(asm, (Width::Half, family.rtp()), at::HEAD, close);
    see(asm, (Width::Word, family.rtp() + 8), at::SSRC, close);
    asm.load(Width::Half, Reg::R4, Reg::R7, family.rtp() + 2);
    asm.swap_to_network(Reg::R4, 16);
    asm.load(Width::Double, Reg::R3, Reg::R9, at::NEWEST);
    asm.alu_register(Alu::Sub, Reg::R4, Reg::R3);
    asm.and(Reg::R4, 0xffff);
    asm.jump_if(Reg::R4, When::Equal, 0, close);
    asm.jump_if(Reg::R4, When::Greater, MOST_AHEAD, close);
    // Before the first is forwarded, others may wait in the socket's ring: it must be the next.
    asm.load(Width::Double, Reg::R1, Reg::R9, at::PACKETS);
    asm.jump_if(Reg::R1, When::NotEqual, 0, begun);
    asm.jump_if(Reg::R4, When::NotEqual, 1, close);
    asm.bind(begun);
    asm.load(Width::Word, Reg::R5, Reg::R7, family.rtp() + 4);
    asm.swap_to_network(Reg::R5, 32);
    asm.load(Width::Word, Reg::R2, Reg::R9, at::TIMESTAMP);
    asm.copy(Reg::R1, Reg::R5);
    asm.alu_32_register(Alu::Sub, Reg::R1, Reg::R2);
    asm.jump_if(Reg::R1, When::Equal, 0, close);
    asm.jump_if(Reg::R1, When::Greater, i32::MAX, close);
}

/// A timestamp that leaps is the engine's, which lets its own go on by the clock. Leaves the transit on the stack: a difference of
/// 32-bit clocks, with its sign. Spoils R0 to R2.
fn see_transit(asm: &mut Assembler, close: Label) {
    let ahead = asm.label();
    asm.load(Width::Word, Reg::R2, Reg::R9, at::CLOCK_RATE);
    asm.load(Width::Double, Reg::R1, Reg::Stack, NOW_AT);
    asm.alu(Alu::Div, Reg::R1, 1000);
    asm.alu_register(Alu::Mul, Reg::R1, Reg::R2);
    asm.alu(Alu::Div, Reg::R1, 1_000_000);
    asm.alu_32_register(Alu::Sub, Reg::R1, Reg::R5);
    asm.alu(Alu::ShiftLeft, Reg::R1, 32);
    asm.alu(Alu::ShiftRightSigned, Reg::R1, 32);
    asm.store(Width::Double, Reg::Stack, TRANSIT_AT, Reg::R1);
    // From the newest one's, modulo 2^32.
    asm.load(Width::Double, Reg::R0, Reg::R9, at::TRANSIT);
    asm.alu_32_register(Alu::Sub, Reg::R1, Reg::R0);
    asm.alu(Alu::ShiftLeft, Reg::R1, 32);
    asm.alu(Alu::ShiftRightSigned, Reg::R1, 32);
    asm.jump_if(Reg::R1, When::SignedGreaterOrEqual, 0, ahead);
    asm.negate(Reg::R1);
    asm.bind(ahead);
    asm.jump_if_register(Reg::R1, When::GreaterOrEqual, Reg::R2, close);
}

/// Writes the stations, and the tag where there is one: both frames have one, or none. Spoils R0 to R2.
fn rewrite_link(asm: &mut Assembler, close: Label) {
    let (tagged, stations) = (asm.label(), asm.label());
    asm.load(Width::Word, Reg::R0, Reg::R6, DATA);
    asm.copy(Reg::R1, Reg::R0);
    // So long is any frame that gets here.
    asm.add(Reg::R1, 18);
    asm.jump_if_register(Reg::R1, When::Greater, Reg::R8, close);
    asm.load(Width::Word, Reg::R2, Reg::R9, at::TAG);
    asm.load(Width::Half, Reg::R1, Reg::R0, 12);
    asm.jump_if(Reg::R1, When::Equal, network(0x8100), tagged);
    asm.jump_if(Reg::R2, When::NotEqual, UNTAGGED.cast_signed(), close);
    asm.jump(stations);
    asm.bind(tagged);
    asm.jump_if(Reg::R2, When::Equal, UNTAGGED.cast_signed(), close);
    asm.store(Width::Half, Reg::R0, 14, Reg::R2);
    asm.bind(stations);
    // Words do not lie aligned there.
    for half in 0..6 {
        asm.load(Width::Half, Reg::R1, Reg::R9, at::STATIONS + 2 * half);
        asm.store(Width::Half, Reg::R0, 2 * half, Reg::R1);
    }
}

/// Counts the packet; the extended sequence number stays in R3. Spoils R1 and R2.
fn count(asm: &mut Assembler, family: Family) {
    let next = asm.label();
    asm.alu_register(Alu::Add, Reg::R3, Reg::R4);
    asm.store(Width::Double, Reg::R9, at::NEWEST, Reg::R3);
    asm.store(Width::Word, Reg::R9, at::TIMESTAMP, Reg::R5);
    asm.load(Width::Double, Reg::R1, Reg::R9, at::PACKETS);
    asm.add(Reg::R1, 1);
    asm.store(Width::Double, Reg::R9, at::PACKETS, Reg::R1);
    asm.jump_if(Reg::R4, When::Equal, 1, next);
    asm.load(Width::Double, Reg::R1, Reg::R9, at::BURSTS);
    asm.add(Reg::R1, 1);
    asm.store(Width::Double, Reg::R9, at::BURSTS, Reg::R1);
    asm.bind(next);
    // In two steps: a shift by 64 would be none.
    asm.load(Width::Double, Reg::R1, Reg::R9, at::SEEN);
    asm.alu(Alu::ShiftLeft, Reg::R1, 1);
    asm.copy(Reg::R2, Reg::R4);
    asm.add(Reg::R2, -1);
    asm.alu_register(Alu::ShiftLeft, Reg::R1, Reg::R2);
    asm.alu(Alu::Or, Reg::R1, 1);
    asm.store(Width::Double, Reg::R9, at::SEEN, Reg::R1);
    asm.load(Width::Half, Reg::R1, Reg::R7, family.checksum());
    asm.store(Width::Word, Reg::Stack, CHECKSUM_AT, Reg::R1);
}

/// Rewrites the RTP header; leaves in R4 what the sum over the packet becomes [RFC1624 3], not folded.
fn rewrite_rtp(asm: &mut Assembler, family: Family) {
    let rtp = family.rtp();
    asm.load(Width::Half, Reg::R4, Reg::R7, family.checksum());
    asm.alu(Alu::Xor, Reg::R4, 0xffff);
    asm.load(Width::Word, Reg::R1, Reg::R9, at::SUM_CHANGE);
    asm.alu_register(Alu::Add, Reg::R4, Reg::R1);
    // The sequence number.
    asm.load(Width::Half, Reg::R1, Reg::R7, rtp + 2);
    asm.alu(Alu::Xor, Reg::R1, 0xffff);
    asm.alu_register(Alu::Add, Reg::R4, Reg::R1);
    asm.load(Width::Word, Reg::R1, Reg::R9, at::SEQUENCE_OFFSET);
    asm.alu_register(Alu::Add, Reg::R1, Reg::R3);
    asm.swap_to_network(Reg::R1, 16);
    asm.store(Width::Half, Reg::R7, rtp + 2, Reg::R1);
    asm.alu_register(Alu::Add, Reg::R4, Reg::R1);
    // The timestamp.
    asm.load(Width::Word, Reg::R1, Reg::R7, rtp + 4);
    asm.alu_32(Alu::Xor, Reg::R1, -1);
    asm.alu_register(Alu::Add, Reg::R4, Reg::R1);
    asm.load(Width::Word, Reg::R1, Reg::R9, at::TIMESTAMP_OFFSET);
    asm.alu_register(Alu::Add, Reg::R1, Reg::R5);
    asm.swap_to_network(Reg::R1, 32);
    asm.store(Width::Word, Reg::R7, rtp + 4, Reg::R1);
    asm.alu_register(Alu::Add, Reg::R4, Reg::R1);
    take(asm, Width::Half, rtp, at::OUT_HEAD);
    take(asm, Width::Word, rtp + 8, at::OUT_SSRC);
}

fn rewrite_ip(asm: &mut Assembler, family: Family) {
    for word in 0..family.ip_len() / 4 {
        take(asm, Width::Word, 14 + 4 * word, at::OUT_IP + 4 * word);
    }
    take(asm, Width::Word, family.udp(), at::OUT_PORTS);
}

/// The checksum of R4. A wrong one stays wrong, for the receiver to see; none stays none.
fn write_checksum(asm: &mut Assembler, family: Family, partial: Partial) {
    let written = asm.label();
    asm.load(Width::Word, Reg::R1, Reg::Stack, CHECKSUM_AT);
    // [RFC768] None.
    asm.jump_if(Reg::R1, When::Equal, 0, written);
    complement(asm);
    asm.store(Width::Half, Reg::R7, family.checksum(), Reg::R4);
    asm.load(Width::Word, Reg::R2, Reg::R9, at::PSEUDO);
    asm.jump_if_register(Reg::R1, When::NotEqual, Reg::R2, written);
    // The sum of the pseudo-header, by chance or because it is partial.
    add_up(asm, family, written);
    complement(asm);
    if partial == Partial::Keep {
        asm.load(Width::Half, Reg::R1, Reg::R7, family.checksum());
        asm.jump_if_register(Reg::R1, When::Equal, Reg::R4, written);
        asm.load(Width::Word, Reg::R4, Reg::R9, at::OUT_PSEUDO);
    }
    asm.store(Width::Half, Reg::R7, family.checksum(), Reg::R4);
    asm.bind(written);
}

/// Leaves the sum over the packet as it leaves in R4, not folded. Spoils R6, the context.
fn add_up(asm: &mut Assembler, family: Family, impossible: Label) {
    asm.load(Width::Word, Reg::R1, Reg::R9, at::OUT_SUM);
    asm.store(Width::Word, Reg::Stack, SUM_AT, Reg::R1);
    asm.copy(Reg::R6, Reg::R7);
    asm.add(Reg::R6, i32::from(family.rtp()));
    // Blocks by the bits of the length: the verifier wants to know each of them.
    for block in [512, 256, 128, 64, 32, 16, 8, 4] {
        let next = asm.label();
        block_of(asm, block, [next, impossible]);
        asm.set(Reg::R1, 0);
        asm.set(Reg::R2, 0);
        asm.copy(Reg::R3, Reg::R6);
        asm.set(Reg::R4, block);
        asm.load(Width::Word, Reg::R5, Reg::Stack, SUM_AT);
        asm.call(CSUM_DIFF);
        asm.store(Width::Word, Reg::Stack, SUM_AT, Reg::R0);
        asm.add(Reg::R6, block);
        asm.bind(next);
    }
    asm.load(Width::Word, Reg::R4, Reg::Stack, SUM_AT);
    let (odd, done) = (asm.label(), asm.label());
    block_of(asm, 2, [odd, impossible]);
    asm.load(Width::Half, Reg::R1, Reg::R6, 0);
    asm.alu_register(Alu::Add, Reg::R4, Reg::R1);
    asm.add(Reg::R6, 2);
    asm.bind(odd);
    block_of(asm, 1, [done, impossible]);
    // [RFC1071 1] As if a zero followed.
    asm.load(Width::Octet, Reg::R1, Reg::R6, 0);
    if cfg!(target_endian = "big") {
        asm.alu(Alu::ShiftLeft, Reg::R1, 8);
    }
    asm.alu_register(Alu::Add, Reg::R4, Reg::R1);
    asm.bind(done);
}

/// Jumps to the first label where the length has no block of so many octets; to the second where it is not there.
fn block_of(asm: &mut Assembler, block: i32, [next, impossible]: [Label; 2]) {
    asm.load(Width::Word, Reg::R1, Reg::R9, at::LENGTH);
    asm.and(Reg::R1, block);
    asm.jump_if(Reg::R1, When::Equal, 0, next);
    asm.copy(Reg::R2, Reg::R6);
    asm.add(Reg::R2, block);
    asm.jump_if_register(Reg::R2, When::Greater, Reg::R8, impossible);
}

/// Folds the sum in R4 and makes a checksum of it. Spoils R2.
fn complement(asm: &mut Assembler) {
    let some = asm.label();
    asm.copy(Reg::R2, Reg::R4);
    asm.alu(Alu::ShiftRight, Reg::R2, 32);
    asm.alu_32_register(Alu::Move, Reg::R4, Reg::R4);
    asm.alu_register(Alu::Add, Reg::R4, Reg::R2);
    // 34 bits, then 19, then 17, then 16.
    for _ in 0..3 {
        asm.copy(Reg::R2, Reg::R4);
        asm.alu(Alu::ShiftRight, Reg::R2, 16);
        asm.and(Reg::R4, 0xffff);
        asm.alu_register(Alu::Add, Reg::R4, Reg::R2);
    }
    asm.alu(Alu::Xor, Reg::R4, 0xffff);
    // [RFC768] Zero means that there is none.
    asm.jump_if(Reg::R4, When::NotEqual, 0, some);
    asm.set(Reg::R4, 0xffff);
    asm.bind(some);
}

/// The time, and the jitter as the engine counts it [RFC3550 A.8].
fn count_jitter(asm: &mut Assembler) {
    let (ahead, done) = (asm.label(), asm.label());
    asm.load(Width::Double, Reg::R1, Reg::Stack, NOW_AT);
    asm.store(Width::Double, Reg::R9, at::ARRIVAL, Reg::R1);
    asm.load(Width::Word, Reg::R2, Reg::R9, at::CLOCK_RATE);
    asm.load(Width::Double, Reg::R1, Reg::Stack, TRANSIT_AT);
    asm.load(Width::Double, Reg::R3, Reg::R9, at::TRANSIT);
    asm.store(Width::Double, Reg::R9, at::TRANSIT, Reg::R1);
    asm.alu_register(Alu::Sub, Reg::R1, Reg::R3);
    asm.jump_if(Reg::R1, When::SignedGreaterOrEqual, 0, ahead);
    asm.negate(Reg::R1);
    asm.bind(ahead);
    // Where the clocks' difference goes over its end, it says nothing.
    asm.jump_if_register(Reg::R1, When::GreaterOrEqual, Reg::R2, done);
    asm.load(Width::Double, Reg::R3, Reg::R9, at::JITTER);
    asm.copy(Reg::R4, Reg::R3);
    asm.add(Reg::R4, 8);
    asm.alu(Alu::ShiftRight, Reg::R4, 4);
    asm.alu_register(Alu::Add, Reg::R3, Reg::R1);
    asm.alu_register(Alu::Sub, Reg::R3, Reg::R4);
    asm.store(Width::Double, Reg::R9, at::JITTER, Reg::R3);
    asm.bind(done);
}

/// Jumps to `close` where the frame has something else than the rule.
fn see(asm: &mut Assembler, (width, frame): (Width, i16), rule: i16, close: Label) {
    asm.load(width, Reg::R1, Reg::R7, frame);
    asm.load(Width::Word, Reg::R2, Reg::R9, rule);
    asm.jump_if_register(Reg::R1, When::NotEqual, Reg::R2, close);
}

/// Takes something from the rule into the frame.
fn take(asm: &mut Assembler, width: Width, frame: i16, rule: i16) {
    asm.load(Width::Word, Reg::R1, Reg::R9, rule);
    asm.store(width, Reg::R7, frame, Reg::R1);
}

/// Jumps where the frame has fewer octets from R7 on.
fn need(asm: &mut Assembler, octets: i32, otherwise: Label) {
    asm.copy(Reg::R4, Reg::R7);
    asm.add(Reg::R4, octets);
    asm.jump_if_register(Reg::R4, When::Greater, Reg::R8, otherwise);
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;
