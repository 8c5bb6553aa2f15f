//! A program for certain operands: what is the same for all lanes is told apart from what varies.

use super::cache::Slot;
use super::ir::{Id, Program};
use super::op::{Op, Type};
use super::plan::Plan;

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Among the values that are the same for all lanes.
    Uniform(usize),
    /// In the memory of an operand.
    Input(usize),
    /// In a slot of the interpreter.
    Slot(usize),
}

/// One operation of the interpreter.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) immediate: u64,
    pub(crate) to: Place,
    pub(crate) args: [Option<Place>; 3],
    /// Of an `fma`: more uniform addends, each to be added to the result so far times the second argument.
    pub(crate) addends: Vec<Place>,
    /// Of a guard, the last one of its region: how many steps follow that are needed only where its condition holds.
    pub(crate) skip: usize,
}

/// A random number of each lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    /// The operands that are its key, and the place of the first lane among all elements that are drawn for.
    pub(crate) words: [usize; 3],
    /// Which of a lane's numbers it is.
    pub(crate) number: u32,
}

/// What it costs, in operations.
const DRAW: usize = 30;

/// A program whose operands are known to be the same for all lanes or not.
#[derive(Debug)]
pub(crate) struct Variant {
    /// Operands that are the same for all lanes of a row.
    pub(crate) uniform_inputs: Vec<bool>,
    /// The bits of all uniform values; those that are no constants are 0 until they are computed.
    pub(crate) template: Vec<u64>,
    /// The operands that become uniform values: operand, value, and whether it is a word.
    pub(crate) loads: Vec<(usize, usize, bool)>,
    /// The random numbers of each lane, which are read as operands behind those of the program.
    pub(crate) draws: Vec<Draw>,
    /// Computes the uniform values.
    pub(crate) prelude: Vec<Step>,
    /// Computes the others.
    pub(crate) body: Vec<Step>,
    /// Where the results are.
    pub(crate) outs: Vec<Place>,
    /// For each operand and each result, whether it has a bit for each lane.
    pub(crate) bit_inputs: Vec<bool>,
    pub(crate) bit_outs: Vec<bool>,
    /// Where the values to be summed are.
    pub(crate) sums: Vec<Place>,
    /// Slots that the body needs.
    pub(crate) slots: usize,
    /// Operations on each lane.
    pub(crate) ops: usize,
    /// Where each value is that a result needs.
    pub(crate) places: Vec<Option<Place>>,
    /// The machine code of AVX2 and of AVX-512.
    pub(crate) codes: [Slot; 2],
}

impl Variant {
    /// Sorts the values of a program.
    pub(crate) fn new(program: &Program, uniform_inputs: &[bool]) -> Self {
        let needed = needed(program);
        let uniform = uniform(program, uniform_inputs);
        let mut variant = Self {
            uniform_inputs: uniform_inputs.to_vec(),
            template: Vec::new(),
            loads: Vec::new(),
            draws: Vec::new(),
            prelude: Vec::new(),
            body: Vec::new(),
            outs: Vec::new(),
            bit_inputs: bit_inputs(program),
            bit_outs: (0..program.outs().len()).map(|out| program.is_bits(out)).collect(),
            sums: Vec::new(),
            slots: 0,
            ops: 0,
            places: vec![None; program.values().len()],
            codes: [Slot::new(), Slot::new()],
        };
        let plan = Plan::new(program, &needed, &uniform);
        let (mut free, mut guard) = (Vec::new(), None);
        for id in (0..needed.len()).filter(|&id| needed[id]) {
            if uniform[id] {
                variant.add_uniform(program, id);
                continue;
            }
            variant.ops += match program.values()[id].op {
                Op::Draw => DRAW,
                op => usize::from(!op.is_lane_input()),
            };
            if plan.absorbed[id] {
                continue;
            }
            variant.note_region(program.values()[id].op, &mut guard);
            variant.add_varying(program, &plan, id, &mut free);
            variant.free_slots(&plan, id, &mut free);
        }
        let place = |id: Id| variant.places[id].expect("results are needed");
        variant.outs = program.outs().iter().map(|out| place(out.value)).collect();
        variant.sums = program.sums().iter().map(|&id| place(id)).collect();
        variant
    }

    /// Whether an operand or a result has a bit for each lane.
    pub(crate) fn has_bits(&self) -> bool {
        self.bit_inputs.contains(&true) || self.bit_outs.contains(&true)
    }

    /// Before a step: at the first end of a region its length is known. `guard` is the place of its last guard.
    fn note_region(&mut self, op: Op, guard: &mut Option<usize>) {
        match (op, *guard) {
            (Op::Guard, _) => *guard = Some(self.body.len()),
            (Op::EndGuard, Some(at)) => {
                self.body[at].skip = self.body.len() - at - 1;
                *guard = None;
            }
            _ => {}
        }
    }

    fn add_varying(&mut self, program: &Program, plan: &Plan, id: Id, free: &mut Vec<usize>) {
        let value = &program.values()[id];
        // A result that is an operand is copied, as its memory may be another result's.
        let copied = program.outs().iter().any(|out| out.value == id);
        let input = match value.op {
            Op::Draw => self.add_draw(program, id),
            _ => Place::Input(value.immediate as usize),
        };
        if value.op.is_lane_input() && !copied {
            self.places[id] = Some(input);
            return;
        }
        let slot = free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        let mut step = self.step(program, &plan.args[id], id, Place::Slot(slot));
        if value.op.is_lane_input() {
            step.args[0] = Some(input);
        }
        self.body.push(step);
        self.places[id] = Some(Place::Slot(slot));
        // Machine code computes what is absorbed here: it has a place too.
        let mut part = value.args.first().copied().filter(|&arg| plan.absorbed[arg]);
        while let Some(id) = part {
            self.places[id] = Some(Place::Slot(slot));
            part = program.values()[id].args.first().copied().filter(|&arg| plan.absorbed[arg]);
        }
    }

    /// Where a random number will be.
    fn add_draw(&mut self, program: &Program, id: Id) -> Place {
        let value = &program.values()[id];
        let words = [0, 1, 2].map(|k| program.values()[value.args[k]].immediate as usize);
        self.draws.push(Draw { words, number: value.immediate as u32 });
        Place::Input(program.readers().len() + self.draws.len() - 1)
    }

    /// Slots of arguments that no later value takes are free for later ones, though not for the value itself.
    fn free_slots(&self, plan: &Plan, id: Id, free: &mut Vec<usize>) {
        for arg in plan.ends(id) {
            if let Some(Place::Slot(slot)) = self.places[arg] {
                free.push(slot);
            }
        }
    }

    fn add_uniform(&mut self, program: &Program, id: Id) {
        let value = &program.values()[id];
        let to = self.template.len();
        self.places[id] = Some(Place::Uniform(to));
        self.template.push(if value.op.is_constant() { value.immediate } else { 0 });
        if value.op.is_input() {
            self.loads.push((value.immediate as usize, to, value.ty == Type::Word));
        } else if !value.op.is_constant() {
            let step = self.step(program, &value.args, id, Place::Uniform(to));
            self.prelude.push(step);
        }
    }

    fn step(&self, program: &Program, from: &[Id], id: Id, to: Place) -> Step {
        let value = &program.values()[id];
        let mut args = [None; 3];
        for (place, &arg) in args.iter_mut().zip(from) {
            *place = self.places[arg];
        }
        let addends = from.iter().skip(3).map(|&arg| self.places[arg].expect("it comes before")).collect();
        Step { op: value.op, immediate: value.immediate, to, args, addends, skip: 0 }
    }
}

fn bit_inputs(program: &Program) -> Vec<bool> {
    let reads_bits = |reader: &Option<Id>| reader.is_some_and(|id| program.values()[id].op == Op::BitIn);
    program.readers().iter().map(reads_bits).collect()
}

/// The values that results depend on.
pub(super) fn needed(program: &Program) -> Vec<bool> {
    let mut needed = vec![false; program.values().len()];
    for id in program.outs().iter().map(|out| out.value).chain(program.sums().iter().copied()) {
        needed[id] = true;
    }
    for (id, value) in program.values().iter().enumerate().rev() {
        if needed[id] {
            value.args.iter().for_each(|&arg| needed[arg] = true);
        }
    }
    needed
}

/// The values that are the same for all lanes of a row.
pub(super) fn uniform(program: &Program, uniform_inputs: &[bool]) -> Vec<bool> {
    let mut uniform: Vec<bool> = Vec::with_capacity(program.values().len());
    for value in program.values() {
        uniform.push(match value.op {
            Op::In => uniform_inputs[value.immediate as usize],
            Op::BitIn | Op::Draw => false,
            _ => value.args.iter().all(|&arg| uniform[arg]),
        });
    }
    uniform
}
