//! A slice whose parts several threads write, each its own.

use std::marker::PhantomData;
use std::mem::transmute_copy;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::lane::Float;

/// A slice to be written in disjoint parts.
pub(crate) struct Shared<'a, T> {
    ptr: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: threads take disjoint parts.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { ptr: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// # Safety
    /// Nobody else has a part that overlaps this one.
    #[allow(clippy::mut_from_ref)] // disjoint by the contract
    pub(crate) unsafe fn part(&self, start: usize, len: usize) -> &'a mut [T] {
        assert!(start + len <= self.len, "a part of the slice");
        // SAFETY: it lies in the slice; the caller vouches that nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(start), len) }
    }

    /// Adds to one element.
    ///
    /// # Safety
    /// It lies in the slice, and nobody else reads or writes it meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn add(&self, i: usize, x: T)
    where
        T: std::ops::AddAssign,
    {
        debug_assert!(i < self.len, "an element of the slice");
        // SAFETY: promised to this function.
        unsafe { *self.ptr.add(i) += x };
    }

    /// The address of the first element.
    #[inline(always)]
    pub(crate) fn all(&self) -> *mut T {
        self.ptr
    }

    /// The address of one element.
    ///
    /// # Safety
    /// It lies in the slice.
    #[inline(always)]
    pub(crate) unsafe fn at(&self, i: usize) -> *mut T {
        debug_assert!(i < self.len, "an element of the slice");
        // SAFETY: promised to this function.
        unsafe { self.ptr.add(i) }
    }

    /// Replaces one element by a function of it. Threads that do so to the same element lose changes, but no more:
    /// reads and writes are atomic, which costs nothing.
    ///
    /// # Safety
    /// It lies in the slice, and nobody has a part that holds it.
    #[inline(always)]
    pub(crate) unsafe fn replace(&self, i: usize, f: impl FnOnce(T) -> T)
    where
        T: Float,
    {
        const { assert!(size_of::<T>() == 4 || size_of::<T>() == 8, "f32 or f64") };
        // SAFETY: the element is there, aligned, and of the size of the integer that stands for its bits.
        unsafe {
            let at = self.at(i);
            if size_of::<T>() == 4 {
                let cell = AtomicU32::from_ptr(at.cast());
                let old = cell.load(Relaxed);
                cell.store(transmute_copy(&f(transmute_copy(&old))), Relaxed);
            } else {
                let cell = AtomicU64::from_ptr(at.cast());
                let old = cell.load(Relaxed);
                cell.store(transmute_copy(&f(transmute_copy(&old))), Relaxed);
            }
        }
    }
}
