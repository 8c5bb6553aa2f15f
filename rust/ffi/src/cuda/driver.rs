//! NVIDIA's driver, libcuda, opened when a handler first needs it: one library serves machines with and without a GPU.
//!
//! `SPIKELOOP_LIBCUDA` names another library to open in its place, for tests.

use crate::error::{Error, Result};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::{self, NonNull};
use std::sync::LazyLock;

/// What the driver calls a context, a module, a function or a stream.
pub(crate) type Handle = *mut c_void;

/// An address in the memory of a GPU.
pub(crate) type Address = u64;

/// `CU_JIT_ERROR_LOG_BUFFER` and `CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES`.
const JIT_ERROR_LOG: [c_uint; 2] = [5, 6];
/// `CU_STREAM_CAPTURE_MODE_RELAXED`.
const CAPTURE_RELAXED: c_int = 2;
/// `RTLD_NOW`.
const NOW: c_int = 2;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Declares the functions of libcuda that are used: each by a name of ours, that of the driver, and its parameters.
macro_rules! functions {
    ($($name:ident = $symbol:literal($($arg:ty),*);)*) => {
        struct Functions {
            $($name: unsafe extern "C" fn($($arg),*) -> c_int,)*
        }

        impl Functions {
            fn of(library: NonNull<c_void>) -> std::result::Result<Self, String> {
                Ok(Self {
                    // SAFETY: the driver's function of this name has these parameters.
                    $($name: unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($arg),*) -> c_int>(
                        symbol(library, $symbol)?
                    ) },)*
                })
            }
        }
    };
}

functions! {
    init = c"cuInit"(c_uint);
    error_name = c"cuGetErrorName"(c_int, *mut *const c_char);
    device = c"cuCtxGetDevice"(*mut c_int);
    attribute = c"cuDeviceGetAttribute"(*mut c_int, c_int, c_int);
    current = c"cuCtxGetCurrent"(*mut Handle);
    push = c"cuCtxPushCurrent_v2"(Handle);
    pop = c"cuCtxPopCurrent_v2"(*mut Handle);
    stream_context = c"cuStreamGetCtx"(Handle, *mut Handle);
    capture_mode = c"cuThreadExchangeStreamCaptureMode"(*mut c_int);
    load = c"cuModuleLoadDataEx"(*mut Handle, *const c_void, c_uint, *const c_uint, *const *mut c_void);
    function = c"cuModuleGetFunction"(*mut Handle, Handle, *const c_char);
    launch = c"cuLaunchKernel"(
        Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *const Handle, *const Handle
    );
    copy = c"cuMemcpyDtoDAsync_v2"(Address, Address, usize, Handle);
    fill = c"cuMemsetD8Async"(Address, u8, usize, Handle);
}

fn symbol(library: NonNull<c_void>, name: &CStr) -> std::result::Result<*mut c_void, String> {
    // SAFETY: the library stays open, and the name ends with NUL.
    let found = unsafe { dlsym(library.as_ptr(), name.as_ptr()) };
    if found.is_null() {
        Err(format!("the CUDA driver is too old: it has no {}", name.to_string_lossy()))
    } else {
        Ok(found)
    }
}

/// The driver, initialised.
pub(crate) struct Driver {
    functions: Functions,
    is_named: bool,
}

static DRIVER: LazyLock<std::result::Result<Driver, String>> = LazyLock::new(Driver::open);

impl Driver {
    /// The driver of this process; an error says why there is none.
    pub(crate) fn get() -> Result<&'static Self> {
        DRIVER.as_ref().map_err(|why| Error::internal(why.clone()))
    }

    fn open() -> std::result::Result<Self, String> {
        let named = std::env::var("SPIKELOOP_LIBCUDA").ok();
        let name =
            CString::new(named.as_deref().unwrap_or("libcuda.so.1")).map_err(|error| error.to_string())?;
        // SAFETY: the name ends with NUL.
        let Some(library) = NonNull::new(unsafe { dlopen(name.as_ptr(), NOW) }) else {
            return Err(format!(
                "{} cannot be opened: is NVIDIA's driver installed?",
                name.to_string_lossy()
            ));
        };
        let driver = Self { functions: Functions::of(library)?, is_named: named.is_some() };
        // SAFETY: it takes no pointers.
        driver.check("cuInit", unsafe { (driver.functions.init)(0) }).map_err(|error| error.message)?;
        Ok(driver)
    }

    /// Whether tests gave another library in the driver's place.
    pub(crate) fn is_named(&self) -> bool {
        self.is_named
    }

    /// An error that names what was refused, and the driver's reason.
    fn check(&self, what: &str, code: c_int) -> Result<()> {
        if code == 0 {
            return Ok(());
        }
        let mut name = ptr::null();
        // SAFETY: the driver writes the address of a text that stays, or null.
        let name = unsafe {
            (self.functions.error_name)(code, &raw mut name);
            if name.is_null() {
                format!("error {code}")
            } else {
                CStr::from_ptr(name).to_string_lossy().into()
            }
        };
        Err(Error::internal(format!("the CUDA driver refused {what}: {name}")))
    }

    /// The current context of this thread; null if there is none.
    pub(crate) fn current(&self) -> Result<Handle> {
        let mut context = ptr::null_mut();
        // SAFETY: the driver writes a handle.
        self.check("cuCtxGetCurrent", unsafe { (self.functions.current)(&raw mut context) })?;
        Ok(context)
    }

    /// The context of a stream.
    pub(crate) fn context_of(&self, stream: Handle) -> Result<Handle> {
        let mut context = ptr::null_mut();
        // SAFETY: the stream is the runtime's.
        self.check("cuStreamGetCtx", unsafe { (self.functions.stream_context)(stream, &raw mut context) })?;
        Ok(context)
    }

    /// Makes a context current until `pop`.
    pub(crate) fn push(&self, context: Handle) -> Result<()> {
        // SAFETY: the context is alive, since a stream of it is.
        self.check("cuCtxPushCurrent", unsafe { (self.functions.push)(context) })
    }

    /// Makes the context current that was so before `push`.
    pub(crate) fn pop(&self) -> Result<()> {
        let mut context = ptr::null_mut();
        // SAFETY: the driver writes a handle.
        self.check("cuCtxPopCurrent", unsafe { (self.functions.pop)(&raw mut context) })
    }

    /// An attribute of the device of the current context.
    pub(crate) fn attribute(&self, attribute: c_int) -> Result<c_int> {
        let (mut device, mut value) = (0, 0);
        // SAFETY: the driver writes numbers.
        unsafe {
            self.check("cuCtxGetDevice", (self.functions.device)(&raw mut device))?;
            self.check(
                "cuDeviceGetAttribute",
                (self.functions.attribute)(&raw mut value, attribute, device),
            )?;
        }
        Ok(value)
    }

    /// Loads PTX, which ends with NUL, or a fat binary into the current context; also while a stream is captured.
    pub(crate) fn load(&self, image: &[u8]) -> Result<Handle> {
        let (mut module, mut mode, mut log) = (ptr::null_mut(), CAPTURE_RELAXED, [0_u8; 4096]);
        let values = [log.as_mut_ptr().cast::<c_void>(), ptr::without_provenance_mut(log.len())];
        // SAFETY: the image is complete, and the driver writes a handle, a mode, and a text into the log.
        let code = unsafe {
            (self.functions.capture_mode)(&raw mut mode);
            let code = (self.functions.load)(
                &raw mut module,
                image.as_ptr().cast(),
                JIT_ERROR_LOG.len() as c_uint,
                JIT_ERROR_LOG.as_ptr(),
                values.as_ptr(),
            );
            (self.functions.capture_mode)(&raw mut mode);
            code
        };
        let text = CStr::from_bytes_until_nul(&log).unwrap_or_default().to_string_lossy();
        let what = if text.is_empty() {
            "to load kernels".into()
        } else {
            format!("to load kernels ({})", text.trim())
        };
        self.check(&what, code)?;
        Ok(module)
    }

    /// The function of a module with this name.
    pub(crate) fn function(&self, module: Handle, name: &CStr) -> Result<Handle> {
        let mut function = ptr::null_mut();
        // SAFETY: the module is loaded.
        let code = unsafe { (self.functions.function)(&raw mut function, module, name.as_ptr()) };
        self.check(&format!("the kernel '{}'", name.to_string_lossy()), code)?;
        Ok(function)
    }

    /// Launches a function of the current context on a stream; the driver copies the parameters.
    ///
    /// # Safety
    /// The parameters are those of the function, and the addresses among them are what it takes.
    pub(crate) unsafe fn launch(
        &self,
        function: Handle,
        grid: [u32; 3],
        block: u32,
        shared: u32,
        stream: Handle,
        params: &[u8],
    ) -> Result<()> {
        let mut size = params.len();
        // CU_LAUNCH_PARAM_BUFFER_POINTER, CU_LAUNCH_PARAM_BUFFER_SIZE, CU_LAUNCH_PARAM_END
        let [buffer, bytes] = [1, 2].map(ptr::without_provenance_mut::<c_void>);
        let extra =
            [buffer, params.as_ptr().cast_mut().cast(), bytes, (&raw mut size).cast(), ptr::null_mut()];
        let [x, y, z] = grid;
        // SAFETY: promised to this function.
        let code = unsafe {
            (self.functions.launch)(
                function,
                x,
                y,
                z,
                block,
                1,
                1,
                shared,
                stream,
                ptr::null(),
                extra.as_ptr(),
            )
        };
        self.check("a launch", code)
    }

    /// Copies bytes on the device.
    ///
    /// # Safety
    /// Both addresses have so many.
    pub(crate) unsafe fn copy(&self, to: Address, from: Address, bytes: usize, stream: Handle) -> Result<()> {
        // SAFETY: promised to this function.
        self.check("a copy", unsafe { (self.functions.copy)(to, from, bytes, stream) })
    }

    /// Fills bytes on the device with zeros.
    ///
    /// # Safety
    /// The address has so many.
    pub(crate) unsafe fn clear(&self, at: Address, bytes: usize, stream: Handle) -> Result<()> {
        // SAFETY: promised to this function.
        self.check("a fill", unsafe { (self.functions.fill)(at, 0, bytes, stream) })
    }
}
