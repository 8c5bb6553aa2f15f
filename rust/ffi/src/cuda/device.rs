//! Where a call runs: XLA's stream, the context that it belongs to, and the kernels that were loaded there.

use super::driver::{Address, Driver, Handle};
use super::joined::launch_waiting;
use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::frame::Frame;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::ptr;
use std::slice;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// `CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT`.
const MULTIPROCESSORS: c_int = 16;

/// Blocks of 256 threads that a multiprocessor has room for.
const BLOCKS_EACH: u64 = 8;

/// What names a module in the table of its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// The event kernels.
    Kernels,
    /// The PTX of a step program with this hash.
    Program(u64),
}

/// A kernel that is loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function(usize);

/// What is known of a context: handles as numbers.
#[derive(Default)]
struct Loaded {
    modules: HashMap<Key, usize>,
    functions: HashMap<(Key, &'static CStr), Function>,
    attributes: HashMap<c_int, c_int>,
}

static CONTEXTS: LazyLock<Mutex<HashMap<usize, Loaded>>> = LazyLock::new(Mutex::default);

/// A table without invariants that a panic could break.
fn contexts() -> MutexGuard<'static, HashMap<usize, Loaded>> {
    CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The stream of a call; its context is current as long as this lives.
pub(crate) struct Device {
    driver: &'static Driver,
    stream: Handle,
    context: Handle,
    is_pushed: bool,
}

impl Device {
    /// The stream of a call frame.
    pub(crate) fn of(frame: Frame) -> Result<Self> {
        let driver = Driver::get()?;
        let stream = match frame.stream() {
            Ok(stream) => stream,
            // Tests run handlers on XLA's CPU platform, which has no streams.
            Err(_) if driver.is_named() => ptr::null_mut(),
            Err(error) => return Err(error),
        };
        let current = driver.current()?;
        let context = if stream.is_null() { current } else { driver.context_of(stream)? };
        let is_pushed = context != current;
        if is_pushed {
            driver.push(context)?;
        }
        Ok(Self { driver, stream, context, is_pushed })
    }

    /// The kernel `name` of a module, which is loaded from `image` when it is first asked for in this context.
    pub(crate) fn function(
        &self,
        key: Key,
        name: &'static CStr,
        image: impl FnOnce() -> Result<Cow<'static, [u8]>>,
    ) -> Result<Function> {
        let mut contexts = contexts();
        let loaded = contexts.entry(self.context.addr()).or_default();
        if let Some(&function) = loaded.functions.get(&(key, name)) {
            return Ok(function);
        }
        let module = match loaded.modules.get(&key) {
            Some(&module) => module,
            None => self.driver.load(&image()?)?.expose_provenance(),
        };
        loaded.modules.insert(key, module);
        let found = self.driver.function(ptr::with_exposed_provenance_mut(module), name)?;
        let function = Function(found.expose_provenance());
        loaded.functions.insert((key, name), function);
        Ok(function)
    }

    /// Launches a kernel whose only parameter is `params`; an empty grid is no work.
    ///
    /// # Safety
    /// `P` is the parameter that the kernel was compiled with, without padding that is not written, and the addresses
    /// in it are buffers of the call.
    pub(crate) unsafe fn launch<P: Copy>(
        &self,
        function: Function,
        grid: [u32; 3],
        block: u32,
        shared: u32,
        params: &P,
    ) -> Result<()> {
        // SAFETY: `P` is plain memory of this size; the rest is promised to this function.
        unsafe {
            let bytes = slice::from_raw_parts((&raw const *params).cast::<u8>(), size_of::<P>());
            self.launch_bytes(function, grid, block, shared, bytes)
        }
    }

    /// As `launch`, with any number of parameters of 64 bits.
    ///
    /// # Safety
    /// As of `launch`.
    pub(crate) unsafe fn launch_words(
        &self,
        function: Function,
        grid: [u32; 3],
        block: u32,
        shared: u32,
        params: &[u64],
    ) -> Result<()> {
        // SAFETY: words are bytes; the rest is promised to this function.
        unsafe {
            let bytes = slice::from_raw_parts(params.as_ptr().cast::<u8>(), size_of_val(params));
            self.launch_bytes(function, grid, block, shared, bytes)
        }
    }

    /// # Safety
    /// As of `launch`.
    unsafe fn launch_bytes(
        &self,
        function: Function,
        grid: [u32; 3],
        block: u32,
        shared: u32,
        params: &[u8],
    ) -> Result<()> {
        if grid.contains(&0) {
            return Ok(()); // the driver refuses it
        }
        launch_waiting(self)?;
        let function = ptr::with_exposed_provenance_mut(function.0);
        // SAFETY: promised to this function.
        unsafe { self.driver.launch(function, grid, block, shared, self.stream, params) }
    }

    /// Fills a buffer with zeros.
    pub(crate) fn clear(&self, buffer: &Buffer) -> Result<()> {
        let bytes = buffer.bytes()?;
        if bytes == 0 {
            return Ok(());
        }
        launch_waiting(self)?;
        // SAFETY: the buffer has so many bytes.
        unsafe { self.driver.clear(address(buffer), bytes, self.stream) }
    }

    /// Copies an operand into a result of its shape and type, unless XLA made the two one buffer.
    pub(crate) fn continue_in(&self, from: &Buffer, name: &str, to: &Buffer) -> Result<()> {
        if (to.dtype, to.dims) != (from.dtype, from.dims) {
            let (given, expected) = (to.dims, from.dims);
            return Err(Error::invalid(format!(
                "the result is {given:?}, but operand '{name}' is {expected:?}"
            )));
        }
        let bytes = from.bytes()?;
        if address(from) == address(to) || bytes == 0 {
            return Ok(());
        }
        launch_waiting(self)?;
        // SAFETY: both buffers have so many bytes.
        unsafe { self.driver.copy(address(to), address(from), bytes, self.stream) }
    }

    /// Blocks that the GPU runs at once; kernels whose work is larger walk through it in strides.
    pub(crate) fn blocks(&self) -> Result<u64> {
        Ok(self.attribute(MULTIPROCESSORS)?.max(1) as u64 * BLOCKS_EACH)
    }

    fn attribute(&self, attribute: c_int) -> Result<c_int> {
        let mut contexts = contexts();
        let known = &mut contexts.entry(self.context.addr()).or_default().attributes;
        if let Some(&value) = known.get(&attribute) {
            return Ok(value);
        }
        let value = self.driver.attribute(attribute)?;
        known.insert(attribute, value);
        Ok(value)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if self.is_pushed {
            // An error here would hide that of the call; the next call finds the context itself.
            drop(self.driver.pop());
        }
    }
}

/// The address of a buffer in the memory of the GPU.
pub(crate) fn address(buffer: &Buffer) -> Address {
    buffer.ptr::<u8>().expose_provenance() as Address
}
