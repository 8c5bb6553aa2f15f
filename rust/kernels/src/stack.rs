//! A list that needs no heap while it is short: a call of microseconds cannot afford a dozen
//! allocations.

use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

/// Up to `N` elements in place, more on the heap.
pub(crate) struct Stack<T: Copy, const N: usize> {
    inline: [MaybeUninit<T>; N],
    heap: Vec<T>,
    len: usize,
}

impl<T: Copy, const N: usize> Stack<T, N> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { inline: [MaybeUninit::uninit(); N], heap: Vec::new(), len: 0 }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: T) {
        if self.len < N {
            self.inline[self.len].write(x);
        } else {
            self.spill(x);
        }
        self.len += 1;
    }

    #[cold]
    fn spill(&mut self, x: T) {
        if self.len == N {
            let inline: Vec<T> = self[..].to_vec();
            self.heap = inline;
        }
        self.heap.push(x);
    }

    /// Keeps the first `len` elements and appends `fill` up to `to`.
    pub(crate) fn refill(&mut self, len: usize, to: usize, fill: T) {
        self.len = self.len.min(len);
        self.heap.truncate(self.len);
        if self.len <= N {
            for (to, &from) in self.inline.iter_mut().zip(&self.heap) {
                to.write(from);
            }
            self.heap.clear();
        }
        while self.len < to {
            self.push(fill);
        }
    }
}

impl<T: Copy, const N: usize> Deref for Stack<T, N> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        if self.len > N {
            return &self.heap;
        }
        // SAFETY: the first `len` elements are written.
        unsafe { std::slice::from_raw_parts(self.inline.as_ptr().cast(), self.len) }
    }
}

impl<T: Copy, const N: usize> DerefMut for Stack<T, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        if self.len > N {
            return &mut self.heap;
        }
        // SAFETY: the first `len` elements are written.
        unsafe { std::slice::from_raw_parts_mut(self.inline.as_mut_ptr().cast(), self.len) }
    }
}

impl<T: Copy, const N: usize> Extend<T> for Stack<T, N> {
    #[inline]
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for x in items {
            self.push(x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spills_and_returns() {
        let mut stack = Stack::<usize, 3>::new();
        stack.extend(0..3);
        assert_eq!(&stack[..], [0, 1, 2]);
        stack.extend(3..5);
        assert_eq!(&stack[..], [0, 1, 2, 3, 4]);
        stack.refill(4, 5, 9);
        assert_eq!(&stack[..], [0, 1, 2, 3, 9]);
        stack.refill(2, 3, 7);
        assert_eq!(&stack[..], [0, 1, 7]);
        stack.push(8);
        assert_eq!(&stack[..], [0, 1, 7, 8]);
    }
}
