//! Records of spikes, made while they are in the cache: the work grows with the spikes found.

use crate::error::{Error, Result};
use crate::event::{Spikes, each_spike};
use crate::lane::{Float, Job, Lane, dispatch};
use std::ops::Range;

mod append;
mod count;
mod pack;
mod raster;

pub use append::{append, append_found};
pub use count::{count, count_found};
pub use pack::{pack, pack_found};
pub use raster::{raster, raster_found};

/// Spikes of one neuron in a step, at most: sums of them stay whole numbers of 32 bits.
const MOST: f64 = 1_048_576.0;

/// The spikes that a value stands for: a count of two or more is so many, any other value but 0 is one.
fn number<T: Float>(spike: T) -> u32 {
    let value = spike.to_f64();
    if value >= 2.0 { value.min(MOST) as u32 } else { u32::from(value != 0.0) }
}

/// Those of some neurons, in ascending order, that lie in a range.
fn found_in<'a>(part: &Range<usize>, spikes: &'a [u32]) -> &'a [u32] {
    let before = |end: usize| spikes.partition_point(|&k| (k as usize) < end);
    &spikes[before(part.start)..before(part.end)]
}

/// Calls `body` with the position and value of every spike, in order.
fn positions<T: Float>(spikes: Spikes<'_, T>, body: impl FnMut(usize, T)) {
    dispatch(Positions { spikes, body });
}

struct Positions<'a, T, F> {
    spikes: Spikes<'a, T>,
    body: F,
}

impl<T: Float, F: FnMut(usize, T)> Job<T> for Positions<'_, T, F> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(mut self) {
        let found = each_spike::<L>(
            &self.spikes,
            |_| (),
            |at, spike| {
                (self.body)(at, spike);
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
