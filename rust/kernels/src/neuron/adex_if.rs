//! Adaptive exponential integrate-and-fire.

use super::exp_if::{ExpIf, ExpIfParams, ExpIfState};
use super::solve::{end_upswing, relax};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// [`ExpIf`] with R (I − w), τw dw/dt = a (V − `V_rest`) − w and w ← w + b at a spike.
pub struct AdExIf;

fields! {
    /// Parameters of [`AdExIf`]; `dt_tau` is dt/τ, `decay_w` is exp(−dt/τw).
    pub struct AdExIfParams { V_rest, V_th, V_reset, V_T, delta_T, R, dt_tau, a, b, decay_w }
    /// State of [`AdExIf`].
    pub struct AdExIfState { V, w }
}

impl Neuron for AdExIf {
    const NAME: &'static str = "adex_if";
    const HOLDS_ALL: bool = true;
    type Params<T: Real> = AdExIfParams<T>;
    type State<T: Real> = AdExIfState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &AdExIfParams<T>, s: &AdExIfState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.V_reset)
    }

    #[inline(always)]
    fn reset<T: Real>(p: &AdExIfParams<T>, s: &mut AdExIfState<T>, spike: Spike<T>, hard: bool) {
        s.V = end_upswing(s.V, p.V_th, p.V_reset, spike, hard);
        s.w = p.b.mul_add(spike.value, s.w);
    }

    #[inline(always)]
    fn integrate<T: Real>(p: &AdExIfParams<T>, s: &mut AdExIfState<T>, drive: Drive<T>) {
        let &AdExIfParams { V_rest, V_th, V_reset, V_T, delta_T, R, dt_tau, a, decay_w, .. } = p;
        let mut base = ExpIfState { V: s.V };
        let current = drive.current - s.w;
        s.w = relax(s.w, a * (s.V - V_rest), decay_w);
        let p = ExpIfParams { V_rest, V_th, V_reset, V_T, delta_T, R, dt_tau };
        ExpIf::integrate(&p, &mut base, Drive { current, ..drive });
        s.V = base.V;
    }
}
