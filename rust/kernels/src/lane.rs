//! The one SIMD abstraction: lanes of floats, and the choice of instruction set at run time.
//!
//! Generic code over [`Lane`] is `#[inline(always)]` and thus becomes part of the entry point
//! that [`dispatch`] selects; only there are the instructions of its lanes enabled.

use std::ops::{Add, Mul, Sub};
use std::sync::OnceLock;

pub mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// A vector of floats.
///
/// # Safety
/// An implementation's `load` and `store` touch exactly `WIDTH` elements. Values exist only
/// inside [`dispatch`], where the instructions of the type are known to be there.
pub unsafe trait Lane: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// The float.
    type Elem: Float;
    /// One truth value an element.
    type Mask: Copy;
    /// The same instructions for eight elements at most.
    type Eight: Lane<Elem = Self::Elem>;
    /// Number of elements.
    const WIDTH: usize;

    /// All elements `x`.
    fn splat(x: Self::Elem) -> Self;
    /// # Safety
    /// `WIDTH` elements from `ptr` on can be read.
    unsafe fn load(ptr: *const Self::Elem) -> Self;
    /// # Safety
    /// `WIDTH` elements from `ptr` on can be written.
    unsafe fn store(self, ptr: *mut Self::Elem);
    /// `self >= other`.
    fn ge(self, other: Self) -> Self::Mask;
    /// `self > other`.
    fn gt(self, other: Self) -> Self::Mask;
    /// `self != other`; also where one of them is NaN.
    fn ne(self, other: Self) -> Self::Mask;
    /// Whether no element of the mask is true.
    fn none(mask: Self::Mask) -> bool;
    /// The mask as bits, the first element the lowest.
    fn bits(mask: Self::Mask) -> u32;
    /// Writes the places of the mask's true elements to `to`, in order, each plus `first`; returns how many there are.
    ///
    /// # Safety
    /// `WIDTH` elements from `to` on can be written.
    #[inline(always)]
    unsafe fn places(mask: Self::Mask, first: u32, to: *mut u32) -> usize {
        let (mut bits, mut count) = (Self::bits(mask), 0);
        while bits != 0 {
            // SAFETY: a mask has `WIDTH` elements.
            unsafe { to.add(count).write(first + bits.trailing_zeros()) };
            count += 1;
            bits &= bits - 1;
        }
        count
    }
    /// `yes` where the mask is true, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// The sum: the halves are added, then their halves, to the last.
    fn sum(self) -> Self::Elem;
    /// The sums of eight lanes, each to the bits of [`Lane::sum`].
    #[inline(always)]
    fn sums(lanes: [Self; 8]) -> [Self::Elem; 8] {
        let mut sums = [Self::Elem::ZERO; 8];
        for (sum, lane) in sums.iter_mut().zip(lanes) {
            *sum = lane.sum();
        }
        sums
    }
    /// For each half of a word how many of the bounds lie at or below it, and bits that say which ones equal a bound.
    #[inline(always)]
    fn at_or_above(halves: [u16; 32], bounds: &[u16]) -> ([u16; 32], u32) {
        // Most machines compare only numbers with a sign.
        let signed = |x: u16| (x ^ 0x8000).cast_signed();
        let (mut numbers, mut above, mut equal) = ([0; 32], [0i16; 32], [0i16; 32]);
        for (number, half) in numbers.iter_mut().zip(halves) {
            *number = signed(half);
        }
        for &bound in bounds {
            let bound = signed(bound);
            for k in 0..32 {
                above[k] += i16::from(numbers[k] > bound);
                equal[k] += i16::from(numbers[k] == bound);
            }
        }
        let (mut counts, mut any, mut ties) = ([0; 32], 0, 0);
        for k in 0..32 {
            counts[k] = (above[k] + equal[k]).cast_unsigned();
            any |= equal[k];
        }
        if any != 0 {
            for (k, &equal) in equal.iter().enumerate() {
                ties |= u32::from(equal != 0) << k;
            }
        }
        (counts, ties)
    }
    /// Bitwise or with the bits of `other`.
    #[must_use]
    fn or(self, other: Self) -> Self;
    /// `self * factor + summand`, rounded once where the instructions have that.
    #[must_use]
    fn mul_add(self, factor: Self, summand: Self) -> Self;
    /// [`Lane::mul_add`] of one element, to the same bits.
    fn mul_add_one(x: Self::Elem, factor: Self::Elem, summand: Self::Elem) -> Self::Elem;

    /// All elements `x`, rounded.
    #[inline(always)]
    #[must_use]
    fn constant(x: f64) -> Self {
        Self::splat(Self::Elem::from_f64(x))
    }
}

/// An element type: `f32` or `f64`.
pub trait Float: sealed::Sealed + Copy + Default + PartialOrd + Send + Sync + 'static
where
    Self: Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + std::ops::AddAssign,
    Self: std::fmt::Debug,
{
    /// Its lane where nothing is known about the machine.
    type Baseline: Lane<Elem = Self>;
    /// Its lane with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    type Avx2: Lane<Elem = Self>;
    /// Its lane with AVX-512.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Lane<Elem = Self>;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// Rounded from `f64`.
    fn from_f64(x: f64) -> Self;
    /// Widened to `f64`.
    fn to_f64(self) -> f64;
    /// The nearest number of bfloat16, which has the range of `f32` and 8 bits of precision; of two, the even one.
    #[must_use]
    fn to_bf16(self) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

impl Float for f32 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    type Baseline = x86::F32x4;
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    type Baseline = portable::Portable<f32, 4>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = x86::F32x8;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = x86::F32x16;
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;

    #[inline(always)]
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn to_bf16(self) -> f32 {
        let bits = self.to_bits();
        let even = bits >> 16 & 1;
        if self.is_nan() { self } else { f32::from_bits(bits.wrapping_add(0x7fff + even) & 0xffff_0000) }
    }
}

impl Float for f64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    type Baseline = x86::F64x2;
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    type Baseline = portable::Portable<f64, 2>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = x86::F64x4;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = x86::F64x8;
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;

    #[inline(always)]
    fn from_f64(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    /// Rounded to `f32` first, which two numbers of 8 bits lie far enough apart for.
    #[inline(always)]
    fn to_bf16(self) -> f64 {
        f64::from((self as f32).to_bf16())
    }
}

/// Work that can be done with any lane; `run` must be `#[inline(always)]`.
pub(crate) trait Job<T: Float> {
    type Out;
    fn run<L: Lane<Elem = T>>(self) -> Self::Out;
}

/// Runs a job with the widest lanes of this machine.
#[inline]
pub(crate) fn dispatch<T: Float, J: Job<T>>(job: J) -> J::Out {
    match level() {
        Level::Baseline => baseline(job),
        // SAFETY: `level` found the instructions in this machine.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(job) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(job) },
    }
}

/// Runs a job with all lanes of this machine.
#[cfg(test)]
pub(crate) fn dispatch_all<T: Float, J: Job<T> + Copy>(job: J) -> Vec<J::Out> {
    let mut out = vec![job.run::<T::Baseline>()];
    #[cfg(target_arch = "x86_64")]
    if !cfg!(miri) {
        // SAFETY: the instructions are checked for right here.
        unsafe {
            if detect("avx2") != Level::Baseline {
                out.push(avx2(job));
            }
            if detect("") == Level::Avx512 {
                out.push(avx512(job));
            }
        }
    }
    out
}

/// Not inlined, as the others cannot be, or each caller would hold a copy.
#[inline(never)]
fn baseline<T: Float, J: Job<T>>(job: J) -> J::Out {
    job.run::<T::Baseline>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
fn avx2<T: Float, J: Job<T>>(job: J) -> J::Out {
    job.run::<T::Avx2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,fma,bmi1,bmi2,lzcnt,popcnt")]
fn avx512<T: Float, J: Job<T>>(job: J) -> J::Out {
    job.run::<T::Avx512>()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Level {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The instruction set in use: `"baseline"`, `"avx2"` or `"avx512"`.
///
/// The environment variable `SPIKELOOP_SIMD`, read once, caps it to one of these.
#[must_use]
pub fn simd_level() -> &'static str {
    match level() {
        Level::Baseline => "baseline",
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => "avx2",
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => "avx512",
    }
}

#[inline]
fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let cap = std::env::var("SPIKELOOP_SIMD").unwrap_or_default();
        detect(&cap)
    })
}

#[cfg(target_arch = "x86_64")]
fn detect(cap: &str) -> Level {
    use std::arch::is_x86_feature_detected as has;
    let avx2 = has!("avx2") && has!("fma") && has!("bmi2") && has!("lzcnt");
    let avx512 = avx2 && has!("avx512f") && has!("avx512dq") && has!("avx512vl") && has!("avx512bw");
    match cap {
        "baseline" => Level::Baseline,
        "avx2" if avx2 => Level::Avx2,
        _ if avx512 => Level::Avx512,
        _ if avx2 => Level::Avx2,
        _ => Level::Baseline,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect(_cap: &str) -> Level {
    Level::Baseline
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::array::from_fn;

    #[derive(Clone, Copy)]
    struct Sums;

    impl Job<f32> for Sums {
        type Out = ([f32; 8], [f32; 8]);

        #[inline(always)]
        fn run<L: Lane<Elem = f32>>(self) -> Self::Out {
            // Any other order of additions rounds otherwise.
            let numbers: Vec<f32> = (0..8 * L::WIDTH).map(|k| 1.0 / (k as f32 + 3.0)).collect();
            // SAFETY: there are eight lanes.
            let lanes: [L; 8] = from_fn(|k| unsafe { L::load(numbers[k * L::WIDTH..].as_ptr()) });
            (L::sums(lanes), lanes.map(L::sum))
        }
    }

    #[derive(Clone, Copy)]
    struct Places;

    impl Job<f32> for Places {
        type Out = (usize, Vec<u32>);

        #[inline(always)]
        fn run<L: Lane<Elem = f32>>(self) -> Self::Out {
            let numbers: Vec<f32> = (0..L::WIDTH).map(|k| (k % 3) as f32).collect();
            let mut found = vec![0; L::WIDTH];
            // SAFETY: a whole lane, and room for its places.
            let count = unsafe {
                let mask = L::load(numbers.as_ptr()).ne(L::splat(0.0));
                L::places(mask, 5, found.as_mut_ptr())
            };
            found.truncate(count);
            (L::WIDTH, found)
        }
    }

    #[derive(Clone, Copy)]
    struct AtOrAbove;

    impl Job<f32> for AtOrAbove {
        type Out = ([u16; 32], u32);

        #[inline(always)]
        fn run<L: Lane<Elem = f32>>(self) -> Self::Out {
            L::at_or_above(
                from_fn(|k| (k as u16).wrapping_mul(2114)),
                &[0, 0, 2114, 30_000, 31 * 2114, u16::MAX],
            )
        }
    }

    #[test]
    fn bounds_at_or_below_halves_are_counted() {
        let wanted =
            from_fn(|k| [2, 3, 4, 5][usize::from(k > 0) + usize::from(k > 14) + usize::from(k > 30)]);
        for found in dispatch_all(AtOrAbove) {
            assert_eq!(found, (wanted, 1 << 31 | 0b11));
        }
    }

    #[test]
    fn places_are_those_of_true_elements() {
        for (width, found) in dispatch_all(Places) {
            let wanted: Vec<u32> = (0..width as u32).filter(|k| k % 3 != 0).map(|k| k + 5).collect();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn sums_of_eight_lanes_are_those_of_each() {
        for (together, each) in dispatch_all(Sums) {
            assert_eq!(together, each);
        }
    }
}
