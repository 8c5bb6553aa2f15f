//! What events of targets do to their synapses, which lie scattered over the rows.
//!
//! The columns are rows of a second kind: for each target the places of its synapses among the weights.

use std::ops::Range;

use super::{Const, Dependence, Law, by_dependence, found};
use crate::error::{Error, Result};
use crate::event::{Hit, Index, Indices, Rows, Spikes, length, prefetch, prefetch_one};
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many synapses on, several threads are faster than one: some 50 µs of work.
const PARALLEL: usize = 16_384;

/// Weights that are on their way from memory while one is changed.
const AHEAD: usize = 24;

/// How the source of a synapse is found.
#[derive(Debug, Clone, Copy)]
pub enum Sources<'a> {
    /// It is stored, in the order of the columns.
    Stored(&'a [u16]),
    /// From its place among the weights.
    Looked {
        /// The row in which the place `k << shift` lies, for each k.
        first: &'a [u32],
        /// Two to this power are the places a step of `first`.
        shift: u32,
        /// The rows.
        rows: &'a Rows<'a>,
    },
}

/// Changes the weights down the columns of targets that have an event; `coefficient` has one number for each source.
/// The indices of `columns` are places among the weights.
///
/// # Errors
/// If a length does not fit, columns overlap, or hold a place or source that is none; some weights have then changed.
pub fn update_columns<T: Float>(
    events: Spikes<'_, T>,
    coefficient: &[T],
    law: &Law<T>,
    columns: &Rows<'_>,
    sources: &Sources<'_>,
    weight: &mut [T],
) -> Result<()> {
    length("events", events.len(), columns.n_pre())?;
    length("weight", weight.len(), columns.nnz())?;
    let Indices::U32(places) = columns.indices() else {
        return Err(Error::Rule("places among the weights have 32 bits"));
    };
    if let Sources::Stored(stored) = sources {
        length("sources", stored.len(), columns.nnz())?;
    }
    let (hits, synapses) = found(events, columns)?;
    let weight = &Shared::new(weight);
    threads::try_ranges(hits.len(), synapses >= PARALLEL, |range| {
        let hits = &hits[range];
        by_dependence!(law, |dependence| Down {
            hits,
            coefficient,
            law,
            columns,
            places,
            sources,
            weight,
            dependence
        })
    })
}

/// The columns of some events.
struct Down<'a, T, const D: u8> {
    hits: &'a [Hit<T>],
    coefficient: &'a [T],
    law: &'a Law<T>,
    columns: &'a Rows<'a>,
    places: &'a [u32],
    sources: &'a Sources<'a>,
    weight: &'a Shared<'a, T>,
    dependence: Const<D>,
}

impl<T: Float, const D: u8> Job<T> for Down<'_, T, D> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let Const = self.dependence;
        for (k, hit) in self.hits.iter().enumerate() {
            if let Some(next) = self.hits.get(k + 1) {
                prefetch(&self.places[self.columns.row(next.row)?]);
            }
            let column = self.columns.row(hit.row)?;
            u32::check(&self.places[column.clone()], self.weight.len())?;
            match *self.sources {
                Sources::Stored(stored) => {
                    u16::check(&stored[column.clone()], self.coefficient.len())?;
                    self.change(column, hit.value, |k, _| Ok(stored[k].into()))?;
                }
                Sources::Looked { first, shift, rows } => {
                    self.change(column, hit.value, |_, place| self.look(first, shift, rows, place))?;
                }
            }
        }
        Ok(())
    }
}

impl<T: Float, const D: u8> Down<'_, T, D> {
    #[inline(always)]
    fn change(
        &self,
        column: Range<usize>,
        event: T,
        source: impl Fn(usize, usize) -> Result<usize>,
    ) -> Result<()> {
        let places = &self.places[..column.end];
        for &place in places[column.clone()].iter().take(AHEAD) {
            self.fetch(place);
        }
        for k in column {
            if let Some(&place) = places.get(k + AHEAD) {
                self.fetch(place);
            }
            let place = places[k].get();
            let change = event * self.coefficient[source(k, place)?];
            // SAFETY: the places of the column are checked.
            unsafe { self.weight.replace(place, |w| self.law.changed::<D>(w, change)) };
        }
        Ok(())
    }

    #[inline(always)]
    fn fetch(&self, place: u32) {
        // SAFETY: the places of the column are checked.
        prefetch_one(unsafe { self.weight.at(place.get()) });
    }

    #[inline(always)]
    fn look(&self, first: &[u32], shift: u32, rows: &Rows<'_>, place: usize) -> Result<usize> {
        let mut row = first.get(place >> shift).map_or(usize::MAX, |&row| row.get());
        while row < self.coefficient.len().min(rows.n_pre()) {
            if rows.row(row)?.end > place {
                return Ok(row);
            }
            row += 1;
        }
        Err(Error::Index { given: row, size: self.coefficient.len() })
    }
}
