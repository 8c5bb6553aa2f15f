//! Handlers of eligibility that becomes weight.

use crate::buffer::Element;
use crate::error::Result;
use crate::event::{events_as, rows_of};
use crate::frame::Frame;
use crate::operand::{by_float, in_place, operand};
use crate::plastic::with_columns;
use spikeloop_kernels::Float;
use spikeloop_kernels::plasticity::{Elapsed, credit_columns, flush_rows};

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
    let synapses = unsafe { synapses::<T>(frame, 8)? };
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
        let synapses = unsafe { synapses::<T>(frame, 7)? };
        Ok(credit_columns(events_as::<T>(&events, "events")?, coefficient, gain, columns, synapses)?)
    })
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

#[cfg(test)]
mod tests {
    use crate::register::registrations;
    use crate::testing::Call;

    fn call(left: &[f32], bounds: &[f32]) -> Call {
        let call = Call::default().vector(&[1.0_f32, 0.0, 1.0]).vector(left).vector(&[0.25_f32; 3]);
        let call = call.vector(&[1.0_f32, 0.0, 0.0]).vector(&[9.0_f32, -1.0, 9.0, 2.0]).vector(bounds);
        let call = call.vector(&[1_u32, 3, 0]).vector(&[0_i32, 2, 2, 3]);
        call.vector(&[0.5_f32, 0.75, 0.25]).alias(8).vector(&[1.0_f32, -1.0, 2.0]).alias(9)
    }

    fn run(name: &str, call: &mut Call) -> Result<(), String> {
        let (_, handler) = registrations().iter().find(|(given, _)| *given == name).expect("registered");
        call.run(*handler).map_err(|(_, message)| message)
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

    #[test]
    fn errors_name_the_operand() {
        let error = flush(&mut call(&[0.5; 2], &[0.0, 0.7])).unwrap_err();
        assert_eq!(error, "plastic_flush: 'left' has 2 elements, expected 3");
        let error = flush(&mut call(&[0.5; 3], &[0.7])).unwrap_err();
        assert_eq!(error, "plastic_flush: 'bounds' has 1 elements, expected 2");
    }
}
