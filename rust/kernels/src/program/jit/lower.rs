//! From operations to instructions.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{general, splat};
use super::body::{Arg, Body, Result};
#[allow(clippy::wildcard_imports)] // the instructions
use super::isa::*;
use crate::program::ir::Id;
use crate::program::op::Op;

/// Bits that the lowerings need, for f32 and f64.
struct Constant(u64, u64);

const SIGN: Constant = Constant(1 << 31, 1 << 63);
const MAGNITUDE: Constant = Constant((1 << 31) - 1, (1 << 63) - 1);
const ONES: Constant = Constant(u32::MAX as u64, u64::MAX);
/// 1.5 · 2^m and the exponent's bias: to add it makes an integer an exponent.
const BIASED: Constant = Constant(0x4b40_007f, 0x4338_0000_0000_03ff);

impl Body<'_> {
    fn constant(&mut self, Constant(single, double): Constant) -> MemoryOperand {
        self.bits(if self.target.double { double } else { single })
    }

    fn bits(&mut self, bits: u64) -> MemoryOperand {
        let line = splat(bits, self.target.double);
        self.assembler.constant(line)
    }

    /// `to = operation of a`.
    pub(super) fn one(&mut self, codes: Codes, to: Register, a: Arg) -> Result {
        let code = self.target.code(codes);
        self.put(&match a {
            Arg::Register(a) => Instruction::with2(code, to, a)?,
            Arg::Memory(a) => Instruction::with2(code, to, a)?,
        })
    }

    /// `to = operation of a and b`.
    pub(super) fn two(&mut self, codes: Codes, to: Register, a: Register, b: Arg) -> Result {
        let code = self.target.code(codes);
        self.put(&match b {
            Arg::Register(b) => Instruction::with3(code, to, a, b)?,
            Arg::Memory(b) => Instruction::with3(code, to, a, b)?,
        })
    }

    /// `to = operation of a and a number`; in `immediate` form only.
    fn number(&mut self, codes: Codes, to: Register, a: Register, number: u32) -> Result {
        self.put(&Instruction::with3(self.target.code(codes), to, a, number)?)
    }

    /// Emits the instructions of a value.
    pub(super) fn compute(&mut self, id: Id) -> Result {
        let program = self.program;
        let value = &program.values()[id];
        self.begin_item(&value.args);
        match *value.args {
            [] => self.read_uniform(id, value.immediate as usize)?,
            [a] => self.unary(id, value.op, a, value.immediate as u32)?,
            [a, b] => self.binary(id, value.op, a, b)?,
            [a, b, c] => match value.op {
                Op::Fma => self.fused(id, FMA, a, b, c)?,
                Op::Fms => self.fused(id, FMS, a, b, c)?,
                Op::Fnma => self.fused(id, FNMA, a, b, c)?,
                Op::EndGuard if self.keeps(a) => self.end_guard(id, a, b, c)?,
                Op::EndGuard => self.select(id, b, c, a)?,
                _ => self.select(id, a, b, c)?,
            },
            _ => unreachable!("three arguments at most"),
        }
        self.end_item(&value.args);
        if self.dead(id) {
            self.release(&[id]);
        }
        Ok(())
    }

    /// An operand that is the same for all lanes.
    fn read_uniform(&mut self, id: Id, input: usize) -> Result {
        let k = self.uniform_inputs.iter().position(|&k| k == input).expect("it is one of them");
        let to = self.define(id)?;
        self.one(BROADCAST, to, Arg::Memory(super::assembler::at(general::UNIFORMS, 8 * k)))
    }

    fn unary(&mut self, id: Id, op: Op, a: Id, immediate: u32) -> Result {
        let signed_shift = self.target.wide || !self.target.double;
        match op {
            Op::Sqrt => self.plain(id, SQRT, a),
            Op::IntToFloat if signed_shift => self.plain(id, FROM_INT, a),
            Op::IntToFloat => self.wide_int_to_float(id, a),
            Op::FloatToInt if !self.target.double => self.plain(id, TO_INT, a),
            Op::FloatToInt => self.wide_float_to_int(id, a),
            Op::Round => self.numbered(id, ROUND, a, rounding::NEAREST),
            Op::Floor => self.numbered(id, ROUND, a, rounding::DOWN),
            Op::Trunc => self.numbered(id, ROUND, a, rounding::TO_ZERO),
            Op::Shl => self.numbered(id, SHIFT_LEFT, a, immediate),
            Op::UShr => self.numbered(id, SHIFT_RIGHT, a, immediate),
            Op::Shr if signed_shift => self.numbered(id, SHIFT_SIGNED, a, immediate),
            Op::Shr => self.wide_signed_shift(id, a, immediate),
            Op::Neg => self.with_constant(id, XOR, a, SIGN),
            Op::Abs => self.with_constant(id, AND, a, MAGNITUDE),
            Op::Not if !self.is_mask(id) => self.with_constant(id, XOR, a, ONES),
            Op::Not => {
                let (to, from) = self.one_register(id, a)?;
                self.put(&Instruction::with2(Code::VEX_Knotw_kr_kr, to, from)?)
            }
            _ => unreachable!("{op:?} has no instructions"),
        }
    }

    /// Registers of a result and of its only argument, which may be the same.
    fn one_register(&mut self, id: Id, a: Id) -> Result<(Register, Register)> {
        let from = self.want(a)?;
        self.release(&[a]);
        Ok((self.define(id)?, from))
    }

    fn numbered(&mut self, id: Id, codes: Codes, a: Id, number: u32) -> Result {
        let (to, from) = self.one_register(id, a)?;
        self.number(codes, to, from, number)
    }

    fn with_constant(&mut self, id: Id, codes: Codes, a: Id, constant: Constant) -> Result {
        let (to, from) = self.one_register(id, a)?;
        let constant = self.constant(constant);
        self.two(codes, to, from, Arg::Memory(constant))
    }

    /// Of 64 bits, without the instruction: the sign bit s becomes −s where it lands, (x ^ s) − s.
    fn wide_signed_shift(&mut self, id: Id, a: Id, count: u32) -> Result {
        let (to, from) = self.one_register(id, a)?;
        let sign = self.bits(1 << (63 - count));
        self.number(SHIFT_RIGHT, to, from, count)?;
        self.two(XOR, to, to, Arg::Memory(sign))?;
        self.two(INT_SUB, to, to, Arg::Memory(sign))
    }

    /// One instruction that reads a register or memory.
    fn plain(&mut self, id: Id, codes: Codes, a: Id) -> Result {
        let from = self.arg(a)?;
        self.release(&[a]);
        let to = self.define(id)?;
        self.one(codes, to, from)
    }

    /// Of a signed integer of 64 bits, without the instruction: the halves become the ends of floats of 2^84 and 2^52.
    fn wide_int_to_float(&mut self, id: Id, a: Id) -> Result {
        let (from, high, low) = (self.want(a)?, self.temporary()?, self.temporary()?);
        let (power, sign) = (self.bits(0x4330_0000_0000_0000), self.bits(0x4530_0000_8000_0000));
        let (both, words) = (self.bits(0x4530_0000_8010_0000), self.bits(0xffff_ffff));
        self.number(WIDE_SHIFT, high, from, 32)?;
        self.two(XOR, high, high, Arg::Memory(sign))?;
        self.two(SUB, high, high, Arg::Memory(both))?;
        self.two(AND, low, from, Arg::Memory(words))?;
        self.two(OR, low, low, Arg::Memory(power))?;
        self.release(&[a]);
        let to = self.define(id)?;
        self.two(ADD, to, high, Arg::Register(low))
    }

    /// To a signed integer of 64 bits: below 2^51, the end of a float of 1.5 · 2^52; else the least.
    fn wide_float_to_int(&mut self, id: Id, a: Id) -> Result {
        let (from, whole, magnitude) = (self.want(a)?, self.temporary()?, self.temporary()?);
        let (power, limit) = (self.bits(0x4338_0000_0000_0000), self.bits(0x4320_0000_0000_0000));
        let (sign, bits) = (self.constant(SIGN), self.constant(MAGNITUDE));
        self.two(AND, magnitude, from, Arg::Memory(bits))?;
        self.number(ROUND, whole, from, rounding::TO_ZERO)?;
        self.two(ADD, whole, whole, Arg::Memory(power))?;
        self.two(INT_SUB, whole, whole, Arg::Memory(power))?;
        // Where it is in range; a mask register is taken for a moment.
        let (mask, least) = (self.momentary_mask()?, self.temporary()?);
        let compare = self.target.code(COMPARE);
        self.put(&Instruction::with4(
            compare,
            mask.unwrap_or(magnitude),
            magnitude,
            limit,
            comparison::LESS,
        )?)?;
        self.one(LOAD, least, Arg::Memory(sign))?;
        self.release(&[a]);
        let to = self.define(id)?;
        self.blend(to, mask.unwrap_or(magnitude), Arg::Register(whole), least)
    }

    /// A mask register until the item is done, or none where masks are vectors.
    fn momentary_mask(&mut self) -> Result<Option<Register>> {
        if !self.target.wide {
            return Ok(None);
        }
        let k = self.take(true)?;
        Ok(Some(self.name(true, k)))
    }

    fn binary(&mut self, id: Id, op: Op, a: Id, b: Id) -> Result {
        match op {
            Op::Add => self.ordinary(id, ADD, a, b, true),
            Op::Sub => self.ordinary(id, SUB, a, b, false),
            Op::Mul => self.ordinary(id, MUL, a, b, true),
            Op::Div => self.ordinary(id, DIV, a, b, false),
            Op::Min => self.ordinary(id, MIN, a, b, false),
            Op::Max => self.ordinary(id, MAX, a, b, false),
            Op::Gt => self.compare(id, a, b, comparison::GREATER, comparison::LESS),
            Op::Ge => self.compare(id, a, b, comparison::GREATER_EQUAL, comparison::LESS_EQUAL),
            Op::Eq => self.compare(id, a, b, comparison::EQUAL, comparison::EQUAL),
            Op::Ne => self.compare(id, a, b, comparison::NOT_EQUAL, comparison::NOT_EQUAL),
            Op::And if self.is_mask(id) => self.masks(id, Code::VEX_Kandw_kr_kr_kr, a, b),
            Op::Or if self.is_mask(id) => self.masks(id, Code::VEX_Korw_kr_kr_kr, a, b),
            Op::Xor if self.is_mask(id) => self.masks(id, Code::VEX_Kxorw_kr_kr_kr, a, b),
            Op::And | Op::IntAnd => self.ordinary(id, AND, a, b, true),
            Op::Or | Op::IntOr => self.ordinary(id, OR, a, b, true),
            Op::Xor | Op::IntXor => self.ordinary(id, XOR, a, b, true),
            Op::IntAdd => self.ordinary(id, INT_ADD, a, b, true),
            Op::IntSub => self.ordinary(id, INT_SUB, a, b, false),
            Op::Guard => self.guard(id, b),
            Op::Scale => self.scale(id, a, b),
            _ => unreachable!("{op:?} has no instructions"),
        }
    }

    /// One instruction; operands change places if that saves a register.
    fn ordinary(&mut self, id: Id, codes: Codes, a: Id, b: Id, commutes: bool) -> Result {
        let swap = commutes && self.reads_memory(a) && !self.reads_memory(b);
        let (a, b) = if swap { (b, a) } else { (a, b) };
        let (first, second) = (self.want(a)?, self.arg(b)?);
        self.release(&[a, b]);
        let to = self.define(id)?;
        self.two(codes, to, first, second)
    }

    fn masks(&mut self, id: Id, code: Code, a: Id, b: Id) -> Result {
        let (first, second) = (self.want(a)?, self.want(b)?);
        self.release(&[a, b]);
        let to = self.define(id)?;
        self.put(&Instruction::with3(code, to, first, second)?)
    }

    fn compare(&mut self, id: Id, a: Id, b: Id, comparison: u32, turned: u32) -> Result {
        let swap = self.reads_memory(a) && !self.reads_memory(b);
        let (a, b, comparison) = if swap { (b, a, turned) } else { (a, b, comparison) };
        let (first, second) = (self.want(a)?, self.arg(b)?);
        self.release(&[a, b]);
        let (to, code) = (self.define(id)?, self.target.code(COMPARE));
        self.put(&match second {
            Arg::Register(second) => Instruction::with4(code, to, first, second, comparison)?,
            Arg::Memory(second) => Instruction::with4(code, to, first, second, comparison)?,
        })
    }

    fn scale(&mut self, id: Id, a: Id, b: Id) -> Result {
        let (exponent, power) = (self.want(b)?, self.temporary()?);
        let (biased, digits) = (self.constant(BIASED), if self.target.double { 52 } else { 23 });
        self.two(ADD, power, exponent, Arg::Memory(biased))?;
        self.number(SHIFT_LEFT, power, power, digits)?;
        let from = self.arg(a)?;
        self.release(&[a, b]);
        let to = self.define(id)?;
        self.two(MUL, to, power, from)
    }
}
