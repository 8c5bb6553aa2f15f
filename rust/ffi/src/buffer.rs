//! Buffers of a call: element types, dimensions, and their memory as slices.

use crate::abi::{RawBuffer, dtype};
use crate::error::{Error, Result};
use spikeloop_kernels::Shape;
use std::ffi::{c_int, c_void};
use std::mem::align_of;
use std::{fmt, ptr, slice};

/// A buffer's element type: its code in the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dtype(pub(crate) c_int);

impl Dtype {
    pub(crate) const PRED: Self = Self(dtype::PRED);
    pub(crate) const I32: Self = Self(dtype::S32);
    pub(crate) const I64: Self = Self(dtype::S64);
    pub(crate) const U8: Self = Self(dtype::U8);
    pub(crate) const U16: Self = Self(dtype::U16);
    pub(crate) const U32: Self = Self(dtype::U32);
    pub(crate) const F32: Self = Self(dtype::F32);
    pub(crate) const F64: Self = Self(dtype::F64);
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PRED => f.write_str("bool"),
            Self::I32 => f.write_str("int32"),
            Self::I64 => f.write_str("int64"),
            Self::U8 => f.write_str("uint8"),
            Self::U16 => f.write_str("uint16"),
            Self::U32 => f.write_str("uint32"),
            Self::F32 => f.write_str("float32"),
            Self::F64 => f.write_str("float64"),
            Self(code) => write!(f, "another type (code {code} in XLA)"),
        }
    }
}

/// A type that a buffer's bytes may be read as.
///
/// # Safety
/// Every byte pattern that XLA writes in a buffer of `DTYPE` is a value of the type.
pub(crate) unsafe trait Element: Copy {
    /// The buffer type it stands for.
    const DTYPE: Dtype;
}

macro_rules! elements {
    ($($t:ty => $d:ident),*) => {
        // SAFETY: plain numbers accept every pattern.
        $(unsafe impl Element for $t { const DTYPE: Dtype = Dtype::$d; })*
    };
}
elements!(u8 => PRED, i32 => I32, i64 => I64, u16 => U16, u32 => U32, f32 => F32, f64 => F64);

/// An unsigned byte; `u8` stands for a truth value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Byte(pub(crate) u8);

// SAFETY: a byte accepts every pattern.
unsafe impl Element for Byte {
    const DTYPE: Dtype = Dtype::U8;
}

impl Byte {
    /// The bytes as plain numbers.
    pub(crate) fn numbers(bytes: &mut [Self]) -> &mut [u8] {
        // SAFETY: a `Byte` is laid out as its number.
        unsafe { slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
    }
}

/// One operand or result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buffer<'a> {
    pub(crate) dtype: Dtype,
    pub(crate) dims: &'a [i64],
    data: *mut c_void,
}

impl<'a> Buffer<'a> {
    /// # Safety
    /// `raw` is one of the runtime's buffers and outlives `'a`.
    #[inline]
    pub(crate) unsafe fn new(raw: &'a RawBuffer) -> Self {
        let rank = usize::try_from(raw.rank).unwrap_or(0);
        // SAFETY: `dims` has `rank` entries; a scalar's pointer may be null and is not read.
        let dims = if rank == 0 { &[] } else { unsafe { slice::from_raw_parts(raw.dims, rank) } };
        Self { dtype: Dtype(raw.dtype), dims, data: raw.data }
    }

    /// The number of elements.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.dims.iter().map(|&d| d as usize).product()
    }

    /// The first of the buffer's rows, if there are so many of them.
    pub(crate) fn first_row(&self, rows: usize) -> Option<Self> {
        let (&first, dims) = self.dims.split_first()?;
        (first as usize == rows).then_some(Self { dims, ..*self })
    }

    /// The size of the buffer in bytes.
    pub(crate) fn bytes(&self) -> Result<usize> {
        let each = match self.dtype {
            Dtype::PRED | Dtype::U8 => 1,
            Dtype::U16 => 2,
            Dtype::I32 | Dtype::U32 | Dtype::F32 => 4,
            Dtype::I64 | Dtype::F64 => 8,
            other => return Err(Error::invalid(format!("a buffer is {other}"))),
        };
        Ok(self.len() * each)
    }

    /// Fails unless the elements have this type.
    pub(crate) fn expect(&self, dtype: Dtype, name: &str) -> Result<()> {
        if self.dtype == dtype {
            return Ok(());
        }
        Err(Error::invalid(format!("operand '{name}' is {}, expected {dtype}", self.dtype)))
    }

    /// The buffer as rows of neurons: the last dimension is the population's, all others are batches.
    pub(crate) fn population(&self) -> Shape {
        match self.dims.split_last() {
            None => Shape { batch: 1, n: 1 },
            Some((&n, rest)) => Shape { batch: rest.iter().map(|&d| d as usize).product(), n: n as usize },
        }
    }

    /// The address of the first element; dangling but aligned when there is none.
    #[inline]
    pub(crate) fn ptr<T: Element>(&self) -> *mut T {
        let p = self.data.cast::<T>();
        if p.is_null() { ptr::without_provenance_mut(align_of::<T>()) } else { p }
    }

    /// As [`Self::ptr`], aligned for every type.
    #[inline]
    pub(crate) fn address(&self) -> *mut c_void {
        self.ptr::<f64>().cast()
    }

    /// The elements of an operand that no result of the call aliases.
    ///
    /// # Safety
    /// Nothing writes the buffer while the slice lives.
    pub(crate) unsafe fn slice<T: Element>(&self) -> &'a [T] {
        // SAFETY: XLA's buffers hold `len` elements of their type, aligned to 16 bytes or more.
        unsafe { slice::from_raw_parts(self.ptr(), self.len()) }
    }

    /// The elements of a result, or of an operand aliased with one.
    ///
    /// # Safety
    /// Nothing else reads or writes the buffer while the slice lives.
    pub(crate) unsafe fn slice_mut<T: Element>(&self) -> &'a mut [T] {
        // SAFETY: as in `slice`, and exclusive by the contract of this function.
        unsafe { slice::from_raw_parts_mut(self.ptr(), self.len()) }
    }
}
