//! Hodgkin-Huxley.

use super::solve::{Rate, bounded, gate, membrane, powers};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// C dV/dt = `gNa` m³ h (`ENa` − V) + `gK` n⁴ (`EK` − V) + `gL` (`EL` − V) + I,
/// with the channels of 1952.
pub struct Hh;

fields! {
    /// Parameters of [`Hh`]; `dt_C` is dt/C.
    pub struct HhParams { ENa, gNa, EK, gK, EL, gL, V_th, dt, dt_C }
    /// State of [`Hh`].
    pub struct HhState { V, m, h, n }
}

impl Neuron for Hh {
    const NAME: &'static str = "hh";
    const EDGE: bool = true;
    type Params<T: Real> = HhParams<T>;
    type State<T: Real> = HhState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &HhParams<T>, s: &HhState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.EK)
    }

    #[inline(always)]
    fn reset<T: Real>(_: &HhParams<T>, _: &mut HhState<T>, _: Spike<T>, _: bool) {}

    #[inline(always)]
    fn integrate<T: Real>(p: &HhParams<T>, s: &mut HhState<T>, drive: Drive<T>) {
        let v = s.V;
        let from = |x: f64, scale: f64| (v + T::constant(x)) * T::constant(-1.0 / scale);
        let (sodium, potassium) = (p.gNa * (s.m * s.m) * (s.m * s.h), p.gK * (s.n * s.n) * (s.n * s.n));
        s.V = membrane(v, p.dt_C, [(sodium, p.ENa), (potassium, p.EK), (p.gL, p.EL)], drive);
        let e = from(65.0, 80.0).exp();
        let (_, e4, e8) = powers(e);
        // e⁸ is e^(−(V + 65)/10)
        let alpha = Rate::opening(1.0, from(40.0, 10.0), bounded(e8, 12.182_493_960_703_473));
        s.m = gate(s.m, alpha, Rate::plain(T::constant(4.0) * from(65.0, 18.0).exp()), p.dt);
        let beta = Rate::sigmoid(1.0, bounded(e8, 20.085_536_923_187_668));
        s.h = gate(s.h, Rate::plain(T::constant(0.07) * e4), beta, p.dt);
        let alpha = Rate::opening(0.1, from(55.0, 10.0), bounded(e8, std::f64::consts::E));
        s.n = gate(s.n, alpha, Rate::plain(T::constant(0.125) * e), p.dt);
    }
}
