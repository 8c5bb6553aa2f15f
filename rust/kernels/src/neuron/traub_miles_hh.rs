//! Hodgkin-Huxley with the channels of Traub and Miles.

use super::solve::{gate, membrane};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// C dV/dt = `gNa` m³ h (`ENa` − V) + `gK` n⁴ (`EK` − V) + `gL` (`EL` − V) + I,
/// with the channels of Traub and Miles.
pub struct TraubMilesHh;

fields! {
    /// Parameters of [`TraubMilesHh`]; `dt_C` is dt/C.
    pub struct TraubMilesHhParams { ENa, gNa, EK, gK, EL, gL, V_th, dt, dt_C, V_T }
    /// State of [`TraubMilesHh`].
    pub struct TraubMilesHhState { V, m, h, n }
}

impl Neuron for TraubMilesHh {
    const NAME: &'static str = "traub_miles_hh";
    const EDGE: bool = true;
    type Params<T: Real> = TraubMilesHhParams<T>;
    type State<T: Real> = TraubMilesHhState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &TraubMilesHhParams<T>, s: &TraubMilesHhState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.EK)
    }

    #[inline(always)]
    fn reset<T: Real>(_: &TraubMilesHhParams<T>, _: &mut TraubMilesHhState<T>, _: Spike<T>, _: bool) {}

    #[inline(always)]
    fn integrate<T: Real>(p: &TraubMilesHhParams<T>, s: &mut TraubMilesHhState<T>, drive: Drive<T>) {
        let (v, one) = (s.V, T::constant(1.0));
        let from = |x: f64, scale: f64| (v - p.V_T - T::constant(x)) * T::constant(-1.0 / scale);
        let (sodium, potassium) = (p.gNa * (s.m * s.m) * (s.m * s.h), p.gK * (s.n * s.n) * (s.n * s.n));
        s.V = membrane(v, p.dt_C, [(sodium, p.ENa), (potassium, p.EK), (p.gL, p.EL)], drive);
        let alpha = T::constant(1.28) / from(13.0, 4.0).exprel();
        let beta = T::constant(1.4) / from(40.0, -5.0).exprel();
        s.m = gate(s.m, alpha, beta, p.dt);
        let alpha = T::constant(0.128) * from(17.0, 18.0).exp();
        let beta = T::constant(4.0) / (from(40.0, 5.0).exp() + one);
        s.h = gate(s.h, alpha, beta, p.dt);
        let alpha = T::constant(0.16) / from(15.0, 5.0).exprel();
        let beta = T::constant(0.5) * from(10.0, 40.0).exp();
        s.n = gate(s.n, alpha, beta, p.dt);
    }
}
