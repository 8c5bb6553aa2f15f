//! Short lists without the heap: a handler runs once a step, in a few microseconds.

use crate::error::Result;
use std::ops::Deref;

/// Up to `N` items in place, more on the heap.
pub(crate) struct List<T, const N: usize> {
    short: [T; N],
    long: Vec<T>,
    len: usize,
}

impl<T: Copy, const N: usize> List<T, N> {
    /// An empty list; `filler` takes the unused places.
    pub(crate) fn new(filler: T) -> Self {
        Self { short: [filler; N], long: Vec::new(), len: 0 }
    }

    /// Makes the list `len` long; `item` sets each place. Nothing is returned in a `Result`, neither
    /// items nor the list: copying them took longer than all else that a handler does.
    #[inline]
    pub(crate) fn fill(
        &mut self,
        len: usize,
        mut item: impl FnMut(usize, &mut T) -> Result<()>,
    ) -> Result<()> {
        let places = if len > N {
            self.long.resize(len, self.short[0]);
            &mut self.long[..]
        } else {
            &mut self.short[..len]
        };
        for (k, place) in places.iter_mut().enumerate() {
            item(k, place)?;
        }
        self.len = len;
        Ok(())
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        if self.len > N { &self.long } else { &self.short[..self.len] }
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
