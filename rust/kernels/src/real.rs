//! The numbers a model is written in.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::lane::Lane;
use crate::math;
use crate::surrogate::Slope;

/// A spike: where it happens, and its value 1 or 0 with the surrogate's tangent.
#[derive(Clone, Copy)]
pub struct Spike<T: Real> {
    /// Where there is one.
    pub on: <T::Lane as Lane>::Mask,
    /// 1 where there is one, else 0.
    pub value: T,
}

impl<T: Real> Spike<T> {
    /// A spike where `on` is true, with the tangent of this one.
    #[inline(always)]
    pub fn only_at(self, on: <T::Lane as Lane>::Mask) -> Self {
        let value = <T::Lane as Lane>::select(on, Lane::constant(1.0), Lane::constant(0.0));
        Self { on, value: self.value.with_value(value) }
    }

    /// What is sent may be any number: a release of transmitter.
    #[inline(always)]
    pub fn graded(value: T) -> Self {
        Self { on: value.gt(T::constant(0.0)), value }
    }
}

/// Lanes, and lanes with tangents.
pub trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The plain value.
    type Lane: Lane;

    /// A value with no tangent.
    fn lift(x: Self::Lane) -> Self;
    /// The value without its tangent.
    fn value(self) -> Self::Lane;
    /// `self * a + b`.
    #[must_use]
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// `value`, with the tangent of this.
    #[must_use]
    fn with_value(self, value: Self::Lane) -> Self;
    /// This, without a tangent where the mask is true.
    #[must_use]
    fn fixed_where(self, mask: <Self::Lane as Lane>::Mask) -> Self;
    /// eˣ.
    #[must_use]
    fn exp(self) -> Self;
    /// eˣ for arguments that are usually small, as the decay in a step is.
    #[must_use]
    fn exp_small(self) -> Self;
    /// eˣ − 1.
    #[must_use]
    fn exp_m1(self) -> Self;
    /// (eˣ − 1)/x, 1 at 0.
    #[must_use]
    fn exprel(self) -> Self;
    /// The natural logarithm.
    #[must_use]
    fn ln(self) -> Self;
    /// The square root.
    #[must_use]
    fn sqrt(self) -> Self;
    /// `yes` where the mask is true, else `no`.
    #[must_use]
    fn select(mask: <Self::Lane as Lane>::Mask, yes: Self, no: Self) -> Self;
    /// A distance to threshold in units of `scale`, which is positive. Without tangents only its
    /// sign is of use, and the distance is returned as it is.
    #[must_use]
    fn per(self, scale: Self) -> Self;
    /// A spike where `self >= 0`.
    fn spike(self, slope: &Slope<Self::Lane>) -> Spike<Self>;
    /// `self + x * spike`.
    #[must_use]
    fn add_spike(self, x: Self, spike: Spike<Self>) -> Self;
    /// `target` where there is a spike, with the tangent of
    /// `self - (stop_gradient(self) - target) * spike`.
    #[must_use]
    fn reset_to(self, target: Self, spike: Spike<Self>) -> Self;

    /// The same number everywhere.
    #[inline(always)]
    #[must_use]
    fn constant(x: f64) -> Self {
        Self::lift(<Self::Lane as Lane>::constant(x))
    }
    /// `self >= other`.
    #[inline(always)]
    fn ge(self, other: Self) -> <Self::Lane as Lane>::Mask {
        Lane::ge(self.value(), other.value())
    }
    /// `self > other`.
    #[inline(always)]
    fn gt(self, other: Self) -> <Self::Lane as Lane>::Mask {
        Lane::gt(self.value(), other.value())
    }
    /// The greater.
    #[inline(always)]
    #[must_use]
    fn max(self, other: Self) -> Self {
        Self::select(self.gt(other), self, other)
    }
    /// The smaller.
    #[inline(always)]
    #[must_use]
    fn min(self, other: Self) -> Self {
        Self::select(other.gt(self), self, other)
    }
    /// The magnitude.
    #[inline(always)]
    #[must_use]
    fn abs(self) -> Self {
        Self::select(self.gt(Self::constant(0.0)), self, -self)
    }
    /// The same value with no tangent.
    #[inline(always)]
    #[must_use]
    fn detach(self) -> Self {
        Self::lift(self.value())
    }
}

impl<L: Lane> Real for L {
    type Lane = L;

    #[inline(always)]
    fn lift(x: L) -> L {
        x
    }
    #[inline(always)]
    fn value(self) -> L {
        self
    }
    #[inline(always)]
    fn mul_add(self, a: L, b: L) -> L {
        Lane::mul_add(self, a, b)
    }
    #[inline(always)]
    fn with_value(self, value: L) -> L {
        value
    }
    #[inline(always)]
    fn fixed_where(self, _: L::Mask) -> L {
        self
    }
    #[inline(always)]
    fn exp(self) -> L {
        math::exp(self)
    }
    #[inline(always)]
    fn exp_small(self) -> L {
        math::exp_small(self)
    }
    #[inline(always)]
    fn exp_m1(self) -> L {
        math::exp_m1(self)
    }
    #[inline(always)]
    fn exprel(self) -> L {
        math::exprel(self)
    }
    #[inline(always)]
    fn ln(self) -> L {
        math::ln(self)
    }
    #[inline(always)]
    fn sqrt(self) -> L {
        Lane::sqrt(self)
    }
    #[inline(always)]
    fn select(mask: L::Mask, yes: L, no: L) -> L {
        <L as Lane>::select(mask, yes, no)
    }
    #[inline(always)]
    fn per(self, _: L) -> L {
        self
    }
    #[inline(always)]
    fn spike(self, _: &Slope<L>) -> Spike<L> {
        let on = Lane::ge(self, Lane::constant(0.0));
        Spike { on, value: <L as Lane>::select(on, Lane::constant(1.0), Lane::constant(0.0)) }
    }
    #[inline(always)]
    fn add_spike(self, x: L, spike: Spike<L>) -> L {
        <L as Lane>::select(spike.on, self + x, self)
    }
    #[inline(always)]
    fn reset_to(self, target: L, spike: Spike<L>) -> L {
        <L as Lane>::select(spike.on, target, self)
    }
    #[inline(always)]
    fn max(self, other: L) -> L {
        Lane::max(self, other)
    }
    #[inline(always)]
    fn min(self, other: L) -> L {
        Lane::min(self, other)
    }
    #[inline(always)]
    fn abs(self) -> L {
        Lane::abs(self)
    }
}
