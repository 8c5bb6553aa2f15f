//! Handlers of spikes that wait for the delays of their synapses.

use crate::buffer::{Dtype, Element};
use crate::error::Result;
use crate::event::{delays, indices, rows, rows_of, spikes_as};
use crate::found;
use crate::frame::Frame;
use crate::operand::{expect_rows, float, in_place, operand, result};
use crate::prepared::OfFloats;
use spikeloop_kernels::Float;
use spikeloop_kernels::event::{self, Dims, SpikeQueue, Starts};
use spikeloop_kernels::large_pages;

/// `spikes, cursor, count, sources, values` to `count, sources, values`, in place.
#[derive(Debug)]
pub(crate) struct Enqueue {
    double: bool,
    offset: usize,
    n_pre: usize,
}

impl OfFloats for Enqueue {
    fn new(frame: Frame) -> Result<Self> {
        frame.expect_counts(5, 3)?;
        let double = float(&frame.arg(4), "values")? == Dtype::F64;
        Ok(Self { double, offset: frame.count("offset")?, n_pre: frame.count("n_pre")? })
    }

    fn is_double(&self) -> bool {
        self.double
    }

    fn call_as<T: Float + Element>(&self, frame: Frame) -> Result<()> {
        let spikes = frame.arg(0);
        let pre = spikes.population();
        let dims = Dims { batch: pre.batch, n_total: pre.n, offset: self.offset, n_post: 0 };
        let values = spikes_as::<T>(&spikes)?;
        let mut queue = queue::<T>(frame, 1)?;
        found::with_ones(frame, &spikes, |ones| {
            let queued = match ones {
                Some(ones) => event::enqueue_found(dims, ones, self.n_pre, &mut queue),
                None => event::enqueue(dims, values, self.n_pre, &mut queue),
            };
            Ok(queued?)
        })
    }
}

/// `weight, indices, indptr, starts, cursor, count, sources, values, target` to `count, sources, values, target`,
/// in place.
#[derive(Debug)]
pub(crate) struct Deliver {
    double: bool,
    n_pre: usize,
    sorted: bool,
    blocks: usize,
}

impl OfFloats for Deliver {
    fn new(frame: Frame) -> Result<Self> {
        frame.expect_counts(9, 4)?;
        let double = float(&frame.arg(8), "target")? == Dtype::F64;
        let (n_pre, sorted) = (frame.count("n_pre")?, frame.flag("sorted")?);
        Ok(Self { double, n_pre, sorted, blocks: frame.count("blocks")? })
    }

    fn is_double(&self) -> bool {
        self.double
    }

    fn call_as<T: Float + Element>(&self, frame: Frame) -> Result<()> {
        let (rows, target) = (rows_of(frame, 1, 2, self.n_pre)?.sorted(self.sorted), frame.arg(8));
        let post = target.population();
        let dims = Dims { batch: post.batch, n_total: rows.n_pre(), offset: 0, n_post: post.n };
        let weight = operand::<T>(&frame.arg(0), "weight")?;
        expect_rows(&frame.arg(3), "starts", rows.n_pre())?;
        let starts = Starts { at: indices(&frame.arg(3), "starts")?, blocks: self.blocks };
        let mut queue = queue::<T>(frame, 4)?;
        // SAFETY: the other operands borrow other buffers, and the target's own is not borrowed.
        let target = unsafe { in_place::<T>(&target, "target", &frame.ret(3))? };
        Ok(event::deliver(dims, weight, &rows, starts, &mut queue, target)?)
    }
}

/// `indices, indptr, delay` to `starts`, in the type of the result.
pub(crate) fn starts(frame: Frame) -> Result<()> {
    frame.expect_counts(3, 1)?;
    let (rows, delays, buffer) = (rows(frame, 0, 1)?, delays(&frame.arg(2))?, frame.ret(0));
    let (blocks, n_post) = (frame.count("blocks")?, frame.count("n_post")?);
    expect_rows(&buffer, "starts", rows.n_pre())?;
    match buffer.dtype {
        Dtype::U16 => Ok(event::starts(&rows, delays, n_post, blocks, large(result::<u16>(frame)?))?),
        _ => Ok(event::starts(&rows, delays, n_post, blocks, large(result::<u32>(frame)?))?),
    }
}

/// On large pages: places are looked up all over the array in each step.
fn large<T>(array: &mut [T]) -> &mut [T] {
    large_pages::ask_around(array.as_mut_ptr().cast(), size_of_val(array));
    array
}

/// The operands `cursor, count, sources, values` from `first` on, of which the last three are results as well.
fn queue<T: Float + Element>(frame: Frame<'_>, first: usize) -> Result<SpikeQueue<'_, T>> {
    let cursor = operand::<i32>(&frame.arg(first), "cursor")?;
    let [count, sources, values] = [1, 2, 3].map(|k| frame.arg(first + k));
    // SAFETY: these three are asked for once in a call, and other operands are other buffers.
    unsafe {
        Ok(SpikeQueue {
            cursor,
            count: in_place(&count, "count", &frame.ret(0))?,
            sources: in_place(&sources, "sources", &frame.ret(1))?,
            values: in_place(&values, "values", &frame.ret(2))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Call, handler};

    /// Two sources and three slots, with one spike of source 1 in slot 0.
    fn queue(call: Call, cursor: i32, first: usize) -> Call {
        let call = call.vector(&[cursor]).vector(&[1_i32, 0, 0]).alias(first);
        let call = call.arg(&[1_u32, 9, 9, 9, 9, 9], &[3, 2]).alias(first + 1);
        call.arg(&[0.5_f32, 9.0, 9.0, 9.0, 9.0, 9.0], &[3, 2]).alias(first + 2)
    }

    #[test]
    fn spikes_go_into_the_slot_of_the_step_until_it_is_full() {
        let enqueue = |spikes: [f32; 4], cursor| {
            let call = queue(Call::default().vector(&spikes), cursor, 2);
            let mut call = call.int("offset", 1).int("n_pre", 2);
            let done = call.run(handler("spikeloop.event_enqueue")).map_err(|(_, message)| message);
            (done, call.result::<i32>(0), call.result::<u32>(1), call.result::<f32>(2))
        };
        let (done, count, sources, values) = enqueue([9.0, 0.0, 2.0, 9.0], 0);
        assert_eq!((done, count), (Ok(()), vec![2, 0, 0]));
        assert_eq!((&sources[..2], &values[..2]), (&[1, 1][..], &[0.5, 2.0][..]));
        let (done, ..) = enqueue([9.0, 1.0, 2.0, 9.0], 0);
        assert!(done.unwrap_err().contains("called more than once in a step"));
    }

    #[test]
    fn a_spike_delivers_the_piece_of_its_row_whose_delay_has_passed() {
        // Source 0 → 0; source 1 → 2 at once, → 0 and 1 after two steps.
        let deliver = |cursor: i32, starts: [u16; 8]| {
            let call = Call::default().vector(&[1.0_f32, 2.0, 3.0, 4.0]).vector(&[0_u16, 2, 0, 1]);
            let call = queue(call.vector(&[0_i32, 1, 4]).arg(&starts, &[2, 4]), cursor, 5);
            let call = call.vector(&[10.0_f32; 3]).alias(8);
            let mut call = call.int("offset", 0).int("n_pre", 2).flag("sorted", true).int("blocks", 1);
            let done = call.run(handler("spikeloop.event_deliver")).map_err(|(_, message)| message);
            (done, call.result::<i32>(0), call.result::<f32>(3))
        };
        let starts = [0, 1, 1, 1, 0, 1, 1, 3];
        let call = Call::default().vector(&[0_u16, 2, 0, 1]).vector(&[0_i32, 1, 4]).vector(&[0_u16, 0, 2, 2]);
        let call = call.int("n_pre", 2).flag("sorted", true).int("n_post", 3).int("blocks", 1);
        let mut call = call.ret(&[0_u16; 8], &[2, 4]);
        assert_eq!(call.run(handler("spikeloop.event_starts")), Ok(()));
        assert_eq!(call.result::<u16>(0), starts);
        assert_eq!(deliver(0, starts), (Ok(()), vec![1, 0, 0], vec![10.0, 10.0, 11.0]));
        assert_eq!(deliver(1, starts), (Ok(()), vec![1, 0, 0], vec![10.0; 3]));
        assert_eq!(deliver(2, starts), (Ok(()), vec![0, 0, 0], vec![11.5, 12.0, 10.0]));
        let (done, ..) = deliver(2, [0, 1, 1, 1, 0, 1, 1, 4]);
        assert!(done.unwrap_err().contains("'starts' holds 4 at place 7"));
    }
}
