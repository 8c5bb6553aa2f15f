//! The handler of event propagation, which runs in nearly every step of a network.

use super::{Turn, dims_of, expect_either, ring_of, rows_of, spikes_as, turn};
use crate::buffer::{Dtype, Element};
use crate::error::Result;
use crate::found;
use crate::frame::Frame;
use crate::operand::{float, in_place, operand};
use crate::prepared::OfFloats;
use spikeloop_kernels::Float;
use spikeloop_kernels::event;

/// `spikes, weight, indices, indptr, [delay, cursor,] target` to `target`, in place.
#[derive(Debug)]
pub(crate) struct Scatter {
    /// The operand that is the target, and whether it holds float64.
    target: usize,
    double: bool,
    n_pre: usize,
    sorted: bool,
    offset: usize,
    turn: Option<Turn>,
}

impl OfFloats for Scatter {
    fn new(frame: Frame) -> Result<Self> {
        let target = expect_either(frame, 5)? - 1;
        let double = float(&frame.arg(target), "target")? == Dtype::F64;
        let (n_pre, sorted) = (frame.count("n_pre")?, frame.flag("sorted")?);
        Ok(Self { target, double, n_pre, sorted, offset: frame.count("offset")?, turn: turn(frame, 5)? })
    }

    fn is_double(&self) -> bool {
        self.double
    }

    fn call_as<T: Float + Element>(&self, frame: Frame) -> Result<()> {
        let (spikes, target) = (frame.arg(0), frame.arg(self.target));
        let rows = rows_of(frame, 2, 3, self.n_pre)?.sorted(self.sorted);
        let ring = ring_of(frame, 4, 5, self.turn)?;
        let dims = dims_of(self.offset, &spikes, &target, &ring)?;
        let weight = operand::<T>(&frame.arg(1), "weight")?;
        let values = spikes_as::<T>(&spikes)?;
        // SAFETY: `operand` and the like borrow other buffers, and the target's own is not borrowed.
        let result = unsafe { in_place::<T>(&target, "target", &frame.ret(0))? };
        found::with_ones(frame, &spikes, |ones| {
            let delivered = match ones {
                Some(ones) => event::scatter_found(dims, ones, weight, &rows, &ring, result),
                None => event::scatter(dims, values, weight, &rows, &ring, result),
            };
            Ok(delivered?)
        })
    }
}
