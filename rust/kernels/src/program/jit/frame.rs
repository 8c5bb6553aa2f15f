//! The function around the bodies: what it is called with, its loop, its last lanes.

use iced_x86::{Code, Instruction, Register};

use super::assembler::{Assembler, LINE, Line, at, general, splat};
use super::body::{Body, Counts, Result};
use super::isa::Target;
use super::resident;
use super::schedule::{Item, Schedule};
use super::state::{Home, State};
use crate::program::Program;
use crate::program::ir::Id;
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
    /// Words before the addresses of operands and results.
    pub(super) const WORDS: usize = 4;

    /// Where an address stands.
    pub(super) fn port(k: usize) -> usize {
        (Self::WORDS + k) * 8
    }
}

/// A function, not yet in executable memory.
pub(super) struct Function {
    pub(super) bytes: Vec<u8>,
    pub(super) constants: Vec<Line>,
    /// The operands and random numbers whose addresses it is called with; the results' come after them.
    pub(super) inputs: Vec<usize>,
    /// The operands that are the same for all lanes.
    pub(super) uniform_inputs: Vec<usize>,
    /// Bytes of scratch, aligned to a line.
    pub(super) scratch: usize,
    pub(super) counts: Counts,
}

/// Bytes of the scratch before the sums: where the last whole vector ends.
pub(super) const SUMS_AT: usize = LINE;

/// By so many fewer values in registers the next attempt is made.
const FEWER: usize = 2;

/// The mask of the last lanes, from 32 bytes less their number on.
pub(super) const MASK: Line = [!0, !0, !0, !0, 0, 0, 0, 0];

/// Writes the function of a variant.
pub(super) fn write(program: &Program, variant: &Variant, target: Target) -> Result<Function> {
    let schedule = Schedule::new(program, variant);
    let candidates = resident::candidates(program, variant, &schedule, target);
    let mut best = write_with(program, variant, target, &schedule, &candidates)?;
    // Too many leave too few registers for the others, which are then stored and loaded.
    for count in (0..candidates.len()).rev().step_by(FEWER) {
        let next = write_with(program, variant, target, &schedule, &candidates[..count])?;
        if next.counts.accesses >= best.counts.accesses {
            break;
        }
        best = next;
    }
    Ok(best)
}

/// Writes the function with these values in registers from one turn of its loop to the next.
fn write_with(
    program: &Program,
    variant: &Variant,
    target: Target,
    schedule: &Schedule,
    residents: &[Id],
) -> Result<Function> {
    let mut inputs = Vec::new();
    let homes = homes(program, variant, &mut inputs);
    let uniform_inputs: Vec<usize> = variant.loads.iter().map(|&(input, ..)| input).collect();
    let ports = (inputs.len() + program.outs().len()).min(general::PORTS.len());
    let saved = &general::PORTS[general::CALLERS.min(ports)..ports];
    let state = State::new(target, homes);
    let operands = (inputs.len(), &uniform_inputs[..]);
    let mut body = Body::new(program, schedule, target, state, operands, residents);
    enter(&mut body.assembler, saved, ports)?;
    let start = schedule.items.iter().position(|item| *item == Item::Loop).expect("there is a loop") + 1;
    body.emit(0..start)?;
    let (settled, slots) = (body.state.clone(), body.counts.slots);
    body.counts = Counts { slots, ..Counts::default() };
    write_loop(&mut body, start)?;
    // The loop is what counts, but its last lanes may take more slots.
    let counts = body.counts;
    body.state = settled;
    body.masked = true;
    let none_left = body.assembler.jump(Code::Jae_rel32_64)?;
    mask_last(&mut body.assembler, target)?;
    body.emit(start..schedule.items.len())?;
    body.assembler.land(none_left);
    leave(&mut body.assembler, saved)?;
    let scratch = body.slots_at + body.counts.slots * target.vector();
    let (bytes, constants) = body.assembler.finish();
    Ok(Function { bytes, constants, inputs, uniform_inputs, scratch, counts })
}

/// The loop over whole vectors; then flags say whether lanes are left.
fn write_loop(body: &mut Body<'_>, start: usize) -> Result {
    let (offset, end, temporary) = (general::OFFSET, general::END, general::TEMPORARY);
    let (bytes, has_bits) = (body.target.vector() as i32, body.program.has_bits());
    if has_bits {
        body.begin_bits()?;
    }
    body.put(&Instruction::with2(Code::Mov_r64_rm64, temporary, end)?)?;
    body.put(&Instruction::with2(Code::And_rm64_imm8, temporary, -bytes)?)?;
    body.put(&Instruction::with2(Code::Mov_rm64_r64, at(general::SCRATCH, 0), temporary)?)?;
    let none = body.assembler.jump(Code::Je_rel32_64)?;
    let top = body.assembler.len;
    body.emit(start..body.schedule.items.len())?;
    if has_bits {
        body.next_bits()?;
    }
    body.put(&Instruction::with2(Code::Add_rm64_imm8, offset, bytes)?)?;
    body.put(&Instruction::with2(Code::Cmp_r64_rm64, offset, at(general::SCRATCH, 0))?)?;
    body.assembler.jump_back(Code::Jb_rel32_64, top)?;
    body.assembler.land(none);
    body.put(&Instruction::with2(Code::Cmp_r64_rm64, offset, end)?)
}

/// Where values are before any lane is computed; `inputs` are the operands that are read for each lane.
fn homes(program: &Program, variant: &Variant, inputs: &mut Vec<usize>) -> Vec<Home> {
    let mut draws = program.readers().len()..;
    let home = |(id, place): (usize, &Option<Place>)| {
        let value = &program.values()[id];
        match place {
            Some(Place::Uniform(_)) if value.op.is_constant() => {
                Home::Constant(splat(value.immediate, program.double()))
            }
            Some(Place::Input(_) | Place::Slot(_)) if value.op == Op::In => {
                inputs.push(value.immediate as usize);
                Home::Input(inputs.len() - 1)
            }
            Some(_) if value.op == Op::Draw => {
                inputs.extend(draws.next());
                Home::Input(inputs.len() - 1)
            }
            Some(_) if value.op == Op::BitIn => {
                inputs.push(value.immediate as usize);
                Home::Bits(inputs.len() - 1)
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
