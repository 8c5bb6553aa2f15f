//! The handlers of step programs. Attribute `program`: the hash under which the program was registered.
//!
//! Operands are the program's inputs, results its outs, then its sums. The first out has the population's shape, or,
//! where there are only sums, the largest operand.

mod ready;

pub(crate) use ready::{Ready, prepare};

use crate::buffer::{Buffer, Byte, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::list::List;
use spikeloop_kernels::Shape;
use spikeloop_kernels::program::{Call, Entry, Input, Layout, Level, Op, Program, Sum, table};
use std::ffi::c_void;
use std::ptr;

/// Operands and results without the heap.
const ARGS: usize = 48;
const RETS: usize = 32;

/// Runs a program.
pub(crate) fn call(frame: Frame) -> Result<()> {
    checked(
        frame,
        frame.int("program")?,
        |_| 0,
        |entry, call| {
            // SAFETY: the buffers are the runtime's; their types, lengths and aliases were checked.
            unsafe { entry.run(call, Level::best()) };
            Ok(())
        },
    )
}

/// Checks a call and hands it to `run`. Behind the results of the program there are so many as `more` says.
pub(crate) fn checked(
    frame: Frame,
    hash: i64,
    more: impl FnOnce(&Program) -> usize,
    run: impl FnOnce(&'static Entry, &Call<'_>) -> Result<()>,
) -> Result<()> {
    let (entry, outs) = counted(frame, hash, 0, more)?;
    let checked = Checked { frame, entry, shape: shape(frame, outs), steps: None, timed: &[] };
    checked.run(outs, |call| run(entry, call))
}

/// The program of a call, which has its operands and results and more of both, and how many results are outs.
pub(crate) fn counted(
    frame: Frame,
    hash: i64,
    others: usize,
    more: impl FnOnce(&Program) -> usize,
) -> Result<(&'static Entry, usize)> {
    let Some(entry) = table::find(hash as u64) else {
        return Err(Error::invalid(format!("no program with the hash {hash} is registered in this process")));
    };
    let program = entry.program();
    let (outs, sums) = (program.outs().len(), program.sums().len());
    frame.expect_counts(program.readers().len() + others, outs + sums + more(program))?;
    Ok((entry, outs))
}

/// The population's shape.
fn shape(frame: Frame, outs: usize) -> Shape {
    if outs > 0 {
        return frame.ret(0).population();
    }
    let largest = (0..frame.arg_count()).map(|k| frame.arg(k)).max_by_key(Buffer::len);
    largest.map_or(Shape { batch: 1, n: 1 }, |buffer| buffer.population())
}

/// Fails if result `k` shares memory with an operand that it does not replace.
#[inline]
fn expect_own(
    k: usize,
    ptr: *mut c_void,
    alias: Option<usize>,
    shape: Shape,
    inputs: &[Input],
) -> Result<()> {
    // All are compared, which takes less time than to stop at one.
    let other = |arg: usize, input: &Input| input.ptr == ptr.cast_const() && Some(arg) != alias;
    let shares = |found, (arg, input)| found | other(arg, input);
    if !inputs.iter().enumerate().fold(false, shares) || shape.is_empty() {
        return Ok(());
    }
    let arg = inputs.iter().enumerate().position(|(arg, input)| other(arg, input)).unwrap_or_default();
    Err(Error::invalid(format!(
        "result {k} shares memory with operand {arg}, but the program does not say 'alias {arg}'"
    )))
}

/// A call whose operands and results are being checked.
pub(crate) struct Checked<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) entry: &'static Entry,
    pub(crate) shape: Shape,
    /// The number of steps, of a program over many of them.
    pub(crate) steps: Option<usize>,
    pub(crate) timed: &'a [i32],
}

impl Checked<'_> {
    /// Hands the checked call to `run`.
    pub(crate) fn run(&self, outs: usize, run: impl FnOnce(&Call<'_>) -> Result<()>) -> Result<()> {
        let mut inputs = List::<_, ARGS>::new(Input { ptr: ptr::null(), layout: Layout::Uniform });
        let operands = self.entry.program().readers().len();
        inputs.fill(operands, |k, input| self.input(k).map(|checked| *input = checked))?;
        let mut results = List::<_, RETS>::new(ptr::null_mut());
        results.fill(outs, |k, result| self.out(k, &inputs).map(|checked| *result = checked))?;
        let mut totals = List::<_, RETS>::new(Sum { ptr: ptr::null_mut(), per_row: false });
        let sums = self.entry.program().sums().len();
        totals.fill(sums, |k, total| self.sum(outs + k).map(|checked| *total = checked))?;
        run(&Call { shape: self.shape, inputs: &inputs, outs: &results, sums: &totals })
    }

    /// Gives an operand the memory of the result that replaces it, filled with it if XLA did not alias the two.
    pub(crate) fn start_in_place(&self, k: usize, input: &mut Input, out: *mut c_void) -> Result<()> {
        let buffer = self.frame.arg(k);
        buffer.expect(self.float(), &k.to_string())?;
        if buffer.len() != self.shape.len() {
            return Err(self.misfit(k, &buffer, true));
        }
        let from = buffer.ptr::<f64>().cast::<c_void>();
        if from.cast_const() != out.cast_const() {
            // SAFETY: both have as many elements as the population, and are memory of their own.
            unsafe { out.cast::<u8>().copy_from_nonoverlapping(from.cast(), buffer.bytes()?) };
        }
        *input = Input { ptr: out, layout: Layout::Full };
        Ok(())
    }

    /// The buffer of one step.
    fn of_step<'b>(&self, buffer: Buffer<'b>, timed: bool, what: &str, k: usize) -> Result<Buffer<'b>> {
        let (Some(steps), true) = (self.steps, timed) else { return Ok(buffer) };
        let dims = buffer.dims;
        let row = buffer.first_row(steps);
        row.ok_or_else(|| Error::invalid(format!("{what} {k} {dims:?} has no first axis of {steps} steps")))
    }

    pub(crate) fn float(&self) -> Dtype {
        if self.entry.program().double() { Dtype::F64 } else { Dtype::F32 }
    }

    fn input(&self, k: usize) -> Result<Input> {
        let program = self.entry.program();
        let timed = self.timed.get(k).is_some_and(|&timed| timed != 0);
        let buffer = self.of_step(self.frame.arg(k), timed, "operand", k)?;
        let Some(reader) = program.readers()[k] else {
            return Ok(Input { ptr: ptr::null(), layout: Layout::Uniform });
        };
        let op = program.values()[reader].op;
        if op == Op::BitIn {
            self.expect_bits(&buffer, "operand", k)?;
            return Ok(Input { ptr: buffer.ptr::<Byte>().cast(), layout: Layout::Full });
        }
        let dtype = if op == Op::WordIn { Dtype::U32 } else { self.float() };
        if buffer.dtype != dtype {
            return Err(Error::invalid(format!("operand {k} is {}, expected {dtype}", buffer.dtype)));
        }
        let layout = if op == Op::In { self.layout(&buffer) } else { self.uniform_layout(&buffer) };
        let Some(layout) = layout else { return Err(self.misfit(k, &buffer, op == Op::In)) };
        Ok(Input { ptr: buffer.ptr::<f64>().cast(), layout })
    }

    fn layout(&self, buffer: &Buffer) -> Option<Layout> {
        let (Shape { batch, n }, len) = (self.shape, buffer.len());
        if len == self.shape.len() {
            Some(Layout::Full)
        } else if len == 1 {
            Some(Layout::Uniform)
        } else if len == batch && buffer.population().n == 1 {
            Some(Layout::Row)
        } else {
            (len == n).then_some(Layout::Neuron)
        }
    }

    fn uniform_layout(&self, buffer: &Buffer) -> Option<Layout> {
        match buffer.len() {
            1 => Some(Layout::Uniform),
            len => (len == self.shape.batch).then_some(Layout::Row),
        }
    }

    fn misfit(&self, k: usize, buffer: &Buffer, varies: bool) -> Error {
        let Shape { batch, n } = self.shape;
        let each =
            if varies { format!(", {n} (one per neuron), {}", self.shape.len()) } else { String::new() };
        let (len, dims) = (buffer.len(), buffer.dims);
        Error::invalid(format!(
            "operand {k} {dims:?} has {len} elements, expected 1, {batch} (one per row, [{batch}, 1]){each}"
        ))
    }

    fn out(&self, k: usize, inputs: &[Input]) -> Result<*mut c_void> {
        let timed = self.entry.program().outs()[k].alias.is_none();
        let buffer = self.of_step(self.frame.ret(k), timed, "result", k)?;
        if self.entry.program().is_bits(k) {
            self.expect_bits(&buffer, "result", k)?;
            return Ok(buffer.ptr::<Byte>().cast());
        }
        self.expect_float(k, &buffer)?;
        if buffer.len() != self.shape.len() {
            let (len, expected) = (buffer.len(), self.shape.len());
            return Err(Error::invalid(format!("result {k} has {len} elements, expected {expected}")));
        }
        let ptr = buffer.ptr::<f64>().cast::<c_void>();
        expect_own(k, ptr, self.entry.program().outs()[k].alias, self.shape, inputs)?;
        Ok(ptr)
    }

    fn sum(&self, k: usize) -> Result<Sum> {
        let (buffer, batch) = (self.frame.ret(k), self.shape.batch);
        self.expect_float(k, &buffer)?;
        let ptr = buffer.ptr::<f64>().cast();
        match buffer.len() {
            1 => Ok(Sum { ptr, per_row: false }),
            len if len == batch => Ok(Sum { ptr, per_row: true }),
            len => Err(Error::invalid(format!(
                "result {k}, a sum, has {len} elements, expected 1 or {batch} (one per row)"
            ))),
        }
    }

    /// Fails unless a buffer has the bits of one row of one step, in words of 64.
    fn expect_bits(&self, buffer: &Buffer, what: &str, k: usize) -> Result<()> {
        let Shape { batch, n } = self.shape;
        let (given, expected) = (buffer.len(), n.div_ceil(64) * 8);
        if (batch, given, buffer.dtype) == (1, expected, Dtype::U8) && self.steps.is_none() {
            return Ok(());
        }
        let dtype = buffer.dtype;
        Err(Error::invalid(format!(
            "{what} {k} holds bits: {given} of {dtype}, expected {expected} of uint8"
        )))
    }

    fn expect_float(&self, k: usize, buffer: &Buffer) -> Result<()> {
        let (given, expected) = (buffer.dtype, self.float());
        if given == expected {
            return Ok(());
        }
        Err(Error::invalid(format!("result {k} is {given}, expected {expected}")))
    }
}

#[cfg(test)]
mod tests;
