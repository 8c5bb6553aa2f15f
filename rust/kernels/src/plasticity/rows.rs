//! What events of sources do to their synapses.

use std::ops::Range;

use super::along::{Along, along};
use super::{Law, by_dependence, found};
use crate::error::Result;
use crate::event::{Hit, Index, Rows, Spikes, length};
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many synapses on, several threads are faster than one: some 50 µs of work.
const PARALLEL: usize = 65_536;

/// Changes the weights along the rows of sources that have an event; `coefficient` has one number for each target.
///
/// # Errors
/// If a length does not fit, rows overlap, or a row holds an index beyond the targets; some weights have then changed.
pub fn update_rows<T: Float>(
    events: Spikes<'_, T>,
    coefficient: &[T],
    law: &Law<T>,
    rows: &Rows<'_>,
    weight: &mut [T],
) -> Result<()> {
    length("events", events.len(), rows.n_pre())?;
    length("weight", weight.len(), rows.nnz())?;
    let (hits, synapses) = found(events, rows)?;
    let weight = &Shared::new(weight);
    threads::try_ranges(hits.len(), synapses >= PARALLEL, |range| {
        dispatch(Pre { hits: &hits[range], coefficient, law, rows, weight })
    })
}

/// The rows of some events.
struct Pre<'a, T> {
    hits: &'a [Hit<T>],
    coefficient: &'a [T],
    law: &'a Law<T>,
    rows: &'a Rows<'a>,
    weight: &'a Shared<'a, T>,
}

impl<T: Float> Job<T> for Pre<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        along::<L>(self.hits, self.rows, self.coefficient.len(), self.weight, &self)
    }
}

impl<T: Float> Along<T> for Pre<'_, T> {
    #[inline(always)]
    fn row<L: Lane<Elem = T>, I: Index>(&self, hit: &Hit<T>, targets: &[I], row: Range<usize>) {
        // SAFETY: rows of different events do not overlap, see `found`, and a thread has events of its own.
        let weights = unsafe { self.weight.part(row.start, row.len()) };
        by_dependence!(self.law, D => self.change::<I, D>(hit.value, targets, weights));
    }
}

impl<T: Float> Pre<'_, T> {
    #[inline(always)]
    fn change<I: Index, const D: u8>(&self, event: T, targets: &[I], weights: &mut [T]) {
        let law = *self.law; // a copy stays in registers
        for (w, target) in weights.iter_mut().zip(targets) {
            // SAFETY: the indices of the row are checked.
            let coefficient = unsafe { *self.coefficient.get_unchecked(target.get()) };
            *w = law.changed::<D>(*w, event * coefficient);
        }
    }
}
