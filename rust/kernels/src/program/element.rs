//! What the operations do: the one definition that everything else has to agree with.
//!
//! Lanes are kept as bits, sixteen to a group, so that the compiler makes vector instructions of every
//! loop. A predicate is all ones or all zeros, a word is widened by zeros to the program's width.

use super::op::Op;
use crate::lane::Float;

/// Lanes that are computed together; as many as there are partial sums.
pub(crate) const GROUP: usize = 16;

/// The bits of sixteen lanes.
pub(crate) type Group<B> = [B; GROUP];

/// Groups to read: one after the other, or the same one again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a, B> {
    pub(crate) groups: &'a [Group<B>],
    /// 1, or 0 for a value that is the same for all lanes.
    pub(crate) step: usize,
}

impl<'a, B> Source<'a, B> {
    /// Group `k`.
    #[inline(always)]
    pub(crate) fn get(&self, k: usize) -> &'a Group<B> {
        &self.groups[k * self.step]
    }

    /// Panics unless there are so many groups: once before a loop, so that its body has no branch.
    #[inline(always)]
    fn check(&self, groups: usize) {
        assert!(
            groups <= self.groups.len() || self.step == 0 && !self.groups.is_empty(),
            "an argument is too short"
        );
    }

    /// Whether all bits of so many groups are 0.
    #[inline(always)]
    pub(crate) fn is_zero(&self, groups: usize) -> bool
    where
        B: Copy + Default + PartialEq,
    {
        (0..groups).all(|k| *self.get(k) == [B::default(); GROUP])
    }

    /// As [`Self::get`].
    ///
    /// # Safety
    /// [`Self::check`] passed for more groups than `k`.
    #[inline(always)]
    unsafe fn get_checked(&self, k: usize) -> &'a Group<B> {
        // SAFETY: promised to this function; the step is 0 or 1.
        unsafe { self.groups.get_unchecked(k * self.step) }
    }
}

/// The floats of programs.
pub(crate) trait Element: Float {
    /// An unsigned integer of the same width.
    type Bits: Copy + Default + PartialEq + Send + Sync + std::fmt::Debug + 'static;

    /// The bits.
    fn to_bits(self) -> Self::Bits;
    /// The lowest bits.
    fn truncate(bits: u64) -> Self::Bits;
    /// Bits, widened by zeros.
    fn widen(bits: Self::Bits) -> u64;
    /// A random word as a number in [0, 1): its upper 24 bits by 2^24, in f64 all by 2^32.
    fn unit(word: u32) -> Self::Bits;
    /// Adds lanes of `x` to those of `sum`.
    fn accumulate(sum: &mut Group<Self::Bits>, x: &Group<Self::Bits>);
    /// The sum of the lanes: halves are added to each other, to the last.
    fn total(sum: &Group<Self::Bits>) -> Self;
    /// `fma` of the three, the last being the same for all lanes as the `addends` are; then, for each of these, `fma`
    /// of the result so far, the second argument, and it.
    fn polynomial<'a>(
        to: &mut [Group<Self::Bits>],
        args: [Source<'a, Self::Bits>; 3],
        addends: impl Iterator<Item = &'a Group<Self::Bits>> + Clone,
    );
    /// Computes one operation. Constants, operands and random numbers are not computed but there; `In` and `Draw` copy one.
    fn apply(op: Op, immediate: u64, to: &mut [Group<Self::Bits>], args: [Source<'_, Self::Bits>; 3]);
}

#[inline(always)]
fn map1<B: Copy>(to: &mut [Group<B>], [a, ..]: [Source<'_, B>; 3], f: impl Fn(B) -> B) {
    a.check(to.len());
    for (k, to) in to.iter_mut().enumerate() {
        // SAFETY: checked above.
        let a = unsafe { *a.get_checked(k) };
        let mut result = a;
        for i in 0..GROUP {
            result[i] = f(a[i]);
        }
        *to = result;
    }
}

#[inline(always)]
fn map2<B: Copy>(to: &mut [Group<B>], [a, b, _]: [Source<'_, B>; 3], f: impl Fn(B, B) -> B) {
    a.check(to.len());
    b.check(to.len());
    for (k, to) in to.iter_mut().enumerate() {
        // SAFETY: checked above.
        let (a, b) = unsafe { (*a.get_checked(k), *b.get_checked(k)) };
        let mut result = a;
        for i in 0..GROUP {
            result[i] = f(a[i], b[i]);
        }
        *to = result;
    }
}

#[inline(always)]
fn map3<B: Copy>(to: &mut [Group<B>], [a, b, c]: [Source<'_, B>; 3], f: impl Fn(B, B, B) -> B) {
    a.check(to.len());
    b.check(to.len());
    c.check(to.len());
    for (k, to) in to.iter_mut().enumerate() {
        // SAFETY: checked above.
        let (a, b, c) = unsafe { (*a.get_checked(k), *b.get_checked(k), *c.get_checked(k)) };
        let mut result = a;
        for i in 0..GROUP {
            result[i] = f(a[i], b[i], c[i]);
        }
        *to = result;
    }
}

/// Groups that are computed together where one result depends on the one before: as many as have registers.
const TOGETHER: usize = 4;

macro_rules! element {
    ($float:ident, $bits:ident, $signed:ident: mantissa $mantissa:literal, biased $biased:literal, integers $integers:literal,
     unit $unit_shift:literal $unit:expr) => {
        #[allow(clippy::cast_lossless)] // what loses nothing for one float does for the other
        impl Element for $float {
            type Bits = $bits;

            #[inline(always)]
            fn to_bits(self) -> $bits {
                self.to_bits()
            }
            #[inline(always)]
            fn truncate(bits: u64) -> $bits {
                bits as $bits
            }
            #[inline(always)]
            fn widen(bits: $bits) -> u64 {
                bits.into()
            }
            #[inline(always)]
            fn unit(word: u32) -> $bits {
                ((word >> $unit_shift) as $float * $unit).to_bits()
            }
            #[inline(always)]
            fn accumulate(sum: &mut Group<$bits>, x: &Group<$bits>) {
                for (sum, &x) in sum.iter_mut().zip(x) {
                    *sum = ($float::from_bits(*sum) + $float::from_bits(x)).to_bits();
                }
            }
            #[inline(always)]
            fn total(sum: &Group<$bits>) -> $float {
                let mut sum = sum.map($float::from_bits);
                for half in [8, 4, 2, 1] {
                    for i in 0..half {
                        sum[i] += sum[i + half];
                    }
                }
                sum[0]
            }

            #[inline(always)]
            fn polynomial<'a>(
                to: &mut [Group<$bits>],
                [first, x, last]: [Source<'a, $bits>; 3],
                addends: impl Iterator<Item = &'a Group<$bits>> + Clone,
            ) {
                let float = $float::from_bits;
                let first = first.get(0).map(float);
                for (chunk, to) in to.chunks_mut(TOGETHER).enumerate() {
                    let mut sums = [first; TOGETHER];
                    let mut xs = [first; TOGETHER];
                    for (k, to) in xs.iter_mut().enumerate().take(to.len()) {
                        *to = x.get(chunk * TOGETHER + k).map(float);
                    }
                    for addend in std::iter::once(last.get(0)).chain(addends.clone()) {
                        let addend = addend.map(float);
                        for k in 0..TOGETHER {
                            for i in 0..GROUP {
                                sums[k][i] = sums[k][i].mul_add(xs[k][i], addend[i]);
                            }
                        }
                    }
                    for (to, sum) in to.iter_mut().zip(sums) {
                        *to = sum.map($float::to_bits);
                    }
                }
            }

            #[inline(always)]
            fn apply(op: Op, immediate: u64, to: &mut [Group<$bits>], args: [Source<'_, $bits>; 3]) {
                const SIGN: $bits = 1 << ($bits::BITS - 1);
                let float = $float::from_bits;
                let mask = |yes: bool| if yes { $bits::MAX } else { 0 };
                // No branch, so that it is done in vectors.
                let pick = |yes: bool, a: $bits, b: $bits| mask(yes) & a | !mask(yes) & b;
                // Where arithmetic flushes subnormals, x86's min, max and floor do, but code that compares and chooses,
                // or a library's floor, does not. The compiler must not see that this is 1.
                let one: $float = std::hint::black_box(1.0);
                let flush = |a: $bits| (float(a) * one).to_bits();
                let shift = immediate as u32;
                match op {
                    Op::In | Op::BitIn | Op::Draw => map1(to, args, |a| a),
                    Op::Add => map2(to, args, |a, b| (float(a) + float(b)).to_bits()),
                    Op::Sub => map2(to, args, |a, b| (float(a) - float(b)).to_bits()),
                    Op::Mul => map2(to, args, |a, b| (float(a) * float(b)).to_bits()),
                    Op::Div => map2(to, args, |a, b| (float(a) / float(b)).to_bits()),
                    Op::Min => map2(to, args, |a, b| flush(pick(float(a) < float(b), a, b))),
                    Op::Max => map2(to, args, |a, b| flush(pick(float(a) > float(b), a, b))),
                    Op::Fma => map3(to, args, |a, b, c| float(a).mul_add(float(b), float(c)).to_bits()),
                    Op::Fms => map3(to, args, |a, b, c| float(a).mul_add(float(b), -float(c)).to_bits()),
                    Op::Fnma => map3(to, args, |a, b, c| (-float(a)).mul_add(float(b), float(c)).to_bits()),
                    Op::Neg => map1(to, args, |a| a ^ SIGN),
                    Op::Abs => map1(to, args, |a| a & !SIGN),
                    Op::Sqrt => map1(to, args, |a| float(a).sqrt().to_bits()),
                    Op::Round => map1(to, args, |a| float(a).round_ties_even().to_bits()),
                    Op::Trunc => map1(to, args, |a| float(a).trunc().to_bits()),
                    Op::Floor => map1(to, args, |a| float(flush(a)).floor().to_bits()),
                    Op::Gt => map2(to, args, |a, b| mask(float(a) > float(b))),
                    Op::Ge => map2(to, args, |a, b| mask(float(a) >= float(b))),
                    Op::Eq => map2(to, args, |a, b| mask(float(a) == float(b))),
                    Op::Ne => map2(to, args, |a, b| mask(float(a) != float(b))),
                    Op::And | Op::IntAnd => map2(to, args, |a, b| a & b),
                    Op::Or | Op::IntOr => map2(to, args, |a, b| a | b),
                    Op::Xor | Op::IntXor => map2(to, args, |a, b| a ^ b),
                    Op::Not => map1(to, args, |a| !a),
                    Op::Select => map3(to, args, |a, b, c| a & b | !a & c),
                    Op::EndGuard => map3(to, args, |a, b, c| b & c | !b & a),
                    Op::Guard => map2(to, args, |_, b| b),
                    Op::Scale => map2(to, args, |a, b| {
                        let power = (float(b) + $biased).to_bits() << $mantissa;
                        (float(a) * float(power)).to_bits()
                    }),
                    Op::Bits | Op::Float => map1(to, args, |a| a),
                    Op::IntAdd => map2(to, args, |a, b| a.wrapping_add(b)),
                    Op::IntSub => map2(to, args, |a, b| a.wrapping_sub(b)),
                    Op::Shl => map1(to, args, |a| a << shift),
                    Op::Shr => map1(to, args, |a| (a as $signed >> shift) as $bits),
                    Op::UShr => map1(to, args, |a| a >> shift),
                    Op::IntToFloat => map1(to, args, |a| (a as $signed as $float).to_bits()),
                    Op::FloatToInt => map1(to, args, |a| {
                        let within = float(a).abs() < $integers;
                        pick(within, float(a) as $signed as $bits, $signed::MIN as $bits)
                    }),
                    Op::UniformIn | Op::Const | Op::IntConst | Op::WordIn => {
                        unreachable!("{} is there before the program begins", op.signature().name)
                    }
                }
            }
        }
    };
}

element!(f32, u32, i32: mantissa 23, biased 12_583_039.0, integers 2_147_483_648.0,
         unit 8 1.0 / 16_777_216.0);
element!(f64, u64, i64: mantissa 52, biased 6_755_399_441_056_767.0, integers 2_251_799_813_685_248.0,
         unit 0 1.0 / 4_294_967_296.0);
