//! Attributes of calls that are not the runtime's own.

use crate::abi::{ATTR_ARRAY, ATTR_SCALAR, Array, Attrs, ByteSpan, Scalar, dtype};
use std::ffi::{c_int, c_void};
use std::ptr;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attribute {
    Flag(bool),
    Int(i64),
    Ints(Vec<i32>),
}

/// The tables that a frame points to. What they hold lives as long as the process.
#[derive(Debug)]
pub(crate) struct Attributes {
    types: Vec<c_int>,
    names: Vec<*mut ByteSpan>,
    values: Vec<*mut c_void>,
}

// SAFETY: the pointers are to memory that nothing writes.
unsafe impl Send for Attributes {}
// SAFETY: as above.
unsafe impl Sync for Attributes {}

fn leak<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

impl Attributes {
    /// The tables of these attributes, sorted by name.
    pub(crate) fn new(mut attributes: Vec<(String, Attribute)>) -> Self {
        attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut out = Self { types: vec![], names: vec![], values: vec![] };
        for (name, attribute) in attributes {
            let name: &'static str = name.leak();
            out.names.push(leak(ByteSpan { ptr: name.as_ptr().cast(), len: name.len() }));
            let (kind, value) = match attribute {
                Attribute::Flag(x) => (ATTR_SCALAR, scalar(dtype::PRED, leak(u8::from(x)).cast())),
                Attribute::Int(x) => (ATTR_SCALAR, scalar(dtype::S64, leak(x).cast())),
                Attribute::Ints(x) => {
                    let (size, data) = (x.len(), x.leak().as_mut_ptr().cast());
                    (ATTR_ARRAY, leak(Array { dtype: dtype::S32, size, data }).cast())
                }
            };
            out.types.push(kind);
            out.values.push(value);
        }
        out
    }

    /// The tables as a frame takes them; nobody writes through the pointers.
    pub(crate) fn tables(&self) -> Attrs {
        Attrs {
            struct_size: size_of::<Attrs>(),
            extension_start: ptr::null_mut(),
            size: self.types.len() as i64,
            types: self.types.as_ptr().cast_mut(),
            names: self.names.as_ptr().cast_mut(),
            values: self.values.as_ptr().cast_mut(),
        }
    }
}

fn scalar(dtype: c_int, value: *mut c_void) -> *mut c_void {
    leak(Scalar { dtype, value }).cast()
}
