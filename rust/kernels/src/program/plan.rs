//! What the interpreter computes in one pass: an operation, or a polynomial by Horner's rule.

use super::ir::{Id, Program};
use super::op::Op;

/// How the values of a program are computed.
#[derive(Debug)]
pub(super) struct Plan {
    /// Values that are computed on the way to another one.
    pub(super) absorbed: Vec<bool>,
    /// What each value is computed from. Of a polynomial: its first coefficient, its variable, its other coefficients.
    pub(super) args: Vec<Vec<Id>>,
    /// The last needed value that takes each value, or none where it lives until the results are written.
    last: Vec<Id>,
}

impl Plan {
    /// For the needed values of a program, of which some are the same for all lanes.
    pub(super) fn new(program: &Program, needed: &[bool], uniform: &[bool]) -> Self {
        let values = program.values();
        let args = values.iter().map(|value| value.args.clone()).collect();
        let mut plan = Self { absorbed: vec![false; values.len()], args, last: vec![Id::MAX; values.len()] };
        let uses = uses(program, needed);
        for (id, value) in values.iter().enumerate() {
            let &[sum, x, addend] = &value.args[..] else { continue };
            let is_term = needed[id] && value.op == Op::Fma && uniform[addend] && !uniform[x];
            // The sum so far is a polynomial of the same variable, which nothing else needs.
            let grows = uses[sum] == 1 && values[sum].op == Op::Fma && plan.args[sum][1] == x;
            if is_term && grows && uniform[plan.args[sum][0]] && uniform[plan.args[sum][2]] {
                plan.absorbed[sum] = true;
                plan.args[id] = [&plan.args[sum][..], &[addend]].concat();
            }
        }
        plan.find_last_uses(program, needed);
        plan
    }

    fn find_last_uses(&mut self, program: &Program, needed: &[bool]) {
        for id in (0..needed.len()).filter(|&id| needed[id] && !self.absorbed[id]) {
            self.args[id].iter().for_each(|&arg| self.last[arg] = id);
        }
        results(program).for_each(|id| self.last[id] = Id::MAX);
    }

    /// The arguments, each once, that no value after this one takes.
    pub(super) fn ends(&self, id: Id) -> impl Iterator<Item = Id> {
        let args = &self.args[id];
        args.iter()
            .enumerate()
            .filter(move |&(k, arg)| self.last[*arg] == id && !args[..k].contains(arg))
            .map(|(_, &arg)| arg)
    }
}

fn results(program: &Program) -> impl Iterator<Item = Id> {
    program.outs().iter().map(|out| out.value).chain(program.sums().iter().copied())
}

/// How often needed values and results take each value.
fn uses(program: &Program, needed: &[bool]) -> Vec<usize> {
    let mut uses = vec![0; needed.len()];
    for (value, _) in program.values().iter().zip(needed).filter(|&(_, &needed)| needed) {
        value.args.iter().for_each(|&arg| uses[arg] += 1);
    }
    results(program).for_each(|id| uses[id] += 1);
    uses
}
