//! Handlers of event propagation: the operands and attributes are those of the CPU's.

use super::device::{Device, address};
use super::driver::Address;
use super::joined::{Joinable, launch};
use super::kernels::{BLOCK, by_float, by_float_and_index, strided};
use super::operands::{Ring, Rows, Spikes, Targets, Weight, expect_len};
use super::sums::Sums;
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::float;

/// Blocks that share the synapses of a tile of sources, at most: the second dimension of a grid.
const MOST_PARTS: u64 = 65_535;

/// `ScatterCall` in csrc/cuda/event.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct ScatterCall {
    rows: Rows,
    targets: Targets,
    spikes: Spikes,
    weight: Weight,
    target: Sums,
    past: Address,
    turned: Ring,
    past_rows: u64,
    tiles: u64,
    parts: u64,
}

/// `spikes, weight, indices, indptr, [delay, cursor,] target` to `target`, in place.
pub(super) fn scatter(frame: Frame) -> Result<()> {
    let last = if frame.arg_count() == 5 { 4 } else { 6 };
    Sums::expect_counts(frame, last + 1, 1)?;
    let (spikes, target) = (frame.arg(0), frame.arg(last));
    let rows = Rows::of(frame, 2, 3)?;
    let delay = (last == 6).then_some(4);
    let targets = Targets::of(frame, spikes.population(), &target, delay, rows.nnz)?;
    let (device, call) = call(frame, rows, targets, None, &target)?;
    run(&device, &call, &target, &frame.arg(2))
}

/// `spikes, weight, indices, indptr, cursor, ring, target` to `ring, target`, in place.
pub(super) fn relay(frame: Frame) -> Result<()> {
    Sums::expect_counts(frame, 7, 2)?;
    let (spikes, past, target) = (frame.arg(0), frame.arg(5), frame.arg(6));
    let rows = Rows::of(frame, 2, 3)?;
    let targets = Targets::of(frame, spikes.population(), &target, None, rows.nnz)?;
    let turned = Ring::turned(frame, 4)?;
    turned.check_batch(spikes.population().batch)?;
    past.expect(float(&target, "target")?, "ring")?;
    expect_len(&past, "ring", (targets.batch * turned.slots * rows.n_pre) as usize)?;
    let (device, call) = call(frame, rows, targets, Some(turned), &target)?;
    device.continue_in(&past, "ring", &frame.ret(0))?;
    run(&device, &call, &target, &frame.arg(2))
}

/// The parameter of the kernel; the last result, after the ring if there is one, continues the operand `target`.
fn call(
    frame: Frame,
    rows: Rows,
    targets: Targets,
    turned: Option<Ring>,
    target: &Buffer,
) -> Result<(Device, ScatterCall)> {
    let float = float(target, "target")?;
    let spikes = Spikes::of(frame, &frame.arg(0), float, rows.n_pre)?;
    let weight = Weight::of(&frame.arg(1), float, rows.nnz)?;
    let device = Device::of(frame)?;
    let place = usize::from(turned.is_some());
    let (to, past) = (frame.ret(place), turned.map_or(0, |_| address(&frame.ret(0))));
    let turned = turned.unwrap_or(Ring::NONE);
    device.continue_in(target, "target", &to)?;
    let sums = Sums::begin(&device, frame, &to, place + 1)?;
    let tiles = rows.n_pre.div_ceil(BLOCK.into());
    let parts = parts(&device, tiles * targets.batch, rows.nnz.div_ceil(tiles.max(1)))?;
    Ok((
        device,
        ScatterCall {
            rows,
            targets,
            spikes,
            weight,
            target: sums,
            past,
            turned,
            past_rows: targets.batch / turned.lanes,
            tiles,
            parts,
        },
    ))
}

/// How many blocks share a tile, so that all multiprocessors have work and no block less than a synapse for each thread
/// if all sources spike. It follows from shapes alone.
pub(super) fn parts(device: &Device, tiles: u64, synapses: u64) -> Result<u64> {
    let enough = device.blocks()?.div_ceil(tiles.max(1));
    Ok(enough.min(synapses.div_ceil(BLOCK.into())).clamp(1, MOST_PARTS))
}

fn run(device: &Device, call: &ScatterCall, target: &Buffer, indices: &Buffer) -> Result<()> {
    let name = by_float_and_index!("event_scatter", target.dtype, indices.dtype);
    let part = Joinable::by_index(indices.dtype, Joinable::Scatter, Joinable::ScatterWide);
    let grid = [(call.tiles * call.targets.batch) as u32, call.parts as u32];
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(device, (part, name, Some(target.dtype)), grid, call)? };
    call.target.finish(device, target)
}

/// `CollectCall` in csrc/cuda/event.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct CollectCall {
    ring: Ring,
    full: Address,
    target: Address,
    slots: Address,
    n: u64,
}

/// `cursor, full, target, ring` to `target, ring`, in place.
pub(super) fn collect(frame: Frame) -> Result<()> {
    frame.expect_counts(4, 2)?;
    let [full, target, slots] = [1, 2, 3].map(|k| frame.arg(k));
    let ring = Ring::turned(frame, 0)?;
    full.expect(Dtype::I32, "full")?;
    expect_len(&full, "full", 1)?;
    slots.expect(float(&target, "target")?, "ring")?;
    expect_len(&slots, "ring", ring.slots as usize * target.len())?;
    let n = target.len() / (ring.lanes as usize).max(1);
    if n * ring.lanes as usize != target.len() {
        let (len, lanes) = (target.len(), ring.lanes);
        return Err(Error::invalid(format!(
            "'target' has {len} elements, which {lanes} lanes do not share evenly"
        )));
    }
    let device = Device::of(frame)?;
    device.continue_in(&target, "target", &frame.ret(0))?;
    device.continue_in(&slots, "ring", &frame.ret(1))?;
    let [to, ring_to] = [0, 1].map(|k| address(&frame.ret(k)));
    let call = CollectCall { ring, full: address(&full), target: to, slots: ring_to, n: n as u64 };
    let name = by_float!("event_collect", target.dtype);
    let [x, y, _] = strided(&device, target.len())?;
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, (Joinable::Collect, name, Some(target.dtype)), [x, y], &call) }
}
