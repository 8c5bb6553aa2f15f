//! What every handler does around its work: metadata calls, errors, panics.

use crate::abi::{
    API_MAJOR, API_MINOR, ApiVersion, CallFrame, EXTENSION_METADATA, Metadata, MetadataExtension,
    STAGE_EXECUTE, XlaError,
};
use crate::error::{Error, Result};
use crate::frame::Frame;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// What a handler runs.
pub(crate) type Body = fn(Frame) -> Result<()>;

/// Defines the handlers of a platform and the tables of them and of what they run: a function, its name in XLA without
/// the prefix, and what it runs.
macro_rules! handlers {
    ($table:ident, $bodies:ident, $prefix:literal, $traits:expr; $($function:ident, $name:literal: $body:expr;)*) => {
        $(unsafe extern "C" fn $function(frame: *mut $crate::abi::CallFrame) -> *mut $crate::abi::XlaError {
            // SAFETY: XLA calls the handler.
            unsafe { $crate::handler::handle(frame, $name, $traits, $body) }
        })*

        const $table: &[$crate::register::Registration] = &[$((concat!($prefix, $name), $function)),*];

        const $bodies: &[(&str, $crate::handler::Body)] = &[$((concat!($prefix, $name), $body)),*];
    };
}
pub(crate) use handlers;

/// Runs a handler: answers a metadata call, or executes `body` and turns its error or panic into XLA's.
///
/// # Safety
/// `frame` is what XLA passes to a handler.
pub(crate) unsafe fn handle(
    frame: *mut CallFrame,
    kernel: &str,
    traits: u32,
    body: impl FnOnce(Frame) -> Result<()>,
) -> *mut XlaError {
    // SAFETY: the runtime owns the frame for the time of the call.
    let frame = unsafe { &*frame };
    // SAFETY: extensions are part of the frame.
    if unsafe { answer_metadata(frame, traits) } || frame.stage != STAGE_EXECUTE {
        return ptr::null_mut();
    }
    // A frame holds no Rust invariants that an unwound body could break.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        if frame.struct_size < offset_of!(CallFrame, future) {
            return Err(Error::internal("the runtime's call frame is older than XLA's FFI 0.1"));
        }
        // SAFETY: it is an execution, and the frame lives until the handler returns.
        body(unsafe { Frame::new(frame) })
    }));
    let error = match outcome {
        Ok(Ok(())) => return ptr::null_mut(),
        Ok(Err(error)) => error,
        Err(payload) => Error::from_panic(payload.as_ref()),
    };
    // SAFETY: in an execution `api` is the runtime's table.
    unsafe { error.of(kernel).raise(frame) }
}

/// Fills in the metadata if the call asks for it.
///
/// # Safety
/// The frame's extensions are the runtime's; `api` is not touched, being null in such a call.
unsafe fn answer_metadata(frame: &CallFrame, traits: u32) -> bool {
    // SAFETY: null or a live extension.
    let Some(extension) = (unsafe { frame.extension_start.as_ref() }) else { return false };
    if extension.kind != EXTENSION_METADATA {
        return false;
    }
    // SAFETY: the kind says which struct the base begins.
    let metadata = unsafe { &mut *(*frame.extension_start.cast::<MetadataExtension>()).metadata };
    metadata.api_version = ApiVersion {
        struct_size: size_of::<ApiVersion>(),
        extension_start: ptr::null_mut(),
        major: API_MAJOR,
        minor: API_MINOR,
    };
    metadata.traits = traits;
    if metadata.struct_size >= size_of::<Metadata>() {
        metadata.state_type_id = 0; // XLA_FFI_UNKNOWN_TYPE_ID: the handler keeps no state
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{ExtensionBase, INTERNAL, INVALID_ARGUMENT, TRAIT_CAPTURABLE};
    use crate::testing::{Call, api};

    /// Doubles its operand into its result.
    unsafe extern "C" fn double(frame: *mut CallFrame) -> *mut XlaError {
        let body = |frame: Frame| {
            frame.expect_counts(1, 1)?;
            // SAFETY: the two buffers are distinct in these tests.
            let (x, y) = unsafe { (frame.arg(0).slice::<f32>(), frame.ret(0).slice_mut::<f32>()) };
            let factor = frame.count("factor")? as f32;
            let negative = if frame.flag("negative")? { -1.0 } else { 1.0 };
            let shift: i32 = frame.ints("shifts")?.iter().sum();
            for (y, x) in y.iter_mut().zip(x) {
                *y = negative * factor * x + shift as f32;
            }
            Ok(())
        };
        // SAFETY: called with a frame of `testing`.
        unsafe { handle(frame, "double", TRAIT_CAPTURABLE, body) }
    }

    unsafe extern "C" fn panics(frame: *mut CallFrame) -> *mut XlaError {
        // SAFETY: called with a frame of `testing`.
        unsafe { handle(frame, "panics", 0, |frame| Err(Error::invalid(format!("{:?}", frame.arg(0).dims)))) }
    }

    fn call() -> Call {
        Call::default().vector(&[1.0_f32, 2.0]).ret(&[0.0_f32; 2], &[2])
    }

    #[test]
    fn reads_operands_and_attributes() {
        let mut call = call().int("factor", 2).flag("negative", true).ints("shifts", &[1, 2]);
        assert_eq!(call.run(double), Ok(()));
        assert_eq!(call.result::<f32>(0), [1.0, -1.0]);
    }

    #[test]
    fn takes_empty_buffers_and_scalars() {
        let mut call = Call::default().vector::<f32>(&[]).ret::<f32>(&[], &[0]);
        call = call.int("factor", 2).flag("negative", true).ints("shifts", &[]);
        assert_eq!(call.run(double), Ok(()));
        let mut call = Call::default().arg(&[3.0_f32], &[]).ret(&[0.0_f32], &[]);
        call = call.int("factor", 2).flag("negative", false).ints("shifts", &[]);
        assert_eq!(call.run(double), Ok(()));
        assert_eq!(call.result::<f32>(0), [6.0]);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let message = |call: Call| {
            let mut call = call;
            let (code, message) = call.run(double).unwrap_err();
            assert_eq!(code, INVALID_ARGUMENT);
            message
        };
        assert_eq!(message(Call::default()), "double: got 0 operands and 0 results, expected 1 and 1");
        assert_eq!(message(call()), "double: attribute 'factor' is missing");
        assert_eq!(message(call().int("factor", -1)), "double: attribute 'factor' is -1, below 0");
        assert_eq!(
            message(call().flag("factor", true)),
            "double: attribute 'factor' is bool, expected an integer"
        );
        assert_eq!(message(call().ints("factor", &[1])), "double: attribute 'factor' is no scalar");
    }

    #[test]
    fn a_panic_is_an_internal_error() {
        let (code, message) = Call::default().run(panics).unwrap_err();
        assert_eq!(code, INTERNAL);
        assert_eq!(message, "panics: panic in a native kernel: operand 0 of 0");
    }

    /// Old runtimes pass no API in a metadata call and know no state type.
    #[test]
    fn answers_metadata_calls_of_any_runtime() {
        let size_0_1 = offset_of!(Metadata, state_type_id);
        for (api, size) in [(None, size_0_1), (Some(api()), size_of::<Metadata>())] {
            let version =
                ApiVersion { struct_size: 0, extension_start: ptr::null_mut(), major: -1, minor: -1 };
            let mut metadata =
                Metadata { struct_size: size, api_version: version, traits: 9, state_type_id: 77 };
            let base = ExtensionBase {
                struct_size: size_of::<ExtensionBase>(),
                kind: EXTENSION_METADATA,
                next: ptr::null_mut(),
            };
            let mut extension = MetadataExtension { base, metadata: &raw mut metadata };
            // SAFETY: all-zero is an empty frame.
            let mut frame: CallFrame = unsafe { std::mem::zeroed() };
            frame.extension_start = (&raw mut extension).cast();
            frame.api = api.as_ref().map_or(ptr::null(), ptr::from_ref);
            // SAFETY: the frame lives.
            assert!(unsafe { double(&raw mut frame) }.is_null());
            assert_eq!((metadata.api_version.major, metadata.api_version.minor), (0, 1));
            assert_eq!((metadata.traits, metadata.struct_size), (TRAIT_CAPTURABLE, size));
            assert_eq!(metadata.state_type_id, if size == size_0_1 { 77 } else { 0 });
        }
    }
}
