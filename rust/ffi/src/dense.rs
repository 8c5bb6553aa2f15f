//! Handlers of spikes times dense matrices. Populations are (…, neurons), and all leading dimensions are batches.
//!
//! Attribute `rounded`: whether the factors are rounded to bfloat16.

use std::borrow::Cow;

use crate::buffer::{Buffer, Element};
use crate::error::Result;
use crate::event::spikes_as;
use crate::frame::Frame;
use crate::operand::{by_float, expect_rows, operand, result};
use spikeloop_kernels::Float;
use spikeloop_kernels::event::{self, Dense, Spikes};
use spikeloop_kernels::large_pages;

/// `spikes, weight` to their product.
pub(crate) fn product(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    by_float!(frame.arg(1), "weight", product_as(frame))
}

fn product_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (spikes, weight) = (frame.arg(0), frame.arg(1));
    let size = size(&spikes, &frame.ret(0))?;
    let (spikes, weight) = factors::<T>(frame, &spikes, &weight, "weight")?;
    let out = result::<T>(frame)?;
    large_pages::ask_around(out.as_mut_ptr().cast(), size_of_val(out));
    Ok(event::dense_product(size, spikes, &weight, out)?)
}

/// `spikes, cotangent` of the product to the cotangent of the weight.
pub(crate) fn outer(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    by_float!(frame.arg(1), "cotangent", outer_as(frame))
}

fn outer_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (spikes, cotangent) = (frame.arg(0), frame.arg(1));
    let size = size(&spikes, &cotangent)?;
    let (spikes, cotangent) = factors::<T>(frame, &spikes, &cotangent, "cotangent")?;
    Ok(event::dense_outer(size, spikes, &cotangent, result(frame)?)?)
}

/// The factors of a product: spikes, and the operand `other` by its name.
pub(crate) fn factors<'a, T: Float + Element>(
    frame: Frame,
    spikes: &'a Buffer,
    other: &'a Buffer,
    name: &str,
) -> Result<(Spikes<'a, T>, Cow<'a, [T]>)> {
    let (spikes, other) = (spikes_as::<T>(spikes)?, operand::<T>(other, name)?);
    if !frame.flag("rounded")? {
        return Ok((spikes, Cow::Borrowed(other)));
    }
    let spikes = if let Spikes::Float(x) = spikes { Spikes::Rounded(x) } else { spikes };
    Ok((spikes, Cow::Owned(other.iter().map(|x| x.to_bf16()).collect())))
}

/// The sizes of a product of `spikes` that gives `out`.
fn size(spikes: &Buffer, out: &Buffer) -> Result<Dense> {
    let (from, to) = (spikes.population(), out.population());
    expect_rows(out, "result", from.batch)?;
    Ok(Dense { batch: from.batch, n_in: from.n, n_out: to.n })
}
