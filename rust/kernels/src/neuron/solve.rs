//! Steps of differential equations, shared by the models.

use super::Drive;
use crate::real::{Real, Spike};

/// Whatever grows by e²⁰ in a step is past the threshold.
const MOST_GROWTH: f64 = 20.0;

/// The solution of τ dx/dt = target − x after a step, with decay = exp(−dt/τ).
#[inline(always)]
pub(super) fn relax<T: Real>(x: T, target: T, decay: T) -> T {
    (x - target).mul_add(decay, target)
}

/// The solution of dx/dt = α (1 − x) − β x after a step.
#[inline(always)]
pub(super) fn gate<T: Real>(x: T, alpha: T, beta: T, dt: T) -> T {
    let sum = alpha + beta;
    relax(x, alpha / sum, (-(dt * sum)).exp())
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
    if hard { v.reset_to(reset, spike) } else { (reset - threshold).mul_add(spike.value, v.min(threshold)) }
}

/// eˣ, e²ˣ … by squaring: the powers 4 and 8.
#[inline(always)]
pub(super) fn powers<T: Real>(e: T) -> (T, T) {
    let e2 = e * e;
    let e4 = e2 * e2;
    (e4, e4 * e4)
}
