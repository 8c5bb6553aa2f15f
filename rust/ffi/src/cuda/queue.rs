//! Handlers of spikes that wait for the delays of their synapses.

use super::device::{Device, address};
use super::driver::Address;
use super::event::parts;
use super::joined::{self, Joinable};
use super::kernels::{BLOCK, by_float, by_float_and_index, launch, strided};
use super::operands::{Rows, Spikes, Targets, Weight, delay_bytes, expect_len, tiles};
use super::sums::Sums;
use crate::buffer::Dtype;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::{expect_rows, float};
use spikeloop_kernels::Shape;

/// Neighbouring targets that a block of targets holds whole.
const ALIGN: usize = 16;

/// `Queue` in csrc/cuda/queue.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct Queue {
    cursor: Address,
    count: Address,
    sources: Address,
    values: Address,
    slots: u64,
    n_pre: u64,
}

impl Queue {
    /// The operands `cursor, count, sources, values` from `first` on; the last three are results as well.
    fn of(frame: Frame, first: usize, n_pre: usize) -> Result<Self> {
        let [cursor, count, sources, values] = [0, 1, 2, 3].map(|k| frame.arg(first + k));
        cursor.expect(Dtype::I32, "cursor")?;
        count.expect(Dtype::I32, "count")?;
        sources.expect(Dtype::U32, "sources")?;
        let slots = count.len();
        expect_len(&cursor, "cursor", 1)?;
        expect_len(&sources, "sources", slots * n_pre)?;
        expect_len(&values, "values", slots * n_pre)?;
        if slots == 0 {
            return Err(Error::invalid("'count' has 0 elements, expected at least 1"));
        }
        let [count, sources, values] = [0, 1, 2].map(|k| address(&frame.ret(k)));
        let [slots, n_pre] = [slots, n_pre].map(|n| n as u64);
        Ok(Self { cursor: address(&cursor), count, sources, values, slots, n_pre })
    }

    /// Copies the operands to results that XLA did not make one buffer with them.
    fn keep(device: &Device, frame: Frame, first: usize) -> Result<()> {
        for (k, name) in ["count", "sources", "values"].into_iter().enumerate() {
            device.continue_in(&frame.arg(first + 1 + k), name, &frame.ret(k))?;
        }
        Ok(())
    }
}

/// `EnqueueCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct EnqueueCall {
    queue: Queue,
    spikes: Spikes,
}

/// `spikes, cursor, count, sources, values` to `count, sources, values`, in place.
pub(super) fn enqueue(frame: Frame) -> Result<()> {
    frame.expect_counts(5, 3)?;
    let (spikes, float, n_pre) = (frame.arg(0), float(&frame.arg(4), "values")?, frame.count("n_pre")?);
    let queue = Queue::of(frame, 1, n_pre)?;
    expect_rows(&spikes, "spikes", 1)?;
    let spikes = Spikes::of(frame, &spikes, float, queue.n_pre)?;
    let device = Device::of(frame)?;
    Queue::keep(&device, frame, 1)?;
    let name = by_float!("event_enqueue", float);
    let (grid, call) = ([tiles(n_pre) as u32, 1], EnqueueCall { queue, spikes });
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { joined::launch(&device, (Joinable::Enqueue, name, Some(float)), grid, &call) }
}

/// `Starts`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Starts {
    at: Address,
    width: u64,
    blocks: u64,
    bytes: u64,
}

impl Starts {
    /// The operand at this place, with the attribute `blocks`: a row for each source.
    fn of(frame: Frame, at: usize, n_pre: u64) -> Result<Self> {
        let (starts, blocks) = (frame.arg(at), frame.count("blocks")?);
        let bytes = match starts.dtype {
            Dtype::U16 => 2,
            Dtype::U32 => 4,
            other => {
                return Err(Error::invalid(format!(
                    "operand 'starts' is {other}, expected uint16 or uint32"
                )));
            }
        };
        expect_rows(&starts, "starts", n_pre as usize)?;
        let width = starts.population().n;
        if blocks == 0 || (n_pre > 0 && (width <= blocks || width % blocks != 1 % blocks)) {
            return Err(Error::invalid(format!(
                "'starts' has rows of {width} places for {blocks} blocks of targets"
            )));
        }
        let [width, blocks] = [width, blocks].map(|n| n as u64);
        Ok(Self { at: address(&starts), width, blocks, bytes })
    }

    fn delays(&self) -> u64 {
        self.width.saturating_sub(1) / self.blocks
    }
}

/// `DeliverCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct DeliverCall {
    rows: Rows,
    targets: Targets,
    queue: Queue,
    starts: Starts,
    weight: Weight,
    target: Sums,
    parts: u64,
    forgets: u64,
}

/// Up to so many blocks and sources, the blocks of `event_deliver` empty the slot of the oldest spikes themselves: 24 bits
/// of its number say how many spikes it holds, the others how many blocks have taken it.
const COUNTED_BLOCKS: u64 = 127;
const COUNTED_SOURCES: u64 = 1 << 24;

/// `weight, indices, indptr, starts, cursor, count, sources, values, target` to `count, sources, values, target`, in
/// place.
pub(super) fn deliver(frame: Frame) -> Result<()> {
    Sums::expect_counts(frame, 9, 4)?;
    let (target, to) = (frame.arg(8), frame.ret(3));
    let (rows, float) = (Rows::of(frame, 1, 2)?, float(&target, "target")?);
    frame.arg(7).expect(float, "values")?;
    let queue = Queue::of(frame, 4, rows.n_pre as usize)?;
    let (starts, weight) = (Starts::of(frame, 3, rows.n_pre)?, Weight::of(&frame.arg(0), float, rows.nnz)?);
    if starts.delays() > queue.slots {
        let (given, expected) = (queue.slots, starts.delays());
        return Err(Error::invalid(format!("'count' has {given} elements, expected {expected}")));
    }
    let one = Shape { batch: 1, n: rows.n_pre as usize };
    let targets = Targets::of(frame, one, &target, None, rows.nnz)?;
    let device = Device::of(frame)?;
    Queue::keep(&device, frame, 4)?;
    device.continue_in(&target, "target", &to)?;
    let delays = starts.delays();
    let parts = parts(&device, delays, rows.nnz.div_ceil(delays.max(1)))?;
    let sums = Sums::begin(&device, frame, &to, 4)?;
    let forgets = delays > 0 && parts <= COUNTED_BLOCKS && rows.n_pre < COUNTED_SOURCES;
    let call =
        DeliverCall { rows, targets, queue, starts, weight, target: sums, parts, forgets: forgets.into() };
    let index = frame.arg(1).dtype;
    let name = by_float_and_index!("event_deliver", float, index);
    let part = Joinable::by_index(index, Joinable::Deliver, Joinable::DeliverWide);
    let grid = [delays as u32, parts as u32];
    // SAFETY: the parameters are those of the kernels, and their buffers have the sizes that they say.
    unsafe {
        joined::launch(&device, (part, name, Some(float)), grid, &call)?;
        if !forgets {
            launch(&device, c"event_forget", [1; 3], 1, &queue)?;
        }
    }
    sums.finish(&device, &to)
}

/// `StartsCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct StartsCall {
    rows: Rows,
    delays: Address,
    out: Address,
    delay_bytes: u64,
    index_bytes: u64,
    out_bytes: u64,
    width: u64,
    blocks: u64,
    size: u64,
}

/// `indices, indptr, delay` to `starts`, in the type of the result.
pub(super) fn starts(frame: Frame) -> Result<()> {
    frame.expect_counts(3, 1)?;
    let (rows, delays, out) = (Rows::of(frame, 0, 1)?, frame.arg(2), frame.ret(0));
    let (blocks, n_post) = (frame.count("blocks")?, frame.count("n_post")?);
    let delay_bytes = delay_bytes(&delays, rows.nnz)?;
    let out_bytes = if out.dtype == Dtype::U16 { 2 } else { 4 };
    out.expect(if out_bytes == 2 { Dtype::U16 } else { Dtype::U32 }, "result")?;
    expect_rows(&out, "starts", rows.n_pre as usize)?;
    let width = out.population().n;
    if blocks == 0 || (rows.n_pre > 0 && (width <= blocks || width % blocks != 1 % blocks)) {
        return Err(Error::invalid(format!(
            "'starts' has rows of {width} places for {blocks} blocks of targets"
        )));
    }
    let size = n_post.div_ceil(blocks).next_multiple_of(ALIGN).max(ALIGN) as u64;
    let index_bytes = if frame.arg(0).dtype == Dtype::U16 { 2 } else { 4 };
    let [width, blocks] = [width, blocks].map(|n| n as u64);
    let [delays, out_at] = [&delays, &out].map(address);
    let call =
        StartsCall { rows, delays, out: out_at, delay_bytes, index_bytes, out_bytes, width, blocks, size };
    let device = Device::of(frame)?;
    let grid = strided(&device, out.len())?;
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, c"event_starts", grid, BLOCK, &call) }
}
