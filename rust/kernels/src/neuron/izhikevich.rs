//! Izhikevich's neuron.

use super::solve::{end_upswing, relax, upswing};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// dV/dt = 0.04 V² + 5 V + 140 − u + I, du/dt = a (b V − u); u ← u + d at a spike.
pub struct Izhikevich;

fields! {
    /// Parameters of [`Izhikevich`]; `decay_u` is exp(−a dt).
    pub struct IzhikevichParams { V_th, V_reset, b, d, dt, decay_u }
    /// State of [`Izhikevich`].
    pub struct IzhikevichState { V, u }
}

impl Neuron for Izhikevich {
    const NAME: &'static str = "izhikevich";
    const HOLDS_ALL: bool = true;
    type Params<T: Real> = IzhikevichParams<T>;
    type State<T: Real> = IzhikevichState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &IzhikevichParams<T>, s: &IzhikevichState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.V_reset)
    }

    #[inline(always)]
    fn reset<T: Real>(p: &IzhikevichParams<T>, s: &mut IzhikevichState<T>, spike: Spike<T>, hard: bool) {
        s.V = end_upswing(s.V, p.V_th, p.V_reset, spike, hard);
        s.u = p.d.mul_add(spike.value, s.u);
    }

    #[inline(always)]
    fn integrate<T: Real>(p: &IzhikevichParams<T>, s: &mut IzhikevichState<T>, drive: Drive<T>) {
        let (v, five) = (s.V, T::constant(5.0));
        let input = T::constant(140.0) - s.u + drive.current + drive.volt;
        let f = T::constant(0.04).mul_add(v, five).mul_add(v, input);
        let slope = T::constant(0.08).mul_add(v, five) + drive.slope;
        s.V = upswing(v, p.dt, f, slope, p.V_th, p.V_reset);
        s.u = relax(s.u, p.b * v, p.decay_u);
    }
}
