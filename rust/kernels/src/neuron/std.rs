//! Short-term depression.

use super::solve::{ln_rest, relax};
use super::{Inputs, Step};
use crate::lane::Lane;
use crate::real::{Real, Spike};

/// τ dx/dt = 1 − x; a spike releases x and takes U x away. Of n > 1 spikes in a step each one finds what those before it
/// have left: together they take away x (1 − (1 − U)ⁿ).
pub struct Std;

fields! {
    /// Parameters of [`Std`]; `decay` is exp(−dt/τ).
    pub struct StdParams { U, decay }
    /// State of [`Std`].
    pub struct StdState { x }
}

impl Step for Std {
    const NAME: &'static str = "std";
    type Params<T: Real> = StdParams<T>;
    type State<T: Real> = StdState<T>;

    #[inline(always)]
    fn step<T: Real>(p: &StdParams<T>, s: &mut StdState<T>, inputs: &mut impl Inputs<T>) -> Spike<T> {
        let (spikes, one) = (inputs.current(), T::constant(1.0));
        let ready = relax(s.x, one, p.decay);
        let mut release = spikes * ready;
        let many = spikes.gt(one);
        if !T::Lane::none(many) {
            let part = p.U.max(T::constant(1e-12)); // instead of 0/0
            release = T::select(many, -(ready * (spikes * ln_rest(part)).exp_m1()) / part, release);
        }
        s.x = ready - p.U * release;
        Spike::graded(release)
    }
}
