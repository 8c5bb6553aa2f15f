//! The extension module `spikeloop._native`: Rust's side of `csrc/native.h`.
//!
//! Python meets only C++ (`csrc/module.cc`, nanobind); this crate exports the module's entry point
//! and the C functions that it calls.

pub mod connect;
pub mod program;

use spikeloop_ffi::registrations;
use spikeloop_kernels::{simd_level, threads};
use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::LazyLock;

unsafe extern "C" {
    /// The module's initialiser as nanobind defines it, renamed in `csrc/module.cc`.
    fn spikeloop_module_init() -> *mut pyo3_ffi::PyObject;
}

/// The entry point that Python looks for.
///
/// # Safety
/// Called by the interpreter's import machinery.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit__native() -> *mut pyo3_ffi::PyObject {
    // SAFETY: the caller is the import machinery, which both functions are written for.
    unsafe { spikeloop_module_init() }
}

/// Text of static lifetime.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    data: *const c_char,
    size: usize,
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self { data: text.as_ptr().cast(), size: text.len() }
    }
}

/// One FFI target.
#[repr(C)]
pub struct Registration {
    name: Text,
    handler: *mut c_void,
}

// SAFETY: the pointers are to static memory that nothing writes, or to functions.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}

static REGISTRATIONS: LazyLock<Vec<Registration>> = LazyLock::new(|| {
    let to_c = |&(name, handler): &spikeloop_ffi::Registration| Registration {
        name: name.into(),
        handler: handler as *mut c_void,
    };
    registrations().iter().map(to_c).collect()
});

/// The version of this build.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_version() -> Text {
    env!("CARGO_PKG_VERSION").into()
}

/// The instruction set in use.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_simd_level() -> Text {
    simd_level().into()
}

/// Points `out` to all FFI targets and returns their number.
///
/// # Safety
/// `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_registrations(out: *mut *const Registration) -> usize {
    // SAFETY: by the contract of this function.
    unsafe { *out = REGISTRATIONS.as_ptr() };
    REGISTRATIONS.len()
}

/// The number of threads that kernels may use.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_get_num_threads() -> usize {
    threads::get()
}

/// Lets kernels use up to `n` threads; returns null, or why not, for `spikeloop_error_free`.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_set_num_threads(n: usize) -> *mut c_char {
    match threads::set(n) {
        Ok(()) => ptr::null_mut(),
        Err(error) => CString::new(format!("set_num_threads: {error}")).unwrap_or_default().into_raw(),
    }
}
