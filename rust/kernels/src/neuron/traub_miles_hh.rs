//! Hodgkin-Huxley with the channels of Traub and Miles.

use super::solve::{Rate, bounded, gate, membrane, powers};
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
        let v = s.V;
        let from = |x: f64, scale: f64| (v - p.V_T - T::constant(x)) * T::constant(-1.0 / scale);
        let (sodium, potassium) = (p.gNa * (s.m * s.m) * (s.m * s.h), p.gK * (s.n * s.n) * (s.n * s.n));
        s.V = membrane(v, p.dt_C, [(sodium, p.ENa), (potassium, p.EK), (p.gL, p.EL)], drive);
        // exp(x/4), exp(x/5) and their like are powers of exp(x/40)
        let e = from(10.0, 40.0).exp();
        let (e2, _, e8) = powers(e);
        let up = bounded(e8, 403.428_793_492_735_1); // e^((40 − x)/5)
        let alpha = Rate::opening(1.28, from(13.0, 4.0), bounded(e8 * e2, 2.117_000_016_612_675));
        s.m = gate(s.m, alpha, Rate::opening(1.4, from(40.0, 5.0), up).times(up), p.dt);
        let alpha = Rate::plain(T::constant(0.128) * from(17.0, 18.0).exp());
        s.h = gate(s.h, alpha, Rate::sigmoid(4.0, up), p.dt);
        let alpha = Rate::opening(0.16, from(15.0, 5.0), bounded(e8, std::f64::consts::E));
        s.n = gate(s.n, alpha, Rate::plain(T::constant(0.5) * e), p.dt);
    }
}
