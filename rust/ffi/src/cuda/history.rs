//! Handlers of the values of the last steps, and of what arrives of them.

use super::device::{Device, address};
use super::driver::Address;
use super::event::parts;
use super::kernels::{BLOCK, by_float, by_float_and_index, launch};
use super::operands::{Delays, Rows, Targets, Weight, expect_len, tiles};
use super::sums::Sums;
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::float;
use spikeloop_kernels::Shape;
use spikeloop_kernels::event::Names;

/// `History` in csrc/cuda/history.cuh.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct History {
    cursor: Address,
    ring: Address,
    count: Address,
    neurons: Address,
    pub(super) slots: u64,
    pub(super) n: u64,
}

impl History {
    /// `ring, count, neurons`, which are (slots, n), (slots) and (slots, n), and the cursor.
    pub(super) fn of([ring, count, neurons]: &[Buffer; 3], cursor: &Buffer, n: usize) -> Result<Self> {
        let values = Self::values(ring, cursor, n)?;
        count.expect(Dtype::I32, "count")?;
        neurons.expect(Dtype::U32, "neurons")?;
        expect_len(count, "count", values.slots as usize)?;
        expect_len(neurons, "neurons", values.slots as usize * n)?;
        let [count, neurons] = [count, neurons].map(address);
        Ok(Self { count, neurons, ..values })
    }

    /// `ring` and the cursor alone, where no neurons are listed.
    pub(super) fn values(ring: &Buffer, cursor: &Buffer, n: usize) -> Result<Self> {
        cursor.expect(Dtype::I32, "cursor")?;
        let slots = ring.population().batch;
        if slots == 0 || ring.population().n != n {
            let dims = ring.dims;
            return Err(Error::invalid(format!("'ring' is {dims:?}, expected slots of {n} neurons")));
        }
        expect_len(cursor, "cursor", 1)?;
        let [cursor, ring] = [cursor, ring].map(address);
        Ok(Self { cursor, ring, count: 0, neurons: 0, slots: slots as u64, n: n as u64 })
    }

    /// One number for each neuron, now.
    pub(super) fn now(values: &Buffer) -> Self {
        Self { cursor: 0, ring: address(values), count: 0, neurons: 0, slots: 0, n: values.len() as u64 }
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
    delays: Delays,
    target: Sums,
    parts: u64,
}

/// `ring, count, neurons, cursor, weight, indices, indptr, delay, target` to `target`, in place.
pub(super) fn deliver(frame: Frame) -> Result<()> {
    Sums::expect_counts(frame, 9, 1)?;
    let [ring, weight, indices, delays, target] = [0, 4, 5, 7, 8].map(|k| frame.arg(k));
    let (float, n) = (float(&target, "target")?, ring.population().n);
    ring.expect(float, "ring")?;
    let history = History::of(&[0, 1, 2].map(|k| frame.arg(k)), &frame.arg(3), n)?;
    let rows = Rows::with(&indices, &frame.arg(6), n, Names::ROWS)?;
    let (weight, delays) = (Weight::of(&weight, float, rows.nnz)?, Delays::of(&delays, rows.nnz)?);
    let targets = Targets::of(frame, Shape { batch: 1, n }, &target, None, rows.nnz)?;
    let device = Device::of(frame)?;
    device.continue_in(&target, "target", &frame.ret(0))?;
    let parts = parts(&device, history.slots, rows.nnz.div_ceil(history.slots))?;
    let target = Sums::begin(&device, frame, &frame.ret(0), 1)?;
    let call = DeliverCall { rows, targets, history, weight, delays, target, parts };
    let name = by_float_and_index!("history_deliver", float, indices.dtype);
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, name, [history.slots as u32, parts as u32, 1], BLOCK, &call)? };
    target.finish(&device, &frame.ret(0))
}
