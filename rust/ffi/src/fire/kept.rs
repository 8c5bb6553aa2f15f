//! The step of a loop that carries what the step keeps: the last operand and result ([`Memory`]). So the spikes of the
//! last step are searched for in the first step only.
//!
//! `calendar` is empty, or has the places of the operand and result that are the refractory steps left, of the operand
//! that a spike sets them to, and, if that place is −1, the number itself. Then the program `waiting`, with its own
//! places `waiting_inputs` and `waiting_outs`, does the same as `bits` with a bit of each neuron instead of these
//! steps, and the result is valid only where a calendar cannot hold them.

use super::arrays::{Arrays, place};
use super::memory::{Holds, Memory};
use super::of_bits::{Bits, OfBits, Place};
use crate::abi::{CallFrame, Operands};
use crate::error::{Error, Result};
use crate::found;
use crate::frame::Frame;
use crate::operand::{in_place, operand};
use crate::prepared::Prepared;
use crate::program::Ready;
use spikeloop_kernels::event::ones_of_bits;
use std::ptr;

/// A step that is ready to run.
#[derive(Debug)]
struct Kept {
    arrays: Arrays,
    bits: OfBits,
    waiting: Option<Waiting>,
    plain: Ready,
}

/// What takes the place of refractory steps that are counted.
#[derive(Debug)]
struct Waiting {
    program: OfBits,
    /// The operand that the steps are.
    left: usize,
    period: Period,
}

/// What a spike sets the steps to.
#[derive(Debug)]
enum Period {
    Number(u32),
    Operand(usize),
}

/// A step that is ready to run, with the attributes of a frame.
pub(crate) fn prepare(frame: Frame) -> Result<Box<dyn Prepared>> {
    Ok(Box::new(Kept::new(frame)?))
}

/// Runs the step.
pub(crate) fn call(frame: Frame) -> Result<()> {
    // SAFETY: it is made ready for this frame.
    unsafe { Kept::new(frame)?.run(frame) }
}

/// Tells the calls after it in the sequence which neurons spiked: operands are the spikes and what is kept.
pub(crate) fn known(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 0)?;
    let buffer = frame.arg(0);
    let rows = Memory::known_rows(operand::<u32>(&frame.arg(1), "kept")?, buffer.len())?;
    if let (Some(rows), Some(found)) = (rows, frame.found()) {
        found.replace(&buffer, rows.to_vec());
    }
    Ok(())
}

impl Kept {
    fn new(frame: Frame) -> Result<Self> {
        let arrays = Arrays::new(frame)?;
        let words = arrays.words(frame);
        let bits = OfBits::new(frame, ["bits", "inputs", "outs"], words, &arrays.places())?;
        let waiting = Waiting::new(frame, &arrays)?;
        Ok(Self { arrays, bits, waiting, plain: plain(frame)? })
    }
}

impl Prepared for Kept {
    unsafe fn run(&self, frame: Frame) -> Result<()> {
        let buffer = frame.arg(self.arrays.spikes);
        let [before, after] = [frame.arg(frame.arg_count() - 1), frame.ret(frame.ret_count() - 1)];
        // SAFETY: the operands and results are the runtime's, and these are not borrowed.
        let words = unsafe { in_place::<u32>(&before, "kept", &after)? };
        let mut memory = Memory::new(words, buffer.len(), self.waiting.is_some())?;
        if memory.rows().is_none() {
            let search = |rows: Option<&[u32]>| Ok(rows.map(|rows| memory.begin(rows)).is_some());
            if !found::with_ones(frame, &buffer, search)? {
                // SAFETY: promised to this function.
                return unsafe { Prepared::run(&self.plain, frame) };
            }
        }
        // SAFETY: promised to this function; the bits are as many as there are neurons.
        let fired = unsafe {
            match &self.waiting {
                Some(waiting) if waiting.begin(frame, &mut memory)? => {
                    waiting.step(frame, &mut memory, &self.arrays)?
                }
                _ => {
                    self.bits.run(frame, &[self.arrays.bits(memory.bits)])?;
                    ones_of_bits(memory.bits)
                }
            }
        };
        self.arrays.show(frame, memory.rows().unwrap_or_default(), &fired)?;
        memory.set_rows(&fired);
        if let Some(found) = frame.found() {
            found.replace(&frame.ret(self.arrays.new), fired);
        }
        Ok(())
    }
}

/// The ordinary program, which knows nothing of what is kept.
fn plain(frame: Frame) -> Result<Ready> {
    let raw = frame.raw();
    if raw.args.size == 0 || raw.rets.size == 0 {
        return Err(Error::invalid("what is kept is missing"));
    }
    let fewer = |all: &Operands| Operands { size: all.size - 1, types: ptr::null_mut(), ..*all };
    let inner = CallFrame { args: fewer(&raw.args), rets: fewer(&raw.rets), future: ptr::null_mut(), ..*raw };
    // SAFETY: the frame is complete, and lives until the program is ready.
    Ready::new(unsafe { Frame::new(&inner) }, frame.int("program")?)
}

impl Waiting {
    /// None if the step has no calendar.
    fn new(frame: Frame, arrays: &Arrays) -> Result<Option<Self>> {
        let (left, period, steps) = match frame.ints("calendar")? {
            [] => return Ok(None),
            &[left, _, period, steps] => (place(left, frame.arg_count())?, period, steps),
            _ => return Err(Error::invalid("'calendar' are four numbers")),
        };
        let period = if period == -1 {
            Period::Number(u32::try_from(steps).map_err(|_| Error::invalid("a period is below 0"))?)
        } else {
            let period = place(period, frame.arg_count())?;
            let (given, n) = (frame.arg(period).len(), frame.arg(left).len());
            if given != 1 && given != n {
                return Err(Error::invalid(format!("there are {given} periods for {n} neurons")));
            }
            Period::Operand(period)
        };
        let places = [arrays.places()[0], Place { operand: left, result: None }];
        let names = ["waiting", "waiting_inputs", "waiting_outs"];
        let program = OfBits::new(frame, names, arrays.words(frame), &places)?;
        Ok(Some(Self { program, left, period }))
    }

    /// Whether the calendar holds the steps; in the first step they are entered in it if it can.
    fn begin(&self, frame: Frame, memory: &mut Memory) -> Result<bool> {
        if let (Holds::Unknown, Some(calendar)) = (memory.holds(), &mut memory.calendar) {
            let fits = match self.period {
                Period::Number(_) => true,
                Period::Operand(k) => calendar.holds(operand::<f32>(&frame.arg(k), "period")?),
            };
            let entered = fits && calendar.enter(operand::<f32>(&frame.arg(self.left), "steps left")?);
            memory.set_holds(if entered { Holds::Calendar } else { Holds::Array });
        }
        Ok(memory.holds() == Holds::Calendar)
    }

    /// Runs the program that reads who waits; the neurons that spike.
    ///
    /// # Safety
    /// As of `Prepared::run`.
    unsafe fn step(&self, frame: Frame, memory: &mut Memory, arrays: &Arrays) -> Result<Vec<u32>> {
        let Some(calendar) = &mut memory.calendar else {
            return Err(Error::internal("there is no calendar"));
        };
        calendar.begin_step();
        let waits = Bits { place: Place { operand: self.left, result: None }, words: calendar.waits };
        // SAFETY: promised to this function; the bits are as many as there are neurons.
        unsafe { self.program.run(frame, &[arrays.bits(memory.bits), waits])? };
        let fired = ones_of_bits(memory.bits);
        match self.period {
            Period::Number(steps) => {
                for &k in &fired {
                    calendar.wait(k as usize, steps);
                }
            }
            Period::Operand(place) => {
                let periods = operand::<f32>(&frame.arg(place), "period")?;
                let of = |k: usize| if periods.len() == 1 { periods[0] } else { periods[k] };
                for &k in &fired {
                    calendar.wait(k as usize, of(k as usize) as u32);
                }
            }
        }
        Ok(fired)
    }
}
