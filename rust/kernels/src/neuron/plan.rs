//! Splits a population into spans of neurons and finds the operands of each.

use super::mode::{Source, Span};
use crate::error::{Error, Result};
use crate::lane::Float;
use crate::operand::{Arg, Operand, Ret, Shape};
use crate::threads;

/// Elements of the widest lane.
const WIDEST: usize = 16;

/// Neurons of a span: few enough that two threads share even a medium population evenly, and a
/// multiple of every lane, so that what shares a lane does not depend on the threads.
const SPAN: usize = 8192;

/// From so many neurons on, several threads are faster than one.
const PARALLEL: usize = 32_768;

/// A scalar, repeated to a whole lane.
#[repr(align(64))]
#[derive(Debug, Clone, Copy)]
struct Splat<T>([T; WIDEST]);

/// An operand of the whole population.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot<T> {
    /// The splat with this index.
    Splat(usize),
    /// One value per neuron, the same in every row.
    Neuron(*const T),
    /// One value per neuron and row.
    Full(*const T),
}

impl<T> Slot<T> {
    /// The constant 0.
    pub(super) const ZERO: Self = Self::Splat(0);
    /// The constant 1.
    pub(super) const ONE: Self = Self::Splat(1);
}

/// All operands of a pass.
pub(super) struct Plan<T> {
    shape: Shape,
    splats: Vec<Splat<T>>,
    pub(super) sources: Vec<Slot<T>>,
    pub(super) sinks: Vec<*mut T>,
}

// SAFETY: threads read the plan, and access disjoint elements of the buffers it points to.
unsafe impl<T: Sync> Sync for Plan<T> {}

impl<T: Float> Plan<T> {
    pub(super) fn new(shape: Shape) -> Self {
        let splats = vec![Splat([T::ZERO; WIDEST]), Splat([T::ONE; WIDEST])];
        Self { shape, splats, sources: Vec::with_capacity(32), sinks: Vec::with_capacity(8) }
    }

    /// Where a buffer's elements are; a scalar is read right away.
    pub(super) fn slot(&mut self, arg: &Arg<T>, name: impl FnOnce() -> String) -> Result<Slot<T>> {
        Ok(match Operand::named(arg.len, self.shape, name)? {
            Operand::Full if self.shape.len() != 1 => Slot::Full(arg.ptr),
            Operand::Neuron => Slot::Neuron(arg.ptr),
            Operand::Scalar | Operand::Full => {
                // SAFETY: the buffer has one element.
                self.splats.push(Splat([unsafe { arg.ptr.read() }; WIDEST]));
                Slot::Splat(self.splats.len() - 1)
            }
        })
    }

    /// Checks a result's length.
    pub(super) fn sink(&self, ret: &Ret<T>, name: impl FnOnce() -> String) -> Result<*mut T> {
        if ret.len == self.shape.len() {
            return Ok(ret.ptr);
        }
        Err(Error::Operand { name: name(), given: ret.len, shape: self.shape })
    }

    /// Adds an argument.
    pub(super) fn read(&mut self, arg: &Arg<T>, name: impl FnOnce() -> String) -> Result<()> {
        let slot = self.slot(arg, name)?;
        self.sources.push(slot);
        Ok(())
    }

    /// Adds a result.
    pub(super) fn write(&mut self, ret: &Ret<T>, name: impl FnOnce() -> String) -> Result<()> {
        let sink = self.sink(ret, name)?;
        self.sinks.push(sink);
        Ok(())
    }

    /// Whether the first `count` operands are scalars.
    pub(super) fn uniform(&self, count: usize) -> bool {
        self.sources[..count].iter().all(|slot| matches!(slot, Slot::Splat(_)))
    }

    /// Runs `kernel` over all spans.
    ///
    /// # Safety
    /// The kernel keeps to the operands of its span.
    pub(super) unsafe fn run(&self, kernel: impl Fn(Span<'_, T>) + Sync) {
        // Without operands that repeat every row, the rows are one.
        let repeats = self.sources.iter().any(|slot| matches!(slot, Slot::Neuron(_)));
        let n = if repeats { self.shape.n } else { self.shape.len() };
        if n == 0 {
            return;
        }
        let (rows, per_row) = (self.shape.len() / n, n.div_ceil(SPAN));
        threads::ranges(rows * per_row, self.shape.len() >= PARALLEL, |tasks| {
            let mut sources = Vec::with_capacity(self.sources.len());
            let mut sinks = Vec::with_capacity(self.sinks.len());
            for task in tasks {
                let (row, start) = (task / per_row, task % per_row * SPAN);
                self.operands(row * n, start, &mut sources, &mut sinks);
                kernel(Span { sources: &sources, sinks: &sinks, len: SPAN.min(n - start) });
            }
        });
    }

    /// The operands from neuron `start` of the row that begins with element `row`.
    fn operands(&self, row: usize, start: usize, sources: &mut Vec<Source<T>>, sinks: &mut Vec<*mut T>) {
        sources.clear();
        sources.extend(self.sources.iter().map(|slot| match *slot {
            Slot::Splat(k) => Source { ptr: self.splats[k].0.as_ptr(), mask: 0 },
            Slot::Neuron(ptr) => Source { ptr: ptr.wrapping_add(start), mask: usize::MAX },
            Slot::Full(ptr) => Source { ptr: ptr.wrapping_add(row + start), mask: usize::MAX },
        }));
        sinks.clear();
        sinks.extend(self.sinks.iter().map(|ptr| ptr.wrapping_add(row + start)));
    }
}

/// A span as its part of whole lanes, and the rest, if any, copied into a lane that repeats its
/// last neuron.
pub(super) struct Segments<'a, T> {
    span: &'a Span<'a, T>,
    rest: usize,
    stage: usize,
    copy: Copied<T>,
}

impl<'a, T: Float> Segments<'a, T> {
    #[inline]
    pub(super) fn of(span: &'a Span<'a, T>, width: usize) -> Self {
        let copy = Copied { buffers: Vec::new(), sources: Vec::new(), sinks: Vec::new() };
        Self { span, rest: span.len % width, stage: 0, copy }
    }

    /// The next part that is not empty; by then the results of the one before are in place.
    #[inline]
    pub(super) fn next(&mut self, width: usize) -> Option<Span<'_, T>> {
        self.stage += 1;
        let whole = self.span.len - self.rest;
        if self.stage == 1 && whole > 0 {
            return Some(Span { len: whole, ..*self.span });
        }
        if self.rest == 0 {
            return None;
        }
        if self.copy.buffers.is_empty() {
            self.copy.fill(self.span, whole, self.rest);
            return Some(Span { sources: &self.copy.sources, sinks: &self.copy.sinks, len: width });
        }
        self.copy.write_back(self.span, whole, self.rest);
        None
    }
}

/// One lane of copies of a span's operands.
struct Copied<T> {
    buffers: Vec<Splat<T>>,
    sources: Vec<Source<T>>,
    sinks: Vec<*mut T>,
}

impl<T: Float> Copied<T> {
    /// Copies the `rest` neurons from `start` on.
    #[inline(never)]
    fn fill(&mut self, span: &Span<'_, T>, start: usize, rest: usize) {
        let (args, rets) = (span.sources.len(), span.sinks.len());
        self.buffers = vec![Splat([T::ZERO; WIDEST]); args + rets];
        for (source, buffer) in span.sources.iter().zip(&mut self.buffers) {
            for (k, x) in buffer.0.iter_mut().enumerate() {
                // SAFETY: the element is one of the span's.
                *x = unsafe { *source.ptr.add((start + k.min(rest - 1)) & source.mask) };
            }
        }
        let (sources, sinks) = self.buffers.split_at_mut(args);
        self.sources = sources.iter().map(|b| Source { ptr: b.0.as_ptr(), mask: usize::MAX }).collect();
        self.sinks = sinks.iter_mut().map(|b| b.0.as_mut_ptr()).collect();
    }

    /// Copies the results back.
    #[inline(never)]
    fn write_back(&self, span: &Span<'_, T>, start: usize, rest: usize) {
        for (&from, &to) in self.sinks.iter().zip(span.sinks) {
            if !to.is_null() {
                // SAFETY: both have `rest` elements there.
                unsafe { std::ptr::copy_nonoverlapping(from, to.add(start), rest) };
            }
        }
    }
}
