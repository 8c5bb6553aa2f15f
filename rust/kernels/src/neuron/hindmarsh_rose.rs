//! Hindmarsh-Rose.

use super::solve::{exp_euler, relax};
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// τ dV/dt = y − a V³ + b V² − z + I, τ dy/dt = c − d V² − y, τ dz/dt = r (s (V − `V_r`) − z).
pub struct HindmarshRose;

fields! {
    /// Parameters of [`HindmarshRose`]; `dt_tau` is dt/τ, `decay_y` is exp(−dt/τ), `decay_z` is exp(−r dt/τ).
    pub struct HindmarshRoseParams { a, b, c, d, s, V_r, V_th, dt_tau, decay_y, decay_z }
    /// State of [`HindmarshRose`].
    pub struct HindmarshRoseState { V, y, z }
}

impl Neuron for HindmarshRose {
    const NAME: &'static str = "hindmarsh_rose";
    const EDGE: bool = true;
    type Params<T: Real> = HindmarshRoseParams<T>;
    type State<T: Real> = HindmarshRoseState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &HindmarshRoseParams<T>, s: &HindmarshRoseState<T>) -> T {
        s.V - p.V_th
    }

    #[inline(always)]
    fn reset<T: Real>(_: &HindmarshRoseParams<T>, _: &mut HindmarshRoseState<T>, _: Spike<T>, _: bool) {}

    #[inline(always)]
    fn integrate<T: Real>(p: &HindmarshRoseParams<T>, s: &mut HindmarshRoseState<T>, drive: Drive<T>) {
        let (v, cubic) = (s.V, p.a * s.V);
        let f = ((p.b - cubic) * v).mul_add(v, s.y - s.z + drive.current + drive.volt);
        let slope = (T::constant(2.0) * p.b - T::constant(3.0) * cubic).mul_add(v, drive.slope);
        s.V = exp_euler(v, p.dt_tau, f, slope);
        s.y = relax(s.y, p.c - p.d * (v * v), p.decay_y);
        s.z = relax(s.z, p.s * (v - p.V_r), p.decay_z);
    }
}
