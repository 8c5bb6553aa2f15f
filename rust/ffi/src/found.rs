//! Spikes that a call of a sequence found, for the calls after it that read the same buffer.

use crate::buffer::{Buffer, Dtype};
use crate::error::Result;
use crate::frame::Frame;
use crate::operand::operand;
use spikeloop_kernels::event::find_ones;
use std::cell::{Cell, RefCell};

/// The elements of a buffer that are 1, all others being 0.
struct Ones {
    address: usize,
    len: usize,
    rows: Vec<u32>,
    /// Whether the present call wrote the buffer and knows what it holds.
    written: bool,
}

/// What is known while a sequence runs.
#[derive(Default)]
pub(crate) struct Found {
    ones: RefCell<Option<Ones>>,
    bits: Cell<Vec<u64>>,
}

thread_local! {
    /// The memory that bits of spikes had last: to ask the system for some takes as long as a short call.
    static BITS: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

impl Found {
    /// Nothing so far.
    pub(crate) fn new() -> Self {
        Self { ones: RefCell::new(None), bits: Cell::new(BITS.take()) }
    }

    /// Runs with so many words of 0.
    pub(crate) fn with_words<R>(&self, count: usize, run: impl FnOnce(&mut [u64]) -> R) -> R {
        let mut words = self.bits.take();
        words.clear();
        words.resize(count, 0);
        let result = run(&mut words);
        self.bits.set(words);
        result
    }

    /// From now on these are the spikes of a buffer, which the present call wrote.
    pub(crate) fn replace(&self, buffer: &Buffer, rows: Vec<u32>) {
        self.ones.replace(Some(Ones { address: address(buffer), len: buffer.len(), rows, written: true }));
    }

    /// After a call that wrote the buffers at these addresses: what was known of one is forgotten.
    pub(crate) fn forget(&self, mut written: impl Iterator<Item = usize>) {
        let mut ones = self.ones.borrow_mut();
        if let Some(known) = &mut *ones {
            if !known.written && written.any(|address| address == known.address) {
                *ones = None;
            } else {
                known.written = false;
            }
        }
    }

    fn knows(&self, buffer: &Buffer) -> bool {
        self.ones.borrow().as_ref().is_some_and(|ones| {
            ones.address == address(buffer) && ones.len == buffer.len() && is_one_row(buffer)
        })
    }

    /// Calls a function with the spikes that are known.
    fn with<R>(&self, body: impl FnOnce(Option<&[u32]>) -> Result<R>) -> Result<R> {
        body(self.ones.borrow().as_ref().map(|ones| &ones.rows[..]))
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        BITS.set(self.bits.take());
    }
}

/// Calls a function with the spikes of a buffer of one row, or with none if they are not all 1 or no sequence runs.
pub(crate) fn with_ones<R>(
    frame: Frame,
    buffer: &Buffer,
    body: impl FnOnce(Option<&[u32]>) -> Result<R>,
) -> Result<R> {
    let Some(found) = frame.found().filter(|_| is_one_row(buffer)) else { return body(None) };
    if !found.knows(buffer) {
        let Some(rows) = find_ones(operand::<f32>(buffer, "spikes")?) else { return body(None) };
        found.ones.replace(Some(Ones { address: address(buffer), len: buffer.len(), rows, written: false }));
    }
    found.with(body)
}

/// As [`with_ones`], with none if the spikes are not known yet: for work that is as fast without a search.
pub(crate) fn with_known<R>(
    frame: Frame,
    buffer: &Buffer,
    body: impl FnOnce(Option<&[u32]>) -> Result<R>,
) -> Result<R> {
    match frame.found() {
        Some(found) if found.knows(buffer) => found.with(body),
        _ => body(None),
    }
}

fn is_one_row(buffer: &Buffer) -> bool {
    buffer.dtype == Dtype::F32 && buffer.dims.len() == 1 && u32::try_from(buffer.len()).is_ok()
}

fn address(buffer: &Buffer) -> usize {
    buffer.address().addr()
}
