//! Handlers of the two transposes of event propagation.

use super::device::{Device, address};
use super::driver::Address;
use super::kernels::{BLOCK, by_float, by_float_and_index, launch, strided};
use super::operands::{Rows, Spikes, Targets, Weight, expect_len};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::float;

/// Threads of a warp.
const WARP: usize = 32;

/// Synapses of a row from which on a block sums it up, not a warp.
const WIDE: u64 = 1_024;

/// Batch rows that a grid takes at once: its second dimension.
const MOST_ROWS: u64 = 65_535;

/// `GatherCall` in csrc/cuda/gather.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct GatherCall {
    rows: Rows,
    targets: Targets,
    weight: Weight,
    ct: Address,
    out: Address,
    wide: u64,
}

/// `cotangent, weight, indices, indptr, [delay, cursor]` to what the targets of each row sum up to.
pub(super) fn gather(frame: Frame) -> Result<()> {
    let delay = delay_of(frame)?;
    frame.expect_counts(frame.arg_count(), 1)?;
    let (ct, out) = (frame.arg(0), frame.ret(0));
    let (float, rows) = (float(&ct, "cotangent")?, Rows::of(frame, 2, 3)?);
    let targets = Targets::of(frame, out.population(), &ct, delay, rows.nnz)?;
    let weight = Weight::of(&frame.arg(1), float, rows.nnz)?;
    out.expect(float, "result")?;
    expect_len(&out, "result", (targets.batch * rows.n_pre) as usize)?;
    let wide = rows.nnz >= WIDE * rows.n_pre;
    let call = GatherCall { rows, targets, weight, ct: address(&ct), out: address(&out), wide: wide.into() };
    let device = Device::of(frame)?;
    let [x, ..] = strided(&device, rows.n_pre as usize * if wide { BLOCK as usize } else { WARP })?;
    let grid = [x, targets.batch.min(MOST_ROWS) as u32, 1];
    let name = by_float_and_index!("event_gather", float, frame.arg(2).dtype);
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, name, grid, BLOCK, &call) }
}

/// `OuterCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct OuterCall {
    rows: Rows,
    targets: Targets,
    spikes: Spikes,
    ct: Address,
    out: Address,
}

/// `TotalCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct TotalCall {
    sums: Address,
    out: Address,
    n: u64,
}

/// `spikes, cotangent, indices, indptr, [delay, cursor]` to the cotangent of one weight, or of one per synapse, and
/// scratch: the sums of blocks, of which there are not more than it has room for.
pub(super) fn outer(frame: Frame) -> Result<()> {
    let delay = delay_of(frame)?;
    frame.expect_counts(frame.arg_count(), 2)?;
    let [spikes, ct] = [0, 1].map(|k| frame.arg(k));
    let [out, scratch] = [0, 1].map(|k| frame.ret(k));
    let (float, rows) = (float(&ct, "cotangent")?, Rows::of(frame, 2, 3)?);
    let targets = Targets::of(frame, spikes.population(), &ct, delay, rows.nnz)?;
    let spikes = Spikes::of(frame, &spikes, float, rows.n_pre)?;
    out.expect(float, "result")?;
    scratch.expect(float, "scratch")?;
    let single = out.len() == 1;
    if !single {
        expect_len(&out, "result", rows.nnz as usize)?;
    } else if scratch.len() == 0 {
        return Err(Error::invalid("the scratch memory is empty"));
    }
    let device = Device::of(frame)?;
    let index = frame.arg(2).dtype;
    let call = OuterCall { rows, targets, spikes, ct: address(&ct), out: address(&out) };
    // SAFETY: the parameters are those of the kernels, and their buffers have the sizes that they say.
    unsafe {
        if !single {
            let grid = strided(&device, (rows.n_pre as usize + 1) * WARP)?;
            return launch(&device, by_float_and_index!("event_outer", float, index), grid, BLOCK, &call);
        }
        let [blocks, ..] = strided(&device, rows.n_pre as usize * WARP)?;
        let blocks = blocks.min(scratch.len() as u32);
        let call = OuterCall { out: address(&scratch), ..call };
        launch(&device, by_float_and_index!("event_outer_sums", float, index), [blocks, 1, 1], BLOCK, &call)?;
        let call = TotalCall { sums: address(&scratch), out: address(&out), n: blocks.into() };
        launch(&device, by_float!("event_total", float), [1; 3], BLOCK, &call)
    }
}

/// Where the operands `delay, cursor` are, if the call has them after the four others.
fn delay_of(frame: Frame) -> Result<Option<usize>> {
    match frame.arg_count() {
        4 => Ok(None),
        6 => Ok(Some(4)),
        n => Err(Error::invalid(format!("got {n} operands, expected 4 or 6"))),
    }
}
