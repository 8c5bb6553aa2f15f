//! Handlers of convolutions. Arrays are (…, axes, channels), and all leading dimensions are batches.
//!
//! Attribute `windows`: seven numbers for each axis, those of an [`Axis`] in their order. `rounded` as in
//! [`crate::dense`].

use crate::buffer::{Buffer, Element};
use crate::dense::factors;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::{by_float, result};
use spikeloop_kernels::Float;
use spikeloop_kernels::event::{self, Axis, Conv};
use spikeloop_kernels::large_pages;

/// `spikes, weight` to their convolution.
pub(crate) fn product(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    by_float!(frame.arg(1), "weight", product_as(frame))
}

fn product_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (spikes, weight) = (frame.arg(0), frame.arg(1));
    let conv = sizes(frame, &spikes, &frame.ret(0))?;
    let (spikes, weight) = factors::<T>(frame, &spikes, &weight, "weight")?;
    let out = result::<T>(frame)?;
    large_pages::ask_around(out.as_mut_ptr().cast(), size_of_val(out));
    Ok(event::conv_product(&conv, spikes, &weight, out)?)
}

/// `spikes, cotangent` of the convolution to the cotangent of the weight.
pub(crate) fn outer(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    by_float!(frame.arg(1), "cotangent", outer_as(frame))
}

fn outer_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (spikes, cotangent) = (frame.arg(0), frame.arg(1));
    let conv = sizes(frame, &spikes, &cotangent)?;
    let (spikes, cotangent) = factors::<T>(frame, &spikes, &cotangent, "cotangent")?;
    Ok(event::conv_outer(&conv, spikes, &cotangent, result(frame)?)?)
}

/// The sizes of a convolution of `spikes` that gives `out`.
fn sizes(frame: Frame, spikes: &Buffer, out: &Buffer) -> Result<Conv> {
    let axes: Vec<Axis> = frame.ints("windows")?.chunks(7).map(axis).collect::<Result<_>>()?;
    let Some(front) = spikes.dims.len().checked_sub(axes.len() + 1) else {
        let rank = spikes.dims.len();
        return Err(Error::invalid(format!(
            "'spikes' has {rank} axes, too few for windows of {}",
            axes.len()
        )));
    };
    let batch = spikes.dims[..front].iter().map(|&d| d as usize).product();
    Ok(Conv { batch, axes, n_in: spikes.population().n, n_out: out.population().n })
}

fn axis(numbers: &[i32]) -> Result<Axis> {
    let wrong = || Error::invalid(format!("attribute 'windows' has an axis of {numbers:?}"));
    let &[n_in, n_out, window, stride, before, spacing, dilation] = numbers else { return Err(wrong()) };
    let count = |x: i32| usize::try_from(x).map_err(|_| wrong());
    let positive = |x: i32| if x > 0 { Ok(x as usize) } else { Err(wrong()) };
    Ok(Axis {
        n_in: count(n_in)?,
        n_out: count(n_out)?,
        window: count(window)?,
        stride: positive(stride)?,
        before: before.into(),
        spacing: positive(spacing)?,
        dilation: positive(dilation)?,
    })
}
