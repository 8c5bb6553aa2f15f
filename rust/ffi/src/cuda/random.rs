//! Handlers of random words.

use super::device::{Device, address};
use super::driver::Address;
use super::kernels::{BLOCK, by_float, launch, strided};
use super::operands::expect_len;
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::float;
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

/// `AddCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct AddCall {
    rows: u64,
    n: u64,
    blocks: u64,
    neurons: u64,
    weights: u64,
    keys: Address,
    bounds: Address,
    parts: Address,
    weight: Address,
    target: Address,
    purpose: u32,
    n_bounds: u32,
    n_parts: u32,
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
    let (rows, n) = rows(&keys, &result)?;
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

/// The rows of a result, and their length, one for the two words of each key.
fn rows(keys: &Buffer, result: &Buffer) -> Result<(usize, usize)> {
    let rows = keys.len() / 2;
    let n = result.len() / rows.max(1);
    if keys.len() != 2 * rows || result.len() != rows * n {
        let (keys, words) = (keys.len(), result.len());
        return Err(Error::invalid(format!(
            "'keys' has {keys} words, which does not fit a result of {words}"
        )));
    }
    Ok((rows, n))
}

/// `keys, bounds, parts, weight, target` to the target plus the weight times random whole numbers.
pub(super) fn add(frame: Frame) -> Result<()> {
    frame.expect_counts(5, 1)?;
    let [keys, bounds, parts, weight, target] = [0, 1, 2, 3, 4].map(|k| frame.arg(k));
    for (buffer, dtype, name) in [(&keys, Dtype::U32, "keys"), (&bounds, Dtype::U32, "bounds")] {
        buffer.expect(dtype, name)?;
    }
    parts.expect(Dtype::I32, "parts")?;
    weight.expect(float(&target, "target")?, "weight")?;
    let (rows, n) = rows(&keys, &target)?;
    let neurons = target.population().n;
    if target.len() > 0 && target.len() % weight.len().max(1) != 0 || weight.len() == 0 {
        expect_len(&weight, "weight", target.len())?;
    }
    let n_parts = (parts.len() / 3) as u32;
    if parts.len() % 3 != 0 || (n_parts == 0 && n > 0) {
        let numbers = parts.len();
        return Err(Error::invalid(format!("'parts' has {numbers} numbers, expected 3 for each")));
    }
    let call = AddCall {
        rows: rows as u64,
        n: n as u64,
        blocks: n.div_ceil(4) as u64,
        neurons: neurons as u64,
        weights: weight.len() as u64,
        keys: address(&keys),
        bounds: address(&bounds),
        parts: address(&parts),
        weight: address(&weight),
        target: address(&frame.ret(0)),
        purpose: frame.count("purpose")? as u32,
        n_bounds: bounds.len() as u32,
        n_parts,
    };
    let device = Device::of(frame)?;
    device.continue_in(&target, "target", &frame.ret(0))?;
    let grid = strided(&device, rows * n.div_ceil(4))?;
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, by_float!("random_add", target.dtype), grid, BLOCK, &call) }
}
