//! Spikes that a call of a sequence found, for the calls after it that read the same buffer.

use crate::buffer::{Buffer, Dtype};
use crate::error::Result;
use crate::operand::operand;
use spikeloop_kernels::event::find_ones;
use std::cell::RefCell;

/// The elements of a buffer that are 1, all others being 0.
struct Found {
    address: usize,
    len: usize,
    rows: Vec<u32>,
    /// Whether the present call wrote the buffer and knows what it holds.
    written: bool,
}

#[derive(Default)]
struct Known {
    /// Sequences that run: outside of one nothing is kept.
    depth: usize,
    found: Option<Found>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Keeps what is found until this is dropped.
pub(crate) struct Kept;

impl Kept {
    pub(crate) fn new() -> Self {
        KNOWN.with_borrow_mut(|known| known.depth += 1);
        Self
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        KNOWN.with_borrow_mut(|known| {
            known.depth -= 1;
            known.found = None;
        });
    }
}

/// Calls a function with the spikes of a buffer of one row, or with none if they are not all 1 or no sequence runs.
pub(crate) fn with_ones<R>(buffer: &Buffer, body: impl FnOnce(Option<&[u32]>) -> Result<R>) -> Result<R> {
    let depth = KNOWN.with_borrow(|known| known.depth);
    if depth == 0
        || buffer.dtype != Dtype::F32
        || buffer.dims.len() != 1
        || u32::try_from(buffer.len()).is_err()
    {
        return body(None);
    }
    let found = match known(buffer) {
        Some(found) => found,
        None => match find_ones(operand::<f32>(buffer, "spikes")?) {
            Some(rows) => Found { address: address(buffer), len: buffer.len(), rows, written: false },
            None => return body(None),
        },
    };
    let result = body(Some(&found.rows));
    keep(found);
    result
}

/// As [`with_ones`], with none if the spikes are not known yet: for work that is as fast without a search.
pub(crate) fn with_known<R>(buffer: &Buffer, body: impl FnOnce(Option<&[u32]>) -> Result<R>) -> Result<R> {
    let Some(found) = known(buffer) else { return body(None) };
    let result = body(Some(&found.rows));
    keep(found);
    result
}

fn address(buffer: &Buffer) -> usize {
    buffer.ptr::<f32>().addr()
}

/// What is known of a buffer, which is to be given back.
fn known(buffer: &Buffer) -> Option<Found> {
    let wanted = (address(buffer), buffer.len());
    let is_one = buffer.dtype == Dtype::F32 && buffer.dims.len() == 1;
    let found = KNOWN.with_borrow_mut(|known| {
        known.found.take_if(|found| (found.address, found.len) == wanted && is_one)
    })?;
    Some(Found { written: false, ..found })
}

/// From now on these are the spikes of a buffer.
pub(crate) fn replace(buffer: &Buffer, rows: Vec<u32>) {
    keep(Found { address: address(buffer), len: buffer.len(), rows, written: true });
}

fn keep(found: Found) {
    KNOWN.with_borrow_mut(|known| {
        let newer = known.found.as_ref().is_some_and(|other| other.written);
        if known.depth > 0 && !newer {
            known.found = Some(found);
        }
    });
}

/// After a call that wrote the buffers at these addresses: what was known of one is forgotten.
pub(crate) fn forget(mut written: impl Iterator<Item = usize>) {
    KNOWN.with_borrow_mut(|known| {
        if let Some(found) = &mut known.found {
            if !found.written && written.any(|address| address == found.address) {
                known.found = None;
            } else {
                found.written = false;
            }
        }
    });
}
