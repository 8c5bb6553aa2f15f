//! The frame of all that walks along rows.

use std::ops::Range;

use crate::error::Result;
use crate::event::{Hit, Index, Indices, Rows, prefetch};
use crate::lane::{Float, Lane};
use crate::shared::Shared;

/// What happens to the synapses of a row. A method, since a closure would not get the lanes of its caller.
pub(super) trait Along<T: Float> {
    /// Changes the synapses of a row, whose targets are known to be there.
    fn row<L: Lane<Elem = T>, I: Index>(&self, hit: &Hit<T>, targets: &[I], row: Range<usize>);
}

/// Walks along the rows of hits, with the next on its way from memory; all targets must be below `n_post`.
#[inline(always)]
pub(super) fn along<L: Lane>(
    hits: &[Hit<L::Elem>],
    rows: &Rows<'_>,
    n_post: usize,
    weight: &Shared<'_, L::Elem>,
    job: &impl Along<L::Elem>,
) -> Result<()> {
    match rows.indices() {
        Indices::U16(all) => each::<L, _>(hits, rows, all, n_post, weight, job),
        Indices::U32(all) => each::<L, _>(hits, rows, all, n_post, weight, job),
    }
}

#[inline(always)]
fn each<L: Lane, I: Index>(
    hits: &[Hit<L::Elem>],
    rows: &Rows<'_>,
    all: &[I],
    n_post: usize,
    weight: &Shared<'_, L::Elem>,
    job: &impl Along<L::Elem>,
) -> Result<()> {
    for (k, hit) in hits.iter().enumerate() {
        if let Some(next) = hits.get(k + 1) {
            let row = rows.row(next.row)?;
            prefetch(&all[row.clone()]);
            // SAFETY: rows of different events do not overlap, see `found`, and a thread has events of its own.
            prefetch(unsafe { weight.part(row.start, row.len()) });
        }
        let row = rows.row(hit.row)?;
        rows.check(all, row.clone(), n_post)?;
        let targets = &all[row.clone()];
        job.row::<L, I>(hit, targets, row);
    }
    Ok(())
}
