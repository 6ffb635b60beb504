//! An assembler for BPF, as far as the programs here need it: instructions, jumps by label, maps by descriptor.
//!
//! The instruction set is that of the kernel's `Documentation/bpf/standardization/instruction-set.rst` (RFC 9669).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One instruction as the kernel takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Instruction {
    code: u8,
    /// Destination in the lower four bits, source in the upper.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reg {
    /// What a call and the program return.
    R0 = 0,
    /// The first argument; the context at the beginning.
    R1 = 1,
    R2 = 2,
    R3 = 3,
    R4 = 4,
    R5 = 5,
    /// The first that calls leave alone, and three more.
    R6 = 6,
    R7 = 7,
    R8 = 8,
    R9 = 9,
    /// The end of the stack.
    Stack = 10,
}

/// How many octets an access has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Width {
    Octet = 0x10,
    Half = 0x08,
    Word = 0x00,
    Double = 0x18,
}

/// When a jump is taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Equal = 0x10,
    Greater = 0x20,
    GreaterOrEqual = 0x30,
    NotEqual = 0x50,
    /// The one comparison of signed numbers.
    SignedGreaterOrEqual = 0x70,
    LessOrEqual = 0xb0,
}

/// Arithmetic on whole registers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Alu {
    Add = 0x00,
    Sub = 0x10,
    Mul = 0x20,
    /// Unsigned.
    Div = 0x30,
    Or = 0x40,
    And = 0x50,
    ShiftLeft = 0x60,
    ShiftRight = 0x70,
    Xor = 0xa0,
    Move = 0xb0,
    ShiftRightSigned = 0xc0,
}

/// What is done to 64 bits of memory at once; what stood there before comes back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Atomic {
    FetchAdd = 0x01,
    FetchAnd = 0x51,
    Exchange = 0xe1,
    /// Only where R0 stood there; R0 becomes what did.
    CompareExchange = 0xf1,
}

/// A place in the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label(usize);

const LOAD: u8 = 0x61;
const STORE_IMMEDIATE: u8 = 0x62;
const STORE: u8 = 0x63;
const LOAD_64: u8 = 0x18;
const ATOMIC_64: u8 = 0xdb;
const ALU_64: u8 = 0x07;
const ALU_32: u8 = 0x04;
const NEGATE: u8 = 0x87;
const TO_NETWORK: u8 = 0xdc;
const JUMP: u8 = 0x05;
/// The second operand is a register.
const REGISTER: u8 = 0x08;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// The source of a 64-bit load whose value is a map's descriptor.
const MAP: u8 = 1;

/// A program being written. Jumps go forward only.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<Instruction>,
    /// Where each label is.
    labels: Vec<Option<usize>>,
    /// Jumps and where they go.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label before the next instruction.
    pub(super) fn bind(&mut self, label: Label) {
        let here = self.code.len();
        if let Some(place) = self.labels.get_mut(label.0) {
            *place = Some(here);
        }
    }

    /// `to = *(from + offset)`.
    pub(super) fn load(&mut self, width: Width, to: Reg, from: Reg, offset: i16) {
        self.push(LOAD | width as u8, to as u8 | (from as u8) << 4, offset, 0);
    }

    /// `*(to + offset) = from`.
    pub(super) fn store(&mut self, width: Width, to: Reg, offset: i16, from: Reg) {
        self.push(STORE | width as u8, to as u8 | (from as u8) << 4, offset, 0);
    }

    /// `*(to + offset) = value`.
    pub(super) fn store_value(&mut self, width: Width, to: Reg, offset: i16, value: i32) {
        self.push(STORE_IMMEDIATE | width as u8, to as u8, offset, value);
    }

    pub(super) fn copy(&mut self, to: Reg, from: Reg) {
        self.alu_register(Alu::Move, to, from);
    }

    pub(super) fn set(&mut self, to: Reg, value: i32) {
        self.alu(Alu::Move, to, value);
    }

    pub(super) fn add(&mut self, to: Reg, value: i32) {
        self.alu(Alu::Add, to, value);
    }

    pub(super) fn and(&mut self, to: Reg, value: i32) {
        self.alu(Alu::And, to, value);
    }

    /// `to = to operation value`, the value with its sign.
    pub(super) fn alu(&mut self, operation: Alu, to: Reg, value: i32) {
        self.push(ALU_64 | operation as u8, to as u8, 0, value);
    }

    pub(super) fn alu_register(&mut self, operation: Alu, to: Reg, from: Reg) {
        self.push(ALU_64 | REGISTER | operation as u8, to as u8 | (from as u8) << 4, 0, 0);
    }

    /// The same in 32 bits; the upper half of `to` becomes zero.
    pub(super) fn alu_32(&mut self, operation: Alu, to: Reg, value: i32) {
        self.push(ALU_32 | operation as u8, to as u8, 0, value);
    }

    pub(super) fn alu_32_register(&mut self, operation: Alu, to: Reg, from: Reg) {
        self.push(ALU_32 | REGISTER | operation as u8, to as u8 | (from as u8) << 4, 0, 0);
    }

    pub(super) fn negate(&mut self, to: Reg) {
        self.push(NEGATE, to as u8, 0, 0);
    }

    /// Between the machine's order and the network's; above its 16 or 32 bits all becomes zero.
    pub(super) fn swap_to_network(&mut self, to: Reg, bits: i32) {
        self.push(TO_NETWORK, to as u8, 0, bits);
    }

    /// On the 64 bits at `at + offset` with `value`, which becomes what stood there, but for a comparison.
    pub(super) fn atomic(&mut self, operation: Atomic, at: Reg, offset: i16, value: Reg) {
        self.push(ATOMIC_64, at as u8 | (value as u8) << 4, offset, operation as i32);
    }

    /// `to` becomes a map.
    pub(super) fn map(&mut self, to: Reg, map: BorrowedFd<'_>) {
        self.push(LOAD_64, to as u8 | MAP << 4, 0, map.as_raw_fd());
        self.push(0, 0, 0, 0);
    }

    pub(super) fn jump(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(JUMP, 0, 0, 0);
    }

    /// Jumps where `left` compares so with `right`, which is taken with its sign.
    pub(super) fn jump_if(&mut self, left: Reg, when: When, right: i32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(JUMP | when as u8, left as u8, 0, right);
    }

    pub(super) fn jump_if_register(&mut self, left: Reg, when: When, right: Reg, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(JUMP | REGISTER | when as u8, left as u8 | (right as u8) << 4, 0, 0);
    }

    /// Calls a helper of the kernel: arguments in R1 to R5, which it spoils, the result in R0.
    pub(super) fn call(&mut self, helper: i32) {
        self.push(CALL, 0, 0, helper);
    }

    pub(super) fn exit(&mut self) {
        self.push(EXIT, 0, 0, 0);
    }

    /// The program, with its jumps filled in.
    ///
    /// # Errors
    /// `InvalidInput` for a jump to a label that is nowhere, or too far.
    pub(super) fn finish(mut self) -> io::Result<Vec<Instruction>> {
        for (at, label) in std::mem::take(&mut self.jumps) {
            let place = self.labels.get(label.0).copied().flatten();
            // Counted from the instruction behind the jump.
            let offset = place.and_then(|place| i16::try_from(place.checked_sub(at + 1)?).ok());
            let (Some(offset), Some(jump)) = (offset, self.code.get_mut(at)) else {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("jump {at} goes nowhere")));
            };
            jump.offset = offset;
        }
        Ok(self.code)
    }

    fn push(&mut self, code: u8, registers: u8, offset: i16, immediate: i32) {
        self.code.push(Instruction { code, registers, offset, immediate });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_those_of_the_standard() {
        let mut asm = Assembler::default();
        let end = asm.label();
        asm.load(Width::Half, Reg::R5, Reg::R2, 12);
        asm.store_value(Width::Double, Reg::Stack, -24, 0);
        asm.jump_if(Reg::R5, When::NotEqual, 8, end);
        asm.jump_if_register(Reg::R4, When::Greater, Reg::R3, end);
        asm.alu(Alu::ShiftRightSigned, Reg::R9, 32);
        asm.alu_32_register(Alu::Sub, Reg::R1, Reg::R7);
        asm.negate(Reg::R8);
        asm.swap_to_network(Reg::R3, 16);
        asm.atomic(Atomic::CompareExchange, Reg::R9, 8, Reg::R1);
        asm.call(1);
        asm.bind(end);
        asm.exit();
        let code = asm.finish().unwrap();
        let fields = |i: &Instruction| (i.code, i.registers, i.offset, i.immediate);
        assert_eq!(
            code.iter().map(fields).collect::<Vec<_>>(),
            [
                (0x69, 0x25, 12, 0),
                (0x7a, 0x0a, -24, 0),
                (0x55, 0x05, 7, 8),
                (0x2d, 0x34, 6, 0),
                (0xc7, 0x09, 0, 32),
                (0x1c, 0x71, 0, 0),
                (0x87, 0x08, 0, 0),
                (0xdc, 0x03, 0, 16),
                (0xdb, 0x19, 8, 0xf1),
                (0x85, 0, 0, 1),
                (0x95, 0, 0, 0)
            ]
        );
    }

    #[test]
    fn a_jump_to_nowhere_is_an_error() {
        let mut asm = Assembler::default();
        let nowhere = asm.label();
        asm.jump(nowhere);
        assert_eq!(asm.finish().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
