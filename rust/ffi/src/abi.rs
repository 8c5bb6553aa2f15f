//! The structs of XLA's FFI C ABI that a stateless handler reads.
//!
//! They are written by hand, not generated from the header of the jaxlib at build time: a handler
//! that reports a newer version than the runtime's makes the runtime refuse *all* of JAX, whereas
//! version 0.1 is accepted by every runtime since. Field order and sizes are the same from 0.1 to
//! 0.5; later versions only append. Names are those of `xla/ffi/api/c_api.h` without their prefix.

use std::ffi::{c_char, c_int, c_void};

/// The ABI version that the handlers report.
pub const API_MAJOR: c_int = 0;
/// See [`API_MAJOR`].
pub const API_MINOR: c_int = 1;

/// `XLA_FFI_Extension_Metadata`: the call asks what the handler is, not for work.
pub(crate) const EXTENSION_METADATA: c_int = 1;
/// `XLA_FFI_HANDLER_TRAITS_COMMAND_BUFFER_COMPATIBLE`: a handler launches the same work whatever its operands hold, so
/// that a CUDA graph may replay it.
pub(crate) const TRAIT_CAPTURABLE: u32 = 1;
/// `XLA_FFI_ExecutionStage_EXECUTE`.
pub(crate) const STAGE_EXECUTE: c_int = 3;

/// `XLA_FFI_AttrType_ARRAY`.
pub(crate) const ATTR_ARRAY: c_int = 1;
/// `XLA_FFI_AttrType_SCALAR`.
pub(crate) const ATTR_SCALAR: c_int = 3;

/// `XLA_FFI_Error_Code_INVALID_ARGUMENT`.
pub(crate) const INVALID_ARGUMENT: c_int = 3;
/// `XLA_FFI_Error_Code_INTERNAL`.
pub(crate) const INTERNAL: c_int = 13;

/// `XLA_FFI_DataType`, the values that kernels take.
pub(crate) mod dtype {
    use std::ffi::c_int;
    pub(crate) const PRED: c_int = 1;
    pub(crate) const S32: c_int = 4;
    pub(crate) const S64: c_int = 5;
    pub(crate) const U8: c_int = 6;
    pub(crate) const U16: c_int = 7;
    pub(crate) const U32: c_int = 8;
    pub(crate) const F32: c_int = 11;
    pub(crate) const F64: c_int = 12;
}

/// `XLA_FFI_Error`: opaque, made and owned by the runtime.
#[repr(C)]
pub struct XlaError {
    _opaque: [u8; 0],
}

/// `XLA_FFI_Extension_Base`.
#[repr(C)]
pub struct ExtensionBase {
    pub(crate) struct_size: usize,
    pub(crate) kind: c_int,
    pub(crate) next: *mut ExtensionBase,
}

/// `XLA_FFI_Api_Version`.
#[repr(C)]
pub struct ApiVersion {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) major: c_int,
    pub(crate) minor: c_int,
}

/// `XLA_FFI_Metadata`. `state_type_id` was appended in 0.2: look at `struct_size` before writing it.
#[repr(C)]
pub struct Metadata {
    pub(crate) struct_size: usize,
    pub(crate) api_version: ApiVersion,
    pub(crate) traits: u32,
    pub(crate) state_type_id: i64,
}

/// `XLA_FFI_Metadata_Extension`.
#[repr(C)]
pub struct MetadataExtension {
    pub(crate) base: ExtensionBase,
    pub(crate) metadata: *mut Metadata,
}

/// `XLA_FFI_Error_Create_Args`.
#[repr(C)]
pub struct ErrorCreateArgs {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) message: *const c_char,
    pub(crate) code: c_int,
}

/// `XLA_FFI_Error_GetMessage_Args`.
#[repr(C)]
pub struct ErrorGetMessageArgs {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) error: *mut XlaError,
    pub(crate) message: *const c_char,
}

/// `XLA_FFI_Error_Destroy_Args`.
#[repr(C)]
pub struct ErrorDestroyArgs {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) error: *mut XlaError,
}

/// `XLA_FFI_Stream_Get_Args`.
#[repr(C)]
pub struct StreamGetArgs {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) ctx: *mut c_void,
    pub(crate) stream: *mut c_void,
}

/// `XLA_FFI_Api` up to the last entry used here; the runtime's is longer.
#[repr(C)]
pub struct Api {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) version: ApiVersion,
    pub(crate) internal: *const c_void,
    pub(crate) error_create: unsafe extern "C" fn(*mut ErrorCreateArgs) -> *mut XlaError,
    pub(crate) error_get_message: unsafe extern "C" fn(*mut ErrorGetMessageArgs),
    pub(crate) error_destroy: unsafe extern "C" fn(*mut ErrorDestroyArgs),
    pub(crate) handler_register: *const c_void,
    pub(crate) stream_get: unsafe extern "C" fn(*mut StreamGetArgs) -> *mut XlaError,
}

/// `XLA_FFI_Buffer`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct RawBuffer {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) dtype: c_int,
    pub(crate) data: *mut c_void,
    pub(crate) rank: i64,
    pub(crate) dims: *mut i64,
}

impl RawBuffer {
    /// A buffer of nothing.
    pub(crate) const NONE: Self = Self {
        struct_size: size_of::<Self>(),
        extension_start: std::ptr::null_mut(),
        dtype: 0,
        data: std::ptr::null_mut(),
        rank: 0,
        dims: std::ptr::null_mut(),
    };
}

/// `XLA_FFI_ByteSpan`.
#[repr(C)]
pub struct ByteSpan {
    pub(crate) ptr: *const c_char,
    pub(crate) len: usize,
}

/// `XLA_FFI_Scalar`.
#[repr(C)]
pub struct Scalar {
    pub(crate) dtype: c_int,
    pub(crate) value: *mut c_void,
}

/// `XLA_FFI_Array`.
#[repr(C)]
pub struct Array {
    pub(crate) dtype: c_int,
    pub(crate) size: usize,
    pub(crate) data: *mut c_void,
}

/// `XLA_FFI_Args` and `XLA_FFI_Rets`, which have one layout. Buffers are the only kind of either.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Operands {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) size: i64,
    pub(crate) types: *mut c_int,
    pub(crate) buffers: *mut *mut RawBuffer,
}

/// `XLA_FFI_Attrs`: sorted by name.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Attrs {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) size: i64,
    pub(crate) types: *mut c_int,
    pub(crate) names: *mut *mut ByteSpan,
    pub(crate) values: *mut *mut c_void,
}

/// `XLA_FFI_CallFrame`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CallFrame {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut ExtensionBase,
    pub(crate) api: *const Api,
    pub(crate) ctx: *mut c_void,
    pub(crate) stage: c_int,
    pub(crate) args: Operands,
    pub(crate) rets: Operands,
    pub(crate) attrs: Attrs,
    pub(crate) future: *mut c_void,
}

/// `XLA_FFI_Handler`: what a registration's capsule points to.
pub type Handler = unsafe extern "C" fn(*mut CallFrame) -> *mut XlaError;

// The offsets of the C header on a 64-bit target; a drift is memory corruption, so it fails the build.
#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(offset_of!(ApiVersion, minor) == 20 && size_of::<ApiVersion>() == 24);
    assert!(offset_of!(Metadata, traits) == 32 && offset_of!(Metadata, state_type_id) == 40);
    assert!(offset_of!(MetadataExtension, metadata) == 24);
    assert!(offset_of!(ErrorCreateArgs, code) == 24);
    assert!(offset_of!(Api, error_create) == 48 && offset_of!(Api, stream_get) == 80);
    assert!(offset_of!(ErrorGetMessageArgs, message) == 24 && offset_of!(ErrorDestroyArgs, error) == 16);
    assert!(offset_of!(StreamGetArgs, stream) == 24);
    assert!(offset_of!(RawBuffer, data) == 24 && offset_of!(RawBuffer, dims) == 40);
    assert!(offset_of!(Operands, buffers) == 32 && offset_of!(Attrs, values) == 40);
    assert!(offset_of!(CallFrame, args) == 40 && offset_of!(CallFrame, rets) == 80);
    assert!(offset_of!(CallFrame, attrs) == 120 && offset_of!(CallFrame, future) == 168);
};
