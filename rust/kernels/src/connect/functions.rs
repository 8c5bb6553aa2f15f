//! Elementary functions in plain IEEE arithmetic: the same bits on every machine.
//!
//! The system's own differ between machines in their last bit, and with it the synapses drawn. Logarithm and
//! exponential follow fdlibm (error below 1 ulp), the quantiles Wichura MJ (1988) Algorithm AS 241. Applied
//! Statistics 37, 477–484.

use std::sync::LazyLock;

const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];

/// The polynomial with these coefficients, the highest power first.
#[inline(always)]
fn polynomial<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[0];
    for c in &coefficients[1..] {
        sum = sum * x + c;
    }
    sum
}

/// The natural logarithm of a normal positive number.
#[inline]
pub(crate) fn ln(x: f64) -> f64 {
    // x = 2ᵉ (1 + f) with √½ < 1 + f < √2, up to rounding.
    let bits = x.to_bits() + (0x3ff0_0000_0000_0000 - 0x3fe6_a09e_0000_0000);
    let e = (bits >> 52) as f64 - 1023.0;
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + 0x3fe6_a09e_0000_0000) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even =
        w * polynomial(w, [0.153_138_376_992_093_73, 0.222_221_984_321_497_84, 0.399_999_999_994_094_2]);
    let odd = z * polynomial(
        w,
        [0.147_981_986_051_165_86, 0.181_835_721_616_180_5, 0.285_714_287_436_623_9, 0.666_666_666_666_673_5],
    );
    let half = 0.5 * f * f;
    e * LN_2[0] - ((half - (s * (half + (even + odd)) + e * LN_2[1])) - f)
}

/// eˣ; 0 and infinity beyond the range.
#[inline]
pub(crate) fn exp(x: f64) -> f64 {
    if x < -708.0 {
        return 0.0;
    }
    if x > 709.0 {
        return f64::INFINITY;
    }
    let k = (x * std::f64::consts::LOG2_E + 0.5).floor();
    let (high, low) = (x - k * LN_2[0], k * LN_2[1]);
    let r = high - low;
    let t = r * r;
    let c = r - t * polynomial(
        t,
        [
            4.138_136_797_057_238_5e-8,
            -1.653_390_220_546_525_2e-6,
            6.613_756_321_437_934e-5,
            -2.777_777_777_701_559_3e-3,
            1.666_666_666_666_660_2e-1,
        ],
    );
    let y = 1.0 - ((low - r * c / (2.0 - c)) - high);
    f64::from_bits(y.to_bits().wrapping_add((k as i64 as u64) << 52))
}

/// ln k! for a whole number k (Stirling's series; error below 1e-10).
#[inline]
pub(crate) fn ln_factorial(k: f64) -> f64 {
    static OF_SMALL: LazyLock<[f64; SMALL]> = LazyLock::new(|| std::array::from_fn(|k| stirling(k as f64)));
    if k < SMALL as f64 { OF_SMALL[k as usize] } else { stirling(k) }
}

/// Numbers whose factorials are computed once.
const SMALL: usize = 2048;

fn stirling(k: f64) -> f64 {
    if k < 10.0 {
        return LN_FACTORIAL[k as usize];
    }
    let x = k + 1.0;
    let y = 1.0 / x;
    let z = y * y;
    (x - 0.5) * ln(x) - x + HALF_LN_2_PI + y * polynomial(z, [1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0])
}

/// ½ ln 2π.
const HALF_LN_2_PI: f64 = 0.918_938_533_204_672_8;
/// ln k! of the smallest k.
const LN_FACTORIAL: [f64; 10] = [
    0.0,
    0.0,
    std::f64::consts::LN_2,
    1.791_759_469_228_055,
    3.178_053_830_347_945_8,
    4.787_491_742_782_046,
    6.579_251_212_010_101,
    8.525_161_361_065_415,
    10.604_602_902_745_25,
    12.801_827_480_081_469,
];

/// The standard normal number that a part `p` of all lies below.
#[inline]
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= CENTRE {
        return normal_quantile_of_centre(q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-ln(tail.max(f64::MIN_POSITIVE))).sqrt();
    let x = if r <= 5.0 {
        polynomial(r - 1.6, TAIL[0]) / polynomial(r - 1.6, TAIL[1])
    } else {
        polynomial(r - 5.0, FAR[0]) / polynomial(r - 5.0, FAR[1])
    };
    if q < 0.0 { -x } else { x }
}

/// As [`normal_quantile`] of ½ + `q`, which is at most [`CENTRE`] away.
#[inline(always)]
pub(crate) fn normal_quantile_of_centre(q: f64) -> f64 {
    let r = 0.180_625 - q * q;
    q * polynomial(r, NEAR[0]) / polynomial(r, NEAR[1])
}

/// How far from ½ the centre of the quantiles reaches.
pub(crate) const CENTRE: f64 = 0.425;
/// The centre: numerator and denominator.
const NEAR: [[f64; 8]; 2] = [
    [
        2_509.080_928_730_122_7,
        33_430.575_583_588_13,
        67_265.770_927_008_7,
        45_921.953_931_549_87,
        13_731.693_765_509_46,
        1_971.590_950_306_551_3,
        133.141_667_891_784_38,
        3.387_132_872_796_366_5,
    ],
    [
        5_226.495_278_852_854,
        28_729.085_735_721_943,
        39_307.895_800_092_71,
        21_213.794_301_586_597,
        5_394.196_021_424_751,
        687.187_007_492_057_9,
        42.313_330_701_600_91,
        1.0,
    ],
];
/// Tails up to e⁻²⁵: numerator and denominator.
const TAIL: [[f64; 8]; 2] = [
    [
        0.000_774_545_014_278_341_4,
        0.022_723_844_989_269_184,
        0.241_780_725_177_450_6,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        0.000_547_593_808_499_534_5,
        0.015_198_666_563_616_457,
        0.148_103_976_427_480_08,
        0.689_767_334_985_1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];
/// The rest: numerator and denominator.
const FAR: [[f64; 8]; 2] = [
    [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        0.001_242_660_947_388_078_4,
        0.026_532_189_526_576_124,
        0.296_560_571_828_504_87,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_103,
    ],
    [
        2.044_263_103_389_939_7e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_8e-5,
        0.000_786_869_131_145_613_3,
        0.014_875_361_290_850_615,
        0.136_929_880_922_735_8,
        0.599_832_206_555_888,
        1.0,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: f64, wanted: f64, ulps: f64) {
        let scale = wanted.abs().max(f64::MIN_POSITIVE) * f64::EPSILON;
        assert!((ours - wanted).abs() <= ulps * scale, "{ours:e} is not {wanted:e}");
    }

    #[test]
    fn logarithm_and_exponential_are_those_of_the_system() {
        for k in 0..20_000 {
            let u = (f64::from(k) + 0.5) / 20_000.0;
            for x in [u, u * 1e-9, 1.0 - u * 1e-6, u * 1e300] {
                close(ln(x), x.ln(), 1.5);
            }
            let x = (u - 0.5) * 1400.0;
            close(exp(x), x.exp(), 1.5);
        }
        assert_eq!((exp(-1e4), exp(1e4), exp(0.0), ln(1.0)), (0.0, f64::INFINITY, 1.0, 0.0));
    }

    #[test]
    fn logarithms_of_factorials() {
        let mut sum = 0.0;
        for k in 1..3000 {
            sum += f64::from(k).ln();
            assert!((ln_factorial(f64::from(k)) - sum).abs() < 1e-10 + 1e-13 * sum, "{k}");
        }
        assert_eq!(ln_factorial(0.0), 0.0);
    }

    #[test]
    fn quantiles_of_the_normal_distribution() {
        let known = [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.01, -2.326_347_874_040_841),
            (1e-10, -6.361_340_902_404_056),
            (1e-100, -21.273_453_560_965_32),
        ];
        for (p, z) in known {
            close(normal_quantile(p), z, 8.0);
        }
        assert!(normal_quantile(0.0).is_finite() && normal_quantile(1.0).is_finite());
    }
}
