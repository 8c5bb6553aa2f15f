//! Handlers of the values of the last steps, and of what arrives of them.

use super::device::{Device, address};
use super::driver::Address;
use super::event::parts;
use super::kernels::{BLOCK, by_float, by_float_and_index, launch};
use super::operands::{Rows, Targets, Weight, delay_bytes, expect_len, tiles};
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::float;
use spikeloop_kernels::Shape;

/// `History` in csrc/cuda/history.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct History {
    cursor: Address,
    ring: Address,
    count: Address,
    neurons: Address,
    slots: u64,
    n: u64,
}

impl History {
    /// `ring, count, neurons`, which are (slots, n), (slots) and (slots, n), and the cursor.
    fn of([ring, count, neurons]: &[Buffer; 3], cursor: &Buffer, n: usize) -> Result<Self> {
        cursor.expect(Dtype::I32, "cursor")?;
        count.expect(Dtype::I32, "count")?;
        neurons.expect(Dtype::U32, "neurons")?;
        let slots = ring.population().batch;
        if slots == 0 || ring.population().n != n {
            let dims = ring.dims;
            return Err(Error::invalid(format!("'ring' is {dims:?}, expected slots of {n} neurons")));
        }
        expect_len(cursor, "cursor", 1)?;
        expect_len(count, "count", slots)?;
        expect_len(neurons, "neurons", slots * n)?;
        let [cursor, ring, count, neurons] = [cursor, ring, count, neurons].map(address);
        Ok(Self { cursor, ring, count, neurons, slots: slots as u64, n: n as u64 })
    }
}

/// `HistoryRecordCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RecordCall {
    history: History,
    values: Address,
    tiles: Address,
    n_tiles: u64,
}

/// `values, cursor, ring, count, neurons` to `ring, count, neurons`, in place, and scratch: the tiles of the neurons.
pub(super) fn record(frame: Frame) -> Result<()> {
    frame.expect_counts(5, 4)?;
    let (values, cursor, scratch) = (frame.arg(0), frame.arg(1), frame.ret(3));
    let (float, n_tiles) = (float(&frame.arg(2), "ring")?, tiles(values.len()).max(1));
    values.expect(float, "values")?;
    History::of(&[2, 3, 4].map(|k| frame.arg(k)), &cursor, values.len())?;
    let history = History::of(&[0, 1, 2].map(|k| frame.ret(k)), &cursor, values.len())?;
    scratch.expect(Dtype::U32, "scratch")?;
    expect_len(&scratch, "scratch", n_tiles)?;
    let device = Device::of(frame)?;
    for (k, name) in ["ring", "count", "neurons"].into_iter().enumerate() {
        device.continue_in(&frame.arg(2 + k), name, &frame.ret(k))?;
    }
    let [values, tiles] = [&values, &scratch].map(address);
    let call = RecordCall { history, values, tiles, n_tiles: n_tiles as u64 };
    for name in [by_float!("history_count", float), by_float!("history_write", float)] {
        // SAFETY: the parameter is that of the kernels, and its buffers have the sizes that it says.
        unsafe { launch(&device, name, [n_tiles as u32, 1, 1], BLOCK, &call)? };
    }
    Ok(())
}

/// `HistoryDeliverCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct DeliverCall {
    rows: Rows,
    targets: Targets,
    history: History,
    weight: Weight,
    delays: Address,
    target: Address,
    delay_bytes: u64,
    parts: u64,
}

/// `ring, count, neurons, cursor, weight, indices, indptr, delay, target` to `target`, in place.
pub(super) fn deliver(frame: Frame) -> Result<()> {
    frame.expect_counts(9, 1)?;
    let [ring, weight, indices, delays, target] = [0, 4, 5, 7, 8].map(|k| frame.arg(k));
    let (float, n) = (float(&target, "target")?, ring.population().n);
    ring.expect(float, "ring")?;
    let history = History::of(&[0, 1, 2].map(|k| frame.arg(k)), &frame.arg(3), n)?;
    let rows = Rows::with(&indices, &frame.arg(6), n)?;
    let (weight, delay_bytes) = (Weight::of(&weight, float, rows.nnz)?, delay_bytes(&delays, rows.nnz)?);
    let targets = Targets::of(frame, Shape { batch: 1, n }, &target, None, rows.nnz)?;
    let device = Device::of(frame)?;
    device.continue_in(&target, "target", &frame.ret(0))?;
    let parts = parts(&device, history.slots, rows.nnz.div_ceil(history.slots))?;
    let [delays, to] = [&delays, &frame.ret(0)].map(address);
    let call = DeliverCall { rows, targets, history, weight, delays, target: to, delay_bytes, parts };
    let name = by_float_and_index!("history_deliver", float, indices.dtype);
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, name, [history.slots as u32, parts as u32, 1], BLOCK, &call) }
}
