//! Receptors of a block of neurons, before the neurons themselves.
//!
//! A receptor's kind is decided once a block rather than once a lane, and no model has to be
//! compiled together with every kind of receptor. What the receptors add up to stays in the
//! first-level cache until the neurons read it.

use std::ops::Range;

use super::mode::{Source, Span};
use super::{Layout, Read};
use crate::lane::{Float, Lane};
use crate::receptor::{Dynamics, MAX_PARAMS, Output, Receptor, Sums};

/// Neurons of a block.
pub(super) const BLOCK: usize = 512;

/// What the linear receptors of a block add up to; 0 where there are none.
#[repr(align(64))]
pub(super) struct Staged<T> {
    emf: [T; BLOCK],
    open: [T; BLOCK],
}

impl<T: Float> Staged<T> {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self { emf: [T::ZERO; BLOCK], open: [T::ZERO; BLOCK] }
    }

    /// The sums of the lane that starts at neuron `i` of the block.
    ///
    /// # Safety
    /// The whole lane lies in the block.
    #[inline(always)]
    pub(super) unsafe fn load<L: Lane<Elem = T>>(&self, i: usize) -> Sums<L> {
        // SAFETY: promised to this function.
        unsafe { Sums { emf: L::load(self.emf.as_ptr().add(i)), open: L::load(self.open.as_ptr().add(i)) } }
    }

    /// # Safety
    /// As for `load`.
    #[inline(always)]
    unsafe fn store<L: Lane<Elem = T>>(&mut self, i: usize, sums: Sums<L>) {
        // SAFETY: promised to this function.
        unsafe {
            sums.emf.store(self.emf.as_mut_ptr().add(i));
            sums.open.store(self.open.as_mut_ptr().add(i));
        }
    }

    /// Adds up the linear receptors of a block, and advances them.
    ///
    /// # Safety
    /// The block is whole lanes of the span, at most [`BLOCK`] neurons, and the span has all the
    /// layout's ports.
    #[inline(always)]
    pub(super) unsafe fn fill<L: Lane<Elem = T>>(
        &mut self,
        layout: &Layout<'_>,
        span: &Span<'_, T>,
        block: &Range<usize>,
    ) {
        let mut first = true;
        for port in layout.receptors().filter(|port| port.kind.is_linear()) {
            let ports = Ports {
                params: &span.sources[port.params..][..port.kind.params().len()],
                states: &span.sources[port.state..][..port.kind.state().len()],
                sinks: &span.sinks[port.state - layout.state..][..port.kind.state().len()],
                block: block.clone(),
                first,
            };
            // SAFETY: promised to this function.
            unsafe { ports.run::<L>(port.kind, self) };
            first = false;
        }
    }
}

/// The operands of one receptor over a block.
struct Ports<'a, T> {
    params: &'a [Source<T>],
    states: &'a [Source<T>],
    sinks: &'a [*mut T],
    block: Range<usize>,
    first: bool,
}

/// Parameters that are scalars.
struct Scalars<L>([L; MAX_PARAMS]);

impl<L: Copy> Read<L> for Scalars<L> {
    #[inline(always)]
    fn read(&self, k: usize) -> L {
        self.0[k]
    }
}

/// Operands of the lane that starts at a neuron of the span.
struct LaneAt<'a, T>(&'a [Source<T>], usize);

impl<T: Float, L: Lane<Elem = T>> Read<L> for LaneAt<'_, T> {
    #[inline(always)]
    fn read(&self, k: usize) -> L {
        let source = self.0[k];
        // SAFETY: the lane lies in the span, as `fill` is promised; a scalar may be repeated for
        // fewer elements than a pair of lanes has.
        unsafe { if source.mask == 0 { L::splat(*source.ptr) } else { L::load(source.ptr.add(self.1)) } }
    }
}

impl<T: Float> Ports<'_, T> {
    /// # Safety
    /// As for [`Staged::fill`].
    #[inline(always)]
    unsafe fn run<L: Lane<Elem = T>>(&self, kind: Receptor, staged: &mut Staged<T>) {
        // The kind is a constant in each arm, and thus none of the loop's business.
        // SAFETY: promised to this function.
        unsafe {
            match (kind.dynamics, kind.output) {
                (Dynamics::Expon, Output::Coba) => self.of::<L>(Receptor::ALL[0], staged),
                (Dynamics::Expon, _) => self.of::<L>(Receptor::ALL[1], staged),
                (Dynamics::Cascade, Output::Coba) => self.of::<L>(Receptor::ALL[3], staged),
                (Dynamics::Cascade, _) => self.of::<L>(Receptor::ALL[4], staged),
            }
        }
    }

    /// # Safety
    /// As for [`Staged::fill`].
    #[inline(always)]
    unsafe fn of<L: Lane<Elem = T>>(&self, kind: Receptor, staged: &mut Staged<T>) {
        if self.params.iter().all(|source| source.mask == 0) {
            let mut scalars = Scalars([L::constant(0.0); MAX_PARAMS]);
            for (k, scalar) in scalars.0.iter_mut().take(self.params.len()).enumerate() {
                *scalar = LaneAt(self.params, 0).read(k);
            }
            for i in self.block.clone().step_by(L::WIDTH) {
                // SAFETY: promised to this function.
                unsafe { self.lane::<L>(kind, &scalars, i, staged) };
            }
        } else {
            for i in self.block.clone().step_by(L::WIDTH) {
                // SAFETY: as above.
                unsafe { self.lane::<L>(kind, &LaneAt(self.params, i), i, staged) };
            }
        }
    }

    /// # Safety
    /// As for [`Staged::fill`].
    #[inline(always)]
    unsafe fn lane<L: Lane<Elem = T>>(
        &self,
        kind: Receptor,
        p: &impl Read<L>,
        i: usize,
        staged: &mut Staged<T>,
    ) {
        let (s, at) = (LaneAt(self.states, i), i - self.block.start);
        // SAFETY: promised to this function.
        let mut sums = if self.first { Sums::zero() } else { unsafe { staged.load::<L>(at) } };
        kind.add_linear(p, &s, &mut sums);
        let next = kind.advance(p, &s);
        // SAFETY: as above; sinks are as long as the span.
        unsafe {
            staged.store(at, sums);
            for (next, sink) in next.iter().zip(self.sinks) {
                next.store(sink.add(i));
            }
        }
    }
}
