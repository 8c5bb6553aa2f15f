//! The handlers of programs over many steps.
//!
//! Beside `program` they have the attributes `steps`, `reverse`, and `timed`, a number for each operand, not 0 if it
//! has one more axis, of the steps, before the others. Outs without an alias have this axis too; the first out with an
//! alias has the population's shape.
//!
//! A program of neurons that are connected with each other takes a matrix as one more operand, and has the attributes
//! `state` and `timed_place`: places of operands, or, with `after`, of results. Without `after` the operand at
//! `timed_place` continues as the last result.

use crate::buffer::Dtype;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::program::{Checked, counted};
use spikeloop_kernels::large_pages;
use spikeloop_kernels::program::{Call, Entry, Input, Layout, Level, Link, Op, Recurrent, Steps};

/// Runs a program over many steps.
pub(crate) fn call(frame: Frame) -> Result<()> {
    of_steps(frame, 0, 0, |entry, steps| {
        // SAFETY: the buffers are the runtime's; their types, lengths and aliases were checked.
        unsafe { entry.run_steps(steps, Level::best()) };
        Ok(())
    })
}

/// Runs a program over many steps, with a product between them.
pub(crate) fn recurrent(frame: Frame) -> Result<()> {
    let (after, state, timed) = (frame.flag("after")?, frame.count("state")?, frame.count("timed_place")?);
    of_steps(frame, 1, usize::from(!after), |entry, steps| {
        let program = entry.program();
        let weight = matrix(frame, entry, steps.call.shape.n)?;
        let mut inputs = steps.call.inputs.to_vec();
        let link = if after {
            let alias = |k: usize| program.outs().get(k).map(|out| out.alias.is_some());
            if (alias(timed), alias(state)) != (Some(false), Some(true)) {
                return Err(Error::invalid(format!("no product of result {timed} for result {state}")));
            }
            Link::After { timed, state }
        } else {
            let replaced = program.outs().iter().any(|out| out.alias == Some(state));
            let is_read = |k: usize| program.readers().get(k).is_some_and(Option::is_some);
            if !replaced || !is_read(timed) || !steps.timed[timed] || inputs[timed].layout != Layout::Full {
                return Err(Error::invalid(format!("no product of operand {state} for operand {timed}")));
            }
            inputs[timed] = continued(frame, timed)?;
            Link::Before { state, timed }
        };
        let steps = Steps { call: Call { inputs: &inputs, ..steps.call }, ..*steps };
        // SAFETY: the buffers are the runtime's; their types, lengths and aliases were checked.
        unsafe { entry.run_recurrent(&Recurrent { steps, weight, link }, Level::best()) };
        Ok(())
    })
}

/// The matrix, the last operand.
fn matrix(frame: Frame, entry: &Entry, n: usize) -> Result<*const std::ffi::c_void> {
    let buffer = frame.arg(frame.arg_count() - 1);
    buffer.expect(if entry.program().double() { Dtype::F64 } else { Dtype::F32 }, "weight")?;
    if entry.program().values().iter().any(|value| matches!(value.op, Op::WordIn | Op::BitIn)) {
        return Err(Error::invalid("a program between products has no words and no bits"));
    }
    match buffer.len() {
        len if len == n * n => Ok(buffer.ptr::<f64>().cast()),
        len => Err(Error::invalid(format!("'weight' has {len} elements, expected {n} × {n}"))),
    }
}

/// The last result in place of an operand, filled with it if XLA did not alias the two.
fn continued(frame: Frame, k: usize) -> Result<Input> {
    let (from, to) = (frame.arg(k), frame.ret(frame.ret_count() - 1));
    if (from.dtype, from.dims) != (to.dtype, to.dims) {
        let (from, to) = (from.dims, to.dims);
        return Err(Error::invalid(format!("the last result is {to:?}, but operand {k} is {from:?}")));
    }
    let (from, to, bytes) = (from.ptr::<f64>().cast::<u8>(), to.ptr::<f64>().cast::<u8>(), to.bytes()?);
    if from != to {
        large_pages::ask_around(to, bytes);
        // SAFETY: both have so many bytes, and are memory of their own.
        unsafe { to.copy_from_nonoverlapping(from, bytes) };
    }
    Ok(Input { ptr: to.cast_const().cast(), layout: Layout::Full })
}

/// Checks a call and hands it to `run`. It has `others` operands and `more` results behind those of its program.
fn of_steps(
    frame: Frame,
    others: usize,
    more: usize,
    run: impl FnOnce(&'static Entry, &Steps<'_>) -> Result<()>,
) -> Result<()> {
    let (count, reverse, timed) = (frame.count("steps")?, frame.flag("reverse")?, frame.ints("timed")?);
    let (entry, outs) = counted(frame, frame.int("program")?, others, |_| more)?;
    let program = entry.program();
    if timed.len() != program.readers().len() {
        let (given, expected) = (timed.len(), program.readers().len());
        return Err(Error::invalid(format!("'timed' has {given} numbers, expected {expected}")));
    }
    let Some(state) = program.outs().iter().position(|out| out.alias.is_some()) else {
        return Err(Error::invalid("no result of the program has an alias: nothing goes from step to step"));
    };
    let shape = frame.ret(state).population();
    let checked = Checked { frame, entry, shape, steps: Some(count), timed };
    checked.run(outs, |call| {
        let timed: Vec<bool> = timed.iter().map(|&x| x != 0).collect();
        let mut inputs = call.inputs.to_vec();
        for ((j, out), &to) in program.outs().iter().enumerate().zip(call.outs) {
            if let Some(k) = out.alias {
                checked.start_in_place(k, &mut inputs[k], to)?;
            } else {
                large_pages::ask_around(to.cast(), frame.ret(j).bytes()?);
            }
        }
        run(entry, &Steps { call: Call { inputs: &inputs, ..*call }, count, reverse, timed: &timed })
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{Call, handler, program};

    /// The state, which is what goes through the matrix, becomes half of it and the input; both are kept.
    const FORWARD: &str = "\
program f64 inputs 2
0 = in 0
1 = in 1
2 = const 3fe0000000000000
3 = fma 0 2 1
out 3 alias 0
out 3
";
    /// The state becomes 0, and then the product of what is kept: twice the input.
    const BACK: &str = "\
program f64 inputs 2
0 = in 0
1 = in 1
2 = const 0000000000000000
3 = mul 0 2
4 = add 0 1
5 = add 4 1
out 3 alias 0
out 5
";
    const WEIGHT: [f64; 4] = [0.0, 1.0, 10.0, 0.0];

    fn run(mut call: Call) -> Result<Call, String> {
        call.run(handler("spikeloop.recurrent_steps")).map_err(|(_, message)| message)?;
        Ok(call)
    }

    /// Three steps of two samples of two neurons, whose input is 1, 2 in the first sample and 0 in the other.
    fn call(text: &str, after: bool, weight: &[f64], places: [i64; 2]) -> Call {
        let state = [1.0, 0.0, 0.0, 4.0];
        let input = [1.0, 2.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0];
        let call = Call::default().arg(&state, &[2, 2]).arg(&input, &[3, 2, 2]).vector(weight);
        let call = call.ret(&[f64::NAN; 4], &[2, 2]).ret(&[f64::NAN; 12], &[3, 2, 2]);
        let call = if after { call } else { call.ret(&[f64::NAN; 12], &[3, 2, 2]) };
        let call =
            call.int("program", program(text)).int("steps", 3).flag("reverse", after).ints("timed", &[0, 1]);
        call.flag("after", after).int("state", places[0]).int("timed_place", places[1])
    }

    /// A row times the matrix.
    fn product(x: [f64; 2]) -> [f64; 2] {
        [10.0 * x[1], x[0]]
    }

    #[test]
    fn the_last_state_times_the_matrix_is_added_to_the_input_of_each_step() {
        let done = run(call(FORWARD, false, &WEIGHT, [0, 1])).expect("runs");
        let (mut kept, mut inputs) = (vec![], vec![]);
        let mut states = [[1.0, 0.0], [0.0, 4.0]];
        for _ in 0..3 {
            for (state, x) in states.iter_mut().zip([[1.0, 2.0], [0.0, 0.0]]) {
                let more = product(*state);
                let input = [x[0] + more[0], x[1] + more[1]];
                *state = [0.5 * state[0] + input[0], 0.5 * state[1] + input[1]];
                inputs.extend(input);
                kept.extend(*state);
            }
        }
        assert_eq!(done.result::<f64>(0), states.as_flattened());
        assert_eq!(done.result::<f64>(1), kept);
        assert_eq!(done.result::<f64>(2), inputs);
    }

    #[test]
    fn the_product_of_what_a_step_gives_is_the_state_of_the_one_before() {
        let done = run(call(BACK, true, &WEIGHT, [0, 1])).expect("runs");
        let mut states = [[1.0, 0.0], [0.0, 4.0]];
        let mut rows = vec![];
        for _ in 0..3 {
            let mut row = vec![];
            for (state, x) in states.iter_mut().zip([[1.0, 2.0], [0.0, 0.0]]) {
                let given = [state[0] + 2.0 * x[0], state[1] + 2.0 * x[1]];
                *state = product(given);
                row.extend(given);
            }
            rows.insert(0, row);
        }
        assert_eq!(done.result::<f64>(0), states.as_flattened());
        assert_eq!(done.result::<f64>(1), rows.concat());
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let message = |call| run(call).map(|_| ()).unwrap_err();
        let short = call(FORWARD, false, &WEIGHT[1..], [0, 1]);
        assert_eq!(message(short), "recurrent_steps: 'weight' has 3 elements, expected 2 × 2");
        let no_state = call(FORWARD, false, &WEIGHT, [1, 1]);
        assert_eq!(message(no_state), "recurrent_steps: no product of operand 1 for operand 1");
        let no_row = call(BACK, true, &WEIGHT, [0, 0]);
        assert_eq!(message(no_row), "recurrent_steps: no product of result 0 for result 0");
    }
}
