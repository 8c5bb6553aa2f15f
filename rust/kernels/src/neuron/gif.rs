//! Generalised integrate-and-fire.

use super::solve::exp_euler;
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// τ dV/dt = −(V − `V_rest`) + R (I1 + I2 + I), dIj/dt = −kj Ij, d`V_th`/dt = a (V − `V_rest`) −
/// b (`V_th` − `V_th_inf`); Ij ← Rj Ij + Aj and `V_th` ← max(`V_th`, `V_th_reset`) at a spike.
pub struct Gif;

fields! {
    /// Parameters of [`Gif`]; `dt_tau` is dt/τ, `dt_th` is (1 − exp(−b dt))/b, `decay1` is exp(−k1 dt).
    pub struct GifParams {
        V_rest, V_reset, V_th_inf, V_th_reset, R, a, b, R1, R2, A1, A2, dt_tau, dt_th, decay1, decay2
    }
    /// State of [`Gif`].
    pub struct GifState { V, I1, I2, V_th }
}

impl Neuron for Gif {
    const NAME: &'static str = "gif";
    const HOLDS_ALL: bool = true;
    type Params<T: Real> = GifParams<T>;
    type State<T: Real> = GifState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &GifParams<T>, s: &GifState<T>) -> T {
        (s.V - s.V_th).per(p.V_th_inf - p.V_reset)
    }

    #[inline(always)]
    fn reset<T: Real>(p: &GifParams<T>, s: &mut GifState<T>, spike: Spike<T>, hard: bool) {
        s.V = if hard {
            s.V.reset_to(p.V_reset, spike)
        } else {
            (p.V_reset - s.V_th).mul_add(spike.value, s.V)
        };
        s.I1 = spike.value.mul_add(p.R1.mul_add(s.I1, p.A1) - s.I1, s.I1);
        s.I2 = spike.value.mul_add(p.R2.mul_add(s.I2, p.A2) - s.I2, s.I2);
        s.V_th = spike.value.mul_add(s.V_th.max(p.V_th_reset) - s.V_th, s.V_th);
    }

    #[inline(always)]
    fn integrate<T: Real>(p: &GifParams<T>, s: &mut GifState<T>, drive: Drive<T>) {
        let current = s.I1 + s.I2 + drive.current;
        let f = p.R.mul_add(current, drive.volt) + (p.V_rest - s.V);
        let rise = p.a * (s.V - p.V_rest) - p.b * (s.V_th - p.V_th_inf);
        s.V = exp_euler(s.V, p.dt_tau, f, drive.slope - T::constant(1.0));
        s.V_th = p.dt_th.mul_add(rise, s.V_th);
        s.I1 = s.I1 * p.decay1;
        s.I2 = s.I2 * p.decay2;
    }
}
