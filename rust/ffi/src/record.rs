//! Handlers of records of spikes.

use crate::buffer::{Byte, Dtype};
use crate::error::{Error, Result};
use crate::event::spikes_as;
use crate::found;
use crate::frame::Frame;
use crate::operand::{in_place, result};
use spikeloop_kernels::record;

/// Calls `body::<T>` with the spikes (operand 0), T being their type, or any where they are truth values.
macro_rules! with_spikes {
    ($frame:expr, $body:expr) => {
        match $frame.arg(0).dtype {
            Dtype::F64 => $body(spikes_as::<f64>(&$frame.arg(0))?)?,
            Dtype::F32 | Dtype::PRED => $body(spikes_as::<f32>(&$frame.arg(0))?)?,
            other => {
                return Err(Error::invalid(format!(
                    "operand 'spikes' is {other}, expected bool, float32 or float64"
                )));
            }
        }
    };
}

/// `spikes` (…, n) to `bits` (…, bytes).
pub(crate) fn pack(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let rows = frame.arg(0).population().batch;
    let bits = Byte::numbers(result(frame)?);
    found::with_known(frame, &frame.arg(0), |known| {
        match known {
            Some(spikes) => record::pack_found(frame.arg(0).len(), spikes, bits)?,
            None => with_spikes!(frame, |spikes| record::pack(rows, spikes, bits)),
        }
        Ok(())
    })
}

/// `spikes` (…, n) to the counts (…, groups) in the ranges `starts[g]..stops[g]`.
pub(crate) fn count(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let rows = frame.arg(0).population().batch;
    let (starts, stops) = (frame.ints("starts")?, frame.ints("stops")?);
    let counts = result::<i32>(frame)?;
    with_spikes!(frame, |spikes| record::count(rows, spikes, starts, stops, counts));
    Ok(())
}

/// `spikes, clock, events` to `clock, events`, in place.
pub(crate) fn append(frame: Frame) -> Result<()> {
    frame.expect_counts(3, 2)?;
    for (k, name) in [(1, "clock"), (2, "events")] {
        let width = frame.arg(k).population().n;
        if width != 2 {
            return Err(Error::invalid(format!("'{name}' has rows of {width} numbers, expected 2")));
        }
    }
    // SAFETY: the spikes are another buffer, and these two are not borrowed.
    let clock = unsafe { in_place::<i32>(&frame.arg(1), "clock", &frame.ret(0))? };
    // SAFETY: as above.
    let events = unsafe { in_place::<i32>(&frame.arg(2), "events", &frame.ret(1))? };
    found::with_known(frame, &frame.arg(0), |known| {
        match known {
            Some(spikes) => record::append_found(spikes, clock, events)?,
            None => with_spikes!(frame, |spikes| record::append(spikes, clock, events)),
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::buffer::Byte;
    use crate::testing::{Call, handler};

    #[test]
    fn packs_counts_and_appends_spikes_of_each_type() {
        let calls = || {
            [
                Call::default().arg(&[0_u8, 1, 1, 1, 0, 0], &[2, 3]),
                Call::default().arg(&[0.0_f32, 1.0, 0.5, 1.0, 0.0, 0.0], &[2, 3]),
                Call::default().arg(&[0.0_f64, 1.0, 0.5, 1.0, 0.0, 0.0], &[2, 3]),
            ]
        };
        for call in calls() {
            let mut call = call.ret(&[Byte(9); 2], &[2, 1]);
            assert_eq!(call.run(handler("spikeloop.record_pack")), Ok(()));
            assert_eq!(call.result::<Byte>(0), [Byte(6), Byte(1)]);
        }
        for call in calls() {
            let mut call = call.ret(&[9_i32; 4], &[2, 2]).ints("starts", &[0, 2]).ints("stops", &[2, 3]);
            assert_eq!(call.run(handler("spikeloop.record_count")), Ok(()));
            assert_eq!(call.result::<i32>(0), [1, 1, 1, 0]);
        }
        for call in calls() {
            let call = call.vector(&[0_i32, 4]).alias(1);
            let mut call = call.arg(&[0_i32; 4], &[2, 2]).alias(2);
            assert_eq!(call.run(handler("spikeloop.record_append")), Ok(()));
            assert_eq!(call.result::<i32>(0), [3, 5]);
            assert_eq!(call.result::<i32>(1), [4, 1, 4, 2]);
        }
    }

    #[test]
    fn errors_name_the_operand() {
        let mut call = Call::default().vector(&[1_i32]).ret(&[0_i32], &[1]);
        call = call.ints("starts", &[0]).ints("stops", &[1]);
        let error = call.run(handler("spikeloop.record_count")).unwrap_err().1;
        assert_eq!(error, "record_count: operand 'spikes' is int32, expected bool, float32 or float64");
        let mut call = Call::default().vector(&[1_u8]).ret(&[0_i32], &[1]);
        call = call.ints("starts", &[0]).ints("stops", &[2]);
        let error = call.run(handler("spikeloop.record_count")).unwrap_err().1;
        assert_eq!(
            error,
            "record_count: 'stops' holds 2 at place 0, which is out of range for 2 ends of groups"
        );
        let mut call = Call::default().vector(&[1_u8]).ret(&[0_i32], &[1]);
        let error = call.run(handler("spikeloop.record_pack")).unwrap_err().1;
        assert_eq!(error, "record_pack: operand 'result' is int32, expected uint8");
    }
}
