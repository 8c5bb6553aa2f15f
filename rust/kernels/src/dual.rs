//! Dual numbers over lanes: a value and `K` tangents, from which every derivative is taken.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::lane::Lane;
use crate::math;
use crate::real::{Real, Spike};
use crate::surrogate::Slope;

/// A value and its tangents.
#[derive(Debug, Clone, Copy)]
pub struct Dual<L, const K: usize> {
    /// The value.
    pub re: L,
    /// Its tangents.
    pub eps: [L; K],
}

impl<L: Lane, const K: usize> Dual<L, K> {
    /// `re`, with tangents scaled by `slope`: the chain rule.
    #[inline(always)]
    fn chain(self, re: L, slope: L) -> Self {
        let mut eps = self.eps;
        for e in &mut eps {
            *e = *e * slope;
        }
        Self { re, eps }
    }
}

impl<L: Lane, const K: usize> Add for Dual<L, K> {
    type Output = Self;
    #[inline(always)]
    fn add(mut self, b: Self) -> Self {
        for k in 0..K {
            self.eps[k] = self.eps[k] + b.eps[k];
        }
        Self { re: self.re + b.re, eps: self.eps }
    }
}

impl<L: Lane, const K: usize> Sub for Dual<L, K> {
    type Output = Self;
    #[inline(always)]
    fn sub(mut self, b: Self) -> Self {
        for k in 0..K {
            self.eps[k] = self.eps[k] - b.eps[k];
        }
        Self { re: self.re - b.re, eps: self.eps }
    }
}

impl<L: Lane, const K: usize> Mul for Dual<L, K> {
    type Output = Self;
    #[inline(always)]
    fn mul(mut self, b: Self) -> Self {
        for k in 0..K {
            self.eps[k] = self.eps[k].mul_add(b.re, self.re * b.eps[k]);
        }
        Self { re: self.re * b.re, eps: self.eps }
    }
}

impl<L: Lane, const K: usize> Div for Dual<L, K> {
    type Output = Self;
    #[inline(always)]
    fn div(mut self, b: Self) -> Self {
        let re = self.re / b.re;
        let inverse = L::constant(1.0) / b.re;
        for k in 0..K {
            self.eps[k] = re.mul_add(-b.eps[k], self.eps[k]) * inverse;
        }
        Self { re, eps: self.eps }
    }
}

impl<L: Lane, const K: usize> Neg for Dual<L, K> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        let mut eps = self.eps;
        for e in &mut eps {
            *e = -*e;
        }
        Self { re: -self.re, eps }
    }
}

impl<L: Lane, const K: usize> Real for Dual<L, K> {
    type Lane = L;

    #[inline(always)]
    fn lift(re: L) -> Self {
        Self { re, eps: [L::constant(0.0); K] }
    }
    #[inline(always)]
    fn value(self) -> L {
        self.re
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        let mut eps = b.eps;
        for (k, e) in eps.iter_mut().enumerate() {
            *e = self.eps[k].mul_add(a.re, self.re.mul_add(a.eps[k], *e));
        }
        Self { re: self.re.mul_add(a.re, b.re), eps }
    }
    #[inline(always)]
    fn with_value(self, re: L) -> Self {
        Self { re, eps: self.eps }
    }
    #[inline(always)]
    fn fixed_where(self, mask: L::Mask) -> Self {
        let zero = L::constant(0.0);
        Self { re: self.re, eps: self.eps.map(|e| L::select(mask, zero, e)) }
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let y = math::exp(self.re);
        self.chain(y, y)
    }
    #[inline(always)]
    fn exp_small(self) -> Self {
        let y = math::exp_small(self.re);
        self.chain(y, y)
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        let y = math::exp_m1(self.re);
        self.chain(y, y + L::constant(1.0))
    }
    #[inline(always)]
    fn exprel(self) -> Self {
        let y = math::exprel(self.re);
        self.chain(y, math::exprel_slope(self.re, y))
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.chain(math::ln(self.re), L::constant(1.0) / self.re)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let y = self.re.sqrt();
        self.chain(y, L::constant(0.5) / y)
    }
    #[inline(always)]
    fn select(mask: L::Mask, yes: Self, no: Self) -> Self {
        let mut eps = no.eps;
        for (k, e) in eps.iter_mut().enumerate() {
            *e = L::select(mask, yes.eps[k], *e);
        }
        Self { re: L::select(mask, yes.re, no.re), eps }
    }
    #[inline(always)]
    fn per(self, scale: Self) -> Self {
        self / scale
    }
    #[inline(always)]
    fn spike(self, slope: &Slope<L>) -> Spike<Self> {
        let Spike { on, value } = self.re.spike(slope);
        Spike { on, value: self.chain(value, slope.at(self.re)) }
    }
    #[inline(always)]
    fn add_spike(self, x: Self, spike: Spike<Self>) -> Self {
        x.mul_add(spike.value, self)
    }
    #[inline(always)]
    fn reset_to(self, target: Self, spike: Spike<Self>) -> Self {
        let smooth = self - (self.detach() - target) * spike.value;
        Self { re: L::select(spike.on, target.re, self.re), eps: smooth.eps }
    }
}

#[cfg(test)]
mod tests {
    use super::Dual;
    use crate::lane::portable::Portable;
    use crate::math;
    use crate::real::Real;
    use proptest::prelude::*;

    type Number = Dual<Portable<f64, 1>, 2>;

    /// A variable along the tangent with this index.
    fn variable(x: f64, k: usize) -> Number {
        let mut dual = Number::lift(Portable([x]));
        dual.eps[k] = Portable([1.0]);
        dual
    }

    fn value(f: impl Fn(Number, Number) -> Number, x: f64, y: f64) -> f64 {
        f(Number::constant(x), Number::constant(y)).re.0[0]
    }

    /// Tangents against central differences.
    fn check(name: &str, f: impl Fn(Number, Number) -> Number, x: f64, y: f64) {
        let h = 1e-5;
        let dual = f(variable(x, 0), variable(y, 1));
        let differences = [
            (value(&f, x + h, y) - value(&f, x - h, y)) / (2.0 * h),
            (value(&f, x, y + h) - value(&f, x, y - h)) / (2.0 * h),
        ];
        for (eps, difference) in dual.eps.iter().zip(differences) {
            let error = (eps.0[0] - difference).abs() / difference.abs().max(1.0);
            assert!(error < 1e-7, "{name} at ({x}, {y}): {} not {difference}", eps.0[0]);
        }
    }

    proptest! {
        #[test]
        fn tangents_are_derivatives(x in -2.0..2.0f64, y in 0.3..2.0f64) {
            prop_assume!((x - y).abs() > 1e-3 && x.abs() > 1e-3);
            check("add", |x, y| x + y, x, y);
            check("sub", |x, y| x - y, x, y);
            check("mul", |x, y| x * y, x, y);
            check("div", |x, y| x / y, x, y);
            check("neg", |x, _| -x, x, y);
            check("mul_add", |x, y| x.mul_add(y, x * x), x, y);
            check("exp", |x, y| (x * y).exp(), x, y);
            check("exp_small", |x, y| (x * y).exp_small(), x, y);
            check("exp_m1", |x, y| (x * y).exp_m1(), x, y);
            check("exprel", |x, y| (x * y).exprel(), x, y);
            let inverse = |x: Number| {
                let (over, under) = math::inverse_exprel(x, x.exp());
                over / under
            };
            check("inverse_exprel", |x, y| inverse(x * y), x, y);
            check("ln", |_, y| y.ln(), x, y);
            check("sqrt", |_, y| y.sqrt(), x, y);
            check("abs", |x, y| (x * y).abs(), x, y);
            check("max", Number::max, x, y);
            check("min", Number::min, x, y);
            check("per", Number::per, x, y);
        }
    }
}
