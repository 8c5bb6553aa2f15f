//! Lanes as arrays, which the compiler turns into SSE2 or NEON: the baseline, and any width
//! (also 1) for tests.

use std::array::from_fn;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Lane;

/// `N` floats.
#[derive(Debug, Clone, Copy)]
pub struct Portable<T, const N: usize>(pub [T; N]);

macro_rules! operator {
    ($trait:ident $op:ident $float:ident) => {
        impl<const N: usize> $trait for Portable<$float, N> {
            type Output = Self;
            #[inline(always)]
            fn $op(self, other: Self) -> Self {
                Self(from_fn(|k| self.0[k].$op(other.0[k])))
            }
        }
    };
}

macro_rules! portable {
    ($float:ident, $bits:ident) => {
        operator!(Add add $float);
        operator!(Sub sub $float);
        operator!(Mul mul $float);
        operator!(Div div $float);

        impl<const N: usize> Neg for Portable<$float, N> {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                Self(from_fn(|k| -self.0[k]))
            }
        }

        impl<const N: usize> Portable<$float, N> {
            #[inline(always)]
            fn zip_bits(self, other: Self, f: impl Fn($bits, $bits) -> $bits) -> Self {
                Self(from_fn(|k| $float::from_bits(f(self.0[k].to_bits(), other.0[k].to_bits()))))
            }
        }

        // SAFETY: an array is loaded and stored whole; it needs no special instructions.
        unsafe impl<const N: usize> Lane for Portable<$float, N> {
            type Elem = $float;
            type Mask = [bool; N];
            type Wide = Self;
            type Eight = Self;
            const WIDTH: usize = N;

            #[inline(always)]
            fn splat(x: $float) -> Self {
                Self([x; N])
            }
            #[inline(always)]
            unsafe fn load(ptr: *const $float) -> Self {
                // SAFETY: the caller vouches for N elements.
                Self(unsafe { ptr.cast::<[$float; N]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn store(self, ptr: *mut $float) {
                // SAFETY: the caller vouches for N elements.
                unsafe { ptr.cast::<[$float; N]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                // Elsewhere `mul_add` would call libm, element by element.
                if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                    Self(from_fn(|k| self.0[k].mul_add(a.0[k], b.0[k])))
                } else {
                    self * a + b
                }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                Self::select(self.gt(other), self, other)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                Self::select(other.gt(self), self, other)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                Self(from_fn(|k| self.0[k].sqrt()))
            }
            #[inline(always)]
            fn ge(self, other: Self) -> [bool; N] {
                from_fn(|k| self.0[k] >= other.0[k])
            }
            #[inline(always)]
            fn gt(self, other: Self) -> [bool; N] {
                from_fn(|k| self.0[k] > other.0[k])
            }
            #[inline(always)]
            fn ne(self, other: Self) -> [bool; N] {
                from_fn(|k| self.0[k] != other.0[k])
            }
            #[inline(always)]
            fn both(a: [bool; N], b: [bool; N]) -> [bool; N] {
                from_fn(|k| a[k] && b[k])
            }
            #[inline(always)]
            fn none(mask: [bool; N]) -> bool {
                !mask.iter().any(|&m| m)
            }
            #[inline(always)]
            fn bits(mask: [bool; N]) -> u32 {
                mask.iter().rev().fold(0, |bits, &m| bits << 1 | u32::from(m))
            }
            #[inline(always)]
            fn select(mask: [bool; N], yes: Self, no: Self) -> Self {
                Self(from_fn(|k| if mask[k] { yes.0[k] } else { no.0[k] }))
            }
            #[inline(always)]
            fn sum(self) -> $float {
                let (mut x, mut n) = (self.0, N);
                while n > 1 {
                    n /= 2;
                    for k in 0..n {
                        x[k] += x[k + n];
                    }
                }
                x[0]
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self.zip_bits(other, |a, b| a & b)
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self.zip_bits(other, |a, b| a | b)
            }
            #[inline(always)]
            fn to_exponent(self) -> Self {
                self.zip_bits(self, |a, _| a << ($float::MANTISSA_DIGITS - 1))
            }
            #[inline(always)]
            fn exponent_bits(self) -> Self {
                self.zip_bits(self, |a, _| a >> ($float::MANTISSA_DIGITS - 1))
            }
        }
    };
}

portable!(f32, u32);
portable!(f64, u64);
