//! One lane of neurons through one step, in any mode.

use super::mode::{Direction, Forward, Lanes, Mode, Span, Tangent};
use super::plan::Segments;
use super::{Drive, Fields, Inputs, Layout, Neuron, Read, Refractory, Write};
use crate::lane::{Float, Job, Lane};
use crate::real::{Real, Spike};
use crate::surrogate::Slope;

/// The arguments of a mode from a position on.
struct From<'a, I> {
    io: &'a I,
    base: usize,
}

impl<I: Mode> Read<I::Real> for From<'_, I> {
    #[inline(always)]
    fn read(&self, k: usize) -> I::Real {
        self.io.arg(self.base + k)
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
    io: &'a I,
    layout: &'a Layout<'a>,
    refractory: Option<Refractory<Lanes<I>>>,
}

impl<I: Mode> Inputs<I::Real> for Ports<'_, I> {
    #[inline(always)]
    fn drive(&self, v: I::Real) -> Drive<I::Real> {
        let zero = I::Real::constant(0.0);
        let current = self.io.arg(self.layout.current);
        let mut drive = Drive { current, volt: zero, slope: zero };
        let (mut params, mut state) = (self.layout.receptor_params, self.layout.receptor_state);
        for receptor in self.layout.config.receptors {
            let (p, s) = (From { io: self.io, base: params }, From { io: self.io, base: state });
            let (volt, slope) = receptor.volt(v, &p, &s);
            drive.volt = drive.volt + volt;
            drive.slope = drive.slope + slope;
            params += receptor.params().len();
            state += receptor.state().len();
        }
        drive
    }

    #[inline(always)]
    fn spike(&self, x: I::Real) -> Spike<I::Real> {
        // Forwards nothing reads these, so that they are never loaded.
        let at = self.layout.surrogate;
        let io = self.io;
        let params = [io.plain(at), io.plain(at + 1), io.plain(at + 2), io.plain(at + 3)];
        x.spike(&Slope { kind: self.layout.config.surrogate, params })
    }

    #[inline(always)]
    fn delta(&self) -> Option<I::Real> {
        if self.layout.config.delta { Some(self.io.arg(self.layout.delta)) } else { None }
    }

    #[inline(always)]
    fn refractory(&mut self) -> Option<&mut Refractory<Lanes<I>>> {
        self.refractory.as_mut()
    }

    #[inline(always)]
    fn hard(&self) -> bool {
        self.layout.config.hard
    }
}

/// Steps the lane behind `io`.
#[inline(always)]
fn lane<M: Neuron, I: Mode>(mut io: I, layout: &Layout<'_>, p: &M::Params<I::Real>) {
    let config = &layout.config;
    let mut s = M::State::read(&From { io: &io, base: layout.state });
    let refractory = if config.refractory {
        Some(Refractory { left: io.plain(layout.left), steps: io.plain(layout.n_ref) })
    } else {
        None
    };
    let mut ports = Ports { io: &io, layout, refractory };
    let spike = M::step(p, &mut s, &mut ports);
    let refractory = ports.refractory;

    s.write(&mut States(&mut io));
    if let Some(refractory) = refractory {
        io.plain_ret(layout.left - layout.state, refractory.left);
    }
    let (mut params, mut state) = (layout.receptor_params, layout.receptor_state);
    for receptor in config.receptors {
        let (p, s) = (From { io: &io, base: params }, From { io: &io, base: state });
        let next = receptor.advance(&p, &s);
        for (k, &x) in next.iter().take(receptor.state().len()).enumerate() {
            io.ret(state + k - layout.state, x);
        }
        params += receptor.params().len();
        state += receptor.state().len();
    }
    if config.delta {
        io.plain_ret(layout.delta - layout.state, Lane::constant(0.0));
    }
    io.ret(layout.spike - layout.state, spike.value);
    io.finish();
}

/// Steps a span forwards. `UNIFORM`: all parameters are scalars, so that they and what follows
/// from them alone are taken out of the loop.
pub(super) struct StepSpan<'a, M, T, const UNIFORM: bool> {
    pub(super) layout: &'a Layout<'a>,
    pub(super) span: Span<'a, T>,
    pub(super) model: std::marker::PhantomData<M>,
}

impl<M: Neuron, T: Float, const UNIFORM: bool> Job<T> for StepSpan<'_, M, T, UNIFORM> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        let mut segments = Segments::of(&self.span, L::WIDTH);
        while let Some(span) = segments.next(L::WIDTH) {
            // SAFETY: a segment is at least one lane.
            let io = unsafe { Forward::<T, L>::new(&span, 0) };
            let hoisted = M::Params::read(&From { io: &io, base: 0 });
            for i in (0..span.len).step_by(L::WIDTH) {
                // SAFETY: a segment is whole lanes, and has all the layout's ports.
                let io = unsafe { Forward::<T, L>::new(&span, i) };
                if UNIFORM {
                    lane::<M, _>(io, self.layout, &hoisted);
                } else {
                    let p = M::Params::read(&From { io: &io, base: 0 });
                    lane::<M, _>(io, self.layout, &p);
                }
            }
        }
    }
}

/// Steps a span with tangents.
pub(super) struct TangentSpan<'a, M, T, const K: usize> {
    pub(super) layout: &'a Layout<'a>,
    pub(super) span: Span<'a, T>,
    pub(super) direction: Direction,
    pub(super) model: std::marker::PhantomData<M>,
}

impl<M: Neuron, T: Float, const K: usize> Job<T> for TangentSpan<'_, M, T, K> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        let args = self.layout.args();
        let mut segments = Segments::of(&self.span, L::WIDTH);
        while let Some(span) = segments.next(L::WIDTH) {
            for i in (0..span.len).step_by(L::WIDTH) {
                // SAFETY: a segment is whole lanes, and has all the layout's ports.
                let io = unsafe { Tangent::<T, L, K>::new(&span, i, args, self.direction) };
                let p = M::Params::read(&From { io: &io, base: 0 });
                lane::<M, _>(io, self.layout, &p);
            }
        }
    }
}
