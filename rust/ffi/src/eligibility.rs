//! The handler of eligibility that becomes weight.

use crate::buffer::Element;
use crate::error::Result;
use crate::event::{by_float, events_as, in_place, operand, rows_of};
use crate::frame::Frame;
use spikeloop_kernels::Float;
use spikeloop_kernels::plasticity::{Elapsed, settle_rows};

/// `events, left, gain, spikes, coefficient, bounds, indices, indptr, weight, eligibility` to `weight, eligibility`, in
/// place.
pub(crate) fn settle(frame: Frame) -> Result<()> {
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
    // SAFETY: each is asked for once, and the other operands borrow other buffers.
    let synapses = unsafe {
        [
            in_place::<T>(&frame.arg(8), "weight", &frame.ret(0))?,
            in_place::<T>(&frame.arg(9), "eligibility", &frame.ret(1))?,
        ]
    };
    Ok(settle_rows(events_as::<T>(&events, "events")?, &elapsed, coefficient, bounds, &rows, synapses)?)
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

    fn run(call: &mut Call) -> Result<(), String> {
        let (_, handler) =
            registrations().iter().find(|(name, _)| *name == "spikeloop.plastic_settle").expect("there");
        call.run(*handler).map_err(|(_, message)| message)
    }

    #[test]
    fn rows_with_events_are_settled_in_place() {
        let mut call = call(&[0.5; 3], &[0.0, 0.7]);
        assert_eq!(run(&mut call), Ok(()));
        assert_eq!(call.result::<f32>(0), [0.7, 0.5, 0.7]);
        assert_eq!(call.result::<f32>(1), [-0.5, 1.5, 1.0]);
    }

    #[test]
    fn errors_name_the_operand() {
        let error = run(&mut call(&[0.5; 2], &[0.0, 0.7])).unwrap_err();
        assert_eq!(error, "plastic_settle: 'left' has 2 elements, expected 3");
        let error = run(&mut call(&[0.5; 3], &[0.7])).unwrap_err();
        assert_eq!(error, "plastic_settle: 'bounds' has 1 elements, expected 2");
    }
}
