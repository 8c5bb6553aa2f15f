//! exp, expm1, exprel and log over lanes, within 2 ulp in `f32` and `f64`.
//!
//! All three exponentials rest on one polynomial, exprel(r) = (eʳ − 1)/r for |r| ≤ ln2 / 2,
//! interpolated at Chebyshev nodes.

use crate::lane::{Float, Lane};
use crate::real::Real;

#[cfg(test)]
mod tests;

/// The float of a number's lanes.
type Elem<T> = <<T as Real>::Lane as Lane>::Elem;

/// Constants of a float format.
#[derive(Debug, Clone, Copy)]
pub struct Table<T: 'static> {
    /// 1.5·2^m with m the mantissa's length: adding and subtracting it rounds to an integer.
    round: T,
    /// The same plus the exponent's bias.
    biased: T,
    /// 2^m.
    unit: T,
    /// 2^m plus the bias.
    unit_biased: T,
    /// The mantissa's bits.
    mantissa: T,
    /// The smallest normal number.
    tiny: T,
    /// ln 2 with enough trailing zeros that its small multiples are exact …
    ln2_hi: T,
    /// … and what it lacks.
    ln2_lo: T,
    /// Below it exp is 0.
    exp_min: T,
    /// Below it expm1 is −1.
    expm1_min: T,
    /// Above it exp is infinite.
    exp_max: T,
    /// exprel on ±ln2/2.
    exprel: &'static [T],
    /// Its derivative there.
    exprel_slope: &'static [T],
    /// (log(1+f) − 2s)/s³ in s², s = f/(2+f).
    log: &'static [T],
}

/// For `f32`.
pub(crate) const F32: Table<f32> = Table {
    round: 12_582_912.0,
    biased: 12_582_912.0 + 127.0,
    unit: 8_388_608.0,
    unit_biased: 8_388_608.0 + 127.0,
    mantissa: f32::from_bits(0x007f_ffff),
    tiny: f32::MIN_POSITIVE,
    ln2_hi: 0.693_359_4,
    ln2_lo: -2.121_944_4e-4,
    exp_min: -104.0,
    expm1_min: -20.0,
    exp_max: 88.8,
    exprel: &[1.0, 0.5, 0.166_665_05, 0.041_666_464, 0.008_369_184, 0.001_393_368_6],
    exprel_slope: &[0.5, 0.333_333_34, 0.124_998_584, 0.033_333_154, 0.006_975_816, 0.001_194_458_3],
    log: &[0.666_666_7, 0.400_001_22, 0.285_507_8, 0.233_316_14],
};

/// For `f64`.
pub(crate) const F64: Table<f64> = Table {
    round: 6_755_399_441_055_744.0,
    biased: 6_755_399_441_055_744.0 + 1023.0,
    unit: 4_503_599_627_370_496.0,
    unit_biased: 4_503_599_627_370_496.0 + 1023.0,
    mantissa: f64::from_bits(0x000f_ffff_ffff_ffff),
    tiny: f64::MIN_POSITIVE,
    ln2_hi: 6.931_471_803_691_238e-1,
    ln2_lo: 1.908_214_929_270_587_7e-10,
    exp_min: -746.0,
    expm1_min: -40.0,
    exp_max: 709.8,
    exprel: &[
        1.0,
        0.500_000_000_000_000_6,
        0.166_666_666_666_666_7,
        0.041_666_666_666_572_77,
        0.008_333_333_333_326_112,
        0.001_388_888_893_261_963_5,
        1.984_126_987_490_126e-4,
        2.480_150_418_083_713_7e-5,
        2.755_725_529_796_964_3e-6,
        2.762_642_637_658_033_5e-7,
        2.510_525_953_844_849_4e-8,
    ],
    exprel_slope: &[
        0.5,
        0.333_333_333_333_333_3,
        0.125_000_000_000_000_14,
        0.033_333_333_333_333_34,
        0.006_944_444_444_431_641,
        0.001_190_476_190_475_271_4,
        1.736_111_115_654_110_5e-4,
        2.204_585_541_179_854_7e-5,
        2.480_151_444_279_164e-6,
        2.505_205_608_601_969_7e-7,
        2.301_827_852_422_036e-8,
        1.930_950_587_220_096e-9,
    ],
    log: &[
        0.666_666_666_666_667,
        0.399_999_999_998_988_9,
        0.285_714_286_262_538_36,
        0.222_222_110_893_794_96,
        0.181_828_924_325_368_7,
        0.153_316_117_220_550_08,
        0.146_178_071_534_173_25,
    ],
};

/// Horner's rule, the coefficients from the constant upwards.
#[inline(always)]
fn polynomial<T: Real>(x: T, coefficients: &[Elem<T>]) -> T {
    let mut sum = T::lift(T::Lane::splat(coefficients[coefficients.len() - 1]));
    for &c in coefficients[..coefficients.len() - 1].iter().rev() {
        sum = Real::mul_add(sum, x, T::lift(T::Lane::splat(c)));
    }
    sum
}

/// 2^k for an integral k within the exponents of normal numbers.
#[inline(always)]
fn pow2<L: Lane>(k: L) -> L {
    (k + L::splat(L::Elem::MATH.biased)).to_exponent()
}

/// y·2^k, in two steps so that neither factor overflows and a subnormal is rounded once.
#[inline(always)]
fn scale<L: Lane>(y: L, k: L) -> L {
    let magic = L::splat(L::Elem::MATH.round);
    let half = (k * L::constant(0.5) + magic) - magic;
    y * pow2(half) * pow2(k - half)
}

/// x = k·ln2 + r + c with |r| ≤ ln2/2 (and a little), where c is what r was rounded by.
#[inline(always)]
fn reduce<L: Lane>(x: L) -> (L, L, L) {
    let t = L::Elem::MATH;
    let magic = L::splat(t.round);
    let k = x.mul_add(L::constant(std::f64::consts::LOG2_E), magic) - magic;
    let high = k.mul_add(-L::splat(t.ln2_hi), x);
    let r = k.mul_add(-L::splat(t.ln2_lo), high);
    (k, r, k.mul_add(-L::splat(t.ln2_lo), high - r))
}

/// base + eʳ − 1 + c for |r| ≤ ln2/2 and a base that is 0 or greater than that: r² and beyond
/// are added to the rounding error of base + r first.
#[inline(always)]
fn exp_m1_reduced<L: Lane>(base: L, r: L, c: L) -> L {
    let sum = base + r;
    let lost = r - (sum - base) + c;
    sum + (r * r).mul_add(polynomial(r, &L::Elem::MATH.exprel[1..]), lost)
}

/// eˣ.
#[inline(always)]
pub(crate) fn exp<L: Lane>(x: L) -> L {
    let t = L::Elem::MATH;
    // The second operand survives a NaN in either.
    let x = L::splat(t.exp_max).min(L::splat(t.exp_min).max(x));
    let (k, r, c) = reduce(x);
    scale(exp_m1_reduced(L::splat(L::Elem::ONE), r, c), k)
}

/// eˣ for arguments that are usually small, as the decay in a step is.
#[inline(always)]
pub(crate) fn exp_small<L: Lane>(x: L) -> L {
    let near = x.mul_add(polynomial(x, L::Elem::MATH.exprel), L::splat(L::Elem::ONE));
    let far = beyond(x);
    if L::none(far) {
        return near;
    }
    L::select(far, exp(x), near)
}

/// eˣ − 1, precise also near 0.
#[inline(always)]
pub(crate) fn exp_m1<L: Lane>(x: L) -> L {
    let t = L::Elem::MATH;
    let tiny = x.abs();
    let clamped = L::splat(t.exp_max).min(L::splat(t.expm1_min).max(x));
    let (k, r, c) = reduce(clamped);
    let lowest = L::splat(t.round - t.biased + L::Elem::ONE);
    let rest = L::splat(L::Elem::ONE) - pow2(lowest.max(-k));
    let y = scale(exp_m1_reduced(rest, r, c), k);
    // Keeps −0 and subnormals.
    L::select(L::splat(t.tiny).gt(tiny), x, y)
}

/// (eˣ − 1)/x, and 1 at 0; infinite where eˣ is. The usual argument, a step over a time constant, is small: then
/// neither reduction nor division is needed.
#[inline(always)]
pub(crate) fn exprel<L: Lane>(x: L) -> L {
    let near = polynomial(x, L::Elem::MATH.exprel);
    let far = beyond(x);
    if L::none(far) {
        return near;
    }
    L::select(far, exp_m1(x) / x, near)
}

/// x/(eˣ − 1) as numerator and denominator, where e is eˣ: divisions can wait for others.
#[inline(always)]
pub(crate) fn inverse_exprel<T: Real>(x: T, e: T) -> (T, T) {
    let near = polynomial(x, Elem::<T>::MATH.exprel);
    let far = beyond(x.value());
    let one = T::constant(1.0);
    (T::select(far, x, one), T::select(far, e - one, near))
}

/// The derivative of [`exprel`] at x, where its value is y.
#[inline(always)]
pub(crate) fn exprel_slope<L: Lane>(x: L, y: L) -> L {
    let near = polynomial(x, L::Elem::MATH.exprel_slope);
    let far = beyond(x);
    if L::none(far) {
        return near;
    }
    // eˣ = 1 + x·y, so (eˣ − y)/x = y + (1 − y)/x.
    L::select(far, y + (L::splat(L::Elem::ONE) - y) / x, near)
}

/// Where the polynomials do not hold.
#[inline(always)]
fn beyond<L: Lane>(x: L) -> L::Mask {
    x.abs().gt(L::constant(std::f64::consts::LN_2 / 2.0))
}

/// The natural logarithm: −∞ at 0, NaN below.
#[inline(always)]
pub(crate) fn ln<L: Lane>(x: L) -> L {
    let t = L::Elem::MATH;
    let (one, zero) = (L::splat(L::Elem::ONE), L::splat(L::Elem::ZERO));
    let subnormal = L::splat(t.tiny).gt(x);
    let scaled = L::select(subnormal, x * L::splat(t.unit), x);
    let mut e = scaled.exponent_bits().or(L::splat(t.unit)) - L::splat(t.unit_biased);
    e = L::select(subnormal, e - L::constant(t.unit.to_f64().log2()), e);
    let m = scaled.and(L::splat(t.mantissa)).or(one);
    let upper = m.gt(L::constant(std::f64::consts::SQRT_2));
    let m = L::select(upper, m * L::constant(0.5), m);
    let e = L::select(upper, e + one, e);

    let f = m - one;
    let s = f / (f + L::constant(2.0));
    let z = s * s;
    let half = f * f * L::constant(0.5);
    let tail = s.mul_add(half + z * polynomial(z, t.log), e * L::splat(t.ln2_lo));
    let y = e.mul_add(L::splat(t.ln2_hi), f - (half - tail));

    let infinity = L::constant(f64::INFINITY);
    let y = L::select(x.ge(infinity), infinity, y);
    let y = L::select(x.gt(zero), y, L::constant(f64::NAN));
    L::select(zero.ge(x.abs()), -infinity, y)
}
