//! The function around the bodies: what it is called with, its loop, its last lanes.

use iced_x86::{Code, Instruction, Register};

use super::assembler::{Assembler, LINE, Line, at, general, splat};
use super::body::{Body, Counts, Home, Result, State};
use super::isa::Target;
use super::schedule::Schedule;
use crate::program::Program;
use crate::program::op::Op;
use crate::program::variant::{Place, Variant};

/// What the function is called with: a table of words of 64 bits.
pub(super) struct Frame;

impl Frame {
    /// Bytes of all lanes.
    const BYTES: usize = 0;
    const UNIFORMS: usize = 8;
    const CONSTANTS: usize = 16;
    const SCRATCH: usize = 24;
    /// The number of the first lane.
    pub(super) const LANE: usize = 32;
    /// Words before the addresses of operands and results.
    pub(super) const WORDS: usize = 5;

    /// Where an address stands.
    pub(super) fn port(k: usize) -> usize {
        (Self::WORDS + k) * 8
    }
}

/// A function, not yet in executable memory.
pub(super) struct Function {
    pub(super) bytes: Vec<u8>,
    pub(super) constants: Vec<Line>,
    /// The operands whose addresses it is called with; the results' come after them.
    pub(super) inputs: Vec<usize>,
    /// Bytes of scratch, aligned to a line.
    pub(super) scratch: usize,
    pub(super) counts: Counts,
}

/// Bytes of the scratch before the sums: where the last whole vector ends.
pub(super) const SUMS_AT: usize = LINE;

/// The mask of the last lanes, from 32 bytes less their number on.
const MASK: Line = [!0, !0, !0, !0, 0, 0, 0, 0];

/// Writes the function of a variant.
pub(super) fn write(program: &Program, variant: &Variant, target: Target) -> Result<Function> {
    let schedule = Schedule::new(program, variant);
    let mut inputs = Vec::new();
    let homes = homes(program, variant, &mut inputs);
    let ports = (inputs.len() + program.outs().len()).min(general::PORTS.len());
    let saved = &general::PORTS[general::CALLERS.min(ports)..ports];
    let mut assembler = Assembler::new(&[MASK]);
    enter(&mut assembler, saved, ports)?;
    let slots_at = SUMS_AT + program.sums().len() * 16 * target.float();
    let (sums_at, inputs_len, mut counts) = (SUMS_AT, inputs.len(), Counts::default());
    let mut body = |assembler: &mut Assembler, masked: bool| {
        let mut body = Body {
            program,
            schedule: &schedule,
            target,
            assembler,
            state: State::new(target, homes.clone()),
            position: 0,
            masked,
            sums_at,
            slots_at,
            inputs: inputs_len,
            counts: Counts::default(),
        };
        body.emit()?;
        let slots = counts.slots.max(body.counts.slots);
        // The loop is what counts.
        counts = Counts { slots, ..if masked { counts } else { body.counts } };
        Ok(())
    };

    let a = &mut assembler;
    let (offset, end, temporary) = (general::OFFSET, general::END, general::TEMPORARY);
    a.put(&Instruction::with2(Code::Mov_r64_rm64, temporary, end)?)?;
    a.put(&Instruction::with2(Code::And_rm64_imm8, temporary, -(target.vector() as i32))?)?;
    a.put(&Instruction::with2(Code::Mov_rm64_r64, at(general::SCRATCH, 0), temporary)?)?;
    let none = a.jump(Code::Je_rel32_64)?;
    let top = a.len;
    body(a, false)?;
    a.put(&Instruction::with2(Code::Add_rm64_imm8, offset, target.vector() as i32)?)?;
    a.put(&Instruction::with2(Code::Cmp_r64_rm64, offset, at(general::SCRATCH, 0))?)?;
    a.jump_back(Code::Jb_rel32_64, top)?;
    a.land(none);
    a.put(&Instruction::with2(Code::Cmp_r64_rm64, offset, end)?)?;
    let all = a.jump(Code::Jae_rel32_64)?;
    mask_last(a, target)?;
    body(a, true)?;
    a.land(all);
    leave(a, saved)?;
    let scratch = slots_at + counts.slots * target.vector();
    let (bytes, constants) = assembler.finish();
    Ok(Function { bytes, constants, inputs, scratch, counts })
}

/// Where values are before any lane is computed; `inputs` are the operands that are read for each lane.
fn homes(program: &Program, variant: &Variant, inputs: &mut Vec<usize>) -> Vec<Home> {
    let home = |(id, place): (usize, &Option<Place>)| {
        let value = &program.values()[id];
        match place {
            Some(Place::Uniform(_)) if value.op.is_constant() => {
                Home::Constant(splat(value.immediate, program.double()))
            }
            Some(Place::Uniform(k)) => Home::Uniform(*k),
            Some(_) if value.op == Op::In => {
                inputs.push(value.immediate as usize);
                Home::Input(inputs.len() - 1)
            }
            _ => Home::Nowhere,
        }
    };
    variant.places.iter().enumerate().map(home).collect()
}

/// Saves the caller's registers and reads the table.
fn enter(a: &mut Assembler, saved: &[Register], ports: usize) -> Result {
    for &register in saved {
        a.put(&Instruction::with1(Code::Push_r64, register)?)?;
    }
    let named = [
        (general::END, Frame::BYTES),
        (general::UNIFORMS, Frame::UNIFORMS),
        (general::CONSTANTS, Frame::CONSTANTS),
        (general::SCRATCH, Frame::SCRATCH),
    ];
    let addresses =
        general::PORTS[..ports].iter().enumerate().map(|(k, &register)| (register, Frame::port(k)));
    for (register, place) in named.into_iter().chain(addresses) {
        a.put(&Instruction::with2(Code::Mov_r64_rm64, register, at(general::FRAME, place))?)?;
    }
    a.put(&Instruction::with2(Code::Xor_r32_rm32, Register::EAX, Register::EAX)?)
}

/// The mask of the lanes that are left.
fn mask_last(a: &mut Assembler, target: Target) -> Result {
    let (temporary, end) = (general::TEMPORARY, general::END);
    a.put(&Instruction::with2(Code::Mov_r64_rm64, temporary, end)?)?;
    a.put(&Instruction::with2(Code::Sub_r64_rm64, temporary, general::OFFSET)?)?;
    if target.wide {
        let digits = if target.double { 3 } else { 2 };
        a.put(&Instruction::with2(Code::Shr_rm64_imm8, temporary, digits)?)?;
        a.put(&Instruction::with2(Code::Mov_r32_imm32, Register::ESI, u32::MAX)?)?;
        a.put(&Instruction::with3(
            Code::VEX_Bzhi_r32_rm32_r32,
            Register::ESI,
            Register::ESI,
            Register::R11D,
        )?)?;
        return a.put(&Instruction::with2(Code::VEX_Kmovw_kr_r32, super::body::PRESENT, Register::ESI)?);
    }
    // The first line of the constants.
    a.put(&Instruction::with2(Code::Lea_r64_m, end, at(general::CONSTANTS, LINE / 2))?)?;
    a.put(&Instruction::with2(Code::Sub_r64_rm64, end, temporary)?)
}

fn leave(a: &mut Assembler, saved: &[Register]) -> Result {
    for &register in saved.iter().rev() {
        a.put(&Instruction::with1(Code::Pop_r64, register)?)?;
    }
    a.put(&Instruction::with(Code::VEX_Vzeroupper))?;
    a.put(&Instruction::with(Code::Retnq))
}
