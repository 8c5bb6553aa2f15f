//! The extension module `spikeloop._native`: Rust's side of `csrc/native.h`.
//!
//! Python meets only C++ (`csrc/module.cc`, nanobind); this crate exports the module's entry point
//! and the C functions that it calls.

pub mod connect;
pub mod program;
pub mod sequence;

use spikeloop_ffi::{cuda_registrations, cuda_targets, registrations};
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

static REGISTRATIONS: LazyLock<Vec<Registration>> = LazyLock::new(|| to_c(registrations()));
static CUDA_REGISTRATIONS: LazyLock<Vec<Registration>> = LazyLock::new(|| to_c(cuda_registrations()));

fn to_c(all: &'static [spikeloop_ffi::Registration]) -> Vec<Registration> {
    all.iter()
        .map(|&(name, handler)| Registration { name: name.into(), handler: handler as *mut c_void })
        .collect()
}

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

/// Points `out` to the FFI targets of the CPU, or of CUDA, and returns their number.
///
/// # Safety
/// `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_registrations(cuda: bool, out: *mut *const Registration) -> usize {
    let all = if cuda { &CUDA_REGISTRATIONS } else { &REGISTRATIONS };
    // SAFETY: by the contract of this function.
    unsafe { *out = all.as_ptr() };
    all.len()
}

/// The processors that the embedded CUDA kernels are compiled for; empty if there are none.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_cuda_targets() -> Text {
    cuda_targets().into()
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
