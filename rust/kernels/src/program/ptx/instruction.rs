//! What each operation is in PTX.

use super::super::Program;
use super::super::ir::Id;
use super::super::op::{Op, Type};

/// Instructions, one a line.
#[derive(Debug, Default)]
pub(super) struct Lines(String);

impl Lines {
    /// Adds an instruction.
    pub(super) fn add(&mut self, instruction: impl AsRef<str>) {
        self.0.extend(["    ", instruction.as_ref(), ";\n"]);
    }

    /// Adds the place that branches go to.
    pub(super) fn label(&mut self, name: &str) {
        self.0.extend([name, ":\n"]);
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// The words of PTX for a float.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    pub(super) double: bool,
    /// The types of floats, of their bits and of integers of the same width.
    pub(super) float: &'static str,
    pub(super) bits: &'static str,
    signed: &'static str,
    unsigned: &'static str,
    /// Flushes subnormals to zero, which doubles cannot.
    pub(super) ftz: &'static str,
    /// Bytes, and their logarithm.
    pub(super) size: usize,
    pub(super) shift: u32,
}

impl Width {
    pub(super) fn of(program: &Program) -> Self {
        let double = program.double();
        let [float, bits, signed, unsigned, ftz] =
            if double { ["f64", "b64", "s64", "u64", ""] } else { ["f32", "b32", "s32", "u32", ".ftz"] };
        let (size, shift) = if double { (8, 3) } else { (4, 2) };
        Self { double, float, bits, signed, unsigned, ftz, size, shift }
    }

    /// A float by its bits.
    pub(super) fn literal(self, bits: u64) -> String {
        if self.double { format!("0d{bits:016X}") } else { format!("0f{bits:08X}") }
    }

    pub(super) fn number(self, x: f64) -> String {
        self.literal(if self.double { x.to_bits() } else { (x as f32).to_bits().into() })
    }

    fn integer(self, bits: u64) -> String {
        if self.double { format!("0x{bits:016X}") } else { format!("0x{bits:08X}") }
    }
}

/// The name of a value: a register, or its bits if it is a constant. A guard is its argument.
pub(super) fn name(program: &Program, id: Id) -> String {
    let value = &program.values()[id];
    let width = Width::of(program);
    match (value.op, value.ty) {
        (Op::Const, _) => width.literal(value.immediate),
        (Op::IntConst, _) => width.integer(value.immediate),
        (Op::Guard, _) => name(program, value.args[1]),
        (_, Type::Float) => format!("%f{id}"),
        (_, Type::Int) => format!("%i{id}"),
        (_, Type::Word) => format!("%w{id}"),
        (_, Type::Pred) => format!("%p{id}"),
    }
}

/// Registers for what lies between, used by one operation only.
pub(super) fn temporaries(width: Width) -> String {
    let bits = width.bits;
    format!("    .reg .pred %q;\n    .reg .{bits} %t;\n    .reg .b32 %u;\n")
}

/// The instructions of an operation that reads neither operands nor random numbers.
pub(super) fn write(program: &Program, id: Id, lines: &mut Lines) {
    let value = &program.values()[id];
    let args: Vec<String> = value.args.iter().map(|&arg| name(program, arg)).collect();
    let arg = |k: usize| args[k].as_str();
    let one = Operation {
        width: Width::of(program),
        to: name(program, id),
        a: args.first().map_or("", String::as_str),
        list: args.join(", "),
        shift: value.immediate,
        lines,
    };
    match value.op {
        Op::Const | Op::IntConst | Op::Guard => {} // names of other things
        Op::Add => one.rounded("add"),
        Op::Sub => one.rounded("sub"),
        Op::Mul => one.rounded("mul"),
        Op::Div => one.rounded("div"),
        Op::Sqrt => one.rounded("sqrt"),
        Op::Fma => one.rounded("fma"),
        Op::Fms => one.negated("fma", [arg(0), arg(1), "%t"], arg(2)),
        Op::Fnma => one.negated("fma", ["%t", arg(1), arg(2)], arg(0)),
        Op::Min => one.chosen("lt"),
        Op::Max => one.chosen("gt"),
        Op::Neg => one.exact("neg"),
        Op::Abs => one.exact("abs"),
        Op::Round => one.whole("rni"),
        Op::Trunc => one.whole("rzi"),
        Op::Floor => one.whole("rmi"),
        Op::Gt => one.compared("gt"),
        Op::Ge => one.compared("ge"),
        Op::Eq => one.compared("eq"),
        Op::Ne => one.compared("neu"),
        Op::And => one.plain("and.pred"),
        Op::Or => one.plain("or.pred"),
        Op::Xor => one.plain("xor.pred"),
        Op::Not => one.plain("not.pred"),
        Op::Select => one.selected(value.ty, [arg(1), arg(2), arg(0)]),
        Op::EndGuard => one.selected(value.ty, [arg(2), arg(0), arg(1)]),
        Op::Scale => one.scaled(arg(1)),
        _ => one.whole_number(value.op),
    }
}

/// An operation that is being written.
struct Operation<'a> {
    width: Width,
    /// The result.
    to: String,
    /// The first argument, and all of them.
    a: &'a str,
    list: String,
    shift: u64,
    lines: &'a mut Lines,
}

impl Operation<'_> {
    /// One on integers or words.
    fn whole_number(self, op: Op) {
        let (width, one) = (self.width, self);
        match op {
            Op::Bits | Op::Float => one.bitwise("mov"),
            Op::IntAnd => one.bitwise("and"),
            Op::IntOr => one.bitwise("or"),
            Op::IntXor => one.bitwise("xor"),
            Op::IntAdd => one.signed("add"),
            Op::IntSub => one.signed("sub"),
            Op::Shl => one.shifted(width.bits, "shl"),
            Op::Shr => one.shifted(width.signed, "shr"),
            Op::UShr => one.shifted(width.unsigned, "shr"),
            Op::IntToFloat => one.integer_to_float(),
            Op::FloatToInt => one.float_to_integer(),
            _ => unreachable!("{} is there before the operations", op.signature().name),
        }
    }

    /// An instruction with the result and the arguments.
    fn plain(self, instruction: &str) {
        self.lines.add(format!("{instruction} {}, {}", self.to, self.list));
    }

    /// Rounded to the nearest float.
    fn rounded(self, instruction: &str) {
        let Width { float, ftz, .. } = self.width;
        self.plain(&format!("{instruction}.rn{ftz}.{float}"));
    }

    /// As [`Self::rounded`], after an argument was negated in `%t`.
    fn negated(self, instruction: &str, args: [&str; 3], negated: &str) {
        let Width { float, ftz, .. } = self.width;
        self.lines.add(format!("neg.{float} %t, {negated}"));
        self.lines.add(format!("{instruction}.rn{ftz}.{float} {}, {}", self.to, args.join(", ")));
    }

    /// On the bits of a float, so that a subnormal number stays.
    fn exact(self, instruction: &str) {
        let float = self.width.float;
        self.plain(&format!("{instruction}.{float}"));
    }

    /// The smaller or greater one. PTX's own `min` and `max` give the operand that is no NaN.
    fn chosen(self, comparison: &str) {
        let Width { float, ftz, .. } = self.width;
        self.lines.add(format!("setp.{comparison}{ftz}.{float} %q, {}", self.list));
        self.lines.add(format!("selp.{float} {}, {}, %q", self.to, self.list));
        if !ftz.is_empty() {
            // To choose flushes nothing.
            let one = self.width.number(1.0);
            self.lines.add(format!("mul.rn{ftz}.{float} {}, {}, {one}", self.to, self.to));
        }
    }

    fn whole(self, rounding: &str) {
        let Width { float, ftz, .. } = self.width;
        self.plain(&format!("cvt.{rounding}{ftz}.{float}.{float}"));
    }

    fn compared(self, comparison: &str) {
        let Width { float, ftz, .. } = self.width;
        self.plain(&format!("setp.{comparison}{ftz}.{float}"));
    }

    fn selected(self, ty: Type, args: [&str; 3]) {
        let kind = match ty {
            Type::Float => self.width.float,
            Type::Int => self.width.bits,
            Type::Word | Type::Pred => "b32",
        };
        self.lines.add(format!("selp.{kind} {}, {}", self.to, args.join(", ")));
    }

    /// a · 2^b: b moves into the exponent's bits when a large number is added to it.
    fn scaled(self, power: &str) {
        let Width { double, float, bits, ftz, .. } = self.width;
        let (biased, mantissa) = if double { (6_755_399_441_056_767.0, 52) } else { (12_583_039.0, 23) };
        let biased = self.width.number(biased);
        self.lines.add(format!("add.rn{ftz}.{float} %t, {power}, {biased}"));
        self.lines.add(format!("shl.{bits} %t, %t, {mantissa}"));
        self.lines.add(format!("mul.rn{ftz}.{float} {}, {}, %t", self.to, self.a));
    }

    fn bitwise(self, instruction: &str) {
        let bits = self.width.bits;
        self.plain(&format!("{instruction}.{bits}"));
    }

    fn signed(self, instruction: &str) {
        let signed = self.width.signed;
        self.plain(&format!("{instruction}.{signed}"));
    }

    fn shifted(self, kind: &str, instruction: &str) {
        self.lines.add(format!("{instruction}.{kind} {}, {}, {}", self.to, self.a, self.shift));
    }

    fn integer_to_float(self) {
        let Width { float, bits, signed, .. } = self.width;
        self.lines.add(format!("mov.{bits} %t, {}", self.a)); // conversions take no constants
        self.lines.add(format!("cvt.rn.{float}.{signed} {}, %t", self.to));
    }

    /// Towards zero; the least integer where the float is too large for machine code without a conversion.
    fn float_to_integer(self) {
        let Width { double, float, bits, signed, ftz, .. } = self.width;
        let limit = self.width.number(if double { 2_251_799_813_685_248.0 } else { 2_147_483_648.0 });
        let least = self.width.integer(if double { 1 << 63 } else { 1 << 31 });
        self.lines.add(format!("abs.{float} %t, {}", self.a));
        self.lines.add(format!("setp.lt{ftz}.{float} %q, %t, {limit}"));
        self.lines.add(format!("mov.{bits} %t, {}", self.a)); // conversions take no constants
        self.lines.add(format!("cvt.rzi{ftz}.{signed}.{float} {}, %t", self.to));
        self.lines.add(format!("selp.{bits} {}, {}, {least}, %q", self.to, self.to));
    }
}
