//! Step programs: their PTX is written and loaded when a program is first called on such operands.
//!
//! Operands and results are those of the CPU's handler. Where a program has sums, one more result is memory to work in.

use super::device::{Device, Key, address};
use crate::buffer::Dtype;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::program::checked;
use spikeloop_kernels::program::ptx::{self, Variant};
use spikeloop_kernels::program::{Call, Program};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Runs a program.
pub(crate) fn call(frame: Frame) -> Result<()> {
    let has_sums = |program: &Program| usize::from(!program.sums().is_empty());
    checked(frame, frame.int("program")?, has_sums, |entry, call| {
        let (program, variant) = (entry.program(), Variant::of(call));
        if program.has_bits() {
            return Err(Error::invalid("a program of bits runs on the CPU only"));
        }
        let scratch = scratch(frame, program, call)?;
        let mut hasher = DefaultHasher::new();
        (entry.hash(), &variant).hash(&mut hasher);
        let key = Key::Program(hasher.finish());
        let device = Device::of(frame)?;
        for launch in ptx::launches(call, scratch) {
            let text = || Ok((ptx::text(program, &variant) + "\0").into_bytes().into());
            let function = device.function(key, launch.name, text)?;
            let [x, y] = launch.grid;
            // SAFETY: the kernel takes these parameters; the addresses are buffers of the call, whose types, lengths and
            // aliases were checked.
            unsafe { device.launch_words(function, [x, y, 1], ptx::THREADS, 0, &launch.params)? };
        }
        Ok(())
    })
}

/// The address of the memory to work in.
fn scratch(frame: Frame, program: &Program, call: &Call<'_>) -> Result<u64> {
    if program.sums().is_empty() {
        return Ok(0);
    }
    let (buffer, float) =
        (frame.ret(frame.ret_count() - 1), if program.double() { Dtype::F64 } else { Dtype::F32 });
    let (given, needed) = (buffer.len(), ptx::scratch(program, call.shape));
    if buffer.dtype != float || given < needed {
        return Err(Error::invalid(format!(
            "the memory to work in is {given} elements of {}, expected {needed} of {float}",
            buffer.dtype
        )));
    }
    Ok(address(&buffer))
}
