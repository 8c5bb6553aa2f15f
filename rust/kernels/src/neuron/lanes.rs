//! One lane of neurons through one step, in any mode.

use std::marker::PhantomData;

use super::layout::ReceptorPort;
use super::mode::{
    AnyReceptors, Currents, Direction, Forward, Known, Lanes, Mode, NoReceptors, Span, Tangent, Uniform,
};
use super::segments::Segments;
use super::{Drive, Fields, Inputs, Layout, Read, Refractory, Step, Write};
use crate::lane::{Float, Job, Lane};
use crate::real::{Real, Spike};
use crate::surrogate::Slope;

/// The parameters of a mode from a position on.
struct ParamsAt<'a, I>(&'a I, usize);

impl<I: Mode> Read<I::Real> for ParamsAt<'_, I> {
    #[inline(always)]
    fn read(&self, k: usize) -> I::Real {
        self.0.param(self.1 + k)
    }
}

/// The states of a mode from a position on.
struct StatesAt<'a, I>(&'a I, usize);

impl<I: Mode> Read<I::Real> for StatesAt<'_, I> {
    #[inline(always)]
    fn read(&self, k: usize) -> I::Real {
        self.0.state(self.1 + k)
    }
}

/// The states among the results of a mode.
struct States<'a, I>(&'a mut I);

impl<I: Mode> Write<I::Real> for States<'_, I> {
    #[inline(always)]
    fn write(&mut self, k: usize, x: I::Real) {
        self.0.ret(k, x);
    }
}

/// What surrounds a model's step.
struct Ports<'a, I: Mode> {
    io: &'a mut I,
    layout: &'a Layout<'a>,
}

impl<I: Mode> Inputs<I::Real> for Ports<'_, I> {
    #[inline(always)]
    fn current(&self) -> I::Real {
        self.io.input(self.layout.current)
    }

    #[inline(always)]
    fn drive(&self, v: I::Real) -> Drive<I::Real> {
        let zero = I::Real::constant(0.0);
        let mut drive = Drive { current: self.current(), volt: zero, slope: zero };
        for port in known_receptors::<I>(self.layout) {
            let (p, s) = (ParamsAt(&*self.io, port.params), StatesAt(&*self.io, port.state));
            port.kind.drive(v, &p, &s, &mut drive);
        }
        if !I::Receptors::CONDUCT {
            drive.slope = zero;
        }
        drive
    }

    #[inline(always)]
    fn spike(&self, x: I::Real) -> Spike<I::Real> {
        // Forwards nothing reads these, so that they are never loaded.
        let at = self.layout.surrogate;
        let io = &*self.io;
        let params =
            [io.plain_param(at), io.plain_param(at + 1), io.plain_param(at + 2), io.plain_param(at + 3)];
        x.spike(&Slope { kind: self.layout.config.surrogate, params })
    }

    #[inline(always)]
    fn sent(&self) -> Lanes<I> {
        self.io.plain_state(self.layout.spike)
    }

    #[inline(always)]
    fn delta(&self) -> Option<I::Real> {
        if self.layout.config.delta { Some(self.io.input(self.layout.delta)) } else { None }
    }

    #[inline(always)]
    fn refractory(&self) -> Option<Refractory<Lanes<I>>> {
        if !self.layout.config.refractory {
            return None;
        }
        let (left, steps) = (self.layout.left, self.layout.n_ref);
        Some(Refractory { left: self.io.plain_state(left), steps: self.io.plain_param(steps) })
    }

    #[inline(always)]
    fn set_left(&mut self, left: Lanes<I>) {
        if self.layout.config.refractory {
            self.io.plain_ret(self.layout.left - self.layout.state, left);
        }
    }

    #[inline(always)]
    fn hard(&self) -> bool {
        self.layout.config.hard
    }
}

/// The receptors, none where that is known.
#[inline(always)]
fn known_receptors<I: Mode>(layout: &Layout<'_>) -> impl Iterator<Item = ReceptorPort> {
    layout.receptors().filter(|_| I::Receptors::ANY)
}

/// Steps the lane behind `io`.
#[inline(always)]
fn lane<M: Step, I: Mode>(mut io: I, layout: &Layout<'_>, p: &M::Params<I::Real>) {
    let mut s = M::State::read(&StatesAt(&io, layout.state));
    let spike = M::step(p, &mut s, &mut Ports { io: &mut io, layout });
    s.write(&mut States(&mut io));
    for port in known_receptors::<I>(layout) {
        let at = port.state - layout.state;
        // By constant indices: an array that is walked would live in memory.
        let [first, second] = port.kind.advance(&ParamsAt(&io, port.params), &StatesAt(&io, port.state));
        io.ret(at, first);
        if port.kind.state().len() > 1 {
            io.ret(at + 1, second);
        }
    }
    if layout.config.delta {
        io.plain_ret(layout.delta - layout.state, Lane::constant(0.0));
    }
    io.ret(layout.spike - layout.state, spike.value);
    io.finish();
}

/// Steps a span forwards, whatever the operands.
pub(super) struct ForwardSpan<'a, M, T> {
    pub(super) layout: &'a Layout<'a>,
    pub(super) span: Span<'a, T>,
    pub(super) model: PhantomData<fn() -> M>,
}

impl<M: Step, T: Float> Job<T> for ForwardSpan<'_, M, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        let layout = *self.layout;
        let mut segments = Segments::of(&self.span, L::WIDTH);
        while let Some(span) = segments.next(L::WIDTH) {
            for i in (0..span.len).step_by(L::WIDTH) {
                // SAFETY: a segment is whole lanes, and has all the layout's ports.
                let io = unsafe { Forward::<T, L>::new(&span, i) };
                let p = M::Params::read(&ParamsAt(&io, 0));
                lane::<M, _>(io, &layout, &p);
            }
        }
    }
}

/// Steps a span forwards whose parameters are scalars: they and what follows from them alone
/// are taken out of the loop.
pub(super) struct UniformSpan<'a, M, T> {
    pub(super) layout: &'a Layout<'a>,
    pub(super) span: Span<'a, T>,
    pub(super) params: &'a [T],
    pub(super) model: PhantomData<fn() -> M>,
}

impl<M: Step, T: Float> Job<T> for UniformSpan<'_, M, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        let receptors = self.layout.config.receptors;
        if receptors.is_empty() {
            self.each::<L::Wide, NoReceptors>();
        } else if receptors.iter().any(|receptor| receptor.conducts()) {
            self.each::<L::Wide, AnyReceptors>();
        } else {
            self.each::<L::Wide, Currents>();
        }
    }
}

impl<M: Step, T: Float> UniformSpan<'_, M, T> {
    #[inline(always)]
    fn each<L: Lane<Elem = T>, R: Known>(&self) {
        let (layout, params) = (*self.layout, self.params.as_ptr());
        let mut segments = Segments::of(&self.span, L::WIDTH);
        while let Some(span) = segments.next(L::WIDTH) {
            // SAFETY: the layout has this many parameters; a segment is whole lanes.
            let io = unsafe { Uniform::<T, L, R>::new(&span, 0, params) };
            let p = M::Params::read(&ParamsAt(&io, 0));
            for i in (0..span.len).step_by(L::WIDTH) {
                // SAFETY: as above.
                let io = unsafe { Uniform::<T, L, R>::new(&span, i, params) };
                lane::<M, _>(io, &layout, &p);
            }
        }
    }
}

/// Steps a span with tangents.
pub(super) struct TangentSpan<'a, M, T, const K: usize> {
    pub(super) layout: &'a Layout<'a>,
    pub(super) span: Span<'a, T>,
    pub(super) direction: Direction,
    pub(super) model: PhantomData<fn() -> M>,
}

impl<M: Step, T: Float, const K: usize> Job<T> for TangentSpan<'_, M, T, K> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        let layout = *self.layout;
        let args = layout.args();
        let mut segments = Segments::of(&self.span, L::WIDTH);
        while let Some(span) = segments.next(L::WIDTH) {
            for i in (0..span.len).step_by(L::WIDTH) {
                // SAFETY: a segment is whole lanes, and has all the layout's ports.
                let io = unsafe { Tangent::<T, L, K>::new(&span, i, args, self.direction) };
                let p = M::Params::read(&ParamsAt(&io, 0));
                lane::<M, _>(io, &layout, &p);
            }
        }
    }
}
