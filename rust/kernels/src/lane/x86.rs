//! Lanes of SSE2, which every x86-64 has, of AVX2 with FMA, and of AVX-512.

#[allow(clippy::wildcard_imports)] // the intrinsics, which are a hundred
use std::arch::x86_64::*;
use std::ops::{Add, Mul, Sub};

use super::Lane;

/// All sets of lanes name the same operations; only the intrinsics and the masks differ.
macro_rules! lane {
    ($name:ident, $doc:literal, $float:ident x $width:literal, $vector:ident, mask $mask:ty, eight $eight:ty,
     [$splat:ident $load:ident $store:ident $add:ident $sub:ident $mul:ident],
     [$bits:ident $float_bits:ident $or:ident],
     ge $ge:expr, gt $gt:expr, ne $ne:expr, none $none:expr, bits $to_bits:expr, sum $sum:expr, select $select:expr,
     fma $fma:expr, $fma_one:expr $(, sums $sums:expr)? $(, places $places:expr)? $(, at_or_above $at_or_above:expr)?) => {
        #[doc = $doc]
        #[derive(Clone, Copy)]
        pub struct $name($vector);

        lane!(@op $name Add add $add);
        lane!(@op $name Sub sub $sub);
        lane!(@op $name Mul mul $mul);

        // SAFETY: the intrinsics touch one whole vector; values of the type exist only inside
        // `dispatch`, which has checked for their instructions. This holds for all the calls
        // below.
        unsafe impl Lane for $name {
            type Elem = $float;
            type Mask = $mask;
            type Eight = $eight;
            const WIDTH: usize = $width;

            #[inline(always)]
            fn splat(x: $float) -> Self {
                // SAFETY: see the impl.
                Self(unsafe { $splat(x) })
            }
            #[inline(always)]
            unsafe fn load(ptr: *const $float) -> Self {
                // SAFETY: see the impl; the caller vouches for the elements.
                Self(unsafe { $load(ptr) })
            }
            #[inline(always)]
            unsafe fn store(self, ptr: *mut $float) {
                // SAFETY: see the impl; the caller vouches for the elements.
                unsafe { $store(ptr, self.0) }
            }
            #[inline(always)]
            fn ge(self, other: Self) -> $mask {
                // SAFETY: see the impl.
                unsafe { $ge(self.0, other.0) }
            }
            #[inline(always)]
            fn gt(self, other: Self) -> $mask {
                // SAFETY: see the impl.
                unsafe { $gt(self.0, other.0) }
            }
            #[inline(always)]
            fn ne(self, other: Self) -> $mask {
                // SAFETY: see the impl.
                unsafe { $ne(self.0, other.0) }
            }
            #[inline(always)]
            fn none(mask: $mask) -> bool {
                // SAFETY: see the impl.
                unsafe { $none(mask) }
            }
            #[inline(always)]
            fn bits(mask: $mask) -> u32 {
                // SAFETY: see the impl.
                unsafe { $to_bits(mask) }
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                // SAFETY: see the impl.
                Self(unsafe { $select(mask, yes.0, no.0) })
            }
            #[inline(always)]
            fn sum(self) -> $float {
                // SAFETY: see the impl.
                unsafe { $sum(self.0) }
            }
            $(#[inline(always)]
            fn sums([a, b, c, d, e, f, g, h]: [Self; 8]) -> [$float; 8] {
                // SAFETY: see the impl.
                unsafe { $sums([a.0, b.0, c.0, d.0, e.0, f.0, g.0, h.0]) }
            })?
            $(#[inline(always)]
            unsafe fn places(mask: $mask, first: u32, to: *mut u32) -> usize {
                // SAFETY: see the impl; the caller vouches for the elements.
                unsafe { $places(mask, first, to) }
            })?
            $(#[inline(always)]
            fn at_or_above(halves: [u16; 32], bounds: &[u16]) -> ([u16; 32], u32) {
                // SAFETY: see the impl.
                unsafe { $at_or_above(halves, bounds) }
            })?
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                // SAFETY: see the impl.
                Self(unsafe { $float_bits($or($bits(self.0), $bits(other.0))) })
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, summand: Self) -> Self {
                // SAFETY: see the impl.
                Self(unsafe { $fma(self.0, factor.0, summand.0) })
            }
            #[inline(always)]
            fn mul_add_one(x: $float, factor: $float, summand: $float) -> $float {
                $fma_one(x, factor, summand)
            }
        }
    };
    (@op $name:ident $trait:ident $op:ident $intrinsic:ident) => {
        impl $trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $op(self, other: Self) -> Self {
                // SAFETY: see the impl of `Lane`.
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}

/// What SSE2 lacks: a selection by mask.
macro_rules! sse2 {
    ($select:ident $vector:ident [$and:ident $andnot:ident $or:ident]) => {
        /// # Safety
        /// SSE2, which every x86-64 has.
        #[inline(always)]
        unsafe fn $select(mask: $vector, yes: $vector, no: $vector) -> $vector {
            // SAFETY: promised to this function.
            unsafe { $or($and(mask, yes), $andnot(mask, no)) }
        }
    };
}

sse2!(select_ps __m128 [_mm_and_ps _mm_andnot_ps _mm_or_ps]);
sse2!(select_pd __m128d [_mm_and_pd _mm_andnot_pd _mm_or_pd]);

/// # Safety
/// SSE2, which every x86-64 has.
#[inline(always)]
unsafe fn sum_ps(v: __m128) -> f32 {
    // SAFETY: promised to this function.
    unsafe {
        let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
        _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps::<1>(v, v)))
    }
}

/// # Safety
/// SSE2, which every x86-64 has.
#[inline(always)]
unsafe fn sum_pd(v: __m128d) -> f64 {
    // SAFETY: promised to this function.
    unsafe { _mm_cvtsd_f64(_mm_add_sd(v, _mm_unpackhi_pd(v, v))) }
}

/// The sums of eight vectors, which become the elements of one.
///
/// # Safety
/// AVX.
#[inline(always)]
unsafe fn sums_ps([a, b, c, d, e, f, g, h]: [__m256; 8]) -> [f32; 8] {
    // No closure: it would not have the instructions of the caller.
    macro_rules! add {
        ($x:expr, $y:expr, $shuffle:ident $low:literal $high:literal) => {
            _mm256_add_ps($shuffle::<$low>($x, $y), $shuffle::<$high>($x, $y))
        };
    }
    let mut sums = [0.0; 8];
    // SAFETY: promised to this function; `sums` has room for one vector.
    unsafe {
        let ae = add!(a, e, _mm256_permute2f128_ps 0x20 0x31);
        let bf = add!(b, f, _mm256_permute2f128_ps 0x20 0x31);
        let cg = add!(c, g, _mm256_permute2f128_ps 0x20 0x31);
        let dh = add!(d, h, _mm256_permute2f128_ps 0x20 0x31);
        let abef = add!(ae, bf, _mm256_shuffle_ps 0x44 0xEE);
        let cdgh = add!(cg, dh, _mm256_shuffle_ps 0x44 0xEE);
        _mm256_storeu_ps(sums.as_mut_ptr(), add!(abef, cdgh, _mm256_shuffle_ps 0x88 0xDD));
    }
    sums
}

/// # Safety
/// AVX-512; 16 elements from `to` on can be written.
#[inline(always)]
unsafe fn places_of_16(mask: __mmask16, first: u32, to: *mut u32) -> usize {
    // SAFETY: promised to this function.
    unsafe {
        let all = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let all = _mm512_add_epi32(all, _mm512_set1_epi32(first.cast_signed()));
        _mm512_storeu_si512(to.cast(), _mm512_maskz_compress_epi32(mask, all));
    }
    mask.count_ones() as usize
}

/// As [`Lane::at_or_above`], with masks in place of numbers that are 0 or 1.
///
/// # Safety
/// AVX-512.
#[inline(always)]
unsafe fn at_or_above_of_32(halves: [u16; 32], bounds: &[u16]) -> ([u16; 32], u32) {
    let (mut counts, mut ties) = ([0; 32], 0);
    // SAFETY: promised to this function; both arrays hold one vector.
    unsafe {
        let numbers = _mm512_loadu_si512(halves.as_ptr().cast());
        let (one, mut count) = (_mm512_set1_epi16(1), _mm512_setzero_si512());
        for &bound in bounds {
            let bound = _mm512_set1_epi16(bound.cast_signed());
            count = _mm512_mask_add_epi16(count, _mm512_cmpge_epu16_mask(numbers, bound), count, one);
            ties |= _mm512_cmpeq_epu16_mask(numbers, bound);
        }
        _mm512_storeu_si512(counts.as_mut_ptr().cast(), count);
    }
    (counts, ties)
}

lane!(F32x4, "4 `f32`, SSE2.", f32 x 4, __m128, mask __m128, eight Self,
    [_mm_set1_ps _mm_loadu_ps _mm_storeu_ps _mm_add_ps _mm_sub_ps _mm_mul_ps],
    [_mm_castps_si128 _mm_castsi128_ps _mm_or_si128],
    ge _mm_cmpge_ps, gt _mm_cmpgt_ps, ne _mm_cmpneq_ps,
    none |m| _mm_movemask_ps(m) == 0, bits |m| _mm_movemask_ps(m) as u32,
    sum sum_ps, select select_ps,
    fma |x, y, z| _mm_add_ps(_mm_mul_ps(x, y), z), |x, y, z| x * y + z);

lane!(F64x2, "2 `f64`, SSE2.", f64 x 2, __m128d, mask __m128d, eight Self,
    [_mm_set1_pd _mm_loadu_pd _mm_storeu_pd _mm_add_pd _mm_sub_pd _mm_mul_pd],
    [_mm_castpd_si128 _mm_castsi128_pd _mm_or_si128],
    ge _mm_cmpge_pd, gt _mm_cmpgt_pd, ne _mm_cmpneq_pd,
    none |m| _mm_movemask_pd(m) == 0, bits |m| _mm_movemask_pd(m) as u32,
    sum sum_pd, select select_pd,
    fma |x, y, z| _mm_add_pd(_mm_mul_pd(x, y), z), |x, y, z| x * y + z);

lane!(F32x8, "8 `f32`, AVX2 and FMA.", f32 x 8, __m256, mask __m256, eight Self,
    [_mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps],
    [_mm256_castps_si256 _mm256_castsi256_ps _mm256_or_si256],
    ge _mm256_cmp_ps::<_CMP_GE_OQ>, gt _mm256_cmp_ps::<_CMP_GT_OQ>, ne _mm256_cmp_ps::<_CMP_NEQ_UQ>,
    none |m| _mm256_movemask_ps(m) == 0, bits |m| _mm256_movemask_ps(m) as u32,
    sum |v| sum_ps(_mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v))), select |m, yes, no| _mm256_blendv_ps(no, yes, m),
    fma _mm256_fmadd_ps, f32::mul_add, sums sums_ps);

lane!(F64x4, "4 `f64`, AVX2 and FMA.", f64 x 4, __m256d, mask __m256d, eight Self,
    [_mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_add_pd _mm256_sub_pd _mm256_mul_pd],
    [_mm256_castpd_si256 _mm256_castsi256_pd _mm256_or_si256],
    ge _mm256_cmp_pd::<_CMP_GE_OQ>, gt _mm256_cmp_pd::<_CMP_GT_OQ>, ne _mm256_cmp_pd::<_CMP_NEQ_UQ>,
    none |m| _mm256_movemask_pd(m) == 0, bits |m| _mm256_movemask_pd(m) as u32,
    sum |v| sum_pd(_mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v))), select |m, yes, no| _mm256_blendv_pd(no, yes, m),
    fma _mm256_fmadd_pd, f64::mul_add);

lane!(F32x16, "16 `f32`, AVX-512.", f32 x 16, __m512, mask __mmask16, eight F32x8,
    [_mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps],
    [_mm512_castps_si512 _mm512_castsi512_ps _mm512_or_si512],
    ge _mm512_cmp_ps_mask::<_CMP_GE_OQ>, gt _mm512_cmp_ps_mask::<_CMP_GT_OQ>, ne _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>,
    none |m| _kortestz_mask16_u8(m, m) == 1, bits |m| _cvtmask16_u32(m),
    sum |v| F32x8(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v))).sum(), select |m, yes, no| _mm512_mask_blend_ps(m, no, yes),
    fma _mm512_fmadd_ps, f32::mul_add, places places_of_16, at_or_above at_or_above_of_32);

lane!(F64x8, "8 `f64`, AVX-512.", f64 x 8, __m512d, mask __mmask8, eight Self,
    [_mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_add_pd _mm512_sub_pd _mm512_mul_pd],
    [_mm512_castpd_si512 _mm512_castsi512_pd _mm512_or_si512],
    ge _mm512_cmp_pd_mask::<_CMP_GE_OQ>, gt _mm512_cmp_pd_mask::<_CMP_GT_OQ>, ne _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>,
    none |m| _kortestz_mask8_u8(m, m) == 1, bits |m| _cvtmask8_u32(m),
    sum |v| F64x4(_mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd::<1>(v))).sum(), select |m, yes, no| _mm512_mask_blend_pd(m, no, yes),
    fma _mm512_fmadd_pd, f64::mul_add);
