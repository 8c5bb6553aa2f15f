//! The operations of a program: names, types of arguments and results, immediate operands.

use std::fmt;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// The program's float.
    Float,
    /// A truth value.
    Pred,
    /// An unsigned integer as wide as the float.
    Int,
    /// A word of 32 bits.
    Word,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Pred => "predicate",
            Self::Int => "integer",
            Self::Word => "word",
        })
    }
}

/// What an operation takes besides values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Immediate {
    /// Nothing.
    None,
    /// The number of an operand of the program.
    Input,
    /// The bits of a constant of the program's width.
    Bits,
    /// A number of bits to shift by.
    Shift,
    /// Which of a lane's random numbers.
    Number,
}

/// The arguments and the result of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// The name in a program's text.
    pub name: &'static str,
    /// The types of the arguments; `None` is any type, the same for all of these and the result.
    pub args: &'static [Option<Type>],
    /// The type of the result.
    pub result: Option<Type>,
    /// What else it takes.
    pub immediate: Immediate,
}

/// Short names for the table below.
mod short {
    use super::{Immediate, Type};
    pub(super) const F: Option<Type> = Some(Type::Float);
    pub(super) const B: Option<Type> = Some(Type::Pred);
    pub(super) const I: Option<Type> = Some(Type::Int);
    pub(super) const W: Option<Type> = Some(Type::Word);
    pub(super) const ANY: Option<Type> = None;
    pub(super) const NO: Immediate = Immediate::None;
    pub(super) const INPUT: Immediate = Immediate::Input;
    pub(super) const BITS: Immediate = Immediate::Bits;
    pub(super) const SHIFT: Immediate = Immediate::Shift;
    pub(super) const NUMBER: Immediate = Immediate::Number;
}

macro_rules! operations {
    ($($op:ident $name:literal ($($arg:ident)*) $result:ident $immediate:ident, $doc:literal;)*) => {
        /// An operation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Op { $(#[doc = $doc] $op),* }

        impl Op {
            /// All operations.
            pub const ALL: &[Self] = &[$(Self::$op),*];

            const SIGNATURES: &[Signature] = {
                #[allow(clippy::wildcard_imports)] // the columns of the table
                use short::*;
                &[$(Signature { name: $name, args: &[$($arg),*], result: $result, immediate: $immediate }),*]
            };
        }
    };
}

operations! {
    UniformIn "uin" () F INPUT, "A float that is the same for all lanes of a row.";
    In "in" () F INPUT, "A float of each lane.";
    BitIn "bin" () B INPUT, "A truth value of each lane, a bit of its operand.";
    Const "const" () F BITS, "A constant.";
    Add "add" (F F) F NO, "a + b.";
    Sub "sub" (F F) F NO, "a − b.";
    Mul "mul" (F F) F NO, "a · b.";
    Div "div" (F F) F NO, "a / b.";
    Min "min" (F F) F NO, "a if a < b, else b.";
    Max "max" (F F) F NO, "a if a > b, else b.";
    Fma "fma" (F F F) F NO, "a · b + c, rounded once.";
    Fms "fms" (F F F) F NO, "a · b − c, rounded once.";
    Fnma "fnma" (F F F) F NO, "c − a · b, rounded once.";
    Neg "neg" (F) F NO, "The sign flipped.";
    Abs "abs" (F) F NO, "The sign cleared.";
    Sqrt "sqrt" (F) F NO, "√a.";
    Round "round" (F) F NO, "To the nearest integer, ties to even.";
    Trunc "trunc" (F) F NO, "To the integer next towards 0.";
    Floor "floor" (F) F NO, "To the integer next below.";
    Gt "gt" (F F) B NO, "a > b.";
    Ge "ge" (F F) B NO, "a ≥ b.";
    Eq "eq" (F F) B NO, "a = b; false for NaN.";
    Ne "ne" (F F) B NO, "a ≠ b; true for NaN.";
    And "band" (B B) B NO, "Both.";
    Or "bor" (B B) B NO, "At least one.";
    Xor "bxor" (B B) B NO, "Exactly one.";
    Not "bnot" (B) B NO, "The opposite.";
    Select "sel" (B ANY ANY) ANY NO, "b if a is true, else c.";
    Scale "scalb" (F F) F NO, "a · 2^b for an integral b, as one product.";
    Bits "bits" (F) I NO, "The bits of a float.";
    Float "float" (I) F NO, "The float with these bits.";
    IntConst "iconst" () I BITS, "An integer.";
    IntAnd "iand" (I I) I NO, "Bitwise and.";
    IntOr "ior" (I I) I NO, "Bitwise or.";
    IntXor "ixor" (I I) I NO, "Bitwise exclusive or.";
    IntAdd "iadd" (I I) I NO, "Sum, modulo 2^width.";
    IntSub "isub" (I I) I NO, "Difference, modulo 2^width.";
    Shl "shl" (I) I SHIFT, "Shifted towards higher bits.";
    Shr "shr" (I) I SHIFT, "Shifted towards lower bits, the sign bit copied.";
    UShr "ushr" (I) I SHIFT, "Shifted towards lower bits, zeros moved in.";
    IntToFloat "itof" (I) F NO, "A signed integer as a float, rounded once.";
    FloatToInt "ftoi" (F) I NO, "Truncated to a signed integer; the least one out of range.";
    Guard "guard" (B F) F NO, "b; begins values that are needed only where a is true.";
    EndGuard "endguard" (F B F) F NO, "c if b is true, else a, the value of the guard.";
    WordIn "win" () W INPUT, "A word that is the same for all lanes of a row.";
    Draw "draw" (W W W) F NUMBER, "A random number of each lane in [0, 1), from a key and the first lane's place.";
}

impl Op {
    /// Arguments, result and immediate operand.
    #[must_use]
    pub fn signature(self) -> &'static Signature {
        &Self::SIGNATURES[self as usize]
    }

    /// The operation with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|op| op.signature().name == name)
    }

    /// Whether it is a constant.
    #[must_use]
    pub fn is_constant(self) -> bool {
        matches!(self, Self::Const | Self::IntConst)
    }

    /// Whether it reads an element of an operand for each lane, or a random number.
    #[must_use]
    pub fn is_lane_input(self) -> bool {
        matches!(self, Self::In | Self::BitIn | Self::Draw)
    }

    /// Whether it reads an operand of the program.
    #[must_use]
    pub fn is_input(self) -> bool {
        self.signature().immediate == Immediate::Input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_find_their_operation() {
        for &op in Op::ALL {
            assert_eq!(Op::named(op.signature().name), Some(op));
            assert!(op.signature().args.len() <= 3);
        }
        assert_eq!(Op::named("sinh"), None);
    }
}
