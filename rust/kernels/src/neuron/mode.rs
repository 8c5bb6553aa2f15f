//! How a lane of neurons reads its operands and writes its results: forwards, or with tangents.

use std::marker::PhantomData;

use crate::dual::Dual;
use crate::lane::{Float, Lane};
use crate::real::Real;

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
    /// What is known of the receptors.
    type Receptors: Known;
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

/// What is known of a population's receptors while its pass is compiled.
pub(super) trait Known {
    /// Whether there may be any.
    const ANY: bool;
    /// Whether one may have a conductance. Without, the drive does not depend on V, and
    /// exponentials that only conductances change are constants.
    const CONDUCT: bool;
}

/// There are none.
pub(super) struct NoReceptors;

impl Known for NoReceptors {
    const ANY: bool = false;
    const CONDUCT: bool = false;
}

/// They are currents.
pub(super) struct Currents;

impl Known for Currents {
    const ANY: bool = true;
    const CONDUCT: bool = false;
}

/// They are of any kind.
pub(super) struct AnyReceptors;

impl Known for AnyReceptors {
    const ANY: bool = true;
    const CONDUCT: bool = true;
}

/// The lane type of a mode.
pub(super) type Lanes<I> = <<I as Mode>::Real as Real>::Lane;

/// A step forwards, whatever the operands.
pub(super) struct Forward<T, L> {
    sources: *const Source<T>,
    sinks: *const *mut T,
    i: usize,
    lane: PhantomData<L>,
}

impl<T: Float, L: Lane<Elem = T>> Forward<T, L> {
    /// # Safety
    /// A whole lane from `i` on lies in the span, and every port asked for is one of its own.
    #[inline(always)]
    pub(super) unsafe fn new(span: &Span<'_, T>, i: usize) -> Self {
        Self { sources: span.sources.as_ptr(), sinks: span.sinks.as_ptr(), i, lane: PhantomData }
    }

    #[inline(always)]
    fn arg(&self, port: usize) -> L {
        // SAFETY: promised to `new`.
        unsafe {
            let source = &*self.sources.add(port);
            L::load(source.ptr.add(self.i & source.mask))
        }
    }
}

impl<T: Float, L: Lane<Elem = T>> Mode for Forward<T, L> {
    type Real = L;
    type Receptors = AnyReceptors;

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
        unsafe { x.store((*self.sinks.add(at)).add(self.i)) }
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
pub(super) struct Uniform<T, L, R> {
    io: Forward<T, L>,
    params: *const T,
    receptors: PhantomData<R>,
}

impl<T: Float, L: Lane<Elem = T>, R> Uniform<T, L, R> {
    /// # Safety
    /// As for [`Forward::new`]; `params` has the value of every parameter.
    #[inline(always)]
    pub(super) unsafe fn new(span: &Span<'_, T>, i: usize, params: *const T) -> Self {
        // SAFETY: promised to this function.
        Self { io: unsafe { Forward::new(span, i) }, params, receptors: PhantomData }
    }
}

impl<T: Float, L: Lane<Elem = T>, R: Known> Mode for Uniform<T, L, R> {
    type Real = L;
    type Receptors = R;

    #[inline(always)]
    fn param(&self, port: usize) -> L {
        // SAFETY: promised to `new`.
        L::splat(unsafe { *self.params.add(port) })
    }
    #[inline(always)]
    fn state(&self, port: usize) -> L {
        // SAFETY: promised to `Forward::new`; states are no scalars.
        unsafe { L::load((*self.io.sources.add(port)).ptr.add(self.io.i)) }
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
pub(super) struct Tangent<T, L, const K: usize> {
    io: Forward<T, L>,
    args: usize,
    direction: Direction,
    sum: [L; K],
}

impl<T: Float, L: Lane<Elem = T>, const K: usize> Tangent<T, L, K> {
    /// # Safety
    /// As for [`Forward::new`].
    #[inline(always)]
    pub(super) unsafe fn new(span: &Span<'_, T>, i: usize, args: usize, direction: Direction) -> Self {
        // SAFETY: promised to this function.
        let io = unsafe { Forward::new(span, i) };
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

impl<T: Float, L: Lane<Elem = T>, const K: usize> Mode for Tangent<T, L, K> {
    type Real = Dual<L, K>;
    type Receptors = AnyReceptors;

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
