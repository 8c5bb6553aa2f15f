//! Handlers of random words.

use super::device::{Device, address};
use super::driver::Address;
use super::kernels::{BLOCK, launch, strided};
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use std::ffi::CStr;

/// `RandomCall` in csrc/cuda/random.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct RandomCall {
    rows: u64,
    n: u64,
    blocks: u64,
    keys: Address,
    bounds: Address,
    out: Address,
    purpose: u32,
    n_bounds: u32,
}

/// `keys`, two words each, to their random words.
pub(super) fn words(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    run(frame, c"random_words", None, Dtype::U32)
}

/// `keys, bounds` to how many bounds lie at or below each random word.
pub(super) fn counts(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    run(frame, c"random_counts", Some(frame.arg(1)), Dtype::I32)
}

fn run(frame: Frame, name: &'static CStr, bounds: Option<Buffer>, out: Dtype) -> Result<()> {
    let (keys, result) = (frame.arg(0), frame.ret(0));
    keys.expect(Dtype::U32, "keys")?;
    result.expect(out, "result")?;
    if let Some(bounds) = &bounds {
        bounds.expect(Dtype::U32, "bounds")?;
    }
    let rows = keys.len() / 2;
    let n = result.len() / rows.max(1);
    if keys.len() != 2 * rows || result.len() != rows * n {
        let (keys, words) = (keys.len(), result.len());
        return Err(Error::invalid(format!(
            "'keys' has {keys} words, which does not fit a result of {words}"
        )));
    }
    let call = RandomCall {
        rows: rows as u64,
        n: n as u64,
        blocks: n.div_ceil(4) as u64,
        keys: address(&keys),
        bounds: bounds.as_ref().map_or(0, address),
        out: address(&result),
        purpose: frame.count("purpose")? as u32,
        n_bounds: bounds.map_or(0, |bounds| bounds.len() as u32),
    };
    let device = Device::of(frame)?;
    let grid = strided(&device, rows * n.div_ceil(4))?;
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, name, grid, BLOCK, &call) }
}
