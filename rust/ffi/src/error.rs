//! Errors of a handler, and their way into XLA.

use crate::abi::{Api, CallFrame, ErrorCreateArgs, INTERNAL, INVALID_ARGUMENT, XlaError};
use std::any::Any;
use std::ffi::{CString, c_int};
use std::ptr::{self, NonNull};

/// Why a handler did not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) code: c_int,
    pub(crate) message: String,
    /// The runtime's error, if a handler has raised it already.
    raised: Option<NonNull<XlaError>>,
}

/// What a handler's body returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The caller passed something that the kernel does not take.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { code: INVALID_ARGUMENT, message: message.into(), raised: None }
    }

    /// The kernel itself is at fault.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { code: INTERNAL, message: message.into(), raised: None }
    }

    /// What a handler returned that another one called; null is success.
    pub(crate) fn check_raised(error: *mut XlaError) -> Result<()> {
        match NonNull::new(error) {
            None => Ok(()),
            raised => Err(Self { raised, ..Self::internal("") }),
        }
    }

    /// Puts the name of the kernel in front of the message.
    pub(crate) fn of(mut self, kernel: &str) -> Self {
        self.message = format!("{kernel}: {}", self.message);
        self
    }

    /// The payload of a panic as an error.
    pub(crate) fn from_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a value that is no text");
        Self::internal(format!("panic in a native kernel: {text}"))
    }

    /// Hands the error to the runtime; null (success) if the frame has no API to do so.
    ///
    /// # Safety
    /// `frame.api` is null or points to the runtime's function table.
    pub(crate) unsafe fn raise(self, frame: &CallFrame) -> *mut XlaError {
        if let Some(raised) = self.raised {
            return raised.as_ptr();
        }
        let message = CString::new(self.message.replace('\0', "\\0")).unwrap_or_default();
        let mut args = ErrorCreateArgs {
            struct_size: size_of::<ErrorCreateArgs>(),
            extension_start: ptr::null_mut(),
            message: message.as_ptr(),
            code: self.code,
        };
        // SAFETY: by the contract of this function.
        match unsafe { frame.api.as_ref() } {
            // SAFETY: the table's entry takes these arguments and copies the message.
            Some(Api { error_create, .. }) => unsafe { error_create(&raw mut args) },
            None => ptr::null_mut(),
        }
    }
}

impl From<spikeloop_kernels::Error> for Error {
    fn from(error: spikeloop_kernels::Error) -> Self {
        Self::invalid(error.to_string())
    }
}
