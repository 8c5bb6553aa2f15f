//! Quadratic integrate-and-fire.

use super::solve::{end_upswing, upswing};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// τ dV/dt = c (V − `V_rest`)(V − `V_c`) + R I.
pub struct QuaIf;

fields! {
    /// Parameters of [`QuaIf`]; `dt_tau` is dt/τ.
    pub struct QuaIfParams { V_rest, V_th, V_reset, V_c, c, R, dt_tau }
    /// State of [`QuaIf`].
    pub struct QuaIfState { V }
}

impl Neuron for QuaIf {
    const NAME: &'static str = "qua_if";
    type Params<T: Real> = QuaIfParams<T>;
    type State<T: Real> = QuaIfState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &QuaIfParams<T>, s: &QuaIfState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.V_reset)
    }

    #[inline(always)]
    fn reset<T: Real>(p: &QuaIfParams<T>, s: &mut QuaIfState<T>, spike: Spike<T>, hard: bool) {
        s.V = end_upswing(s.V, p.V_th, p.V_reset, spike, hard);
    }

    #[inline(always)]
    fn integrate<T: Real>(p: &QuaIfParams<T>, s: &mut QuaIfState<T>, drive: Drive<T>) {
        let (above_rest, above_c) = (s.V - p.V_rest, s.V - p.V_c);
        let f = (p.c * above_rest).mul_add(above_c, p.R.mul_add(drive.current, drive.volt));
        let slope = p.c.mul_add(above_rest + above_c, drive.slope);
        s.V = upswing(s.V, p.dt_tau, f, slope, p.V_th, p.V_reset);
    }
}
