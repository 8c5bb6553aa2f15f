//! Handlers of the values of the last steps, and of what they do at synapses with a delay each.
//!
//! Rings are (slots, neurons); `count, neurons` list where their values are not 0. Lines are the synapses of each source
//! or of each target: `others` are their neurons of the other side, `ends` is their indptr, and `places` those among the
//! weights, empty if they stand in the order of these.

use crate::buffer::{Buffer, Element};
use crate::error::Result;
use crate::event::{delays, events_as, lines_of, rows_of};
use crate::frame::Frame;
use crate::operand::{by_float, in_place, operand};
use crate::plastic::law;
use spikeloop_kernels::Float;
use spikeloop_kernels::event::{self, History, Steps};
use spikeloop_kernels::plasticity::{
    Lines, Since, credit_arriving, credit_delayed, update_arriving, update_delayed,
};

/// `values, cursor, ring, count, neurons` to `ring, count, neurons`, in place.
pub(crate) fn record(frame: Frame) -> Result<()> {
    frame.expect_counts(5, 3)?;
    by_float!(frame.arg(2), "ring", record_as(frame))
}

fn record_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let values = operand::<T>(&frame.arg(0), "values")?;
    let cursor = operand::<i32>(&frame.arg(1), "cursor")?;
    // SAFETY: the other operands borrow other buffers, and these three are not borrowed.
    let (ring, count, neurons) = unsafe {
        (
            in_place::<T>(&frame.arg(2), "ring", &frame.ret(0))?,
            in_place::<i32>(&frame.arg(3), "count", &frame.ret(1))?,
            in_place::<u32>(&frame.arg(4), "neurons", &frame.ret(2))?,
        )
    };
    Ok(event::record(values, cursor, ring, count, neurons)?)
}

/// `ring, count, neurons, cursor, weight, indices, indptr, delay, target` to `target`, in place.
pub(crate) fn deliver(frame: Frame) -> Result<()> {
    frame.expect_counts(9, 1)?;
    by_float!(frame.arg(8), "target", deliver_as(frame))
}

fn deliver_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let history = history::<T>(frame)?;
    let rows = rows_of(frame, 5, 6, frame.arg(0).population().n)?;
    let (weight, delays) = (operand::<T>(&frame.arg(4), "weight")?, delays(&frame.arg(7))?);
    // SAFETY: the other operands borrow other buffers, and the target's own is not borrowed.
    let target = unsafe { in_place::<T>(&frame.arg(8), "target", &frame.ret(0))? };
    Ok(event::deliver_arriving(&history, weight, &rows, delays, target)?)
}

/// `ring, count, neurons, cursor, coefficient, law, places, others, ends, delay, weight` to `weight`, in place.
pub(crate) fn at_arrival(frame: Frame) -> Result<()> {
    frame.expect_counts(11, 1)?;
    by_float!(frame.arg(10), "weight", at_arrival_as(frame))
}

fn at_arrival_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let history = history::<T>(frame)?;
    let coefficient = operand(&frame.arg(4), "coefficient")?;
    let law = law(&frame.arg(5), frame, "dependence")?;
    with_lines(frame, 6, frame.arg(0).population().n, |lines| {
        // SAFETY: the other operands borrow other buffers, and the weight's own is not borrowed.
        let weight = unsafe { in_place::<T>(&frame.arg(10), "weight", &frame.ret(0))? };
        Ok(update_arriving(&history, coefficient, &law, lines, weight)?)
    })
}

/// `events, ring, cursor, law, places, others, ends, delay, weight` to `weight`, in place; the ring holds coefficients.
pub(crate) fn delayed(frame: Frame) -> Result<()> {
    frame.expect_counts(9, 1)?;
    by_float!(frame.arg(8), "weight", delayed_as(frame))
}

fn delayed_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let events = frame.arg(0);
    let coefficient = steps::<T>(&frame.arg(1), &frame.arg(2))?;
    let law = law(&frame.arg(3), frame, "dependence")?;
    with_lines(frame, 4, events.len(), |lines| {
        // SAFETY: as above.
        let weight = unsafe { in_place::<T>(&frame.arg(8), "weight", &frame.ret(0))? };
        Ok(update_delayed(events_as(&events, "events")?, &coefficient, &law, lines, weight)?)
    })
}

/// `ring, count, neurons, cursor, coefficient, left, gain, places, others, ends, delay, weight, eligibility` to `weight,
/// eligibility`, in place.
pub(crate) fn credit_where_events_arrive(frame: Frame) -> Result<()> {
    frame.expect_counts(13, 2)?;
    by_float!(frame.arg(11), "weight", credit_at_arrival_as(frame))
}

fn credit_at_arrival_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (history, since) = (history::<T>(frame)?, since::<T>(frame, 5)?);
    let coefficient = operand(&frame.arg(4), "coefficient")?;
    with_lines(frame, 7, frame.arg(0).population().n, |lines| {
        // SAFETY: the other operands borrow other buffers, and these two are not borrowed.
        let synapses = unsafe { synapses::<T>(frame, 11)? };
        Ok(credit_arriving(&history, coefficient, &since, lines, synapses)?)
    })
}

/// `events, ring, cursor, left, gain, places, others, ends, delay, weight, eligibility` to `weight, eligibility`, in place.
pub(crate) fn credit_by_delayed_coefficients(frame: Frame) -> Result<()> {
    frame.expect_counts(11, 2)?;
    by_float!(frame.arg(9), "weight", credit_delayed_as(frame))
}

fn credit_delayed_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (events, since) = (frame.arg(0), since::<T>(frame, 3)?);
    let coefficient = steps::<T>(&frame.arg(1), &frame.arg(2))?;
    with_lines(frame, 5, events.len(), |lines| {
        // SAFETY: as above.
        let synapses = unsafe { synapses::<T>(frame, 9)? };
        Ok(credit_delayed(events_as(&events, "events")?, &coefficient, &since, lines, synapses)?)
    })
}

/// The operands `ring, count, neurons, cursor` at the beginning.
fn history<T: Float + Element>(frame: Frame<'_>) -> Result<History<'_, T>> {
    let steps = steps(&frame.arg(0), &frame.arg(3))?;
    let (count, neurons) = (operand(&frame.arg(1), "count")?, operand(&frame.arg(2), "neurons")?);
    Ok(History::new(steps, count, neurons)?)
}

fn steps<'a, T: Float + Element>(ring: &Buffer<'a>, cursor: &Buffer<'_>) -> Result<Steps<'a, T>> {
    let shape = ring.population();
    Ok(Steps::new(operand(ring, "ring")?, shape.n, shape.batch, operand(cursor, "cursor")?)?)
}

/// The operands `left, gain` from `first` on.
fn since<T: Element>(frame: Frame<'_>, first: usize) -> Result<Since<'_, T>> {
    Ok(Since {
        left: operand(&frame.arg(first), "left")?,
        gain: operand(&frame.arg(first + 1), "gain")?,
        lines_are_sources: frame.flag("lines_are_sources")?,
    })
}

/// Runs with the `n` lines in the operands `places, others, ends, delay` from `first` on.
fn with_lines(
    frame: Frame,
    first: usize,
    n: usize,
    run: impl FnOnce(&Lines<'_>) -> Result<()>,
) -> Result<()> {
    let rows = lines_of(frame, first + 1, first + 2, n)?;
    let places = operand(&frame.arg(first), "places")?;
    run(&Lines::new(&rows, places, delays(&frame.arg(first + 3))?)?)
}

/// The weights and eligibilities from the operand `first` on, which are the results as well.
///
/// # Safety
/// None of their buffers is borrowed.
unsafe fn synapses<T: Element>(frame: Frame<'_>, first: usize) -> Result<[&mut [T]; 2]> {
    // SAFETY: promised to this function; each is asked for once.
    unsafe {
        Ok([
            in_place(&frame.arg(first), "weight", &frame.ret(0))?,
            in_place(&frame.arg(first + 1), "eligibility", &frame.ret(1))?,
        ])
    }
}
