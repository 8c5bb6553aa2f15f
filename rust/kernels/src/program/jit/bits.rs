//! Operands and results with a bit for each lane: a vector of lanes has a byte of them, or two.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{Line, at, general};
use super::body::{Arg, Body, PRESENT, Result};
use super::frame::Frame;
use super::isa::{AND, INT_EQUAL, LOAD, SIGNS};
use super::state::Home;
use crate::program::ir::Id;

/// Bytes from the first vector's bits to those of the present one. The register held the uniform operands, which are
/// read before the loop only.
const PLACE: Register = general::UNIFORMS;

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

    /// Before the loop: the present vector is the first.
    pub(super) fn begin_bits(&mut self) -> Result {
        self.put(&Instruction::with2(Code::Xor_r32_rm32, Register::EDX, Register::EDX)?)
    }

    /// The present vector is the next one. Flags are lost.
    pub(super) fn next_bits(&mut self) -> Result {
        let bytes = if self.target.wide { 2 } else { 1 };
        self.put(&Instruction::with2(Code::Add_rm64_imm8, PLACE, bytes)?)
    }

    /// The memory of the present vector's bits; its address may be in the temporary register.
    fn bits_at(&mut self, port: usize) -> Result<MemoryOperand> {
        let base = if let Some(&register) = general::PORTS.get(port) {
            register
        } else {
            let address = at(general::FRAME, Frame::port(port));
            self.put(&Instruction::with2(Code::Mov_r64_rm64, general::TEMPORARY, address)?)?;
            general::TEMPORARY
        };
        Ok(MemoryOperand::with_base_index(base, PLACE))
    }

    /// Loads bits as a mask.
    pub(super) fn load_bits(&mut self, to: Register, port: usize) -> Result {
        let memory = self.bits_at(port)?;
        if self.target.wide {
            return self.put(&Instruction::with2(Code::VEX_Kmovw_kr_km16, to, memory)?);
        }
        let places = self.assembler.constant(PLACES);
        self.put(&Instruction::with2(Code::VEX_Vpbroadcastb_ymm_xmmm8, to, memory)?)?;
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
        self.put(&Instruction::with2(self.target.code(SIGNS), Register::R11D, mask)?)?;
        if let Some(&base) = general::PORTS.get(port) {
            let memory = MemoryOperand::with_base_index(base, PLACE);
            return self.put(&Instruction::with2(Code::Mov_rm8_r8, memory, Register::R11L)?);
        }
        // The temporary register is in use.
        let base = at(general::FRAME, Frame::port(port));
        self.put(&Instruction::with2(Code::Add_r64_rm64, PLACE, base)?)?;
        self.put(&Instruction::with2(Code::Mov_rm8_r8, at(PLACE, 0), Register::R11L)?)?;
        self.put(&Instruction::with2(Code::Sub_r64_rm64, PLACE, base)?)
    }
}
