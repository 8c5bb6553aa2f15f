//! A call of a program: operands, rows, threads, sums.

use std::cell::Cell;
use std::ffi::c_void;

use super::draw::draw;
use super::element::{Element, GROUP, Group};
use super::interp::{Memory, Span};
use super::jit::Code;
use super::variant::Variant;
use crate::shape::Shape;
use crate::shared::Shared;
use crate::stack::Stack;
use crate::threads;

/// Lanes whose sum is taken apart from others: a multiple of a group, so that sums do not depend on the threads,
/// and the least that a thread is given.
pub(super) const CHUNK: usize = 1024;

/// Operations, counted for each lane, from which on several threads are faster than one; a lane
/// costs as much memory traffic as so many operations take time.
pub(super) const PARALLEL: usize = 1 << 20;
pub(super) const TRAFFIC: usize = 16;

/// How an operand's elements belong to lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One for all.
    Uniform,
    /// One for each row.
    Row,
    /// One for each neuron, the same in all rows.
    Neuron,
    /// One for each neuron of each row.
    Full,
}

/// An operand: its memory, and how it is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// The first element.
    pub ptr: *const c_void,
    /// The layout.
    pub layout: Layout,
}

/// A sum's result: its memory, and whether it has one element for each row.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    /// The first element.
    pub ptr: *mut c_void,
    /// One element for each row, or one for all.
    pub per_row: bool,
}

/// A call: what a program is run on.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The population.
    pub shape: Shape,
    /// The operands, in order.
    pub inputs: &'a [Input],
    /// The results with one element per lane.
    pub outs: &'a [*mut c_void],
    /// The sums.
    pub sums: &'a [Sum],
}

// SAFETY: threads read disjoint lanes and write disjoint lanes.
unsafe impl Sync for Call<'_> {}

impl Call<'_> {
    /// Rows that are computed apart, and lanes of each.
    pub(super) fn rows(&self) -> (usize, usize) {
        let by_row = |input: &Input| matches!(input.layout, Layout::Row | Layout::Neuron);
        if self.inputs.iter().any(by_row) || self.sums.iter().any(|sum| sum.per_row) {
            (self.shape.batch, self.shape.n)
        } else {
            (1, self.shape.len())
        }
    }

    /// Runs a variant of a program, by its machine code if it has such.
    ///
    /// # Safety
    /// The operands and results are as the layouts say, of the types that the program says; a result shares memory
    /// with its alias at most.
    pub(super) unsafe fn run<T: Element>(&self, variant: &Variant, code: Option<&Code>) {
        let (rows, lanes) = self.rows();
        // A chunk begins with a byte of its own.
        assert!(rows == 1 || !variant.has_bits(), "bits of one row");
        let per_row = lanes.div_ceil(CHUNK);
        let count = self.sums.len();
        let mut partial = vec![T::ZERO; rows * per_row * count];
        let work = self.shape.len() * (variant.ops + TRAFFIC);
        let shared = Shared::new(&mut partial);
        threads::ranges(rows * per_row, work >= PARALLEL, |tasks| {
            // SAFETY: no other range has these tasks.
            let partial = unsafe { shared.part(tasks.start * count, tasks.len() * count) };
            let mut worker = Worker::<T>::new(variant, code, lanes, count);
            let mut task = tasks.start;
            while task < tasks.end {
                let (row, chunk) = (task / per_row, task % per_row);
                // Without sums there is no need to stop between chunks.
                let chunks = if count > 0 { 1 } else { (per_row - chunk).min(tasks.end - task) };
                let start = chunk * CHUNK;
                let len = (lanes - start).min(chunks * CHUNK);
                // SAFETY: promised to this function; the lanes are this range's.
                unsafe { worker.run(self, row, start, len) };
                worker.take_sums(&mut partial[(task - tasks.start) * count..][..count]);
                task += chunks;
            }
        });
        // SAFETY: promised to this function.
        unsafe { self.add_up(&partial, rows, per_row) };
    }

    /// Adds the sums of chunks.
    ///
    /// # Safety
    /// The results of sums can be written.
    pub(super) unsafe fn add_up<T: Element>(&self, partial: &[T], rows: usize, per_row: usize) {
        let count = self.sums.len();
        for (k, sum) in self.sums.iter().enumerate() {
            let (results, tasks) =
                if sum.per_row { (self.shape.batch, per_row) } else { (1, rows * per_row) };
            for result in 0..results {
                let chunks = (result * tasks..(result + 1) * tasks).map(|task| partial[task * count + k]);
                let total = chunks.reduce(|a, b| a + b).unwrap_or(T::ZERO);
                // SAFETY: promised to this function.
                unsafe { sum.ptr.cast::<T>().add(result).write(total) };
            }
        }
    }
}

/// What one thread needs to run parts of a call.
pub(super) struct Worker<'a, T: Element> {
    variant: &'a Variant,
    engine: Engine<'a, T>,
    lanes: usize,
    /// The row whose uniform operands were read.
    row: Option<usize>,
    inputs: Stack<*const T::Bits, 48>,
    outs: Stack<*mut T::Bits, 16>,
    sums: Vec<Group<T::Bits>>,
    /// Random numbers of the lanes that are computed, [`CHUNK`] of each kind.
    numbers: Vec<T::Bits>,
}

/// What computes lanes. It is on the stack for one call: an allocation would take longer than to have it there.
#[allow(clippy::large_enum_variant)]
enum Engine<'a, T: Element> {
    Code {
        code: &'a Code,
        /// The bits of uniform operands.
        uniforms: Stack<u64, 48>,
        workspace: Vec<u64>,
    },
    Interpreter(Memory<T>),
}

thread_local! {
    /// The workspace that code used last: to ask the system for one takes as long as a short call.
    static WORKSPACE: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

impl<'a, T: Element> Worker<'a, T> {
    /// For rows of `lanes` lanes, and so many sums.
    pub(super) fn new(variant: &'a Variant, code: Option<&'a Code>, lanes: usize, sums: usize) -> Self {
        let engine = match code {
            Some(code) => Engine::Code { code, uniforms: Stack::new(), workspace: WORKSPACE.take() },
            None => Engine::Interpreter(Memory::new(&variant.template, variant.slots, lanes)),
        };
        let sums = vec![[T::Bits::default(); GROUP]; sums];
        let numbers = vec![T::Bits::default(); variant.draws.len() * CHUNK];
        Self { variant, engine, lanes, row: None, inputs: Stack::new(), outs: Stack::new(), sums, numbers }
    }

    /// The sums so far, which begin anew.
    pub(super) fn take_sums(&mut self, to: &mut [T]) {
        for (to, sum) in to.iter_mut().zip(&mut self.sums) {
            *to = T::total(sum);
            *sum = [T::Bits::default(); GROUP];
        }
    }

    /// Uniform operands are to be read again.
    pub(super) fn forget_uniforms(&mut self) {
        self.row = None;
    }

    /// Reads the uniform operands of a row.
    ///
    /// # Safety
    /// As for [`Call::run`].
    unsafe fn prepare(&mut self, inputs: &[Input], row: usize) {
        match &mut self.engine {
            Engine::Code { uniforms, .. } => {
                uniforms.refill(0, 0, 0);
                // SAFETY: promised to this function.
                let load = |&(k, _, word): &_| unsafe { T::widen(load::<T>(&inputs[k], row, word)) };
                uniforms.extend(self.variant.loads.iter().map(load));
            }
            Engine::Interpreter(memory) => {
                // SAFETY: promised to this function.
                memory.prepare(self.variant, |k, word| unsafe { load::<T>(&inputs[k], row, word) });
            }
        }
        self.row = Some(row);
    }

    /// Runs `len` lanes of a row of a call, from `start` on.
    ///
    /// # Safety
    /// As for [`Call::run`].
    pub(super) unsafe fn run(&mut self, call: &Call<'_>, row: usize, start: usize, len: usize) {
        let varies = || call.inputs.iter().any(|input| input.layout == Layout::Row);
        if self.row.is_none_or(|old| old != row && varies()) {
            // SAFETY: promised to this function.
            unsafe { self.prepare(call.inputs, row) };
        }
        // Random numbers of a chunk are still in the cache when they are read.
        let part = if self.variant.draws.is_empty() { len.max(1) } else { CHUNK };
        for at in (0..len).step_by(part) {
            // SAFETY: promised to this function.
            unsafe { self.run_part(call, row, start + at, part.min(len - at)) };
        }
    }

    /// As [`Self::run`], for lanes of which there are not too many to draw the random numbers of.
    ///
    /// # Safety
    /// As for [`Call::run`].
    unsafe fn run_part(&mut self, call: &Call<'_>, row: usize, start: usize, len: usize) {
        let first = row * self.lanes + start;
        self.inputs.refill(0, 0, std::ptr::null());
        self.inputs.extend(call.inputs.iter().enumerate().map(|(k, input)| {
            let ptr = input.ptr.cast::<T::Bits>();
            match input.layout {
                Layout::Full if self.variant.bit_inputs[k] => ptr.wrapping_byte_add(first / 8),
                Layout::Uniform | Layout::Row => std::ptr::null(),
                Layout::Neuron => ptr.wrapping_add(start),
                Layout::Full => ptr.wrapping_add(first),
            }
        }));
        for (own, numbers) in self.variant.draws.iter().zip(self.numbers.chunks_mut(CHUNK)) {
            // SAFETY: promised to this function.
            let word = |k: usize| unsafe { T::widen(load::<T>(&call.inputs[k], row, true)) as u32 };
            let [key @ .., place] = own.words.map(word);
            draw::<T>(own.number, key, place.wrapping_add(first as u32), &mut numbers[..len]);
            self.inputs.extend([numbers.as_ptr()]);
        }
        self.outs.refill(0, 0, std::ptr::null_mut());
        self.outs.extend(call.outs.iter().zip(&self.variant.bit_outs).map(|(out, &bits)| {
            let ptr = out.cast::<T::Bits>();
            if bits { ptr.wrapping_byte_add(first / 8) } else { ptr.wrapping_add(first) }
        }));
        let (inputs, outs, sums) = (&self.inputs, &self.outs, &mut self.sums);
        let mut span = Span { inputs, outs, sums, len };
        // SAFETY: promised to this function.
        unsafe {
            match &mut self.engine {
                Engine::Code { code, uniforms, workspace } => code.run(uniforms, &mut span, workspace),
                Engine::Interpreter(memory) => memory.run(self.variant, &mut span),
            }
        }
    }
}

impl<T: Element> Drop for Worker<'_, T> {
    fn drop(&mut self) {
        if let Engine::Code { workspace, .. } = &mut self.engine {
            WORKSPACE.set(std::mem::take(workspace));
        }
    }
}

/// The bits of a uniform operand in a row.
///
/// # Safety
/// It has such an element.
unsafe fn load<T: Element>(input: &Input, row: usize, word: bool) -> T::Bits {
    let k = if input.layout == Layout::Row { row } else { 0 };
    // SAFETY: promised to this function.
    unsafe {
        if word {
            T::truncate(input.ptr.cast::<u32>().add(k).read().into())
        } else {
            input.ptr.cast::<T>().add(k).read().to_bits()
        }
    }
}
