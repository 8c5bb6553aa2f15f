//! Random numbers of lanes, drawn before a program reads them.
//!
//! An element has its word whichever others are drawn.

use super::element::Element;
use crate::lane::{Job, Lane, dispatch};
use crate::random::{PURPOSE, TILE, tile};

/// Writes the numbers of the elements from `first` on.
pub(super) fn draw<T: Element>(number: u32, key: [u32; 2], first: u32, to: &mut [T::Bits]) {
    dispatch(Numbers::<T> { number, key, first, to });
}

struct Numbers<'a, T: Element> {
    number: u32,
    key: [u32; 2],
    first: u32,
    to: &'a mut [T::Bits],
}

impl<T: Element> Job<T> for Numbers<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        let Self { number, key, mut first, mut to } = self;
        while !to.is_empty() {
            let words = tile(first / TILE as u32, PURPOSE, number, key);
            let skipped = first as usize % words.len();
            let (now, later) = to.split_at_mut(to.len().min(words.len() - skipped));
            if now.len() == words.len() {
                // As many at a time as the compiler knows of.
                for (to, word) in now[..words.len()].iter_mut().zip(words) {
                    *to = T::unit(word);
                }
            } else {
                for (to, &word) in now.iter_mut().zip(&words[skipped..]) {
                    *to = T::unit(word);
                }
            }
            first = first.wrapping_add(now.len() as u32);
            to = later;
        }
    }
}
