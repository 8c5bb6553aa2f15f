//! The step of a population whose spikes are bits inside the call.
//!
//! Operands and results are those of the step program, attribute `program`. The program `bits` does the same with the
//! bits of the spikes; what it reads and makes is told by `inputs` and `outs`, as places among the operands and results.
//! `spikes` are the places of the spikes, and `counts` those of arrays that they are added to, as pairs. Of these arrays
//! only the elements of neurons that spike are touched (a count of −0 stays −0). Spikes other than 0 and 1 take the
//! ordinary program.

mod arrays;
mod kept;
mod memory;
mod of_bits;

use crate::error::Result;
use crate::found;
use crate::frame::Frame;
use crate::prepared::Prepared;
use crate::program::Ready;
use arrays::Arrays;
use of_bits::OfBits;
use spikeloop_kernels::event::ones_of_bits;

pub(crate) use kept::{call as call_kept, known, prepare as prepare_kept};

const WORD: usize = u64::BITS as usize;

/// A step that is ready to run.
#[derive(Debug)]
struct Fire {
    arrays: Arrays,
    bits: OfBits,
    plain: Ready,
}

/// A step that is ready to run, with the attributes of a frame.
pub(crate) fn prepare(frame: Frame) -> Result<Box<dyn Prepared>> {
    Ok(Box::new(Fire::new(frame)?))
}

/// Runs the step.
pub(crate) fn call(frame: Frame) -> Result<()> {
    // SAFETY: it is made ready for this frame.
    unsafe { Fire::new(frame)?.run(frame) }
}

impl Fire {
    fn new(frame: Frame) -> Result<Self> {
        let arrays = Arrays::new(frame)?;
        let bits = OfBits::new(frame, ["bits", "inputs", "outs"], arrays.words(frame), &arrays.places())?;
        Ok(Self { arrays, bits, plain: Ready::new(frame, frame.int("program")?)? })
    }

    /// Runs the program of bits; the neurons that spike.
    ///
    /// # Safety
    /// As of `Prepared::run`.
    unsafe fn step(&self, frame: Frame, old: &[u32], bits: &mut [u64]) -> Result<Vec<u32>> {
        for &k in old {
            bits[k as usize / WORD] |= 1 << (k as usize % WORD);
        }
        // SAFETY: promised to this function; the bits are as many as there are neurons.
        unsafe { self.bits.run(frame, &[self.arrays.bits(bits)])? };
        let fired = ones_of_bits(bits);
        self.arrays.show(frame, old, &fired)?;
        Ok(fired)
    }
}

impl Prepared for Fire {
    unsafe fn run(&self, frame: Frame) -> Result<()> {
        let buffer = frame.arg(self.arrays.spikes);
        let fired = found::with_ones(frame, &buffer, |ones| {
            let (Some(old), Some(found)) = (ones, frame.found()) else { return Ok(None) };
            // SAFETY: promised to this function.
            found.with_words(buffer.len().div_ceil(WORD), |bits| unsafe {
                self.step(frame, old, bits).map(Some)
            })
        })?;
        match (fired, frame.found()) {
            (Some(rows), Some(found)) => {
                found.replace(&frame.ret(self.arrays.new), rows);
                Ok(())
            }
            // SAFETY: promised to this function.
            _ => unsafe { Prepared::run(&self.plain, frame) },
        }
    }
}

#[cfg(test)]
mod tests;
