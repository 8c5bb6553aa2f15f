//! The handlers of step programs. Attribute `program`: the hash under which the program was registered.
//!
//! Operands are the program's inputs, results its outs, then its sums. The first out has the population's shape, or,
//! where there are only sums, the largest operand.

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
    run(frame, frame.int("program")?)
}

/// Runs the program with this hash.
pub(crate) fn run(frame: Frame, hash: i64) -> Result<()> {
    checked(
        frame,
        hash,
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
        let (ptr, alias) = (buffer.ptr::<f64>().cast::<c_void>(), self.entry.program().outs()[k].alias);
        let shares = |(arg, input): (usize, &Input)| input.ptr == ptr.cast_const() && Some(arg) != alias;
        match inputs.iter().enumerate().position(shares) {
            Some(arg) if !self.shape.is_empty() => Err(Error::invalid(format!(
                "result {k} shares memory with operand {arg}, but the program does not say 'alias {arg}'"
            ))),
            _ => Ok(ptr),
        }
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
mod tests {
    use crate::register::registrations;
    use crate::testing::Call;
    use spikeloop_kernels::program::{parse, table};
    use spikeloop_kernels::random::{PURPOSE, philox};

    const TEXT: &str = "\
program f32 inputs 4
0 = uin 0
1 = in 1
2 = in 2
3 = win 3
4 = draw 3 3 3 #0
5 = fma 0 1 2
6 = add 5 4
out 6 alias 1
sum 1
";

    /// Both words of the key, and the number of the first neuron.
    const WORD: u32 = 7;

    /// The values with what each neuron draws.
    fn plus_drawn(values: [f32; 6]) -> [f32; 6] {
        std::array::from_fn(|neuron| {
            let words = philox([neuron as u32 + WORD, PURPOSE, 0, 0], [WORD; 2]);
            values[neuron] + (words[0] >> 8) as f32 / 16_777_216.0
        })
    }

    fn run(call: Call) -> Result<Call, String> {
        let handler = registrations().iter().find(|(name, _)| *name == "spikeloop.program").expect("there").1;
        let mut call = call;
        call.run(handler).map_err(|(_, message)| message)?;
        Ok(call)
    }

    fn hash(text: &str) -> i64 {
        table::insert(&parse(text).expect("valid")).expect("the first").hash() as i64
    }

    fn call(scale: &[f32], per_neuron: &[f32], sums: &[f32]) -> Call {
        let state = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let call = Call::default().arg(scale, &[scale.len() as i64, 1]).arg(&state, &[2, 3]);
        let call = call.vector(per_neuron).arg(&[WORD], &[]).alias(1);
        call.ret(sums, &[sums.len() as i64]).int("program", hash(TEXT))
    }

    #[test]
    fn runs_in_place_with_operands_of_each_layout() {
        let done = run(call(&[10.0], &[0.0, 0.25, 0.5], &[0.0])).expect("runs");
        assert_eq!(done.result::<f32>(0), plus_drawn([10.0, 20.25, 30.5, 40.0, 50.25, 60.5]));
        assert_eq!(done.result::<f32>(1), [21.0]);
        let done = run(call(&[10.0, 100.0], &[1.0], &[0.0, 0.0])).expect("runs");
        assert_eq!(done.result::<f32>(0), plus_drawn([11.0, 21.0, 31.0, 401.0, 501.0, 601.0]));
        assert_eq!(done.result::<f32>(1), [6.0, 15.0]);
    }

    #[test]
    fn errors_name_the_operand() {
        let message = |call: Call| run(call).map(|_| ()).unwrap_err();
        assert_eq!(
            message(call(&[1.0; 3], &[0.0; 3], &[0.0])),
            "program: operand 0 [3, 1] has 3 elements, expected 1, 2 (one per row, [2, 1])"
        );
        assert_eq!(
            message(call(&[1.0], &[0.0; 4], &[0.0])),
            "program: operand 2 [4] has 4 elements, expected 1, 2 (one per row, [2, 1]), 3 (one per neuron), 6"
        );
        assert_eq!(
            message(call(&[1.0], &[0.0; 3], &[0.0; 3])),
            "program: result 1, a sum, has 3 elements, expected 1 or 2 (one per row)"
        );
        let call = Call::default().int("program", 5);
        assert_eq!(message(call), "program: no program with the hash 5 is registered in this process");
        let text = "program f64 inputs 2\n0 = in 0\n1 = in 1\n2 = add 0 1\nout 2\n";
        let two = || Call::default().int("program", hash(text)).vector(&[1.0]);
        assert_eq!(
            message(two().vector(&[1.0_f32]).ret(&[0.0], &[1])),
            "program: operand 1 is float32, expected float64"
        );
        assert_eq!(
            message(two().vector(&[1.0]).alias(0)),
            "program: result 0 shares memory with operand 0, but the program does not say 'alias 0'"
        );
        assert_eq!(
            message(two().ret(&[0.0], &[1])),
            "program: got 1 operands and 1 results, expected 2 and 1"
        );
    }

    #[test]
    fn a_program_of_sums_alone_has_the_shape_of_its_largest_operand() {
        let text = "program f64 inputs 2\n0 = in 0\n1 = in 1\n2 = mul 0 1\nsum 2\n";
        let call = Call::default().int("program", hash(text)).vector(&[2.0]).vector(&[1.0, 2.0, 3.0]);
        assert_eq!(run(call.ret(&[0.0], &[])).expect("runs").result::<f64>(0), [12.0]);
    }

    /// Two steps: the state takes the drive of each, and is kept after each.
    fn two_steps(state: &[f64], drive: &[f64], dims: &[i64], count: i64) -> Result<Call, String> {
        let text = "program f64 inputs 2\n0 = in 0\n1 = in 1\n2 = add 0 1\nout 2 alias 0\nout 2\nsum 1\n";
        let call = Call::default()
            .vector(state)
            .arg(drive, dims)
            .ret(&vec![0.0; state.len()], &[state.len() as i64]);
        let call =
            call.ret(&[0.0; 6], &[2, 3]).ret(&[0.0], &[]).int("program", hash(text)).int("steps", count);
        let mut call = call.flag("reverse", true).ints("timed", &[0, 1]);
        let handler =
            registrations().iter().find(|(name, _)| *name == "spikeloop.program_steps").expect("there").1;
        call.run(handler).map_err(|(_, message)| message)?;
        Ok(call)
    }

    #[test]
    fn many_steps_go_from_a_copy_of_the_state() {
        let state = [100.0, 200.0, 300.0];
        let done = two_steps(&state, &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0], &[2, 3], 2).expect("runs");
        assert_eq!(done.result::<f64>(0), [111.0, 222.0, 333.0]);
        assert_eq!(done.result::<f64>(1), [111.0, 222.0, 333.0, 110.0, 220.0, 330.0]);
        assert_eq!(done.result::<f64>(2), [66.0]);
        let done = two_steps(&state, &[1.0, 10.0], &[2], 2).expect("runs");
        assert_eq!(done.result::<f64>(0), [111.0, 211.0, 311.0]);
        assert_eq!(
            two_steps(&state, &[0.0; 9], &[3, 3], 2).map(|_| ()).unwrap_err(),
            "program_steps: operand 1 [3, 3] has no first axis of 2 steps"
        );
        assert_eq!(
            two_steps(&state, &[0.0; 9], &[3, 3], 3).map(|_| ()).unwrap_err(),
            "program_steps: result 1 [2, 3] has no first axis of 3 steps"
        );
    }
}
