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

    /// Puts the items `item(0)` to `item(len - 1)` into the list. Apart from `new`, because a list
    /// that is returned in a `Result` is copied.
    pub(crate) fn fill(&mut self, len: usize, mut item: impl FnMut(usize) -> Result<T>) -> Result<()> {
        if len > N {
            self.long = (0..len).map(item).collect::<Result<_>>()?;
        } else {
            for (k, place) in self.short[..len].iter_mut().enumerate() {
                *place = item(k)?;
            }
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
            list.fill(len, |k| Ok(k * k)).unwrap();
            assert_eq!(*list, (0..len).map(|k| k * k).collect::<Vec<_>>());
        }
    }

    #[test]
    fn stops_at_an_error() {
        let refuse = |k| if k == 1 { Err(Error::invalid("1")) } else { Ok(k) };
        for len in [2, 5] {
            assert_eq!(List::<usize, 3>::new(9).fill(len, refuse), Err(Error::invalid("1")));
        }
    }
}
