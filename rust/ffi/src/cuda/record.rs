//! Handlers of records of spikes.

use super::device::{Device, address};
use super::driver::Address;
use super::kernels::{BLOCK, launch, strided};
use super::operands::{expect_len, tiles};
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;

/// `RecordCall` in csrc/cuda/record.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct RecordCall {
    spikes: Address,
    rows: u64,
    n: u64,
    bytes: u64,
}

impl RecordCall {
    fn of(spikes: &Buffer, rows: usize, n: usize) -> Result<Self> {
        let bytes = match spikes.dtype {
            Dtype::PRED => 1,
            Dtype::F32 => 4,
            Dtype::F64 => 8,
            other => {
                return Err(Error::invalid(format!(
                    "operand 'spikes' is {other}, expected bool, float32 or float64"
                )));
            }
        };
        Ok(Self { spikes: address(spikes), rows: rows as u64, n: n as u64, bytes })
    }
}

/// `PackCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct PackCall {
    from: RecordCall,
    bits: Address,
}

/// `spikes` (…, n) to `bits` (…, bytes).
pub(super) fn pack(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let (spikes, bits) = (frame.arg(0), frame.ret(0));
    let shape = spikes.population();
    let from = RecordCall::of(&spikes, shape.batch, shape.n)?;
    bits.expect(Dtype::U8, "result")?;
    expect_len(&bits, "bits", shape.batch * shape.n.div_ceil(8))?;
    let device = Device::of(frame)?;
    let grid = strided(&device, shape.batch * shape.n.next_multiple_of(32))?;
    let call = PackCall { from, bits: address(&bits) };
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, c"record_pack", grid, BLOCK, &call) }
}

/// Groups of a launch.
const GROUPS: usize = 64;

/// `CountCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct CountCall {
    from: RecordCall,
    counts: Address,
    groups: u64,
    first: u64,
    chunks: u64,
    starts: [i32; GROUPS],
    stops: [i32; GROUPS],
}

/// `spikes` (…, n) to the counts (…, groups) in the ranges `starts[g]..stops[g]`.
pub(super) fn count(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let (spikes, counts) = (frame.arg(0), frame.ret(0));
    let shape = spikes.population();
    let from = RecordCall::of(&spikes, shape.batch, shape.n)?;
    let (starts, stops) = (frame.ints("starts")?, frame.ints("stops")?);
    check_groups(starts, stops, shape.n)?;
    counts.expect(Dtype::I32, "result")?;
    expect_len(&counts, "counts", shape.batch * starts.len())?;
    let device = Device::of(frame)?;
    device.clear(&counts)?;
    let longest = starts.iter().zip(stops).map(|(start, stop)| stop - start).max().unwrap_or(0);
    let most = device.blocks()?.div_ceil(shape.batch.max(1) as u64);
    let chunks = (longest as u64).div_ceil(u64::from(BLOCK) * 8).clamp(1, most.max(1));
    for (first, (starts, stops)) in starts.chunks(GROUPS).zip(stops.chunks(GROUPS)).enumerate() {
        let (groups, first) = ((counts.len() / shape.batch.max(1)) as u64, (first * GROUPS) as u64);
        let grid = [(shape.batch as u64 * chunks) as u32, starts.len() as u32, 1];
        let [starts, stops] = [starts, stops].map(|ends| {
            let mut padded = [0; GROUPS];
            padded[..ends.len()].copy_from_slice(ends);
            padded
        });
        let call = CountCall { from, counts: address(&counts), groups, first, chunks, starts, stops };
        // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
        unsafe { launch(&device, c"record_count", grid, BLOCK, &call)? };
    }
    Ok(())
}

/// Fails unless the groups are ranges of `n` neurons.
fn check_groups(starts: &[i32], stops: &[i32], n: usize) -> Result<()> {
    if starts.len() != stops.len() {
        let (given, expected) = (stops.len(), starts.len());
        return Err(Error::invalid(format!("'stops' has {given} elements, expected {expected}")));
    }
    for (&start, &stop) in starts.iter().zip(stops) {
        if start < 0 || stop < start || stop as usize > n {
            return Err(Error::invalid(format!("'starts' and 'stops' name neurons {start}..{stop} of {n}")));
        }
    }
    Ok(())
}

/// `AppendCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct AppendCall {
    from: RecordCall,
    clock: Address,
    events: Address,
    tiles: Address,
    capacity: u64,
    n_tiles: u64,
}

/// `spikes, clock, events` to `clock, events`, in place, and scratch: for each lane its tiles and its clock.
pub(super) fn append(frame: Frame) -> Result<()> {
    frame.expect_counts(3, 3)?;
    let [spikes, clock, events] = [0, 1, 2].map(|k| frame.arg(k));
    for (buffer, name) in [(&clock, "clock"), (&events, "events")] {
        buffer.expect(Dtype::I32, name)?;
        let width = buffer.population().n;
        if width != 2 {
            return Err(Error::invalid(format!("'{name}' has rows of {width} numbers, expected 2")));
        }
    }
    let lanes = clock.len() / 2;
    let each = |len: usize| len / lanes.max(1);
    let (n, capacity) = (each(spikes.len()), each(events.len()) / 2);
    expect_len(&spikes, "spikes", lanes * n)?;
    expect_len(&events, "events", 2 * lanes * capacity)?;
    let from = RecordCall::of(&spikes, lanes, n)?;
    let n_tiles = tiles(n).max(1);
    let scratch = frame.ret(2);
    scratch.expect(Dtype::U32, "scratch")?;
    expect_len(&scratch, "scratch", lanes * (n_tiles + 2))?;
    let device = Device::of(frame)?;
    device.continue_in(&clock, "clock", &frame.ret(0))?;
    device.continue_in(&events, "events", &frame.ret(1))?;
    let [clock, events] = [0, 1].map(|k| address(&frame.ret(k)));
    let (capacity, grid) = (capacity as u64, [(lanes * n_tiles) as u32, 1, 1]);
    let call =
        AppendCall { from, clock, events, tiles: address(&scratch), capacity, n_tiles: n_tiles as u64 };
    for name in [c"record_append_count", c"record_append_write"] {
        // SAFETY: the parameter is that of the kernels, and its buffers have the sizes that it says.
        unsafe { launch(&device, name, grid, BLOCK, &call)? };
    }
    Ok(())
}
