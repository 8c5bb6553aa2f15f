//! What events of targets do to their synapses, which lie scattered over the rows.

use super::sources::PARALLEL;
use super::{Columns, Law, by_dependence, found};
use crate::error::Result;
use crate::event::{Hit, Spikes, length, prefetch_one};
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// Changes the weights down the columns of targets that have an event; `coefficient` has one number for each source.
///
/// # Errors
/// If a length does not fit, columns overlap, or hold a place or source that is none; some weights have then changed.
pub fn update_columns<T: Float>(
    events: Spikes<'_, T>,
    coefficient: &[T],
    law: &Law<T>,
    columns: &Columns<'_>,
    weight: &mut [T],
) -> Result<()> {
    length("events", events.len(), columns.rows.n_pre())?;
    length("weight", weight.len(), columns.rows.nnz())?;
    let (hits, synapses) = found(events, columns.rows)?;
    let weight = &Shared::new(weight);
    threads::try_ranges(hits.len(), synapses >= PARALLEL, |range| {
        dispatch(Down { hits: &hits[range], coefficient, law, columns, weight })
    })
}

/// The columns of some events.
struct Down<'a, T> {
    hits: &'a [Hit<T>],
    coefficient: &'a [T],
    law: &'a Law<T>,
    columns: &'a Columns<'a>,
    weight: &'a Shared<'a, T>,
}

impl<T: Float> Job<T> for Down<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        // SAFETY: the places of columns are those of weights.
        let fetch = |place| prefetch_one(unsafe { self.weight.at(place) });
        by_dependence!(self.law, D => self.columns.down(self.hits, fetch, |event, place, source| {
            let change = event * self.coefficient[source];
            // SAFETY: as above.
            unsafe { self.weight.replace(place, |w| self.law.changed::<D>(w, change)) };
        }))
    }
}
