//! FitzHugh-Nagumo.

use super::solve::{exp_euler, relax};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// τ dV/dt = V − V³/3 − w + I, τw dw/dt = V + a − b w.
pub struct FitzHughNagumo;

fields! {
    /// Parameters of [`FitzHughNagumo`]; `dt_tau` is dt/τ, `decay_w` is exp(−b dt/τw).
    pub struct FitzHughNagumoParams { a, b, V_th, dt_tau, decay_w }
    /// State of [`FitzHughNagumo`].
    pub struct FitzHughNagumoState { V, w }
}

impl Neuron for FitzHughNagumo {
    const NAME: &'static str = "fitz_hugh_nagumo";
    const EDGE: bool = true;
    type Params<T: Real> = FitzHughNagumoParams<T>;
    type State<T: Real> = FitzHughNagumoState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &FitzHughNagumoParams<T>, s: &FitzHughNagumoState<T>) -> T {
        s.V - p.V_th
    }

    #[inline(always)]
    fn reset<T: Real>(_: &FitzHughNagumoParams<T>, _: &mut FitzHughNagumoState<T>, _: Spike<T>, _: bool) {}

    #[inline(always)]
    fn integrate<T: Real>(p: &FitzHughNagumoParams<T>, s: &mut FitzHughNagumoState<T>, drive: Drive<T>) {
        let (v, one) = (s.V, T::constant(1.0));
        let (square, input) = (v * v, drive.current + drive.volt - s.w);
        let f = v.mul_add(T::constant(-1.0 / 3.0).mul_add(square, one), input);
        s.V = exp_euler(v, p.dt_tau, f, one - square + drive.slope);
        s.w = relax(s.w, (v + p.a) * (one / p.b), p.decay_w);
    }
}
