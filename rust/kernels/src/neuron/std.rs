//! Short-term depression.

use super::solve::relax;
use super::{Inputs, Step};
use crate::real::{Real, Spike};

/// τ dx/dt = 1 − x; a spike releases x and takes U x away.
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
        let ready = relax(s.x, T::constant(1.0), p.decay);
        let release = inputs.current() * ready;
        s.x = ready - p.U * release;
        Spike::graded(release)
    }
}
