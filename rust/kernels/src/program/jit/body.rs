//! One pass over the schedule: where values are, and how they come into registers.
//!
//! A value is in a register, in memory, or both. When a register is needed and none is free, the value whose next use
//! is the furthest gives up its own, and is stored if it is nowhere else (Belady 1966).

use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};

use super::assembler::{Assembler, at, general};
use super::frame::{Frame, MASK, SUMS_AT};
use super::isa::{LOAD, MASKED_LOAD, MASKED_STORE, STORE, Target};
use super::schedule::Schedule;
use super::state::{File, Home, State};
use crate::program::Program;
use crate::program::ir::Id;
use crate::program::op::Type;

pub(super) type Result<T = ()> = std::result::Result<T, IcedError>;

/// The mask of the lanes that there are; k1 to k6 are for values.
pub(super) const PRESENT: Register = Register::K7;

/// Something that an instruction can read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arg {
    Register(Register),
    Memory(MemoryOperand),
}

/// Counts of what was emitted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) registers: usize,
    pub(super) spills: usize,
    /// Slots of the scratch.
    pub(super) slots: usize,
    /// Accesses to memory outside of guarded regions.
    pub(super) accesses: usize,
}

/// The code for one vector of lanes.
pub(super) struct Body<'a> {
    pub(super) program: &'a Program,
    pub(super) schedule: &'a Schedule,
    pub(super) target: Target,
    pub(super) assembler: Assembler,
    pub(super) state: State,
    /// The item that is being emitted.
    pub(super) position: usize,
    /// Whether some lanes are not there.
    pub(super) masked: bool,
    /// Whether the item lies in a guarded region.
    pub(super) guarded: bool,
    /// The values that stay in registers.
    pub(super) residents: &'a [Id],
    /// Where in the scratch the sums and the slots begin.
    pub(super) sums_at: usize,
    pub(super) slots_at: usize,
    /// Operands that vary; the results' addresses come after theirs.
    pub(super) inputs: usize,
    /// The operands that are the same for all lanes, in the order of their values.
    pub(super) uniform_inputs: &'a [usize],
    pub(super) counts: Counts,
}

impl<'a> Body<'a> {
    /// Before anything is emitted. `operands` are the number of those that vary, and those that are the same for all.
    pub(super) fn new(
        program: &'a Program,
        schedule: &'a Schedule,
        target: Target,
        state: State,
        operands: (usize, &'a [usize]),
        residents: &'a [Id],
    ) -> Self {
        Self {
            program,
            schedule,
            target,
            assembler: Assembler::new(&[MASK]),
            state,
            position: 0,
            masked: false,
            guarded: false,
            residents,
            sums_at: SUMS_AT,
            slots_at: SUMS_AT + program.sums().len() * 16 * target.float(),
            inputs: operands.0,
            uniform_inputs: operands.1,
            counts: Counts::default(),
        }
    }
}

impl Body<'_> {
    /// Whether a value lives in a mask register.
    pub(super) fn is_mask(&self, id: Id) -> bool {
        self.target.wide && self.program.values()[id].ty == Type::Pred
    }

    fn file(&mut self, mask: bool) -> &mut File {
        if mask { &mut self.state.masks } else { &mut self.state.vectors }
    }

    pub(super) fn name(&self, mask: bool, k: u8) -> Register {
        if mask { Register::K1 + u32::from(k) } else { self.target.vector_register(k) }
    }

    pub(super) fn put(&mut self, instruction: &Instruction) -> Result {
        self.assembler.put(instruction)
    }

    /// The next item that reads a value.
    fn next_use(&self, id: Id) -> Option<usize> {
        self.schedule.uses[id].iter().copied().find(|&position| position > self.position)
    }

    /// Whether no later item reads a value.
    pub(super) fn dead(&self, id: Id) -> bool {
        !self.residents.contains(&id)
            && self.schedule.uses[id].last().is_none_or(|&last| last <= self.position)
    }

    /// A register that nothing else uses until the item is done.
    pub(super) fn take(&mut self, mask: bool) -> Result<u8> {
        let file = if mask { &self.state.masks } else { &self.state.vectors };
        let fixed = |k: usize| file.pinned[k] || file.kept[k] || file.resident[k] && !self.guarded;
        let free = (0..file.held.len()).filter(|&k| !fixed(k));
        // An empty one; else the one whose value is needed last, rather one that is in memory too.
        let distance = |&k: &usize| match file.held[k] {
            None => (usize::MAX, true, true),
            Some(id) => {
                (self.next_use(id).unwrap_or(usize::MAX), self.state.homes[id] != Home::Nowhere, false)
            }
        };
        // An item uses a few registers, and a region keeps some for guards, see `MOST_GUARDS`.
        let k = free.rev().max_by_key(distance).expect("there are registers for an item");
        self.evict(mask, k as u8)?;
        self.file(mask).pinned[k] = true;
        let vectors = &self.state.vectors;
        let used =
            vectors.held.iter().zip(&vectors.pinned).filter(|&(held, &pinned)| held.is_some() || pinned);
        self.counts.registers = self.counts.registers.max(used.count());
        Ok(k as u8)
    }

    /// Takes a register away from its value, which is stored if it is nowhere else.
    fn evict(&mut self, mask: bool, k: u8) -> Result {
        let Some(id) = self.file(mask).held[usize::from(k)].take() else { return Ok(()) };
        self.state.registers[id] = None;
        if self.state.homes[id] != Home::Nowhere || self.dead(id) {
            return Ok(());
        }
        let slot = self.store_in_slot(mask, k)?;
        self.state.homes[id] = Home::Slot(slot);
        self.counts.spills += 1;
        Ok(())
    }

    /// Stores a register in a free slot.
    fn store_in_slot(&mut self, mask: bool, k: u8) -> Result<usize> {
        let free = self.state.slots.iter().position(|&used| !used);
        let slot = free.unwrap_or(self.state.slots.len());
        self.state.slots.resize(self.state.slots.len().max(slot + 1), false);
        self.state.slots[slot] = true;
        self.counts.slots = self.counts.slots.max(slot + 1);
        self.counts.accesses += usize::from(!self.guarded);
        let (register, memory) = (self.name(mask, k), self.slot(slot));
        let code = if mask { Code::VEX_Kmovw_m16_kr } else { self.target.code(STORE) };
        self.put(&Instruction::with2(code, memory, register)?)?;
        Ok(slot)
    }

    /// Before the loop: values that it reads are in memory from now on, and all registers are free.
    pub(super) fn settle(&mut self) -> Result {
        for id in 0..self.state.homes.len() {
            if let Home::Slot(slot) = self.state.homes[id] {
                self.state.homes[id] = Home::Uniform(slot);
            }
            let Some(k) = self.state.registers[id].take() else { continue };
            if self.state.homes[id] == Home::Nowhere {
                let slot = self.store_in_slot(self.is_mask(id), k)?;
                self.state.homes[id] = Home::Uniform(slot);
            }
        }
        self.state.vectors.held.fill(None);
        self.state.masks.held.fill(None);
        for (k, &id) in self.residents.iter().enumerate() {
            self.load(id, k as u8)?;
            self.hold(id, k as u8);
            self.state.vectors.resident[k] = true;
        }
        Ok(())
    }

    fn slot(&self, slot: usize) -> MemoryOperand {
        at(general::SCRATCH, self.slots_at + slot * self.target.vector())
    }

    /// Where an operand's or a result's lanes are; its address may be in the temporary register.
    pub(super) fn port(&mut self, port: usize) -> Result<MemoryOperand> {
        let base = if let Some(&register) = general::PORTS.get(port) {
            register
        } else {
            let address = at(general::FRAME, Frame::port(port));
            self.put(&Instruction::with2(Code::Mov_r64_rm64, general::TEMPORARY, address)?)?;
            general::TEMPORARY
        };
        Ok(MemoryOperand::with_base_index(base, general::OFFSET))
    }

    /// The place of a result among the addresses.
    pub(super) fn out_port(&self, out: usize) -> usize {
        self.inputs + out
    }

    /// The memory of a value that has a home.
    fn memory(&mut self, id: Id) -> Result<MemoryOperand> {
        self.counts.accesses += usize::from(!self.guarded);
        Ok(match self.state.homes[id] {
            Home::Constant(line) => self.assembler.constant(line),
            Home::Input(k) => self.port(k)?,
            Home::Uniform(k) | Home::Slot(k) => self.slot(k),
            Home::Bits(_) | Home::Nowhere => unreachable!("a value that is needed is in memory"),
        })
    }

    /// Loads a value.
    pub(super) fn load(&mut self, id: Id, k: u8) -> Result {
        let (home, register) = (self.state.homes[id], self.name(self.is_mask(id), k));
        if let Home::Bits(port) = home {
            return self.load_bits(register, port);
        }
        let memory = self.memory(id)?;
        if self.is_mask(id) {
            return self.put(&Instruction::with2(Code::VEX_Kmovw_kr_km16, register, memory)?);
        }
        if self.masked && matches!(home, Home::Input(_)) {
            return self.load_masked(register, memory);
        }
        self.put(&Instruction::with2(self.target.code(LOAD), register, memory)?)
    }

    fn load_masked(&mut self, register: Register, memory: MemoryOperand) -> Result {
        if self.target.wide {
            let mut load = Instruction::with2(self.target.code(LOAD), register, memory)?;
            load.set_op_mask(PRESENT);
            load.set_zeroing_masking(true);
            return self.put(&load);
        }
        // The register is its own mask.
        self.put(&Instruction::with2(self.target.code(LOAD), register, at(general::END, 0))?)?;
        self.put(&Instruction::with3(self.target.code(MASKED_LOAD), register, register, memory)?)
    }

    /// Stores the lanes that there are.
    pub(super) fn store_lanes(&mut self, register: Register, memory: MemoryOperand) -> Result {
        if !self.masked || self.target.wide {
            let mut store = Instruction::with2(self.target.code(STORE), memory, register)?;
            if self.masked {
                store.set_op_mask(PRESENT);
            }
            return self.put(&store);
        }
        let mask = self.take(false)?;
        let mask = self.name(false, mask);
        self.put(&Instruction::with2(self.target.code(LOAD), mask, at(general::END, 0))?)?;
        self.put(&Instruction::with3(self.target.code(MASKED_STORE), memory, mask, register)?)
    }

    /// A value in a register, until the item is done.
    pub(super) fn want(&mut self, id: Id) -> Result<Register> {
        let id = self.schedule.roots[id];
        let mask = self.is_mask(id);
        let k = if let Some(k) = self.state.registers[id] {
            k
        } else {
            let k = self.take(mask)?;
            self.load(id, k)?;
            self.hold(id, k);
            k
        };
        self.file(mask).pinned[usize::from(k)] = true;
        Ok(self.name(mask, k))
    }

    /// A value in a register, or in memory where that saves one.
    pub(super) fn arg(&mut self, id: Id) -> Result<Arg> {
        if self.reads_memory(id) {
            return Ok(Arg::Memory(self.memory(self.schedule.roots[id])?));
        }
        Ok(Arg::Register(self.want(id)?))
    }

    /// Whether `arg` would be memory.
    pub(super) fn reads_memory(&self, id: Id) -> bool {
        let id = self.schedule.roots[id];
        self.state.registers[id].is_none()
            && !self.is_mask(id)
            && match self.state.homes[id] {
                Home::Constant(_) | Home::Uniform(_) => true,
                Home::Input(_) => !self.masked && self.dead(id),
                Home::Slot(_) => self.dead(id),
                Home::Bits(_) | Home::Nowhere => false,
            }
    }

    /// A value has a register from now on.
    pub(super) fn hold(&mut self, id: Id, k: u8) {
        let mask = self.is_mask(id);
        self.file(mask).held[usize::from(k)] = Some(id);
        self.state.registers[id] = Some(k);
    }

    /// Registers of arguments that no later item reads are free for the result.
    pub(super) fn release(&mut self, ids: &[Id]) {
        for &id in ids {
            let id = self.schedule.roots[id];
            if !self.dead(id) {
                continue;
            }
            let mask = self.is_mask(id);
            if let Some(k) = self.state.registers[id].take() {
                let k = usize::from(k);
                let file = self.file(mask);
                file.held[k] = None;
                file.pinned[k] = false;
            }
        }
    }

    /// A register for a result.
    pub(super) fn define(&mut self, id: Id) -> Result<Register> {
        let mask = self.is_mask(id);
        let k = self.take(mask)?;
        self.hold(id, k);
        Ok(self.name(mask, k))
    }

    /// A register for a moment.
    pub(super) fn temporary(&mut self) -> Result<Register> {
        let k = self.take(false)?;
        Ok(self.name(false, k))
    }

    /// What an item reads keeps its registers until it is released.
    pub(super) fn begin_item(&mut self, reads: &[Id]) {
        for &id in reads {
            let id = self.schedule.roots[id];
            if let Some(k) = self.state.registers[id] {
                let mask = self.is_mask(id);
                self.file(mask).pinned[usize::from(k)] = true;
            }
        }
    }

    /// The item is done.
    pub(super) fn end_item(&mut self, reads: &[Id]) {
        self.release(reads);
        for &id in reads {
            let id = self.schedule.roots[id];
            if let (true, Home::Slot(slot)) = (self.dead(id), self.state.homes[id]) {
                self.state.slots[slot] = false;
                self.state.homes[id] = Home::Nowhere;
            }
        }
        self.state.vectors.pinned.fill(false);
        self.state.masks.pinned.fill(false);
    }
}
