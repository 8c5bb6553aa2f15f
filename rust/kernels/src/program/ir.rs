//! A program: typed values in static single assignment, checked while they are added.

use std::fmt;

use super::op::{Immediate, Op, Type};
use crate::growing::hash_of;

/// The position of a value in its program.
pub type Id = usize;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The operation that makes it.
    pub op: Op,
    /// Its arguments.
    pub args: Vec<Id>,
    /// The immediate operand, or 0.
    pub immediate: u64,
    /// Its type.
    pub ty: Type,
}

/// A result with one value per lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Out {
    /// The value.
    pub value: Id,
    /// The operand whose memory it may have.
    pub alias: Option<usize>,
}

/// A program under construction or finished; all that is in it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    double: bool,
    values: Vec<Value>,
    outs: Vec<Out>,
    sums: Vec<Id>,
    /// For each operand, the value that reads it.
    readers: Vec<Option<Id>>,
    /// For each value, the number of the guarded region that it lies in, or 0.
    regions: Vec<usize>,
    guards: Guards,
}

/// The guarded region that is being written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Guards {
    /// Guards without their ends.
    open: Vec<Id>,
    /// Regions so far.
    count: usize,
    /// An end has come: only ends may follow until all are there.
    closing: bool,
}

impl Program {
    /// A program without values for `inputs` operands.
    #[must_use]
    pub fn new(double: bool, inputs: usize) -> Self {
        let readers = vec![None; inputs];
        let (values, outs, sums, regions) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { double, values, outs, sums, readers, regions, guards: Guards::default() }
    }

    /// Whether its floats are `f64`.
    #[inline]
    #[must_use]
    pub fn double(&self) -> bool {
        self.double
    }

    /// Its values, each after its arguments.
    #[inline]
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The results with one value per lane.
    #[inline]
    #[must_use]
    pub fn outs(&self) -> &[Out] {
        &self.outs
    }

    /// The values that are summed over lanes.
    #[inline]
    #[must_use]
    pub fn sums(&self) -> &[Id] {
        &self.sums
    }

    /// For each operand, the value that reads it.
    #[inline]
    #[must_use]
    pub fn readers(&self) -> &[Option<Id>] {
        &self.readers
    }

    /// The number of the guarded region that a value lies in, or 0. A guard lies in its region, its end does not.
    #[must_use]
    pub fn region(&self, id: Id) -> usize {
        self.regions[id]
    }

    /// Adds a value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn push(&mut self, op: Op, args: &[Id], immediate: u64) -> Result<Id, String> {
        let ty = self.result_type(op, args)?;
        if op == Op::Draw && args.iter().any(|&arg| self.values[arg].op != Op::WordIn) {
            return Err("draw takes words that are operands".into());
        }
        self.check_immediate(op, immediate)?;
        let id = self.values.len();
        let region = self.place(op, args, id)?;
        if op.is_input() {
            self.readers[immediate as usize] = Some(id);
        }
        self.values.push(Value { op, args: args.to_vec(), immediate, ty });
        self.regions.push(region);
        Ok(id)
    }

    /// Adds a result; that of a predicate has a bit for each lane.
    ///
    /// # Errors
    /// If there is no such float or predicate, or no such operand.
    pub fn out(&mut self, value: Id, alias: Option<usize>) -> Result<(), String> {
        self.check_result(value, true)?;
        if let Some(k) = alias {
            if k >= self.readers.len() {
                return Err(format!("alias {k}, but there are {} inputs", self.readers.len()));
            }
            if self.outs.iter().any(|out| out.alias == Some(k)) {
                return Err(format!("a second result has the alias {k}"));
            }
        }
        self.outs.push(Out { value, alias });
        Ok(())
    }

    /// Adds a sum.
    ///
    /// # Errors
    /// If there is no such float.
    pub fn sum(&mut self, value: Id) -> Result<(), String> {
        self.check_result(value, false)?;
        self.sums.push(value);
        Ok(())
    }

    /// Whether the program is complete.
    ///
    /// # Errors
    /// What is missing.
    pub fn check_complete(&self) -> Result<(), String> {
        if let Some(id) = self.guards.open.first() {
            return Err(format!("guard {id} has no endguard"));
        }
        if self.outs.is_empty() && self.sums.is_empty() {
            return Err("the program has no result".into());
        }
        Ok(())
    }

    /// Whether a result has a bit for each lane.
    #[must_use]
    pub fn is_bits(&self, out: usize) -> bool {
        self.values[self.outs[out].value].ty == Type::Pred
    }

    /// Whether an operand or a result has a bit for each lane.
    #[must_use]
    pub fn has_bits(&self) -> bool {
        let reads = self.values.iter().any(|value| value.op == Op::BitIn);
        reads || (0..self.outs.len()).any(|out| self.is_bits(out))
    }

    /// A number that programs with the same text share.
    #[must_use]
    pub fn hash(&self) -> u64 {
        hash_of(&self.to_string())
    }

    /// How many values each operation makes, the most frequent first.
    #[must_use]
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        let count = |op: &Op| self.values.iter().filter(|value| value.op == *op).count();
        let mut counts: Vec<_> = Op::ALL.iter().map(|op| (op.signature().name, count(op))).collect();
        counts.retain(|&(_, count)| count > 0);
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        counts
    }

    /// The type of what an operation makes of these arguments.
    fn result_type(&self, op: Op, args: &[Id]) -> Result<Type, String> {
        let signature = op.signature();
        let (name, expected) = (signature.name, signature.args.len());
        if args.len() != expected {
            return Err(format!("{name} has {} arguments, expected {expected}", args.len()));
        }
        let mut any = None;
        for (&arg, wanted) in args.iter().zip(signature.args) {
            let Some(Value { ty, .. }) = self.values.get(arg) else {
                return Err(format!("{name} takes value {arg}, which is not defined before it"));
            };
            let wanted = wanted.unwrap_or_else(|| *any.get_or_insert(*ty));
            if *ty != wanted {
                return Err(format!("{name} takes value {arg}, a {ty}, expected a {wanted}"));
            }
        }
        match signature.result.or(any) {
            Some(Type::Pred) if any.is_some() => {
                Err(format!("{name} chooses between predicates: write band, bor, bnot"))
            }
            Some(ty) => Ok(ty),
            None => unreachable!("a result of any type has arguments of any type"),
        }
    }

    /// The number of bits of integers.
    fn width(&self) -> u64 {
        if self.double { 64 } else { 32 }
    }

    fn check_immediate(&self, op: Op, immediate: u64) -> Result<(), String> {
        let name = op.signature().name;
        match op.signature().immediate {
            Immediate::None => Ok(()),
            Immediate::Input => match self.readers.get(immediate as usize) {
                None => Err(format!("{name} {immediate}, but there are {} inputs", self.readers.len())),
                Some(Some(id)) => Err(format!("input {immediate} is read by value {id} already: use that")),
                Some(None) => Ok(()),
            },
            Immediate::Bits if self.double => Ok(()),
            Immediate::Bits => match u32::try_from(immediate) {
                Ok(_) => Ok(()),
                Err(_) => Err(format!("the constant {immediate:x} has more than 32 bits")),
            },
            Immediate::Number => {
                let fits = u32::try_from(immediate).is_ok();
                fits.then_some(()).ok_or_else(|| format!("{name} #{immediate} has more than 32 bits"))
            }
            Immediate::Shift => {
                let bits = self.width();
                let fits = immediate < bits;
                fits.then_some(()).ok_or_else(|| format!("{name} by {immediate}, expected less than {bits}"))
            }
        }
    }

    /// The region that a new value lies in.
    fn place(&mut self, op: Op, args: &[Id], id: Id) -> Result<usize, String> {
        let guards = &self.guards;
        let inside = !guards.open.is_empty();
        let present = if inside && op != Op::Guard { guards.count } else { 0 };
        if let Some(arg) = args.iter().find(|&&arg| ![0, present].contains(&self.regions[arg])) {
            return Err(format!("value {arg} is defined in a guarded region only"));
        }
        let condition = |guard: Id| self.values[guard].args[0];
        match op {
            Op::Guard => {
                if inside && (guards.closing || self.values[id - 1].op != Op::Guard) {
                    return Err("a guard within a guarded region".into());
                }
                if guards.open.first().is_some_and(|&first| condition(first) != args[0]) {
                    return Err("guards next to each other have different conditions".into());
                }
                self.guards.count += usize::from(!inside);
                self.guards.open.push(id);
                Ok(self.guards.count)
            }
            Op::EndGuard => {
                let Some(k) = guards.open.iter().position(|&guard| guard == args[0]) else {
                    return Err(format!("value {} is no guard that is open", args[0]));
                };
                if condition(args[0]) != args[1] {
                    return Err("an endguard with another condition than its guard".into());
                }
                self.guards.open.remove(k);
                self.guards.closing = !self.guards.open.is_empty();
                Ok(0)
            }
            _ if guards.closing => {
                Err(format!("guard {} has no endguard next to the others", guards.open[0]))
            }
            // Constants and operands are there before the program begins.
            _ if args.is_empty() => Ok(0),
            _ => Ok(if inside { guards.count } else { 0 }),
        }
    }

    fn check_result(&self, value: Id, may_be_bits: bool) -> Result<(), String> {
        match self.values.get(value) {
            None => Err(format!("there is no value {value}")),
            Some(Value { ty, .. }) if *ty == Type::Float || may_be_bits && *ty == Type::Pred => {
                let guarded = self.regions[value] != 0;
                let message = || format!("value {value} is defined in a guarded region only");
                if guarded { Err(message()) } else { Ok(()) }
            }
            Some(Value { ty, .. }) => Err(format!("value {value} is a {ty}, expected a float")),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let float = if self.double { "f64" } else { "f32" };
        writeln!(f, "program {float} inputs {}", self.readers.len())?;
        for (id, value) in self.values.iter().enumerate() {
            write!(f, "{id} = {}", value.op.signature().name)?;
            for arg in &value.args {
                write!(f, " {arg}")?;
            }
            match value.op.signature().immediate {
                Immediate::None => writeln!(f)?,
                Immediate::Input => writeln!(f, " {}", value.immediate)?,
                Immediate::Bits if self.double => writeln!(f, " {:016x}", value.immediate)?,
                Immediate::Bits => writeln!(f, " {:08x}", value.immediate)?,
                Immediate::Shift | Immediate::Number => writeln!(f, " #{}", value.immediate)?,
            }
        }
        for out in &self.outs {
            match out.alias {
                Some(k) => writeln!(f, "out {} alias {k}", out.value)?,
                None => writeln!(f, "out {}", out.value)?,
            }
        }
        self.sums.iter().try_for_each(|value| writeln!(f, "sum {value}"))
    }
}
