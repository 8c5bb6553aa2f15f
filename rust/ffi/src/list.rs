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
    /// The items `item(0)` to `item(len - 1)`; `fill` takes the unused places.
    pub(crate) fn new(len: usize, fill: T, mut item: impl FnMut(usize) -> Result<T>) -> Result<Self> {
        let mut list = Self { short: [fill; N], long: Vec::new(), len };
        if len > N {
            list.long = (0..len).map(item).collect::<Result<_>>()?;
        } else {
            for (k, place) in list.short[..len].iter_mut().enumerate() {
                *place = item(k)?;
            }
        }
        Ok(list)
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
            let list = List::<usize, 3>::new(len, 9, |k| Ok(k * k)).unwrap();
            assert_eq!(*list, (0..len).map(|k| k * k).collect::<Vec<_>>());
        }
    }

    #[test]
    fn stops_at_an_error() {
        for len in [2, 5] {
            let error =
                List::<usize, 3>::new(len, 9, |k| if k == 1 { Err(Error::invalid("1")) } else { Ok(k) });
            assert_eq!(error.err(), Some(Error::invalid("1")));
        }
    }
}
