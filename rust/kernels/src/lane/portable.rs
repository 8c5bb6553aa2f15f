//! Lanes as arrays, which the compiler turns into SSE2 or NEON: the baseline, and any width
//! (also 1) for tests.

use std::array::from_fn;
use std::ops::{Add, Mul, Sub};

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
    ($float:ident) => {
        operator!(Add add $float);
        operator!(Sub sub $float);
        operator!(Mul mul $float);

        // SAFETY: an array is loaded and stored whole; it needs no special instructions.
        unsafe impl<const N: usize> Lane for Portable<$float, N> {
            type Elem = $float;
            type Mask = [bool; N];
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
            fn or(self, other: Self) -> Self {
                Self(from_fn(|k| $float::from_bits(self.0[k].to_bits() | other.0[k].to_bits())))
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, summand: Self) -> Self {
                self * factor + summand
            }
            #[inline(always)]
            fn mul_add_one(x: $float, factor: $float, summand: $float) -> $float {
                x * factor + summand
            }
        }
    };
}

portable!(f32);
portable!(f64);
