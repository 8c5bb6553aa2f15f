//! Handlers of records of spikes.

use crate::buffer::{Byte, Dtype};
use crate::error::{Error, Result};
use crate::event::spikes_as;
use crate::found;
use crate::frame::Frame;
use crate::operand::{in_place, operand, result};
use crate::prepared::Prepared;
use spikeloop_kernels::event::Spikes;
use spikeloop_kernels::{large_pages, record};

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
            Some(spikes) => record::pack_found(0..frame.arg(0).len(), spikes, bits)?,
            None => with_spikes!(frame, |spikes| record::pack(rows, spikes, bits)),
        }
        Ok(())
    })
}

/// `spikes` (n) to the `bits` (bytes) of the neurons from `part[0]` to before `part[1]`.
pub(crate) fn pack_part(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let (n, bits) = (frame.arg(0).len(), Byte::numbers(result(frame)?));
    let part = match *frame.ints("part")? {
        [start, stop] => usize::try_from(start).ok().zip(usize::try_from(stop).ok()),
        _ => None,
    };
    let Some((start, stop)) = part.filter(|&(start, stop)| start <= stop && stop <= n) else {
        return Err(Error::invalid(format!("'part' is no range of {n} neurons")));
    };
    found::with_known(frame, &frame.arg(0), |known| {
        match known {
            Some(spikes) => record::pack_found(start..stop, spikes, bits)?,
            None => with_spikes!(frame, |spikes: Spikes<'_, _>| record::pack(
                1,
                spikes.part(start, stop - start),
                bits
            )),
        }
        Ok(())
    })
}

/// `spikes` (…, n) to the counts (…, groups) in the ranges `starts[g]..stops[g]`.
#[derive(Debug)]
struct Count {
    starts: Vec<i32>,
    stops: Vec<i32>,
}

/// Counts with the attributes of a frame.
pub(crate) fn prepare_count(frame: Frame) -> Result<Box<dyn Prepared>> {
    Ok(Box::new(Count::new(frame)?))
}

pub(crate) fn count(frame: Frame) -> Result<()> {
    // SAFETY: it is made for this frame.
    unsafe { Count::new(frame)?.run(frame) }
}

impl Count {
    fn new(frame: Frame) -> Result<Self> {
        frame.expect_counts(1, 1)?;
        Ok(Self { starts: frame.ints("starts")?.into(), stops: frame.ints("stops")?.into() })
    }
}

impl Prepared for Count {
    unsafe fn run(&self, frame: Frame) -> Result<()> {
        let (rows, counts) = (frame.arg(0).population().batch, result::<i32>(frame)?);
        let (starts, stops) = (&self.starts[..], &self.stops[..]);
        found::with_known(frame, &frame.arg(0), |known| {
            match known {
                Some(spikes) => record::count_found(frame.arg(0).len(), spikes, starts, stops, counts)?,
                None => with_spikes!(frame, |spikes| record::count(rows, spikes, starts, stops, counts)),
            }
            Ok(())
        })
    }
}

/// `spikes` (n) to whether they are not 0 (n).
pub(crate) fn raster(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let (spikes, row) = (frame.arg(0), result::<u8>(frame)?);
    found::with_known(frame, &spikes, |known| {
        match (known, spikes.dtype) {
            (Some(found), _) => record::raster_found(spikes.len(), found, 1, row)?,
            (None, Dtype::F64) => record::raster(operand::<f64>(&spikes, "spikes")?, row)?,
            (None, _) => record::raster(operand::<f32>(&spikes, "spikes")?, row)?,
        }
        Ok(())
    })
}

/// `spikes` (n), each 0 or 1, to their sum, a float.
pub(crate) fn sum(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let (spikes, sums) = (frame.arg(0), result::<f32>(frame)?);
    let [sum] = sums else {
        return Err(Error::invalid(format!("'sum' has {} elements, expected 1", sums.len())));
    };
    found::with_known(frame, &spikes, |known| {
        *sum = match known {
            Some(found) => found.len() as f32,
            None => operand::<f32>(&spikes, "spikes")?.iter().sum(),
        };
        Ok(())
    })
}

/// `value` to a row that is the same.
pub(crate) fn row(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let (value, row) = (frame.arg(0), frame.ret(0));
    row.expect(value.dtype, "row")?;
    if row.dims != value.dims {
        return Err(Error::invalid(format!("'row' is {:?}, expected {:?}", row.dims, value.dims)));
    }
    found::with_known(frame, &value, |known| {
        if let Some(spikes) = known {
            return Ok(record::raster_found(value.len(), spikes, 1.0_f32, result(frame)?)?);
        }
        let (from, to) = (value.address().cast::<u8>(), row.address().cast());
        // SAFETY: as many bytes are in both, which are buffers of their own.
        unsafe { from.copy_to_nonoverlapping(to, value.bytes()?) };
        Ok(())
    })
}

/// The memory of an array whose rows the steps of a loop write, each once. The operand is not read: it makes the calls of
/// two loops differ, so that XLA does not take one memory for both.
pub(crate) fn rows(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let rows = frame.ret(0);
    large_pages::ask_around(rows.address().cast(), rows.bytes()?);
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
    fn packs_a_part_of_a_population() {
        let spikes: Vec<f32> = (0..20).map(|k| [1.0, 0.0, 0.0][k % 3]).collect();
        let call = |part: &[i32]| Call::default().vector(&spikes).ret(&[Byte(9); 2], &[2]).ints("part", part);
        let mut done = call(&[2, 12]);
        assert_eq!(done.run(handler("spikeloop.record_pack_part")), Ok(()));
        assert_eq!(done.result::<Byte>(0), [Byte(0b1001_0010), Byte(0)]);
        for part in [&[2, 21][..], &[-1, 12], &[12, 2], &[2]] {
            let error = call(part).run(handler("spikeloop.record_pack_part")).unwrap_err().1;
            assert_eq!(error, "record_pack_part: 'part' is no range of 20 neurons");
        }
    }

    #[test]
    fn rows_are_rasters_sums_or_the_same() {
        let spikes = [0.0_f32, 1.0, 0.0];
        let mut call = Call::default().vector(&spikes).ret(&[9_u8; 3], &[3]);
        assert_eq!(call.run(handler("spikeloop.record_raster")), Ok(()));
        assert_eq!(call.result::<u8>(0), [0, 1, 0]);
        let mut call = Call::default().vector(&[0.0_f64, 0.5]).ret(&[9_u8; 2], &[2]);
        assert_eq!(call.run(handler("spikeloop.record_raster")), Ok(()));
        assert_eq!(call.result::<u8>(0), [0, 1]);
        let mut call = Call::default().vector(&spikes).ret(&[9.0_f32], &[]);
        assert_eq!(call.run(handler("spikeloop.record_sum")), Ok(()));
        assert_eq!(call.result::<f32>(0), [1.0]);
        let mut call = Call::default().arg(&[1_i32, -2, 3, 4], &[2, 2]).ret(&[0_i32; 4], &[2, 2]);
        assert_eq!(call.run(handler("spikeloop.record_row")), Ok(()));
        assert_eq!(call.result::<i32>(0), [1, -2, 3, 4]);
        let mut call = Call::default().vector(&[0_i32]).ret(&[3_u8; 4], &[2, 2]);
        assert_eq!(call.run(handler("spikeloop.record_rows")), Ok(()));
        let mut call = Call::default().vector(&spikes).ret(&[9_i32; 3], &[3]);
        let error = call.run(handler("spikeloop.record_row")).unwrap_err().1;
        assert_eq!(error, "record_row: operand 'row' is int32, expected float32");
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
