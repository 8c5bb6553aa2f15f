//! Neuron models, and the pass that steps a population through one of them.

use crate::error::Result;
use crate::lane::Lane;
use crate::lane::portable::Portable;
use crate::operand::{Arg, Ret};
use crate::real::{Real, Spike};

#[macro_use]
mod fields;
mod lanes;
mod layout;
mod mode;
mod pass;
mod plan;
mod segments;

pub use fields::{Fields, Read, Write};
pub use layout::{Config, Layout};
pub use pass::{jvp, step, vjp};

/// The only list of models: each line makes a module, a type and an entry of [`MODELS`].
macro_rules! neurons {
    ($($module:ident :: $model:ident),* $(,)?) => {
        $(mod $module; pub use $module::$model;)*

        /// All models.
        pub const MODELS: &[Model] = &[$(Model::of::<$model>()),*];
    };
}

neurons! {
    lif::Lif,
}

/// What drives the membrane in a step.
#[derive(Clone, Copy)]
pub struct Drive<T> {
    /// External current.
    pub current: T,
    /// Voltage of the receptors.
    pub volt: T,
    /// Its derivative by the membrane potential.
    pub slope: T,
}

/// Steps left in which the potential is held, and how many a spike starts.
#[derive(Clone, Copy)]
pub struct Refractory<L> {
    /// Steps left.
    pub left: L,
    /// Steps after a spike.
    pub steps: L,
}

impl<L: Lane> Refractory<L> {
    /// The steps left one step later, and where the potential is still held.
    #[inline(always)]
    pub fn count_down(&self) -> (L, L::Mask) {
        let zero = L::constant(0.0);
        let left = (self.left - L::constant(1.0)).max(zero);
        (left, left.gt(zero))
    }
}

/// What a model's step can ask its surroundings.
pub trait Inputs<T: Real> {
    /// The drive at potential `v`.
    fn drive(&self, v: T) -> Drive<T>;
    /// A spike where `x >= 0`, with the chosen surrogate tangent.
    fn spike(&self, x: T) -> Spike<T>;
    /// Voltage that arrives as jumps, if the population takes any.
    fn delta(&self) -> Option<T>;
    /// The refractory state, if the population has one.
    fn refractory(&self) -> Option<Refractory<T::Lane>>;
    /// Stores the steps left, if the population has a refractory state.
    fn set_left(&mut self, left: T::Lane);
    /// Whether a spike sets the potential to the reset value, rather than lowering it.
    fn hard(&self) -> bool;
}

/// A neuron model, for every number type at once.
///
/// `threshold`, `reset` and `integrate` are composed by [`Neuron::step`]; a model with its own
/// order of events or rule for spikes replaces that. Every method must be `#[inline(always)]`.
pub trait Neuron: 'static {
    /// Its name in targets.
    const NAME: &'static str;
    /// Its parameters.
    type Params<T: Real>: Fields<T>;
    /// Its state; the first is the membrane potential.
    type State<T: Real>: Fields<T>;

    /// The scaled distance to threshold: a spike where it is not negative.
    fn threshold<T: Real>(p: &Self::Params<T>, s: &Self::State<T>) -> T;

    /// What a spike does to the state.
    fn reset<T: Real>(p: &Self::Params<T>, s: &mut Self::State<T>, spike: Spike<T>, hard: bool);

    /// One time step without spikes.
    fn integrate<T: Real>(p: &Self::Params<T>, s: &mut Self::State<T>, drive: Drive<T>);

    /// One time step: reset of the last step's spike, integration, jumps, refractory hold, spike.
    #[inline(always)]
    fn step<T: Real>(p: &Self::Params<T>, s: &mut Self::State<T>, inputs: &mut impl Inputs<T>) -> Spike<T> {
        let last = inputs.spike(Self::threshold(p, s));
        Self::reset(p, s, last, inputs.hard());
        let held = *s.first();
        Self::integrate(p, s, inputs.drive(held));
        if let Some(delta) = inputs.delta() {
            *s.first() = *s.first() + delta;
        }
        if let Some(refractory) = inputs.refractory() {
            let (left, hold) = refractory.count_down();
            *s.first() = T::select(hold, held, *s.first());
            let spike = inputs.spike(Self::threshold(p, s));
            inputs.set_left(<T::Lane as Lane>::select(spike.on, refractory.steps, left));
            spike
        } else {
            inputs.spike(Self::threshold(p, s))
        }
    }
}

/// A model's names and entry points, for callers that are not generic over models.
pub struct Model {
    /// Its name in targets.
    pub name: &'static str,
    /// Names of its parameters.
    pub params: &'static [&'static str],
    /// Names of its states.
    pub state: &'static [&'static str],
    f32: Passes<f32>,
    f64: Passes<f64>,
}

/// [`step`] of one model.
pub type Step<T> = unsafe fn(&Config<'_>, &[Arg<T>], &[Ret<T>]) -> Result<()>;
/// [`jvp`] or [`vjp`] of one model.
pub type Derivative<T> = unsafe fn(&Config<'_>, &[usize], &[Arg<T>], &[Ret<T>]) -> Result<()>;

/// The passes of one model.
#[derive(Clone, Copy)]
pub struct Passes<T> {
    /// [`step`].
    pub step: Step<T>,
    /// [`jvp`].
    pub jvp: Derivative<T>,
    /// [`vjp`].
    pub vjp: Derivative<T>,
}

impl Model {
    /// The entry of a model.
    #[must_use]
    pub const fn of<M: Neuron>() -> Self {
        Self {
            name: M::NAME,
            params: M::Params::<Portable<f32, 1>>::NAMES,
            state: M::State::<Portable<f32, 1>>::NAMES,
            f32: Passes { step: step::<M, f32>, jvp: jvp::<M, f32>, vjp: vjp::<M, f32> },
            f64: Passes { step: step::<M, f64>, jvp: jvp::<M, f64>, vjp: vjp::<M, f64> },
        }
    }

    /// The order of the operands of a population. It does not depend on the population's shape.
    #[must_use]
    pub fn layout<'a>(&self, config: &Config<'a>) -> Layout<'a> {
        Layout::new(self.params, self.state, config)
    }

    /// Its passes over `f32`.
    #[must_use]
    pub const fn f32(&self) -> Passes<f32> {
        self.f32
    }

    /// Its passes over `f64`.
    #[must_use]
    pub const fn f64(&self) -> Passes<f64> {
        self.f64
    }
}
