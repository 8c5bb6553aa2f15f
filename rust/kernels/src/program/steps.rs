//! A program over many steps in one call: all steps of a block of lanes, then those of the next block.
//!
//! A block is so small that its states stay in the cache from step to step.

use std::ffi::c_void;

use super::Program;
use super::element::Element;
use super::jit::Code;
use super::op::Op;
use super::run::{Call, Input, Layout, PARALLEL, TRAFFIC, Worker};
use super::variant::Variant;
use crate::shared::Shared;
use crate::threads;

/// Bytes of a block in each operand: a few pages, as each row of those that are timed begins on another one, which the
/// hardware does not fetch ahead. With 4 KiB LIF takes twice as long as with 16. Sums are added up by block, so its
/// size depends on nothing else.
const BLOCK: usize = 16 * 1024;

/// Many steps of a program.
///
/// A result with an alias is what the next step takes for that operand, and has its memory. Other results have one row
/// of memory for each step, and so have the operands that are timed. Sums go over the steps too.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'a> {
    /// Operands and results, those with a row for each step as at the first one.
    pub call: Call<'a>,
    /// The number of steps.
    pub count: usize,
    /// From the last step to the first.
    pub reverse: bool,
    /// For each operand, whether it is timed.
    pub timed: &'a [bool],
}

/// Operands and results of one step.
pub(super) struct Row {
    pub(super) inputs: Vec<Input>,
    pub(super) outs: Vec<*mut c_void>,
}

impl Row {
    pub(super) fn new(call: &Call<'_>) -> Self {
        Self { inputs: call.inputs.to_vec(), outs: call.outs.to_vec() }
    }
}

impl Steps<'_> {
    /// Runs a variant of the program, by its machine code if it has such.
    ///
    /// # Safety
    /// As for [`Call::run`], for each step.
    pub(super) unsafe fn run<T: Element>(&self, program: &Program, variant: &Variant, code: Option<&Code>) {
        let call = &self.call;
        let (rows, lanes) = call.rows();
        let block = BLOCK / size_of::<T>();
        let (per_row, count) = (lanes.div_ceil(block), call.sums.len());
        let mut partial = vec![T::ZERO; rows * per_row * count];
        let work = call.shape.len() * self.count * (variant.ops + TRAFFIC);
        let shared = Shared::new(&mut partial);
        threads::ranges(rows * per_row, work >= PARALLEL, |tasks| {
            // SAFETY: no other range has these tasks.
            let partial = unsafe { shared.part(tasks.start * count, tasks.len() * count) };
            let mut worker = Worker::<T>::new(variant, code, lanes, count);
            let mut step = Row::new(call);
            for (task, sums) in tasks.enumerate().map(|(k, task)| (task, k * count..(k + 1) * count)) {
                let (row, start) = (task / per_row, task % per_row * block);
                // SAFETY: promised to this function; the lanes are this range's.
                unsafe {
                    self.run_block(program, &mut worker, &mut step, row, start..lanes.min(start + block));
                };
                worker.take_sums(&mut partial[sums]);
            }
        });
        // SAFETY: promised to this function.
        unsafe { call.add_up(&partial, rows, per_row) };
    }

    /// All steps of some lanes of a row.
    ///
    /// # Safety
    /// As for [`Self::run`].
    unsafe fn run_block<T: Element>(
        &self,
        program: &Program,
        worker: &mut Worker<'_, T>,
        step: &mut Row,
        row: usize,
        lanes: std::ops::Range<usize>,
    ) {
        let changes = self.has_timed_uniforms();
        for k in 0..self.count {
            let time = if self.reverse { self.count - 1 - k } else { k };
            self.move_to::<T>(program, step, time);
            if changes {
                worker.forget_uniforms();
            }
            let call = Call { inputs: &step.inputs, outs: &step.outs, ..self.call };
            // SAFETY: promised to this function.
            unsafe { worker.run(&call, row, lanes.start, lanes.len()) };
        }
    }

    pub(super) fn has_timed_uniforms(&self) -> bool {
        let uniform = |layout| matches!(layout, Layout::Uniform | Layout::Row);
        self.call.inputs.iter().zip(self.timed).any(|(input, &timed)| timed && uniform(input.layout))
    }

    /// Sets the operands and results that have a row for each step to those of one step.
    pub(super) fn move_to<T: Element>(&self, program: &Program, step: &mut Row, time: usize) {
        let shape = self.call.shape;
        let word = |k: usize| program.readers()[k].is_some_and(|id| program.values()[id].op == Op::WordIn);
        for (k, (to, from)) in step.inputs.iter_mut().zip(self.call.inputs).enumerate() {
            if self.timed[k] {
                let elements = match from.layout {
                    Layout::Uniform => 1,
                    Layout::Row => shape.batch,
                    Layout::Neuron => shape.n,
                    Layout::Full => shape.len(),
                };
                let size = if word(k) { size_of::<u32>() } else { size_of::<T>() };
                to.ptr = from.ptr.wrapping_byte_add(time * elements * size);
            }
        }
        let outs = step.outs.iter_mut().zip(self.call.outs).zip(program.outs());
        for ((to, from), _) in outs.filter(|(_, out)| out.alias.is_none()) {
            *to = from.wrapping_byte_add(time * shape.len() * size_of::<T>());
        }
    }
}
