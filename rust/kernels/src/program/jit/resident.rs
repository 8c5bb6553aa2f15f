//! Values that stay in registers from one turn of the loop to the next: constants, and what is the same for all lanes.
//!
//! Without them a step of a neuron reads more constants than states, and the loads take longer than the arithmetic.

use super::isa::Target;
use super::schedule::{Item, Schedule};
use crate::program::Program;
use crate::program::ir::Id;
use crate::program::op::{Op, Type};
use crate::program::variant::{Place, Variant};

/// Registers that are left to an item and to what comes from lanes.
const OTHERS: usize = 8;

/// The values that are worth a register, the most used first, and as many as may have one.
pub(super) fn candidates(
    program: &Program,
    variant: &Variant,
    schedule: &Schedule,
    target: Target,
) -> Vec<Id> {
    let counted = counted(schedule);
    let uses = |id: Id| schedule.uses[id].iter().filter(|&&position| counted[position]).count();
    let fits = |id: &Id| {
        let uniform = matches!(variant.places[*id], Some(Place::Uniform(_)));
        let mask = target.wide && program.values()[*id].ty == Type::Pred;
        uniform && !mask && schedule.roots[*id] == *id && uses(*id) > 0
    };
    let mut found: Vec<Id> = (0..schedule.roots.len()).filter(fits).collect();
    found.sort_by_key(|&id| std::cmp::Reverse(uses(id)));
    found.truncate(target.registers().saturating_sub(OTHERS + most_guards(program, schedule)));
    found
}

/// For each item, whether it is done in every turn of the loop: what a jump goes over is done in few.
fn counted(schedule: &Schedule) -> Vec<bool> {
    let (mut in_loop, mut skipped) = (false, false);
    let count = |item: &Item| {
        match item {
            Item::Loop => in_loop = true,
            Item::Jump(_) => skipped = true,
            Item::Land => skipped = false,
            _ => {}
        }
        in_loop && !skipped
    };
    schedule.items.iter().map(count).collect()
}

/// The most guards of one region: each keeps a register.
fn most_guards(program: &Program, schedule: &Schedule) -> usize {
    let (mut most, mut count) = (0, 0);
    for item in &schedule.items {
        match item {
            Item::Compute(id) if program.values()[*id].op == Op::Guard => count += 1,
            Item::Jump(_) => most = most.max(std::mem::take(&mut count)),
            _ => {}
        }
    }
    most
}
