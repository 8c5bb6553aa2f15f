//! Call frames as the runtime would build them, for unit tests.

use crate::abi::{
    Api, ApiVersion, CallFrame, ErrorCreateArgs, ErrorDestroyArgs, ErrorGetMessageArgs, Handler, INTERNAL,
    Operands, RawBuffer, STAGE_EXECUTE, StreamGetArgs, XlaError,
};
use crate::attributes::{Attribute, Attributes};
use crate::buffer::Element;
use crate::register::registrations;
use spikeloop_kernels::program::{parse, table};
use std::ffi::{CStr, CString, c_int};
use std::ptr;

/// The handler with this name.
pub(crate) fn handler(name: &str) -> Handler {
    registrations().iter().find(|(given, _)| *given == name).expect("registered").1
}

/// The number of the program with this text, which is registered.
pub(crate) fn program(text: &str) -> i64 {
    table::insert(&parse(text).expect("valid")).expect("no other has its hash").hash() as i64
}

/// A buffer that owns its memory, aligned as XLA's.
struct Memory {
    dtype: c_int,
    dims: Vec<i64>,
    words: Vec<u128>,
}

/// A call in the making.
#[derive(Default)]
pub(crate) struct Call {
    memory: Vec<Memory>,
    args: Vec<usize>,
    rets: Vec<usize>,
    attrs: Vec<(String, Attribute)>,
}

impl Call {
    fn store<T: Element>(&mut self, data: &[T], dims: &[i64]) -> usize {
        assert_eq!(data.len() as i64, dims.iter().product::<i64>());
        let mut words = vec![0_u128; size_of_val(data).div_ceil(16)];
        // SAFETY: `words` has room for the bytes of `data`.
        unsafe { ptr::copy_nonoverlapping(data.as_ptr(), words.as_mut_ptr().cast(), data.len()) };
        self.memory.push(Memory { dtype: T::DTYPE.0, dims: dims.to_vec(), words });
        self.memory.len() - 1
    }

    /// Adds an operand.
    pub(crate) fn arg<T: Element>(mut self, data: &[T], dims: &[i64]) -> Self {
        let id = self.store(data, dims);
        self.args.push(id);
        self
    }

    /// Adds a vector operand.
    pub(crate) fn vector<T: Element>(self, data: &[T]) -> Self {
        self.arg(data, &[data.len() as i64])
    }

    /// Adds a result with memory of its own.
    pub(crate) fn ret<T: Element>(mut self, data: &[T], dims: &[i64]) -> Self {
        let id = self.store(data, dims);
        self.rets.push(id);
        self
    }

    /// Adds a result that is operand `arg` updated in place.
    pub(crate) fn alias(mut self, arg: usize) -> Self {
        self.rets.push(self.args[arg]);
        self
    }

    /// Operands, then results that are no operand: where each has its memory.
    fn buffers(&self) -> Vec<usize> {
        let own = self.rets.iter().filter(|id| !self.args.contains(id));
        self.args.iter().chain(own).copied().collect()
    }

    /// Number of operands, and of results that are none.
    pub(crate) fn operands(&self) -> usize {
        self.buffers().len()
    }

    /// The dimensions of one of these.
    pub(crate) fn dims(&self, k: usize) -> Vec<i64> {
        self.memory[self.buffers()[k]].dims.clone()
    }

    /// The same call with one of these longer, by zeros, or shorter.
    pub(crate) fn resized(mut self, k: usize, axis: usize, len: usize) -> Self {
        let id = self.buffers()[k];
        let memory = &mut self.memory[id];
        memory.dims[axis] = len as i64;
        memory.words.resize(memory.dims.iter().product::<i64>() as usize, 0); // more than enough
        self
    }

    pub(crate) fn flag(mut self, name: &'static str, value: bool) -> Self {
        self.attrs.push((name.into(), Attribute::Flag(value)));
        self
    }

    pub(crate) fn int(mut self, name: &'static str, value: i64) -> Self {
        self.attrs.push((name.into(), Attribute::Int(value)));
        self
    }

    pub(crate) fn ints(mut self, name: &'static str, value: &[i32]) -> Self {
        self.attrs.push((name.into(), Attribute::Ints(value.to_vec())));
        self
    }

    /// The values of result `i` after a run.
    pub(crate) fn result<T: Element>(&self, i: usize) -> Vec<T> {
        let memory = &self.memory[self.rets[i]];
        assert_eq!(memory.dtype, T::DTYPE.0);
        let n = memory.dims.iter().product::<i64>() as usize;
        // SAFETY: `store` put `n` elements of this type there.
        unsafe { std::slice::from_raw_parts(memory.words.as_ptr().cast::<T>(), n) }.to_vec()
    }

    /// Calls `handler`; its error as code and message.
    pub(crate) fn run(&mut self, handler: Handler) -> Result<(), (c_int, String)> {
        let mut raw: Vec<RawBuffer> = self.memory.iter_mut().map(raw_buffer).collect();
        let base = raw.as_mut_ptr();
        // SAFETY: ids are indices into `memory`, which `raw` mirrors.
        let pointers = |ids: &[usize]| ids.iter().map(|&i| unsafe { base.add(i) }).collect::<Vec<_>>();
        let (mut args, mut rets) = (pointers(&self.args), pointers(&self.rets));
        let attrs = Attributes::new(self.attrs.clone());
        let api = api();
        let mut frame = CallFrame {
            struct_size: size_of::<CallFrame>(),
            extension_start: ptr::null_mut(),
            api: &raw const api,
            ctx: ptr::null_mut(),
            stage: STAGE_EXECUTE,
            args: operands(&mut args),
            rets: operands(&mut rets),
            attrs: attrs.tables(),
            future: ptr::null_mut(),
        };
        // SAFETY: the frame is complete and lives until the handler returns.
        let error = unsafe { handler(&raw mut frame) };
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: made by `create_error`.
        Err(*unsafe { Box::from_raw(error.cast::<(c_int, String)>()) })
    }
}

fn raw_buffer(memory: &mut Memory) -> RawBuffer {
    RawBuffer {
        struct_size: size_of::<RawBuffer>(),
        extension_start: ptr::null_mut(),
        dtype: memory.dtype,
        data: memory.words.as_mut_ptr().cast(),
        rank: memory.dims.len() as i64,
        dims: memory.dims.as_mut_ptr(),
    }
}

fn operands(buffers: &mut [*mut RawBuffer]) -> Operands {
    Operands {
        struct_size: size_of::<Operands>(),
        extension_start: ptr::null_mut(),
        size: buffers.len() as i64,
        types: ptr::null_mut(),
        buffers: buffers.as_mut_ptr(),
    }
}

pub(crate) fn api() -> Api {
    Api {
        struct_size: size_of::<Api>(),
        extension_start: ptr::null_mut(),
        version: ApiVersion {
            struct_size: size_of::<ApiVersion>(),
            extension_start: ptr::null_mut(),
            major: 0,
            minor: 5,
        },
        internal: ptr::null(),
        error_create: create_error,
        error_get_message,
        error_destroy,
        handler_register: ptr::null(),
        stream_get,
    }
}

unsafe extern "C" fn create_error(args: *mut ErrorCreateArgs) -> *mut XlaError {
    // SAFETY: the handler passes live arguments with a terminated message.
    let (code, message) = unsafe { ((*args).code, CStr::from_ptr((*args).message)) };
    Box::into_raw(Box::new((code, message.to_string_lossy().into_owned()))).cast()
}

unsafe extern "C" fn error_get_message(args: *mut ErrorGetMessageArgs) {
    // SAFETY: the caller passes live arguments and an error of `stream_get`.
    unsafe { (*args).message = (*(*args).error.cast::<(c_int, CString)>()).1.as_ptr() };
}

unsafe extern "C" fn error_destroy(args: *mut ErrorDestroyArgs) {
    // SAFETY: as above, and each error is destroyed once.
    drop(unsafe { Box::from_raw((*args).error.cast::<(c_int, CString)>()) });
}

/// As a runtime without GPUs.
unsafe extern "C" fn stream_get(_: *mut StreamGetArgs) -> *mut XlaError {
    Box::into_raw(Box::new((INTERNAL, c"there are no streams".to_owned()))).cast()
}
