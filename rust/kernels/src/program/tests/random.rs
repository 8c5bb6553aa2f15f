//! Random programs: valid by construction, of all operations, and with numbers that make them interesting.

use super::case::{Case, Operand};
use crate::program::ir::Id;
use crate::program::op::{Immediate, Op, Type};
use crate::program::{Layout, Program};
use crate::shape::Shape;

/// Random numbers: `SplitMix64`.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A float: mostly of usual size, sometimes one at which operations change their behaviour.
    fn float(&mut self) -> f64 {
        const EDGES: [f64; 20] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -2.5,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            127.0,
            128.0,
            -126.0,
            -127.0,
            2_147_483_648.0,
            -2_147_483_648.0,
            1e-40,
            3e38,
            2_251_799_813_685_248.0,
            -4e15,
            1e-310,
        ];
        let unit = self.next() as i64 as f64 / i64::MAX as f64;
        match self.below(16) {
            0 => self.pick(&EDGES),
            1 => unit * 1e6,
            2 => (unit * 200.0).round(),
            3 => unit * 1e-38,
            _ => unit * 4.0,
        }
    }
}

/// A program, and the values that can be read at this point of it.
struct Writer {
    program: Program,
    readable: Vec<Id>,
    /// The guarded region that is open: its guards, its condition, and what could be read before.
    region: Option<(Vec<Id>, Id, Vec<Id>)>,
}

/// Makes a program of about so many values.
pub(super) fn program(random: &mut Random, double: bool, len: usize) -> Program {
    let inputs = 1 + random.below(12);
    let mut writer = Writer { program: Program::new(double, inputs), readable: Vec::new(), region: None };
    for k in 0..inputs {
        // The first operand varies, so that there are lanes.
        let kind =
            if k == 0 { Op::In } else { random.pick(&[Op::In, Op::In, Op::In, Op::UniformIn, Op::WordIn]) };
        if k == 0 || !random.one_in(10) {
            writer.add(kind, &[], k as u64);
        }
    }
    while writer.program.values().len() < len {
        writer.step(random);
    }
    writer.close(random);
    if !random.one_in(4) {
        writer.mix(random);
    }
    writer.results(random);
    writer.program.check_complete().expect("complete");
    writer.program
}

impl Writer {
    fn add(&mut self, op: Op, args: &[Id], immediate: u64) -> Id {
        let id =
            self.program.push(op, args, immediate).unwrap_or_else(|why| panic!("{why}\n{}", self.program));
        self.readable.push(id);
        id
    }

    /// A value of a type, which is no word: usually a recent one, so that chains come about.
    fn value(&mut self, random: &mut Random, ty: Type) -> Id {
        let of_type = |&id: &Id| self.program.values()[id].ty == ty;
        let all: Vec<Id> = self.readable.iter().copied().filter(of_type).collect();
        if all.is_empty() || random.one_in(12) {
            return self.source(random, ty);
        }
        let recent = all.len().min(if random.one_in(3) { all.len() } else { 4 });
        all[all.len() - 1 - random.below(recent)]
    }

    /// A new value that needs no other one of its type.
    fn source(&mut self, random: &mut Random, ty: Type) -> Id {
        let double = self.program.double();
        let width = |bits: u64| if double { bits } else { bits & 0xffff_ffff };
        match ty {
            Type::Float => {
                let x = random.float();
                self.add(Op::Const, &[], if double { x.to_bits() } else { (x as f32).to_bits().into() })
            }
            Type::Int => {
                let bits = width(random.next() >> random.below(64));
                self.add(Op::IntConst, &[], bits)
            }
            Type::Word => unreachable!("words are operands"),
            Type::Pred => {
                let (a, b) = (self.value(random, Type::Float), self.value(random, Type::Float));
                let op = random.pick(&[Op::Gt, Op::Ge, Op::Eq, Op::Ne]);
                self.add(op, &[a, b], 0)
            }
        }
    }

    /// Adds one operation, or begins or ends a region.
    fn step(&mut self, random: &mut Random) {
        match &self.region {
            None if random.one_in(25) => return self.open(random),
            Some(_) if random.one_in(10) => return self.close(random),
            _ => {}
        }
        let op = random.pick(Op::ALL);
        if op == Op::Draw {
            return self.draw(random);
        }
        let signature = op.signature();
        if op.is_input() || op.is_constant() || matches!(op, Op::Guard | Op::EndGuard) {
            return;
        }
        let any = random.pick(&[Type::Float, Type::Float, Type::Int]);
        let mut args: Vec<Id> =
            signature.args.iter().map(|ty| self.value(random, ty.unwrap_or(any))).collect();
        // The bits of NaN are not promised, nor what scaling by it gives.
        match op {
            Op::Bits => args[0] = self.without_nan(args[0]),
            Op::Scale => args[1] = self.without_nan(args[1]),
            _ => {}
        }
        let bits = if self.program.double() { 64 } else { 32 };
        let immediate = if signature.immediate == Immediate::Shift { random.below(bits) as u64 } else { 0 };
        self.add(op, &args, immediate);
    }

    /// A random number, if there are words for its key.
    fn draw(&mut self, random: &mut Random) {
        let is_word = |&id: &Id| self.program.values()[id].ty == Type::Word;
        let words: Vec<Id> = self.readable.iter().copied().filter(is_word).collect();
        if !words.is_empty() {
            let words: [Id; 3] = std::array::from_fn(|_| random.pick(&words));
            self.add(Op::Draw, &words, random.below(3) as u64);
        }
    }

    /// x, or 1 for NaN.
    fn without_nan(&mut self, x: Id) -> Id {
        let fits = self.add(Op::Eq, &[x, x], 0);
        let one =
            self.add(Op::Const, &[], if self.program.double() { 1.0_f64.to_bits() } else { 0x3f80_0000 });
        self.add(Op::Select, &[fits, x, one], 0)
    }

    fn open(&mut self, random: &mut Random) {
        let condition = self.value(random, Type::Pred);
        let nears: Vec<Id> = (0..=random.below(8)).map(|_| self.value(random, Type::Float)).collect();
        let before = self.readable.clone();
        let guards = nears.iter().map(|&near| self.add(Op::Guard, &[condition, near], 0)).collect();
        self.region = Some((guards, condition, before));
    }

    fn close(&mut self, random: &mut Random) {
        let Some((guards, condition, before)) = self.region.take() else { return };
        let exacts: Vec<Id> = guards.iter().map(|_| self.value(random, Type::Float)).collect();
        // Values in the region cannot be read behind it.
        self.readable = before;
        for (&guard, exact) in guards.iter().zip(exacts) {
            self.add(Op::EndGuard, &[guard, condition, exact], 0);
        }
    }

    /// Mixes the bits of many values, which live until then, to one float from 1 to 2.
    fn mix(&mut self, random: &mut Random) {
        let double = self.program.double();
        let [digits, mantissa, one] =
            if double { [52, (1 << 52) - 1, 0x3ff << 52] } else { [23, (1 << 23) - 1, 0x7f << 23] };
        let mixable = |&id: &Id| self.program.values()[id].ty != Type::Word;
        let mixable: Vec<Id> = self.readable.iter().copied().filter(mixable).collect();
        let mixed: Vec<Id> = (0..5 + random.below(80)).map(|_| random.pick(&mixable)).collect();
        let mut sum = self.source(random, Type::Int);
        for id in mixed {
            let bits = self.bits(random, id);
            let turned = self.add(Op::UShr, &[sum], 7);
            let next = self.add(Op::IntXor, &[sum, bits], 0);
            sum = self.add(Op::IntAdd, &[next, turned], 0);
        }
        let high = self.add(Op::UShr, &[sum], if double { 64 - digits } else { 32 - digits });
        let all = self.add(Op::IntXor, &[sum, high], 0);
        let mantissa = self.add(Op::IntConst, &[], mantissa);
        let one = self.add(Op::IntConst, &[], one);
        let within = self.add(Op::IntAnd, &[all, mantissa], 0);
        let bits = self.add(Op::IntOr, &[within, one], 0);
        self.add(Op::Float, &[bits], 0);
    }

    /// Any value but a word as an integer.
    fn bits(&mut self, random: &mut Random, id: Id) -> Id {
        match self.program.values()[id].ty {
            Type::Int => id,
            Type::Float => {
                let x = self.without_nan(id);
                self.add(Op::Bits, &[x], 0)
            }
            Type::Word => unreachable!("words are no bits of a program"),
            Type::Pred => {
                let (yes, no) = (self.source(random, Type::Int), self.source(random, Type::Int));
                self.add(Op::Select, &[id, yes, no], 0)
            }
        }
    }

    fn results(&mut self, random: &mut Random) {
        let floats: Vec<Id> =
            self.readable.iter().copied().filter(|&id| self.program.values()[id].ty == Type::Float).collect();
        let mut aliases: Vec<usize> = (0..self.program.readers().len()).collect();
        let count = 1 + random.below(5);
        let mut from = floats.len();
        for _ in 0..count {
            // From the end on, so that much of the program is needed.
            from = if random.one_in(4) { random.below(floats.len()) } else { from.saturating_sub(1) };
            // An operand is the alias of one result at most.
            let candidate = aliases[random.below(aliases.len())];
            let reader = self.program.readers()[candidate].map(|id| self.program.values()[id].op);
            let alias = (reader == Some(Op::In) && random.one_in(2)).then_some(candidate);
            self.program.out(floats[from], alias).expect("a float, and an operand of its own");
            aliases.retain(|&k| Some(k) != alias);
            if aliases.is_empty() {
                break;
            }
        }
        for _ in 0..random.below(3) {
            let id = floats[random.below(floats.len())];
            self.program.sum(id).expect("a float");
        }
    }
}

/// Operands for a program.
pub(super) fn case(random: &mut Random, program: &Program) -> Case {
    const SIZES: [usize; 16] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 33, 64, 100];
    let n = random.pick(&SIZES);
    let batch = if random.one_in(3) { random.below(4) } else { 1 };
    let shape = Shape { batch, n };
    let operands = program.readers().iter().map(|reader| {
        let op = reader.map(|id| program.values()[id].op);
        let layout = match op {
            Some(Op::In) if !random.one_in(8) => {
                random.pick(&[Layout::Full, Layout::Full, Layout::Full, Layout::Neuron])
            }
            _ => random.pick(&[Layout::Uniform, Layout::Uniform, Layout::Row]),
        };
        let count = match layout {
            Layout::Uniform => 1,
            Layout::Row => batch,
            Layout::Neuron => n,
            Layout::Full => batch * n,
        };
        if op == Some(Op::WordIn) {
            let words: Vec<u32> = (0..count).map(|_| random.next() as u32).collect();
            return Operand::new(layout, &words);
        }
        let floats: Vec<f64> = (0..count).map(|_| random.float()).collect();
        if program.double() {
            return Operand::new(layout, &floats);
        }
        let floats: Vec<f32> = floats.iter().map(|&x| x as f32).collect();
        Operand::new(layout, &floats)
    });
    let operands = operands.collect();
    let sums = program.sums().iter().map(|_| random.one_in(2)).collect();
    Case { shape, operands, sums }
}
