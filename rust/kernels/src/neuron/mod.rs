//! Neuron models and short-term plasticity, and the pass that steps a population through one of
//! them.

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
mod solve;

pub use fields::{Fields, Read, Write};
pub use layout::{Config, Layout};
pub use pass::{jvp, step, vjp};

/// The only list of models: each line makes a module, a type and an entry of [`MODELS`].
macro_rules! neurons {
    ($($module:ident :: $model:ident),* $(,)?) => {
        $(mod $module; pub use $module::$model;)*

        /// All models. Not a constant: each crate that uses one would compile every pass again.
        /// Nor in the binary of the unit tests, which use no pass: `tests/` is linked with the library.
        #[cfg(not(test))]
        pub static MODELS: &[Model] = &[$(Model::of::<$model>()),*];
    };
}

neurons! {
    lif::Lif,
    ad_qua_if::AdQuaIf,
    adex_if::AdExIf,
    alif::Alif,
    exp_if::ExpIf,
    fitz_hugh_nagumo::FitzHughNagumo,
    gif::Gif,
    hh::Hh,
    hindmarsh_rose::HindmarshRose,
    izhikevich::Izhikevich,
    morris_lecar::MorrisLecar,
    qua_if::QuaIf,
    std::Std,
    stp::Stp,
    traub_miles_hh::TraubMilesHh,
    wang_buzsaki_hh::WangBuzsakiHh,
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
    /// Steps left; of an `EDGE` model at least 1 where it is above threshold.
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
    /// The external current.
    fn current(&self) -> T;
    /// The drive at potential `v`.
    fn drive(&self, v: T) -> Drive<T>;
    /// A spike where `x >= 0`, with the chosen surrogate tangent.
    fn spike(&self, x: T) -> Spike<T>;
    /// What the population sent in the last step.
    fn sent(&self) -> T::Lane;
    /// Voltage that arrives as jumps, if the population takes any.
    fn delta(&self) -> Option<T>;
    /// The refractory state, if the population has one.
    fn refractory(&self) -> Option<Refractory<T::Lane>>;
    /// Stores the steps left, if the population has a refractory state.
    fn set_left(&mut self, left: T::Lane);
    /// Whether a spike sets the potential to the reset value, rather than lowering it.
    fn hard(&self) -> bool;
}

/// What a pass runs, for every number type at once. `step` must be `#[inline(always)]`.
pub trait Step: 'static {
    /// Its name in targets.
    const NAME: &'static str;
    /// Its parameters.
    type Params<T: Real>: Fields<T>;
    /// Its state; the first is what receptors and jumps act on.
    type State<T: Real>: Fields<T>;

    /// One time step; returns what the population sends.
    fn step<T: Real>(p: &Self::Params<T>, s: &mut Self::State<T>, inputs: &mut impl Inputs<T>) -> Spike<T>;
}

/// A neuron model: `threshold`, `reset` and `integrate`, which must be `#[inline(always)]`, make
/// a step.
pub trait Neuron: 'static {
    /// Its name in targets.
    const NAME: &'static str;
    /// Whether a spike is a rise above threshold, without a reset.
    const EDGE: bool = false;
    /// Whether a refractory neuron keeps its whole state, not only the potential.
    const HOLDS_ALL: bool = false;
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

    /// Where the last step spiked; of an `EDGE` model, where it ended above threshold. A potential
    /// above threshold does not tell: it may have been assigned since, or held there. Where it
    /// tells something else, there is no spike whose derivative a reset could have.
    #[inline(always)]
    fn last<T: Real>(p: &Self::Params<T>, s: &Self::State<T>, inputs: &impl Inputs<T>) -> Spike<T> {
        let [zero, half, one]: [T::Lane; 3] = [0.0, 0.5, 1.0].map(Lane::constant);
        let (mut spike, sent) = (inputs.spike(Self::threshold(p, s)), inputs.sent());
        let left = inputs.refractory().map(|refractory| refractory.left);
        if let (false, Some(left)) = (Self::EDGE, left) {
            // A neuron that was held could not spike, whatever its potential.
            let held = <T::Lane as Lane>::select(Lane::gt(sent, half), zero, left);
            spike.value = spike.value.fixed_where(Lane::gt(held, zero));
        }
        let seen = Lane::gt(if Self::EDGE { left.unwrap_or(one) } else { sent }, half);
        let differs = Lane::ne(<T::Lane as Lane>::select(seen, one, zero), spike.value.value());
        spike.value = spike.value.fixed_where(differs);
        spike.only_at(<T::Lane as Lane>::both(spike.on, seen))
    }

    /// The spike of a step that ends `above` threshold, `last` being what [`Neuron::last`] tells.
    #[inline(always)]
    fn rise<T: Real>(above: Spike<T>, last: Spike<T>) -> Spike<T> {
        if !Self::EDGE {
            return above;
        }
        let value = above.value * (T::constant(1.0) - last.value);
        Spike { on: value.gt(T::constant(0.0)), value }
    }
}

/// Reset of the last step's spike, integration, jumps, refractory hold, spike.
impl<M: Neuron> Step for M {
    const NAME: &'static str = M::NAME;
    type Params<T: Real> = M::Params<T>;
    type State<T: Real> = M::State<T>;

    #[inline(always)]
    fn step<T: Real>(p: &M::Params<T>, s: &mut M::State<T>, inputs: &mut impl Inputs<T>) -> Spike<T> {
        let last = M::last(p, s, inputs);
        if !M::EDGE {
            M::reset(p, s, last, inputs.hard());
        }
        let mut held = *s;
        M::integrate(p, s, inputs.drive(*held.first()));
        if let Some(delta) = inputs.delta() {
            *s.first() = *s.first() + delta;
        }
        let Some(refractory) = inputs.refractory() else {
            return M::rise(inputs.spike(M::threshold(p, s)), last);
        };
        let (left, hold) = refractory.count_down();
        if M::HOLDS_ALL {
            *s = held.zip(*s, |held, new| T::select(hold, held, new));
        } else {
            *s.first() = T::select(hold, *held.first(), *s.first());
        }
        // A refractory neuron does not spike, wherever it is held.
        let mut above = inputs.spike(M::threshold(p, s));
        above.value = above.value.fixed_where(hold);
        let above = above.only_at(<T::Lane as Lane>::both(above.on, Lane::ge(Lane::constant(0.0), left)));
        let spike = M::rise(above, last);
        let left = <T::Lane as Lane>::select(spike.on, refractory.steps, left);
        inputs.set_left(if M::EDGE { Lane::max(left, above.value.value()) } else { left });
        spike
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
pub type StepFn<T> = unsafe fn(&Config<'_>, &[Arg<T>], &[Ret<T>]) -> Result<()>;
/// [`jvp`] or [`vjp`] of one model.
pub type DerivativeFn<T> = unsafe fn(&Config<'_>, &[usize], &[Arg<T>], &[Ret<T>]) -> Result<()>;

/// The passes of one model.
#[derive(Clone, Copy)]
pub struct Passes<T> {
    /// [`step`].
    pub step: StepFn<T>,
    /// [`jvp`].
    pub jvp: DerivativeFn<T>,
    /// [`vjp`].
    pub vjp: DerivativeFn<T>,
}

impl Model {
    /// The entry of a model.
    #[must_use]
    pub const fn of<M: Step>() -> Self {
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
