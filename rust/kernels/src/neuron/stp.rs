//! Short-term facilitation and depression.

use super::solve::relax;
use super::{Inputs, Step};
use crate::real::{Real, Spike};

/// τf du/dt = −u, τd dx/dt = 1 − x; a spike adds U (1 − u) to u and releases u x.
pub struct Stp;

fields! {
    /// Parameters of [`Stp`]; `decay_f` is exp(−dt/τf), `decay_d` is exp(−dt/τd).
    pub struct StpParams { U, decay_f, decay_d }
    /// State of [`Stp`].
    pub struct StpState { x, u }
}

impl Step for Stp {
    const NAME: &'static str = "stp";
    type Params<T: Real> = StpParams<T>;
    type State<T: Real> = StpState<T>;

    #[inline(always)]
    fn step<T: Real>(p: &StpParams<T>, s: &mut StpState<T>, inputs: &mut impl Inputs<T>) -> Spike<T> {
        let (spikes, one) = (inputs.current(), T::constant(1.0));
        let decayed = s.u * p.decay_f;
        s.u = (spikes * p.U).mul_add(one - decayed, decayed);
        let ready = relax(s.x, one, p.decay_d);
        let release = spikes * s.u * ready;
        s.x = ready - release;
        Spike::graded(release)
    }
}
