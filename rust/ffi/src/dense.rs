//! Handlers of spikes times dense matrices. Populations are (…, neurons), and all leading dimensions are batches.

use crate::buffer::{Buffer, Element};
use crate::error::Result;
use crate::event::spikes_as;
use crate::frame::Frame;
use crate::operand::{by_float, expect_rows, operand, result};
use spikeloop_kernels::Float;
use spikeloop_kernels::event::{self, Dense};
use spikeloop_kernels::large_pages;

/// `spikes, weight` to their product.
pub(crate) fn product(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    by_float!(frame.arg(1), "weight", product_as(frame))
}

fn product_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (spikes, weight) = (frame.arg(0), frame.arg(1));
    let size = size(&spikes, &frame.ret(0))?;
    let (spikes, weight) = (spikes_as::<T>(&spikes)?, operand::<T>(&weight, "weight")?);
    let out = result::<T>(frame)?;
    large_pages::ask_within(out.as_mut_ptr().cast(), size_of_val(out));
    Ok(event::dense_product(size, spikes, weight, out)?)
}

/// `spikes, cotangent` of the product to the cotangent of the weight.
pub(crate) fn outer(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    by_float!(frame.arg(1), "cotangent", outer_as(frame))
}

fn outer_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (spikes, cotangent) = (frame.arg(0), frame.arg(1));
    let size = size(&spikes, &cotangent)?;
    let (spikes, cotangent) = (spikes_as::<T>(&spikes)?, operand::<T>(&cotangent, "cotangent")?);
    Ok(event::dense_outer(size, spikes, cotangent, result(frame)?)?)
}

/// The sizes of a product of `spikes` that gives `out`.
fn size(spikes: &Buffer, out: &Buffer) -> Result<Dense> {
    let (from, to) = (spikes.population(), out.population());
    expect_rows(out, "result", from.batch)?;
    Ok(Dense { batch: from.batch, n_in: from.n, n_out: to.n })
}
