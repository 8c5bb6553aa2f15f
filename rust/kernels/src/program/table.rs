//! The programs of the process, found by the hash of their text.
//!
//! Entries are never given back, so that a handler needs no lock, which a fork could leave locked.

use super::cache::{self, InUse, Slot};
use super::ir::Program;
use super::jit::Code;
use super::level::Level;
use super::op::Op;
use super::recurrent::Recurrent;
use super::run::{Call, Layout};
use super::steps::Steps;
use super::variant::Variant;
use crate::growing::{Growing, Table};

static TABLE: Table<Entry, 1024> = Table::new();

/// A program of the process.
#[derive(Debug)]
pub struct Entry {
    hash: u64,
    program: Program,
    variants: Growing<Variant>,
}

/// The program with this hash.
#[must_use]
pub fn find(hash: u64) -> Option<&'static Entry> {
    TABLE.list(hash).iter().find(|entry| entry.hash == hash)
}

/// Puts a program into the table, if it is not there.
///
/// # Errors
/// If another program has the same hash.
pub fn insert(program: &Program) -> Result<&'static Entry, String> {
    let hash = program.hash();
    let entry = TABLE.list(hash).find_or_add(|old| old.hash == hash, || Entry::new(hash, program.clone()));
    let same = entry.program == *program;
    same.then_some(entry).ok_or_else(|| format!("two programs have the hash {hash:x}"))
}

/// A program that is not in the table.
#[cfg(test)]
pub(super) fn unlisted(program: Program) -> Entry {
    Entry::new(program.hash(), program)
}

impl Entry {
    fn new(hash: u64, program: Program) -> Self {
        Self { hash, program, variants: Growing::new() }
    }

    /// The hash of the program's text.
    #[inline]
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The program.
    #[inline]
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The program for operands of which these are the same for all lanes of a row.
    fn variant(&self, uniform_inputs: impl Fn(usize) -> bool) -> &Variant {
        let fits = |variant: &Variant| {
            variant.uniform_inputs.iter().enumerate().all(|(k, &uniform)| uniform == uniform_inputs(k))
        };
        self.variants.find_or_add(fits, || {
            let uniform: Vec<bool> = (0..self.program.readers().len()).map(&uniform_inputs).collect();
            Variant::new(&self.program, &uniform)
        })
    }

    /// Of the program for operands that vary where it says `in`.
    #[must_use]
    pub fn stats(&self, level: Level) -> Stats {
        let reads = |k: usize| self.program.readers()[k].map(|id| self.program.values()[id].op);
        let variant = self.variant(|k| !reads(k).is_some_and(Op::is_lane_input));
        if let Some(in_use) = self.code(variant, level) {
            return in_use.code.stats();
        }
        let (ops, registers, isa) = (variant.ops, variant.slots, Level::Interpreter.name());
        Stats { ops, registers, spills: 0, bytes: 0, compile_us: 0.0, isa }
    }

    /// Gives all code back that nobody runs.
    #[cfg(test)]
    pub(super) fn give_code_back(&self) {
        self.variants.iter().flat_map(|variant| &variant.codes).for_each(Slot::give_back);
    }

    /// The machine code of a variant, if there is such.
    fn code<'a>(&self, variant: &'a Variant, level: Level) -> Option<InUse<'a>> {
        let slot = match level {
            Level::Interpreter => return None,
            Level::Avx2 => &variant.codes[0],
            Level::Avx512 => &variant.codes[1],
        };
        let (code, too_much) = slot.get(|| Code::new(&self.program, variant, level));
        if too_much {
            make_room();
        }
        code
    }

    /// Runs the program.
    ///
    /// # Safety
    /// There are as many operands and results as the program has, of its types and the layouts that the call says;
    /// operands read by `uin` and `win` have one element or one per row. A result shares memory with its alias at most.
    /// This machine has the level's instructions.
    pub unsafe fn run(&self, call: &Call<'_>, level: Level) {
        let variant = self.variant_for(call);
        let in_use = self.code(variant, level);
        let code = in_use.as_ref().map(|in_use| in_use.code);
        // SAFETY: promised to this function.
        unsafe {
            if self.program.double() {
                call.run::<f64>(variant, code);
            } else {
                call.run::<f32>(variant, code);
            }
        }
    }

    /// Runs the program over many steps.
    ///
    /// # Safety
    /// As for [`Self::run`]; operands that are timed, and results without an alias, have such memory for each step; a
    /// result with an alias has the memory of its operand.
    pub unsafe fn run_steps(&self, steps: &Steps<'_>, level: Level) {
        let variant = self.variant_for(&steps.call);
        let in_use = self.code(variant, level);
        let code = in_use.as_ref().map(|in_use| in_use.code);
        // SAFETY: promised to this function.
        unsafe {
            if self.program.double() {
                steps.run::<f64>(&self.program, variant, code);
            } else {
                steps.run::<f32>(&self.program, variant, code);
            }
        }
    }

    /// Runs the program over many steps of neurons that are connected with each other.
    ///
    /// # Safety
    /// As for [`Self::run_steps`]; the matrix has n × n elements of the program's float, and the link is as it says.
    pub unsafe fn run_recurrent(&self, it: &Recurrent<'_>, level: Level) {
        let variant = self.variant_for(&it.steps.call);
        let in_use = self.code(variant, level);
        let code = in_use.as_ref().map(|in_use| in_use.code);
        // SAFETY: promised to this function.
        unsafe {
            if self.program.double() {
                it.run::<f64>(&self.program, variant, code);
            } else {
                it.run::<f32>(&self.program, variant, code);
            }
        }
    }

    fn variant_for(&self, call: &Call<'_>) -> &Variant {
        self.variant(|k| matches!(call.inputs[k].layout, Layout::Uniform | Layout::Row))
    }
}

/// Gives code back that has not been used for long.
#[cold]
fn make_room() {
    while cache::is_full() {
        let idle = |slot: &'static Slot| slot.idle_since().map(|since| (since, slot));
        let slots = TABLE.iter().flat_map(|entry| entry.variants.iter()).flat_map(|variant| &variant.codes);
        let Some((_, slot)) = slots.filter_map(idle).min_by_key(|&(since, _)| since) else { return };
        slot.give_back();
    }
}

/// What is known of a program that is ready to run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// Operations on lanes.
    pub ops: usize,
    /// Registers in use at most; slots of the interpreter.
    pub registers: usize,
    /// Values that did not fit into registers and were stored meanwhile.
    pub spills: usize,
    /// Size of the machine code.
    pub bytes: usize,
    /// Time to make it.
    pub compile_us: f64,
    /// What runs the program.
    pub isa: &'static str,
}
