//! Where the values of a body are: in registers, in memory, or both.

use super::assembler::Line;
use super::isa::Target;
use crate::program::ir::Id;

/// Mask registers for values: k1 to k6.
const MASKS: usize = 6;

/// Where a value is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    Nowhere,
    /// In a line of the constants.
    Constant(Line),
    /// A slot of the scratch that is written before the loop and not again.
    Uniform(usize),
    /// An operand.
    Input(usize),
    /// A bit of an operand.
    Bits(usize),
    /// A slot of the scratch.
    Slot(usize),
}

/// Registers of one kind.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// What each of them holds.
    pub(super) held: Vec<Option<Id>>,
    /// Those in use by the present item.
    pub(super) pinned: Vec<bool>,
    /// Those that a guarded region keeps.
    pub(super) kept: Vec<bool>,
    /// Those that keep a value from one turn of the loop to the next.
    pub(super) resident: Vec<bool>,
}

impl File {
    fn new(len: usize) -> Self {
        Self {
            held: vec![None; len],
            pinned: vec![false; len],
            kept: vec![false; len],
            resident: vec![false; len],
        }
    }
}

/// Where all values are.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) vectors: File,
    pub(super) masks: File,
    /// The register of each value.
    pub(super) registers: Vec<Option<u8>>,
    pub(super) homes: Vec<Home>,
    /// Slots in use.
    pub(super) slots: Vec<bool>,
}

impl State {
    pub(super) fn new(target: Target, homes: Vec<Home>) -> Self {
        let masks = if target.wide { MASKS } else { 0 };
        let (vectors, masks) = (File::new(target.registers()), File::new(masks));
        Self { vectors, masks, registers: vec![None; homes.len()], homes, slots: Vec::new() }
    }
}
