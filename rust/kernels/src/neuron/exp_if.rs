//! Exponential integrate-and-fire.

use super::solve::{end_upswing, upswing};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// Where the exponent is cut off.
const LARGEST_EXPONENT: f64 = 20.0;

/// τ dV/dt = −(V − `V_rest`) + ΔT exp((V − `V_T`)/ΔT) + R I.
pub struct ExpIf;

fields! {
    /// Parameters of [`ExpIf`]; `dt_tau` is dt/τ.
    pub struct ExpIfParams { V_rest, V_th, V_reset, V_T, delta_T, R, dt_tau }
    /// State of [`ExpIf`].
    pub struct ExpIfState { V }
}

impl Neuron for ExpIf {
    const NAME: &'static str = "exp_if";
    type Params<T: Real> = ExpIfParams<T>;
    type State<T: Real> = ExpIfState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &ExpIfParams<T>, s: &ExpIfState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.V_reset)
    }

    #[inline(always)]
    fn reset<T: Real>(p: &ExpIfParams<T>, s: &mut ExpIfState<T>, spike: Spike<T>, hard: bool) {
        s.V = end_upswing(s.V, p.V_th, p.V_reset, spike, hard);
    }

    #[inline(always)]
    fn integrate<T: Real>(p: &ExpIfParams<T>, s: &mut ExpIfState<T>, drive: Drive<T>) {
        let (most, zero) = (T::constant(LARGEST_EXPONENT), T::constant(0.0));
        let exponent = (s.V - p.V_T) * (T::constant(1.0) / p.delta_T);
        let e = exponent.min(most).exp();
        let f = p.delta_T.mul_add(e, p.R.mul_add(drive.current, drive.volt) + (p.V_rest - s.V));
        let slope = T::select(most.gt(exponent), e, zero) - T::constant(1.0) + drive.slope;
        s.V = upswing(s.V, p.dt_tau, f, slope, p.V_th, p.V_reset);
    }
}
