//! The extension module `spikeloop._native`: Rust's side of `csrc/native.h`.
//!
//! Python meets only C++ (`csrc/module.cc`, nanobind); this crate exports the module's entry point
//! and the C functions that it calls.

use spikeloop_ffi::registrations;
use spikeloop_kernels::connect::fixed_out_degree;
use spikeloop_kernels::neuron::MODELS;
use spikeloop_kernels::{simd_level, threads};
use std::ffi::{CString, c_char, c_void};
use std::panic::catch_unwind;
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

/// One neuron model's operand names.
#[repr(C)]
pub struct Model {
    name: Text,
    params: *const Text,
    n_params: usize,
    state: *const Text,
    n_state: usize,
}

// SAFETY: the pointers are to static memory that nothing writes, or to functions.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}
// SAFETY: as above.
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

/// A rule's result: `error` is null, or says why there is no data.
#[repr(C)]
pub struct Indices {
    data: *mut u32,
    size: usize,
    error: *mut c_char,
}

static REGISTRATIONS: LazyLock<Vec<Registration>> = LazyLock::new(|| {
    let to_c = |&(name, handler): &spikeloop_ffi::Registration| Registration {
        name: name.into(),
        handler: handler as *mut c_void,
    };
    registrations().iter().map(to_c).collect()
});

static TABLE: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let texts = |names: &'static [&'static str]| -> &'static [Text] {
        names.iter().map(|&name| Text::from(name)).collect::<Vec<_>>().leak()
    };
    let to_c = |model: &'static spikeloop_kernels::neuron::Model| {
        let (params, state) = (texts(model.params), texts(model.state));
        Model {
            name: model.name.into(),
            params: params.as_ptr(),
            n_params: params.len(),
            state: state.as_ptr(),
            n_state: state.len(),
        }
    };
    MODELS.iter().map(to_c).collect()
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

/// Points `out` to all neuron models and returns their number.
///
/// # Safety
/// `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_models(out: *mut *const Model) -> usize {
    // SAFETY: by the contract of this function.
    unsafe { *out = TABLE.as_ptr() };
    TABLE.len()
}

/// The number of threads that kernels may use.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_get_num_threads() -> usize {
    threads::get()
}

/// Lets kernels use up to `n` threads.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_set_num_threads(n: usize) {
    threads::set(n);
}

/// The targets of `n_pre` sources with `k` synapses each, in rows.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_fixed_out_degree(
    seed: u64,
    n_pre: usize,
    n_post: usize,
    k: usize,
    multapses: bool,
    autapses: bool,
) -> Indices {
    // A panic that reached the C++ caller would abort the process.
    match catch_unwind(|| fixed_out_degree(seed, n_pre, n_post, k, multapses, autapses)) {
        Ok(Ok(indices)) => Indices::new(indices),
        Ok(Err(error)) => Indices::failed(&error.to_string()),
        Err(_) => Indices::failed("panic in a native connectivity rule"),
    }
}

impl Indices {
    fn new(indices: Vec<u32>) -> Self {
        let size = indices.len();
        let data = Box::into_raw(indices.into_boxed_slice()).cast();
        Self { data, size, error: ptr::null_mut() }
    }

    fn failed(message: &str) -> Self {
        let error = CString::new(message).unwrap_or_default().into_raw();
        Self { data: ptr::null_mut(), size: 0, error }
    }
}

/// Gives a rule's result back.
///
/// # Safety
/// `indices` comes from a rule of this library and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_indices_free(indices: Indices) {
    if !indices.data.is_null() {
        let all = ptr::slice_from_raw_parts_mut(indices.data, indices.size);
        // SAFETY: a boxed slice of this length was turned into the pointer.
        drop(unsafe { Box::from_raw(all) });
    }
    if !indices.error.is_null() {
        // SAFETY: made by `CString::into_raw`.
        drop(unsafe { CString::from_raw(indices.error) });
    }
}
