//! How the source of a synapse is found, whose place among the weights is known.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::event::{Bounded, Hit, Index, Indices, Rows, length, prefetch};
use crate::lane::Float;

/// From so many synapses on, several threads are faster than one: some 50 µs of work.
pub(super) const PARALLEL: usize = 16_384;

/// Synapses that are on their way from memory while one is changed.
const AHEAD: usize = 24;

/// Sources of synapses.
const SOURCES: Bounded = Bounded { name: "sources", of: "sources" };

/// Where the sources of the synapses of columns are.
#[derive(Debug, Clone, Copy)]
pub enum Sources<'a> {
    /// Stored, in the order of the columns.
    Stored(&'a [u16]),
    /// Found by the place among the weights.
    Looked {
        /// The row in which the place `k << shift` lies, for each k.
        first: &'a [u32],
        /// Two to this power are the places a step of `first`.
        shift: u32,
        /// The rows.
        rows: &'a Rows<'a>,
    },
}

/// The synapses of each target: rows of a second kind, whose indices are places among the weights.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    pub(super) rows: &'a Rows<'a>,
    places: &'a [u32],
    sources: &'a Sources<'a>,
    n_pre: usize,
}

impl<'a> Columns<'a> {
    /// The columns of synapses from `n_pre` sources.
    ///
    /// # Errors
    /// If places do not have 32 bits, or the sources another number than the places.
    pub fn new(rows: &'a Rows<'a>, sources: &'a Sources<'a>, n_pre: usize) -> Result<Self> {
        let Indices::U32(places) = rows.indices() else {
            return Err(Error::Rule("places among the weights have 32 bits"));
        };
        match sources {
            Sources::Stored(stored) => length("sources", stored.len(), places.len())?,
            Sources::Looked { first, shift, .. } => {
                length("sources", first.len(), places.len().div_ceil(1 << shift))?;
            }
        }
        Ok(Self { rows, places, sources, n_pre })
    }

    /// Calls `body` with the event, the place and the source of the synapses in the columns of hits, and `fetch` with a
    /// place some synapses before.
    #[inline(always)]
    pub(super) fn down<T: Float>(
        &self,
        hits: &[Hit<T>],
        fetch: impl Fn(usize),
        mut body: impl FnMut(T, usize, usize),
    ) -> Result<()> {
        for (k, hit) in hits.iter().enumerate() {
            if let Some(next) = hits.get(k + 1) {
                prefetch(&self.places[self.rows.row(next.row)?]);
            }
            let column = self.column(hit.row)?;
            let places = &self.places[..column.end];
            places[column.clone()].iter().take(AHEAD).for_each(|place| fetch(place.get()));
            self.each(column, |k, place, source| {
                if let Some(next) = places.get(k + AHEAD) {
                    fetch(next.get());
                }
                body(hit.value, place, source);
            })?;
        }
        Ok(())
    }

    /// Fetches the begin of a column into the cache.
    pub(super) fn fetch(&self, target: usize) -> Result<()> {
        let column = self.rows.row(target)?;
        prefetch(&self.places[column.clone()]);
        if let Sources::Stored(stored) = *self.sources {
            prefetch(&stored[column]);
        }
        Ok(())
    }

    /// The column of a target, whose places are those of weights.
    #[inline(always)]
    pub(super) fn column(&self, target: usize) -> Result<Range<usize>> {
        let column = self.rows.row(target)?;
        self.rows.check(self.places, column.clone(), self.places.len())?;
        Ok(column)
    }

    /// Calls `body` with the number, the place and the source of the synapses in a column.
    #[inline(always)]
    pub(super) fn each(&self, column: Range<usize>, mut body: impl FnMut(usize, usize, usize)) -> Result<()> {
        match *self.sources {
            Sources::Stored(stored) => {
                u16::check(stored, column.clone(), self.n_pre, SOURCES)?;
                for k in column {
                    body(k, self.places[k].get(), stored[k].get());
                }
            }
            Sources::Looked { first, shift, rows } => {
                for k in column {
                    let place = self.places[k].get();
                    body(k, place, self.look(first, shift, rows, place)?);
                }
            }
        }
        Ok(())
    }

    /// The source of the synapse at a place among the weights, from the source where the search begins.
    #[inline(always)]
    fn look(&self, first: &[u32], shift: u32, rows: &Rows<'_>, place: usize) -> Result<usize> {
        let given = first[place >> shift].get();
        for source in given..self.n_pre.min(rows.n_pre()) {
            let row = rows.row(source)?;
            if place < row.end {
                return if row.start <= place { Ok(source) } else { Err(rows.misfit(source)) };
            }
        }
        Err(SOURCES.error(place >> shift, given as i64, self.n_pre))
    }
}
