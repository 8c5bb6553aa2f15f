//! Handlers of plasticity.

use crate::buffer::{Buffer, Dtype, Element};
use crate::error::{Error, Result};
use crate::event::{events_as, float, in_place, operand, rows_of};
use crate::frame::Frame;
use spikeloop_kernels::Float;
use spikeloop_kernels::plasticity::{Dependence, Law, Sources, update_columns, update_rows};

/// `events, coefficient, law, indices, indptr, weight` to `weight`, in place.
pub(crate) fn rows(frame: Frame) -> Result<()> {
    frame.expect_counts(6, 1)?;
    match float(&frame.arg(5), "weight")? {
        Dtype::F32 => rows_as::<f32>(frame),
        _ => rows_as::<f64>(frame),
    }
}

fn rows_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let events = frame.arg(0);
    let rows = rows_of(frame, 3, 4, events.len())?;
    let (events, coefficient, law) = (events_as::<T>(&events, "events")?, coefficient(frame)?, law(frame)?);
    // SAFETY: the other operands borrow other buffers, and the weight's own is not borrowed.
    let weight = unsafe { in_place::<T>(&frame.arg(5), "weight", &frame.ret(0))? };
    Ok(update_rows(events, coefficient, &law, &rows, weight)?)
}

/// `events, coefficient, law, places, ends, sources, indptr, weight` to `weight`, in place.
///
/// `places` are those of the synapses of each target among the weights, and `ends` is their indptr. `sources` are those
/// of the synapses in the same order, in 16 bits; or, in 32 bits, the rows that each 2^`shift`-th place lies in, where
/// `indptr` is that of the rows.
pub(crate) fn columns(frame: Frame) -> Result<()> {
    frame.expect_counts(8, 1)?;
    match float(&frame.arg(7), "weight")? {
        Dtype::F32 => columns_as::<f32>(frame),
        _ => columns_as::<f64>(frame),
    }
}

fn columns_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let events = frame.arg(0);
    let columns = rows_of(frame, 3, 4, events.len())?;
    let (events, coefficient, law) = (events_as::<T>(&events, "events")?, coefficient(frame)?, law(frame)?);
    let found = frame.arg(5);
    // The rows have no indices here: their places are asked for, not their targets.
    let rows = match found.dtype {
        Dtype::U16 => None,
        Dtype::U32 => Some(rows_of(frame, 3, 6, coefficient.len())?),
        other => {
            return Err(Error::invalid(format!("operand 'sources' is {other}, expected uint16 or uint32")));
        }
    };
    let sources = match &rows {
        None => Sources::Stored(operand(&found, "sources")?),
        Some(rows) => Sources::Looked { first: operand(&found, "sources")?, shift: shift(frame)?, rows },
    };
    // SAFETY: the other operands borrow other buffers, and the weight's own is not borrowed.
    let weight = unsafe { in_place::<T>(&frame.arg(7), "weight", &frame.ret(0))? };
    Ok(update_columns(events, coefficient, &law, &columns, &sources, weight)?)
}

fn coefficient<T: Element>(frame: Frame<'_>) -> Result<&[T]> {
    operand(&frame.arg(1), "coefficient")
}

fn law<T: Float + Element>(frame: Frame) -> Result<Law<T>> {
    let numbers: Buffer = frame.arg(2);
    Ok(Law::new(operand(&numbers, "law")?, Dependence::of(frame.int("dependence")?)?)?)
}

fn shift(frame: Frame) -> Result<u32> {
    match u32::try_from(frame.int("shift")?) {
        Ok(shift) if shift < 32 => Ok(shift),
        _ => Err(Error::invalid("attribute 'shift' must lie in 0 to 31")),
    }
}
