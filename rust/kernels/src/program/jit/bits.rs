//! Operands and results with a bit for each lane: a vector of lanes has a byte of them, or two.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{Line, at, general};
use super::body::{Arg, Body, PRESENT, Result};
use super::frame::Frame;
use super::isa::{AND, FROM_GENERAL, INT_EQUAL, LOAD, SIGNS, SPREAD};
use super::state::Home;
use crate::program::ir::Id;

/// The address of a vector's bits. It held the uniform operands, which are read before the loop only.
const ADDRESS: Register = general::UNIFORMS;

/// The bit of each of eight lanes in their byte.
const PLACES: Line = [1 | 2 << 32, 4 | 8 << 32, 16 | 32 << 32, 64 | 128 << 32, 0, 0, 0, 0];

impl Body<'_> {
    /// Where a value's bits are, if it has not been read yet.
    pub(super) fn unread_bits(&self, id: Id) -> Option<usize> {
        let id = self.schedule.roots[id];
        match self.state.homes[id] {
            Home::Bits(port) if self.state.registers[id].is_none() => Some(port),
            _ => None,
        }
    }

    /// The memory of the present vector's bits. Lanes have 4 bytes each.
    fn bits_at(&mut self, port: usize) -> Result<MemoryOperand> {
        self.put(&Instruction::with2(Code::Mov_r64_rm64, ADDRESS, general::OFFSET)?)?;
        self.put(&Instruction::with2(Code::Shr_rm64_imm8, ADDRESS, 5)?)?;
        self.put(&match general::PORTS.get(port) {
            Some(&base) => Instruction::with2(Code::Add_r64_rm64, ADDRESS, base)?,
            None => Instruction::with2(Code::Add_r64_rm64, ADDRESS, at(general::FRAME, Frame::port(port)))?,
        })?;
        Ok(at(ADDRESS, 0))
    }

    /// Loads bits as a mask.
    pub(super) fn load_bits(&mut self, to: Register, port: usize) -> Result {
        let memory = self.bits_at(port)?;
        if self.target.wide {
            return self.put(&Instruction::with2(Code::VEX_Kmovw_kr_km16, to, memory)?);
        }
        let half = Register::XMM0 + (to as u32 - self.target.vector_register(0) as u32);
        let places = self.assembler.constant(PLACES);
        self.put(&Instruction::with2(Code::Movzx_r32_rm8, Register::R11D, memory)?)?;
        self.put(&Instruction::with2(self.target.code(FROM_GENERAL), half, Register::R11D)?)?;
        self.put(&Instruction::with2(self.target.code(SPREAD), to, half)?)?;
        self.two(AND, to, to, Arg::Memory(places))?;
        self.two(INT_EQUAL, to, to, Arg::Memory(places))
    }

    /// Compares bits with 0.
    pub(super) fn test_bits(&mut self, port: usize) -> Result {
        let memory = self.bits_at(port)?;
        let compare = if self.target.wide { Code::Cmp_rm16_imm8 } else { Code::Cmp_rm8_imm8 };
        self.put(&Instruction::with2(compare, memory, 0)?)
    }

    /// Stores a mask as bits; lanes that are not there have 0.
    pub(super) fn store_bits(&mut self, mut mask: Register, port: usize) -> Result {
        if self.target.wide {
            if self.masked {
                let k = self.take(true)?;
                let present = self.name(true, k);
                self.put(&Instruction::with3(Code::VEX_Kandw_kr_kr_kr, present, mask, PRESENT)?)?;
                mask = present;
            }
            let memory = self.bits_at(port)?;
            return self.put(&Instruction::with2(Code::VEX_Kmovw_m16_kr, memory, mask)?);
        }
        if self.masked {
            let present = self.temporary()?;
            self.one(LOAD, present, Arg::Memory(at(general::END, 0)))?;
            self.two(AND, present, present, Arg::Register(mask))?;
            mask = present;
        }
        let memory = self.bits_at(port)?;
        self.put(&Instruction::with2(self.target.code(SIGNS), Register::R11D, mask)?)?;
        self.put(&Instruction::with2(Code::Mov_rm8_r8, memory, Register::R11L)?)
    }
}
