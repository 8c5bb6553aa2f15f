//! Leaky integrate-and-fire.

use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// τ dV/dt = −(V − `V_rest`) + R I, integrated by the exponential Euler method.
pub struct Lif;

fields! {
    /// Parameters of [`Lif`]; `dt_tau` is dt/τ.
    pub struct LifParams { V_rest, V_th, V_reset, R, dt_tau }
    /// State of [`Lif`].
    pub struct LifState { V }
}

impl Neuron for Lif {
    const NAME: &'static str = "lif";
    type Params<T: Real> = LifParams<T>;
    type State<T: Real> = LifState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &LifParams<T>, s: &LifState<T>) -> T {
        (s.V - p.V_th).per(p.V_th - p.V_reset)
    }

    #[inline(always)]
    fn reset<T: Real>(p: &LifParams<T>, s: &mut LifState<T>, spike: Spike<T>, hard: bool) {
        s.V = if hard {
            s.V.reset_to(p.V_reset, spike)
        } else {
            s.V.add_spike(p.V_reset - p.V_th, spike)
        };
    }

    #[inline(always)]
    fn integrate<T: Real>(p: &LifParams<T>, s: &mut LifState<T>, drive: Drive<T>) {
        let f = p.R.mul_add(drive.current, drive.volt) + (p.V_rest - s.V);
        let x = p.dt_tau.mul_add(drive.slope, -p.dt_tau);
        s.V = (p.dt_tau * x.exprel()).mul_add(f, s.V);
    }
}
