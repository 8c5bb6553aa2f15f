//! The step of a population whose spikes are bits inside the call.
//!
//! Operands and results are those of the step program, attribute `program`. The program `bits` does the same with the
//! bits of the spikes; what it reads and makes is told by `inputs` and `outs`, as places among the operands and results.
//! `spikes` are the places of the spikes, and `counts` those of arrays that they are added to, as pairs. Of these arrays
//! only the elements of neurons that spike are touched. Spikes other than 0 and 1 take the ordinary program.

use crate::abi::{CallFrame, Operands, RawBuffer, dtype};
use crate::error::{Error, Result};
use crate::found;
use crate::frame::Frame;
use crate::operand::in_place;
use crate::program;
use std::cell::Cell;
use std::ptr;

/// Operands or results.
const MOST: usize = 48;
const WORD: usize = u64::BITS as usize;

thread_local! {
    /// The bits of the last call's memory: to ask the system for some takes as long as a short call.
    static BITS: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// Runs the step.
pub(crate) fn call(frame: Frame) -> Result<()> {
    let &[spikes, new] = frame.ints("spikes")? else {
        return Err(Error::invalid("'spikes' are two places"));
    };
    let buffer = frame.arg(spikes as usize);
    let fired = found::with_ones(&buffer, |rows| match rows {
        Some(rows) => step(frame, rows, spikes as usize, new as usize).map(Some),
        None => Ok(None),
    })?;
    match fired {
        Some(rows) => {
            found::replace(&frame.ret(new as usize), rows);
            Ok(())
        }
        None => program::call(frame),
    }
}

/// Runs the program of bits; the neurons that spike.
fn step(frame: Frame, old: &[u32], spikes: usize, new: usize) -> Result<Vec<u32>> {
    let len = frame.arg(spikes).len();
    let mut bits = BITS.take();
    bits.clear();
    bits.resize(len.div_ceil(WORD), 0);
    for &k in old {
        bits[k as usize / WORD] |= 1 << (k as usize % WORD);
    }
    run(frame, &mut bits, spikes, new)?;
    // SAFETY: the operands and results are the runtime's, and this one is not borrowed.
    let values = unsafe { in_place::<f32>(&frame.arg(spikes), "spikes", &frame.ret(new))? };
    let fired = ones(&bits);
    BITS.set(bits);
    old.iter().for_each(|&k| values[k as usize] = 0.0);
    fired.iter().for_each(|&k| values[k as usize] = 1.0);
    for pair in frame.ints("counts")?.chunks_exact(2) {
        let [from, to] = [frame.arg(pair[0] as usize), frame.ret(pair[1] as usize)];
        // SAFETY: as above.
        let counts = unsafe { in_place::<f32>(&from, "count", &to)? };
        if counts.len() != len {
            return Err(Error::invalid(format!("a count has {} elements, expected {len}", counts.len())));
        }
        fired.iter().for_each(|&k| counts[k as usize] += 1.0);
    }
    Ok(fired)
}

/// The numbers of the bits that are 1.
fn ones(bits: &[u64]) -> Vec<u32> {
    let mut found = Vec::with_capacity(WORD);
    for (k, &word) in bits.iter().enumerate() {
        let mut left = word;
        while left != 0 {
            found.push((k * WORD) as u32 + left.trailing_zeros());
            left &= left - 1;
        }
    }
    found
}

/// Runs the program of bits on its own operands and results.
fn run(frame: Frame, bits: &mut [u64], spikes: usize, new: usize) -> Result<()> {
    let mut dims = [size_of_val(bits) as i64];
    let mut buffer = RawBuffer {
        struct_size: size_of::<RawBuffer>(),
        extension_start: ptr::null_mut(),
        dtype: dtype::U8,
        data: bits.as_mut_ptr().cast(),
        rank: 1,
        dims: dims.as_mut_ptr(),
    };
    let bits = &raw mut buffer;
    let (mut args, mut rets) = ([ptr::null_mut(); MOST], [ptr::null_mut(); MOST]);
    let raw = frame.raw();
    let args = chosen(&raw.args, frame.ints("inputs")?, (spikes, bits), &mut args)?;
    let rets = chosen(&raw.rets, frame.ints("outs")?, (new, bits), &mut rets)?;
    let inner = CallFrame { args, rets, future: ptr::null_mut(), ..*raw };
    // SAFETY: the frame is complete, and lives until the program has run.
    program::run(unsafe { Frame::new(&inner) }, frame.int("bits")?)
}

/// Some of the operands, of which that at one place is another buffer.
fn chosen(
    all: &Operands,
    places: &[i32],
    (replaced, buffer): (usize, *mut RawBuffer),
    to: &mut [*mut RawBuffer; MOST],
) -> Result<Operands> {
    if places.len() > MOST {
        return Err(Error::internal(format!("a step of bits has more than {MOST} operands")));
    }
    for (to, &place) in to.iter_mut().zip(places) {
        let k = place as usize;
        if k >= all.size as usize {
            return Err(Error::invalid(format!("there is no operand {place}")));
        }
        // SAFETY: the runtime's array has so many entries.
        *to = if k == replaced { buffer } else { unsafe { *all.buffers.add(k) } };
    }
    Ok(Operands { size: places.len() as i64, types: ptr::null_mut(), buffers: to.as_mut_ptr(), ..*all })
}
