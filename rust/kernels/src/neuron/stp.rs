//! Short-term facilitation and depression.

use super::solve::{ln_rest, relax};
use super::{Inputs, Step};
use crate::lane::Lane;
use crate::real::{Real, Spike};

/// τf du/dt = −u, τd dx/dt = 1 − x; a spike adds U (1 − u) to u and releases u x. Of n > 1 spikes in a step each one
/// finds what those before it have left: 1 − u falls by (1 − U) n times, and x by the product of the 1 − u.
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
        let mut release = spikes * s.u * ready;
        let many = spikes.gt(one);
        if !T::Lane::none(many) {
            let (unused, factor) = (ln_rest(decayed), ln_rest(p.U));
            let kept = spikes * (unused + factor * (spikes + one) * T::constant(0.5));
            s.u = T::select(many, -spikes.mul_add(factor, unused).exp_m1(), s.u);
            release = T::select(many, -(ready * kept.exp_m1()), release);
        }
        s.x = ready - release;
        Spike::graded(release)
    }
}
