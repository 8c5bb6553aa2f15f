//! Adaptive quadratic integrate-and-fire.

use super::qua_if::{QuaIf, QuaIfParams, QuaIfState};
use super::solve::{end_upswing, relax};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// [`QuaIf`] with R (I − w), τw dw/dt = a (V − `V_rest`) − w and w ← w + b at a spike.
pub struct AdQuaIf;

fields! {
    /// Parameters of [`AdQuaIf`]; `dt_tau` is dt/τ, `decay_w` is exp(−dt/τw).
    pub struct AdQuaIfParams { V_rest, V_th, V_reset, V_c, c, R, dt_tau, a, b, decay_w }
    /// State of [`AdQuaIf`].
    pub struct AdQuaIfState { V, w }
}

impl Neuron for AdQuaIf {
    const NAME: &'static str = "ad_qua_if";
    const HOLDS_ALL: bool = true;
    type Params<T: Real> = AdQuaIfParams<T>;
    type State<T: Real> = AdQuaIfState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &AdQuaIfParams<T>, s: &AdQuaIfState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.V_reset)
    }

    #[inline(always)]
    fn reset<T: Real>(p: &AdQuaIfParams<T>, s: &mut AdQuaIfState<T>, spike: Spike<T>, hard: bool) {
        s.V = end_upswing(s.V, p.V_th, p.V_reset, spike, hard);
        s.w = p.b.mul_add(spike.value, s.w);
    }

    #[inline(always)]
    fn integrate<T: Real>(p: &AdQuaIfParams<T>, s: &mut AdQuaIfState<T>, drive: Drive<T>) {
        let &AdQuaIfParams { V_rest, V_th, V_reset, V_c, c, R, dt_tau, a, decay_w, .. } = p;
        let mut base = QuaIfState { V: s.V };
        let current = drive.current - s.w;
        s.w = relax(s.w, a * (s.V - V_rest), decay_w);
        let p = QuaIfParams { V_rest, V_th, V_reset, V_c, c, R, dt_tau };
        QuaIf::integrate(&p, &mut base, Drive { current, ..drive });
        s.V = base.V;
    }
}
