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

/// `Runs` in csrc/cuda/random.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct Runs {
    number: u64,
    n: u64,
    blocks: u64,
}

impl Runs {
    /// Runs of `n` elements, of which a word gives so many: there are as many blocks as tiles that they may touch have.
    fn new(number: usize, n: usize, of_word: usize) -> Self {
        let blocks = if n == 0 { 0 } else { BLOCKS * (n.div_ceil(of_word * 4 * BLOCKS) + 1) };
        Self { number: number as u64, n: n as u64, blocks: blocks as u64 }
    }

    fn threads(&self) -> usize {
        (self.number * self.blocks) as usize
    }
}

/// Blocks of a tile.
const BLOCKS: usize = 32;

/// `RandomCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RandomCall {
    runs: Runs,
    keys: Address,
    first: Address,
    bounds: Address,
    out: Address,
    purpose: u32,
    n_bounds: u32,
    n_first: u32,
}

/// `AddCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct AddCall {
    runs: Runs,
    runs_of_key: u64,
    own: u64,
    neurons: u64,
    weights: u64,
    keys: Address,
    first: Address,
    bounds: Address,
    parts: Address,
    weight: Address,
    target: Address,
    purpose: u32,
    n_bounds: u32,
    n_parts: u32,
}

/// `keys, first` to the random words of the keys, two words each, from the first element on.
pub(super) fn words(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    run(frame, c"random_words", None, Dtype::U32)
}

/// `keys, first, bounds` to how many bounds lie at or below each random word.
pub(super) fn counts(frame: Frame) -> Result<()> {
    frame.expect_counts(3, 1)?;
    run(frame, c"random_counts", Some(frame.arg(2)), Dtype::I32)
}

fn run(frame: Frame, name: &'static CStr, bounds: Option<Buffer>, out: Dtype) -> Result<()> {
    let (keys, first, result) = (frame.arg(0), frame.arg(1), frame.ret(0));
    keys.expect(Dtype::U32, "keys")?;
    first.expect(Dtype::U32, "first")?;
    result.expect(out, "result")?;
    if let Some(bounds) = &bounds {
        bounds.expect(Dtype::U32, "bounds")?;
    }
    let (rows, n) = rows(&keys, &result)?;
    if first.len() != 1 {
        expect_len(&first, "first", rows)?;
    }
    let runs = Runs::new(rows, n, 1);
    let call = RandomCall {
        runs,
        keys: address(&keys),
        first: address(&first),
        bounds: bounds.as_ref().map_or(0, address),
        out: address(&result),
        purpose: frame.count("purpose")? as u32,
        n_bounds: bounds.map_or(0, |bounds| bounds.len() as u32),
        n_first: first.len() as u32,
    };
    let device = Device::of(frame)?;
    let grid = strided(&device, runs.threads())?;
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

/// `keys, first, bounds, parts, weight, target` to the target plus the weight times random whole numbers.
pub(super) fn add(frame: Frame) -> Result<()> {
    frame.expect_counts(6, 1)?;
    let [keys, first, bounds, parts, weight, target] = [0, 1, 2, 3, 4, 5].map(|k| frame.arg(k));
    for (buffer, name) in [(&keys, "keys"), (&first, "first"), (&bounds, "bounds")] {
        buffer.expect(Dtype::U32, name)?;
    }
    expect_len(&first, "first", 1)?;
    parts.expect(Dtype::I32, "parts")?;
    weight.expect(float(&target, "target")?, "weight")?;
    let (rows, n) = rows(&keys, &target)?;
    let (own, neurons) = (target.population().n, frame.count("neurons")?);
    let runs_of_key = if own == neurons { 1 } else { n / own.max(1) };
    if target.len() > 0 && target.len() % weight.len().max(1) != 0 || weight.len() == 0 {
        expect_len(&weight, "weight", target.len())?;
    }
    let n_parts = (parts.len() / 3) as u32;
    if parts.len() % 3 != 0 || (n_parts == 0 && n > 0) {
        let numbers = parts.len();
        return Err(Error::invalid(format!("'parts' has {numbers} numbers, expected 3 for each")));
    }
    let runs = Runs::new(rows * runs_of_key, n / runs_of_key.max(1), 2);
    let call = AddCall {
        runs,
        runs_of_key: runs_of_key as u64,
        own: own as u64,
        neurons: neurons as u64,
        weights: weight.len() as u64,
        keys: address(&keys),
        first: address(&first),
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
    let grid = strided(&device, runs.threads())?;
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, by_float!("random_add", target.dtype), grid, BLOCK, &call) }
}
