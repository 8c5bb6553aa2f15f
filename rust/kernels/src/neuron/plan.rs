//! Splits a population into spans of neurons and finds the operands of each.

use super::mode::{Source, Span};
use crate::error::{Error, Result};
use crate::lane::Float;
use crate::operand::{Arg, Operand, Ret, Shape};
use crate::stack::Stack;
use crate::threads;

/// Elements of the widest lane …
const LANE: usize = 16;
/// … and of the widest pair of lanes.
pub(super) const PAIR: usize = 2 * LANE;

/// Neurons of a span: few enough that two threads share even a medium population evenly, and a
/// multiple of every lane, so that what shares a lane does not depend on the threads.
const SPAN: usize = 8192;

/// From so many neurons on, several threads are faster than one.
const PARALLEL: usize = 32_768;

/// A scalar, repeated to a whole lane.
#[repr(align(64))]
#[derive(Debug, Clone, Copy)]
struct Splat<T>([T; LANE]);

/// Operands of a usual population, and its results; a larger one costs an allocation.
const ARGS: usize = 48;
const RETS: usize = 16;

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

type Operands<T> = Stack<Source<T>, ARGS>;
type Results<T> = Stack<*mut T, RETS>;

/// All operands of a pass.
pub(super) struct Plan<T: Float> {
    shape: Shape,
    splats: Stack<Splat<T>, 32>,
    pub(super) sources: Stack<Slot<T>, ARGS>,
    pub(super) sinks: Results<T>,
}

// SAFETY: threads read the plan, and access disjoint elements of the buffers it points to.
unsafe impl<T: Float> Sync for Plan<T> {}

impl<T: Float> Plan<T> {
    pub(super) fn new(shape: Shape) -> Self {
        let mut splats = Stack::new();
        splats.extend([T::ZERO, T::ONE].map(|x| Splat([x; LANE])));
        Self { shape, splats, sources: Stack::new(), sinks: Stack::new() }
    }

    /// Where a buffer's elements are; a scalar is read right away.
    pub(super) fn slot(&mut self, arg: &Arg<T>, name: impl FnOnce() -> String) -> Result<Slot<T>> {
        Ok(match Operand::named(arg.len, self.shape, name)? {
            Operand::Full if self.shape.len() != 1 => Slot::Full(arg.ptr),
            Operand::Neuron => Slot::Neuron(arg.ptr),
            Operand::Scalar | Operand::Full => {
                // SAFETY: the buffer has one element.
                self.splats.push(Splat([unsafe { arg.ptr.read() }; LANE]));
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

    /// The values of the operands up to `end`, if they are all scalars; those up to `states`
    /// after them must not be.
    pub(super) fn uniform(&self, end: usize, states: usize) -> Option<Stack<T, ARGS>> {
        let mut values = Stack::new();
        for slot in &self.sources[..end] {
            let Slot::Splat(k) = slot else { return None };
            values.push(self.splats[*k].0[0]);
        }
        let all = self.sources[end..states].iter().all(|slot| !matches!(slot, Slot::Splat(_)));
        all.then_some(values)
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
            let (mut sources, mut sinks) = (Stack::new(), Stack::new());
            for task in tasks {
                let (row, start) = (task / per_row, task % per_row * SPAN);
                self.operands(row * n, start, &mut sources, &mut sinks);
                kernel(Span { sources: &sources, sinks: &sinks, len: SPAN.min(n - start) });
            }
        });
    }

    /// The operands from neuron `start` of the row that begins with element `row`.
    fn operands(&self, row: usize, start: usize, sources: &mut Operands<T>, sinks: &mut Results<T>) {
        sources.refill(0, 0, Source { ptr: std::ptr::null(), mask: 0 });
        sources.extend(self.sources.iter().map(|slot| match *slot {
            Slot::Splat(k) => Source { ptr: self.splats[k].0.as_ptr(), mask: 0 },
            Slot::Neuron(ptr) => Source { ptr: ptr.wrapping_add(start), mask: usize::MAX },
            Slot::Full(ptr) => Source { ptr: ptr.wrapping_add(row + start), mask: usize::MAX },
        }));
        sinks.refill(0, 0, std::ptr::null_mut());
        // A result that a tangent does not have stays null.
        let advance = |ptr: &*mut T| if ptr.is_null() { *ptr } else { ptr.wrapping_add(row + start) };
        sinks.extend(self.sinks.iter().map(advance));
    }
}
