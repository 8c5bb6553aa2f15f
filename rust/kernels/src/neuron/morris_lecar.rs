//! Morris-Lecar.

use super::solve::{membrane, relax};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// C dV/dt = `g_Ca` M∞ (`V_Ca` − V) + `g_K` W (`V_K` − V) + `g_leak` (`V_leak` − V) + I,
/// dW/dt = φ cosh((V − V3)/2V4) (W∞ − W).
pub struct MorrisLecar;

fields! {
    /// Parameters of [`MorrisLecar`]; `dt_phi` is φ dt, `dt_C` is dt/C.
    pub struct MorrisLecarParams { V_Ca, g_Ca, V_K, g_K, V_leak, g_leak, V1, V2, V3, V4, V_th, dt_phi, dt_C }
    /// State of [`MorrisLecar`].
    pub struct MorrisLecarState { V, W }
}

impl Neuron for MorrisLecar {
    const NAME: &'static str = "morris_lecar";
    const EDGE: bool = true;
    type Params<T: Real> = MorrisLecarParams<T>;
    type State<T: Real> = MorrisLecarState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &MorrisLecarParams<T>, s: &MorrisLecarState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.V_K)
    }

    #[inline(always)]
    fn reset<T: Real>(_: &MorrisLecarParams<T>, _: &mut MorrisLecarState<T>, _: Spike<T>, _: bool) {}

    #[inline(always)]
    fn integrate<T: Real>(p: &MorrisLecarParams<T>, s: &mut MorrisLecarState<T>, drive: Drive<T>) {
        let (v, one) = (s.V, T::constant(1.0));
        let calcium = p.g_Ca / (((v - p.V1) * (T::constant(-2.0) / p.V2)).exp() + one);
        let channels = [(calcium, p.V_Ca), (p.g_K * s.W, p.V_K), (p.g_leak, p.V_leak)];
        s.V = membrane(v, p.dt_C, channels, drive);
        // W∞ = 1/(1 + q⁴), cosh((V − V3)/2V4) = (q + 1/q)/2
        let q = ((v - p.V3) * (T::constant(-0.5) / p.V4)).exp();
        let decay = (T::constant(-0.5) * p.dt_phi * (q + one / q)).exp();
        s.W = relax(s.W, one / ((q * q).mul_add(q * q, one)), decay);
    }
}
