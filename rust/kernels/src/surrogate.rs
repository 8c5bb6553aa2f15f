//! The derivatives that stand in for a spike's own.

use std::f64::consts::PI;

use crate::error::{Error, Result};
use crate::lane::{Float, Job, Lane, dispatch};
use crate::math::exp;

/// The most elements of a lane.
const LANE: usize = 16;
/// The most parameters of a family.
const PARAMS: usize = 4;

/// A family of surrogate derivatives; its parameters are operands, in the order of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surrogate {
    /// α s (1 − s), s = sigmoid(α x). Parameter α.
    Sigmoid,
    /// max(α w − α |x|, 0). Parameters α, w.
    ReluGrad,
    /// 1/(α |x| + 1)². Parameter α.
    InvSquareGrad,
    /// α/2 / (1 + (π/2 α x)²). Parameter α.
    Arctan,
    /// α exp(−x²/2σ²)/(√2π σ). Parameters σ, α.
    GaussianGrad,
    /// max(α − α² |x|, 0). Parameter α.
    PiecewiseQuadratic,
    /// α/2 exp(−α |x|). Parameter α.
    SlayerGrad,
    /// x < 0: α s (1 − s), s = sigmoid(α x); else β/(x + 1). Parameters α, β.
    S2nn,
    /// x < 0: α; else β. Parameters α, β.
    LeakyRelu,
    /// λ ((1 + h) N(x; 0, σ) − h N(x; σ, sσ) − h N(x; −σ, sσ)). Parameters h, s, σ, λ.
    MultiGaussianGrad,
}

impl Surrogate {
    /// In the order of their codes.
    const ALL: [Self; 10] = [
        Self::Sigmoid,
        Self::ReluGrad,
        Self::InvSquareGrad,
        Self::Arctan,
        Self::GaussianGrad,
        Self::PiecewiseQuadratic,
        Self::SlayerGrad,
        Self::S2nn,
        Self::LeakyRelu,
        Self::MultiGaussianGrad,
    ];

    /// The family with this code.
    ///
    /// # Errors
    /// If there is none.
    pub fn from_code(code: i32) -> Result<Self> {
        let found = usize::try_from(code).ok().and_then(|code| Self::ALL.get(code));
        found.copied().ok_or(Error::Code { what: "surrogate", given: code.into() })
    }
}

/// A surrogate derivative with its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Slope<L> {
    /// The family.
    pub kind: Surrogate,
    /// Its parameters; those it does not have are unread.
    pub params: [L; 4],
}

impl<L: Lane> Slope<L> {
    /// The derivative at `x`, the scaled distance to threshold.
    #[inline(always)]
    pub fn at(&self, x: L) -> L {
        let mut lanes = Lanes([L::Elem::ZERO; LANE * (PARAMS + 1)]);
        let [xs, params @ ..] = lanes.parts();
        // SAFETY: a part has the elements of the widest lane.
        unsafe {
            x.store(xs);
            for (param, part) in self.params.iter().zip(params) {
                param.store(part);
            }
            evaluate(self.kind, &mut lanes, L::WIDTH);
            L::load(xs)
        }
    }

    #[inline(always)]
    fn formula(&self, x: L) -> L {
        let [a, b, c, d] = self.params;
        let (zero, one) = (L::constant(0.0), L::constant(1.0));
        match self.kind {
            Surrogate::Sigmoid => logistic(a, x),
            Surrogate::ReluGrad => (a * (b - x.abs())).max(zero),
            Surrogate::InvSquareGrad => {
                let y = a.mul_add(x.abs(), one);
                one / (y * y)
            }
            Surrogate::Arctan => {
                let y = L::constant(PI / 2.0) * a * x;
                L::constant(0.5) * a / y.mul_add(y, one)
            }
            Surrogate::GaussianGrad => b * normal(x, a),
            Surrogate::PiecewiseQuadratic => (a - a * a * x.abs()).max(zero),
            Surrogate::SlayerGrad => L::constant(0.5) * a * exp(-(a * x.abs())),
            Surrogate::S2nn => L::select(x.ge(zero), b / (x + one), logistic(a, x)),
            Surrogate::LeakyRelu => L::select(x.ge(zero), b, a),
            Surrogate::MultiGaussianGrad => {
                let sides = normal(x - c, b * c) + normal(x + c, b * c);
                d * ((one + a) * normal(x, c) - a * sides)
            }
        }
    }
}

/// A lane of distances, which become derivatives, and one of each parameter.
#[repr(align(64))]
struct Lanes<T>([T; LANE * (PARAMS + 1)]);

impl<T> Lanes<T> {
    fn parts(&mut self) -> [*mut T; PARAMS + 1] {
        let start = self.0.as_mut_ptr();
        std::array::from_fn(|k| start.wrapping_add(k * LANE))
    }
}

/// Every family once, not once in every pass of every model.
#[inline(never)]
fn evaluate<T: Float>(kind: Surrogate, lanes: &mut Lanes<T>, len: usize) {
    dispatch(Evaluate { kind, lanes, len });
}

struct Evaluate<'a, T> {
    kind: Surrogate,
    lanes: &'a mut Lanes<T>,
    len: usize,
}

impl<T: Float> Job<T> for Evaluate<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        let [xs, params @ ..] = self.lanes.parts();
        for start in (0..self.len).step_by(L::WIDTH) {
            // SAFETY: lanes divide a part.
            unsafe {
                let params = params.map(|part| L::load(part.add(start)));
                Slope { kind: self.kind, params }.formula(L::load(xs.add(start))).store(xs.add(start));
            }
        }
    }
}

/// The derivative of sigmoid(a x) by x; even in x, so the exponential never overflows.
#[inline(always)]
fn logistic<L: Lane>(a: L, x: L) -> L {
    let e = exp(-(a * x).abs());
    let sum = e + L::constant(1.0);
    a * e / (sum * sum)
}

/// The normal density.
#[inline(always)]
fn normal<L: Lane>(x: L, sigma: L) -> L {
    let z = x / sigma;
    exp(z * z * L::constant(-0.5)) / (L::constant((2.0 * PI).sqrt()) * sigma)
}

#[cfg(test)]
mod tests {
    use super::{Slope, Surrogate};
    use crate::lane::portable::Portable;
    use std::f64::consts::PI;

    fn at(kind: Surrogate, params: [f64; 4], x: f64) -> f64 {
        Slope { kind, params: params.map(|p| Portable([p])) }.at(Portable([x])).0[0]
    }

    /// The formulas as the Python side writes them.
    fn formula(kind: Surrogate, [a, b, c, d]: [f64; 4], x: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let normal = |x: f64, s: f64| (-x * x / (2.0 * s * s)).exp() / ((2.0 * PI).sqrt() * s);
        let logistic = a * sigmoid(a * x) * (1.0 - sigmoid(a * x));
        match kind {
            Surrogate::Sigmoid => logistic,
            Surrogate::ReluGrad => (a * b - x.abs() * a).max(0.0),
            Surrogate::InvSquareGrad => (a * x.abs() + 1.0).powi(-2),
            Surrogate::Arctan => a / 2.0 / (1.0 + (PI / 2.0 * a * x).powi(2)),
            Surrogate::GaussianGrad => normal(x, a) * b,
            Surrogate::PiecewiseQuadratic if x.abs() > 1.0 / a => 0.0,
            Surrogate::PiecewiseQuadratic => a - a * a * x.abs(),
            Surrogate::SlayerGrad => a / 2.0 * (-a * x.abs()).exp(),
            Surrogate::S2nn if x < 0.0 => logistic,
            Surrogate::S2nn => b / (x + 1.0),
            Surrogate::LeakyRelu => {
                if x < 0.0 {
                    a
                } else {
                    b
                }
            }
            Surrogate::MultiGaussianGrad => {
                let sides = normal(x - c, b * c) + normal(x + c, b * c);
                d * (normal(x, c) * (1.0 + a) - a * sides)
            }
        }
    }

    #[test]
    fn formulas() {
        for code in 0..10 {
            let kind = Surrogate::from_code(code).expect("a code");
            for k in -40..=40 {
                let (x, params) = (f64::from(k) * 0.11, [0.7, 1.3, 0.4, 0.6]);
                let (given, expected) = (at(kind, params, x), formula(kind, params, x));
                assert!((given - expected).abs() < 1e-14, "{kind:?} at {x}: {given} not {expected}");
            }
        }
        assert!(Surrogate::from_code(10).is_err() && Surrogate::from_code(-1).is_err());
    }

    #[test]
    fn finite_far_away() {
        for code in 0..10 {
            let kind = Surrogate::from_code(code).expect("a code");
            for x in [-1e5, 1e5] {
                assert!(at(kind, [4.0, 1.0, 0.5, 0.5], x).is_finite());
            }
        }
    }
}
