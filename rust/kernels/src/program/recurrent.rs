//! A program over many steps of neurons that are connected with each other: between two steps their spikes, or on the
//! way back the cotangents of their input, are multiplied by a matrix.
//!
//! Samples do not depend on each other. So all steps of some samples are done before those of the next ones: their
//! states stay in the cache, and threads do not wait for each other between steps.

use std::ffi::c_void;
use std::ops::Range;
use std::{ptr, slice};

use super::Program;
use super::element::Element;
use super::jit::Code;
use super::run::{Call, Layout, PARALLEL, Worker};
use super::steps::{Row, Steps};
use super::variant::Variant;
use crate::event::{Factor, Spikes};
use crate::shared::Shared;
use crate::threads;

/// Samples that go through all steps together: the matrix is read once in each step for all of them.
const SAMPLES: usize = 64;

/// What is multiplied by the matrix, (n, n), and where the product goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Before each step: the operand `state`, which the results replace. The product is added to the operand `timed`.
    Before {
        /// It is full.
        state: usize,
        /// It is full, timed and may be written.
        timed: usize,
    },
    /// After each step: the result `timed`. The product takes the place of the result `state`.
    After {
        /// It has no alias.
        timed: usize,
        /// It has an alias.
        state: usize,
    },
}

/// Many steps of a program with a product between them.
#[derive(Debug, Clone, Copy)]
pub struct Recurrent<'a> {
    /// The steps. Their program draws no random numbers.
    pub steps: Steps<'a>,
    /// The matrix, row-major, of the program's floats.
    pub weight: *const c_void,
    /// The product.
    pub link: Link,
}

// SAFETY: threads read the matrix, and read and write disjoint samples.
unsafe impl Sync for Recurrent<'_> {}

impl Recurrent<'_> {
    /// Runs a variant of the program, by its machine code if it has such.
    ///
    /// # Safety
    /// As for [`Call::run`], for each step; the matrix has n × n elements, and the link is as it says.
    pub(super) unsafe fn run<T: Element>(&self, program: &Program, variant: &Variant, code: Option<&Code>) {
        let call = &self.steps.call;
        let (batch, n, count) = (call.shape.batch, call.shape.n, call.sums.len());
        assert!(variant.draws.is_empty() && !variant.has_bits(), "numbers of single samples");
        if batch == 0 || n == 0 {
            return;
        }
        let mut sums = vec![T::ZERO; batch * count];
        let shared = Shared::new(&mut sums);
        let work = call.shape.len().saturating_mul(n).saturating_mul(self.steps.count);
        threads::ranges(batch, work >= PARALLEL, |samples| {
            // SAFETY: no other range has these samples.
            let sums = unsafe { shared.part(samples.start * count, samples.len() * count) };
            for (k, start) in samples.clone().step_by(SAMPLES).enumerate() {
                let some = start..samples.end.min(start + SAMPLES);
                let sums = &mut sums[k * SAMPLES * count..][..some.len() * count];
                // SAFETY: promised to this function; the samples are this range's.
                unsafe { self.run_samples(program, Worker::new(variant, code, n, count), some, sums) };
            }
        });
        // SAFETY: promised to this function.
        unsafe { call.add_up(&sums, batch, 1) };
    }

    /// All steps of some samples.
    ///
    /// # Safety
    /// As for [`Self::run`].
    unsafe fn run_samples<T: Element>(
        &self,
        program: &Program,
        mut worker: Worker<'_, T>,
        samples: Range<usize>,
        sums: &mut [T],
    ) {
        let (steps, n) = (&self.steps, self.steps.call.shape.n);
        // SAFETY: promised to this function.
        let weight = unsafe { slice::from_raw_parts(self.weight.cast::<T>(), n * n) };
        let mut product =
            Product { factor: Factor::new(weight, n, n), sums: vec![], samples: samples.clone() };
        let by_row = |layout| matches!(layout, Layout::Row | Layout::Neuron);
        let apart = !sums.is_empty() || steps.call.inputs.iter().any(|input| by_row(input.layout));
        let (mut row, mut of_step) = (Row::new(&steps.call), vec![T::ZERO; steps.call.sums.len()]);
        for k in 0..steps.count {
            steps.move_to::<T>(program, &mut row, if steps.reverse { steps.count - 1 - k } else { k });
            if steps.has_timed_uniforms() {
                worker.forget_uniforms();
            }
            let call = Call { inputs: &row.inputs, outs: &row.outs, ..steps.call };
            // SAFETY: promised to this function.
            unsafe {
                product.before(self.link, &call);
                if !apart {
                    worker.run(&call, 0, samples.start * n, samples.len() * n);
                }
                for (j, sample) in samples.clone().enumerate().filter(|_| apart) {
                    worker.run(&call, sample, 0, n);
                    worker.take_sums(&mut of_step);
                    let so_far = &mut sums[j * of_step.len()..][..of_step.len()];
                    so_far.iter_mut().zip(&of_step).for_each(|(sum, &x)| *sum += x);
                }
                product.after(self.link, &call);
            }
        }
    }
}

/// The product of some samples.
struct Product<'a, T> {
    factor: Factor<'a, T>,
    sums: Vec<T>,
    samples: Range<usize>,
}

impl<T: Element> Product<'_, T> {
    /// # Safety
    /// As for [`Recurrent::run`], of a call of one step.
    unsafe fn before(&mut self, link: Link, call: &Call<'_>) {
        let Link::Before { state, timed } = link else { return };
        // SAFETY: promised to this function: they are two arrays, and nobody else has these samples.
        let (spikes, input) = unsafe {
            (&*self.part(call, call.inputs[state].ptr), &mut *self.part(call, call.inputs[timed].ptr))
        };
        self.sums.resize(spikes.len(), T::ZERO);
        self.factor.product(Spikes::Float(spikes), &mut self.sums);
        for (x, &sum) in input.iter_mut().zip(&self.sums) {
            *x += sum;
        }
    }

    /// # Safety
    /// As for [`Recurrent::run`], of a call of one step.
    unsafe fn after(&mut self, link: Link, call: &Call<'_>) {
        let Link::After { timed, state } = link else { return };
        // SAFETY: promised to this function: they are two arrays, and nobody else has these samples.
        let (input, spikes) =
            unsafe { (&*self.part(call, call.outs[timed]), &mut *self.part(call, call.outs[state])) };
        self.factor.product(Spikes::Float(input), spikes);
    }

    /// The elements that an array of the population has for the samples.
    ///
    /// # Safety
    /// It has all elements of the population.
    unsafe fn part(&self, call: &Call<'_>, array: *const c_void) -> *mut [T] {
        let (start, n) = (self.samples.start, call.shape.n);
        // SAFETY: promised to this function.
        let first = unsafe { array.cast_mut().cast::<T>().add(start * n) };
        ptr::slice_from_raw_parts_mut(first, self.samples.len() * n)
    }
}
