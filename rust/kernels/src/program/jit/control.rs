//! Instructions that choose, fuse, jump, and store.

use std::ops::Range;

use iced_x86::{Code, Instruction, Register};

use super::assembler::{Jump, at, general};
use super::body::{Arg, Body, PRESENT, Result};
use super::isa::{ADD, AND, AND_NOT, ANY, BLEND, Fused, LOAD, SIGNS, STORE};
use super::schedule::Item;
use super::state::{Home, State};
use crate::program::ir::Id;
use crate::program::op::Op;

/// A jump over values that no lane needs, and where all values were when it was emitted.
pub(super) struct Region {
    jump: Jump,
    state: State,
}

impl Body<'_> {
    /// Emits some items.
    pub(super) fn emit(&mut self, items: Range<usize>) -> Result {
        let mut region = None;
        for position in items {
            self.position = position;
            match self.schedule.items[position] {
                Item::Compute(id) => self.compute(id)?,
                Item::Jump(condition) => {
                    region = Some(self.jump(condition)?);
                    self.guarded = true;
                }
                Item::Land => {
                    self.land(region.take().expect("a jump comes before"))?;
                    self.guarded = false;
                }
                Item::Store { out, value } => self.store(out, value)?,
                Item::Sum { sum, value } => self.sum(sum, value)?,
                Item::Loop => self.settle()?,
            }
        }
        Ok(())
    }

    /// A product with a sum: the result takes the place of an operand, if possible of one that nobody needs any more.
    pub(super) fn fused(&mut self, id: Id, codes: Fused, a: Id, b: Id, c: Id) -> Result {
        let roots = [a, b, c].map(|id| self.schedule.roots[id]);
        let owned = |body: &Self, k: usize| {
            let alone = roots.iter().filter(|&&root| root == roots[k]).count() == 1;
            alone && body.state.registers[roots[k]].is_some() && body.dead(roots[k])
        };
        let (code, to, second, third) = if owned(self, 2) {
            let (x, y) = if self.reads_memory(a) { (b, a) } else { (a, b) };
            (codes.f231, c, x, y)
        } else if owned(self, 0) || owned(self, 1) {
            let (to, other) = if owned(self, 0) { (a, b) } else { (b, a) };
            let factor = self.reads_memory(other) && !self.reads_memory(c);
            if factor { (codes.f132, to, c, other) } else { (codes.f213, to, other, c) }
        } else {
            return self.fused_copy(id, codes, a, b, c);
        };
        let place = self.want(to)?;
        let (second, third) = (self.want(second)?, self.arg(third)?);
        let root = self.schedule.roots[to];
        let k = self.state.registers[root].take().expect("it is in a register");
        self.hold(id, k);
        self.two(code, place, second, third)
    }

    /// All operands are needed later, or in memory: one is copied.
    fn fused_copy(&mut self, id: Id, codes: Fused, a: Id, b: Id, c: Id) -> Result {
        let (x, y) = if self.reads_memory(a) { (a, b) } else { (b, a) };
        let (code, copied, second, third) = if self.reads_memory(c) || !self.reads_memory(x) {
            (codes.f231, c, y, x)
        } else {
            (codes.f213, x, y, c)
        };
        let (second, copied) = (self.want(second)?, self.arg(copied)?);
        let k = self.take(false)?;
        let to = self.name(false, k);
        self.one(LOAD, to, copied)?;
        let third = self.arg(third)?;
        self.release(&[a, b, c]);
        self.hold(id, k);
        self.two(code, to, second, third)
    }

    /// `to = yes` where the mask is true, else `no`.
    pub(super) fn blend(&mut self, to: Register, mask: Register, yes: Arg, no: Register) -> Result {
        if self.target.wide {
            let code = self.target.code(BLEND);
            let mut blend = match yes {
                Arg::Register(yes) => Instruction::with3(code, to, no, yes)?,
                Arg::Memory(yes) => Instruction::with3(code, to, no, yes)?,
            };
            blend.set_op_mask(mask);
            return self.put(&blend);
        }
        let code = self.target.code(BLEND);
        self.put(&match yes {
            Arg::Register(yes) => Instruction::with4(code, to, no, yes, mask)?,
            Arg::Memory(yes) => Instruction::with4(code, to, no, yes, mask)?,
        })
    }

    /// Whether a value is 0 in all lanes and bits.
    fn is_zero(&self, id: Id) -> bool {
        self.state.homes[self.schedule.roots[id]] == Home::Constant([0; 8])
    }

    pub(super) fn select(&mut self, id: Id, mask: Id, yes: Id, no: Id) -> Result {
        let args = [mask, yes, no];
        let condition = self.want(mask)?;
        if self.is_zero(no) {
            let from = self.arg(yes)?;
            self.release(&args);
            let to = self.define(id)?;
            return if self.target.wide {
                self.copy_where(to, condition, from)
            } else {
                self.two(AND, to, condition, from)
            };
        }
        if self.is_zero(yes) && !self.target.wide {
            let from = self.arg(no)?;
            self.release(&args);
            let to = self.define(id)?;
            return self.two(AND_NOT, to, condition, from);
        }
        let (no, yes) = (self.want(no)?, self.arg(yes)?);
        self.release(&args);
        let to = self.define(id)?;
        self.blend(to, condition, yes, no)
    }

    /// `to = from` where a mask register is true, else 0.
    fn copy_where(&mut self, to: Register, mask: Register, from: Arg) -> Result {
        let code = self.target.code(LOAD);
        let mut copy = match from {
            Arg::Register(from) => Instruction::with2(code, to, from)?,
            Arg::Memory(from) => Instruction::with2(code, to, from)?,
        };
        copy.set_op_mask(mask);
        copy.set_zeroing_masking(true);
        self.put(&copy)
    }

    /// A guard, which keeps its register until its end.
    pub(super) fn guard(&mut self, id: Id, near: Id) -> Result {
        let from = self.arg(near)?;
        self.release(&[near]);
        let k = self.take(false)?;
        self.hold(id, k);
        self.state.vectors.kept[usize::from(k)] = true;
        let to = self.name(false, k);
        match from {
            Arg::Register(from) if from == to => Ok(()),
            from => self.one(LOAD, to, from),
        }
    }

    /// Whether a value is a guard with a register that it keeps.
    pub(super) fn keeps(&self, id: Id) -> bool {
        self.program.values()[id].op == Op::Guard && self.schedule.roots[id] == id
    }

    /// The end of a guard, in its register.
    pub(super) fn end_guard(&mut self, id: Id, guard: Id, condition: Id, exact: Id) -> Result {
        let (no, mask, yes) = (self.want(guard)?, self.want(condition)?, self.arg(exact)?);
        let k = self.state.registers[guard].take().expect("a guard keeps its register");
        if !self.dead(guard) {
            // Another end chooses it.
            let copy = self.take(false)?;
            let to = self.name(false, copy);
            self.one(LOAD, to, Arg::Register(no))?;
            self.hold(guard, copy);
        }
        self.hold(id, k);
        self.blend(no, mask, yes, no)
    }

    /// Jumps where no lane has a condition.
    fn jump(&mut self, condition: Id) -> Result<Region> {
        self.begin_item(&[condition]);
        if let Some(port) = self.unread_bits(condition) {
            self.test_bits(port)?;
            let jump = self.assembler.jump(Code::Je_rel32_64)?;
            return Ok(Region { jump, state: self.state.clone() });
        }
        let mask = self.want(condition)?;
        if self.target.wide {
            self.put(&Instruction::with2(self.target.code(ANY), mask, mask)?)?;
        } else {
            self.put(&Instruction::with2(self.target.code(SIGNS), Register::R11D, mask)?)?;
            self.put(&Instruction::with2(Code::Test_rm32_r32, Register::R11D, Register::R11D)?)?;
        }
        let jump = self.assembler.jump(Code::Je_rel32_64)?;
        self.end_item(&[condition]);
        Ok(Region { jump, state: self.state.clone() })
    }

    /// Where a jump ends, values have to be where they were when it began; but the ends of guards are there now.
    fn land(&mut self, region: Region) -> Result {
        let Region { jump, mut state } = region;
        for mask in [true, false] {
            let held = if mask { &state.masks.held } else { &state.vectors.held };
            for (k, &id) in held.iter().enumerate() {
                let Some(id) = id.filter(|&id| !self.dead(id)) else { continue };
                let kept = !mask && state.vectors.kept[k];
                if !kept && self.state.registers[id] != Some(k as u8) {
                    self.load(id, k as u8)?;
                }
            }
        }
        self.assembler.land(jump);
        for k in 0..state.vectors.kept.len() {
            if state.vectors.kept[k] {
                state.vectors.kept[k] = false;
                state.vectors.held[k] = self.state.vectors.held[k];
            }
        }
        self.state = state;
        self.forget_dead();
        Ok(())
    }

    /// Values that died between a jump and its end have no place any more.
    fn forget_dead(&mut self) {
        for id in 0..self.state.homes.len() {
            let register = self
                .state
                .vectors
                .held
                .iter()
                .chain(&self.state.masks.held)
                .position(|&held| held == Some(id));
            let vectors = self.state.vectors.held.len();
            match register {
                Some(k) if self.dead(id) => {
                    let file = if k < vectors {
                        &mut self.state.vectors.held[k]
                    } else {
                        &mut self.state.masks.held[k - vectors]
                    };
                    *file = None;
                    self.state.registers[id] = None;
                }
                Some(k) => self.state.registers[id] = Some((if k < vectors { k } else { k - vectors }) as u8),
                None => self.state.registers[id] = None,
            }
            if let (true, Home::Slot(slot)) = (self.dead(id), self.state.homes[id]) {
                self.state.slots[slot] = false;
                self.state.homes[id] = Home::Nowhere;
            }
        }
    }

    fn store(&mut self, out: usize, value: Id) -> Result {
        self.begin_item(&[value]);
        // An operand that is read later is lost where this result has its memory.
        let alias = self.program.outs()[out].alias.and_then(|k| self.program.readers()[k]);
        let needed = |id: &Id| {
            *id != value && !self.dead(*id) && matches!(self.state.homes[*id], Home::Input(_) | Home::Bits(_))
        };
        if let Some(id) = alias.filter(needed) {
            self.want(id)?;
            self.state.homes[id] = Home::Nowhere;
        }
        let register = self.want(value)?;
        if self.program.is_bits(out) {
            self.store_bits(register, self.out_port(out))?;
        } else {
            let memory = self.port(self.out_port(out))?;
            self.store_lanes(register, memory)?;
        }
        self.end_item(&[value]);
        Ok(())
    }

    fn sum(&mut self, sum: usize, value: Id) -> Result {
        self.begin_item(&[value]);
        let (mut x, total) = (self.want(value)?, self.temporary()?);
        if self.masked && self.target.wide {
            self.copy_where(total, PRESENT, Arg::Register(x))?;
            x = total;
        } else if self.masked {
            self.one(LOAD, total, Arg::Memory(at(general::END, 0)))?;
            self.two(AND, total, total, Arg::Register(x))?;
            x = total;
        }
        let (group, place) = (16 * self.target.float(), self.sums_at + sum * 16 * self.target.float());
        let mut memory = at(general::SCRATCH, place);
        if group > self.target.vector() {
            let index = general::TEMPORARY;
            self.put(&Instruction::with2(Code::Mov_r64_rm64, index, general::OFFSET)?)?;
            self.put(&Instruction::with2(Code::And_rm64_imm8, index, group as i32 - 1)?)?;
            memory = iced_x86::MemoryOperand::with_base_index_scale_displ_size(
                general::SCRATCH,
                index,
                1,
                place as i64,
                1,
            );
        }
        self.two(ADD, total, x, Arg::Memory(memory))?;
        self.put(&Instruction::with2(self.target.code(STORE), memory, total)?)?;
        self.end_item(&[value]);
        Ok(())
    }
}
