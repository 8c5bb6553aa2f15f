//! Leaky integrate-and-fire with an adaptive threshold.

use super::solve::exp_euler;
use super::{Drive, Neuron};
use crate::real::{Real, Spike};

/// τ dV/dt = −(V − `V_rest`) + R I, spikes at `V_th` + β a; τa da/dt = −a, a ← a + 1 at a spike.
pub struct Alif;

fields! {
    /// Parameters of [`Alif`]; `dt_tau` is dt/τ, `decay_a` is exp(−dt/τa).
    pub struct AlifParams { V_rest, V_th, V_reset, R, dt_tau, beta, decay_a }
    /// State of [`Alif`].
    pub struct AlifState { V, a }
}

impl Neuron for Alif {
    const NAME: &'static str = "alif";
    type Params<T: Real> = AlifParams<T>;
    type State<T: Real> = AlifState<T>;

    #[inline(always)]
    fn threshold<T: Real>(p: &AlifParams<T>, s: &AlifState<T>) -> T {
        (s.V - p.V_th - p.beta * s.a).per(p.V_th - p.V_reset)
    }

    #[inline(always)]
    fn reset<T: Real>(p: &AlifParams<T>, s: &mut AlifState<T>, spike: Spike<T>, hard: bool) {
        s.V = if hard {
            s.V.reset_to(p.V_reset, spike)
        } else {
            (p.V_reset - p.V_th).mul_add(spike.value, s.V)
        };
        s.a = s.a + spike.value;
    }

    #[inline(always)]
    fn integrate<T: Real>(p: &AlifParams<T>, s: &mut AlifState<T>, drive: Drive<T>) {
        let f = p.R.mul_add(drive.current, drive.volt) + (p.V_rest - s.V);
        s.V = exp_euler(s.V, p.dt_tau, f, drive.slope - T::constant(1.0));
        s.a = s.a * p.decay_a;
    }
}
