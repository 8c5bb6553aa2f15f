//! How a lane of neurons reads its operands and writes its results: forwards, or with tangents.

use std::marker::PhantomData;

use super::stage::Staged;
use crate::dual::Dual;
use crate::lane::{Float, Lane};
use crate::real::Real;
use crate::receptor::Sums;

/// Where an operand is: element `i` of a span is at `ptr + (i & mask)`. A scalar is repeated in
/// a buffer of one lane, with mask 0, so that all operands are loaded alike, without a branch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<T> {
    pub(super) ptr: *const T,
    pub(super) mask: usize,
}

/// The operands of a stretch of neurons.
pub(super) struct Span<'a, T> {
    pub(super) sources: &'a [Source<T>],
    pub(super) sinks: &'a [*mut T],
    pub(super) len: usize,
}

/// Access to the operands of the lane that starts at an element of a span.
///
/// Arguments have their position in the layout; so do results, less that of the first state.
pub(super) trait Mode {
    type Real: Real;
    /// Whether the linear receptors are summed up and advanced already.
    const STAGED: bool;
    /// What the staged receptors add up to.
    fn staged(&self) -> Sums<Self::Real>;
    /// The parameter at `port`.
    fn param(&self, port: usize) -> Self::Real;
    /// The state at `port`.
    fn state(&self, port: usize) -> Self::Real;
    /// The input at `port`.
    fn input(&self, port: usize) -> Self::Real;
    /// The value only of the parameter at `port`.
    fn plain_param(&self, port: usize) -> Lanes<Self>;
    /// The value only of the state at `port`.
    fn plain_state(&self, port: usize) -> Lanes<Self>;
    /// A result with derivatives.
    fn ret(&mut self, at: usize, x: Self::Real);
    /// A result without.
    fn plain_ret(&mut self, at: usize, x: Lanes<Self>);
    /// Everything is written.
    fn finish(&mut self);
}

/// The lane type of a mode.
pub(super) type Lanes<I> = <<I as Mode>::Real as Real>::Lane;

/// Where a lane starts: in the span, and in its block with what the receptors add up to.
#[derive(Clone, Copy)]
pub(super) struct Place<'a, T> {
    pub(super) i: usize,
    pub(super) in_block: usize,
    pub(super) staged: &'a Staged<T>,
}

/// A step forwards, whatever the operands.
pub(super) struct Forward<'a, T, L> {
    sources: *const Source<T>,
    sinks: *const *mut T,
    place: Place<'a, T>,
    lane: PhantomData<L>,
}

impl<'a, T: Float, L: Lane<Elem = T>> Forward<'a, T, L> {
    /// # Safety
    /// A whole lane from the place on lies in the span and in the block, and every port asked for
    /// is one of the span's.
    #[inline(always)]
    pub(super) unsafe fn new(span: &Span<'_, T>, place: Place<'a, T>) -> Self {
        Self { sources: span.sources.as_ptr(), sinks: span.sinks.as_ptr(), place, lane: PhantomData }
    }

    #[inline(always)]
    fn arg(&self, port: usize) -> L {
        // SAFETY: promised to `new`.
        unsafe {
            let source = &*self.sources.add(port);
            L::load(source.ptr.add(self.place.i & source.mask))
        }
    }
}

impl<T: Float, L: Lane<Elem = T>> Mode for Forward<'_, T, L> {
    type Real = L;
    const STAGED: bool = true;

    #[inline(always)]
    fn staged(&self) -> Sums<L> {
        // SAFETY: promised to `new`.
        unsafe { self.place.staged.load(self.place.in_block) }
    }

    #[inline(always)]
    fn param(&self, port: usize) -> L {
        self.arg(port)
    }
    #[inline(always)]
    fn state(&self, port: usize) -> L {
        self.arg(port)
    }
    #[inline(always)]
    fn input(&self, port: usize) -> L {
        self.arg(port)
    }
    #[inline(always)]
    fn plain_param(&self, port: usize) -> L {
        self.arg(port)
    }
    #[inline(always)]
    fn plain_state(&self, port: usize) -> L {
        self.arg(port)
    }
    #[inline(always)]
    fn ret(&mut self, at: usize, x: L) {
        // SAFETY: promised to `new`.
        unsafe { x.store((*self.sinks.add(at)).add(self.place.i)) }
    }
    #[inline(always)]
    fn plain_ret(&mut self, at: usize, x: L) {
        self.ret(at, x);
    }
    #[inline(always)]
    fn finish(&mut self) {}
}

/// A step forwards whose parameters are scalars and whose states are not: the usual case, with
/// half the instructions.
pub(super) struct Uniform<'a, T, L> {
    io: Forward<'a, T, L>,
    params: *const T,
}

impl<'a, T: Float, L: Lane<Elem = T>> Uniform<'a, T, L> {
    /// # Safety
    /// As for [`Forward::new`]; `params` has the value of every parameter.
    #[inline(always)]
    pub(super) unsafe fn new(span: &Span<'_, T>, place: Place<'a, T>, params: *const T) -> Self {
        // SAFETY: promised to this function.
        Self { io: unsafe { Forward::new(span, place) }, params }
    }
}

impl<T: Float, L: Lane<Elem = T>> Mode for Uniform<'_, T, L> {
    type Real = L;
    const STAGED: bool = true;

    #[inline(always)]
    fn staged(&self) -> Sums<L> {
        self.io.staged()
    }

    #[inline(always)]
    fn param(&self, port: usize) -> L {
        // SAFETY: promised to `new`.
        L::splat(unsafe { *self.params.add(port) })
    }
    #[inline(always)]
    fn state(&self, port: usize) -> L {
        // SAFETY: promised to `Forward::new`; states are no scalars.
        unsafe { L::load((*self.io.sources.add(port)).ptr.add(self.io.place.i)) }
    }
    #[inline(always)]
    fn input(&self, port: usize) -> L {
        // SAFETY: promised to `Forward::new`.
        let source = unsafe { &*self.io.sources.add(port) };
        if source.mask == 0 {
            // SAFETY: as above.
            L::splat(unsafe { *source.ptr })
        } else {
            self.state(port)
        }
    }
    #[inline(always)]
    fn plain_param(&self, port: usize) -> L {
        self.param(port)
    }
    #[inline(always)]
    fn plain_state(&self, port: usize) -> L {
        self.state(port)
    }
    #[inline(always)]
    fn ret(&mut self, at: usize, x: L) {
        self.io.ret(at, x);
    }
    #[inline(always)]
    fn plain_ret(&mut self, at: usize, x: L) {
        self.io.ret(at, x);
    }
    #[inline(always)]
    fn finish(&mut self) {}
}

/// What is done with the tangents of results.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    /// They are the results.
    Push,
    /// They are weighted with cotangents, which follow the tangents among the sources, and
    /// summed into the first so many sinks.
    Pull(usize),
}

/// A step with `K` tangents. The sources are all arguments, then `K` times their tangents.
pub(super) struct Tangent<'a, T, L, const K: usize> {
    io: Forward<'a, T, L>,
    args: usize,
    direction: Direction,
    sum: [L; K],
}

impl<'a, T: Float, L: Lane<Elem = T>, const K: usize> Tangent<'a, T, L, K> {
    /// # Safety
    /// As for [`Forward::new`].
    #[inline(always)]
    pub(super) unsafe fn new(
        span: &Span<'_, T>,
        place: Place<'a, T>,
        args: usize,
        direction: Direction,
    ) -> Self {
        // SAFETY: promised to this function.
        let io = unsafe { Forward::new(span, place) };
        Self { io, args, direction, sum: [L::constant(0.0); K] }
    }

    #[inline(always)]
    fn arg(&self, port: usize) -> Dual<L, K> {
        let mut x = Dual::lift(self.io.arg(port));
        for k in 0..K {
            x.eps[k] = self.io.arg(self.args * (k + 1) + port);
        }
        x
    }
}

impl<T: Float, L: Lane<Elem = T>, const K: usize> Mode for Tangent<'_, T, L, K> {
    type Real = Dual<L, K>;
    const STAGED: bool = false;

    #[inline(always)]
    fn staged(&self) -> Sums<Dual<L, K>> {
        Sums::zero()
    }

    #[inline(always)]
    fn param(&self, port: usize) -> Dual<L, K> {
        self.arg(port)
    }
    #[inline(always)]
    fn state(&self, port: usize) -> Dual<L, K> {
        self.arg(port)
    }
    #[inline(always)]
    fn input(&self, port: usize) -> Dual<L, K> {
        self.arg(port)
    }
    #[inline(always)]
    fn plain_param(&self, port: usize) -> L {
        self.io.arg(port)
    }
    #[inline(always)]
    fn plain_state(&self, port: usize) -> L {
        self.io.arg(port)
    }
    #[inline(always)]
    fn ret(&mut self, at: usize, x: Dual<L, K>) {
        match self.direction {
            Direction::Push => self.io.ret(at, x.eps[0]),
            Direction::Pull(_) => {
                let weight = self.io.arg(self.args * (K + 1) + at);
                for k in 0..K {
                    self.sum[k] = Lane::mul_add(weight, x.eps[k], self.sum[k]);
                }
            }
        }
    }
    #[inline(always)]
    fn plain_ret(&mut self, _: usize, _: L) {}
    #[inline(always)]
    fn finish(&mut self) {
        if let Direction::Pull(count) = self.direction {
            for k in 0..K {
                if k < count {
                    self.io.ret(k, self.sum[k]);
                }
            }
        }
    }
}
