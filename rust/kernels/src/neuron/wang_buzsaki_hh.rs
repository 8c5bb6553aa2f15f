//! Fast-spiking interneuron of Wang and Buzsáki.

use super::solve::{Rate, bounded, gate, membrane, powers};
use super::{Drive, Neuron};
use crate::math::inverse_exprel;
use crate::real::{Real, Spike};

/// C dV/dt = `gNa` m³ h (`ENa` − V) + `gK` n⁴ (`EK` − V) + `gL` (`EL` − V) + I,
/// with m = αm/(αm + βm).
pub struct WangBuzsakiHh;

fields! {
    /// Parameters of [`WangBuzsakiHh`]; `dt_C` is dt/C, `phi` the speed of the gates.
    pub struct WangBuzsakiHhParams { ENa, gNa, EK, gK, EL, gL, V_th, dt, dt_C, phi }
    /// State of [`WangBuzsakiHh`].
    pub struct WangBuzsakiHhState { V, h, n }
}

impl Neuron for WangBuzsakiHh {
    const NAME: &'static str = "wang_buzsaki_hh";
    const EDGE: bool = true;
    type Params<T: Real> = WangBuzsakiHhParams<T>;
    type State<T: Real> = WangBuzsakiHhState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &WangBuzsakiHhParams<T>, s: &WangBuzsakiHhState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.EK)
    }

    #[inline(always)]
    fn reset<T: Real>(_: &WangBuzsakiHhParams<T>, _: &mut WangBuzsakiHhState<T>, _: Spike<T>, _: bool) {}

    #[inline(always)]
    fn integrate<T: Real>(p: &WangBuzsakiHhParams<T>, s: &mut WangBuzsakiHhState<T>, drive: Drive<T>) {
        let v = s.V;
        let from = |x: f64, scale: f64| (v + T::constant(x)) * T::constant(-1.0 / scale);
        // e⁸ is e^(−(V + 44)/10)
        let e = from(44.0, 80.0).exp();
        let (_, e4, e8) = powers(e);
        let (over, under) = inverse_exprel(from(35.0, 10.0), bounded(e8, 2.459_603_111_156_95));
        let m = over / (T::constant(4.0) * from(60.0, 18.0).exp()).mul_add(under, over);
        let (sodium, potassium) = (p.gNa * (m * m) * (m * s.h), p.gK * (s.n * s.n) * (s.n * s.n));
        s.V = membrane(v, p.dt_C, [(sodium, p.ENa), (potassium, p.EK), (p.gL, p.EL)], drive);
        let speed = p.phi * p.dt;
        let alpha = Rate::plain(T::constant(0.07 * 0.496_585_303_791_409_5) * e4);
        s.h = gate(s.h, alpha, Rate::sigmoid(1.0, bounded(e8, 4.953_032_424_395_115)), speed);
        let alpha = Rate::opening(0.1, from(34.0, 10.0), bounded(e8, std::f64::consts::E));
        s.n = gate(s.n, alpha, Rate::plain(T::constant(0.125) * e), speed);
    }
}
