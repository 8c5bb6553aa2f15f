//! How a lane of neurons reads its operands and writes its results: forwards, or with tangents.

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
    /// The argument at `port`.
    fn arg(&self, port: usize) -> Self::Real;
    /// Its value only.
    fn plain(&self, port: usize) -> Lanes<Self>;
    /// A result with derivatives.
    fn ret(&mut self, at: usize, x: Self::Real);
    /// A result without.
    fn plain_ret(&mut self, at: usize, x: Lanes<Self>);
    /// Everything is written.
    fn finish(&mut self);
}

/// The lane type of a mode.
pub(super) type Lanes<I> = <<I as Mode>::Real as Real>::Lane;

/// Loads a lane.
///
/// # Safety
/// `port` is one of the sources, and a whole lane from `i` on lies in the span.
#[inline(always)]
unsafe fn load<T: Float, L: Lane<Elem = T>>(sources: *const Source<T>, port: usize, i: usize) -> L {
    // SAFETY: the caller vouches for the port and the lane.
    unsafe {
        let source = &*sources.add(port);
        L::load(source.ptr.add(i & source.mask))
    }
}

/// Stores a lane.
///
/// # Safety
/// As for [`load`], with the sinks.
#[inline(always)]
unsafe fn store<T: Float, L: Lane<Elem = T>>(sinks: *const *mut T, at: usize, i: usize, x: L) {
    // SAFETY: the caller vouches for the sink and the lane.
    unsafe { x.store((*sinks.add(at)).add(i)) }
}

/// A step forwards.
pub(super) struct Forward<T, L> {
    sources: *const Source<T>,
    sinks: *const *mut T,
    i: usize,
    lane: std::marker::PhantomData<L>,
}

impl<T, L> Forward<T, L> {
    /// # Safety
    /// A whole lane from `i` on lies in the span, and every port asked for is one of its own.
    #[inline(always)]
    pub(super) unsafe fn new(span: &Span<'_, T>, i: usize) -> Self {
        Self { sources: span.sources.as_ptr(), sinks: span.sinks.as_ptr(), i, lane: std::marker::PhantomData }
    }
}

impl<T: Float, L: Lane<Elem = T>> Mode for Forward<T, L> {
    type Real = L;

    #[inline(always)]
    fn arg(&self, port: usize) -> L {
        // SAFETY: promised to `new`.
        unsafe { load(self.sources, port, self.i) }
    }
    #[inline(always)]
    fn plain(&self, port: usize) -> L {
        self.arg(port)
    }
    #[inline(always)]
    fn ret(&mut self, at: usize, x: L) {
        // SAFETY: promised to `new`.
        unsafe { store(self.sinks, at, self.i, x) }
    }
    #[inline(always)]
    fn plain_ret(&mut self, at: usize, x: L) {
        self.ret(at, x);
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
}

impl<T: Float, L: Lane<Elem = T>, const K: usize> Mode for Tangent<T, L, K> {
    type Real = Dual<L, K>;

    #[inline(always)]
    fn arg(&self, port: usize) -> Dual<L, K> {
        let mut x = Dual::lift(self.io.arg(port));
        for (k, eps) in x.eps.iter_mut().enumerate() {
            *eps = self.io.arg(self.args * (k + 1) + port);
        }
        x
    }
    #[inline(always)]
    fn plain(&self, port: usize) -> L {
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
