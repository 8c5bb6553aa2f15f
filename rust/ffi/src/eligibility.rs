//! Handlers of eligibility that becomes weight.

use crate::buffer::{Buffer, Element};
use crate::error::{Error, Result};
use crate::event::{columns_of, events_as, rows_of};
use crate::frame::Frame;
use crate::operand::{by_float, in_place, one, operand};
use crate::plastic::{sources, with_columns};
use spikeloop_kernels::Float;
use spikeloop_kernels::plasticity::{
    Columns, Delivery, Dependence, Elapsed, Law, Moment, Pending, Side, Synapses, Walked, credit_columns,
    flush_rows, reinforce as reinforce_with,
};

/// `events, left, gain, spikes, coefficient, bounds, indices, indptr, weight, eligibility` to `weight, eligibility`, in
/// place.
pub(crate) fn flush(frame: Frame) -> Result<()> {
    frame.expect_counts(10, 2)?;
    by_float!(frame.arg(8), "weight", settle_as(frame))
}

fn settle_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let events = frame.arg(0);
    let rows = rows_of(frame, 6, 7, events.len())?;
    let elapsed = Elapsed {
        left: operand::<T>(&frame.arg(1), "left")?,
        gain: operand(&frame.arg(2), "gain")?,
        spikes: operand(&frame.arg(3), "spikes")?,
    };
    let (coefficient, bounds) = (operand(&frame.arg(4), "coefficient")?, operand(&frame.arg(5), "bounds")?);
    // SAFETY: the other operands borrow other buffers, and these two are not borrowed.
    let synapses = unsafe { synapses::<T>(frame, 8, 0)? };
    Ok(flush_rows(events_as::<T>(&events, "events")?, &elapsed, coefficient, bounds, &rows, synapses)?)
}

/// `events, coefficient, gain, places, ends, sources, indptr, weight, eligibility` to `weight, eligibility`, in place.
/// `places`, `ends` and `sources` are those of `plastic::columns`.
pub(crate) fn credit(frame: Frame) -> Result<()> {
    frame.expect_counts(9, 2)?;
    by_float!(frame.arg(7), "weight", credit_as(frame))
}

fn credit_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (events, coefficient) = (frame.arg(0), operand::<T>(&frame.arg(1), "coefficient")?);
    let gain = operand::<T>(&frame.arg(2), "gain")?;
    with_columns(frame, events.len(), coefficient.len(), |columns| {
        // SAFETY: the other operands borrow other buffers, and these two are not borrowed.
        let synapses = unsafe { synapses::<T>(frame, 7, 0)? };
        Ok(credit_columns(events_as::<T>(&events, "events")?, coefficient, gain, columns, synapses)?)
    })
}

/// `post, slopes, pre, of_targets, law, moment, walked, renew, spikes, indices, indptr, places, ends, sources, listed,
/// marks, target, weight, eligibility` to `listed, marks, target, weight, eligibility`, in place. `moment` holds the
/// clock, the part that is left and the gain; the others are those of `plastic::learn`.
pub(crate) fn reinforce(frame: Frame) -> Result<()> {
    frame.expect_counts(19, 5)?;
    by_float!(frame.arg(17), "weight", reinforce_as(frame))
}

fn reinforce_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let law = Law::new(operand::<T>(&frame.arg(4), "law")?, Dependence::None)?;
    let side = |first: usize, events, coefficient| -> Result<Side<'_, T>> {
        let (events, coefficient) =
            (operand(&frame.arg(first), events)?, operand(&frame.arg(first + 1), coefficient)?);
        Ok(Side { events, coefficient, law })
    };
    let (post, pre) = (side(0, "post", "slopes")?, side(2, "pre", "of_targets")?);
    let (n_pre, n_post) = (pre.events.len(), post.events.len());
    let (moment, renew) = (moment(&frame.arg(5))?, one::<i32>(&frame.arg(7), "renew")?);
    let walked = Walked { sources: events_as::<T>(&frame.arg(6), "walked")?, all: renew != 0 };
    let (rows, columns) = (rows_of(frame, 9, 10, n_pre)?, columns_of(frame, 11, 12, n_post)?);
    let sources = sources(&frame.arg(13), frame, &rows)?;
    let columns = Columns::new(&columns, &sources, n_pre)?;
    let spikes = operand(&frame.arg(8), "spikes")?;
    // SAFETY: the other operands borrow other buffers, and these five are not borrowed.
    let (listed, marks, target, both) = unsafe {
        (
            in_place::<T>(&frame.arg(14), "listed", &frame.ret(0))?,
            in_place::<T>(&frame.arg(15), "marks", &frame.ret(1))?,
            in_place::<T>(&frame.arg(16), "target", &frame.ret(2))?,
            synapses::<T>(frame, 17, 3)?,
        )
    };
    let synapses = Synapses { rows: &rows, columns: &columns };
    let mut pending = Pending::new(listed, marks, n_post, true)?;
    let delivery = Delivery { spikes, target };
    Ok(reinforce_with(moment, walked, (&post, &pre), &synapses, &mut pending, delivery, both)?)
}

/// The three numbers of a moment.
fn moment<T: Float + Element>(numbers: &Buffer) -> Result<Moment<T>> {
    match *operand::<T>(numbers, "moment")? {
        [clock, left, gain] => Ok(Moment { clock, left, gain }),
        ref given => {
            Err(Error::invalid(format!("operand 'moment' has {} elements, expected 3", given.len())))
        }
    }
}

/// The weights and eligibilities from the operand `first` on, which are the results from `result` on as well.
///
/// # Safety
/// None of their buffers is borrowed.
unsafe fn synapses<T: Element>(frame: Frame<'_>, first: usize, result: usize) -> Result<[&mut [T]; 2]> {
    // SAFETY: promised to this function; each is asked for once.
    unsafe {
        Ok([
            in_place(&frame.arg(first), "weight", &frame.ret(result))?,
            in_place(&frame.arg(first + 1), "eligibility", &frame.ret(result + 1))?,
        ])
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Call, handler};

    fn call(left: &[f32], bounds: &[f32]) -> Call {
        let call = Call::default().vector(&[1.0_f32, 0.0, 1.0]).vector(left).vector(&[0.25_f32; 3]);
        let call = call.vector(&[1.0_f32, 0.0, 0.0]).vector(&[9.0_f32, -1.0, 9.0, 2.0]).vector(bounds);
        let call = call.vector(&[1_u32, 3, 0]).vector(&[0_i32, 2, 2, 3]);
        call.vector(&[0.5_f32, 0.75, 0.25]).alias(8).vector(&[1.0_f32, -1.0, 2.0]).alias(9)
    }

    fn run(name: &str, call: &mut Call) -> Result<(), String> {
        call.run(handler(name)).map_err(|(_, message)| message)
    }

    fn flush(call: &mut Call) -> Result<(), String> {
        run("spikeloop.plastic_flush", call)
    }

    #[test]
    fn columns_are_credited_wherever_their_sources_are_found() {
        for stored in [true, false] {
            let call = Call::default().vector(&[0.0_f32, 2.0, 1.0, 1.0]);
            let call = call.vector(&[0.25_f32, 9.0, 9.0]).vector(&[0.5_f32, 9.0, 9.0]);
            let call = call.vector(&[2_u32, 0, 1]).vector(&[0_i32, 1, 2, 2, 3]);
            let call = if stored { call.vector(&[2_u16, 0, 0]) } else { call.vector(&[0_u32, 2]) };
            let call = call.vector(&[0_i32, 2, 2, 3]).vector(&[0.5_f32, 0.75, 0.25]).alias(7);
            let mut call = call.vector(&[1.0_f32, -1.0, 2.0]).alias(8).int("shift", 1);
            assert_eq!(run("spikeloop.plastic_credit", &mut call), Ok(()));
            assert_eq!(call.result::<f32>(0), [0.25, 0.625, 0.25]);
            assert_eq!(call.result::<f32>(1), [1.5, -0.75, 2.0]);
        }
    }

    #[test]
    fn rows_with_events_are_settled_in_place() {
        let mut call = call(&[0.5; 3], &[0.0, 0.7]);
        assert_eq!(flush(&mut call), Ok(()));
        assert_eq!(call.result::<f32>(0), [0.7, 0.5, 0.7]);
        assert_eq!(call.result::<f32>(1), [-0.5, 1.5, 1.0]);
    }

    /// The target 1 has an event now, and so has the source 0.
    fn reinforce(moment: &[f32]) -> Call {
        let call = Call::default().vector(&[0.0_f32, 1.0, 0.0, 0.0]).vector(&[0.5_f32, 9.0, 9.0]);
        let call = call.vector(&[1.0_f32, 0.0, 0.0]).vector(&[9.0_f32, -0.125, 9.0, 0.0]);
        let call = call.vector(&[0.0_f32, 1.0, 0.0, 1.0, 0.0]).vector(moment).vector(&[1.0_f32, 0.0, 0.0]);
        let call =
            call.vector(&[0_i32]).vector(&[2.0_f32; 3]).vector(&[1_u32, 3, 0]).vector(&[0_i32, 2, 2, 3]);
        let call = call.vector(&[2_u32, 0, 1]).vector(&[0_i32, 1, 2, 2, 3]).vector(&[2_u16, 0, 0]);
        let call = call.vector(&[f32::INFINITY; 96]).vector(&[1.0_f32, 1.0, 1.0, 0.0, 0.0, 0.0]);
        let call = call.vector(&[0.0_f32; 4]).vector(&[0.5_f32, 0.75, 0.25]).vector(&[1.0_f32, -1.0, 2.0]);
        call.alias(14).alias(15).alias(16).alias(17).alias(18).int("shift", 0)
    }

    #[test]
    fn events_of_targets_wait_for_those_of_sources() {
        let mut call = reinforce(&[0.5, 0.5, 0.25]);
        assert_eq!(run("spikeloop.plastic_reinforce", &mut call), Ok(()));
        assert_eq!(call.result::<f32>(1), [0.5, 1.0, 1.0, 0.25, 0.0, 0.0]);
        assert_eq!(call.result::<f32>(2), [0.0, 1.5, 0.0, 1.0]);
        assert_eq!(call.result::<f32>(3), [0.75, 0.5, 0.25]);
        assert_eq!(call.result::<f32>(4), [1.25, -1.0, 2.0]);
        let error = run("spikeloop.plastic_reinforce", &mut reinforce(&[0.5])).unwrap_err();
        assert_eq!(error, "plastic_reinforce: operand 'moment' has 1 elements, expected 3");
    }

    #[test]
    fn errors_name_the_operand() {
        let error = flush(&mut call(&[0.5; 2], &[0.0, 0.7])).unwrap_err();
        assert_eq!(error, "plastic_flush: 'left' has 2 elements, expected 3");
        let error = flush(&mut call(&[0.5; 3], &[0.7])).unwrap_err();
        assert_eq!(error, "plastic_flush: 'bounds' has 1 elements, expected 2");
    }
}
