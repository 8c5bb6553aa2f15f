//! Short lists without the heap: a handler runs once a step, in a few microseconds.

use crate::error::Result;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::slice;

/// Up to `N` items in place, more on the heap.
pub(crate) struct List<T, const N: usize> {
    /// As many of them are written as the list is long, if it is short.
    short: [MaybeUninit<T>; N],
    long: Vec<T>,
    len: usize,
    filler: T,
}

impl<T: Copy, const N: usize> List<T, N> {
    /// An empty list; each place holds `filler` until it is set.
    #[inline]
    pub(crate) fn new(filler: T) -> Self {
        Self { short: [MaybeUninit::uninit(); N], long: Vec::new(), len: 0, filler }
    }

    /// Makes the list `len` long; `item` sets each place. Nothing is returned in a `Result`, neither
    /// items nor the list: copying them took longer than all else that a handler does.
    #[inline]
    pub(crate) fn fill(
        &mut self,
        len: usize,
        mut item: impl FnMut(usize, &mut T) -> Result<()>,
    ) -> Result<()> {
        self.len = 0;
        if len > N {
            self.long.resize(len, self.filler);
            self.long.iter_mut().enumerate().try_for_each(|(k, place)| item(k, place))?;
        } else {
            for (k, place) in self.short[..len].iter_mut().enumerate() {
                item(k, place.write(self.filler))?;
            }
        }
        self.len = len;
        Ok(())
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        if self.len > N {
            return &self.long;
        }
        // SAFETY: so many items are written.
        unsafe { slice::from_raw_parts(self.short.as_ptr().cast(), self.len) }
    }
}

impl<T, const N: usize> DerefMut for List<T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        if self.len > N {
            return &mut self.long;
        }
        // SAFETY: so many items are written.
        unsafe { slice::from_raw_parts_mut(self.short.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn holds_any_number_of_items() {
        for len in 0..6 {
            let mut list = List::<usize, 3>::new(9);
            list.fill(len, |k, place| {
                *place = k * k;
                Ok(())
            })
            .unwrap();
            assert_eq!(*list, (0..len).map(|k| k * k).collect::<Vec<_>>());
        }
    }

    #[test]
    fn stops_at_an_error() {
        let refuse = |k, _: &mut usize| if k == 1 { Err(Error::invalid("1")) } else { Ok(()) };
        for len in [2, 5] {
            assert_eq!(List::<usize, 3>::new(9).fill(len, refuse), Err(Error::invalid("1")));
        }
    }
}
