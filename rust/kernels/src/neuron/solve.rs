//! Steps of differential equations, shared by the models.

use super::Drive;
use crate::lane::Lane;
use crate::math::inverse_exprel;
use crate::real::{Real, Spike};

/// Whatever grows by e²⁰ in a step is past the threshold.
const MOST_GROWTH: f64 = 20.0;

/// The solution of τ dx/dt = target − x after a step, with decay = exp(−dt/τ).
#[inline(always)]
pub(super) fn relax<T: Real>(x: T, target: T, decay: T) -> T {
    (x - target).mul_add(decay, target)
}

/// ln(1 − x) for x from 0 to 1, exact for small x too (Kahan).
#[inline(always)]
pub(super) fn ln_rest<T: Real>(x: T) -> T {
    let one = T::constant(1.0);
    let rest = (one - x).max(T::constant(1e-30));
    let taken = one - rest; // x, rounded as `rest` is
    T::select(taken.gt(T::constant(0.0)), rest.ln() * (x / taken), -x)
}

/// A rate as numerator and denominator: a gate then needs two divisions, not five.
#[derive(Clone, Copy)]
pub(super) struct Rate<T> {
    over: T,
    under: T,
}

impl<T: Real> Rate<T> {
    /// k.
    #[inline(always)]
    pub(super) fn plain(k: T) -> Self {
        Self { over: k, under: T::constant(1.0) }
    }

    /// k x/(eˣ − 1), where e is eˣ.
    #[inline(always)]
    pub(super) fn opening(k: f64, x: T, e: T) -> Self {
        let (over, under) = inverse_exprel(x, e);
        Self { over: T::constant(k) * over, under }
    }

    /// k/(e + 1).
    #[inline(always)]
    pub(super) fn sigmoid(k: f64, e: T) -> Self {
        Self { over: T::constant(k), under: e + T::constant(1.0) }
    }

    /// This times k.
    #[inline(always)]
    pub(super) fn times(self, k: T) -> Self {
        Self { over: k * self.over, under: self.under }
    }
}

/// The solution of dx/dt = α (1 − x) − β x after a step.
#[inline(always)]
pub(super) fn gate<T: Real>(x: T, alpha: Rate<T>, beta: Rate<T>, dt: T) -> T {
    let open = alpha.over * beta.under;
    let sum = beta.over.mul_add(alpha.under, open);
    relax(x, open / sum, (-(dt * sum) / (alpha.under * beta.under)).exp_small())
}

/// eˣ times a constant, below what a gate can multiply three of without overflow. A rate that
/// is divided by so much is 0.
#[inline(always)]
pub(super) fn bounded<T: Real>(e: T, factor: f64) -> T {
    let most = if size_of::<<T::Lane as Lane>::Elem>() == 4 { 1e12 } else { 1e100 };
    (e * T::constant(factor)).min(T::constant(most))
}

/// One exponential Euler step of dx/dt = rate with the derivative d rate/dx = slope.
#[inline(always)]
pub(super) fn exp_euler<T: Real>(x: T, dt: T, rate: T, slope: T) -> T {
    (dt * (dt * slope).exprel()).mul_add(rate, x)
}

/// One step of a membrane with channels of (conductance, reversal potential).
#[inline(always)]
pub(super) fn membrane<T: Real>(v: T, dt_c: T, channels: [(T, T); 3], drive: Drive<T>) -> T {
    let (mut rate, mut slope) = (drive.current + drive.volt, drive.slope);
    for (conductance, reversal) in channels {
        rate = conductance.mul_add(reversal - v, rate);
        slope = slope - conductance;
    }
    exp_euler(v, dt_c, rate, slope)
}

/// [`exp_euler`] of a potential that runs away above threshold, cut off at
/// 2 `threshold` − `reset`: how far it gets in the step of a spike depends on dt alone.
#[inline(always)]
pub(super) fn upswing<T: Real>(v: T, dt: T, rate: T, slope: T, threshold: T, reset: T) -> T {
    let growth = (dt * slope).min(T::constant(MOST_GROWTH)).exprel();
    (dt * growth).mul_add(rate, v).min(threshold + (threshold - reset))
}

/// The reset of such a potential; a soft one takes no overshoot along.
#[inline(always)]
pub(super) fn end_upswing<T: Real>(v: T, threshold: T, reset: T, spike: Spike<T>, hard: bool) -> T {
    if hard {
        return v.reset_to(reset, spike);
    }
    T::select(spike.on, threshold, v).add_spike(reset - threshold, spike)
}

/// e², e⁴ and e⁸.
#[inline(always)]
pub(super) fn powers<T: Real>(e: T) -> (T, T, T) {
    let e2 = e * e;
    let e4 = e2 * e2;
    (e2, e4, e4 * e4)
}
