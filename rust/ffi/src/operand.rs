//! Operands and results of a call as slices, once their types and shapes are checked.

use crate::buffer::{Buffer, Dtype, Element};
use crate::error::{Error, Result};
use crate::frame::Frame;

/// Calls a function for the float that a buffer holds.
macro_rules! by_float {
    ($buffer:expr, $name:literal, $function:ident($($arg:expr),*)) => {
        match $crate::operand::float(&$buffer, $name)? {
            $crate::buffer::Dtype::F32 => $function::<f32>($($arg),*),
            _ => $function::<f64>($($arg),*),
        }
    };
}
pub(crate) use by_float;

/// The elements of a result that continues an operand, filled with it if XLA did not alias the two.
///
/// # Safety
/// Neither buffer is borrowed.
pub(crate) unsafe fn in_place<'a, T: Element>(
    from: &Buffer<'a>,
    name: &str,
    to: &Buffer<'a>,
) -> Result<&'a mut [T]> {
    from.expect(T::DTYPE, name)?;
    to.expect(T::DTYPE, "result")?;
    if to.dims != from.dims {
        let (to, from) = (to.dims, from.dims);
        return Err(Error::invalid(format!("the result is {to:?}, but operand '{name}' is {from:?}")));
    }
    if to.ptr::<T>() != from.ptr::<T>() {
        // SAFETY: without an alias the result is memory of its own; nothing else borrows either.
        let (from, to) = unsafe { (from.slice::<T>(), to.slice_mut::<T>()) };
        to.copy_from_slice(from);
    }
    // SAFETY: promised to this function.
    Ok(unsafe { to.slice_mut::<T>() })
}

/// A read-only operand.
pub(crate) fn operand<'a, T: Element>(buffer: &Buffer<'a>, name: &str) -> Result<&'a [T]> {
    buffer.expect(T::DTYPE, name)?;
    // SAFETY: the operands that come here alias no result.
    Ok(unsafe { buffer.slice() })
}

/// Fails unless the buffer has so many rows.
pub(crate) fn expect_rows(buffer: &Buffer<'_>, name: &str, rows: usize) -> Result<()> {
    match buffer.population().batch {
        given if given == rows => Ok(()),
        given => Err(Error::invalid(format!("'{name}' has {given} rows, expected {rows}"))),
    }
}

/// An operand that is one number.
pub(crate) fn one<T: Element>(buffer: &Buffer<'_>, name: &str) -> Result<T> {
    match operand(buffer, name)? {
        &[x] => Ok(x),
        more => Err(Error::invalid(format!("'{name}' has {} elements, expected 1", more.len()))),
    }
}

/// The result of a call that aliases nothing.
pub(crate) fn result<T: Element>(frame: Frame<'_>) -> Result<&mut [T]> {
    let buffer = frame.ret(0);
    buffer.expect(T::DTYPE, "result")?;
    // SAFETY: it is memory of its own, and asked for once a call.
    Ok(unsafe { buffer.slice_mut() })
}

pub(crate) fn float(buffer: &Buffer, name: &str) -> Result<Dtype> {
    match buffer.dtype {
        float @ (Dtype::F32 | Dtype::F64) => Ok(float),
        other => Err(Error::invalid(format!("operand '{name}' is {other}, expected float32 or float64"))),
    }
}
