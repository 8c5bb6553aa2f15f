//! Records of spikes, made while they are in the cache: the work grows with the spikes found.

use crate::error::{Error, Result};
use crate::event::{Spikes, each_spike};
use crate::lane::{Float, Job, Lane, dispatch};

mod append;
mod count;
mod pack;

pub use append::append;
pub use count::count;
pub use pack::pack;

/// Calls `body` with the position of every spike, in order.
fn positions<T: Float>(spikes: Spikes<'_, T>, body: impl FnMut(usize)) {
    dispatch(Positions { spikes, body });
}

struct Positions<'a, T, F> {
    spikes: Spikes<'a, T>,
    body: F,
}

impl<T: Float, F: FnMut(usize)> Job<T> for Positions<'_, T, F> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(mut self) {
        let found = each_spike::<L>(
            &self.spikes,
            |_| (),
            |at, _| {
                (self.body)(at);
                Ok(())
            },
        );
        debug_assert!(found.is_ok(), "the body has no error");
    }
}

/// The length of each of `parts` equal parts of a buffer.
fn part(name: &'static str, len: usize, parts: usize) -> Result<usize> {
    let each = len / parts.max(1);
    if each * parts == len {
        Ok(each)
    } else {
        Err(Error::Length { name, given: len, expected: each * parts })
    }
}
