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
