//! Against the standard library, which is within 1 ulp: `f32` by way of `f64`, `f64` directly.

use super::{exp, exp_m1, exp_small, exprel, exprel_slope, ln};
use crate::lane::{Float, Job, Lane, dispatch_all};

#[derive(Clone, Copy)]
enum Function {
    Exp,
    ExpSmall,
    ExpM1,
    Exprel,
    Ln,
}

#[derive(Clone, Copy)]
struct Map<'a, T>(Function, &'a [T]);

impl<T: Float> Job<T> for Map<'_, T> {
    type Out = Vec<T>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Vec<T> {
        let mut out = vec![T::ZERO; self.1.len()];
        for (x, y) in self.1.chunks_exact(L::WIDTH).zip(out.chunks_exact_mut(L::WIDTH)) {
            // SAFETY: the chunks are one lane.
            unsafe {
                let x = L::load(x.as_ptr());
                let value = match self.0 {
                    Function::Exp => exp(x),
                    Function::ExpSmall => exp_small(x),
                    Function::ExpM1 => exp_m1(x),
                    Function::Exprel => exprel(x),
                    Function::Ln => ln(x),
                };
                value.store(y.as_mut_ptr());
            }
        }
        out
    }
}

fn exact(function: Function, x: f64) -> f64 {
    match function {
        Function::Exp | Function::ExpSmall => x.exp(),
        Function::ExpM1 => x.exp_m1(),
        Function::Exprel if x == 0.0 => 1.0,
        Function::Exprel => x.exp_m1() / x,
        Function::Ln => x.ln(),
    }
}

const FUNCTIONS: [(Function, &str); 5] = [
    (Function::Exp, "exp"),
    (Function::ExpSmall, "exp_small"),
    (Function::ExpM1, "expm1"),
    (Function::Exprel, "exprel"),
    (Function::Ln, "ln"),
];

/// A prime stride, so that all exponents and all low bits occur.
#[test]
fn f32_within_2_ulp_everywhere() {
    let stride = if cfg!(miri) { 300_000_007 } else { 1_009 };
    let mut x: Vec<f32> = (0..=u32::MAX).step_by(stride).map(f32::from_bits).collect();
    x.extend([0.0, -0.0, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE, 88.722_84]);
    x.resize(x.len().next_multiple_of(16), 0.0);
    for (function, name) in FUNCTIONS {
        for y in dispatch_all(Map(function, &x)) {
            let finite = |x: f32| f64::from(x).exp() < f64::from(f32::MAX);
            let checked =
                x.iter().zip(&y).filter(|(x, _)| !matches!(function, Function::Exprel) || finite(**x));
            let worst = checked.map(|(&x, &y)| (ulp32(y, exact(function, x.into())), x));
            let (error, at) = worst.fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
            assert!(error <= 2.0, "{name}({at:e}) is {error} ulp off");
        }
    }
}

/// Distance in ulp of `f32`; NaN, infinities and the smallest subnormals must be met.
fn ulp32(y: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if rounded.is_nan() || rounded.is_infinite() {
        let near = rounded.is_infinite() && y == f32::MAX.copysign(rounded) && exact.abs() < 3.402_823_7e38;
        let same = y == rounded || (y.is_nan() && rounded.is_nan());
        return if near || same { 0.0 } else { f64::INFINITY };
    }
    let ulp = f64::from(rounded.abs().max(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON);
    let exponent = 2f64.powi((ulp.log2() + 1e-9).floor() as i32);
    (f64::from(y) - exact).abs() / exponent
}

#[test]
fn f64_within_2_ulp() {
    let count = if cfg!(miri) { 64 } else { 400_000 };
    let mut x = vec![0.0, -0.0, 1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE, 709.78];
    for k in 0..count {
        let words = crate::random::philox([k, 0, 0, 0], [1, 2]);
        let unit = f64::from(words[0]) / f64::from(u32::MAX);
        x.push((unit - 0.5) * 1_500.0);
        x.push((unit - 0.5) * 4.0);
        x.push(f64::from_bits(u64::from(words[1]) << 32 | u64::from(words[2])));
        x.push((unit - 0.5) * 10f64.powi(-(k as i32 % 300)));
    }
    x.resize(x.len().next_multiple_of(8), 0.0);
    for (function, name) in FUNCTIONS {
        // The quotient that is its oracle has an error of its own.
        let allowed = if matches!(function, Function::Exprel) { 2 } else { 1 };
        for y in dispatch_all(Map(function, &x)) {
            for (&x, &y) in x.iter().zip(&y) {
                let exact = exact(function, x);
                if matches!(function, Function::Exprel) && x.exp() >= f64::MAX {
                    continue;
                }
                let same = y == exact || (y.is_nan() && exact.is_nan());
                let off = y.to_bits().abs_diff(exact.to_bits());
                assert!(same || off <= allowed, "{name}({x:e}) = {y:e}, not {exact:e}: {off} ulp");
            }
        }
    }
}

#[derive(Clone, Copy)]
struct ExprelSlope(f64);

impl Job<f64> for ExprelSlope {
    type Out = f64;

    #[inline(always)]
    fn run<L: Lane<Elem = f64>>(self) -> f64 {
        let mut out = vec![0.0; L::WIDTH];
        let x = L::splat(self.0);
        // SAFETY: the buffer has one lane.
        unsafe { exprel_slope(x, exprel(x)).store(out.as_mut_ptr()) };
        out[0]
    }
}

#[test]
fn slope_of_exprel() {
    for k in -60..=60 {
        let x = f64::from(k) * 0.05;
        // Σ k xᵏ⁻¹/(k+1)!
        let (mut sum, mut power) = (0.0, 0.5);
        for n in 1..120 {
            sum += f64::from(n) * power;
            power *= x / f64::from(n + 2);
        }
        for y in dispatch_all(ExprelSlope(x)) {
            assert!((y / sum - 1.0).abs() < 1e-14, "{y} not {sum} at {x}");
        }
    }
}
