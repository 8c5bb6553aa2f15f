//! Handlers of event propagation and its two transposes.
//!
//! Populations are (…, neurons), and all leading dimensions are batches. `indptr` is empty where every
//! row has the same number of synapses.

use crate::buffer::{Buffer, Dtype, Element};
use crate::error::{Error, Result};
use crate::frame::Frame;
use spikeloop_kernels::event::{self, Dims, Indices, Indptr, Rows, Spikes};
use spikeloop_kernels::{Float, Shape};

/// `spikes, weight, indices, indptr, target` to `target`, in place.
pub(crate) fn scatter(frame: Frame) -> Result<()> {
    frame.expect_counts(5, 1)?;
    match float(&frame.arg(4), "target")? {
        Dtype::F32 => scatter_as::<f32>(frame),
        _ => scatter_as::<f64>(frame),
    }
}

fn scatter_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (spikes, target) = (frame.arg(0), frame.arg(4));
    let result = frame.ret(0);
    expect::<T>(&result, "result")?;
    if result.dims != target.dims {
        return Err(Error::invalid(format!("the result is {:?}, the target {:?}", result.dims, target.dims)));
    }
    let rows = rows(frame, 2, 3)?;
    let dims = dims(frame, &spikes, &target)?;
    let weight = operand::<T>(&frame.arg(1), "weight")?;
    let spikes = spikes_as::<T>(&spikes)?;
    if result.ptr::<T>() != target.ptr::<T>() {
        // SAFETY: without an alias the result is memory of its own.
        let (from, to) = unsafe { (target.slice::<T>(), result.slice_mut::<T>()) };
        to.copy_from_slice(from);
    }
    // SAFETY: `operand` and the like borrow other buffers, and the target's own is not borrowed.
    let result = unsafe { result.slice_mut::<T>() };
    Ok(event::scatter(dims, spikes, weight, &rows, result)?)
}

/// `cotangent, weight, indices, indptr` to what the targets of each row sum up to.
pub(crate) fn gather(frame: Frame) -> Result<()> {
    frame.expect_counts(4, 1)?;
    match float(&frame.arg(0), "cotangent")? {
        Dtype::F32 => gather_as::<f32>(frame),
        _ => gather_as::<f64>(frame),
    }
}

fn gather_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let rows = rows(frame, 2, 3)?;
    let Shape { batch, n } = frame.arg(0).population();
    let cotangent = operand::<T>(&frame.arg(0), "cotangent")?;
    let weight = operand::<T>(&frame.arg(1), "weight")?;
    let result = result::<T>(frame)?;
    Ok(event::gather(batch, n, cotangent, weight, &rows, result)?)
}

/// `spikes, cotangent, indices, indptr` to the cotangent of one weight, or of one per synapse.
pub(crate) fn outer(frame: Frame) -> Result<()> {
    frame.expect_counts(4, 1)?;
    match float(&frame.arg(1), "cotangent")? {
        Dtype::F32 => outer_as::<f32>(frame),
        _ => outer_as::<f64>(frame),
    }
}

fn outer_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let rows = rows(frame, 2, 3)?;
    let dims = dims(frame, &frame.arg(0), &frame.arg(1))?;
    let cotangent = operand::<T>(&frame.arg(1), "cotangent")?;
    let spikes = spikes_as::<T>(&frame.arg(0))?;
    Ok(event::outer(dims, spikes, cotangent, &rows, result::<T>(frame)?)?)
}

/// The sizes of a call, whose sources and targets must have the same batches.
fn dims(frame: Frame, spikes: &Buffer, targets: &Buffer) -> Result<Dims> {
    let (pre, post) = (spikes.population(), targets.population());
    if pre.batch != post.batch {
        return Err(Error::invalid(format!(
            "{} batches of spikes, but {} of targets",
            pre.batch, post.batch
        )));
    }
    Ok(Dims { batch: pre.batch, n_total: pre.n, offset: frame.count("offset")?, n_post: post.n })
}

fn rows(frame: Frame<'_>, indices: usize, indptr: usize) -> Result<Rows<'_>> {
    let (indices, indptr) = (frame.arg(indices), frame.arg(indptr));
    let indices = match indices.dtype {
        // SAFETY: connectivity is only read, and aliases no result.
        Dtype::U16 => Indices::U16(unsafe { indices.slice() }),
        // SAFETY: as above.
        Dtype::U32 => Indices::U32(unsafe { indices.slice() }),
        other => {
            return Err(Error::invalid(format!("operand 'indices' is {other}, expected uint16 or uint32")));
        }
    };
    let indptr = match indptr.dtype {
        // SAFETY: as above.
        Dtype::I32 => Indptr::I32(unsafe { indptr.slice() }),
        // SAFETY: as above.
        Dtype::I64 => Indptr::I64(unsafe { indptr.slice() }),
        other => return Err(Error::invalid(format!("operand 'indptr' is {other}, expected int32 or int64"))),
    };
    Ok(Rows::new(indices, indptr, frame.count("n_pre")?)?)
}

fn spikes_as<'a, T: Element>(spikes: &Buffer<'a>) -> Result<Spikes<'a, T>> {
    match spikes.dtype {
        // SAFETY: spikes are only read, and alias no result.
        Dtype::PRED => Ok(Spikes::Bool(unsafe { spikes.slice() })),
        _ => Ok(Spikes::Float(operand(spikes, "spikes")?)),
    }
}

/// A read-only operand.
fn operand<'a, T: Element>(buffer: &Buffer<'a>, name: &str) -> Result<&'a [T]> {
    expect::<T>(buffer, name)?;
    // SAFETY: the operands that come here alias no result.
    Ok(unsafe { buffer.slice() })
}

/// The result of a call that aliases nothing.
fn result<T: Element>(frame: Frame<'_>) -> Result<&mut [T]> {
    let buffer = frame.ret(0);
    expect::<T>(&buffer, "result")?;
    // SAFETY: it is memory of its own, and asked for once a call.
    Ok(unsafe { buffer.slice_mut() })
}

fn expect<T: Element>(buffer: &Buffer, name: &str) -> Result<()> {
    if buffer.dtype == T::DTYPE {
        return Ok(());
    }
    Err(Error::invalid(format!("operand '{name}' is {}, expected {}", buffer.dtype, T::DTYPE)))
}

fn float(buffer: &Buffer, name: &str) -> Result<Dtype> {
    match buffer.dtype {
        float @ (Dtype::F32 | Dtype::F64) => Ok(float),
        other => Err(Error::invalid(format!("operand '{name}' is {other}, expected float32 or float64"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::abi::Handler;
    use crate::register::registrations;
    use crate::testing::Call;

    fn handler(name: &str) -> Handler {
        registrations().iter().find(|(given, _)| *given == name).expect("registered").1
    }

    /// Three sources, four targets: 0 → 1, 3; 1 → nothing; 2 → 0.
    fn connectivity(call: Call, offset: i64) -> Call {
        call.vector(&[1_u32, 3, 0]).vector(&[0_i32, 2, 2, 3]).int("n_pre", 3).int("offset", offset)
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
        let call = call.vector(&[0_u16, 1, 2, 3, 1, 1]).vector::<i64>(&[]).int("n_pre", 3).int("offset", 0);
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
            let call = call.vector(&[index]).vector(&[0_i32, 1]).int("n_pre", 1).int("offset", 0);
            let mut call = call.vector(&[0.0_f32; 4]).alias(4);
            call.run(handler("spikeloop.event_scatter")).map_err(|(_, message)| message)
        };
        assert_eq!(message(1, 3), Ok(()));
        assert_eq!(message(1, 12).unwrap_err(), "event_scatter: index 12 out of range for 4 targets");
        assert_eq!(message(0, 3).unwrap_err(), "event_scatter: 'spikes' has 0 elements, expected 1");
        let wide = Call::default().vector(&[1.0_f64]).vector(&[1.0_f32]).vector(&[0_u32]);
        let mut wide =
            wide.vector::<i32>(&[]).int("n_pre", 1).int("offset", 0).vector(&[0.0_f32; 4]).alias(4);
        let error = wide.run(handler("spikeloop.event_scatter")).unwrap_err();
        assert_eq!(error.1, "event_scatter: operand 'spikes' is float64, expected float32");
    }
}
