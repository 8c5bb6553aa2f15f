//! The step of a population as in [`fire`](crate::fire), of a loop that carries what the step keeps: its last operand
//! and result ([`Kept`]). So the spikes of the last step are searched for in the first step only.
//!
//! `calendar` is empty, or has the places of the operand and result that are the refractory steps left, of the operand
//! that a spike sets them to, and, if that place is −1, the number itself. Then the program `waiting`, with its own
//! places `waiting_inputs` and `waiting_outs`, does the same as `bits` with a bit of each neuron instead of these
//! steps, and the result is valid only where a calendar cannot hold them.

use crate::abi::{CallFrame, Operands};
use crate::error::{Error, Result};
use crate::fire::{Bits, Program, show};
use crate::found;
use crate::frame::Frame;
use crate::kept::{Holds, Kept};
use crate::operand::{in_place, operand};
use crate::program;
use spikeloop_kernels::event::ones_of_bits;
use std::ptr;

/// Runs the step.
pub(crate) fn call(frame: Frame) -> Result<()> {
    let &[spikes, new] = frame.ints("spikes")? else {
        return Err(Error::invalid("'spikes' are two places"));
    };
    let (spikes, new) = (spikes as usize, new as usize);
    let Some((before, after)) = frame.arg_count().checked_sub(1).zip(frame.ret_count().checked_sub(1)) else {
        return Err(Error::invalid("what is kept is missing"));
    };
    let steps = Steps::new(frame)?;
    let buffer = frame.arg(spikes);
    // SAFETY: the operands and results are the runtime's, and these are not borrowed.
    let words = unsafe { in_place::<u32>(&frame.arg(before), "kept", &frame.ret(after))? };
    let mut kept = Kept::new(words, buffer.len(), steps.is_some())?;
    if kept.rows().is_none() {
        let search = |rows: Option<&[u32]>| Ok(rows.map(|rows| kept.begin(rows)).is_some());
        if !found::with_ones(&buffer, search)? {
            return plain(frame);
        }
    }
    let fired = match steps {
        Some(steps) if steps.begin(frame, &mut kept)? => steps.run(frame, &mut kept, spikes, new)?,
        _ => {
            let program =
                Program { hash: frame.int("bits")?, inputs: frame.ints("inputs")?, outs: frame.ints("outs")? };
            program.run(frame, [Bits { words: kept.bits, operand: spikes, result: Some(new) }])?;
            ones_of_bits(kept.bits)
        }
    };
    show(frame, kept.rows().unwrap_or_default(), &fired, spikes, new)?;
    kept.set_rows(&fired);
    found::replace(&frame.ret(new), fired);
    Ok(())
}

/// Tells the calls after it in the sequence which neurons spiked: operands are the spikes and what is kept.
pub(crate) fn known(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 0)?;
    let buffer = frame.arg(0);
    if let Some(rows) = Kept::known_rows(operand::<u32>(&frame.arg(1), "kept")?, buffer.len())? {
        found::replace(&buffer, rows.to_vec());
    }
    Ok(())
}

/// Runs the ordinary program, which knows nothing of what is kept.
fn plain(frame: Frame) -> Result<()> {
    let raw = frame.raw();
    let fewer = |all: &Operands| Operands { size: all.size - 1, types: ptr::null_mut(), ..*all };
    let inner =
        CallFrame { args: fewer(&raw.args), rets: fewer(&raw.rets), future: ptr::null_mut(), ..*raw };
    // SAFETY: the frame is complete, and lives until the program has run.
    program::call(unsafe { Frame::new(&inner) })
}

/// Where the refractory steps are, and what a spike sets them to.
struct Steps<'a> {
    left: usize,
    periods: Periods<'a>,
}

/// What a spike sets the refractory steps to.
enum Periods<'a> {
    Number(u32),
    Of(&'a [f32]),
}

impl<'a> Steps<'a> {
    /// None if the step has no calendar.
    fn new(frame: Frame<'a>) -> Result<Option<Self>> {
        match frame.ints("calendar")? {
            [] => Ok(None),
            &[left, _, -1, steps] => {
                Ok(Some(Self { left: left as usize, periods: Periods::Number(steps as u32) }))
            }
            &[left, _, period, _] => {
                let periods = operand::<f32>(&frame.arg(period as usize), "refractory steps")?;
                let n = frame.arg(left as usize).len();
                if periods.len() != 1 && periods.len() != n {
                    let given = periods.len();
                    return Err(Error::invalid(format!("there are {given} refractory periods for {n} neurons")));
                }
                Ok(Some(Self { left: left as usize, periods: Periods::Of(periods) }))
            }
            _ => Err(Error::invalid("'calendar' are four numbers")),
        }
    }

    /// Whether the calendar holds the steps; in the first step they are entered in it if it can.
    fn begin(&self, frame: Frame, kept: &mut Kept) -> Result<bool> {
        if let (Holds::Unknown, Some(calendar)) = (kept.holds(), &mut kept.calendar) {
            let left = operand::<f32>(&frame.arg(self.left), "steps left")?;
            let fits = match self.periods {
                Periods::Number(_) => true,
                Periods::Of(periods) => calendar.holds(periods),
            };
            let entered = fits && calendar.enter(left);
            kept.set_holds(if entered { Holds::Calendar } else { Holds::Array });
        }
        Ok(kept.holds() == Holds::Calendar)
    }

    /// Runs the program that reads who waits; the neurons that spike.
    fn run(&self, frame: Frame, kept: &mut Kept, spikes: usize, new: usize) -> Result<Vec<u32>> {
        let Some(calendar) = &mut kept.calendar else {
            return Err(Error::internal("there is no calendar"));
        };
        calendar.begin_step();
        let program = Program {
            hash: frame.int("waiting")?,
            inputs: frame.ints("waiting_inputs")?,
            outs: frame.ints("waiting_outs")?,
        };
        let bits = [
            Bits { words: kept.bits, operand: spikes, result: Some(new) },
            Bits { words: calendar.waits, operand: self.left, result: None },
        ];
        program.run(frame, bits)?;
        let fired = ones_of_bits(kept.bits);
        for &k in &fired {
            let steps = match self.periods {
                Periods::Number(steps) => steps,
                Periods::Of(&[steps]) => steps as u32,
                Periods::Of(periods) => periods[k as usize] as u32,
            };
            calendar.wait(k as usize, steps);
        }
        Ok(fired)
    }
}
