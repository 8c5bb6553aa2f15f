//! Two lanes side by side: twice the independent work between the same scalar instructions.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Lane;

/// Two lanes.
#[derive(Clone, Copy)]
pub struct Pair<L>(L, L);

macro_rules! both {
    ($($trait:ident $op:ident),*) => {$(
        impl<L: Lane> $trait for Pair<L> {
            type Output = Self;
            #[inline(always)]
            fn $op(self, other: Self) -> Self {
                Self(self.0.$op(other.0), self.1.$op(other.1))
            }
        }
    )*};
}

both!(Add add, Sub sub, Mul mul, Div div);

impl<L: Lane> Neg for Pair<L> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
}

// SAFETY: a half is loaded and stored at either end of the elements.
unsafe impl<L: Lane> Lane for Pair<L> {
    type Elem = L::Elem;
    type Mask = (L::Mask, L::Mask);
    type Wide = Self;
    type Eight = L::Eight;
    const WIDTH: usize = 2 * L::WIDTH;

    #[inline(always)]
    fn splat(x: L::Elem) -> Self {
        Self(L::splat(x), L::splat(x))
    }
    #[inline(always)]
    unsafe fn load(ptr: *const L::Elem) -> Self {
        // SAFETY: the caller vouches for both halves.
        unsafe { Self(L::load(ptr), L::load(ptr.add(L::WIDTH))) }
    }
    #[inline(always)]
    unsafe fn store(self, ptr: *mut L::Elem) {
        // SAFETY: the caller vouches for both halves.
        unsafe {
            self.0.store(ptr);
            self.1.store(ptr.add(L::WIDTH));
        }
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(self.0.mul_add(a.0, b.0), self.1.mul_add(a.1, b.1))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0), self.1.max(other.1))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0), self.1.min(other.1))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.sqrt(), self.1.sqrt())
    }
    #[inline(always)]
    fn ge(self, other: Self) -> Self::Mask {
        (self.0.ge(other.0), self.1.ge(other.1))
    }
    #[inline(always)]
    fn gt(self, other: Self) -> Self::Mask {
        (self.0.gt(other.0), self.1.gt(other.1))
    }
    #[inline(always)]
    fn ne(self, other: Self) -> Self::Mask {
        (self.0.ne(other.0), self.1.ne(other.1))
    }
    #[inline(always)]
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (L::both(a.0, b.0), L::both(a.1, b.1))
    }
    #[inline(always)]
    fn none(mask: Self::Mask) -> bool {
        L::none(mask.0) & L::none(mask.1)
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u32 {
        L::bits(mask.0) | L::bits(mask.1) << L::WIDTH
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(L::select(mask.0, yes.0, no.0), L::select(mask.1, yes.1, no.1))
    }
    #[inline(always)]
    fn sum(self) -> L::Elem {
        (self.0 + self.1).sum()
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(self.0.and(other.0), self.1.and(other.1))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0), self.1.or(other.1))
    }
    #[inline(always)]
    fn to_exponent(self) -> Self {
        Self(self.0.to_exponent(), self.1.to_exponent())
    }
    #[inline(always)]
    fn exponent_bits(self) -> Self {
        Self(self.0.exponent_bits(), self.1.exponent_bits())
    }
}
