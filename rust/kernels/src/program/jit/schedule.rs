//! The order of the machine code's work: operations, and results stored as early as they can be.

use crate::program::Program;
use crate::program::ir::{Id, Value};
use crate::program::op::Op;
use crate::program::variant::{Place, Variant};

/// Guards that a jump goes over at most: each has a register until its end.
const MOST_GUARDS: usize = 6;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// Makes a value.
    Compute(Id),
    /// Jumps to the next `Land` where no lane has this condition.
    Jump(Id),
    /// Here the ends of guards are complete.
    Land,
    /// Stores a result.
    Store { out: usize, value: Id },
    /// Adds to a sum.
    Sum { sum: usize, value: Id },
    /// Behind it, all is done for each vector of lanes.
    Loop,
}

/// All that is to be done.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) items: Vec<Item>,
    /// For each value, the items that read it, in order.
    pub(super) uses: Vec<Vec<usize>>,
    /// The value with the same bits in the same place: bits of a float are the float.
    pub(super) roots: Vec<Id>,
}

impl Schedule {
    pub(super) fn new(program: &Program, variant: &Variant) -> Self {
        let jumps = jumps(program, variant);
        let roots = roots(program, &jumps);
        let mut items = computations(program, variant, &roots, &jumps);
        for (item, at) in results(program, &roots, &items).into_iter().rev() {
            items.insert(at, item);
        }
        items.splice(0..0, preparations(program, variant, &roots).chain([Item::Loop]));
        let mut schedule = Self { items, uses: vec![Vec::new(); roots.len()], roots };
        schedule.find_uses(program);
        schedule
    }

    fn find_uses(&mut self, program: &Program) {
        for (position, item) in self.items.iter().enumerate() {
            let mut add = |id: Id| self.uses[self.roots[id]].push(position);
            match item {
                Item::Compute(id) => program.values()[*id].args.iter().for_each(|&arg| add(arg)),
                Item::Jump(id) | Item::Store { value: id, .. } | Item::Sum { value: id, .. } => add(*id),
                Item::Land | Item::Loop => {}
            }
        }
    }
}

/// For each value, whether it is a guard that is worth a jump, or the end of one: its condition varies, and there are
/// registers for it and those next to it.
fn jumps(program: &Program, variant: &Variant) -> Vec<bool> {
    let values = program.values().iter();
    let region = |(id, value): (Id, &Value)| (value.op == Op::Guard).then(|| program.region(id));
    let guards: Vec<usize> = values.clone().enumerate().filter_map(region).collect();
    let mut jumps: Vec<bool> = Vec::with_capacity(program.values().len());
    for (id, value) in values.enumerate() {
        jumps.push(match value.op {
            Op::Guard => {
                let few = guards.iter().filter(|&&other| other == program.region(id)).count() <= MOST_GUARDS;
                few && !matches!(variant.places[value.args[0]], Some(Place::Uniform(_)))
            }
            Op::EndGuard => jumps[value.args[0]],
            _ => false,
        });
    }
    jumps
}

fn roots(program: &Program, jumps: &[bool]) -> Vec<Id> {
    let mut roots: Vec<Id> = Vec::with_capacity(program.values().len());
    for (id, value) in program.values().iter().enumerate() {
        roots.push(match value.op {
            Op::Bits | Op::Float => roots[value.args[0]],
            Op::Guard if !jumps[id] => roots[value.args[1]],
            _ => id,
        });
    }
    roots
}

/// What is computed once: the values that are the same for all lanes.
fn preparations(program: &Program, variant: &Variant, roots: &[Id]) -> impl Iterator<Item = Item> {
    let once = |&id: &Id| {
        let uniform = matches!(variant.places[id], Some(Place::Uniform(_)));
        uniform && roots[id] == id && !program.values()[id].op.is_constant()
    };
    (0..roots.len()).filter(once).map(Item::Compute)
}

/// What there is to compute in each lane, in the order of the program.
fn computations(program: &Program, variant: &Variant, roots: &[Id], jumps: &[bool]) -> Vec<Item> {
    let (mut items, mut condition, mut ending) = (Vec::new(), None, false);
    for (id, place) in variant.places.iter().enumerate() {
        let value = &program.values()[id];
        let elsewhere = matches!(place, None | Some(Place::Uniform(_) | Place::Input(_)));
        if elsewhere || value.op.is_lane_input() || roots[id] != id {
            continue;
        }
        // Guards with one condition stand next to each other, and so do their ends.
        let (guard, end) = (jumps[id] && value.op == Op::Guard, jumps[id] && value.op == Op::EndGuard);
        if let (false, Some(condition)) = (guard, condition) {
            items.push(Item::Jump(condition));
        }
        if ending && !end {
            items.push(Item::Land);
        }
        (condition, ending) = (guard.then(|| value.args[0]), end);
        items.push(Item::Compute(id));
    }
    if ending {
        items.push(Item::Land);
    }
    items
}

/// Where results can be stored, in this order: behind the value, and behind all that read the operand whose memory
/// the result may have. (That those read it before is only for speed; see `Body::store`.)
fn results(program: &Program, roots: &[Id], items: &[Item]) -> Vec<(Item, usize)> {
    let mut made = vec![0; roots.len()];
    let mut read = vec![0; roots.len()];
    let ends = ends(items);
    for (position, item) in items.iter().enumerate() {
        if let Item::Compute(id) = *item {
            made[id] = ends[position];
            program.values()[id].args.iter().for_each(|&arg| read[roots[arg]] = ends[position]);
        }
    }
    let mut results: Vec<(Item, usize)> = Vec::new();
    for (out, result) in program.outs().iter().enumerate() {
        let value = roots[result.value];
        let reader = result.alias.and_then(|k| program.readers()[k]);
        let at = made[value].max(reader.map_or(0, |reader| read[roots[reader]]));
        results.push((Item::Store { out, value }, at));
    }
    for (sum, &value) in program.sums().iter().enumerate() {
        results.push((Item::Sum { sum, value: roots[value] }, made[roots[value]]));
    }
    results.sort_by_key(|&(_, at)| at);
    results
}

/// For each item the place behind it, or behind the jump that may go over it.
fn ends(items: &[Item]) -> Vec<usize> {
    let (mut ends, mut land) = (vec![0; items.len()], None);
    for (position, item) in items.iter().enumerate().rev() {
        match item {
            Item::Land => land = Some(position),
            Item::Jump(_) => land = None,
            _ => {}
        }
        ends[position] = land.unwrap_or(position) + 1;
    }
    ends
}
