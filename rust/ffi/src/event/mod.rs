//! Handlers of event propagation, its two transposes, and the rings that delays need.
//!
//! Populations are (…, neurons), and all leading dimensions are batches. `indptr` is empty where every
//! row has the same number of synapses. Where synapses have delays, `delay, cursor` follow `indptr`, and
//! targets are rings, (lanes, slots, …, neurons).

mod scatter;

pub(crate) use scatter::Scatter;

use crate::buffer::{Buffer, Dtype, Element};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::{by_float, in_place, one, operand, result};
use spikeloop_kernels::Float;
use spikeloop_kernels::event::{self, Delays, Dims, Indices, Indptr, Names, Past, Ring, Rows, Spikes};

/// `cotangent, weight, indices, indptr, [delay, cursor]` to what the targets of each row sum up to.
pub(crate) fn gather(frame: Frame) -> Result<()> {
    expect_either(frame, 4)?;
    by_float!(frame.arg(0), "cotangent", gather_as(frame))
}

fn gather_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (rows, ring) = (rows(frame, 2, 3)?, ring(frame, 4, 5)?);
    let dims = dims(frame, &frame.ret(0), &frame.arg(0), &ring)?;
    let cotangent = operand::<T>(&frame.arg(0), "cotangent")?;
    let weight = operand::<T>(&frame.arg(1), "weight")?;
    let result = result::<T>(frame)?;
    Ok(event::gather(Dims { offset: 0, ..dims }, cotangent, weight, &rows, &ring, result)?)
}

/// `spikes, cotangent, indices, indptr, [delay, cursor]` to the cotangent of one weight, or of one per synapse.
pub(crate) fn outer(frame: Frame) -> Result<()> {
    expect_either(frame, 4)?;
    by_float!(frame.arg(1), "cotangent", outer_as(frame))
}

fn outer_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (rows, ring) = (rows(frame, 2, 3)?, ring(frame, 4, 5)?);
    let dims = dims(frame, &frame.arg(0), &frame.arg(1), &ring)?;
    let cotangent = operand::<T>(&frame.arg(1), "cotangent")?;
    let spikes = spikes_as::<T>(&frame.arg(0))?;
    Ok(event::outer(dims, spikes, cotangent, &rows, &ring, result::<T>(frame)?)?)
}

/// `spikes, weight, indices, indptr, cursor, ring, target` to `ring, target`, in place.
pub(crate) fn relay(frame: Frame) -> Result<()> {
    frame.expect_counts(7, 2)?;
    by_float!(frame.arg(6), "target", relay_as(frame))
}

fn relay_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (spikes, past, target) = (frame.arg(0), frame.arg(5), frame.arg(6));
    let rows = rows(frame, 2, 3)?;
    let dims = dims(frame, &spikes, &target, &Ring::NONE)?;
    let weight = operand::<T>(&frame.arg(1), "weight")?;
    let spikes = spikes_as::<T>(&spikes)?;
    let cursor = operand::<i32>(&frame.arg(4), "cursor")?;
    let layout = Past { slots: frame.count("slots")?, lanes: frame.count("lanes")?, cursor };
    // SAFETY: the other operands borrow other buffers, and these two are not borrowed.
    let ring = unsafe { in_place::<T>(&past, "ring", &frame.ret(0))? };
    // SAFETY: as above.
    let target = unsafe { in_place::<T>(&target, "target", &frame.ret(1))? };
    Ok(event::relay(dims, spikes, weight, &rows, &layout, ring, target)?)
}

/// `cursor, full, target, ring` to `target, ring`, in place.
pub(crate) fn collect(frame: Frame) -> Result<()> {
    frame.expect_counts(4, 2)?;
    by_float!(frame.arg(2), "target", collect_as(frame))
}

fn collect_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let cursor = operand::<i32>(&frame.arg(0), "cursor")?;
    let full = one::<i32>(&frame.arg(1), "full")?;
    let (lanes, slots) = (frame.count("lanes")?, frame.count("slots")?);
    // SAFETY: the other operands are other buffers, and these two are not borrowed.
    let target = unsafe { in_place::<T>(&frame.arg(2), "target", &frame.ret(0))? };
    // SAFETY: as above.
    let ring = unsafe { in_place::<T>(&frame.arg(3), "ring", &frame.ret(1))? };
    Ok(event::collect(lanes, slots, cursor, full == 0, target, ring)?)
}

/// Fails unless there is one result, and `plain` operands or two more; returns their number.
fn expect_either(frame: Frame, plain: usize) -> Result<usize> {
    let timed = if frame.arg_count() == plain { plain } else { plain + 2 };
    frame.expect_counts(timed, 1)?;
    Ok(timed)
}

/// The sizes of a call, whose sources and targets must have the same batches.
fn dims(frame: Frame, spikes: &Buffer, targets: &Buffer, ring: &Ring<'_>) -> Result<Dims> {
    dims_of(frame.count("offset")?, spikes, targets, ring)
}

fn dims_of(offset: usize, spikes: &Buffer, targets: &Buffer, ring: &Ring<'_>) -> Result<Dims> {
    let (pre, post) = (spikes.population(), targets.population());
    if pre.batch * ring.slots != post.batch {
        let (given, slots, found) = (pre.batch, ring.slots, post.batch);
        return Err(Error::invalid(format!(
            "'spikes' has {given} batches and a ring {slots} slots, but 'target' has {found} rows, expected {}",
            given * slots
        )));
    }
    Ok(Dims { batch: pre.batch, n_total: pre.n, offset, n_post: post.n })
}

/// The attributes of rings.
#[derive(Debug, Clone, Copy)]
struct Turn {
    slots: usize,
    lanes: usize,
}

/// The attributes of rings, if the call has the operand `cursor`.
fn turn(frame: Frame, cursor: usize) -> Result<Option<Turn>> {
    if frame.arg_count() <= cursor {
        return Ok(None);
    }
    let slots = frame.count("slots")?;
    if slots == 0 {
        return Err(Error::invalid("attribute 'slots' is 0, expected at least 1"));
    }
    Ok(Some(Turn { slots, lanes: frame.count("lanes")? }))
}

/// The operands `delay, cursor`, if the call has them.
fn ring(frame: Frame<'_>, delay: usize, cursor: usize) -> Result<Ring<'_>> {
    ring_of(frame, delay, cursor, turn(frame, cursor)?)
}

fn ring_of(frame: Frame<'_>, delay: usize, cursor: usize, turn: Option<Turn>) -> Result<Ring<'_>> {
    let Some(Turn { slots, lanes }) = turn else { return Ok(Ring::NONE) };
    let delays = delays(&frame.arg(delay))?;
    Ok(Ring { delays, slots, lanes, cursor: operand::<i32>(&frame.arg(cursor), "cursor")? })
}

pub(crate) fn delays<'a>(delay: &Buffer<'a>) -> Result<Delays<'a>> {
    match delay.dtype {
        // SAFETY: connectivity is only read, and aliases no result.
        Dtype::U8 => Ok(Delays::U8(unsafe { delay.slice() })),
        // SAFETY: as above.
        Dtype::U16 => Ok(Delays::U16(unsafe { delay.slice() })),
        other => Err(Error::invalid(format!("operand 'delay' is {other}, expected uint8 or uint16"))),
    }
}

/// Numbers of synapses or targets, in 16 or 32 bits.
pub(crate) fn indices<'a>(buffer: &Buffer<'a>, name: &str) -> Result<Indices<'a>> {
    match buffer.dtype {
        // SAFETY: connectivity is only read, and aliases no result.
        Dtype::U16 => Ok(Indices::U16(unsafe { buffer.slice() })),
        // SAFETY: as above.
        Dtype::U32 => Ok(Indices::U32(unsafe { buffer.slice() })),
        other => Err(Error::invalid(format!("operand '{name}' is {other}, expected uint16 or uint32"))),
    }
}

pub(crate) fn rows(frame: Frame<'_>, at: usize, indptr: usize) -> Result<Rows<'_>> {
    Ok(rows_of(frame, at, indptr, frame.count("n_pre")?)?.sorted(frame.flag("sorted")?))
}

/// `n` rows in the operands `indices` and `indptr`.
pub(crate) fn rows_of(frame: Frame<'_>, at: usize, indptr: usize, n: usize) -> Result<Rows<'_>> {
    rows_named(Names::ROWS, frame, at, indptr, n)
}

/// `n` columns in the operands `places` and `ends`.
pub(crate) fn columns_of(frame: Frame<'_>, at: usize, ends: usize, n: usize) -> Result<Rows<'_>> {
    rows_named(Names::COLUMNS, frame, at, ends, n)
}

/// `n` lines in the operands `others` and `ends`.
pub(crate) fn lines_of(frame: Frame<'_>, at: usize, ends: usize, n: usize) -> Result<Rows<'_>> {
    rows_named(Names::LINES, frame, at, ends, n)
}

fn rows_named(names: Names, frame: Frame<'_>, at: usize, indptr: usize, n: usize) -> Result<Rows<'_>> {
    let indices = indices(&frame.arg(at), names.indices.name)?;
    let indptr = frame.arg(indptr);
    let indptr = match indptr.dtype {
        // SAFETY: connectivity is only read, and aliases no result.
        Dtype::I32 => Indptr::I32(unsafe { indptr.slice() }),
        // SAFETY: as above.
        Dtype::I64 => Indptr::I64(unsafe { indptr.slice() }),
        other => {
            let name = names.indptr;
            return Err(Error::invalid(format!("operand '{name}' is {other}, expected int32 or int64")));
        }
    };
    Ok(Rows::named(names, indices, indptr, n)?)
}

pub(crate) fn spikes_as<'a, T: Element>(spikes: &Buffer<'a>) -> Result<Spikes<'a, T>> {
    events_as(spikes, "spikes")
}

/// Bool or graded events.
pub(crate) fn events_as<'a, T: Element>(spikes: &Buffer<'a>, name: &str) -> Result<Spikes<'a, T>> {
    match spikes.dtype {
        // SAFETY: spikes are only read, and alias no result.
        Dtype::PRED => Ok(Spikes::Bool(unsafe { spikes.slice() })),
        _ => Ok(Spikes::Float(operand(spikes, name)?)),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Call, handler};

    /// Three sources, four targets: 0 → 1, 3; 1 → nothing; 2 → 0.
    fn connectivity(call: Call, offset: i64) -> Call {
        call.vector(&[1_u32, 3, 0])
            .vector(&[0_i32, 2, 2, 3])
            .int("n_pre", 3)
            .int("offset", offset)
            .flag("sorted", true)
    }

    #[test]
    fn scatter_adds_in_place_or_to_a_copy() {
        let operands = || {
            let call = Call::default().arg(&[9.0_f32, 1.0, 1.0, 0.0, 9.0, 0.0, 0.0, 0.5], &[2, 4]);
            connectivity(call.vector(&[10.0_f32, 20.0, 30.0]), 1).arg(&[1.0_f32; 8], &[2, 4])
        };
        let expected = [1.0, 11.0, 1.0, 21.0, 16.0, 1.0, 1.0, 1.0];
        let mut call = operands().alias(4);
        assert_eq!(call.run(handler("spikeloop.event_scatter")), Ok(()));
        assert_eq!(call.result::<f32>(0), expected);
        let mut call = operands().ret(&[7.0_f32; 8], &[2, 4]);
        assert_eq!(call.run(handler("spikeloop.event_scatter")), Ok(()));
        assert_eq!(call.result::<f32>(0), expected);
    }

    #[test]
    fn scatter_takes_bool_spikes_short_indices_and_rows_of_one_length() {
        let call = Call::default().vector(&[1_u8, 0, 1]).vector(&[2.0_f64]);
        let call = call
            .vector(&[0_u16, 1, 2, 3, 1, 1])
            .vector::<i64>(&[])
            .int("n_pre", 3)
            .int("offset", 0)
            .flag("sorted", false);
        let mut call = call.vector(&[0.0_f64; 4]).alias(4);
        assert_eq!(call.run(handler("spikeloop.event_scatter")), Ok(()));
        assert_eq!(call.result::<f64>(0), [2.0, 6.0, 0.0, 0.0]);
    }

    #[test]
    fn gather_and_outer_are_its_transposes() {
        let ct = [1.0_f32, 2.0, 3.0, 4.0];
        let call = Call::default().vector(&ct).vector(&[10.0_f32, 20.0, 30.0]);
        let mut call = connectivity(call, 0).ret(&[0.0_f32; 3], &[3]);
        assert_eq!(call.run(handler("spikeloop.event_gather")), Ok(()));
        assert_eq!(call.result::<f32>(0), [100.0, 0.0, 30.0]);
        let call = Call::default().vector(&[1.0_f32, 1.0, 0.5]).vector(&ct);
        let mut call = connectivity(call, 0).ret(&[9.0_f32; 3], &[3]);
        assert_eq!(call.run(handler("spikeloop.event_outer")), Ok(()));
        assert_eq!(call.result::<f32>(0), [2.0, 4.0, 0.5]);
    }

    #[test]
    fn errors_name_the_operand() {
        let message = |spikes: usize, index: u32| {
            let call = Call::default().vector(&vec![1.0_f32; spikes]).vector(&[1.0_f32]);
            let call = call
                .vector(&[index])
                .vector(&[0_i32, 1])
                .int("n_pre", 1)
                .int("offset", 0)
                .flag("sorted", true);
            let mut call = call.vector(&[0.0_f32; 4]).alias(4);
            call.run(handler("spikeloop.event_scatter")).map_err(|(_, message)| message)
        };
        assert_eq!(message(1, 3), Ok(()));
        assert_eq!(
            message(1, 12).unwrap_err(),
            "event_scatter: 'indices' holds 12 at place 0, which is out of range for 4 targets"
        );
        assert_eq!(message(0, 3).unwrap_err(), "event_scatter: 'spikes' has 0 elements, expected 1");
        let wide = Call::default().vector(&[1.0_f64]).vector(&[1.0_f32]).vector(&[0_u32]);
        let mut wide = wide
            .vector::<i32>(&[])
            .int("n_pre", 1)
            .int("offset", 0)
            .flag("sorted", true)
            .vector(&[0.0_f32; 4])
            .alias(4);
        let error = wide.run(handler("spikeloop.event_scatter")).unwrap_err();
        assert_eq!(error.1, "event_scatter: operand 'spikes' is float64, expected float32");
    }

    /// The sources and targets of `connectivity`, with delays of 0 and 2 steps, and of 1.
    fn timed(call: Call) -> Call {
        let call = connectivity(call, 0).vector(&[0_u16, 2, 1]).vector(&[1_i32]);
        call.int("slots", 3).int("lanes", 1)
    }

    #[test]
    fn delays_add_to_a_ring_that_is_collected_slot_by_slot() {
        let call = Call::default().vector(&[1.0_f32, 0.0, 1.0]).vector(&[10.0_f32, 20.0, 30.0]);
        let mut call = timed(call).arg(&[0.0_f32; 12], &[3, 4]).alias(6);
        assert_eq!(call.run(handler("spikeloop.event_scatter")), Ok(()));
        let ring = call.result::<f32>(0);
        assert_eq!(ring, [0.0, 0.0, 0.0, 20.0, 0.0, 10.0, 0.0, 0.0, 30.0, 0.0, 0.0, 0.0]);
        let collected = |full: i32| {
            let call = Call::default().vector(&[2_i32]).vector(&[full]).vector(&[1.0_f32; 4]).alias(2);
            let mut call = call.arg(&ring, &[3, 4]).alias(3).int("slots", 3).int("lanes", 1);
            assert_eq!(call.run(handler("spikeloop.event_collect")), Ok(()));
            (call.result::<f32>(0), call.result::<f32>(1)[8..].to_vec())
        };
        assert_eq!(collected(1), (vec![31.0, 1.0, 1.0, 1.0], vec![0.0; 4]));
        assert_eq!(collected(0), (vec![1.0; 4], vec![30.0, 0.0, 0.0, 0.0]));
    }

    #[test]
    fn relay_propagates_the_oldest_spikes() {
        let call = Call::default().vector(&[0_u8, 0, 1]).vector(&[2.0_f32]);
        let call = connectivity(call, 0).vector(&[1_i32]).int("slots", 2).int("lanes", 1);
        let past = [1.0_f32, 0.0, 0.0, 9.0, 9.0, 9.0];
        let mut call = call.arg(&past, &[2, 3]).alias(5).vector(&[0.0_f32; 4]).alias(6);
        assert_eq!(call.run(handler("spikeloop.event_relay")), Ok(()));
        assert_eq!(call.result::<f32>(0), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(call.result::<f32>(1), [0.0, 2.0, 0.0, 2.0]);
    }

    #[test]
    fn rings_that_do_not_fit_are_refused() {
        let run = |delay: u16, cursor: i32| {
            let call = Call::default().vector(&[1.0_f32]).vector(&[1.0_f32]).vector(&[0_u32]);
            let call = call.vector::<i32>(&[]).vector(&[delay]).vector(&[cursor]);
            let call = call.int("n_pre", 1).int("offset", 0).flag("sorted", true);
            let mut call = call.int("slots", 2).int("lanes", 1).arg(&[0.0_f32; 2], &[2, 1]).alias(6);
            call.run(handler("spikeloop.event_scatter")).map_err(|(_, message)| message)
        };
        assert_eq!(run(1, 1), Ok(()));
        let error = run(2, 1).unwrap_err();
        assert_eq!(error, "event_scatter: 'delay' holds 2 at place 0, which is out of range for 2 slots");
        let error = run(1, 2).unwrap_err();
        assert_eq!(error, "event_scatter: 'cursor' holds 2 at place 0, which is out of range for 2 slots");
    }
}
