//! What events of targets do to their synapses, which lie scattered over the rows.

use super::{Columns, Law, by_dependence, found};
use crate::error::Result;
use crate::event::{Hit, Index, Spikes, length, prefetch, prefetch_one};
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many synapses on, several threads are faster than one: some 50 µs of work.
const PARALLEL: usize = 16_384;

/// Weights that are on their way from memory while one is changed.
const AHEAD: usize = 24;

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
        for (k, hit) in self.hits.iter().enumerate() {
            if let Some(next) = self.hits.get(k + 1) {
                prefetch(&self.columns.places[self.columns.rows.row(next.row)?]);
            }
            by_dependence!(self.law, D => self.change::<D>(hit)?);
        }
        Ok(())
    }
}

impl<T: Float> Down<'_, T> {
    #[inline(always)]
    fn change<const D: u8>(&self, hit: &Hit<T>) -> Result<()> {
        let column = self.columns.column(hit.row)?;
        let places = &self.columns.places[..column.end];
        for &place in places[column.clone()].iter().take(AHEAD) {
            self.fetch(place);
        }
        self.columns.each(column, |k, place, source| {
            if let Some(&place) = places.get(k + AHEAD) {
                self.fetch(place);
            }
            let change = hit.value * self.coefficient[source];
            // SAFETY: the places of the column are checked.
            unsafe { self.weight.replace(place, |w| self.law.changed::<D>(w, change)) };
        })
    }

    #[inline(always)]
    fn fetch(&self, place: u32) {
        // SAFETY: the places of the column are checked.
        prefetch_one(unsafe { self.weight.at(place.get()) });
    }
}
