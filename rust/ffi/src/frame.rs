//! A safe view of a call frame: counts, operands and attributes with their types checked.

use crate::abi::{
    ATTR_ARRAY, ATTR_SCALAR, Api, Array, Attrs, CallFrame, ErrorDestroyArgs, ErrorGetMessageArgs, Operands,
    Scalar, StreamGetArgs, XlaError,
};
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::found::Found;
use std::ffi::{CStr, c_int, c_void};
use std::{ptr, slice};

/// The call frame of an execution.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a>(&'a CallFrame, Option<&'a Found>);

impl<'a> Frame<'a> {
    /// # Safety
    /// The frame is the runtime's for an execution: its operands, results and attributes are complete.
    pub(crate) unsafe fn new(frame: &'a CallFrame) -> Self {
        Self(frame, None)
    }

    /// The frame as that of a call of a sequence, which knows such spikes.
    pub(crate) fn within(self, found: &'a Found) -> Self {
        Self(self.0, Some(found))
    }

    /// What the sequence knows that the call is part of.
    #[inline]
    pub(crate) fn found(self) -> Option<&'a Found> {
        self.1
    }

    /// The runtime's frame.
    pub(crate) fn raw(self) -> &'a CallFrame {
        self.0
    }

    pub(crate) fn arg_count(self) -> usize {
        self.0.args.size as usize
    }

    pub(crate) fn ret_count(self) -> usize {
        self.0.rets.size as usize
    }

    /// Fails unless the call has exactly so many operands and results.
    pub(crate) fn expect_counts(self, args: usize, rets: usize) -> Result<()> {
        let (given_args, given_rets) = (self.arg_count(), self.ret_count());
        if (given_args, given_rets) == (args, rets) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "got {given_args} operands and {given_rets} results, expected {args} and {rets}"
        )))
    }

    /// Operand `i`; panics beyond the last, so check the count first.
    #[inline]
    pub(crate) fn arg(self, i: usize) -> Buffer<'a> {
        Self::buffer(&self.0.args, i)
    }

    /// Result `i`; panics beyond the last.
    #[inline]
    pub(crate) fn ret(self, i: usize) -> Buffer<'a> {
        Self::buffer(&self.0.rets, i)
    }

    #[inline]
    fn buffer(operands: &'a Operands, i: usize) -> Buffer<'a> {
        assert!(i < operands.size as usize, "operand {i} of {}", operands.size);
        // SAFETY: the runtime's array has `size` entries, each a live buffer for the time of the call.
        unsafe { Buffer::new(&**operands.buffers.add(i)) }
    }

    /// The CUDA stream that the call's work belongs to; an error where the runtime has none.
    pub(crate) fn stream(self) -> Result<*mut c_void> {
        // SAFETY: in an execution `api` is the runtime's table, as long as this library reads it.
        let api = unsafe { &*self.0.api };
        let mut args = StreamGetArgs {
            struct_size: size_of::<StreamGetArgs>(),
            extension_start: ptr::null_mut(),
            ctx: self.0.ctx,
            stream: ptr::null_mut(),
        };
        // SAFETY: the table's entry takes these arguments.
        let error = unsafe { (api.stream_get)(&raw mut args) };
        if error.is_null() { Ok(args.stream) } else { Err(Error::internal(text_of(api, error))) }
    }

    /// A bool attribute.
    pub(crate) fn flag(self, name: &str) -> Result<bool> {
        let scalar = self.scalar(name)?;
        match Dtype(scalar.dtype) {
            // SAFETY: a PRED scalar is one byte.
            Dtype::PRED => Ok(unsafe { *scalar.value.cast::<u8>() } != 0),
            other => Err(Error::invalid(format!("attribute '{name}' is {other}, expected bool"))),
        }
    }

    /// An integer attribute, of 32 or 64 bits.
    pub(crate) fn int(self, name: &str) -> Result<i64> {
        let scalar = self.scalar(name)?;
        match Dtype(scalar.dtype) {
            // SAFETY: the value has the type that `dtype` says.
            Dtype::I32 => Ok(i64::from(unsafe { *scalar.value.cast::<i32>() })),
            // SAFETY: as above.
            Dtype::I64 => Ok(unsafe { *scalar.value.cast::<i64>() }),
            other => Err(Error::invalid(format!("attribute '{name}' is {other}, expected an integer"))),
        }
    }

    /// An integer attribute that counts something.
    pub(crate) fn count(self, name: &str) -> Result<usize> {
        let value = self.int(name)?;
        usize::try_from(value).map_err(|_| Error::invalid(format!("attribute '{name}' is {value}, below 0")))
    }

    /// A one-dimensional attribute of 32-bit integers.
    pub(crate) fn ints(self, name: &str) -> Result<&'a [i32]> {
        let (kind, value) = self.attr(name)?;
        if kind != ATTR_ARRAY {
            return Err(Error::invalid(format!("attribute '{name}' is no array")));
        }
        // SAFETY: `kind` says that the attribute is an array.
        let array = unsafe { &*value.cast::<Array>() };
        match Dtype(array.dtype) {
            Dtype::I32 if array.size > 0 => {
                // SAFETY: the array has `size` elements of its type.
                Ok(unsafe { slice::from_raw_parts(array.data.cast(), array.size) })
            }
            Dtype::I32 => Ok(&[]),
            other => {
                Err(Error::invalid(format!("attribute '{name}' is an array of {other}, expected int32")))
            }
        }
    }

    fn scalar(self, name: &str) -> Result<&'a Scalar> {
        match self.attr(name)? {
            // SAFETY: the kind says that the attribute is a scalar.
            (ATTR_SCALAR, value) => Ok(unsafe { &*value.cast::<Scalar>() }),
            _ => Err(Error::invalid(format!("attribute '{name}' is no scalar"))),
        }
    }

    #[inline]
    fn attr(self, name: &str) -> Result<(c_int, *const c_void)> {
        let attrs: &Attrs = &self.0.attrs;
        for i in 0..attrs.size as usize {
            // SAFETY: the three arrays have `size` entries, and a name its `len` bytes.
            let (kind, value, given) = unsafe {
                let span = &**attrs.names.add(i);
                let bytes = slice::from_raw_parts(span.ptr.cast::<u8>(), span.len);
                (*attrs.types.add(i), *attrs.values.add(i), bytes)
            };
            // Most names differ in the first byte, which takes no call.
            if given.first() == name.as_bytes().first() && given == name.as_bytes() {
                return Ok((kind, value.cast_const()));
            }
        }
        Err(Error::invalid(format!("attribute '{name}' is missing")))
    }
}

/// The message of an error of the runtime, which is destroyed.
fn text_of(api: &Api, error: *mut XlaError) -> String {
    let mut asked = ErrorGetMessageArgs {
        struct_size: size_of::<ErrorGetMessageArgs>(),
        extension_start: ptr::null_mut(),
        error,
        message: ptr::null(),
    };
    // SAFETY: the table's entry takes these arguments; the message lives as long as the error.
    let text = unsafe {
        (api.error_get_message)(&raw mut asked);
        if asked.message.is_null() {
            String::new()
        } else {
            CStr::from_ptr(asked.message).to_string_lossy().into()
        }
    };
    let mut done = ErrorDestroyArgs {
        struct_size: size_of::<ErrorDestroyArgs>(),
        extension_start: ptr::null_mut(),
        error,
    };
    // SAFETY: the error is destroyed once.
    unsafe { (api.error_destroy)(&raw mut done) };
    text
}
