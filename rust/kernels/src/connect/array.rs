//! Arrays that threads fill and Python takes over.

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

use super::room::extend;
use crate::error::{Error, Result};
use crate::large_pages;

/// XLA uses memory of this alignment as it is, and copies any other.
const ALIGN: usize = 64;

/// Numbers of one type, without a value until threads have filled them.
#[derive(Debug)]
pub struct Array<T> {
    ptr: NonNull<T>,
    len: usize,
}

// SAFETY: owns plain numbers.
unsafe impl<T: Send> Send for Array<T> {}
// SAFETY: shared access reads, or writes through `put`, whose contract keeps threads apart.
unsafe impl<T: Sync> Sync for Array<T> {}

impl<T> Array<T> {
    fn layout(len: usize) -> Option<Layout> {
        let layout = Layout::array::<T>(len).ok()?;
        layout.align_to(ALIGN.max(large_pages::alignment(layout.size()))).ok()
    }
}

impl<T: Copy> Array<T> {
    /// Memory for `len` numbers.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let bytes = len.saturating_mul(size_of::<T>());
        if bytes == 0 {
            return Ok(Self { ptr: NonNull::dangling(), len });
        }
        let layout = Self::layout(len).ok_or(Error::Memory { bytes })?;
        // SAFETY: the layout's size is not 0.
        let ptr = NonNull::new(unsafe { alloc(layout) }).ok_or(Error::Memory { bytes })?;
        large_pages::ask_for(ptr, bytes);
        Ok(Self { ptr: ptr.cast(), len })
    }

    /// Writes from element `start` on.
    ///
    /// # Safety
    /// Nobody else reads or writes those elements meanwhile.
    #[inline]
    pub(crate) unsafe fn put(&self, start: usize, values: impl ExactSizeIterator<Item = T>) {
        assert!(start + values.len() <= self.len, "an array is filled beyond its end");
        let len = values.len();
        for (k, value) in values.take(len).enumerate() {
            // SAFETY: within the array, and ours by the contract.
            unsafe { self.ptr.as_ptr().add(start + k).write(value) }
        }
    }

    /// # Safety
    /// All elements in the range have been written, and nobody writes them meanwhile.
    pub(crate) unsafe fn get(&self, range: std::ops::Range<usize>) -> &[T] {
        assert!(range.start <= range.end && range.end <= self.len, "an array is read beyond its end");
        // SAFETY: within the array, and written by the contract.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr().add(range.start), range.len()) }
    }
}

impl<T> Drop for Array<T> {
    fn drop(&mut self) {
        if self.len * size_of::<T>() != 0 {
            // SAFETY: `new` allocated it with this layout.
            unsafe { dealloc(self.ptr.as_ptr().cast(), Self::layout(self.len).expect("as in new")) }
        }
    }
}

/// An array of any of the types that synapses are stored in.
#[derive(Debug)]
pub enum Column {
    /// Delays.
    U8(Array<u8>),
    /// Targets or delays.
    U16(Array<u16>),
    /// Targets.
    U32(Array<u32>),
    /// Starts of rows.
    I32(Array<i32>),
    /// Starts of rows, positions.
    I64(Array<i64>),
    /// Weights.
    F32(Array<f32>),
    /// Weights.
    F64(Array<f64>),
}

macro_rules! each {
    ($column:expr, $array:ident => $body:expr) => {
        match $column {
            Column::U8($array) => $body,
            Column::U16($array) => $body,
            Column::U32($array) => $body,
            Column::I32($array) => $body,
            Column::I64($array) => $body,
            Column::F32($array) => $body,
            Column::F64($array) => $body,
        }
    };
}

impl Column {
    /// Where the numbers are.
    #[must_use]
    pub fn ptr(&self) -> *mut u8 {
        each!(self, array => array.ptr.as_ptr().cast())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        each!(self, array => array.len)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Unsigned numbers up to `most`, in 8 bits if `bytes` and they fit, else in 16, else in 32.
    pub(crate) fn unsigned(len: usize, most: u64, bytes: bool) -> Result<Self> {
        Ok(match most {
            0..=0xff if bytes => Self::U8(Array::new(len)?),
            0..=0xffff => Self::U16(Array::new(len)?),
            _ => Self::U32(Array::new(len)?),
        })
    }

    /// Writes whole numbers, which fit.
    ///
    /// # Safety
    /// As [`Array::put`].
    pub(crate) unsafe fn put_whole(&self, start: usize, values: impl ExactSizeIterator<Item = u32>) {
        // SAFETY: by the contract of this function.
        unsafe {
            match self {
                Self::U8(array) => array.put(start, values.map(|x| x as u8)),
                Self::U16(array) => array.put(start, values.map(|x| x as u16)),
                Self::U32(array) => array.put(start, values),
                Self::I32(array) => array.put(start, values.map(|x| x as i32)),
                Self::I64(array) => array.put(start, values.map(i64::from)),
                Self::F32(_) | Self::F64(_) => unreachable!("whole numbers go into whole numbers"),
            }
        }
    }

    /// Writes floats.
    ///
    /// # Safety
    /// As [`Array::put`].
    pub(crate) unsafe fn put_floats(&self, start: usize, values: impl ExactSizeIterator<Item = f64>) {
        // SAFETY: by the contract of this function.
        unsafe {
            match self {
                Self::F32(array) => array.put(start, values.map(|x| x as f32)),
                Self::F64(array) => array.put(start, values),
                _ => unreachable!("floats go into floats"),
            }
        }
    }

    /// Appends targets in this range to `out`.
    ///
    /// # Safety
    /// As [`Array::get`].
    pub(crate) unsafe fn read(&self, range: std::ops::Range<usize>, out: &mut Vec<u32>) -> Result<()> {
        // SAFETY: by the contract of this function.
        unsafe {
            match self {
                Self::U16(array) => extend(out, array.get(range).iter().map(|&x| u32::from(x))),
                Self::U32(array) => extend(out, array.get(range).iter().copied()),
                _ => unreachable!("targets have 16 or 32 bits"),
            }
        }
    }
}
